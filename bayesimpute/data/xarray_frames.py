"""Any data frame as an xarray Dataset that every writer accepts, and back exactly.

xarray's writers refuse categories, pandas strings, nullable types and names with ``/``, and a column called ``unit``
becomes a coordinate in silence. So a column is stored under a safe name as numbers, or as codes with its labels as
JSON in the attributes, with the dtype beside it; row labels are stored as columns of their own. What comes back is
what went in.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pandas as pd
import xarray as xr

LONGEST = 100
"""Bytes of a safe name: file systems, and so Zarr, stop at 255."""


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """A name for each that netCDF and Zarr accept and that is no dimension's: the name itself wherever possible."""
    taken = {"unit", "imputation", "chain", "draw", "target", "event"}
    found: dict[str, str] = {}
    for name in names:
        plain = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name)
        plain = plain.strip().encode()[:LONGEST].decode(errors="ignore").strip() or "column"
        plain = plain if plain not in (".", "..") and not plain.startswith("__") else f"column_{plain}"
        candidate, k = plain, 1
        while candidate in taken:
            candidate, k = f"{plain}_{k}", k + 1
        taken.add(candidate)
        found[name] = candidate
    return found


def frame_to_dataset(frame: pd.DataFrame) -> xr.Dataset:
    """Every column and the row labels, along ``unit``."""
    names = safe_names(frame.columns)
    variables = {names[str(name)]: _store(column, str(name)) for name, column in frame.items()}
    index = frame.index
    plain = isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(frame))) and index.name is None
    levels = 0 if plain else index.nlevels
    for level in range(levels):
        values = pd.Series(_level(index, level))
        variables[f"__index_{level}"] = _store(values, json.dumps(_tagged(index.names[level])))
    attrs = {
        "columns": json.dumps([names[name] for name in frame.columns]),
        "columns_dtype": _dtype_name(frame.columns.dtype),
        "columns_name": json.dumps(_tagged(frame.columns.name)),
        "index_levels": levels,
        "multi_index": int(isinstance(index, pd.MultiIndex)),
        "rows": len(frame),
    }
    return xr.Dataset(variables, attrs=attrs)


def dataset_to_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """The frame that :func:`frame_to_dataset` stored."""
    order = json.loads(dataset.attrs["columns"])
    levels = int(dataset.attrs["index_levels"])
    columns = {dataset[name].attrs["name"]: _restore(dataset[name]) for name in order}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(int(dataset.attrs["rows"])))
    frame.columns = frame.columns.astype(dataset.attrs["columns_dtype"])
    frame.columns.name = _untagged(json.loads(dataset.attrs["columns_name"]))
    if not levels:
        return frame
    stored = [dataset[f"__index_{level}"] for level in range(levels)]
    restored = [_restore(variable) for variable in stored]
    names = [_untagged(json.loads(variable.attrs["name"])) for variable in stored]
    if dataset.attrs["multi_index"]:
        parts = [pd.Categorical(values) for values in restored]
        frame.index = pd.MultiIndex([p.categories for p in parts], [p.codes for p in parts], names=names)
    else:
        frame.index = pd.Index(restored[0], dtype=restored[0].dtype, tupleize_cols=False, name=names[0])
    return frame


def _level(index: pd.Index, level: int) -> Any:
    """The labels of a plain index, or those of one level of a MultiIndex as the categories that they are inside."""
    if not isinstance(index, pd.MultiIndex):
        return index.array
    return pd.Categorical.from_codes(index.codes[level], categories=index.levels[level])


def _store(column: pd.Series, name: str) -> xr.Variable:
    attrs: dict[str, Any] = {"name": str(name), "column_dtype": _dtype_name(column.dtype)}
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = column.dtype.categories
        attrs |= {"ordered": int(column.dtype.ordered or False), "labels_dtype": _dtype_name(categories.dtype)}
        return _codes(column.cat.codes.to_numpy(), categories, attrs)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        values = column.to_numpy()
        return xr.Variable("unit", values.astype("float32") if column.dtype == "float16" else values, attrs)
    if column.dtype == object:
        return _codes(*_distinct(column), attrs)
    codes, labels = pd.factorize(column, use_na_sentinel=True)
    return _codes(codes, labels, attrs)


def _dtype_name(dtype: Any) -> str:
    """A dtype as a text that gives it back; pandas writes two of its text dtypes as others are read."""
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return "utf8[pyarrow]" if isinstance(dtype, pd.ArrowDtype) and str(dtype) == "string[pyarrow]" else str(dtype)


def _distinct(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Codes and labels of objects; there are several kinds of missing ones, and 1, 1.0 and True are three labels."""
    places: dict[Any, int] = {}
    labels: list[Any] = []
    codes = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(column):
        try:
            place = places.setdefault((type(value), value), len(labels))
        except TypeError:  # without a hash
            place = len(labels)
        if place == len(labels):
            labels.append(value)
        codes[row] = place
    return codes, labels


def _codes(codes: np.ndarray, labels: Iterable[Any], attrs: dict[str, Any]) -> xr.Variable:
    labels = [_tagged(label) for label in labels]
    small = np.min_scalar_type(-max(len(labels), 1))
    return xr.Variable("unit", np.asarray(codes).astype(small), {**attrs, "labels": json.dumps(labels)})


def _restore(variable: xr.DataArray | xr.Variable) -> pd.Series:
    attrs = variable.attrs
    values = np.asarray(variable.values)
    if "labels" not in attrs:
        return pd.Series(values.astype(attrs["column_dtype"]))
    labels = [_untagged(label) for label in json.loads(attrs["labels"])]
    if "ordered" in attrs:
        categories = pd.Index(labels, dtype=attrs["labels_dtype"], tupleize_cols=False)
        codes = pd.Categorical.from_codes(values.astype(int), categories=categories, ordered=bool(attrs["ordered"]))
        return pd.Series(codes)
    table = np.empty(len(labels) + 1, dtype=object)  # the last element, None, is for code -1
    for code, label in enumerate(labels):
        table[code] = label
    return pd.Series(table[values.astype(int)], dtype=object).astype(attrs["column_dtype"])


def _tagged(value: Any) -> Any:
    """A label as JSON; what JSON does not know gets a tag. Objects of classes that are not listed here become texts."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if value is pd.NA or value is pd.NaT:
        return {"missing": str(value)}
    if isinstance(value, np.generic):
        return _tagged(value.item())
    if isinstance(value, tuple):
        return {"tuple": [_tagged(v) for v in value]}
    for tag, (kind, take, _) in _TAGS.items():
        if isinstance(value, kind):
            return {tag: take(value)}
    return {"text": str(value)}


def _untagged(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((tag, content),) = value.items()
    if tag == "text":
        return content
    if tag == "missing":
        return pd.NA if content == str(pd.NA) else pd.NaT
    if tag == "tuple":
        return tuple(_untagged(v) for v in content)
    return _TAGS[tag][2](content)


def _stamp(content: list[Any]) -> pd.Timestamp:
    text, unit, zone = content
    stamp = pd.Timestamp(text).as_unit(unit)
    return cast(pd.Timestamp, stamp if zone is None else stamp.tz_convert(zone))


def _zone(stamp: pd.Timestamp) -> str | None:
    """The name of a time zone that has one; a fixed offset stands in the text."""
    return getattr(stamp.tz, "key", None) or getattr(stamp.tz, "zone", None)


# Each class comes before those it is derived from. What is stored, and how it is read.
_TAGS: Mapping[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = MappingProxyType(
    {
        "timestamp": (pd.Timestamp, lambda t: [t.isoformat(), t.unit, _zone(t)], _stamp),
        "timedelta": (pd.Timedelta, lambda t: [t.isoformat(), t.unit], lambda c: pd.Timedelta(c[0]).as_unit(c[1])),
        "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
        "date": (date, date.isoformat, date.fromisoformat),
        "time": (time, time.isoformat, time.fromisoformat),
        "duration": (timedelta, lambda t: [t.days, t.seconds, t.microseconds], lambda c: timedelta(*c)),
        "period": (pd.Period, lambda p: [str(p), p.freqstr], lambda c: pd.Period(c[0], c[1])),
        "interval": (
            pd.Interval,
            lambda i: [_tagged(i.left), _tagged(i.right), i.closed],
            lambda c: pd.Interval(_untagged(c[0]), _untagged(c[1]), c[2]),
        ),
        "decimal": (Decimal, str, Decimal),
        "bytes": (bytes, bytes.hex, bytes.fromhex),
        "complex": (complex, str, complex),
    }
)
