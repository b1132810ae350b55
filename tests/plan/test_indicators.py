"""A target may be a derived column: the model of ``observed(y)`` multiplies into the draws of y."""

from dataclasses import replace

import numpy as np
import pandas as pd
from looping import fresh_record, ran
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.plan.options import Run
from bayesimpute.result.result import Result
from bayesimpute.running.workspace import Described

STRENGTH = 1.5


def table(n: int = 1500) -> tuple[pd.DataFrame, np.ndarray]:
    """y is the likelier missing the larger it is."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=n)
    y = x + rng.normal(size=n)
    return pd.DataFrame({"x": x, "y": np.where(rng.random(n) < expit(STRENGTH * y), np.nan, y)}), y


def run(strength: float, frame: pd.DataFrame) -> Result:
    """With the dependence of being observed on y held where it is, by a narrow prior."""
    indicator = bi.Conditional.of("observed(y) ~ y", family="bernoulli", priors={"y": f"Normal({-strength}, 0.01)"})
    settings = Run(m=4, chains=2, warmup=40, sweeps=40, sampler="gibbs")
    plan = bi.Plan(conditionals=(bi.Conditional.of("y ~ x"),), substantive=(indicator,), run=settings)
    return ran(fresh_record(frame, plan, seed=2))


def test_the_indicator_is_a_complete_target_whose_density_counts() -> None:
    frame, y = table()
    made = run(STRENGTH, frame)
    resolved = made.record.resolved
    assert resolved.factors == {"y": ("observed(y)",)} and resolved.target("y").learns_imputed
    assert not resolved.target("observed(y)").impute.any()
    assert resolved.target("y").mnar and not resolved.target("observed(y)").mnar
    assert Described.of(made.plan, made.incomplete, resolved).compatible["y"].kind == "slice"
    missing = frame["y"].isna().to_numpy()
    found = np.mean([c["y"][missing].mean() for c in made])
    ignorable = np.mean([c["y"][missing].mean() for c in run(0.0, frame)])
    error = y[missing].std() / np.sqrt(missing.sum() / 4)  # of cells and of the parameters that they are drawn from
    assert abs(found - y[missing].mean()) < 4 * error
    assert ignorable < y[missing].mean() - 8 * error


def schools() -> pd.DataFrame:
    """Schools 0 to 2 have no y at all, the others have gaps."""
    rng = np.random.default_rng(3)
    school = np.repeat(np.arange(10), 12)
    frame = pd.DataFrame({"school": school, "x": rng.normal(size=120)})
    frame["y"] = frame["x"] + rng.normal(size=120)
    frame.loc[(school < 3) | (rng.random(120) < 0.2), "y"] = np.nan
    return frame


def test_shifts_of_whole_clusters() -> None:
    frame = schools()
    plan = bi.Plan.of(["y ~ x + (1 | school)"]).with_run(m=3, chains=1, warmup=5, sweeps=6)
    made = bi.impute(frame, plan, seed=1, progress=False)
    shifted = made.adjusted(bi.Adjustment(target="y", shift="2 * systematic(y, school)"))
    for before, after in zip(made, shifted, strict=True):
        np.testing.assert_allclose(after["y"] - before["y"], np.where(frame["school"] < 3, 2.0, 0.0))
    new = frame.iloc[:24].assign(school=np.repeat([2, 50], 12), y=np.nan)
    plan = replace(plan, adjustments=(bi.Adjustment(target="y", shift="1e6 * systematic(y, school)"),))
    new.loc[12, "y"] = 1.0
    for part in bi.impute(frame, plan, seed=1, progress=False).transform(new, seed=1):
        np.testing.assert_array_equal(part["y"] > 1e5, np.arange(24) < 12)


def test_the_missingness_of_the_target_itself_is_no_predictor() -> None:
    findings = [p.finding for p in bi.check(bi.Plan.of(["y ~ systematic(y, school)"]), schools())]
    assert any("it is the missingness of the target itself" in finding for finding in findings)
