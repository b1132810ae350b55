"""Coefficients of several predictors against the effects that these have together, with every row's predictors held.

As :func:`~bayesimpute.samplers.gibbs.centring_moves.draw_centred`, of all predictors at once: where effects of two
predictors are nearly one, each holds the other's coefficients at the level of clusters, and one predictor after the
other would go in small steps.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bayesimpute.samplers.gibbs.centring_moves import SMALLEST
from bayesimpute.samplers.gibbs.counts import Counting, shifts_of
from bayesimpute.samplers.gibbs.kept_rows import Kept
from bayesimpute.samplers.gibbs.part_of_several import HalfOnData
from bayesimpute.samplers.gibbs.shared_effects import Joint


def can_draw(parts: Sequence[HalfOnData]) -> bool:
    """Whether it is known which coefficients effects can make up for; where rows are few it is not asked for."""
    known = all(isinstance(part.fitted, Counting | Kept) for part in parts)
    return known and any(isinstance(part.fitted, Counting) and part.fitted.many for part in parts)


def draw_together(
    rng: np.random.Generator,
    joint: Joint,
    parts: Sequence[HalfOnData],
    owns: Sequence[Mapping[str, np.ndarray]],
    state: Mapping[str, np.ndarray],
) -> None:
    """The coefficients given what they and the effects are together in each cluster, in place."""
    effects, root = state[joint.block.key], joint.root(state)
    found = [
        (part, own, *_of_part(joint, part))
        for part, own in zip(parts, owns, strict=True)
        if part.half.place(joint) is not None
    ]
    sizes = np.cumsum([0, *(len(ks) for *_, ks in found)])
    if np.diag(root).min() <= SMALLEST or sizes[-1] == 0:
        return
    ds = np.zeros((*effects.shape, sizes[-1]))
    precision, mean, now = np.empty((3, sizes[-1]))
    for (part, own, d, ks), low, high in zip(found, sizes, sizes[1:], strict=False):
        lay = part.half.engine.lay
        ds[:, part.half.own(joint), low:high] = d[:, :, ks]
        precision[low:high], mean[low:high] = lay.precision[ks], lay.mean[ks]
        now[low:high] = own["z"][ks]
    sums = effects + ds @ now
    g = np.linalg.solve(root, ds).reshape(-1, sizes[-1])
    h = np.linalg.solve(root, sums.T).T.ravel()
    factor = np.linalg.cholesky(g.T @ g + np.diag(precision))
    centre = np.linalg.solve(factor, g.T @ h + precision * mean)
    drawn = np.linalg.solve(factor.T, centre + rng.standard_normal(sizes[-1]))
    effects[:] = sums - ds @ drawn
    for (_, own, _, ks), low, high in zip(found, sizes, sizes[1:], strict=False):
        own["z"][ks] = drawn[low:high]


def _of_part(joint: Joint, part: HalfOnData) -> tuple[np.ndarray, np.ndarray]:
    """How coefficients of a part can be made up for, (cluster, effect, column), and which of them."""
    place = part.half.place(joint)
    assert place is not None
    d, wholly, _ = shifts_of(np.int64(place), part.fitted.shifts, part.half.engine.lay)
    return d, wholly
