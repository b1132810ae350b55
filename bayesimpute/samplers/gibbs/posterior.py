"""The compiled sampler with the interface of ``base.py``: starts, states as plain arrays, draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bayesimpute import graph
from bayesimpute.design import Block, Design, Draw
from bayesimpute.priors import Prior
from bayesimpute.samplers.base import Data, SamplerState, Stats
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, Rows, layout, ordered
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.sweeps import run

BURN_IN = (30, 40, 50, 80)
"""Sweeps of a chain's start: the first are forgotten, each of the others takes its directions from those before."""
SPREAD = 1.0
"""Half the width of the starts of log sigma and log sd around the medians of their priors, and of artanh of the partial
correlations around zero."""
PARTS = ("theta", "z", "mean", "covariance", "count", "u")


@dataclass(kw_only=True, eq=False)
class GibbsPosterior:
    """The sampler of one model, with the cross-products of the data that it saw last; not for two threads at a time."""

    design: Design
    codes: dict[str, np.ndarray]
    held: dict[str, np.ndarray] = field(default_factory=dict)
    layout: Layout = field(init=False)
    rows: Rows = field(init=False)
    products: Products = field(init=False)

    def __post_init__(self) -> None:
        self.layout, self.rows = layout(self.design, self.codes)

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start and a short burn-in that learns the directions of the slices."""
        theta = self._start(rng)
        size = theta.size
        none = np.zeros((0, 0))  # inner effects: drawn by the first step
        state = _state(theta, self.layout.mean.copy(), np.zeros(size), np.zeros((size, size)), 0.0, none)
        first, *others = BURN_IN
        state, _, _ = self.step(state, data, rng, transitions=first)
        for sweeps in others:
            state, _, _ = self.step(state, data, rng, transitions=sweeps, tune=True)
        return state

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Some sweeps, then the inner effects."""
        self._set(data)
        a = state.arrays
        *parts, b, u = run(
            rng, *(a[k] for k in PARTS[:4]), float(a["count"]), transitions, tune, self.layout, self.products
        )
        return _state(*parts, u), self._draw(parts[0], b, u), Stats(transitions, 0, 1.0, 0)

    def draw(self, state: SamplerState) -> Draw:
        """The parameters at a state."""
        theta, z, u = (state.arrays[name] for name in ("theta", "z", "u"))
        return self._draw(theta, outer_effects(theta, self.layout, z), u)

    def _set(self, data: Data) -> None:
        """Cross-products anew if any array is another object than last time."""
        if self.held.keys() == data.keys() and all(self.held[name] is values for name, values in data.items()):
            return
        design = self.design
        codes = {b.key: data[f"codes_{b.key}"] for b in design.blocks}
        if any(not np.array_equal(codes[key], self.codes[key]) for key in codes):
            self.codes = codes
            self.layout, self.rows = layout(design, codes)
        inner, outer = ordered(design)
        y = data["y_data"]
        mu = design.predictors[0]
        self.products = cross_products(
            data["X_mu"],
            _beside(inner, data, len(y)),
            _beside(outer, data, len(y)),
            y - mu.offset if mu.offset else y,
            self.layout,
            self.rows,
        )
        self.held = dict(data)

    def _start(self, rng: np.random.Generator) -> np.ndarray:
        inner, outer = ordered(self.design)
        theta = [_start(self.design.predictors[1].priors[0], rng)]
        for b in inner + outer:
            theta += [_start(prior, rng) for prior in b.priors]
            theta += list(rng.uniform(-SPREAD, SPREAD, b.width * (b.width - 1) // 2))
        return np.array(theta)

    def _draw(self, theta: np.ndarray, b: np.ndarray, u: np.ndarray) -> Draw:
        lay = self.layout
        values: dict[str, np.ndarray] = {"mu": b[: lay.coefficients], "sigma": np.exp(theta[:1])}
        inner, outer = ordered(self.design)
        for block, first, at in zip(inner + outer, lay.firsts, lay.offsets, strict=True):
            end = first + block.width
            values[f"{block.key}_sd"] = np.exp(theta[first:end])
            if block.width > 1:
                last = end + block.width * (block.width - 1) // 2
                values[f"{block.key}_partial"] = (1 + np.tanh(theta[end:last])) / 2
            if block in outer:
                values[block.key] = b[at : at + block.size * block.width].reshape(block.size, block.width)
            else:
                values[block.key] = np.ascontiguousarray(u[:, at : at + block.width])
        return graph.assemble(self.design, values)


def _state(*parts: np.ndarray | float) -> SamplerState:
    return SamplerState({name: np.asarray(part) for name, part in zip(PARTS, parts, strict=True)})


def _beside(blocks: list[Block], data: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    matrices = [data[f"X_{b.key}"] for b in blocks]
    return matrices[0] if len(matrices) == 1 else np.hstack([np.zeros((rows, 0)), *matrices])


def _start(prior: Prior, rng: np.random.Generator) -> float:
    """The log of a value near the middle of a prior of positive numbers."""
    if prior.name == "Uniform":
        lower, upper = prior.args
        return float(np.log(lower + (upper - lower) * rng.uniform(0.1, 0.9)))
    middle = np.median(prior.draw(np.random.default_rng(0), 1001))
    return float(np.log(middle) + rng.uniform(-SPREAD, SPREAD))
