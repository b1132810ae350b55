"""A representative part of large data, on which a model is described.

Priors, centres and scales need moments of the columns, and whether a block of effects is centred needs to know how much
a cluster says; a hundred thousand rows tell all of it, and formulae and bambi hold many copies of what they are given.
The part has whole clusters where there are many, every label of a column that is coded, and the smallest and the
largest value of each number. It is drawn with a fixed seed, whatever the user's.
"""

import numpy as np
import pandas as pd

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import coded_columns
from bayesimpute.plan.targets import Step, Target

MOST = 100_000
"""Rows up to which all are taken."""
MANY = 1_000
"""Clusters from which on whole ones are drawn."""
SEED = 20260102


def representative(step: Step, frame: pd.DataFrame, incomplete: Incomplete) -> np.ndarray | None:
    """Which rows a model is described on, of those that it is fitted to.

    Returns
    -------
    ndarray of bool, shape (row,), or None
        None where they are few enough for all of them.
    """
    rows, target = step.model_rows, step.lead
    if len(rows) <= MOST:
        return None
    rng = np.random.default_rng(SEED)
    factors = [factor for formula in target.formulas.values() for factor in formula.factors]
    codes = incomplete.codes(factors[0])[rows] if factors else np.arange(len(rows))
    clusters = int(codes.max()) + 1
    codes = codes if clusters >= MANY else np.arange(len(rows))
    order = rng.permutation(int(codes.max()) + 1)
    sizes = np.bincount(codes)[order]
    drawn = np.zeros(len(order), dtype=bool)
    drawn[order[: np.searchsorted(np.cumsum(sizes), MOST) + 1]] = True
    keep = np.zeros(len(frame), dtype=bool)
    keep[rows[drawn[codes]]] = True
    keep[_special(target, frame, rows)] = True
    return keep


def _special(target: Target, frame: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """The first row of every label, and of the extremes of every number."""
    coded = frozenset().union(*(coded_columns(formula) for formula in target.formulas.values()))
    found = [_first(frame[name].iloc[rows], labels=name in coded) for name in sorted(target.columns) if name in frame]
    return rows[np.concatenate(found)] if found else rows[:0]


def _first(column: pd.Series, *, labels: bool) -> np.ndarray:
    if labels or isinstance(column.dtype, pd.CategoricalDtype):
        return np.flatnonzero(~column.duplicated().to_numpy())
    values = column.to_numpy()
    return np.array([np.argmin(values), np.argmax(values)])
