"""The likelihood of a normal number within limits, as a function of its predictor, compiled.

A row is told as its distance y from one of its limits, with that limit taken off the predictor too, and by where the
other limit is from there: `width`, negative below it, infinite where it is open, 0 where both are. With z = (y - eta) /
sigma, and a and b the limits likewise, its log density is log phi(z) - log sigma - log(Phi(b) - Phi(a)): concave in
eta, for the second derivative is the variance of a normal between a and b, less than 0.
"""

import math

from bayesimpute.families.normal_between import FAR as EXPONENTIAL
from bayesimpute.families.normal_between import NARROW, SMALL
from bayesimpute.numerics.compiling import compiled
from bayesimpute.numerics.normal_tails import log_ndtr_1, log_phi

FAR = 1e10
"""Standard deviations beyond which nothing of a normal is left, as in the family."""
SOMETHING = 1e-300
"""The least width of which a logarithm is taken."""


@compiled
def limits(eta, width, shape):
    """Both in standard deviations from the predictor, the lower first; `shape` is log sigma."""
    by = math.exp(-shape)
    if width == 0.0:
        return -FAR, FAR
    near = max(min(-eta * by, FAR), -FAR)
    far = max(min((width - eta) * by, FAR), -FAR)
    return (near, far) if width > 0.0 else (far, near)


@compiled
def log_inside(a, b):
    """Log of Phi(b) - Phi(a), as in ``families/normal_between.py``: from the side where Phi is small."""
    low, high = (-b, -a) if a + b > 0.0 else (a, b)
    if low <= -FAR:  # open
        return log_ndtr_1(high)
    middle, width = 0.5 * (low + high), high - low
    if width * max(-middle, 1.0) < NARROW:
        return log_phi(middle) + math.log(max(width, SOMETHING)) + (middle * middle - 1.0) * width * width / 24.0
    top = log_ndtr_1(high)
    less = log_ndtr_1(low) - top
    return top + (math.log(-math.expm1(less)) if less > -0.5 else math.log1p(-math.exp(less)))


@compiled
def moments_inside(a, b):
    """Mean and variance of a standard normal between a and b."""
    width = b - a
    if a > EXPONENTIAL or b < -EXPONENTIAL:
        near = a if a > 0.0 else b
        mean, variance = near + 1.0 / near, 1.0 / (near * near)
    elif width < SMALL:
        mean, variance = 0.5 * (a + b), width * width / 12.0
    else:
        total = log_inside(a, b)
        of_a, of_b = math.exp(log_phi(a) - total), math.exp(log_phi(b) - total)
        mean = of_a - of_b
        variance = 1.0 + a * of_a - b * of_b - mean * mean
    return min(max(mean, a), b), min(max(variance, 0.0), 1.0, width * width / 12.0)


@compiled
def limited_likelihood(eta, y, width, shape):
    """The log density, but for log sigma."""
    a, b = limits(eta, width, shape)
    z = (y - eta) * math.exp(-shape)
    return -0.5 * z * z - log_inside(a, b)


@compiled
def limited_derivatives(eta, y, width, shape):
    """Score and Fisher information of a row's predictor."""
    by, (a, b) = math.exp(-shape), limits(eta, width, shape)
    mean, variance = moments_inside(a, b)
    return by * ((y - eta) * by - mean), by * by * variance
