"""What an estimand reads of a run: a variable in each completed dataset, where it was observed, and the groups of rows.

Values are read from the arrays of the run, as floats and codes, and not from m data frames. A variable that does not
change from dataset to dataset is held once: arrays have the shape (dataset, row) with one dataset or m.

A value is *observed* if it follows from the data alone: the cell itself, a level-2 value that another member of its
cluster has, or a derived value all of whose inputs are observed (of a cluster mean, in all rows of the cluster).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.base.errors import DataError, one
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.data.columns import Column
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import DerivedColumn
from bayesimpute.result.result import Result
from bayesimpute.result.schema import in_order

ALL_ROWS = "all rows"
"""How a group column calls what is not split by it."""


@dataclass(frozen=True, eq=False)
class Variables:
    """The variables of a run as arrays.

    Parameters
    ----------
    imputed : MultiplyImputed
        A finished run.
    """

    imputed: Result

    def values(self, name: str) -> np.ndarray:
        """Floats or codes of a column or a derived variable, shape (dataset, row).

        Raises
        ------
        DataError
            If it has no finite value somewhere, such as a derived variable that divides by zero.
        """
        if name not in self._found:
            self._found[name] = self._finite(name)
        return self._found[name]

    def _finite(self, name: str) -> np.ndarray:
        if name in self._changing:
            values = self._changing[name].values.astype(float)
        else:
            values = self.imputed.incomplete.columns[name].values[np.newaxis]
        column = self.imputed.incomplete.columns.get(name)
        if column is not None and column.void is not None:
            raise one(DataError, f"data[{name}]", *where_void(column, self.imputed.plan))
        wrong = ~np.isfinite(values)
        if wrong.any():
            rows = wrong.any(axis=0)
            first = first_row(self.imputed.incomplete.frame, rows)
            finding = f"it has no finite value in {counted(int(rows.sum()), 'row')} of completed datasets, {first}"
            raise one(DataError, f"data[{name}]", finding, "impute it, or mend the expression that derives it")
        return values

    def observed(self, name: str) -> np.ndarray:
        """Bool, shape (row,): where the value follows from the data alone."""
        return self._observed[name]

    def label(self, name: str, value: float) -> Any:
        """A value as the user knows it."""
        column = self.imputed.incomplete.columns.get(name)
        if column is not None and column.dates is not None:
            return column.decode(np.array([value])).iloc[0]
        if column is not None and column.labels:
            return column.labels[int(value)]
        if column is not None and column.kind == "yes/no" and value in (0, 1):
            return bool(value)
        return int(value) if float(value).is_integer() else float(value)

    def kind(self, name: str) -> str:
        """``category`` or ``two labels`` by its column; ``binary`` if all its values are 0 or 1; or ``number``."""
        column = self.imputed.incomplete.columns.get(name)
        if column is not None and column.dates is not None:
            return "date"
        if column is not None and column.kind == "category":
            return "two labels" if len(column.labels) == 2 else "category"
        return "binary" if np.isin(self.values(name), (0.0, 1.0)).all() else "number"

    def levels(self, name: str) -> np.ndarray:
        """The codes or values of a variable: all labels of a category, 0 and 1, or those that there are."""
        kind = self.kind(name)
        if kind in ("category", "two labels"):
            return np.arange(len(self.imputed.incomplete.columns[name].labels), dtype=float)
        return np.array([0.0, 1.0]) if kind == "binary" else np.unique(self.values(name))

    @cached_property
    def _found(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _changing(self) -> dict[str, xr.DataArray]:
        stored = in_order(self.imputed.analysed)
        return {variable.attrs["name"]: variable for variable in stored}

    @cached_property
    def _observed(self) -> dict[str, np.ndarray]:
        incomplete = self.imputed.incomplete
        resolved = self.imputed.record.resolved
        known = {name: ~column.gaps for name, column in incomplete.columns.items()}
        known |= {name: ~np.isnan(values) for name, values in resolved.filled.items()}
        for column in resolved.derived:
            follows = self._follows(column, known)
            known[column.name] = known[column.name] | follows if column.fills else follows
        return known

    def _follows(self, column: DerivedColumn, known: dict[str, np.ndarray]) -> np.ndarray:
        """Where all inputs of a derived variable are observed."""
        inputs = [known[name] for name in column.expression.needs if name in known]
        follows = np.all(inputs, axis=0) if inputs else np.ones(len(self.imputed.incomplete.frame), dtype=bool)
        for key in sorted({key for _, key in column.expression.cluster_means}):
            codes = self.imputed.incomplete.codes(key)
            gaps = np.bincount(codes, ~follows)
            follows = gaps[codes] == 0
        return follows


def where_void(column: Column, plan: Plan) -> tuple[str, str]:
    """That a variable does not apply everywhere, and what can be described instead."""
    assert column.void is not None
    applies = next((c.applies for c in plan.models if c.target == column.name), None)
    call = f"pool({f'{column.name} ~ 1'!r}, where={applies!r})"
    finding = f"it does not apply in {counted(int(column.void.sum()), 'row')}"
    return finding, f"impute with a derived variable, where_applies({column.name}, 0); or analyse it: {call}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """All rows, then each combination of values of some variables that there is in some dataset.

    Parameters
    ----------
    by : tuple of str
        The variables.
    labels : tuple of tuple
        The values of each group, in their order; of the first, "all rows".
    codes : ndarray of int, shape (dataset, row)
        The group of each row, from 1.
    observed : ndarray of bool, shape (row,)
        Where the group follows from the data alone.
    """

    by: tuple[str, ...]
    labels: tuple[tuple[Any, ...], ...]
    codes: np.ndarray
    observed: np.ndarray

    @classmethod
    def of(cls, by: Sequence[str], variables: Variables) -> "Groups":
        """The groups that some variables make."""
        rows = len(variables.imputed.incomplete.frame)
        everybody = tuple(ALL_ROWS for _ in by)
        if not by:
            codes, observed = np.ones((1, rows), dtype=np.int64), np.ones(rows, dtype=bool)
            return cls(by=(), labels=(everybody,), codes=codes, observed=observed)
        combined = np.zeros((1, 1), dtype=np.int64)
        levels = []
        for name in by:
            values = variables.values(name)
            level, codes = np.unique(values, return_inverse=True)
            combined = combined * len(level) + codes.reshape(values.shape)
            levels.append([variables.label(name, value) for value in level])
        distinct, codes = np.unique(combined, return_inverse=True)
        places = np.unravel_index(distinct, [len(level) for level in levels])
        labels = [
            tuple(level[i] for level, i in zip(levels, place, strict=True)) for place in zip(*places, strict=True)
        ]
        return cls(
            by=tuple(by),
            labels=(everybody, *labels),
            codes=codes.reshape(combined.shape) + 1,
            observed=np.all([variables.observed(name) for name in by], axis=0),
        )

    def place(self, label: tuple[Any, ...]) -> int:
        """The place of a group by its label; -1 for one that is not there, which has no rows."""
        return self.labels.index(label) if label in self.labels else -1

    def rows(self, group: int, dataset: int) -> np.ndarray:
        """Bool, shape (row,): the rows of a group, by its place in `labels`, in a dataset."""
        codes = self.codes[dataset % len(self.codes)]
        return np.ones(len(codes), dtype=bool) if group == 0 else codes == group

    def known(self, group: int) -> np.ndarray:
        """The rows of a group whose group is observed."""
        return self.rows(group, 0) if group == 0 else self.rows(group, 0) & self.observed
