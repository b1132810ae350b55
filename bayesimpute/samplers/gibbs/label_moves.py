"""Steps of a softmax of labels: one label's linear predictor given the others', and what labels have together.

Given the others, a label against the rest is a yes/no with log-odds eta_k - log sum_j exp eta_j, j not k (Holmes & Held
2006, Bayesian Analysis 1:145), a mixed model of its own given Pólya-Gamma weights (Polson, Scott & Windle 2013).
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp, quick_log1p
from bayesimpute.samplers.gibbs.binary import draw_logit
from bayesimpute.samplers.gibbs.coefficient_lines import move_along
from bayesimpute.samplers.gibbs.densities import block_root, prior
from bayesimpute.samplers.gibbs.effects import cholesky, outer_effects, solve_lower
from bayesimpute.samplers.gibbs.predictor_rows import predicted
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES, WIDTH, copied, directions, learn, run
from bayesimpute.samplers.gibbs.working_rows import weighted_products

FARTHEST, LARGE = 300.0, 1e150
"""A log odds counts as at most so much; odds are multiplied up to here before a logarithm is taken."""


@inlined
def add_log(out, other):
    """Log (exp out + exp other), in place, for vector instructions."""
    for i in range(out.size):
        out[i] = max(out[i], other[i]) + quick_log1p(quick_exp(-abs(out[i] - other[i])))


@compiled
def others(eta, k):
    """Log sum_j exp eta_j over the other labels, shape (row,)."""
    out = np.full(eta.shape[0], -np.inf)
    for j in range(eta.shape[1]):
        if j != k:
            add_log(out, eta[:, j].copy())
    return out


@compiled
def run_label(rng, state, u, lengths, count, information, looks, tune, lay, rows, columns, products, added):
    """One sweep of a label's predictor given the others', as of a logit model whose deviations of effects are held.

    Parameters
    ----------
    state, u, lengths, count, information, looks, lay, rows, columns, products
        As in :func:`~bayesimpute.samplers.gibbs.binary.run_binary`.
    added : ndarray, shape (row,)
        What the log-odds have beside the predictor.

    Returns
    -------
    state, u
    learnt : tuple of (lengths, count, information, looks)
    eta : ndarray, shape (row,)
        The predictor, without what is added.
    """
    state, learnt = copied(state), (lengths.copy(), count, information.copy(), looks)
    n = columns.y.size
    root, response, odds = np.empty(n), np.empty(n), np.empty(n)
    sign = 2.0 * columns.y - 1.0
    eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
    for i in range(n):
        odds[i] = sign[i] * (eta[i] + added[i])
    guess = 0.25 * products.xx[: lay.coefficients, : lay.coefficients]
    learnt = move_along(rng, state[1], odds, sign, guess, learnt, tune, columns, lay)
    for i in range(n):
        odds[i] *= sign[i]
    draw_logit(rng, odds, columns.y, root, response)
    for i in range(n):
        response[i] -= added[i] * root[i]
    known = weighted_products(root, response, columns, lay, rows)
    state, _, u = run(rng, state, np.int64(1), np.bool_(False), lay, known, np.zeros((0, 0)))
    eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
    return state, u, learnt, eta


@compiled
def move_together(rng, theta, mean, covariance, count, tune, lay, uu, contrast):
    """Deviations and partial correlations of effects of all labels, given their differences, in place.

    What the effects of all labels have in common is integrated out: data say nothing of it, so that given it as well
    the part of the covariance that only priors know would hardly move.

    Parameters
    ----------
    theta, mean, covariance, count
        Of the block, and what was learnt of it.
    uu : ndarray, shape (difference, difference)
        D'D of the differences D between the labels' effects, row by row; there are as many as the layout has clusters.
    contrast : ndarray, shape (difference, width of Sigma)
        By which Sigma becomes the covariance of a row of D.

    Returns
    -------
    count : float
    """
    steps = directions(covariance, count, lay.groups)
    start, now = np.empty(theta.size), of_differences(theta, lay, uu, contrast)
    for k in range(theta.size):
        if lay.groups[k] != 1:
            continue
        start[:] = theta
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for m in range(k, theta.size):
                theta[m] = start[m] + t * steps[m, k]
            value = of_differences(theta, lay, uu, contrast)
            if value > level:
                now = value
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            theta[:] = start
    return learn(theta, count, mean, covariance) if tune else count


@compiled
def of_differences(theta, lay, uu, contrast):
    """Their log density times the prior, up to a constant."""
    root = block_root(theta, lay, np.int64(0))
    n, width = contrast.shape
    part, square = np.zeros((n, width)), np.zeros((n, n))
    for i in range(n):
        for k in range(width):
            if contrast[i, k] != 0:
                for m in range(width):
                    part[i, m] += contrast[i, k] * root[k, m]
        for j in range(i + 1):
            for m in range(width):
                square[i, j] += part[i, m] * part[j, m]
            square[j, i] = square[i, j]
    for i in range(n):
        if not square[i, i] > 0:
            return -np.inf
    cholesky(square, np.zeros(n))
    total, column = prior(theta, lay, np.int64(1)), np.empty(n)
    half = np.empty((n, n))  # R^-T times D'D, by columns
    for i in range(n):
        if not square[i, i] > 0:
            return -np.inf
        total -= lay.sizes[0] * math.log(square[i, i])
        column[:] = uu[:, i]
        solve_lower(square, column)
        half[:, i] = column
    for i in range(n):  # the diagonal of R^-T D'D R^-1
        column[:] = half[i]
        solve_lower(square, column)
        total -= 0.5 * column[i]
    return total


@compiled
def move_roots(rng, theta, mean, covariance, count, lay, rest, matrix, clusters, normals, codes):
    """The same given the effects' standard normals, along the likelihood, in place.

    Parameters
    ----------
    rest : ndarray, shape (label, row)
        The linear predictors without these effects.
    matrix : ndarray, shape (row, effect of a label)
        Their columns.
    clusters, codes : ndarray of int, shape (row,)
    normals : ndarray, shape (cluster, label times effect)

    Returns
    -------
    effects : ndarray, shape (cluster, label times effect)
    """
    steps = directions(covariance, count, lay.groups)
    start, now = np.empty(theta.size), of_roots(theta, lay, rest, matrix, clusters, normals, codes)
    for k in range(theta.size):
        if lay.groups[k] != 1:
            continue
        start[:] = theta
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for m in range(k, theta.size):
                theta[m] = start[m] + t * steps[m, k]
            value = of_roots(theta, lay, rest, matrix, clusters, normals, codes)
            if value > level:
                now = value
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            theta[:] = start
    return rooted(theta, lay, normals)


@compiled
def rooted(theta, lay, normals):
    """Effects from their standard normals; of labels that have one law each label's from its own."""
    root, out = block_root(theta, lay, np.int64(0)), np.zeros(normals.shape)
    width = root.shape[0]
    for j in range(normals.shape[0]):
        for low in range(0, normals.shape[1], width):
            for e in range(width):
                for m in range(e + 1):
                    out[j, low + e] += root[e, m] * normals[j, low + m]
    return out


@compiled
def add_column(eta, column, effects, clusters):
    """Add what one effect of each cluster is of the rows' predictors, in place."""
    for i in range(eta.size):
        eta[i] += column[i] * effects[clusters[i]]


@inlined
def add_odds(odds, eta, own):
    """Add a label's odds against the observed one, in place."""
    for i in range(odds.size):
        odds[i] += quick_exp(min(eta[i] - own[i], FARTHEST))


@compiled
def of_roots(theta, lay, rest, matrix, clusters, normals, codes):
    """The log likelihood and the prior of the block: rest's rows label by label, for vector instructions."""
    effects, (labels, n), width = rooted(theta, lay, normals), rest.shape, matrix.shape[1]
    eta, own, odds = np.empty((labels, n)), np.empty(n), np.zeros(n)
    for k in range(labels):
        eta[k] = rest[k]
        for a in range(width):
            add_column(eta[k], matrix[:, a], effects[:, k * width + a].copy(), clusters)
    for i in range(n):
        own[i] = eta[codes[i], i]
    for k in range(labels):  # of anything, against the label that is observed: its share is 1 / odds
        add_odds(odds, eta[k], own)
    total, product = prior(theta, lay, np.int64(1)), 1.0
    for i in range(n):
        product *= odds[i]
        if product > LARGE:
            total -= math.log(product)
            product = 1.0
    return total - math.log(product)
