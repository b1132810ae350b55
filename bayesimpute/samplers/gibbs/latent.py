"""Rows with latent variables: given these a model is a linear mixed one with known weights and a pseudo-response.

* logit: weight w ~ PG(1, eta), response (y - 1/2) / w (:mod:`bayesimpute.numerics.polya_gamma`);
* probit: weight 1, response a normal truncated at zero (:mod:`bayesimpute.numerics.truncated_normals`);
* Student's t: sigma e / sqrt(w) with w ~ Gamma(nu / 2, rate nu / 2), so that given the residual r the weight is
  Gamma((nu + 1) / 2, rate (nu + r^2 / sigma^2) / 2).

Rows times the root of their weight are those of a model with weights of one. They are made a piece at a time, which
stays in the cache and takes no memory to speak of.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.numerics.polya_gamma import polya_gamma
from bayesimpute.numerics.truncated_normals import latent_error
from bayesimpute.samplers.gibbs.layout import Rows
from bayesimpute.samplers.gibbs.predictor_rows import Columns
from bayesimpute.samplers.gibbs.products import ROUNDING, TINY, Products, add_rows, no_rows, summed

PIECE = 2048
"""Rows at a time."""


@compiled
def part(columns, low, high):
    """Some of the rows."""
    return Columns(columns.x[low:high], columns.z[low:high], columns.w[low:high], columns.y[low:high])


@compiled
def like(columns):
    """Room for weighted rows."""
    return Columns(
        np.empty_like(columns.x), np.empty_like(columns.z), np.empty_like(columns.w), np.empty_like(columns.y)
    )


@compiled
def weigh(i, root, y, columns, out):
    """Row i times the root of its weight, with another response."""
    out.y[i] = y
    for k in range(columns.x.shape[1]):
        out.x[i, k] = columns.x[i, k] * root
    for k in range(columns.z.shape[1]):
        out.z[i, k] = columns.z[i, k] * root
    for k in range(columns.w.shape[1]):
        out.w[i, k] = columns.w[i, k] * root


@compiled
def weigh_logit(rng, eta, columns, out):
    """Draw the weights of a logit model given its predictor."""
    for i in range(eta.size):
        root = math.sqrt(polya_gamma(rng, eta[i]))
        weigh(i, root, (columns.y[i] - 0.5) / root, columns, out)


@compiled
def logit_products(rng, eta, columns, lay, rows):
    """Cross-products of weighted rows of a logit model, the weights drawn given its predictor."""
    sums, room = no_rows(lay), like(part(columns, 0, PIECE))
    for low in range(0, eta.size, PIECE):
        high = min(low + PIECE, eta.size)
        own, out = part(columns, low, high), part(room, 0, high - low)
        weigh_logit(rng, eta[low:high], own, out)
        add_rows(sums, out.x, out.z, out.w, out.y, lay, rows_part(rows, low, high))
    return summed(sums, lay)


@compiled
def student_products(rng, squares, sigma, nu, columns, lay, rows):
    """The same of a t model, given its squared residuals."""
    sums, room = no_rows(lay), like(part(columns, 0, PIECE))
    for low in range(0, squares.size, PIECE):
        high = min(low + PIECE, squares.size)
        own, out = part(columns, low, high), part(room, 0, high - low)
        weigh_student(rng, squares[low:high], sigma, nu, own, out)
        add_rows(sums, out.x, out.z, out.w, out.y, lay, rows_part(rows, low, high))
    return summed(sums, lay)


@compiled
def rows_part(rows, low, high):
    """Where some of the rows enter."""
    return Rows(rows.codes[low:high], rows.columns[low:high], rows.met[low:high])


@compiled
def weigh_student(rng, squares, sigma, nu, columns, out):
    """Draw the weights of a t model given its squared residuals."""
    for i in range(squares.size):
        rate = 0.5 * (nu + squares[i] / sigma**2)
        root = math.sqrt(rng.standard_gamma(0.5 * (nu + 1)) / rate)
        weigh(i, root, root * columns.y[i], columns, out)


@compiled
def draw_probit(rng, eta, columns, out):
    """Latent normals of a probit model given its predictor, into `out`."""
    for i in range(eta.size):
        out[i] = eta[i] + latent_error(rng, eta[i], columns.y[i] > 0.5)


@compiled
def respond(products, columns, y, lay, rows):
    """The cross-products of the same rows with another response."""
    q, p = lay.width, lay.coefficients
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
