"""Which values of a selection model's target are missing systematically: the column that says so, and empty clusters.

A cluster without any observed value is systematically missing, or its units were selected out one by one. How many
would be empty by chance if all units were missing with the same probability, is a floor: clusters differ. Where that is
next to nothing, as of large clusters, to take empty clusters for systematic does no harm and the mixture comes to the
same; where it is not, what is assumed of them matters, and the user shall know.
"""

import numpy as np

from bayesimpute.base.errors import Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.checking.clusters import usable
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families.heckman import CHOICES
from bayesimpute.plan.empty_clusters import empty_clusters

BY_CHANCE = 0.05
"""Clusters expected to be empty by chance from which on it matters what is assumed of those that are."""
ASSUMES = {
    "mixture": (
        "each is systematically missing or empty by chance, as likely as its size and the other clusters say; what is "
        "between clusters counts as missing at random"
    ),
    "marginal": "all are taken as systematically missing, which truncates on the outcome of selection",
    "selected": "all are taken as selected out one by one, which makes the variance of selection too large",
}


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with such a column, and what is assumed of empty clusters where it matters."""
    notes = Notes()
    for reading in read.conditionals:
        selection = None if reading.family is None else reading.family.selection
        column = data.columns.get(reading.target)
        if selection is None or column is None or not column.missing.any() or column.missing.all():
            continue
        if selection.systematic in CHOICES:
            _empty(reading, selection.systematic, data, notes)
        else:
            _column(reading, selection.systematic, data, notes)
    return notes.problems


def _column(reading: Reading, name: str, data: Incomplete, notes: Notes) -> None:
    path, target = f"{reading.path}.systematic", reading.target
    if name not in data.columns:
        remedy = did_you_mean(name, [*CHOICES, *data.columns], f"use one of {', '.join(CHOICES)}, or name a column")
        notes.add(path, f'"{name}" is neither a choice nor a column of the data', remedy)
        return
    column, missing = data.columns[name], data.columns[target].missing
    if column.missing.any() or not np.isin(column.values, (0.0, 1.0)).all() or column.kind not in ("number", "yes/no"):
        finding = f'"{name}" is not a complete column of yes and no, or of 0 and 1'
        notes.add(path, finding, f"let it say of each row whether {target} is missing systematically")
        return
    wrong = (column.values == 1) & ~missing
    level = reading.level or data.variables[target].level
    if wrong.any() and level is None:
        where = first_row(data.frame, wrong)
        finding = f'"{name}" is true in {counted(int(wrong.sum()), "row")} where "{target}" is observed, {where}'
        notes.add(path, finding, f"let it be true only where {target} is missing")
    elif level is not None and usable(level, data):
        _of_clusters(path, name, target, level, data, notes)


def _of_clusters(path: str, name: str, target: str, level: str, data: Incomplete, notes: Notes) -> None:
    """The same of a variable of clusters, whose value is known if that of any member is."""
    codes, said = data.codes(level), data.columns[name].values == 1
    seen = np.bincount(codes, weights=~data.columns[target].missing) > 0
    share = np.bincount(codes, weights=said) / np.bincount(codes)
    if ((share > 0) & (share < 1)).any():
        finding = f'"{name}" is not constant within "{level}", of which "{target}" is a variable'
        notes.add(path, finding, "make the members agree")
    elif (seen & (share > 0)).any():
        where = f'{counted(int((seen & (share > 0)).sum()), "cluster")} of "{level}"'
        finding = f'"{name}" is true in {where} with a value of "{target}"'
        notes.add(path, finding, f"let it be true only where {target} is missing")


def _empty(reading: Reading, said: str, data: Incomplete, notes: Notes) -> None:
    """How many clusters have no value, how many that may be by chance, and what is assumed of them."""
    factors = [] if "mu" not in reading.formulas else reading.formulas["mu"].factors
    known = [f for f in factors if all(name in data.columns for name in key_columns(f, data.columns))]
    level = reading.level or data.variables[reading.target].level
    if not known or not all(usable(f, data) for f in [*known, *([level] if level else [])]):
        return
    rows = data.each_row if level is None else data.level_rows(level)
    of_row = data.each_row if level is None else data.codes(level)
    observed = np.bincount(of_row, weights=~data.columns[reading.target].missing) > 0
    empty, belongs = empty_clusters(known, data, rows, observed)
    if not len(empty) or not observed.any():
        return
    kept = belongs < 0
    missing = share_missing(data.codes(empty.keys[0])[rows][kept], observed[kept])
    expected = sum(float((missing ** np.bincount(data.codes(key)[rows])).sum()) for key in dict.fromkeys(empty.keys))
    if (expected >= BY_CHANCE) == (said == "selected"):
        return
    sizes = np.bincount(belongs[belongs >= 0])
    finding = (
        f"{len(empty)} clusters of {_sizes(sizes)} have no value of {reading.target}; if units were missing alike, "
        f'{expected:.2g} would have none by chance. systematic = "{said}": {ASSUMES[said]}'
    )
    others = " or ".join(f'"{choice}"' for choice in CHOICES if choice != said)
    remedy = f"if you know which values are missing systematically, name a column that says it; else consider {others}"
    if said == "mixture":
        remedy = "if you know which values are missing systematically, name a column that says it"
    notes.problems.append(
        Problem(path=f"{reading.path}.systematic", finding=finding, remedy=remedy, severity=Severity.WARNING)
    )


def share_missing(codes: np.ndarray, observed: np.ndarray) -> float:
    """The share q of values that are missing, of clusters that are here because they have one: of units missing alike.

    Their observed values are binomial given that there is one, so that the maximum of the likelihood solves
    sum_j n_j (1 - q) / (1 - q^n_j) = number of observed values; the plain share would be too small.

    Parameters
    ----------
    codes : ndarray of int, shape (unit,)
        Clusters, each with an observed value.
    observed : ndarray of bool, shape (unit,)
        Whether a unit's value is.
    """
    from scipy.optimize import root_scalar

    sizes, total = np.unique(codes, return_counts=True)[1], int(observed.sum())
    if total == sizes.sum():
        return 0.0

    def excess(q: float) -> float:
        return float((sizes * (1 - q) / (1 - q**sizes)).sum()) - total

    low, high = 1e-12, 1 - 1e-6
    return float(root_scalar(excess, bracket=(low, high)).root) if excess(high) < 0 < excess(low) else high


def _sizes(sizes: np.ndarray) -> str:
    low, high = int(sizes.min()), int(sizes.max())
    return counted(low, "unit") if low == high else f"{low} to {high} units"
