"""The densities along which slices are taken, as functions of theta (see ``layout.py``), up to constants.

* :func:`marginal`: of sigma and the inner blocks given b, with the inner effects integrated out. With Psi = L L' the
  covariance of a cluster's effects, r_j = Z_j'(y_j - X_j b) and M_j = I + L'G_j L / sigma^2,

      log p = -n log sigma - RSS(b) / (2 sigma^2) + log prior
              + sum_j [ |M_j^-1/2 L'r_j|^2 / sigma^4 - log det M_j ] / 2,

  which is well conditioned for any Psi, singular ones included (Bates et al. 2015, J. Stat. Softw. 67:1, section 3.4,
  factor the same matrix). No effects are held fixed, so there is no funnel where a deviation is near zero.
* :func:`non_centred`: of an outer block given its standard normals z; b is linear in the entries of L.
* :func:`centred`: of an outer block given its effects u = z L'; they enter through U'U only.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined

CHUNK = 128
"""Clusters at a time: what a chunk needs stays in the nearest cache."""
LARGE = 1e150
"""Pivots are multiplied up to here before a logarithm is taken."""


@compiled
def log_prior(kind, first, second, t):
    """Of log s or, kind 0, of artanh r; with the Jacobian, up to a constant."""
    if kind == 0:  # (1 + r) / 2 ~ Beta(a, a), 1 - r^2 = 1 / cosh(t)^2
        return -2 * first * (abs(t) + math.log1p(math.exp(-2 * abs(t))))
    s = math.exp(t)
    if kind == 1:  # HalfNormal
        return t - 0.5 * (s / first) ** 2
    if kind == 2:  # HalfStudentT
        return t - 0.5 * (first + 1) * math.log1p((s / second) ** 2 / first)
    if kind == 3:  # HalfCauchy
        return t - math.log1p((s / first) ** 2)
    if kind == 4:  # Exponential
        return t - first * s
    if kind == 5:  # Gamma
        return first * t - second * s
    if kind == 6:  # InverseGamma
        return -first * t - second / s
    if kind == 7:  # LogNormal
        return -0.5 * ((t - first) / second) ** 2
    return t if first < s < second else -np.inf  # Uniform


@compiled
def prior(theta, lay, group):
    """Log prior of a group's parameters."""
    total = 0.0
    for k in range(theta.size):
        if lay.groups[k] == group:
            total += log_prior(lay.kinds[k], lay.args[k, 0], lay.args[k, 1], theta[k])
    return total


@compiled
def root(theta, first, width, out, at):
    """L = diag(sd) times the factor of the correlations, into ``out`` from place ``at`` of its diagonal on."""
    partial = first + width
    for i in range(width):
        sd = math.exp(theta[first + i])
        left = 1.0  # the square root of what the columns before leave
        for j in range(i):
            t = theta[partial]
            out[at + i, at + j] = sd * math.tanh(t) * left
            left /= math.cosh(min(abs(t), 300.0))
            partial += 1
        out[at + i, at + i] = sd * left


@compiled
def inner_root(theta, lay):
    """L of all inner blocks: block-diagonal, shape (effect, effect)."""
    out = np.zeros((lay.width, lay.width))
    for b in range(lay.inner):
        root(theta, lay.firsts[b], lay.widths[b], out, lay.offsets[b])
    return out


@compiled
def block_root(theta, lay, block):
    """L of one block, shape (effect, effect)."""
    out = np.zeros((lay.widths[block], lay.widths[block]))
    root(
        theta, lay.firsts[block], lay.widths[block], out, np.int64(0)
    )  # not a literal, which would be another type to compile for
    return out


@compiled
def marginal(theta, lay, products, rss, r, space):
    """Log density of sigma and the inner blocks; `r` (effect, cluster), `space` from :func:`workspace`."""
    weight = math.exp(-2 * theta[0])
    total = prior(theta, lay, np.int64(0)) - products.n * theta[0]
    if lay.width == 0:
        return total - 0.5 * weight * max(rss, products.least)
    factor = inner_root(theta, lay)
    product, logs, squares = 1.0, 0.0, 0.0
    for low in range(0, lay.clusters, CHUNK):
        n = min(CHUNK, lay.clusters - low)
        _prepare(products.zz, r, factor, weight, low, n, space)
        _eliminate(lay.width, n, space)
        determinants, sums = space[0], space[1]
        for j in range(n):
            squares += sums[j]
            product *= determinants[j]
            if product > LARGE:
                logs += math.log(product)
                product = 1.0
    left = max(weight * rss - squares, weight * products.least)
    return total - 0.5 * (left + logs + math.log(product))


@compiled
def workspace(width):
    """Rows of a chunk: determinants, squares, a multiplier, L'r and M below its diagonal."""
    return np.empty((3 + width + width * (width + 1) // 2, CHUNK))


@inlined
def _prepare(zz, r, factor, weight, low, n, space):
    """M_j = I + L'G_j L / sigma^2 and L'r_j / sigma^2 for a chunk."""
    q = factor.shape[0]
    for a in range(q):
        h = space[3 + a]
        _fill(h, 0.0, n)
        for k in range(a, q):
            if factor[k, a] != 0:
                _add(h, factor[k, a] * weight, r[k, low : low + n], n)
    for a in range(q):
        for b in range(a + 1):
            m = space[3 + q + a * (a + 1) // 2 + b]
            _fill(m, 1.0 if a == b else 0.0, n)
            for k in range(a, q):
                for c in range(b, q):
                    by = factor[k, a] * factor[c, b] * weight
                    if by != 0:
                        at = k * (k + 1) // 2 + c if k >= c else c * (c + 1) // 2 + k
                        _add(m, by, zz[at, low : low + n], n)


@compiled
def _fill(out, value, n):
    for j in range(n):
        out[j] = value


@compiled
def _add(out, by, values, n):
    for j in range(n):
        out[j] += by * values[j]


@inlined
def _eliminate(q, n, space):
    """Of a chunk det M_j and |M_j^-1/2 L'r_j|^2, by Gauss's elimination."""
    determinants, sums, times = space[0], space[1], space[2]
    _fill(determinants, 1.0, n)
    _fill(sums, 0.0, n)
    for k in range(q):
        h, pivot = space[3 + k], space[3 + q + k * (k + 1) // 2 + k]
        for j in range(n):
            determinants[j] *= pivot[j]
            sums[j] += h[j] * h[j] / pivot[j]
        for i in range(k + 1, q):
            below, later = space[3 + q + i * (i + 1) // 2 + k], space[3 + i]
            for j in range(n):
                times[j] = below[j] / pivot[j]
                later[j] -= times[j] * h[j]
            for c in range(k + 1, i + 1):
                entry, above = space[3 + q + i * (i + 1) // 2 + c], space[3 + q + c * (c + 1) // 2 + k]
                for j in range(n):
                    entry[j] -= times[j] * above[j]


@compiled
def non_centred(theta, lay, block, quadratic, linear):
    """Log density of an outer block given its standard normals.

    The log likelihood is l'linear - l'quadratic l / 2, with l the entries of L below the diagonal, row by row.
    """
    q = lay.widths[block]
    factor = block_root(theta, lay, block)
    total = prior(theta, lay, block - lay.inner + 1)
    at = 0
    for i in range(q):
        for j in range(i + 1):
            total += factor[i, j] * linear[at]
            other = 0
            for k in range(q):
                for m in range(k + 1):
                    total -= 0.5 * factor[i, j] * quadratic[at, other] * factor[k, m]
                    other += 1
            at += 1
    return total


@compiled
def centred(theta, lay, block, uu):
    """Log density of an outer block given its effects, with U'U ``uu``, shape (effect, effect)."""
    q = lay.widths[block]
    factor = block_root(theta, lay, block)
    total = prior(theta, lay, block - lay.inner + 1)
    half = np.empty((q, q))  # L^-1 U'U
    for a in range(q):
        if factor[a, a] <= 0:
            return -np.inf
        total -= lay.sizes[block] * math.log(factor[a, a])
        for c in range(q):
            value = uu[a, c]
            for k in range(a):
                value -= factor[a, k] * half[k, c]
            half[a, c] = value / factor[a, a]
    for c in range(q):  # the diagonal of L^-1 U'U L^-T
        whole = np.empty(q)
        for a in range(c + 1):
            value = half[c, a]
            for k in range(a):
                value -= factor[a, k] * whole[k]
            whole[a] = value / factor[a, a]
        total -= 0.5 * whole[c]
    return total
