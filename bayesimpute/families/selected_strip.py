"""Outcomes that are strips of the error's line, such as ordered labels and counts, and were selected.

A strip has the difference of two quadrants of the joint law of both errors, taken on the side where both are small.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesimpute.families.log_space import ARRAYS, Functions

STEP = 4e-3
"""Of the differences that give the information."""


def log_strip(code: Any, cutpoints: Any, mu: Any, quadrant: Callable[[Any, Any], Any], f: Functions = ARRAYS) -> Any:
    """Log P(c_k-1 < mu + e <= c_k, selected), shape (row,).

    Parameters
    ----------
    code : whole numbers, shape (row,)
    cutpoints : shape (row, label - 1)
        Ascending.
    mu : shape (row,)
    quadrant : callable
        From a sign and m, each (row,), to log P(sign (m + e) > 0, selected).
    f : Functions
        Of arrays or tensors.
    """
    last = cutpoints.shape[1]
    rows = np.arange(cutpoints.shape[0]) if f is ARRAYS else _range(cutpoints)
    a, b = cutpoints[rows, f.most(code - 1, 0)], cutpoints[rows, f.least(code, last - 1)]
    inner = (code > 0) & (code < last)
    right = f.where(inner, a + b - 2 * mu > 0, code > 0)  # the side where both quadrants are the smaller ones
    sign = f.where(right, 1.0, -1.0)
    large = quadrant(sign, mu - f.where(right, a, b))
    far = f.where(inner, f.where(right, b, a), f.where(right, a + 1.0, b - 1.0))  # computed where it is not used
    return large + f.where(inner, f.complement(quadrant(sign, mu - far) - large), 0.0)


def _range(cutpoints: Any) -> Any:
    import pytensor.tensor as pt

    return pt.arange(cutpoints.shape[0])


def by_differences(at: Callable[[float, float], np.ndarray], tells: np.ndarray) -> np.ndarray:
    """The information about the predictors of mu and selection, shape (row, 2, 2).

    Minus the second derivatives; where the log-likelihood bends upwards, which that of a count may, it is level.

    Parameters
    ----------
    at : callable
        The log-likelihood, (row,), where both predictors are moved by so much.
    tells : bool, shape (row,)
        False of units that could not be selected, which say nothing.
    """
    middle = at(0, 0)
    found = np.empty((len(middle), 2, 2))
    found[:, 0, 0] = 2 * middle - at(STEP, 0) - at(-STEP, 0)
    found[:, 1, 1] = 2 * middle - at(0, STEP) - at(0, -STEP)
    found[:, 0, 1] = found[:, 1, 0] = (at(STEP, -STEP) + at(-STEP, STEP) - at(STEP, STEP) - at(-STEP, -STEP)) / 4
    values, axes = np.linalg.eigh(np.where(tells[:, None, None], found, 0.0) / STEP**2)
    return (axes * np.maximum(values, 0.0)[:, None, :]) @ axes.transpose(0, 2, 1)
