"""Proportions strictly between 0 and 1."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import betaln, polygamma, xlog1py, xlogy

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import counted, tensors
from bayesimpute.families.family import Family
from bayesimpute.families.number_values import Proportion
from bayesimpute.families.parameter import Parameter
from bayesimpute.families.shares import DEVIATIONS, about_share
from bayesimpute.families.truncated_law import drawn_between, rows_of
from bayesimpute.families.values import Values

NEAREST = 1e-12
"""A drawn proportion is so far from 0 and from 1, at least."""


LEAST = 1e-12
"""Shapes below it count as this."""


def shapes(theta: Theta) -> tuple[np.ndarray, np.ndarray]:
    """The two parameters of the usual form."""
    mu, kappa = theta["mu"], theta["kappa"]
    return np.maximum(mu * kappa, LEAST), np.maximum((1 - mu) * kappa, LEAST)


@final
@dataclass(frozen=True, kw_only=True)
class Beta(Family):
    """y ~ Beta(mu kappa, (1 - mu) kappa) (Ferrari & Cribari-Neto 2004, J. Appl. Stat. 31:799); kappa is their phi.

    A formula for ``mu`` is for its logit, one for ``kappa`` for its logarithm.
    """

    name: ClassVar[str] = "beta"
    values: ClassVar[type[Values]] = Proportion
    standardise: ClassVar[bool] = False
    bambi: ClassVar[str] = "gaussian"
    in_bambi: ClassVar[bool] = False
    drawn_between: ClassVar[bool] = True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(name="mu", link="logit", support="unit", effects=DEVIATIONS["logit"]),
            Parameter(name="kappa", link="log", support="positive", prior=Prior.of("HalfCauchy", 10)),
        )

    def intercept_prior(self, key: str, y: np.ndarray, side: Side = NO_SIDE) -> Prior | None:
        return about_share(y.sum(), len(y), "logit") if key == "mu" else None

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        return counted(self, eta)

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        """Log-density in the graph."""
        pt = tensors()

        a, b = (pt.maximum(pt.exp(eta["kappa"] - pt.softplus(sign * eta["mu"])), LEAST) for sign in (-1, 1))
        normaliser = pt.gammaln(a) + pt.gammaln(b) - pt.gammaln(a + b)
        return (a - 1) * pt.log(value) + (b - 1) * pt.log1p(-value) - normaliser

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        """Draws in the graph."""
        share, total = 1 / (1 + np.exp(-eta["mu"])), np.exp(eta["kappa"])
        return np.clip(rng.beta(share * total, (1 - share) * total, size), NEAREST, 1 - NEAREST)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        inside = np.where((y > 0) & (y < 1), y, 0.5)
        a, b = shapes(theta)
        found = xlogy(a - 1, inside) + xlog1py(b - 1, -inside) - betaln(a, b)
        return np.where((y > 0) & (y < 1), found, -np.inf)

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        mu, kappa = np.clip(theta["mu"], 1e-6, 1 - 1e-6), np.asarray(theta["kappa"])
        return (mu * (1 - mu) * kappa) ** 2 * (polygamma(1, mu * kappa) + polygamma(1, (1 - mu) * kappa))

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        a, b = shapes(theta)
        return np.clip(rng.beta(a, b, np.shape(theta["mu"])), NEAREST, 1 - NEAREST)

    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        from scipy import stats

        return stats.beta(*shapes(theta))

    def between(
        self, rng: np.random.Generator, theta: Theta, low: np.ndarray, high: np.ndarray, side: Side = NO_SIDE
    ) -> np.ndarray:
        found = drawn_between(rng, self.law(rows_of(theta, low), side), np.maximum(low, 0.0), np.minimum(high, 1.0))
        return np.clip(np.clip(found, NEAREST, 1 - NEAREST), low, high)

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        return theta["mu"], theta["mu"] * (1 - theta["mu"]) / (1 + np.asarray(theta["kappa"]))
