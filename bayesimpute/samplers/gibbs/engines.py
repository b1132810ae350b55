"""The kinds of models, each with its own sweep; :data:`ENGINES` is the one registry.

An engine has the layout of a model, which does not change with the values of the data. On data it becomes something
that can make sweeps. To add a kind: one file with the two classes, one line here, and one in ``parts.kind``.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.samplers.gibbs.binary import Binary
from bayesimpute.samplers.gibbs.heavy_tails import Heavy
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.one_sigma import Plain
from bayesimpute.samplers.gibbs.predictors import Codes, Part
from bayesimpute.samplers.gibbs.sigma_formula import Frame
from bayesimpute.samplers.gibbs.states import Arrays
from bayesimpute.samplers.sampler import Data


class Fitted(Protocol):
    """A model on its data."""

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> dict[str, np.ndarray]:
        """Sweeps from a state, which is left alone, to the next; its inner effects fit its parameters."""
        ...


class Engine(Protocol):
    """A model before it sees data."""

    @property
    def mu(self) -> Part:
        """Mu's predictor."""
        ...

    @property
    def lay(self) -> Layout:
        """Of mu's predictor."""
        ...

    @property
    def rows(self) -> Rows:
        """Of mu's predictor."""
        ...

    def on(self, data: Data, y: np.ndarray) -> Fitted:
        """The model on data, with the target less its offset."""
        ...

    def start(self, design: Design, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed state that has learnt nothing."""
        ...

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors of a state as the graph has them."""
        ...


ENGINES: Mapping[str, Callable[[Design, Codes, int], Engine]] = {
    "one sigma": Plain.of,
    "formula for sigma": Frame.of,
    "yes or no": Binary.of,
    "heavy tails": Heavy.of,
}
