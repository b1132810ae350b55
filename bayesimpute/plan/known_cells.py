"""Cells that are missing and known in part: between two numbers, or one of some labels.

What is known is drawn from and learnt from: such a cell is drawn from its law truncated to what is known, and its row
counts when the parameters are drawn, for what is known says something of them. Values below a limit of detection,
numbers read off a scale, answers in brackets, labels that were merged.

:func:`known_rows` reads what is said of one column on its data; :class:`InPart` is that on the units of a target.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import Values

MARK = "|"
"""Between the labels of a set."""
OPEN = (-np.inf, np.inf)


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a column's missing cells.

    Parameters
    ----------
    column : str
        The column.
    between : (float or str, float or str) or None
        The lower end and the upper: numbers, or columns that have one for each row. An empty text, an empty cell and
        infinity are open. Both ends are values that a cell may have.
    among : str or None
        Of a variable with labels: a column whose cells name the labels that are possible, ``"II|III"``. In an empty
        cell all are.
    """

    column: str
    between: Sequence[float | str] | None = None
    among: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.between, list):  # as documents have it
            object.__setattr__(self, "between", tuple(self.between))

    def __str__(self) -> str:
        if self.between is None:
            return f"{self.column} is known to be among {self.among}"
        if not isinstance(self.between, tuple) or len(self.between) != 2:
            return f"{self.column} is known to lie between {self.between!r}"
        low, high = (str(end) if end != "" else "..." for end in self.between)
        return f"{self.column} is known to lie between {low} and {high}"

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that say it."""
        ends = self.between if isinstance(self.between, tuple) else ()
        return tuple(name for name in (*ends, self.among) if isinstance(name, str) and name)


def read_by(known: Iterable[Any]) -> frozenset[str]:
    """The columns that say what is known, of what is written as it should be."""
    return frozenset(name for each in known if isinstance(each, Known) for name in each.reads)


@dataclass(frozen=True, kw_only=True, eq=False)
class InPart:
    """What is known of the values of some units that are missing.

    Parameters
    ----------
    low, high : ndarray, shape (unit,)
        Between which numbers a value lies, infinite where it is open.
    among : ndarray of bool, shape (unit, value), or None
        Of a variable of few values, which of them are possible; None: all are.
    """

    low: np.ndarray
    high: np.ndarray
    among: np.ndarray | None = None

    @property
    def some(self) -> np.ndarray:
        """Units of which something is known, bool, shape (unit,)."""
        ends = np.isfinite(self.low) | np.isfinite(self.high)
        return ends if self.among is None else ends | ~self.among.all(axis=1)

    def free(self, units: np.ndarray) -> "InPart":
        """The same where nothing is known of some units, bool, shape (unit,)."""
        low, high = np.where(units, -np.inf, self.low), np.where(units, np.inf, self.high)
        return InPart(low=low, high=high, among=None if self.among is None else self.among | units[:, None])

    def at(self, units: np.ndarray) -> "InPart":
        """Of some units."""
        among = None if self.among is None else self.among[units]
        return InPart(low=self.low[units], high=self.high[units], among=among)

    def allows(self, values: np.ndarray, points: np.ndarray | None) -> np.ndarray:
        """Whether each unit may have a value, bool, shape (unit,); `points` are the variable's values, if few."""
        inside = (values >= self.low) & (values <= self.high)
        if self.among is None or points is None:
            return inside
        places = np.minimum(np.searchsorted(points, values), len(points) - 1)
        return inside & self.among[np.arange(len(values)), places]

    def moved_inside(self, rng: np.random.Generator, values: np.ndarray, points: np.ndarray | None) -> np.ndarray:
        """Values where they are possible: at the nearest end, or at a possible label."""
        values = np.clip(values, self.low, self.high)
        if self.among is None or points is None:
            return values
        chosen = points[np.argmax(rng.random(self.among.shape) * self.among, axis=1)]
        return np.where(self.allows(values, points), values, chosen)


def known_of(
    known: Iterable[Known], column: Column, values: Values, incomplete: Incomplete, unit_of_row: np.ndarray, units: int
) -> InPart | None:
    """What is known of the units of a target, by what is said of its column; None: nothing.

    A unit that has several rows lies where all of them say.
    """
    mine = [each for each in known if each.column == column.name]
    if not mine and column.limits is None:
        return None
    low, high = limits_of(mine, column, incomplete)
    ends = np.full(units, -np.inf), np.full(units, np.inf)
    np.maximum.at(ends[0], unit_of_row, low)
    np.minimum.at(ends[1], unit_of_row, high)
    points, possible = values.support.points, None
    if points is not None:
        possible = (points >= ends[0][:, None]) & (points <= ends[1][:, None])
        for each in mine:
            if each.among is not None:
                np.logical_and.at(possible, unit_of_row, allowed(column, values, incomplete.columns[each.among]))
        ends = np.full(units, -np.inf), np.full(units, np.inf)
    found = InPart(low=ends[0], high=ends[1], among=possible)
    return found if found.some.any() else None


def limits_of(mine: Iterable[Known], column: Column, incomplete: Incomplete) -> tuple[np.ndarray, np.ndarray]:
    """The ends between which the values of a column lie that are not observed, each (row,), infinite where open."""
    rows = len(incomplete.frame)
    low, high = (np.full(rows, end) for end in OPEN) if column.limits is None else column.limits
    for between in (each.between for each in mine if each.between is not None):
        low = np.fmax(low, end_of(between[0], incomplete))
        high = np.fmin(high, end_of(between[1], incomplete))
    return low, high


def end_of(end: float | str, incomplete: Incomplete) -> np.ndarray:
    """A lower or upper end, shape (row,); NaN where it is open."""
    if isinstance(end, str):
        return incomplete.columns[end].values if end else np.full(len(incomplete.frame), np.nan)
    return np.full(len(incomplete.frame), float(end))


def allowed(column: Column, values: Values, among: Column) -> np.ndarray:
    """Which of the values of a variable the cells of a column name, bool, shape (row, value)."""
    points = values.support.points
    assert points is not None
    texts = list(map(str, among.labels)) if among.kind == "category" else [f"{v:g}" for v in np.unique(among.values)]
    codes = among.values if among.kind == "category" else np.searchsorted(np.unique(among.values), among.values)
    sets = [labels_in(text) for text in texts]
    named = np.array([[bool(names_of(column, p) & each) for p in points] for each in sets]).reshape(-1, len(points))
    known = ~among.missing
    found = np.ones((len(known), len(points)), dtype=bool)
    found[known] = named[codes[known].astype(np.int64)]
    return found


def labels_in(text: str) -> frozenset[str]:
    """The labels of a set."""
    return frozenset(label.strip() for label in text.split(MARK)) - {""}


def names_of(column: Column, value: float) -> frozenset[str]:
    """What a value of a column may be called in a set of labels."""
    if column.kind == "category":
        return frozenset({str(column.labels[int(value)])})
    if column.kind == "yes/no":
        return frozenset({"yes", "True", "1"} if value else {"no", "False", "0"})
    return frozenset({f"{value:g}"})
