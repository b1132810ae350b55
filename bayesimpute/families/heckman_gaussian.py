"""Numbers that are missing not at random: Heckman's selection model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import log_ndtr

from bayesimpute.base.priors import Prior
from bayesimpute.families import heckman
from bayesimpute.families.family import (
    NO_SIDE,
    NOWHERE,
    Context,
    Family,
    Parameter,
    Selection,
    Side,
    Theta,
    bound,
)
from bayesimpute.families.gaussian import Gaussian
from bayesimpute.families.values import Real, Values


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanGaussian(Family):
    """y = mu + sigma e, observed where selection + h > 0; (h, e) normal with variances 1 and correlation rho.

    Parameters
    ----------
    rho : float or None
        The correlation, fixed, for sensitivity analysis; None: it is a parameter.
    joint : bool
        Whether group-specific effects of ``mu`` and ``selection`` by the same cluster key are correlated.
    systematic : str
        What the missing values of clusters without any observed value are. "mixture": each cluster's are systematic,
        missing for another reason, or selected out one by one, and how likely is estimated; "marginal": all are
        systematic; "selected": all are selected out. Anything else is the name of a yes/no column of the data that
        says which missing values are systematic, in whatever cluster.
    """

    name: ClassVar[str] = "heckman_gaussian"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "gaussian"
    steered: ClassVar[tuple[str, ...]] = ("mu", "selection")

    rho: float | None = field(default=None, metadata=heckman.INSIDE)
    joint: bool = True
    systematic: str = heckman.MIXTURE
    in_doubt: bool = bound(False)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return heckman.parameters(Gaussian().parameters, self.rho, in_doubt=self.in_doubt)

    @property
    def together(self) -> tuple[frozenset[str], ...]:
        return heckman.together(joint=self.joint)

    @property
    def selection(self) -> Selection:
        return heckman.about(
            self,
            hold=lambda rho: replace(self, rho=rho),
            in_doubt=replace(self, in_doubt=True),
            ignorable=Gaussian(),
        )

    def intercept_prior(self, key: str, y: np.ndarray) -> Prior | None:
        return heckman.intercept_prior(Gaussian(), key, y)

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        from bayesimpute.numerics.normal_cdf import log_ndtr_op

        z = heckman.fisher(eta, self.rho)
        s, n = eta["selection"], y.shape[0]
        e = (y - eta["mu"]) * pt.exp(-eta["sigma"])
        # (s + rho e) / sqrt(1 - rho^2), in Fisher's z
        chosen = log_ndtr_op(s[:n] * pt.cosh(z) + e * pt.sinh(z))
        pm.Potential("y", -0.5 * e**2 - eta["sigma"] - 0.5 * np.log(2 * np.pi) + chosen)
        heckman.add_unselected(eta, s[n:], side)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        s, r = theta["selection"], heckman.correlation(theta, self.rho)
        e = (y - theta["mu"]) / theta["sigma"]
        chosen = Gaussian().logp(y, theta) + log_ndtr((s + r * e) / np.sqrt(1 - r**2))
        return np.where(np.isnan(y), log_ndtr(-s), chosen)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        s, r, sigma = theta["selection"], heckman.correlation(theta, self.rho), theta["sigma"]
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

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return theta["mu"] + theta["sigma"] * heckman.latent(rng, theta, self.rho)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = heckman.latent_moments(theta, self.rho)
        return theta["mu"] + theta["sigma"] * mean, theta["sigma"] ** 2 * variance
