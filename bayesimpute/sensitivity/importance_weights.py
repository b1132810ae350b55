"""From the draws under one prior to the posterior under another: log densities, and Pareto-smoothed weights.

A draw's weight is p_new / p_old of its parameters, so nothing is compiled or fitted. It is exact where the draws are
from the joint posterior of all unknowns, and it fails where they hardly reach what the new prior favours: the shape
k-hat of the Pareto distribution fitted to the largest weights tells (Vehtari, Simpson, Gelman, Yao & Gabry 2024, J
Machine Learning Research 25:72). The only import of arviz_stats beside the diagnostics.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, log_expit

from bayesimpute.base.priors import DISTRIBUTIONS, Prior


def _normal(x: np.ndarray, mu: float, sigma: float) -> np.ndarray:
    return -0.5 * ((x - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)


def _student(x: np.ndarray, nu: float, mu: float, sigma: float) -> np.ndarray:
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(sigma)
    return constant - (nu + 1) / 2 * np.log1p(((x - mu) / sigma) ** 2 / nu)


def _uniform(x: np.ndarray, lower: float, upper: float) -> np.ndarray:
    return np.where((x >= lower) & (x <= upper), -np.log(upper - lower), -np.inf)


_DENSITIES: Mapping[str, Callable[..., np.ndarray]] = {
    "Normal": _normal,
    "StudentT": _student,
    "Cauchy": lambda x, alpha, beta: _student(x, 1.0, alpha, beta),
    "Laplace": lambda x, mu, b: -np.abs(x - mu) / b - np.log(2 * b),
    "Uniform": _uniform,
}


def log_density(prior: Prior, x: np.ndarray) -> np.ndarray:
    """Log density of the prior of a coefficient, of the shape of `x`."""
    return _DENSITIES[prior.name](np.asarray(x, dtype=float), *prior.args)


def log_density_fisher(prior: Prior, z: np.ndarray) -> np.ndarray:
    """Log density of z = artanh(r) where `prior` is the prior of r, of the shape of `z`.

    With u = (1 + r) / 2 = expit(2 z), dr / dz = 1 - r^2 = 4 u (1 - u).
    """
    z = np.asarray(z, dtype=float)
    low, high = log_expit(2 * z), log_expit(-2 * z)
    if prior.name == "FisherNormal":
        return _normal(z, *prior.args)
    if prior.name == "ScaledBeta":
        a, b = prior.args
        return a * low + b * high - betaln(a, b) + np.log(2)
    return _uniform(np.tanh(z), *prior.args) + np.log(4) + low + high


def widened(prior: Prior, factor: float) -> Prior:
    """The prior of a coefficient spread out by `factor` around its middle."""
    roles = DISTRIBUTIONS[prior.name].parameters.values()
    ends = [a for a, role in zip(prior.args, roles, strict=True) if role in ("location", "lower", "upper")]
    middle = sum(ends) / len(ends)
    return prior.affine(shift=middle, unit=1 / factor).affine(shift=-middle)


def reaches(old: Prior, new: Prior) -> bool:
    """Whether draws under `old` can be anywhere where `new` has mass."""
    (low, high), (wanted_low, wanted_high) = _ends(old), _ends(new)
    return low <= wanted_low and wanted_high <= high


def _ends(prior: Prior) -> tuple[float, float]:
    if prior.name == "Uniform":
        return prior.args[0], prior.args[1]
    return (-1.0, 1.0) if prior.support == "signed unit" else (-inf, inf)


def smoothed(log_ratios: np.ndarray, efficiency: float) -> tuple[np.ndarray, float]:
    """Weights that sum to 1, Pareto-smoothed, and k-hat.

    Parameters
    ----------
    log_ratios : ndarray, shape (draw,)
        log p_new / p_old; minus infinity where the new prior has no mass.
    efficiency : float
        Effective draws a draw.

    Returns
    -------
    ndarray, shape (draw,)
    float
        Infinite if no draw is left, minus infinite if the largest weights are equal.
    """
    weights, finite = np.zeros(len(log_ratios)), np.isfinite(log_ratios)
    if not finite.any():
        return np.full(len(log_ratios), 1 / len(log_ratios)), inf
    logs, k_hat = log_ratios[finite], -inf
    with suppress(ValueError):  # which it raises where the largest weights are all the same: there is no tail
        # ArviZ takes log likelihoods, which are the negative log ratios of leaving one out
        logs, k_hat = _arviz().psislw(-logs, r_eff=efficiency)
    weights[finite] = np.exp(logs - logs.max())
    return weights / weights.sum(), float(k_hat)


def _arviz() -> Any:
    """ArviZ's statistics of arrays."""
    from arviz_stats.base.array import BaseArray

    return BaseArray()


def limit(draws: float) -> float:
    """The k-hat above which so many draws are too few (Vehtari et al. 2024, section 3.2.4)."""
    return min(1 - 1 / np.log10(draws), 0.7)


def effective(values: np.ndarray) -> float:
    """Effective sample size (rank-normalised, bulk) of draws of shape (chain, draw); NaN if they never vary."""
    if values.shape[1] < 4 or np.ptp(values) == 0:
        return float("nan")
    halves = values if len(values) > 1 else values[:, : 2 * (values.shape[1] // 2)].reshape(2, -1)
    return float(min(_arviz().ess(halves, chain_axis=0, draw_axis=1, method="bulk"), values.size))


def summary(values: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Mean, SD and equal-tailed 95 % interval of weighted draws, shape (draw,)."""
    w = np.full(len(values), 1 / len(values)) if weights is None else weights
    mean = float(w @ values)
    low, high = quantiles(values, w, (0.025, 0.975))
    return {
        "estimate": mean,
        "sd": float(np.sqrt(w @ (values - mean) ** 2)),
        "conf_low": float(low),
        "conf_high": float(high),
    }


def quantiles(values: np.ndarray, weights: np.ndarray, at: tuple[float, ...]) -> np.ndarray:
    """Quantiles of weighted draws; weights sum to 1."""
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - 0.5 * weights[order]
    return np.interp(at, below, values[order])
