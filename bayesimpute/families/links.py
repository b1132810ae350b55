"""Link functions, each with its inverse in NumPy, and the link itself in NumPy and in PyTensor.

To add one, add a line to :data:`LINKS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

LARGEST = 700.0
"""Of a logarithm."""


@dataclass(frozen=True)
class Link:
    """A link g and its inverse, on arrays of any shape; `symbolic` is g of a tensor in a PyMC model."""

    link: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[np.ndarray], np.ndarray]
    symbolic: Callable[[Any], Any]


def _same[T](x: T) -> T:
    return x


def _exp(x: np.ndarray) -> np.ndarray:
    """Of predictors that nobody can square any more the largest: a prior may draw anything."""
    return np.exp(np.minimum(x, LARGEST))


def _pymc(name: str) -> Callable[[Any], Any]:
    """A function of ``pymc.math``, which is not imported before it is called."""

    def symbolic(value: Any) -> Any:
        import pymc as pm

        return getattr(pm.math, name)(value)

    return symbolic


def _probit(p: Any) -> Any:
    import pytensor.tensor as pt

    return -np.sqrt(2.0) * pt.erfcinv(2.0 * p)  # PyMC's has the precision of single floats


LINKS: Mapping[str, Link] = {
    "identity": Link(_same, _same, _same),
    "log": Link(np.log, _exp, _pymc("log")),
    "logit": Link(logit, expit, _pymc("logit")),
    "probit": Link(ndtri, ndtr, _probit),
    "fisher": Link(np.arctanh, np.tanh, lambda r: r.arctanh()),
}
