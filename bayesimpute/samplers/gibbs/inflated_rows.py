"""Rows of counts of which some can be none but zero, by either part's predictor given the other's, compiled.

A zero is structural with probability p = expit(zeta), else as the counts' law f(.; eta) has zeros. Which it is, is not
drawn: a row of no count has log(p + (1 - p) f(0)), any other log(1 - p) + log f(y). Of that the part whose predictor is
zeta is given log f(0), the other one zeta. With P = p + (1 - p) f(0), s the counts' score at zero and v its variance,
Fisher's information of them is

    I(zeta) = p (1 - p) (1 - f(0)) p / P,    I(eta) = (1 - p) (v - f(0) s^2 p / P).
"""

import math

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp, quick_expm1, quick_log1p

LARGEST = 700.0
"""Predictors above it have the likelihood of this one."""


@inlined
def log_one_and(x):
    """Log(1 + exp x)."""
    return max(x, 0.0) + quick_log1p(quick_exp(-abs(x)))


@inlined
def expit(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + quick_exp(min(-x, LARGEST)))


@inlined
def log_sum(a, b):
    """Log(exp a + exp b)."""
    return max(a, b) + quick_log1p(quick_exp(-abs(a - b)))


@compiled
def log_none(poisson, eta, shape, out):
    """Log f(0) of each row, into `out`; `shape` is the log alpha of a negative binomial."""
    if poisson:
        for i in range(eta.size):
            out[i] = -quick_exp(min(eta[i], LARGEST))
    else:
        alpha = math.exp(shape)
        for i in range(eta.size):
            out[i] = -alpha * log_one_and(eta[i] - shape)


@compiled
def log_one_and_sum(zeta):
    """Sum of log(1 + exp zeta) over rows."""
    total = 0.0
    for i in range(zeta.size):
        total += log_one_and(zeta[i])
    return total


@compiled
def structural_expected(zeta, none, log_none):
    """Of a row: the probability that it is structural, seen and expected."""
    return none * expit(zeta - log_none), expit(zeta)


@compiled
def inflated_expected(poisson, eta, y, zeta, shape):
    """Of a row: its count, and what is expected of the counts' law, for a zero times the probability of that law."""
    m = quick_exp(min(eta, LARGEST))
    none = -m if poisson else -math.exp(shape) * log_one_and(eta - shape)
    return y, m if y > 0 else m * expit(none - zeta)


@compiled
def structural_likelihoods(zeta, none, log_none, out):
    """Of each row, into `out`; `none` is 1 where there is no count, else 0."""
    for i in range(zeta.size):
        out[i] = none[i] * log_sum(zeta[i], log_none[i]) - log_one_and(zeta[i])


@compiled
def structural_scores(zeta, none, log_none, score, weight):
    """Scores and Fisher information, into `score` and `weight`."""
    for i in range(zeta.size):
        p, of_zeros = expit(zeta[i]), expit(zeta[i] - log_none[i])
        score[i] = none[i] * of_zeros - p
        weight[i] = p * (1.0 - p) * of_zeros * -quick_expm1(log_none[i])


@compiled
def inflated_likelihoods(poisson, eta, y, zeta, shape, out):
    """Of each row, into `out`, but for log(1 - p)."""
    log_none(poisson, eta, shape, out)
    if poisson:
        for i in range(eta.size):
            out[i] = y[i] * eta[i] + out[i] if y[i] > 0 else log_sum(zeta[i], out[i])
    else:
        by = 1.0 / math.exp(shape)  # log f(y) without y's own terms is y eta + (1 + y / alpha) log f(0)
        for i in range(eta.size):
            out[i] = y[i] * eta[i] + (1.0 + y[i] * by) * out[i] if y[i] > 0 else log_sum(zeta[i], out[i])


@compiled
def inflated_scores(poisson, eta, y, zeta, shape, score, weight):
    """Scores and Fisher information, into `score` and `weight`."""
    log_none(poisson, eta, shape, score)
    for i in range(eta.size):
        m, none = quick_exp(min(eta[i], LARGEST)), score[i]
        by = 1.0 if poisson else 1.0 / (1.0 + quick_exp(min(eta[i] - shape, LARGEST)))
        of_zeros, full = expit(zeta[i] - none), m * by
        score[i] = (y[i] - m) * by if y[i] > 0 else -full * (1.0 - of_zeros)
        weight[i] = expit(-zeta[i]) * (full - quick_exp(none) * full * full * of_zeros)
