"""What a family is: the distribution of one incomplete variable given its parameters, and nothing else.

A family says which parameters it has and on which link each has its linear predictor, adds its likelihood to a PyMC
model, evaluates the same density in NumPy, and draws values given ONE draw of the parameters. It knows no
formulas, no data frames and no sampler.

**To add a family**: write one file in this folder with one final frozen dataclass, and add one line to ``FAMILIES`` in
``__init__``. Its plan name, command-line use, contract tests and calibration follow from there.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.data.columns import Column
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.links import LINKS
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values

TAU = "tau"
"""What Kendall's tau is called in plans, of every family that has a dependence."""


@dataclass(frozen=True, kw_only=True)
class Dependence:
    """The number that ties being observed to the value itself, given all predictors: 0 at random.

    Parameters
    ----------
    parameter : Parameter
        As the family learns it: by its name plans, posteriors and tables know it; its link takes it to the real line.
    value : float or None
        Where the family holds it; None if it is learnt.
    hold : callable
        The same family with the number held at a value.
    tau : callable
        Kendall's tau of a value, the scale on which families with different dependences compare.
    slope : callable
        The derivative of a value by its linear predictor.
    bounds : (float, float)
        What lies between is a value.
    scale : str
        What its link is called in words.
    others, others_linear : tuple of Prior
        Common priors of it, and of its intercept on the link where it has a formula: what an estimate is held against.
    law : str
        What the errors of both equations are, in words: "bivariate normal".
    called : str
        What the number is, in words.
    """

    parameter: Parameter
    value: float | None
    hold: "Callable[[float], Family]"
    tau: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    bounds: tuple[float, float]
    scale: str
    others: tuple[Prior, ...]
    others_linear: tuple[Prior, ...]
    law: str
    called: str

    @property
    def name(self) -> str:
        """The parameter's."""
        return self.parameter.name

    def translated(self, priors: Mapping[str, Prior]) -> dict[str, Prior]:
        """Priors by the names of parameters: one of Kendall's tau as that of the correlation."""
        if self.name == TAU or TAU not in priors:
            return dict(priors)
        return {k: v for k, v in priors.items() if k != TAU} | {self.name: priors[TAU].of_tau}

    def line(self, values: np.ndarray) -> np.ndarray:
        """Values on the real line, by its link."""
        return LINKS[self.parameter.link].link(values)

    def back(self, z: np.ndarray) -> np.ndarray:
        """What they are there."""
        return LINKS[self.parameter.link].inverse(z)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What there is to know of a family that models which values are missing.

    Parameters
    ----------
    parameter : str
        The one whose linear predictor says who is selected.
    systematic : str
        Which missing values are missing for another reason than being selected out, so that they enter no likelihood
        and are drawn from the marginal law of the outcome: a key of :data:`bayesimpute.families.heckman.CHOICES`, or
        the column that says it.
    in_doubt : Family
        The same family where it is not known of some clusters: their share is a parameter of it.
    ignorable : Family
        The same outcome taken as missing at random.
    dependence : Dependence
        Of being selected on the outcome.
    law : callable
        From the linear predictor (row,) to the law of being observed, 1 or 0, as a PyMC distribution of no model.
    logp : callable
        From being observed, 1 or 0, and the linear predictor, each (row,), to its log probability.
    empty_law : callable
        Where it is in doubt which clusters are systematically missing, from all linear predictors, the number of the
        empty cluster of each row, and how many clusters are empty and how many are not, to the law of being empty.
    """

    parameter: str
    systematic: str
    in_doubt: "Family"
    ignorable: "Family"
    dependence: "Dependence"
    law: Callable[[Any], Any]
    logp: Callable[[np.ndarray, np.ndarray], np.ndarray]
    empty_law: Callable[..., Any]


@dataclass(frozen=True)
class Conflict:
    """Options of a family that cannot be together: at which option, what is wrong and what to do."""

    option: str
    finding: str
    remedy: str


@dataclass(frozen=True, eq=False)
class Misfit:
    """Side columns that cannot be: of which role, in which rows of the data (bool), what is wrong and what to do.

    The finding goes on after the name of the column.
    """

    role: str
    rows: np.ndarray
    finding: str
    remedy: str


class Family(ABC):
    """The distribution of an incomplete variable given per-row parameters; subclasses are frozen dataclasses."""

    name: ClassVar[str]
    """Its key in plans."""
    called: ClassVar[tuple[str, ...]] = ()
    """What else people call it, in small letters."""
    values: ClassVar[type[Values]]
    """What values its variable takes."""
    standardise: ClassVar[bool]
    """Whether the target is centred and scaled for the sampler; only for location-scale families."""
    bambi: ClassVar[str]
    """bambi's family with the automatic priors that apply."""
    in_bambi: ClassVar[bool] = True
    """Whether bambi's is this very family: else a model of it is none of bambi's."""
    reads: ClassVar[tuple[str, ...]] = ()
    """The roles of side columns that it may be given: ``("exposure",)``; a plan says which column plays which."""
    certain: ClassVar[tuple[str, ...]] = ()
    """Of the roles that it reads, those whose columns must be known before the run: they are not imputed."""
    steered: ClassVar[tuple[str, ...]] = ("mu",)
    """The parameters whose linear predictors :meth:`information` is about."""
    density: ClassVar[bool] = True
    """Whether what it imputes has the density that its model is fitted with: else no other model's draws may take it
    into account, nor it theirs."""
    drawn_between: ClassVar[bool] = False
    """Whether :meth:`between` draws values that are known to lie between two numbers."""
    normal: ClassVar[bool] = False
    """Whether y is Normal(mu, sigma) given the parameters, with mu its own linear predictor: then missing covariates of
    models that are linear in them have closed-form draws (:mod:`bayesimpute.compatible`)."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters; the first is ``mu``."""

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What is wrong with its options together, each of which may be right."""
        return ()

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        """Linear predictors, by :meth:`Parameter.key`, whose group-specific effects have one covariance matrix for each
        cluster key that their formulas have; of others each formula's effects have their own.
        """
        return ()

    @property
    def alike(self) -> tuple[frozenset[str], ...]:
        """Linear predictors, by key, whose group-specific effects are independent of each other and have one law: the
        same standard deviations and correlations for each cluster key.
        """
        return ()

    @property
    def described(self) -> str:
        """What reports call it: its name, and what is to be known beside it."""
        return self.name

    @property
    def undecided(self) -> bool:
        """Whether only the column says which parameters it has: until it is bound nothing can be told of formulas."""
        return False

    @property
    def keys(self) -> Mapping[str, str]:
        """By option the cluster keys that it names."""
        return {}

    def bind(self, column: Column) -> "Family":
        """The family of this column: itself, unless its parameters are about the column's labels.

        What it sets are fields made by :func:`bound`.
        """
        del column
        return self

    @property
    def labels_meant(self) -> str:
        """Of values that are labels, which of those of the column they are: "observed", or "all" that it has."""
        return "observed"

    def values_of(self, column: Column) -> Values:
        """The values of a column that it accepts."""
        return self.values.of(column)

    @property
    def fitted_as(self) -> "Family":
        """The family of the same parameters that has the likelihood of this one, of :meth:`working` values: itself,
        unless only draws differ, or the scale of the values.

        Whoever has code for a likelihood asks for it, and not for the family.
        """
        return self

    def working(self, y: np.ndarray) -> np.ndarray:
        """Values of the target as :attr:`fitted_as` has them, (row,): themselves, or what their logarithms are.

        The derivative of the change is the same for all parameters, so that their posterior does not depend on it.
        """
        return y

    @property
    def named_columns(self) -> Mapping[str, str]:
        """The side columns that its options name, by role."""
        return {}

    def on_scale(self, centre: float, scale: float) -> "Family":
        """The family of (y - centre) / scale: itself, unless numbers or side columns of it are in the units of y.

        Samplers have the target on that scale; everyone else has the user's units.
        """
        del centre, scale
        return self

    def ends(self, side: Side = NO_SIDE) -> tuple[Any, Any]:
        """Between which numbers values can only lie beside what all such values have in common, each () or (row,)."""
        del side
        return -np.inf, np.inf

    def atoms(self, side: Side = NO_SIDE) -> tuple[np.ndarray, ...]:
        """Values with a probability of their own beside a density of all others, each one number, () or (row,)."""
        del side
        return ()

    def misfits(self, y: np.ndarray, side: Side) -> tuple[Misfit, ...]:
        """What is wrong with the side columns beside the target, NaN where either is missing, each (row,)."""
        del y, side
        return ()

    def doubts(self, y: np.ndarray) -> tuple[Conflict, ...]:
        """What observed values, (row,), leave nothing to learn of; a run may have it."""
        del y
        return ()

    def possible(self, cells: np.ndarray, side: Side) -> np.ndarray:
        """A chain's first fill, (cell,), where the side columns leave it possible."""
        del side
        return cells

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        """The automatic prior that says how frequent values are, of what `key` names; None: by the general rule.

        Parameters
        ----------
        key : str
            Of a linear predictor, by :meth:`Parameter.key`: the prior is its intercept's at the centre of its columns,
            on the scale of its link. Of a parameter without a formula: the prior is that parameter's.
        y : ndarray, shape (row,)
            Values of the target on its own scale; NaN stands for a unit that was not selected.
        side : mapping of str to ndarray, shape (row with a value,)
            The side columns that the plan names, by role.
        """
        del key, y, side
        return None

    @property
    def selection(self) -> "Selection | None":
        """How the family models which values are missing; None if it takes them as missing at random."""
        return None

    def mar(self) -> "Family":
        """The family of the same outcome that takes it as missing at random: itself, unless it selects."""
        return self if self.selection is None else self.selection.ignorable

    @abstractmethod
    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        """The law of observed values as a PyMC distribution that belongs to no model yet, shape (row,).

        Of a family that selects: their law given that they were selected.

        Parameters
        ----------
        eta : mapping of str to TensorVariable, shape (row,) or ()
            The linear predictors there, on the link scale; of parameters with labels, (row, label) or (label,).
        side : mapping of str to TensorVariable, shape (row,)
            The side columns that the plan names, by role.
        """

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        """Add p(y | parameters) to the PyMC model on the stack; a family that selects adds p(y, being observed).

        Parameters
        ----------
        eta : mapping of str to TensorVariable, shape (row,) or ()
            The linear predictors, on the link scale: densities that are stable in the tails start from these. Of
            parameters that are learnt from all rows, (fitted row,), those where the target is observed first. Of
            parameters with labels, (row, label) or (label,).
        y : TensorVariable, shape (row,)
            Observed values of the target.
        side : mapping of str to TensorVariable, shape (row,)
            The side columns that the plan names, by role.
        """
        import pymc as pm

        model: Any = pm.modelcontext(None)
        model.register_rv(self.distribution(eta, side), "y", observed=y)

    @abstractmethod
    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        """Log p(y | theta), shape (row,), with the parameters on the response scale; with labels, (row, label).

        Of a family that selects: of y and its being observed; NaN stands for a unit that was not selected.
        """

    @abstractmethod
    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        """Fisher information of each unit about the linear predictors of :attr:`steered`.

        Expected, or observed at `y` (shape (row,), NaN where it is not selected), but positive semidefinite. Samplers
        scale their steps by it; it changes no distribution.

        Returns
        -------
        ndarray, shape (row,) or (row, steered, steered)
        """

    @abstractmethod
    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        """One draw of y for each row, shape (row,), given one draw of the parameters; `context` has the rest.

        Of a family that selects: given that the unit was not selected; a linear predictor of minus infinity says that
        it could not have been, so that its being missing tells nothing.
        """

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        """One draw of y for each row, shape (row,), of its law given that it is between two numbers, each (row,).

        Either may be infinite; where they are the same, y is that number. Only of families that say so
        (:attr:`drawn_between`): the check refuses others.
        """
        raise TypeError(f"{self.name} draws no values that are known to lie between two numbers")

    def remarks(self, rng: np.random.Generator, theta: Theta, context: Context) -> tuple[tuple[str, str], ...]:
        """What there is to say of how values are drawn at a visit, each a thing and its reason; mostly nothing."""
        del rng, theta, context
        return ()

    def replicate(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        """One draw of the law of observed values, shape (row,): what a model would predict of what was observed.

        As :meth:`impute`, unless that is about values of which their being missing tells something.
        """
        return self.impute(rng, theta, context)

    def moments(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of y given theta, each of shape (row,): what the contract tests hold `impute` against.

        Of labels those of the codes, which mean nothing but are what draws of them must have.
        """
        mean, variance = self.mean_variance(theta, side)
        shape = np.shape(theta["mu"])[:1]
        return np.broadcast_to(mean, shape), np.broadcast_to(variance, shape)

    @abstractmethod
    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """The formulas behind :meth:`moments`; either may be infinite."""


BOUND = MappingProxyType({"bound": True})
"""Metadata of a field that :meth:`Family.bind` sets: no option of plans."""


def bound(default: Any) -> Any:
    """Such a field."""
    return field(default=default, metadata=BOUND)


def changed(family: Any, **values: Any) -> Any:
    """The same family with other values of its options."""
    return replace(family, **values)


def options(family: Family | type[Family]) -> tuple[Field[Any], ...]:
    """The options that a plan may give a family."""
    return tuple(f for f in fields(family) if "bound" not in f.metadata) if is_dataclass(family) else ()
