"""What is asked of each point of a grid: an analysis, an estimand or a function, as lines with pooled figures.

A :class:`Line` keeps the m estimates behind its figures, so that points can be held against each other with their
Monte Carlo errors: the same imputation at two points has the same parameters and random numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan
from typing import Any

import numpy as np

from bayesimpute.analysis import model_of
from bayesimpute.base.errors import InputError, PlanError, did_you_mean, errors, one
from bayesimpute.base.phrases import listed
from bayesimpute.checking import estimand_problems as checks
from bayesimpute.checking.plan_alone import read_plan
from bayesimpute.estimating.estimand_rows import BY_NAME, grouped, option_of
from bayesimpute.estimating.group_estimates import Answer, Seen, sample
from bayesimpute.plan.options import Analysis, Estimand
from bayesimpute.plan.plan import Plan
from bayesimpute.pooling import Analyses, analyses_of, rubin
from bayesimpute.result.result import Result
from bayesimpute.sensitivity.analysing_again import AnalysingAgain

Asked = Analysis | Estimand | Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One pooled figure at one point.

    Parameters
    ----------
    label : mapping of str to object
        Which term, or which group.
    values : ndarray, shape (imputation,)
        The estimates of the completed datasets.
    answer : Answer
        What they pool to.
    again : callable
        The same from some of the datasets.
    """

    label: Mapping[str, Any]
    values: np.ndarray
    answer: Answer
    again: Callable[[np.ndarray], Answer]

    @property
    def mc_error(self) -> float:
        """Of the estimate: √(B / m)."""
        return float(self.values.std(ddof=1) / np.sqrt(len(self.values)))

    def figures(self) -> dict[str, float]:
        """For a table."""
        a = self.answer
        p = _p_value(a)
        found = {"estimate": a.estimate, "std_error": a.std_error, "df": a.df, "p_value": p}
        return {**found, "conf_low": a.conf_low, "conf_high": a.conf_high, "fmi": a.fmi, "mc_error": self.mc_error}

    def difference(self, other: "Line") -> tuple[float, float]:
        """From another line of the same imputations, with its Monte Carlo error."""
        gap = self.values - other.values
        found = self.answer.estimate - other.answer.estimate
        return found, float(gap.std(ddof=1) / np.sqrt(len(gap)))


def _p_value(a: Answer) -> float:
    from scipy import stats

    if not a.std_error > 0:
        return nan
    df = np.inf if np.isnan(a.df) else a.df
    return float(2 * stats.t.sf(abs(a.estimate / a.std_error), df))


def asked(of: Any, plan: Plan, options: Mapping[str, Any]) -> tuple[str, Asked]:
    """What is asked, with a name for it.

    Raises
    ------
    InputError
        If there is nothing of that name, or several and none is named.
    """
    if options and not (isinstance(of, str) and "~" in of):
        finding = f"{listed(options)} {'goes' if len(options) == 1 else 'go'} with a formula"
        raise one(InputError, next(iter(options)), finding, "leave it out, or write the formula itself")
    known: dict[str, Any] = {**{e.name: e for e in plan.estimands}, **{a.name: a for a in plan.analyses}}
    if of is None:
        if len(known) != 1:
            names = f"the plan has {listed(known)}" if known else "the plan has neither an analysis nor an estimand"
            raise one(InputError, "of", f"it is not said what to look at: {names}", 'write of="y ~ x" or of="main"')
        of = next(iter(known))
    if isinstance(of, Analysis | Estimand):
        return of.name, of
    if callable(of):
        return getattr(of, "__name__", "function"), of
    if isinstance(of, str) and of in known:
        return of, known[of]
    if isinstance(of, str) and "~" in of:
        return str(of), Analysis(name=str(of), formula=str(of), **options)
    remedy = did_you_mean(str(of), known, f"they are {listed(known) or 'none'}; a formula has ~")
    raise one(InputError, "of", f'the plan has no analysis or estimand "{of}"', remedy)


@dataclass(frozen=True, eq=False)
class Answering:
    """What is asked of one run after another, on the same data.

    Parameters
    ----------
    what : Analysis, Estimand or callable
        The question.
    term : str or None
        The term that matters, or an expression.
    level : float
        Of the intervals.
    workers : int
        Processes that share the datasets.
    """

    what: Asked
    term: str | None
    level: float
    workers: int

    @cached_property
    def _again(self) -> AnalysingAgain:
        assert isinstance(self.what, Analysis)
        return AnalysingAgain(self.what.formula, self.what, self.workers)

    def lines(self, result: Result) -> list[Line]:
        """The pooled figures of a run."""
        if isinstance(self.what, Estimand):
            return list(_of_groups(self.what, result, self.level))
        if isinstance(self.what, Analysis):
            return list(_of_terms(self._again.of(result), self.term, self.level))
        options = {"chains": result.record.schedule.chains, "total": result.m, "workers": self.workers}
        return list(
            _of_terms(analyses_of(result.as_observed, self.what, progress=False, **options), self.term, self.level)
        )


def _of_terms(found: Analyses, term: str | None, level: float) -> Iterator[Line]:
    if term is not None and term not in found.estimates[0].terms:
        if "[" not in term or ("b[" not in term and term not in found.estimates[0].terms):
            known = found.estimates[0].terms
            remedy = did_you_mean(term, known, f"they are {listed(known)}; or write b[x] + b[x:z]")
            raise one(InputError, "term", f'the analysis has no term "{term}"', remedy)
        found = found.derive({term: term})
    estimates = found.estimates
    for place, name in enumerate(estimates[0].terms):
        if term is None or name == term:
            q = np.array([e.estimates[place] for e in estimates])
            u = np.array([np.asarray(e.covariance)[place, place] for e in estimates])
            df = min(float(np.broadcast_to(e.dfcom, len(e.terms))[place]) for e in estimates)
            yield _line({"term": name}, q, u, df, level)


def _line(label: Mapping[str, Any], q: np.ndarray, u: np.ndarray, df: float, level: float) -> Line:
    def pooled(kept: np.ndarray) -> Answer:
        p = rubin(q[kept, np.newaxis], u[kept, np.newaxis], dfcom=df)
        low, high = p.interval(level)
        return Answer(
            estimate=float(p.q_bar[0]),
            std_error=float(p.std_error[0]),
            df=float(p.df[0]),
            conf_low=float(low[0]),
            conf_high=float(high[0]),
            riv=float(p.riv[0]),
            fmi=float(p.fmi[0]),
        )

    return Line(label=label, values=q, answer=pooled(np.arange(len(q))), again=pooled)


def _of_groups(estimand: Estimand, result: Result, level: float) -> Iterator[Line]:
    statistic, run = BY_NAME[estimand.statistic], grouped(estimand, result, level)
    option, pool = option_of(estimand, run.variables), sample if estimand.target == "sample" else statistic.pool
    names = (estimand.variable,)
    for label in run.groups.labels:
        group = run.groups.place(label)
        found, seen = run.each(group, names, statistic.of, *option), Seen(df=run.seen(group, names).df)

        def pooled(kept: np.ndarray, found: list[Any] = found, seen: Seen = seen) -> Answer:
            return pool([found[int(k)] for k in kept], level, seen)

        yield Line(
            label=dict(zip(estimand.by, label, strict=True)),
            values=np.array([e.estimate for e in found]),
            answer=pooled(np.arange(len(found))),
            again=pooled,
        )


def checked(what: Asked, result: Result) -> None:
    """Stop before anything is made where an estimand does not fit the data, or a formula cannot be read.

    Raises
    ------
    PlanError, FormulaError, AnalysisError
    """
    if isinstance(what, Analysis):
        model_of(what.formula, **what.options)
    if isinstance(what, Estimand):
        read, _ = read_plan(replace(result.plan, estimands=(what,)))
        problems = [*checks.alone(read), *checks.problems(read, result.incomplete)]
        if errors(problems):
            raise PlanError(problems)


def chosen(found: Sequence[Line]) -> Line | None:
    """The line whose tipping point is wanted, if there is one: that of a term, or of all rows."""
    if len(found) == 1:
        return found[0]
    return next((line for line in found if "term" not in line.label), None)
