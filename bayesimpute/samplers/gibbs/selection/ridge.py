"""Rho along its ridge: a slice on the likelihood with the latent variables integrated out, given the deviations.

E(e | selected) = rho sigma phi(s) / Phi(s) and Var(e | selected) falls with rho^2. So where the data say little about
rho, they still say how intercept, coefficients, effects and sigma follow it, nearly as linear functions of the
features f = (rho, rho^2). Along the curve

    artanh rho -> artanh rho + t,    v -> v + C (f(rho') - f(rho)),    v = (log sigma, b, u),

a shear, which leaves volumes as they are, one slice (Neal 2003) moves rho over all of its posterior. For any fixed C it
is exact. With C the regression of v on f, learnt while the chain adapts, it would draw rho independently of where it
was, if v had its normal law given f.

What is learnt about an effect is shrunk to what is certain, and it shrinks with the effect's deviation.
"""

import math

import numpy as np

from bayesimpute.base.distributions import OF_TAU
from bayesimpute.numerics.bivariate_normal import log_quadrant_rows
from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.normal_tails import log_ndtr_1
from bayesimpute.samplers.gibbs.densities import block_root, log_prior
from bayesimpute.samplers.gibbs.selection.equations import predict
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES

FARTHEST = 18.0
"""Of artanh rho: beyond it rho is 1 to rounding."""
LOWEST = math.log(1e-6)
"""Of log tau, in standard deviations of the target: below it errors are rounding, and an outcome without spread would
drive it down for ever."""
WIDTH = 8.0
"""Of a first interval, in standard deviations of artanh rho."""
ENOUGH = 40.0
"""Sweeps before what was learnt is used."""
MEMORY = 2000.0
"""Sweeps on which it rests; earlier ones are forgotten."""
SLOW = 1.0
"""Sweeps that count as one independent draw of an element given the features."""
STEP = 0.3
"""Standard deviation of artanh rho before it is known."""
CONDITION = 0.02
"""Added to the features' variances, relative to them: far from zero they are nearly collinear."""
SINGULAR = 1e-6
"""Effects stay where their root has a pivot below."""


HELD = 2
"""The kind of prior of a rho that does not move: its first argument is where artanh rho is."""


@compiled
def held(prior):
    """Whether rho does not move."""
    return prior[0] == HELD


@compiled
def fisher_of_tau(zeta):
    """:func:`bayesimpute.base.distributions.fisher_of_tau` of one number."""
    left = 4 / math.pi * math.atan(math.exp(-abs(zeta)))
    slope = math.log(2 / math.pi) - math.log(math.cosh(zeta)) - math.log(left) - math.log(2 - left)
    return math.copysign(0.5 * (math.log(2 - left) - math.log(left)), zeta), slope


@compiled
def log_prior_rho(prior, zeta):
    """Of artanh rho, with the Jacobian, up to a constant.

    Kind 0: (1 + rho) / 2 is Beta, between bounds; 1: artanh rho is Normal. With OF_TAU more, the same of Kendall's tau
    in the place of rho.
    """
    if held(prior):
        return 0.0
    if abs(zeta) > FARTHEST:
        return -np.inf
    kind, slope = prior[0], 0.0
    if kind >= OF_TAU:
        kind -= OF_TAU
        zeta, slope = fisher_of_tau(zeta)
    if kind == 1:
        return slope - 0.5 * ((zeta - prior[1]) / prior[2]) ** 2
    if not prior[3] < math.tanh(zeta) < prior[4]:
        return -np.inf
    return slope - prior[1] * math.log1p(math.exp(-2 * zeta)) - prior[2] * math.log1p(math.exp(2 * zeta))


@compiled
def log_likelihood(pair, m, s, zeta, log_sigma, steps, of_m, of_s, space):
    """At m + steps of_m and s + steps of_s, the latent variables integrated out; `space` is (3, observed row)."""
    n, first, second, total = m.size, steps[0], steps[1], 0.0
    if pair.binary:
        rho = math.tanh(zeta)
        for i in range(n):
            sign = 2 * pair.y[i] - 1
            space[0, i] = sign * (m[i] + first * of_m[0, i] + second * of_m[1, i])
            space[1, i] = s[i] + first * of_s[0, i] + second * of_s[1, i]
            space[2, i] = sign * rho
        values = log_quadrant_rows(space[0], space[1], space[2])[0]
        for i in range(n):
            total += values[i]
    else:
        cosh, sinh, by = math.cosh(zeta), math.sinh(zeta), math.exp(-log_sigma)
        total = -n * log_sigma
        for i in range(n):
            e = (pair.y[i] - m[i] - first * of_m[0, i] - second * of_m[1, i]) * by
            at = (s[i] + first * of_s[0, i] + second * of_s[1, i]) * cosh + e * sinh
            total += log_ndtr_1(at) - 0.5 * e * e
    for i in range(n, s.size):
        if not pair.away[i]:
            total += log_ndtr_1(-s[i] - first * of_s[0, i] - second * of_s[1, i])
    return total


@inlined
def learn_ridge(v, zeta, count, mean, covariance, variance):
    """Running moments of w = (artanh rho, rho, rho^2, v) in place: covariances of the first three with all, variances.

    Returns how many sweeps they rest on.
    """
    w = np.empty(3 + v.size)
    w[0], w[1], w[2], w[3:] = zeta, math.tanh(zeta), math.tanh(zeta) ** 2, v
    count = min(count + 1.0, MEMORY)
    away = w - mean
    for k in range(3):
        covariance[k] += (away[k] * away * (1 - 1 / count) - covariance[k]) / count
    variance += (away * away * (1 - 1 / count) - variance) / count
    mean += away / count
    return count


@compiled
def regression(count, covariance, variance):
    """C, shape (feature, v), shrunk element by element as James & Stein do, by the share of it that is noise."""
    out = np.zeros((2, variance.size - 3))
    if count < ENOUGH:
        return out
    a, b, c = covariance[1, 1] * (1 + CONDITION), covariance[1, 2], covariance[2, 2] * (1 + CONDITION)
    determinant = a * c - b * b
    if determinant <= 0:
        return out
    noise = 2 * SLOW / count
    for k in range(out.shape[1]):
        first, second = covariance[1, 3 + k], covariance[2, 3 + k]
        out[0, k] = (c * first - b * second) / determinant
        out[1, k] = (a * second - b * first) / determinant
        explained = out[0, k] * first + out[1, k] * second
        left = max(variance[3 + k] - explained, 0.0)
        share = max(1 - noise * left / explained, 0.0) if explained > 0 else 0.0
        out[0, k] *= share
        out[1, k] *= share
    return out


@compiled
def solve_root(factor, a):
    """factor^-1 a in place."""
    for i in range(a.size):
        for k in range(i):
            a[i] -= factor[i, k] * a[k]
        a[i] /= factor[i, i]


@compiled
def singular(factor):
    """Whether effects cannot be had from their standard normals and back."""
    least = np.inf
    for i in range(factor.shape[0]):
        least = min(least, factor[i, i])
    return least < SINGULAR


@compiled
def fitting(slopes, lay, theta, usual, b, u):
    """The directions of b and u now: effects move less where their deviation is below half the usual, exp(usual)."""
    of_b = slopes[:, 1 : 1 + b.size].copy()
    of_u = slopes[:, 1 + b.size :].copy().reshape((2, u.shape[0], u.shape[1]))
    for f in range(lay.widths.size):
        q, offset, factor = lay.widths[f], lay.offsets[f], block_root(theta, lay, np.int64(f))
        still = singular(factor)
        for a in range(q):
            at = lay.firsts[f] + a
            by = 0.0 if still else min(2 * math.exp(theta[at] - usual[at]), 1.0)
            if f < lay.inner:
                of_u[:, :, offset + a] *= by
            else:
                of_b[:, offset + a : offset + q * lay.sizes[f] : q] *= by
    return of_b, of_u


@compiled
def _add_normal(linear, quadratic, x, first, second):
    """Add a standard normal's log density at x + t1 first + t2 second."""
    linear[0] -= x * first
    linear[1] -= x * second
    quadratic[0] += first * first
    quadratic[1] += first * second
    quadratic[2] += second * second


@inlined
def _add_effects(linear, quadratic, factor, x, first, second):
    """The same of one cluster's effects."""
    x, first, second = x.copy(), first.copy(), second.copy()
    solve_root(factor, x)
    solve_root(factor, first)
    solve_root(factor, second)
    for k in range(x.size):
        _add_normal(linear, quadratic, x[k], first[k], second[k])


@compiled
def effects_prior(lay, theta, b, u, of_b, of_u):
    """Log prior of coefficients and effects along the directions: linear (2,) and quadratic (3,) parts."""
    linear, quadratic = np.zeros(2), np.zeros(3)
    for k in range(lay.coefficients):
        by = math.sqrt(lay.precision[k])
        _add_normal(linear, quadratic, by * (b[k] - lay.mean[k]), by * of_b[0, k], by * of_b[1, k])
    for f in range(lay.widths.size):
        q, factor = lay.widths[f], block_root(theta, lay, np.int64(f))
        if singular(factor):
            continue
        for j in range(lay.sizes[f]):
            at = lay.offsets[f] + (j * q if f >= lay.inner else 0)
            if f < lay.inner:
                own = u[j, at : at + q], of_u[0, j, at : at + q], of_u[1, j, at : at + q]
            else:
                own = b[at : at + q], of_b[0, at : at + q], of_b[1, at : at + q]
            _add_effects(linear, quadratic, factor, own[0], own[1], own[2])
    return linear, quadratic


@compiled
def density(zeta, log_sigma, steps, pair, m, s, of_m, of_s, linear, quadratic, space):
    """Log density along the curve."""
    value = log_prior_rho(pair.rho, zeta)
    if value == -np.inf or (not pair.binary and log_sigma - math.log(math.cosh(zeta)) < LOWEST):
        return -np.inf
    if not pair.binary:
        value += log_prior(pair.sigma[0], pair.sigma[1], pair.sigma[2], log_sigma)
    value += steps[0] * linear[0] + steps[1] * linear[1]
    square = steps[0] * quadratic[0] + 2 * steps[1] * quadratic[1]
    value -= 0.5 * (steps[0] * square + steps[1] ** 2 * quadratic[2])
    return value + log_likelihood(pair, m, s, zeta, log_sigma, steps, of_m, of_s, space)


@inlined
def move_ridge(rng, pair, lay, theta, usual, b, u, m, s, zeta, log_sigma, slopes, sd, space):
    """One slice along the curve; b, u, m and s in place. Returns artanh rho and log sigma."""
    of_b, of_u = fitting(slopes, lay, theta, usual, b, u)
    of_m, of_s = np.empty((2, m.size)), np.empty((2, s.size))
    for f in range(2):
        predict(pair.mu, of_b[f], of_u[f], pair, of_m[f])
        predict(pair.selection, of_b[f], of_u[f], pair, of_s[f])
    linear, quadratic = effects_prior(lay, theta, b, u, of_b, of_u)
    rho, steps = math.tanh(zeta), np.zeros(2)
    now = density(zeta, log_sigma, steps, pair, m, s, of_m, of_s, linear, quadratic, space)
    level = now - rng.standard_exponential()
    low = -WIDTH * sd * rng.random()
    high = low + WIDTH * sd
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        moved = math.tanh(zeta + t)
        steps[0], steps[1] = moved - rho, moved**2 - rho**2
        scale = log_sigma if pair.binary else log_sigma + steps[0] * slopes[0, 0] + steps[1] * slopes[1, 0]
        if density(zeta + t, scale, steps, pair, m, s, of_m, of_s, linear, quadratic, space) > level:
            _shift(b, u, m, s, steps, of_b, of_u, of_m, of_s)
            return zeta + t, scale
        if t < 0:
            low = t
        else:
            high = t
    return zeta, log_sigma


@inlined
def _shift(b, u, m, s, steps, of_b, of_u, of_m, of_s):
    for f in range(2):
        for k in range(b.size):
            b[k] += steps[f] * of_b[f, k]
        for j in range(u.shape[0]):
            for k in range(u.shape[1]):
                u[j, k] += steps[f] * of_u[f, j, k]
        for i in range(m.size):
            m[i] += steps[f] * of_m[f, i]
        for i in range(s.size):
            s[i] += steps[f] * of_s[f, i]
