"""One linear predictor of several that effects tie together: its own model before it sees data, and on data.

Given the other predictors' effects those of this one have a normal law with a mean in each cluster and Schur's
complement for a covariance. So with the mean added to its rows, and the covariance held, it is a model that an engine
of one predictor draws from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, places
from bayesimpute.families import Family
from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.count_likelihoods import Likelihood
from bayesimpute.samplers.gibbs.layout import FIXED, Layout
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.shared_effects import Joint, put_deviations, taken_deviations
from bayesimpute.samplers.gibbs.states import Arrays, Moved


class Addable(Protocol):
    """A model of one linear predictor on its data."""

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        ...

    def with_added(self, added: np.ndarray) -> Self:
        """The same with something more added to the predictor, shape (row,)."""
        ...

    def predictor(self, arrays: Arrays) -> np.ndarray:
        """The linear predictor, with what is added to it, shape (row,)."""
        ...

    def likelihood(self, arrays: Arrays) -> Likelihood:
        """Of the predictor, up to what does not depend on it."""
        ...


def part_of(block: Block, key: str) -> Block | None:
    """A block's part of one linear predictor, as a block of its own; None if it has none."""
    at = next((place for predictor, place in places(block) if predictor == key), None)
    if at is None:
        return None
    return replace(
        block,
        parts=tuple(part for part in block.parts if part[0] == key),
        names=block.names[at],
        called=block.called[at],
        centre=block.centre[at],
        scale=block.scale[at],
        units=block.units[at],
        priors=block.priors[at],
    )


def design_of(design: Design, family: Family, keys: Mapping[str, str]) -> Design:
    """The model of some predictors of a design as one of a family of its own, under that family's names."""
    predictors = [
        replace(p, parameter=replace(p.parameter, name=keys[p.key])) for p in design.predictors if p.key in keys
    ]
    blocks = [(key, b) for key in keys for each in design.blocks if (b := part_of(each, key)) is not None]
    return replace(
        design,
        family=family,
        predictors=tuple(predictors),
        blocks=tuple(replace(b, parts=tuple((keys[key], m) for _, m in b.parts)) for key, b in blocks),
        offsets=tuple(replace(o, predictor=keys[o.predictor]) for o in design.offsets if o.predictor in keys),
    )


def held(lay: Layout, at: list[int]) -> Layout:
    """A layout in which nothing moves the deviations of some blocks."""
    groups = lay.groups.copy()
    for place in at:
        width, first = lay.widths[place], lay.firsts[place]
        groups[first : first + width * (width + 1) // 2] = FIXED
    return lay._replace(groups=groups)


@compiled
def rows_of_effects(columns, codes, effects):
    """Sum over effects of columns (row, effect) times effects (cluster, effect), shape (row,)."""
    out = np.zeros(codes.size)
    for a in range(columns.shape[1]):
        for i in range(codes.size):
            out[i] += columns[i, a] * effects[codes[i], a]
    return out


@dataclass(frozen=True, eq=False)
class Half:
    """A part before it sees data.

    Parameters
    ----------
    key : str
        The linear predictor of the whole model that is its mu.
    engine : MixedEngine
        Of its own model, in which the deviations of effects that it has with others are held.
    """

    key: str
    engine: MixedEngine

    @classmethod
    def of(cls, key: str, engine: MixedEngine, joints: tuple[Joint, ...]) -> "Half":
        """Of the engine of a model of its own."""
        keys = [joint.block.key for joint in joints]
        at = [place for place, b in enumerate(engine.mu.blocks) if b.key in keys]
        return cls(key, replace(engine, lay=held(engine.lay, at)))

    def place(self, joint: Joint) -> int | None:
        """That of joint effects among its blocks."""
        return next((k for k, b in enumerate(self.engine.mu.blocks) if b.key == joint.block.key), None)

    def own(self, joint: Joint) -> slice:
        """Its places among joint effects."""
        return next(place for key, place in places(joint.block) if key == self.key)

    def arrays(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Its own of a state."""
        return {name.removeprefix(f"{self.key}."): v for name, v in state.items() if name.startswith(f"{self.key}.")}

    def named(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """These under the names that they have in a state."""
        return {f"{self.key}.{name}": value for name, value in arrays.items()}


@dataclass(frozen=True, eq=False)
class HalfOnData:
    """A part on data.

    Parameters
    ----------
    half : Half
    fitted : Addable
    columns : mapping of str to ndarray, shape (row, effect)
        Its columns of joint effects, by block.
    codes : mapping of str to ndarray of int, shape (row,)
        Their clusters.
    """

    half: Half
    fitted: Any
    columns: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]

    def of_effects(self, joint: Joint, effects: np.ndarray) -> np.ndarray:
        """What its own of joint effects, (cluster, effect), are of its predictor, shape (row,)."""
        key = joint.block.key
        return rows_of_effects(self.columns[key], self.codes[key], np.ascontiguousarray(effects))

    def move(
        self,
        rng: np.random.Generator,
        own: dict[str, np.ndarray],
        state: Mapping[str, np.ndarray],
        joints: tuple[Joint, ...],
        tune: bool,
    ) -> np.ndarray:
        """One sweep given the other parts' effects; `own`, its arrays, and its effects of `state`, the joint effects'
        arrays, in place. Its linear predictor after it, shape (row,).
        """
        half = self.half
        fitted, means = self.given_others(own, state, joints)
        moved, _ = fitted.step(rng, own, 1, tune)
        own.update(moved)
        for joint, mean in zip(joints, means, strict=True):
            place = half.place(joint)
            if place is not None:
                state[joint.block.key][:, half.own(joint)] = mean + taken_deviations(own, half.engine.lay, place)
        return fitted.predictor(own)

    def given_others(
        self, own: dict[str, np.ndarray], state: Mapping[str, np.ndarray], joints: tuple[Joint, ...]
    ) -> tuple[Any, list[Any]]:
        """Its model given the other parts' effects, with `own` set so, in place, and the means of its own effects then,
        of those that it has.
        """
        half, means, added = self.half, [], None
        for joint in joints:
            place = half.place(joint)
            means.append(0.0)
            if place is not None:
                means[-1], left = joint.given_others(state, half.own(joint))
                put_deviations(
                    own, half.engine.lay, place, state[joint.block.key][:, half.own(joint)] - means[-1], left
                )
                of_mean = self.of_effects(joint, means[-1])
                added = of_mean if added is None else added + of_mean
        return self.fitted if added is None else self.fitted.with_added(added), means

    def predictor(
        self, own: dict[str, np.ndarray], state: Mapping[str, np.ndarray], joints: tuple[Joint, ...]
    ) -> np.ndarray:
        """Its linear predictor, shape (row,)."""
        fitted, _ = self.given_others(own, state, joints)
        return fitted.predictor(own)
