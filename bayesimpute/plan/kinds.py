"""What values a column can take as a target, and the family that suits them."""

import numpy as np

from bayesimpute.data.columns import Column
from bayesimpute.families import FAMILIES, Family
from bayesimpute.plan.conditional import Conditional


def kind_of(column: Column) -> str | None:
    """``number`` or ``binary`` (yes/no, 0/1 numbers, two labels), or None if no family can impute it."""
    values = column.values[~column.missing]
    if column.kind == "yes/no" or (column.kind == "category" and len(column.labels) == 2):
        return "binary"
    if column.kind == "number":
        return "binary" if len(values) and np.isin(values, (0.0, 1.0)).all() else "number"
    return None


def kinds_of(column: Column) -> frozenset[str]:
    """All the ways in which a column can be a target: a 0/1 number is a number too."""
    kind = kind_of(column)
    return frozenset() if kind is None else frozenset({kind} | ({"number"} if column.kind == "number" else set()))


def settle_family(conditional: Conditional, column: Column) -> Family:
    """The family of a conditional: an instance, a name, or the one that the column suggests."""
    if isinstance(conditional.family, Family):
        return conditional.family
    if conditional.family == "auto":
        return FAMILIES["bernoulli" if kind_of(column) == "binary" else "gaussian"]()
    return FAMILIES[conditional.family]()
