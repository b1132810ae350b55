"""Every name in a plan, held against the columns of the data."""

from collections.abc import Mapping

from bayesimpute.base.errors import Problem, did_you_mean
from bayesimpute.checking.plan_alone import Notes, Read, Reading
from bayesimpute.checking.uses import Use
from bayesimpute.data.incomplete import Incomplete


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Names that are not in the data, or stand where they cannot stand."""
    notes = Notes()
    for reading in read.conditionals:
        _target(reading, data, notes)
        _level(reading, data, notes)
    for use in read.uses:
        _use(use, read, data, notes)
    for name, formula in read.analyses.items():
        known = [*data.columns, *read.derived]
        for column in sorted({*formula.names, formula.response or ""} - set(known) - {""}):
            remedy = did_you_mean(column, known, "name a column of the data or a derived variable")
            notes.add(f"analysis[{name}].formula", f'there is no column "{column}"', remedy)
    return notes.problems


def key_columns(key: str, columns: Mapping[str, object]) -> tuple[str, ...]:
    """The columns of a cluster key; a column whose own name has a colon comes first."""
    return (key,) if key in columns else tuple(key.split(":"))


def _target(reading: Reading, data: Incomplete, notes: Notes) -> None:
    if reading.target not in data.columns:
        remedy = did_you_mean(reading.target, data.columns, "name a column of the data")
        notes.add(reading.path, f'there is no column "{reading.target}"', remedy)


def _level(reading: Reading, data: Incomplete, notes: Notes) -> None:
    for name in key_columns(reading.level, data.columns) if reading.level is not None else ():
        if name not in data.columns:
            remedy = did_you_mean(name, data.columns, "name a column of the data")
            notes.add(f"{reading.path}.level", f'there is no column "{name}"', remedy)


def _use(use: Use, read: Read, data: Incomplete, notes: Notes) -> None:
    keys = {name for key in use.keys for name in key_columns(key, data.columns)}
    for name in sorted((use.names | keys) - data.columns.keys() - read.derived.keys()):
        if not any(name in key.split(":") and key in data.columns for key in use.keys):
            known = {**data.columns, **read.derived}
            remedy = did_you_mean(name, known, "name a column of the data or a derived variable")
            notes.add(use.path, f'there is no column "{name}"', remedy)
    for name in sorted(((keys | use.observed) & read.derived.keys()) - data.columns.keys()):
        what = "a cluster key" if name in keys else "in observed()"
        notes.add(use.path, f'the derived variable "{name}" cannot be {what}', "use a column of the data")
