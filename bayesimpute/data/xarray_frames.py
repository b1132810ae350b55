"""Any data frame as an xarray Dataset that every writer accepts, and back exactly.

xarray's writers refuse categories, pandas strings, nullable types and names with ``/``, and a column called ``unit``
becomes a coordinate in silence. So a column is stored under a safe name as numbers, or as codes with its labels as
JSON in the attributes, with the dtype beside it; row labels are stored as columns of their own. What comes back is
what went in.
"""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xarray as xr

from bayesimpute.data.stored_values import Unstorable, tagged, untagged

ARROW = "arrow:"
"""Before the bytes of a type of Arrow whose name pandas does not read."""
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
    ranged = isinstance(index, pd.RangeIndex)
    levels = 0 if ranged else index.nlevels
    for level in range(levels):
        values = pd.Series(_level(index, level))
        variables[f"__index_{level}"] = _store(values, json.dumps(tagged(index.names[level])))
    attrs = {
        "columns": json.dumps([names[name] for name in frame.columns]),
        "columns_dtype": _dtype_name(frame.columns.dtype),
        "columns_name": json.dumps(tagged(frame.columns.name)),
        "index_levels": levels,
        "multi_index": int(isinstance(index, pd.MultiIndex)),
        "rows": len(frame),
        "index_range": json.dumps([index.start, index.stop, index.step, tagged(index.name)] if ranged else []),
        "index_freq": _freq(index),
    }
    return xr.Dataset(variables, attrs=attrs)


def dataset_to_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """The frame that :func:`frame_to_dataset` stored."""
    order = json.loads(dataset.attrs["columns"])
    levels = int(dataset.attrs["index_levels"])
    columns = {dataset[name].attrs["name"]: _restore(dataset[name]) for name in order}
    ranged = json.loads(dataset.attrs["index_range"])
    frame = pd.DataFrame(columns, index=pd.RangeIndex(int(dataset.attrs["rows"])))
    frame.columns = frame.columns.astype(dataset.attrs["columns_dtype"])
    frame.columns.name = untagged(json.loads(dataset.attrs["columns_name"]))
    if not levels:
        frame.index = pd.RangeIndex(*ranged[:3], name=untagged(ranged[3]))
        return frame
    stored = [dataset[f"__index_{level}"] for level in range(levels)]
    restored = [_restore(variable) for variable in stored]
    names = [untagged(json.loads(variable.attrs["name"])) for variable in stored]
    if dataset.attrs["multi_index"]:
        parts = [pd.Categorical(values) for values in restored]
        frame.index = pd.MultiIndex([p.categories for p in parts], [p.codes for p in parts], names=names)
    else:
        frame.index = pd.Index(restored[0], dtype=restored[0].dtype, tupleize_cols=False, name=names[0])
        if isinstance(frame.index, pd.DatetimeIndex | pd.TimedeltaIndex):
            frame.index.freq = dataset.attrs["index_freq"] or None
    return frame


def lost(series: pd.Series) -> str | None:
    """What of a column would not come back from a file as it is, or None."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biufmM":
        return None if dtype.itemsize <= 8 else f"{dtype} has more digits than a file keeps"
    plain = isinstance(dtype, pd.StringDtype | pd.DatetimeTZDtype | pd.PeriodDtype)
    if plain or (pd.api.types.is_extension_array_dtype(dtype) and pd.api.types.is_numeric_dtype(dtype)):
        return None
    try:
        back = _restore(_store(series, ""))
    except Unstorable as error:
        return str(error)
    except Exception:  # a type that neither this package nor pandas' own conversions know raises anything at all
        return f"the type {dtype}"
    return None if back.dtype == dtype else f"the type {dtype}"


def _freq(index: pd.Index) -> str:
    """The step of an index of dates, as far as its name says all of it."""
    freq = getattr(index, "freq", None)
    if not isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex) or freq is None:
        return ""
    try:
        return freq.freqstr if pd.tseries.frequencies.to_offset(freq.freqstr) == freq else ""
    except ValueError:
        return ""


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
    nested = isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_nested(column.dtype.pyarrow_dtype)
    if nested or column.dtype == object:
        return _codes(*_distinct(column), attrs)
    codes, labels = pd.factorize(column, use_na_sentinel=True)
    return _codes(codes, labels, attrs)


def _dtype_name(dtype: Any) -> str:
    """A dtype as a text that gives it back; pandas writes two of its text dtypes as others are read."""
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    if not isinstance(dtype, pd.ArrowDtype):
        return str(dtype)
    if str(dtype) == "string[pyarrow]":
        return "utf8[pyarrow]"
    return (
        str(dtype) if _is_read(dtype) else ARROW + pa.schema([("", dtype.pyarrow_dtype)]).serialize().to_pybytes().hex()
    )


def _is_read(dtype: pd.ArrowDtype) -> bool:
    try:
        return pd.api.types.pandas_dtype(str(dtype)) == dtype
    except (TypeError, NotImplementedError):
        return False


def _dtype(name: str) -> Any:
    """The dtype of a name."""
    if not name.startswith(ARROW):
        return name
    schema = pa.ipc.read_schema(pa.py_buffer(bytes.fromhex(name.removeprefix(ARROW))))
    return pd.ArrowDtype(schema.field(0).type)


def _distinct(column: pd.Series) -> tuple[np.ndarray, list[Any]]:
    """Codes and labels of objects; there are several kinds of missing ones, and 1, 1.0 and True are three labels."""
    places: dict[Any, int] = {}
    labels: list[Any] = []
    codes = np.empty(len(column), dtype=np.int64)
    for row, value in enumerate(column):
        place = places.setdefault(_identity(value, row), len(labels))
        if place == len(labels):
            labels.append(value)
        codes[row] = place
    return codes, labels


def _identity(value: Any, row: int) -> Any:
    """What tells a value from others that are equal: (1,) from (1.0,), Decimal("1.0") from Decimal("1.00")."""
    if type(value) in (bool, int, str):
        return type(value), value
    # What can be changed is never shared by rows.
    return json.dumps(tagged(value)) if value.__hash__ is not None else row


def _codes(codes: np.ndarray, labels: Iterable[Any], attrs: dict[str, Any]) -> xr.Variable:
    labels = [tagged(label) for label in labels]
    small = np.min_scalar_type(-max(len(labels), 1))
    return xr.Variable("unit", np.asarray(codes).astype(small), {**attrs, "labels": json.dumps(labels)})


def _restore(variable: xr.DataArray | xr.Variable) -> pd.Series:
    attrs = variable.attrs
    values = np.asarray(variable.values)
    if "labels" not in attrs:
        return pd.Series(values.astype(_dtype(attrs["column_dtype"])))
    labels = [untagged(label) for label in json.loads(attrs["labels"])]
    if "ordered" in attrs:
        categories = pd.Index(labels, dtype=_dtype(attrs["labels_dtype"]), tupleize_cols=False)
        codes = pd.Categorical.from_codes(values.astype(int), categories=categories, ordered=bool(attrs["ordered"]))
        return pd.Series(codes)
    table = np.empty(len(labels) + 1, dtype=object)  # the last element, None, is for code -1
    for code, label in enumerate(labels):
        table[code] = label
    found = pd.Series(table[values.astype(int)], dtype=object)
    dtype = _dtype(attrs["column_dtype"])
    return pd.Series(pd.array(found.tolist(), dtype=dtype)) if isinstance(dtype, pd.ArrowDtype) else found.astype(dtype)
