"""The estimate under other priors, and as a function of rho.

**Other priors.** The draws are reweighted where that is exact, which takes draws from the joint posterior of all
unknowns: the target is the only variable that is imputed from a model. Elsewhere, where the new prior has mass that the
old one excludes, or where k-hat says that the draws do not reach so far, the model is fitted anew.

**A function of rho.** Given rho, the prior of rho no longer matters: E(estimate | rho, data) is what a sensitivity
analysis over fixed values of rho gives. It is read off the draws by local quadratic regression on Fisher's z with a
Gaussian kernel (Fan & Gijbels 1996, section 2.3; a local line would be off by as much as the curve bends), its spread
from the residuals near by, wherever there are enough effective draws near by; elsewhere the model is fitted with rho
fixed. With other incomplete variables the draws are those of the chain, whose laws of the others follow rho too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.priors import Prior
from bayesimpute.sensitivity.importance_weights import (
    effective,
    limit,
    log_density,
    quantiles,
    reaches,
    smoothed,
    summary,
    widened,
)
from bayesimpute.sensitivity.prior_posterior import bandwidth
from bayesimpute.sensitivity.refits import Refits, spread_priors, standardised_draws, standardised_priors
from bayesimpute.sensitivity.selection_draws import Correlation, Draws

FEWEST_NEAR = 50
"""Effective draws near a value of rho below which the model is fitted there."""
FIGURES = ("estimate", "sd", "conf_low", "conf_high")
PRIOR_COLUMNS = ("prior", "how", *FIGURES, "rho", "k_hat", "ess")
RHO_COLUMNS = ("rho", "how", *FIGURES, "ess")
ALTERNATIVES = (Prior.of("Uniform", -1, 1), Prior.of("ScaledBeta", 2, 2), Prior.of("FisherNormal", 0, 0.5))
LINEAR_ALTERNATIVES = (Prior.of("Normal", 0, 0.75), Prior.of("Normal", 0, 0.5), Prior.of("Normal", 0, 1))
"""Where rho has a formula: of its intercept on Fisher's z, the first close to the uniform of rho."""
NEEDS = "needs a refit"
HALVED, DOUBLED = "coefficients: prior SDs halved", "coefficients: prior SDs doubled"
PLAN = "the plan's"


@dataclass(frozen=True, kw_only=True, eq=False)
class Variation:
    """Another prior: its label, the draws' log ratios (None: they cannot be reweighted), and how a plan has it."""

    label: str
    ratios: np.ndarray | None
    priors: Mapping[str, Prior]


def under_priors(draws: Draws, refits: Refits) -> pd.DataFrame:
    """The estimate under the plan's prior and others.

    Returns
    -------
    DataFrame
        One row a prior: ``prior, how`` ("draws", "reweighted", "refit", "needs a refit"), the estimate's posterior mean
        as ``estimate``, its ``sd, conf_low, conf_high`` (95 %), the posterior mean of ``rho``, ``k_hat`` of the weights
        and the effective number of draws ``ess``.
    """
    correlation = draws.correlation()
    rows = [{"prior": PLAN, "how": "draws"} | _figures(draws)]
    exact = len(refits.resolved.targets) == 1
    for variation in variations(draws, correlation):
        row = reweighted(draws, variation) if exact else {}
        k_hat = row.get("k_hat", np.nan)
        if not k_hat <= limit(effective(draws.estimate)):
            made = refits.under(variation.priors, variation.label)
            row = {"how": NEEDS} if made is None else {"how": "refit"} | _figures(made)
        rows.append({"prior": variation.label} | row | {"k_hat": k_hat})
    return pd.DataFrame(rows, columns=list(PRIOR_COLUMNS)).astype(dict.fromkeys(PRIOR_COLUMNS[2:], float))


def variations(draws: Draws, correlation: Correlation | None) -> list[Variation]:
    """The other priors: of rho those that are not the plan's, and of the coefficients half and twice as wide ones."""
    found = []
    if correlation is not None:
        z = correlation.z.ravel()
        others = LINEAR_ALTERNATIVES if correlation.linear else ALTERNATIVES
        for prior in others:
            if prior != correlation.prior:
                ratios = correlation.log_prior(z, prior) - correlation.log_prior(z)
                label = f"{'z of rho' if correlation.linear else 'rho'} ~ {prior}"
                usable = ratios if reaches(correlation.prior, prior) else None
                found.append(Variation(label=label, ratios=usable, priors={correlation.name: prior}))
    for label, factor in ((HALVED, 0.5), (DOUBLED, 2.0)):
        priors = spread_priors(draws.design, factor)
        if priors:
            found.append(Variation(label=label, ratios=_spread_ratios(draws, factor), priors=priors))
    return found


def _spread_ratios(draws: Draws, factor: float) -> np.ndarray | None:
    total = np.zeros(draws.number)
    for beta, priors in zip(standardised_draws(draws), standardised_priors(draws.design), strict=True):
        for column, old in zip(beta.T, priors, strict=True):
            new = widened(old, factor)
            if not reaches(old, new):
                return None
            total += log_density(new, column) - log_density(old, column)
    return total


def reweighted(draws: Draws, variation: Variation) -> dict[str, Any]:
    """The figures of the draws with the weights that another prior gives them; empty if it cannot be done."""
    if variation.ratios is None:
        return {}
    ess = effective(draws.estimate)
    efficiency = ess / draws.number if np.isfinite(ess) else 1.0
    weights, k_hat = smoothed(variation.ratios, efficiency)
    kish = 1 / float((weights**2).sum())
    return {"how": "reweighted", "k_hat": k_hat} | _figures(draws, weights) | {"ess": efficiency * kish}


def _figures(draws: Draws, weights: np.ndarray | None = None) -> dict[str, float]:
    correlation = draws.correlation()
    w = np.full(draws.number, 1 / draws.number) if weights is None else weights
    rho = float(w @ correlation.rho) if correlation is not None else np.nan
    return summary(draws.estimate.ravel(), weights) | {"rho": rho, "ess": effective(draws.estimate)}


def by_rho(draws: Draws, refits: Refits, grid: Sequence[float]) -> pd.DataFrame:
    """The estimate as a function of rho.

    Returns
    -------
    DataFrame
        One row a value of ``rho``: ``how`` ("draws", "refit", "needs a refit"; "too few draws" where rho differs by
        unit, so that fixing it would be another model), ``estimate, sd, conf_low, conf_high`` given rho, and the
        effective draws near by, or of the refit, ``ess``.
    """
    correlation, fixed = draws.correlation(), getattr(draws.design.family, "rho", None)
    rows = []
    for rho in grid:
        row = _near(draws, correlation, rho) if correlation is not None else {}
        if fixed is not None and rho == fixed:
            row = {"how": "draws"} | _figures(draws)
        if not row:
            row = _fixed(draws, refits, rho)
        rows.append({"rho": rho} | {key: row[key] for key in row if key != "rho"})
    return pd.DataFrame(rows, columns=list(RHO_COLUMNS)).astype({n: float for n in RHO_COLUMNS if n != "how"})


def _near(draws: Draws, correlation: Correlation, rho: float) -> dict[str, Any]:
    """From the draws; empty if too few are near."""
    ess = min(correlation.ess, effective(draws.estimate))
    if not ess > 0:
        return {}
    local = regression(correlation.z.ravel(), draws.estimate.ravel(), ess=ess)
    row = local(float(np.arctanh(rho)))
    return {"how": "draws"} | row if row["ess"] >= FEWEST_NEAR else {}


def _fixed(draws: Draws, refits: Refits, rho: float) -> dict[str, Any]:
    correlation = draws.correlation()
    if correlation is not None and correlation.linear:
        return {"how": "too few draws"}
    made = refits.at(rho)
    return {"how": NEEDS} if made is None else {"how": "refit"} | _figures(made)


def regression(z: np.ndarray, y: np.ndarray, *, ess: float) -> Callable[[float], dict[str, float]]:
    """Local quadratic regression of y on z, each of shape (draw,).

    Parameters
    ----------
    ess : float
        Effective number of draws, for the bandwidth and for how many are near.

    Returns
    -------
    callable
        Of a value of z: ``estimate``, ``sd`` and 95 % interval of y there, and ``ess``, the effective draws near by,
        each counted by the height of the kernel over its top.
    """
    quarter, three = np.quantile(z, [0.25, 0.75])
    width = max(bandwidth(ess) * min(float(z.std()), float(three - quarter) / 1.349), 1e-12)

    def at(point: float) -> dict[str, float]:
        distance = (z - point) / width
        kernel = np.exp(-0.5 * distance**2)
        near = float(kernel.sum()) * ess / len(z)
        if near < 1:
            return {**dict.fromkeys(FIGURES, np.nan), "ess": near}
        w = kernel / kernel.sum()
        powers = np.stack([np.ones_like(z), distance, distance**2], axis=1)
        root = np.sqrt(w)[:, None]
        beta = np.linalg.lstsq(root * powers, root[:, 0] * y)[0]
        rest = y - powers @ beta
        fit, sd = float(beta[0]), float(np.sqrt(w @ rest**2))
        low, high = quantiles(rest, w, (0.025, 0.975))
        return {"estimate": fit, "sd": sd, "conf_low": fit + float(low), "conf_high": fit + float(high), "ess": near}

    return at
