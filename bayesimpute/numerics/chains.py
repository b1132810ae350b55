"""Figures of chains, and the rule of convergence: the only place that computes R-hat and effective sample sizes.

Three things are judged, each against a named constant:

* R-hat (rank-normalised, split) and the effective sample sizes (bulk and tail) of every parameter and of every summary
  of the imputed values of each target (Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, Bayesian Analysis 16:667);
* divergent transitions of the sampler after warm-up, of which there may be a small share only;
* the autocorrelation of successive kept imputations of one chain, for Rubin's rules take the m datasets for independent
  draws.

:func:`judged` is the rule as a function of arrays: a run can ask it where its chains meet, and what a user reads of it
is said in :mod:`bayesimpute.diagnosis`. Each part of the rule is a function of a table of figures that says which
quantities fail it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

type Figures = Mapping[str, Any] | pd.DataFrame
"""Figures of quantities by name."""

R_HAT = 1.01
"""R-hat must be below this."""
ESS = 400
"""Bulk and tail ESS must be above this: 100 for each of four chains (Vehtari et al. 2021, section 4)."""
AUTOCORRELATION = 0.1
"""The autocorrelation of successive kept imputations must be below this."""
FALSE_ALARM = 0.01
"""The probability that independent imputations are taken for dependent ones."""
DIVERGENT_SHARE = 0.001
"""More divergent transitions than this share of all after warm-up fail the verdict; fewer are reported only."""
FEWEST_DRAWS = 4
"""Kept sweeps a chain below which R-hat is not defined: each half must have a variance."""

_FIGURES = ("mean", "sd", "r_hat", "ess_bulk", "ess_tail", "mcse")


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What the rule of convergence says of the chains of a run.

    Parameters
    ----------
    converged : bool or None
        The verdict; None if there are too few draws to tell.
    parameters, imputed : dict of str to ndarray, shape (quantity,)
        Figures of the parameters, and of the summaries of imputed values, as :func:`chain_figures` gives them; the
        latter with ``autocorrelation`` and ``autocorrelation_se``.
    """

    converged: bool | None
    parameters: dict[str, np.ndarray]
    imputed: dict[str, np.ndarray]


def judged(
    parameters: Sequence[np.ndarray],
    imputed: Sequence[np.ndarray],
    *,
    thin: int,
    divergences: int = 0,
    transitions: int = 0,
) -> Judged:
    """The rule of convergence.

    Parameters
    ----------
    parameters : sequence of ndarray, shape (chain, draw)
        The scalar parameters of every model after each kept sweep; one that never moves has not converged.
    imputed : sequence of ndarray, shape (chain, draw)
        Summaries of the imputed values of every target; one that never varies (the SD of one cell) says nothing.
    thin : int
        Kept sweeps between two imputations of one chain.
    divergences, transitions : int
        Divergent transitions after warm-up, and all of them.
    """
    of_parameters, of_imputed = chain_figures(parameters), chain_figures(imputed)
    of_imputed |= autocorrelations(imputed, thin)
    quantities = [*parameters, *imputed]
    fails = diverge(divergences, transitions) or any(
        failing.any()
        for failing in (
            stuck(of_parameters),
            *(part(figures) for part in (unmixed, scarce) for figures in (of_parameters, of_imputed)),
            dependent(of_imputed),
        )
    )
    undecided = bool(quantities) and quantities[0].shape[1] < FEWEST_DRAWS
    return Judged(converged=None if undecided else not fails, parameters=of_parameters, imputed=of_imputed)


def diverge(divergences: int, transitions: int) -> bool:
    """Whether too many transitions diverged."""
    return divergences > DIVERGENT_SHARE * transitions


def stuck(figures: Figures) -> np.ndarray:
    """Which quantities never moved or are not numbers."""
    return np.isnan(np.asarray(figures["r_hat"]))


def unmixed(figures: Figures) -> np.ndarray:
    """Which of the quantities that vary have an R-hat that is not low enough: the chains are in different places."""
    return ~np.isnan(np.asarray(figures["sd"])) & ~(np.asarray(figures["r_hat"]) < R_HAT)


def scarce(figures: Figures) -> np.ndarray:
    """Which of the quantities that vary have an effective sample size that is not large enough."""
    return ~np.isnan(np.asarray(figures["sd"])) & ~(least_ess(figures) > ESS)


def least_ess(figures: Figures) -> np.ndarray:
    """The smaller of bulk and tail ESS."""
    bulk, tail = np.asarray(figures["ess_bulk"]), np.asarray(figures["ess_tail"])
    return np.where(tail < bulk, tail, bulk)


def dependent(figures: Figures) -> np.ndarray:
    """Which quantities have an autocorrelation above the limit by more than chance can make it.

    Of k autocorrelations together the probability of a false alarm is :data:`FALSE_ALARM` at most (Bonferroni).
    """
    found, errors = (np.asarray(figures[name], dtype=float) for name in ("autocorrelation", "autocorrelation_se"))
    tests = max(1, int((~np.isnan(found)).sum()))
    return found - NormalDist().inv_cdf(1 - FALSE_ALARM / tests) * errors > AUTOCORRELATION


def autocorrelations(arrays: Sequence[np.ndarray], lag: int) -> dict[str, np.ndarray]:
    """:func:`autocorrelation` of each quantity: ``autocorrelation`` and ``autocorrelation_se``, (quantity,)."""
    found = np.array([autocorrelation(array, lag) for array in arrays], dtype=float).reshape(-1, 2)
    return {"autocorrelation": found[:, 0], "autocorrelation_se": found[:, 1]}


def autocorrelation(series: np.ndarray, lag: int) -> tuple[float, float]:
    """The autocorrelation at a lag within chains, and its standard error if the true one is 0.

    Chains are centred on their common mean: centred on its own, a chain with r values would have an expected
    autocorrelation of −1/r. With N pairs and the autocorrelations ρ_j at shorter lags, the standard error is √((1 + 2
    Σ_{j < lag} ρ_j²) / N) (Bartlett 1946, J R Stat Soc Suppl 8:27): about 1/√(m − chains) for m imputations, which is
    why few imputations cannot show a small autocorrelation, and why imputed values are judged by all their sweeps.

    Parameters
    ----------
    series : ndarray, shape (chain, draw)
        Values in order; NaN where a chain has none.
    lag : int
        At least 1.

    Returns
    -------
    (float, float)
        NaN if there is no pair, or nothing varies.
    """
    centred = series - np.nanmean(series) if np.isfinite(series).any() else series
    variance = np.nanmean(centred**2) if np.isfinite(centred).any() else 0.0
    pairs = int(np.isfinite(centred[:, lag:] * centred[:, :-lag]).sum())
    if not pairs or variance <= 0 or np.nanmax(series) == np.nanmin(series):
        return float("nan"), float("nan")
    found = [float(np.nanmean(centred[:, j:] * centred[:, :-j]) / variance) for j in range(1, lag + 1)]
    return found[-1], float(np.sqrt((1 + 2 * np.square(found[:-1]).sum()) / pairs))


def chain_figures(arrays: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Mean, SD, R-hat, ESS and MCSE of quantities, each of shape (chain, draw); NaN where one does not vary.

    Returns
    -------
    dict of str to ndarray
        ``mean, sd, r_hat, ess_bulk, ess_tail, mcse``, each of shape (quantity,).
    """
    figures = {name: np.full(len(arrays), np.nan) for name in _FIGURES}
    if not arrays or not arrays[0].size:
        return figures
    values = np.stack(arrays, axis=2)
    figures["mean"] = values.mean(axis=(0, 1))
    varies = np.isfinite(values).all(axis=(0, 1)) & (np.ptp(values, axis=(0, 1)) > 0)
    if varies.any() and values.shape[1] >= FEWEST_DRAWS:
        for name, numbers in _arviz(values[:, :, varies]).items():
            figures[name][varies] = numbers
    return figures


def _arviz(values: np.ndarray) -> dict[str, np.ndarray]:
    """ArviZ's figures for an array of shape (chain, draw, quantity), each of shape (quantity,)."""
    import arviz as az
    import xarray as xr

    def dataset(array: np.ndarray) -> xr.Dataset:
        return xr.Dataset({"x": (("chain", "draw", "quantity"), array)})

    draws = dataset(values)
    with np.errstate(all="ignore"):  # chains that each stand still have R-hat inf
        return {
            "sd": values.std(axis=(0, 1), ddof=1),
            "r_hat": az.rhat(dataset(_two_chains(values)), method="rank")["x"].values,
            "ess_bulk": az.ess(draws, method="bulk")["x"].values,
            "ess_tail": az.ess(draws, method="tail")["x"].values,
            "mcse": az.mcse(draws, method="mean")["x"].values,
        }


def _two_chains(values: np.ndarray) -> np.ndarray:
    """ArviZ compares chains; one chain is cut into two."""
    if len(values) > 1:
        return values
    half = values.shape[1] // 2
    return np.concatenate([values[:, :half], values[:, -half:]])
