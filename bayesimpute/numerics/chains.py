"""Figures of chains: R-hat, effective sample sizes, Monte Carlo errors, and the thresholds by which they are judged.

The only place that computes them; what they mean for a user is said in :mod:`bayesimpute.diagnosis`.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    pass


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


def chain_figures(arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
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
