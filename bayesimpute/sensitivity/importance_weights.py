"""From the draws under one prior to the posterior under another: log densities, and Pareto-smoothed weights.

A draw's weight is p_new / p_old of its parameters, so nothing is compiled or fitted. It is exact where the draws are
from the joint posterior of all unknowns, and it fails where they hardly reach what the new prior favours: the shape
k-hat of the Pareto distribution fitted to the largest weights tells (Vehtari, Simpson, Gelman, Yao & Gabry 2024, J
Machine Learning Research 25:72). The only import of arviz_stats beside the diagnostics.
"""

from contextlib import suppress
from math import inf
from typing import Any

import numpy as np

from bayesimpute.base.priors import Prior


def widened(prior: Prior, factor: float) -> Prior:
    """The prior of a coefficient spread out by `factor` around its middle."""
    roles = prior.distribution.parameters.values()
    ends = [a for a, role in zip(prior.args, roles, strict=True) if role in ("location", "lower", "upper")]
    middle = sum(ends) / len(ends)
    return prior.affine(shift=middle, unit=1 / factor).affine(shift=-middle)


def reaches(old: Prior, new: Prior) -> bool:
    """Whether draws under `old` can be anywhere where `new` has mass."""
    (low, high), (wanted_low, wanted_high) = old.ends, new.ends
    return low <= wanted_low and wanted_high <= high


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
