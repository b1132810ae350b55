"""The normal steps: coefficients with the inner effects integrated out, then the inner effects.

Given theta, with w_j = M_j^-1/2 L'Z_j'X_j / sigma^2 and e_j = M_j^-1/2 L'Z_j'y_j / sigma^2 (M_j of ``densities.py``),
b has the likelihood exp(c'b - b'A b / 2),

    A = X'X / sigma^2 - sum_j w_j'w_j,    c = X'y / sigma^2 - sum_j w_j'e_j.

It is drawn in the coordinates of its priors, coefficients and standard normals z_f of the outer blocks with u_f = z_f
L_f', so that deviations of zero do no harm. Given b, u_j = L_j z_j with z_j ~ N(M_j^-1 L'r_j / sigma^2, M_j^-1).

All outer effects and the coefficients are one draw: that is what makes crossed effects mix (Papaspiliopoulos, Roberts &
Zanella 2020, Biometrika 107:25, draw the intercept with each key's effects in turn).
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.densities import block_root, inner_root


@compiled
def cholesky(a, least):
    """The upper factor R'R = a, in the upper triangle of `a`; rounding shall not get a pivot below `least`."""
    n = a.shape[0]
    for k in range(n):
        row = a[k]
        pivot = math.sqrt(max(row[k], least[k]))
        row[k] = pivot
        for m in range(k + 1, n):
            row[m] /= pivot
        for i in range(k + 1, n):
            by, other = row[i], a[i]
            if by != 0:
                for m in range(i, n):
                    other[m] -= by * row[m]


@compiled
def solve_lower(r, b):
    """R'x = b in place."""
    for k in range(b.size):
        b[k] /= r[k, k]
        for m in range(k + 1, b.size):
            b[m] -= r[k, m] * b[k]


@compiled
def solve_upper(r, b):
    """R x = b in place."""
    for k in range(b.size - 1, -1, -1):
        for m in range(k + 1, b.size):
            b[k] -= r[k, m] * b[m]
        b[k] /= r[k, k]


@compiled
def precision_root(j, factor, weight, zz, out):
    """The upper factor of M_j, in the upper triangle of `out`."""
    q = factor.shape[0]
    for a in range(q):
        for b in range(a, q):
            value = 1.0 if a == b else 0.0
            for k in range(a, q):
                for c in range(b, q):
                    at = k * (k + 1) // 2 + c if k >= c else c * (c + 1) // 2 + k
                    value += factor[k, a] * factor[c, b] * weight * zz[at, j]
            out[a, b] = value
    cholesky(out, np.ones(q))


@compiled
def normal_equations(theta, lay, products):
    """A and c of the likelihood of b, inner effects integrated out."""
    weight = math.exp(-2 * theta[0])
    a, c = products.xx * weight, products.xy * weight
    q = lay.width
    if q == 0:
        return a, c
    factor = inner_root(theta, lay)
    m, e = np.empty((q, q)), np.empty(q)
    most = 0
    for j in range(lay.clusters):
        most = max(most, lay.starts[j + 1] - lay.starts[j])
    w = np.empty((most, q))
    for j in range(lay.clusters):
        start, end = lay.starts[j], lay.starts[j + 1]
        precision_root(j, factor, weight, products.zz, m)
        for i in range(q):
            e[i] = 0.0
            for k in range(i, q):
                e[i] += factor[k, i] * weight * products.zy[k, j]
        solve_lower(m, e)
        for t in range(start, end):
            row, x = w[t - start], products.zx[t]
            for i in range(q):
                row[i] = 0.0
                for k in range(i, q):
                    row[i] += factor[k, i] * weight * x[k]
            solve_lower(m, row)
            place = lay.columns[t]
            for i in range(q):
                c[place] -= row[i] * e[i]
            for s in range(start, t + 1):
                value, other = 0.0, w[s - start]
                for i in range(q):
                    value += row[i] * other[i]
                a[place, lay.columns[s]] -= value
    for k in range(c.size):
        for i in range(k):
            a[i, k] = a[k, i]
    return a, c


@compiled
def outer_effects(theta, lay, z):
    """B from its standard normals."""
    b = z.copy()
    for f in range(lay.inner, lay.widths.size):
        q = lay.widths[f]
        factor = block_root(theta, lay, f)
        for start in range(lay.offsets[f], lay.offsets[f] + q * lay.sizes[f], q):
            for i in range(q):
                b[start + i] = 0.0
                for k in range(i + 1):
                    b[start + i] += factor[i, k] * z[start + k]
    return b


@compiled
def outer_root(theta, lay, a, c):
    """The upper factor R of the precision of coefficients and standard normals of the outer blocks, and R'^-1 c."""
    a, c = a.copy(), c.copy()
    n = c.size
    for f in range(lay.inner, lay.widths.size):
        q = lay.widths[f]
        factor = block_root(theta, lay, f)
        for start in range(lay.offsets[f], lay.offsets[f] + q * lay.sizes[f], q):
            for i in range(q):  # T'A T and T'c with T block-diagonal; entry i of L'x needs the entries from i on
                c[start + i] *= factor[i, i]
                for k in range(i + 1, q):
                    c[start + i] += factor[k, i] * c[start + k]
                for m in range(n):
                    a[start + i, m] *= factor[i, i]
                for k in range(i + 1, q):
                    for m in range(n):
                        a[start + i, m] += factor[k, i] * a[start + k, m]
            for m in range(n):
                for i in range(q):
                    a[m, start + i] *= factor[i, i]
                    for k in range(i + 1, q):
                        a[m, start + i] += factor[k, i] * a[m, start + k]
    for k in range(n):
        a[k, k] += lay.precision[k]
        c[k] += lay.precision[k] * lay.mean[k]
    cholesky(a, lay.precision)
    solve_lower(a, c)
    return a, c


@compiled
def draw_outer(rng, theta, lay, a, c):
    """Coefficients and standard normals of the outer blocks, jointly."""
    a, c = outer_root(theta, lay, a, c)
    for k in range(c.size):
        c[k] += rng.standard_normal()
    solve_upper(a, c)
    return c


@compiled
def residuals(b, lay, products):
    """RSS(b) with no inner effects, and r_j = Z_j'(y_j - X_j b), shape (effect, cluster)."""
    rss = products.yy
    for k in range(b.size):
        value = -2 * products.xy[k]
        for m in range(b.size):
            value += products.xx[k, m] * b[m]
        rss += b[k] * value
    r = products.zy.copy()
    for j in range(lay.clusters):
        for t in range(lay.starts[j], lay.starts[j + 1]):
            value = b[lay.columns[t]]
            for i in range(lay.width):
                r[i, j] -= products.zx[t, i] * value
    return rss, r


@compiled
def draw_inner(rng, theta, lay, products, r):
    """The inner effects, shape (cluster, effect)."""
    q, weight = lay.width, math.exp(-2 * theta[0])
    u = np.empty((lay.clusters, q))
    factor, m, h = inner_root(theta, lay), np.empty((q, q)), np.empty(q)
    for j in range(lay.clusters):
        precision_root(j, factor, weight, products.zz, m)
        for i in range(q):
            h[i] = 0.0
            for k in range(i, q):
                h[i] += factor[k, i] * weight * r[k, j]
        solve_lower(m, h)
        for i in range(q):
            h[i] += rng.standard_normal()
        solve_upper(m, h)
        for i in range(q):
            u[j, i] = 0.0
            for k in range(i + 1):
                u[j, i] += factor[i, k] * h[k]
    return u
