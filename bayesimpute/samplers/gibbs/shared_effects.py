"""Effects that predictors have together, labels' above all: one covariance for each cluster key, over all columns.

Labels matter by the differences of their predictors only. With E = 1 (x) I, which adds the same to all labels, the law
of the differences is the same for Sigma and for Sigma + A E' + E A' with any A: a part of Sigma is known to the priors
alone. Slices along Sigma's parameters hardly move it where many clusters know the rest, so it has a move of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.designs.graph import cholesky
from bayesimpute.designs.parts import Block, places
from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.densities import log_prior
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout
from bayesimpute.samplers.gibbs.states import fresh, starts
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES

REACH = 4.0
"""Width of the first interval of a move along A, in variances by the priors' medians."""

SINGULAR = 1e-12
"""Of a variance what others leave of it, below which a matrix counts as none."""
ROUNDS = 2
"""Moves along as many directions as A has numbers, in a sweep."""
ROUNDS_OF_MANY = 4
"""Moves of Sigma given the effects in a sweep, where rows are many: they look at clusters alone and cost next to
nothing there, and Sigma is what is forgotten most slowly then."""


@dataclass(frozen=True, eq=False)
class Joint:
    """Effects that several linear predictors have together.

    Parameters
    ----------
    block : Block
        Of all of them.
    lay : Layout
        The block's alone.
    """

    block: Block
    lay: Layout

    def root(self, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """The factor of Sigma."""
        theta, width = state[f"{self.block.key}_theta"], self.block.width
        sd, partial = np.exp(theta[1 : width + 1]), np.tanh(theta[width + 1 :])
        return sd[:, None] * (cholesky(partial, width) if width > 1 else np.ones((1, 1)))

    def begun(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed start of Sigma, effects of zero, and nothing learnt."""
        key, (theta, *learnt) = self.block.key, fresh(starts([self.block], 0.0, rng), np.zeros(0))
        names = (f"{key}_{name}" for name in ("z", "mean", "covariance", "count"))
        found = {f"{key}_theta": theta, key: np.zeros((self.block.size, self.block.width))}
        return found | {name: np.asarray(value) for name, value in zip(names, learnt, strict=True)}

    def values(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Deviations, partial correlations and effects as the graph has them."""
        key, width, theta = self.block.key, self.block.width, state[f"{self.block.key}_theta"]
        found = {f"{key}_sd": np.exp(theta[1 : width + 1]), key: state[key]}
        return found | ({f"{key}_partial": (1 + np.tanh(theta[width + 1 :])) / 2} if width > 1 else {})

    def given_others(self, state: Mapping[str, np.ndarray], own: slice) -> tuple[np.ndarray, np.ndarray]:
        """Some effects given the others: their means, shape (cluster, effect), and their covariance, Schur's
        complement.
        """
        return given_rest(state[self.block.key], self.root(state), own.start, own.stop)


@dataclass(frozen=True, eq=False)
class Together(Joint):
    """Effects that labels have together.

    Parameters
    ----------
    labels : int
        Their number.
    place : int
        Its place among each label's own blocks.
    inner : bool
        Whether it is of the key whose effects are integrated out.
    variance : float
        What the priors take for a variance of an effect.
    """

    labels: int
    place: int
    inner: bool
    variance: float

    @property
    def each(self) -> int:
        """Effects of a label in a cluster."""
        return self.block.width // self.labels

    def own(self, k: int) -> slice:
        """The places of a label's effects."""
        return places(self.block)[k][1]

    @property
    def contrast(self) -> np.ndarray:
        """What makes differences from the first label's of the effects of a cluster, shape (difference, effect)."""
        first = np.tile(-np.eye(self.each), (self.labels - 1, 1))
        return np.hstack([first, np.eye((self.labels - 1) * self.each)])

    def known(self, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What effects (cluster, effect) say of Sigma with what all labels have in common integrated out.

        Returns
        -------
        squares : ndarray, shape (difference, difference)
            D'D of the differences D between labels, cluster by cluster.
        contrast : ndarray, shape (difference, width of Sigma)
            By which Sigma becomes the covariance of a row of D.
        """
        differences = effects @ self.contrast.T
        return differences.T @ differences, self.contrast

    def move_unknown(self, rng: np.random.Generator, state: Mapping[str, np.ndarray]) -> None:
        """The part of Sigma that only the priors know, in place: slices of the prior."""
        root, lay = self.root(state), self.lay
        covariance = root @ root.T
        (shape,) = self.block.correlations.args
        moves = ROUNDS * self.block.width * self.each
        move_along(rng, covariance, shape, lay.kinds, lay.args, self.each, moves, REACH * self.variance)
        state[f"{self.block.key}_theta"][1:] = packed(covariance)

    @property
    def common(self) -> np.ndarray:
        """E, shape (effect, effect of a label)."""
        return np.tile(np.eye(self.each), (self.labels, 1))


def put_deviations(
    arrays: Mapping[str, np.ndarray], lay: Layout, place: int, deviations: np.ndarray, covariance: np.ndarray
) -> None:
    """Put effects of a block, (cluster, effect), and their covariance into the arrays of a predictor, in place."""
    first, width, low = lay.firsts[place], lay.widths[place], lay.offsets[place]
    arrays["theta"][first : first + width * (width + 1) // 2] = packed(covariance)
    if place < lay.inner:
        arrays["u"][:, low : low + width] = deviations
    else:
        normals = np.linalg.solve(np.linalg.cholesky(covariance), deviations.T).T
        arrays["z"][low : low + normals.size] = normals.ravel()


def taken_deviations(arrays: Mapping[str, np.ndarray], lay: Layout, place: int) -> np.ndarray:
    """The effects of a block of a predictor, shape (cluster, effect)."""
    width, low = lay.widths[place], lay.offsets[place]
    if place < lay.inner:
        return arrays["u"][:, low : low + width]
    b = outer_effects(arrays["theta"], lay, arrays["z"])
    return b[low : low + lay.sizes[place] * width].reshape(lay.sizes[place], width)


@compiled
def given_rest(effects, root, low, high):
    """Effects from place `low` to before `high` given the others: means, (cluster, effect), and covariance."""
    width, q = root.shape[0], high - low
    covariance, n = root @ root.T, width - q
    rest, cross = np.empty((n, n)), np.empty((n, q))
    for i in range(n):
        row = i if i < low else i + q
        for k in range(n):
            rest[i, k] = covariance[row, k if k < low else k + q]
        for a in range(q):
            cross[i, a] = covariance[row, low + a]
    slopes = np.linalg.solve(rest, cross)
    means, left = np.zeros((effects.shape[0], q)), covariance[low:high, low:high] - cross.T @ slopes
    for j in range(effects.shape[0]):
        for i in range(n):
            for a in range(q):
                means[j, a] += effects[j, i if i < low else i + q] * slopes[i, a]
    return means, left


@compiled
def packed(covariance):
    """Log deviations and artanh of the partial correlations of a covariance matrix, in the order of a layout."""
    width = covariance.shape[0]
    out, root, place = np.empty(width * (width + 1) // 2), np.zeros((width, width)), width
    for i in range(width):
        out[i] = 0.5 * math.log(covariance[i, i])
    for i in range(width):
        left = 1.0
        for j in range(i + 1):
            value = covariance[i, j] * math.exp(-out[i] - out[j])
            for k in range(j):
                value -= root[i, k] * root[j, k]
            root[i, j] = math.sqrt(value) if i == j else value / root[j, j]
            if i > j:
                out[place] = math.atanh(root[i, j] / math.sqrt(left))
                left -= root[i, j] ** 2
                place += 1
    return out


@compiled
def log_density(covariance, shape, kinds, args, root):
    """The log prior of Sigma as a matrix, up to a constant; minus infinity if it is none. Its factor goes into `root`.

    With Sigma = diag(s) R diag(s) of width w, d Sigma = 2^w prod s^w ds dR, and R is LKJ(shape).
    """
    width, total = covariance.shape[0], 0.0
    for i in range(width):
        for j in range(i + 1):
            value = covariance[i, j]
            for k in range(j):
                value -= root[i, k] * root[j, k]
            if i > j:
                root[i, j] = value / root[j, j]
            elif value > SINGULAR * covariance[i, i]:
                root[i, i] = math.sqrt(value)
            else:
                return -np.inf
        log_sd = 0.5 * math.log(covariance[i, i])
        total += 2.0 * (shape - 1.0) * (math.log(root[i, i]) - log_sd) - (width + 1) * log_sd
        total += log_prior(kinds[1 + i], args[1 + i, 0], args[1 + i, 1], log_sd)
    return total


@compiled
def move_along(rng, covariance, shape, kinds, args, each, moves, width):
    """Sigma along A E' + E A' for random A, in place; `width` is that of the first interval."""
    n = covariance.shape[0]
    moved, root, a, direction = np.empty((n, n)), np.zeros((n, n)), np.empty((n, each)), np.empty((n, n))
    now = log_density(covariance, shape, kinds, args, root)
    for _ in range(moves):
        for i in range(n):
            for k in range(each):
                a[i, k] = rng.standard_normal()
        for i in range(n):
            for j in range(n):
                direction[i, j] = a[i, j % each] + a[j, i % each]
        level = now - rng.standard_exponential()
        low = -width * rng.random()
        high = low + width
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for i in range(n):
                for j in range(n):
                    moved[i, j] = covariance[i, j] + t * direction[i, j]
            value = log_density(moved, shape, kinds, args, root)
            if value > level:
                now = value
                covariance[:] = moved
                break
            if t < 0:
                low = t
            else:
                high = t
