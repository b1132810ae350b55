"""Log Phi and log Phi_2 from plain operations of PyTensor: for models that are taken elsewhere.

The samplers' Ops (``normal_cdf.py``) run in NumPy and numba only; these run wherever PyTensor's own operations do, in
JAX and in samplers that differentiate twice. They cost more: Phi_2 sums over :data:`NODES` nodes for each row.
"""

import math
from typing import Any

import numpy as np

NODES = 160
"""Of the Gauss-Legendre rule for Phi_2: errors of the log below 1e-8 where Phi_2 is above e^-100 and |rho| <= .999."""
FARTHEST = 16.0
"""Fisher's z of the correlation that counts as -1."""
TAIL, DEPTH = -5.0, 24
"""Below it Phi is by the continued fraction of Mills' ratio (Laplace), which is so deep."""


def log_ndtr(x: Any) -> Any:
    """Log Phi(x), elementwise, with gradients that survive the tails."""
    import pytensor.tensor as pt

    far = pt.maximum(-x, -TAIL)
    fraction = far
    for k in range(DEPTH, 0, -1):
        fraction = far + k / fraction
    tail = -0.5 * far**2 - 0.5 * math.log(2 * math.pi) - pt.log(fraction)
    low = pt.log(0.5 * pt.erfc(-pt.clip(x, TAIL, 0.0) / math.sqrt(2)))
    high = pt.log1p(-0.5 * pt.erfc(pt.maximum(x, 0.0) / math.sqrt(2)))
    return pt.switch(x < TAIL, tail, pt.switch(x < 0, low, high))


def log_quadrant(h: Any, k: Any, rho: Any) -> Any:
    """Log P(X <= h, Y <= k) of standard bivariate normals with correlation rho, each (row,) or ().

    From rho = -1, where it is max(0, Phi(h) - Phi(-k)), by Plackett's identity over Fisher's z of the correlation
    (``bivariate_normal.py`` has the integrand): a sum of positive terms.
    """
    import pytensor.tensor as pt

    at, weights = np.polynomial.legendre.leggauss(NODES)
    h, k, rho = (pt.cast(pt.as_tensor_variable(each), "float64")[..., None] for each in (h, k, rho))
    length = pt.arctanh(rho) + FARTHEST
    v = length / 2 * (at + 1) - FARTHEST
    exponent = -(h**2 + k**2) / 4 - ((h - k) ** 2 * pt.exp(2 * v) + (h + k) ** 2 * pt.exp(-2 * v)) / 8
    terms = pt.exp(exponent - pt.log(pt.cosh(v)))
    integral = (weights * terms).sum(axis=-1) * length[..., 0] / (4 * math.pi)
    low, high = pt.minimum(h, k)[..., 0], pt.maximum(h, k)[..., 0]
    alone = pt.maximum(0.0, 0.5 * (pt.erfc(-low / math.sqrt(2)) - pt.erfc(high / math.sqrt(2))))
    return pt.log(pt.maximum(alone + integral, np.finfo(float).tiny))
