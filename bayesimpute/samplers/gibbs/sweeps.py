"""The Markov chain of (theta, z): sweeps of slices and normal draws, compiled into one call.

Slices are taken (Neal 2003, Annals of Statistics 31:705, sections 4 and 5) along the columns of a factor of theta's
posterior covariance, as seen while the chain adapts: in these directions the parameters are nearly uncorrelated. The
first interval has a fixed width of several deviations, placed at random, and shrinks; it is not stepped out, which
is exact for any width and takes three or four evaluations.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.densities import block_root, centred, marginal, non_centred, workspace
from bayesimpute.samplers.gibbs.effects import draw_inner, draw_outer, normal_equations, outer_effects, residuals

WIDTH = 8.0
"""Of a first interval, in standard deviations of its direction."""
SHRINKAGES = 200
"""After so many the point stays; only a density that is nowhere finite can need them."""
MEMORY = 300.0
"""Sweeps on which the covariance rests; earlier ones are forgotten."""
ENOUGH = 20.0
"""Sweeps before a covariance is used; until then directions are the axes."""
FIRST = 0.5
"""Length of directions that are not known yet."""
TOGETHER = 0.95
"""Correlations are taken as so much smaller: directions must stay apart."""
LEAST = 1e-3
"""The shortest direction."""


@compiled
def directions(covariance, count, groups):
    """The factor of the covariance within groups, shape (theta, direction)."""
    n = groups.size
    out = np.zeros((n, n))
    if count < ENOUGH:
        for k in range(n):
            out[k, k] = FIRST
        return out
    for i in range(n):
        for j in range(i + 1):
            value = 0.0
            if groups[i] == groups[j]:
                value = covariance[i, j] if i == j else TOGETHER * covariance[i, j]
            for k in range(j):
                value -= out[i, k] * out[j, k]
            out[i, j] = math.sqrt(max(value, LEAST**2)) if i == j else value / out[j, j]
    return out


@compiled
def learn(theta, count, mean, covariance):
    """Running mean and covariance, in place; returns how many sweeps they rest on."""
    count = min(count + 1.0, MEMORY)
    for k in range(theta.size):
        for m in range(k + 1):
            by = (theta[k] - mean[k]) * (theta[m] - mean[m]) * (1 - 1 / count)
            covariance[k, m] += (by - covariance[k, m]) / count
            covariance[m, k] = covariance[k, m]
    for k in range(theta.size):
        mean[k] += (theta[k] - mean[k]) / count
    return count


@compiled
def move_group(rng, theta, steps, form, block, lay, products, rss, r, space, quadratic, linear):
    """Slices along all directions of the parameters of a group, in place.

    Form 0: sigma and the inner blocks (:func:`marginal`); 1: an outer block given its standard normals; 2: given its
    effects.
    """
    group = 0 if form == 0 else block - lay.inner + 1
    now = density(theta, form, block, lay, products, rss, r, space, quadratic, linear)
    start = np.empty(theta.size)
    for k in range(theta.size):
        if lay.groups[k] != group:
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
            value = density(theta, form, block, lay, products, rss, r, space, quadratic, linear)
            if value > level:
                now = value
                break
            if at < 0:
                low = at
            else:
                high = at
        else:
            for m in range(theta.size):
                theta[m] = start[m]


@compiled
def density(theta, form, block, lay, products, rss, r, space, quadratic, linear):
    """The density of a form of :func:`move_group`."""
    if form == 0:
        return marginal(theta, lay, products, rss, r, space)
    if form == 1:
        return non_centred(theta, lay, block, quadratic, linear)
    return centred(theta, lay, block, quadratic)


@inlined
def move_outer(rng, theta, z, steps, lay, products, a, c, space):
    """Both forms of every outer block in turn: interweaving (Yu & Meng 2011, J. Comput. Graph. Stat. 20:531)."""
    nothing = np.zeros((0, 0))
    for f in range(lay.inner, lay.widths.size):
        quadratic, linear = in_roots(theta, z, f, lay, a, c)
        move_group(rng, theta, steps, np.int64(1), f, lay, products, 0.0, nothing, space, quadratic, linear)
        move_centred(rng, theta, z, steps, f, lay, products, space)


@compiled
def move_centred(rng, theta, z, steps, f, lay, products, space):
    """An outer block given its effects, in place; the effects stay, their standard normals follow."""
    q, low = lay.widths[f], lay.offsets[f]
    u = outer_effects(theta, lay, z)[low : low + q * lay.sizes[f]].copy().reshape((lay.sizes[f], q))
    uu = np.zeros((q, q))
    for j in range(lay.sizes[f]):
        for i in range(q):
            for k in range(q):
                uu[i, k] += u[j, i] * u[j, k]
    nothing, none = np.zeros((0, 0)), np.zeros(0)
    move_group(rng, theta, steps, np.int64(2), f, lay, products, 0.0, nothing, space, uu, none)
    factor = block_root(theta, lay, f)
    for j in range(lay.sizes[f]):
        for i in range(q):
            value = u[j, i]
            for k in range(i):
                value -= factor[i, k] * z[low + j * q + k]
            if factor[i, i] > 0:
                z[low + j * q + i] = value / factor[i, i]


@compiled
def in_roots(theta, z, block, lay, a, c):
    """The likelihood of b as a quadratic form in the entries of an outer block's L, given its standard normals.

    u_j = L z_j, so that the derivative of b by L_ik has z_jk at effect i of cluster j.
    """
    q, low, size = lay.widths[block], lay.offsets[block], lay.sizes[block]
    b = outer_effects(theta, lay, z)
    for m in range(q * size):
        b[low + m] = 0.0
    entries = q * (q + 1) // 2
    quadratic, linear = np.zeros((entries, entries)), np.zeros(entries)
    rest, image = np.empty(q * size), np.empty(q * size)
    for m in range(q * size):
        rest[m] = c[low + m]
        for k in range(b.size):
            rest[m] -= a[low + m, k] * b[k]
    at = 0
    for i in range(q):
        for k in range(i + 1):
            for m in range(q * size):
                image[m] = 0.0
            for j in range(size):
                value = z[low + j * q + k]
                linear[at] += value * rest[j * q + i]
                row = a[low + j * q + i]
                for m in range(q * size):
                    image[m] += value * row[low + m]
            other = 0
            for g in range(q):
                for h in range(g + 1):
                    for j in range(size):
                        quadratic[at, other] += image[j * q + g] * z[low + j * q + h]
                    other += 1
            at += 1
    return quadratic, linear


@compiled
def run(rng, state, sweeps, tune, lay, products, chain):
    """Sweeps from a state, which is left alone; then the inner effects.

    Parameters
    ----------
    state : tuple of (theta, z, mean, covariance, count)
        Parameters; coefficients and the outer effects' standard normals; what was learnt, from how many sweeps.
    chain : ndarray, shape (sweep, theta + coefficient) or (0, 0)
        Where each sweep leads, in place: if it is asked for, each sweep draws the inner effects.

    Returns
    -------
    state : tuple
        The next.
    b, u : ndarray
        Coefficients with outer effects, and inner effects, shape (cluster, effect).
    """
    theta, z, mean, covariance, count = copied(state)
    space, n = workspace(lay.width), theta.size
    none, nothing = np.zeros(0), np.zeros((0, 0))
    steps = directions(covariance, count, lay.groups)
    b, u = outer_effects(theta, lay, z), np.zeros((lay.clusters, lay.width))
    rss, r = residuals(b, lay, products)
    for t in range(sweeps):
        # np.int64: a literal would be another type, and all be compiled again
        move_group(rng, theta, steps, np.int64(0), np.int64(0), lay, products, rss, r, space, nothing, none)
        a, c = normal_equations(theta, lay, products)
        move_outer(rng, theta, z, steps, lay, products, a, c, space)
        z = draw_outer(rng, theta, lay, a, c)
        b = outer_effects(theta, lay, z)
        rss, r = residuals(b, lay, products)
        if tune:
            count = learn(theta, count, mean, covariance)
        if t < chain.shape[0] or t == sweeps - 1:
            u = draw_inner(rng, theta, lay, products, r)
        if t < chain.shape[0]:
            chain[t, :n] = theta
            chain[t, n:] = z[: lay.coefficients]
    return (theta, z, mean, covariance, count), b, u


@compiled
def copied(state):
    """A state of its own."""
    return state[0].copy(), state[1].copy(), state[2].copy(), state[3].copy(), state[4]
