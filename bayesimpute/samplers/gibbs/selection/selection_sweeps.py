"""The Markov chain: sweeps of both equations, compiled into one call."""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.densities import block_root
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.selection.away_rows import draw_systematic
from bayesimpute.samplers.gibbs.selection.equations import placed, predict, stacked
from bayesimpute.samplers.gibbs.selection.latent_errors import draw_latent, squares
from bayesimpute.samplers.gibbs.selection.ridge import (
    ENOUGH,
    STEP,
    held,
    learn_ridge,
    move_ridge,
    regression,
    singular,
    solve_root,
)
from bayesimpute.samplers.gibbs.selection.selection_moves import move_errors, move_scale
from bayesimpute.samplers.gibbs.sweeps import copied, run

LINEAR = 2
"""Rounds of latent variables and linear mixed model in a sweep: as slow as the ridge is for the likelihood."""


@inlined
def standard(theta, lay, b, z):
    """The coordinates z of b, in place: outer effects as standard normals; those that did not move stay."""
    for k in range(lay.coefficients):
        z[k] = b[k]
    for f in range(lay.inner, lay.widths.size):
        q, factor = lay.widths[f], block_root(theta, lay, np.int64(f))
        if singular(factor):
            continue
        for at in range(lay.offsets[f], lay.offsets[f] + q * lay.sizes[f], q):
            own = b[at : at + q].copy()
            solve_root(factor, own)
            z[at : at + q] = own


@inlined
def move_linear(rng, pair, lay, linear, m, s, zeta, log_sigma, r, y, tune):
    """One round: latent variables, what is drawn given them, and the linear mixed model; m and s in place."""
    draw_latent(rng, pair, m, s, zeta, log_sigma, r, y)
    seen = y if pair.binary else pair.y
    sums = squares(m, s, r, seen)
    if not pair.binary:
        zeta, log_sigma = move_errors(rng, zeta, log_sigma, pair, sums)
    theta, z, mean, covariance, count = copied(linear)
    sigma = math.exp(log_sigma)
    gamma, tau = math.tanh(zeta) * sigma, sigma / math.cosh(zeta)
    ratio, cross = (gamma / tau) ** 2, gamma / tau**2 * sums[1]
    quadratic = sums[3] + sums[0] * (1 + ratio)
    g = move_scale(rng, lay, theta, z, pair.selects, np.bool_(True), pair.deviations[1], pair.first.n, quadratic, cross)
    r *= g
    if pair.binary:
        own = sums[2] / tau**2
        y *= move_scale(rng, lay, theta, z, pair.selects, np.bool_(False), pair.deviations[0], y.size, own, cross * g)
    products = stacked(pair, lay, gamma, tau, r, seen)
    linear = theta, z, mean, covariance, count
    linear, b, u = run(rng, linear, np.int64(1), tune, lay, products, np.zeros((0, 0)))
    predict(pair.mu, b, u, pair, m)
    predict(pair.selection, b, u, pair, s)
    return linear, b, u, zeta, log_sigma


@compiled
def run_selection(rng, linear, errors, ridge, doubt, sweeps, tune, lay, pair):
    """Sweeps from a state, which is left alone.

    Parameters
    ----------
    linear : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`.
    errors : tuple of (artanh rho, log sigma, u)
        What the errors' law is, and the inner effects, shape (cluster, effect).
    ridge : tuple of (count, mean, covariance, variance)
        What was learnt about the ridge: :func:`~bayesimpute.samplers.gibbs.selection.ridge.learn_ridge`; of a rho that
        is held nothing, and it stays as it is.
    doubt : tuple of (share, gone)
        Of systematically missing clusters, and which of the empty ones are, shape (empty cluster,).

    Returns
    -------
    linear, errors, ridge, doubt : tuple
        The next.
    """
    zeta, log_sigma, u = errors
    count, mean, covariance, variance = ridge[0], ridge[1].copy(), ridge[2].copy(), ridge[3].copy()
    slopes = regression(count, covariance, variance)
    sd = math.sqrt(covariance[0, 0]) if count >= ENOUGH else STEP
    linear, u = copied(linear), u.copy()
    share, gone = doubt[0], doubt[1].copy()
    if gone.size > 0:
        pair = placed(pair, lay, gone)
    b = outer_effects(linear[0], lay, linear[1])
    m, s = np.empty(pair.y.size), np.empty(pair.codes.size)
    r, y, space = np.empty(s.size), np.empty(m.size), np.empty((3, m.size))
    predict(pair.mu, b, u, pair, m)
    predict(pair.selection, b, u, pair, s)
    for _ in range(sweeps):
        for _ in range(LINEAR):
            if gone.size > 0:
                share = draw_systematic(rng, pair, s, share, gone)
                pair = placed(pair, lay, gone)
            linear, b, u, zeta, log_sigma = move_linear(rng, pair, lay, linear, m, s, zeta, log_sigma, r, y, tune)
        if held(pair.rho):
            continue
        theta, z, usual = linear[0], linear[1], linear[2]
        zeta, log_sigma = move_ridge(rng, pair, lay, theta, usual, b, u, m, s, zeta, log_sigma, slopes, sd, space)
        standard(theta, lay, b, z)
        if tune:
            v = np.concatenate((np.array([log_sigma]), b, u.ravel()))
            count = learn_ridge(v, zeta, count, mean, covariance, variance)
    return linear, (zeta, log_sigma, u), (count, mean, covariance, variance), (share, gone)
