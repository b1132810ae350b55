"""Figures of chains, and the rule of convergence: the only place that computes R-hat and effective sample sizes.

The rule has three verdicts (:class:`Verdict`). **Do not use** what cannot come from chains in one place:

* a quantity (a parameter, or a summary of the imputed values of a target) whose chains contradict each other: R-hat
  (rank-normalised, split; Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021, Bayesian Analysis 16:667) above
  :data:`R_HAT`, and chains further apart than chance makes any of the run's quantities
  (:mod:`bayesimpute.numerics.disagreement`). So neither are short stationary chains refused for what chance does, nor
  long ones for a difference that does no harm;
* a parameter that never moved in one of the chains, or is not a number; a quantity that hardly moves;
* more divergent transitions after warm-up than a small share.

**Nearly** converged are chains that do not contradict each other but are too short: effective sample sizes (bulk and
tail, over chains) not above :data:`ESS`, or successive kept imputations of a chain that depend on each other, for
Rubin's rules take the m datasets for independent draws. It is this that protects short chains, which cannot show that
they disagree: a disagreement that cannot be told from chance makes them "nearly" converged and no more.

**Error rates**, by ``pytest -m slow -s tests/numerics/test_disagreement.py`` on autoregressive chains, half of them
skewed: of 1,750 stationary runs of 100 quantities none was refused (2, 4 or 10 chains of 200 to 1,000 draws with 15
effective draws in half a chain or more; with fewer, stationary chains may be refused for hardly moving). Of 4 x 600
draws with autocorrelations 0 / .8 / .9 (2,400 / 267 / 126 effective draws), one bad quantity in 100 is found with
probability 1.00 / .73 / .23 if one chain is a standard deviation off, 1.00 / .99 / .83 with two chains each in two
modes two apart, 1.00 / .86 / .23 if one chain has twice the spread, 1.00 / .85 / .52 if one stands still (as a
parameter it is always found), 1.00 / .97 / .61 if all drift by two, and a random walk with .97.

:func:`judged` is the rule as a function of arrays: a run can ask it where its chains meet, and what a user reads of it
is said in :mod:`bayesimpute.diagnosis`. Each part of the rule is a function of a table of figures that says which
quantities fail it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesimpute.numerics.disagreement import apart

if TYPE_CHECKING:
    import pandas as pd

type Figures = Mapping[str, Any] | pd.DataFrame
"""Figures of quantities by name."""

R_HAT = 1.01
"""Chains with an R-hat up to this are in one place, whatever a test says."""
CONTRADICTION = 0.005
"""Chains whose distance, or a larger one of any quantity, has a smaller probability in a stationary run are apart.

Half of the 1 % that is promised: the test is approximate."""
FEWEST_EFFECTIVE = 4
"""Effective draws in half a chain below which a quantity hardly moves, and nothing shows that chains are in one place.
"""
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

MARGIN = 1.25
"""Of sweeps that are advised."""
TINY = 1e-3
"""Effective draws that a quantity is taken to have at least."""

_FIGURES = ("mean", "sd", "r_hat", "chance", "ess_bulk", "ess_tail", "ess_half", "mcse", "still")


class Verdict(StrEnum):
    """What chains are good for."""

    CONVERGED = "converged"
    NEARLY = "nearly"
    REFUSED = "do not use"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What the rule of convergence says of the chains of a run.

    Parameters
    ----------
    verdict : Verdict
        Undecided if there are too few draws to tell.
    parameters, imputed : dict of str to ndarray, shape (quantity,)
        Figures of the parameters, and of the summaries of imputed values, as :func:`chain_figures` gives them; the
        latter with ``autocorrelation`` and ``autocorrelation_se``.
    """

    verdict: Verdict
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
    quantities = [*parameters, *imputed]
    figures = chain_figures(quantities)
    of_parameters = {name: values[: len(parameters)] for name, values in figures.items()}
    of_imputed = {name: values[len(parameters) :] for name, values in figures.items()} | autocorrelations(imputed, thin)
    verdict = Verdict.CONVERGED
    if quantities and quantities[0].shape[1] < FEWEST_DRAWS:
        verdict = Verdict.UNDECIDED
    elif diverge(divergences, transitions) or any(
        part.any() for part in (stuck(of_parameters), unmixed(figures), immobile(figures))
    ):
        verdict = Verdict.REFUSED
    elif scarce(figures).any() or dependent(of_imputed).any():
        verdict = Verdict.NEARLY
    return Judged(verdict=verdict, parameters=of_parameters, imputed=of_imputed)


def diverge(divergences: int, transitions: int) -> bool:
    """Whether too many transitions diverged."""
    return divergences > DIVERGENT_SHARE * transitions


def stuck(figures: Figures) -> np.ndarray:
    """Which quantities never moved in a chain or are not numbers."""
    return np.isnan(np.asarray(figures["r_hat"])) | (np.asarray(figures["still"]) > 0)


def unmixed(figures: Figures) -> np.ndarray:
    """Which of the quantities that vary have chains in different places: too far apart to matter, and for chance."""
    return (np.asarray(figures["r_hat"]) > R_HAT) & (np.asarray(figures["chance"]) < CONTRADICTION)


def immobile(figures: Figures) -> np.ndarray:
    """Which of the quantities that vary hardly move."""
    return ~np.isnan(np.asarray(figures["sd"])) & ~(np.asarray(figures["ess_half"]) >= FEWEST_EFFECTIVE)


def scarce(figures: Figures) -> np.ndarray:
    """Which of the quantities that vary have an effective sample size that is not large enough."""
    return ~np.isnan(np.asarray(figures["sd"])) & ~(least_ess(figures) > ESS)


def sweeps_for(draws: int, parameters: Figures, imputed: Figures, *others: Figures) -> int:
    """Kept sweeps a chain that should give the ESS and the distance of imputations wanted; `draws` if these do.

    Effective draws grow with the sweeps. An autocorrelation a at a lag is a^k at k times the lag. To two digits, with
    the margin :data:`MARGIN`. Whether so many are worth while is for the reader to say.

    Parameters
    ----------
    draws : int
        Kept sweeps a chain so far.
    parameters, imputed, *others
        Figures; all but the parameters' with ``autocorrelation`` and ``autocorrelation_se``.
    """
    times = [ESS / np.maximum(least_ess(table)[scarce(table)], TINY) for table in (parameters, imputed)]
    for table in (imputed, *others):
        found = np.asarray(table["autocorrelation"], dtype=float)[dependent(table)]
        times.append(np.log(AUTOCORRELATION) / np.log(np.minimum(found, 0.99)))
    most = float(np.nan_to_num(np.concatenate(times), nan=ESS / TINY).max(initial=0))
    if not most:
        return draws
    wanted = draws * MARGIN * most
    unit = 10 ** max(0, len(str(int(wanted))) - 2)
    return int(-(-wanted // unit) * unit)


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
    """Figures of the quantities of a run, each of shape (chain, draw); NaN where one does not vary.

    Returns
    -------
    dict of str to ndarray
        Each of shape (quantity,): ``mean``, ``sd``, ``r_hat``, ``chance`` (the probability that of so many quantities
        of a run whose chains are in one place the chains of any one are as far apart), ``ess_bulk``, ``ess_tail``,
        ``ess_half`` (effective draws of half a chain), ``mcse`` and ``still`` (chains in which it never moved).
    """
    figures = {name: np.full(len(arrays), np.nan) for name in _FIGURES}
    if not arrays or not arrays[0].size:
        return figures
    values = np.stack(arrays, axis=2)
    figures["mean"] = values.mean(axis=(0, 1))
    figures["still"] = (np.ptp(values, axis=1) == 0).sum(axis=0).astype(float)
    varies = np.isfinite(values).all(axis=(0, 1)) & (np.ptp(values, axis=(0, 1)) > 0)
    if varies.any() and values.shape[1] >= FEWEST_DRAWS:
        found = _arviz(values[:, :, varies]) | apart(_two_chains(values[:, :, varies]))
        found["chance"] = np.minimum(1, varies.sum() * found["chance"])
        for name, numbers in found.items():
            figures[name][varies] = numbers
    return figures


def _arviz(values: np.ndarray) -> dict[str, np.ndarray]:
    """ArviZ's figures for an array of shape (chain, draw, quantity), each of shape (quantity,)."""
    import xarray as xr
    from arviz_stats.sampling_diagnostics import ess, mcse, rhat

    def dataset(array: np.ndarray) -> xr.Dataset:
        return xr.Dataset({"x": (("chain", "draw", "quantity"), array)})

    draws = dataset(values)
    with np.errstate(all="ignore"):  # chains that each stand still have R-hat inf
        return {
            "sd": values.std(axis=(0, 1), ddof=1),
            "r_hat": rhat(dataset(_two_chains(values)), method="rank")["x"].values,
            "ess_bulk": ess(draws, method="bulk")["x"].values,
            "ess_tail": ess(draws, method="tail")["x"].values,
            "mcse": mcse(draws, method="mean")["x"].values,
        }


def _two_chains(values: np.ndarray) -> np.ndarray:
    """ArviZ compares chains; one chain is cut into two."""
    if len(values) > 1:
        return values
    half = values.shape[1] // 2
    return np.concatenate([values[:, :half], values[:, -half:]])
