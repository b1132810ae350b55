"""Perfect separation: some combination of columns tells without error which of two groups a row belongs to.

Then a likelihood has no maximum, and coefficients are held by the priors only (Albert & Anderson 1984, Biometrika
71:1). It is looked for by linear programming (Konis 2007, thesis, Oxford): is there a b with z x'b >= 0 for all rows,
z = 1 or -1, and z x'b > 0 for some? A label that occurs with one outcome only is the simplest case.
"""

from collections.abc import Iterator

import numpy as np

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.families.label_values import Binary, Labelled, Ordered
from bayesimpute.formulas import Matrix
from bayesimpute.plan.targets import Target

LARGEST = 200_000
"""Cells of a matrix beyond which it is not looked for."""
MOST_TRIED = 12
"""Columns of which it is asked whether they are needed."""
SHOWN = 3
"""Columns that are named."""
REMEDY = "their coefficients are held by the priors only: merge labels, or give priors that you can defend"


def separated(x: np.ndarray, mine: np.ndarray) -> np.ndarray | None:
    """The columns that separate some rows from the others, none of them in vain; None if there are none.

    Parameters
    ----------
    x : ndarray, shape (row, column)
    mine : ndarray of bool, shape (row,)
        One of the two groups.
    """
    if mine.all() or not mine.any() or not 0 < x.size <= LARGEST or not np.isfinite(x).all():
        return None
    from scipy.optimize import linprog

    z = np.where(mine, 1.0, -1.0)
    scaled = z[:, None] * x / np.maximum(np.abs(x).max(axis=0), 1e-300)
    found = linprog(-scaled.sum(axis=0), A_ub=-scaled, b_ub=np.zeros(len(x)), bounds=(-1, 1), method="highs")
    if found.x is None or -found.fun < 1e-6:
        return None
    columns = np.argsort(-np.abs(found.x))[: np.count_nonzero(np.abs(found.x) > 1e-6)]
    for k in columns[::-1] if 1 < len(columns) <= MOST_TRIED else ():
        rest = columns[columns != k]
        inner = separated(x[:, rest], mine)
        if inner is not None:
            return rest[inner]
    return columns


def of_selection(x: np.ndarray, matrix: Matrix, target: Target, path: str) -> list[Problem]:
    """In the selection equation; the selected rows come first."""
    columns = separated(x, np.arange(len(x)) < len(target.fit_rows))
    what = f"whether some values of {target.name} are observed"
    return [] if columns is None else [_warning(matrix, columns, what, path)]


def of_outcome(x: np.ndarray, matrix: Matrix, target: Target, path: str) -> list[Problem]:
    """In the model of a variable with labels; the first of them that is told apart from the others."""
    if "Intercept" not in matrix.names:  # cutpoints are in its place
        x = np.column_stack([x, np.ones(len(x))])
    for mine, what in _groups(target):
        columns = separated(x, mine)
        if columns is not None:
            return [_warning(matrix, columns, f"for some rows whether {target.name} is {what}", path)]
    return []


def _groups(target: Target) -> Iterator[tuple[np.ndarray, str]]:
    """Which observed rows are on one side, and what that is called."""
    values, y = target.values, target.given[target.fit_rows]
    if isinstance(values, Binary):
        yield y == 1, values.labels[1]
    elif isinstance(values, Labelled):
        for point, label in zip(values.points, values.shown_labels, strict=True):
            ordered = isinstance(values, Ordered)
            if not ordered or point < values.points[-1]:
                yield (y <= point, f"at most {label}") if ordered else (y == point, label)


def _warning(matrix: Matrix, columns: np.ndarray, what: str, path: str) -> Problem:
    named = [matrix.names[k] for k in columns if k < len(matrix.names) and matrix.names[k] != "Intercept"]
    names = " and ".join(named[:SHOWN])
    finding = f"perfect separation: {names} can tell without error {what}"
    return Problem(path=path, finding=finding, remedy=REMEDY, severity=Severity.WARNING)
