"""Conditions of plans that say which rows are meant, on the data as they are given: ``ignore = "fold == 'test'"``.

Labels are texts in them, as in formulas and shifts, with what ``[columns]`` says of them.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Expression, evaluate_expression, parse_expression

ALL = "all"
"""Every observed cell."""


def ignored_rows(condition: str | None, incomplete: Incomplete) -> np.ndarray | None:
    """The rows that are imputed and teach nothing, bool, shape (row,); None: there are none.

    Of a condition that has been checked: it is known of every row.
    """
    if condition is None:
        return None
    return condition_values(parse_expression(condition, "run.ignore"), incomplete) == 1


def drawn_too(where: str | None, incomplete: Incomplete, path: str) -> np.ndarray | None:
    """The rows whose observed values are drawn as well, bool, shape (row,); None: none are."""
    if where is None or where == ALL:
        return None if where is None else np.ones(len(incomplete.frame), dtype=bool)
    return condition_values(parse_expression(where, path), incomplete) == 1


def condition_values(
    expression: Expression, incomplete: Incomplete, derived: Mapping[str, Expression] = MappingProxyType({})
) -> np.ndarray:
    """What an expression of columns of the data, and of variables derived from them, is there, shape (row,).

    NaN where that does not follow from what is observed.
    """
    columns: dict[str, pd.Series | np.ndarray] = {}
    for name in expression.names:
        if name in incomplete.columns:
            columns[name] = as_given(incomplete.columns[name], incomplete)
        elif name in derived:
            columns[name] = condition_values(derived[name], incomplete, derived)
    return evaluate_expression(expression, columns)


def as_given(column: Column, incomplete: Incomplete) -> pd.Series | np.ndarray:
    """A column as expressions read it: numbers as floats, labels as a category."""
    if column.kind in ("number", "yes/no"):
        return column.values
    if column.kind == "category":
        codes = np.where(column.missing, -1, column.values).astype(np.int64)
        return pd.Series(pd.Categorical.from_codes(codes, categories=list(column.labels), ordered=column.arranged))
    return pd.Series(incomplete.frame[column.name]).reset_index(drop=True)
