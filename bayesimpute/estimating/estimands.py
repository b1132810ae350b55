"""Estimands: means, proportions and quantiles by groups, pooled over the completed datasets, beside what they replace.

Every answer names its **target**. ``population``: the rows are a sample, and the answer is about where they come from;
each dataset gives an estimate with a variance linearised for the survey's design
(:mod:`bayesimpute.estimating.survey`), and Rubin's rules combine them. ``sample``: the answer is about these rows; the
m estimates are draws from its posterior. Their spread leaves out that other rows could have been sampled, so it is not
comparable with published intervals.

Beside the imputed answer stand those that it replaces: the complete cases, and on request (``compare = "mar"``) the
same plan without its selection equations, which is imputed anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import DataError, FormulaError, PlanError, did_you_mean, errors, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.tables import short, shown
from bayesimpute.checking import estimand_problems as checks
from bayesimpute.checking.plan_alone import read_plan
from bayesimpute.diagnosis.diagnosis import diagnose
from bayesimpute.estimating.estimand_rows import cautions, grouped, rows
from bayesimpute.estimating.grouped_run import counted, usable
from bayesimpute.families import FAMILIES, Family
from bayesimpute.formulas import parse
from bayesimpute.plan.adjusted import expression_of
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.fixed import assumed_in
from bayesimpute.plan.held_options import named_in
from bayesimpute.plan.options import Estimand, takes
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import indicated
from bayesimpute.result.result import Result, require_run

__all__ = ["Estimates", "estimate", "without_selection"]


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class Estimates:
    """Pooled estimates of some estimands, by group and version.

    Parameters
    ----------
    m : int
        Number of completed datasets.
    conf_level : float
        Level of the intervals.
    estimands : tuple of Estimand
        What was asked.
    table : DataFrame
        One row an estimand, group and version: ``name, variable, statistic``, a column for each variable of ``by``
        ("all rows" where a row is not split by it; called ``by_n`` where another column has its name), ``version``
        ("imputed", "complete cases", "MAR"), ``target``, ``estimate, std_error, df, conf_low, conf_high, fmi``,
        ``method`` (how the interval was made), and the rows that the estimate is made from, ``n``, with those whose
        value was imputed, ``n_missing`` (means over the datasets, where groups are imputed). What does not exist is
        NaN; ``messages`` say why.
    messages : tuple of str
        What the reader should know.
    """

    m: int
    conf_level: float
    estimands: tuple[Estimand, ...]
    table: pd.DataFrame
    messages: tuple[str, ...] = ()

    def to_json_dict(self) -> dict[str, Any]:
        """Plain values for ``json.dumps``; what does not exist is None."""
        from bayesimpute.base.tables import records

        rows, messages = records(self.table), list(self.messages)
        return {"m": self.m, "conf_level": self.conf_level, "estimates": rows, "messages": messages}

    @property
    def title(self) -> str:
        """What was asked, one line an estimand."""
        first = f"Estimates from m = {self.m} completed datasets ({100 * self.conf_level:g} % intervals)"
        return "\n".join([first, *map(str, self.estimands)])

    def __str__(self) -> str:
        table = shown(self.table).to_string(index=False, float_format=short, na_rep="")
        return "\n".join([self.title, table, *self.messages])


@typed
@takes(Estimand)
def estimate(
    imputed: Result,
    estimand: Estimand | str | None = None,
    *,
    variable: str | None = None,
    conf_level: float = 0.95,
    mar: Result | None = None,
    workers: int | None = None,
    progress: bool = True,
    **settings: Any,
) -> Estimates:
    """A mean, proportion or quantile, by groups and with survey weights, pooled over the completed datasets.

    For ``target = "population"`` Rubin's rules with the degrees of freedom of Barnard & Rubin (1999), whose
    complete-data value is sampling units less strata; where fewer than five of these, and less than half, are observed
    (a cluster without any observed value, say), the posterior mixture of :mod:`bayesimpute.pooling.two_parts`. A pooled
    proportion is the arithmetic mean p of the m proportions; its interval is symmetric on the logit scale,
    expit(logit p ∓ t(df) se / (p (1 − p))), so that it stays inside (0, 1). A proportion of 0 or 1 in all datasets has
    the exact binomial interval of Clopper & Pearson (1934) for as many trials as sampling units. For ``target =
    "sample"`` the mean, standard deviation and equal-tailed quantiles of the m values.

    Parameters
    ----------
    imputed : MultiplyImputed
        A finished run.
    estimand : Estimand or str, optional
        One, or the name of one of the plan; with neither this nor `variable`, all those of the plan.
    variable, statistic, value, probability, by, weights, strata, clusters, target, compare
        The fields of an :class:`~bayesimpute.plan.options.Estimand`, which is called by its variable.
    conf_level : float
        Level of the intervals, between 0 and 1.
    mar : MultiplyImputed, optional
        The answer to ``compare = "mar"``, made before from ``without_selection(imputed.plan)``; otherwise it is imputed
        now, with the run settings and the seed of `imputed`.
    workers, progress
        Of that run, as for :func:`bayesimpute.impute`.

    Returns
    -------
    Estimates

    Raises
    ------
    PlanError
        With every problem of the estimands with the data.
    DataError
        If `mar` is not a run on the same data.
    AnalysisError
        Fewer than two datasets, or `conf_level` out of range.
    BayesimputeError
        If the run was stopped before its end.
    """
    fields = {"variable": variable, **settings}
    chosen = _chosen(imputed.plan, estimand, {k: v for k, v in fields.items() if v is not None})
    usable(imputed, conf_level)
    messages = _checked(imputed, chosen)
    comparing = any(e.compare for e in chosen)
    if mar is not None and not comparing:
        raise one(PlanError, "mar", "no estimand is compared with it", 'ask for compare = "mar"')
    twin = {}
    if comparing:
        twin = {"MAR": _ignorable(imputed, workers, progress) if mar is None else _same_data(imputed, mar)}
        messages.append(_about(twin["MAR"]))
    asked = []
    for e in chosen:
        runs = {"imputed": imputed, **(twin if e.compare else {})}
        asked.append((e, {version: grouped(e, run, conf_level) for version, run in runs.items()}))
        messages += cautions(e, asked[-1][1]["imputed"])
    by = tuple(dict.fromkeys(name for e in chosen for name in e.by))
    table = pd.DataFrame([row for e, runs in asked for row in rows(e, runs, by, messages)])
    return Estimates(
        m=imputed.m,
        conf_level=conf_level,
        estimands=chosen,
        table=counted(table, "n", "n_missing"),
        messages=tuple(dict.fromkeys(messages)),
    )


def without_selection(plan: Plan) -> Plan:
    """The same plan with each selection family replaced by its ignorable twin, which takes values as MAR.

    Formulas of parameters that the twin does not have go, and the priors that belong to them; so do models of
    ``observed(y)`` and ``dropout(y)``, assumptions that nothing else reads, and what the estimands compare. Everything
    else stays, so that two answers differ in the selection equations alone.
    """
    outcomes = tuple(m for m in plan.substantive if indicated(m.target) is None)
    found = replace(plan, substantive=outcomes).with_models(_ignoring)
    if found != plan:
        read = _assumed(found)
        gone = {a.name for a in plan.assumptions} & _assumed(plan) - read
        kept = (a for a in plan.assumptions if a.name not in gone)
        found = replace(found, assumptions=tuple(replace(a, correlation=_without(a, gone)) for a in kept))
    return replace(found, estimands=tuple(replace(e, compare="") for e in plan.estimands))


def _assumed(plan: Plan) -> frozenset[str]:
    """What the models and adjustments of a plan read and may be assumptions."""
    shifts = (expression_of(a).names for a in plan.adjustments)
    return assumed_in(plan.models).union(named_in(plan.models), *shifts)


def _without(assumption: Assumption, gone: set[str]) -> dict[str, float]:
    return {name: r for name, r in assumption.correlation.items() if name not in gone}


def _ignoring(conditional: Conditional) -> Conditional:
    family = conditional.family
    if not isinstance(family, Family):
        if family not in FAMILIES:  # "auto" is ordinary
            return conditional
        family = FAMILIES[family]()
    twin = family.mar()
    if twin == family:
        return conditional
    kept = {p.name for p in twin.parameters}
    whole = family if family.selection is None else family.selection.in_doubt
    gone = {p.name for p in whole.parameters} - kept
    formulas = {name: text for name, text in conditional.formulas.items() if name in kept}
    # effects of mu and selection by the same key are correlated, also where each has an intercept alone
    joint = [text for name, text in conditional.formulas.items() if name in {"mu", *gone}]
    lost = gone | (_correlations(joint) - _correlations([formulas.get("mu", "")]))
    priors = {
        name: prior
        for name, prior in conditional.priors.items()
        if name not in lost and not any(name.startswith(f"{parameter}_") for parameter in gone)
    }
    return replace(conditional, family=twin, formulas=formulas, priors=priors)


def _correlations(formulas: Iterable[str]) -> set[str]:
    """The names of priors of correlations among the effects that formulas have by one key: from two effects on."""
    effects: dict[str, list[str]] = {}
    for text in formulas:
        try:
            for group in parse(text).groups:
                effects.setdefault(group.factor, []).append(group.expression)
        except FormulaError:  # which ``check`` reports
            continue
    return {f"{factor}_corr" for factor, found in effects.items() if len(found) > 1 or found[0].strip() != "1"}


def _chosen(plan: Plan, estimand: Estimand | str | None, fields: dict[str, Any]) -> tuple[Estimand, ...]:
    """What is asked for."""
    if estimand is not None and fields:
        finding = f"both an estimand and {', '.join(fields)} are given"
        raise one(PlanError, "estimand", finding, "give one of the two")
    if fields and "variable" not in fields:
        raise one(PlanError, "variable", f"{', '.join(fields)} without a variable", "name the variable")
    if fields:
        return (Estimand(name=fields["variable"], **fields),)
    if isinstance(estimand, str):
        names = [e.name for e in plan.estimands]
        if estimand not in names:
            remedy = did_you_mean(estimand, names, f"it has {listed(names, 12) or 'none'}")
            raise one(PlanError, "estimand", f'the plan has no estimand "{estimand}"', remedy)
        return (plan.estimands[names.index(estimand)],)
    if estimand is None and not plan.estimands:
        remedy = "name a variable, or add an [[estimand]] to the plan"
        raise one(PlanError, "estimand", "the plan has no estimand, and no variable is given", remedy)
    return plan.estimands if estimand is None else (estimand,)


def _checked(imputed: Result, chosen: tuple[Estimand, ...]) -> list[str]:
    """The warnings; errors are raised."""
    read, _ = read_plan(replace(imputed.plan, estimands=chosen))
    problems = [*checks.alone(read), *checks.problems(read, imputed.incomplete)]
    if errors(problems):
        raise PlanError(problems)
    return [f"{problem.severity}: {problem}" for problem in problems]


def _ignorable(imputed: Result, workers: int | None, progress: bool) -> Result:
    """The run without selection equations: as many chains, sweeps and datasets, from the same seed."""
    from bayesimpute.result.run import impute

    require_run(imputed, "impute as missing at random")
    plan, schedule = without_selection(imputed.plan), imputed.record.schedule
    plan = plan.with_run(m=schedule.m, warmup=schedule.base, sweeps=schedule.sweeps)
    return impute(imputed.incomplete.frame, plan, seed=imputed.seed, workers=workers, progress=progress)


def _same_data(imputed: Result, mar: Result) -> Result:
    if not mar.incomplete.frame.equals(imputed.incomplete.frame):
        raise one(DataError, "mar", "it was made from other data", "impute these data by without_selection(plan)")
    if any(c != _ignoring(c) for c in mar.plan.models):
        raise one(DataError, "mar", "its plan has selection equations", "impute by without_selection(plan)")
    usable(mar, 0.5)
    return mar


def _about(mar: Result) -> str:
    """How the MAR answer came about, and whether its chains have converged."""
    text = f"MAR: m = {mar.m} datasets imputed without the selection equations (seed {mar.seed})"
    found = diagnose(mar)
    return f"{text}." if found.converged is True else f"warning: {text}: {found.summary.splitlines()[0]}"
