"""Draws of values that are missing and known in part, exact given one draw of the parameters.

Of a variable of few values those that are possible are weighed by their probabilities; of a number it is the law of the
family between two ends (:meth:`~bayesimpute.families.Family.between`).
"""

import numpy as np

from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.family import Family


def can_be_among(family: Family) -> bool:
    """Whether values of a family that are one of some labels can be drawn: it weighs each of its few values."""
    return family.density and family.selection is None


def drawn_in_part(
    rng: np.random.Generator,
    family: Family,
    theta: Theta,
    low: np.ndarray,
    high: np.ndarray,
    among: np.ndarray | None,
    points: np.ndarray | None,
    side: Side = NO_SIDE,
) -> np.ndarray:
    """One draw of each value, shape (row,).

    Parameters
    ----------
    rng, family
        Random numbers; the law.
    theta : mapping of str to ndarray, shape (row,) or (row, label)
        One draw of its parameters, at each row.
    low, high : ndarray, shape (row,)
        Between which the value lies.
    among, points : ndarray of bool, shape (row, value); ndarray, shape (value,)
        Of a variable of few values, which of them are possible; these values. Else None.
    side : mapping of str to ndarray, shape (row,)
        The side columns, by role.
    """
    if among is None or points is None:
        return family.between(rng, theta, low, high, side)
    logs = np.stack([family.logp(np.full(len(among), point), theta, side) for point in points], axis=1)
    logs = np.where(among, np.maximum(logs, np.finfo(float).min), -np.inf)  # what is possible may have no digits left
    return points[np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)]
