"""Targets that are nothing or something: a yes/no model of whether, and a model of how much of those with some.

Proportions may be all as well: whether they are, among those that are something, is a part of its own.

The likelihood is a product of the parts', so that they have engines of their own; what ties them are group-specific
effects that they have by the same cluster key, with one covariance matrix Sigma. A sweep takes each part given the
other's effects (``part_of_several.py``), then Sigma, given the effects and row by row (``sigma_rows.py``), and where
data say little all of it at once (``joint_leaps.py``). Parts that share no cluster key do not wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import places
from bayesimpute.families import Bernoulli, Family, Hurdle, Semicontinuous, ZeroInflated
from bayesimpute.families.inflated_beta import ONE, InflatedBeta
from bayesimpute.families.inflated_beta import PARTS as ENDS
from bayesimpute.families.two_part_counts import ZERO
from bayesimpute.samplers.gibbs.binary import Binary, Structural
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.centring_together import can_draw, draw_together
from bayesimpute.samplers.gibbs.counts import GROWING, LENGTHS, Counts, CountsAboveZero, InflatedCounts
from bayesimpute.samplers.gibbs.joint_leaps import begun_leaps, can_leap, leap_together
from bayesimpute.samplers.gibbs.kept_rows import Amounts
from bayesimpute.samplers.gibbs.label_moves import move_together
from bayesimpute.samplers.gibbs.layout import few, layout, ordered
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.part_of_several import Half, HalfOnData, design_of
from bayesimpute.samplers.gibbs.predictors import Codes, shifted
from bayesimpute.samplers.gibbs.shared_effects import ROUNDS_OF_MANY, Joint
from bayesimpute.samplers.gibbs.sigma_formula import Scaled
from bayesimpute.samplers.gibbs.sigma_rows import begun_lengths, move_rows
from bayesimpute.samplers.gibbs.states import Arrays, Moved
from bayesimpute.samplers.sampler import Data

Seen = Semicontinuous | Hurdle | InflatedBeta
"""Targets of which it is seen which rows a part has."""
Whole = Seen | ZeroInflated
ROUNDS = 1
"""Of the moves of Sigma row by row in a sweep."""
Containers = dict[str, np.ndarray]
Owns = list[dict[str, np.ndarray]]
"""Each part's arrays."""
AMOUNTS, ABOVE_ZERO, INFLATED = (Amounts, Scaled, Counts), (CountsAboveZero,), (InflatedCounts,)
"""The engines of how much."""
PARTS = ("mu", ZERO, ONE)
"""The linear predictors that may be a part's."""


@dataclass(frozen=True, eq=False)
class Tied:
    """A model on its data."""

    parts: tuple[HalfOnData, ...]
    joints: tuple[Joint, ...]

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        state = {name: np.array(values) for name, values in arrays.items()}
        owns = [part.half.arrays(state) for part in self.parts]
        if self.joints:
            self._move_together(rng, owns, state, sweeps, tune)
        else:
            self._move_apart(rng, owns, sweeps, tune)
        for part, own in zip(self.parts, owns, strict=True):
            state.update(part.half.named(own))
        return state, 1.0

    def _move_together(
        self, rng: np.random.Generator, owns: Owns, state: dict[str, np.ndarray], sweeps: int, tune: bool
    ) -> None:
        """Parts with effects that they share; `owns`, the parts' arrays, and `state` in place."""
        many, etas = can_draw(self.parts), self._begun(owns, state)
        for _ in range(sweeps):
            for k, own in enumerate(owns):
                etas[k] = self._given_rows(k, etas, owns).move(rng, own, state, self.joints, tune)
            for joint in self.joints:
                if many:
                    draw_together(rng, joint, self.parts, owns, state)
                for _ in range(ROUNDS_OF_MANY if many else 1):
                    self._move_given_effects(rng, joint, state, tune)
                self._move_one_by_one(rng, joint, owns, state, etas, tune)
                self._leap(rng, joint, owns, state, etas, tune)

    def _move_apart(self, rng: np.random.Generator, owns: Owns, sweeps: int, tune: bool) -> None:
        """Parts without effects that they share, one after the other, in place."""
        for part, own in zip(self.parts, owns, strict=True):
            moved, _ = part.fitted.step(rng, own, sweeps, tune)
            own.update(moved)

    def _begun(self, owns: Owns, state: Arrays) -> list[np.ndarray]:
        """Places for the parts' predictors; here nobody asks for them before they are moved."""
        del owns, state
        return [np.empty(0) for _ in self.parts]

    def _given_rows(self, k: int, etas: list[np.ndarray], owns: Owns) -> HalfOnData:
        """Part k given the other parts' predictors: here it does not depend on them."""
        del etas, owns
        return self.parts[k]

    def _move_given_effects(
        self, rng: np.random.Generator, joint: Joint, state: dict[str, np.ndarray], tune: bool
    ) -> None:
        key, effects = joint.block.key, state[joint.block.key]
        theta, mean, covariance = (state[f"{key}_{name}"] for name in ("theta", "mean", "covariance"))
        given = joint.lay, effects.T @ effects, np.eye(joint.block.width)
        count = move_together(rng, theta, mean, covariance, float(state[f"{key}_count"]), tune, *given)
        state[f"{key}_count"] = np.asarray(count)

    def _move_one_by_one(
        self,
        rng: np.random.Generator,
        joint: Joint,
        owns: Owns,
        state: dict[str, np.ndarray],
        etas: list[np.ndarray],
        tune: bool,
    ) -> None:
        """Each effect's row of Sigma given its residuals' standard normals and the other effects; all in place."""
        key, (shape,) = joint.block.key, joint.block.correlations.args
        lengths, count = state[f"{key}_lengths"], float(state[f"{key}_lengths_count"])
        for k in self._having(joint):
            part = self._given_rows(k, etas, owns)
            own = etas[k], part.columns[key], part.codes[key], part.fitted.likelihood(owns[k]), shape, joint.lay
            known = lengths, count, ROUNDS, tune
            count = move_rows(rng, part.half.own(joint).start, state[key], state[f"{key}_theta"], *own, *known)
        state[f"{key}_lengths_count"] = np.asarray(count)

    def _leap(
        self,
        rng: np.random.Generator,
        joint: Joint,
        owns: Owns,
        state: dict[str, np.ndarray],
        etas: list[np.ndarray],
        tune: bool,
    ) -> None:
        """Everything about joint effects at once; all in place."""
        at = self._having(joint)
        if can_leap([self.parts[k] for k in at]):
            parts = [self._given_rows(k, etas, owns) for k in at]
            leap_together(rng, joint, parts, [owns[k] for k in at], state, [etas[k] for k in at], tune)

    def _having(self, joint: Joint) -> list[int]:
        """The parts that have joint effects."""
        return [k for k, part in enumerate(self.parts) if part.half.place(joint) is not None]


@dataclass(frozen=True, eq=False)
class Own:
    """A part as a model of its own.

    Parameters
    ----------
    keys : mapping of str to str
        Its linear predictors in the whole model, the one that is its mu first, and what they are called in its own.
    value : float or None
        Of which value it says whether a row has it; None of the last part, which says what the others are.
    design : Design
    engines : tuple of MixedEngine
        Of which one may take it.
    """

    keys: Mapping[str, str]
    value: float | None
    design: Design
    engines: tuple[type[MixedEngine], ...]

    @property
    def key(self) -> str:
        """The linear predictor of the whole model that is its mu."""
        return next(iter(self.keys))

    @property
    def engine(self) -> type[MixedEngine] | None:
        """The one that takes it."""
        return next((engine for engine in self.engines if engine.takes(self.design)), None)  # type: ignore[attr-defined]

    def half(self, codes: Codes, n: int, joints: tuple[Joint, ...]) -> Half:
        """Of the clusters of its rows and their number."""
        engine = self.engine
        assert engine is not None
        return Half.of(self.key, engine.of(self.design, codes, n), joints)  # type: ignore[attr-defined]

    def data(self, data: Data, whole: Design) -> Containers:
        """What the containers of its model would hold, at all rows, but for the target."""
        named = {name: p for p, name in self.keys.items() if whole.predictor(p).matrix is not None}
        found = {f"X_{name}": np.asarray(data[f"X_{p}"]) for name, p in named.items()}
        for b in whole.blocks:
            own = [at for p, at in places(b) if p in self.keys]
            if own:
                found |= {f"X_{b.key}": np.ascontiguousarray(data[f"X_{b.key}"][:, own[0]])}
                found[f"codes_{b.key}"] = np.asarray(data[f"codes_{b.key}"])
        sides = whole.side if self.value is None else ()
        return found | {f"side_{role}": np.asarray(data[f"side_{role}"]) for role in sides}

    def target(self, given: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Its own of values of the whole, and what its model has of them less mu's offset, each (row,)."""
        if self.value is None:
            return given, self.design.family.working(given) - offset
        whether = (given == self.value).astype(float)
        return whether, whether


@dataclass(frozen=True, eq=False)
class SeveralParts:
    """All parts before they see data, each of those rows that no part before it has."""

    burn_in: ClassVar[BurnIn] = BurnIn(
        places=tuple(f"{part}.{name}" for part in PARTS for name in ("theta", "z", "alpha_theta", *LENGTHS)),
        growing={f"{part}.{sums}": f"{part}.{looks}" for part in PARTS for sums, looks in GROWING.items()},
    )
    design: Design
    codes: Codes
    joints: tuple[Joint, ...]
    halves: tuple[Half, ...]

    @cached_property
    def owns(self) -> tuple[Own, ...]:
        """The parts as models of their own."""
        return owns(self.design)

    @staticmethod
    def takes(design: Design) -> bool:
        """Amounts, hurdle counts and proportions whose parts have engines."""
        return isinstance(design.family.fitted_as, Seen) and have_engines(design)

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "SeveralParts":
        """From the clusters of the fitted rows; all parts count them all, as of most not even the rows are known."""
        joints = tuple(Joint(b, layout([], None, [], [b], codes, n)[0]) for b in design.blocks if len(b.parts) > 1)
        return cls(design, codes, joints, tuple(own.half(codes, n, joints) for own in owns(design)))

    def on(self, data: Data, y: np.ndarray) -> Tied:
        """All parts on data, with the target less mu's offset."""
        given = np.asarray(data["y_data"], dtype=float)
        return self.parted(self.held(data), given, given - y)

    def held(self, data: Data) -> tuple[Containers, ...]:
        """Each part's own of the containers, at all rows, but for the target."""
        return tuple(own.data(data, self.design) for own in self.owns)

    def parted(self, held: Sequence[Containers], given: np.ndarray, offset: np.ndarray) -> Tied:
        """All parts, each on its rows; with mu's offset."""
        left, parts = np.ones(len(given), dtype=bool), []
        for k, own in enumerate(self.owns):
            rows = slice(None) if left.all() else np.flatnonzero(left)
            parts.append(self.part(k, rows, held[k], given[rows], offset[rows]))
            left &= given != own.value
        return Tied(tuple(parts), self.joints)

    def part(
        self, k: int, rows: slice | np.ndarray, held: Containers, given: np.ndarray, offset: np.ndarray
    ) -> HalfOnData:
        """One on some rows; of `held` these are not yet chosen."""
        own, codes = self.owns[k], {key: of[rows] for key, of in self.codes.items()}
        half = self.halves[k] if isinstance(rows, slice) else own.half(codes, len(given), self.joints)
        values, working = own.target(given, offset)
        data = {name: each[rows] for name, each in held.items()} | {"y_data": values}
        keys = [joint.block.key for joint in self.joints if half.place(joint) is not None]
        columns, codes = ({key: data[f"{kind}_{key}"] for key in keys} for kind in ("X", "codes"))
        return HalfOnData(half, half.engine.on(data, working), columns, codes)  # type: ignore[attr-defined]

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        state: dict[str, np.ndarray] = {}
        for half in self.halves:
            state |= half.named(half.engine.start(rng))  # type: ignore[attr-defined]
        for joint in self.joints:
            coefficients = sum(half.engine.lay.coefficients for half in self.halves if half.place(joint) is not None)
            state |= joint.begun(rng) | begun_lengths(joint) | begun_leaps(joint, coefficients)
        return state

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        found: dict[str, np.ndarray] = {}
        for half in self.halves:
            own = half.engine.values(half.arrays(arrays))
            found |= {half.key if name == "mu" else name: value for name, value in own.items()}
        for joint in self.joints:
            found |= joint.values(arrays)
        return found


def have_engines(design: Design) -> bool:
    """Whether all parts have."""
    if shifted(design) - {"mu"}:
        return False
    return all(few(ordered(own.design.blocks)[1]) and own.engine is not None for own in owns(design))


def owns(design: Design) -> tuple[Own, ...]:
    """The parts in their order."""
    family = design.family.fitted_as
    assert isinstance(family, Whole)
    some: Family = family.base
    shares = {part: ENDS[part] for part in (family.parts if isinstance(family, InflatedBeta) else (ZERO,))}
    names = {"mu": "mu"} | {p.key: p.key for p in design.predictors if p.key not in shares}
    engines, seen = ABOVE_ZERO if isinstance(family, Hurdle) else AMOUNTS, Binary
    if isinstance(family, ZeroInflated):
        engines, seen = INFLATED, Structural
    whether = Bernoulli(link="logit")
    first = [Own({k: "mu"}, value, design_of(design, whether, {k: "mu"}), (seen,)) for k, value in shares.items()]
    return (*first, Own(names, None, design_of(design, some, names), engines))
