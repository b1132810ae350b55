"""Families by name, and which of them a column suits; ``__init__`` fills it, so that families can be about others."""

import re

from bayesimpute.data.columns import Column
from bayesimpute.data.label_orders import order_told
from bayesimpute.data.said_columns import CENSORED, NUMBER
from bayesimpute.families.family import Family
from bayesimpute.families.kinds_of_values import VALUES

FAMILIES: dict[str, type[Family]] = {}
"""The one registry."""


def accepting(column: Column) -> tuple[str, ...]:
    """The names of the families whose law may be a column's; those without a density take the law of another."""
    return tuple(name for name, family in FAMILIES.items() if family.density and family.values.accepts(column))


def why_auto(column: Column) -> str:
    """What ``"auto"`` stands for and why, as plans tell it: ``ordered category -> ordinal``.

    Of numbers that are taken as labels it says, too, what to write if they have no order, of texts what if they have.
    """
    family = auto(column)
    if column.dates is not None:
        return f"{column.dates.unit} -> {family.name}, in days"
    if column.said in (NUMBER, CENSORED):
        return f"said to be a {column.said} -> {family.name}"
    found = family.values.suits(column)
    if found is None:
        return f"no family suits it -> {family.name}"
    what = re.sub(r"^it (is|has) (an? )?", "", found).removesuffix(" variable")
    name = column.name if re.fullmatch(r"[A-Za-z0-9_-]+", column.name) else f'"{column.name}"'
    more = f'; if they name groups: columns.{name} = "labels"'
    doubtful = column.kind == "number" and column.said is None and family.values is VALUES["ordered"]
    ordered = order_told(column)
    return f"{what} -> {family.name}{more if doubtful else ''}{ordered and f'; {ordered}'}"


def auto(column: Column) -> type[Family]:
    """The family that ``"auto"`` stands for: the first one of the first kind of values that suits the column.

    Where none does it is the normal distribution, which does not accept the column either: :func:`bayesimpute.check`
    says so.
    """
    if column.said in (NUMBER, CENSORED) or column.dates is not None:
        return FAMILIES["gaussian"]
    found = (f for values in VALUES.values() if values.suits(column) for f in FAMILIES.values() if f.values is values)
    return next(found, FAMILIES["gaussian"])
