"""What a family is: the distribution of one incomplete variable given its parameters, and nothing else.

A family says which parameters it has and on which link each has its linear predictor, adds its likelihood to a PyMC
model, evaluates the same density in NumPy, and draws values given ONE draw of the parameters. It knows no
formulas, no data frames and no sampler.

**To add a family**: write one file in this folder with one final frozen dataclass, and add one line to ``FAMILIES`` in
``__init__``. Its plan name, command-line use, contract tests and calibration follow from there.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Literal

import numpy as np

from bayesimpute.priors import Prior

Theta = Mapping[str, np.ndarray]


class Rows(Enum):
    """To which rows a conditional model is fitted."""

    OBSERVED = "rows where the target is observed"
    ALL = "all rows"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a family.

    Parameters
    ----------
    name : str
        Its key in ``formulas``; ``mu`` is the one that the main formula describes.
    link : str
        A key of :data:`bayesimpute.families.links.LINKS`: the linear predictor is link(parameter).
    unit : {"location", "scale", "none"}
        How it follows the target's units: with y = centre + scale * y_s, a location is centre + scale * theta_s, a
        scale is scale * theta_s.
    prior : Prior or None
        Of the parameter itself where it has no formula, for a target of unit standard deviation; None if it must have
        a formula.
    """

    name: str
    link: str
    unit: Literal["location", "scale", "none"] = "none"
    prior: Prior | None = None


class Family(ABC):
    """The distribution of an incomplete variable given per-row parameters; subclasses are frozen dataclasses."""

    name: ClassVar[str]
    """Its key in plans."""
    kinds: ClassVar[frozenset[str]]
    """The kinds of column it can impute: ``number``, ``binary``."""
    standardise: ClassVar[bool]
    """Whether the target is centred and scaled for the sampler; only for location-scale families."""
    bambi: ClassVar[str]
    """bambi's family with the automatic priors that apply."""
    rows: ClassVar[Rows] = Rows.OBSERVED

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters; the first is ``mu``."""

    @abstractmethod
    def likelihood(self, eta: Mapping[str, Any], y: Any, observed: Any) -> None:
        """Add p(y | parameters) to the PyMC model on the stack.

        Parameters
        ----------
        eta : mapping of str to TensorVariable, shape (row,) or ()
            The linear predictors, on the link scale: densities that are stable in the tails start from these.
        y, observed : TensorVariable, shape (row,)
            Values of the target and whether they are observed (families that are fitted to all rows use it).
        """

    @abstractmethod
    def logp(self, y: np.ndarray, theta: Theta) -> np.ndarray:
        """Log p(y | theta), shape (row,), with the parameters on the response scale."""

    @abstractmethod
    def information(self, theta: Theta) -> np.ndarray:
        """Expected Fisher information of one y about the linear predictor of ``mu``, shape (row,).

        Samplers scale their steps by it; it changes no distribution.
        """

    @abstractmethod
    def impute(self, rng: np.random.Generator, theta: Theta) -> np.ndarray:
        """One draw of y for each row, shape (row,), given one draw of the parameters."""

    def moments(self, theta: Theta) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of y given theta, each of shape (row,): what the contract tests hold `impute` against."""
        mean, variance = self.mean_variance(theta)
        shape = np.shape(theta["mu"])
        return np.broadcast_to(mean, shape), np.broadcast_to(variance, shape)

    @abstractmethod
    def mean_variance(self, theta: Theta) -> tuple[np.ndarray, np.ndarray]:
        """The formulas behind :meth:`moments`; either may be infinite."""
