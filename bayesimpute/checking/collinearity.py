"""Columns of data and of matrices on the rows that a model is fitted to: variation, labels, exact collinearity."""

import numpy as np

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.base.phrases import counted
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Matrix, quote
from bayesimpute.plan.targets import Target

CONSTANT = 1e-12
"""Relative spread of a column that is constant but for rounding."""
COLLINEAR = 1e-10
"""Share of a column's variance that its predecessors leave unexplained."""
WIDEST = 500
"""Columns beyond which collinearity is not looked for: a matrix of products has their square."""


def crowded(column: Column) -> bool:
    """Whether a category has nearly as many labels as observed rows: its matrix would be as wide as it is long."""
    known = column.values[~column.missing]
    return len(np.unique(known)) > max(20, len(known) / 2)


def column_problems(column: Column, target: Target, rows: np.ndarray, path: str) -> list[Problem]:
    """Columns without variation, never observed with the target, or with labels that are never observed with it.

    Parameters
    ----------
    rows : ndarray of int, shape (fitted row,)
        What a formula is fitted to: where the target is observed, or (selection) all rows.
    """
    name, fit = column.name, column.values[rows]
    where = f"wherever {target.name} is observed" if len(rows) == len(target.fit_rows) else "in all fitted rows"
    known = fit[~np.isnan(fit)]
    present, count = np.unique(known), len(known)
    if count == 0:
        finding = f'"{name}" is never observed together with {target.name}'
        return [_problem(path, finding, "the data cannot say how they are related: leave it out", Severity.WARNING)]
    if len(present) == 1:
        value = column.labels[int(present[0])] if column.labels else f"{present[0]:g}"
        finding = f'"{name}" does not vary: it is {value} {where}'
        return [_problem(path, finding, "leave it out" + _void(column, target.given, target.name))]
    return _new_labels(column, present, target, path) if column.kind == "category" else []


def applies_where(data: Incomplete, name: str, target: str) -> str:
    """What to write if a target is missing wherever a complete column has another value because it is void there."""
    return _void(data.columns[name], data.columns[target].values, target)


def _void(column: Column, values: np.ndarray, target: str) -> str:
    seen = np.unique(column.values[~np.isnan(values) & ~column.missing])
    if column.missing.any() or len(seen) != 1 or len(np.unique(column.values)) == 1 or column.kind == "date":
        return ""
    text = f"{seen[0]:g}" if not column.labels else repr(str(column.labels[int(seen[0])]))
    return (
        f'; if "{target}" does not apply elsewhere, write in its conditional applies = "{quote(column.name)} == {text}"'
    )


def _new_labels(column: Column, present: np.ndarray, target: Target, path: str) -> list[Problem]:
    codes, counts = np.unique(column.values[~column.missing], return_counts=True)
    found = []
    for code, count in zip(codes, counts, strict=True):
        if code not in present:
            label = f'the label "{column.labels[int(code)]}" of "{column.name}"'
            finding = f"{label} occurs only in rows where {target.name} is missing ({counted(count, 'row')})"
            found.append(_problem(path, finding, "merge it with another label, or leave these rows out"))
    return found


def matrix_problems(x: np.ndarray, matrix: Matrix, target: Target, path: str, known: frozenset[str]) -> list[Problem]:
    """Columns that do not vary, and columns that are sums of others; those made of `known` names are left out.

    Parameters
    ----------
    x : ndarray, shape (row, column)
        The matrix on the fitted rows.
    """
    constant = [k for k, name in enumerate(matrix.names) if name != "Intercept" and _flat(x[:, k])]
    found = [
        _problem(
            path,
            f"{matrix.names[k]} does not vary in the {counted(len(x), 'row')} {_which(x, target)}",
            "leave it out, or merge labels",
        )
        for k in constant
        if not _made_of(k, matrix, known)
    ]
    for k in _dependent(x, matrix, constant):
        finding = f"{matrix.names[k]} is exactly collinear with the terms before it"
        found.append(_problem(path, finding, "leave one out: only priors tell them apart", Severity.WARNING))
    return found


def _which(x: np.ndarray, target: Target) -> str:
    return f"where {target.name} is observed" if len(x) == len(target.fit_rows) else "that it is fitted to"


def _flat(values: np.ndarray) -> bool:
    largest = np.max(np.abs(values), initial=0.0)
    return bool(np.isfinite(largest) and (largest == 0 or np.ptp(values / largest) <= CONSTANT))


def _made_of(k: int, matrix: Matrix, known: frozenset[str]) -> bool:
    """Whether a column belongs to a term in which one of the names occurs."""
    term = next(term for term, place in matrix.terms if place.start <= k < place.stop)
    return any(name in term for name in known)


def _dependent(x: np.ndarray, matrix: Matrix, constant: list[int]) -> list[int]:
    """Columns that are linear combinations of those before them, by the Cholesky factor of their products."""
    used = [k for k, name in enumerate(matrix.names) if name != "Intercept" and k not in constant]
    if len(used) < 2 or len(used) > WIDEST or len(x) <= len(used) or not np.isfinite(x).all():
        return []
    z = x[:, used] / np.max(np.abs(x[:, used]), axis=0)  # first, so that no square over- or underflows
    z -= z.mean(axis=0) if "Intercept" in matrix.names else 0.0
    z /= np.sqrt((z**2).sum(axis=0))
    gram, factor, found = z.T @ z, np.zeros((len(used), len(used))), []
    for j in range(len(used)):
        row = factor[j]
        for i in range(j):
            row[i] = (gram[j, i] - row[:i] @ factor[i, :i]) / factor[i, i] if factor[i, i] > 0 else 0.0
        left = gram[j, j] - row[:j] @ row[:j]
        if left < COLLINEAR:
            found.append(used[j])
            row[:] = 0.0
        else:
            row[j] = np.sqrt(left)
    return found


def _problem(path: str, finding: str, remedy: str, severity: Severity = Severity.ERROR) -> Problem:
    return Problem(path=path, finding=finding, remedy=remedy, severity=severity)
