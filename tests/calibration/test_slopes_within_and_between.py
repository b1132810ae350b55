"""Suggested plans where a slope differs within and between clusters, against the complete data of the same samples.

x1 has a variance of .25 between clusters and 1 within; x2 goes by x1's deviation from its cluster mean with -.5 and by
the cluster mean with .8; y = .5 x1 + .5 x2 + effect + error; half of x1 and half of x2 are missing, at random. The plan
that was suggested before, each covariate given the other and no cluster means, must be seen to fail.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.analysis import fit

ANALYSIS = "y ~ x1 + x2 + (1 | g)"
ONE_SLOPE = bi.Plan.of(["x1 ~ x2 + (1 | g)", "x2 ~ x1 + (1 | g)"], substantive=ANALYSIS)
DESIGNS = {"400 of 6": (400, 6, 20), "40 of 6": (40, 6, 80)}
"""Clusters, their size, and replicates."""
ERRORS, SLOPE = 3.0, 0.5


def sample(seed: int, clusters: int, size: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Complete and incomplete data."""
    rng = np.random.default_rng([2415, clusters, seed])
    g = np.repeat(np.arange(clusters), size)
    between = rng.normal(0, (0.5, 0.3, 0.5), (clusters, 3))[g]
    noise = rng.normal(size=(len(g), 3))
    x1 = between[:, 0] + noise[:, 0]
    mean = pd.Series(x1).groupby(g).transform("mean").to_numpy()
    x2 = -0.5 * (x1 - mean) + 0.8 * mean + between[:, 1] + noise[:, 1]
    y = SLOPE * (x1 + x2) + between[:, 2] + noise[:, 2]
    complete = pd.DataFrame({"g": g, "x1": x1, "x2": x2, "y": y})
    known = rng.random((len(g), 2)) < 0.5
    return complete, complete.assign(x1=np.where(known[:, 0], x1, np.nan), x2=np.where(known[:, 1], x2, np.nan))


def suggested(frame: pd.DataFrame) -> bi.Plan:
    return bi.suggest(ANALYSIS, frame).plan


def wrong_by(plan: Callable[[pd.DataFrame], bi.Plan], design: str) -> tuple[np.ndarray, np.ndarray]:
    """Pooled coefficients of x1 and x2 minus those of the complete data: means over replicates, in percent of the
    truth, and their Monte Carlo errors."""
    clusters, size, replicates = DESIGNS[design]
    found = np.empty((replicates, 2))
    for seed in range(replicates):
        complete, frame = sample(seed, clusters, size)
        made = bi.impute(frame, plan(frame), seed=seed, m=10, chains=2, warmup=50, sweeps=100, progress=False)
        pooled = made.pool(ANALYSIS).terms.set_index("term")["estimate"]
        whole = fit(ANALYSIS, complete)
        found[seed] = [pooled[x] - dict(zip(whole.terms, whole.estimates))[x] for x in ("x1", "x2")]
    percent = 100 * found / SLOPE
    return percent.mean(axis=0), percent.std(axis=0, ddof=1) / np.sqrt(replicates)


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_suggested_plans_keep_both_slopes(design: str) -> None:
    assert "cluster_mean" in str(suggested(sample(0, *DESIGNS[design][:2])[1]))
    mean, error = wrong_by(suggested, design)
    assert (np.abs(mean) < ERRORS * error).all(), (mean, error)


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_one_slope_within_and_between_is_seen(design: str) -> None:
    mean, error = wrong_by(lambda frame: ONE_SLOPE, design)
    assert (mean < -ERRORS * error).any(), (mean, error)
