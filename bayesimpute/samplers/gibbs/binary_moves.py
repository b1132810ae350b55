"""Moves of a logit model's parameters along its own likelihood, without latent variables.

With the latent variables known, a row of a rare outcome says far more than it does: where one in a hundred is a yes,
ten times as much, so that sweeps with latent variables alone go in small steps. These slices are for that. They are
taken given the inner effects u,

* along lines of the coefficients that do not depend on the latent variables of the sweep, as that would not be exact
  (``coefficient_lines.py``), of lengths that are learnt;
* along learnt directions of the deviations and partial correlations of a block given its standard normals, with which
  eta is linear in the entries of L. The sweeps with latent variables integrate u out; where data say little of u the
  standard normals are nearly independent of the deviations.

What the latent variables leave slow is eta itself, and not what keeps eta: sweeps move the intercept against the mean
of the effects freely. So the two kinds of moves complement each other.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.binary_likelihoods import log_logit
from bayesimpute.samplers.gibbs.densities import block_root, prior
from bayesimpute.samplers.gibbs.effects import cholesky, solve_upper
from bayesimpute.samplers.gibbs.layout import FIXED
from bayesimpute.samplers.gibbs.sweeps import MEMORY, SHRINKAGES, WIDTH

SHORTEST = 1e-4
"""Of a learnt length."""


@compiled
def lines(information, lay):
    """The columns of R^-1 with R'R = information + prior precision: along them coefficients are nearly independent."""
    k = lay.coefficients
    root, out = np.empty((k, k)), np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            root[i, j] = information[i, j] + (lay.precision[i] if i == j else 0.0)
    cholesky(root, lay.precision[:k])
    for d in range(k):
        unit = np.zeros(k)
        unit[d] = 1.0
        solve_upper(root, unit)
        out[:, d] = unit
    return out


@compiled
def move_coefficients(rng, z, signed, sign, along, lengths, count, columns, lay):
    """All lines in turn; `z` and `signed`, the rows' predictors times their signs, in place.

    `lengths` are mean squares of the moves, learnt in place if `count`, the moves that they rest on, is positive.
    """
    n, k = signed.size, lay.coefficients
    line, moved = np.empty(n), np.empty(n)
    for d in range(k):
        linear, quadratic = 0.0, 0.0
        for m in range(k):
            linear -= lay.precision[m] * (z[m] - lay.mean[m]) * along[m, d]
            quadratic += lay.precision[m] * along[m, d] ** 2
        for i in range(n):
            line[i] = 0.0
            for m in range(d + 1):
                line[i] += sign[i] * columns.x[i, m] * along[m, d]
        width = WIDTH * math.sqrt(0.5 * lengths[d])
        t = slice_line(rng, signed, line, width, linear, quadratic, moved)
        for m in range(k):
            z[m] += t * along[m, d]
        for i in range(n):
            signed[i] += t * line[i]
        if count > 0:
            lengths[d] = max(lengths[d] + (t * t - lengths[d]) / min(count, MEMORY), SHORTEST)


@compiled
def slice_line(rng, signed, line, width, linear, quadratic, moved):
    """From t = 0 a slice of log_logit(signed + t line) + linear t - quadratic t^2 / 2; `moved` is space."""
    level = log_logit(signed) - rng.standard_exponential()
    low = -width * rng.random()
    high = low + width
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        for i in range(signed.size):
            moved[i] = signed[i] + t * line[i]
        if log_logit(moved) + linear * t - 0.5 * quadratic * t * t > level:
            return t
        if t < 0:
            low = t
        else:
            high = t
    return 0.0


@compiled
def standard_normals(theta, lay, u):
    """Of the inner effects, shape (cluster, effect)."""
    out = np.zeros(u.shape)
    for f in range(lay.inner):
        q, low = lay.widths[f], lay.offsets[f]
        factor = block_root(theta, lay, f)
        for j in range(u.shape[0]):
            for i in range(q):
                value = u[j, low + i]
                for k in range(i):
                    value -= factor[i, k] * out[j, low + k]
                if factor[i, i] > 0:
                    out[j, low + i] = value / factor[i, i]
    return out


@compiled
def by_entries(f, first, z, h, sign, columns, lay, rows):
    """The derivatives of the signed predictors by the entries of block f's L, shape (entry, row).

    `first` is the first column of an outer block; of an inner one that is its place among the effects.
    """
    q, inner = lay.widths[f], f < lay.inner
    out = np.empty((q * (q + 1) // 2, sign.size))
    for i in range(sign.size):
        at = 0
        for a in range(q):
            value = sign[i] * (columns.z[i, first + a] if inner else columns.w[i, first + a])
            for c in range(a + 1):
                out[at, i] = value * (h[rows.codes[i], first + c] if inner else z[rows.columns[i, f - lay.inner] + c])
                at += 1
    return out


@compiled
def add_entries(change, entries, signed, out):
    """Signed plus what a change of L's entries adds."""
    for i in range(signed.size):
        out[i] = signed[i]
    for at in range(change.size):
        by, values = change[at], entries[at]
        for i in range(signed.size):
            out[i] += by * values[i]


@compiled
def below_diagonal(factor, less):
    """The entries of a factor less others, row by row."""
    out = np.empty(less.size)
    at = 0
    for a in range(factor.shape[0]):
        for c in range(a + 1):
            out[at] = factor[a, c] - less[at]
            at += 1
    return out


@compiled
def block_groups(lay):
    """A group for each block: 1 and up; 0 for log sigma."""
    out = np.zeros(lay.kinds.size, dtype=np.int64)
    for f in range(lay.widths.size):
        q = lay.widths[f]
        out[lay.firsts[f] : lay.firsts[f] + q * (q + 1) // 2] = f + 1
    return out


@compiled
def move_block(rng, theta, steps, f, entries, signed, lay):
    """Deviations and partial correlations of block f given its standard normals; theta and `signed` in place."""
    group, none = lay.groups[lay.firsts[f]], np.zeros(entries.shape[0])
    if group == FIXED:
        return
    start, moved = np.empty(theta.size), np.empty(signed.size)
    now = log_logit(signed) + prior(theta, lay, group)
    for k in range(lay.firsts[f], lay.firsts[f] + entries.shape[0]):
        start[:] = theta
        here = below_diagonal(block_root(theta, lay, f), none)
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for m in range(k, theta.size):
                theta[m] = start[m] + t * steps[m, k]
            add_entries(below_diagonal(block_root(theta, lay, f), here), entries, signed, moved)
            value = log_logit(moved) + prior(theta, lay, group)
            if value > level:
                now = value
                signed[:] = moved
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            theta[:] = start


@compiled
def inner_effects(theta, lay, h):
    """From standard normals, shape (cluster, effect)."""
    out = np.zeros(h.shape)
    for f in range(lay.inner):
        q, low = lay.widths[f], lay.offsets[f]
        factor = block_root(theta, lay, f)
        for j in range(h.shape[0]):
            for i in range(q):
                for k in range(i + 1):
                    out[j, low + i] += factor[i, k] * h[j, low + k]
    return out


@inlined
def move_blocks(rng, theta, z, u, steps, signed, sign, columns, lay, rows):
    """All blocks in turn; returns the inner effects, the rest in place."""
    h, first = standard_normals(theta, lay, u), np.int64(0)
    for f in range(lay.widths.size):
        if f == lay.inner:
            first = np.int64(0)
        entries = by_entries(f, first, z, h, sign, columns, lay, rows)
        move_block(rng, theta, steps, f, entries, signed, lay)
        first += lay.widths[f]
    return inner_effects(theta, lay, h)
