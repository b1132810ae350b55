"""Two-level data in which a number is known in part, plans that say so or do not, and what complete data say.

Thirty clusters of ten. y is a normal number with a covariate x and an outcome z that follows from y: analyses of both.
Everything that is missing of y is missing because of y, below a limit, or was read off in intervals, so that nothing
but what is known of it makes the answers right. By chained equations, with x complete, y is imputed from both (given
the means of its cluster, too: what they say of y's); in compatible mode, by the models that made the data, x has holes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from deltas import imputed, least_squares

import bayesimpute as bi
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan

CLUSTERS, SIZE = 30, 10
TERMS = ("mean of y", "SD of y", "y: intercept", "y: x", "z: intercept", "z: y")
SETTINGS = Run(m=5, chains=5, warmup=50, sweeps=1, sampler="auto", steps=3)
CHAINED = ("y ~ x + z + cluster_mean(x, g) + cluster_mean(z, g) + (1 | g)",)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How y is known: the share below the limit, or how wide the intervals of most values are; the plan."""

    below: float = 0.0
    width: float = 0.0
    compatible: bool = False

    def sample(self, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Complete data, and what is left of them."""
        rng = np.random.default_rng([47, seed])
        g = np.repeat(np.arange(CLUSTERS), SIZE)
        x = rng.normal(size=len(g))
        y = 1 + 0.6 * x + rng.normal(0, 0.5, CLUSTERS)[g] + rng.normal(size=len(g))
        frame = pd.DataFrame({"g": g, "x": x, "y": y, "z": 0.5 * y + rng.normal(size=len(g))})
        limit = np.quantile(y, self.below)
        low, high = np.full(len(g), np.nan), np.where(y < limit, limit, np.nan)
        if self.width:
            coarse = (y >= self.width) & (rng.random(len(g)) < 0.8)  # whole intervals: within one it is at random
            low = np.where(coarse, np.floor(y / self.width) * self.width, low)
            high = np.where(coarse, low + self.width, high)
        gone = ~np.isnan(low) | ~np.isnan(high)
        left = frame.assign(y=np.where(gone, np.nan, y), low=low, high=high)
        return frame, left.assign(x=left["x"].where(rng.random(len(g)) > 0.2)) if self.compatible else left

    def plan(self, *, knowing: bool = True) -> Plan:
        """The right one, or one that takes what is missing as missing at random."""
        known = [bi.Known(column="y", between=("low", "high"))] if knowing else []
        if self.compatible:
            return Plan.of(["x ~ 1", "y ~ x + (1 | g)"], substantive=["z ~ y"], known=known, run=SETTINGS)
        return Plan.of(CHAINED, known=known, run=SETTINGS)

    def gaps(self, replicates: int, *, knowing: bool = True) -> np.ndarray:
        """Pooled estimates minus those of the complete data, shape (replicate, term)."""
        found = []
        for seed in range(replicates):
            frame, left = self.sample(seed)
            run = imputed(self.plan(knowing=knowing), left, seed)
            found.append(np.mean([answers(each) for each in run], axis=0) - answers(frame))
        return np.array(found)


def answers(frame: pd.DataFrame) -> np.ndarray:
    """By :data:`TERMS`, of complete data."""
    y = frame["y"]
    return np.array([y.mean(), y.std(), *least_squares(frame, "y", "x"), *least_squares(frame, "z", "y")])


SETUPS = {
    f"{name}, {'compatible' if compatible else 'chained'}": Setup(compatible=compatible, **how)
    for name, how in {"10 % below": {"below": 0.1}, "40 % below": {"below": 0.4}, "intervals": {"width": 1.5}}.items()
    for compatible in (False, True)
}
