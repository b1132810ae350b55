"""Any data frame through netCDF and Zarr and back, exactly."""

import datetime
import tempfile
import uuid
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesimpute.data.xarray_frames import dataset_to_frame, frame_to_dataset, lost, safe_names

N = 6
STRUCT = pd.ArrowDtype(pa.struct([("a", pa.list_(pa.int64()))]))
COLUMNS = {
    "float": [1.5, np.nan, -0.0, 1e300, 5e-324, 3.0],
    "int": [1, 2, 3, 4, 5, -6],
    "bool": [True, False] * 3,
    "float16": np.arange(6, dtype="float16"),
    "float32": np.array([0.1, np.nan] * 3, dtype="float32"),
    "uint64": np.array([2**64 - 1] * 6, dtype="uint64"),
    "int8": np.arange(6, dtype="int8"),
    "complex": [1 + 2j, -0.5j] * 3,
    "Int64": pd.array([2**62 + 1, None] * 3, dtype="Int64"),
    "UInt8": pd.array([255, None] * 3, dtype="UInt8"),
    "Float64": pd.array([0.1, None] * 3, dtype="Float64"),
    "boolean": pd.array([True, None, False] * 2, dtype="boolean"),
    "str": pd.array(["a", None, ""] * 2, dtype="str"),
    "string": pd.array(["a", None, "NA"] * 2, dtype="string"),
    "string python": pd.array(["a", None] * 3, dtype=pd.StringDtype("python")),
    "arrow int": pd.array([1, None] * 3, dtype="int64[pyarrow]"),
    "arrow text": pd.array(["1", None] * 3, dtype=pd.ArrowDtype(pa.string())),
    "dates": pd.to_datetime(["2024-03-30", None, "1960-01-01", "2024-02-29", "2024-03-31", "2200-01-01"]),
    "zoned": pd.to_datetime(["2024-10-27T00:30Z", "2024-10-27T01:30Z", None] * 2).tz_convert("Europe/Amsterdam"),
    "spans": pd.to_timedelta([1, None, 3, 4, 5, 6], unit="s"),
    "periods": pd.PeriodIndex(["2024-01", None, "2024-03"] * 2, freq="M"),
    "intervals": pd.arrays.IntervalArray.from_tuples([(0, 1), None, (1, 2)] * 2),
    "cut": pd.cut([1, 2, 3, 4, 5, np.nan], 3),
    "texts": pd.Categorical(["b", "a", None] * 2, categories=["b", "a", "never"]),
    "ordered": pd.Categorical(["lo", "hi", None] * 2, categories=["lo", "hi"], ordered=True),
    "int labels": pd.Categorical([10, 2, None] * 2),
    "float labels": pd.Categorical([0.1, np.inf] * 3),
    "bool labels": pd.Categorical([True, False, None] * 2),
    "date labels": pd.Categorical(pd.to_datetime(["2024-01-01", "2023-01-01"] * 3)),
    "zoned labels": pd.Categorical(pd.to_datetime(["2024-01-01", "2023-01-01"] * 3).tz_localize("Asia/Tokyo")),
    "period labels": pd.Categorical(pd.PeriodIndex(["2024Q1", "2024Q3"] * 3, freq="Q")),
    "mixed labels": pd.Categorical(pd.Series([1, "1", 2.5] * 2, dtype=object)),
    "Int64 labels": pd.Categorical(pd.array([1, 2, None] * 2, dtype="Int64")),
    "arrow decimals": pd.array([Decimal("1.10"), None] * 3, dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
    "arrow lists": pd.array([[1, None], None, []] * 2, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
    "arrow structs": pd.array([{"a": [1]}, None, {"a": None}] * 2, dtype=STRUCT),
    "tuple labels": pd.Categorical.from_codes([0, 1, -1] * 2, pd.Index([(1, "a"), (2, None)], tupleize_cols=False)),
}
OBJECTS = {
    "kinds of 1": [1, 1.0, True, "1", Decimal("1.0"), 1],
    "kinds of missing": [None, np.nan, pd.NA, pd.NaT, "a", None],
    "texts": ["a", np.nan, "b", None, "", "a"],
    "dates": [datetime.date(2024, 2, 29), datetime.datetime(2024, 1, 1, 5), datetime.time(1, 2), None, None, None],
    "spans": [datetime.timedelta(1, 2, 3), pd.Timedelta("1ns"), pd.Timedelta("2D").as_unit("s"), None, None, None],
    "stamps": [pd.Timestamp("2024-10-27 02:30:00.000000001"), pd.Timestamp("2024-10-27T01:30Z"), *[None] * 4],
    "zones": [pd.Timestamp("2024-10-27T01:30Z").tz_convert("Europe/Amsterdam"), *[None] * 5],
    "bytes": [b"\x00\xff", 1j, (1, (2.5, "x")), pd.Interval(0, 1, "left"), pd.Period("2024-01-05", "D"), None],
    "big": [2**80, -(2**64), 0, 1, 2, 3],
    "lists": [[1, [2.5, None]], [], {"a": (1, {"b": 2})}, {1, 2}, frozenset("ab"), ((1,), (1.0,))],
    "equal": [(1,), (1.0,), (True,), Decimal("1.0"), Decimal("1.00"), Fraction(1, 3)],
    "classes": [uuid.UUID(int=5), np.int64(2**62), np.float32(0.1), np.datetime64("2024-01-01"), np.str_("a"), -0.0],
}
NAMES = ["unit", "draw", "", "a/b", "a_b", "a\\b", "__index_0", "..", ".", "x" * 300, "é" * 200, "a\nb", " é ", "dtype"]
INDEXES = {
    "range from 5": pd.RangeIndex(5, 11),
    "named range": pd.RangeIndex(6, name="row"),
    "texts": pd.Index(list("abcdef"), name="person"),
    "with missing": pd.Index(["a", None, "b", "c", "a", None]),
    "numbers with missing": pd.Index([1.5, np.nan, 2, 3, 4, 5], name=""),
    "twice": pd.Index([7, 7, 7, 8, 8, 8]),
    "dates": pd.DatetimeIndex(["2024-01-01", "2024-01-05", "2023-01-01"] * 2, tz="Asia/Tokyo", name="day"),
    "every second day": pd.date_range("2024-01-01", periods=6, freq="2D", tz="Europe/Amsterdam"),
    "hours": pd.timedelta_range("1h", periods=6, freq="h"),
    "months": pd.period_range("2024-01", periods=6, freq="M"),
    "categories": pd.CategoricalIndex(["lo", "hi", "lo"] * 2, categories=["lo", "hi"], ordered=True),
    "objects": pd.Index([1, "1", None, 2.5, True, datetime.date(2024, 1, 1)], dtype=object, name=("a", 1)),
    "two levels": pd.MultiIndex.from_arrays([[1, 1, 1, 2, 2, 2], list("abcabc")], names=["school", None]),
    "two levels with missing": pd.MultiIndex.from_arrays([[1, np.nan, 1, 2, 2, 2], [*"abcab", None]]),
}


def through_file(dataset: xr.Dataset, folder: Path, ending: str) -> xr.Dataset:
    path = folder / f"frame.{ending}"
    tree = xr.DataTree.from_dict({"/observed": dataset})
    if ending == "nc":
        tree.to_netcdf(path, engine="h5netcdf")
    else:
        tree.to_zarr(path, mode="w", consolidated=False)
    options = {"engine": "h5netcdf"} if ending == "nc" else {"engine": "zarr", "consolidated": False}
    with xr.open_datatree(path, **options) as back:
        return back.load()["observed"].to_dataset()


def assert_back(frame: pd.DataFrame, back: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame, back)
    for name in frame:
        if frame[name].dtype == object:
            assert [type(v) for v in frame[name]] == [type(v) for v in back[name]]


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_every_dtype_comes_back(tmp_path: Path, ending: str) -> None:
    columns = {name: pd.Series(values) for name, values in COLUMNS.items()}
    frame = pd.DataFrame(columns | {name: pd.Series(values, dtype=object) for name, values in OBJECTS.items()})
    before = frame.copy()
    back = dataset_to_frame(through_file(frame_to_dataset(frame), tmp_path, ending))
    assert_back(frame, back)
    assert [str(d) for d in back.dtypes] == [str(d) for d in frame.dtypes]
    assert np.signbit(back["float"][2])
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_every_name_comes_back(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({name: np.arange(N) + 10 * i for i, name in enumerate(NAMES)})
    frame.columns.name = "variables"
    assert_back(frame, dataset_to_frame(through_file(frame_to_dataset(frame), tmp_path, ending)))


@pytest.mark.by_default("*-nc")
@pytest.mark.parametrize("ending", ["nc", "zarr"])
@pytest.mark.parametrize("index", INDEXES.values(), ids=list(INDEXES))
def test_every_index_comes_back(tmp_path: Path, ending: str, index: pd.Index) -> None:
    frame = pd.DataFrame({"x": np.arange(N)}, index=index)
    assert_back(frame, dataset_to_frame(through_file(frame_to_dataset(frame), tmp_path, ending)))


def test_many_long_labels_fit_into_a_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [f"person number {i} of the study" for i in range(5_000)]})
    assert_back(frame, dataset_to_frame(through_file(frame_to_dataset(frame), tmp_path, "nc")))


def test_objects_without_a_hash_keep_their_cells_apart() -> None:
    frame = pd.DataFrame({"x": pd.Series([[1], [1], None], dtype=object)})
    assert dataset_to_frame(frame_to_dataset(frame))["x"].tolist() == [[1], [1], None]


def test_arrays_come_back() -> None:
    frame = pd.DataFrame({"x": pd.Series([np.arange(3), np.array([["a"]]), None], dtype=object)})
    back = dataset_to_frame(frame_to_dataset(frame))["x"]
    assert [None if v is None else (v.dtype, v.tolist()) for v in back] == [
        None if v is None else (v.dtype, v.tolist()) for v in frame["x"]
    ]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1, object()], "values of class object"),
        ([[1, {"a": range(3)}], None], "values of class range"),
        (np.arange(2, dtype="longdouble"), "float128 has more digits than a file keeps"),
        ([1, [2]], None),
        (pd.arrays.SparseArray([0.0, 1.0]), None),
        (pd.array([1, None], dtype="Int64"), None),
    ],
)
def test_what_a_file_would_change_is_told(values: Any, said: str | None) -> None:
    assert lost(pd.Series(values)) == said


def test_safe_names_are_different_and_plain_where_they_can_be() -> None:
    names = safe_names([*NAMES, "popular", "1|school_sigma"])
    assert len(set(names.values())) == len(names)
    assert names["popular"] == "popular" and names["1|school_sigma"] == "1|school_sigma"
    assert not {"unit", "draw", "chain", "imputation", "target", "event", "", ".", ".."} & set(names.values())
    assert all(len(safe.encode()) < 120 and "/" not in safe for safe in names.values())


labels = st.one_of(st.text(max_size=5), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.booleans())
cells = st.one_of(labels, st.none(), st.dates(), st.decimals(allow_nan=False), st.binary(max_size=3))
columns = st.one_of(
    st.lists(cells, min_size=3, max_size=3).map(lambda v: pd.Series(v, dtype=object)),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=3, max_size=3).map(
        lambda v: pd.Series(v, dtype="str")
    ),
    st.lists(st.floats(), min_size=3, max_size=3).map(lambda v: pd.Series(v, dtype="float64")),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=3, max_size=3).map(
        lambda v: pd.Series(v, dtype="Int64")
    ),
)
names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8)


@settings(max_examples=25, deadline=None)
@given(frame=st.dictionaries(names, columns, min_size=1, max_size=4).map(pd.DataFrame))
def test_any_frame_comes_back(frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert_back(frame, dataset_to_frame(through_file(frame_to_dataset(frame), Path(folder), "nc")))
        assert_back(frame, dataset_to_frame(through_file(frame_to_dataset(frame), Path(folder), "zarr")))
