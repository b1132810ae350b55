"""Positive numbers whose square roots are normal, as far as roots can be: areas, times, sizes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import log_ndtr

from bayesimpute.families.bounded import Bounded
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted
from bayesimpute.families.family import Family
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.log_space import tensors
from bayesimpute.families.normal_between import log_phi
from bayesimpute.families.normal_of_change import PARAMETERS
from bayesimpute.families.number_values import Positive
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values

ROOT = Bounded(limits=(0.0, np.inf), at_limits="truncated")
"""The law of the root: one of a negative number there is none."""
LEAST = 1e-150
"""Of a root that is drawn: its square is above zero."""


@final
@dataclass(frozen=True, kw_only=True)
class SqrtNormal(Family):
    """sqrt y ~ Normal(mu, sigma) above zero; a formula for ``sigma`` is for its logarithm."""

    name: ClassVar[str] = "sqrtnormal"
    values: ClassVar[type[Values]] = Positive
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return PARAMETERS

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(_Graph(self, plain=True), eta)

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm

        model: Any = pm.modelcontext(None)
        model.register_rv(counted(_Graph(self, plain=False), eta), "y", observed=y)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        root = np.sqrt(np.where(y > 0, y, 1.0))
        found = Gaussian().logp(root, theta) - log_ndtr(theta["mu"] / theta["sigma"]) - np.log(2 * root)
        return np.where(y > 0, found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return np.broadcast_to(ROOT.information(theta, y), np.shape(theta["mu"]))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return np.maximum(ROOT.impute(rng, theta, NOWHERE), LEAST) ** 2

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """By the recursion of the moments of a normal above zero: m_k = mu m_(k-1) + (k - 1) sigma^2 m_(k-2)."""
        mu, square = theta["mu"], np.asarray(theta["sigma"]) ** 2
        first = ROOT.mean_variance(theta)[0]
        second = mu * first + square
        third = mu * second + 2 * square * first
        return second, mu * third + 3 * square * second - second**2


@dataclass(frozen=True)
class _Graph:
    """Density and draws in the graph; `plain`: of PyTensor's own operations only."""

    family: SqrtNormal
    plain: bool

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The family's."""
        return self.family.parameters

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density."""
        functions = tensors(plain=self.plain)
        by = functions.exp(-eta["sigma"])
        z = (value**0.5 - eta["mu"]) * by
        return log_phi(z) - eta["sigma"] - functions.log_ndtr(eta["mu"] * by) - np.log(2) - 0.5 * functions.log(value)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws."""
        mu, sigma = (np.broadcast_to(np.asarray(eta[name]), size).ravel() for name in ("mu", "sigma"))
        return self.family.impute(rng, {"mu": mu, "sigma": np.exp(sigma)}).reshape(size)
