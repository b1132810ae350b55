"""The likelihood of a generalised linear mixed model at any parameters; glmm says it at the maximum alone.

The random effects are integrated out as :mod:`.generalised_mixed` does: by Laplace's approximation with the observed
information, or by adaptive Gauss-Hermite quadrature within each cluster (Pinheiro & Bates 1995, J. Comp. Graph. Stat.
4:12). To add a family or a link, write its law in ``LAWS``: all here are concave in the linear predictor, so that the
mode of the effects is unique.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import log
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesimpute.analysis.mixed import RandomTerm

STEPS = 100
"""Most Newton steps to the mode of the random effects."""
CLOSE = 1e-14
Law = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""From outcomes, linear predictors and the dispersion: log densities, their derivatives, and minus the second ones."""


def _logit(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.special import expit

    p = expit(eta)
    return y * eta - np.logaddexp(0, eta), y - p, p * (1 - p)


def _probit(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.special import log_ndtr

    sign = 2 * y - 1
    density = log_ndtr(sign * eta)
    ratio = np.exp(-0.5 * eta**2 - 0.5 * log(2 * np.pi) - density)
    return density, sign * ratio, ratio * (ratio + sign * eta)


def _cloglog(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = np.exp(np.clip(eta, -30, 30))
    yes = -np.expm1(-mean)
    slope = mean * np.exp(-mean) / yes
    no = y == 0
    density = np.where(no, -mean, np.log(yes))
    return density, np.where(no, -mean, slope), np.where(no, mean, slope * (mean / yes - 1))


def _poisson(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.special import gammaln

    mean = np.exp(eta)
    return y * eta - mean - gammaln(y + 1), y - mean, mean


def _negativebinomial(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.special import gammaln

    shape, mean = 1 / dispersion, np.exp(eta)
    total, share = y + shape, mean / (shape + mean)
    density = gammaln(total) - gammaln(shape) - gammaln(y + 1) + y * np.log(share) + shape * np.log1p(-share)
    return density, y - total * share, total * share * (1 - share)


def _gamma_log(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.special import gammaln

    shape, ratio = 1 / dispersion, y * np.exp(-eta)
    density = shape * (log(shape) - eta - ratio) - gammaln(shape) + (shape - 1) * np.log(y)
    return density, shape * (ratio - 1), shape * ratio


def _gamma_inverse(y: np.ndarray, eta: np.ndarray, dispersion: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy.special import gammaln

    shape = 1 / dispersion
    inside = np.where(eta > 0, eta, np.nan)
    density = shape * (log(shape) + np.log(inside) - y * inside) - gammaln(shape) + (shape - 1) * np.log(y)
    return density, shape * (1 / inside - y), shape / inside**2


LAWS: Mapping[tuple[str, str], Law] = MappingProxyType(
    {
        ("bernoulli", "logit"): _logit,
        ("bernoulli", "probit"): _probit,
        ("bernoulli", "cloglog"): _cloglog,
        ("poisson", "log"): _poisson,
        ("negativebinomial", "log"): _negativebinomial,
        ("gamma", "log"): _gamma_log,
        ("gamma", "inverse"): _gamma_inverse,
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Marginal:
    """A likelihood whose random effects are integrated out.

    Parameters
    ----------
    y : ndarray, shape (row,)
        The outcome.
    random : sequence of RandomTerm
        The random effects.
    law : callable
        Of the outcome.
    nodes : int
        Points of the quadrature for each effect; 1 is Laplace's approximation.
    """

    y: np.ndarray
    random: Sequence[RandomTerm]
    law: Law
    nodes: int = 1

    def __call__(self, fixed: np.ndarray, covariances: Sequence[np.ndarray], dispersion: float = 1.0) -> float:
        """The log-likelihood.

        Parameters
        ----------
        fixed : ndarray, shape (row,)
            What the fixed effects predict.
        covariances : sequence of ndarray
            The covariance matrix (q, q) of each term's effects.
        dispersion : float
            Of gamma and negative binomial outcomes.
        """
        with np.errstate(all="ignore"):
            if not self.random:
                return float(self.law(self.y, fixed, dispersion)[0].sum())
            design = self._design([root(sigma) for sigma in covariances])
            if not np.isfinite(self.law(self.y, fixed, dispersion)[0]).all():
                return -np.inf  # a mean that is not positive, of gamma outcomes with the inverse link
            effects, information, log_det = self._mode(design, fixed, dispersion)
            if self.nodes > 1:
                return self._quadrature(design, fixed, dispersion, effects, information)
            density = self.law(self.y, fixed + design @ effects, dispersion)[0].sum()
            return float(density - 0.5 * effects @ effects - 0.5 * log_det)

    def _design(self, roots: Sequence[np.ndarray]) -> Any:
        """The columns of the standardised effects, cluster by cluster, sparse (row, effect)."""
        from scipy.sparse import csc_array, hstack

        blocks = []
        for term, lower in zip(self.random, roots, strict=True):
            q, clusters = len(term.names), int(term.codes.max()) + 1
            rows = np.repeat(np.arange(len(self.y)), q)
            columns = (term.codes[:, None] * q + np.arange(q)).ravel()
            blocks.append(csc_array(((term.z @ lower).ravel(), (rows, columns)), shape=(len(self.y), clusters * q)))
        return csc_array(hstack(blocks))

    def _mode(self, design: Any, fixed: np.ndarray, dispersion: float) -> tuple[np.ndarray, Any, float]:
        """The mode of the standardised effects, the information there, and the log of its determinant."""

        def value(effects: np.ndarray) -> float:
            found = self.law(self.y, fixed + design @ effects, dispersion)[0].sum() - 0.5 * effects @ effects
            return float(found) if np.isfinite(found) else -np.inf

        effects = np.zeros(design.shape[1])
        for _ in range(STEPS):
            step, gain, information, log_det = self._newton(design, fixed, dispersion, effects)
            if gain < CLOSE:
                return effects, information, log_det
            now = value(effects)
            while value(effects + step) < now and np.abs(step).max() > CLOSE:
                step = step / 2
            effects = effects + step
        _, _, information, log_det = self._newton(design, fixed, dispersion, effects)
        return effects, information, log_det

    def _newton(
        self, design: Any, fixed: np.ndarray, dispersion: float, effects: np.ndarray
    ) -> tuple[np.ndarray, float, Any, float]:
        """A step to the mode, twice what it gains, the information here, and the log of its determinant."""
        from scipy.sparse import csc_array, diags_array, eye_array
        from scipy.sparse.linalg import splu

        _, slope, curvature = self.law(self.y, fixed + design @ effects, dispersion)
        information = csc_array(design.T @ diags_array(curvature) @ design + eye_array(len(effects)))
        factor = splu(information, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0)
        gradient = design.T @ slope - effects
        step = factor.solve(gradient)
        return step, float(gradient @ step), information, float(np.log(np.abs(factor.U.diagonal())).sum())

    @cached_property
    def _points(self) -> list[tuple[np.ndarray, float]]:
        """Of the quadrature: each point (q,), and the log of its weight times exp(|point|²)."""
        points, weights = np.polynomial.hermite.hermgauss(self.nodes)
        log_weights = np.log(weights) + points**2 - 0.5 * log(np.pi)  # with the √π of the standard normal density
        q = len(self.random[0].names)
        places = product(range(self.nodes), repeat=q)
        return [(points[list(place)], float(log_weights[list(place)].sum())) for place in places]

    def _quadrature(
        self, design: Any, fixed: np.ndarray, dispersion: float, effects: np.ndarray, information: Any
    ) -> float:
        """Within each cluster on points about the mode, spread as the information there says."""
        codes, q = self.random[0].codes, len(self.random[0].names)
        clusters = design.shape[1] // q
        at = np.arange(clusters)[:, None] * q + np.arange(q)
        blocks = np.array([information[row][:, row].toarray() for row in at])
        lower = np.linalg.cholesky(blocks)
        spread = np.swapaxes(np.linalg.inv(lower), 1, 2)
        parts = []
        for point, log_weight in self._points:
            moved = effects.reshape(clusters, q) + 2**0.5 * spread @ point
            density = self.law(self.y, fixed + design @ moved.ravel(), dispersion)[0]
            inside = np.bincount(codes, weights=density, minlength=clusters)
            parts.append(inside - 0.5 * (moved**2).sum(axis=1) + log_weight)
        log_det = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum()
        return float(np.logaddexp.reduce(parts, axis=0).sum() - log_det)


def root(sigma: np.ndarray) -> np.ndarray:
    """A lower triangular root of a covariance matrix, which may be singular."""
    size, axes = np.linalg.eigh(sigma)
    upper = np.linalg.qr((axes * np.sqrt(np.maximum(size, 0))).T, mode="r")
    return upper.T
