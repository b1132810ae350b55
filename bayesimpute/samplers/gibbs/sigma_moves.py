"""Residual standard deviations with a formula: log sigma_i = x_i'gamma + z_i'v_j, moved given the residuals.

Given squared residuals s_i the log likelihood is sum_i -eta_i - s_i exp(-2 eta_i) / 2, eta = log sigma: concave, so
that slices along a line (:func:`slice_line`) always find their way. A sweep moves gamma along learnt directions,
the effects' standard normals one by one, with the rows of their cluster, and the effects' deviations and partial
correlations given the standard normals and given the effects, interweaving the two. At last the intercept is moved
against the mean of the effects, which the likelihood cannot tell apart (:func:`shift`).

This costs O(rows) a sweep, and so does the weighting of the rows for the coefficients: rows / sigma_i are rows of a
model with sigma = 1, on which the steps of ``sweeps.py`` are taken.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp
from bayesimpute.samplers.gibbs.densities import CHUNK, block_root, prior, workspace
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.predictor_rows import predicted, squared_residuals
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES, WIDTH, copied, directions, learn, move_centred

FARTHEST = 700.0
"""The largest exponent."""
ZERO = 1e-8
"""A deviation too small for the intercept to be moved against the effects' mean."""


@compiled
def log_likelihood(eta, squares, n):
    """Sum of -eta - s exp(-2 eta) / 2 over the first n rows."""
    total = 0.0
    parts = np.empty(CHUNK)
    for low in range(0, n, CHUNK):
        size = min(CHUNK, n - low)
        e, s = eta[low : low + size], squares[low : low + size]
        for i in range(size):
            parts[i] = e[i] + 0.5 * s[i] * quick_exp(min(-2 * e[i], FARTHEST))
        for i in range(size):
            total -= parts[i]
    return total


@compiled
def slice_line(rng, eta, line, squares, n, width, linear, quadratic, moved):
    """From t = 0 a slice of log_likelihood(eta + t line) + linear t - quadratic t^2 / 2; `moved` is space."""
    level = log_likelihood(eta, squares, n) - rng.standard_exponential()
    low = -width * rng.random()
    high = low + width
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        for i in range(n):
            moved[i] = eta[i] + t * line[i]
        if log_likelihood(moved, squares, n) + linear * t - 0.5 * quadratic * t * t > level:
            return t
        if t < 0:
            low = t
        else:
            high = t
    return 0.0


@compiled
def move_coefficients(rng, z, eta, steps, columns, lay, squares):
    """Gamma, in place, along the columns of ``steps``."""
    n, k = eta.size, lay.coefficients
    line, moved = np.empty(n), np.empty(n)
    for d in range(k):
        for i in range(n):
            line[i] = 0.0
            for m in range(d, k):
                line[i] += columns.x[i, m] * steps[m, d]
        linear, quadratic = 0.0, 0.0
        for m in range(d, k):
            linear -= lay.precision[m] * (z[m] - lay.mean[m]) * steps[m, d]
            quadratic += lay.precision[m] * steps[m, d] ** 2
        t = slice_line(rng, eta, line, squares, n, WIDTH, linear, quadratic, moved)
        for m in range(d, k):
            z[m] += t * steps[m, d]
        for i in range(n):
            eta[i] += t * line[i]


@inlined
def move_effects(rng, theta, z, eta, f, first, columns, lay, members, squares):
    """The standard normals of block f, one by one, in place; `first` is the block's first column."""
    q, n = lay.widths[f], eta.size
    factor = block_root(theta, lay, f)
    line, here, own, moved = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for j in range(lay.sizes[f]):
        begin = members.begins[f] + j
        at = members.order[f, members.bounds[begin] : members.bounds[begin + 1]]
        for a in range(q):
            place = lay.offsets[f] + j * q + a
            information = 1.0
            for i in range(at.size):
                row = at[i]
                line[i] = 0.0
                for m in range(a, q):
                    line[i] += columns.w[row, first + m] * factor[m, a]
                here[i] = eta[row]
                own[i] = squares[row]
                information += 2 * line[i] ** 2  # Fisher's, of a normal's log sd
            width = WIDTH / math.sqrt(information)
            t = slice_line(rng, here, line, own, at.size, width, -z[place], 1.0, moved)
            z[place] += t
            for i in range(at.size):
                eta[at[i]] += t * line[i]


@inlined
def move_deviations(rng, theta, z, eta, steps, f, first, columns, lay, rows, squares):
    """Deviations and partial correlations of block f given its standard normals, in place."""
    q, n = lay.widths[f], eta.size
    by_entry = np.empty((q * (q + 1) // 2, n))  # the derivative of eta by the entries of L
    for i in range(n):
        at = 0
        for a in range(q):
            for k in range(a + 1):
                by_entry[at, i] = columns.w[i, first + a] * z[rows.columns[i, f] + k]
                at += 1
    rest = eta.copy()
    _add_roots(rest, -1.0, block_root(theta, lay, f), by_entry)
    moved, start = np.empty(n), np.empty(theta.size)
    now = log_likelihood(eta, squares, n) + prior(theta, lay, f + 1)
    for k in range(theta.size):
        if lay.groups[k] != f + 1:
            continue
        for m in range(theta.size):
            start[m] = theta[m]
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            at = low + (high - low) * rng.random()
            for m in range(k, theta.size):
                theta[m] = start[m] + at * steps[m, k]
            for i in range(n):
                moved[i] = rest[i]
            _add_roots(moved, 1.0, block_root(theta, lay, f), by_entry)
            value = log_likelihood(moved, squares, n) + prior(theta, lay, f + 1)
            if value > level:
                now = value
                for i in range(n):
                    eta[i] = moved[i]
                break
            if at < 0:
                low = at
            else:
                high = at
        else:
            for m in range(theta.size):
                theta[m] = start[m]


@compiled
def _add_roots(eta, sign, factor, by_entry):
    at = 0
    for a in range(factor.shape[0]):
        for k in range(a + 1):
            by, values = sign * factor[a, k], by_entry[at]
            for i in range(eta.size):
                eta[i] += by * values[i]
            at += 1


@compiled
def shift(rng, theta, z, f, lay, members):
    """Move gamma's intercept against the effects of block f's intercept: an exact draw, for the prior alone sees it.

    Along (gamma_0 + t, v_j - t e) the standard normals are z_j - t h, h = L^-1 e, and the log prior is quadratic in t.
    """
    intercept, a = members.constant[0], members.constant[1 + f]
    if intercept < 0 or a < 0:
        return
    q = lay.widths[f]
    factor = block_root(theta, lay, f)
    h = np.zeros(q)
    for i in range(q):
        if factor[i, i] < ZERO:
            return
        value = 1.0 if i == a else 0.0
        for k in range(i):
            value -= factor[i, k] * h[k]
        h[i] = value / factor[i, i]
    precision = lay.precision[intercept]
    linear = precision * (lay.mean[intercept] - z[intercept])
    for j in range(lay.sizes[f]):
        for i in range(q):
            precision += h[i] ** 2
            linear += h[i] * z[lay.offsets[f] + j * q + i]
    t = linear / precision + rng.standard_normal() / math.sqrt(precision)
    z[intercept] += t
    for j in range(lay.sizes[f]):
        for i in range(q):
            z[lay.offsets[f] + j * q + i] -= t * h[i]


@inlined
def move_scales(rng, theta, z, steps, columns, lay, rows, members, squares, products, space):
    """All moves of sigma's parameters given squared residuals, in place."""
    k = lay.coefficients
    eta = predicted(columns, outer_effects(theta, lay, z), np.zeros((0, 0)), lay, rows) + columns.y[0]
    move_coefficients(rng, z, eta, steps[:k, :k], columns, lay, squares)
    of_theta, first = steps[k:, k:].copy(), np.int64(0)
    for f in range(lay.widths.size):
        move_effects(rng, theta, z, eta, f, first, columns, lay, members, squares)
        move_deviations(rng, theta, z, eta, of_theta, f, first, columns, lay, rows, squares)
        move_centred(rng, theta, z, of_theta, f, lay, products, space)
        shift(rng, theta, z, f, lay, members)
        first += lay.widths[f]


@compiled
def run_scales(rng, state, tune, lay, rows, columns, members, mu_columns, b, u, mu_lay, mu_rows, products):
    """One sweep of sigma's parameters, from a state that is left alone.

    Parameters
    ----------
    state : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`; what is learnt is about gamma and theta.
    mu_columns, b, u, mu_lay, mu_rows
        Mu's predictor.
    products : Products
        Of no importance here.
    """
    theta, z, mean, covariance, count = copied(state)
    k = lay.coefficients
    groups = np.zeros(k + theta.size, dtype=np.int64)
    both = np.empty(k + theta.size)
    for i in range(theta.size):
        groups[k + i] = lay.groups[i]
    steps = directions(covariance, count, groups)
    squares = squared_residuals(mu_columns, b, u, mu_lay, mu_rows)
    move_scales(rng, theta, z, steps, columns, lay, rows, members, squares, products, workspace(lay.width))
    if tune:
        for i in range(both.size):
            both[i] = z[i] if i < k else theta[i - k]
        count = learn(both, count, mean, covariance)
    return theta, z, mean, covariance, count
