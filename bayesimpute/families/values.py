"""What values a variable takes, whatever its distribution: one class a kind, :data:`VALUES` is the one registry.

A family says which values its variable takes; of the variable's own column they are an object, with its labels or its
precision. Whoever depends on what is imputed and not on how asks that object: how a chain starts, what is recorded of
the imputed cells, how these are kept and shown.

**To add a kind of values**: write one final frozen dataclass here and add one line to ``VALUES``. The contract tests
take their cases from :attr:`Values.support`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from scipy.special import expit, logit

from bayesimpute.data.column_remarks import TIMES, ZEROS, between_numbers
from bayesimpute.data.columns import Column

SINGLE = frozenset({"float32", "Float32", "float[pyarrow]"})
"""How pandas writes the types of single-precision columns."""


@dataclass(frozen=True, kw_only=True)
class Support:
    """An interval, or the whole numbers in it.

    Parameters
    ----------
    low, high : float
        Its ends; whole numbers include them, an interval only where it is closed.
    closed : bool
        Whether the ends of an interval are in it: values with a probability of their own.
    whole : bool
        Whether there are only whole numbers in it.
    only : tuple of float
        Its values, ascending, where it has no others between its ends; empty: all.
    """

    low: float = -np.inf
    high: float = np.inf
    whole: bool = False
    closed: bool = False
    only: tuple[float, ...] = ()

    @classmethod
    def of(cls, points: tuple[float, ...]) -> Self:
        """These values and no others."""
        return cls(low=points[0], high=points[-1], whole=all(p == round(p) for p in points), only=points)

    @property
    def points(self) -> np.ndarray | None:
        """All values in ascending order, shape (value,); None if there is no end of them."""
        if self.only:
            return np.array(self.only)
        return np.arange(self.low, self.high + 1) if self.whole and np.isfinite(self.high - self.low) else None

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Bool, of the shape of the values; NaN is nowhere."""
        if self.only:
            return np.isin(values, self.only)
        if self.whole:
            return (values >= self.low) & (values <= self.high) & (values == np.round(values))
        inside = (values > self.low) & (values < self.high)
        return inside | ((values == self.low) | (values == self.high)) if self.closed else inside

    def __str__(self) -> str:
        if self.only:
            return f"{len(self.only)} values from {self.low:g} to {self.high:g}"
        return f"{'whole ' * self.whole}numbers from {self.low:g} to {self.high:g}"


MANY_ZEROS = 0.2
"""Of the values: from this share on, where no other value is more frequent, whole numbers are taken as counts."""


class Values(ABC):
    """The values of one variable; subclasses are frozen dataclasses."""

    name: ClassVar[str]
    """Its key in ``VALUES``."""
    words: ClassVar[str]
    """What such a variable is called."""
    unlike: ClassVar[str] = ""
    """What is said of numbers that are not such values, after "a number"."""
    labels: tuple[str, ...] = ()
    """Those of the codes 0, 1, ..., as pictures show them; empty for values that are shown as numbers."""
    stays: ClassVar[frozenset[str]] = frozenset()
    """What leaves values such values: adding a number ("value"), a factor ("ratio"). Of counts it must be a whole one,
    and of yes/no values more is said elsewhere (``checking/adjustments.py``)."""

    @classmethod
    @abstractmethod
    def accepts(cls, column: Column) -> bool:
        """Whether a column may be a target of a family of such values."""

    @classmethod
    @abstractmethod
    def suits(cls, column: Column) -> str | None:
        """Why such values are those that a column seems to have, unless a kind earlier in ``VALUES`` is; or None."""

    @classmethod
    @abstractmethod
    def of(cls, column: Column) -> Self:
        """The values of a column that is accepted."""

    @property
    @abstractmethod
    def support(self) -> Support:
        """Where the values lie."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """The smallest type that holds imputed cells without loss; it never follows from the cells."""

    @abstractmethod
    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        """A chain's first fill: like the observed values, and shifted.

        Parameters
        ----------
        rng : Generator
            Of the chain.
        known : ndarray, shape (observed unit,)
            The observed values.
        size : int
            How many values are missing.
        spread : float
            The shift is uniform between -spread and +spread standard deviations, or units of a link.

        Returns
        -------
        ndarray of float, shape (size,)
        """

    @abstractmethod
    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        """What is recorded of the imputed cells of a sweep, by name; of no cells the same names with NaN."""

    @property
    def recorded(self) -> tuple[str, ...]:
        """The names of the summaries."""
        return tuple(self.summaries(np.zeros(0)))

    @property
    def shown(self) -> np.dtype:
        """The type of the completed variable: that of the cells if they are whole numbers, else float64."""
        return self.dtype if self.support.whole else np.dtype(np.float64)

    @abstractmethod
    def response(self, y: np.ndarray) -> np.ndarray:
        """Floats as bambi wants them on the left side of a formula, shape (row,)."""


def _mean_and_sd(cells: np.ndarray) -> dict[str, float]:
    return {"mean": cells.mean(), "sd": cells.std()} if cells.size else {"mean": np.nan, "sd": np.nan}


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
        return _mean_and_sd(cells)

    def response(self, y: np.ndarray) -> np.ndarray:
        return y.astype(int)


@dataclass(frozen=True, kw_only=True)
class Numbers(Values):
    """Any number.

    Parameters
    ----------
    single : bool
        Whether the column has single precision: that is all that a completed column can show.
    """

    words: ClassVar[str] = "a number"

    single: bool = False

    @classmethod
    def accepts(cls, column: Column) -> bool:
        return column.kind == "number"

    @classmethod
    def of(cls, column: Column) -> Self:
        return cls(single=column.dtype in SINGLE)

    @property
    def support(self) -> Support:
        return Support()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32 if self.single else np.float64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        shift = rng.uniform(-spread, spread)
        found = rng.choice(known, size)
        return found + shift * known.std() if spread else found

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return _mean_and_sd(cells)

    def response(self, y: np.ndarray) -> np.ndarray:
        return y


@final
@dataclass(frozen=True, kw_only=True)
class Real(Numbers):
    """Any number."""

    name: ClassVar[str] = "number"
    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})

    @classmethod
    def suits(cls, column: Column) -> str | None:
        return "it is a number variable" if cls.accepts(column) else None


@final
@dataclass(frozen=True, kw_only=True)
class Limited(Numbers):
    """Numbers within limits, which the family knows."""

    name: ClassVar[str] = "limited"

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column


@final
@dataclass(frozen=True, kw_only=True)
class Shaped(Numbers):
    """Numbers whose family chooses a transformation, of the standardised ones."""

    name: ClassVar[str] = "shaped"
    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    def response(self, y: np.ndarray) -> np.ndarray:
        return (y - y.mean()) / (y.std() or 1.0)


MOST_LABELS = 30
"""Labels beyond which texts are free text or identifiers, and values of a number that may count as labels."""
FEW = range(2, 8)
"""Of whole numbers that are taken as ordered labels unless the plan says otherwise."""
LEAST_EACH = 10
"""How often each of them is observed then."""


@dataclass(frozen=True, kw_only=True)
class Labelled(Values):
    """One of some labels, each of which is observed: codes of a category, or the numbers themselves.

    Parameters
    ----------
    labels : tuple of str
        Of a category, those that nobody has included; a number has none.
    points : tuple of float
        Codes or numbers that are observed, ascending: no others are imputed.
    """

    labels: tuple[str, ...] = ()
    points: tuple[float, ...] = (0.0, 1.0)

    @classmethod
    def of(cls, column: Column) -> Self:
        labels = tuple(map(str, column.labels)) if column.kind == "category" else ()
        return cls(labels=labels, points=tuple(map(float, distinct(column))))

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
        return _mean_and_sd(cells)


class Whole(Values):
    """Whole numbers from zero on."""

    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        return bool(column.kind == "number" and len(known) and (known >= 0).all() and (known == np.round(known)).all())

    @classmethod
    def of(cls, column: Column) -> Self:
        del column
        return cls()

    @property
    def support(self) -> Support:
        return Support(low=0, whole=True)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        found = rng.choice(known, size)
        return np.floor(found * np.exp(rng.uniform(-spread, spread)) + rng.random(size)) if spread else found

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return _mean_and_sd(cells)


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


@final
@dataclass(frozen=True, kw_only=True)
class Counts(Whole):
    """Numbers of events."""

    name: ClassVar[str] = "counts"
    words: ClassVar[str] = "a count (whole numbers from 0 on)"
    unlike: ClassVar[str] = " with negative values or values that are not whole"

    @classmethod
    def suits(cls, column: Column) -> str | None:
        if not cls.accepts(column):
            return None
        values, times = np.unique(column.values[~column.missing], return_counts=True)
        share = times[0] / times.sum()
        if values[0] != 0 or times[0] < times.max() or share < MANY_ZEROS:
            return None
        return f"it has whole numbers, {share:.0%} of them zeros"

    def response(self, y: np.ndarray) -> np.ndarray:
        return y.astype(np.int64)


@final
@dataclass(frozen=True, kw_only=True)
class Successes(Whole):
    """Of a number of trials."""

    name: ClassVar[str] = "successes"
    words: ClassVar[str] = "a number of successes (whole numbers from 0 on)"
    unlike: ClassVar[str] = " with negative values or values that are not whole"

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    def response(self, y: np.ndarray) -> np.ndarray:
        return (y > 0).astype(int)  # bambi's priors of a yes or no do not depend on it


@dataclass(frozen=True, kw_only=True)
class Between(Values):
    """Numbers between two ends that are none of them; chains start from what a link makes of them."""

    low: ClassVar[float]
    high: ClassVar[float]

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        inside = len(known) and (known > cls.low).all() and (known < cls.high).all()
        return bool(column.kind == "number" and inside)

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    @classmethod
    def of(cls, column: Column) -> Self:
        del column
        return cls()

    @property
    def support(self) -> Support:
        return Support(low=self.low, high=self.high)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return _mean_and_sd(cells)


@final
@dataclass(frozen=True, kw_only=True)
class Positive(Between):
    """Numbers above zero."""

    name: ClassVar[str] = "positive"
    words: ClassVar[str] = "a positive number"
    unlike: ClassVar[str] = " that is not above zero everywhere"
    stays: ClassVar[frozenset[str]] = frozenset({"ratio"})
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = np.inf

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        return rng.choice(known, size) * np.exp(rng.uniform(-spread, spread) * np.log(known).std())

    def response(self, y: np.ndarray) -> np.ndarray:
        return np.log(y)


@final
@dataclass(frozen=True, kw_only=True)
class Proportion(Between):
    """Numbers between 0 and 1, both excluded."""

    name: ClassVar[str] = "proportion"
    words: ClassVar[str] = "a proportion (between 0 and 1, both excluded)"
    unlike: ClassVar[str] = " with values that are not between 0 and 1"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        found = rng.choice(known, size)
        return expit(logit(found) + rng.uniform(-spread, spread) * logit(known).std()) if spread else found

    def response(self, y: np.ndarray) -> np.ndarray:
        return logit(y)


MANY, MANY_WHOLE = 20, 100
"""Different positive values, and different whole ones, above which they are amounts beside zeros, and no counts."""


@final
@dataclass(frozen=True, kw_only=True)
class Amounts(Values):
    """Zero, or a number above it."""

    name: ClassVar[str] = "amount"
    words: ClassVar[str] = "zero or a positive number"
    unlike: ClassVar[str] = " with negative values, or none above zero"
    stays: ClassVar[frozenset[str]] = frozenset({"ratio"})

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        return bool(column.kind == "number" and len(known) and (known >= 0).all() and (known > 0).any())

    @classmethod
    def suits(cls, column: Column) -> str | None:
        if not cls.accepts(column):
            return None
        values, times = np.unique(column.values[~column.missing], return_counts=True)
        share, whole = times[0] / times.sum(), bool((values == np.round(values)).all())
        if values[0] != 0 or len(values) - 1 <= (MANY_WHOLE if whole else MANY):
            return None
        often = share >= ZEROS and times[0] >= TIMES * times[1:].max()
        return f"{share:.0%} of it are zeros, and none is below" if often else None

    @classmethod
    def of(cls, column: Column) -> Self:
        del column
        return cls()

    @property
    def support(self) -> Support:
        return Support(low=0, closed=True)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        if not spread:
            return rng.choice(known, size)
        positive, shifts = known[known > 0], rng.uniform(-spread, spread, 2)
        share = np.clip((known == 0).mean(), 0.02, 0.98)
        found = rng.choice(positive, size) * np.exp(shifts[0] * np.log(positive).std())
        return np.where(rng.random(size) < expit(logit(share) + shifts[1]), 0.0, found)

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return _mean_and_sd(cells) | {"share of 0": float((cells == 0).mean()) if cells.size else np.nan}

    def response(self, y: np.ndarray) -> np.ndarray:
        """Logarithms; zeros, which have none, lie about the mean of these, with their spread."""
        logs, none = np.log(y[y > 0]), y == 0
        out = np.empty(len(y))
        out[~none] = logs
        out[none] = logs.mean() + logs.std() * (1 - 2 * (np.arange(none.sum()) % 2))
        return out


VALUES: Mapping[str, type[Values]] = {
    "binary": Binary,
    "ordered": Ordered,
    "categories": Categories,
    "amount": Amounts,
    "counts": Counts,
    "successes": Successes,
    "proportion": Proportion,
    "positive": Positive,
    "limited": Limited,
    "shaped": Shaped,
    "number": Real,
}
"""In the order in which they are asked whether they suit a column."""
