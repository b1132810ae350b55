"""Targets that are nothing or something: a yes/no model of whether, and a model of how much of those with some.

The likelihood is a product of both parts', so that they have engines of their own; what ties them are group-specific
effects that both have by the same cluster key, with one covariance matrix Sigma. A sweep takes each part given the
other's effects (``part_of_several.py``), then Sigma, given the effects and row by row (``sigma_rows.py``). Parts that
share no cluster key do not wait for each other.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import places
from bayesimpute.families import Bernoulli, Family, HurdleNegativeBinomial, HurdlePoisson, Semicontinuous
from bayesimpute.families.two_part_counts import ZERO
from bayesimpute.samplers.gibbs.binary import Binary
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.centring_together import can_draw, draw_together
from bayesimpute.samplers.gibbs.counts import GROWING, LENGTHS, Counts, CountsAboveZero
from bayesimpute.samplers.gibbs.kept_rows import Amounts
from bayesimpute.samplers.gibbs.label_moves import move_together
from bayesimpute.samplers.gibbs.layout import few, layout, ordered
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.part_of_several import Half, HalfOnData, design_of
from bayesimpute.samplers.gibbs.predictors import Codes, shifted
from bayesimpute.samplers.gibbs.shared_effects import ROUNDS_OF_MANY, Joint
from bayesimpute.samplers.gibbs.sigma_formula import Scaled
from bayesimpute.samplers.gibbs.sigma_rows import Row, begun_lengths
from bayesimpute.samplers.gibbs.states import Arrays, Moved
from bayesimpute.samplers.sampler import Data

Whole = Semicontinuous | HurdlePoisson | HurdleNegativeBinomial
AMOUNTS, ABOVE_ZERO = (Amounts, Scaled, Counts), (CountsAboveZero,)
"""The engines of how much."""
PARTS = ("mu", ZERO)


@dataclass(frozen=True, eq=False)
class Tied:
    """A model on its data."""

    parts: tuple[HalfOnData, ...]
    joints: tuple[Joint, ...]

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        state = {name: np.array(values) for name, values in arrays.items()}
        if not self.joints:
            for part in self.parts:
                moved, _ = part.fitted.step(rng, part.half.arrays(state), sweeps, tune)
                state.update(part.half.named(moved))
            return state, 1.0
        many = can_draw(self.parts)
        for _ in range(sweeps):
            etas = [part.move(rng, state, self.joints, tune) for part in self.parts]
            for joint in self.joints:
                if many:
                    draw_together(rng, joint, self.parts, state)
                for _ in range(ROUNDS_OF_MANY if many else 1):
                    self._move_given_effects(rng, joint, state, tune)
                self._move_one_by_one(rng, joint, state, etas, tune)
        return state, 1.0

    def _move_given_effects(
        self, rng: np.random.Generator, joint: Joint, state: dict[str, np.ndarray], tune: bool
    ) -> None:
        key, effects = joint.block.key, state[joint.block.key]
        theta, mean, covariance = (state[f"{key}_{name}"] for name in ("theta", "mean", "covariance"))
        given = joint.lay, effects.T @ effects, np.eye(joint.block.width)
        count = move_together(rng, theta, mean, covariance, float(state[f"{key}_count"]), tune, *given)
        state[f"{key}_count"] = np.asarray(count)

    def _move_one_by_one(
        self, rng: np.random.Generator, joint: Joint, state: dict[str, np.ndarray], etas: list[np.ndarray], tune: bool
    ) -> None:
        """Each effect's row of Sigma given its residuals' standard normals and the other effects; all in place."""
        for part, eta in zip(self.parts, etas, strict=True):
            if part.half.place(joint) is not None:
                for k, a in enumerate(np.arange(joint.block.width)[part.half.own(joint)]):
                    column = np.ascontiguousarray(part.columns[joint.block.key][:, k])

                    def density(moved: np.ndarray, part: HalfOnData = part) -> float:
                        return part.density(moved, state)

                    row = Row(joint, int(a), column, part.codes[joint.block.key])
                    row.move(rng, state, eta, density, tune)


@dataclass(frozen=True, eq=False)
class TwoParts:
    """Both parts before they see data."""

    burn_in: ClassVar[BurnIn] = BurnIn(
        places=tuple(f"{part}.{name}" for part in PARTS for name in ("theta", "z", "alpha_theta", *LENGTHS)),
        growing={f"{part}.{sums}": f"{part}.{looks}" for part in PARTS for sums, looks in GROWING.items()},
    )
    design: Design
    codes: Codes
    joints: tuple[Joint, ...]
    zero: Half
    some: Half

    @staticmethod
    def takes(design: Design) -> bool:
        """Amounts and hurdle counts whose parts have engines."""
        if not isinstance(design.family.fitted_as, Whole) or shifted(design) - {"mu"}:
            return False
        zero, some = _designs(design)
        outer = [few(ordered(each.blocks)[1]) for each in (zero, some)]
        return all(outer) and Binary.takes(zero) and _engine(design, some) is not None

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "TwoParts":
        """From the clusters of the fitted rows; of how much all of them count, as of it not even the rows are known."""
        joints = tuple(Joint(b, layout([], None, [], [b], codes, n)[0]) for b in design.blocks if len(b.parts) > 1)
        zero, some = _designs(design)
        of_zero = Half.of(ZERO, Binary.of(zero, codes, n), joints)
        return cls(design, codes, joints, of_zero, Half.of("mu", _made(design, some, codes, n), joints))

    def on(self, data: Data, y: np.ndarray) -> Tied:
        """Both parts on data, with the target less mu's offset."""
        given = np.asarray(data["y_data"], dtype=float)
        offset, rows = given - y, np.flatnonzero(given > 0)
        whether = (given == 0).astype(float)
        zero, some = (_data(data, self.design, key) for key in (ZERO, "mu"))
        zero = self._on(self.zero, {**zero, "y_data": whether}, whether)
        _, how_much = _designs(self.design)
        codes = {key: of[rows] for key, of in self.codes.items()}
        half = Half.of("mu", _made(self.design, how_much, codes, len(rows)), self.joints)
        some = {**{name: values[rows] for name, values in some.items()}, "y_data": given[rows]}
        working = how_much.family.working(given[rows]) - offset[rows]
        return Tied((zero, self._on(half, some, working)), self.joints)

    def _on(self, half: Half, data: dict[str, np.ndarray], y: np.ndarray) -> HalfOnData:
        keys = [joint.block.key for joint in self.joints if half.place(joint) is not None]
        columns, codes = ({key: data[f"{kind}_{key}"] for key in keys} for kind in ("X", "codes"))
        return HalfOnData(half, half.engine.on(data, y), columns, codes)  # type: ignore[attr-defined]

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        state: dict[str, np.ndarray] = {}
        for half in (self.zero, self.some):
            state |= half.named(half.engine.start(rng))  # type: ignore[attr-defined]
        for joint in self.joints:
            state |= joint.begun(rng) | begun_lengths(joint)
        return state

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        found = self.some.engine.values(self.some.arrays(arrays))
        zero = self.zero.engine.values(self.zero.arrays(arrays))
        found |= {ZERO if name == "mu" else name: value for name, value in zero.items()}
        for joint in self.joints:
            found |= joint.values(arrays)
        return found


def _designs(design: Design) -> tuple[Design, Design]:
    """Of the yes/no model, and of how much."""
    family = design.family.fitted_as
    assert isinstance(family, Whole)
    some: Family = family.base
    names = {p.key: p.key for p in design.predictors if p.key != ZERO}
    return design_of(design, Bernoulli(link="logit"), {ZERO: "mu"}), design_of(design, some, names)


def _engine(design: Design, some: Design) -> type[MixedEngine] | None:
    engines = AMOUNTS if isinstance(design.family.fitted_as, Semicontinuous) else ABOVE_ZERO
    return next((engine for engine in engines if engine.takes(some)), None)


def _made(design: Design, some: Design, codes: Codes, n: int) -> MixedEngine:
    engine = _engine(design, some)
    assert engine is not None
    return engine.of(some, codes, n)  # type: ignore[attr-defined]


def _data(data: Data, design: Design, key: str) -> dict[str, np.ndarray]:
    """What the containers of a part's model would hold, at all rows, but for the target."""
    keys = {ZERO: {ZERO: "mu"}}.get(key) or {p.key: p.key for p in design.predictors if p.key != ZERO}
    found = {f"X_{name}": data[f"X_{p}"] for p, name in keys.items() if design.predictor(p).matrix is not None}
    for b in design.blocks:
        own = [at for p, at in places(b) if p in keys]
        if own:
            found |= {f"X_{b.key}": np.ascontiguousarray(data[f"X_{b.key}"][:, own[0]])}
            found[f"codes_{b.key}"] = np.asarray(data[f"codes_{b.key}"])
    sides = design.side if key == "mu" else ()
    return found | {f"side_{role}": np.asarray(data[f"side_{role}"]) for role in sides}
