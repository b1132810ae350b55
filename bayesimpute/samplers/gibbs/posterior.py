"""The compiled sampler with the interface of ``sampler.py``: starts, states as plain arrays, draws."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesimpute.designs import graph
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.sheets import LargeData
from bayesimpute.families import Rows
from bayesimpute.samplers.gibbs.burn_in import LARGE, SAMPLE_OF_LARGE
from bayesimpute.samplers.gibbs.engines import Engine, Explorable, Fitted, Movable, engine_for
from bayesimpute.samplers.gibbs.predictors import Codes
from bayesimpute.samplers.sampler import NOBODY, Data, SamplerState, Stats, Watched, one_by_one


@dataclass(kw_only=True, eq=False)
class GibbsPosterior:
    """The sampler of one model, with what it made of the data that it saw last; not for two threads at a time."""

    design: Design
    codes: Codes
    rows_count: int
    held: dict[str, np.ndarray] = field(default_factory=dict)
    engine: Engine = field(init=False)
    fitted: Fitted = field(init=False)
    seen: "weakref.ref[LargeData] | None" = None

    @classmethod
    def of(cls, design: Design, data: Data) -> "GibbsPosterior":
        """Of a model with its first data."""
        return cls(design=design, codes=clusters(design, data), rows_count=count(design, data))

    def __post_init__(self) -> None:
        self._lay_out()

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start and a short burn-in that learns the directions of the slices.

        Of large data a sample brings the chain near to where it is to go; the last stage is then that of all rows.
        """
        burn_in = self.engine.burn_in
        if not isinstance(data, LargeData) or data.is_sample:
            self._set(data)
            start = self.engine.start(rng)
            stages = burn_in.planned(start)
            return self._burnt_in(start, data, rng, stages[:-1] if isinstance(data, LargeData) else stages)
        small = data.sample()
        other = GibbsPosterior.of(small.design, small)
        return self._near(other.init(small, rng).arrays, other.rows_count, data, rng, LARGE)

    def _near(
        self, there: Mapping[str, np.ndarray], rows: int, data: Data, rng: np.random.Generator, stages: tuple[int, ...]
    ) -> SamplerState:
        """A start where a chain on so many other rows is, and what is learnt from there."""
        self._set(data)
        blocks = {key: there[key] for b in self.design.blocks if (key := f"{b.key}_theta") in there}
        state = self.engine.start(rng) | self.engine.burn_in.handed(there, self.rows_count / rows) | blocks
        return self._burnt_in(state, data, rng, stages)

    def _burnt_in(
        self, arrays: dict[str, np.ndarray], data: Data, rng: np.random.Generator, stages: tuple[int, ...]
    ) -> SamplerState:
        first, *others = stages
        state, _, _ = self.step(SamplerState(arrays), data, rng, transitions=first)
        for sweeps in others:
            faded = SamplerState(self.engine.burn_in.faded(state.arrays))
            state, _, _ = self.step(faded, data, rng, transitions=sweeps, tune=True)
        return state

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Some sweeps, then the inner effects."""
        self._set(data)
        arrays, acceptance = self.fitted.step(rng, state.arrays, transitions, tune)
        moved = SamplerState(arrays)
        return moved, self.draw(moved), Stats(transitions, 0, acceptance, 0)

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int, watched: Watched = NOBODY
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one; in one compiled call where the engine has one.

        Of large data the transitions are those of a sample, and the state stays.
        """
        if isinstance(data, LargeData) and not data.is_sample:
            small = data.sample()
            other = GibbsPosterior.of(small.design, small)
            near = other._near(state.arrays, self.rows_count, small, rng, SAMPLE_OF_LARGE)
            return state, other.explore(near, small, rng, transitions, watched)[1]
        self._set(data)
        if not isinstance(self.fitted, Explorable):
            return one_by_one(self, self.design, state, data, rng, transitions, watched)
        arrays, chain = self.fitted.explore(rng, state.arrays, transitions)
        return SamplerState(arrays), chain

    def draw(self, state: SamplerState) -> Draw:
        """The parameters at a state."""
        return graph.assemble(self.design, self.engine.values(state.arrays))

    def placed(self, state: SamplerState, draw: Draw) -> SamplerState:
        """The state at the effects of a draw."""
        assert isinstance(self.engine, Movable)
        return SamplerState(self.engine.placed(state.arrays, draw))

    def _lay_out(self) -> None:
        engine = engine_for(self.design)
        assert engine is not None
        self.engine = engine.of(self.design, self.codes, self.rows_count)

    def _set(self, data: Data) -> None:
        """Cross-products anew if any array is another object than last time."""
        if self._knows(data):
            return
        codes, n = clusters(self.design, data), count(self.design, data)
        if n != self.rows_count or any(not np.array_equal(codes[key], self.codes[key]) for key in codes):
            self.codes, self.rows_count = codes, n
            self._lay_out()
        y = self.design.family.working(data["y_data"])
        offset = sum(p.offset for p in self.design.predictors if p.key == "mu")
        for added in (o for o in self.design.offsets if o.fitted):  # of mu's alone, or no engine takes the model
            offset = offset + data[f"X_{added.key}"][:, 0]
        self.fitted = self.engine.on(data, y - offset if np.any(offset) else y)
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


def clusters(design: Design, data: Data) -> Codes:
    """Of the fitted rows, by block."""
    return {b.key: data[f"codes_{b.key}"] for b in design.blocks}


def count(design: Design, data: Data) -> int:
    """The number of fitted rows: those with an observed target, or all where a parameter is about all."""
    everywhere = [p.key for p in design.predictors if p.matrix is not None and p.parameter.rows is Rows.ALL]
    return max([len(data["y_data"]), *(len(data[f"X_{key}"]) for key in everywhere)])
