"""What values a variable takes, whatever its distribution: the class of which there is a subclass a kind.

A family says which values its variable takes; of the variable's own column they are an object, with its labels or its
precision. Whoever depends on what is imputed and not on how asks that object: how a chain starts, what is recorded of
the imputed cells, how these are kept and shown.

The kinds stand in ``label_values``, ``number_values`` and ``count_values``, their registry in ``kinds_of_values``.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np

from bayesimpute.data.columns import Column
from bayesimpute.families.support import Support


class Values(ABC):
    """The values of one variable; subclasses are frozen dataclasses."""

    name: ClassVar[str]
    """Its key in ``VALUES``."""
    words: ClassVar[str]
    """What such a variable is called."""
    unlike: ClassVar[str] = ""
    """What is said of numbers that are not such values, after "a number"."""
    labels: tuple[str, ...] = ()
    """Those of the codes 0, 1, ..., as pictures show them; empty for values that are shown as numbers."""
    stays: ClassVar[frozenset[str]] = frozenset()
    """What leaves values such values: adding a number ("value"), a factor ("ratio"). Of counts it must be a whole one,
    and of yes/no values more is said elsewhere (``checking/adjustments.py``)."""

    @classmethod
    @abstractmethod
    def accepts(cls, column: Column) -> bool:
        """Whether a column may be a target of a family of such values."""

    @classmethod
    @abstractmethod
    def suits(cls, column: Column) -> str | None:
        """Why such values are those that a column seems to have, unless a kind earlier in ``VALUES`` is; or None."""

    @classmethod
    @abstractmethod
    def of(cls, column: Column) -> Self:
        """The values of a column that is accepted."""

    @property
    @abstractmethod
    def support(self) -> Support:
        """Where the values lie."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """The smallest type that holds imputed cells without loss; it never follows from the cells."""

    @abstractmethod
    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        """A chain's first fill: like the observed values, and shifted.

        Parameters
        ----------
        rng : Generator
            Of the chain.
        known : ndarray, shape (observed unit,)
            The observed values.
        size : int
            How many values are missing.
        spread : float
            The shift is uniform between -spread and +spread standard deviations, or units of a link.

        Returns
        -------
        ndarray of float, shape (size,)
        """

    @abstractmethod
    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        """What is recorded of the imputed cells of a sweep, by name; of no cells the same names with NaN."""

    @property
    def recorded(self) -> tuple[str, ...]:
        """The names of the summaries."""
        return tuple(self.summaries(np.zeros(0)))

    @property
    def shown(self) -> np.dtype:
        """The type of the completed variable: that of the cells if they are whole numbers, else float64."""
        return self.dtype if self.support.whole else np.dtype(np.float64)

    @abstractmethod
    def response(self, y: np.ndarray) -> np.ndarray:
        """Floats as bambi wants them on the left side of a formula, shape (row,)."""


def mean_and_sd(cells: np.ndarray) -> dict[str, float]:
    """The summaries of numbers; NaN of no cells."""
    return {"mean": cells.mean(), "sd": cells.std()} if cells.size else {"mean": np.nan, "sd": np.nan}
