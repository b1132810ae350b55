"""Outcomes that are strips of the error's line, such as ordered labels and counts, and were selected.

A strip has the difference of two quadrants of the joint law of both errors, taken on the side where both are small.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from bayesimpute.families.log_space import ARRAYS, Functions

FAR = 30.0
"""Normal scores beyond which no digits are left of probabilities' differences: 1e-197."""
BEYOND = float(ndtr(-FAR))


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
