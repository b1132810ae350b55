"""Estimands: whether what they ask for is in the data, and whether the survey's design is in the imputation model.

:func:`alone` looks at the plan, :func:`problems` holds it against the data. ``estimate`` runs both on what it is given,
so that a call and a plan are told the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bayesimpute.base.errors import Problem, Severity, did_you_mean, first_row
from bayesimpute.checking.derived import closure
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.plan_alone import Notes, Read
from bayesimpute.checking.target_columns import filled, settled
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import quote
from bayesimpute.plan.kinds import kind_of
from bayesimpute.plan.options import Estimand

STATISTICS = ("mean", "proportion", "quantile")
TARGETS = ("population", "sample")
COMPARISONS = ("", "mar")
MAX_GROUPS = 50
"""More groups are a mistake, such as a number taken for a label."""
DESIGN = ("weights", "strata", "clusters")
SHOWN = 20
WHY = (
    "put it there, as a predictor or a cluster key: imputations that do not know the design give weighted estimates "
    "that are biased, with the wrong variance (Reiter, Raghunathan & Kinney 2006)"
)


def alone(read: Read) -> list[Problem]:
    """What is wrong with the estimands of a plan whatever the data are."""
    notes = Notes()
    for estimand in read.plan.estimands:
        if not isinstance(estimand, Estimand):
            finding = f"{estimand!r} is not an Estimand"
            notes.add("estimand", finding, 'write Estimand(name="prevalence", variable="hiv")')
            continue
        path = f"estimand[{estimand.name}]"
        _texts(estimand, path, notes)
        _choices(estimand, path, notes)
        _settings(estimand, path, notes)
        if estimand.compare == "mar" and not selects(read) and not any(r.broken_family for r in read.conditionals):
            finding = 'compare = "mar" has nothing to compare with: no family of the plan is a selection family'
            notes.add(f"{path}.compare", finding, "leave compare out: these imputations are MAR already")
    names = Counter(str(e.name) for e in read.plan.estimands if isinstance(e, Estimand))
    for name in (name for name, times in names.items() if times > 1):
        notes.add(f"estimand[{name}]", f'{names[name]} estimands are called "{name}"', "give each its own name")
    return notes.problems


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the estimands of a plan on its data."""
    notes = Notes()
    for estimand in read.plan.estimands:
        if isinstance(estimand, Estimand):
            path = f"estimand[{estimand.name}]"
            _variable(estimand, path, read, data, notes)
            _groups(estimand, path, read, data, notes)
            for part in DESIGN:
                _design(estimand, part, path, read, data, notes)
    return notes.problems


def selects(read: Read) -> bool:
    """Whether any conditional has a family with a selection equation."""
    return any(r.family is not None and r.family.mar() != r.family for r in read.conditionals)


def code_of(value: Any, column: Column) -> float | None:
    """The code or number that a value of an estimand means in a column; None if the column has no such value."""
    if column.kind == "category":
        exact = [i for i, label in enumerate(column.labels) if type(label) is type(value) and label == value]
        same = exact or [i for i, label in enumerate(column.labels) if str(label) == str(value)]
        return float(same[0]) if same else None
    number = number_of(value)
    return number if number is not None and np.any(column.values == number) else None


def number_of(value: Any) -> float | None:
    """A value as a number: also written as a text, as the command line gives it, yes and no, True and False."""
    words = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _texts(estimand: Estimand, path: str, notes: Notes) -> None:
    for part in ("name", "variable"):
        notes.text(f"{path}.{part}", getattr(estimand, part))
    for part in DESIGN:
        if getattr(estimand, part) is not None:
            notes.text(f"{path}.{part}", getattr(estimand, part))
    if not isinstance(estimand.by, tuple) or not all(isinstance(name, str) for name in estimand.by):
        notes.add(f"{path}.by", f"{estimand.by!r} is not a list of names", 'write by = ["region", "sex"]')
        return
    for name in dict.fromkeys(n for n in estimand.by if estimand.by.count(n) > 1):
        notes.add(f"{path}.by", f'"{name}" is there {estimand.by.count(name)} times', "name it once")
    if estimand.variable in estimand.by:
        finding = f'"{estimand.variable}" is the variable itself: it is the same in all rows of a group'
        notes.add(f"{path}.by", finding, "group by another variable")


def _choices(estimand: Estimand, path: str, notes: Notes) -> None:
    for part, known in (("statistic", STATISTICS), ("target", TARGETS), ("compare", COMPARISONS)):
        given = getattr(estimand, part)
        if not isinstance(given, str) or given not in known:
            remedy = did_you_mean(str(given), known, f"use {' or '.join(filter(None, known))}")
            notes.add(f"{path}.{part}", f'there is no {part} "{given}"', remedy)


def _settings(estimand: Estimand, path: str, notes: Notes) -> None:
    probability, value = estimand.probability, estimand.value
    number = isinstance(probability, int | float | np.number) and not isinstance(probability, bool)
    if not number or not 0 < float(probability) < 1:
        notes.add(f"{path}.probability", f"{probability!r} is not a number between 0 and 1", "0.5 is the median")
    elif probability != 0.5 and estimand.statistic in ("mean", "proportion"):
        notes.add(f"{path}.probability", f"a {estimand.statistic} has none", 'leave it out, or ask for a "quantile"')
    if value is not None and not isinstance(value, str | int | float | np.number | np.bool_):
        notes.add(f"{path}.value", f"{value!r} is neither a label nor a number", "give one value of the variable")
    elif value is not None and estimand.statistic in ("mean", "quantile"):
        notes.add(f"{path}.value", f"a {estimand.statistic} has none", 'leave it out, or ask for a "proportion"')


def _variable(estimand: Estimand, path: str, read: Read, data: Incomplete, notes: Notes) -> None:
    name = estimand.variable
    if not _known(name, f"{path}.variable", read, data, notes):
        return
    column = data.columns.get(name)
    if column is None:
        _derived_value(estimand, path, notes)
        return
    usable = {"mean": ("number", "yes/no"), "quantile": ("number",)}.get(
        estimand.statistic, ("number", "yes/no", "category")
    )
    if column.kind not in usable:
        finding = f'"{name}" is a {column.kind} variable, which has no {estimand.statistic}'
        remedy = "use another variable" if column.kind in ("date", "mixed") else 'ask for a "proportion"'
        notes.add(f"{path}.variable", finding, remedy)
    elif estimand.statistic == "proportion":
        _value(estimand, column, f"{path}.value", read, data, notes)
    _imputed(name, f"{path}.variable", read, data, notes)


def _derived_value(estimand: Estimand, path: str, notes: Notes) -> None:
    if estimand.value is not None and number_of(estimand.value) is None:
        finding = f'"{estimand.value}" is not a number, and the derived variable "{estimand.variable}" has no labels'
        notes.add(f"{path}.value", finding, "give the number whose proportion is wanted")


def _value(estimand: Estimand, column: Column, path: str, read: Read, data: Incomplete, notes: Notes) -> None:
    if estimand.value is None and kind_of(column) == "binary":
        return
    known = _values(column)
    shown = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
    if estimand.value is None:
        notes.add(path, f'"{column.name}" has more than two values: say which', f"give one of {shown}")
    elif isinstance(estimand.value, str | int | float | np.number) and code_of(estimand.value, column) is None:
        remedy = did_you_mean(str(estimand.value), known, f"it has {shown}")
        notes.add(path, f'"{estimand.value}" is not a value of "{column.name}"', remedy)
    elif _continuous(column.name, read, data):
        finding = f'"{column.name}" is imputed as a continuous variable: hardly an imputed value equals'
        remedy = "derive a 0/1 variable, such as x >= 3, and ask for its mean"
        _warn(notes, path, f"{finding} {estimand.value}", remedy)


def _values(column: Column) -> list[str]:
    if column.kind == "category":
        return list(map(str, column.labels))
    return [f"{value:g}" for value in np.unique(column.values[~column.missing])]


def _groups(estimand: Estimand, path: str, read: Read, data: Incomplete, notes: Notes) -> None:
    path, by = f"{path}.by", estimand.by if isinstance(estimand.by, tuple) else ()
    good = [name for name in by if isinstance(name, str) and _known(name, path, read, data, notes)]
    for name in good:
        if name in data.columns:
            _imputed(name, path, read, data, notes)
            if _continuous(name, read, data):
                finding = f'"{name}" is imputed as a continuous variable: its imputed values would be groups'
                notes.add(path, finding, f"derive the groups, such as {quote(name)} >= 3, and use them")
    plain = [data.columns[name] for name in good if name in data.columns]
    groups = count_groups([column.values for column in plain])
    if groups > MAX_GROUPS:
        finding = f"{' and '.join(c.name for c in plain)}: {groups} groups, more than {MAX_GROUPS}"
        notes.add(path, finding, "use fewer, or derive a variable with wider groups")


def count_groups(columns: Iterable[np.ndarray]) -> int:
    """The combinations of values that there are in the rows where nothing is missing."""
    table = np.array(list(columns))
    return len(np.unique(table[:, ~np.isnan(table).any(axis=0)], axis=1).T) if len(table) else 0


def _design(estimand: Estimand, part: str, path: str, read: Read, data: Incomplete, notes: Notes) -> None:
    name, path = getattr(estimand, part), f"{path}.{part}"
    if not isinstance(name, str) or not name.strip() or not _known(name, path, read, data, notes):
        return
    column = data.columns.get(name)
    if column is None:
        finding = f'"{name}" is a derived variable, and {part} must be known'
        notes.add(path, finding, "make it a column of the data")
        return
    if column.missing.any():
        first = first_row(data.frame, column.missing)
        finding = f'"{name}" is missing in {int(column.missing.sum())} rows, {first}'
        notes.add(path, finding, "leave these rows out of the data, or fill the values in")
    if part == "weights":
        _weights(column, path, data, notes)
    _in_model(estimand, name, path, read, data, notes)


def _weights(column: Column, path: str, data: Incomplete, notes: Notes) -> None:
    if column.kind != "number":
        notes.add(path, f'"{column.name}" is a {column.kind} variable', "give a column of numbers")
        return
    negative = column.values < 0
    if negative.any():
        finding = f'"{column.name}" has {int(negative.sum())} negative values, {first_row(data.frame, negative)}'
        notes.add(path, finding, "weights are 0 or more: mend these rows")
    elif not (column.values > 0).any():
        notes.add(path, f'"{column.name}" is zero in all rows', "give weights above zero")


def _in_model(estimand: Estimand, name: str, path: str, read: Read, data: Incomplete, notes: Notes) -> None:
    """Whether the conditionals behind the variable know a column of the design."""
    behind = closure([estimand.variable], read) if isinstance(estimand.variable, str) else {}
    for reading in read.conditionals:
        if reading.target not in behind or reading.target not in data.columns or reading.target == name:
            continue
        if not np.isnan(filled(data, reading.target, reading.level)).any():
            continue
        names = {n for use in reading.uses.values() for n in _used(use.names, use.keys, data.columns)}
        if name not in closure(names, read):
            _warn(notes, path, f'"{name}" is in no formula of {reading.path}, which imputes {reading.target}', WHY)


def _used(names: Iterable[str], keys: Iterable[str], columns: Mapping[str, Column]) -> set[str]:
    return {*names, *(name for key in keys for name in key_columns(key, columns))}


def _known(name: Any, path: str, read: Read, data: Incomplete, notes: Notes) -> bool:
    """Whether there is such a column; what is no text has been told before."""
    if not isinstance(name, str) or not name.strip():
        return False
    known = [*data.columns, *(n for n in read.derived if n not in data.columns)]
    if name not in known:
        remedy = did_you_mean(name, known, "name a column of the data or a derived variable")
        notes.add(path, f'there is no column "{name}"', remedy)
    return name in known


def _imputed(name: str, path: str, read: Read, data: Incomplete, notes: Notes) -> None:
    """Whether a column has values in all rows of the completed data."""
    if name in read.targets or name in read.derived:
        return
    column = data.columns[name]
    needed = any(name in use.names for use in read.uses)
    missing = int(np.isnan(filled(data, name) if needed else column.values).sum())
    if missing:
        finding = f'"{name}" has {missing} missing values and no conditional: they stay missing'
        notes.add(path, finding, f"add a conditional for {quote(name)}")


def _continuous(name: str, read: Read, data: Incomplete) -> bool:
    """Whether a column gets imputed values of a continuous law."""
    reading = next((r for r in read.conditionals if r.target == name), None)
    if reading is None or not np.isnan(filled(data, name, reading.level)).any():
        return False
    family = reading.family or settled(reading, data.columns[name])
    return family is not None and "binary" not in family.kinds


def _warn(notes: Notes, path: str, finding: str, remedy: str) -> None:
    notes.problems.append(Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING))
