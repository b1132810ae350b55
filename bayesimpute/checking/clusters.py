"""Grouping factors and levels: whether the clusters are clusters, and level-2 targets are of level 2."""

import numpy as np

from bayesimpute.base.errors import DataError, Problem, Severity
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.uses import Use
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import quote

FEWEST, FEW = 5, 10
"""Clusters below which a variance between clusters is hardly learnt, and below which its prior has a say in it."""
UNITS = 5
"""Observed units (rows, or clusters) that a coefficient of their level should have at least."""
LEAST = 3
"""Units beyond the coefficients: one for the intercept and two for the spread."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the cluster keys of formulas and expressions, and with the levels of targets."""
    notes = Notes()
    for reading in read.conditionals:
        for name, use in reading.uses.items():
            factors = reading.formulas[name].factors
            for key in use.keys:
                _key(key, use.path, data, notes, effects=key in factors, target=reading.target)
            _targets_as_keys(use, reading.target, read, data, notes)
        if reading.level is not None:
            _level(reading, reading.level, data, notes)
        for option, key in ({} if reading.family is None else reading.family.keys).items():
            _key(key, f"{reading.path}.{option}", data, notes, effects=False, what="donors")
    for definition in read.derived.values():
        for key in definition.use.keys:
            _key(key, definition.path, data, notes, effects=False)
        _targets_as_keys(definition.use, "", read, data, notes)
    return notes.problems


def carried(units: int) -> int:
    """The coefficients that so many observed units can carry: clusters those of predictors constant within them."""
    return min(max(units // UNITS, 1), max(units - LEAST, 0))


def usable(key: str, data: Incomplete) -> bool:
    """Whether the clusters of a key can be told apart in every row."""
    try:
        data.n_clusters(key)
    except DataError:
        return False
    return True


def continuous(key: str, data: Incomplete) -> str | None:
    """A column of a key that holds numbers with fractions, if there is one."""
    for name in key_columns(key, data.columns):
        column = data.columns[name]
        values = column.values[~column.missing]
        if column.kind == "number" and np.any(values != np.round(values)):
            return name
    return None


def _key(
    key: str,
    path: str,
    data: Incomplete,
    notes: Notes,
    *,
    effects: bool,
    target: str = "",
    what: str = "a cluster mean",
) -> None:
    if not all(name in data.columns for name in key_columns(key, data.columns)):
        return
    what = "random effects" if effects else what
    number = continuous(key, data)
    if number is not None:
        remedy = f"use a cluster key; the effect of {number} itself is written + {quote(number)}"
        notes.add(path, f'{what} by "{number}", which is a continuous variable', remedy)
    elif usable(key, data):
        _size(key, path, data, notes, what)
        if effects:
            _number(key, path, data, notes, target)


def _size(key: str, path: str, data: Incomplete, notes: Notes, what: str) -> None:
    clusters, rows = data.n_clusters(key), len(data.frame)
    if clusters == rows:
        notes.add(path, f'{what} by "{key}": every cluster has one row', "use a key with several rows a cluster")
    elif clusters == 1:
        notes.add(path, f'{what} by "{key}": there is only one cluster', f"leave {quote(key)} out")


def _number(key: str, path: str, data: Incomplete, notes: Notes, target: str) -> None:
    """Whether there are enough clusters with a value of the target to tell how clusters differ, and not too many."""
    clusters, rows = data.n_clusters(key), len(data.frame)
    column = data.columns.get(target)
    seen = clusters if column is None else len(np.unique(data.codes(key)[~column.missing]))
    if clusters in (1, rows):
        return
    where = "" if seen == clusters else f' with a value of "{target}"'
    finding = f'there are only {seen} clusters of "{key}"{where}'
    if seen < FEWEST:
        _warn(notes, path, finding, f"consider the fixed effects of {quote(key)} instead of random ones")
    elif seen < FEW:
        remedy = "the variance between them rests on its prior too: try another, and pool it by its median"
        _warn(notes, path, finding, remedy)
    elif clusters > 0.9 * rows:
        finding = f'"{key}" has {clusters} clusters in {rows} rows'
        _warn(notes, path, finding, "nearly all clusters have one row: their variance is hardly learnt")


def _targets_as_keys(use: Use, target: str, read: Read, data: Incomplete, notes: Notes) -> None:
    for name in sorted({n for key in use.keys for n in key_columns(key, data.columns)} & read.targets - {target}):
        notes.add(use.path, f'the cluster key "{name}" has a conditional', "clusters cannot be imputed: leave it out")


def _level(reading: Reading, level: str, data: Incomplete, notes: Notes) -> None:
    path = f"{reading.path}.level"
    if reading.target not in data.columns or not all(n in data.columns for n in key_columns(level, data.columns)):
        return
    if continuous(level, data) is not None:
        notes.add(path, f'"{level}" is a continuous variable, not a cluster key', "use a cluster key")
    elif usable(level, data):
        if data.n_clusters(level) == len(data.frame):
            notes.add(path, f'every cluster of "{level}" has one row', "leave the level out")
        rows = data.disagreements(reading.target, level)
        if rows:
            where = f"members disagree in {counted(len(rows), 'row')}: {listed(map(repr, rows))}"
            finding = f'"{reading.target}" is not constant within "{level}", {where}'
            notes.add(path, finding, "make them agree, or leave the level out")


def _warn(notes: Notes, path: str, finding: str, remedy: str) -> None:
    notes.problems.append(Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING))
