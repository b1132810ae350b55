"""Other rows of the same columns: new data, held against those that models were learnt from.

What a column is (numbers, yes/no, labels and their codes) and which level it has is what it was there, whatever the new
rows show of it: a column of one label, or without any value, would be taken for something else. Clusters are the same
where their labels are.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from bayesimpute.base.errors import DataError, Problem, did_you_mean
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.arrow_frames import AnyFrame, as_pandas
from bayesimpute.data.cluster_keys import parts
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete

WORDS = {"number": "numbers", "yes/no": "yes/no values", "category": "texts or categories", "date": "dates"}


def other_rows(given: AnyFrame, before: Incomplete, read: Collection[str]) -> Incomplete:
    """Look at other rows as at those that are known.

    Parameters
    ----------
    given : DataFrame
        The new rows.
    before : Incomplete
        The data that models were learnt from.
    read : collection of str
        The columns of these whose values are used.

    Raises
    ------
    DataError
        With every problem: those of :meth:`Incomplete.from_frame`, columns that are not there, of another type or with
        labels that were never seen, and variables of clusters that differ within one.
    """
    frame = as_pandas(given)
    keys = tuple(dict.fromkeys(part for key in before.clusters for part in parts(before.frame, key)))
    problems = list(_absent([*read, *keys], before, frame))
    there = [key for key in before.clusters if set(parts(before.frame, key)) <= set(frame.columns)]
    try:
        said = [each for each in before.said if each.name in frame.columns]
        made = Incomplete.from_frame(given, clusters=there, columns=said)
    except DataError as error:
        raise DataError([*problems, *error.problems]) from None
    columns = dict(made.columns)
    for name in (n for n in before.columns if n in columns and (n in read or n in keys)):
        column, found = _as_before(columns[name], before.columns[name], values=name in read)
        columns[name], problems = column, [*problems, *found]
    levels = {name: before.variables[name].level for name in read if name in columns}
    problems += [p for name, key in levels.items() if key in there for p in _disagreeing(made, name, str(key))]
    if problems:
        raise DataError(problems)
    variables = {
        name: replace(v, kind=columns[name].kind, labels=columns[name].labels, level=levels.get(name))
        if name in read
        else v
        for name, v in made.variables.items()
    }
    return replace(made, columns=columns, variables=variables)


def matched(before: Incomplete, incomplete: Incomplete, key: str) -> np.ndarray:
    """The cluster of each new row by the codes of the known ones, (row,); from their number on, new clusters."""
    places = {label: k for k, label in enumerate(before.labels(key))}
    for label in incomplete.labels(key):
        places.setdefault(label, len(places))
    return np.array([places[label] for label in incomplete.labels(key)], dtype=np.int64)[incomplete.codes(key)]


def of_known(values: np.ndarray, before: Incomplete, incomplete: Incomplete, key: str) -> np.ndarray:
    """What each new row's cluster had of a variable of clusters, shape (row,); NaN where the cluster is new."""
    by_cluster, codes = values[before.level_rows(key)], matched(before, incomplete, key)
    return np.append(by_cluster, np.nan)[np.minimum(codes, len(by_cluster))]


def _absent(names: Collection[str], before: Incomplete, frame: pd.DataFrame) -> Iterator[Problem]:
    for name in dict.fromkeys(names):
        if name in before.columns and name not in frame.columns:
            otherwise = "add it, with missing values where they are not known"
            remedy = did_you_mean(name, [n for n in frame.columns if n not in before.columns], otherwise)
            yield Problem(path="data", finding=f'there is no column "{name}", which the models read', remedy=remedy)


def _as_before(column: Column, known: Column, *, values: bool) -> tuple[Column, list[Problem]]:
    """A column with the codes and labels that it had; of keys that nothing else is read of, only the type counts."""
    path = f"data[{known.name}]"
    empty = bool(column.missing.all())
    zero_one = bool(np.isin(column.values[~column.missing], (0, 1)).all())
    numbers = {column.kind, known.kind} <= {"number", "yes/no"} and (known.kind == "number" or zero_one)
    if not empty and column.dates is None and known.dates is not None and column.kind in ("category", "date"):
        finding = "its values are texts, and were of a type of dates in the data of the run"
        return column, [Problem(path=path, finding=finding, remedy="make dates of them: pandas.to_datetime(column)")]
    if not empty and column.kind != known.kind and not numbers:
        finding = f"its values are {WORDS.get(column.kind, 'of several types')}"
        finding += f", and were {WORDS.get(known.kind, 'of several types')} in the data of the run"
        return column, [Problem(path=path, finding=finding, remedy="give the same type")]
    if not values:
        return column, []
    if not empty and (column.dates is None) != (known.dates is None):
        what = "dates" if known.dates is not None else "numbers"
        return column, [Problem(path=path, finding=f"its values were {what}", remedy="give the same type")]
    if known.kind != "category":
        same = column.kind == known.kind and (column.dates is None) == (known.dates is None)
        return replace(column, kind=known.kind, dtype=column.dtype if same else known.dtype, dates=known.dates), []
    place = {label: code for code, label in enumerate(known.labels)}
    new = [label for k, label in enumerate(column.labels) if label not in place and np.any(column.values == k)]
    if new and not empty:
        shown = listed(f'"{label}"' for label in new)
        finding = f"{counted(len(new), 'label')} never seen in the run: {shown}"
        remedy = f"make them missing, or one of {listed(known.labels)}"
        return column, [Problem(path=path, finding=finding, remedy=remedy)]
    codes = np.array([*(place.get(label, np.nan) for label in column.labels), np.nan], dtype=np.float64)
    at = np.where(column.missing, -1, column.values).astype(np.int64) if not empty else np.full(len(column.values), -1)
    return replace(known, values=codes[at], void=None), []


def _disagreeing(made: Incomplete, name: str, key: str) -> list[Problem]:
    rows = made.disagreements(name, key)
    if not rows:
        return []
    shown = listed(map(repr, rows))
    finding = f"it differs within clusters of {key}, in each of which it had one value in the run: rows {shown}"
    return [Problem(path=f"data[{name}]", finding=finding, remedy="give every row of a cluster the same value")]
