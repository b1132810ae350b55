"""The analyses of the completed datasets: how they were pooled, with which degrees of freedom."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesimpute.base.errors import InputError, Problem
from bayesimpute.base.paper_tables import number
from bayesimpute.pooling import Analyses, Pooled
from bayesimpute.reporting.citing import see
from bayesimpute.reporting.wording import bullets, code

if TYPE_CHECKING:
    from bayesimpute.plan.options import Analysis
    from bayesimpute.result.result import Result


def pooled_of(analyses: Mapping[str, Analyses | Pooled], m: int) -> dict[str, Pooled]:
    """Pooled estimates by name.

    Raises
    ------
    InputError
        With everything that is no analysis of m datasets.
    """
    if not isinstance(analyses, Mapping):
        remedy = 'name them: {"main": imputed.analyse("y ~ x")}'
        finding = f"a {type(analyses).__name__} is not a mapping"
        raise InputError([Problem(path="analyses", finding=finding, remedy=remedy)])
    problems = [p for name, given in analyses.items() for p in _problems(name, given, m)]
    if problems:
        raise InputError(problems)
    return {name: given if isinstance(given, Pooled) else given.pool() for name, given in analyses.items()}


def _problems(name: str, given: Any, m: int) -> list[Problem]:
    path = f"analyses[{name}]"
    if not isinstance(given, Analyses | Pooled):
        finding = f"{type(given).__name__} is not an analysis of the completed datasets"
        return [Problem(path=path, finding=finding, remedy="give what imputed.analyse() or imputed.pool() returns")]
    datasets = given.m if isinstance(given, Pooled) else len(given) + len(given.failures)
    if datasets > m or (datasets < m and isinstance(given, Analyses)):  # a Pooled may leave out what failed
        finding = f"it has {datasets} datasets, this run {m}"
        return [Problem(path=path, finding=finding, remedy="analyse this run")]
    return []


def pooling(imputed: "Result", pooled: Mapping[str, Pooled]) -> str:
    """A paragraph on Rubin's rules, and a line for each analysis."""
    rules = (
        "Each completed dataset was analysed by itself, and the estimates were combined by Rubin's rules "
        f"{see('rubin1987')}: the pooled estimate is their mean, its variance the mean within-imputation variance plus "
        f"1 + 1/m = {1 + 1 / imputed.m:.3f} times the between-imputation variance, and its reference distribution t "
        f"with Rubin's degrees of freedom, adjusted for those of complete data {see('barnard1999')}."
    )
    formulas = {analysis.name: _planned(analysis) for analysis in imputed.plan.analyses}
    lines = [f"{formulas.get(name, code(name))}. {_figures(each)}" for name, each in pooled.items()]
    lines += [f"{text}, as planned; no results were given." for name, text in formulas.items() if name not in pooled]
    lines += [f"{estimand}." for estimand in imputed.plan.estimands]
    return "\n\n".join([rules, *[bullets(lines)] * bool(lines)])


def _planned(analysis: "Analysis") -> str:
    """An analysis of the plan, with the options that are not the usual ones."""
    usual = type(analysis)(name="", formula="").options
    told = [f"{name} {value}" for name, value in analysis.options.items() if value != usual[name] and name != "family"]
    return f"{analysis.name}: {code(analysis.formula)} ({', '.join([analysis.family, *told])})"


def _figures(pooled: Pooled) -> str:
    """Degrees of freedom, missing information, and whether m is enough."""
    df, fmi = pooled.terms["df"], pooled.terms["fmi"]
    low, high = (number(float(x), 4).replace("inf", "infinite") for x in (np.min(df), np.max(df)))
    worst = pooled.terms["term"].iloc[int(np.argmax(fmi))]
    parts = [
        f"m = {pooled.m}",
        f"{100 * pooled.conf_level:g} % intervals",
        f"degrees of freedom {low if low == high else f'{low} to {high}'}",
        f"fraction of missing information up to {np.max(fmi):.3f} ({code(worst)})",
    ]
    return " ".join([f"{'; '.join(parts)}.", pooled.df_note, pooled.m_note, *pooled.messages])
