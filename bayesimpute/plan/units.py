"""The level of what is derived: over which units a cluster mean is taken.

A column is of the level of its cluster key: there the clusters are its units. What is computed from several columns is
of the finest level among them; of keys that are not nested in each other, their combinations are the units. A level is
so the set of keys that tell its units apart, or None where each row is one. A cluster mean is of its key's level, as
``systematic(y, g)`` is.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.subject_visits import Visits
from bayesimpute.formulas.lift import column_name, lift_call
from bayesimpute.formulas.syntax import Call
from bayesimpute.plan.options import Time
from bayesimpute.plan.targets import DerivedColumn

Level = Callable[[str], str | None]
"""The cluster key of a column of the data; None for level 1."""


def lifted(calls: Iterable[str]) -> tuple[DerivedColumn, ...]:
    """The columns that hold lifted calls, those inside others first."""
    inner_first = sorted(sorted(calls), key=len)
    return tuple(DerivedColumn(name=column_name(call), expression=lift_call(call)) for call in inner_first)


def with_units(derived: Iterable[DerivedColumn], level: Level) -> tuple[DerivedColumn, ...]:
    """Derived columns, in dependency order, with the units of those that are cluster means."""
    found: dict[str, frozenset[str] | None] = {}
    made = []

    def units(names: Iterable[str]) -> frozenset[str] | None:
        each = [found[n] if n in found else _one(level(n)) for n in names]
        return None if None in each else frozenset().union(*(keys for keys in each if keys is not None))

    for column in derived:
        expression = column.expression
        means = {name for name, _ in expression.cluster_means}
        if means:
            found[column.name] = frozenset(key for _, key in expression.cluster_means)
            made.append(replace(column, units=units(means)))
            continue
        if expression.timed:
            found[column.name] = None
            made.append(column)
            continue
        if isinstance(expression.tree, Call) and expression.tree.function == "systematic":
            found[column.name] = expression.keys
            made.append(column)
            continue
        given = (column.name,) if column.fills else ()
        found[column.name] = None if expression.observed else units([*expression.needs, *given])
        made.append(column)
    return tuple(made)


def with_visits(
    derived: Iterable[DerivedColumn], incomplete: Incomplete, time: Time | None
) -> tuple[DerivedColumn, ...]:
    """Derived columns, of which those that read other visits of a subject know them."""
    if time is None or not any(column.expression.timed for column in derived):
        return tuple(derived)
    visits = Visits.of(incomplete, time.subject, time.order)
    return tuple(replace(column, visits=visits) if column.expression.timed else column for column in derived)


def _one(key: str | None) -> frozenset[str] | None:
    return None if key is None else frozenset({key})
