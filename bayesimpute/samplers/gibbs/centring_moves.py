"""Moves that leave every row's predictor as it is: coefficients against the effects that can make up for them.

A column of mu that is, in every cluster of a block, a linear function of the block's columns (x_k = Z_j d_jk: the
intercept beside random intercepts, a cluster-level variable, a slope beside random slopes) can change with the effects
going the other way, u_j - d_jk t. Where clusters say much, this is how the two move at all (Gelfand, Sahu & Carlin
1995, Biometrika 82:479). Given the sums u_j + D_j beta the coefficients have a normal law: one draw, at a cost of
O(clusters). Columns that are nearly so have slices along such a line (``count_moves.py``). And given the effects a
block's deviations have no other data: slices at no cost to speak of. With the moves along the likelihood, in which
standard normals stay, the two interweave (Yu & Meng 2011, J. Comput. Graph. Stat. 20:531).
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.densities import block_root, log_prior
from bayesimpute.samplers.gibbs.effects import cholesky, solve_lower, solve_upper
from bayesimpute.samplers.gibbs.layout import FIXED
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES, WIDTH

SINGULAR = 1e-10
"""Of a pivot, relative to its diagonal: columns that are as good as linearly dependent."""
SAME = 1e-16
"""Of squares: a relative error that is rounding."""
OWN = 0.5
"""Of a column's sum of squares what a block's columns leave of it, below which they nearly make up for it."""
SMALLEST = 1e-6
"""Deviations below it are left alone: there is nothing to move, but rounding."""


@inlined
def replaceable(x, z, of, clusters):
    """D (cluster, effect, column), which columns x are linear functions of z in each cluster, and which nearly."""
    p, q = x.shape[1], z.shape[1]
    zz, d = np.zeros((clusters, q, q)), np.zeros((clusters, q, p))
    for i in range(x.shape[0]):
        j = of[i]
        for a in range(q):
            for c in range(q):
                zz[j, a, c] += z[i, a] * z[i, c]
            for k in range(p):
                d[j, a, k] += z[i, a] * x[i, k]
    for j in range(clusters):
        eliminate(zz[j], d[j])
    wrong, size, left_over, whole = np.zeros(p), np.zeros(p), np.zeros(p), np.zeros(p)
    for i in range(x.shape[0]):
        j = of[i]
        for k in range(p):
            left = x[i, k]
            for a in range(q):
                left -= z[i, a] * d[j, a, k]
            wrong[k] = max(wrong[k], left * left)
            size[k] = max(size[k], x[i, k] * x[i, k])
            left_over[k] += left * left
            whole[k] += x[i, k] * x[i, k]
    good = (size > 0) & (wrong <= SAME * size)
    return d, good, ~good & (left_over < OWN * whole)


@inlined
def eliminate(a, b):
    """The solution of a x = b in place of b, 0 where a column depends on those before; a is positive semidefinite."""
    q, kept, diagonal = a.shape[0], np.empty(a.shape[0], dtype=np.bool_), np.empty(a.shape[0])
    for k in range(q):
        diagonal[k] = a[k, k]
    for k in range(q):
        kept[k] = a[k, k] > SINGULAR * diagonal[k]
        if not kept[k]:
            b[k] = 0.0
            continue
        for i in range(q):
            if i != k:
                by = a[i, k] / a[k, k]
                for m in range(k, q):
                    a[i, m] -= by * a[k, m]
                for m in range(b.shape[1]):
                    b[i, m] -= by * b[k, m]
    for k in range(q):
        if kept[k]:
            for m in range(b.shape[1]):
                b[k, m] /= a[k, k]
        else:
            b[k] = 0.0


@inlined
def draw_centred(rng, z, h, d, ks, factor, lay):
    """Coefficients `ks` given the sums that a block's effects make with them; z and h in place."""
    k, q = ks.size, factor.shape[0]
    if not large(factor):
        return
    precision, c = np.zeros((k, k)), np.empty(k)
    for m in range(k):
        precision[m, m] = lay.precision[ks[m]]
        c[m] = lay.precision[ks[m]] * lay.mean[ks[m]]
    g = np.empty((h.shape[0], q, k))
    for j in range(h.shape[0]):
        for a in range(q):
            for m in range(k):
                value = d[j, a, ks[m]]
                for b in range(a):
                    value -= factor[a, b] * g[j, b, m]
                g[j, a, m] = value / factor[a, a]
                h[j, a] += g[j, a, m] * z[ks[m]]
        for a in range(q):
            for m in range(k):
                c[m] += g[j, a, m] * h[j, a]
                for n in range(k):
                    precision[m, n] += g[j, a, m] * g[j, a, n]
    least = np.empty(k)
    for m in range(k):
        least[m] = lay.precision[ks[m]]
    cholesky(precision, least)
    solve_lower(precision, c)
    for m in range(k):
        c[m] += rng.standard_normal()
    solve_upper(precision, c)
    for m in range(k):
        z[ks[m]] = c[m]
        for j in range(h.shape[0]):
            for a in range(q):
                h[j, a] -= g[j, a, m] * c[m]


@compiled
def own_prior(theta, lay, f):
    """Log prior of the parameters of block f."""
    total, q = 0.0, lay.widths[f]
    for k in range(lay.firsts[f], lay.firsts[f] + q * (q + 1) // 2):
        total += log_prior(lay.kinds[k], lay.args[k, 0], lay.args[k, 1], theta[k])
    return total


@compiled
def given_effects(theta, lay, f, uu, clusters):
    """Log density of the parameters of block f given its effects, with U'U."""
    factor, total = block_root(theta, lay, f), own_prior(theta, lay, f)
    q = factor.shape[0]
    inverse = np.zeros((q, q))
    for a in range(q):
        if not factor[a, a] > 0:
            return -np.inf
        total -= clusters * math.log(factor[a, a])
        inverse[a, a] = 1.0 / factor[a, a]
        for c in range(a):
            value = 0.0
            for k in range(c, a):
                value -= factor[a, k] * inverse[k, c]
            inverse[a, c] = value / factor[a, a]
    for a in range(q):
        for b in range(a + 1):
            for c in range(a + 1):
                total -= 0.5 * inverse[a, b] * uu[b, c] * inverse[a, c]
    return total


@inlined
def move_given_effects(rng, theta, h, steps, f, lay):
    """Deviations and partial correlations of block f given its effects; theta and the standard normals in place."""
    q, clusters = h.shape[1], h.shape[0]
    factor, u, uu = block_root(theta, lay, f), np.zeros(h.shape), np.zeros((q, q))
    if not large(factor) or lay.groups[lay.firsts[f]] == FIXED:
        return
    for j in range(clusters):
        for a in range(q):
            for c in range(a + 1):
                u[j, a] += factor[a, c] * h[j, c]
        for a in range(q):
            for c in range(q):
                uu[a, c] += u[j, a] * u[j, c]
    start, now = np.empty(theta.size), given_effects(theta, lay, f, uu, clusters)
    for k in range(lay.firsts[f], lay.firsts[f] + q * (q + 1) // 2):
        start[:] = theta
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for m in range(k, theta.size):
                theta[m] = start[m] + t * steps[m, k]
            value = given_effects(theta, lay, f, uu, clusters)
            if value > level and large(block_root(theta, lay, f)):
                now = value
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            theta[:] = start
    factor = block_root(theta, lay, f)
    for j in range(clusters):
        for a in range(q):
            value = u[j, a]
            for k in range(a):
                value -= factor[a, k] * h[j, k]
            h[j, a] = value / factor[a, a]


@compiled
def large(factor):
    """Whether deviations are such that effects say what they are: a move starts and ends there, so that it is exact."""
    return np.diag(factor).min() > SMALLEST
