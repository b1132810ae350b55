"""Log Phi and log Phi_2 from plain operations of PyTensor: for models that are taken elsewhere.

The samplers' Ops (``normal_cdf.py``) run in NumPy and numba only; these are made of PyTensor's own operations only, so
that they have second derivatives and go where such graphs go. They cost more: Phi_2 sums over :data:`NODES` nodes for
each row.
"""

import math
from typing import Any

import numpy as np

NODES = 160
"""Of the Gauss-Legendre rule: log Phi_2 is right to 1e-8 for arguments within 6 and |rho| <= .999, down to e^-100."""
FARTHEST = 16.0
"""Fisher's z of the correlation that counts as -1."""
TAIL, DEPTH = -5.0, 24
"""Below it Phi is by the continued fraction of Mills' ratio (Laplace), which is so deep."""


def log_ndtr(x: Any) -> Any:
    """Log Phi(x), elementwise, with gradients that survive the tails."""
    pt = _tensors()
    far = pt.maximum(-x, -TAIL)
    fraction = far
    for k in range(DEPTH, 0, -1):
        fraction = far + k / fraction
    tail = -0.5 * far**2 - 0.5 * math.log(2 * math.pi) - pt.log(fraction)
    low, high = (_survival(end) for end in (-pt.clip(x, TAIL, 0.0), pt.maximum(x, 0.0)))
    return pt.switch(x < TAIL, tail, pt.switch(x < 0, pt.log(low), pt.log1p(-high)))


def log_quadrant(h: Any, k: Any, rho: Any) -> Any:
    """Log P(X <= h, Y <= k) of standard bivariate normals with correlation rho, each (row,) or ().

    From rho = -1, where it is max(0, Phi(h) - Phi(-k)), by Plackett's identity over Fisher's z of the correlation
    (``bivariate_normal.py`` has the integrand): a sum of positive terms.
    """
    pt = _tensors()
    at, weights = np.polynomial.legendre.leggauss(NODES)
    h, k, rho = (_column(each) for each in (h, k, rho))
    length = pt.arctanh(rho) + FARTHEST
    v = length / 2 * (at + 1) - FARTHEST
    exponent = -(h**2 + k**2) / 4 - ((h - k) ** 2 * pt.exp(2 * v) + (h + k) ** 2 * pt.exp(-2 * v)) / 8
    terms = pt.exp(exponent - pt.log(pt.cosh(v)))
    integral = (weights * terms).sum(axis=-1) * length[..., 0] / (4 * math.pi)
    low, high = _survival(-pt.minimum(h, k)), _survival(pt.maximum(h, k))
    alone = pt.maximum(0.0, low - high)[..., 0]
    return pt.log(pt.maximum(alone + integral, np.finfo(float).tiny))


def _survival(x: Any) -> Any:
    """1 - Phi(x), which keeps its digits where x is large."""
    return 0.5 * _tensors().erfc(x / math.sqrt(2))


def _column(x: Any) -> Any:
    pt = _tensors()
    return pt.cast(pt.as_tensor_variable(x), "float64")[..., None]  # a Python number would be a single float


def _tensors() -> Any:
    """PyTensor's functions, whose types are looser than they are."""
    import pytensor.tensor as pt

    return pt
