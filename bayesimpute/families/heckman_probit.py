"""Yes/no variables that are missing not at random: the bivariate probit model with sample selection.

The two-category case of an ordered outcome: y is 1 where the latent y* passes a cutpoint, here 0 because ``mu`` has an
intercept. A family of more categories has the same probabilities of rectangles, between two cutpoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import log_ndtr, ndtri

from bayesimpute.families import heckman
from bayesimpute.families.bernoulli import Bernoulli
from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.heckman import Selecting
from bayesimpute.families.label_values import Binary
from bayesimpute.families.values import Values


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanProbit(Selecting):
    """y = 1 where Phi^-1(mu) + e > 0, observed where selection + h > 0; (h, e) normal with correlation rho.

    P(y = 1, r = 1) = Phi2(m, s; rho), P(y = 0, r = 1) = Phi2(-m, s; -rho) and P(r = 0) = Phi(-s), with m the linear
    predictor of ``mu`` (van de Ven & van Praag 1981, J Econometrics 17:229).
    """

    name: ClassVar[str] = "heckman_probit"
    values: ClassVar[type[Values]] = Binary
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "bernoulli"
    outcome: ClassVar[Family] = Bernoulli(link="probit")

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm

        from bayesimpute.numerics.plain_normal_cdf import log_ndtr

        def logp(value: Any, m: Any, s: Any, z: Any) -> Any:
            return self.errors.graph_joint(2 * value - 1, m, s, z, plain=True) - log_ndtr(s)

        def random(m: Any, s: Any, z: Any, rng: np.random.Generator, size: Any) -> np.ndarray:
            shape = np.broadcast_shapes(np.shape(m), np.shape(s)) if size is None else size
            return (m + self.errors.draw(rng, np.broadcast_to(s, shape), np.tanh(z), selected=True) > 0).astype(float)

        arguments = eta["mu"], eta["selection"], self.line(eta)
        return pm.CustomDist.dist(*arguments, logp=logp, random=random, class_name="SelectedProbit")

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm

        s, n = eta["selection"], y.shape[0]
        pm.Potential("y", self.errors.graph_joint(2 * y - 1, eta["mu"], s[:n], self.line(eta), plain=False))
        heckman.add_unselected(eta, s[n:], side)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        gone = np.isnan(y)
        sign = np.where(gone, 1.0, 2 * y - 1)
        chosen = self.errors.log_joint(sign, ndtri(theta["mu"]), heckman.possible(theta), self.dependence(theta))
        return np.where(gone, log_ndtr(-theta["selection"]), chosen)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        sign, (of_m, of_s, of_rho) = 2 * y - 1, self._derivatives(y, theta)
        s, rho = heckman.possible(theta), np.nan_to_num(sign) * self.correlation(theta)
        h = np.nan_to_num(sign) * ndtri(np.clip(theta["mu"], 1e-300, 1 - 1e-16))
        found = np.empty((len(of_m), 2, 2))
        # of log P, with t = phi2 / P: d2/dh2 = -h g - rho t - g^2, d2/dhdk = t - g_h g_k (methods of Plackett 1954)
        found[:, 0, 0] = h * of_m + rho * of_rho + of_m**2
        found[:, 1, 1] = s * of_s + rho * of_rho + of_s**2
        found[:, 0, 1] = found[:, 1, 0] = sign * (of_m * of_s - of_rho)
        slope = np.exp(-0.5 * s**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-s))
        found[np.isnan(y)] = 0.0
        tells = np.isnan(y) & np.isfinite(theta["selection"])
        found[:, 1, 1] += np.where(tells, slope * (slope - s), 0.0)
        return found

    def _derivatives(self, y: np.ndarray, theta: Theta) -> list[np.ndarray]:
        """d/dh, d/dk, d/drho of log Phi2(h, k; rho) at h = +-m, k = s, +-rho, each (row,)."""
        from bayesimpute.numerics.normal_cdf import log_quadrant

        sign = np.where(np.isnan(y), 1.0, 2 * y - 1)
        arguments = sign * ndtri(theta["mu"]), heckman.possible(theta), sign * self.correlation(theta)
        return list(log_quadrant(*map(np.array, np.broadcast_arrays(*arguments)))[1:])

    def value(self, theta: Theta, e: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return (ndtri(theta["mu"]) + e > 0).astype(float)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m, s = np.broadcast_arrays(ndtri(theta["mu"]), np.asarray(theta["selection"], dtype=float))
        out = np.exp(self.errors.log_share(m, np.where(np.isfinite(s), s, 0.0), self.dependence(theta)))
        p = np.minimum(np.where(np.isfinite(s), out, theta["mu"]), 1.0)
        return p, p * (1 - p)
