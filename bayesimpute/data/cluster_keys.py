"""Cluster keys: which rows are together, coded by first appearance, so that nothing depends on labels.

A key is the name of a column, or ``a:b`` for the interaction of two. All that is asked of its clusters is computed by
sorting once, so that a million rows take a second.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd


@dataclass(frozen=True, kw_only=True, eq=False)
class Key:
    """Clusters in the order of their first row: `codes` per row, `order` sorts the rows by code, `starts` cuts them."""

    codes: np.ndarray
    labels: tuple[Any, ...]
    order: np.ndarray
    starts: np.ndarray

    @property
    def n(self) -> int:
        """Number of clusters."""
        return len(self.starts)

    def extremes(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest observed value of each cluster, shape (cluster,); (inf, -inf) where there is none."""
        ordered = values[self.order]
        missing = np.isnan(ordered)
        low = np.minimum.reduceat(np.where(missing, np.inf, ordered), self.starts)
        high = np.maximum.reduceat(np.where(missing, -np.inf, ordered), self.starts)
        return low, high

    def count(self, mask: np.ndarray) -> np.ndarray:
        """Rows of each cluster for which `mask` holds, shape (cluster,)."""
        return np.bincount(self.codes[mask], minlength=self.n)

    def units(self, mask: np.ndarray, finer: "Key | None") -> np.ndarray:
        """The same in clusters of a finer key, of which a row counts as one, shape (cluster,)."""
        if finer is None:
            return self.count(mask)
        return np.bincount(np.unique(finer.codes[mask] * self.n + self.codes[mask]) % self.n, minlength=self.n)


def parts(frame: pd.DataFrame, key: str) -> tuple[str, ...]:
    """The columns of a key; a column whose own name has a colon comes first."""
    return (key,) if key in frame.columns else tuple(str(key).split(":"))


def no_names(frame: pd.DataFrame, name: str) -> str | None:
    """What is wrong with a column whose values cannot tell clusters apart: lists and the like."""
    values = cast(pd.Series, frame[name])
    odd = next((v for v in values if not pd.api.types.is_hashable(v)), None) if values.dtype == object else None
    return None if odd is None else f"it holds values of type {type(odd).__name__}, which cannot name a cluster"


def key_of(frame: pd.DataFrame, names: tuple[str, ...]) -> Key:
    """The clusters of some columns together; none has a missing value."""
    codes, labels = _factorize(frame, names[0])
    for part in names[1:]:
        more, _ = _factorize(frame, part)
        codes, _ = pd.factorize(codes * (int(more.max()) + 1) + more)
    codes = codes.astype(np.int64)
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if len(names) > 1:
        rows = frame[list(names)].iloc[order[starts]]
        labels = tuple(":".join(map(str, row)) for row in rows.itertuples(index=False, name=None))
    return Key(codes=codes, labels=labels, order=order, starts=starts)


def _factorize(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, tuple[Any, ...]]:
    # From the column as given: as floats, whole numbers above 2**53 would run together.
    codes, labels = pd.factorize(cast(pd.Series, frame[name]))
    return codes.astype(np.int64), tuple(labels.tolist())
