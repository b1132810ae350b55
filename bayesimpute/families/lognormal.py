"""Positive numbers whose logarithms are normal: incomes, durations, concentrations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import tensors
from bayesimpute.families.family import Family
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.links import LARGEST
from bayesimpute.families.normal_between import draw_normal_between
from bayesimpute.families.normal_of_change import PARAMETERS
from bayesimpute.families.number_values import Positive
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class LogNormal(Family):
    """log y ~ Normal(mu, sigma); a formula for ``sigma`` is for its logarithm."""

    name: ClassVar[str] = "lognormal"
    values: ClassVar[type[Values]] = Positive
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    drawn_between: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return PARAMETERS

    @property
    def fitted_as(self) -> Family:
        return Gaussian()

    def working(self, y: np.ndarray) -> np.ndarray:
        return np.log(y)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm

        return pm.LogNormal.dist(mu=eta["mu"], sigma=pm.math.exp(eta["sigma"]))

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()

        z = (pt.log(value) - eta["mu"]) * pt.exp(-eta["sigma"])
        return -0.5 * z**2 - eta["sigma"] - pt.log(value) - 0.5 * np.log(2 * np.pi)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        return np.exp(rng.normal(eta["mu"], np.exp(eta["sigma"]), size))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        inside = np.where(y > 0, y, 1.0)
        z = (np.log(inside) - theta["mu"]) / theta["sigma"]
        found = -0.5 * z**2 - np.log(theta["sigma"]) - np.log(inside) - 0.5 * np.log(2 * np.pi)
        return np.where(y > 0, found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        return np.broadcast_to(np.asarray(theta["sigma"]) ** -2.0, np.shape(theta["mu"]))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        drawn = theta["mu"] + theta["sigma"] * rng.standard_normal(np.shape(theta["mu"]))
        return np.exp(np.clip(drawn, -LARGEST, LARGEST))  # neither 0 nor infinity is a value

    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        from scipy import stats

        return stats.lognorm(theta["sigma"], scale=np.exp(theta["mu"]))

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        a, b = (np.log(np.clip(end, np.exp(-LARGEST), np.exp(LARGEST))) for end in (low, high))
        a, b = np.where(low <= 0, -np.inf, a), np.where(np.isposinf(high), np.inf, b)
        drawn = draw_normal_between(rng, theta["mu"], theta["sigma"], a, b)
        return np.clip(np.exp(np.clip(drawn, -LARGEST, LARGEST)), low, high)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        square = np.asarray(theta["sigma"]) ** 2
        mean = np.exp(theta["mu"] + square / 2)
        return mean, mean**2 * np.expm1(square)
