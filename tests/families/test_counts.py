"""Families of counts: which columns are theirs, priors about rates, exposures, tails, what plans may say of them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import workspace
from scipy.special import gammaln

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.families import (
    FAMILIES,
    Binomial,
    Counts,
    Gaussian,
    NegativeBinomial,
    Poisson,
    Semicontinuous,
    TwoParts,
    auto,
)
from bayesimpute.families.counting import about_rate
from bayesimpute.families.negative_binomial import log_ratio
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan


@pytest.mark.parametrize(
    ("values", "family"),
    [
        ([0] * 25 + [1] * 20 + list(range(2, 57)), NegativeBinomial),
        ([0] * 19 + [1] * 10 + list(range(2, 73)), Gaussian),  # fewer than a fifth
        ([0] * 25 + [1] * 26 + list(range(2, 51)), Gaussian),  # another value is more frequent
        ([0] * 25 + [-1] + list(range(1, 75)), Gaussian),
        ([0] * 25 + [0.5] + list(range(1, 75)), Semicontinuous),  # an amount: not all are whole
        ([0] * 4 + [0.5] + list(range(1, 75)), Gaussian),  # fewer than a tenth
        ([0] * 200 + list(range(1, 101)), NegativeBinomial),
        ([0] * 200 + list(range(1, 102)), Semicontinuous),  # of more than a hundred whole numbers
        ([0] * 25 + [np.nan] * 900 + list(range(1, 76)), NegativeBinomial),  # of the observed ones
    ],
)
def test_many_zeros_among_whole_numbers_make_counts(values: list[float], family: type) -> None:
    assert auto(encode(pd.Series(values, dtype=float), "v")) is family


@pytest.mark.parametrize("bad", [-1.0, 0.5])
def test_a_count_that_is_none_is_a_problem_that_says_so(bad: float) -> None:
    frame = pd.DataFrame({"y": [0.0, 3, 1, bad, 2, np.nan], "x": [1.0, 5, 2, 4, 3, 0]})
    for family in ("poisson", "binomial"):
        (found,) = bi.check(Plan.of([Conditional.of("y ~ x", family=family)]), frame)
        assert "negative values or values that are not whole" in found.finding
        assert not Counts.accepts(encode(frame["y"], "y"))


@pytest.mark.parametrize(
    ("family", "bad"), [("poisson", -1.0), ("hurdle_poisson", 0.5), ("gamma", -3.0), ("beta", 1.2), ("lognormal", 0.0)]
)
def test_few_values_that_a_family_does_not_impute_have_their_row(family: str, bad: float) -> None:
    y = np.linspace(0.1, 0.9, 60) if family == "beta" else np.arange(60) % 7 + 1.0
    y[[7, 9]] = bad
    frame = pd.DataFrame({"y": np.where(np.arange(60) % 4 == 0, np.nan, y), "x": np.cos(np.arange(60))})
    (found,) = bi.check(Plan.of([Conditional.of("y ~ x", family=family)]), frame)
    assert "; 2 values are none, the first in row 7 (counted from 0)" in found.finding
    assert found.remedy.startswith("mend them, or use ")


def counted(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(size=60), "y": rng.poisson(4.0, 60).astype(float), "years": 2.0}, index=None)
    frame.loc[::4, "y"] = np.nan
    return frame.assign(**columns)


@pytest.mark.parametrize(
    ("family", "side", "columns", "path", "finding"),
    [
        ("poisson", {"exposure": "years"}, {"years": [0.0] + [2.0] * 59}, "side.exposure", "is not above zero"),
        (Binomial(), {}, {}, "trials", "is below the target"),
        (Binomial(), {"trials": "years"}, {}, "side.trials", "is below the target"),
        (Binomial(), {"trials": "years"}, {"years": 20.5}, "side.trials", "not a whole number"),
    ],
)
def test_side_columns_that_cannot_be_are_problems(
    family: Any, side: Any, columns: Any, path: str, finding: str
) -> None:
    plan = Plan.of([Conditional.of("y ~ x", family=family, side=side)])
    found = [p for p in bi.check(plan, counted(**columns)) if p.path == f"conditional[y].{path}"]
    assert found and finding in found[0].finding and "row" in found[0].finding


def test_the_intercepts_prior_is_about_the_observed_rate() -> None:
    frame = counted(years=lambda d: np.where(d.index % 2, 3.0, 5.0))
    seen = frame.dropna()
    for family in ("poisson", "negative_binomial"):
        space = workspace(frame, Conditional.of("y ~ x", family=family, side={"exposure": "years"}))
        prior = space.designs["y"].predictor("mu").priors[0]
        assert prior == about_rate(seen["y"].sum(), seen["years"].sum())
        assert prior.args == (pytest.approx(np.log((seen["y"].sum() + 0.5) / seen["years"].sum())), 2.5)
    trials = Conditional.of("y ~ x", family=Binomial(trials=40))
    p = (seen["y"].sum() + 0.5) / (40 * len(seen) + 1)
    assert workspace(frame, trials).designs["y"].predictor("mu").priors[0].args[0] == pytest.approx(np.log(p / (1 - p)))


def test_the_prior_of_alpha_is_half_normal_for_its_inverse_root() -> None:
    prior = NegativeBinomial().parameters[1].prior
    assert prior is not None
    roots = prior.draw(np.random.default_rng(1), 40_000) ** -0.5
    assert abs((roots**2).mean() - 1) < 4 * np.sqrt(2 / 40_000)
    assert abs((roots < 0.6745).mean() - 0.5) < 4 * np.sqrt(0.25 / 40_000)


def test_a_negative_binomial_with_a_large_alpha_is_poisson() -> None:
    y = np.array([0.0, 3.0, 40.0])
    for alpha in (1e6, 1e9, 1e14):
        theta = {"mu": np.array([0.5, 4.0, 30.0]), "alpha": np.array(alpha)}
        np.testing.assert_allclose(NegativeBinomial().logp(y, theta), Poisson().logp(y, theta), atol=2000 / alpha)


@pytest.mark.parametrize("alpha", [0.01, 3.0, 9.9e3, 1.01e4])
def test_the_ratio_of_gamma_functions_is_right_on_both_sides(alpha: float) -> None:
    y = np.array([0.0, 1.0, 7.0, 300.0])
    exact = [np.log1p(np.arange(n) / alpha).sum() for n in y]
    np.testing.assert_allclose(log_ratio(y, np.array(alpha)), exact, rtol=1e-9, atol=1e-9)
    assert gammaln(2.0) == 0


def test_the_second_formula_is_like_the_first_if_the_plan_says_nothing() -> None:
    for family in ("zero_inflated_poisson", "hurdle_negative_binomial"):
        plan = Plan.of([Conditional.of("y ~ x + (1 | g)", family=family)])
        assert plan.conditionals[0].formulas["zero"] == "x + (1 | g)"
        assert Plan.from_toml(plan.to_toml()) == plan
        own = Conditional(target="y", family=family, formulas={"mu": "y ~ x + (1 | g)", "zero": "1"})
        assert own.formulas["zero"] == "1"
    assert "zero" not in Conditional.of("y ~ x", family="poisson").formulas


def test_effects_of_both_parts_are_correlated() -> None:
    frame = counted(g=lambda d: d.index % 10)
    (block,) = workspace(frame, Conditional.of("y ~ x + (1 | g)", family="hurdle_poisson")).designs["y"].blocks
    assert block.names == ("1|g", "zero_1|g") and block.width == 2


@pytest.mark.parametrize("family", [cls for cls in FAMILIES.values() if issubclass(cls, TwoParts)])
def test_exposures_count_in_both_forms_of_a_density(family: Any) -> None:
    y, exposure = np.array([0.0, 1.0, 6.0]), np.array([0.5, 2.0, 7.0])
    theta = {"mu": np.array([0.3, 1.0, 2.0]), "alpha": np.array(1.7), "zero": np.array([0.2, 0.5, 0.7])}
    scaled = {**theta, "mu": theta["mu"] * exposure}
    np.testing.assert_allclose(family().logp(y, theta, {"exposure": exposure}), family().logp(y, scaled))
    nowhere = family().logp(y, theta, {"exposure": np.array([-1.0, 0.0, np.nan])})
    assert (nowhere[1:] == -np.inf).all()
