"""The compiled sampler with the interface of ``sampler.py``: starts, states as plain arrays, draws."""

import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesimpute.designs import graph
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.sheets import LargeData
from bayesimpute.samplers.gibbs.engines import ENGINES, Engine, Fitted
from bayesimpute.samplers.gibbs.one_sigma import Linear
from bayesimpute.samplers.gibbs.predictors import kind
from bayesimpute.samplers.gibbs.states import scalars
from bayesimpute.samplers.sampler import Data, SamplerState, Stats, one_by_one

BURN_IN = (30, 40, 50, 80)
"""Sweeps of a chain's start: the first are forgotten, each of the others takes its directions from those before."""
LARGE_BURN_IN = (10, 15, 20)
"""The same of large data, after that on a sample."""
PLACES = {"theta", "z", "sigma_theta", "sigma_z", "nu_theta"}
"""The parts of a state that say where a chain's parameters are, not what it has learnt."""


@dataclass(kw_only=True, eq=False)
class GibbsPosterior:
    """The sampler of one model, with what it made of the data that it saw last; not for two threads at a time."""

    design: Design
    codes: dict[str, np.ndarray]
    rows_count: int
    held: dict[str, np.ndarray] = field(default_factory=dict)
    engine: Engine = field(init=False)
    fitted: Fitted = field(init=False)
    seen: "weakref.ref[LargeData] | None" = None

    def __post_init__(self) -> None:
        self._lay_out()

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start and a short burn-in that learns the directions of the slices.

        Of large data a sample brings the chain near to where it is to go.
        """
        if not isinstance(data, LargeData) or data.is_sample:
            self._set(data)
            return self._burnt_in(self._start(rng), data, rng, BURN_IN)
        small = data.sample()
        near = of_data(small).init(small, rng)
        self._set(data)
        state = {**self._start(rng).arrays, **{name: near.arrays[name] for name in PLACES & near.arrays.keys()}}
        return self._burnt_in(SamplerState(state), data, rng, LARGE_BURN_IN)

    def _burnt_in(
        self, state: SamplerState, data: Data, rng: np.random.Generator, stages: tuple[int, ...]
    ) -> SamplerState:
        first, *others = stages
        state, _, _ = self.step(state, data, rng, transitions=first)
        for sweeps in others:
            state, _, _ = self.step(state, data, rng, transitions=sweeps, tune=True)
        return state

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Some sweeps, then the inner effects."""
        self._set(data)
        moved = SamplerState(self.fitted.step(rng, state.arrays, transitions, tune))
        return moved, self.draw(moved), Stats(transitions, 0, 1.0, 0)

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one; those of a model with one sigma in one compiled call.

        Of large data the transitions are those of a sample, and the state stays.
        """
        if isinstance(data, LargeData) and not data.is_sample:
            small = data.sample()
            other = of_data(small)
            return state, other.explore(other.init(small, rng), small, rng, transitions)[1]
        self._set(data)
        if not isinstance(self.fitted, Linear):
            return one_by_one(self, self.design, state, data, rng, transitions)
        arrays, chain = self.fitted.explore(rng, state.arrays, transitions)
        return SamplerState(arrays), scalars(self.design, self.engine.mu, self.engine.lay, chain)

    def draw(self, state: SamplerState) -> Draw:
        """The parameters at a state."""
        return graph.assemble(self.design, self.engine.values(state.arrays))

    def _lay_out(self) -> None:
        name = kind(self.design)
        assert name is not None
        self.engine = ENGINES[name](self.design, self.codes, self.rows_count)

    def _set(self, data: Data) -> None:
        """Cross-products anew if any array is another object than last time."""
        if self._knows(data):
            return
        codes = {b.key: data[f"codes_{b.key}"] for b in self.design.blocks}
        y, offset = data["y_data"], self.engine.mu.predictor.offset
        if len(y) != self.rows_count or any(not np.array_equal(codes[key], self.codes[key]) for key in codes):
            self.codes, self.rows_count = codes, len(y)
            self._lay_out()
        self.fitted = self.engine.on(data, y - offset if offset else y)
        large = isinstance(data, LargeData)
        self.held, self.seen = {} if large else dict(data), weakref.ref(data, self._release) if large else None

    def _knows(self, data: Data) -> bool:
        if isinstance(data, LargeData):
            return self.seen is not None and self.seen() is data
        return self.held.keys() == data.keys() and all(self.held[name] is values for name, values in data.items())

    def _release(self, gone: Any) -> None:
        """Keep nothing of large data that nobody else keeps."""
        if gone is self.seen:
            self.seen = None
            del self.fitted

    def _start(self, rng: np.random.Generator) -> SamplerState:
        return SamplerState(self.engine.start(self.design, rng))


def of_data(data: LargeData) -> GibbsPosterior:
    """The sampler of the model that large data, or a sample of them, are of."""
    codes = {b.key: data[f"codes_{b.key}"] for b in data.design.blocks}
    return GibbsPosterior(design=data.design, codes=codes, rows_count=len(data["y_data"]))
