"""States of chains as plain arrays: fresh ones, and what a predictor's part of one says about its parameters."""

from collections.abc import Mapping, Sequence

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.parts import Block, effect_units
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout
from bayesimpute.samplers.gibbs.predictors import Part

State = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]
"""Theta, z, and what was learnt: mean, covariance, from how many sweeps."""
Arrays = Mapping[str, np.ndarray]
Moved = tuple[dict[str, np.ndarray], float]
"""The next state, and the share of proposals that were accepted: 1 of an engine that makes none."""
NAMES = ("theta", "z", "mean", "covariance", "count")
SPREAD = 1.0
"""Half the width of the starts of log sigma and log sd around the medians of their priors, and of artanh of the partial
correlations around zero."""


def from_arrays(arrays: Arrays, prefix: str = "") -> State:
    """The tuple that sweeps take."""
    theta, z, mean, covariance, count = (arrays[prefix + name] for name in NAMES)
    return theta, z, mean, covariance, float(count)


def to_arrays(state: State, prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays that are saved."""
    return {prefix + name: np.asarray(part) for name, part in zip(NAMES, state, strict=True)}


def fresh(theta: np.ndarray, z: np.ndarray, more: int = 0) -> State:
    """A state that has learnt nothing; directions are of theta and of `more` coefficients."""
    size = theta.size + more
    return theta, z.copy(), np.zeros(size), np.zeros((size, size)), 0.0


def starts(blocks: Sequence[Block], sigma: float, rng: np.random.Generator, spread: float = SPREAD) -> np.ndarray:
    """Theta from log sigma and the priors of deviations."""
    theta = [sigma]
    for b in blocks:
        theta += [start(prior, rng, spread) for prior in b.priors]
        theta += list(rng.uniform(-spread, spread, b.width * (b.width - 1) // 2))
    return np.array(theta)


def start(prior: Prior, rng: np.random.Generator, spread: float = SPREAD) -> float:
    """The log of a value near the middle of a prior of positive numbers."""
    if prior.support == "interval":
        lower, upper = prior.args
        return float(np.log(lower + (upper - lower) * rng.uniform(0.1, 0.9)))
    middle = np.median(prior.draw(np.random.default_rng(0), 1001))
    return float(np.log(middle) + rng.uniform(-spread, spread))


def predictor_values(part: Part, lay: Layout, theta: np.ndarray, z: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
    """The vectors of a predictor as the graph has them."""
    b = outer_effects(theta, lay, z)
    return {part.predictor.key: b[: lay.coefficients]} | block_values(part.blocks, lay, theta, b, u)


def block_values(
    blocks: Sequence[Block], lay: Layout, theta: np.ndarray, b: np.ndarray, u: np.ndarray
) -> dict[str, np.ndarray]:
    """Deviations, partial correlations and effects of blocks, from theta, the outer vector and the inner effects."""
    values: dict[str, np.ndarray] = {}
    for k, (block, first, at) in enumerate(zip(blocks, lay.firsts, lay.offsets, strict=True)):
        end = first + block.width
        values[f"{block.key}_sd"] = np.exp(theta[first:end])
        if block.width > 1:
            last = end + block.width * (block.width - 1) // 2
            values[f"{block.key}_partial"] = (1 + np.tanh(theta[end:last])) / 2
        if k < lay.inner:
            values[block.key] = np.ascontiguousarray(u[:, at : at + block.width])
        else:
            values[block.key] = b[at : at + block.size * block.width].reshape(block.size, block.width)
    return values


def placed(arrays: Arrays, blocks: Sequence[Block], lay: Layout, draw: Draw) -> dict[str, np.ndarray]:
    """A state at the effects of a draw that is like its own but for these."""
    z, u = arrays["z"].copy(), arrays["u"].copy()
    for k, (block, at) in enumerate(zip(blocks, lay.offsets, strict=True)):
        if k < lay.inner:
            u[:, at : at + block.width] = draw[block.key]
        else:
            normals = np.linalg.solve(draw[f"{block.key}_root"], draw[block.key].T).T
            z[at : at + block.size * block.width] = normals.ravel()
    return {**arrays, "z": z, "u": u}


def scalars(design: Design, mu: Part, lay: Layout, chain: np.ndarray) -> np.ndarray:
    """The scalar parameters of a model with one sigma in the user's units, from many states at once.

    Parameters
    ----------
    chain : ndarray, shape (state, theta + coefficient)
        Theta and the standardised coefficients.

    Returns
    -------
    ndarray, shape (state, parameter)
        In the order of ``design.names``, but standard deviations and correlations of effects where the columns are at
        their centres; of blocks of three and more effects the partial correlations stand for the correlations.
    """
    theta, sigma = chain[:, : lay.groups.size], np.exp(chain[:, 0]) * design.scale
    columns = [*design.coefficients(mu.predictor, chain[:, lay.groups.size :]).T, sigma]
    by_key = {b.key: first for b, first in zip(mu.blocks, lay.firsts, strict=True)}
    for b in design.blocks:
        end = by_key[b.key] + b.width
        columns += [*(np.exp(theta[:, by_key[b.key] : end]) * effect_units(b)).T]
        columns += [*np.tanh(theta[:, end : end + b.width * (b.width - 1) // 2]).T]
    return np.column_stack(columns)
