"""Of which units no predictor is imputed: found by filling cells with values that cannot be overlooked.

A unit whose design matrices are the same whatever the missing cells are has its predictors observed: those of its row,
of its cluster's means, of derived variables.
"""

from collections.abc import Iterator

import numpy as np

from bayesimpute.plan.targets import Step
from bayesimpute.running.kernel import Bench, begin
from bayesimpute.running.workspace import Workspace

MOST = 12
"""Fills that are tried; a category with more labels is tried with these."""


def known_predictors(space: Workspace, step: Step) -> np.ndarray:
    """Whether all predictors of each unit that a step's model is fitted to are observed, bool, (modelled unit,).

    Parameters
    ----------
    space : Workspace
        Of the plan on its data.
    step : Step
        Whose model.
    """
    rows = space.placements[step.name].model_rows
    first, same = None, np.ones(len(rows), dtype=bool)
    with np.errstate(all="ignore"):
        for cells in _fills(space):
            matrices = [m[rows] for m in Bench(space, cells).matrices(step).values()]
            whole = np.concatenate([np.zeros((len(rows), 1)), *matrices], axis=1)
            first = whole if first is None else first
            same &= (whole == first).all(axis=1)
    return same


def _fills(space: Workspace) -> Iterator[dict[str, np.ndarray]]:
    """Cells in which codes go through all labels, and numbers through no value and values on both sides of the data."""
    start = begin(space, 0, 0).cells
    labels = {t.name: len(t.values.labels) for t in space.resolved.targets}
    for k in range(min(MOST, max(3, *labels.values(), 3))):
        yield {
            t.name: np.full(len(start[t.name]), float(k % labels[t.name]) if labels[t.name] else _number(t.given, k))
            for t in space.resolved.targets
        }


def _number(given: np.ndarray, k: int) -> float:
    known = given[~np.isnan(given)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    return (np.nan, low - 1.0, high + 1.0)[k % 3]
