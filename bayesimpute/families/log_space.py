"""Logarithms of probabilities, in NumPy and in PyTensor: one object of functions each: formulas are written once.

Probabilities are handed on as logarithms x < 0; those of complements, log(1 - e^x), keep their digits near both ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.special import log_ndtr

LEAST = 1e-300
"""A logarithm of a probability that is nearer to 0 is taken as this far: a complement is never nothing."""
FARTHEST = 35.0
"""Normal scores beyond it count as there: Phi has no digits left further out."""
SMALL = -30.0
"""Of a logarithm, below which e^x is all there is of expm1 and log1p."""


@dataclass(frozen=True)
class Functions:
    """What formulas of both kinds need, elementwise.

    Parameters
    ----------
    exp, log, softplus : callable
        Of one argument; softplus(x) = log(1 + e^x).
    complement : callable
        log(1 - e^x) for x < 0.
    where, least, most : callable
        A choice by a condition; the smaller and the larger of two.
    log_ndtr : callable
        Log Phi.
    """

    exp: Callable[[Any], Any]
    log: Callable[[Any], Any]
    softplus: Callable[[Any], Any]
    complement: Callable[[Any], Any]
    where: Callable[[Any, Any, Any], Any]
    least: Callable[[Any, Any], Any]
    most: Callable[[Any, Any], Any]
    log_ndtr: Callable[[Any], Any]

    def log_expm1(self, x: Any) -> Any:
        """Log(e^x - 1) for x > 0."""
        return x + self.complement(-x)

    def log_softplus(self, x: Any) -> Any:
        """Log log(1 + e^x)."""
        near = self.most(x, SMALL)
        return self.where(x < SMALL, x, self.log(self.softplus(near)))

    def log_minus_complement(self, x: Any) -> Any:
        """Log(-log(1 - e^x)) for x < 0."""
        near = self.most(x, SMALL)
        return self.where(x < SMALL, x, self.log(-self.complement(near)))

    def sum(self, x: Any, y: Any) -> Any:
        """Log(e^x + e^y)."""
        return x + self.softplus(y - x)

    def tails(self, k: Any) -> tuple[Any, Any]:
        """Log Phi(k) and log(1 - Phi(k))."""
        k = self.least(self.most(k, -FARTHEST), FARTHEST)
        return self.log_ndtr(k), self.log_ndtr(-k)


def _complement(x: Any) -> np.ndarray:
    x = np.minimum(x, -LEAST)
    near = np.maximum(x, -1.0)
    return np.where(x > -0.5, np.log(-np.expm1(near)), np.log1p(-np.exp(np.minimum(x, -0.25))))


ARRAYS = Functions(
    exp=np.exp,
    log=np.log,
    softplus=lambda x: np.logaddexp(0.0, x),
    complement=_complement,
    where=np.where,
    least=np.minimum,
    most=np.maximum,
    log_ndtr=log_ndtr,
)


@cache
def tensors(*, plain: bool) -> Functions:
    """Of PyTensor; `plain` ones are made of its own operations only (``numerics/plain_normal_cdf.py``)."""
    import pytensor.tensor as pt

    from bayesimpute.numerics import plain_normal_cdf
    from bayesimpute.numerics.normal_cdf import log_ndtr_op

    math: Any = pt
    return Functions(
        exp=math.exp,
        log=math.log,
        softplus=math.softplus,
        complement=lambda x: math.log1mexp(math.minimum(x, -LEAST)),
        where=math.switch,
        least=math.minimum,
        most=math.maximum,
        log_ndtr=plain_normal_cdf.log_ndtr if plain else log_ndtr_op,
    )
