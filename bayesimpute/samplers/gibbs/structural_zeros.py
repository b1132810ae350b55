"""Counts with more zeros than their law has: which of them are structural is latent, and given that they are two parts.

A zero is structural with log-odds eta_zero - log f(0), with f the law of counts at its row. That is drawn first in each
sweep, given both parts' predictors (Ghosh, Mukhopadhyay & Lu 2006, J. Stat. Plan. Inference 136:1360), and not kept:
between two visits the data may have changed. Given it whether a row can have none is a yes/no, and the rows that can
have some are counts, so that a sweep of two parts (``nothing_or_some.py``) follows. That is exact, and slow where it is
in doubt of most zeros which they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from bayesimpute.designs.design import Design
from bayesimpute.families import ZeroInflated
from bayesimpute.samplers.gibbs.nothing_or_some import STRUCTURAL, Containers, SeveralParts, have_engines
from bayesimpute.samplers.gibbs.part_of_several import HalfOnData
from bayesimpute.samplers.gibbs.states import Arrays, Moved
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Mixture:
    """A model on its data.

    Parameters
    ----------
    engine : StructuralZeros
    held : sequence of dict
        Each part's own of the containers, at all rows.
    given, offset : ndarray, shape (row,)
        The counts, and what is added to mu's predictor.
    zeros : ndarray of int, shape (zero,)
        Rows without any.
    there : tuple of HalfOnData
        Both parts at these rows.
    """

    engine: "StructuralZeros"
    held: Sequence[Containers]
    given: np.ndarray
    offset: np.ndarray
    zeros: np.ndarray
    there: tuple[HalfOnData, ...]

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        state = dict(arrays)
        for _ in range(sweeps):
            counts, structural = self.given.copy(), rng.random(len(self.zeros)) < expit(self.log_odds(state))
            counts[self.zeros[structural]] = STRUCTURAL
            state, _ = self.engine.parted(self.held, counts, self.offset).step(rng, state, 1, tune)
        return state, 1.0

    def log_odds(self, state: Arrays) -> np.ndarray:
        """Of being structural, given both parts, shape (zero,)."""
        whether, how_many = (part.predictor(state, self.engine.joints) for part in self.there)
        counts = self.there[-1]
        return whether - counts.fitted.densities(how_many, counts.half.arrays(state))


@dataclass(frozen=True, eq=False)
class StructuralZeros(SeveralParts):
    """Both parts before they see data."""

    @staticmethod
    def takes(design: Design) -> bool:
        """Zero-inflated counts whose parts have engines."""
        return isinstance(design.family.fitted_as, ZeroInflated) and have_engines(design)

    def on(self, data: Data, y: np.ndarray) -> Mixture:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The model on data, with the target less mu's offset."""
        given = np.asarray(data["y_data"], dtype=float)
        held, offset, zeros = self.held(data), given - y, np.flatnonzero(given == 0)
        there = [self.part(k, zeros, each, given[zeros], offset[zeros]) for k, each in enumerate(held)]
        return Mixture(self, held, given, offset, zeros, tuple(there))
