"""What a compiled Gibbs sampler needs to know of a linear predictor, as plain arrays.

The blocks of the cluster key with the most effects are the *inner* ones: their effects are integrated out in all steps
but the last. The effects of other keys are further coefficients, behind those of mu, in the *outer* vector

    b = (beta, u_1, u_2, ...),    u_f the effects of block f, cluster by cluster.

A cluster of the inner key meets few of them: which, is kept as in a sparse matrix (``starts``, ``columns``).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.graph import partial_correlation_priors
from bayesimpute.designs.parts import Block

FIXED = -1
"""The group of log sigma where it has a formula of its own: it is 0 and nothing moves it."""
MOST_OUTER = 400
"""Effects of other keys than the inner one: a sweep takes the factor of a matrix of their number."""


class Layout(NamedTuple):
    """The parts of a model that do not change with the data.

    The parameters that slices move, theta = (log sigma, then block by block, inner ones first, log sd and artanh of
    the partial correlations), have kinds and arguments of priors and belong to group 0 (sigma and the inner blocks) or
    to the group of their outer block.

    Parameters
    ----------
    kinds, args, groups : ndarray, shape (theta,), (theta, 2), (theta,)
        Priors, and which density a parameter is moved by.
    firsts, widths : ndarray of int, shape (block,)
        The place of a block's first log sd in theta, and its number of effects.
    inner, width, clusters : int
        Number of inner blocks, of their effects in a cluster, of clusters.
    coefficients : int
        Of mu.
    offsets, sizes : ndarray of int, shape (block,)
        Of outer blocks: the first place in b, number of clusters. Of inner blocks: the first place among the effects
        of a cluster.
    mean, precision : ndarray, shape (outer,)
        Of the normal priors of the coefficients and of the outer blocks' standard normals.
    starts, columns : ndarray of int, shape (cluster + 1,), (met,)
        Places of b that a cluster of the inner key meets: ``columns[starts[j]:starts[j + 1]]``, ascending.
    """

    kinds: np.ndarray
    args: np.ndarray
    groups: np.ndarray
    firsts: np.ndarray
    widths: np.ndarray
    inner: int
    width: int
    clusters: int
    coefficients: int
    offsets: np.ndarray
    sizes: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    starts: np.ndarray
    columns: np.ndarray


class Rows(NamedTuple):
    """Where each row enters the cross-products.

    Parameters
    ----------
    codes : ndarray of int, shape (row,)
        Its cluster of the inner key; 0 where there is none.
    columns, met : ndarray of int, shape (row, outer block)
        The first place of its effects in b, and among what its cluster meets.
    """

    codes: np.ndarray
    columns: np.ndarray
    met: np.ndarray

    def piece(self, part: slice) -> "Rows":
        """Those of some rows."""
        return Rows(self.codes[part], self.columns[part], self.met[part])


def known(prior: Prior) -> bool:
    """Whether there is code for a prior of a deviation."""
    return prior.distribution.slice is not None and prior.fits("positive")


def ordered(blocks: Sequence[Block]) -> tuple[list[Block], list[Block]]:
    """The inner blocks, those of the key with the most effects, and the outer ones."""
    totals: dict[str, int] = {}
    for b in blocks:
        totals[b.factor] = totals.get(b.factor, 0) + b.size * b.width
    key = max(totals, key=lambda k: totals[k], default="")
    return [b for b in blocks if b.factor == key], [b for b in blocks if b.factor != key]


def few(outer: Sequence[Block]) -> bool:
    """Whether outer effects are few enough for a matrix of their number."""
    return sum(b.size * b.width for b in outer) <= MOST_OUTER


def layout(
    coefficients: Sequence[Prior],
    sigma: Prior | None,
    inner: list[Block],
    outer: list[Block],
    codes: Mapping[str, np.ndarray],
    n: int,
) -> tuple[Layout, Rows]:
    """The arrays of a linear predictor.

    Parameters
    ----------
    coefficients : sequence of Prior
        Normal ones.
    sigma : Prior or None
        Of the residual standard deviation; None where it has a formula, or where this is its predictor.
    inner, outer : list of Block
        Group-specific effects.
    codes : mapping of str to ndarray of int, shape (fitted row,)
        The clusters of the fitted rows, by block.
    n : int
        Number of fitted rows.
    """
    blocks = inner + outer
    kinds, args, groups, firsts = _parameters(sigma, blocks, len(inner))
    p, steps = len(coefficients), [b.size * b.width for b in outer]
    ends = np.cumsum([p, *steps])
    width = sum(b.width for b in inner)
    effects = np.cumsum([0, *(b.width for b in inner)])
    rows, starts, columns = _meetings(inner, outer, ends, codes, n)
    made = Layout(
        kinds=kinds,
        args=args,
        groups=groups,
        firsts=firsts,
        widths=np.array([b.width for b in blocks], dtype=np.int64),
        inner=len(inner),
        width=width,
        clusters=inner[0].size if inner else 0,
        coefficients=p,
        offsets=np.concatenate([effects[:-1], ends[:-1]]).astype(np.int64),
        sizes=np.array([b.size for b in blocks], dtype=np.int64),
        mean=np.concatenate([[prior.args[0] for prior in coefficients], np.zeros(sum(steps))]),
        precision=np.concatenate([[prior.args[1] ** -2.0 for prior in coefficients], np.ones(sum(steps))]),
        starts=starts,
        columns=columns,
    )
    return made, rows


def _parameters(sigma: Prior | None, blocks: list[Block], inner: int) -> tuple[np.ndarray, ...]:
    """Kinds, arguments and groups of theta, and where blocks begin."""
    priors, groups, firsts = [coded(sigma or Prior.of("HalfNormal", 1))], [0 if sigma else FIXED], []
    for k, b in enumerate(blocks):
        firsts.append(len(priors))
        priors += map(coded, [*b.priors, *partial_correlation_priors(b)])
        groups += [max(0, k - inner + 1)] * (len(priors) - len(groups))
    table = np.array(priors)
    integers = (table[:, 0], groups, firsts)
    kinds, of, at = (np.asarray(values, dtype=np.int64) for values in integers)
    return kinds, np.ascontiguousarray(table[:, 1:]), of, at


def coded(prior: Prior) -> tuple[int, float, float]:
    """The kind of a prior of a positive number or of a partial correlation, and its arguments."""
    assert prior.distribution.slice is not None
    first, second = (*prior.args, 0.0)[:2]
    return prior.distribution.slice, float(first), float(second)


def _meetings(
    inner: list[Block], outer: list[Block], ends: np.ndarray, codes: Mapping[str, np.ndarray], n: int
) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Which places of b each cluster of the inner key meets, and where each row finds its own among them."""
    p, size = int(ends[0]), inner[0].size if inner else 0
    own = codes[inner[0].key].astype(np.int64) if inner else np.zeros(n, dtype=np.int64)
    first = np.column_stack(
        [np.zeros((n, 0), dtype=np.int64), *(e + codes[b.key].astype(np.int64) * b.width for e, b in zip(ends, outer))]
    )
    width = int(ends[-1])
    found = [np.arange(size)[:, None] * width + np.arange(p)]
    found += [own[:, None] * width + first[:, [k]] + np.arange(b.width) for k, b in enumerate(outer) if size]
    keys = np.unique(np.concatenate([f.ravel() for f in found]))
    cluster, columns = np.divmod(keys, max(width, 1))
    starts = np.searchsorted(cluster, np.arange(size + 1))
    met = np.searchsorted(keys, own[:, None] * width + first)
    shared = np.ascontiguousarray(
        codes[inner[0].key] if inner else own, dtype=np.int32
    )  # no copy of what the data hold
    return Rows(shared, first, met), starts.astype(np.int64), columns.astype(np.int64)
