"""Suggested plans for an outcome missing not at random with an incomplete covariate, against complete covariates.

x ~ N(0, 1), missing in 35 % of the rows at random; y = 1 + x + e, observed where .3 + .5 x + z + h > 0, the errors
e and h with variance 1 and correlation .7. z moves selection only: it must not stand in the model of y, and in chained
equations the model of x must know who was selected. The compatible plan is held to what complete x give on the same
samples (a posterior mean of the correlation is not unbiased at this size); chained equations, an approximation, to the
plan that has neither, in which less is known of the correlation: its posterior is wider.
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


def sample(seed: int, *, whole: bool = False) -> pd.DataFrame:
    """Incomplete data, on request with complete x."""
    rng = np.random.default_rng([2407, seed])
    z, x = rng.normal(size=(2, ROWS))
    e, h = rng.multivariate_normal([0, 0], [[1, RHO], [RHO, 1]], ROWS).T
    y = 1 + x + e
    seen, known = 0.3 + 0.5 * x + z + h > 0, (rng.random(ROWS) > 0.35) | whole
    return pd.DataFrame({"x": np.where(known, x, np.nan), "y": np.where(seen, y, np.nan), "z": z})


def found(frame: pd.DataFrame, plan: bi.Plan, seed: int) -> np.ndarray:
    """The correlation's posterior mean and the logarithm of its standard deviation, and the mean of y, shape (3,)."""
    made = bi.impute(frame, plan, seed=seed, m=8, chains=2, warmup=100, sweeps=200, progress=False)
    mean = np.mean([made.completed(k)["y"].mean() for k in range(made.m)])
    rho = made.posterior("y").posterior["rho"]
    return np.array([float(rho.mean()), float(np.log(rho.std())), float(mean)])


def suggested(seed: int, mode: str) -> np.ndarray:
    frame = sample(seed)
    return found(frame, bi.suggest(ANALYSIS, frame, mode=mode).plan, seed)


@pytest.mark.slow
def test_the_suggested_compatible_plan_finds_what_complete_covariates_give() -> None:
    alone = bi.Plan(conditionals=(ANALYSIS,))
    pairs = [
        (suggested(seed, "compatible"), found(sample(seed, whole=True), alone, seed)) for seed in range(REPLICATES)
    ]
    gaps = np.array([ours - whole for ours, whole in pairs])[:, [0, 2]]
    noise = gaps.std(axis=0, ddof=1) / np.sqrt(REPLICATES)
    assert (np.abs(gaps.mean(axis=0)) < ERRORS * noise).all(), (gaps.mean(axis=0), noise)


@pytest.mark.slow
def test_suggested_chained_equations_keep_the_identification() -> None:
    """Without its exclusion variable the correlation is learnt from the shape of the outcome's distribution alone."""
    wider = np.array([found(sample(s), WITHOUT, s)[1] - suggested(s, "fcs")[1] for s in range(REPLICATES)])
    assert wider.mean() > ERRORS * wider.std(ddof=1) / np.sqrt(REPLICATES), wider
