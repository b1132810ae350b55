"""Texts of a column of numbers that say a limit: ``<0.5`` lies below .5, ``>200`` above 200."""

import math
import re

import numpy as np

_MARKED = re.compile(r"\s*(<=|>=|<|>|≤|≥)\s*(.+)")


def read_censored(text: str) -> tuple[float, float] | None:
    """The ends between which a number lies; a number that is said has its two ends there. None: it is no number.

    Examples
    --------
    >>> read_censored("<0.5"), read_censored(" > 200"), read_censored("3"), read_censored("<LOD")
    ((-inf, 0.5), (200.0, inf), (3.0, 3.0), None)
    """
    marked = _MARKED.fullmatch(text)
    number = _number(text if marked is None else marked.group(2))
    if number is None:
        return None
    if marked is None:
        return number, number
    return (-math.inf, number) if marked.group(1) in ("<", "<=", "≤") else (number, math.inf)


def is_marked(text: str) -> bool:
    """Whether a text is a limit."""
    return _MARKED.fullmatch(text) is not None and read_censored(text) is not None


def numbers_and_limits(codes: np.ndarray, texts: tuple[str, ...]) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """The numbers of a column of readable texts, NaN where a limit stands; and the ends, each (row,).

    Parameters
    ----------
    codes : ndarray, shape (row,)
        The place of each cell among the texts, NaN where it is missing.
    texts : tuple of str
        The texts.
    """
    read = [_strict(text, read_censored(text)) for text in texts]
    table = np.array([(-np.inf, np.inf) if each is None else each for each in read] + [(-np.inf, np.inf)])
    ends = table[np.where(np.isnan(codes), -1, codes).astype(np.int64)]
    low, high = ends[:, 0], ends[:, 1]
    exact = low == high
    return np.where(exact, low, np.nan), (np.where(exact, -np.inf, low), np.where(exact, np.inf, high))


def _strict(text: str, ends: tuple[float, float] | None) -> tuple[float, float] | None:
    """The ends that a value may have: what is ``<3`` is not 3, which matters to whole numbers."""
    marked = _MARKED.fullmatch(text)
    if ends is None or marked is None or marked.group(1) not in "<>":
        return ends
    return math.nextafter(ends[0], math.inf) if math.isfinite(ends[0]) else ends[0], (
        math.nextafter(ends[1], -math.inf) if math.isfinite(ends[1]) else ends[1]
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
