"""Targets and predictors, column by column: what they are, what is missing in them, and who imputes it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bayesimpute.base.errors import DataError, Problem, Severity
from bayesimpute.base.phrases import SHOWN, counted, first_row, listed
from bayesimpute.checking.collinearity import crowded
from bayesimpute.checking.conditional_alone import parameter_problems
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.plan_alone import read_plan
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.uses import Use
from bayesimpute.data.column_remarks import between_numbers, limits_among, not_normal, remarks, said_censored
from bayesimpute.data.columns import Column, unwieldy
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import VALUES, Family, accepting, auto
from bayesimpute.families.label_values import MOST_LABELS, Ordered
from bayesimpute.formulas import quote
from bayesimpute.formulas.syntax import Call, Name, render, walk
from bayesimpute.plan.resolving import of_its_family

FEWEST = 3
"""Observed values of a target: two make a straight line and leave nothing to learn its spread from."""
FEW_WRONG = 0.05
"""Of the observed values, up to which they are named, for they may be mistakes."""
MOSTLY_MISSING = 0.9
OF_DATES = ("number", "limited", "shaped", "observed")
"""Kinds of values that stay such values when another day is the first."""
OUTSIDE = {"date": "a date", "mixed": "a column of values of different types"}
"""Kinds of columns that take part in no model."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the columns that a plan imputes or imputes from."""
    notes = Notes()
    _nothing_to_do(read, data, notes)
    _sizes(read, data, notes)
    for reading in read.conditionals:
        if reading.target in data.columns:
            _target(reading, data, notes, auxiliary=bool(read.plan.substantive))
            _shape(reading, data, notes)
            _doubts(reading, data.columns[reading.target], notes)
        for use in reading.uses.values():
            _predictors(use, reading.target, read, data, notes)
            _splines(use, reading.target, read, data, notes)
        for role, use in reading.side.items():
            _side(use, role, reading, read, data, notes)
        _misfits(reading, data, notes)
    for definition in read.derived.values():
        _kinds(definition.use, data, notes)
        _unimputed(definition.use, definition.name, definition.use.values, read, data, notes)
    return notes.problems


def _sizes(read: Read, data: Incomplete, notes: Notes) -> None:
    used = {r.target for r in read.conditionals}.union(*(use.values for use in read.uses))
    for name in data.columns:
        finding = unwieldy(data.columns[name]) if name in used else None
        if finding is not None:
            notes.add(f"data[{name}]", finding, "give it in other units, or take its logarithm")
        notes.problems += remarks(data.columns[name]) if name in used else []


def with_formulas(read: Read, data: Incomplete) -> Read:
    """With the formulas that follow from others where only the column says which family a target has."""
    found = {
        id(r.conditional): of_its_family(r.conditional, data.columns[r.target])
        for r in read.conditionals
        if isinstance(r.conditional.family, str) and r.conditional.family == "auto" and r.target in data.columns
    }
    if all(model is r.conditional for r in read.conditionals if (model := found.get(id(r.conditional))) is not None):
        return read
    return read_plan(read.plan.with_models(lambda model: found.get(id(model), model)))[0]


def filled(data: Incomplete, name: str, level: str | None = None) -> np.ndarray:
    """A column with the cells that follow from other members of the cluster."""
    if (level or data.variables[name].level) is None:
        return data.columns[name].values
    try:
        return data.deductive(name, key=level)[0]
    except DataError:  # the key cannot be used, which is reported as such
        return data.columns[name].values


def settled(reading: Reading, column: Column) -> Family | None:
    """The family that will impute a column, bound to it, or None if there is none."""
    if reading.broken_family:
        return None
    family = reading.family or auto(column)()
    return family.bind(column) if family.values.accepts(column) else None


def suitable(column: Column) -> bool:
    """Whether a model of a column can be looked at: some family imputes it, and it has two different values or more."""
    return bool(accepting(column)) and len(np.unique(column.values[~column.missing])) > 1


def _nothing_to_do(read: Read, data: Incomplete, notes: Notes) -> None:
    left = [
        n for n in data.columns if (np.isnan(filled(data, n)) & data.columns[n].gaps).any() and n not in read.derived
    ]
    if left and not read.plan.models:
        finding = f"the plan has no conditional, and values are missing in {listed(left)}"
        notes.add("conditional", finding, f'add one: formula = "{quote(left[0])} ~ ..."')


def _target(reading: Reading, data: Incomplete, notes: Notes, *, auxiliary: bool) -> None:
    """`auxiliary`: the model of a complete variable has a use, as a factor of the draws of those that it reads."""
    name, path = reading.target, reading.path
    column = data.columns[name]
    known = column.values[~column.missing]
    if not column.gaps.any() and auxiliary:
        pass
    elif not column.gaps.any():
        _warn(notes, path, f'"{name}" has no missing values', "this conditional is not used: leave it out")
        return
    elif len(known) == 0:
        notes.add(path, f'all values of "{name}" are missing', "leave it out: there is nothing to learn from")
        return
    elif len(np.unique(known)) == 1:
        finding = f'all {len(known)} observed values of "{name}" are the same: {_label(column, known[0])}'
        notes.add(path, finding, "leave it out, or fill it in by hand")
    elif len(known) < FEWEST:
        notes.add(
            path, f'only {counted(len(known), "value")} of "{name}" are observed', f"at least {FEWEST} are needed"
        )
    elif len(known) < (1 - MOSTLY_MISSING) * (applies := len(known) + int(column.gaps.sum())):
        share = f"{1 - len(known) / applies:.0%}"
        _warn(notes, path, f'{share} of "{name}" is missing', "expect answers that lean on the model and its priors")
    _family(reading, column, data, notes)
    _of_dates(reading, column, notes)


def _of_dates(reading: Reading, column: Column, notes: Notes) -> None:
    """Dates have no zero: laws that do would depend on the day from which they are counted."""
    family = reading.family
    if column.dates is None or family is None or family.undecided or family.values.name in OF_DATES:
        return
    finding = f'"{reading.target}" is a date, and {family.name} is about a zero, which dates do not have'
    remedy = "use gaussian; or derive the time since another one, days(discharge - admission), and impute that"
    notes.add(f"{reading.path}.family", finding, remedy)


def _family(reading: Reading, column: Column, data: Incomplete, notes: Notes) -> None:
    fitting, name, family = accepting(column), reading.target, reading.family
    if not fitting:
        _no_family(reading, column, fitting, notes)
    elif (family is None or family.undecided) and not reading.broken_family:
        settled_to = settled(reading, column)
        if settled_to is not None:
            parameter_problems(settled_to, reading.conditional.formulas, f"{reading.path}.formulas", notes)
        else:
            _no_family(reading, column, fitting, notes)
    elif family is not None and not family.values.accepts(column):
        kinds = sorted((v for v in VALUES.values() if v.accepts(column)), key=lambda v: v.suits(column) is None)
        found = kinds[0].words
        what = found + family.values.unlike * (column.kind == "number")
        finding = f'"{name}" is {what}, and the family {family.name} imputes {family.values.words}'
        remedy = f"use {' or '.join(fitting)}"
        wrong = _beyond(column, family)
        if 0 < wrong.sum() <= FEW_WRONG * (~column.missing).sum():
            verb, them = ("is", "it") if wrong.sum() == 1 else ("are", "them")
            finding += f"; {counted(int(wrong.sum()), 'value')} {verb} none, {first_row(data.frame, wrong)}"
            remedy = f"mend {them}, or {remedy}"
        if family.values is Ordered and column.kind == "category":
            order = " < ".join(map(str, column.labels[:6]))
            remedy += f', or say its order, from the lowest label to the highest: columns.{name} = "{order}"'
        notes.add(f"{reading.path}.family", finding, remedy)


def _beyond(column: Column, family: Family) -> np.ndarray:
    """Which observed numbers are none that a family imputes, bool, shape (row,)."""
    if column.kind != "number":
        return np.zeros(len(column.values), dtype=bool)
    return ~column.missing & ~family.values.of(column).support.contains(column.values)


def _shape(reading: Reading, data: Incomplete, notes: Notes) -> None:
    """What a normal model would draw that an incomplete target never is."""
    column = data.columns[reading.target]
    family = settled(reading, column) if column.gaps.any() else None
    names = sorted({name for use in reading.uses.values() for name in use.values} - {reading.target})
    found = not_normal(data, reading.target, names) if family is not None and family.normal else None
    if found is not None:
        notes.problems.append(replace(found, path=f"{reading.path}.family"))


def _doubts(reading: Reading, column: Column, notes: Notes) -> None:
    """What the observed values say nothing of, or what is not meant for so few."""
    family = settled(reading, column) if column.gaps.any() and not column.missing.all() else None
    for doubt in () if family is None else family.doubts(column.values[~column.missing]):
        _warn(notes, f"{reading.path}.{doubt.option}", doubt.finding, doubt.remedy)


def _no_family(reading: Reading, column: Column, fitting: Sequence[str], notes: Notes) -> None:
    """Of a column that no family accepts, or one for which "auto" stands for none of those that do."""
    if column.kind in OUTSIDE:
        remedy = say_date(column.name) if column.kind == "date" else "make all its values numbers, or all texts"
        notes.add(reading.path, f'"{reading.target}" is {OUTSIDE[column.kind]}, which cannot be imputed', remedy)
        return
    present = len(np.unique(column.values[~column.missing]))
    none = '"auto" stands for no family of so many' if fitting else "no family imputes these"
    finding = f'"{reading.target}" is a category with {len(column.labels)} labels, and {none}'
    if between_numbers(column) is not None:
        limits = limits_among(column)
        remedy = said_censored(reading.target) if limits else "make it a column of numbers"
        notes.add(reading.path, f"{finding}; most labels look like numbers", remedy)
        return
    if fitting:
        notes.add(f"{reading.path}.family", finding, f"use {' or '.join(fitting)}, or leave it out")
        return
    fewer = f"merge them into {MOST_LABELS} or fewer, or leave it out"
    notes.add(reading.path, finding, "drop the labels that do not occur" if present == 2 else fewer)


def _predictors(use: Use, target: str, read: Read, data: Incomplete, notes: Notes) -> None:
    _kinds(use, data, notes)
    _unimputed(use, target, use.values, read, data, notes)
    for name in sorted(use.values & set(data.columns)):
        column = data.columns[name]
        if column.kind == "category" and crowded(column):
            labels = len(np.unique(column.values[~column.missing]))
            finding = f'the category "{name}" has {labels} labels in {counted(int((~column.missing).sum()), "row")}'
            notes.add(use.path, finding, f"leave it out, or write random effects: (1 | {quote(name)})")


def _side(use: Use, role: str, reading: Reading, read: Read, data: Incomplete, notes: Notes) -> None:
    family = reading.family
    if family is None or role not in family.certain:
        _unimputed(use, reading.target, use.values, read, data, notes)
    elif any(data.columns[n].missing.any() for n in use.values & set(data.columns)):
        notes.add(use.path, f"{listed(sorted(use.values))} has missing values", "name a column that is complete")
    elif not use.values <= set(data.columns) - read.targets:
        notes.add(use.path, "limits are known before the run", "name a column of the data that is not imputed")
    for name in sorted(use.values & set(data.columns)):
        kind = data.columns[name].kind
        if kind not in ("number", "yes/no"):
            notes.add(use.path, f'"{name}" is {OUTSIDE.get(kind, "a category")}', "name a column of numbers")


def _misfits(reading: Reading, data: Incomplete, notes: Notes) -> None:
    """Side columns that cannot be what the family takes them for."""
    names = {role: name for role, use in reading.side.items() for name in use.values}
    family, column = reading.family, data.columns.get(reading.target)
    numbers = all(name in data.columns and data.columns[name].kind in ("number", "yes/no") for name in names.values())
    if family is None or column is None or not numbers or not family.values.accepts(column):
        return
    side = {role: data.columns[name].values for role, name in names.items()}
    for found in family.misfits(column.values, side):
        what = f'"{names[found.role]}"' if found.role in names else found.role
        path = f"{reading.path}.side.{found.role}" if found.role in names else f"{reading.path}.{found.role}"
        where = f"{counted(int(found.rows.sum()), 'row')}, {first_row(data.frame, found.rows)}"
        notes.add(path, f"{what} {found.finding} in {where}", found.remedy)


def _splines(use: Use, target: str, read: Read, data: Incomplete, notes: Notes) -> None:
    """Splines of variables that are imputed: outside of its knots a spline is a steep polynomial."""
    imputed = {n for n in read.targets & set(data.columns) if data.columns[n].missing.any()} - {target}
    for call in (node for tree in use.trees for node in walk(tree)):
        if not isinstance(call, Call) or call.function != "bs":
            continue
        bounded = {"lower_bound", "upper_bound"} <= {key for key, _ in call.keywords}
        inside = imputed & {node.name for node in walk(call) if isinstance(node, Name)}
        for name in sorted(inside) if not bounded else ():
            finding = f'imputed values of "{name}" may lie outside of the knots of {render(call)}'
            _warn(notes, use.path, finding, "give it lower_bound and upper_bound: beyond its knots a spline runs away")


def _kinds(use: Use, data: Incomplete, notes: Notes) -> None:
    for name in sorted(use.values & set(data.columns)):
        kind = data.columns[name].kind
        if kind in OUTSIDE:
            remedy = say_date(name) if kind == "date" else "make all its values numbers, or all texts"
            notes.add(use.path, f'"{name}" is {OUTSIDE[kind]}, which cannot be a predictor', remedy)


def _unimputed(use: Use, owner: str, names: frozenset[str], read: Read, data: Incomplete, notes: Notes) -> None:
    """Incomplete columns that nobody imputes; those behind a derived variable are reported there."""
    asked = sorted(names & set(data.columns) - read.targets - set(read.derived) - {owner})
    missing = {name: n for name in asked if (n := int((np.isnan(filled(data, name)) & data.columns[name].gaps).sum()))}
    if len(missing) > SHOWN:
        finding = f"{listed(f'"{name}"' for name in missing)} have missing values and no conditional"
        notes.add(use.path, finding, "add a conditional for each, or leave them out")
        return
    for name, number in missing.items():
        finding = f'"{name}" has {counted(number, "missing value")} and no conditional'
        notes.add(use.path, finding, f"add a conditional for {quote(name)}, or leave it out")


def say_date(name: str) -> str:
    """What to do about texts that are dates."""
    return f'say that it is one: columns.{name} = "date"; or turn it into numbers'


def _label(column: Column, value: float) -> str:
    return str(column.labels[int(value)]) if column.labels else f"{value:g}"


def _warn(notes: Notes, path: str, finding: str, remedy: str) -> None:
    notes.problems.append(Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING))
