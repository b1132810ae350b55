"""Rubin's rules with labels: tables of terms and variance components.

:func:`pool` takes labelled :class:`~bayesimpute.estimates.Estimate` values and returns a :class:`Pooled`. Variance
components are averaged arithmetically, as in mitml, and get no interval: their sampling distribution is too skewed for
Rubin's rules on this scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.estimates import Estimate, VarianceComponent
from bayesimpute.outcome import AnalysisError
from bayesimpute.pooling.montecarlo import SPREAD, TENTH, monte_carlo
from bayesimpute.pooling.scalars import PooledArrays, check_number, rubin, total_covariance

ERRORS = ("estimate", "std_error", "conf_low", "conf_high", "fmi")
"""Figures that have a Monte Carlo error."""
JSON_COLUMNS = ("term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "riv", "fmi")


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
    monte_carlo : DataFrame
        One row per term: ``term``, the Monte Carlo errors of ``estimate, std_error, conf_low, conf_high, fmi`` and
        ``needed``, the m that its standard error needs; see :mod:`bayesimpute.pooling.montecarlo`. No rows if m is 2.
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
    monte_carlo: pd.DataFrame
    dfcom: float = inf
    conf_level: float = 0.95
    messages: tuple[str, ...] = ()

    @property
    def df_note(self) -> str:
        """A sentence on the complete-data degrees of freedom behind the column `df`."""
        if isinf(self.dfcom):
            return "Complete-data degrees of freedom: infinite unless given (dfcom), as in mitml."
        return f"Complete-data degrees of freedom: {self.dfcom:g} (Barnard & Rubin 1999)."

    @property
    def enough(self) -> bool | None:
        """Whether Monte Carlo errors of all estimates are below a tenth of their standard errors; None if m is 2."""
        return None if self.monte_carlo.empty else bool(self._shares().max() < TENTH)

    @property
    def m_note(self) -> str:
        """A sentence on whether m is large enough."""
        if self.enough is None:
            return f"m = {self.m} is too small to tell Monte Carlo errors."
        shares, needed = self._shares(), max(self.monte_carlo["needed"])
        worst = self.terms["term"].iloc[int(shares.argmax())]
        note = (
            f"Monte Carlo errors of the estimates are up to {shares.max():.1%} of their standard errors ({worst}), "
            f"below {TENTH:.0%} is needed: m = {self.m} is {'enough' if self.enough else 'too small'}."
        )
        if needed > self.m:
            note += f" Standard errors that repeat to {SPREAD:.0%} need m = {needed} (von Hippel 2020)."
        return note

    def _shares(self) -> np.ndarray:
        """Monte Carlo errors of the estimates as shares of their standard errors."""
        errors, of = self.monte_carlo["estimate"].to_numpy(), self.terms["std_error"].to_numpy()
        return np.divide(errors, of, out=np.zeros(len(errors)), where=errors > 0)

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
        return "\n".join([*parts, self.df_note, self.m_note, *self.messages])


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
    check_number(len(estimates))
    _check_same([e.terms for e in estimates], "terms")
    _check_same([tuple(f"{c.name}|{c.group}" for c in e.variance_components) for e in estimates], "variance components")
    dfcom = min(e.dfcom for e in estimates) if dfcom is None else float(dfcom)
    covariances = np.array([np.asarray(e.covariance, dtype=float) for e in estimates])
    q, u = np.array([e.estimates for e in estimates]), covariances.diagonal(axis1=1, axis2=2)
    arrays = rubin(q, u, dfcom=dfcom)
    return Pooled(
        m=arrays.m,
        terms=_terms(estimates[0].terms, arrays, conf_level),
        covariance=total_covariance(q, covariances),
        variance_components=_mean_components([e.variance_components for e in estimates]),
        monte_carlo=_errors(estimates[0].terms, q, u, dfcom, conf_level),
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


def _errors(names: tuple[str, ...], q: np.ndarray, u: np.ndarray, dfcom: float, level: float) -> pd.DataFrame:
    columns = ("term", *ERRORS, "needed")
    if len(q) < 3:
        return pd.DataFrame(columns=pd.Index(columns))
    found = monte_carlo(q, u, dfcom=dfcom, conf_level=level)
    return pd.DataFrame({"term": list(names)} | {name: getattr(found, name) for name in columns[1:]})


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
