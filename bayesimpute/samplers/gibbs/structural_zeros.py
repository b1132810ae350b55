"""Counts with more zeros than their law has: two parts, of which it is not seen which zeros are whose.

Which zeros are structural is not drawn (as by Ghosh, Mukhopadhyay & Lu 2006, J. Stat. Plan. Inference 136:1360): where
it is in doubt of most, it would hold both parts where they are. Each part has its likelihood given the other one's
predictor with that summed over (``inflated_rows.py``), at all rows, and both are moved as parts of which it is seen
(``nothing_or_some.py``).
"""

from dataclasses import dataclass, replace

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.families import ZeroInflated
from bayesimpute.samplers.gibbs.count_likelihoods import INFLATED_POISSON
from bayesimpute.samplers.gibbs.inflated_rows import log_none
from bayesimpute.samplers.gibbs.nothing_or_some import Owns, SeveralParts, Tied, have_engines
from bayesimpute.samplers.gibbs.part_of_several import HalfOnData
from bayesimpute.samplers.gibbs.states import Arrays
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Mixture(Tied):
    """A model on its data: whether zeros are structural, then the counts."""

    def _move_apart(self, rng: np.random.Generator, owns: Owns, sweeps: int, tune: bool) -> None:
        etas = self._begun(owns, {})
        for _ in range(sweeps):
            for k in range(len(self.parts)):
                etas[k] = self._given_rows(k, etas, owns).move(rng, owns[k], {}, self.joints, tune)

    def _begun(self, owns: Owns, state: Arrays) -> list[np.ndarray]:
        """The parts' predictors."""
        return [part.predictor(own, state, self.joints) for part, own in zip(self.parts, owns, strict=True)]

    def _given_rows(self, k: int, etas: list[np.ndarray], owns: Owns) -> HalfOnData:
        """Part k given the other's predictor."""
        part, beside = self.parts[k], etas[1 - k]
        if k == 0:
            seen, beside = self.parts[1].fitted.likelihood(owns[1]), np.empty(len(beside))
            log_none(seen.kind == INFLATED_POISSON, etas[1], seen.shape, beside)
        return replace(part, fitted=part.fitted.beside(beside))


@dataclass(frozen=True, eq=False)
class StructuralZeros(SeveralParts):
    """Both parts before they see data."""

    @staticmethod
    def takes(design: Design) -> bool:
        """Zero-inflated counts whose parts have engines."""
        return isinstance(design.family.fitted_as, ZeroInflated) and have_engines(design)

    def on(self, data: Data, y: np.ndarray) -> Mixture:
        """The model on data, with the target less mu's offset."""
        given = np.asarray(data["y_data"], dtype=float)
        held, every = self.held(data), slice(None)
        parts = (self.part(k, every, each, given, given - y) for k, each in enumerate(held))
        return Mixture(tuple(parts), self.joints)
