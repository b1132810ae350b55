"""Amounts that may be nothing: which columns are theirs, what the positive part is, both parts together in plans."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional, only, workspace

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.families import Amounts, Gamma, LogNormal, NegativeBinomial, Semicontinuous, auto
from bayesimpute.plan.options import Run


def costs(n: int = 240, clusters: int = 12, shape: float | None = None) -> pd.DataFrame:
    """A third is zero, more in some clusters; the rest is lognormal, or a gamma of some shape."""
    rng, g = np.random.default_rng(4), np.arange(n) % clusters
    x, u = rng.normal(size=n), rng.normal(0, 0.7, clusters)
    none = rng.random(n) < 1 / (1 + np.exp(0.7 + 0.5 * x + u[g]))
    logs = 3 + 0.4 * x + 0.5 * u[g]
    some = np.exp(logs + rng.normal(0, 0.6, n)) if shape is None else rng.gamma(shape, np.exp(logs) / shape)
    made = pd.DataFrame({"g": g, "x": x, "y": np.where(none, 0.0, some)})
    return made.assign(y=made["y"].where(np.arange(n) % 5 != 4))


@pytest.mark.parametrize("family", ["semicontinuous", "zero_inflated_beta", "hurdle_poisson"])
@pytest.mark.parametrize("ones", [1, 3])
def test_where_few_are_not_zero_and_all_alike_priors_have_a_spread(family: str, ones: int) -> None:
    """One cost in a thousand rows: its standard deviation was the scale of the priors."""
    frame = costs().assign(y=lambda d: np.where(d["y"].isna(), np.nan, 0.0))
    some = 1.0 if family == "hurdle_poisson" else 0.3
    frame.loc[[k for k in range(240) if k % 5 != 4][:ones], "y"] = some
    design = only(workspace(frame, conditional("y ~ x + (1 | g)", family=family)))[1]
    spreads = [prior.args[1] for p in design.predictors for prior in p.priors if prior.name == "Normal"]
    assert len(spreads) >= 3 and min(spreads) > 0.1


@pytest.mark.parametrize(
    ("values", "suits"),
    [
        ([0.0] * 10 + [k + 0.5 for k in range(90)], True),
        ([0.0] * 9 + [k + 0.5 for k in range(91)], False),  # fewer than a tenth
        ([0.0] * 14 + [2.5] * 3 + [k + 0.25 for k in range(60)], False),  # not five times as often as another
        ([0.0] * 20 + [k + 0.5 for k in range(20)], False),  # of not more than twenty values
        ([0.0] * 20 + [k + 0.5 for k in range(21)], True),
        ([0.0] * 90 + list(range(1, 101)), False),  # whole, of a hundred values
        ([0.0] * 90 + list(range(1, 102)), True),
        ([0.0] * 20 + [-1.0] + [k + 0.5 for k in range(60)], False),
    ],
)
def test_what_auto_takes_as_an_amount(values: list[float], suits: bool) -> None:
    column = encode(pd.Series([*values, np.nan]), "v")
    assert (Amounts.suits(column) is not None) == suits == (auto(column) is Semicontinuous)


def test_counts_with_many_zeros_stay_counts() -> None:
    values = np.random.default_rng(2).negative_binomial(0.5, 0.1, 500).astype(float)
    assert auto(encode(pd.Series(values), "v")) is NegativeBinomial


@pytest.mark.parametrize(("shape", "part"), [(None, LogNormal), (0.5, Gamma)])
def test_the_positive_part_follows_from_the_logarithms(shape: float | None, part: type) -> None:
    column = encode(pd.Series(costs(600, shape=shape)["y"]), "y")
    bound: Any = Semicontinuous().bind(column)
    assert isinstance(bound.part, part)
    assert [p.name for p in bound.parameters] == [*(p.name for p in part().parameters), "zero"]
    asked: Any = Semicontinuous(positive="gamma").bind(column), Semicontinuous(positive="lognormal").bind(column)
    assert isinstance(asked[0].part, Gamma) and isinstance(asked[1].part, LogNormal)


def test_one_positive_value_has_no_skewness_and_is_lognormal() -> None:
    bound: Any = Semicontinuous().bind(encode(pd.Series([0.0, 0.0, 3.0]), "y"))
    assert isinstance(bound.part, LogNormal)


@pytest.mark.parametrize("family", ["semicontinuous", "auto"])
def test_the_second_formula_is_that_of_mu_and_effects_go_together(family: str) -> None:
    """Also where only the column says which family it is."""
    space = workspace(costs(), bi.Conditional.of("y ~ x + (1 | g)", family=family))
    _, design = only(space)
    (block,) = design.blocks
    assert [key for key, _ in block.parts] == ["mu", "zero"] and block.names == ("1|g", "zero_1|g")
    assert [p.key for p in design.predictors] == ["mu", "sigma", "zero"]
    assert bi.check(bi.Plan.of([bi.Conditional.of("y ~ x + (1 | g)", family=family)]), costs()) == []


def test_automatic_priors_are_about_the_positive_values_and_the_share_of_zeros() -> None:
    frame = costs()
    seen = frame["y"].dropna()
    _, design = only(workspace(frame, conditional("y ~ x + (1 | g)", family="semicontinuous")))
    priors = {p.key: p.priors for p in design.predictors}
    logs, share = np.log(seen[seen > 0]), ((seen == 0).sum() + 0.5) / (len(seen) + 1)
    assert priors["mu"][0].args[0] == pytest.approx(logs.mean(), abs=logs.std() / len(seen))
    assert priors["zero"][0].args == pytest.approx((np.log(share / (1 - share)), 2.5))
    _, design = only(workspace(frame, conditional("y ~ x", family=Semicontinuous(positive="gamma"))))
    assert design.predictor("mu").priors[0].args[0] == pytest.approx(np.log(seen[seen > 0].mean()))


@pytest.mark.parametrize(
    ("options", "path", "told"),
    [
        ('positive = "weibull"', "conditional[y].positive", "use one of auto, lognormal, gamma"),
        ('formulas.sigma = "x"', "conditional[y].formulas.sigma", "no parameter"),
        ('positive = "gamma"\nformulas.sigma = "x"', "conditional[y].formulas.sigma", "no parameter"),
        ('priors.alpha = "Gamma(2, 1)"', 'conditional[y].priors."alpha"', "no such parameter"),
        ('formulas.zero = "w"', "conditional[y].formulas.zero", "w"),
    ],
)
def test_options_that_do_not_fit_are_problems(options: str, path: str, told: str) -> None:
    text = f'[[conditional]]\nformula = "y ~ x"\nfamily = "semicontinuous"\n{options}\n'
    (found,) = [p for p in bi.check(bi.Plan.from_toml(text), costs()) if p.severity.value == "error"]
    assert found.path == path and told in f"{found.finding} {found.remedy}"


def test_plans_are_written_and_read() -> None:
    text = (
        '[[conditional]]\nformulas.mu = "y ~ x + (1 | g)"\nformulas.zero = "x"\nformulas.alpha = "x"\n'
        'family = "semicontinuous"\npositive = "gamma"\n'
    )
    plan = bi.Plan.from_toml(text)
    assert bi.check(plan, costs()) == [] and bi.Plan.from_toml(plan.to_toml()) == plan
    assert plan.conditionals[0].family == Semicontinuous(positive="gamma")


@pytest.mark.parametrize(("value", "told"), [(-1.0, "with negative values"), (0.0, "the same")])
def test_what_is_no_amount_is_refused(value: float, told: str) -> None:
    frame = costs()
    frame["y"] = np.where(frame["y"].isna(), np.nan, value if value == 0 else frame["y"] + value)
    plan = bi.Plan.of([bi.Conditional.of("y ~ x", family="semicontinuous")])
    assert any(told in p.finding for p in bi.check(plan, frame))


@pytest.mark.parametrize(
    ("scale", "shift", "fine"), [("value", 1, False), ("ratio", 1.5, True), ("predictor", 0.3, True)]
)
def test_which_shifts_leave_it_an_amount(scale: str, shift: float, fine: bool) -> None:
    item = bi.Conditional.of("y ~ x", family="semicontinuous")
    plan = bi.Plan.of([item], adjustments=(bi.Adjustment(target="y", shift=shift, scale=scale),))
    assert (bi.check(plan, costs()) == []) == fine


@pytest.mark.slow
@pytest.mark.parametrize("shape", [None, 0.7])
def test_a_run_recovers_the_zeros_and_the_positive_part(shape: float | None) -> None:
    """Of a quarter that is missing at random, by NUTS; the prediction at the observed rows is the yardstick."""
    frame = costs(600, shape=shape)
    plan = bi.Plan.of([bi.Conditional.of("y ~ x + (1 | g)")], run=Run(m=20, chains=2, warmup=100, sweeps=30))
    made = bi.impute(frame, plan, seed=2, progress=False)
    cells = np.array([each["y"].to_numpy()[frame["y"].isna()] for each in made])
    seen = frame["y"].dropna().to_numpy()
    share = (seen == 0).mean()
    error = np.sqrt(share * (1 - share) * (1 / len(seen) + 1 / cells.shape[1]))
    assert abs((cells == 0).mean() - share) < 4 * error
    logs, of_cells = np.log(seen[seen > 0]), np.log(cells[cells > 0])
    error = logs.std() * np.sqrt(1 / len(logs) + 1 / ((cells > 0).sum() / len(cells)))
    assert abs(of_cells.mean() - logs.mean()) < 4 * error


@pytest.mark.parametrize("family", ["semicontinuous", "hurdle_poisson", "zero_inflated_negative_binomial"])
def test_without_a_zero_the_second_part_has_nothing_to_learn_from(family: str) -> None:
    data = pd.DataFrame({"y": [1.0, 2, 3, 7, 2, 4, 1, 9, np.nan], "x": np.arange(9.0)})
    plan = bi.Plan.of([bi.Conditional.of("y ~ x", family=family)])
    found = [p for p in bi.check(plan, data) if p.path == "conditional[y].family"]
    assert [p.severity.value for p in found] == ["warning"]
    assert "none of the 8 observed values is 0" in found[0].finding
    assert not any("is 0" in p.finding for p in bi.check(plan, data.assign(y=data["y"] - 1)))
