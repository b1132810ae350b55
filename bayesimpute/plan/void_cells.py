"""Cells where a variable does not apply: the cost of who is not insured, the age at birth of who has no child.

They are neither missing nor drawn: no model is fitted to them, they stay empty in completed datasets, and nothing
counts them as missing. A model says where its variable applies (``applies = "insured == 1"``), a condition on complete
columns: which cells are void is known before the run. A formula that reads such a variable has to say what it has in
the other rows, ``where_applies(cost, 0)``: with ``insured`` beside it the 0 is of no consequence.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from bayesimpute.base.errors import FormulaError
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Expression, evaluate_expression, parse_expression
from bayesimpute.plan.conditional import Conditional


def with_void(incomplete: Incomplete, models: Iterable[Conditional]) -> Incomplete:
    """The data that know where the variables of some models do not apply.

    What cannot be computed applies everywhere; ``check`` says what is wrong with it.
    """
    found: dict[str, np.ndarray] = {}
    for model in models:
        void = void_rows(model, incomplete.columns)
        if void is not None and void.any():
            found[model.target] = void & incomplete.columns[model.target].missing
    return incomplete.applying(found)


def void_rows(model: Conditional, columns: Mapping[str, Column]) -> np.ndarray | None:
    """Where a model's variable does not apply, bool, shape (row,); None: everywhere it does, or nobody can tell."""
    if not isinstance(getattr(model, "applies", None), str) or model.target not in columns:
        return None
    try:
        expression = parse_expression(str(model.applies))
        return ~condition(expression, columns)
    except (FormulaError, KeyError):
        return None


def condition(expression: Expression, columns: Mapping[str, Column]) -> np.ndarray:
    """Where a condition on complete columns holds, bool, shape (row,).

    Raises
    ------
    FormulaError
        If it cannot be computed, such as one that looks beyond the row.
    """
    return evaluate_expression(expression, {name: series_of(columns[name]) for name in expression.names}) == 1


def series_of(column: Column) -> pd.Series | np.ndarray:
    """A column as expressions read it."""
    if column.kind != "category":
        return column.values
    codes = np.where(column.missing, -1, column.values).astype(np.int64)
    labels = list(column.labels)
    return pd.Series(pd.Categorical.from_codes(codes, categories=labels, ordered=column.arranged))
