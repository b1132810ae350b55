"""One column of a data frame as floats, and back: the only place that knows about dtypes.

Inside the package every variable is a float array with NaN where it is missing: numbers as they are, yes/no values as
0 and 1, categories and text as codes of their labels. A :class:`Column` remembers what the user gave, so that
what comes back is what went in. Labels of text columns are sorted, those of categories keep their order.

Columns of a type of dates are numbers, days (:mod:`bayesimpute.data.dates`); texts that are dates can be said to be.
Other dates and mixed objects cannot take part in a model; they are codes of their values, so that they pass through
unharmed.

To support another dtype, extend :func:`encode` and :meth:`Column.decode` together.
"""

import datetime
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Any, Literal

import numpy as np
import pandas as pd

from bayesimpute.data.dates import Dates, dates_of, days_of

LARGEST = 1e100
"""Beyond this, and below its inverse, sums of squares overflow or vanish."""

Kind = Literal["number", "yes/no", "category", "date", "mixed"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ].*)?")
_DATES = (datetime.date, datetime.timedelta, np.datetime64, np.timedelta64, pd.Period)


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """A variable as floats.

    Parameters
    ----------
    name : str
        Its name in the data.
    kind : {"number", "yes/no", "category", "date", "mixed"}
        What the values are. Only the first three can take part in a model.
    values : ndarray, shape (unit,)
        Float64, NaN where missing; codes into `labels` for categories, dates and mixed values.
    labels : tuple
        The labels of a category column, the distinct values of dates and mixed values, empty otherwise.
    dtype : str
        The dtype of the column as given, as pandas writes it; ``category[ordered]`` for ordered categories. Where
        the labels alone do not tell the dtype of the categories it is there too: ``category[object]``.
    said : str or None
        What the user says that it is: a key of :data:`bayesimpute.data.said_columns.KINDS`.
    was : Column or None
        Of one whose labels are said: the column by itself, which values go back to.
    back : ndarray, shape (label,), or None
        What each label is in that; NaN where it is not there.
    limits : tuple of (ndarray, ndarray), shape (unit,), or None
        Of censored numbers the ends between which those lie that are missing, infinite where they are open.
    dates : Dates or None
        Of numbers that are dates, how these are written.
    void : ndarray of bool, shape (unit,), or None
        Where it does not apply: there it has no value, and none is missing. None: it applies everywhere.
    """

    name: str
    kind: Kind
    values: np.ndarray
    labels: tuple[Any, ...] = ()
    dtype: str = "float64"
    said: str | None = None
    was: "Column | None" = None
    back: np.ndarray | None = None
    limits: tuple[np.ndarray, np.ndarray] | None = None
    dates: Dates | None = None
    void: np.ndarray | None = None

    @property
    def called(self) -> Kind:
        """What users call its kind: that of numbers that are dates is "date"."""
        return self.kind if self.dates is None else "date"

    @property
    def ordered(self) -> bool:
        """Whether its labels have an order."""
        return self.kind == "category" and (self.said == "ordered" or (self.said is None and "ordered" in self.dtype))

    @property
    def arranged(self) -> bool:
        """Whether somebody has put its labels into the order in which they stand, so that the first is meant to be."""
        return self.ordered or self.was is not None

    def by_itself(self, values: np.ndarray) -> np.ndarray:
        """Codes as the values that the column has by itself."""
        back = np.array([]) if self.back is None else self.back
        return np.append(back, np.nan)[_codes(np.asarray(values, dtype=np.float64), len(self.labels), self.name)]

    def labelled(self, values: np.ndarray, index: pd.Index | None = None) -> pd.Series:
        """Codes of a category, NaN where there is none, as formulas read them.

        Of an order that somebody gave the first label is the reference; else it is the first of the alphabet.
        """
        codes = np.where(np.isnan(values), -1, values).astype(np.int64)
        return pd.Series(pd.Categorical.from_codes(codes, categories=list(self.labels), ordered=self.arranged), index)

    def arranged_as(self, series: Any) -> pd.Series:
        """A completed column of the type that was given as a category whose labels stand as they do here."""
        assert self.was is not None and self.back is not None
        found = encode(series, self.name, copy=False)
        if found.kind == "category":
            place = {label: code for code, label in enumerate(self.labels)}
            codes = np.array([*(place.get(label, -1) for label in found.labels), -1])
            codes = codes[np.where(found.missing, -1, found.values).astype(np.int64)]
        else:
            codes = np.full(len(series), -1)
            for code, value in enumerate(self.back):
                codes[found.values == value] = code
        made = pd.Categorical.from_codes(codes, categories=list(self.labels), ordered=True)
        return pd.Series(made, index=series.index, name=series.name)

    @property
    def missing(self) -> np.ndarray:
        """Where it has no value, bool, shape (unit,)."""
        return np.isnan(self.values)

    @property
    def gaps(self) -> np.ndarray:
        """Where it has none and applies, bool, shape (unit,): what is to be imputed."""
        return self.missing if self.void is None else self.missing & ~self.void

    @property
    def integral(self) -> bool:
        """Whether the dtype as given holds whole numbers only."""
        return self.kind == "number" and "int" in self.dtype.lower()

    def decode(self, values: np.ndarray, index: pd.Index | None = None, *, given: pd.Series | None = None) -> pd.Series:
        """Floats or codes as a Series of the dtype that was given.

        A whole-number column that now holds fractions comes back as floats (nullable ``Float64`` if it was nullable),
        as does a yes/no column that holds anything but 0 and 1. Where the dtype has no missing value, whole numbers
        come back as floats and yes/no values as nullable ``boolean``. An object column of numbers comes back as floats,
        unless floats cannot hold what was given.

        Parameters
        ----------
        values : ndarray, shape (unit,)
            Float64, NaN where missing; codes must be whole and have a label.
        index : Index, optional
            The row labels of the result.
        given : Series, optional
            The column as it was given: an object column of numbers such as ``Decimal`` keeps those of its values that
            are still the same, and what is new is of their class.

        Raises
        ------
        ValueError
            If a code has no label.
        """
        values = np.asarray(values, dtype=np.float64)
        if self.dates is not None:
            rows = pd.RangeIndex(len(values)) if index is None else index
            return self.dates.decode(values, self.dtype, rows, given).rename(self.name)
        if self.was is not None:
            was = replace(self.was, values=self.by_itself(self.values))
            return was.decode(self.by_itself(values), index, given=given)
        if self.kind == "number":
            kept = None if given is None or self.dtype != "object" else _own(values, self.values, given)
            array = _numbers(values, self.dtype) if kept is None else kept
        elif self.kind == "yes/no":
            array = _yes_no(values, self.dtype)
        else:
            array = _labelled(_codes(values, len(self.labels), self.name), self.labels, self.dtype)
        # With its dtype: pandas would make text of an object array of texts.
        series = pd.Series(array, dtype=array.dtype, name=self.name)
        return series if index is None else series.set_axis(index)


def unwieldy(column: Column) -> str | None:
    """What is wrong with numbers whose squares a computer cannot hold."""
    if column.kind != "number" or column.missing.all():
        return None
    largest = float(np.nanmax(np.abs(column.values)))
    if largest == 0 or 1 / LARGEST < largest < LARGEST:
        return None
    return f'"{column.name}" has values of the size {largest:.0e}, whose squares no computer holds'


def encode(series: pd.Series, name: str, *, copy: bool = True) -> Column:
    """A column of a data frame as floats.

    Parameters
    ----------
    series : Series, shape (unit,)
        Of any dtype. Text in which every observed value is an ISO 8601 date (``2024-03-01``, with or without a time)
        is a date; an object column is what all its observed values are, and otherwise mixed.
    name : str
        Its name in the data.
    copy : bool
        Whether the values are the column's own; otherwise they may be those of the series, and read-only.

    Returns
    -------
    Column
        Infinite values are kept; an object column without any observed value is a number.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _category(series, name)
    if pd.api.types.is_bool_dtype(dtype):
        return _floats(series, name, "yes/no", copy=copy)
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return _floats(series, name, "number", copy=copy)
    if pd.api.types.is_object_dtype(dtype):
        return _objects(series, name)
    if pd.api.types.is_string_dtype(dtype):
        return _text(series, name)
    days = days_of(series)
    if days is not None:
        style = "arrow date" if "date32" in str(dtype) else "stamp"
        written = dates_of(days, style=style)
        return Column(name=name, kind="number", values=days, dtype=str(dtype), dates=written)
    dates = dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype) or "date" in str(dtype) or "time" in str(dtype)
    return _distinct(series, name, "date" if dates else "mixed")


def _floats(series: pd.Series, name: str, kind: Kind, *, copy: bool = True) -> Column:
    floats = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=copy)
    return Column(name=name, kind=kind, values=floats, dtype=str(series.dtype))


def _category(series: pd.Series, name: str) -> Column:
    categories, labels = series.cat.categories, tuple(series.cat.categories.tolist())
    notes = ["ordered"] if series.cat.ordered else []
    if _index(labels).dtype != categories.dtype:
        notes.append(str(categories.dtype))
    dtype = f"category[{', '.join(notes)}]" if notes else "category"
    return _coded(series.cat.codes.to_numpy(), labels, name, "category", dtype)


def _index(labels: tuple[Any, ...], dtype: str | None = None) -> pd.Index:
    return pd.Index(list(labels), dtype=dtype, tupleize_cols=False)


def _coded(codes: np.ndarray, labels: tuple[Any, ...], name: str, kind: Kind, dtype: str) -> Column:
    values = np.where(codes < 0, np.nan, codes.astype(np.float64))
    return Column(name=name, kind=kind, values=values, labels=labels, dtype=dtype)


def _objects(series: pd.Series, name: str) -> Column:
    observed = series[series.notna()]
    types = set(map(type, observed))
    if types and all(issubclass(t, bool | np.bool_) for t in types):
        return _floats(series, name, "yes/no")
    if types and all(issubclass(t, str) for t in types):
        return _text(series, name)
    if all(issubclass(t, Real | Decimal) and not issubclass(t, bool | np.bool_) for t in types):
        floats = np.full(len(series), np.nan)
        floats[series.notna().to_numpy()] = [float(value) for value in observed]
        return Column(name=name, kind="number", values=floats, dtype="object")
    return _distinct(series, name, "date" if all(issubclass(t, _DATES) for t in types) else "mixed")


def _text(series: pd.Series, name: str) -> Column:
    codes, labels = pd.factorize(series, sort=True)
    labels = tuple(map(str, labels))
    kind: Kind = "date" if labels and all(map(_is_iso_date, labels)) else "category"
    return _coded(codes, labels, name, kind, _text_dtype(series.dtype))


def _text_dtype(dtype: Any) -> str:
    # Two dtypes write themselves as "string[pyarrow]"; reading it gives the other one.
    arrow = isinstance(dtype, pd.ArrowDtype) and str(dtype) == "string[pyarrow]"
    return "utf8[pyarrow]" if arrow else str(dtype)


def _is_iso_date(text: str) -> bool:
    if not _ISO_DATE.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _distinct(series: pd.Series, name: str, kind: Kind) -> Column:
    """Codes in order of appearance; objects that cannot be told apart by a hash get a code each."""
    try:
        # By type too: 1, 1.0 and True are the same to a hash table, but not to the user.
        keys = [None if missing else (type(v), v) for v, missing in zip(series, series.isna(), strict=True)]
        place = {key: k for k, key in enumerate(dict.fromkeys(key for key in keys if key is not None))}
        codes = np.array([-1 if key is None else place[key] for key in keys])
        labels = tuple(value for _, value in place)
    except TypeError:
        observed = series.notna().to_numpy()
        codes = np.where(observed, np.cumsum(observed) - 1, -1)
        labels = tuple(series[observed])
    return _coded(codes, labels, name, kind, str(series.dtype))


def _codes(values: np.ndarray, labels: int, name: str) -> np.ndarray:
    known = ~np.isnan(values)
    wrong = known & ~np.isin(values, np.arange(labels))
    if wrong.any():
        raise ValueError(f'column "{name}": {values[wrong][0]} is not the code of one of its {labels} labels')
    return np.where(known, values, -1).astype(np.int64)


def _numbers(values: np.ndarray, dtype: str) -> Any:
    if dtype == "object":
        return values.copy()
    if "int" not in dtype.lower():
        return _with_dtype(values, dtype)
    observed = values[~np.isnan(values)]
    missing = len(observed) < len(values)
    nullable = dtype[0].isupper()
    arrow = dtype.endswith("[pyarrow]")
    if np.any(observed != np.round(observed)) or (missing and not nullable and not arrow):
        return _with_dtype(values, "Float64" if nullable else "double[pyarrow]" if arrow else "float64")
    return _with_dtype(values, _wide_enough(observed, dtype))


def _own(values: np.ndarray, before: np.ndarray, given: pd.Series) -> np.ndarray | None:
    """The given numbers where they are the same as before, others in their class; None where floats hold them all."""
    observed = given[given.notna()]
    classes = {type(value) for value in observed}
    own = next((cls for cls in (Decimal, Fraction) if any(issubclass(t, cls) for t in classes)), None)
    if own is None and all(value == float(value) for value in observed):
        return None
    array = given.to_numpy(dtype=object, copy=True)
    for row in np.flatnonzero(values != before):
        # By its text: the shortest decimal number that is this float.
        array[row] = float(values[row]) if own is None or np.isnan(values[row]) else own(repr(float(values[row])))
    return array


def _wide_enough(observed: np.ndarray, dtype: str) -> str:
    """The dtype, or the widest of its kind if a value does not fit."""
    name = dtype.lower().removesuffix("[pyarrow]")
    try:
        limits = np.iinfo(name)
    except (TypeError, ValueError):
        return "float64"
    if len(observed) == 0 or (observed.min() >= limits.min and observed.max() <= limits.max):
        return dtype
    return "Int64" if dtype[0].isupper() else "int64[pyarrow]" if "[" in dtype else "int64"


def _yes_no(values: np.ndarray, dtype: str) -> Any:
    missing = np.isnan(values)
    if not np.isin(values[~missing], (0, 1)).all():
        return values.copy()
    if dtype == "object":
        yes_no = np.array(
            [None if gap else bool(value) for value, gap in zip(values, missing, strict=True)], dtype=object
        )
        return yes_no
    if dtype == "bool":
        return _with_dtype(values, "boolean") if missing.any() else values.astype(bool)
    return _with_dtype(values, dtype)


def _with_dtype(values: np.ndarray, dtype: str) -> Any:
    if dtype[0].islower() and dtype != "boolean" and "[" not in dtype:
        return values.astype(dtype)
    missing = np.isnan(values)
    nullable = pd.array(np.where(missing, 0, values), dtype="Float64")
    nullable[missing] = pd.NA
    return nullable.astype(dtype)


def _labelled(codes: np.ndarray, labels: tuple[Any, ...], dtype: str) -> Any:
    if dtype.startswith("category"):
        notes = [note for note in dtype.removeprefix("category").strip("[]").split(", ") if note]
        inner = next((note for note in notes if note != "ordered"), None)
        categories = _index(labels, inner)
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered="ordered" in notes))
    table = np.empty(len(labels) + 1, dtype=object)
    for code, label in enumerate(labels):
        table[code] = label
    # Code -1, missing, is the last element: None.
    return pd.Series(table[codes], dtype=dtype)
