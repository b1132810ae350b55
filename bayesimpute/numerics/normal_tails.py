"""The normal distribution far out: Mills' ratio to full double accuracy, and log Phi from it, compiled with numba.

Mills' ratio is Phi(-z) / phi(z), which falls from 1.25 at zero like 1 / z: where Phi itself underflows it is an
ordinary number, so whatever is written with it survives. It is a table of short polynomials in y = 5 / (5 + z), after
S. G. Johnson's erfcx in the Faddeeva package, fitted when this module is imported to SciPy's erfcx.

PyMC's own ``normal_lcdf`` has constants of single precision; this has not.

numba caches a compiled function by its own file: after a change here or in ``exponential.py``, touch those that use it.
"""

import math

import numba
import numpy as np
from scipy.special import erfcx

from bayesimpute.numerics.compiling import compiled

LOG_ROOT_2PI = 0.5 * math.log(2 * math.pi)
INTERVALS = 128
DEGREE = 6
REACH = 5.0


def _fitted() -> np.ndarray:
    """Coefficients of mills(z) / y on each interval of y, shape (interval, power), in a variable from -1 to 1."""
    u = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    y = (np.arange(INTERVALS)[:, None] + (u + 1) / 2) / INTERVALS
    values = math.sqrt(math.pi / 2) * erfcx((REACH / y - REACH) / math.sqrt(2)) / y
    return np.ascontiguousarray(np.linalg.solve(np.vander(u, increasing=True), values.T).T)


TABLE = _fitted()


@compiled
def mills(z: float) -> float:
    """Mills' ratio Phi(-z) / phi(z) for z >= 0, relative error below 2e-15."""
    y = REACH / (REACH + z)
    i = min(int(y * INTERVALS), INTERVALS - 1)
    u = 2 * (y * INTERVALS - i) - 1
    p = TABLE[i, DEGREE]
    for power in range(DEGREE - 1, -1, -1):
        p = p * u + TABLE[i, power]
    return y * p


@compiled
def log_phi(x: float) -> float:
    """Log of the normal density."""
    return -0.5 * x * x - LOG_ROOT_2PI


@compiled
def log_ndtr_1(x: float) -> float:
    """Log Phi of one number; NaN for NaN."""
    if x != x:
        return x
    if x == -math.inf:
        return -math.inf
    if x < 0:
        return math.log(mills(-x)) + log_phi(x)
    if x > 39:  # 1 - Phi underflows
        return 0.0
    return math.log1p(-math.exp(log_phi(x)) * mills(x))


@compiled
def log_ndtr_slope_1(x: float) -> float:
    """The derivative phi / Phi of log Phi: without an exponential where x < 0, so without an underflow."""
    if x != x:
        return x
    if x < 0:
        return 1 / mills(-x)
    density = math.exp(log_phi(x))
    return density / (1 - density * mills(x))


@numba.vectorize(["float64(float64)"], cache=True)
def log_ndtr(x: float) -> float:
    """Log Phi(x), elementwise, with a relative error below 1e-13.

    Parameters
    ----------
    x : array_like of float

    Returns
    -------
    ndarray or float
        Of the shape of `x`; minus infinity at minus infinity.
    """
    return log_ndtr_1(x)
