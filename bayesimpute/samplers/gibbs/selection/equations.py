"""The rows of two equations: their linear predictors, and the cross-products of the stacked rows.

The columns of the stacked rows are those of selection, as they are in the first kind of row, those of mu divided by
tau and those of selection times -gamma / tau in the second. So X'X and its like are sums of two matrices that do not
change with the data, one of them scaled; X'y alone takes a pass over the rows in each sweep.
"""

from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.products import ROUNDING, TINY, Products
from bayesimpute.samplers.gibbs.selection.away_rows import Doubt, mark, selection_products


class Equation(NamedTuple):
    """One equation's columns at its rows.

    Parameters
    ----------
    x, turned : ndarray, shape (row, coefficient), (coefficient, row)
        Columns of coefficients, twice: each loop has the order that it runs through.
    z, w : ndarray, shape (effect, row), (outer effect, row)
        Of inner and of outer effects.
    of_x, of_z, of_w : ndarray of int
        Their places in b, among the effects of a cluster, and among the outer columns of both equations.
    """

    x: np.ndarray
    turned: np.ndarray
    z: np.ndarray
    w: np.ndarray
    of_x: np.ndarray
    of_z: np.ndarray
    of_w: np.ndarray


class Pair(NamedTuple):
    """Both equations on one set of data.

    Parameters
    ----------
    y : ndarray, shape (observed row,)
        The outcome, less its offset.
    mu, selection : Equation
        At the observed rows, which are the first, and at all rows.
    codes : ndarray of int, shape (row,)
        Clusters of the inner key.
    places : ndarray of int, shape (outer column, row)
        In b, of the outer effects.
    selects, selects_inner : ndarray of bool, shape (outer,), (effect,)
        Which belong to selection, of b and of the effects of a cluster.
    deviations : ndarray of bool, shape (2, theta)
        Which of theta are log deviations of mu's effects, and of selection's.
    first, second : Products
        Of selection's columns at all rows that are not away; of the columns of both at the observed ones. Those of y
        are not used.
    away : ndarray of bool, shape (row,)
        Rows of clusters that are currently taken as systematically missing.
    doubt : Doubt
        What may be away.
    sigma : tuple of (int, float, float)
        Prior of sigma, as in :func:`~bayesimpute.samplers.gibbs.densities.log_prior`.
    rho : ndarray, shape (5,)
        Prior of rho: :func:`~bayesimpute.samplers.gibbs.selection.ridge.log_prior_rho`.
    binary : bool
        Whether the outcome is the sign of the latent one, and sigma 1.
    """

    y: np.ndarray
    mu: Equation
    selection: Equation
    codes: np.ndarray
    places: np.ndarray
    selects: np.ndarray
    selects_inner: np.ndarray
    deviations: np.ndarray
    first: Products
    second: Products
    away: np.ndarray
    doubt: Doubt
    sigma: tuple[int, float, float]
    rho: np.ndarray
    binary: bool


@compiled
def placed(pair, lay, gone):
    """The equations with the rows of some empty clusters away: those whose indicator in `gone` is 1."""
    away = np.zeros(pair.away.size, dtype=np.bool_)
    mark(pair.doubt, gone, away)
    first = selection_products(pair.doubt, lay, gone)
    return Pair(
        pair.y,
        pair.mu,
        pair.selection,
        pair.codes,
        pair.places,
        pair.selects,
        pair.selects_inner,
        pair.deviations,
        first,
        pair.second,
        away,
        pair.doubt,
        pair.sigma,
        pair.rho,
        pair.binary,
    )


@compiled
def predict(equation, b, u, pair, out):
    """The linear predictor at the equation's rows, into `out`."""
    for i in range(out.size):
        out[i] = 0.0
    for c in range(equation.of_x.size):
        value, column = b[equation.of_x[c]], equation.turned[c]
        for i in range(out.size):
            out[i] += value * column[i]
    for c in range(equation.of_z.size):
        effects, column = u[:, equation.of_z[c]].copy(), equation.z[c]
        for i in range(out.size):
            out[i] += effects[pair.codes[i]] * column[i]
    for c in range(equation.of_w.size):
        places, column = pair.places[equation.of_w[c]], equation.w[c]
        for i in range(out.size):
            out[i] += b[places[i]] * column[i]


@compiled
def _add_products(equation, e, pair, xy, zy):
    """Add the cross-products of the equation's columns with e."""
    sums = np.zeros(equation.of_x.size)
    for i in range(e.size):
        value, row = e[i], equation.x[i]
        for c in range(sums.size):
            sums[c] += value * row[c]
    for c in range(sums.size):
        xy[equation.of_x[c]] += sums[c]
    for c in range(equation.of_z.size):
        out, column = zy[equation.of_z[c]], equation.z[c]
        for i in range(e.size):
            out[pair.codes[i]] += column[i] * e[i]
    for c in range(equation.of_w.size):
        places, column = pair.places[equation.of_w[c]], equation.w[c]
        for i in range(e.size):
            xy[places[i]] += column[i] * e[i]


@compiled
def stacked(pair, lay, gamma, tau, r, y):
    """The cross-products of the stacked rows.

    Parameters
    ----------
    r, y : ndarray, shape (row,), (observed row,)
        r*, and the outcome or y*.
    """
    first, second, q, ratio = pair.first, pair.second, lay.width, gamma / tau
    of_b = np.where(pair.selects, -ratio, 1 / tau)
    of_u = np.where(pair.selects_inner, -ratio, 1 / tau)
    xx, zz, zx = first.xx.copy(), first.zz.copy(), first.zx.copy()
    for k in range(of_b.size):
        for m in range(of_b.size):
            xx[k, m] += of_b[k] * of_b[m] * second.xx[k, m]
    at = 0
    for a in range(q):
        for c in range(a + 1):
            for j in range(lay.clusters):
                zz[at, j] += of_u[a] * of_u[c] * second.zz[at, j]
            at += 1
    for t in range(lay.columns.size):
        for a in range(q):
            zx[t, a] += of_b[lay.columns[t]] * of_u[a] * second.zx[t, a]
    xy, zy, yy = np.zeros(of_b.size), np.zeros((q, lay.clusters)), 0.0
    of_mu, of_selection = np.empty(y.size), r.copy()
    for i in range(y.size):
        value = (y[i] - gamma * r[i]) / tau
        yy += value * value
        of_mu[i] = value / tau
        of_selection[i] -= ratio * value
    for i in range(r.size):
        if pair.away[i]:
            of_selection[i] = 0.0
        else:
            yy += r[i] * r[i]
    _add_products(pair.mu, of_mu, pair, xy, zy)
    _add_products(pair.selection, of_selection, pair, xy, zy)
    return Products(zz, zx, zy, xx, xy, yy, first.n + y.size, ROUNDING * yy + TINY)
