"""Draws between two numbers of laws that SciPy knows: by the inverse of their cumulative law, in the nearer tail.

Where both ends are so far out that no probability has a digit left, whole numbers are weighed by their log
probabilities from the nearer end on, and other numbers are exponential beyond it: all but the last digits of such a
tail.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from bayesimpute.families.context import Theta

NEAREST = 64
"""Whole numbers that are weighed, from the nearer end on."""
STEP = 1e-6
"""Of an end, for the slope of the log density there."""


def tail_shares(law: Any, low: np.ndarray, high: np.ndarray, *, whole: bool) -> tuple[np.ndarray, ...]:
    """Whether the upper tail is the nearer one, and the probabilities beyond both ends in the nearer one, (row,)."""
    before = np.ceil(low) - 1 if whole else low
    upper = law.cdf(before) > 0.5
    return upper, *(np.where(upper, law.sf(end), law.cdf(end)) for end in (before, high))


def share_between(law: Any, low: np.ndarray, high: np.ndarray, *, whole: bool) -> np.ndarray:
    """The probability of lying between two numbers, both ends included, shape (row,)."""
    _, a, b = tail_shares(law, low, high, whole=whole)
    return np.abs(b - a)


def drawn_between(
    rng: np.random.Generator, law: Any, low: np.ndarray, high: np.ndarray, *, whole: bool = False
) -> np.ndarray:
    """One draw of each, shape (row,).

    Parameters
    ----------
    rng : Generator
        Random numbers.
    law : frozen distribution of scipy.stats
        Of each row.
    low, high : ndarray, shape (row,)
        Between which a value lies, both included; infinite where it is open.
    whole : bool
        Whether values are whole numbers.
    """
    first, last = (np.ceil(low), np.floor(high)) if whole else (low, high)
    upper, a, b = tail_shares(law, low, high, whole=whole)
    at = a + (1 - rng.random(len(a))) * (b - a)
    with np.errstate(invalid="ignore"):
        found = np.clip(np.where(upper, law.isf(at), law.ppf(at)), first, last)
    lost = (a == b) & (first < last)
    if not lost.any():
        return found
    end = np.where(upper, first, last)
    beyond = _whole_beyond if whole else _beyond
    return np.where(
        lost, np.clip(beyond(rng, law, np.where(lost, end, 1.0), np.where(upper, 1, -1)), first, last), found
    )


def _whole_beyond(rng: np.random.Generator, law: Any, end: np.ndarray, sign: np.ndarray) -> np.ndarray:
    values = end + sign * np.arange(NEAREST)[:, None]
    logs = np.nan_to_num(law.logpmf(values), nan=-np.inf, neginf=np.finfo(float).min)
    return values[np.argmax(logs + rng.gumbel(size=logs.shape), axis=0), np.arange(len(end))]


def _beyond(rng: np.random.Generator, law: Any, end: np.ndarray, sign: np.ndarray) -> np.ndarray:
    step = STEP * np.maximum(np.abs(end), np.finfo(float).tiny)
    rate = np.abs(law.logpdf(end + sign * step) - law.logpdf(end)) / step
    return end + sign * rng.standard_exponential(len(end)) / np.maximum(rate, np.finfo(float).tiny)


def zero_or_some(
    rng: np.random.Generator,
    zero: np.ndarray,
    some: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    draw: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """One draw of each value of two parts, shape (row,).

    Parameters
    ----------
    rng : Generator
        Random numbers.
    zero, some : ndarray, shape (row,)
        The weights of zero by itself, and of what the other part may be between the ends.
    low, high : ndarray, shape (row,)
        Between which a value lies.
    draw : callable
        Draws of the other part, given its upper ends: of rows that are zero these are open, and the draws not used.
    """
    zero = np.where((low <= 0) & (high >= 0), zero, 0.0)
    lost = (zero == 0) & (some == 0)  # no digits are left of what is possible
    none = np.where(lost, (low <= 0) & (high <= 0), rng.random(len(zero)) * (zero + some) < zero)
    return np.where(none, 0.0, draw(np.where(none, np.inf, high)))


def rows_of(theta: Theta, low: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters at each row."""
    return {name: np.broadcast_to(np.asarray(value, dtype=float), np.shape(low)) for name, value in theta.items()}
