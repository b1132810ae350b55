"""Observed cells that are drawn, too: whether it is known which they are, and what their draws say."""

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, did_you_mean
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import settled
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse_expression
from bayesimpute.plan.assumptions import Adjustment
from bayesimpute.plan.conditions import ALL, condition_values


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with ``where`` of conditionals."""
    notes = Notes()
    for reading in read.conditionals:
        if reading.conditional.where is not None:
            _where(reading, reading.conditional.where, read, data, notes)
    return notes.problems


def _where(reading: Reading, where: object, read: Read, data: Incomplete, notes: Notes) -> None:
    path, column = f"{reading.path}.where", data.columns.get(reading.target)
    if not isinstance(where, str):
        notes.add(path, f"{where!r} is not a condition", 'write where = "all", or "fold == 3"')
        return
    if read.plan.substantive:
        finding = "in a plan with a [[substantive]] model values are drawn given the models that read them"
        notes.add(path, f"{finding}, and the observed ones are in these", "leave it out")
    if column is None or not column.missing.any():
        notes.add(path, f'"{reading.target}" has no missing values, and so no model', "leave it out")
        return
    family = settled(reading, column)
    if family is not None and (family.selection is not None or not family.density):
        what = "draws values that were not selected" if family.selection is not None else "would find the value itself"
        notes.add(path, f"{family.name} {what}", "use a family of a law, taken as missing at random")
    if any(isinstance(a, Adjustment) and a.target == reading.target for a in read.plan.adjustments):
        notes.add(
            path, "it is adjusted where it is missing, which the observed values are not", "leave one of them out"
        )
    if where != ALL and where not in data.columns and did_you_mean(where, [ALL], ""):
        notes.add(path, f'"{where}" is no condition', 'did you mean "all"?')
    elif where != ALL:
        _known(where, path, data, notes)


def _known(where: str, path: str, data: Incomplete, notes: Notes) -> None:
    """Whether the condition says of every row whether it is meant."""
    try:
        expression = parse_expression(where, path)
        if expression.keys or expression.timed or expression.observed:
            notes.add(path, f"{expression} looks at other rows, or at what is observed", "compare columns of the data")
            return
        values = condition_values(expression, data)
    except FormulaError as error:
        notes.problems += error.problems
        return
    unknown = np.isnan(values)
    if unknown.any():
        finding = f"it is not known whether {expression} in {counted(int(unknown.sum()), 'row')}"
        notes.add(path, f"{finding}, {first_row(data.frame, unknown)}", "name complete columns")
    elif not np.isin(values, (0, 1)).all():
        notes.add(path, f"{expression} is a number and no condition", 'write where = "all", or compare it')
