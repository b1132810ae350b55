"""Trajectories of parts that share effects (``joint_trajectories.py``): what a state knows of them, and a sweep's."""

import math
from collections.abc import Mapping, Sequence
from itertools import repeat

import numpy as np

from bayesimpute.samplers.gibbs.binary import Augmented
from bayesimpute.samplers.gibbs.centring_moves import SMALLEST
from bayesimpute.samplers.gibbs.counts import Counting
from bayesimpute.samplers.gibbs.joint_trajectories import Place, Side, move_jointly
from bayesimpute.samplers.gibbs.part_of_several import HalfOnData
from bayesimpute.samplers.gibbs.shared_effects import Joint
from bayesimpute.samplers.gibbs.sweeps import directions, learn

FIRST = math.log(0.25)
"""The logarithm of a leap before any is known."""
EACH = 4
"""Sweeps learnt from for each parameter, from which on their correlations are used."""
WEAK = 0.1
"""Of the variance of standard normals what rows leave, below which effects by themselves are the better coordinates."""
LEARNT = ("places_mean", "places_covariance", "places_count")
"""What a state knows of where coefficients and Sigma's parameters are."""


def begun_leaps(joint: Joint, coefficients: int) -> dict[str, np.ndarray]:
    """A state that has learnt nothing of trajectories."""
    key, size = joint.block.key, coefficients + joint.lay.kinds.size - 1
    names = (f"{key}_{name}" for name in ("leaps", *LEARNT))
    empty = np.append(np.ones(joint.block.width), [FIRST, 0.0]), np.zeros(size), np.zeros((size, size)), np.asarray(0.0)
    return dict(zip(names, empty, strict=True))


def can_leap(parts: Sequence[HalfOnData]) -> bool:
    """Whether the gradients of all parts are known."""
    return all(isinstance(part.fitted, Counting | Augmented) for part in parts)


def leap_together(
    rng: np.random.Generator,
    joint: Joint,
    parts: Sequence[HalfOnData],
    owns: Sequence[Mapping[str, np.ndarray]],
    state: dict[str, np.ndarray],
    etas: Sequence[np.ndarray],
    tune: bool,
) -> None:
    """A trajectory of the parts that have joint effects; all in place."""
    key, lay, root = joint.block.key, joint.lay, joint.root(state)
    learnt, mean, covariance, count = (state[f"{key}_{name}"] for name in ("leaps", *LEARNT))
    if np.diag(root).min() <= SMALLEST or learnt[: joint.block.width].max() < WEAK:
        return
    sides = tuple(map(_side, parts, owns, repeat(joint)))
    ends = np.cumsum([side.mean.size for side in sides])
    coefficients = [own["z"][: side.mean.size] for own, side in zip(owns, sides, strict=True)]
    normals = np.ascontiguousarray(np.linalg.solve(root, state[key].T).T)
    at = Place(np.concatenate([*coefficients, state[f"{key}_theta"][1:]]), normals)
    bases = tuple(
        eta - side.x @ z - part.of_effects(joint, state[key][:, part.half.own(joint)])
        for part, side, eta, z in zip(parts, sides, etas, coefficients, strict=True)
    )
    together = EACH * at.c.size <= count
    along = directions(covariance, float(count), np.zeros(at.c.size, np.int64) if together else np.arange(at.c.size))
    moved, scored, weights = (tuple(map(np.empty_like, etas)) for _ in range(3))
    if move_jointly(rng, sides, bases, tuple(etas), moved, scored, weights, at, lay, along, learnt, tune):
        *moved_to, state[f"{key}_theta"][1:] = np.split(at.c, ends)
        state[key][:] = at.h @ joint.root(state).T
        for z, here in zip(coefficients, moved_to, strict=True):
            z[:] = here
    if tune:
        state[f"{key}_{LEARNT[-1]}"] = np.asarray(learn(at.c, float(count), mean, covariance))


def _side(part: HalfOnData, own: Mapping[str, np.ndarray], joint: Joint) -> Side:
    lay, key, seen = part.half.engine.lay, joint.block.key, part.fitted.likelihood(own)
    p = lay.coefficients
    return Side(
        x=_plain(part.fitted.columns.x),
        z=_plain(part.columns[key]),
        codes=_plain(part.codes[key]),
        first=part.half.own(joint).start,
        mean=lay.mean[:p],
        precision=lay.precision[:p],
        seen=seen._replace(y=_plain(seen.y), beside=seen.beside.copy()),
    )


def _plain(rows: np.ndarray) -> np.ndarray:
    """Of one type in all parts, which the kernel asks for: those that have all rows may be views that nobody may write
    to.
    """
    return np.require(rows, requirements=["C", "W"])
