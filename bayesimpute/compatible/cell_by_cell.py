"""Where there is no closed form: all values to compare, or slice sampling, one cell of each block at a time."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from bayesimpute.compatible.affected import Affected
from bayesimpute.families import Support

LogDensity = Callable[[np.ndarray], np.ndarray]
"""Of all cells, shape (cell,), to the log-density of each block, shape (block,), or of each cell by itself."""
SPAN = 8.0
"""Width of the slice sampler's first interval, in standard deviations of the variable's own model: wide enough to reach
another mode (of a square, say), and an interval that need not be widened saves two evaluations."""
CANDIDATES = 8
"""Draws of its own model between which a cell chooses."""
STEPS = 2
"""Slice sampling steps a visit."""
SHRINKS = 100
"""Far more than are ever needed: an interval that has shrunk so often is the current value."""


def draw_enumerated(
    rng: np.random.Generator,
    affected: Affected,
    cells: np.ndarray,
    own: LogDensity,
    others: LogDensity,
    points: np.ndarray,
) -> np.ndarray:
    """One draw of cells that have few possible values: exact, by comparing all of them.

    Parameters
    ----------
    rng : Generator
        Of the visit.
    affected : Affected
        The blocks.
    cells : ndarray, shape (cell,)
        The current values.
    own, others : callable
        The log-density of the variable's own model at each cell, and that of the models that read it at each block.
    points : ndarray, shape (value,)
        The possible values, ascending.
    """
    cells = cells.copy()
    for moved in affected.passes:
        weights = np.empty((len(points), len(moved)))
        for k, value in enumerate(points):
            cells[moved] = value
            weights[k] = own(cells)[moved]
            if np.isfinite(weights[k]).any():  # what a variable never is may be what other models cannot read
                weights[k] += others(cells)[affected.block_of_cell[moved]]
        cells[moved] = points[_chosen(rng, weights)]
    return cells


def _chosen(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """One draw from log-weights (value, cell), by each value's odds against all below it; of two, a logit."""
    u, chosen = rng.random(weights.shape[1]), np.zeros(weights.shape[1], dtype=np.int64)
    above = np.zeros(weights.shape[1])
    for k in range(len(weights) - 1, 0, -1):
        with np.errstate(invalid="ignore"):  # neither this value nor one below may be possible
            logits = weights[k] - np.logaddexp.reduce(weights[:k])
        upto = above + (1 - above) * expit(np.where(np.isnan(logits), 0.0, logits))
        chosen[(above <= u) & (u < upto)] = k
        above = upto
    return chosen


def draw_candidates(
    rng: np.random.Generator,
    affected: Affected,
    cells: np.ndarray,
    own: Callable[[], np.ndarray],
    others: Callable[[np.ndarray, int], np.ndarray],
) -> np.ndarray:
    """A step that may lead anywhere: each cell chooses between its value and draws of the variable's own model.

    By the densities of the models that read it alone, for its own is what the draws come from; the value that it has is
    one of the candidates, so that the law of the cells stays as it is (Tjelmeland 2004, NTNU preprint Statistics
    4/2004; Andrieu, Lee & Vihola 2018, Bernoulli 24:842). What values have a probability of their own among the draws
    does not matter: where some have, a slice alone would never come there.

    Parameters
    ----------
    rng, affected, cells
        As for :func:`draw_enumerated`.
    own : callable
        To one draw of the variable's own model for each cell, (cell,).
    others : callable
        As for :func:`draw_slice`.
    """
    cells = cells.copy()
    values = np.array([cells, *(own() for _ in range(CANDIDATES))])
    for k, moved in enumerate(affected.passes):
        weights = np.empty((len(values), len(moved)))
        for weight, value in zip(weights, values[:, moved], strict=True):
            cells[moved] = value
            weight[:] = others(cells, k)[affected.block_of_cell[moved]]
        cells[moved] = values[_chosen(rng, weights), moved]
    return cells


def draw_slice(
    rng: np.random.Generator,
    affected: Affected,
    cells: np.ndarray,
    own: LogDensity,
    others: Callable[[np.ndarray, int], np.ndarray],
    width: np.ndarray,
    support: Support,
) -> np.ndarray:
    """Steps of slice sampling (Neal 2003, Annals of Statistics 31:705, figure 5) that leave the cells' law unchanged.

    The interval of fixed width lies at random around the current value and is not stepped out, which is the scheme of
    Neal's figure 3 with m = 1. It ends where the support does. Whole numbers are drawn as the floor of a real number
    whose density is constant between them.

    Parameters
    ----------
    rng, affected, cells, own
        As for :func:`draw_enumerated`.
    others : callable
        Of all cells, and of the pass that moves, to the log-density of the models that read the variable at each block.
    width : ndarray, shape (cell,)
        Of the first interval; it may follow from parameters, not from the cells.
    support : Support
        Where the values lie.
    """
    cells = cells.copy()
    ends = support.low, support.high + support.whole
    for _ in range(STEPS):
        for k, moved in enumerate(affected.passes):

            def density(values: np.ndarray, k: int = k, moved: np.ndarray = moved) -> np.ndarray:
                cells[moved] = np.floor(values) if support.whole else values
                return own(cells)[moved] + others(cells, k)[affected.block_of_cell[moved]]

            start = cells[moved] + rng.random(len(moved)) if support.whole else cells[moved]
            found = slice_step(rng, start, density, width[moved], ends)
            cells[moved] = np.floor(found) if support.whole else found
    return cells


def slice_step(
    rng: np.random.Generator, start: np.ndarray, density: LogDensity, width: np.ndarray, ends: tuple[float, float]
) -> np.ndarray:
    """One step of each of many numbers, whose densities are independent: see :func:`draw_slice`."""
    height = density(start) - rng.standard_exponential(len(start))
    left = start - width * rng.random(len(start))
    left, right = np.maximum(left, ends[0]), np.minimum(left + width, ends[1])
    found, open_ = start.copy(), np.ones(len(start), dtype=bool)
    for _ in range(SHRINKS):
        proposal = np.where(open_, left + (right - left) * rng.random(len(start)), found)
        inside = density(proposal) > height
        found = np.where(open_ & inside, proposal, found)
        open_ &= ~inside
        if not open_.any():
            break
        left = np.where(open_ & (proposal < start), proposal, left)
        right = np.where(open_ & (proposal >= start), proposal, right)
    return found
