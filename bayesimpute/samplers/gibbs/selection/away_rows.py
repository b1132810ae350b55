"""Empty clusters of which it is not known whether they are systematically missing: indicators, their share, the rows.

Given pi and the linear predictors, with the latent variables integrated out,

    P(Z_j = 1) = pi / (pi + (1 - pi) prod_i Phi(-s_i)),    pi | Z ~ Beta(a + sum Z, b + number of clusters - sum Z).

Rows of clusters with Z_j = 1 leave the likelihood: their selection effects are then drawn from the population's law,
and that is from where the cluster may come back. (To keep such rows, with latent variables that are free, would be
exact, too, but tie a large cluster's effects to where they were.)
"""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.normal_tails import log_ndtr_1
from bayesimpute.samplers.gibbs.layout import Rows
from bayesimpute.samplers.gibbs.products import Sums, add_rows, summed


class Doubt(NamedTuple):
    """The rows of empty clusters, and what is known without them.

    Parameters
    ----------
    of : ndarray of int, shape (row,)
        The empty cluster of each row; of others the number of empty clusters.
    empty, others : int
        Number of empty clusters, and of clusters with a value.
    prior : ndarray, shape (2,)
        Of the Beta prior of pi.
    certain : Sums
        Of selection's columns at all other rows.
    x, z, w : ndarray, shape (row, coefficient), (row, effect), (row, outer effect)
        Selection's columns at the rows of empty clusters, cluster by cluster.
    rows : Rows
        Where these enter the cross-products.
    starts : ndarray of int, shape (empty cluster + 1,)
        Where each cluster's begin.
    """

    of: np.ndarray
    empty: int
    others: int
    prior: np.ndarray
    certain: Sums
    x: np.ndarray
    z: np.ndarray
    w: np.ndarray
    rows: Rows
    starts: np.ndarray


@inlined
def draw_systematic(rng, pair, s, share, gone):
    """The indicators given pi and the linear predictors `s`, in place, then pi given them, which is returned."""
    doubt = pair.doubt
    log_odds = np.full(doubt.empty, math.log(share) - math.log1p(-share))
    for i in range(doubt.of.size):
        if doubt.of[i] < doubt.empty:
            log_odds[doubt.of[i]] -= log_ndtr_1(-s[i])
    total = 0.0
    for j in range(doubt.empty):
        gone[j] = 1.0 if rng.random() < 1 / (1 + math.exp(-log_odds[j])) else 0.0
        total += gone[j]
    share = rng.beta(doubt.prior[0] + total, doubt.prior[1] + doubt.empty + doubt.others - total)
    return min(max(share, 1e-12), 1 - 1e-12)


@inlined
def selection_products(doubt, lay, gone):
    """Cross-products of selection's columns at the rows that are in the likelihood."""
    zz, zx, zy, xx, xy, counts = doubt.certain
    sums = Sums(zz.copy(), zx.copy(), zy.copy(), xx.copy(), xy.copy(), counts.copy())
    codes, columns, met = doubt.rows
    for j in range(doubt.empty):
        if gone[j] == 0:
            low, high = doubt.starts[j], doubt.starts[j + 1]
            rows = Rows(codes[low:high], columns[low:high], met[low:high])
            nothing = np.zeros(high - low)
            add_rows(sums, doubt.x[low:high], doubt.z[low:high], doubt.w[low:high], nothing, lay, rows)
    return summed(sums, lay)


@compiled
def mark(doubt, gone, away):
    """Which rows are out of the likelihood, into `away`."""
    for i in range(doubt.of.size):
        away[i] = doubt.of[i] < doubt.empty and gone[doubt.of[i]] == 1
