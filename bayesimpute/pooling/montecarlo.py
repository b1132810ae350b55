"""How much of a pooled answer is due to the number of imputations: Monte Carlo errors, and how large m must be.

Another m imputations of the same data would give another answer. The jackknife over the imputations says how far away
(as ``mi estimate, mcerror`` of Stata; White, Royston & Wood 2011, Statistics in Medicine 30:377, section 7). It takes
the imputations as independent: the diagnostics of the chains say whether they are.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling.scalars import rubin

TENTH = 0.1
"""A Monte Carlo error of an estimate above this share of its standard error is too large (White et al. 2011)."""
SPREAD = 0.05
"""Coefficient of variation that the standard error may have over repeated imputation (von Hippel 2020)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MonteCarloErrors:
    """Monte Carlo errors of k pooled scalars; every array has shape (k,).

    Parameters
    ----------
    estimate, std_error, conf_low, conf_high, fmi : ndarray
        The errors of these figures.
    needed : ndarray
        Imputations that a standard error with a coefficient of variation of 5 % needs; see :func:`imputations_needed`.
    """

    estimate: np.ndarray
    std_error: np.ndarray
    conf_low: np.ndarray
    conf_high: np.ndarray
    fmi: np.ndarray
    needed: np.ndarray


def monte_carlo(
    estimates: np.ndarray, variances: np.ndarray, *, dfcom: float | np.ndarray = inf, conf_level: float = 0.95
) -> MonteCarloErrors:
    """Monte Carlo errors by the jackknife: √((m − 1) / m · Σ (figure without imputation i − their mean)²).

    Parameters
    ----------
    estimates, variances : array-like, shape (m, k)
        Estimates and their squared standard errors, one row per completed dataset.
    dfcom : float or ndarray, shape (k,)
        Complete-data degrees of freedom, as in :func:`rubin`.
    conf_level : float
        Level of the intervals.

    Returns
    -------
    MonteCarloErrors
        That of the estimate is √(B / m) exactly.

    Raises
    ------
    AnalysisError
        Fewer than three datasets, or what :func:`rubin` refuses.
    """
    whole = rubin(estimates, variances, dfcom=dfcom)
    m = whole.m
    if m < 3:
        raise AnalysisError(f"Monte Carlo errors need at least three completed datasets, got {m}")
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    figures = []
    for i in range(m):
        rest = rubin(np.delete(q, i, axis=0), np.delete(u, i, axis=0), dfcom=dfcom)
        figures.append([rest.q_bar, rest.std_error, *rest.interval(conf_level), rest.fmi])
    each = np.array(figures)
    errors = np.sqrt((m - 1) ** 2 / m * each.var(axis=0, ddof=1))
    names = ("estimate", "std_error", "conf_low", "conf_high", "fmi")
    return MonteCarloErrors(**dict(zip(names, errors, strict=True)), needed=imputations_needed(whole.fmi, m))


def imputations_needed(fmi: np.ndarray, m: float, *, spread: float = SPREAD) -> np.ndarray:
    """Imputations after which repeating them would change standard errors by little.

    Parameters
    ----------
    fmi : ndarray
        Fractions of missing information from a pilot, of any shape.
    m : float
        Imputations of that pilot; infinite if its fractions are taken as known.
    spread : float
        Coefficient of variation that the standard error may have.

    Returns
    -------
    ndarray of int
        1 + (FMI / spread)² / 2 (von Hippel 2020, Sociological Methods & Research 49:699), with the upper end of FMI's
        95 % interval, logit FMI ± 1.96 √(2 / m), since the pilot's FMI is itself uncertain. 2 where FMI is 0.
    """
    from scipy.special import expit, logit

    upper = expit(logit(np.asarray(fmi, dtype=float)) + 1.959964 * np.sqrt(2 / m))
    return np.maximum(np.ceil(1 + 0.5 * (upper / spread) ** 2), 2).astype(int)
