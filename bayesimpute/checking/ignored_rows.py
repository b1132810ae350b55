"""Rows that are imputed but teach nothing: whether the condition says of every row which it is, and what is left."""

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.checking.target_columns import FEWEST, filled
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Expression, parse_expression
from bayesimpute.plan.conditions import condition_values
from bayesimpute.plan.options import Time

PATH = "run.ignore"
EXAMPLE = "ignore = \"fold == 'test'\""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the condition, and with what is left to learn from."""
    given, notes = getattr(read.plan.run, "ignore", None), Notes()
    if given is None:
        return []
    expression = condition(given, data, notes)
    if expression is None:
        return notes.problems
    if read.plan.substantive:
        finding = "in a plan with a [[substantive]] model values are drawn given the models that read them, in all rows"
        notes.add(PATH, finding, "leave ignore out, and impute these rows by imputed.transform(rows)")
    ignored = _known(expression, data, notes)
    if ignored is None:
        return notes.problems
    if ignored.all():
        notes.add(PATH, f"{expression} holds for all {len(ignored)} rows", "leave rows to learn from")
        return notes.problems
    if not ignored.any():
        finding = f"{expression} holds for no row"
        notes.problems.append(
            Problem(path=PATH, finding=finding, remedy="leave ignore out, or mend it", severity=Severity.WARNING)
        )
    _left(ignored, read, data, notes)
    _visits(ignored, read, data, notes)
    return notes.problems


def condition(given: object, data: Incomplete, notes: Notes) -> Expression | None:
    """A condition of columns of the data, if it is one."""
    if not isinstance(given, str):
        notes.add(PATH, f"{given!r} is not a condition", f"write {EXAMPLE}")
        return None
    try:
        expression = parse_expression(given, PATH)
    except FormulaError as error:
        notes.problems += error.problems
        return None
    if expression.keys or expression.timed or expression.observed:
        notes.add(PATH, f"{expression} looks at other rows, or at what is observed", "compare columns of the data")
        return None
    for name in sorted(expression.names - set(data.columns)):
        remedy = did_you_mean(name, data.columns, "name a column of the data")
        notes.add(PATH, f'there is no column "{name}" in the data', remedy)
    return expression if expression.names <= set(data.columns) else None


def _known(expression: Expression, data: Incomplete, notes: Notes) -> np.ndarray | None:
    """Where it holds, bool, shape (row,), if that is known of every row."""
    try:
        values = condition_values(expression, data)
    except FormulaError as error:
        notes.problems += error.problems
        return None
    unknown = np.isnan(values)
    if unknown.any():
        finding = f"it is not known whether {expression} in {counted(int(unknown.sum()), 'row')}"
        notes.add(PATH, f"{finding}, {first_row(data.frame, unknown)}", "name complete columns")
        return None
    if not np.isin(values, (0, 1)).all():
        finding = f"{expression} is a number and no condition"
        notes.add(PATH, finding, f'compare it with something: ignore = "{expression} > 0"')
        return None
    return values == 1


def _left(ignored: np.ndarray, read: Read, data: Incomplete, notes: Notes) -> None:
    """Targets of which too little is observed in the other rows."""
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        if column is None or not column.missing.any() or column.missing.all():
            continue
        values = filled(data, reading.target, reading.level)
        known = values[~np.isnan(values) & ~ignored]
        if len(known) < FEWEST or len(np.unique(known)) == 1:
            seen = f"only {counted(len(known), 'value')}" if len(known) < FEWEST else "one value only"
            finding = f'of "{reading.target}" {seen} is observed in the rows that are not ignored'
            notes.add(PATH, finding.replace("values is", "values are"), "leave rows to learn from")


def _visits(ignored: np.ndarray, read: Read, data: Incomplete, notes: Notes) -> None:
    """A visit that is ignored would teach as the one before another."""
    time = read.plan.time
    if not isinstance(time, Time) or time.subject not in data.clusters:
        return
    codes = data.codes(time.subject)
    some = np.bincount(codes, weights=ignored) * np.bincount(codes, weights=~ignored) > 0
    if some.any():
        finding = f"of {counted(int(some.sum()), 'subject')} some visits are ignored"
        finding += f", {first_row(data.frame, some[codes])}"
        notes.add(PATH, finding, "ignore all visits of a subject or none: those that are left would read the others")
