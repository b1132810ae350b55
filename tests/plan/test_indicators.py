"""A target may be a derived column: the model of ``observed(y)`` multiplies into the draws of y."""

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
