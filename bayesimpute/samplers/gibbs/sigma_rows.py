"""Moves of one effect's row of a covariance matrix Sigma, along the likelihood, compiled.

With effect a last, u_a = l'h + l_a e, where h are the standard normals of the other effects and e one of its own. Given
the other effects and e, slices are taken of l and of log l_a, with which the rows' predictor is linear in l. Where data
say little of an effect, its deviation and its correlations are free to move with it: with Sigma's factor in one order
of the effects only those of the last would be. With moves given all effects it interweaves (Yu & Meng 2011, J. Comput.
Graph. Stat. 20:531).
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.binary_moves import SHORTEST
from bayesimpute.samplers.gibbs.count_likelihoods import count_likelihood
from bayesimpute.samplers.gibbs.densities import block_root
from bayesimpute.samplers.gibbs.shared_effects import Joint, log_density, packed
from bayesimpute.samplers.gibbs.sweeps import MEMORY, SHRINKAGES, WIDTH

FIRST = 0.25
"""Mean squares of moves before any is known."""


def begun_lengths(joint: Joint) -> dict[str, np.ndarray]:
    """A state that knows no lengths of moves: mean squares, shape (effect, coordinate), and how many they rest on."""
    key, width = joint.block.key, joint.block.width
    return {f"{key}_lengths": np.full((width, width), FIRST), f"{key}_lengths_count": np.asarray(1.0)}


@inlined
def solve_lower(factor, b):
    """L x = b for each column, in place."""
    for i in range(factor.shape[0]):
        for k in range(i):
            b[i] -= factor[i, k] * b[k]
        b[i] /= factor[i, i]


@inlined
def factor_without(covariance, a, width):
    """The lower factor of a covariance matrix without effect a, and their covariances with it."""
    n, factor, by = width - 1, np.zeros((width - 1, width - 1)), np.empty((width - 1, 1))
    for i in range(n):
        row = i if i < a else i + 1
        by[i, 0] = covariance[row, a]
        for j in range(i + 1):
            value = covariance[row, j if j < a else j + 1]
            for k in range(j):
                value -= factor[i, k] * factor[j, k]
            factor[i, j] = math.sqrt(value) if i == j else value / factor[j, j]
    return factor, by


@compiled
def put_row(covariance, a, factor, at):
    """Effect a's row and column of a covariance matrix from l and log l_a, in place."""
    n = factor.shape[0]
    covariance[a, a] = math.exp(2.0 * at[n])
    for i in range(n):
        row, value = i if i < a else i + 1, 0.0
        for k in range(i + 1):
            value += factor[i, k] * at[k]
        covariance[row, a] = covariance[a, row] = value
        covariance[a, a] += at[i] ** 2


@compiled
def put_effect(at, normals, own, effect):
    """Effects l'h + l_a e of all clusters, in place; `normals` are h, shape (other effect, cluster)."""
    n, by = normals.shape[0], math.exp(at[normals.shape[0]])
    for j in range(own.size):
        effect[j] = by * own[j]
        for k in range(n):
            effect[j] += at[k] * normals[k, j]


@compiled
def add_effect(rest, column, codes, effect, eta):
    """The rows' predictor with an effect, in place."""
    for i in range(rest.size):
        eta[i] = rest[i] + column[i] * effect[codes[i]]


@compiled
def move_row(rng, a, effects, covariance, eta, column, codes, seen, shape, lay, lengths, count, tune):
    """Slices along all coordinates of effect a's row; `effects`, `covariance`, `eta` and `lengths` in place.

    Parameters
    ----------
    effects : ndarray, shape (cluster, effect)
    eta, column, codes : ndarray, shape (row,)
        The predictor, by what the effect counts in it, and clusters.
    seen : Likelihood
    shape : float
        Of the LKJ prior.
    lengths, count : ndarray of shape (coordinate,), float
        Mean squares of the moves, and how many they rest on.
    """
    width = covariance.shape[0]
    n = width - 1
    factor, by = factor_without(covariance, a, width)
    solve_lower(factor, by)
    at, left = np.empty(width), covariance[a, a]
    for k in range(n):
        at[k] = by[k, 0]
        left -= by[k, 0] ** 2
    at[n] = 0.5 * math.log(left)
    normals, own = np.empty((n, effects.shape[0])), effects[:, a].copy()
    for k in range(n):
        normals[k] = effects[:, k if k < a else k + 1]
    solve_lower(factor, normals)
    for k in range(n):
        own -= at[k] * normals[k]
    own *= math.exp(-at[n])
    effect, rest, moved, root = effects[:, a].copy(), np.empty(eta.size), np.empty(eta.size), np.zeros((width, width))
    for i in range(eta.size):
        rest[i] = eta[i] - column[i] * effect[codes[i]]
    # the density of l and log l_a, from Sigma's as a matrix
    now = log_density(covariance, shape, lay.kinds, lay.args, root) + 2.0 * at[n]
    now += count_likelihood(seen.kind, eta, seen.y, seen.beside, seen.shape)
    for k in range(width):
        begin, level, t = at[k], now - rng.standard_exponential(), 0.0
        reach = WIDTH * math.sqrt(0.5 * lengths[k])
        low = -reach * rng.random()
        high = low + reach
        taken = False
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            at[k] = begin + t
            put_row(covariance, a, factor, at)
            value = log_density(covariance, shape, lay.kinds, lay.args, root) + 2.0 * at[n]
            if value > -np.inf:
                put_effect(at, normals, own, effect)
                add_effect(rest, column, codes, effect, moved)
                value += count_likelihood(seen.kind, moved, seen.y, seen.beside, seen.shape)
            if value > level:
                now, taken = value, True
                eta[:] = moved
                break
            if t < 0:
                low = t
            else:
                high = t
        if not taken:
            at[k], t = begin, 0.0
        if tune:
            lengths[k] = max(lengths[k] + (t * t - lengths[k]) / min(count, MEMORY), SHORTEST)
    put_row(covariance, a, factor, at)
    put_effect(at, normals, own, effect)
    effects[:, a] = effect


@compiled
def move_rows(rng, first, effects, theta, eta, columns, codes, seen, shape, lay, lengths, count, rounds, tune):
    """The rows of a predictor's effects in turn, some rounds; `effects`, `theta`, `eta` and `lengths` in place.

    Parameters
    ----------
    first : int
        The place of its first one among all effects.
    theta : ndarray, shape (theta,)
        Sigma's parameters.
    columns : ndarray, shape (row, own effect)
    lengths : ndarray, shape (effect, coordinate)

    Returns
    -------
    count : float
        How many moves lengths rest on.
    """
    root = block_root(theta, lay, np.int64(0))
    covariance = root @ root.T
    for _ in range(rounds):
        for k in range(columns.shape[1]):
            a, column = first + k, columns[:, k].copy()
            count += 1.0 if tune else 0.0
            move_row(rng, a, effects, covariance, eta, column, codes, seen, shape, lay, lengths[a], count, tune)
    theta[1:] = packed(covariance)
    return count
