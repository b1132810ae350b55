"""Moves of coefficients, deviations and a shape along their own likelihood, given the effects' standard normals.

Slices, as those of ``binary_moves.py``.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.binary_moves import SHORTEST, add_entries, below_diagonal
from bayesimpute.samplers.gibbs.centring_moves import own_prior
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


@inlined
def move_lines(rng, counted, shape, z, eta, along, lengths, count, columns, lay):
    """Coefficients along all lines in turn; `z` and `eta` in place, and `lengths` if `count` is positive."""
    n, k = eta.size, lay.coefficients
    line, moved = np.empty(n), np.empty(n)
    now = count_likelihood(counted.kind, eta, columns.y, counted.beside, shape)
    for d in range(k):
        linear, quadratic = 0.0, 0.0
        for m in range(k):
            linear -= lay.precision[m] * (z[m] - lay.mean[m]) * along[m, d]
            quadratic += lay.precision[m] * along[m, d] ** 2
        for i in range(n):
            line[i] = 0.0
            for m in range(d + 1):
                line[i] += columns.x[i, m] * along[m, d]
        level = now - rng.standard_exponential()
        low = -WIDTH * math.sqrt(0.5 * lengths[d]) * rng.random()
        high, t = low + WIDTH * math.sqrt(0.5 * lengths[d]), 0.0
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for i in range(n):
                moved[i] = eta[i] + t * line[i]
            value = count_likelihood(counted.kind, moved, columns.y, counted.beside, shape)
            if value + linear * t - 0.5 * quadratic * t * t > level:
                now = value
                eta[:] = moved
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            t = 0.0
        for m in range(k):
            z[m] += t * along[m, d]
        if count > 0:
            lengths[d] = max(lengths[d] + (t * t - lengths[d]) / min(count, MEMORY), SHORTEST)


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
