"""What engines have in common in which the target itself follows one linear mixed model, mu."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.designs.design import Draw
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.predictors import Part
from bayesimpute.samplers.gibbs.states import Arrays, fresh, placed, predictor_values, starts, to_arrays


@dataclass(frozen=True, eq=False)
class MixedEngine:
    """The layout of mu, and its part of a state."""

    burn_in: ClassVar[BurnIn] = BurnIn()
    mu: Part
    lay: Layout
    rows: Rows

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        return predictor_values(self.mu, self.lay, arrays["theta"], arrays["z"], arrays["u"])

    def placed(self, arrays: Arrays, draw: Draw) -> dict[str, np.ndarray]:
        """A state at the effects of a draw."""
        return placed(arrays, self.mu.blocks, self.lay, draw)

    def begun(self, sigma: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed start at a log sigma, without inner effects yet: the first step draws them."""
        none = np.zeros((self.lay.clusters, self.lay.width))
        return to_arrays(fresh(starts(self.mu.blocks, sigma, rng), self.lay.mean)) | {"u": none}
