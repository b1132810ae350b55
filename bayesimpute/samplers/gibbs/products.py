"""One pass over the rows: the cross-products on which everything else rests.

With Z_j the rows of cluster j (of the inner key), X all outer columns (those of mu and of other keys' effects):
G_j = Z_j'Z_j, Z_j'X_j, Z_j'y_j for each cluster, and X'X, X'y, y'y over all rows. A sweep then costs O(clusters).

Clusters are the last, contiguous axis of what the densities read, so that their loops become vector instructions
without reordering any sum: the results do not depend on the machine's vector length.
"""

from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.layout import Layout, Rows

ROUNDING = 1e-13
"""Relative error of a difference of sums of squares."""
TINY = 1e-200


class Products(NamedTuple):
    """Cross-products of the fitted rows.

    Parameters
    ----------
    zz : ndarray, shape (effect * (effect + 1) / 2, cluster)
        Z_j'Z_j below the diagonal, row by row.
    zx : ndarray, shape (met, effect)
        Z_j'X_j, a row for each place of b that a cluster meets.
    zy : ndarray, shape (effect, cluster)
        Z_j'y_j.
    xx, xy, yy : ndarray, shape (outer, outer), (outer,), ()
        X'X, X'y, y'y.
    n : int
        Number of rows.
    least : float
        A residual sum of squares below this is rounding and counts as this: sigma stays off zero where a target is a
        linear function of the columns.
    """

    zz: np.ndarray
    zx: np.ndarray
    zy: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    yy: float
    n: int
    least: float


@compiled
def cross_products(x: np.ndarray, z: np.ndarray, w: np.ndarray, y: np.ndarray, lay: Layout, rows: Rows) -> Products:
    """The pass.

    Parameters
    ----------
    x : ndarray, shape (row, coefficient)
        Columns of mu.
    z : ndarray, shape (row, effect)
        Columns of the inner blocks, side by side.
    w : ndarray, shape (row, outer effect)
        Columns of the outer blocks, side by side.
    y : ndarray, shape (row,)
        The target, less the offset.
    """
    sums = no_rows(lay)
    add_rows(sums, x, z, w, y, lay, rows)
    return summed(sums, lay)


class Sums(NamedTuple):
    """What rows have added up to so far; clusters come first here, and ``counts`` has y'y and the number of rows."""

    zz: np.ndarray
    zx: np.ndarray
    zy: np.ndarray
    xx: np.ndarray
    xy: np.ndarray
    counts: np.ndarray


@compiled
def no_rows(lay):
    """Sums of no rows."""
    q, size, outer = lay.width, lay.clusters, lay.mean.size
    return Sums(
        np.zeros((size, q * (q + 1) // 2)),
        np.zeros((lay.columns.size, q)),
        np.zeros((size, q)),
        np.zeros((outer, outer)),
        np.zeros(outer),
        np.zeros(2),
    )


@compiled
def add_squares(x, xx):
    """Add X'X's lower triangle, in place, four rows at a time: what it costs is to go through the triangle.

    The sums are the same to the last bit for any pieces whose sizes four divides.
    """
    n, p = x.shape
    together = n - n % 4
    for i in range(0, together, 4):
        for k in range(p):
            a, b, c, d = x[i, k], x[i + 1, k], x[i + 2, k], x[i + 3, k]
            for m in range(k + 1):
                xx[k, m] += (a * x[i, m] + b * x[i + 1, m]) + (c * x[i + 2, m] + d * x[i + 3, m])
    for i in range(together, n):
        for k in range(p):
            for m in range(k + 1):
                xx[k, m] += x[i, k] * x[i, m]


@inlined
def add_weighted_rows(x, by, out):
    """Add X' by, in place, four rows at a time."""
    n, p = x.shape
    together = n - n % 4
    for i in range(0, together, 4):
        a, b, c, d = by[i], by[i + 1], by[i + 2], by[i + 3]
        for m in range(p):
            out[m] += (a * x[i, m] + b * x[i + 1, m]) + (c * x[i + 2, m] + d * x[i + 3, m])
    for i in range(together, n):
        for m in range(p):
            out[m] += by[i] * x[i, m]


@compiled
def add_rows(sums, x, z, w, y, lay, rows):
    """Add rows, in place: all at once or piece by piece (of whole fours), the sums are the same to the last bit."""
    q, p = lay.width, lay.coefficients
    zz, zx, zy, xx, xy, counts = sums
    yy = counts[0]
    add_squares(x, xx)
    for i in range(y.size):
        yy += y[i] * y[i]
        for k in range(p):
            xy[k] += x[i, k] * y[i]
        if q > 0:
            j = rows.codes[i]
            start = lay.starts[j]
            at = 0
            for a in range(q):
                zy[j, a] += z[i, a] * y[i]
                for c in range(a + 1):
                    zz[j, at] += z[i, a] * z[i, c]
                    at += 1
            for k in range(p):
                for a in range(q):
                    zx[start + k, a] += z[i, a] * x[i, k]
        if w.shape[1] > 0:
            _outer_row(i, x, z, w, y, lay, rows, zx, xx, xy)
    counts[0] = yy
    counts[1] += y.size


@compiled
def summed(sums, lay):
    """The cross-products when all rows are there; the sums are used up."""
    zz, zx, zy, xx, xy, counts = sums
    for k in range(lay.mean.size):
        for m in range(k):
            xx[m, k] = xx[k, m]
    yy = counts[0]
    return Products(_turned(zz), zx, _turned(zy), xx, xy, yy, int(counts[1]), ROUNDING * yy + TINY)


@inlined
def _outer_row(i, x, z, w, y, lay, rows, zx, xx, xy):
    """Add what row i says about the effects of other keys."""
    at = 0
    for f in range(lay.inner, lay.widths.size):
        for a in range(lay.widths[f]):
            place = rows.columns[i, f - lay.inner] + a
            value = w[i, at]
            xy[place] += value * y[i]
            for k in range(lay.coefficients):
                xx[place, k] += value * x[i, k]
            before = 0
            for g in range(lay.inner, f + 1):
                for c in range(lay.widths[g] if g < f else a + 1):
                    xx[place, rows.columns[i, g - lay.inner] + c] += value * w[i, before]
                    before += 1
            for c in range(lay.width):
                zx[rows.met[i, f - lay.inner] + a, c] += value * z[i, c]
            at += 1


@compiled
def _turned(a):
    out = np.empty((a.shape[1], a.shape[0]))
    for j in range(a.shape[0]):
        for k in range(a.shape[1]):
            out[k, j] = a[j, k]
    return out
