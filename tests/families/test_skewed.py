"""Numbers with a longer tail on one side: what the power does, that it is learnt, and what plans may say of it."""

import numpy as np
import pandas as pd
import pytest
from modelling import conditional, only, workspace
from scipy import stats

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.families import Gaussian, Skewed
from bayesimpute.plan.options import Run


def incomes(n: int = 300) -> pd.DataFrame:
    """Far from 0, and skewed to the right; every fourth one is missing."""
    rng, g = np.random.default_rng(9), np.arange(n) % 15
    x = rng.normal(size=n)
    y = 500 + 20 * np.exp(0.6 * (0.5 * x + rng.normal(0, 0.4, 15)[g] + rng.normal(size=n)))
    made = pd.DataFrame({"g": g, "x": x, "y": y})
    return made.assign(y=made["y"].where(np.arange(n) % 4 != 3))


def test_a_power_and_back_is_the_number() -> None:
    family, y = Skewed(centre=3.0, unit=2.0), np.linspace(-40, 60, 101)
    for power in (0.01, 0.3, 1.0, 1.7, 1.99):
        x = (y - 3) / 2
        np.testing.assert_allclose(family.back(np.asarray(stats.yeojohnson(x, power)), np.array(power)), y, atol=1e-9)


def test_without_skewness_it_is_the_normal() -> None:
    theta = {"mu": np.full(5, 0.3), "sigma": np.array(0.8), "skew": np.array(0.0)}
    y = np.linspace(-2, 9, 5)
    user = {"mu": 3 + 2 * theta["mu"], "sigma": 2 * theta["sigma"]}
    np.testing.assert_allclose(Skewed(centre=3.0, unit=2.0).logp(y, theta), Gaussian().logp(y, user), rtol=1e-12)


@pytest.mark.parametrize("skew", [-1.0, -0.999999, 0.5, 0.999999, 1.0])
def test_ends_of_the_power_and_far_predictors_have_numbers(skew: float) -> None:
    theta = {"mu": np.array([-400.0, 0.0, 400.0]), "sigma": np.array(2.0), "skew": np.array(skew)}
    y = Skewed().impute(np.random.default_rng(1), theta)
    assert np.isfinite(y).all() and np.isfinite(Skewed().logp(np.array([-9.0, 0.0, 9.0]), theta)).all()


@pytest.mark.slow
def test_the_skewness_is_learnt_and_imputed() -> None:
    """With the parameters' posterior on a grid: quantiles of gamma values, where a normal's are wrong."""
    rng = np.random.default_rng(2)
    y = rng.gamma(3, 1, 3000)
    family = Skewed().bind(encode(pd.Series(y), "y"))
    grid = [
        v.ravel() for v in np.meshgrid(np.linspace(-0.4, 0.2, 25), np.linspace(0.7, 1.1, 25), np.linspace(0, 0.95, 39))
    ]
    names = ("mu", "sigma", "skew")
    total = np.array([family.logp(y, dict(zip(names, map(np.array, at), strict=True))).sum() for at in zip(*grid)])
    weight = np.exp(total - total.max())
    at = rng.choice(weight.size, 40_000, p=weight / weight.sum())
    cells = family.impute(rng, {name: axis[at] for name, axis in zip(names, grid, strict=True)})
    ranks = np.array([0.1, 0.5, 0.9, 0.99])
    law = stats.gamma(3)
    error = np.sqrt(ranks * (1 - ranks) * (1 / 3000 + 1 / 40_000))
    shift = np.abs(law.cdf(np.quantile(cells, ranks)) - ranks)
    assert (shift < 4 * error + 0.01).all()  # the power of a gamma is not quite normal
    normal = np.abs(law.cdf(stats.norm(y.mean(), y.std()).ppf(ranks)) - ranks)
    assert normal.max() > 0.05 and abs(float((weight @ grid[2]) / weight.sum())) > 0.3


def test_automatic_priors_are_those_of_a_standardised_number() -> None:
    _, design = only(workspace(incomes(), conditional("y ~ x + (1 | g)", family="skewed")))
    seen = incomes()["y"].dropna()
    assert isinstance(design.family, Skewed)
    assert (design.family.centre, design.family.unit) == pytest.approx((seen.mean(), seen.std(ddof=0)))
    intercept, _ = design.predictor("mu").priors
    assert intercept.args == pytest.approx((0.0, 2.5), abs=1e-9)


def test_plans_are_written_and_read_and_say_what_fits() -> None:
    text = '[[conditional]]\nformula = "y ~ x + (1 | g)"\nfamily = "skewed"\npriors.skew = "Uniform(-0.5, 1)"\n'
    plan = bi.Plan.from_toml(text)
    assert bi.check(plan, incomes()) == [] and bi.Plan.from_toml(plan.to_toml()) == plan
    (found,) = bi.check(bi.Plan.from_toml(text.replace("Uniform(-0.5, 1)", "Normal(0, 1)")), incomes())
    assert found.path == 'conditional[y].priors."skew"'
    with pytest.raises(bi.PlanError, match='unknown key "centre"'):
        bi.Plan.from_toml(text.replace("priors.skew", "centre = 3 #"))


@pytest.mark.parametrize("scale", ["value", "ratio", "predictor"])
def test_it_takes_every_shift(scale: str) -> None:
    item = bi.Conditional.of("y ~ x", family="skewed")
    plan = bi.Plan.of([item], adjustments=(bi.Adjustment(target="y", shift=0.5, scale=scale),))
    assert bi.check(plan, incomes()) == []


@pytest.mark.slow
def test_a_run_imputes_the_skewness() -> None:
    frame = incomes(600)
    plan = bi.Plan.of(
        [bi.Conditional.of("y ~ x + (1 | g)", family="skewed")], run=Run(m=20, chains=2, warmup=150, sweeps=40)
    )
    made = bi.impute(frame, plan, seed=2, progress=False)
    cells = np.array([each["y"].to_numpy()[frame["y"].isna()] for each in made])
    seen = frame["y"].dropna().to_numpy()
    for rank in (0.1, 0.5, 0.9):
        share = (cells <= np.quantile(seen, rank)).mean()
        assert abs(share - rank) < 4 * np.sqrt(rank * (1 - rank) * (1 / len(seen) + 1 / cells.shape[1]))
    assert stats.skew(cells.ravel()) > 1
