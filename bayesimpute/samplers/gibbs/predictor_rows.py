"""The rows of a linear predictor, where a model needs them in every sweep: as it does with a formula for sigma."""

import math
from typing import NamedTuple

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.predictors import Part
from bayesimpute.samplers.gibbs.products import ROUNDING, TINY

FARTHEST = 350.0
"""The largest exponent: of a row's weight, whose square is finite."""


class Columns(NamedTuple):
    """The fitted rows of one linear predictor: columns of coefficients, of inner and of outer effects; the target.

    Of sigma's predictor all effects are outer ones, and ``y`` holds its offset.
    """

    x: np.ndarray
    z: np.ndarray
    w: np.ndarray
    y: np.ndarray


class Members(NamedTuple):
    """The rows of each cluster: of block f and cluster j, ``order[f, bounds[k]:bounds[k + 1]]``, k = begins[f] + j.

    ``constant`` has the place of the intercept among gamma, and among the effects of each block; -1 where there is
    none.
    """

    order: np.ndarray
    bounds: np.ndarray
    begins: np.ndarray
    constant: np.ndarray


@compiled
def rows_times(x, b):
    """X b, four rows at a time: the sum of each is the same as that of a row by itself, but does not wait for it."""
    n, p = x.shape[0], b.size
    out, together = np.empty(n), n - n % 4
    for i in range(0, together, 4):
        one, two, three, four = 0.0, 0.0, 0.0, 0.0
        for k in range(p):
            by = b[k]
            one += x[i, k] * by
            two += x[i + 1, k] * by
            three += x[i + 2, k] * by
            four += x[i + 3, k] * by
        out[i], out[i + 1], out[i + 2], out[i + 3] = one, two, three, four
    for i in range(together, n):
        value = 0.0
        for k in range(p):
            value += x[i, k] * b[k]
        out[i] = value
    return out


@compiled
def predicted(columns, b, u, lay, rows):
    """The linear predictor at each row, offset apart."""
    out = rows_times(columns.x, b[: lay.coefficients])
    if lay.width == 1 and lay.inner == lay.widths.size:  # random intercepts alone
        own, effects = columns.z[:, 0], u[:, 0]
        for i in range(out.size):
            out[i] += own[i] * effects[rows.codes[i]]
        return out
    for i in range(out.size):
        value = out[i]
        for a in range(lay.width):
            value += columns.z[i, a] * u[rows.codes[i], a]
        at = 0
        for f in range(lay.inner, lay.widths.size):
            for a in range(lay.widths[f]):
                value += columns.w[i, at] * b[rows.columns[i, f - lay.inner] + a]
                at += 1
        out[i] = value
    return out


@compiled
def squared_residuals(columns, b, u, lay, rows):
    """Of mu's predictor; never below rounding, so that sigma stays off zero where the target is linear."""
    out = predicted(columns, b, u, lay, rows)
    total = 0.0
    for i in range(out.size):
        out[i] = (columns.y[i] - out[i]) ** 2
        total += columns.y[i] ** 2
    for i in range(out.size):
        out[i] += ROUNDING * total / out.size + TINY
    return out


@compiled
def inverse_sigma(theta, z, columns, lay, rows):
    """1 / sigma of each row: the root of its weight; of the rows of sigma's predictor."""
    out = predicted(columns, outer_effects(theta, lay, z), np.zeros((0, 0)), lay, rows)
    for i in range(out.size):
        out[i] = math.exp(min(-out[i] - columns.y[0], FARTHEST))
    return out


def members(sigma: Part, codes: list[np.ndarray], n: int) -> Members:
    """Of the blocks of sigma's predictor, from the clusters of the rows of each."""
    constants = [-1 if sigma.predictor.intercept is None else sigma.predictor.intercept]
    bounds = [np.zeros(0, dtype=np.int64)]
    for b, c in zip(sigma.blocks, codes, strict=True):
        names = b.parts[0][1].names
        constants.append(names.index("Intercept") if "Intercept" in names else -1)
        bounds.append(np.searchsorted(np.sort(c), np.arange(b.size + 1)))
    order = [np.argsort(c, kind="stable") for c in codes]
    return Members(
        order=np.array(order, dtype=np.int64).reshape(len(codes), n),
        bounds=np.concatenate(bounds).astype(np.int64),
        begins=np.cumsum([len(b) for b in bounds], dtype=np.int64)[:-1],
        constant=np.array(constants, dtype=np.int64),
    )
