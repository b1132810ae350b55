"""The sampler of selection models with the interface of ``base.py``: starts, states as plain arrays, draws."""

from dataclasses import dataclass, field

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs import graph
from bayesimpute.designs.design import Design, Draw
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.selection.equation_arrays import Frame
from bayesimpute.samplers.gibbs.selection.equations import Pair
from bayesimpute.samplers.gibbs.selection.selection_sweeps import run_selection
from bayesimpute.samplers.gibbs.states import start
from bayesimpute.samplers.sampler import Data, SamplerState, Stats, one_by_one

BURN_IN = (30, 100, 200, 400, 1500)
"""Sweeps of a chain's start: the first are forgotten, each of the others takes its directions from those before."""
FADED = 50.0
"""As so many sweeps counts, at the beginning of a stage of the burn-in, what was learnt before it."""
SPREAD = 0.5
"""Half the width of the starts of artanh rho, log sd and the partial correlations around their middles."""
LINEAR = ("theta", "z", "mean", "covariance", "count")
ERRORS = ("zeta", "log_sigma", "u")
RIDGE = ("ridge_count", "ridge_mean", "ridge_covariance", "ridge_variance")


@dataclass(kw_only=True, eq=False)
class SelectionPosterior:
    """The sampler of one model, with what it made of the data that it saw last; not for two threads at a time."""

    design: Design
    held: dict[str, np.ndarray] = field(default_factory=dict)
    codes: dict[str, np.ndarray] = field(default_factory=dict)
    counts: tuple[int, int] = (0, 0)
    frame: Frame = field(init=False)
    pair: Pair = field(init=False)

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A dispersed start and a burn-in that learns the directions of the slices."""
        self._set(data)
        state = self._start(rng)
        first, *others = BURN_IN
        state, _, _ = self.step(state, data, rng, transitions=first)
        for sweeps in others:
            faded = {"ridge_count": np.minimum(state.arrays["ridge_count"], FADED)}
            state, _, _ = self.step(SamplerState({**state.arrays, **faded}), data, rng, transitions=sweeps, tune=True)
        return state

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Some sweeps."""
        self._set(data)
        linear, errors, ridge = (_tuple(state, names) for names in (LINEAR, ERRORS, RIDGE))
        after = run_selection(rng, linear, errors, ridge, transitions, tune, self.frame.lay, self.pair)
        arrays: dict[str, np.ndarray] = {}
        for names, values in zip((LINEAR, ERRORS, RIDGE), after, strict=True):
            arrays |= {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
        moved = SamplerState(arrays)
        return moved, self.draw(moved), Stats(transitions, 0, 1.0, 0)

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one."""
        return one_by_one(self, self.design, state, data, rng, transitions)

    def draw(self, state: SamplerState) -> Draw:
        """The parameters at a state."""
        a, frame = state.arrays, self.frame
        lay, b = frame.lay, outer_effects(a["theta"], frame.lay, a["z"])
        first = len(frame.predictors["mu"].priors)
        values = {"mu": b[:first], "selection": b[first : lay.coefficients], "rho": np.tanh(a["zeta"])[None]}
        if "sigma" in frame.predictors:
            values["sigma"] = np.exp(a["log_sigma"])[None]
        for k, (block, place, at) in enumerate(zip(frame.blocks, lay.firsts, lay.offsets, strict=True)):
            end = place + block.width
            values[f"{block.key}_sd"] = np.exp(a["theta"][place:end])
            if block.width > 1:
                last = end + block.width * (block.width - 1) // 2
                values[f"{block.key}_partial"] = (1 + np.tanh(a["theta"][end:last])) / 2
            if k < lay.inner:
                values[block.key] = np.ascontiguousarray(a["u"][:, at : at + block.width])
            else:
                values[block.key] = b[at : at + block.size * block.width].reshape(block.size, block.width)
        return graph.assemble(self.design, values)

    def _set(self, data: Data) -> None:
        """Cross-products anew if any array is another object than last time."""
        if self.held.keys() == data.keys() and all(self.held[name] is values for name, values in data.items()):
            return
        codes = {b.key: data[f"codes_{b.key}"] for b in self.design.blocks}
        counts = len(data["y_data"]), len(data["X_selection"])
        if counts != self.counts or any(not np.array_equal(codes[key], self.codes[key]) for key in codes):
            self.codes, self.counts = codes, counts
            self.frame = Frame.of(self.design, codes, *counts)
        self.pair = self.frame.on(data)
        self.held = dict(data)

    def _start(self, rng: np.random.Generator) -> SamplerState:
        lay, predictors = self.frame.lay, self.frame.predictors
        theta = [0.0]
        for b in self.frame.blocks:
            theta += [start(prior, rng, SPREAD) for prior in b.priors]
            theta += list(rng.uniform(-SPREAD, SPREAD, b.width * (b.width - 1) // 2))
        sigma = start(predictors["sigma"].priors[0], rng, SPREAD) if "sigma" in predictors else 0.0
        n, size = len(theta), lay.mean.size + lay.clusters * lay.width
        arrays = {"theta": np.array(theta), "z": lay.mean.copy(), "mean": np.zeros(n), "covariance": np.zeros((n, n))}
        arrays |= {"count": np.array(0.0), "zeta": np.array(_correlation(predictors["rho"].priors[0], rng))}
        arrays |= {"log_sigma": np.array(sigma), "u": np.zeros((lay.clusters, lay.width))}
        arrays |= {"ridge_count": np.array(0.0), "ridge_mean": np.zeros(4 + size)}
        arrays |= {"ridge_covariance": np.zeros((3, 4 + size)), "ridge_variance": np.zeros(4 + size)}
        return SamplerState(arrays)


def _tuple(state: SamplerState, names: tuple[str, ...]) -> tuple:
    values = (state.arrays[name] for name in names)
    return tuple(value if value.ndim else float(value) for value in values)


def _correlation(prior: Prior, rng: np.random.Generator) -> float:
    """Artanh of a value near the middle of a prior of rho."""
    lower, upper = np.quantile(prior.draw(np.random.default_rng(0), 1001), [0.25, 0.75])
    return float(np.arctanh(rng.uniform(lower, upper)))
