"""The rows of the tables: a statistic of each group in each completed dataset, pooled.

A variable is a *category* by its column, *binary* if all its completed values are 0 or 1, and otherwise a *number*.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import Any

import numpy as np

from bayesimpute.base.errors import PlanError, one
from bayesimpute.checking.estimand_problems import MAX_GROUPS
from bayesimpute.estimating import spread, survey
from bayesimpute.estimating.group_estimates import Answer, population
from bayesimpute.estimating.survey import Estimated, SurveyDesign
from bayesimpute.estimating.variables import ALL_ROWS, Groups, Variables

FIGURES = ("estimate", "std_error", "df", "conf_low", "conf_high", "riv", "fmi")
COUNTS = ("n_observed", "n_missing")
OWN = {
    "means": ("variable",),
    "sds": ("variable",),
    "quantiles": ("variable", "probability"),
    "correlations": ("variable", "other"),
    "frequencies": ("variable", "value"),
    "cross": ("variable", "other", "value", "other_value"),
}
"""The columns of each table that say what a row is about."""
LAST = {"frequencies": ("count", *FIGURES), "cross": ("count", "row_proportion", "total_proportion")}
"""The figures of the tables that have others."""

Row = dict[str, Any]


def columns(table: str, by: Sequence[str]) -> list[str]:
    """The columns of a table."""
    return [*OWN[table], *map(group_column, by), *COUNTS, *LAST.get(table, FIGURES)]


def group_column(name: str) -> str:
    """How the column of a grouping variable is called: by its name, unless a table has a column of that name."""
    taken = {*FIGURES, *COUNTS, *(c for part in (OWN, LAST) for names in part.values() for c in names)}
    return f"by_{name}" if name in taken else name


@dataclass(frozen=True, kw_only=True, eq=False)
class Describing:
    """The rows about some variables of a run.

    Parameters
    ----------
    variables : Variables
        Of the run.
    by : tuple of str
        The grouping variables.
    weights : str or None
        The column of weights.
    level : float
        Of the intervals.
    notes : list of str
        Where it is said why a figure does not exist.
    """

    variables: Variables
    by: tuple[str, ...]
    weights: str | None
    level: float
    notes: list[str]

    @cached_property
    def groups(self) -> Groups:
        """All rows, then the groups.

        Raises
        ------
        PlanError
            More than can be meant.
        """
        groups = Groups.of(self.by, self.variables)
        _require_few(len(groups.labels) - 1, "by", " and ".join(self.by), "groups")
        return groups

    @cached_property
    def design(self) -> SurveyDesign:
        """Rows drawn one by one, with their weights."""
        data = self.variables.imputed.incomplete
        weights = None if self.weights is None else data.columns[self.weights].values
        return SurveyDesign.of(len(data.frame), weights=weights)

    def kind(self, name: str) -> str:
        """``category``, ``binary`` or ``number``."""
        column = self.variables.imputed.incomplete.columns.get(name)
        if column is not None and column.kind == "category":
            return "category"
        return "binary" if np.isin(self.variables.values(name), (0.0, 1.0)).all() else "number"

    def levels(self, name: str) -> np.ndarray:
        """The codes or values of a variable: all labels of a category, 0 and 1, or those that there are."""
        column = self.variables.imputed.incomplete.columns.get(name)
        if column is not None and column.kind == "category":
            return np.arange(len(column.labels), dtype=float)
        return np.array([0.0, 1.0]) if self.kind(name) == "binary" else np.unique(self.variables.values(name))

    def means(self, names: Sequence[str]) -> Iterator[Row]:
        """Of numbers and binary variables; the mean of a binary variable is the proportion of ones."""
        for name in names:
            kind = self.kind(name)
            for group in self.places() if kind != "category" else ():
                found = self.each(group, [name], partial(survey.mean, design=self.design))
                yield self.row("means", (name,), group, [name], self.mean(found, group, name, kind))

    def mean(self, found: Sequence[Estimated], group: int, name: str, kind: str) -> Answer:
        """The pooled mean of a group."""
        if kind == "binary":
            return spread.proportion(found, self.level, known=self.known(group, name))
        return population(found, self.level, proportion=False)

    def sds(self, names: Sequence[str]) -> Iterator[Row]:
        """Of numbers."""
        for name in self.numbers(names):
            for group in self.places():
                found = self.each(group, [name], partial(survey.standard_deviation, design=self.design))
                yield self.row("sds", (name,), group, [name], spread.standard_deviation(found, self.level))

    def quantiles(self, names: Sequence[str], probabilities: Sequence[float]) -> Iterator[Row]:
        """Of numbers."""
        for name in self.numbers(names):
            for group in self.places():
                for probability in probabilities:
                    statistic = partial(survey.quantile, probability=probability, design=self.design)
                    answer = population(self.each(group, [name], statistic), self.level, proportion=False)
                    yield self.row("quantiles", (name, probability), group, [name], answer)

    def correlations(self, names: Sequence[str]) -> Iterator[Row]:
        """Of each pair of numbers and binary variables; of a category with two labels the second is 1."""
        for pair in combinations([n for n in names if self.kind(n) != "category" or len(self.levels(n)) == 2], 2):
            for group in self.places():
                found = self.each(group, pair, partial(survey.correlation, design=self.design))
                answer = spread.correlation(found, self.level, weighted=self.weights is not None)
                yield self.row("correlations", pair, group, pair, answer)

    def frequencies(self, names: Sequence[str]) -> Iterator[Row]:
        """Of each value of binary variables and categories."""
        for name in names:
            for group in self.places() if self.kind(name) != "number" else ():
                for value in self.levels(name):
                    found = self.each(group, [name], partial(self.share, value))
                    answer = spread.proportion(found, self.level, known=self.known(group, name))
                    what = name, self.variables.label(name, value)
                    count = self.count(group, name, value)
                    yield self.row("frequencies", what, group, [name], answer) | {"count": count}

    def cross(self, pairs: Sequence[tuple[str, str]]) -> Iterator[Row]:
        """Each cell of the table of two variables."""
        for pair in pairs:
            levels = [self.levels(name) for name in pair]
            for name, found in zip(pair, levels, strict=True):
                _require_few(len(found), "cross", name, "values")
            for group in self.places():
                yield from self.cells(pair, levels, group)

    def cells(self, pair: tuple[str, str], levels: Sequence[np.ndarray], group: int) -> Iterator[Row]:
        """The cells in one group: means over the datasets of counts and of proportions."""
        tables = self.each(group, pair, partial(self.contingency, levels))
        counts, weights = (np.array(each) for each in zip(*tables, strict=True))
        with np.errstate(invalid="ignore"):
            rows, all_rows = (weights / weights.sum(axis=axes, keepdims=True) for axes in (2, (1, 2)))
        means = (each.mean(axis=0) for each in (counts, rows, all_rows))
        figures = dict(zip(LAST["cross"], means, strict=True))
        for i, first in enumerate(levels[0]):
            label = self.variables.label(pair[0], first)
            empty = int((weights[:, i].sum(axis=1) == 0).sum())
            if empty:
                why = f"it has no rows with weight in {empty} of {len(weights)} datasets: no row proportion"
                self.note("cross", (*pair, label), group, why)
            for j, second in enumerate(levels[1]):
                what = (*pair, label, self.variables.label(pair[1], second))
                yield self.start("cross", what, group, pair) | {name: each[i, j] for name, each in figures.items()}

    def numbers(self, names: Sequence[str]) -> list[str]:
        """Those that are neither binary nor categories."""
        return [name for name in names if self.kind(name) == "number"]

    def places(self) -> range:
        """The groups by their places; the first is all rows."""
        return range(len(self.groups.labels))

    def each(self, group: int, names: Sequence[str], statistic: Callable[..., Any]) -> list[Any]:
        """A statistic of the rows of a group in each completed dataset, computed once if it is the same in all."""
        values = [self.variables.values(name) for name in names]
        datasets = max(len(self.groups.codes), *map(len, values))
        found = [
            statistic(*(v[k % len(v)] for v in values), domain=self.groups.rows(group, k)) for k in range(datasets)
        ]
        return found * (self.variables.imputed.m // datasets)

    def share(self, value: float, values: np.ndarray, *, domain: np.ndarray) -> Estimated:
        """The proportion of a value in one table."""
        return survey.mean((values == value).astype(float), self.design, domain=domain)

    def count(self, group: int, name: str, value: float) -> float:
        """The rows of a group that have a value: a mean over the datasets, without weights."""
        return float(np.mean(self.each(group, [name], lambda v, domain: int((domain & (v == value)).sum()))))

    def contingency(
        self, levels: Sequence[np.ndarray], first: np.ndarray, second: np.ndarray, *, domain: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Counts and sums of weights of one table, shape (value, other value)."""
        shape = len(levels[0]), len(levels[1])
        places = [np.searchsorted(level, v[domain]) for level, v in zip(levels, (first, second), strict=True)]
        cell = places[0] * shape[1] + places[1]
        size = shape[0] * shape[1]
        counts, weights = np.bincount(cell, minlength=size), np.bincount(cell, self.design.weights[domain], size)
        return counts.reshape(shape), weights.reshape(shape)

    def known(self, group: int, name: str) -> bool:
        """Whether nothing of a group is imputed: neither which rows are in it nor their values."""
        known = self.groups.known(group) & self.variables.observed(name)
        return all(np.array_equal(self.groups.rows(group, k), known) for k in range(len(self.groups.codes)))

    def row(self, table: str, what: Sequence[Any], group: int, names: Sequence[str], answer: Answer) -> Row:
        """A row with its figures; what is to be said is noted."""
        if answer.note:
            self.note(table, what, group, answer.note)
        return self.start(table, what, group, names) | {figure: getattr(answer, figure) for figure in FIGURES}

    def start(self, table: str, what: Sequence[Any], group: int, names: Sequence[str]) -> Row:
        """What a row is about, and in how many rows of the data it was observed and imputed."""
        observed = np.all([self.variables.observed(name) for name in names], axis=0)
        rows = [self.groups.rows(group, k) for k in range(len(self.groups.codes))]
        counts = [np.mean([(inside & seen).sum() for inside in rows]) for seen in (observed, ~observed)]
        groups = zip(map(group_column, self.by), self.groups.labels[group], strict=True)
        return dict(zip(OWN[table], what, strict=True)) | dict(groups) | dict(zip(COUNTS, counts, strict=True))

    def note(self, table: str, what: Sequence[Any], group: int, why: str) -> None:
        """Say why a figure does not exist."""
        labels = zip(self.by, self.groups.labels[group], strict=True)
        where = " and ".join(f"{name} = {label}" for name, label in labels if label != ALL_ROWS)
        self.notes.append(f"{table}[{', '.join(map(str, what))}]{f' ({where})' if where else ''}: {why}")


def _require_few(number: int, path: str, name: str, what: str) -> None:
    """Derived variables can have any number of values, which no check can know before."""
    if number > MAX_GROUPS:
        finding = f"{name}: {number} {what}, more than {MAX_GROUPS}"
        raise one(PlanError, path, finding, "derive a variable with wider groups")
