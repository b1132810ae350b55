"""Rubin's rules, first on arrays, then with labels.

The m completed datasets give m estimates Q̂ with covariances U. :func:`rubin` combines them as arrays, every scalar by
itself: the mean estimate Q̄, the mean within-imputation variance Ū, the between-imputation variance B and the total
variance T = Ū + (1 + 1/m) B, with their degrees of freedom, RIV and FMI. :func:`pool` does the same for labelled
:class:`~bayesimpute.estimates.Estimate` values and returns a :class:`Pooled`, which holds tables.

The figures are those of R's mice (``pool.scalar``) and mitml (``testEstimates``), to the last digits; the tests hold
them against both. Variance components are averaged arithmetically, as in mitml, and get no interval: their sampling
distribution is too skewed for Rubin's rules on this scale.

To add a pooling rule, write it on arrays beside :func:`rubin`, give it a labelled function, and add R's answer to the
tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.estimates import Estimate, VarianceComponent
from bayesimpute.outcome import AnalysisError

__all__ = ["Analyses", "Estimate", "Pooled", "PooledArrays", "VarianceComponent", "pool", "rubin"]

JSON_COLUMNS = ("term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "riv", "fmi")


@dataclass(frozen=True, kw_only=True, eq=False)
class PooledArrays:
    """What Rubin's rules give for k scalar estimates; every array has shape (k,).

    Parameters
    ----------
    m : int
        Number of completed datasets.
    q_bar : ndarray
        Pooled estimate Q̄, the mean of the m estimates.
    u_bar : ndarray
        Within-imputation variance Ū, the mean of the m squared standard errors.
    b : ndarray
        Between-imputation variance B, the variance (denominator m − 1) of the m estimates.
    t : ndarray
        Total variance T = Ū + (1 + 1/m) B; the standard error is its root.
    df : ndarray
        Degrees of freedom of the reference t distribution.
    riv : ndarray
        Relative increase in variance r = (1 + 1/m) B / Ū.
    lambda_ : ndarray
        Proportion of T due to the missing values, λ = (1 + 1/m) B / T.
    fmi : ndarray
        Fraction of missing information with the correction for a finite number of imputations; see :func:`rubin`.
    """

    m: int
    q_bar: np.ndarray
    u_bar: np.ndarray
    b: np.ndarray
    t: np.ndarray
    df: np.ndarray
    riv: np.ndarray
    lambda_: np.ndarray
    fmi: np.ndarray

    @property
    def std_error(self) -> np.ndarray:
        """Root of the total variance."""
        return np.sqrt(self.t)

    @property
    def statistic(self) -> np.ndarray:
        """Q̄ / √T, the t statistic for the hypothesis that the estimand is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.q_bar / self.std_error

    @property
    def p_value(self) -> np.ndarray:
        """Two-sided p value of that hypothesis, from the t distribution with `df` degrees of freedom."""
        from scipy.special import stdtr

        return 2 * stdtr(self.df, -np.abs(self.statistic))

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Q̄ ∓ t(df) √T: the limits of the confidence intervals of the given level (between 0 and 1)."""
        from scipy.special import stdtrit

        half = stdtrit(self.df, (1 + level) / 2) * self.std_error
        return self.q_bar - half, self.q_bar + half


def rubin(estimates: np.ndarray, variances: np.ndarray, *, dfcom: float = inf) -> PooledArrays:
    """Pool k scalar estimates from m completed datasets by Rubin's rules.

    Parameters
    ----------
    estimates, variances : array-like, shape (m, k)
        Estimates and their squared standard errors, one row per completed dataset.
    dfcom : float
        Degrees of freedom that the analysis would have had without missing values; infinite for large samples.

    Returns
    -------
    PooledArrays
        With λ = (1 + 1/m) B / T, ν = (m − 1) / λ² for infinite `dfcom` (Rubin 1987, eq. 3.1.6), otherwise
        1 / (1/ν + 1/ν_obs) with ν_obs = (1 − λ) dfcom (dfcom + 1) / (dfcom + 3) (Barnard & Rubin 1999).
        `fmi` is the `fmi` of mice and the FMI of mitml, (r + 2 / (df + 3)) / (r + 1) (Rubin 1987, eq. 3.1.10), and
        not λ, which some programs report under that name.
        Where the m estimates are equal (B = 0) nothing depends on the missing values: r, λ and `fmi` are 0 and df is
        ν_obs (infinite if `dfcom` is).

    Raises
    ------
    AnalysisError
        Fewer than two datasets, arrays of different shapes, a value that is not finite, a negative variance, or a
        `dfcom` that is not positive.
    """
    q, u = _checked(estimates, variances)
    _check_dfcom(dfcom)
    m = len(q)
    # Deviations from the first dataset, so that m equal estimates have B = 0 exactly and not a rounding error.
    deviations = q - q[0]
    u_bar, b = u.mean(axis=0), deviations.var(axis=0, ddof=1)
    between = (1 + 1 / m) * b
    t = u_bar + between
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        riv = np.where(b > 0, between / u_bar, 0.0)
        lambda_ = np.where(b > 0, between / t, 0.0)
        df = degrees_of_freedom(m, lambda_, dfcom=dfcom)
        # (r + 2 / (df + 3)) / (r + 1), written with λ = r / (r + 1) so that Ū = 0 does no harm
        fmi = np.where(b > 0, lambda_ + (1 - lambda_) * 2 / (df + 3), 0.0)
    return PooledArrays(
        m=m, q_bar=q[0] + deviations.mean(axis=0), u_bar=u_bar, b=b, t=t, df=df, riv=riv, lambda_=lambda_, fmi=fmi
    )


def degrees_of_freedom(m: int, lambda_: np.ndarray, *, dfcom: float = inf) -> np.ndarray:
    """Rubin's degrees of freedom, or Barnard & Rubin's where `dfcom` is finite; formulas in :func:`rubin`.

    Parameters
    ----------
    m : int
        Number of completed datasets.
    lambda_ : ndarray
        Proportion of the variance due to the missing values, in [0, 1]; of any shape.
    dfcom : float
        Complete-data degrees of freedom.
    """
    with np.errstate(divide="ignore", over="ignore"):
        large_sample = (m - 1) / np.square(lambda_)
        if isinf(dfcom):
            return large_sample
        observed = (1 - lambda_) * dfcom * (dfcom + 1) / (dfcom + 3)
        return 1 / (1 / large_sample + 1 / observed)


def _checked(estimates: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if q.ndim != 2 or q.shape != u.shape:
        message = f"estimates {q.shape} and variances {u.shape} must both have the shape (m, k)"
        raise AnalysisError(message)
    _check_number(len(q))
    if not (np.isfinite(q).all() and np.isfinite(u).all() and (u >= 0).all()):
        bad = np.flatnonzero(~(np.isfinite(q) & np.isfinite(u) & (u >= 0)).all(axis=1)) + 1
        message = (
            f"dataset {', '.join(map(str, bad))}: an estimate or its variance is not a finite number, or the variance "
            "is negative; look at that fit before pooling"
        )
        raise AnalysisError(message)
    return q, u


def _check_number(m: int) -> None:
    if m < 2:
        message = (
            f"pooling needs the estimates of at least two completed datasets, got {m}: the variance between "
            "imputations cannot be seen in fewer; impute with a larger m"
        )
        raise AnalysisError(message)


def _check_dfcom(dfcom: float) -> None:
    if not dfcom > 0:
        message = (
            f"dfcom: the complete-data degrees of freedom must be positive, got {dfcom}; leave dfcom out if unknown"
        )
        raise AnalysisError(message)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pooled:
    """Pooled estimates of one analysis, with labels.

    Parameters
    ----------
    m : int
        Number of completed datasets.
    terms : DataFrame
        One row per term: ``term, estimate, std_error, statistic, df, p_value, conf_low, conf_high, riv, fmi``. What
        `fmi` means is said at :func:`rubin`.
    covariance : ndarray, shape (term, term)
        Total covariance matrix T = Ū + (1 + 1/m) B.
    variance_components : DataFrame
        ``group, name, estimate``: arithmetic means over the m fits; no rows for models without random effects.
    dfcom : float
        Complete-data degrees of freedom that were used.
    conf_level : float
        Level of the intervals.
    messages : tuple of str
        What the fits had to say (no convergence, rows left out, …), with the datasets it concerns.
    """

    m: int
    terms: pd.DataFrame
    covariance: np.ndarray
    variance_components: pd.DataFrame
    dfcom: float = inf
    conf_level: float = 0.95
    messages: tuple[str, ...] = ()

    @property
    def df_note(self) -> str:
        """A sentence on the complete-data degrees of freedom behind the column `df`."""
        if isinf(self.dfcom):
            return "Complete-data degrees of freedom: infinite unless given (dfcom), as in mitml."
        return f"Complete-data degrees of freedom: {self.dfcom:g} (Barnard & Rubin 1999)."

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``: m, terms and variance components; what is infinite or undefined is None."""
        return {
            "m": self.m,
            "terms": _records(self.terms.loc[:, list(JSON_COLUMNS)]),
            "variance_components": _records(self.variance_components),
        }

    def __str__(self) -> str:
        level = f"{100 * self.conf_level:g} %"
        parts = [f"Pooled over m = {self.m} completed datasets (Rubin's rules; {level} intervals)"]
        parts.append(self.terms.to_string(index=False, float_format=_short))
        if len(self.variance_components):
            parts.append("Variance components (means over the datasets)")
            parts.append(self.variance_components.to_string(index=False, float_format=_short))
        return "\n".join([*parts, self.df_note, *self.messages])


def pool(estimates: Sequence[Estimate], *, conf_level: float = 0.95, dfcom: float | None = None) -> Pooled:
    """Pool the fits of one analysis to m completed datasets.

    Parameters
    ----------
    estimates : sequence of Estimate
        One per completed dataset, as :func:`bayesimpute.analysis.analyse` returns them.
    conf_level : float
        Level of the confidence intervals, between 0 and 1.
    dfcom : float, optional
        Complete-data degrees of freedom. By default what the fits say (the smallest, if they differ): n − k for models
        without random effects, infinite for mixed models, whose number of clusters is often the better figure.

    Returns
    -------
    Pooled
        With T = Ū + (1 + 1/m) B for the vector of estimates and Rubin's scalar rules for each term.

    Raises
    ------
    AnalysisError
        Fewer than two fits; terms or variance components that are not the same in all fits; estimates that are not
        finite; `conf_level` or `dfcom` out of range.
    """
    estimates = list(estimates)
    if not 0 < conf_level < 1:
        message = f"conf_level: must lie between 0 and 1, got {conf_level}; 0.95 gives 95 % intervals"
        raise AnalysisError(message)
    _check_number(len(estimates))
    _check_same([e.terms for e in estimates], "terms")
    _check_same([tuple(f"{c.name}|{c.group}" for c in e.variance_components) for e in estimates], "variance components")
    dfcom = min(e.dfcom for e in estimates) if dfcom is None else float(dfcom)
    covariances = np.array([np.asarray(e.covariance, dtype=float) for e in estimates])
    arrays = rubin(np.array([e.estimates for e in estimates]), covariances.diagonal(axis1=1, axis2=2), dfcom=dfcom)
    return Pooled(
        m=arrays.m,
        terms=_terms(estimates[0].terms, arrays, conf_level),
        covariance=total_covariance(np.array([e.estimates for e in estimates]), covariances),
        variance_components=_mean_components([e.variance_components for e in estimates]),
        dfcom=dfcom,
        conf_level=conf_level,
        messages=_messages(estimates),
    )


@dataclass(frozen=True, eq=False)
class Analyses:
    """One analysis of every completed dataset of a run, for pooling and for :func:`bayesimpute.diagnostics.diagnose`.

    Parameters
    ----------
    estimates : tuple of Estimate
        One per completed dataset, in the order of the imputations.
    chains : int
        Chains of the run: imputations k and k + `chains` come from the same chain, one after the other.
    """

    estimates: tuple[Estimate, ...]
    chains: int

    def pool(self, *, conf_level: float = 0.95, dfcom: float | None = None) -> Pooled:
        """Pool them by :func:`pool`, whose options these are.

        Raises
        ------
        AnalysisError
            As :func:`pool` does.
        """
        return pool(self.estimates, conf_level=conf_level, dfcom=dfcom)

    def __len__(self) -> int:
        return len(self.estimates)


def total_covariance(estimates: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """T = Ū + (1 + 1/m) B of a vector (Rubin 1987, section 3.2), shape (k, k).

    Parameters
    ----------
    estimates : ndarray, shape (m, k)
        Estimates, one row per completed dataset.
    covariances : ndarray, shape (m, k, k)
        Their covariance matrices.
    """
    m = len(estimates)
    deviations = estimates - estimates[0]
    deviations = deviations - deviations.mean(axis=0)
    return covariances.mean(axis=0) + (1 + 1 / m) * deviations.T @ deviations / (m - 1)


def _terms(names: tuple[str, ...], arrays: PooledArrays, level: float) -> pd.DataFrame:
    low, high = arrays.interval(level)
    return pd.DataFrame(
        {
            "term": list(names),
            "estimate": arrays.q_bar,
            "std_error": arrays.std_error,
            "statistic": arrays.statistic,
            "df": arrays.df,
            "p_value": arrays.p_value,
            "conf_low": low,
            "conf_high": high,
            "riv": arrays.riv,
            "fmi": arrays.fmi,
        }
    )


def _mean_components(components: Sequence[tuple[VarianceComponent, ...]]) -> pd.DataFrame:
    means = np.mean([[c.estimate for c in each] for each in components], axis=0)
    first = components[0]
    return pd.DataFrame({"group": [c.group for c in first], "name": [c.name for c in first], "estimate": means})


def _check_same(names: Sequence[tuple[str, ...]], what: str) -> None:
    """All fits must have the names of the majority; the error names each dataset that differs, and how."""
    usual = max(names, key=names.count)
    found = []
    for k, each in enumerate(names, start=1):
        if each != usual:
            lacks, extra = [n for n in usual if n not in each], [n for n in each if n not in usual]
            parts = [f"lacks {', '.join(lacks)}"] * bool(lacks) + [f"has also {', '.join(extra)}"] * bool(extra)
            found.append(f"dataset {k} {' and '.join(parts) or 'has them in another order'}")
    if found:
        message = (
            f"the {what} are not the same in all datasets, so they cannot be pooled: {'; '.join(found)}; a category "
            "that one completed dataset does not contain is the usual cause: merge it with another category"
        )
        raise AnalysisError(message)


def _messages(estimates: Sequence[Estimate]) -> tuple[str, ...]:
    """Each message once, with the datasets it came from."""
    where: dict[str, list[int]] = {}
    for k, estimate in enumerate(estimates, start=1):
        for message in estimate.messages:
            where.setdefault(message, []).append(k)
    m = len(estimates)
    return tuple(
        f"{'all datasets' if len(ks) == m else f'dataset {", ".join(map(str, ks))}'}: {message}"
        for message, ks in where.items()
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value if isinstance(value, str) else _finite(value) for name, value in row.items()}
        for row in table.to_dict("records")
    ]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.3g}"
