"""Likelihoods of counts, positive numbers and proportions as functions of the linear predictor of each row, compiled.

A kind is a number. What `y`, `beside` and `shape` are in each row:

| kind | `y` | `beside` | `shape` |
|---|---|---|---|
| Poisson | the count | | |
| negative binomial | the count | | log alpha |
| binomial | successes | trials | |
| gamma | the number | its logarithm | log alpha |
| beta | log y / (1 - y) | log(1 - y) | log kappa |
| Poisson and negative binomial that are not zero | the count | | (log alpha) |
| truncated normal | distance from a limit | the other limit's | log sigma |
| probit | yes or no | | |
| of a zero, whether it is structural | 1 of none, else 0 | log P(y = 0) of the counts | |
| Poisson and negative binomial with structural zeros | the count | the log odds of these | (log alpha) |
| normal | the number | by what its distance is multiplied | log sigma |

Predictors have the logarithm of an exposure in them. Terms without the predictor are left out, but in
:func:`shape_density`.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp, quick_log1p
from bayesimpute.numerics.normal_tails import log_ndtr_1, log_ndtr_slope_1
from bayesimpute.samplers.gibbs.binary_likelihoods import log_probit
from bayesimpute.samplers.gibbs.densities import log_prior
from bayesimpute.samplers.gibbs.inflated_rows import (
    LARGEST,
    inflated_likelihoods,
    inflated_scores,
    structural_likelihoods,
    structural_scores,
)
from bayesimpute.samplers.gibbs.limited_rows import limited_derivatives, limited_likelihood
from bayesimpute.samplers.gibbs.probit_rows import probit_likelihoods, probit_scores

POISSON, NEGATIVE_BINOMIAL, BINOMIAL, GAMMA, BETA, SOME_POISSON, SOME_NEGATIVE_BINOMIAL = 0, 1, 2, 3, 4, 5, 6
TRUNCATED, PROBIT, STRUCTURAL, INFLATED_POISSON, INFLATED_NEGATIVE_BINOMIAL, NORMAL = -1, -2, -3, -4, -5, -6
COUNTED = (NEGATIVE_BINOMIAL, SOME_NEGATIVE_BINOMIAL, INFLATED_NEGATIVE_BINOMIAL)
"""Kinds of which the density of `shape` asks how often each value occurs."""
PIECE = 1024
"""Rows whose likelihoods are added up at a time."""
STIRLING = 1e4
"""From this alpha on the ratio of gamma functions is a series."""
HALF_WAY = 0.5386
"""What a yes or no says of a probit predictor where its probability is a quarter or three."""
LEAST = 1e-12
"""Parameters of a beta distribution below it count as this, as in the family."""
SMALLEST = 1e-300
"""Of -log P(y = 0)."""
FAR = 6.0
"""From this argument on derivatives of log Gamma are by their asymptotic series, right to 1e-10."""


class Likelihood(NamedTuple):
    """Of a linear predictor: a kind, what it is of in each row, shape (row,), and the other parameter."""

    kind: int | np.int64
    y: np.ndarray
    beside: np.ndarray
    shape: float


@inlined
def has_shape(kind):
    """Whether a kind has another parameter."""
    return kind in (NEGATIVE_BINOMIAL, GAMMA, BETA, SOME_NEGATIVE_BINOMIAL, TRUNCATED, INFLATED_NEGATIVE_BINOMIAL)


@inlined
def inflated(kind):
    """Whether counts are of a kind that has structural zeros."""
    return kind in (INFLATED_POISSON, INFLATED_NEGATIVE_BINOMIAL)


@compiled
def digamma(x):
    """The derivative of log Gamma."""
    total = 0.0
    while x < FAR:
        total -= 1.0 / x
        x += 1.0
    s = 1.0 / (x * x)
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s / 132))))
    return total + math.log(x) - 0.5 / x - series


@compiled
def trigamma(x):
    """Its second derivative."""
    total = 0.0
    while x < FAR:
        total += 1.0 / (x * x)
        x += 1.0
    s = 1.0 / (x * x)
    return total + 1.0 / x + 0.5 * s + s / x * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * 5 / 66))))


@compiled
def halves(eta, shape):
    """The parameters of a beta distribution, and the product of its mean and the mean's complement."""
    size = math.exp(shape)
    p, q = 1.0 / (1.0 + quick_exp(min(-eta, LARGEST))), 1.0 / (1.0 + quick_exp(min(eta, LARGEST)))
    return max(size * p, LEAST), max(size * q, LEAST), p * q


@compiled
def log_none(kind, eta, shape):
    """Log P(y = 0) of a count that is known not to be zero."""
    if kind == SOME_POISSON:
        return -quick_exp(min(eta, LARGEST))
    psi = eta - shape
    return -math.exp(shape) * (max(psi, 0.0) + math.log1p(quick_exp(-abs(psi))))


@compiled
def log_some(kind, eta, shape):
    """Log P(y > 0) of the same."""
    none = min(log_none(kind, eta, shape), -SMALLEST)
    return math.log(-math.expm1(none)) if none > -0.5 else math.log1p(-math.exp(none))


@compiled
def some_derivatives(kind, eta, y, shape):
    """Score and Fisher information of a count that is not zero."""
    m, over = quick_exp(min(eta, LARGEST)), 0.0 if kind == SOME_POISSON else math.exp(-shape)
    some, by = math.exp(log_some(kind, eta, shape)), 1.0 / (1.0 + m * over)
    mean, rest = m / some, m * math.exp(log_none(kind, eta, shape)) / some  # rest is mean - m
    return by * (y - mean), by * mean * max(1.0 - by * rest, 0.0)


@compiled
def row_likelihood(kind, eta, y, beside, shape):
    """Of one row."""
    if kind == SOME_POISSON:
        return y * eta - quick_exp(min(eta, LARGEST)) - log_some(kind, eta, shape)
    if kind == POISSON:
        return y * eta - quick_exp(min(eta, LARGEST))
    if kind == GAMMA:
        return -math.exp(shape) * (eta + y * quick_exp(min(-eta, LARGEST)))
    if kind == BETA:
        a, b, _ = halves(eta, shape)
        return a * y - math.lgamma(a) - math.lgamma(b)
    if kind == TRUNCATED:
        return limited_likelihood(eta, y, beside, shape)
    if kind == PROBIT:
        return log_ndtr_1((2.0 * y - 1.0) * eta)
    psi = eta if kind == BINOMIAL else eta - shape
    times = beside if kind == BINOMIAL else y + math.exp(shape)
    found = y * eta - times * (max(psi, 0.0) + math.log1p(quick_exp(-abs(psi))))
    return found - log_some(kind, eta, shape) if kind == SOME_NEGATIVE_BINOMIAL else found


@compiled
def likelihoods(kind, eta, y, beside, shape, out):
    """Of each row, into `out`: loops of their own for common kinds, which become vector instructions."""
    if kind == POISSON:
        for i in range(eta.size):
            out[i] = y[i] * eta[i] - quick_exp(min(eta[i], LARGEST))
    elif kind == BINOMIAL:
        for i in range(eta.size):
            out[i] = y[i] * eta[i] - beside[i] * (max(eta[i], 0.0) + quick_log1p(quick_exp(-abs(eta[i]))))
    elif kind == NEGATIVE_BINOMIAL:
        alpha = math.exp(shape)
        for i in range(eta.size):
            psi = eta[i] - shape
            out[i] = y[i] * eta[i] - (y[i] + alpha) * (max(psi, 0.0) + quick_log1p(quick_exp(-abs(psi))))
    elif kind == PROBIT:
        probit_likelihoods(eta, y, out)
    elif kind == STRUCTURAL:
        structural_likelihoods(eta, y, beside, out)
    elif inflated(kind):
        inflated_likelihoods(kind == INFLATED_POISSON, eta, y, beside, shape, out)
    elif kind == NORMAL:
        by = math.exp(-shape)
        for i in range(eta.size):
            out[i] = -0.5 * (by * beside[i] * (y[i] - eta[i])) ** 2
    else:
        for i in range(eta.size):
            out[i] = row_likelihood(kind, eta[i], y[i], beside[i], shape)


@compiled
def count_likelihood(kind, eta, y, beside, shape):
    """Sum over rows."""
    total, out = 0.0, np.empty(min(eta.size, PIECE))
    for low in range(0, eta.size, PIECE):
        high = min(low + PIECE, eta.size)
        if kind == PROBIT:
            for i in range(high - low):
                out[i] = (2.0 * y[low + i] - 1.0) * eta[low + i]
            total += log_probit(out[: high - low])
            continue
        likelihoods(kind, eta[low:high], y[low:high], beside[low:high], shape, out)
        for i in range(high - low):
            total += out[i]
    return total


@compiled
def scores(kind, eta, y, beside, shape, score, weight):
    """The :func:`derivatives` of all rows, into `score` and `weight`."""
    if kind == POISSON:
        for i in range(eta.size):
            weight[i] = quick_exp(min(eta[i], LARGEST))
            score[i] = y[i] - weight[i]
    elif kind == BINOMIAL:
        for i in range(eta.size):
            p = 1.0 / (1.0 + quick_exp(min(-eta[i], LARGEST)))
            score[i] = y[i] - beside[i] * p
            weight[i] = beside[i] * p * (1.0 - p)
    elif kind == NEGATIVE_BINOMIAL:
        for i in range(eta.size):
            m = quick_exp(min(eta[i], LARGEST))
            by = 1.0 / (1.0 + quick_exp(min(eta[i] - shape, LARGEST)))
            score[i] = (y[i] - m) * by
            weight[i] = m * by
    elif kind == PROBIT:
        probit_scores(eta, y, score, weight)
    elif kind == STRUCTURAL:
        structural_scores(eta, y, beside, score, weight)
    elif inflated(kind):
        inflated_scores(kind == INFLATED_POISSON, eta, y, beside, shape, score, weight)
    else:
        for i in range(eta.size):
            score[i], weight[i] = derivatives(kind, eta[i], y[i], beside[i], shape)


@compiled
def derivatives(kind, eta, y, beside, shape):
    """The score of a row's predictor, and the Fisher information about it."""
    if kind == BINOMIAL:
        p = 1.0 / (1.0 + quick_exp(min(-eta, LARGEST)))
        return y - beside * p, beside * p * (1.0 - p)
    if kind == GAMMA:
        alpha = math.exp(shape)
        return alpha * (y * quick_exp(min(-eta, LARGEST)) - 1.0), alpha
    if kind >= SOME_POISSON:
        return some_derivatives(kind, eta, y, shape)
    if kind == BETA:
        a, b, slope = halves(eta, shape)
        slope *= math.exp(shape)
        return slope * (y - digamma(a) + digamma(b)), slope * slope * (trigamma(a) + trigamma(b))
    if kind == TRUNCATED:
        return limited_derivatives(eta, y, beside, shape)
    if kind == NORMAL:
        weight = (beside * math.exp(-shape)) ** 2
        return weight * (y - eta), weight
    if kind == PROBIT:
        sign = 2.0 * y - 1.0
        slope = log_ndtr_slope_1(sign * eta)
        return sign * slope, slope * log_ndtr_slope_1(-sign * eta)
    m = quick_exp(min(eta, LARGEST))
    by = 1.0 / (1.0 + quick_exp(min(eta - shape, LARGEST))) if kind == NEGATIVE_BINOMIAL else 1.0
    return (y - m) * by, m * by


@compiled
def first_information(kind, y, beside, shape):
    """The information about a row's predictor where that fits its count with a half added to it, or its value."""
    if kind == GAMMA:
        return math.exp(shape)
    if kind == BETA:
        return derivatives(kind, y, y, beside, shape)[1]
    if kind == TRUNCATED:
        return math.exp(-2.0 * shape)
    if kind == PROBIT:
        return HALF_WAY
    if kind == STRUCTURAL:
        return 0.25
    if kind >= SOME_POISSON:
        return some_derivatives(kind, math.log(max(y - 0.5, 0.5)), y, shape)[1]
    if kind == BINOMIAL:
        p = (y + 0.5) / (beside + 1.0)
        return max(beside, 0.5) * p * (1.0 - p)
    m = y + 0.5
    return m / (1.0 + m * math.exp(-shape)) if kind in (NEGATIVE_BINOMIAL, INFLATED_NEGATIVE_BINOMIAL) else m


@inlined
def log_rising(y, alpha):
    """Log Gamma(y + alpha) - log Gamma(alpha) - y log(alpha)."""
    if alpha < STIRLING:
        return math.lgamma(y + alpha) - math.lgamma(alpha) - y * math.log(alpha)
    more = y + alpha  # the next term of Stirling's series is below 1e-14
    return (more - 0.5) * math.log1p(y / alpha) - y + 1 / (12 * more) - 1 / (12 * alpha)


@compiled
def shape_density(shape, eta, y, counted):
    """Log density of the logarithm of the other parameter given the predictors.

    Parameters
    ----------
    counted : Counted
        What is known of the values: :class:`~bayesimpute.samplers.gibbs.count_moves.Counted`.
    """
    size = math.exp(shape)
    total = log_prior(counted.prior_kind, counted.prior_args[0], counted.prior_args[1], shape)
    if counted.kind == GAMMA:
        total += eta.size * (size * shape - math.lgamma(size))
        for i in range(eta.size):
            total += size * (counted.beside[i] - eta[i] - y[i] * quick_exp(min(-eta[i], LARGEST)))
        return total
    if counted.kind == BETA:
        total += eta.size * math.lgamma(size)
        for i in range(eta.size):
            total += row_likelihood(counted.kind, eta[i], y[i], 0.0, shape) + size * counted.beside[i]
        return total
    if counted.kind == TRUNCATED:
        total -= eta.size * shape
        for i in range(eta.size):
            total += limited_likelihood(eta[i], y[i], counted.beside[i], shape)
        return total
    for k in range(counted.values.size):
        total += counted.times[k] * log_rising(counted.values[k], size)
    rest = np.empty(eta.size)
    if counted.kind == INFLATED_NEGATIVE_BINOMIAL:
        likelihoods(counted.kind, eta, y, counted.beside, shape, rest)
        return total + rest.sum()
    for i in range(eta.size):
        psi = eta[i] - shape
        rest[i] = (y[i] + size) * (max(psi, 0.0) + quick_log1p(quick_exp(-abs(psi))))
    total -= rest.sum()
    if counted.kind == SOME_NEGATIVE_BINOMIAL:
        for i in range(eta.size):
            total -= log_some(counted.kind, eta[i], shape)
    return total
