"""The data as given: a frame, its missing cells, its clusters, and what each variable is.

A variable's level is found from the data: it is of level 2 of a cluster key if it is constant in every cluster of that
key, and at least two units are observed in some cluster (one proves nothing). The units are those of the next finer
level that was found: pupils of one class say nothing about their school, two classes of it that agree do. Where several
keys qualify it belongs to the coarsest.

To describe variables by something more, add a field to :class:`Variable`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import DataError, Problem, did_you_mean, is_text
from bayesimpute.base.phrases import counted, first_row, listed, rows
from bayesimpute.data.arrow_frames import AnyFrame, Given, taken
from bayesimpute.data.cluster_keys import Key, key_of, no_names, parts
from bayesimpute.data.columns import Column, Kind, encode
from bayesimpute.data.said_columns import SaidColumn, applied, said_of

Pattern = Literal["complete", "sporadic", "systematic", "both"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Variable:
    """What a column of the data is.

    Attributes
    ----------
    name : str
        Its name.
    kind : {"number", "yes/no", "category", "date", "mixed"}
        What the values are; only the first three can take part in a model.
    labels : tuple
        The labels of a category.
    level : str or None
        The cluster key within which it is constant; None for level 1.
    n_observed, n_missing : int
        Cells; those where it does not apply are neither.
    pattern : {"complete", "sporadic", "systematic", "both"}
        Systematic: whole clusters are missing and every other cluster is wholly observed. Sporadic: cells are missing
        in clusters that have observed ones. Judged by the variable's own key at level 2, and at level 1 by the key with
        the fewest clusters; without clusters, whatever is missing is sporadic.
    icc : float or None
        The intraclass correlation of the observed values by the first key; None for level 2, for categories, and
        where it is not defined.
    """

    name: str
    kind: Kind
    labels: tuple[Any, ...]
    level: str | None
    n_observed: int
    n_missing: int
    pattern: Pattern
    icc: float | None


@typed_after
@dataclass(frozen=True, kw_only=True, eq=False)
class Incomplete:
    """Incomplete multilevel data; made by :meth:`from_frame`.

    Attributes
    ----------
    frame : DataFrame
        A copy of what was given.
    columns : mapping of str to Column
        Every column as floats.
    clusters : tuple of str
        The cluster keys; ``a:b`` is the interaction of two columns.
    variables : mapping of str to Variable
        What each column is.
    given : Given or None
        What was given, if it was a frame of another kind than pandas'.
    said : tuple of SaidColumn
        What the user says of columns.
    """

    frame: pd.DataFrame
    columns: Mapping[str, Column]
    clusters: tuple[str, ...]
    variables: Mapping[str, Variable]
    _keys: Mapping[str, Key]
    given: Given | None = None
    said: tuple[SaidColumn, ...] = ()

    @classmethod
    def from_frame(cls, frame: AnyFrame, *, clusters: Sequence[str] = (), columns: Any = ()) -> "Incomplete":
        """Look at a data frame.

        Parameters
        ----------
        frame : DataFrame
            One row a unit; missing cells are missing values of the column's dtype. Of pandas, Polars, PyArrow or of
            another kind that narwhals reads (:mod:`bayesimpute.data.arrow_frames`).
        clusters : sequence of str
            The cluster keys: columns of any dtype, or ``a:b``.
        columns : mapping of str to str or dict
            What columns are, where their types do not say it: ``{"gen": "G1 < G2"}``
            (:mod:`bayesimpute.data.said_columns`).

        Returns
        -------
        Incomplete

        Raises
        ------
        DataError
            With every problem: no or no proper frame, no rows, names that are not texts or not unique, infinite
            values, a cluster key that is not there or has missing values, a column that is not what is said of it.
        """
        clusters = (clusters,) if isinstance(clusters, str) else tuple(dict.fromkeys(clusters))
        found, given = taken(frame)
        _require_frame(found)
        frame = found.copy(deep=False)  # pandas copies on write: whoever changes theirs does not change this one
        said = said_of(columns)
        columns = {str(name): encode(series, str(name), copy=False) for name, series in frame.items()}
        problems = [*_infinite(frame, columns), *_key_problems(frame, columns, clusters)]
        columns, wrong, _ = applied(columns, said)
        problems += wrong
        if problems:
            raise DataError(problems)
        keys = {key: key_of(frame, parts(frame, key)) for key in clusters}
        with np.errstate(over="ignore", invalid="ignore"):  # the check tells of numbers of such a size
            variables = {name: _describe(column, keys, _owners(frame, keys, name)) for name, column in columns.items()}
        return cls(
            frame=frame, columns=columns, clusters=clusters, variables=variables, _keys=keys, given=given, said=said
        )

    def saying(self, columns: Any) -> "Incomplete":
        """The same data with what is said of columns, as in :meth:`from_frame`; itself, if that is nothing new."""
        said = said_of(columns)
        if not said or said == self.said:
            return self
        names = {each.name for each in said}
        said = (*(each for each in self.said if each.name not in names), *said)
        return replace(Incomplete.from_frame(self.frame, clusters=self.clusters, columns=said), given=self.given)

    def applying(self, void: Mapping[str, np.ndarray]) -> "Incomplete":
        """The same data with columns that do not apply everywhere: `void` has them by name, bool, shape (unit,)."""
        columns = dict(self.columns) | {name: replace(self.columns[name], void=cells) for name, cells in void.items()}
        variables = dict(self.variables)
        for name in void:
            gaps, level = columns[name].gaps, self.variables[name].level
            keys = [self._keys[level]] if level else list(self._keys.values())
            pattern = _pattern(gaps, min(keys, key=lambda key: key.n, default=None))
            variables[name] = replace(variables[name], n_missing=int(gaps.sum()), pattern=pattern)
        return replace(self, columns=columns, variables=variables) if void else self

    @property
    def missing(self) -> pd.DataFrame:
        """Bool, the shape and labels of the frame: True where a cell is missing."""
        cells = {name: column.gaps for name, column in self.columns.items()}
        return pd.DataFrame(cells, index=self.frame.index, columns=self.frame.columns)

    @cached_property
    def each_row(self) -> np.ndarray:
        """0, 1, …: int64, shape (unit,); the same array for all who ask."""
        return np.arange(len(self.frame))

    def codes(self, key: str) -> np.ndarray:
        """The cluster of each row: int64, shape (unit,), by first appearance from 0.

        Raises
        ------
        DataError
            If there is no such column, or it has missing values.
        """
        return self._find(key).codes

    def n_clusters(self, key: str) -> int:
        """The number of clusters of a key."""
        return self._find(key).n

    def labels(self, key: str) -> tuple[Any, ...]:
        """The clusters' labels by code; texts ``"a:b"`` for an interaction."""
        return self._find(key).labels

    def level_rows(self, key: str) -> np.ndarray:
        """The first row of each cluster, by code: int64, shape (cluster,)."""
        found = self._find(key)
        return found.order[found.starts]

    def deductive(self, name: str, *, key: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """A level-2 variable with the cells filled in whose value another member of the cluster has.

        With three levels a variable of schools is filled in from any class of the school, one of classes from
        classmates only.

        Parameters
        ----------
        name : str
            The variable.
        key : str, optional
            The key of its clusters; by default the level that was found. Nothing is filled in at level 1.

        Returns
        -------
        values : ndarray, shape (unit,)
            Floats or codes as in `columns`; NaN where no member has a value, or members disagree.
        filled : ndarray, shape (unit,)
            Bool, the cells that were filled in.
        """
        values = self.columns[name].values.copy()
        key = key or self.variables[name].level
        if key is None:
            return values, np.zeros(len(values), dtype=bool)
        found = self._find(key)
        low, high = found.extremes(values)
        filled = np.isnan(values) & (low == high)[found.codes]
        values[filled] = low[found.codes[filled]]
        return values, filled

    def icc(self, values: np.ndarray, key: str) -> float | None:
        """The intraclass correlation ICC(1) of values, shape (unit,), NaN where missing; None: not defined."""
        return _icc(values, self._find(key))

    def disagreements(self, name: str, key: str) -> list[Any]:
        """The labels of all rows of those clusters whose members have different values of a variable.

        Empty for a variable of level 2 of the key; a few rows where a variable is meant to be of level 2 but mistyped.
        """
        found = self._find(key)
        low, high = found.extremes(self.columns[name].values)
        return self.frame.index[(low < high)[found.codes]].tolist()

    def _find(self, key: str) -> Key:
        if key in self._keys:
            return self._keys[key]
        problems = _key_problems(self.frame, self.columns, (key,))
        if problems:
            raise DataError(problems)
        return key_of(self.frame, parts(self.frame, key))


def _require_frame(frame: pd.DataFrame) -> None:
    problems = []
    if len(frame) == 0 or len(frame.columns) == 0:
        finding = f"the frame is empty: {counted(len(frame), 'row')}, {counted(len(frame.columns), 'column')}"
        problems.append(Problem(path="data", finding=finding, remedy="give at least one row and one column"))
    for name in dict.fromkeys(name for name in frame.columns if not isinstance(name, str)):
        remedy = "rename the columns: frame.columns = frame.columns.map(str)"
        problems.append(Problem(path="data", finding=f"the column name {name!r} is not a text", remedy=remedy))
    for name in (name for name in frame.columns if isinstance(name, str) and not is_text(name)):
        finding = f"the column name {name!r} holds half a character (a surrogate), which no file can store"
        problems.append(Problem(path="data", finding=finding, remedy="rename the column"))
    for name in frame.columns[frame.columns.duplicated()].unique():
        finding = f'{int((frame.columns == name).sum())} columns are called "{name}"'
        problems.append(Problem(path="data", finding=finding, remedy="give every column a name of its own"))
    if problems:
        raise DataError(problems)


def _infinite(frame: pd.DataFrame, columns: Mapping[str, Column]) -> list[Problem]:
    problems = []
    for name, column in columns.items():
        infinite = np.isinf(column.values)
        if infinite.any():
            finding = f"{counted(int(infinite.sum()), 'infinite value')}, {first_row(frame, infinite)}"
            remedy = "make them missing or put in numbers"
            problems.append(Problem(path=f"data[{name}]", finding=finding, remedy=remedy))
    return problems


def _key_problems(frame: pd.DataFrame, columns: Mapping[str, Column], clusters: Sequence[str]) -> list[Problem]:
    problems = []
    for name in dict.fromkeys(part for key in clusters for part in parts(frame, key)):
        if name not in columns:
            remedy = did_you_mean(name, columns, f"name a column of the data: {listed(columns, 12)}")
            problems.append(Problem(path="clusters", finding=f'there is no column "{name}"', remedy=remedy))
        elif columns[name].missing.any():
            gaps = np.flatnonzero(columns[name].missing)
            finding = f"this cluster key has {counted(len(gaps), 'missing value')}, in {rows(frame, gaps)}"
            remedy = "leave these rows out, or give them a cluster"
            problems.append(Problem(path=f"data[{name}]", finding=finding, remedy=remedy))
        elif (found := no_names(frame, name)) is not None:
            problems.append(Problem(path=f"data[{name}]", finding=found, remedy="give each cluster a number or a text"))
    return problems


def _owners(frame: pd.DataFrame, keys: Mapping[str, Key], name: str) -> frozenset[str]:
    """The keys that a column is part of: it is constant within these by construction."""
    return frozenset(key for key in keys if name in parts(frame, key))


def _describe(column: Column, keys: Mapping[str, Key], owners: frozenset[str]) -> Variable:
    missing = column.missing
    level = _level(column.values, {key: found for key, found in keys.items() if key not in owners})
    first = next(iter(keys), None)
    metric = column.kind in ("number", "yes/no") and level is None and first is not None and first not in owners
    return Variable(
        name=column.name,
        kind=column.called,
        labels=column.labels if column.kind == "category" else (),
        level=level,
        n_observed=int((~missing).sum()),
        n_missing=int(missing.sum()),
        pattern=_pattern(missing, keys[level] if level else min(keys.values(), key=lambda key: key.n, default=None)),
        icc=_icc(column.values, keys[first]) if metric and first is not None else None,
    )


def _level(values: np.ndarray, keys: Mapping[str, Key]) -> str | None:
    found: dict[str, Key] = {}
    for name, key in sorted(keys.items(), key=lambda item: -item[1].n):
        low, high = key.extremes(values)
        finer = next((k for k in reversed(found.values()) if k.n > key.n), None)
        if not np.any(low < high) and np.any(key.units(~np.isnan(values), finer) > 1):
            found[name] = key
    return min(found, key=lambda name: found[name].n, default=None)


def _pattern(missing: np.ndarray, key: Key | None) -> Pattern:
    if not missing.any():
        return "complete"
    if key is None:
        return "sporadic"
    gaps, sizes = key.count(missing), key.count(np.ones_like(missing))
    whole, some = np.any(gaps == sizes), np.any((gaps > 0) & (gaps < sizes))
    return "both" if whole and some else "systematic" if whole else "sporadic"


def _icc(values: np.ndarray, key: Key) -> float | None:
    """ICC(1) from a one-way analysis of variance of the observed values.

    (MSB - MSW) / (MSB + (n - 1) MSW) with the mean observed cluster size n; Bartko (1976, Psychological Bulletin
    83:762), as in R's multilevel::ICC1.
    """
    observed = ~np.isnan(values)
    codes, y = key.codes[observed], values[observed]
    sizes = np.bincount(codes, minlength=key.n)
    clusters, total = int((sizes > 0).sum()), len(y)
    if clusters < 2 or total <= clusters:
        return None
    y = y - y.mean()
    means = np.bincount(codes, weights=y, minlength=key.n) / np.maximum(sizes, 1)
    between = float(sizes @ means**2) / (clusters - 1)
    within = float(np.sum((y - means[codes]) ** 2)) / (total - clusters)
    denominator = between + (total / clusters - 1) * within
    return (between - within) / denominator if denominator > 0 else None
