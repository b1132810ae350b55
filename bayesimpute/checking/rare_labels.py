"""Labels of incomplete variables of which the data know little: observed nowhere, or in one cluster only.

A model that takes all labels of a column draws those that are observed nowhere as its prior has them.
"""

from collections.abc import Iterator

import numpy as np

from bayesimpute.base.errors import DataError, Problem, Severity
from bayesimpute.base.phrases import listed
from bayesimpute.checking.labels_meant import unseen
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import settled
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import Family
from bayesimpute.families.label_values import Labelled

NEVER = 'it is a label still, and never imputed, unless its model has labels = "all"'
SHOWN = 4
"""Labels that are named."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Warnings, which become events of the run."""
    found = []
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        family = settled(reading, column) if column is not None and column.missing.any() else None
        if column is not None and family is not None and issubclass(family.values, Labelled):
            found += [*_nowhere(reading, family, column), *_in_one_cluster(reading, column, data)]
    return found


def _nowhere(reading: Reading, family: Family, column: Column) -> Iterator[Problem]:
    every = family.labels_meant == "all"
    if column.kind != "category" or (column.said is not None and not every):  # of what a plan says that is told there
        return
    absent = [str(column.labels[code]) for code in unseen(column)]
    if absent:
        finding = f'{_labels(absent)} of "{reading.target}" {"is" if len(absent) == 1 else "are"} observed nowhere'
        meant = "it is a label still, and drawn as often as the prior has it" if every else NEVER
        yield _warning(reading, finding, f"the data say nothing of it: {meant}")


def _in_one_cluster(reading: Reading, column: Column, data: Incomplete) -> Iterator[Problem]:
    known = ~column.missing
    for key in dict.fromkeys(g.factor for formula in reading.formulas.values() for g in formula.groups):
        try:
            codes = data.codes(key)[known]
        except DataError:  # which is told elsewhere
            continue
        if len(np.unique(codes)) < 2:
            continue
        points = np.unique(column.values[known])
        lonely = [p for p in points if len(np.unique(codes[column.values[known] == p])) == 1]
        if lonely and len(lonely) < len(points):
            names = [str(column.labels[int(p)]) if column.labels else f"{p:g}" for p in lonely]
            finding = f'{_labels(names)} of "{reading.target}" {"is" if len(names) == 1 else "are"} observed in one'
            finding += f" cluster of {key} only"
            yield _warning(reading, finding, "that of other clusters is left to the priors: merge it with another")


def _labels(names: list[str]) -> str:
    return f"the label{'s' * (len(names) > 1)} {listed([f'"{name}"' for name in names], SHOWN)}"


def _warning(reading: Reading, finding: str, remedy: str) -> Problem:
    return Problem(path=reading.path, finding=finding, remedy=remedy, severity=Severity.WARNING)
