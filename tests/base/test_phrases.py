"""Counts, lists and rows in messages."""

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.phrases import arrows, counted, first_row, listed, numbered


def test_one_is_not_a_plural() -> None:
    assert [counted(n, "row") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([3], "dataset 3"),
        (range(1, 21), "datasets 1-20"),
        (["1", "3", "4"], "datasets 1, 3-4"),
        (range(1, 100, 2), "datasets 1, 3, 5, 7, 9 and 45 more"),
    ],
)
def test_datasets_are_told_shortly(numbers, said) -> None:
    assert numbered("dataset", numbers) == said


def test_long_ways_show_both_ends() -> None:
    assert arrows("abc") == "a -> b -> c"
    assert arrows(list(map(str, range(300))), shown=2) == "0 -> 1 -> ... -> 298 -> 299"


def test_long_lists_are_cut() -> None:
    assert listed("abc") == "a, b, c"
    assert listed(range(1_000)) == "0, 1, 2, 3, 4 and 995 more"


def test_rows_without_labels_say_from_where_they_are_counted() -> None:
    frame = pd.DataFrame({"x": range(3)})
    where = np.array([False, True, True])
    assert first_row(frame, where) == "the first in row 1 (counted from 0)"
    assert first_row(frame.set_axis(list("abc")), where) == "the first in row 'b'"
