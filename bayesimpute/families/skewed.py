"""Numbers with a longer tail on one side: a power of theirs is normal, which the data choose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.data.columns import Column
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Family, bound, changed
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.normal_between import draw_normal_between
from bayesimpute.families.normal_of_change import PARAMETERS
from bayesimpute.families.number_values import Shaped
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.values import Values

SKEW = "skew"
LEAST = 1e-6
"""Powers are so far from 0 and from 2, at least, where a division by them keeps its digits."""
FARTHEST = 200.0
"""Of the logarithm of a standardised number that is drawn, so that its square is a number: only wild parameters lead
there."""
WIDE, NODES = 10.0, 48
"""Standard deviations, and points to each side of the kink, of the quadrature of moments."""


@final
@dataclass(frozen=True, kw_only=True)
class Skewed(Family):
    """The Yeo-Johnson power of the standardised number is Normal(mu, sigma) (Yeo & Johnson 2000, Biometrika 87:954).

    With x = (y - centre) / unit and the power p = 1 - ``skew`` between 0 and 2,

        ((x + 1)^p - 1) / p  for x >= 0,    -((1 - x)^(2 - p) - 1) / (2 - p)  for x < 0

    is normal: above 0 the longer tail is that of large values, at 0 the number itself is normal, below 0 that of small
    ones. Coefficients are in standard deviations of y, about where it is near its mean. Beyond these powers the values
    would have a bound.

    Parameters
    ----------
    centre, unit : float
        Mean and standard deviation of the observed values, which a column sets.
    """

    name: ClassVar[str] = "skewed"
    values: ClassVar[type[Values]] = Shaped
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    drawn_between: ClassVar[bool] = True

    centre: float = bound(0.0)
    unit: float = bound(1.0)

    def bind(self, column: Column) -> Family:
        known = column.values[~column.missing]
        return changed(self, centre=float(known.mean()), unit=float(known.std()) or 1.0)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            *PARAMETERS,
            Parameter(name=SKEW, link="fisher", support="signed unit", prior=Prior.of("ScaledBeta", 2, 2)),
        )

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, eta)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()

        x, power = (value - self.centre) / self.unit, pt.clip(1 - pt.tanh(eta[SKEW]), LEAST, 2 - LEAST)
        logs, own = pt.log1p(pt.abs(x)), pt.where(x < 0, 2 - power, power)
        z = (pt.sign(x) * pt.expm1(own * logs) / own - eta["mu"]) * pt.exp(-eta["sigma"])
        return -0.5 * z**2 - eta["sigma"] - 0.5 * np.log(2 * np.pi) + (own - 1) * logs - np.log(self.unit)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        return self.back(rng.normal(eta["mu"], np.exp(eta["sigma"]), size), 1 - np.tanh(eta[SKEW]))

    def back(self, z: np.ndarray, power: np.ndarray) -> np.ndarray:
        """The values whose powers are z."""
        own = np.clip(np.where(z < 0, 2 - power, power), LEAST, 2 - LEAST)
        logs = np.minimum(np.log1p(own * np.abs(z)) / own, FARTHEST)
        return self.centre + self.unit * np.sign(z) * np.expm1(logs)

    def there(self, y: np.ndarray, power: np.ndarray) -> np.ndarray:
        """The powers of values, infinite ones included."""
        x = (y - self.centre) / self.unit
        own = np.clip(np.where(x < 0, 2 - power, power), LEAST, 2 - LEAST)
        with np.errstate(over="ignore"):
            return np.sign(x) * np.expm1(own * np.log1p(np.abs(x))) / own

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        x = (y - self.centre) / self.unit
        power = np.clip(1 - np.asarray(theta[SKEW]), LEAST, 2 - LEAST)
        logs, own = np.log1p(np.abs(x)), np.where(x < 0, 2 - power, power)
        powers = np.sign(x) * np.expm1(own * logs) / own
        return Gaussian().logp(powers, theta) + (own - 1) * logs - np.log(self.unit)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return Gaussian().information(theta, y)

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return self.back(Gaussian().impute(rng, theta), 1 - np.asarray(theta[SKEW]))

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        power = 1 - np.asarray(theta[SKEW])
        a, b = (self.there(end, power) for end in (low, high))
        drawn = draw_normal_between(rng, theta["mu"], theta["sigma"], a, b)
        return np.clip(self.back(drawn, power), low, high)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """By Gauss-Legendre quadrature to both sides of the kink."""
        mu, sigma, power = (np.asarray(theta[name])[..., None] for name in ("mu", "sigma", SKEW))
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        kink = np.clip(-mu / sigma, -WIDE, WIDE)
        half = np.concatenate([(kink + WIDE) / 2 + 0 * nodes, (WIDE - kink) / 2 + 0 * nodes], axis=-1)
        at = np.concatenate([(kink + WIDE) / 2 * (nodes + 1) - WIDE, (WIDE - kink) / 2 * (nodes + 1) + kink], axis=-1)
        mass = half * np.tile(weights, 2) * np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)
        y = self.back(mu + sigma * at, 1 - power)
        mean = (mass * y).sum(axis=-1)
        return mean, (mass * (y - mean[..., None]) ** 2).sum(axis=-1)
