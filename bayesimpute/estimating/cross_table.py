"""The cross table of two variables: counts and proportions of its cells, means over the datasets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.estimating.grouped_run import GroupedRun, require_few
from bayesimpute.estimating.request import Request
from bayesimpute.estimating.statistic import Line
from bayesimpute.estimating.survey import SurveyDesign


@dataclass(frozen=True, kw_only=True)
class CrossTable:
    """What :class:`.statistic.Statistic` is to one estimate, for all cells of a table at once, without intervals."""

    title: ClassVar[str] = "Cross tables: mean counts and proportions"
    columns: ClassVar[tuple[str, ...]] = ("variable", "other", "value", "other_value")
    figures: ClassVar[tuple[str, ...]] = ("count", "row_proportion", "total_proportion")

    def lines(self, run: GroupedRun, request: Request) -> Iterator[Line]:
        """Each cell of each table."""
        for pair in request.cross:
            levels = [run.variables.levels(name) for name in pair]
            for name, found in zip(pair, levels, strict=True):
                require_few(len(found), "cross", name, "values")
            for group in run.places:
                yield from self.cells(run, pair, levels, group)

    def cells(self, run: GroupedRun, pair: tuple[str, str], levels: list[np.ndarray], group: int) -> Iterator[Line]:
        """The cells in one group."""
        counts, weights = map(np.array, zip(*run.each(group, pair, contingency, levels), strict=True))
        with np.errstate(invalid="ignore"):
            shares = [weights / weights.sum(axis=axes, keepdims=True) for axes in (2, (1, 2))]
        means = [each.mean(axis=0) for each in (counts, *shares)]
        first, second = (
            [run.variables.label(name, x) for x in level] for name, level in zip(pair, levels, strict=True)
        )
        for i, label in enumerate(first):
            about, empty = (*pair, label), int((weights[:, i].sum(axis=1) == 0).sum())
            why = f"it has no rows with weight in {empty} of {len(weights)} datasets: no row proportion"
            for j, other in enumerate(second):
                figures = {name: each[i, j] for name, each in zip(self.figures, means, strict=True)}
                note = why if empty else ""
                yield Line(group=group, names=pair, what=(*about, other), figures=figures, note=note, about=about)


def contingency(
    first: np.ndarray, second: np.ndarray, levels: Sequence[np.ndarray], *, design: SurveyDesign, domain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts and sums of weights of one table, shape (value, other value)."""
    shape = len(levels[0]), len(levels[1])
    places = [np.searchsorted(level, v[domain]) for level, v in zip(levels, (first, second), strict=True)]
    cell, size = places[0] * shape[1] + places[1], shape[0] * shape[1]
    counts, weights = np.bincount(cell, minlength=size), np.bincount(cell, design.weights[domain], size)
    return counts.reshape(shape), weights.reshape(shape)


CROSS_TABLE = CrossTable()
