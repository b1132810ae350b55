"""Columns come back as they went in, whatever their dtype, and say what they are."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.data.columns import encode

DAY = datetime.date(2024, 2, 29)

RETURNS = {
    "int64": (pd.Series([3, -1, 2]), "number"),
    "uint8": (pd.Series([3, 0, 255], dtype="uint8"), "number"),
    "float64": (pd.Series([0.5, np.nan, 2]), "number"),
    "float32": (pd.Series([0.1, np.nan, 2], dtype="float32"), "number"),
    "infinite": (pd.Series([np.inf, -np.inf, 0.0]), "number"),
    "Int64": (pd.Series([1, None, 3], dtype="Int64"), "number"),
    "UInt8": (pd.Series([1, None, 3], dtype="UInt8"), "number"),
    "Float64": (pd.Series([1.5, None, 3], dtype="Float64"), "number"),
    "int64[pyarrow]": (pd.Series([1, None, 3], dtype="int64[pyarrow]"), "number"),
    "double[pyarrow]": (pd.Series([1.5, None, 3], dtype="double[pyarrow]"), "number"),
    "bool": (pd.Series([True, False]), "yes/no"),
    "boolean": (pd.Series([True, None, False], dtype="boolean"), "yes/no"),
    "bool[pyarrow]": (pd.Series([True, None, False], dtype="bool[pyarrow]"), "yes/no"),
    "object of bool": (pd.Series([True, None, False], dtype=object), "yes/no"),
    "str": (pd.Series(["b", None, "a", "b", ""]), "category"),
    "string": (pd.Series(["b", None, "a"], dtype="string"), "category"),
    "string[pyarrow]": (pd.Series(["b", None, "a"], dtype=pd.ArrowDtype(pa.string())), "category"),
    "object of str": (pd.Series(["b", None, "a"], dtype=object), "category"),
    "text missing": (pd.Series([None, None], dtype="str"), "category"),
    "category": (pd.Series(pd.Categorical(["b", None, "a"], ["b", "a", "unused"])), "category"),
    "category[ordered]": (pd.Series(pd.Categorical(["b", "a"], ["b", "a"], ordered=True)), "category"),
    "category of int": (pd.Series(pd.Categorical([3, None, 1], [3, 1, 2])), "category"),
    "category of int8": (pd.Series(pd.Categorical([3, 1], pd.Index([3, 1], dtype="int8"), ordered=True)), "category"),
    "category of object": (pd.Series(pd.Categorical(["a", 1], pd.Index(["a", 1], dtype=object))), "category"),
    "category of object str": (pd.Series(pd.Categorical(["a", "b"], pd.Index(["b", "a"], dtype=object))), "category"),
    "category of bool": (pd.Series(pd.Categorical([True, None], [True, False])), "category"),
    "category of tuples": (pd.Series(pd.Categorical([0, 1]).rename_categories([("a", 1), ("b", 2)])), "category"),
    "datetime": (pd.Series(pd.to_datetime(["2024-02-29", None, "2023-01-01 12:00"], format="ISO8601")), "date"),
    "datetime, zone": (pd.Series(pd.to_datetime(["2024-02-29"]).tz_localize("Europe/Amsterdam")), "date"),
    "timedelta": (pd.Series(pd.to_timedelta([1, None], unit="D")), "date"),
    "period": (pd.Series(pd.PeriodIndex(["2024-02", "NaT"], freq="M")), "date"),
    "date32[pyarrow]": (pd.Series([DAY, None], dtype="date32[pyarrow]"), "date"),
    "object of dates": (pd.Series([DAY, None, DAY], dtype=object), "date"),
    "ISO text": (pd.Series(["2024-02-29", None, "2024-01-01T10:00:00"]), "date"),
    "object of ISO text": (pd.Series(["2024-02-29", None], dtype=object), "date"),
    "mixed": (pd.Series(["a", 1, None, 1.0, True], dtype=object), "mixed"),
    "lists": (pd.Series([[1, 2], None, [1, 2]], dtype=object), "mixed"),
    "complex": (pd.Series([1 + 2j, 0j]), "mixed"),
    "bytes": (pd.Series([b"a", None], dtype=object), "mixed"),
}


@pytest.mark.parametrize("name", RETURNS)
def test_a_column_comes_back_as_it_went_in(name):
    series, kind = RETURNS[name]
    series = series.rename("v").set_axis([f"row {k}" for k in range(len(series))])
    before = series.copy()
    column = encode(series, "v")
    back = column.decode(column.values, series.index)
    pd.testing.assert_series_equal(back, series)
    pd.testing.assert_series_equal(series, before)
    assert (column.called, column.name) == (kind, "v")
    assert column.values.dtype == np.float64
    np.testing.assert_array_equal(column.missing, series.isna())
    if kind == "mixed":
        assert list(map(type, back[series.notna()])) == list(map(type, series[series.notna()]))


TEXTS = st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["2024-01-01", "NA", "nan", "None"]))


@given(st.lists(TEXTS).map(lambda texts: [*texts, "a"]))
def test_any_text_comes_back(values):
    for dtype in ("str", object):
        series = pd.Series(values, dtype=dtype, name="t")
        column = encode(series, "t")
        pd.testing.assert_series_equal(column.decode(column.values, series.index), series)
        assert list(column.labels) == sorted(column.labels)


def test_values_are_a_copy():
    series = pd.Series([1.0, 2.0])
    column = encode(series, "x")
    column.values[0] = 9
    assert series[0] == 1
    values = np.array([3.0, 4.0])
    back = column.decode(values)
    back[0] = 7
    assert values[0] == 3


def test_texts_are_sorted_and_categories_keep_their_order():
    text = encode(pd.Series(["b", "a", None, "b"]), "t")
    assert (text.labels, text.values[:2].tolist()) == (("a", "b"), [1.0, 0.0])
    category = encode(pd.Series(pd.Categorical(["b", "a"], ["b", "unused", "a"])), "c")
    assert (category.labels, category.values.tolist()) == (("b", "unused", "a"), [0.0, 2.0])


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, None], "number"),
        ([Decimal("1.5"), 2], "number"),
        ([np.int64(1), np.float32(2)], "number"),
        ([None, np.nan], "number"),
        ([True, 1], "mixed"),
        (["a", 1], "mixed"),
        ([np.True_, False], "yes/no"),
        (["2024-02-30", "2024-01-01"], "category"),
        (["2024-01-01", "unknown"], "category"),
        (["20240101"], "category"),
        (["1", "2"], "category"),
        ([pd.Timestamp("2024-01-01"), DAY], "date"),
    ],
)
def test_an_object_column_is_what_all_its_values_are(values, kind):
    assert encode(pd.Series(values, dtype=object), "o").kind == kind


def test_object_numbers_are_floats():
    column = encode(pd.Series([Decimal("1.5"), None, 2], dtype=object), "d")
    np.testing.assert_array_equal(column.values, [1.5, np.nan, 2])
    assert column.decode(column.values).dtype == np.float64


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("int64", [1.0, 2.0], "int64"),
        ("int64", [1.0, 2.5], "float64"),
        ("int64", [1.0, np.nan], "float64"),
        ("int8", [1.0, 127.0], "int8"),
        ("int8", [1.0, 128.0], "int64"),
        ("uint8", [1.0, -1.0], "int64"),
        ("Int64", [1.0, np.nan], "Int64"),
        ("Int64", [1.5, np.nan], "Float64"),
        ("Int8", [1000.0, np.nan], "Int64"),
        ("int64[pyarrow]", [1.5, np.nan], "double[pyarrow]"),
        ("int8[pyarrow]", [1000.0, 1], "int64[pyarrow]"),
        ("float32", [1.5, np.nan], "float32"),
        ("bool", [1.0, 0.0], "bool"),
        ("bool", [1.0, np.nan], "boolean"),
        ("bool", [0.3, 1.0], "float64"),
        ("boolean", [1.0, np.nan], "boolean"),
    ],
)
def test_whole_numbers_stay_whole_only_if_they_fit(dtype, values, expected):
    start = [True, False] if dtype.startswith("bool") else [1, 2]
    back = encode(pd.Series(start, dtype=dtype), "v").decode(np.array(values))
    assert str(back.dtype) == expected
    np.testing.assert_array_equal(back.to_numpy(dtype=float, na_value=np.nan), values)


def test_integral_is_about_the_dtype_given():
    assert encode(pd.Series([1, 2]), "i").integral
    assert encode(pd.Series([1, None], dtype="UInt8"), "i").integral
    assert not encode(pd.Series([1.0, 2.0]), "f").integral
    assert not encode(pd.Series(pd.Categorical([1, 2])), "c").integral


@pytest.mark.parametrize("code", [0.5, -1.0, 2.0, np.inf])
def test_a_code_without_a_label_is_an_error(code):
    column = encode(pd.Series(["a", "b"]), "t")
    with pytest.raises(ValueError, match='column "t"'):
        column.decode(np.array([0.0, code]))


@pytest.mark.parametrize(
    ("given", "imputed", "kind"),
    [
        ([Decimal("0.10"), None, 2], Decimal("1.25"), Decimal),
        ([Fraction(1, 3), None, Fraction(2)], Fraction(5, 4), Fraction),
        ([2**60 + 1, None, 1], 1.25, float),
        ([1, None, 2.5], 1.25, float),
    ],
)
def test_objects_keep_their_numbers(given, imputed, kind):
    series = pd.Series(given, dtype=object, name="d")
    column = encode(series, "d")
    back = column.decode(np.array([column.values[0], 1.25, column.values[2]]), given=series)
    assert back.tolist() == [given[0], imputed, given[2]]
    assert isinstance(back[1], kind)
