"""Analyses side by side: complete cases, imputations by several plans, and the truth where it is known.

:func:`compare` takes what analyses give in whatever form they have it and returns a :class:`Comparison`, one long table
that prints grouped by term; :func:`bayesimpute.plotting.forest.plot_forest` draws it.

To take another kind of result, give :func:`_rows` a line that turns it into rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import InputError, Problem, did_you_mean
from bayesimpute.base.paper_tables import Block, html, latex, number
from bayesimpute.base.phrases import listed
from bayesimpute.base.tables import records
from bayesimpute.data.arrow_frames import AnyFrame, as_pandas, is_frame
from bayesimpute.pooling import Analyses, Pooled

__all__ = ["Analysed", "Comparison", "compare"]

Analysed = Pooled | Estimate | AnyFrame | Mapping[str, float]
FIGURES = ("estimate", "std_error", "conf_low", "conf_high", "fmi")
LEVEL = 0.95


@typed_after
@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Several analyses of the same terms.

    Parameters
    ----------
    table : DataFrame
        One row an analysis and term that it has: ``analysis, term, estimate, std_error, conf_low, conf_high, fmi``, and
        with a reference ``difference``, from the reference's estimate in the reference's standard errors. What an
        analysis does not have is NaN.
    conf_level : float
        Level of the intervals.
    reference : str or None
        The analysis that the others are held against.
    messages : tuple of str
        What the analyses had to say.
    """

    table: pd.DataFrame
    conf_level: float = LEVEL
    reference: str | None = None
    messages: tuple[str, ...] = ()

    @property
    def analyses(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.table["analysis"].unique())

    @property
    def terms(self) -> tuple[str, ...]:
        """All terms, as they first appear."""
        return tuple(self.table["term"].unique())

    def wide(self) -> pd.DataFrame:
        """One row a term, and the figures of each analysis beside each other: columns (analysis, figure).

        Terms that an analysis does not have are NaN there; figures that it has for no term are left out.
        """
        parts = {}
        for name in self.analyses:
            own = self.table[self.table["analysis"] == name].set_index("term").drop(columns="analysis")
            parts[name] = own.loc[:, own.notna().any()]
        return pd.concat(parts, axis="columns", names=["analysis", "figure"]).reindex(pd.Index(self.terms, name="term"))

    def to_latex(self, *, caption: str | None = None, label: str | None = None, digits: int = 3) -> str:
        """A LaTeX table grouped by term, for booktabs; the options are those of ``Pooled.to_latex``."""
        return latex(self._blocks(), self._notes(), caption=caption, label=label, digits=digits)

    def to_html(self, *, digits: int = 3) -> str:
        """The same as HTML, with numbers of so many significant digits."""
        return html(self._blocks(), self._notes(), digits=digits)

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what is not defined is None."""
        return {"conf_level": self.conf_level, "reference": self.reference, "rows": records(self.table)}

    def __str__(self) -> str:
        shown = self._by_term()
        shown["term"] = shown["term"].mask(shown["term"].duplicated(), "")
        title = f"{len(self.analyses)} analyses ({100 * self.conf_level:g} % intervals)"
        table = shown.to_string(index=False, float_format=lambda x: number(x, 4), na_rep="")
        return "\n".join([title, table, *self._notes()])

    def _by_term(self) -> pd.DataFrame:
        """The rows of each term below each other, without figures that nothing has."""
        place = {term: i for i, term in enumerate(self.terms)}
        rows = self.table.iloc[np.argsort([place[term] for term in self.table["term"]], kind="stable")]
        shown = rows.loc[:, rows.notna().any()]
        return shown[["term", *(name for name in shown if name != "term")]].reset_index(drop=True)

    def _blocks(self) -> list[Block]:
        return [Block(table=self._by_term(), level=self.conf_level, by="term")]

    def _notes(self) -> list[str]:
        if self.reference is None:
            return list(self.messages)
        about = f"Difference: from the estimate of {self.reference}, in standard errors of {self.reference}."
        return [about, *self.messages]


@typed_after
def compare(
    analyses: Mapping[str, Analysed] | None = None,
    /,
    *,
    reference: str | None = None,
    conf_level: float | None = None,
    **named: Analysed,
) -> Comparison:
    """Put analyses side by side.

    Parameters
    ----------
    analyses : mapping of str to analysis, optional
        What each is called: ``{"complete cases": bi.fit(formula, data), "imputed": imputed.pool(formula)}``. An
        analysis is a :class:`~bayesimpute.pooling.Pooled`; an :class:`~bayesimpute.analysis.estimates.Estimate`, whose
        intervals are those of the t distribution with its `dfcom`; a DataFrame with ``term, estimate, std_error``, and
        ``conf_low, conf_high, fmi`` if it has them (its intervals are otherwise those of the t distribution with its
        ``df`` or the normal one); or a mapping of terms to numbers, such as a truth, which has no interval.
    reference : str, optional
        The name of the analysis from which ``difference`` is measured.
    conf_level : float, optional
        Level of the intervals that are computed here; by default that of the pooled analyses, or .95.
    **named
        More analyses, whose names are Python names.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        With everything that is wrong with the analyses, the reference and the level.
    """
    problems = [
        Problem(path=f"compare[{n}]", finding="two analyses have this name", remedy="rename one of them")
        for n in {**(analyses or {})}
        if n in named
    ]
    given = {**(analyses or {}), **named}
    level = _level(given, conf_level, problems)
    rows = [_checked(name, each, level, problems) for name, each in given.items()]
    if not given:
        remedy = 'give at least one: compare({"imputed": pooled})'
        problems.append(Problem(path="compare", finding="there is no analysis", remedy=remedy))
    _check_reference(reference, given, problems)
    if problems:
        raise InputError(problems)
    table = pd.concat(rows, ignore_index=True)
    if reference is not None:
        table["difference"] = _difference(table, reference)
    notes = [f"{n}: {m}" for n, g in given.items() if isinstance(g, Pooled | Estimate) for m in g.messages]
    return Comparison(table=table, conf_level=level, reference=reference, messages=tuple(notes))


def _level(given: Mapping[str, Analysed], asked: float | None, problems: list[Problem]) -> float:
    """The level of all intervals, which pooled analyses have already."""
    levels = {name: each.conf_level for name, each in given.items() if isinstance(each, Pooled)}
    level = next(iter(levels.values()), LEVEL) if asked is None else asked
    if not 0 < level < 1:
        problems.append(Problem(path="conf_level", finding=f"{level} is not between 0 and 1", remedy=".95 is usual"))
        return LEVEL
    for name, own in levels.items():
        if own != level:
            finding = f"its intervals have the level {own:g}, others {level:g}"
            remedy = f"pool it with conf_level={level:g}"
            problems.append(Problem(path=f"compare[{name}]", finding=finding, remedy=remedy))
    return level


def _check_reference(reference: str | None, given: Mapping[str, Analysed], problems: list[Problem]) -> None:
    if reference is None:
        return
    if reference not in given:
        remedy = did_you_mean(reference, given, f"name one of {listed(given, 12)}")
        problems.append(Problem(path="reference", finding=f'no analysis is called "{reference}"', remedy=remedy))
    elif isinstance(given[reference], Mapping):
        finding = f'"{reference}" has no standard errors to measure differences in'
        problems.append(Problem(path="reference", finding=finding, remedy="take an analysis that has"))


def _difference(table: pd.DataFrame, reference: str) -> list[float]:
    """(estimate − the reference's) / its standard error; NaN where it has no such term or no standard error."""
    rows = table.to_dict("records")
    own = {row["term"]: row for row in rows if row["analysis"] == reference and row["std_error"] > 0}
    none = {"estimate": np.nan, "std_error": np.nan}
    held = [(row, own.get(row["term"], none)) for row in rows]
    return [(row["estimate"] - other["estimate"]) / other["std_error"] for row, other in held]


def _checked(name: Any, given: Any, level: float, problems: list[Problem]) -> pd.DataFrame:
    """The rows of one analysis; what is wrong with it is added to `problems`."""
    path = f"compare[{name}]"
    if not isinstance(name, str) or not name.strip():
        problems.append(Problem(path=path, finding=f"the name {name!r} is not a text", remedy="give it a name"))
    rows, found = _rows(given, level)
    if rows is not None and not found:
        found = _row_problems(rows)
    problems += [Problem(path=path, finding=finding, remedy=remedy) for finding, remedy in found]
    if rows is None or found:
        return pd.DataFrame()
    rows = rows.reindex(columns=["analysis", "term", *FIGURES])
    return rows.assign(analysis=name)


def _rows(given: Any, level: float) -> tuple[pd.DataFrame | None, list[tuple[str, str]]]:
    """The rows of an analysis, and findings with their remedies."""
    if isinstance(given, Pooled):
        return given.terms, []
    if isinstance(given, Estimate):
        columns = {"term": given.terms, "estimate": given.estimates, "std_error": given.std_errors, "df": given.dfcom}
        return _with_interval(pd.DataFrame(columns), level), []
    if is_frame(given):
        return _frame_rows(as_pandas(given), level)
    if isinstance(given, Mapping):
        return pd.DataFrame({"term": list(given), "estimate": _numbers(given.values())}), []
    remedy = "give what pool() or fit() returns, a DataFrame, or a mapping of terms to numbers"
    remedy = "pool it first, with .pool()" if isinstance(given, Analyses) else remedy
    return None, [(f"{type(given).__name__} is no analysis that can be compared", remedy)]


def _frame_rows(given: pd.DataFrame, level: float) -> tuple[pd.DataFrame | None, list[tuple[str, str]]]:
    lacks = [name for name in ("term", "estimate", "std_error") if name not in given]
    if lacks:
        return None, [(f"the frame has no column {' and '.join(lacks)}", "name them term, estimate, std_error")]
    limits = [name for name in ("conf_low", "conf_high") if name in given]
    if len(limits) == 1:
        return None, [(f"the frame has {limits[0]} and not the other limit", "give both limits or none")]
    numbers = {name: _numbers(given[name]) for name in (*FIGURES, "df") if name in given}
    spoilt = [name for name, found in numbers.items() if (np.isnan(found) & given[name].notna().to_numpy()).any()]
    if spoilt:
        return None, [(f"{' and '.join(spoilt)} has values that are not numbers", "make them numbers, or missing")]
    rows = pd.DataFrame({"term": list(given["term"]), **numbers})
    return (rows if limits else _with_interval(rows, level)), []


def _numbers(values: Iterable[Any]) -> np.ndarray:
    """As floats; NaN for what is missing or no number."""
    return np.asarray(pd.to_numeric(pd.Series(list(values), dtype=object), errors="coerce"), dtype=float)


def _with_interval(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Estimate ∓ t(df) standard errors; the normal distribution where there is no df."""
    from scipy.special import stdtrit

    df = rows["df"].to_numpy(dtype=float) if "df" in rows else np.full(len(rows), np.inf)
    half = stdtrit(np.where(np.isnan(df), np.inf, df), (1 + level) / 2) * rows["std_error"]
    return rows.assign(conf_low=rows["estimate"] - half, conf_high=rows["estimate"] + half)


def _row_problems(rows: pd.DataFrame) -> list[tuple[str, str]]:
    found = []
    terms = list(rows["term"])
    if not terms:
        found.append(("it has no terms", "leave it out"))
    strange = [repr(term) for term in terms if not isinstance(term, str)]
    if strange:
        found.append((f"the terms {listed(strange)} are not texts", "name them as the other analyses do"))
    twice = dict.fromkeys(str(term) for term in terms if terms.count(term) > 1)
    if twice:
        found.append((f"the terms {listed(twice)} stand there more than once", "keep one row a term"))
    wrong = [str(term) for term, x in zip(terms, rows["estimate"], strict=True) if not np.isfinite(x)]
    if wrong:
        found.append((f"the estimates of {listed(wrong)} are not finite numbers", "leave these terms out"))
    if "std_error" in rows and any(error < 0 for error in rows["std_error"]):
        found.append(("it has negative standard errors", "give their absolute size"))
    return found
