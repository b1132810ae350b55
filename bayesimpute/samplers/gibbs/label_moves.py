"""Steps of a softmax of labels: one label's linear predictor given the others', and what labels have together.

Given the others, a label against the rest is a yes/no with log-odds eta_k - log sum_j exp eta_j, j not k (Holmes & Held
2006, Bayesian Analysis 1:145), a mixed model of its own given Pólya-Gamma weights (Polson, Scott & Windle 2013).
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.binary import draw_logit
from bayesimpute.samplers.gibbs.binary_likelihoods import LOGIT, log_logit
from bayesimpute.samplers.gibbs.binary_moves import block_groups, lines, move_blocks, move_coefficients
from bayesimpute.samplers.gibbs.densities import log_prior, workspace
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.predictor_rows import predicted
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES, WIDTH, copied, directions, learn, move_group, run
from bayesimpute.samplers.gibbs.working_rows import weighted_products

STEP = 0.25
"""Of a log deviation that is moved with its effects, as a deviation of what it may move by."""


@compiled
def others(eta, k):
    """Log sum_j exp eta_j over the other labels, shape (row,)."""
    out = np.empty(eta.shape[0])
    for i in range(out.size):
        most = -np.inf
        for j in range(eta.shape[1]):
            if j != k:
                most = max(most, eta[i, j])
        total = 0.0
        for j in range(eta.shape[1]):
            if j != k:
                total += math.exp(eta[i, j] - most)
        out[i] = most + math.log(total)
    return out


@compiled
def run_label(rng, state, u, lengths, count, tune, free, lay, rows, columns, products, added):
    """One sweep of a label's predictor given the others', as of a logit model.

    Parameters
    ----------
    state, u, lengths, count, lay, rows, columns, products
        As in :func:`~bayesimpute.samplers.gibbs.binary.run_binary`.
    free : bool
        Whether deviations of effects are the label's own, and moved; else the layout holds them.
    added : ndarray, shape (row,)
        What the log-odds have beside the predictor.

    Returns
    -------
    state, u, lengths, count
    eta : ndarray, shape (row,)
        The predictor, without what is added.
    """
    state, lengths = copied(state), lengths.copy()
    n = columns.y.size
    root, response, odds = np.empty(n), np.empty(n), np.empty(n)
    sign = 2.0 * columns.y - 1.0
    eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
    for i in range(n):
        odds[i] = sign[i] * (eta[i] + added[i])
    count += 1.0 if tune else 0.0
    along = lines(products.xx, lay)
    move_coefficients(rng, np.int64(LOGIT), state[1], odds, sign, along, lengths, count if tune else 0.0, columns, lay)
    if free:
        steps = directions(state[3], state[4], block_groups(lay))
        u = move_blocks(rng, np.int64(LOGIT), state[0], state[1], u, steps, odds, sign, columns, lay, rows)
    for i in range(n):
        odds[i] *= sign[i]
    draw_logit(rng, odds, columns.y, root, response)
    for i in range(n):
        response[i] -= added[i] * root[i]
    known = weighted_products(root, response, columns, lay, rows)
    state, _, u = run(rng, state, np.int64(1), tune and free, lay, known, np.zeros((0, 0)))
    eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
    return state, u, lengths, count, eta


@compiled
def move_together(rng, theta, mean, covariance, count, tune, lay, uu, products):
    """Deviations and partial correlations of effects that labels have together, given the effects, in place.

    `uu` is U'U of the effects, shape (label times effect, label times effect); of `products` nothing is used.
    """
    steps = directions(covariance, count, lay.groups)
    none, nothing = np.zeros(0), np.zeros((0, 0))
    move_group(rng, theta, steps, np.int64(2), np.int64(0), lay, products, 0.0, nothing, workspace(0), uu, none)
    return learn(theta, count, mean, covariance) if tune else count


@compiled
def move_size(rng, eta, rest, term, sign, kind, first, second, log_sd):
    """A log deviation with its effects, which are `term` of a label's predictor; returns how far it is moved.

    `eta` (row,) is the label's predictor, `rest` what it stands against; both stay.
    """
    n = eta.size
    space = np.empty(n)
    level = size_value(eta, rest, term, sign, 0.0, kind, first, second, log_sd, space) - rng.standard_exponential()
    low = -WIDTH * STEP * rng.random()
    high = low + WIDTH * STEP
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        if size_value(eta, rest, term, sign, t, kind, first, second, log_sd, space) > level:
            return t
        if t < 0:
            low = t
        else:
            high = t
    return 0.0


@compiled
def size_value(eta, rest, term, sign, t, kind, first, second, log_sd, space):
    """The log posterior along it; `space` is space."""
    by = math.exp(t) - 1.0
    for i in range(eta.size):
        space[i] = sign[i] * (eta[i] - rest[i] + by * term[i])
    return log_logit(space) + log_prior(kind, first, second, log_sd + t)
