"""A run by groups and with its survey design: where every table takes its estimates, counts and labels from."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import AnalysisError, BayesimputeError, PlanError, one
from bayesimpute.checking.estimand_problems import MAX_GROUPS
from bayesimpute.estimating.group_estimates import Seen
from bayesimpute.estimating.survey import SurveyDesign
from bayesimpute.estimating.variables import ALL_ROWS, Groups, Variables
from bayesimpute.result.result import Result


@dataclass(frozen=True, kw_only=True, eq=False)
class GroupedRun:
    """The variables of a run, by groups, with columns of a survey design, a level of intervals and the path of `by`."""

    variables: Variables
    by: tuple[str, ...]
    weights: str | None
    strata: str | None = None
    clusters: str | None = None
    level: float
    path: str = "by"

    @cached_property
    def groups(self) -> Groups:
        """All rows, then the groups.

        Raises
        ------
        PlanError
            More than can be meant.
        """
        groups = Groups.of(self.by, self.variables)
        require_few(len(groups.labels) - 1, self.path, " and ".join(self.by), "groups")
        return groups

    @cached_property
    def design(self) -> SurveyDesign:
        """How the rows were drawn."""
        data = self.variables.imputed.incomplete
        parts = {"weights": self.weights, "strata": self.strata, "clusters": self.clusters}
        arrays = {part: data.columns[name].values for part, name in parts.items() if name is not None}
        return SurveyDesign.of(len(data.frame), **arrays)

    @property
    def places(self) -> range:
        """The groups by their places; the first is all rows."""
        return range(len(self.groups.labels))

    def each(self, group: int, names: Sequence[str], statistic: Callable[..., Any], *option: Any) -> list[Any]:
        """A statistic of the rows of a group in each completed dataset, computed once if it is the same in all."""
        values = [self.variables.values(name) for name in names]
        datasets = max(len(self.groups.codes), *map(len, values))
        found = [
            statistic(*(v[k % len(v)] for v in values), *option, design=self.design, domain=self.groups.rows(group, k))
            for k in range(datasets)
        ]
        return found * (self.variables.imputed.m // datasets)

    def observed(self, names: Iterable[str]) -> np.ndarray:
        """Where all of some variables were observed, shape (row,)."""
        return np.all([self.variables.observed(name) for name in names], axis=0)

    def complete(self, group: int, names: Sequence[str]) -> np.ndarray:
        """The rows of a group in which nothing was imputed: neither the group nor some variables."""
        return self.groups.known(group) & self.observed(names)

    def seen(self, group: int, names: Sequence[str]) -> Seen:
        """What of the rows of a group is such, and whether all are in all datasets."""
        complete = self.complete(group, names)
        same = all(np.array_equal(self.groups.rows(group, k), complete) for k in range(len(self.groups.codes)))
        return Seen(all=same, df=self.design.counts(complete)[1])

    def counts(self, group: int, *masks: np.ndarray) -> list[float]:
        """The rows of a group where each mask holds: means over the datasets."""
        rows = [self.groups.rows(group, k) for k in range(len(self.groups.codes))]
        return [float(np.mean([(inside & mask).sum() for inside in rows])) for mask in masks]

    def where(self, label: Sequence[Any]) -> str:
        """A group in words; nothing for all rows."""
        split = [(name, value) for name, value in zip(self.by, label, strict=True) if value != ALL_ROWS]
        return " and ".join(f"{name} = {value}" for name, value in split)


def usable(imputed: Result, conf_level: float) -> None:
    """Estimates need a finished run with two datasets or more, and a level between 0 and 1."""
    if not imputed.record.finished:
        finding = "this run was stopped before all its datasets were completed"
        raise BayesimputeError(f"{finding}; go on with bayesimpute.resume")
    if imputed.m < 2:
        raise AnalysisError("estimates need at least two completed datasets, got 1; impute with a larger m")
    if not 0 < conf_level < 1:
        raise AnalysisError(f"conf_level: must lie between 0 and 1, got {conf_level}; 0.95 gives 95 % intervals")


def require_few(number: int, path: str, name: str, what: str) -> None:
    """Derived variables can have any number of values, which no check can know before."""
    if number > MAX_GROUPS:
        finding = f"{name}: {number} {what}, more than {MAX_GROUPS}"
        raise one(PlanError, path, finding, "derive a variable with wider groups")


def group_column(name: str, taken: Iterable[str]) -> str:
    """How the column of a grouping variable is called: by its name, unless a column of the tables has that name."""
    return f"by_{name}" if name in taken else name


def counted(table: pd.DataFrame, *counts: str) -> pd.DataFrame:
    """The table with its counts as whole numbers where they are whole."""
    found = [c for c in counts if c in table]
    return table.astype({c: np.int64 for c in found if np.equal(table[c], np.round(table[c])).all()})
