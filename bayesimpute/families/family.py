"""What a family is: the distribution of one incomplete variable given its parameters, and nothing else.

A family says which parameters it has and on which link each has its linear predictor, adds its likelihood to a PyMC
model, evaluates the same density in NumPy, and draws values given ONE draw of the parameters. It knows no
formulas, no data frames and no sampler.

**To add a family**: write one file in this folder with one final frozen dataclass, and add one line to ``FAMILIES`` in
``__init__``. Its plan name, command-line use, contract tests and calibration follow from there.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any, ClassVar, Literal

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.data.columns import Column
from bayesimpute.families.values import Values

Theta = Mapping[str, np.ndarray]


class Rows(Enum):
    """Which rows a parameter is learnt from."""

    OBSERVED = "rows where the target is observed"
    ALL = "all rows, those where it is missing because they were not selected included"


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
    rows : Rows
        Where its linear predictor enters the likelihood.
    support : {"real", "positive", "unit", "signed unit", "ordered"}
        Where it lives; of a parameter without a formula it decides which priors it may have. "ordered" is about the
        labels together: ascending real numbers, which have one prior and no formula.
    labels : tuple of str
        Of a parameter that is several numbers, one for each label: with a formula it has a linear predictor for each,
        on one matrix, without one it is a vector. Empty: it is one number.
    intercept : float or None
        Of the automatic prior where it has a formula, on the scale of its link: the standard deviation of the
        intercept's normal. None: its formula has no intercept, for others of the family's parameters are in its place.
    effects : float
        The same of the half-normals of its group-specific effects' standard deviations. (Those of ``mu`` are bambi's.)
    """

    name: str
    link: str
    unit: Literal["location", "scale", "none"] = "none"
    prior: Prior | None = None
    rows: Rows = Rows.OBSERVED
    support: Literal["real", "positive", "unit", "signed unit", "ordered"] = "real"
    labels: tuple[str, ...] = ()
    intercept: float | None = 1.0
    effects: float = 1.0

    def key(self, label: str | None) -> str:
        """The name of a linear predictor: the parameter's own, or ``mu[b]`` where each label has one."""
        return self.name if label is None else f"{self.name}[{label}]"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What there is to know of a family that models which values are missing.

    Parameters
    ----------
    parameter : str
        The one whose linear predictor says who is selected.
    marginal : bool
        Whether units of clusters without any observed value are missing for another reason than being selected out:
        they enter no likelihood and are drawn from the marginal law of the outcome.
    ignorable : Family
        The same outcome taken as missing at random.
    """

    parameter: str
    marginal: bool
    ignorable: "Family"


class Family(ABC):
    """The distribution of an incomplete variable given per-row parameters; subclasses are frozen dataclasses."""

    name: ClassVar[str]
    """Its key in plans."""
    values: ClassVar[type[Values]]
    """What values its variable takes."""
    standardise: ClassVar[bool]
    """Whether the target is centred and scaled for the sampler; only for location-scale families."""
    bambi: ClassVar[str]
    """bambi's family with the automatic priors that apply."""
    steered: ClassVar[tuple[str, ...]] = ("mu",)
    """The parameters whose linear predictors :meth:`information` is about."""
    normal: ClassVar[bool] = False
    """Whether y is Normal(mu, sigma) given the parameters, with mu its own linear predictor: then missing covariates of
    models that are linear in them have closed-form draws (:mod:`bayesimpute.compatible`)."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters; the first is ``mu``."""

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        """Linear predictors, by :meth:`Parameter.key`, whose group-specific effects have one covariance matrix for each
        cluster key that their formulas have; of others each formula's effects have their own.
        """
        return ()

    def bind(self, column: Column) -> "Family":
        """The family of this column: itself, unless its parameters are about the column's labels.

        What it sets are fields made by :func:`bound`.
        """
        del column
        return self

    @property
    def selection(self) -> "Selection | None":
        """How the family models which values are missing; None if it takes them as missing at random."""
        return None

    def mar(self) -> "Family":
        """The family of the same outcome that takes it as missing at random: itself, unless it selects."""
        return self if self.selection is None else self.selection.ignorable

    @abstractmethod
    def likelihood(self, eta: Mapping[str, Any], y: Any) -> None:
        """Add p(y | parameters) to the PyMC model on the stack.

        Parameters
        ----------
        eta : mapping of str to TensorVariable, shape (row,) or ()
            The linear predictors, on the link scale: densities that are stable in the tails start from these. Of
            parameters that are learnt from all rows, (fitted row,), those where the target is observed first. Of
            parameters with labels, (row, label) or (label,).
        y : TensorVariable, shape (row,)
            Observed values of the target.
        """

    @abstractmethod
    def logp(self, y: np.ndarray, theta: Theta) -> np.ndarray:
        """Log p(y | theta), shape (row,), with the parameters on the response scale; with labels, (row, label).

        Of a family that selects: of y and its being observed; NaN stands for a unit that was not selected.
        """

    @abstractmethod
    def information(self, theta: Theta, y: np.ndarray) -> np.ndarray:
        """Fisher information of each unit about the linear predictors of :attr:`steered`.

        Expected, or observed at `y` (shape (row,), NaN where it is not selected), but positive semidefinite. Samplers
        scale their steps by it; it changes no distribution.

        Returns
        -------
        ndarray, shape (row,) or (row, steered, steered)
        """

    @abstractmethod
    def impute(self, rng: np.random.Generator, theta: Theta) -> np.ndarray:
        """One draw of y for each row, shape (row,), given one draw of the parameters.

        Of a family that selects: given that the unit was not selected; a linear predictor of minus infinity says that
        it could not have been, so that its being missing tells nothing.
        """

    def moments(self, theta: Theta) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of y given theta, each of shape (row,): what the contract tests hold `impute` against."""
        mean, variance = self.mean_variance(theta)
        shape = np.shape(theta["mu"])
        return np.broadcast_to(mean, shape), np.broadcast_to(variance, shape)

    @abstractmethod
    def mean_variance(self, theta: Theta) -> tuple[np.ndarray, np.ndarray]:
        """The formulas behind :meth:`moments`; either may be infinite."""


def bound(default: Any) -> Any:
    """A field that :meth:`Family.bind` sets: no option of plans."""
    return field(default=default, metadata={"bound": True})


def options(family: Family | type[Family]) -> tuple[Field[Any], ...]:
    """The options that a plan may give a family."""
    return tuple(f for f in fields(family) if "bound" not in f.metadata) if is_dataclass(family) else ()
