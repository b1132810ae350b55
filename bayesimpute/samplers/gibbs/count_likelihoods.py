"""Likelihoods of counts as functions of the linear predictor of each row, compiled: sums, derivatives, first guesses.

A kind of count is a number: Poisson, negative binomial with log alpha `shape`, binomial out of `trials`. Predictors
have the logarithm of the exposure in them. Terms without the predictor are left out, but in :func:`shape_density`.
"""

import math

from bayesimpute.numerics.compiling import compiled
from bayesimpute.numerics.exponential import quick_exp
from bayesimpute.samplers.gibbs.densities import log_prior

POISSON, NEGATIVE_BINOMIAL, BINOMIAL = 0, 1, 2
LARGEST = 700.0
"""Predictors above it have the likelihood of this one."""
STIRLING = 1e4
"""From this alpha on the ratio of gamma functions is a series."""


@compiled
def row_likelihood(kind, eta, y, trials, shape):
    """Of one row."""
    if kind == POISSON:
        return y * eta - quick_exp(min(eta, LARGEST))
    psi = eta - shape if kind == NEGATIVE_BINOMIAL else eta
    times = y + math.exp(shape) if kind == NEGATIVE_BINOMIAL else trials
    return y * eta - times * (max(psi, 0.0) + math.log1p(quick_exp(-abs(psi))))


@compiled
def count_likelihood(kind, eta, y, trials, shape):
    """Sum over rows."""
    total = 0.0
    if kind == POISSON:
        for i in range(eta.size):
            total += y[i] * eta[i] - quick_exp(min(eta[i], LARGEST))
        return total
    for i in range(eta.size):
        total += row_likelihood(kind, eta[i], y[i], trials[i], shape)
    return total


@compiled
def derivatives(kind, eta, y, trials, shape):
    """The score of a row's predictor, and the Fisher information about it."""
    if kind == BINOMIAL:
        p = 1.0 / (1.0 + quick_exp(min(-eta, LARGEST)))
        return y - trials * p, trials * p * (1.0 - p)
    m = quick_exp(min(eta, LARGEST))
    by = 1.0 / (1.0 + quick_exp(min(eta - shape, LARGEST))) if kind == NEGATIVE_BINOMIAL else 1.0
    return (y - m) * by, m * by


@compiled
def first_guess(kind, y, trials, shape):
    """The predictor that fits a row's count with a half added to it, and the information there."""
    if kind == BINOMIAL:
        p = (y + 0.5) / (trials + 1.0)
        return math.log(p / (1.0 - p)), max(trials, 0.5) * p * (1.0 - p)
    m = y + 0.5
    return math.log(m), m / (1.0 + m * math.exp(-shape)) if kind == NEGATIVE_BINOMIAL else m


@compiled
def log_rising(y, alpha):
    """Log Gamma(y + alpha) - log Gamma(alpha) - y log(alpha)."""
    if alpha < STIRLING:
        return math.lgamma(y + alpha) - math.lgamma(alpha) - y * math.log(alpha)
    more = y + alpha  # the next term of Stirling's series is below 1e-14
    return (more - 0.5) * math.log1p(y / alpha) - y + 1 / (12 * more) - 1 / (12 * alpha)


@compiled
def shape_density(shape, eta, y, values, times, kind, first, second):
    """Log density of log alpha given the predictors.

    Parameters
    ----------
    values, times : ndarray, shape (value,)
        The different counts, and how often each occurs.
    kind, first, second : int, float
        The prior of alpha.
    """
    alpha = math.exp(shape)
    total = log_prior(kind, first, second, shape)
    for k in range(values.size):
        total += times[k] * log_rising(values[k], alpha)
    for i in range(eta.size):
        psi = eta[i] - shape
        total -= (y[i] + alpha) * (max(psi, 0.0) + math.log1p(quick_exp(-abs(psi))))
    return total
