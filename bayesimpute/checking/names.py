"""Every name in a plan, held against the columns of the data."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from bayesimpute.base.errors import FormulaError, Problem, did_you_mean
from bayesimpute.base.phrases import SHOWN, listed
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.uses import Use
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse_expression
from bayesimpute.plan.options import Analysis
from bayesimpute.plan.resolving import indicated


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
        unknown = {*formula.names, formula.response or ""} - set(known) - {""}
        _unknown(f"analysis[{name}].formula", unknown, known, notes)
    for a in (a for a in read.plan.analyses if isinstance(a, Analysis) and isinstance(a.where, str)):
        try:
            names = parse_expression(a.where or "", "where").names
        except FormulaError:
            continue  # which is told of its options
        known = [*data.columns, *read.derived]
        _unknown(f"analysis[{a.name}].where", names - set(known), known, notes)
    return notes.problems


def _unknown(path: str, names: Iterable[str], known: Iterable[str], notes: Notes) -> None:
    """A problem for each name that stands for no column; one for many, which are rather another data set's."""
    found, known = sorted(names), list(known)
    if len(found) > SHOWN:
        quoted = listed(f'"{name}"' for name in found)
        near = [n for name in found[:SHOWN] for n in get_close_matches(name, known, n=1, cutoff=0.6)]
        meant = f"did you mean {', '.join(map(repr, dict.fromkeys(near)))}? Otherwise " if near else ""
        remedy = f"{meant}name columns of the data or derived variables: is it the right file?"
        notes.add(path, f"there are no columns {quoted}", remedy)
        return
    for name in found:
        remedy = did_you_mean(name, known, "name a column of the data or a derived variable")
        notes.add(path, f'there is no column "{name}"', remedy)


def key_columns(key: str, columns: Mapping[str, object]) -> tuple[str, ...]:
    """The columns of a cluster key; a column whose own name has a colon comes first."""
    return (key,) if key in columns else tuple(key.split(":"))


def _target(reading: Reading, data: Incomplete, notes: Notes) -> None:
    waiting = reading.target.startswith("dropout(") and indicated(reading.target)  # what it waits for is told elsewhere
    if reading.target not in data.columns and not waiting:
        remedy = did_you_mean(reading.target, data.columns, "name a column of the data")
        notes.add(reading.path, f'there is no column "{reading.target}"', remedy)


def _level(reading: Reading, data: Incomplete, notes: Notes) -> None:
    for name in key_columns(reading.level, data.columns) if reading.level is not None else ():
        if name not in data.columns:
            remedy = did_you_mean(name, data.columns, "name a column of the data")
            notes.add(f"{reading.path}.level", f'there is no column "{name}"', remedy)
    for option, key in ({} if reading.family is None else reading.family.keys).items():
        for name in (name for name in key_columns(key, data.columns) if name not in data.columns):
            remedy = did_you_mean(name, data.columns, "name a cluster key")
            notes.add(f"{reading.path}.{option}", f'there is no column "{name}"', remedy)


def _use(use: Use, read: Read, data: Incomplete, notes: Notes) -> None:
    known = [*data.columns, *read.derived]
    keys = {name for key in use.keys for name in key_columns(key, data.columns)}
    inside = {name for key in use.keys if key in data.columns for name in key.split(":")}
    _unknown(use.path, (use.names | keys) - data.columns.keys() - read.derived.keys() - inside, known, notes)
    for name in sorted(((keys | use.masks) & read.derived.keys()) - data.columns.keys()):
        call = "in observed()" if name in use.observed else "in a call that reads what is observed"
        what = "a cluster key" if name in keys else call
        notes.add(use.path, f'the derived variable "{name}" cannot be {what}', "use a column of the data")
