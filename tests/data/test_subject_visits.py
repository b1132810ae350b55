"""Visits of subjects: what came before, dropout and the time since, by hand and whatever the order of the rows."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.subject_visits import Visits

NAN = np.nan
FRAME = pd.DataFrame(
    {
        "id": ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 3,
        "week": [0, 1, 2, 4] * 3 + [0, 1, 6],
        "y": [1, 2, 3, 4, 5, NAN, 7, NAN, 9, NAN, NAN, NAN, NAN, NAN, NAN],
    }
)
LAG = [NAN, 1, 2, 3, NAN, 5, NAN, 7, NAN, 9, NAN, NAN, NAN, NAN, NAN]
DROPOUT = [NAN, 0, 0, 0, NAN, 0, 0, 1, NAN, 1, NAN, NAN, NAN, NAN, NAN]
SINCE = [0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 2, 4, NAN, NAN, NAN]
"""a is complete, b has a gap and drops out at week 4, c at week 1, d was never seen."""


def visits(frame: pd.DataFrame) -> Visits:
    return Visits.of(Incomplete.from_frame(frame, clusters=["id"]), "id", "week")


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(len(FRAME))))
def test_what_came_before_dropout_and_the_time_since(order: list[int]) -> None:
    frame = FRAME.iloc[order]
    found, seen = visits(frame), frame["y"].notna().to_numpy()
    np.testing.assert_array_equal(found.lag(frame["y"].to_numpy()), np.array(LAG)[order])
    np.testing.assert_array_equal(found.dropout(seen), np.array(DROPOUT)[order])
    np.testing.assert_array_equal(found.since_dropout(seen), np.array(SINCE, dtype=float)[order])
    assert not found.ties.any()


def test_some_subjects_are_what_they_are_among_all() -> None:
    rows = np.flatnonzero(FRAME["id"].isin(["b", "d"]))
    some = visits(FRAME).at(rows)
    np.testing.assert_array_equal(some.lag(FRAME["y"].to_numpy()[rows]), np.array(LAG)[rows])


def test_two_rows_at_one_time_are_seen() -> None:
    frame = FRAME.assign(week=[0, 1, 1, 4] + [0, 1, 2, 4] * 2 + [0, 1, 6])
    np.testing.assert_array_equal(np.flatnonzero(visits(frame).ties), [2])
