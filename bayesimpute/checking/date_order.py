"""Dates that never lie before, or after, another one: a normal model knows nothing of it.

Of a discharge that follows an admission it draws days before the admission. A law that ends there has the long stays,
too, that a normal one cut off by a restriction has not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, Severity
from bayesimpute.base.phrases import counted
from bayesimpute.checking.conditions_held import conditions
from bayesimpute.checking.copies import distinct_dates
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse_expression, quote
from bayesimpute.formulas.syntax import Call, Name, Node, Operation, Text, render, walk
from bayesimpute.plan.known_cells import Known
from bayesimpute.plan.restrictions import Restriction

WHAT = {"number": "a number", "category": "a category", "yes/no": "a yes/no variable", "date": "not said to be one"}
FEWEST = 20
"""Rows in which both dates are observed, from which on their order is taken for a rule."""
BESIDE = ("-", "<", "<=", ">", ">=", "==", "!=")
"""What only a date can have with a date."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A date beside which another one always lies on the same side.

    Attributes
    ----------
    date, other : str
        The one that is looked at, and the nearest that bounds it.
    after : bool
        Whether it never lies before the other; else it never lies after it.
    rows : int
        In which both are observed.
    complete : bool
        Whether the other is observed everywhere, so that it can be the limit of a law.
    """

    date: str
    other: str
    after: bool
    rows: int
    complete: bool

    @property
    def limits(self) -> tuple[float | str, float | str]:
        """Between which the date lies."""
        return (self.other, np.inf) if self.after else (-np.inf, self.other)

    @property
    def rule(self) -> str:
        """The same as a restriction."""
        return f"{quote(self.date)} {'>=' if self.after else '<='} {quote(self.other)}"

    @property
    def finding(self) -> str:
        """What the data say."""
        side, rows = "before" if self.after else "after", counted(self.rows, "row")
        return f'"{self.date}" is never {side} "{self.other}" in the {rows} with both, and a normal model draws that'

    @property
    def remedy(self) -> str:
        """What the plan can say."""
        rule = f'add a [[restriction]], rule = "{self.rule}"'
        low, high = (f'"{end}"' if isinstance(end, str) else f"{end:g}" for end in self.limits)
        return f'write family = "bounded", limits = [{low}, {high}]; or {rule}' if self.complete else rule


def order_of(data: Incomplete, date: str, others: Iterable[str]) -> Order | None:
    """The nearest of some columns that a date always lies on the same side of, if it is a date and there is one."""
    column, found = data.columns[date], []
    for name in others:
        other = data.columns.get(name)
        if name == date or other is None or not distinct_dates(column, other):
            continue
        between = column.values - other.values
        known = between[~np.isnan(between)]
        if len(known) >= FEWEST and (known.min() >= 0 or known.max() <= 0):
            complete = not other.missing.any()
            order = Order(date=date, other=name, after=known.min() >= 0, rows=len(known), complete=complete)
            found.append((float(np.abs(known).mean()), order))
    return min(found, key=lambda each: each[0], default=(0.0, None))[1]


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Warnings of incomplete dates with a normal model and another date that bounds them, of which no plan says so."""
    notes = Notes()
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        if column is None or column.dates is None or not column.gaps.any() or not _normal(reading):
            continue
        order = order_of(data, reading.target, data.columns)
        if order is not None and not _said(order, read):
            path, warning = f"{reading.path}.family", Severity.WARNING
            notes.problems.append(Problem(path=path, finding=order.finding, remedy=order.remedy, severity=warning))
    for path, trees in _calculated(read):
        for name in sorted(_no_dates(trees, data)):
            remedy = f'say that it is one, columns.{name} = "date", or leave days() out'
            notes.add(path, f'days() is of dates, and "{name}" is {WHAT.get(data.columns[name].kind, "none")}', remedy)
        for name, date in sorted(_beside_a_date(trees, data)):
            remedy = f'say that it is one, columns.{name} = "date", or leave the date out'
            notes.add(path, f'{date} is a date, and "{name}" is {WHAT.get(data.columns[name].kind, "none")}', remedy)
    return list(dict.fromkeys(notes.problems))


def _calculated(read: Read) -> Iterator[tuple[str, Iterable[Node]]]:
    """What is calculated anywhere in a plan."""
    for reading in read.conditionals:
        yield from ((reading.uses[name].path, formula.nodes) for name, formula in reading.formulas.items())
    yield from ((each.path, (each.expression.tree,)) for each in (*read.derived.values(), *read.shifts))
    yield from ((f"analysis[{name}].formula", formula.nodes) for name, formula in read.analyses.items())
    yield from ((each.path, trees) for each in conditions(read) if (trees := _trees(each.text)))


def _no_dates(trees: Iterable[Node], data: Incomplete) -> frozenset[str]:
    """The columns inside of ``days()`` without any date among them."""
    calls = (node for tree in trees for node in walk(tree) if isinstance(node, Call) and node.function == "days")
    inside = [{part.name for part in walk(call) if isinstance(part, Name)} & set(data.columns) for call in calls]
    return frozenset(n for names in inside if all(data.columns[m].dates is None for m in names) for n in names)


def _beside_a_date(trees: Iterable[Node], data: Incomplete) -> Iterator[tuple[str, str]]:
    """The columns that are compared with a date in quotation marks, or from which it is taken, without any of dates."""
    for node in (part for tree in trees for part in walk(tree) if isinstance(part, Operation)):
        dates = [render(each) for each in node.operands if _is_a_date(each)]
        names = {part.name for part in walk(node) if isinstance(part, Name)} & set(data.columns)
        if dates and node.symbols[0] in BESIDE and all(data.columns[name].dates is None for name in names):
            yield from ((name, dates[0]) for name in names)


def _is_a_date(node: Node) -> bool:
    return isinstance(node, Call) and node.function == "days" and isinstance(node.arguments[0], Text)


def _normal(reading: Reading) -> bool:
    """Whether its law is a normal one, which "auto" takes for dates."""
    return reading.family is None or reading.family.undecided or reading.family.normal


def _said(order: Order, read: Read) -> bool:
    """Whether the plan has the order already: a restriction of both dates, or what is known of the one by the other."""
    both = {order.date, order.other}
    rules = (_names(each.rule) for each in read.plan.restrictions if isinstance(each, Restriction))
    known = (each for each in read.plan.known if isinstance(each, Known) and each.column == order.date)
    return any(both <= names for names in rules) or any(order.other in each.reads for each in known)


def _names(rule: str) -> frozenset[str]:
    """The columns of a rule."""
    return frozenset(part.name for tree in _trees(rule) for part in walk(tree) if isinstance(part, Name))


def _trees(condition: str) -> tuple[Node, ...]:
    """What a condition calculates; nothing of one that cannot be read, which is told elsewhere."""
    try:
        return (parse_expression(condition, "condition").tree,)
    except (FormulaError, TypeError):
        return ()
