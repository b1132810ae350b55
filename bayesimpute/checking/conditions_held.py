"""Conditions that hold nowhere: a label that no cell has, a rule for rows that there are not.

A misspelt label makes a condition false in every row: a restriction that acts on nothing, an analysis of nobody.
Nothing else of a run would show it. Of where a variable applies it is an error: nothing, or everything, would be void.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bayesimpute.base.errors import FormulaError, Problem, Severity, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.checking.readings import Read
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Expression, parse_expression
from bayesimpute.formulas.syntax import Name, Node, Operation, Text, walk
from bayesimpute.plan.conditions import ALL, condition_values
from bayesimpute.plan.options import Analysis
from bayesimpute.plan.restrictions import Restriction

EQUAL = ("==", "!=")
APPLIES = ".applies"
"""How the place of a condition ends that says where a variable applies."""


@dataclass(frozen=True)
class Condition:
    """A condition of a plan.

    Parameters
    ----------
    path : str
        Its place.
    text : object
        Itself, a text if the plan is sound.
    somewhere : bool
        Whether it is to hold in some row.
    severity : Severity
        Of a label in it that no cell has.
    """

    path: str
    text: Any
    somewhere: bool = False
    severity: Severity = Severity.WARNING


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Warnings of labels that are none of their column's, and of conditions that hold in no row."""
    found = []
    for each in conditions(read):
        try:
            expression = parse_expression(each.text, each.path)
        except FormulaError:  # told where the condition is read
            continue
        wrong = list(no_labels(expression.tree, each.path, data, each.severity))
        found += wrong or (list(_nowhere(expression, each.path, data)) if each.somewhere else [])
    for definition in (*read.derived.values(), *read.shifts):
        found += no_labels(definition.expression.tree, definition.path, data)
    return found


def conditions(read: Read) -> Iterator[Condition]:
    """Those of a plan that are texts."""
    plan = read.plan
    found = [Condition("run.ignore", getattr(plan.run, "ignore", None))]
    for reading in read.conditionals:
        found.append(Condition(f"{reading.path}{APPLIES}", reading.conditional.applies, severity=Severity.ERROR))
        found.append(Condition(f"{reading.path}.where", reading.conditional.where, True))
    for each in plan.restrictions:
        if isinstance(each, Restriction) and isinstance(each.rule, str):
            found += [Condition(f"{each.path}.rule", each.rule), Condition(f"{each.path}.where", each.where, True)]
    found += [Condition(f"analysis[{a.name}].where", a.where, True) for a in plan.analyses if isinstance(a, Analysis)]
    yield from (each for each in found if isinstance(each.text, str) and each.text != ALL)


def no_labels(tree: Node, path: str, data: Incomplete, severity: Severity = Severity.WARNING) -> Iterator[Problem]:
    """Comparisons of a column with a label that none of its cells has."""
    for node in walk(tree):
        if not isinstance(node, Operation) or node.symbols[0] not in EQUAL or len(node.operands) != 2:
            continue
        name = next((part.name for part in node.operands if isinstance(part, Name)), None)
        label = next((part.value for part in node.operands if isinstance(part, Text)), None)
        column = None if name is None else data.columns.get(name)
        if column is None or label is None or column.kind != "category":
            continue
        known = list(map(str, column.labels))
        if label not in known:
            finding = f'"{name}" has no label "{label}", so that the condition holds nowhere'
            finding = finding if node.symbols[0] == "==" else f'"{name}" has no label "{label}"'
            remedy = did_you_mean(label, known, f"its labels are {listed(known, 12)}")
            yield Problem(path=path, finding=finding, remedy=remedy, severity=severity)


def _nowhere(expression: Expression, path: str, data: Incomplete) -> Iterator[Problem]:
    """A condition on columns of the data that is known to be false everywhere."""
    if not expression.names <= set(data.columns) or expression.keys or expression.timed or expression.observed:
        return
    try:
        values = condition_values(expression, data)
    except FormulaError:  # told where the condition is read
        return
    if (values == 0).all() and len(values):
        remedy = "mend it, or leave it out"
        finding = f"{expression.source} holds in no row"
        yield Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING)
