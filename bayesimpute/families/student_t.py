"""Student's t distribution, for targets with outliers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import gammaln, stdtr, stdtrit

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.number_values import Real
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class StudentT(Family):
    """y ~ mu + sigma * t(nu); formulas for ``sigma`` and ``nu`` are for their logarithms."""

    name: ClassVar[str] = "student_t"
    called: ClassVar[tuple[str, ...]] = ("t", "student", "robust")
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "t"
    drawn_between: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(name="mu", link="identity", unit="location"),
            Parameter(
                name="sigma",
                link="log",
                unit="scale",
                support="positive",
                prior=Prior.of("HalfStudentT", 4, 1).by("bambi"),
            ),
            Parameter(name="nu", link="log", support="positive", prior=Prior.of("Gamma", 2, 0.1).by("bambi")),
        )

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm

        return pm.StudentT.dist(nu=pm.math.exp(eta["nu"]), mu=eta["mu"], sigma=pm.math.exp(eta["sigma"]))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        nu, z = theta["nu"], (y - theta["mu"]) / theta["sigma"]
        normaliser = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(theta["sigma"])
        return normaliser - (nu + 1) / 2 * np.log1p(z**2 / nu)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        nu = theta["nu"]
        return np.broadcast_to((nu + 1) / ((nu + 3) * theta["sigma"] ** 2), np.shape(theta["mu"]))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return theta["mu"] + theta["sigma"] * rng.standard_t(theta["nu"], np.shape(theta["mu"]))

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        mu, sigma, nu = (np.broadcast_to(theta[name], np.shape(low)) for name in ("mu", "sigma", "nu"))
        a, b = ((end - mu) / sigma for end in (low, high))
        right = np.nan_to_num(a) + np.nan_to_num(b) > 0  # on that side where probabilities keep their digits
        a, b = np.where(right, -b, a), np.where(right, -a, b)
        under, over = stdtr(nu, a), stdtr(nu, b)
        z = np.clip(stdtrit(nu, under + rng.random(len(a)) * (over - under)), a, b)
        return np.clip(mu + sigma * np.where(right, -z, z), low, high)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        nu = theta["nu"]
        mean = np.where(nu > 1, theta["mu"], np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = np.where(nu > 2, theta["sigma"] ** 2 * nu / (nu - 2), np.inf)
        return mean, variance
