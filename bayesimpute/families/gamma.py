"""Positive numbers with a constant coefficient of variation: costs, times, whose tail is lighter than a lognormal's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import gammaln

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Family
from bayesimpute.families.number_values import Positive
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.truncated_law import drawn_between, rows_of
from bayesimpute.families.values import Values

SPREAD = 2.5
"""Standard deviation of the automatic prior of the intercept, about the log of the observed mean."""


@final
@dataclass(frozen=True, kw_only=True)
class Gamma(Family):
    """y ~ Gamma with mean mu and shape alpha, its coefficient of variation being alpha^-1/2; formulas are for logs."""

    name: ClassVar[str] = "gamma"
    values: ClassVar[type[Values]] = Positive
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    drawn_between: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(name="mu", link="log", support="positive"),
            Parameter(name="alpha", link="log", support="positive", prior=Prior.of("HalfCauchy", 1).by("bambi")),
        )

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        return Prior.of("Normal", float(np.log(y.mean())), SPREAD) if key == "mu" else None

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, eta)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph, of logarithms: a rate would overflow."""
        pt = tensors()

        alpha, ratio = pt.exp(eta["alpha"]), pt.log(value) - eta["mu"]
        return alpha * (eta["alpha"] + ratio - pt.exp(ratio)) - pt.log(value) - pt.gammaln(alpha)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        return rng.gamma(np.exp(eta["alpha"]), np.exp(eta["mu"] - eta["alpha"]), size)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        inside, alpha = np.where(y > 0, y, 1.0), theta["alpha"]
        ratio = np.log(inside) - np.log(theta["mu"])
        found = alpha * (np.log(alpha) + ratio - np.exp(ratio)) - np.log(inside) - gammaln(alpha)
        return np.where(y > 0, found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        return np.broadcast_to(np.asarray(theta["alpha"], dtype=float), np.shape(theta["mu"]))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        drawn = rng.gamma(theta["alpha"], theta["mu"] / theta["alpha"], np.shape(theta["mu"]))
        return np.maximum(drawn, np.finfo(float).tiny)  # a small shape underflows to 0, which is no value

    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        from scipy import stats

        return stats.gamma(theta["alpha"], scale=theta["mu"] / theta["alpha"])

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        found = drawn_between(rng, self.law(rows_of(theta, low), side), np.maximum(low, 0.0), high)
        return np.clip(np.maximum(found, np.finfo(float).tiny), low, high)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return theta["mu"], theta["mu"] ** 2 / theta["alpha"]
