"""Numbers that are missing not at random: Heckman's selection model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import log_ndtr

from bayesimpute.families import heckman
from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.heckman import Selecting
from bayesimpute.families.number_values import Real
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanGaussian(Selecting):
    """y = mu + sigma e, observed where selection + h > 0; (h, e) normal with variances 1 and correlation rho."""

    name: ClassVar[str] = "heckman_gaussian"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"
    outcome: ClassVar[Family] = Gaussian()

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm
        import pytensor.tensor as pt

        from bayesimpute.numerics.plain_normal_cdf import log_ndtr

        def logp(value: Any, mu: Any, log_sigma: Any, s: Any, z: Any) -> Any:
            e = (value - mu) * pt.exp(-log_sigma)
            chosen = self.errors.graph_selected(s, e, z, plain=True) - log_ndtr(s)
            return -0.5 * e**2 - log_sigma - 0.5 * np.log(2 * np.pi) + chosen

        def random(mu: Any, log_sigma: Any, s: Any, z: Any, rng: np.random.Generator, size: Any) -> np.ndarray:
            shape = np.broadcast_shapes(np.shape(mu), np.shape(s)) if size is None else size
            e = self.errors.draw(rng, np.broadcast_to(s, shape), np.tanh(z), selected=True)
            return mu + np.exp(log_sigma) * e

        arguments = eta["mu"], eta["sigma"], eta["selection"], self.line(eta)
        return pm.CustomDist.dist(*arguments, logp=logp, random=random, class_name="SelectedNormal")

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        s, n = eta["selection"], y.shape[0]
        e = (y - eta["mu"]) * pt.exp(-eta["sigma"])
        chosen = self.errors.graph_selected(s[:n], e, self.line(eta), plain=False)
        pm.Potential("y", -0.5 * e**2 - eta["sigma"] - 0.5 * np.log(2 * np.pi) + chosen)
        heckman.add_unselected(eta, s[n:], side)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        s, e = theta["selection"], np.nan_to_num((y - theta["mu"]) / theta["sigma"])
        chosen = Gaussian().logp(y, theta) + self.errors.log_selected(s, e, self.dependence(theta))
        return np.where(np.isnan(y), log_ndtr(-s), chosen)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        s, r, sigma = theta["selection"], self.correlation(theta), theta["sigma"]
        root = np.sqrt(1 - r**2)
        gone = np.isnan(y)
        e = np.where(gone, 0.0, (y - theta["mu"]) / sigma)
        at = np.where(gone, -s, (s + r * e) / root)
        slope = np.exp(-0.5 * at**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(at))
        curvature = slope * (np.where(np.isposinf(at), 0.0, at) + slope)
        direction = np.stack([np.where(gone, 0.0, -r / (sigma * root)), np.where(gone, -1.0, 1 / root)], axis=-1)
        found = curvature[:, None, None] * direction[:, :, None] * direction[:, None, :]
        found[:, 0, 0] += np.where(gone, 0.0, 1 / sigma**2)
        return found

    def value(self, theta: Theta, e: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return theta["mu"] + theta["sigma"] * e

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = self.errors.moments(theta["selection"], self.dependence(theta))
        return theta["mu"] + theta["sigma"] * mean, theta["sigma"] ** 2 * variance
