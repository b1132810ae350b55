"""What the families of counts share: rates with an exposure, and what they are at zero.

The mean is exposure times exp(eta): with the side column ``exposure`` (years, population, area; positive) eta is about
the rate per unit of it, without it about the count itself. Zero-inflated and hurdle counts (``two_part_counts.py``)
are made of a :class:`Counting` family, of which they need P(y = 0) and the score there.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.count_values import Counts
from bayesimpute.families.family import Family, Misfit
from bayesimpute.families.truncated_law import drawn_between, rows_of
from bayesimpute.families.values import Values

EXPOSURE = "exposure"
"""The role of the side column."""
SPREAD = 2.5
"""Standard deviation of the automatic prior of the intercept of a log rate."""
MOST = 1e15
"""The largest rate that is drawn from, where whole numbers still are exact as floats: only a chain that has just begun
comes there."""


def about_rate(total: float, exposure: float) -> Prior:
    """The prior of the logarithm of a rate, by what was counted: about the observed rate, and wide.

    Half a count more keeps it proper where nothing was counted.
    """
    return Prior.of("Normal", float(np.log((total + 0.5) / exposure)), SPREAD)


class Counting(Family):
    """Counts 0, 1, 2, ... with mean exposure * mu, where ``mu`` has a log link."""

    values: ClassVar[type[Values]] = Counts
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "poisson"
    reads: ClassVar[tuple[str, ...]] = (EXPOSURE,)
    drawn_between: ClassVar[bool] = True

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        return about_rate(y.sum(), exposures(side, y).sum()) if key == "mu" else None

    def misfits(self, y: np.ndarray, side: Side) -> tuple[Misfit, ...]:
        return not_positive(side)

    def log_zero(self, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        """Log P(y = 0), shape (row,)."""
        return self.logp(np.zeros(np.shape(theta["mu"])), theta, side)

    @abstractmethod
    def at_zero(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """Minus the score of y = 0 about the linear predictor of mu, and the Fisher information about it, (row,)."""

    @abstractmethod
    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        """As a frozen distribution of SciPy."""

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        return drawn_between(rng, self.law(rows_of(theta, low), side), low, high, whole=True)

    @abstractmethod
    def tails(self, k: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """P(y <= k) and P(y > k), each with its own digits, shape (row,)."""

    @abstractmethod
    def graph_tails(self, k: Any, eta: Mapping[str, Any]) -> tuple[Any, Any]:
        """:meth:`tails` in the graph, with the exposure in eta."""

    @abstractmethod
    def above_zero(self, rng: np.random.Generator, theta: Theta, side: Side) -> np.ndarray:
        """Draws given that they are not zero, shape (row,)."""

    @abstractmethod
    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph, with the exposure in eta."""

    @abstractmethod
    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph, with the exposure in eta."""

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, exposed(eta, side))


def tensors() -> Any:
    """PyTensor's functions of tensors, which it does not type."""
    import pytensor.tensor as pt

    return pt


def counted(family: Any, eta: Mapping[str, Any], *more: str) -> Any:
    """The law of a family with `symbolic` and `random` as a PyMC distribution of no model.

    Of its parameters, and of `more` of the entries of `eta`.
    """
    import pymc as pm

    names = [*(p.name for p in family.parameters), *more]

    def logp(value: Any, *etas: Any) -> Any:
        return family.symbolic(value, dict(zip(names, etas, strict=True)))

    def random(*etas: Any, rng: np.random.Generator, size: Any) -> np.ndarray:
        shape = np.broadcast_shapes(*map(np.shape, etas)) if size is None else size
        return family.random(rng, dict(zip(names, etas, strict=True)), shape)

    etas = [eta[name] for name in names]
    return pm.CustomDist.dist(*etas, logp=logp, random=random, class_name=type(family).__name__)


def exposures(side: Side, like: np.ndarray) -> np.ndarray:
    """Those of the rows; 1 where the plan names no column."""
    return np.asarray(side[EXPOSURE], dtype=float) if EXPOSURE in side else np.ones(np.shape(like))


def means(theta: Theta, side: Side) -> np.ndarray:
    """Exposure times mu, shape (row,); NaN where the exposure is not positive, for which there is no density."""
    if EXPOSURE not in side:
        return theta["mu"]
    return theta["mu"] * np.where(side[EXPOSURE] > 0, side[EXPOSURE], np.nan)


def defined(logp: np.ndarray) -> np.ndarray:
    """Minus infinity where a density is not there."""
    return np.where(np.isnan(logp), -np.inf, logp)


def exposed(eta: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """Linear predictors in the graph, with the logarithm of the exposure in mu's."""
    if EXPOSURE not in side:
        return dict(eta)
    return {**eta, "mu": eta["mu"] + side[EXPOSURE].log()}


def not_positive(side: Side) -> tuple[Misfit, ...]:
    """Exposures of zero and less."""
    if EXPOSURE not in side:
        return ()
    rows = side[EXPOSURE] <= 0
    remedy = "give each row a positive exposure: nothing can be counted in none"
    return (Misfit(EXPOSURE, rows, "is not above zero", remedy),) if rows.any() else ()
