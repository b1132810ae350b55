"""Estimands: whether what they ask for is in the data, and whether the survey's design is in the imputation model.

:func:`alone` looks at the plan, :func:`problems` holds it against the data. ``estimate`` runs both on what it is given,
so that a call and a plan are told the same. ``descriptives`` asks the same of its arguments, part by part.

To let estimands ask for one more statistic, add a line to :data:`STATISTICS`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesimpute.base.errors import Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, first_row, listed
from bayesimpute.checking.derived import closure
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.checking.target_columns import filled, settled
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import Binary
from bayesimpute.formulas import quote
from bayesimpute.plan.options import Estimand


@dataclass(frozen=True, kw_only=True)
class Asks:
    """What a statistic takes: columns of these kinds, and a field of the estimand, which no other statistic has."""

    kinds: tuple[str, ...]
    reads: str | None = None


STATISTICS = {
    "mean": Asks(kinds=("number", "yes/no")),
    "proportion": Asks(kinds=("number", "yes/no", "category"), reads="value"),
    "quantile": Asks(kinds=("number",), reads="probability"),
}
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
        for part in ("name", "variable"):
            notes.text(f"{path}.{part}", getattr(estimand, part))
        for part in DESIGN:
            if getattr(estimand, part) is not None:
                notes.text(f"{path}.{part}", getattr(estimand, part))
        group_names(estimand.by, estimand.variable, f"{path}.by", notes)
        _choices(estimand, path, notes)
        _settings(estimand, path, notes)
        if _is(estimand.compare, "mar") and not selects(read) and not any(r.broken_family for r in read.conditionals):
            finding = 'compare = "mar" has nothing to compare with: no family of the plan is a selection family'
            notes.add(f"{path}.compare", finding, "leave compare out: these imputations are MAR already")
    names = Counter(str(e.name) for e in read.plan.estimands if isinstance(e, Estimand))
    for name in (name for name, times in names.items() if times > 1):
        notes.add(f"estimand[{name}]", f'{names[name]} estimands are called "{name}"', "give each its own name")
    return notes.problems


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the estimands of a plan on its data."""
    held = Held(read, data)
    for estimand in read.plan.estimands:
        if isinstance(estimand, Estimand):
            path = f"estimand[{estimand.name}]"
            held.variable(estimand.variable, estimand.statistic, f"{path}.variable")
            held.value(estimand, f"{path}.value")
            held.groups(estimand.by, f"{path}.by")
            for part in DESIGN:
                held.design(part, getattr(estimand, part), estimand.variable, f"{path}.{part}")
    return held.notes.problems


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


def group_names(by: Any, variable: Any, path: str, notes: Notes) -> None:
    """Whether groups are different names, none of them that of the variable."""
    if not isinstance(by, tuple) or not all(isinstance(name, str) and name.strip() for name in by):
        notes.add(path, f"{by!r} is not a list of names", 'write by = ["region", "sex"]')
        return
    for name in dict.fromkeys(n for n in by if by.count(n) > 1):
        notes.add(path, f'"{name}" is there {by.count(name)} times', "name it once")
    if variable in by:
        finding = f'"{variable}" is the variable itself: it is the same in all rows of a group'
        notes.add(path, finding, "group by another variable")


def _is(given: Any, text: str) -> bool:
    return isinstance(given, str) and given == text


def _choices(estimand: Estimand, path: str, notes: Notes) -> None:
    for part, known in (("statistic", STATISTICS), ("target", TARGETS), ("compare", COMPARISONS)):
        given = getattr(estimand, part)
        if not isinstance(given, str) or given not in known:
            remedy = did_you_mean(str(given), known, f"use {' or '.join(filter(None, known))}")
            notes.add(f"{path}.{part}", f'there is no {part} "{given}"', remedy)


def _settings(estimand: Estimand, path: str, notes: Notes) -> None:
    value, statistic = estimand.value, estimand.statistic
    if is_probability(estimand.probability, f"{path}.probability", notes) and estimand.probability != 0.5:
        _unread("probability", statistic, path, notes)
    if value is not None and not isinstance(value, str | int | float | np.number | np.bool_):
        notes.add(f"{path}.value", f"{value!r} is neither a label nor a number", "give one value of the variable")
    elif value is not None:
        _unread("value", statistic, path, notes)


def is_probability(given: Any, path: str, notes: Notes) -> bool:
    """Whether it is a number between 0 and 1; otherwise it is a problem."""
    number = isinstance(given, int | float | np.number) and not isinstance(given, bool)
    if number and 0 < given < 1:
        return True
    notes.add(path, f"{given!r} is not a number between 0 and 1", "0.5 is the median")
    return False


def _unread(part: str, statistic: Any, path: str, notes: Notes) -> None:
    """A statistic that is given what another one reads."""
    asks = STATISTICS.get(statistic) if isinstance(statistic, str) else None
    if asks is not None and asks.reads != part:
        reader = next(name for name, other in STATISTICS.items() if other.reads == part)
        notes.add(f"{path}.{part}", f"a {statistic} has none", f'leave it out, or ask for a "{reader}"')


@dataclass(frozen=True, eq=False)
class Held:
    """What is asked, held against a plan and its data; problems are noted as they are found."""

    read: Read
    data: Incomplete
    notes: Notes = field(default_factory=Notes)

    def variable(self, name: Any, statistic: Any, path: str) -> None:
        """Whether there is such a variable, with values everywhere, of a kind that has the statistic."""
        column = self.data.columns.get(name) if self.known(name, path) else None
        if column is None:
            return
        if column.called not in _kinds(statistic):
            finding = f'"{name}" is a {column.called} variable, which has no {statistic}'
            remedy = "use another variable" if column.called in ("date", "mixed") else 'ask for a "proportion"'
            self.notes.add(path, finding, remedy)
        self.imputed(name, path)

    def value(self, estimand: Estimand, path: str) -> None:
        """Whether the variable has the value whose proportion is wanted."""
        name, value = estimand.variable, estimand.value
        if not isinstance(name, str):
            return
        column = self.data.columns.get(name)
        if column is None:
            if name in self.read.derived and value is not None and number_of(value) is None:
                finding = f'"{value}" is not a number, and the derived variable "{name}" has no labels'
                self.notes.add(path, finding, "give the number whose proportion is wanted")
            return
        if not _is(estimand.statistic, "proportion") or column.called not in _kinds("proportion"):
            return
        if value is None and Binary.accepts(column):
            return
        known = _values(column)
        shown = listed(known, SHOWN)
        if value is None:
            self.notes.add(path, f'"{name}" has more than two values: say which', f"give one of {shown}")
        elif isinstance(value, str | int | float | np.number) and code_of(value, column) is None:
            remedy = did_you_mean(str(value), known, f"it has {shown}")
            self.notes.add(path, f'"{value}" is not a value of "{name}"', remedy)
        elif self.continuous(name):
            finding = f'"{name}" is imputed as a continuous variable: hardly an imputed value equals {value}'
            self.warn(path, finding, "derive a 0/1 variable, such as x >= 3, and ask for its mean")

    def groups(self, by: Any, path: str) -> None:
        """Whether variables make groups, and not too many."""
        by = by if isinstance(by, tuple) else ()
        good = [name for name in by if self.known(name, path)]
        plain = [self.data.columns[name] for name in good if name in self.data.columns]
        for column in plain:
            self.imputed(column.name, path)
            if self.continuous(column.name):
                finding = f'"{column.name}" is imputed as a continuous variable: its imputed values would be groups'
                self.notes.add(path, finding, f"derive the groups, such as {quote(column.name)} >= 3, and use them")
        groups = count_groups([column.values for column in plain])
        if groups > MAX_GROUPS:
            finding = f"{' and '.join(c.name for c in plain)}: {groups} groups, more than {MAX_GROUPS}"
            self.notes.add(path, finding, "use fewer, or derive a variable with wider groups")

    def design(self, part: str, name: Any, variable: Any, path: str) -> None:
        """Whether weights, strata or clusters are known in all rows, and in the model of a variable."""
        if not self.known(name, path):
            return
        column = self.data.columns.get(name)
        if column is None:
            finding = f'"{name}" is a derived variable, and {part} must be known'
            self.notes.add(path, finding, "make it a column of the data")
            return
        if column.missing.any():
            first = first_row(self.data.frame, column.missing)
            finding = f'"{name}" is missing in {counted(int(column.missing.sum()), "row")}, {first}'
            self.notes.add(path, finding, "leave these rows out of the data, or fill the values in")
        if part == "weights":
            _weights(column, path, self.data, self.notes)
        self.in_model(name, variable, path)

    def in_model(self, name: str, variable: Any, path: str) -> None:
        """Whether the conditionals behind a variable know a column of the design."""
        read, columns = self.read, self.data.columns
        behind = closure([variable], read) if isinstance(variable, str) else {}
        for reading in read.conditionals:
            if reading.target not in behind or reading.target not in columns or reading.target == name:
                continue
            if not np.isnan(filled(self.data, reading.target, reading.level)).any():
                continue
            names = {n for use in reading.uses.values() for n in _used(use.names, use.keys, columns)}
            if name not in closure(names, read):
                self.warn(path, f'"{name}" is in no formula of {reading.path}, which imputes {reading.target}', WHY)

    def known(self, name: Any, path: str) -> bool:
        """Whether there is such a column; what is no text is told elsewhere."""
        if not isinstance(name, str) or not name.strip():
            return False
        known = [*self.data.columns, *(n for n in self.read.derived if n not in self.data.columns)]
        if name not in known:
            remedy = did_you_mean(name, known, "name a column of the data or a derived variable")
            self.notes.add(path, f'there is no column "{name}"', remedy)
        return name in known

    def imputed(self, name: str, path: str) -> None:
        """Whether a column has values in all rows of the completed data."""
        if name in self.read.targets or name in self.read.derived:
            return
        needed = any(name in use.names for use in self.read.uses)
        missing = int(np.isnan(filled(self.data, name) if needed else self.data.columns[name].values).sum())
        if missing:
            finding = f'"{name}" has {counted(missing, "missing value")} and no conditional: they stay missing'
            self.notes.add(path, finding, f"add a conditional for {quote(name)}")

    def continuous(self, name: str) -> bool:
        """Whether a column gets imputed values of a continuous law."""
        reading = next((r for r in self.read.conditionals if r.target == name), None)
        if reading is None or not np.isnan(filled(self.data, name, reading.level)).any():
            return False
        column = self.data.columns[name]
        family = settled(reading, column)
        return family is not None and not family.values_of(column).support.whole

    def warn(self, path: str, finding: str, remedy: str) -> None:
        """Note what stops nothing."""
        self.notes.problems.append(Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING))


def _kinds(statistic: Any) -> tuple[str, ...]:
    """The kinds of columns that have a statistic; of one that is not known, which is told elsewhere, all."""
    known = STATISTICS.get(statistic) if isinstance(statistic, str) else None
    return (known or STATISTICS["proportion"]).kinds


def _values(column: Column) -> list[str]:
    if column.kind == "category":
        return list(map(str, column.labels))
    return [f"{value:g}" for value in np.unique(column.values[~column.missing])]


def count_groups(columns: Iterable[np.ndarray]) -> int:
    """The combinations of values that there are in the rows where nothing is missing."""
    table = np.array(list(columns))
    return len(np.unique(table[:, ~np.isnan(table).any(axis=0)], axis=1).T) if len(table) else 0


def _weights(column: Column, path: str, data: Incomplete, notes: Notes) -> None:
    if column.called != "number":
        notes.add(path, f'"{column.name}" is a {column.called} variable', "give a column of numbers")
        return
    negative = column.values < 0
    if negative.any():
        finding = f'"{column.name}" has {int(negative.sum())} negative values, {first_row(data.frame, negative)}'
        notes.add(path, finding, "weights are 0 or more: mend these rows")
    elif not (column.values > 0).any():
        notes.add(path, f'"{column.name}" is zero in all rows', "give weights above zero")


def _used(names: Iterable[str], keys: Iterable[str], columns: Mapping[str, Column]) -> set[str]:
    return {*names, *(name for key in keys for name in key_columns(key, columns))}
