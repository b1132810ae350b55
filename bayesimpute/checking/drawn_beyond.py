"""Predictors that are no numbers at values that nobody has and models draw, as the logarithm of a count of none."""

from collections.abc import Iterable, Iterator

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, Severity
from bayesimpute.base.phrases import listed
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.sheets import IMPUTED_ELSEWHERE
from bayesimpute.families import Family
from bayesimpute.formulas import Matrix
from bayesimpute.plan.targets import Resolved, Target

FAR = 4.0
"""Standard deviations below the mean that a number of no family with limits is taken to reach."""
ROWS = 100
"""That are looked at: in some a predictor is none anyway, as the value of the visit before the first."""


def matrix_problems(matrix: Matrix, resolved: Resolved, completed: Completed, path: str) -> Iterator[Problem]:
    """Warnings about columns of a matrix that read imputed numbers."""
    frame = completed.frame.iloc[:ROWS]
    for target in _unlimited(resolved, matrix.columns):
        low = _lowest(target)
        if low is None:
            continue
        with np.errstate(all="ignore"):
            try:
                fine, there = (np.isfinite(matrix.evaluate(f)) for f in (frame, frame.assign(**{target.name: low})))
            except FormulaError:
                continue
        wrong = (fine & ~there).any(axis=0)
        if wrong.any():
            names = listed(name for name, each in zip(matrix.names, wrong, strict=True) if each)
            finding = (
                f"{names} is not a finite number where {target.name} is {low:.3g}, which {target.family.name} draws"
            )
            remedy = f"the run stops if it does: {IMPUTED_ELSEWHERE}"
            yield Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING)


def _unlimited(resolved: Resolved, names: Iterable[str]) -> Iterator[Target]:
    """Imputed numbers among some columns that nothing but their family limits."""
    for target in (t for t in resolved.targets if t.name in names and t.missing_rows.size):
        free = type(target.family).possible is Family.possible and target.known is None
        if free and target.family.density and not resolved.restricted(target.name):
            yield target


def _lowest(target: Target) -> float | None:
    """The least value that is drawn, or a small one where there is none; None of labels, and where the end is open."""
    support, given = target.values.support, target.given[target.fit_rows]
    if support.only or not given.size:
        return None
    if np.isfinite(support.low):
        return float(support.low) if support.whole or support.closed[0] else None
    return float(given.mean() - FAR * given.std())
