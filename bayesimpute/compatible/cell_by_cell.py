"""Where there is no closed form: two values to compare, or slice sampling, one cell of each block at a time."""

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from bayesimpute.compatible.affected import Affected

LogDensity = Callable[[np.ndarray], np.ndarray]
"""Of all cells, shape (cell,), to the log-density of each block, shape (block,), or of each cell by itself."""
SPAN = 8.0
"""Width of the slice sampler's first interval, in standard deviations of the variable's own model: wide enough to reach
another mode (of a square, say), and an interval that need not be widened saves two evaluations."""
STEPS = 2
"""Slice sampling steps a visit."""
SHRINKS = 100
"""Far more than are ever needed: an interval that has shrunk so often is the current value."""


def draw_binary(
    rng: np.random.Generator, affected: Affected, cells: np.ndarray, own: LogDensity, others: LogDensity
) -> np.ndarray:
    """One draw of cells that are 0 or 1: exact, by comparing the two.

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
    """
    cells = cells.copy()
    for moved in affected.passes:
        logits = np.zeros(len(moved))
        for value, sign in ((1.0, 1.0), (0.0, -1.0)):
            cells[moved] = value
            logits += sign * (own(cells)[moved] + others(cells)[affected.block_of_cell[moved]])
        cells[moved] = rng.random(len(moved)) < expit(np.where(np.isnan(logits), 0.0, logits))
    return cells


def draw_slice(
    rng: np.random.Generator,
    affected: Affected,
    cells: np.ndarray,
    own: LogDensity,
    others: LogDensity,
    width: np.ndarray,
) -> np.ndarray:
    """Steps of slice sampling (Neal 2003, Annals of Statistics 31:705, figure 5) that leave the cells' law unchanged.

    The interval of fixed width lies at random around the current value and is not stepped out, which is the scheme of
    Neal's figure 3 with m = 1.

    Parameters
    ----------
    rng, affected, cells, own, others
        As for :func:`draw_binary`; real numbers.
    width : ndarray, shape (cell,)
        Of the first interval; it may follow from parameters, not from the cells.
    """
    cells = cells.copy()
    for _ in range(STEPS):
        for moved in affected.passes:

            def density(values: np.ndarray, moved: np.ndarray = moved) -> np.ndarray:
                cells[moved] = values
                return own(cells)[moved] + others(cells)[affected.block_of_cell[moved]]

            cells[moved] = _slice(rng, cells[moved], density, width[moved])
    return cells


def _slice(rng: np.random.Generator, start: np.ndarray, density: LogDensity, width: np.ndarray) -> np.ndarray:
    height = density(start) - rng.standard_exponential(len(start))
    left = start - width * rng.random(len(start))
    right = left + width
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
