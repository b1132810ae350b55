"""One linear mixed model on working rows: what engines share, and what their sweeps (``sweeps.py``) rest on.

Given its latent variables, or sigma in each row, every model here is a linear mixed one, whose row i has a working
response and a weight: it is normal around the linear predictor with variance sigma^2 / weight. Rows times the root of
their weight are those of a model with weights of one, so that an engine needs its own draw of responses and weights,
and from here the cross-products:

* :func:`weighted_products`, where weights are new in each sweep: Pólya-Gamma weights, scale mixtures, a formula for
  sigma. A row of weight zero is not in.
* :func:`responding`, where weights are one and the response alone is new, as with latent normals: X'X stays.
* :func:`~bayesimpute.samplers.gibbs.selection.equations.stacked`, where rows load on several predictors: selection's
  two equations. There X'X is the sum of two matrices that stay, one of them scaled, which costs no pass over the rows;
  as rows with weights they would cost one, and other roundings.

What moves without working rows (a tail, cutpoints, a dispersion) is the engine's own step before or after.
"""

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.layout import Rows
from bayesimpute.samplers.gibbs.products import ROUNDING, TINY, Products, add_rows, no_rows, summed

PIECE = 2048
"""Rows at a time: weighted rows stay in the cache and take no memory to speak of."""


@compiled
def weighted_products(root, response, columns, lay, rows):
    """The cross-products of weighted rows.

    Parameters
    ----------
    root, response : ndarray, shape (row,)
        Roots of the weights; working responses times these.
    columns : Columns
        As they are; the target is not used.
    """
    sums = no_rows(lay)
    x, z, w = room(columns.x), room(columns.z), room(columns.w)
    for low in range(0, root.size, PIECE):
        high = min(low + PIECE, root.size)
        size, by, y = high - low, root[low:high], response[low:high]
        weigh(by, columns.x[low:high], x)
        weigh(by, columns.z[low:high], z)
        weigh(by, columns.w[low:high], w)
        own = Rows(rows.codes[low:high], rows.columns[low:high], rows.met[low:high])
        add_rows(sums, x[:size], z[:size], w[:size], y, lay, own)
        for i in range(size):
            if by[i] == 0.0:
                sums.counts[1] -= 1
    return summed(sums, lay)


@compiled
def room(matrix):
    """For a piece of a matrix."""
    return np.empty((min(PIECE, matrix.shape[0]), matrix.shape[1]))


@compiled
def weigh(root, matrix, out):
    """Rows times the roots of their weights, into the first rows of `out`."""
    for i in range(root.size):
        for k in range(matrix.shape[1]):
            out[i, k] = matrix[i, k] * root[i]


@compiled
def responding(products, response, columns, lay, rows):
    """The cross-products of the same rows with another response, shape (row,)."""
    q, p, y = lay.width, lay.coefficients, response
    zy, xy, yy = np.zeros((lay.clusters, q)), np.zeros(lay.mean.size), 0.0
    for i in range(y.size):
        yy += y[i] * y[i]
        for k in range(p):
            xy[k] += columns.x[i, k] * y[i]
        if q > 0:
            j = rows.codes[i]
            for a in range(q):
                zy[j, a] += columns.z[i, a] * y[i]
        at = 0
        for f in range(lay.inner, lay.widths.size):
            for a in range(lay.widths[f]):
                xy[rows.columns[i, f - lay.inner] + a] += columns.w[i, at] * y[i]
                at += 1
    return Products(products.zz, products.zx, zy.T.copy(), products.xx, xy, yy, products.n, ROUNDING * yy + TINY)
