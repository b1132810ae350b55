"""Rubin's rules with labels: tables of terms, variance components and what follows from them.

:func:`pool` takes labelled :class:`~bayesimpute.analysis.estimates.Estimate` values and returns a :class:`Pooled`.
Variance components are averaged arithmetically, as in mitml; how they get their intervals is said in
``pooled_components.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.estimates import Estimate, VarianceComponent
from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.paper_tables import Block, html, latex
from bayesimpute.base.phrases import listed, numbered
from bayesimpute.base.tables import records, short, shown
from bayesimpute.pooling.montecarlo import SPREAD, TENTH, imputations_needed, monte_carlo
from bayesimpute.pooling.pooled_components import pool_quantities
from bayesimpute.pooling.scalars import PooledArrays, check_dfcom, check_number, rubin, total_covariance

ERRORS = ("estimate", "std_error", "conf_low", "conf_high", "fmi")
"""Figures that have a Monte Carlo error."""
INTERVAL = ("estimate", "median", "conf_low", "conf_high", "method")
JSON_COLUMNS = ("term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "riv", "fmi")


@typed_after
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
        ``group, name, estimate, median, conf_low, conf_high, method``: arithmetic means and medians over the m fits and
        how the intervals were made; covariances have none, see `quantities`. No rows for models without random effects.
        With few clusters the fits differ much, and to one side: there the median is nearer to the complete data.
    quantities : DataFrame
        ``name, group, estimate, median, conf_low, conf_high, method`` of correlations, ICC and R² (Nakagawa).
    monte_carlo : DataFrame
        One row per term: ``term``, the Monte Carlo errors of ``estimate, std_error, conf_low, conf_high, fmi`` and
        ``needed``, the m that its standard error needs; see :mod:`bayesimpute.pooling.montecarlo`. No rows if m is 2.
    dfcom : float or ndarray, shape (term,)
        Complete-data degrees of freedom that were used.
    dfcom_note : str
        How they were found, or what to consider.
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
    quantities: pd.DataFrame
    dfcom: float | np.ndarray = inf
    dfcom_note: str = ""
    conf_level: float = 0.95
    messages: tuple[str, ...] = ()

    @property
    def df_note(self) -> str:
        """A sentence on the complete-data degrees of freedom behind the column `df`."""
        more = f"; {self.dfcom_note}" if self.dfcom_note else ""
        if np.isinf(self.dfcom).all():
            return f"Complete-data degrees of freedom: infinite unless given (dfcom), as in mitml{more}."
        low, high = np.min(self.dfcom), np.max(self.dfcom)
        figures = f"{low:g}" if low == high else f"{low:.4g} to {high:.4g}"
        return f"Complete-data degrees of freedom: {figures} (Barnard & Rubin 1999{more})."

    @property
    def enough(self) -> bool | None:
        """Whether m is large enough; None if it is 2.

        It is if the Monte Carlo errors of all estimates are below a tenth of their standard errors (White et al. 2011),
        or if the standard errors repeat to 5 % at the fractions of missing information found (von Hippel 2020).
        """
        return None if self.monte_carlo.empty else bool(self._shares().max() < TENTH or self._least() <= self.m)

    @property
    def m_note(self) -> str:
        """A sentence on whether m is large enough."""
        if self.enough is None:
            return f"m = {self.m} is too small to tell Monte Carlo errors."
        shares, needed = self._shares(), max(self.monte_carlo["needed"])
        worst = self.terms["term"].iloc[int(shares.argmax())]
        found = f"Monte Carlo errors of the estimates are up to {shares.max():.1%} of their standard errors ({worst})"
        if not self.enough:
            would = max(needed, int(self.m * (shares.max() / TENTH) ** 2) + 1)
            return (
                f"{found}, below {TENTH:.0%} is needed: m = {self.m} is too small, m = {would} would do; "
                f"standard errors then repeat to {SPREAD:.0%} (von Hippel 2020)."
            )
        if self._least() <= self.m:
            above = f"above {TENTH:.0%}, but these" if shares.max() >= TENTH else "and these"
            return f"{found}, {above} repeat to {SPREAD:.0%} (von Hippel 2020): m = {self.m} is enough."
        repeat = f"Standard errors that repeat to {SPREAD:.0%} need m = {needed} (von Hippel 2020)."
        return f"{found}, below {TENTH:.0%} is needed: m = {self.m} is enough. {repeat}"

    def _least(self) -> int:
        """Imputations that standard errors need at the fractions of missing information found."""
        return int(imputations_needed(self.terms["fmi"].dropna().to_numpy(), np.inf).max(initial=2))

    def _shares(self) -> np.ndarray:
        """Monte Carlo errors of the estimates as shares of their standard errors."""
        errors, of = self.monte_carlo["estimate"].to_numpy(), self.terms["std_error"].to_numpy()
        return np.divide(errors, of, out=np.zeros(len(errors)), where=errors > 0)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``: m, terms, variance components, and quantities if there are any.

        What is infinite or undefined is None; covariances have no interval.
        """
        rows = records(self.variance_components)
        components = [{k: v for k, v in row.items() if v not in (None, "")} for row in rows]
        terms = records(self.terms.loc[:, list(JSON_COLUMNS)])
        found = {"m": self.m, "terms": terms, "variance_components": components}
        return found | ({"quantities": records(self.quantities)} if len(self.quantities) else {})

    def to_latex(self, *, caption: str | None = None, label: str | None = None, digits: int = 3) -> str:
        r"""A LaTeX table: terms, variance components, and notes below.

        Parameters
        ----------
        caption, label : str, optional
            Of the table; a label needs a caption.
        digits : int
            Significant digits of numbers, decimals of p values.

        Returns
        -------
        str
            A ``table`` environment; needs ``\usepackage{booktabs}``.

        Raises
        ------
        InputError
            A label without a caption or with characters that LaTeX acts on, or `digits` out of range.
        """
        return latex(self._blocks(), self._notes(), caption=caption, label=label, digits=digits)

    def to_html(self, *, digits: int = 3) -> str:
        """The same content as :meth:`to_latex` as HTML, for any page or notebook.

        Raises
        ------
        InputError
            `digits` out of range.
        """
        return html(self._blocks(), self._notes(), digits=digits)

    def _blocks(self) -> list[Block]:
        parts = {
            "": self.terms,
            "Variance components": self.variance_components,
            "Correlations, ICC and explained variance": self.quantities,
        }
        return [Block(table=t, title=name, level=self.conf_level) for name, t in parts.items() if len(t) or not name]

    def _notes(self) -> list[str]:
        first = f"Pooled over m = {self.m} completed datasets (Rubin's rules; {100 * self.conf_level:g} % intervals)."
        return [first, self.df_note, self.m_note, *self.messages]

    def __str__(self) -> str:
        level = f"{100 * self.conf_level:g} %"
        parts = [f"Pooled over m = {self.m} completed datasets (Rubin's rules; {level} intervals)"]
        parts.append(shown(self.terms).to_string(index=False, float_format=_short))
        if len(self.variance_components):
            parts.append("Variance components (means and medians over the datasets)")
            parts.append(self.variance_components.to_string(index=False, float_format=_short, na_rep=""))
        if len(self.quantities):
            parts.append(self.quantities.to_string(index=False, float_format=_short, na_rep=""))
        return "\n".join([*parts, self.df_note, self.m_note, *self.messages])


@typed_after
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
    _check_same([tuple(f"{c.name}|{c.group}" for c in e.quantities) for e in estimates], "variance components")
    note = next((e.df_note for e in estimates if e.df_note), "") if dfcom is None else ""
    if dfcom is not None:
        check_dfcom(dfcom)
    complete = _smallest(estimates) if dfcom is None else float(dfcom)
    covariances = np.array([np.asarray(e.covariance, dtype=float) for e in estimates])
    q, u = np.array([e.estimates for e in estimates]), covariances.diagonal(axis1=1, axis2=2)
    _check_covariances(covariances)
    arrays = rubin(q, u, dfcom=complete)
    quantities = pool_quantities(estimates, conf_level)
    return Pooled(
        m=arrays.m,
        terms=_terms(estimates[0].terms, arrays, conf_level),
        covariance=total_covariance(q, covariances),
        variance_components=_components([e.variance_components for e in estimates], quantities),
        monte_carlo=_errors(estimates[0].terms, q, u, complete, conf_level),
        quantities=quantities.loc[quantities["kind"] != "variance", ["name", "group", *INTERVAL]].reset_index(
            drop=True
        ),
        dfcom=complete,
        dfcom_note=note,
        conf_level=conf_level,
        messages=(*_mixed(estimates[0].terms, arrays), *_messages(estimates)),
    )


def _mixed(names: tuple[str, ...], arrays: PooledArrays) -> list[str]:
    """Which terms have the posterior mixture for a reference."""
    found = [name for name, mixed in zip(names, arrays.mixed, strict=True) if mixed]
    if not found:
        return []
    return [
        f"Hardly anything was observed of {listed(found)}: p values and intervals are those of the "
        "posterior mixture, not of Barnard & Rubin's t distribution."
    ]


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


def _errors(
    names: tuple[str, ...], q: np.ndarray, u: np.ndarray, dfcom: float | np.ndarray, level: float
) -> pd.DataFrame:
    columns = ("term", *ERRORS, "needed")
    if len(q) < 3:
        return pd.DataFrame(columns=pd.Index(columns))
    found = monte_carlo(q, u, dfcom=dfcom, conf_level=level)
    return pd.DataFrame({"term": list(names)} | {name: getattr(found, name) for name in columns[1:]})


def _smallest(estimates: Sequence[Estimate]) -> float | np.ndarray:
    """Complete-data degrees of freedom of the fits: of each term, or of all, the smallest."""
    if all(np.ndim(e.dfcom) == 0 for e in estimates):
        return min(float(e.dfcom) for e in estimates)
    return np.min([np.broadcast_to(e.dfcom, len(e.terms)) for e in estimates], axis=0)


def _check_covariances(covariances: np.ndarray) -> None:
    """They are symmetric and no combination of estimates has a negative variance (one of zero is possible)."""
    bad = []
    for k, matrix in enumerate(covariances, start=1):
        if not np.isfinite(matrix).all():
            continue  # told with the estimates
        size = np.abs(matrix).max(initial=0.0)
        if np.abs(matrix - matrix.T).max(initial=0.0) > 1e-6 * size or np.linalg.eigvalsh(matrix).min() < -1e-8 * size:
            bad.append(str(k))
    if bad:
        message = (
            f"{numbered('dataset', bad)}: the covariance matrix of the estimates is not symmetric or has a negative "
            "eigenvalue; look at that fit before pooling"
        )
        raise AnalysisError(message)


def _components(components: Sequence[tuple[VarianceComponent, ...]], quantities: pd.DataFrame) -> pd.DataFrame:
    """Means and medians over the fits, with the intervals of the variances."""
    values, first = np.array([[c.estimate for c in each] for each in components]), components[0]
    names = {"group": [c.group for c in first], "name": [c.name for c in first]}
    table = pd.DataFrame(names | {"estimate": values.mean(axis=0), "median": np.median(values, axis=0)})
    rows = [row for row in quantities.to_dict("records") if row["kind"] == "variance"]
    known = {(row["group"], row["name"]): row for row in rows}
    for column in INTERVAL[2:]:
        found = [known.get((c.group, c.name), {}).get(column) for c in first]
        table[column] = ["" if f is None else f for f in found] if column == "method" else pd.Series(found, dtype=float)
    return table


def _check_same(names: Sequence[tuple[str, ...]], what: str) -> None:
    """All fits must have the names of the majority; the error names each dataset that differs, and how."""
    usual = max(names, key=names.count)
    found: dict[str, list[int]] = {}
    for k, each in enumerate(names, start=1):
        if each != usual:
            lacks, extra = [n for n in usual if n not in each], [n for n in each if n not in usual]
            parts = [f"without {listed(lacks)}"] * bool(lacks) + [f"with {listed(extra)} besides"] * bool(extra)
            found.setdefault(" and ".join(parts) or "in another order", []).append(k)
    if found:
        told = listed((f"{numbered('dataset', ks)} {how}" for how, ks in found.items()), 3)
        message = (
            f"the {what} are not the same in all datasets, so they cannot be pooled: {told}; a category "
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
        f"{'all datasets' if len(ks) == m else numbered('dataset', ks)}: {message}" for message, ks in where.items()
    )


def _short(value: float) -> str:
    return short(value) if abs(value) < 1e4 else f"{value:.3g}".replace("inf", "∞")
