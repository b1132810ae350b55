"""Columns that stand beside the data: what is known of single cells, in a frame of its own with the same rows.

They are columns of the run, and stand in its completed data; but no plan that is written from the data reads them.
"""

from collections.abc import Iterable

import pandas as pd

from bayesimpute.base.errors import DataError, Problem
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.arrow_frames import AnyFrame, taken


def joined(frame: pd.DataFrame, beside: AnyFrame, *, by_place: bool = False) -> pd.DataFrame:
    """The data with the columns beside them.

    Parameters
    ----------
    frame : DataFrame
        The data.
    beside : DataFrame of any kind
        The same rows: found by their labels, in any order, where those name a row each; else, and where one of the two
        frames is not pandas', by their places.
    by_place : bool
        Whether `frame` has no labels of its own.

    Raises
    ------
    DataError
        Other rows, or columns that the data have.
    """
    found, foreign = taken(beside)
    twice = [str(name) for name in found.columns if name in frame.columns]
    if twice:
        finding, remedy = f"the data have a column {listed(twice, 12)}, too", "give the columns beside them other names"
        raise DataError([Problem(path="beside", finding=finding, remedy=remedy)])
    if len(found) != len(frame):
        finding = f"there are {counted(len(found), 'row')} beside {counted(len(frame), 'row')} of data"
        raise DataError([Problem(path="beside", finding=finding, remedy="give a row for each row of the data")])
    labelled = not by_place and foreign is None
    if labelled and not found.index.equals(frame.index):
        found = _in_order(found, frame.index)
    return pd.concat([frame, found.set_axis(frame.index)], axis=1)


def _in_order(found: pd.DataFrame, labels: pd.Index) -> pd.DataFrame:
    """Rows as their labels stand elsewhere."""
    strange = found.index.difference(labels)
    if len(strange) or not found.index.is_unique or not labels.is_unique:
        finding = f"its rows {listed(map(repr, strange[:6]))} are none of the data" if len(strange) else _TWICE
        raise DataError([Problem(path="beside", finding=finding, remedy="give it the index of the data")])
    return found.loc[labels]


_TWICE = "several of its rows have one label, and they stand in another order than the data's"


def unread(before: pd.DataFrame, after: pd.DataFrame, read: Iterable[str]) -> list[Problem]:
    """Columns that came beside the data and that nothing reads."""
    names = [str(name) for name in after.columns if name not in before.columns and name not in {*read}]
    if not names:
        return []
    finding = f"nothing that is known of cells reads {listed(names, 12)}"
    remedy = f'write Known(column="y", between=("{names[0]}", "")), or leave it out'
    return [Problem(path="beside", finding=finding, remedy=remedy)]
