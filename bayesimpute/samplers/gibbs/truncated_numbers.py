"""Truncated normal numbers: nothing is latent, each row has a normaliser, and moves are along the likelihood itself.

They are those of counts (``counts.py``), with log sigma in the place of log alpha; ``limited_rows.py`` has the
likelihood. That is exact. It is slow where the limits cut so much that sigma and mu are known together only: a normal
far below its lower limit is an exponential above it, whatever the two are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.families import Bounded, Family
from bayesimpute.samplers.gibbs.count_likelihoods import TRUNCATED
from bayesimpute.samplers.gibbs.counts import Counting, Counts
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Truncated(Counts):
    """The layout of a model; `other` is sigma's prior, and the family has its limits on the target's scale."""

    kinds: ClassVar[Mapping[type[Family], int]] = {Bounded: TRUNCATED}
    family: Bounded  # pyright: ignore[reportIncompatibleVariableOverride]

    @staticmethod
    def takes(design: Design) -> bool:
        """Truncated numbers with one sigma."""
        family = design.family.fitted_as
        return isinstance(family, Bounded) and family.at_limits == "truncated" and mixed(design, "mu")

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Truncated":
        """From the clusters of the fitted rows."""
        found, family = parts(design), design.scaled_family
        assert isinstance(family, Bounded)
        return cls(found["mu"], *found["mu"].layout(None, codes, n), family, found["sigma"].predictor.priors[0])

    def on(self, data: Data, y: np.ndarray) -> Counting:
        """The model on data, with the target less its offset; limits are those of the target itself."""
        given, roles = np.asarray(data["y_data"], dtype=float), self.family.named_columns
        ends = self.family.ends({role: np.asarray(data[f"side_{role}"]) for role in roles})
        low, high = (np.broadcast_to(np.asarray(end, dtype=float), given.shape) for end in ends)
        limit, width = anchored(low, high)
        return self.counting(data, given - limit, width, given - y - limit)


def anchored(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A finite limit of each row, 0 where there is none, and where the other is from there, 0 for none at all."""
    below, above = np.isfinite(low), np.isfinite(high)
    limit = np.where(below, low, np.where(above, high, 0.0))
    return limit, np.where(below, high - limit, np.where(above, -np.inf, 0.0))
