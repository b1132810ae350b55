"""Negative binomial counts: Poisson counts whose rates vary. The choice where counts vary more than their mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import betainc, betaincc, expit, gammaln, xlogy

from bayesimpute.base.priors import Prior
from bayesimpute.families.context import NO_SIDE, NOWHERE, Context, Side, Theta
from bayesimpute.families.counting import MOST, Counting, defined, means, tensors
from bayesimpute.families.parameter import Parameter

LARGE = 1e4
"""From this alpha on the ratio of gamma functions is taken from Stirling's series, whose error is below 1e-14."""
LEAST = 1e-300
"""Shapes below it are drawn from as if they were it: then all is zero."""


@final
@dataclass(frozen=True, kw_only=True)
class NegativeBinomial(Counting):
    """Counts with mean m = exposure * mu and variance m + m^2 / alpha; a formula for ``alpha`` is for log(alpha).

    y is Poisson with rate m g, where g is gamma-distributed with mean 1 and shape alpha. The prior of alpha^(-1/2), the
    standard deviation of g, is half-normal(1), which is InverseGamma(1/2, 1/2) of alpha: it has the Poisson
    distribution, alpha infinite, as an inner point where nothing pushes away from it or towards it.
    """

    name: ClassVar[str] = "negative_binomial"
    called: ClassVar[tuple[str, ...]] = ("negbinomial", "negativebinomial", "negbin", "nbinom", "nb")
    in_bambi: ClassVar[bool] = False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter(name="mu", link="log", support="positive"),
            Parameter(name="alpha", link="log", support="positive", prior=Prior.of("InverseGamma", 0.5, 0.5)),
        )

    def symbolic(self, value: Any, eta: Mapping[str, Any]) -> Any:
        pt = tensors()

        alpha, psi = pt.exp(eta["alpha"]), eta["mu"] - eta["alpha"]
        ratio = pt.gammaln(value + alpha) - pt.gammaln(alpha) - pt.gammaln(value + 1.0)
        return ratio - value * pt.softplus(-psi) - alpha * pt.softplus(psi)

    def random(self, rng: np.random.Generator, eta: Mapping[str, np.ndarray], size: Any) -> np.ndarray:
        return mixed(rng, np.exp(eta["mu"]), np.exp(eta["alpha"]), size)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        m, alpha = means(theta, side), theta["alpha"]
        with np.errstate(over="ignore"):
            return defined(log_ratio(y, alpha) - gammaln(y + 1) + xlogy(y, m) - (y + alpha) * np.log1p(m / alpha))

    def information(self, theta: Theta, y: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        del y
        return self.at_zero(theta, side)[1]

    def at_zero(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m = means(theta, side)
        found = m / (1 + m / theta["alpha"])
        return found, found

    def impute(self, rng: np.random.Generator, theta: Theta, context: Context = NOWHERE) -> np.ndarray:
        return mixed(rng, means(theta, context.at().side), theta["alpha"], np.shape(theta["mu"]))

    def tails(self, k: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        alpha = np.broadcast_to(theta["alpha"], np.shape(k))
        share = expit(np.log(alpha) - np.log(means(theta, side)))
        return betainc(alpha, k + 1.0, share), betaincc(alpha, k + 1.0, share)

    def graph_tails(self, k: Any, eta: Mapping[str, Any]) -> tuple[Any, Any]:
        pt = tensors()

        alpha, psi = pt.exp(eta["alpha"]), eta["mu"] - eta["alpha"]
        return pt.betainc(alpha, k + 1.0, pt.sigmoid(-psi)), pt.betainc(k + 1.0, alpha, pt.sigmoid(psi))

    def above_zero(self, rng: np.random.Generator, theta: Theta, side: Side) -> np.ndarray:
        """The counts of a Poisson number of logarithmic ones (Quenouille 1949, Biometrics 5:162), at least one.

        The first of them comes as the first event of a Poisson process in [0, a log(1 + m / a)]; those after it are
        again negative binomial, with the shape that is left.
        """
        m, alpha = np.minimum(means(theta, side), MOST), theta["alpha"]
        log = np.log1p(m / alpha)
        rate = alpha * log
        first = np.minimum(-np.log1p(rng.random(np.shape(m)) * np.expm1(-rate)), rate)
        one = rng.logseries(-np.expm1(-log))
        return one + mixed(rng, m * (1 - first / rate), alpha * (1 - first / rate), np.shape(m))

    def law(self, theta: Theta, side: Side = NO_SIDE) -> Any:
        from scipy import stats

        m, alpha = np.minimum(means(theta, side), MOST), np.maximum(theta["alpha"], LEAST)
        return stats.nbinom(alpha, 1 / (1 + m / alpha))

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        m = means(theta, side)
        return m, m * (1 + m / theta["alpha"])


def mixed(rng: np.random.Generator, m: np.ndarray, alpha: np.ndarray, size: Any) -> np.ndarray:
    """Poisson counts whose rates are gamma-distributed, with mean m and shape alpha."""
    alpha = np.maximum(alpha, LEAST)
    return rng.poisson(np.minimum(rng.standard_gamma(alpha, size) * (m / alpha), MOST)).astype(float)


def log_ratio(y: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Log Gamma(y + alpha) - log Gamma(alpha) - y log(alpha), without the digits that the terms have in common."""
    y, alpha = np.broadcast_arrays(np.asarray(y, dtype=float), np.asarray(alpha, dtype=float))
    sum_ = y + alpha
    plain = gammaln(sum_) - gammaln(alpha) - xlogy(y, alpha)
    large = np.maximum(alpha, 1.0)
    series = (sum_ - 0.5) * np.log1p(y / large) - y + 1 / (12 * np.maximum(sum_, 1.0)) - 1 / (12 * large)
    return np.where(alpha > LARGE, series, plain)
