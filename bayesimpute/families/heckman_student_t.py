"""Numbers with outliers that are missing not at random: a selection equation beside Student's t.

The outcome's error is the t quantile of a normal error e at its probability, so that the joint law that ties e to
selection may be any copula; with the normal one, robust to outliers of y (Marchenko & Genton 2012, J. Am. Stat. Assoc.
107:304, have both errors heavy-tailed). Where e is beyond ``selected_strip.FAR``, which only wild parameters make it,
it counts as there; nu counts as :data:`MOST` where it is larger, at which t is normal to seven digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri, stdtr, stdtrit

from bayesimpute.families import heckman
from bayesimpute.families.context import NO_SIDE, Side, Theta
from bayesimpute.families.family import Family
from bayesimpute.families.heckman import Selecting
from bayesimpute.families.number_values import Real
from bayesimpute.families.selected_strip import BEYOND
from bayesimpute.families.student_t import StudentT
from bayesimpute.families.values import Values

MOST = 1e7
LEAST = 1e-100
"""Standardised errors that are smaller count as this."""
NODES, REACH = 400, 35.0
"""Of the quadrature of moments on each side of 0, and how far out it goes."""


@final
@dataclass(frozen=True, kw_only=True)
class HeckmanStudentT(Selecting):
    """y ~ mu + sigma * t(nu), observed where selection + h > 0; (h, e) with e the normal score of t."""

    name: ClassVar[str] = "heckman_student_t"
    values: ClassVar[type[Values]] = Real
    standardise: ClassVar[bool] = True
    bambi: ClassVar[str] = "t"
    in_bambi: ClassVar[bool] = False
    outcome: ClassVar[Family] = StudentT()

    def distribution(self, eta: Mapping[str, Any], side: Side = NO_SIDE) -> Any:
        import pymc as pm

        from bayesimpute.numerics.plain_normal_cdf import log_ndtr

        def logp(value: Any, mu: Any, log_sigma: Any, log_nu: Any, s: Any, z: Any) -> Any:
            t = _graph_log_density(value, mu, log_sigma, log_nu)
            return t + self._chosen(value, mu, log_sigma, log_nu, s, z, plain=True) - log_ndtr(s)

        def random(
            mu: Any, log_sigma: Any, log_nu: Any, s: Any, z: Any, rng: np.random.Generator, size: Any
        ) -> np.ndarray:
            shape = np.broadcast_shapes(np.shape(mu), np.shape(s)) if size is None else size
            e = self.errors.draw(rng, np.broadcast_to(s, shape), np.tanh(z), selected=True)
            return self.value({"mu": mu, "sigma": np.exp(log_sigma), "nu": np.exp(log_nu)}, e)

        arguments = eta["mu"], eta["sigma"], eta["nu"], eta["selection"], self.line(eta)
        return pm.CustomDist.dist(*arguments, logp=logp, random=random, class_name="SelectedStudentT")

    def likelihood(self, eta: Mapping[str, Any], y: Any, side: Side = NO_SIDE) -> None:
        import pymc as pm

        s, n = eta["selection"], y.shape[0]
        own = eta["mu"], eta["sigma"], eta["nu"]
        chosen = self._chosen(y, *own, s[:n], self.line(eta), plain=False)
        pm.Potential("y", _graph_log_density(y, *own) + chosen)
        heckman.add_unselected(eta, s[n:], side)

    def _chosen(self, y: Any, mu: Any, log_sigma: Any, log_nu: Any, s: Any, z: Any, *, plain: bool) -> Any:
        """Log P(selected | y) in a graph, (row,)."""
        import pytensor.tensor as pt

        score = _graph_score((y - mu) * pt.exp(-log_sigma), pt.minimum(pt.exp(log_nu), MOST))
        return self.errors.graph_selected(s, score, z, plain=plain)

    def logp(self, y: np.ndarray, theta: Theta, side: Side = NO_SIDE) -> np.ndarray:
        s, x = heckman.possible(theta), np.nan_to_num((y - theta["mu"]) / theta["sigma"])
        chosen = StudentT().logp(y, theta) + self.errors.log_selected(s, _score(x, theta["nu"]), self.dependence(theta))
        return np.where(np.isnan(y), log_ndtr(-theta["selection"]), chosen)

    def value(self, theta: Theta, e: np.ndarray, side: Side = NO_SIDE) -> np.ndarray:
        return theta["mu"] + theta["sigma"] * _quantile(e, theta["nu"])

    def mean_variance(self, theta: Theta, side: Side = NO_SIDE) -> tuple[np.ndarray, np.ndarray]:
        """By Gauss and Legendre's rule over e on both sides of 0; as of t, none below nu of 1 and of 2."""
        at, weights = np.polynomial.legendre.leggauss(NODES)
        half = 0.5 * REACH * (at + 1)
        e, weights = np.concatenate([-half, half]), 0.5 * REACH * np.concatenate([weights, weights])
        s, d, nu = (
            np.asarray(value, dtype=float)[..., None]
            for value in (theta["selection"], self.dependence(theta), theta["nu"])
        )
        possible = np.where(np.isneginf(s), 0.0, s)
        out = self.errors.log_selected(-possible, e, -d) - log_ndtr(-possible)  # -h has the turned law
        weight = weights * np.exp(-0.5 * e**2 - 0.5 * np.log(2 * np.pi) + np.where(np.isneginf(s), 0.0, out))
        x = _quantile(e, nu)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.where(nu[..., 0] > 1, (weight * x).sum(axis=-1), np.nan)
            variance = np.where(nu[..., 0] > 2, (weight * (x - mean[..., None]) ** 2).sum(axis=-1), np.inf)
        return theta["mu"] + theta["sigma"] * mean, theta["sigma"] ** 2 * variance


def _score(x: np.ndarray, nu: Any) -> np.ndarray:
    """The normal score of a t value."""
    return np.copysign(ndtri(np.maximum(stdtr(np.minimum(nu, MOST), -np.abs(x)), BEYOND)), x)


def _quantile(e: np.ndarray, nu: Any) -> np.ndarray:
    """The t value of a normal score."""
    return np.copysign(stdtrit(np.minimum(nu, MOST), ndtr(-np.abs(e))), e)


def _graph_score(x: Any, nu: Any) -> Any:
    """:func:`_score` of tensors: by the incomplete beta function, on that side where its slope is one."""
    import pytensor.tensor as pt

    math: Any = pt
    far = math.maximum(math.abs(x), LEAST)
    near = far**2 < nu
    inner, outer = math.switch(near, far, 0.5 * math.sqrt(nu)), math.switch(near, 2 * math.sqrt(nu), far)
    middle = 0.5 * math.betainc(0.5, nu / 2, inner**2 / (nu + inner**2))  # between 0 and x
    tail = 0.5 * math.betainc(nu / 2, 0.5, nu / (nu + outer**2))
    below = math.maximum(math.switch(near, 0.5 - middle, tail), BEYOND)
    return math.sign(x) * np.sqrt(2.0) * math.erfcinv(2 * below)


def _graph_log_density(y: Any, mu: Any, log_sigma: Any, log_nu: Any) -> Any:
    import pytensor.tensor as pt

    math: Any = pt
    nu, x = math.exp(log_nu), (y - mu) * math.exp(-log_sigma)
    normaliser = math.gammaln((nu + 1) / 2) - math.gammaln(nu / 2) - 0.5 * (log_nu + np.log(np.pi)) - log_sigma
    return normaliser - (nu + 1) / 2 * math.log1p(x**2 / nu)
