"""The functions that a formula or an expression may call: a fixed list, and nothing else.

A plan is data, perhaps somebody else's, so a name in it can never reach Python: a call is looked up here, with its
number of arguments (``numpy.log(x, y)`` would write into `y`) and, where an argument sets the size of what is made, its
range.

To allow another function, add a line to :data:`FUNCTIONS`. One without `apply` is known to formulae (or, as
those in :data:`GIVEN`, computed by the caller).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.data.dates import days_of_labels
from bayesimpute.formulas.cumulative_hazard import nelson_aalen

LARGEST_SETTING = 100
"""No degree, df or number of digits above this: such a number decides how much memory a formula takes."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """What may stand in the parentheses of a call, and where the call may stand.

    Parameters
    ----------
    least, most : int
        How many arguments without a keyword it takes.
    data : int
        How many of them, from the first, are made of columns; the others are settings, written out as values.
    keywords : tuple of str
        The settings that may be given by keyword.
    formula, expression : bool
        Whether it may be used in formulas, and in expressions of derived variables.
    apply : callable, optional
        The elementwise function on arrays that does it.
    labels : bool
        Whether it takes labels, and not numbers. Formulas have what it gives as a column of the data, for there all
        labels are known, also those that nobody has among the rows that a model is fitted to.
    guards : bool
        Whether it puts a number where its first argument has no value because it does not apply there.
    dates : bool
        Whether it also takes a text in quotation marks, which is a date.
    """

    least: int = 1
    most: int = 1
    data: int = 1
    keywords: tuple[str, ...] = ()
    formula: bool = True
    expression: bool = True
    apply: Callable[..., Any] | None = None
    labels: bool = False
    guards: bool = False
    dates: bool = False


def _elementwise(apply: Callable[..., Any], arguments: int = 1) -> Function:
    return Function(least=arguments, most=arguments, data=arguments, apply=apply)


def _coding(most: int, *keywords: str, least: int = 1) -> Function:
    return Function(least=least, most=most, keywords=keywords, expression=False)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    """`yes` where the condition holds, `no` where it does not, missing where it is not known."""
    condition = np.asarray(condition, dtype=np.float64)
    return np.where(np.isnan(condition), np.nan, np.where(condition != 0, yes, no))


def _where_applies(value: Any, otherwise: Any) -> np.ndarray:
    """A value where there is one, else the given number: see :mod:`bayesimpute.plan.void_cells`."""
    found = np.asarray(value, dtype=np.float64)
    return np.where(np.isnan(found), otherwise, found)


def _scores(labels: Any) -> np.ndarray:
    """1 to K of ordered labels, NaN where there is none."""
    category = labels.array if isinstance(labels, pd.Series) else labels
    if not isinstance(category, pd.Categorical) or not category.ordered:
        raise ValueError("its labels have no order")
    return np.where(category.codes < 0, np.nan, category.codes + 1.0)


def _days(date: Any) -> Any:
    """A date in quotation marks as the number that it is in columns of dates; these are such numbers already."""
    found = days_of_labels([date]) if isinstance(date, str) else None
    return date if found is None else found[0]


ENCODINGS = {
    "Treatment": Function(least=0, most=1, data=0, keywords=("reference",), expression=False),
    "Sum": Function(least=0, most=1, data=0, keywords=("omit",), expression=False),
}
"""Codings of a category: they stand only inside ``C``."""

GIVEN = {
    "cluster_mean": Function(least=2, most=2, data=2),
    "observed": Function(),
    "systematic": Function(least=2, most=2, data=2),
    "lag": Function(),
    "since_dropout": Function(),
    "dropout": Function(formula=False),
}
"""Functions that only the caller can compute, because they look beyond the row."""

TIMED = ("lag", "since_dropout", "dropout")
"""Those that read a column at other visits of the same subject."""

OF_ALL_ROWS = ("nelson_aalen",)
"""Those whose value in a row depends on all rows."""

FUNCTIONS: dict[str, Function] = {
    "C": _coding(2, "contrast"),
    "T": _coding(2, "ref"),
    "S": _coding(2, "omit"),
    "I": Function(apply=lambda x: x),
    "bs": _coding(2, "df", "degree", "intercept", "lower_bound", "upper_bound"),
    "poly": _coding(2, "degree", "raw"),
    "scale": _coding(1),
    "standardize": _coding(1),
    "center": _coding(1),
    "log": _elementwise(np.log),
    "log2": _elementwise(np.log2),
    "log10": _elementwise(np.log10),
    "log1p": _elementwise(np.log1p),
    "exp": _elementwise(np.exp),
    "expm1": _elementwise(np.expm1),
    "sqrt": _elementwise(np.sqrt),
    "abs": _elementwise(np.abs),
    "sign": _elementwise(np.sign),
    "sin": _elementwise(np.sin),
    "cos": _elementwise(np.cos),
    "tan": _elementwise(np.tan),
    "tanh": _elementwise(np.tanh),
    "expit": _elementwise(lambda x: 1 / (1 + np.exp(-x))),
    "logit": _elementwise(lambda x: np.log(x / (1 - x))),
    "floor": _elementwise(np.floor),
    "ceil": _elementwise(np.ceil),
    "round": Function(most=2, apply=np.round),
    "minimum": _elementwise(np.minimum, 2),
    "maximum": _elementwise(np.maximum, 2),
    "where": _elementwise(_where, 3),
    "scores": Function(apply=_scores, labels=True),
    "days": Function(apply=_days, dates=True),
    "where_applies": Function(least=2, most=2, apply=_where_applies, guards=True),
    "nelson_aalen": Function(least=2, most=2, data=2, formula=False, apply=nelson_aalen),
    **ENCODINGS,
    **GIVEN,
}

LIFTED = frozenset({*GIVEN, *(name for name, f in FUNCTIONS.items() if f.labels or f.guards)})
"""Those whose calls become columns of the data in models."""
