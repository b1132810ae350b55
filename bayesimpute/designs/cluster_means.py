"""Means of a column over the units of each cluster, at every row.

The units are those of the column's own level: a school's mean of a variable of classes counts every class once, however
many pupils it has. Of a variable of level 1 they are the rows.

Means of a variable that is imputed come from two sums a cluster: one over its observed units, which never changes, and
one over the units that are imputed, so that a new draw costs a pass over these only. They are a function of the data
alone, to the last bit, however often the sums have been taken: a run that goes on from a file has the same means.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.targets import Target

Units = frozenset[str] | None
"""The cluster keys that tell units apart; None: each row is one."""
EVERY_ROW = slice(None)


def cluster_mean(values: np.ndarray, codes: np.ndarray, rows: np.ndarray | slice = EVERY_ROW) -> np.ndarray:
    """What a cluster mean is: the mean of `values` over `rows`, one of each unit, by cluster; at every row, (row,)."""
    return (np.bincount(codes[rows], weights=values[rows]) / np.bincount(codes[rows]))[codes]


def unit_rows(codes: Iterable[np.ndarray]) -> np.ndarray:
    """The first row of each combination of codes that there is, in the order of the rows."""
    joint, *others = codes
    for more in others:
        joint = pd.factorize(joint * (int(more.max()) + 1) + more)[0]
    return np.sort(np.unique(joint, return_index=True)[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class _Members:
    """A row of each unit in each cluster of a key, their clusters, and the number of units of each cluster."""

    rows: np.ndarray | slice
    codes: np.ndarray
    sizes: np.ndarray


class ClusterMeans:
    """The means by the cluster keys of some data.

    Parameters
    ----------
    incomplete : Incomplete
        The data.
    rows : ndarray of int, shape (row,), optional
        Some rows of them, whole clusters, on which the means are taken; by default all.
    ignored : ndarray of bool, shape (row,), optional
        Rows that are in no mean, except of clusters that have no other rows.
    """

    def __init__(
        self, incomplete: Incomplete, rows: np.ndarray | None = None, ignored: np.ndarray | None = None
    ) -> None:
        self._incomplete, self._rows, self._ignored = incomplete, rows, ignored
        self._codes: dict[str, np.ndarray] = {}
        self._members: dict[tuple[str, Units], _Members] = {}
        self._observed: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def of(self, values: np.ndarray, key: str, units: Units) -> np.ndarray:
        """Of any column, shape (row,)."""
        members = self._of(key, units)
        sums = np.bincount(members.codes, weights=values[members.rows])
        return (sums / members.sizes)[self._cluster(key)]

    def of_target(self, target: Target, values: np.ndarray, key: str, units: Units) -> np.ndarray:
        """Of the completed values of a target, shape (row,); `values` differ from call to call in imputed rows only."""
        members, codes = self._of(key, units), self._cluster(key)
        if (target.name, key) not in self._observed:
            known = values.copy()
            known[target.filled_rows[0]] = 0.0
            rows = np.arange(len(codes))[members.rows]
            rows = rows[~target.observed[target.unit_of_row[rows]]]
            self._observed[target.name, key] = np.bincount(members.codes, weights=known[members.rows]), rows
        sums, rows = self._observed[target.name, key]
        sums = sums + np.bincount(codes[rows], weights=values[rows], minlength=len(sums))
        return (sums / members.sizes)[codes]

    def _of(self, key: str, units: Units) -> _Members:
        if (key, units) not in self._members:
            codes = self._cluster(key)
            rows = self._counted(codes)
            if units is not None:
                first = unit_rows([each[rows] for each in (codes, *map(self._cluster, sorted(units)))])
                rows = first if isinstance(rows, slice) else rows[first]
            self._members[key, units] = _Members(rows=rows, codes=codes[rows], sizes=np.bincount(codes[rows]))
        return self._members[key, units]

    def _counted(self, codes: np.ndarray) -> np.ndarray | slice:
        """The rows that are in the means of the clusters."""
        if self._ignored is None:
            return EVERY_ROW
        others = np.bincount(codes, weights=~self._ignored) > 0
        return np.flatnonzero(~self._ignored | ~others[codes])

    def _cluster(self, key: str) -> np.ndarray:
        if key not in self._codes:
            codes = self._incomplete.codes(key)
            self._codes[key] = codes if self._rows is None else np.unique(codes[self._rows], return_inverse=True)[1]
        return self._codes[key]
