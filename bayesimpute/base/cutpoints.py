"""Priors of cutpoints by what they say of the labels' shares: Dirichlet, whatever the link.

Where P(y <= k) = F(c_k) with ascending cutpoints, shares p = (F(c_1), F(c_2) - F(c_1), ..., 1 - F(c_K-1)) that have a
Dirichlet distribution with all parameters alpha make the density of the cutpoints

    p(c) = Gamma(K alpha) / Gamma(alpha)^K  prod_k p_k^(alpha - 1)  prod_k f(c_k),    f = F'

(the induced Dirichlet prior of Betancourt 2019, "Ordinal regression", section 2.2). With alpha = 1 / K it counts as one
observation: rare labels are imputed as often as they are observed, where a normal prior about zero makes them more
frequent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, log_expit, log_ndtr, logit, ndtri


@dataclass(frozen=True)
class DirichletShares:
    """The prior of ascending numbers whose shares under F are Dirichlet.

    Parameters
    ----------
    inverse : callable
        F^-1.
    log_cdf, log_density : callable
        Log F and log f, of arrays.
    log_cdf_of, log_density_of : callable
        The same of tensors.
    """

    inverse: Callable[[np.ndarray], np.ndarray]
    log_cdf: Callable[[np.ndarray], np.ndarray]
    log_density: Callable[[np.ndarray], np.ndarray]
    log_cdf_of: Callable[[Any], Any]
    log_density_of: Callable[[Any], Any]

    def draw(self, rng: np.random.Generator, size: int, alpha: float) -> np.ndarray:
        """That many ascending numbers, one draw of them together."""
        gammas = _log_gammas(rng, alpha, size + 1)
        below = np.logaddexp.accumulate(gammas)[:-1]
        above = np.logaddexp.accumulate(gammas[::-1])[::-1][1:]
        # the smaller of F and 1 - F keeps its digits
        return np.where(below < above, 1, -1) * self.inverse(
            np.exp(np.minimum(below, above) - np.logaddexp(below, above))
        )

    def density(self, c: np.ndarray, alpha: float) -> np.ndarray:
        """Log density of vectors of ascending numbers (..., n), shape (...)."""
        shares = self.log_shares(c)
        labels = shares.shape[-1]
        constant = gammaln(labels * alpha) - labels * gammaln(alpha)
        return constant + (alpha - 1) * shares.sum(axis=-1) + self.log_density(c).sum(axis=-1)

    def log_shares(self, c: np.ndarray) -> np.ndarray:
        """Log p of ascending numbers (..., n), shape (..., n + 1)."""
        lower, upper = c[..., :-1], c[..., 1:]
        between = log_between(lower, upper, self.log_cdf, np.where, lambda x: np.log(-np.expm1(np.minimum(x, -1e-300))))
        return np.concatenate([self.log_cdf(c[..., :1]), between, self.log_cdf(-c[..., -1:])], axis=-1)

    def symbolic(self, c: Any, alpha: Any) -> Any:
        """The log density of a tensor (n,) of ascending numbers."""
        import pytensor.tensor as pt

        math: Any = pt
        between = log_between(c[:-1], c[1:], self.log_cdf_of, math.switch, math.log1mexp)
        shares = self.log_cdf_of(c[0]) + between.sum() + self.log_cdf_of(-c[-1])
        labels = c.shape[0] + 1
        constant = math.gammaln(labels * alpha) - labels * math.gammaln(alpha)
        return constant + (alpha - 1) * shares + self.log_density_of(c).sum()


def _log_gammas(rng: np.random.Generator, shape: float, size: int) -> np.ndarray:
    """Logs of gamma numbers, which underflow where the shape is small (Marsaglia & Tsang 2000, section 6)."""
    return np.log(rng.gamma(shape + 1, 1.0, size)) - rng.standard_exponential(size) / shape


def log_between(
    a: Any,
    b: Any,
    log_cdf: Callable[[Any], Any],
    where: Callable[[Any, Any, Any], Any],
    complement: Callable[[Any], Any],
) -> Any:
    """Log (F(b) - F(a)) of a symmetric F for finite a < b, which keeps its digits in the tails.

    On the side where both are small; `complement` is log(1 - e^x) for x < 0. Of arrays or tensors.
    """
    right = a + b > 0
    low, high = log_cdf(where(right, -b, a)), log_cdf(where(right, -a, b))
    return high + complement(low - high)


def _normal(x: Any) -> Any:
    return -0.5 * x**2 - 0.5 * np.log(2 * np.pi)


def _log_expit_of(x: Any) -> Any:
    import pytensor.tensor as pt

    math: Any = pt
    return -math.softplus(-x)


def _log_ndtr_of(x: Any) -> Any:
    """Of plain operations, which models may take elsewhere; from -35 on by its first two terms."""
    import pytensor.tensor as pt

    math: Any = pt
    near, far = math.maximum(x, -35.0), math.minimum(x, -35.0)
    tail = -0.5 * far**2 - 0.5 * np.log(2 * np.pi) - math.log(-far) + math.log1p(-1 / far**2)
    return math.switch(x < -35.0, tail, math.log(0.5 * math.erfc(-near / np.sqrt(2.0))))


LOGIT = DirichletShares(
    inverse=logit,
    log_cdf=log_expit,
    log_density=lambda x: log_expit(x) + log_expit(-x),
    log_cdf_of=_log_expit_of,
    log_density_of=lambda x: _log_expit_of(x) + _log_expit_of(-x),
)
PROBIT = DirichletShares(
    inverse=ndtri,
    log_cdf=log_ndtr,
    log_density=_normal,
    log_cdf_of=_log_ndtr_of,
    log_density_of=_normal,
)
