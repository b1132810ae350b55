"""Derived variables: what depends on what, and whether anything depends on itself.

The same graph answers whether a formula contains its own target through derived variables.
"""

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

import numpy as np
import pandas as pd

from bayesimpute.base.errors import FormulaError, Problem, Severity, did_you_mean
from bayesimpute.base.phrases import arrows, counted, listed, rows
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Definition, Read, Reading
from bayesimpute.checking.uses import Use
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import evaluate_expression, parse_expression, quote
from bayesimpute.formulas.functions import OF_ALL_ROWS
from bayesimpute.formulas.syntax import Call, Name, Operation, Text, read_expression, walk
from bayesimpute.plan import who_reads
from bayesimpute.plan.void_cells import series_of

OFF = 0.05
"""Standard deviations that an observed value may be off what an expression gives: roundings are."""
FEW = 0.05
"""The share of rows in which more may be off."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with derived variables, and with formulas that contain their own target."""
    notes = Notes()
    for definition in read.derived.values():
        _name(definition, read, data, notes)
        kinds(definition.use, str(definition.expression), read, data, notes)
        _of_all_rows(definition, read, data, notes)
        _observed_ones(definition, data, notes)
    _cycles(read, notes)
    for reading in read.conditionals:
        for use in (*reading.uses.values(), *reading.side.values()):
            _own_target(use, reading.target, read, notes)
            for call in (*use.calls, *use.offsets):
                kinds(use, call, read, data, notes)
    return notes.problems


def closure(names: Iterable[str], read: Read) -> dict[str, str | None]:
    """All that follows from what: each name that is needed, with the derived variable that leads to it, if one does."""
    return who_reads.closure(names, {name: definition.use.names for name, definition in read.derived.items()})


def values_read(reading: Reading, read: Read) -> set[str]:
    """Every column whose values a model's formulas and family need, those behind derived variables included."""
    found: set[str] = set()
    for use in (*reading.uses.values(), *reading.side.values()):
        for name, leading in closure(use.values, read).items():
            found |= {name} if leading is None or name in read.derived[leading].use.values else set()
    return found


def _name(definition: Definition, read: Read, data: Incomplete, notes: Notes) -> None:
    name, path = definition.name, definition.path.rpartition(".")[0]
    column = data.columns.get(name)
    if name in read.targets:
        notes.add(path, f'"{name}" has a conditional too', "derive it or impute it, not both")
    elif column is not None and not column.missing.any():
        notes.add(path, f'the data have a complete column "{name}"', "give the derived variable another name")
    elif column is not None and column.kind not in ("number", "yes/no"):
        finding = f'the column "{name}" is a {column.kind}, and an expression gives numbers'
        notes.add(path, finding, "give the derived variable another name")


def _observed_ones(definition: Definition, data: Incomplete, notes: Notes) -> None:
    """Observed values that are not what the expression gives: missing ones would be of another kind."""
    column, expression = data.columns.get(definition.name), definition.expression
    beyond = expression.keys or expression.masks or expression.timed or _reads_all_rows(definition)
    if column is None or column.kind != "number" or beyond or not expression.names <= data.columns.keys():
        return
    there = ~column.missing & ~np.any([data.columns[n].missing for n in expression.names], axis=0)
    try:
        given = evaluate_expression(expression, {n: series_of(data.columns[n])[there] for n in expression.names})
    except FormulaError:
        return  # told elsewhere
    known = column.values[there]
    off = there.nonzero()[0][np.abs(given - known) > OFF * np.std(known)] if there.any() else []
    if len(off) > FEW * there.sum():
        both = counted(int(there.sum()), "row")
        finding = (
            f'the observed "{column.name}" is not {expression} in {len(off)} of {both} with both: '
            f"{rows(data.frame, off)}; missing cells would get what that gives"
        )
        remedy = "mend the expression, or give the derived variable another name"
        notes.problems.append(Problem(path=definition.path, finding=finding, remedy=remedy, severity=Severity.WARNING))


def _of_all_rows(definition: Definition, read: Read, data: Incomplete, notes: Notes) -> None:
    """In compatible mode a value is drawn given what follows from it in some rows: all others would have to move."""
    calls = _reads_all_rows(definition)
    if not calls or not read.plan.substantive:
        return
    names = [n for n in sorted(closure(definition.use.values, read)) if n in data.columns]
    gone = [f'"{n}"' for n in names if data.columns[n].missing.any()]
    if gone:
        finding = f"{listed(sorted(calls))} of {listed(gone)}, which is incomplete: every value would move all rows'"
        notes.add(definition.path, finding, "compute it of complete columns, or leave out the [[substantive]] models")


def _reads_all_rows(definition: Definition) -> set[str]:
    """The functions in an expression whose values depend on all rows."""
    return {n.function for n in walk(definition.expression.tree) if isinstance(n, Call)} & {*OF_ALL_ROWS}


def _cycles(read: Read, notes: Notes) -> None:
    graph = {n: {m for m in d.expression.needs if m in read.derived} for n, d in read.derived.items()}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            cycle = list(reversed(error.args[1]))  # in the order of reading: each depends on the next
            finding = f"it depends on itself: {arrows(cycle)}"
            notes.add(read.derived[cycle[0]].path, finding, "compute one of them from other columns")
            graph[cycle[0]] = graph[cycle[0]] - {cycle[1]}
        else:
            return


def computable(definition: Definition, read: Read, data: Incomplete) -> bool:
    """Whether a derived variable can be computed once those that it depends on are, if these do not depend on it."""
    notes = Notes()
    _name(definition, read, data, notes)
    kinds(definition.use, str(definition.expression), read, data, notes)
    return not notes.problems


def calls_computable(use: Use, read: Read, data: Incomplete) -> bool:
    """Whether no call of a formula calculates with text."""
    notes = Notes()
    for call in (*use.calls, *use.offsets):
        kinds(use, call, read, data, notes)
    return not notes.problems


def _own_target(use: Use, target: str, read: Read, notes: Notes) -> None:
    found = closure(use.names, read)
    if target not in found:
        return
    way = who_reads.way(target, found)
    means = [key for call in use.calls if (key := _mean_of(call, target)) is not None]
    if len(way) > 1:
        finding = f'the derived variable "{way[0]}" depends on the target {target}: {arrows(way)}'
        notes.add(use.path, finding, "predict the target from other variables")
    elif target in use.masks and target not in use.values:
        call = f"observed({target})" if target in use.observed else "it"
        finding = f"{call} is the missingness of the target itself, which tells nothing about its values"
        notes.add(use.path, finding, "leave it out")
    elif means:
        finding = f"it contains its own target, through cluster_mean({quote(target)}, {means[0]})"
        notes.add(use.path, finding, f"write random effects: (1 | {means[0]})")
    elif any(target in key.split(":") for key in use.keys) and target not in use.values:
        notes.add(use.path, f'the target "{target}" is its own cluster key', "use another cluster key")
    else:
        notes.add(use.path, f'it contains its own target "{target}"', "leave it out of the right side")


def _mean_of(call: str, target: str) -> str | None:
    means = parse_expression(call).cluster_means
    return next((key for name, key in means if name == target), None)


def kinds(
    use: Use, text: str, read: Read, data: Incomplete, notes: Notes, more: Iterable[str] = (), *, number: bool = False
) -> None:
    """Text that is calculated with: found by evaluating on one row of each column's kind; `more` are other numbers."""
    try:
        expression = parse_expression(text, use.path, number=number)
        if not expression.names or not expression.names <= {*data.columns, *read.derived, *more}:
            return
        columns = {n: _sample(data.columns.get(n)) for n in expression.names}
        masks = {"observed": lambda name: np.ones(1), "systematic": lambda name, key: np.ones(1)}
        masks |= dict.fromkeys(("since_dropout", "dropout"), masks["observed"])
        extra = {"cluster_mean": lambda values, key: values, "lag": lambda values: values, **masks}
        evaluate_expression(expression, columns, extra)
    except FormulaError as error:
        notes.problems += error.problems
        return
    for name in sorted(use.values & set(data.columns) & expression.names):
        column = data.columns[name]
        if column.kind != "category":
            continue
        for label in (label for label in _labels(text, name) if label not in column.labels):
            known = list(map(str, column.labels))
            remedy = did_you_mean(label, known, f"its labels are {listed(known, 12)}")
            notes.add(use.path, f'"{label}" is not a label of "{name}"', remedy)


def _labels(text: str, name: str) -> list[str]:
    """The texts that an expression compares a column with."""
    tree = read_expression(text, "")
    found = [n for n in walk(tree) if isinstance(n, Operation) and Name(name) in n.operands] if tree is not None else []
    return [operand.value for node in found for operand in node.operands if isinstance(operand, Text)]


def _sample(column: Column | None) -> np.ndarray | pd.Series:
    if column is None or column.kind in ("number", "yes/no"):
        return np.ones(1)
    return pd.Series(pd.Categorical(["x"], categories=["x"], ordered=column.ordered))
