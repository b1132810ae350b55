"""Where values of a variable lie: an interval, the whole numbers in it, or some points."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Support:
    """An interval, or the whole numbers in it.

    Parameters
    ----------
    low, high : float
        Its ends; whole numbers include them, an interval only where it is closed.
    closed : (bool, bool)
        Whether either end of an interval is in it: values with a probability of their own.
    whole : bool
        Whether there are only whole numbers in it.
    only : tuple of float
        Its values, ascending, where it has no others between its ends; empty: all.
    """

    low: float = -np.inf
    high: float = np.inf
    whole: bool = False
    closed: tuple[bool, bool] = (False, False)
    only: tuple[float, ...] = ()

    @classmethod
    def of(cls, points: tuple[float, ...]) -> Self:
        """These values and no others."""
        return cls(low=points[0], high=points[-1], whole=all(p == round(p) for p in points), only=points)

    @property
    def points(self) -> np.ndarray | None:
        """All values in ascending order, shape (value,); None if there is no end of them."""
        if self.only:
            return np.array(self.only)
        return np.arange(self.low, self.high + 1) if self.whole and np.isfinite(self.high - self.low) else None

    def contains(self, values: np.ndarray) -> np.ndarray:
        """Bool, of the shape of the values; NaN is nowhere."""
        if self.only:
            return np.isin(values, self.only)
        if self.whole:
            return (values >= self.low) & (values <= self.high) & (values == np.round(values))
        inside = (values > self.low) & (values < self.high)
        for end, closed in zip((self.low, self.high), self.closed, strict=True):
            inside |= (values == end) & closed
        return inside

    def __str__(self) -> str:
        if self.only:
            return f"{len(self.only)} values from {self.low:g} to {self.high:g}"
        return f"{'whole ' * self.whole}numbers from {self.low:g} to {self.high:g}"
