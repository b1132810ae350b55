"""Codes that stand for missing values: ``.``, ``n/a``, ``-99``."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from pandas.api import types


def without_codes(frame: pd.DataFrame, codes: Sequence[str | float]) -> pd.DataFrame:
    """A table in which codes are missing values.

    Parameters
    ----------
    frame : DataFrame
        It stays as it is.
    codes : sequence of str or float
        As they are written, ``"-99"`` or ``-99``, which is the number in columns of numbers, too.

    Returns
    -------
    DataFrame
        Columns of texts that are all numbers without the codes are columns of numbers.
    """
    if not codes:
        return frame
    texts = [str(code).strip() for code in codes]
    numbers: Any = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce")
    cleared: Any = frame.apply(lambda column: _cleared(column, texts, numbers.dropna().tolist()))
    return cleared


def _cleared(column: pd.Series, texts: list[str], numbers: list[float]) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_categories([c for c in column.cat.categories if str(c).strip() in texts])
    if types.is_bool_dtype(column.dtype) or types.is_datetime64_any_dtype(column.dtype):
        return column
    if types.is_numeric_dtype(column.dtype):
        return _without(column, column.isin(numbers))
    found = _without(column, column.astype(str).str.strip().isin(texts))
    number: Any = pd.to_numeric(found, errors="coerce")
    if found.isna().all() or (number.isna() & found.notna()).any():
        return found
    return _without(number, number.isin(numbers))


def _without(column: pd.Series, gone: pd.Series) -> pd.Series:
    return column.mask(gone) if gone.any() else column
