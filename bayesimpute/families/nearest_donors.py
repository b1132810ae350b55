"""Who has predictions like one's own: the k nearest donors, of which one is taken at random.

Donors with the same prediction are one point with a number of them, so that ties are broken at random: each of those
that are equally near may be among the k, whatever their order in the data. (mice 2 took the first of them: van Buuren
2018, Flexible Imputation of Missing Data, section 3.4.2.) Of one number points are sorted and each recipient found by
bisection; of vectors they stand in a k-d tree. Both take of the order of log n for a recipient.

Predictions are whole multiples of a billionth of their range: the same linear predictor, computed in another place of
a matrix, may differ in its last bits.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

STEPS, LEAST = 2.0**30, 2.0**-12
"""Of the range of the donors' predictions, finer differences than which are ties; and of their size, if the range is
less of it."""
FARTHEST = 2.0**50
"""In these steps: whoever is further away has the same donors."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Donors by their predictions.

    Parameters
    ----------
    points : ndarray, shape (point, dimension)
        The different predictions in whole steps, sorted where they are of one dimension.
    members : ndarray of int, shape (donor,)
        Places of the donors, those of a point side by side.
    starts : ndarray of int, shape (point + 1,)
        Where the members of each point begin.
    low, step : ndarray, shape (dimension,)
        The scale.
    """

    points: np.ndarray
    members: np.ndarray
    starts: np.ndarray
    low: np.ndarray
    step: np.ndarray

    @classmethod
    def of(cls, predictions: np.ndarray) -> "Pool":
        """A pool of donors; predictions have the shape (donor, dimension)."""
        low = predictions.min(axis=0)
        width = max(float(np.ptp(predictions, axis=0).max()), LEAST * float(np.abs(predictions).max()))
        step = np.full_like(low, width / STEPS or 1.0)
        points, of = np.unique(_whole(predictions, low, step), axis=0, return_inverse=True)
        members = np.argsort(of.ravel(), kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(of.ravel(), minlength=len(points)))])
        return cls(points=points, members=members, starts=starts, low=low, step=step)

    def drawn(self, rng: np.random.Generator, predictions: np.ndarray, k: int) -> np.ndarray:
        """One of the k nearest donors of each recipient, at random.

        Parameters
        ----------
        rng : Generator
            Of the visit.
        predictions : ndarray, shape (recipient, dimension)
            Of those who look for donors.
        k : int
            How many are near; all, where there are fewer.

        Returns
        -------
        ndarray of int, shape (recipient,)
            Places of donors.
        """
        near, away = self.nearest(_whole(predictions, self.low, self.step), min(k, len(self.members)))
        first = np.argsort(away, axis=1, kind="stable")
        near, away = np.take_along_axis(near, first, axis=1), np.take_along_axis(away, first, axis=1)
        sizes = np.where(np.isinf(away), 0, self.starts[near + 1] - self.starts[near])
        rows, least = np.arange(len(near)), min(k, len(self.members))
        last = (np.cumsum(sizes, axis=1) >= least).argmax(axis=1)
        edge = away[rows, last][:, None]
        inner, tied = np.where(away < edge, sizes, 0), np.where(away == edge, sizes, 0)
        within = rng.random(len(near)) * least < inner.sum(axis=1)
        among = np.cumsum(np.where(within[:, None], inner, tied), axis=1)
        place = np.minimum((rng.random(len(near)) * among[:, -1]).astype(np.int64), among[:, -1] - 1)
        point = (among > place[:, None]).argmax(axis=1)
        before = np.where(point > 0, among[rows, point - 1], 0)
        return self.members[self.starts[near[rows, point]] + place - before]

    def nearest(self, at: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Points that have the k nearest donors among them, and how far they are, each (recipient, point)."""
        if self.points.shape[1] == 1:
            middle = np.searchsorted(self.points[:, 0], at[:, 0])
            near = middle[:, None] + np.arange(-k, k)
            there = (near >= 0) & (near < len(self.points))
            near = np.clip(near, 0, len(self.points) - 1)
            return near, np.where(there, np.abs(self.points[near, 0] - at), np.inf)
        tree: Any = KDTree(self.points)
        away, near = tree.query(at, k=np.arange(1, min(k, len(self.points)) + 1))
        return near, away


def _whole(predictions: np.ndarray, low: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Whole numbers as floats, of which differences are exact."""
    with np.errstate(over="ignore"):
        return np.clip(np.rint((predictions - low) / step), -FARTHEST, FARTHEST)


def drawn_donors(
    rng: np.random.Generator,
    donors: np.ndarray,
    recipients: np.ndarray,
    k: int,
    clusters: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """A donor for each recipient.

    Parameters
    ----------
    rng : Generator
        Of the visit.
    donors, recipients : ndarray, shape (donor, dimension) and (recipient, dimension)
        Their predictions.
    k : int
        From how many.
    clusters : (ndarray of int, ndarray of int), optional
        Of donors and recipients: those of the own cluster come first, and where it has fewer than k, the nearest of
        all others fill them up.

    Returns
    -------
    ndarray of int, shape (recipient,)
        Places of donors.
    """
    if clusters is None:
        return Pool.of(donors).drawn(rng, recipients, k)
    theirs, own = clusters
    found, order = np.empty(len(recipients), dtype=np.int64), np.argsort(theirs, kind="stable")
    asking, alone = np.unique(own), np.zeros(len(recipients), dtype=bool)
    starts, stops = (np.searchsorted(theirs[order], asking, side=side) for side in ("left", "right"))
    for cluster, start, stop in zip(asking, starts, stops, strict=True):
        rows, inside = np.flatnonzero(own == cluster), order[start:stop]
        if not len(inside):
            alone[rows] = True
        elif len(inside) >= k or len(inside) == len(donors):
            found[rows] = inside[Pool.of(donors[inside]).drawn(rng, recipients[rows], k)]
        else:
            outside = np.flatnonzero(theirs != cluster)
            at_home = rng.random(len(rows)) * min(k, len(donors)) < len(inside)
            others = outside[Pool.of(donors[outside]).drawn(rng, recipients[rows], k - len(inside))]
            found[rows] = np.where(at_home, rng.choice(inside, len(rows)), others)
    if alone.any():
        found[alone] = Pool.of(donors).drawn(rng, recipients[alone], k)
    return found
