"""Moves of several labels at once, against the others.

A label given the others' predictors hardly moves where two of them share the rows of a cluster, or of a kind of unit,
that have none of the rest: each is held by the other, while what the two have against the rest is known to the priors
alone. What all labels have in common does not help: of many labels it has little room. Against the other labels a set
of them is a yes/no with log-odds log sum_set exp eta - log sum_others exp eta; where all of the set is shifted these
are shifted by as much. So a slice along a shift of a set, of a coefficient or of an effect of a cluster, costs what one
of a yes/no model does, once the sums are made. Sets are the labels with most of a column, or of a cluster; how many,
is drawn.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp
from bayesimpute.samplers.gibbs.binary_moves import slice_line
from bayesimpute.samplers.gibbs.sweeps import WIDTH

FEWEST = 4
"""Labels, from which on some sets are neither one label nor all but one."""
THIN = 10.0
"""A coefficient is moved so where rows say less than so many times as much as the prior of that of some label."""
NOTHING = 1e-300
"""The least share of which a logarithm is taken."""


class Ranks(NamedTuple):
    """Labels in the order of how much they have, the most first.

    Parameters
    ----------
    of_columns : ndarray of int, shape (column, label)
        By the mean of a column among the rows that have a label.
    of_clusters : tuple of ndarray of int, shape (cluster, label)
        By rows, block by block.
    members : tuple of (ndarray of int, ndarray of int)
        Block by block the rows, cluster by cluster, and where each cluster begins.
    """

    of_columns: np.ndarray
    of_clusters: tuple[np.ndarray, ...]
    members: tuple[tuple[np.ndarray, np.ndarray], ...]


def ranks(x: np.ndarray, codes: np.ndarray, labels: int, blocks: list[tuple[np.ndarray, int]]) -> Ranks:
    """Of columns (row, column), the code of each row's label, and of each block its rows' clusters and their number."""
    has = (codes[:, None] == np.arange(labels)).astype(float)
    means = (x.T @ has) / np.maximum(has.sum(axis=0), 1.0)
    of_columns = np.argsort(-np.where(has.any(axis=0), means, -np.inf), axis=1, kind="stable")
    of_clusters, members = [], []
    for clusters, size in blocks:
        counts = np.zeros((size, labels))
        np.add.at(counts, (clusters, codes), 1.0)
        of_clusters.append(np.argsort(-counts, axis=1, kind="stable"))
        begins = np.concatenate([[0], np.cumsum(np.bincount(clusters, minlength=size))])
        members.append((np.argsort(clusters, kind="stable"), begins))
    return Ranks(of_columns, tuple(of_clusters), tuple(members))


@inlined
def size_of_set(rng, labels):
    """Two labels at least, and two others."""
    return 2 + np.int64(rng.random() * (labels - 3))


@inlined
def signed_odds(eta, chosen, own):
    """Log-odds of a row's own side, the set's or the others', and its sign: 1 of the set's."""
    most = eta[0]
    for k in range(1, eta.size):
        most = max(most, eta[k])
    inside, outside = 0.0, 0.0
    for k in range(eta.size):
        share = quick_exp(eta[k] - most)
        inside += share if chosen[k] else 0.0
        outside += 0.0 if chosen[k] else share
    sign = 1.0 if chosen[own] else -1.0
    return sign * (math.log(max(inside, NOTHING)) - math.log(max(outside, NOTHING))), sign


@compiled
def move_coefficient_sets(rng, eta, codes, x, z, precision, mean, order, thin):
    """Each thin coefficient of a set of labels; `eta` (row, label) and `z` (label, coefficient) in place.

    Parameters
    ----------
    precision, mean : ndarray, shape (label, coefficient)
        Of the priors.
    order : ndarray of int, shape (coefficient, label)
        Labels, those first that are chosen first.
    thin : ndarray of bool, shape (coefficient,)
    """
    n, labels = eta.shape
    chosen, signed, line, moved = np.empty(labels, dtype=np.bool_), np.empty(n), np.empty(n), np.empty(n)
    for d in range(order.shape[0]):
        if not thin[d]:
            continue
        few, linear, quadratic = size_of_set(rng, labels), 0.0, 0.0
        chosen[:] = False
        for k in order[d, :few]:
            chosen[k] = True
            linear -= precision[k, d] * (z[k, d] - mean[k, d])
            quadratic += precision[k, d]
        for i in range(n):
            signed[i], sign = signed_odds(eta[i], chosen, codes[i])
            line[i] = sign * x[i, d]
        t = slice_line(rng, signed, line, WIDTH / math.sqrt(quadratic), linear, quadratic, moved)
        for k in order[d, :few]:
            z[k, d] += t
            for i in range(n):
                eta[i, k] += t * x[i, d]


@compiled
def move_effect_sets(rng, eta, codes, matrix, effects, precision, order, rows, begins):
    """Each effect of a set of labels, cluster by cluster; `eta` and `effects`, shape (cluster, label times effect), in
    place.

    Parameters
    ----------
    matrix : ndarray, shape (row, effect of a label)
    precision : ndarray, shape (label times effect, label times effect)
    order : ndarray of int, shape (cluster, label)
    rows, begins : ndarray of int
        As :class:`Ranks` has them.
    """
    labels, width = eta.shape[1], matrix.shape[1]
    chosen = np.empty(labels, dtype=np.bool_)
    for j in range(effects.shape[0]):
        own = rows[begins[j] : begins[j + 1]]
        signed, line, moved = np.empty(own.size), np.empty(own.size), np.empty(own.size)
        for a in range(width):
            few, linear, quadratic = size_of_set(rng, labels), 0.0, 0.0
            chosen[:] = False
            for k in order[j, :few]:
                chosen[k] = True
            for k in order[j, :few]:
                for m in range(effects.shape[1]):
                    linear -= precision[k * width + a, m] * effects[j, m]
                for other in order[j, :few]:
                    quadratic += precision[k * width + a, other * width + a]
            for i in range(own.size):
                signed[i], sign = signed_odds(eta[own[i]], chosen, codes[own[i]])
                line[i] = sign * matrix[own[i], a]
            t = slice_line(rng, signed, line, WIDTH / math.sqrt(quadratic), linear, quadratic, moved)
            for k in order[j, :few]:
                effects[j, k * width + a] += t
                for i in own:
                    eta[i, k] += t * matrix[i, a]
