"""Models that are to have all labels of a column, those that nobody has, too: what cannot be."""

from collections.abc import Iterator

import numpy as np

from bayesimpute.base.errors import Problem
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import settled
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import Family
from bayesimpute.families.label_values import MOST_LABELS
from bayesimpute.families.ordinal import JOINT
from bayesimpute.formulas.lift import lift_formula
from bayesimpute.formulas.syntax import quote

LEAVE = 'leave labels = "all" out'


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Errors at the option of the model, and at models that read its variable."""
    found: list[Problem] = []
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        family = settled(reading, column) if column is not None and column.missing.any() else None
        if column is None or family is None or family.labels_meant != "all":
            continue
        wrong = list(_of_column(column))
        wrong += [] if wrong else list(_of_cutpoints(reading, family, column))
        found += [Problem(path=f"{reading.path}.labels", finding=f, remedy=r) for f, r in wrong]
        found += _of_readers(read, column) if not wrong else []
    return found


def unseen(column: Column) -> list[int]:
    """The codes of the labels of a category that nobody has."""
    seen = set(column.values[~column.missing].astype(int))
    return [code for code in range(len(column.labels)) if code not in seen]


def _of_column(column: Column) -> Iterator[tuple[str, str]]:
    name = quote(column.name)
    if column.kind != "category":
        remedy = f'name all of them, as columns.{name} = "1 < 2 < 3", or {LEAVE}'
        yield f'"{column.name}" is a number, and has no labels but those that are observed', remedy
    elif len(column.labels) > MOST_LABELS:
        remedy = f"drop those that cannot be, down to {MOST_LABELS}, or {LEAVE}"
        yield f'"{column.name}" has {counted(len(column.labels), "label")}', remedy
    elif strange := [
        column.labels[code] for code in unseen(column) if column.back is not None and np.isnan(column.back[code])
    ]:
        finding = f'the type {column.dtype} of "{column.name}" has no {listed(f'"{label}"' for label in strange)}'
        yield finding, f"add it to the type, or {LEAVE}"


def _of_cutpoints(reading: Reading, family: Family, column: Column) -> Iterator[tuple[str, str]]:
    """Labels between others of which too little is known beforehand to tell two cutpoints apart."""
    inner = [column.labels[code] for code in unseen(column) if 0 < code < len(column.labels) - 1]
    for p in family.parameters if inner else ():
        prior = reading.priors.get(p.name, p.prior)
        if p.support == "ordered" and prior is not None and prior.name in JOINT.values() and prior.args[0] < 1:
            finding = f'nobody has {listed(f'"{label}"' for label in inner)} of "{column.name}", which '
            finding += (
                f"{'lies' if len(inner) == 1 else 'lie'} between others, and its cutpoints have the prior {prior}:"
            )
            finding += " its density is infinite where two are the same"
            remedy = f'write priors.{p.name} = "{prior.name}(1)", one observation of each label, or {LEAVE}'
            yield finding, remedy


def _of_readers(read: Read, column: Column) -> Iterator[Problem]:
    """Models that have a coefficient for each label of it."""
    labels = listed(f'"{column.labels[code]}"' for code in unseen(column))
    for reading in read.conditionals if labels else ():
        names = frozenset().union(*(lift_formula(formula)[0].names for formula in reading.formulas.values()))
        if column.name in names and reading.target != column.name:
            finding = f'"{column.name}" may be drawn as {labels}, which nobody has: there is no coefficient to learn'
            example = f'{quote(column.name)} == "{column.labels[int(column.values[~column.missing][0])]}"'
            remedy = f'predict with derived variables such as {example}, or leave labels = "all" of its model out'
            yield Problem(path=reading.path, finding=finding, remedy=remedy)
