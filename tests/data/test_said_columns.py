"""What is said of columns: read, written, held against the data, and taken back where values go out."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.errors import DataError, InputError
from bayesimpute.data.columns import encode
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.other_rows import other_rows
from bayesimpute.data.said_columns import SaidColumn, as_said, for_analyses
from bayesimpute.families import auto
from bayesimpute.families.label_values import Ordered

TEXT = ["high", None, "low", "middle", "low"]


@pytest.mark.parametrize(
    ("given", "kind", "labels"),
    [
        ("G1 < G2 < G3", "ordered", ("G1", "G2", "G3")),
        ("west | south", "labels", ("west", "south")),
        ("labels", "labels", ()),
        (" ordered ", "ordered", ()),
        ("number", "number", ()),
        ({"ordered": ["a < b", "c | d"]}, "ordered", ("a < b", "c | d")),
        ({"labels": ["only", "two "]}, "labels", ("only", "two ")),
    ],
)
def test_what_is_said_is_read_and_written(given: Any, kind: str, labels: tuple[str, ...]) -> None:
    said = SaidColumn.of("x", given)
    assert (said.kind, said.labels) == (kind, labels)
    assert SaidColumn.of("x", said.written) == said


@pytest.mark.parametrize(
    ("values", "said", "labels", "codes"),
    [
        (TEXT, "low < middle < high", ("low", "middle", "high"), [2, np.nan, 0, 1, 0]),
        (TEXT, "middle | high | low", ("middle", "high", "low"), [1, np.nan, 2, 0, 2]),
        (TEXT, "labels", ("high", "low", "middle"), [0, np.nan, 1, 2, 1]),
        (TEXT, "none < low < middle < high", ("none", "low", "middle", "high"), [3, np.nan, 1, 2, 1]),
        ([3, 1, 2], "labels", ("1", "2", "3"), [2, 0, 1]),
        ([3, 1, None], "3 < 2 < 1", ("3", "2", "1"), [0, 2, np.nan]),
        ([0.5, 2.0, None], "ordered", ("0.5", "2"), [0, 1, np.nan]),
        ([True, False, None], "True | False", ("True", "False"), [0, 1, np.nan]),
        (pd.Categorical(["b", "a", None], ["b", "a"]), "ordered", ("b", "a"), [0, 1, np.nan]),
        (pd.Categorical(["b", "a", None], ["b", "a"]), "a < b", ("a", "b"), [1, 0, np.nan]),
    ],
)
def test_a_column_is_what_it_is_said_to_be(values: Any, said: str, labels: Any, codes: list[float]) -> None:
    series = pd.Series(values, name="x")
    column = as_said(encode(series, "x"), SaidColumn.of("x", said))
    assert not hasattr(column, "finding")
    assert column.kind == "category" and column.labels == labels  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_array_equal(column.values, codes)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("dtype", ["object", "str", "category", "Int64", "int64[pyarrow]", "float64", "boolean"])
def test_values_go_out_as_they_came_in(dtype: str) -> None:
    given = {"Int64": [3, 1, None], "float64": [3.0, 1.0, None], "boolean": [True, False, None]}
    given |= {"int64[pyarrow]": given["Int64"]}
    series = pd.Series(given.get(dtype, ["b", "a", None]), dtype=dtype, name="x")
    said = {"Int64": "3 | 1", "float64": "3 < 1", "boolean": "True | False", "int64[pyarrow]": "labels"}
    column = Incomplete.from_frame(series.to_frame(), columns={"x": said.get(dtype, "b < a")}).columns["x"]
    pd.testing.assert_series_equal(column.decode(column.values, given=series), series)
    full = column.decode(np.array([0.0, 1.0, 1.0]))
    first, second = series.iloc[[0, 1]] if dtype != "int64[pyarrow]" else series.iloc[[1, 0]]
    assert full.tolist() == [first, second, second] and full.dtype == series.dtype


def test_an_order_makes_a_text_ordinal_and_a_number_is_no_more_than_that() -> None:
    frame = pd.DataFrame({"t": TEXT * 20, "k": [1.0, 2, 3, 4, 5] * 20})
    plain, said = (
        Incomplete.from_frame(frame, columns=c).columns for c in ({}, {"t": "low < middle < high", "k": "number"})
    )
    assert not Ordered.accepts(plain["t"]) and Ordered.accepts(said["t"])
    assert [auto(plain[name]).name for name in "tk"] == ["categorical", "ordinal"]
    assert [auto(said[name]).name for name in "tk"] == ["ordinal", "gaussian"]
    labels = Incomplete.from_frame(frame, columns={"k": "labels"}).columns["k"]
    assert auto(labels).name == "categorical"


@pytest.mark.parametrize(
    ("said", "finding", "remedy"),
    [
        ({"t": "low < high"}, '"middle" of the data is not in it', "put it where it belongs"),
        ({"t": "low < Middle < high"}, '"middle" of the data is not in it', 'write "middle" for "Middle"'),
        ({"t": "low<high"}, "is no kind of column", "put spaces"),
        ({"t": "order"}, "is no kind of column", 'did you mean "ordered"'),
        ({"t": ["low", "high"]}, "is no kind of column", "write"),
        ({"t": "ordered"}, "a text has no order", 'columns.t = "high < low < middle"'),
        ({"t": "low < low < high < middle"}, '"low" stands in it twice', "once"),
        ({"t": "low <  < high < middle"}, "a label of it is empty", "once"),
        ({"t": {"ordered": ["low"]}}, "it has one label", "all labels"),
        ({"t": "number"}, "it holds labels, not numbers", "numbers"),
        ({"d": "labels"}, "it holds dates", 'columns.d = "date"'),
        ({"k": {"number": ["1", "2"]}}, "a number has no labels", "write"),
        ({"tt": "labels"}, 'there is no column "tt"', 'did you mean "t"'),
    ],
)
def test_what_cannot_be_is_told(said: Any, finding: str, remedy: str) -> None:
    frame = pd.DataFrame({"t": TEXT, "k": range(5), "d": pd.date_range("2024-01-01", periods=5)})
    with pytest.raises(DataError) as caught:
        Incomplete.from_frame(frame, columns=said)
    (problem,) = caught.value.problems
    assert finding in problem.finding and remedy in problem.remedy and problem.path == f"columns[{next(iter(said))}]"


def test_what_is_no_mapping_is_told() -> None:
    with pytest.raises(InputError, match="is not a mapping"):
        Incomplete.from_frame(pd.DataFrame({"t": TEXT}), columns=["t"])


def test_new_rows_are_what_the_known_ones_are() -> None:
    frame = pd.DataFrame({"t": TEXT, "k": [1, 2, 3, 2, 1]})
    known = Incomplete.from_frame(frame, columns={"t": "low < middle < high", "k": "labels"})
    new = other_rows(frame.iloc[[2, 0]], known, ["t", "k"])
    assert new.columns["t"].values.tolist() == [0, 2] and new.columns["t"].ordered
    assert new.columns["k"].values.tolist() == [2, 0] and new.columns["k"].labels == known.columns["k"].labels
    with pytest.raises(DataError, match="of the data is not in it"):
        other_rows(frame.replace("low", "lowest"), known, ["t"])


def test_saying_it_again_is_the_same_data_and_more_is_added() -> None:
    frame = pd.DataFrame({"t": TEXT, "k": range(5)})
    data = Incomplete.from_frame(frame, columns={"t": "low < middle < high"})
    assert data.saying({}) is data and data.saying({"t": "low < middle < high"}) is data
    more = data.saying({"k": "labels"})
    assert more.columns["t"].ordered and more.columns["k"].kind == "category"


def test_analyses_see_the_labels_in_their_order() -> None:
    frame = pd.DataFrame({"t": TEXT, "k": [1.0, 2, 3, 2, np.nan], "x": range(5)})
    columns = Incomplete.from_frame(frame, columns={"t": "low < middle < high", "k": "3 | 2 | 1"}).columns
    found = for_analyses(frame, columns)
    assert found["t"].cat.categories.tolist() == ["low", "middle", "high"]
    assert found["k"].tolist()[:4] == ["1", "2", "3", "2"] and found["k"].cat.categories.tolist() == ["3", "2", "1"]
    assert found["t"].isna().tolist() == frame["t"].isna().tolist() and found["x"].equals(frame["x"])
