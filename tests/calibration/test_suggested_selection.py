"""Suggested plans for an outcome missing not at random with an incomplete covariate, against the truth.

x ~ N(0, 1), missing in 35 % of the rows at random; y = 1 + x + e, observed where .3 + .5 x + z + h > 0, the errors
e and h with variance 1 and correlation .7. z moves selection only: it must not stand in the model of y, and in chained
equations the model of x must know who was selected. The compatible plan is held to the truth; chained equations, an
approximation, to the plan that has neither, which loses correlation, on the same samples.
"""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi

RHO, ROWS, REPLICATES, ERRORS = 0.7, 1500, 16, 3.0
ANALYSIS = bi.Conditional(target="y", family="heckman_gaussian", formulas={"mu": "y ~ x", "selection": "x + z"})
WITHOUT = bi.Plan(
    conditionals=(
        bi.Conditional(target="y", family="heckman_gaussian", formulas={"mu": "y ~ x + z", "selection": "x + z"}),
        bi.Conditional.of("x ~ y + z", family="gaussian"),
    )
)
"""The recipes for chained equations as they are for other outcomes."""


def sample(seed: int) -> tuple[pd.DataFrame, float]:
    """Incomplete data, and the mean of y in the sample."""
    rng = np.random.default_rng([2407, seed])
    z, x = rng.normal(size=(2, ROWS))
    e, h = rng.multivariate_normal([0, 0], [[1, RHO], [RHO, 1]], ROWS).T
    y = 1 + x + e
    seen, known = 0.3 + 0.5 * x + z + h > 0, rng.random(ROWS) > 0.35
    return pd.DataFrame({"x": np.where(known, x, np.nan), "y": np.where(seen, y, np.nan), "z": z}), float(y.mean())


def wrong_by(seed: int, plan: bi.Plan) -> np.ndarray:
    """The errors of the correlation and of the mean of y, shape (2,)."""
    frame, truth = sample(seed)
    made = bi.impute(frame, plan, seed=seed, m=8, chains=2, warmup=100, sweeps=200, progress=False)
    mean = np.mean([made.completed(k)["y"].mean() for k in range(made.m)])
    return np.array([float(made.posterior("y").posterior["rho"].mean()) - RHO, float(mean) - truth])


def suggested(seed: int, mode: str) -> bi.Plan:
    return bi.suggest(ANALYSIS, sample(seed)[0], mode=mode).plan


@pytest.mark.slow
def test_the_suggested_compatible_plan_finds_the_truth() -> None:
    errors = np.array([wrong_by(seed, suggested(seed, "compatible")) for seed in range(REPLICATES)])
    noise = errors.std(axis=0, ddof=1) / np.sqrt(REPLICATES)
    assert (np.abs(errors.mean(axis=0)) < ERRORS * noise).all(), (errors.mean(axis=0), noise)


@pytest.mark.slow
def test_suggested_chained_equations_keep_the_identification() -> None:
    pairs = [(wrong_by(seed, suggested(seed, "fcs")), wrong_by(seed, WITHOUT)) for seed in range(REPLICATES)]
    gained = np.array([ours[0] - without[0] for ours, without in pairs])
    assert gained.mean() > ERRORS * gained.std(ddof=1) / np.sqrt(REPLICATES), gained
