"""Means of a column over the rows of each cluster, at every row.

Those of a variable that is imputed come from two sums a cluster: one over its observed rows, which never changes, and
one over the rows that are imputed, so that a new draw costs a pass over these only. They are a function of the data
alone, to the last bit, however often the sums have been taken: a run that goes on from a file has the same means.
"""

import numpy as np

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.targets import Target


def cluster_mean(values: np.ndarray, codes: np.ndarray, sizes: np.ndarray | None = None) -> np.ndarray:
    """What a cluster mean is: the mean of `values` over the rows of each cluster, at every row, shape (row,).

    `sizes`, the number of rows of each cluster, saves counting them.
    """
    return (np.bincount(codes, weights=values) / (np.bincount(codes) if sizes is None else sizes))[codes]


class ClusterMeans:
    """The means by the cluster keys of some data."""

    def __init__(self, incomplete: Incomplete) -> None:
        self._incomplete = incomplete
        self._counts: dict[str, np.ndarray] = {}
        self._observed: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def of(self, values: np.ndarray, key: str) -> np.ndarray:
        """Of any column, shape (row,)."""
        return cluster_mean(values, self._incomplete.codes(key), self._sizes(key))

    def of_target(self, target: Target, values: np.ndarray, key: str) -> np.ndarray:
        """Of the completed values of a target, shape (row,); `values` differ from call to call in imputed rows only."""
        codes, rows = self._incomplete.codes(key), target.filled_rows[0]
        if (target.name, key) not in self._observed:
            known = values.copy()
            known[rows] = 0.0
            self._observed[target.name, key] = np.bincount(codes, weights=known), codes[rows]
        sums, imputed = self._observed[target.name, key]
        sums = sums + np.bincount(imputed, weights=values[rows], minlength=len(sums))
        return (sums / self._sizes(key))[codes]

    def _sizes(self, key: str) -> np.ndarray:
        if key not in self._counts:
            self._counts[key] = np.bincount(self._incomplete.codes(key))
        return self._counts[key]
