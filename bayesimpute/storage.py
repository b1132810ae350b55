"""Any data frame as an xarray Dataset that every writer accepts, and back exactly.

xarray's writers refuse categories, pandas strings, nullable types and names with ``/``, and a column called ``unit`` becomes a
coordinate in silence. So a column is stored under a safe name as numbers, or as codes with its labels as JSON in the attributes,
with the dtype beside it; row labels are stored as columns of their own. What comes back is what went in.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

_TAGS = {"date": date, "datetime": datetime, "decimal": Decimal, "timestamp": pd.Timestamp, "timedelta": pd.Timedelta}


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """A name for each that netCDF and Zarr accept and that is no dimension's: the name itself wherever possible."""
    taken = {"unit", "imputation", "chain", "draw", "target", "event"}
    found: dict[str, str] = {}
    for name in names:
        plain = name.replace("/", "_").strip() or "column"
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
    variables = {names[name]: _store(frame[name], name) for name in frame.columns}
    index = frame.index
    plain = isinstance(index, pd.RangeIndex) and index.equals(pd.RangeIndex(len(frame))) and index.name is None
    levels = 0 if plain else index.nlevels
    for level in range(levels):
        values = index.get_level_values(level).to_series().reset_index(drop=True)
        variables[f"__index_{level}"] = _store(values, json.dumps(_tagged(index.names[level])))
    attrs = {"columns": json.dumps([names[name] for name in frame.columns]), "index_levels": levels}
    return xr.Dataset(variables, attrs={**attrs, "rows": len(frame)})


def dataset_to_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """The frame that :func:`frame_to_dataset` stored."""
    order = json.loads(dataset.attrs["columns"])
    levels = int(dataset.attrs["index_levels"])
    columns = {dataset[name].attrs["name"]: _restore(dataset[name]) for name in order}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(int(dataset.attrs["rows"])))
    if not levels:
        return frame
    stored = [dataset[f"__index_{level}"] for level in range(levels)]
    labels = [pd.Index(_restore(variable)) for variable in stored]
    names = [_untagged(json.loads(variable.attrs["name"])) for variable in stored]
    frame.index = labels[0].rename(names[0]) if levels == 1 else pd.MultiIndex.from_arrays(labels, names=names)
    return frame


def _store(column: pd.Series, name: str) -> xr.Variable:
    dtype = str(column.dtype)
    attrs: dict[str, Any] = {"name": str(name), "column_dtype": dtype}
    if isinstance(column.dtype, pd.CategoricalDtype):
        attrs |= {"ordered": int(column.dtype.ordered or False), "labels_dtype": str(column.dtype.categories.dtype)}
        return _codes(column.cat.codes.to_numpy(), column.dtype.categories, attrs)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return xr.Variable("unit", column.to_numpy(), attrs)
    codes, labels = pd.factorize(column, use_na_sentinel=True)
    return _codes(codes, labels, attrs)


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
        categories = pd.Index(labels, dtype=attrs["labels_dtype"])
        codes = pd.Categorical.from_codes(values.astype(int), categories=categories, ordered=bool(attrs["ordered"]))
        return pd.Series(codes)
    found = pd.array([*labels, None], dtype=object)[values.astype(int)]
    if attrs["column_dtype"] == "object":
        return pd.Series(np.where(values < 0, None, found), dtype=object)
    return pd.Series(found).astype(attrs["column_dtype"])


def _tagged(value: Any) -> Any:
    """A label as JSON; what JSON does not know gets a tag."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return _tagged(value.item())
    if isinstance(value, pd.Period | pd.Interval):
        return {"text": str(value)}
    for tag in ("timestamp", "timedelta", "datetime", "date", "decimal"):
        if isinstance(value, _TAGS[tag]):
            return {tag: value.isoformat() if hasattr(value, "isoformat") else str(value)}
    if isinstance(value, tuple):
        return {"tuple": [_tagged(v) for v in value]}
    return {"text": str(value)}


def _untagged(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((tag, content),) = value.items()
    if tag == "text":
        return content
    if tag == "tuple":
        return tuple(_untagged(v) for v in content)
    if tag in ("date", "datetime"):
        return _TAGS[tag].fromisoformat(content)
    return _TAGS[tag](content)
