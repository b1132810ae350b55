"""The compiled sampler with the interface of ``base.py``: starts, states as plain arrays, draws."""

from dataclasses import dataclass, field

import numpy as np

from bayesimpute import graph
from bayesimpute.design import Design, Draw
from bayesimpute.priors import Prior
from bayesimpute.samplers.base import Data, SamplerState, Stats
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.parts import Part, parts
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.scaled import Frame, Scaled
from bayesimpute.samplers.gibbs.sweeps import run

BURN_IN = (30, 40, 50, 80)
"""Sweeps of a chain's start: the first are forgotten, each of the others takes its directions from those before."""
SPREAD = 1.0
"""Half the width of the starts of log sigma and log sd around the medians of their priors, and of artanh of the partial
correlations around zero."""
NAMES = ("theta", "z", "mean", "covariance", "count")


@dataclass(kw_only=True, eq=False)
class GibbsPosterior:
    """The sampler of one model, with what it made of the data that it saw last; not for two threads at a time."""

    design: Design
    codes: dict[str, np.ndarray]
    rows_count: int
    held: dict[str, np.ndarray] = field(default_factory=dict)
    mu: Part = field(init=False)
    sigma: Part | None = field(init=False)
    layout: Layout = field(init=False)
    rows: Rows = field(init=False)
    products: Products = field(init=False)
    frame: Frame | None = field(init=False, default=None)
    scaled: Scaled | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.mu, self.sigma = parts(self.design)
        self._lay_out()

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start and a short burn-in that learns the directions of the slices."""
        state = self._start(rng)
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
        before = _tuple(state, "")
        if self.scaled is None:
            after, _, u = run(rng, before, transitions, tune, self.layout, self.products)
            arrays = _arrays(after, "") | {"u": u}
        else:
            after, scale, u = self.scaled.run(rng, before, _tuple(state, "sigma_"), transitions, tune)
            arrays = _arrays(after, "") | {"u": u} | _arrays(scale, "sigma_")
        moved = SamplerState(arrays)
        return moved, self.draw(moved), Stats(transitions, 0, 1.0, 0)

    def draw(self, state: SamplerState) -> Draw:
        """The parameters at a state."""
        a = state.arrays
        values = self._values(self.mu, self.layout, a["theta"], a["z"], a["u"])
        if self.sigma is None or self.frame is None:
            values["sigma"] = np.exp(a["theta"][:1])
        else:
            values |= self._values(self.sigma, self.frame.lay, a["sigma_theta"], a["sigma_z"], a["u"])
        return graph.assemble(self.design, values)

    def _lay_out(self) -> None:
        (prior, *_) = self.design.predictors[1].priors or (None,)
        self.layout, self.rows = self.mu.layout(None if self.sigma else prior, self.codes, self.rows_count)
        if self.sigma is not None:
            self.frame = Frame.of(self.mu, self.sigma, self.codes, self.rows_count, self.layout, self.rows)

    def _set(self, data: Data) -> None:
        """Cross-products anew if any array is another object than last time."""
        if self.held.keys() == data.keys() and all(self.held[name] is values for name, values in data.items()):
            return
        codes = {b.key: data[f"codes_{b.key}"] for b in self.design.blocks}
        y, offset = data["y_data"], self.mu.predictor.offset
        if len(y) != self.rows_count or any(not np.array_equal(codes[key], self.codes[key]) for key in codes):
            self.codes, self.rows_count = codes, len(y)
            self._lay_out()
        y = y - offset if offset else y
        if self.frame is None:
            self.products = cross_products(*self.mu.matrices(data), y, self.layout, self.rows)
        else:
            self.scaled = self.frame.on(data, y)
        self.held = dict(data)

    def _start(self, rng: np.random.Generator) -> SamplerState:
        none = {"u": np.zeros((0, 0))}  # inner effects: drawn by the first step
        (prior, *_) = self.design.predictors[1].priors or (None,)
        if self.sigma is None and prior is not None:
            fresh = _fresh(_starts(self.mu, _start(prior, rng), rng), self.layout.mean, 0)
            return SamplerState(_arrays(fresh, "") | none)
        mu = _fresh(_starts(self.mu, 0.0, rng), self.layout.mean, 0)
        assert self.sigma is not None
        normals = sum(b.size * b.width for b in self.sigma.blocks)
        gamma = [p.args[0] + rng.uniform(-0.5, 0.5) * min(p.args[1], 1.0) for p in self.sigma.predictor.priors]
        z = np.concatenate([gamma, np.zeros(normals)])
        sigma = _fresh(_starts(self.sigma, 0.0, rng), z, len(gamma))
        return SamplerState(_arrays(mu, "") | none | _arrays(sigma, "sigma_"))

    def _values(
        self, part: Part, lay: Layout, theta: np.ndarray, z: np.ndarray, u: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The vectors of a predictor as the graph has them."""
        b = outer_effects(theta, lay, z)
        values: dict[str, np.ndarray] = {part.predictor.key: b[: lay.coefficients]}
        for k, (block, first, at) in enumerate(zip(part.blocks, lay.firsts, lay.offsets, strict=True)):
            end = first + block.width
            values[f"{block.key}_sd"] = np.exp(theta[first:end])
            if block.width > 1:
                last = end + block.width * (block.width - 1) // 2
                values[f"{block.key}_partial"] = (1 + np.tanh(theta[end:last])) / 2
            if k < lay.inner:
                values[block.key] = np.ascontiguousarray(u[:, at : at + block.width])
            else:
                values[block.key] = b[at : at + block.size * block.width].reshape(block.size, block.width)
        return values


def _tuple(state: SamplerState, prefix: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    theta, z, mean, covariance, count = (state.arrays[prefix + name] for name in NAMES)
    return theta, z, mean, covariance, float(count)


def _arrays(state: tuple, prefix: str) -> dict[str, np.ndarray]:
    return {prefix + name: np.asarray(part) for name, part in zip(NAMES, state, strict=True)}


def _fresh(theta: np.ndarray, z: np.ndarray, more: int) -> tuple:
    """A state that has learnt nothing; directions are of theta and of `more` coefficients."""
    size = theta.size + more
    return theta, z.copy(), np.zeros(size), np.zeros((size, size)), 0.0


def _starts(part: Part, sigma: float, rng: np.random.Generator) -> np.ndarray:
    theta = [sigma]
    for b in part.blocks:
        theta += [_start(prior, rng) for prior in b.priors]
        theta += list(rng.uniform(-SPREAD, SPREAD, b.width * (b.width - 1) // 2))
    return np.array(theta)


def _start(prior: Prior, rng: np.random.Generator) -> float:
    """The log of a value near the middle of a prior of positive numbers."""
    if prior.name == "Uniform":
        lower, upper = prior.args
        return float(np.log(lower + (upper - lower) * rng.uniform(0.1, 0.9)))
    middle = np.median(prior.draw(np.random.default_rng(0), 1001))
    return float(np.log(middle) + rng.uniform(-SPREAD, SPREAD))
