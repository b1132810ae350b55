"""Probabilities between cutpoints, F(b - eta) - F(a - eta), that keep their digits in the tails; for two links.

In NumPy and in PyTensor by the same formulas (``log_space.py``).
"""

from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from bayesimpute.base import cutpoints
from bayesimpute.families.log_space import ARRAYS, Functions


def log_cdf(x: Any, link: str, f: Functions = ARRAYS) -> Any:
    """Log F."""
    return -f.softplus(-x) if link == "logit" else f.log_ndtr(x)


def log_between(a: Any, b: Any, link: str, f: Functions = ARRAYS) -> Any:
    """Log (F(b) - F(a)) for finite a < b."""
    return cutpoints.log_between(a, b, lambda x: log_cdf(x, link, f), f.where, f.complement)


def log_share(code: Any, bounds: Any, eta: Any, last: Any, link: str, f: Functions = ARRAYS) -> Any:
    """Log P(y = code), shape (row,).

    Parameters
    ----------
    code : whole numbers, shape (row,)
    bounds : shape (row, label - 1)
        The cutpoints, ascending.
    eta : shape (row,)
    last : int
        The last code.
    """
    rows = np.arange(bounds.shape[0]) if f is ARRAYS else _range(bounds)
    a = bounds[rows, f.most(code - 1, 0)] - eta
    b = bounds[rows, f.least(code, last - 1)] - eta
    inner = (code > 0) & (code < last)
    apart = f.where(inner, b, a + 1.0)  # a number that can be computed where it is not used
    middle = log_between(a, apart, link, f)
    return f.where(inner, middle, f.where(code > 0, log_cdf(-a, link, f), log_cdf(b, link, f)))


def _range(bounds: Any) -> Any:
    import pytensor.tensor as pt

    return pt.arange(bounds.shape[0])


def cdf(x: np.ndarray, link: str) -> np.ndarray:
    """F."""
    return expit(x) if link == "logit" else ndtr(x)


def density(x: np.ndarray, link: str) -> np.ndarray:
    """The derivative of F."""
    return expit(x) * expit(-x) if link == "logit" else np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
