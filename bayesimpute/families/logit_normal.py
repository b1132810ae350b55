"""Proportions whose logits are normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import expit, logit

from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Family
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.normal_of_change import PARAMETERS
from bayesimpute.families.number_values import Proportion
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values

FARTHEST = 35.0
"""Of a logit that is drawn: beyond it a proportion is 0 or 1, which are no values."""
NODES = 100
"""Points of the quadrature of moments."""


@final
@dataclass(frozen=True, kw_only=True)
class LogitNormal(Family):
    """logit y ~ Normal(mu, sigma) (Johnson 1949, Biometrika 36:149); a formula for ``sigma`` is for its logarithm."""

    name: ClassVar[str] = "logitnormal"
    values: ClassVar[type[Values]] = Proportion
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return PARAMETERS

    @property
    def fitted_as(self) -> Family:
        return Gaussian()

    def working(self, y: np.ndarray) -> np.ndarray:
        return logit(y)

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, eta)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()

        logs = pt.log(value), pt.log1p(-value)
        z = (logs[0] - logs[1] - eta["mu"]) * pt.exp(-eta["sigma"])
        return -0.5 * z**2 - eta["sigma"] - 0.5 * np.log(2 * np.pi) - logs[0] - logs[1]

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        return _back(rng.normal(eta["mu"], np.exp(eta["sigma"]), size))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        inside = np.where((y > 0) & (y < 1), y, 0.5)
        found = Gaussian().logp(logit(inside), theta) - np.log(inside) - np.log1p(-inside)
        return np.where((y > 0) & (y < 1), found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        return np.broadcast_to(np.asarray(theta["sigma"]) ** -2.0, np.shape(theta["mu"]))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return _back(Gaussian().impute(rng, theta))

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """By Gauss-Hermite quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        mu, sigma = (np.asarray(theta[name])[..., None] for name in ("mu", "sigma"))
        mass, y = weights / np.sqrt(2 * np.pi), expit(mu + sigma * nodes)
        mean = (mass * y).sum(axis=-1)
        return mean, (mass * (y - mean[..., None]) ** 2).sum(axis=-1)


def _back(z: np.ndarray) -> np.ndarray:
    return expit(np.clip(z, -FARTHEST, FARTHEST))
