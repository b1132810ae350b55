"""Moves of coefficients, deviations and a shape along their own likelihood, given the effects' standard normals.

Slices, as those of ``binary_moves.py``.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.binary_moves import SHORTEST, add_entries, below_diagonal
from bayesimpute.samplers.gibbs.centring_moves import large, own_prior
from bayesimpute.samplers.gibbs.count_likelihoods import count_likelihood, first_information, shape_density
from bayesimpute.samplers.gibbs.densities import block_root
from bayesimpute.samplers.gibbs.layout import FIXED
from bayesimpute.samplers.gibbs.sweeps import MEMORY, SHRINKAGES, WIDTH


class Counted(NamedTuple):
    """What is known of the values.

    Parameters
    ----------
    kind : int
        A name in ``count_likelihoods.py``.
    beside, added : ndarray, shape (row,)
        What stands beside the values there; what is added to the linear predictor.
    values, times : ndarray, shape (value,)
        The different counts, and how often each occurs.
    prior_kind, prior_args : int, ndarray of shape (2,)
        The prior of the other parameter.
    """

    kind: int | np.int64
    beside: np.ndarray
    added: np.ndarray
    values: np.ndarray
    times: np.ndarray
    prior_kind: int | np.int64
    prior_args: np.ndarray


@inlined
def row_roots(kind, y, beside):
    """Roots of what each count says of its predictor, as far as the count alone tells."""
    out = np.empty(y.size)
    for i in range(y.size):
        out[i] = math.sqrt(first_information(kind, y[i], beside[i], 0.0))
    return out


@compiled
def slice_along(rng, counted, shape, eta, y, line, width, linear, quadratic, now, moved):
    """A slice of the likelihood along a line, with linear t - quadratic t^2 / 2 beside it; `eta` in place.

    Returns
    -------
    t : float
    now : float
        The likelihood where that leads; given, where it starts.
    """
    level = now - rng.standard_exponential()
    low = -width * rng.random()
    high = low + width
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        for i in range(eta.size):
            moved[i] = eta[i] + t * line[i]
        value = count_likelihood(counted.kind, moved, y, counted.beside, shape)
        if value + linear * t - 0.5 * quadratic * t * t > level:
            eta[:] = moved
            return t, value
        if t < 0:
            low = t
        else:
            high = t
    return 0.0, now


@inlined
def move_lines(rng, counted, shape, z, eta, along, lengths, count, columns, lay, least):
    """Coefficients along lines of some length at least; `z` and `eta` in place, `lengths` if `count` is positive."""
    n, k = eta.size, lay.coefficients
    line, moved = np.empty(n), np.empty(n)
    now = count_likelihood(counted.kind, eta, columns.y, counted.beside, shape)
    for d in range(k):
        if lengths[d] < least:
            continue
        linear, quadratic = 0.0, 0.0
        for m in range(k):
            linear -= lay.precision[m] * (z[m] - lay.mean[m]) * along[m, d]
            quadratic += lay.precision[m] * along[m, d] ** 2
        for i in range(n):
            line[i] = 0.0
            for m in range(d + 1):
                line[i] += columns.x[i, m] * along[m, d]
        width = WIDTH * math.sqrt(0.5 * lengths[d])
        t, now = slice_along(rng, counted, shape, eta, columns.y, line, width, linear, quadratic, now, moved)
        for m in range(k):
            z[m] += t * along[m, d]
        if count > 0:
            lengths[d] = max(lengths[d] + (t * t - lengths[d]) / min(count, MEMORY), SHORTEST)


@inlined
def move_against_effects(rng, counted, shape, z, h, eta, d, ks, factor, of, matrix, columns, lay):
    """Coefficients `ks` with the effects of a block going the other way, where these can nearly make up for them.

    Rows are left with what a column has beside the block's, ``x_k - Z_j d_jk``, of which they say much less than of the
    column. `z`, `h` and `eta` in place.

    Parameters
    ----------
    h : ndarray, shape (cluster, effect)
        Standard normals.
    d : ndarray, shape (cluster, effect, column)
    matrix : ndarray, shape (row, effect)
        The block's columns.
    """
    if not large(factor) or ks.size == 0:
        return
    q, line, moved, g = factor.shape[0], np.empty(eta.size), np.empty(eta.size), np.empty(h.shape)
    now = count_likelihood(counted.kind, eta, columns.y, counted.beside, shape)
    for k in ks:
        linear, quadratic = -lay.precision[k] * (z[k] - lay.mean[k]), lay.precision[k]
        for j in range(h.shape[0]):
            for a in range(q):
                value = d[j, a, k]
                for b in range(a):
                    value -= factor[a, b] * g[j, b]
                g[j, a] = value / factor[a, a]
                linear += g[j, a] * h[j, a]
                quadratic += g[j, a] ** 2
        for i in range(eta.size):
            line[i] = columns.x[i, k]
            for a in range(q):
                line[i] -= matrix[i, a] * d[of[i], a, k]
        width = WIDTH / math.sqrt(quadratic)
        t, now = slice_along(rng, counted, shape, eta, columns.y, line, width, linear, quadratic, now, moved)
        z[k] += t
        h -= t * g


@compiled
def move_deviations(rng, counted, shape, theta, steps, f, entries, eta, y, lay):
    """Deviations and partial correlations of block f given its standard normals; theta and `eta` in place."""
    if lay.groups[lay.firsts[f]] == FIXED:
        return
    begin, moved, none = np.empty(theta.size), np.empty(eta.size), np.zeros(entries.shape[0])
    now = count_likelihood(counted.kind, eta, y, counted.beside, shape) + own_prior(theta, lay, f)
    for k in range(lay.firsts[f], lay.firsts[f] + entries.shape[0]):
        begin[:] = theta
        here = below_diagonal(block_root(theta, lay, f), none)
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for m in range(k, theta.size):
                theta[m] = begin[m] + t * steps[m, k]
            add_entries(below_diagonal(block_root(theta, lay, f), here), entries, eta, moved)
            value = count_likelihood(counted.kind, moved, y, counted.beside, shape) + own_prior(theta, lay, f)
            if value > level:
                now = value
                eta[:] = moved
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            theta[:] = begin


@inlined
def move_shape(rng, shape, width, eta, y, counted):
    """A slice of the logarithm of the other parameter; returns where it leads."""
    level = shape_density(shape, eta, y, counted) - rng.standard_exponential()
    low = -WIDTH * width * rng.random()
    high = low + WIDTH * width
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        if shape_density(shape + t, eta, y, counted) > level:
            return shape + t
        if t < 0:
            low = t
        else:
            high = t
    return shape
