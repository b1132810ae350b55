"""Predictors of the level of clusters: whether the clusters in which a target is observed carry them.

A coefficient of a cluster mean, or of a variable that is constant within clusters, is learnt from as many points as
there are clusters with a value of the target. Where the others have means beyond those of these few, what is imputed
there follows a line through noise, far out of anything that was observed.
"""

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, Severity
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.clusters import carried
from bayesimpute.checking.collinearity import CONSTANT
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.formulas import Matrix
from bayesimpute.plan.targets import Target


def problems(
    common: Matrix, rows: np.ndarray, target: Target, completed: Completed, data: Incomplete, path: str
) -> list[Problem]:
    """Whether a formula, fitted to some rows, has more coefficients of the level of clusters than these carry."""
    try:
        values = common.evaluate(completed.frame)
    except FormulaError:  # labels that are new, which is reported
        return []
    found = []
    for key in data.clusters if target.level is None else (target.level,):
        codes = data.codes(key)
        seen = len(np.unique(codes[rows]))
        if data.n_clusters(key) == len(codes) or seen < 2 or len(values) != len(codes):
            continue
        same = _constant(values, data.level_rows(key)[codes])
        names = [name for name, fixed in zip(common.names, same, strict=True) if fixed and name != "Intercept"]
        most = carried(seen)
        if len(names) > most:
            where = f'{counted(seen, "cluster")} of "{key}" with a value of "{target.name}"'
            finding = f"{where} are to carry {counted(len(names), 'coefficient')} of their level: {listed(names)}"
            few = "1 is" if most == 1 else f"{most} are"
            remedy = (
                f"{few} what they carry, else values imputed elsewhere may lie far off: leave cluster means out first"
            )
            found.append(Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING))
    return found


def _constant(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Which columns have in each row what they have in the first row of its cluster."""
    scale = np.maximum(np.max(np.abs(values), axis=0), np.finfo(float).tiny)
    with np.errstate(invalid="ignore"):  # what is not finite is told elsewhere
        return np.max(np.abs(values - values[first]) / scale, axis=0) <= CONSTANT
