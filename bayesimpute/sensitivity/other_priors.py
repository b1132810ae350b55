"""The estimate under other priors, and as a function of the dependence.

**Other priors.** The draws are reweighted where that is exact, which takes draws from the joint posterior of all
unknowns: the target is the only variable that is imputed from a model. Elsewhere, where the new prior has mass that the
old one excludes, or where k-hat says that the draws do not reach so far, the model is fitted anew.

**A function of the dependence.** Given its value its prior no longer matters: E(estimate | value, data) is what a
sensitivity analysis over fixed values gives. It is read off the draws by local quadratic regression on its link with a
Gaussian kernel (Fan & Gijbels 1996, section 2.3; a local line would be off by as much as the curve bends), its spread
from the residuals near by, wherever there are enough effective draws near by; elsewhere the model is fitted with the
value fixed. With other incomplete variables the draws are those of the chain, whose laws of the others follow it too.
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
"""Effective draws near a value of the dependence below which the model is fitted there."""
FIGURES = ("estimate", "sd", "conf_low", "conf_high")
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
        as ``estimate``, its ``sd, conf_low, conf_high`` (95 %), the posterior mean of the correlation under its name,
        ``k_hat`` of the weights and the effective number of draws ``ess``.
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
    numbers = (*FIGURES, draws.dependence.name, "k_hat", "ess")
    return pd.DataFrame(rows, columns=["prior", "how", *numbers]).astype(dict.fromkeys(numbers, float))


def variations(draws: Draws, correlation: Correlation | None) -> list[Variation]:
    """Other priors: of the correlation those that are not the plan's, of coefficients half and twice as wide ones."""
    found = []
    if correlation is not None:
        z, about = correlation.z.ravel(), correlation.dependence
        others = about.others_linear if correlation.linear else about.others
        for prior in others:
            if prior != correlation.prior:
                ratios = correlation.log_prior(z, prior) - correlation.log_prior(z)
                label = f"{'z of ' * correlation.linear}{about.name} ~ {prior}"
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
            total += new.log_density(column) - old.log_density(column)
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
    mean = float(w @ correlation.values) if correlation is not None else np.nan
    return summary(draws.estimate.ravel(), weights) | {draws.dependence.name: mean, "ess": effective(draws.estimate)}


def by_dependence(draws: Draws, refits: Refits, grid: Sequence[float]) -> pd.DataFrame:
    """The estimate as a function of the correlation.

    Returns
    -------
    DataFrame
        One row a value, under the parameter's name: ``how`` ("draws", "refit", "needs a refit"; "too few draws" where
        it differs by unit, so that fixing it would be another model), ``estimate, sd, conf_low, conf_high`` given the
        value, and the effective draws near by, or of the refit, ``ess``.
    """
    correlation, name, fixed = draws.correlation(), draws.dependence.name, draws.dependence.value
    rows = []
    for value in grid:
        row = _near(draws, correlation, value) if correlation is not None else {}
        if fixed is not None and value == fixed:
            row = {"how": "draws"} | _figures(draws)
        if not row:
            row = _fixed(draws, refits, value)
        rows.append({**row, name: value})
    numbers = (*FIGURES, "ess")
    table = pd.DataFrame(rows, columns=[name, "how", *numbers])
    return table.astype(dict.fromkeys((name, *numbers), float))


def _near(draws: Draws, correlation: Correlation, value: float) -> dict[str, Any]:
    """From the draws; empty if too few are near."""
    ess = min(correlation.ess, effective(draws.estimate))
    if not ess > 0:
        return {}
    local = regression(correlation.z.ravel(), draws.estimate.ravel(), ess=ess)
    row = local(float(correlation.dependence.line(np.asarray(value))))
    return {"how": "draws"} | row if row["ess"] >= FEWEST_NEAR else {}


def _fixed(draws: Draws, refits: Refits, value: float) -> dict[str, Any]:
    correlation = draws.correlation()
    if correlation is not None and correlation.linear:
        return {"how": "too few draws"}
    made = refits.at(value)
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
