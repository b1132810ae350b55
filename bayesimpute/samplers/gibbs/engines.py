"""The kinds of models, each with its own sweep; :data:`ENGINES` is the one registry.

**To add an engine**: write one file with two classes, one of each protocol below, and add one line here. The first is
the model before it sees data: the layout, which does not change with the values of the data. The second is the model on
data, which can make sweeps. No two engines take the same model.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np

from bayesimpute.designs.design import Design, Draw
from bayesimpute.samplers.gibbs.binary import Binary
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.censored import Censored
from bayesimpute.samplers.gibbs.counts import Counts
from bayesimpute.samplers.gibbs.heavy_tails import Heavy
from bayesimpute.samplers.gibbs.labels import Labels
from bayesimpute.samplers.gibbs.nothing_or_some import SeveralParts
from bayesimpute.samplers.gibbs.one_sigma import Plain
from bayesimpute.samplers.gibbs.ordered_labels import Cumulative
from bayesimpute.samplers.gibbs.powers import Powers
from bayesimpute.samplers.gibbs.predictors import Codes
from bayesimpute.samplers.gibbs.selection.two_equations import TwoEquations
from bayesimpute.samplers.gibbs.sigma_formula import Scaled
from bayesimpute.samplers.gibbs.states import Arrays, Moved
from bayesimpute.samplers.gibbs.structural_zeros import StructuralZeros
from bayesimpute.samplers.gibbs.truncated_numbers import Truncated
from bayesimpute.samplers.sampler import Data


class Fitted(Protocol):
    """A model on its data."""

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps from a state, which is left alone, to the next, whose inner effects fit its parameters."""
        ...


@runtime_checkable
class Explorable(Fitted, Protocol):
    """A model on its data that can show a chain in one compiled call; it draws effects anew given the parameters."""

    def explore(
        self, rng: np.random.Generator, arrays: Arrays, sweeps: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The last state, and the scalar parameters after each sweep: :meth:`Posterior.explore`."""
        ...


class Engine(Protocol):
    """A model before it sees data."""

    burn_in: ClassVar[BurnIn]

    @staticmethod
    def takes(design: Design) -> bool:
        """Whether it draws from the posterior of exactly this model, never of one near it."""
        ...

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> Self:
        """From the clusters of the fitted rows and their number."""
        ...

    def on(self, data: Data, y: np.ndarray) -> Fitted:
        """The model on data, with the target less mu's offset."""
        ...

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed state that has learnt nothing."""
        ...

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors of a state as the graph has them."""
        ...


@runtime_checkable
class Movable(Protocol):
    """An engine whose states can be set at other effects."""

    def placed(self, arrays: Arrays, draw: Draw) -> dict[str, np.ndarray]:
        """A state at the effects of a draw: :meth:`Posterior.placed`."""
        ...


ENGINES: Mapping[str, type[Engine]] = {
    "one sigma": Plain,
    "formula for sigma": Scaled,
    "censored": Censored,
    "truncated": Truncated,
    "skewed": Powers,
    "yes or no": Binary,
    "ordered labels": Cumulative,
    "labels": Labels,
    "heavy tails": Heavy,
    "counts": Counts,
    "selection": TwoEquations,
    "nothing or some": SeveralParts,
    "structural zeros": StructuralZeros,
}


def engine_for(design: Design) -> type[Engine] | None:
    """The engine that takes a model; None if there is none."""
    return next((engine for engine in ENGINES.values() if engine.takes(design)), None)
