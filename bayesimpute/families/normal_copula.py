"""The bivariate normal law of both errors (Heckman 1979, Econometrica 47:153); the dependence is the correlation."""

from typing import Any, final

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from bayesimpute.base.priors import Prior
from bayesimpute.families.copula import Copula, holding
from bayesimpute.families.family import Dependence
from bayesimpute.families.parameter import Parameter

RHO = Parameter(
    name="rho", link="fisher", support="signed unit", prior=Prior.of("Uniform", -1, 1), intercept=0.75, effects=0.5
)
"""Where it has a formula, on Fisher's z: there a Normal(0, .75) is close to the uniform on (-1, 1)."""
OTHERS = (Prior.of("Uniform", -1, 1), Prior.of("ScaledBeta", 2, 2), Prior.of("FisherNormal", 0, 0.5))
OTHERS_LINEAR = (Prior.of("Normal", 0, 0.75), Prior.of("Normal", 0, 0.5), Prior.of("Normal", 0, 1))
"""The first is close to the uniform of the dependence itself."""


@final
class NormalCopula(Copula):
    """(h, e) is bivariate normal with correlation rho."""

    words = "bivariate normal"
    parameter = RHO
    at_zero = True

    def dependence(self, family: Any, value: float | None) -> Dependence:
        return Dependence(
            parameter=RHO,
            value=value,
            hold=lambda rho: holding(family, rho=rho, tau=None),
            tau=lambda rho: 2 / np.pi * np.arcsin(rho),  # Kruskal 1958, JASA 53:814
            slope=lambda rho: 1 - rho**2,
            bounds=(-1.0, 1.0),
            scale="Fisher's z",
            others=OTHERS,
            others_linear=OTHERS_LINEAR,
            law=self.words,
            called="correlation",
        )

    def fixed(self, rho: float | None, tau: float | None) -> float | None:
        return rho if tau is None else float(np.sin(np.pi / 2 * tau))

    def rho(self, d: Any) -> Any:
        return d

    def log_selected(self, s: Any, e: Any, d: Any) -> np.ndarray:
        return log_ndtr((s + d * e) / np.sqrt(1 - d**2))

    def log_joint(self, sign: Any, m: Any, s: Any, d: Any) -> np.ndarray:
        return _quadrant(sign * m, s, sign * d)

    def graph_selected(self, s: Any, e: Any, z: Any, *, plain: bool) -> Any:
        import pytensor.tensor as pt

        from bayesimpute.numerics import plain_normal_cdf
        from bayesimpute.numerics.normal_cdf import log_ndtr_op

        below = plain_normal_cdf.log_ndtr if plain else log_ndtr_op
        return below(s * pt.cosh(z) + e * pt.sinh(z))  # (s + rho e) / sqrt(1 - rho^2), in Fisher's z

    def graph_joint(self, sign: Any, m: Any, s: Any, z: Any, *, plain: bool) -> Any:
        import pytensor.tensor as pt

        from bayesimpute.numerics import plain_normal_cdf
        from bayesimpute.numerics.normal_cdf import log_quadrant_op

        if plain:
            return plain_normal_cdf.log_quadrant(sign * m, s, z, sign)
        return log_quadrant_op(sign * m, s, sign * pt.tanh(z))

    def draw(self, rng: np.random.Generator, s: np.ndarray, d: Any, *, selected: bool) -> np.ndarray:
        side = -1 if selected else 1
        h = side * ndtri_exp(np.log(rng.random(s.shape)) + log_ndtr(-side * s))
        return d * h + np.sqrt(1 - d**2) * rng.standard_normal(s.shape)

    def moments(self, s: Any, d: Any) -> tuple[np.ndarray, np.ndarray]:
        """With the inverse Mills ratio l = phi(s) / Phi(-s): E h = -l and Var h = 1 + s l - l^2."""
        s = np.asarray(s, dtype=float)
        mills = np.exp(-0.5 * s**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(-s))
        product = np.where(np.isneginf(s), 0.0, s) * mills
        return -d * mills, 1 - d**2 + d**2 * (1 + product - mills**2)

    def log_share(self, m: Any, s: Any, d: Any) -> np.ndarray:
        return _quadrant(m, -s, -d) - log_ndtr(-s)


def _quadrant(*arguments: Any) -> np.ndarray:
    """Log Phi_2(h, k; rho)."""
    from bayesimpute.numerics.normal_cdf import log_quadrant

    return log_quadrant(*map(np.array, np.broadcast_arrays(*arguments)))[0]
