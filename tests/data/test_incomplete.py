"""What Incomplete finds in data: levels, patterns, clusters, intraclass correlations, and every problem."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.base.errors import DataError
from bayesimpute.checking.described import describe
from bayesimpute.data.incomplete import Incomplete


def read(folder, name):
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=["", "NA"])


@pytest.fixture
def frame() -> pd.DataFrame:
    """Two schools of two classes of three; `size` is of the school, `room` of the class."""
    return pd.DataFrame(
        {
            "school": list("bbbbbbaaaaaa"),
            "class": [1, 1, 1, 2, 2, 2] * 2,
            "x": [1.0, 2, np.nan, 4, 5, 6, 7, 8, 9, 1, 2, 3],
            "size": [5.0, np.nan, 5, 5, 5, 5, 8, 8, 8, 8, 8, 8],
            "room": [1.0, 1, 1, 2, 2, 2, 3, 3, 3, np.nan, np.nan, np.nan],
            "tested": [1.0, 2, 3, 4, 5, 6, *[np.nan] * 6],
            "partly": [np.nan, 2, 3, 4, 5, 6, *[np.nan] * 6],
            "once": [1.0, *[np.nan] * 5, 2.0, *[np.nan] * 5],
            "sex": pd.Categorical(["m", "f"] * 6),
        },
        index=[f"r{k}" for k in range(12)],
    )


def test_levels_and_patterns_by_one_key(frame):
    variables = Incomplete.from_frame(frame, clusters=["school"]).variables
    levels = {name: variable.level for name, variable in variables.items()}
    # `once` has one value a school, which proves nothing; `room` changes within a school.
    assert levels == dict.fromkeys(frame, None) | {"size": "school"}
    patterns = {name: variable.pattern for name, variable in variables.items() if variable.n_missing}
    expected = {"x": "sporadic", "size": "sporadic", "room": "sporadic", "tested": "systematic", "partly": "both"}
    assert patterns == {**expected, "once": "sporadic"}
    assert (variables["x"].n_observed, variables["x"].n_missing, variables["sex"].labels) == (11, 1, ("f", "m"))


def test_of_several_keys_the_coarsest_counts(frame):
    data = Incomplete.from_frame(frame, clusters=["school:class", "school"])
    assert data.variables["size"].level == "school"
    assert data.variables["room"].level == "school:class"
    # Level 2: judged by its own key, so that sporadic means that a classmate has the value.
    assert (data.variables["room"].pattern, data.variables["size"].pattern) == ("systematic", "sporadic")
    nested = frame.assign(room_id=frame["school"] + frame["class"].astype(str))
    found = Incomplete.from_frame(nested, clusters=["room_id", "school"]).variables
    assert (found["school"].level, found["room_id"].level) == ("room_id", None)


def test_without_clusters_everything_is_of_level_one(frame):
    data = Incomplete.from_frame(frame)
    assert {(v.level, v.icc) for v in data.variables.values()} == {(None, None)}
    assert data.variables["tested"].pattern == "sporadic"
    assert data.variables["sex"].pattern == "complete"


def test_codes_are_by_first_appearance_and_ignore_labels(frame):
    data = Incomplete.from_frame(frame, clusters="school")
    assert data.clusters == ("school",)
    assert data.codes("school").tolist() == [0] * 6 + [1] * 6
    assert data.codes("school").dtype == np.int64
    assert data.labels("school") == ("b", "a")
    assert data.labels("school:class") == ("b:1", "b:2", "a:1", "a:2")
    assert data.n_clusters("school:class") == 4
    assert data.level_rows("school:class").tolist() == [0, 3, 6, 9]
    for labels in ({"a": 2**60, "b": 2**60 + 1}, {"a": "x", "b": "y"}, {"a": True, "b": False}, {"a": 0.5, "b": -1.0}):
        other = frame.assign(school=frame["school"].map(labels))
        for dtype in (None, "category"):
            recoded = other.astype({"school": dtype}) if dtype else other
            again = Incomplete.from_frame(recoded, clusters=["school"])
            np.testing.assert_array_equal(again.codes("school:class"), data.codes("school:class"))
            assert again.variables["size"].level == "school"


def test_a_column_with_a_colon_in_its_name_is_a_key(frame):
    data = Incomplete.from_frame(frame.assign(**{"school:class": 1}), clusters=["school:class"])
    assert data.n_clusters("school:class") == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_interactions_and_first_rows_agree_with_pandas(pairs):
    data = pd.DataFrame(pairs, columns=["a", "b"])
    incomplete = Incomplete.from_frame(data, clusters=["a:b"])
    expected = data.groupby(["a", "b"], sort=False).ngroup().to_numpy()
    np.testing.assert_array_equal(incomplete.codes("a:b"), expected)
    first = data.drop_duplicates().index.to_numpy()
    np.testing.assert_array_equal(incomplete.level_rows("a:b"), first)


VALUE = st.one_of(st.none(), st.integers(0, 2))


@given(st.lists(st.tuples(st.integers(0, 3), VALUE), min_size=1, max_size=20))
def test_levels_and_patterns_agree_with_their_definition(rows):
    data = pd.DataFrame(rows, columns=["g", "v"]).astype({"v": "float64"})
    variable = Incomplete.from_frame(data, clusters=["g"]).variables["v"]
    clusters = [cluster["v"] for _, cluster in data.groupby("g")]
    constant = all(cluster.nunique() <= 1 for cluster in clusters)
    proved = any(cluster.notna().sum() >= 2 for cluster in clusters)
    assert (variable.level == "g") == (constant and proved)
    whole = any(cluster.isna().all() for cluster in clusters)
    some = any(cluster.isna().any() and cluster.notna().any() for cluster in clusters)
    name = {(False, False): "complete", (False, True): "sporadic", (True, False): "systematic", (True, True): "both"}
    assert variable.pattern == name[whole, some]


def test_a_classmate_fills_in(frame):
    data = Incomplete.from_frame(frame, clusters=["school", "school:class"])
    values, filled = data.deductive("size")
    assert values.tolist() == [5.0] * 6 + [8.0] * 6
    assert np.flatnonzero(filled).tolist() == [1]
    values, filled = data.deductive("room")
    assert not filled.any() and np.isnan(values).sum() == 3
    values, filled = data.deductive("x")
    assert not filled.any() and np.isnan(values).sum() == 1
    assert np.isnan(data.columns["size"].values[1])


def test_at_three_levels_members_fill_in_at_the_level_that_the_data_prove(frame):
    frame["lone"] = [1.0, 1, np.nan, *[np.nan] * 3, 2, 2, 2, *[np.nan] * 3]
    frame["size"] = [5.0, np.nan, *[np.nan] * 4, 8, 8, 8, 8, np.nan, 8]
    frame["lamps"] = [1.0, np.nan, 1, 2, 2, np.nan, 3, 3, np.nan, 4, 4, 4]
    data = Incomplete.from_frame(frame, clusters=["school", "school:class"])
    # the size of a school: of two classes that agree in a, and so for a whole class of b from the other one
    assert data.variables["size"].level == "school"
    assert data.deductive("size")[0].tolist() == [5.0] * 6 + [8.0] * 6
    assert data.deductive("lamps")[0].tolist() == [1.0] * 3 + [2.0] * 3 + [3.0] * 3 + [4.0] * 3
    # seen in one class a school it is the class's: pupils of the other class do not get it
    assert data.variables["lone"].level == "school:class"
    assert np.flatnonzero(data.deductive("lone")[1]).tolist() == [2]
    assert data.deductive("lone", key="school")[0].tolist() == [1.0] * 6 + [2.0] * 6
    assert Incomplete.from_frame(frame, clusters=["school"]).variables["lone"].level == "school"


def test_members_that_disagree_are_named(frame):
    frame.loc["r7", "size"] = 7
    data = Incomplete.from_frame(frame, clusters=["school"])
    assert data.variables["size"].level is None
    assert data.disagreements("size", "school") == [f"r{k}" for k in range(6, 12)]
    assert data.disagreements("class", "school:class") == []
    values, filled = data.deductive("size", key="school")
    assert np.flatnonzero(filled).tolist() == [1] and values[7] == 7


def test_the_pattern_table_counts_rows(frame):
    table = describe(frame[["x", "size", "tested", "sex"]]).patterns
    assert table.columns.tolist() == ["x", "size", "tested", "n_missing"]
    assert table.index.tolist() == [4, 6, 1, 1, "missing"]
    assert table.to_numpy().tolist() == [
        [1, 1, 1, 0],
        [1, 1, 0, 1],
        [1, 0, 1, 1],
        [0, 1, 1, 1],
        [1, 1, 6, 8],
    ]


def test_the_intraclass_correlation_is_that_of_the_analysis_of_variance(frame):
    # Clusters 1, 2 | 4, 5, 6 | 7 of `y`: by hand, MSW = 2.5/3, mean size 2.
    data = pd.DataFrame({"g": list("aabbbccd"), "y": [1, 2, 4, 5, 6, 7, None, None], "c": list("pqpqpqpq")})
    found = Incomplete.from_frame(data, clusters=["g"]).variables
    msb, msw = (2 * (1.5 - 25 / 6) ** 2 + 3 * (5 - 25 / 6) ** 2 + (7 - 25 / 6) ** 2) / 2, 2.5 / 3
    assert found["y"].icc == pytest.approx((msb - msw) / (msb + msw), rel=1e-12)
    assert found["c"].icc is None and found["g"].icc is None
    assert Incomplete.from_frame(frame, clusters=["school"]).variables["size"].icc is None


@given(st.floats(-1e6, 1e6), st.sampled_from([2.0**-20, 0.5, 2.0**20]))
def test_the_intraclass_correlation_has_no_unit(shift, scale):
    y = np.random.default_rng(4).normal(size=40)
    data = pd.DataFrame({"g": np.arange(40) // 4, "y": y, "z": scale * y, "w": y + shift})
    found = Incomplete.from_frame(data, clusters=["g"]).variables
    assert found["z"].icc == pytest.approx(found["y"].icc, rel=1e-12)
    # The shift costs digits of y.
    assert found["w"].icc == pytest.approx(found["y"].icc, abs=1e-15 * (1 + abs(shift)) * 100)


def test_missing_has_the_labels_of_the_frame(frame):
    missing = Incomplete.from_frame(frame).missing
    pd.testing.assert_frame_equal(missing, frame.isna())


def test_the_frame_is_copied_and_the_whole_can_be_pickled(frame):
    data = Incomplete.from_frame(frame, clusters=["school"])
    frame.loc["r0", "x"] = 99
    assert data.frame.loc["r0", "x"] == 1
    again = pickle.loads(pickle.dumps(data))
    pd.testing.assert_frame_equal(again.frame, data.frame)
    np.testing.assert_array_equal(again.codes("school"), data.codes("school"))


@pytest.mark.parametrize(
    ("bad", "finding"),
    [
        ({"a": [1]}, "a dict is not a data frame"),
        (pd.DataFrame(), "0 rows, 0 columns"),
        (pd.DataFrame({"a": []}), "0 rows, 1 column"),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), '2 columns are called "a"'),
        (pd.DataFrame([[1, 2]], columns=["a", 7]), "column name 7 is not a text"),
        (
            pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])),
            r"\('a', 'b'\) is not a text",
        ),
    ],
)
def test_what_is_no_frame_is_said(bad, finding):
    with pytest.raises(DataError, match=finding):
        Incomplete.from_frame(bad)


def test_all_problems_of_the_data_come_at_once(frame):
    frame["x"] = frame["x"].where(frame["x"] != 5, np.inf)
    frame["room"] = frame["room"].where(frame["room"] != 3, -np.inf)
    with pytest.raises(DataError) as caught:
        Incomplete.from_frame(frame, clusters=["scholl", "once:class", "tested"])
    text = str(caught.value)
    assert len(caught.value.problems) == 5
    assert "data[x]: 1 infinite value, the first in row 'r4'" in text
    assert "data[room]: 3 infinite values, the first in row 'r6'" in text
    assert 'clusters: there is no column "scholl"; did you mean "school"?' in text
    assert "data[once]: this cluster key has 10 missing values, in rows 'r1', 'r2', 'r3', 'r4', 'r5' and 5 more" in text
    assert "data[tested]: this cluster key has 6 missing values" in text


def test_an_undeclared_key_is_checked_when_it_is_asked_for(frame):
    data = Incomplete.from_frame(frame)
    assert data.n_clusters("school") == 2
    with pytest.raises(DataError, match='no column "schol"'):
        data.codes("schol")
    with pytest.raises(DataError, match="6 missing values"):
        data.codes("tested:school")


def test_mixed_and_date_columns_are_described_not_refused(frame):
    frame["visit"] = "2024-01-01"
    frame["note"] = pd.Series(["a", 1, None] * 4, dtype=object, index=frame.index)
    table = describe(frame, clusters=["school"]).variables.set_index("variable")
    assert table.loc[["visit", "note"], "type"].tolist() == ["date", "mixed"]
    assert table.loc["note", "missing"] == 4


def test_popmis_is_described_as_published(shared_data):
    table = describe(read(shared_data, "popmis"), clusters="school").variables.set_index("variable")
    assert table.loc["popular", "observed"] == 1152
    assert table.loc["popular", "pattern"] == "sporadic"
    assert round(table.loc["popular", "icc"], 4) == 0.5584
    assert table["level"].to_dict() == {
        "pupil": "1", "school": "key", "popular": "1", "sex": "1", "texp": "school", "const": "school", "teachpop": "1"
    }  # fmt: skip


def test_brandsma_has_two_school_variables(shared_data):
    data = Incomplete.from_frame(read(shared_data, "brandsma"), clusters=["sch"])
    assert {name for name, v in data.variables.items() if v.level == "sch"} == {"den", "ssi"}
    assert data.n_clusters("sch") == 216
    assert (data.variables["den"].pattern, data.variables["lpo"].pattern) == ("systematic", "both")
    assert not data.deductive("den")[1].any()


def test_popncr_gets_texp_from_classmates(shared_data):
    data = Incomplete.from_frame(read(shared_data, "popNCR"), clusters=["class"])
    assert {name for name, v in data.variables.items() if v.level == "class"} == {"texp"}
    values, filled = data.deductive("texp")
    truth = read(shared_data, "popular_complete")["texp"].to_numpy()
    assert (filled.sum(), np.isnan(values).sum()) == (976, 0)
    np.testing.assert_array_equal(values, truth)
    patterns = describe(data).patterns
    counts = patterns.index[:-1].to_numpy(dtype=int)
    assert counts.sum() == 2000
    assert patterns.loc["missing", ["extrav", "sex", "texp", "popular", "popteach"]].tolist() == [
        516,
        496,
        976,
        510,
        528,
    ]


def test_an_unknown_cluster_key_lists_the_columns_there_are():
    with pytest.raises(DataError, match="name a column of the data: id, y"):
        Incomplete.from_frame(pd.DataFrame({"id": [1, 2], "y": [1.0, 2.0]}), clusters=["plant"])
