"""What a sampler is: init and step with explicit state, for one conditional model at a time.

**To add a sampler**: write one file in this folder with a class that has the methods of :class:`Sampler`, and add one
line to ``SAMPLERS`` in ``__init__``. It must say exactly which models it supports: never an approximation in silence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np

from bayesimpute.designs import graph
from bayesimpute.designs.design import Design, Draw

Data = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class ConditionalModel:
    """A design with its first data; the PyMC model is built on first use.

    Parameters
    ----------
    design : Design
        What the model is.
    data : mapping of str to ndarray
        What its containers hold first.
    """

    design: Design
    data: Data

    @cached_property
    def pymc(self) -> Any:
        """The ``pymc.Model``."""
        return graph.build(self.design, self.data)


@dataclass(frozen=True, eq=False)
class SamplerState:
    """Where a chain's sampler stands, as plain arrays that can be saved."""

    arrays: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Stats:
    """What one visit cost and how it went; sums over its transitions, except the depth, which is the largest."""

    transitions: int = 0
    divergences: int = 0
    acceptance: float = float("nan")
    depth: int = 0


Watched = Mapping[str, np.ndarray]
"""The clusters, by block, whose group-specific effects are looked at."""
NOBODY: Watched = {}


class Posterior(Protocol):
    """A compiled model."""

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start of one chain, adapted to `data`."""
        ...

    def draw(self, state: SamplerState) -> Draw:
        """The draw at which a state stands."""
        ...

    def placed(self, state: SamplerState, draw: Draw) -> SamplerState:
        """The state at the group-specific effects of a draw that is like its own but for these; see `movable`."""
        ...

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Move on by some transitions given `data`; with `tune`, adapt on the way."""
        ...

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int, watched: Watched = NOBODY
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one: the last state, and the scalar parameters after each, shape (transition, parameter).

        They are those of ``design.names`` in the user's units, or others in their place that say the same of how the
        chain forgets. After them come the effects of the `watched` clusters, of large data those of its sample; not of
        a sampler that draws effects anew given the parameters, where they forget with these. :func:`one_by_one` will
        do.
        """
        ...


def one_by_one(
    posterior: Posterior,
    design: Design,
    state: SamplerState,
    data: Data,
    rng: np.random.Generator,
    transitions: int,
    watched: Watched = NOBODY,
) -> tuple[SamplerState, np.ndarray]:
    """:meth:`Posterior.explore` of any sampler."""
    rows = []
    for _ in range(transitions):
        state, draw, _ = posterior.step(state, data, rng)
        rows.append(np.concatenate([design.posterior(draw), *(draw[k][c].ravel() for k, c in watched.items())]))
    return state, np.array(rows)


class Sampler(Protocol):
    """A way to draw from the posterior of a conditional model."""

    why: ClassVar[str]
    """Why it is taken, for the events of a run."""
    automatic: ClassVar[bool]
    """Whether ``sampler = "auto"`` may take it."""
    unlocked: ClassVar[bool]
    """Whether it does its work in compiled code without Python's lock, so that threads can share it."""
    called: ClassVar[str]
    """What a report calls it."""
    source: ClassVar[str | None]
    """The publication that a report cites for it: a key of its references."""

    def supports(self, model: ConditionalModel) -> bool:
        """Whether it draws from exactly this model."""
        ...

    def movable(self, design: Design) -> bool:
        """Whether the effects of a state can be set from outside, its next step being right from there."""
        ...

    def compile(self, model: ConditionalModel) -> Posterior:
        """Compile once; the posterior serves every chain and sweep of one thread."""
        ...
