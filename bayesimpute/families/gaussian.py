"""The normal distribution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.normal_between import draw_normal_between
from bayesimpute.families.number_values import Real
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class Gaussian(Family):
    """y ~ Normal(mu, sigma); a formula for ``sigma`` is for log(sigma)."""

    name: ClassVar[str] = "gaussian"
    called: ClassVar[tuple[str, ...]] = ("norm", "normal", "linear")
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"
    normal: ClassVar[bool] = True
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
        )

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm

        return pm.Normal.dist(eta["mu"], pm.math.exp(eta["sigma"]))

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        z = (y - theta["mu"]) / theta["sigma"]
        return -0.5 * z**2 - np.log(theta["sigma"]) - 0.5 * np.log(2 * np.pi)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        return np.broadcast_to(1 / theta["sigma"] ** 2, np.shape(theta["mu"]))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return theta["mu"] + theta["sigma"] * rng.standard_normal(np.shape(theta["mu"]))

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        return draw_normal_between(rng, theta["mu"], theta["sigma"], low, high)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return theta["mu"], theta["sigma"] ** 2
