"""How much of an answer's total variance the priors of assumptions make.

A shift with a prior has one draw an imputation, so that its spread is part of Rubin's variance between imputations. The
part is that of the differences, imputation by imputation, between the answer at the draw and at the prior's mean, with
the same parameters and random numbers: to first order in the shift Var(δ) (dQ/dδ)², which is the variance between less
that at the prior's mean, without the noise of their covariance, whose expectation is 0 for draws of a prior that know
of nothing else. Of linear analyses it is so exactly, with the variance of the m draws for Var(δ).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import InputError, one
from bayesimpute.base.phrases import listed
from bayesimpute.plan.plan import Plan
from bayesimpute.pooling import Analyses, Pooled
from bayesimpute.result.result import Result, require_run
from bayesimpute.sensitivity.answers import Answering, asked, checked
from bayesimpute.sensitivity.points import Points

TOLD = 0.005
"""Shares below this are none."""


def prior_share(
    result: Result,
    of: Any = None,
    *,
    term: str | None = None,
    refit: bool = True,
    workers: int | None = None,
    **options: Any,
) -> pd.DataFrame:
    """The share of the total variance that the priors of assumptions add, by term or group.

    Parameters
    ----------
    result : Result
        A finished run.
    of, term, **options
        What is asked of it, as of ``MultiplyImputed.sensitivity``.
    refit : bool
        Whether chains may go on, which is needed where other variables follow the shifted values.
    workers : int, optional
        As for :func:`bayesimpute.impute`.

    Returns
    -------
    DataFrame
        Columns ``term`` (or the groups), ``variance`` (that the priors add to the total variance, (1 + 1/m) times their
        part of the variance between, in squared units of the estimate), ``share`` (of the total variance).

    Raises
    ------
    InputError
        If no assumption of the plan has a prior, or chains would have to go on and may not.
    """
    require_run(result, "vary")
    plan = result.plan
    if not drawn(plan):
        raise one(InputError, "plan", "no assumption has a prior", 'give one: prior = "Normal(0, 1)"')
    _, what = asked(of, plan, options)
    checked(what, result)
    points = Points(result=result, plan=plan, base="", refit=refit, seed=result.seed, workers=workers)
    found = rows(points, {}, Answering(what, term, 0.95, workers or 1))
    if found is None:
        finding = "other variables follow the shifted values, and at the prior's mean chains would have to go on"
        raise one(InputError, "refit", finding, "give refit=True")
    return pd.DataFrame(found)


def drawn(plan: Plan, varied: Iterable[str] = ()) -> tuple[str, ...]:
    """The names of the assumptions of which each imputation has a draw."""
    return tuple(a.name for a in plan.assumptions if a.prior is not None and a.name not in {*varied})


def rows(points: Points, point: Mapping[str, float], answering: Answering) -> list[dict[str, Any]] | None:
    """The lines of :func:`prior_share` at a point of a grid; None where it needs a refit."""
    _, run = points.at(point)
    middle = points.at_means(point)
    if run is None or middle is None:
        return None
    found, at_mean = (answering.lines(each) for each in (run, middle))
    pairs = zip(found, at_mean, strict=True)
    return [{**a.label, **_figures(a.values, b.values, a.answer.std_error**2)} for a, b in pairs]


def applied(result: Result) -> Result | None:
    """A run with its assumptions at the means of their priors; None where chains would have to go on."""
    if result.of_new_rows or not result.record.finished:
        return None
    return Points(result=result, plan=result.plan, base="", refit=False, seed=result.seed, workers=None).at_means({})


def of_terms(found: Analyses, at_mean: Analyses, pooled: Pooled) -> list[dict[str, Any]]:
    """The lines of :func:`prior_share` from the analyses of a run and of the same at the means of the priors."""
    a, b = (np.array([each.estimates for each in analyses.estimates]) for analyses in (found, at_mean))
    terms, totals = pooled.terms["term"], np.diag(pooled.covariance)
    return [{"term": name, **_figures(a[:, k], b[:, k], totals[k])} for k, name in enumerate(terms)]


def _figures(values: np.ndarray, at_mean: np.ndarray, total: float) -> dict[str, float]:
    variance = (1 + 1 / len(values)) * float(np.var(values - at_mean, ddof=1))
    return {"variance": variance, "share": variance / total if total > 0 else np.nan}


def told(found: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str | None:
    """A sentence, if there is something to say."""
    parts = [f"{row['share']:.0%} of that of {_label(row)}" for row in found if row["share"] >= TOLD]
    what = f"the prior of {names[0]} makes" if len(names) == 1 else f"the priors of {listed(names)} make"
    return f"of the total variance {what} {listed(parts)}" if parts else None


def _label(row: Mapping[str, Any]) -> str:
    labels = [f"{v}" for k, v in row.items() if k not in {"variance", "share"}]
    return " x ".join(labels) or "the estimate"
