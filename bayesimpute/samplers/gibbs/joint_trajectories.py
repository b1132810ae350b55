"""Coefficients of several predictors, the effects that they share and these effects' covariance all at once, compiled.

One part given the others, effects given Sigma and Sigma given effects go in small steps where data say little, for then
all hang together. A trajectory along the gradient of the whole posterior (Hamiltonian dynamics: Neal 2011, Handbook of
Markov Chain Monte Carlo, chapter 5) moves them together: coefficients, the effects' standard normals H with effects
H L', and the deviations and partial correlations of which L is. Where data say much, effects and their standard normals
are bad coordinates, and the other moves are quick. It is accepted by Metropolis, so that nothing rests on it but speed.

Scales and the length of a leap are learnt while the chain adapts, and then stay.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.count_likelihoods import (
    INFLATED_POISSON,
    STRUCTURAL,
    Likelihood,
    count_likelihood,
    scores,
)
from bayesimpute.samplers.gibbs.densities import block_root, log_prior
from bayesimpute.samplers.gibbs.inflated_rows import log_none, log_one_and_sum
from bayesimpute.samplers.gibbs.predictor_rows import rows_times
from bayesimpute.samplers.gibbs.products import add_weighted_rows
from bayesimpute.samplers.gibbs.sweeps import MEMORY

AIM = 0.8
"""Of proposals, what share shall be taken."""
TURN = 0.5 * math.pi
"""Of a trajectory, in radians of a normal law."""
SPREAD = 0.4
"""By how much of it, up or down, its length is drawn at random, lest it closes in on itself."""
MOST = 10
"""Leaps."""
SMALL = 1e-4
"""Of a parameter's change for a difference."""


class Side(NamedTuple):
    """A part's rows.

    Parameters
    ----------
    x, z : ndarray, shape (row, coefficient), (row, own effect)
        Columns of coefficients, and of the effects that it shares.
    codes : ndarray of int, shape (row,)
        Clusters.
    first : int
        The place of its first effect among all.
    mean, precision : ndarray, shape (coefficient,)
        Of the priors.
    seen : Likelihood
    """

    x: np.ndarray
    z: np.ndarray
    codes: np.ndarray
    first: int
    mean: np.ndarray
    precision: np.ndarray
    seen: Likelihood


class Place(NamedTuple):
    """Where the chain is: the parts' coefficients one after the other and behind them Sigma's parameters, and standard
    normals, shape (cluster, effect).
    """

    c: np.ndarray
    h: np.ndarray


@inlined
def root_at(c, lay):
    """The factor L of Sigma; its parameters stand last."""
    return block_root(np.append(np.zeros(1), c[c.size - lay.kinds.size + 1 :]), lay, np.int64(0))


@compiled
def put_beside(sides, etas):
    """What parts are given of each other's predictors, in place: zeros that may be structural are of both."""
    if sides[0].seen.kind == STRUCTURAL:
        counts = sides[1].seen
        log_none(counts.kind == INFLATED_POISSON, etas[1], counts.shape, sides[0].seen.beside)
        counts.beside[:] = etas[0]


@compiled
def log_likelihood(sides, etas):
    """Of all parts."""
    put_beside(sides, etas)
    together, total = sides[0].seen.kind == STRUCTURAL, 0.0
    for k in range(len(sides)):
        if together and k == 0:
            total -= log_one_and_sum(etas[0])
        else:
            seen = sides[k].seen
            total += count_likelihood(seen.kind, etas[k], seen.y, seen.beside, seen.shape)
    return total


@inlined
def own_log_prior(k, value, lay):
    """Of one of Sigma's parameters."""
    return log_prior(lay.kinds[k], lay.args[k, 0], lay.args[k, 1], value)


@compiled
def log_priors(sides, at, lay):
    """Of coefficients, standard normals and Sigma's parameters."""
    total, begin = -0.5 * (at.h * at.h).sum(), 0
    for k in range(len(sides)):
        for m in range(sides[k].mean.size):
            total -= 0.5 * sides[k].precision[m] * (at.c[begin + m] - sides[k].mean[m]) ** 2
        begin += sides[k].mean.size
    for k in range(1, lay.kinds.size):
        total += own_log_prior(k, at.c[begin + k - 1], lay)
    return total


@inlined
def by_rows(sides, etas, scored, weights, by, by_effect, saying):
    """The gradients by coefficients and by effects, and what rows say of effects, all into the last three."""
    put_beside(sides, etas)
    by[:], by_effect[:], saying[:], begin = 0.0, 0.0, 0.0, 0
    for k in range(len(sides)):
        side, score, weight, p = sides[k], scored[k], weights[k], sides[k].mean.size
        scores(side.seen.kind, etas[k], side.seen.y, side.seen.beside, side.seen.shape, score, weight)
        add_weighted_rows(side.x, score, by[begin : begin + p])
        for i in range(score.size):
            for a in range(side.z.shape[1]):
                by_effect[side.codes[i], side.first + a] += side.z[i, a] * score[i]
                saying[side.first + a] += side.z[i, a] ** 2 * weight[i]
        begin += p


@inlined
def gradient(sides, at, etas, scored, weights, lay, by, by_h, saying):
    """Of the log posterior, into `by` and `by_h`; into `saying` what rows say of each effect."""
    effects = np.empty(at.h.shape)
    by_rows(sides, etas, scored, weights, by, effects, saying)
    begin = 0
    for k in range(len(sides)):
        for m in range(sides[k].mean.size):
            by[begin + m] -= sides[k].precision[m] * (at.c[begin + m] - sides[k].mean[m])
        begin += sides[k].mean.size
    q, root = at.h.shape[1], root_at(at.c, lay)
    by_root = np.zeros((q, q))
    for j in range(at.h.shape[0]):
        for b in range(q):
            value = -at.h[j, b]
            for a in range(b, q):
                value += root[a, b] * effects[j, a]
                by_root[a, b] += effects[j, a] * at.h[j, b]
            by_h[j, b] = value
    moved = at.c.copy()
    for k in range(1, lay.kinds.size):  # differences: a trajectory along another field than the gradient is as exact
        place, value = begin + k - 1, 0.0
        for sign in (1.0, -1.0):
            moved[place] = at.c[place] + sign * SMALL
            value += sign * (own_log_prior(k, moved[place], lay) + (by_root * root_at(moved, lay)).sum())
        moved[place] = at.c[place]
        by[place] = value / (2.0 * SMALL)


@inlined
def put_predictors(sides, bases, at, lay, etas):
    """The predictors of all parts, in place; `bases` are what they have beside what moves."""
    effects, begin = at.h @ root_at(at.c, lay).T, 0
    for k in range(len(sides)):
        side, eta = sides[k], etas[k]
        p = side.mean.size
        eta[:] = bases[k] + rows_times(side.x, at.c[begin : begin + p])
        for a in range(side.z.shape[1]):
            for i in range(eta.size):
                eta[i] += side.z[i, a] * effects[side.codes[i], side.first + a]
        begin += p


@inlined
def leap(at, by, momentum, scales, along):
    """The place after a leap, in place."""
    for b in range(scales.size):
        at.h[:, b] += by * scales[b] * momentum.h[:, b]
    for m in range(at.c.size):
        for d in range(m + 1):
            at.c[m] += by * along[m, d] * momentum.c[d]


@inlined
def kick(by, momentum, pull, pull_h, scales, along):
    """Momentum after the pull of the gradient, in place."""
    for b in range(scales.size):
        momentum.h[:, b] += by * scales[b] * pull_h[:, b]
    for d in range(pull.size):
        for m in range(d, pull.size):
            momentum.c[d] += by * along[m, d] * pull[m]


@inlined
def energy_of(momentum):
    """Half the squares of what is moved."""
    return 0.5 * ((momentum.c**2).sum() + (momentum.h**2).sum())


@inlined
def say(saying, at, lay, learnt):
    """Take in which variance the rows leave the standard normals, by what they say of effects; in place."""
    root, (clusters, q) = root_at(at.c, lay), at.h.shape
    for b in range(q):
        here = 1.0
        for a in range(b, q):
            here += root[a, b] ** 2 * saying[a] / clusters
        learnt[b] += (1.0 / here - learnt[b]) / min(learnt[q + 1] + 1.0, MEMORY)


@compiled
def move_jointly(rng, sides, bases, etas, moved, scored, weights, at, lay, along, learnt, tune):
    """One trajectory; `etas`, the parts' predictors, and `at` in place, and `learnt` if it learns.

    Parameters
    ----------
    sides : tuple of Side
    bases, etas, moved, scored, weights : tuple of ndarray, shape (row,)
        What predictors have beside what moves; predictors; space.
    along : ndarray, shape (parameter, direction)
        Of coefficients and Sigma's parameters, lower triangular.
    learnt : ndarray, shape (effect + 2,)
        The variances that rows leave standard normals, on the average of clusters; the logarithm of a leap; the
        trajectories that all rests on.

    Returns
    -------
    taken : bool
    """
    clusters, q = at.h.shape
    scales, momentum = np.sqrt(learnt[:q]), Place(np.empty(at.c.size), np.empty((clusters, q)))
    for m in range(at.c.size):
        momentum.c[m] = rng.standard_normal()
    for j in range(clusters):
        for b in range(q):
            momentum.h[j, b] = rng.standard_normal()
    by, turn = math.exp(learnt[q]), TURN * (1.0 + SPREAD * (2.0 * rng.random() - 1.0))
    leaps, there = min(int(turn / by) + 1, MOST), Place(at.c.copy(), at.h.copy())
    pull, pull_h, saying = np.empty(at.c.size), np.empty((clusters, q)), np.empty(q)
    before = log_likelihood(sides, etas) + log_priors(sides, at, lay) - energy_of(momentum)
    for k in range(len(sides)):
        moved[k][:] = etas[k]
    for t in range(leaps + 1):
        gradient(sides, there, moved, scored, weights, lay, pull, pull_h, saying)
        if t == 0 and tune:
            say(saying, at, lay, learnt)
        kick(by * (0.5 if t in (0, leaps) else 1.0), momentum, pull, pull_h, scales, along)
        if t < leaps:
            leap(there, by, momentum, scales, along)
            put_predictors(sides, bases, there, lay, moved)
    gain = log_likelihood(sides, moved) + log_priors(sides, there, lay) - energy_of(momentum) - before
    chance = 0.0 if np.isnan(gain) else math.exp(min(gain, 0.0))
    if tune:
        learnt[q] += (chance - AIM) / math.sqrt(learnt[q + 1] + 1.0)
        learnt[q + 1] += 1.0
    taken = rng.random() < chance
    if taken:
        at.c[:], at.h[:] = there.c, there.h
        for k in range(len(sides)):
            etas[k][:] = moved[k]
    return taken
