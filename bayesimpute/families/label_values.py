"""Values that are labels: yes or no, ordered ones, and those in no order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

import numpy as np
from scipy.special import expit, logit

from bayesimpute.data.column_remarks import between_numbers
from bayesimpute.data.columns import Column
from bayesimpute.families.support import Support
from bayesimpute.families.values import Values, mean_and_sd

MOST_LABELS = 30
"""Labels beyond which texts are free text or identifiers, and values of a number that may count as labels."""
FEW = range(2, 8)
"""Of whole numbers that are taken as ordered labels unless the plan says otherwise."""
LEAST_EACH = 10
"""How often each of them is observed then."""


@final
@dataclass(frozen=True, kw_only=True)
class Binary(Values):
    """0 and 1: yes/no values, 0/1 numbers, two labels."""

    name: ClassVar[str] = "binary"
    words: ClassVar[str] = "a yes/no variable"
    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})
    unlike: ClassVar[str] = " of other values than 0 and 1"

    labels: tuple[str, ...] = ("0", "1")

    @classmethod
    def accepts(cls, column: Column) -> bool:
        if column.kind == "number":
            values = column.values[~column.missing]
            return bool(len(values) and np.isin(values, (0.0, 1.0)).all())
        return column.kind == "yes/no" or (column.kind == "category" and len(column.labels) == 2)

    @classmethod
    def suits(cls, column: Column) -> str | None:
        return "it is a binary variable" if cls.accepts(column) else None

    @classmethod
    def of(cls, column: Column) -> Self:
        if column.kind == "category":
            return cls(labels=tuple(map(str, column.labels)))
        return cls(labels=("no", "yes")) if column.kind == "yes/no" else cls()

    @property
    def support(self) -> Support:
        return Support(low=0, high=1, whole=True)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int8)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        shift = rng.uniform(-spread, spread)
        share = np.clip(known.mean(), 0.02, 0.98)
        return (rng.random(size) < expit(logit(share) + shift)).astype(float)

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return mean_and_sd(cells)

    def response(self, y: np.ndarray) -> np.ndarray:
        return y.astype(int)


@dataclass(frozen=True, kw_only=True)
class Labelled(Values):
    """One of some labels: codes of a category, or the numbers themselves.

    Parameters
    ----------
    labels : tuple of str
        Of a category, those that nobody has included; a number has none.
    points : tuple of float
        Codes or numbers, ascending, those that are observed unless all labels are meant: no others are imputed.
    """

    labels: tuple[str, ...] = ()
    points: tuple[float, ...] = (0.0, 1.0)

    @classmethod
    def of(cls, column: Column) -> Self:
        labels = tuple(map(str, column.labels)) if column.kind == "category" else ()
        return cls(labels=labels, points=tuple(map(float, distinct(column))))

    @classmethod
    def meant(cls, column: Column, labels: str) -> Self:
        """Those of a column with the labels that are "observed", or "all" that it has; a number has no others."""
        found = cls.of(column)
        every = tuple(map(float, range(len(found.labels))))
        return replace(found, points=every) if labels == "all" and every else found

    @property
    def shown_labels(self) -> tuple[str, ...]:
        """What the points are called."""
        return tuple(self.labels[int(p)] if self.labels else f"{p:g}" for p in self.points)

    @property
    def support(self) -> Support:
        return Support.of(self.points)

    @property
    def dtype(self) -> np.dtype:
        if self.support.whole:
            return np.result_type(
                np.min_scalar_type(int(self.points[0])), np.min_scalar_type(int(self.points[-1])), np.int8
            )
        return np.dtype(np.float64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        points = np.array(self.points)
        shares = (known[:, None] == points).mean(axis=0)
        logs = np.log(np.maximum(shares, 0.5 / len(known))) + rng.uniform(-spread, spread, len(points)) * (spread > 0)
        below = np.cumsum(np.exp(logs - logs.max()) if spread else shares)
        return points[np.searchsorted(below[:-1], rng.random(size) * below[-1], side="right")]

    def response(self, y: np.ndarray) -> np.ndarray:
        codes = np.searchsorted(self.points, y).astype(float)
        return (codes - codes.mean()) / (codes.std() or 1.0)


def distinct(column: Column) -> np.ndarray:
    """The observed values, ascending."""
    return np.unique(column.values[~column.missing])


def _few(column: Column) -> bool:
    """Whether a column may have labels: a category, or a number of few values."""
    if column.kind == "category":
        return 2 <= len(distinct(column)) <= MOST_LABELS
    return column.kind == "number" and 2 <= len(distinct(column)) <= MOST_LABELS


@final
@dataclass(frozen=True, kw_only=True)
class Ordered(Labelled):
    """Ordered labels, or a number of few values whose order counts and not their distances."""

    name: ClassVar[str] = "ordered"
    words: ClassVar[str] = "an ordered category, or a number of few values"
    unlike: ClassVar[str] = f" of one value or more than {MOST_LABELS}"

    @classmethod
    def accepts(cls, column: Column) -> bool:
        return _few(column) and (column.kind == "number" or column.ordered)  # a text's order is the alphabet's

    @classmethod
    def suits(cls, column: Column) -> str | None:
        if not cls.accepts(column):
            return None
        if column.kind == "category":
            return "it is an ordered category" if len(distinct(column)) > 2 else None
        values, counts = np.unique(column.values[~column.missing], return_counts=True)
        few = len(values) in FEW and counts.min() >= LEAST_EACH and bool((values == np.round(values)).all())
        return f"it has {len(values)} whole numbers" if few else None

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return mean_and_sd(cells)


@final
@dataclass(frozen=True, kw_only=True)
class Categories(Labelled):
    """Labels in no order."""

    name: ClassVar[str] = "categories"
    words: ClassVar[str] = "a variable of several labels"
    unlike: ClassVar[str] = f" of one value or more than {MOST_LABELS}"

    @classmethod
    def accepts(cls, column: Column) -> bool:
        return _few(column)

    @classmethod
    def suits(cls, column: Column) -> str | None:
        return (
            f"it is a category of {len(distinct(column))} labels"
            if column.kind == "category" and _few(column) and between_numbers(column) is None
            else None
        )

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return {
            f"share of {label}": float((cells == point).mean()) if cells.size else np.nan
            for label, point in zip(self.shown_labels, self.points, strict=True)
        }
