"""The rows of one estimand: group by group, from the imputed datasets, the complete cases and the MAR datasets.

To add a version of the answer, extend :func:`rows`.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import nan
from typing import Any

import numpy as np

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.phrases import listed
from bayesimpute.checking.estimand_problems import STATISTICS, code_of, number_of
from bayesimpute.estimating.descriptive_tables import TABLES
from bayesimpute.estimating.group_estimates import FIGURES, Seen, sample
from bayesimpute.estimating.grouped_run import GroupedRun, group_column
from bayesimpute.estimating.statistic import Statistic
from bayesimpute.estimating.variables import ALL_ROWS, Variables
from bayesimpute.plan.options import Estimand
from bayesimpute.result.result import Result

FEW = 100
"""Datasets below which the ends of an interval that are quantiles of m values are rough."""
OWN = tuple(name for name in FIGURES if name != "riv")
FIXED = ("name", "variable", "statistic", "version", "target", *OWN, "n", "n_missing")
BY_NAME = {statistic.name: statistic for statistic in TABLES.values() if isinstance(statistic, Statistic)}


def grouped(estimand: Estimand, run: Result, level: float) -> GroupedRun:
    """A run with the groups and the survey design of an estimand."""
    parts = {part: getattr(estimand, part) for part in ("by", "weights", "strata", "clusters")}
    return GroupedRun(variables=Variables(run), level=level, path=f"estimand[{estimand.name}].by", **parts)


def cautions(estimand: Estimand, run: GroupedRun) -> Iterator[str]:
    """What the reader should know before all figures."""
    path, imputed = f"estimand[{estimand.name}]", run.variables.imputed
    if estimand.target == "sample":
        yield (
            f"{path}: the posterior of these rows' {estimand.statistic}; its spread leaves out the sampling variance "
            "and is not comparable with published intervals"
        )
        if imputed.m < FEW:
            finding = f"{path}: the ends of its interval are quantiles of m = {imputed.m} values and rough"
            yield f"{finding}; impute with m = {FEW} or more"
    single = run.design.single
    if len(single) and run.strata is not None:
        codes = np.unique(imputed.incomplete.columns[run.strata].values)[single]
        shown = listed(run.variables.label(run.strata, code) for code in codes)
        yield (
            f"{path}: strata with a single sampling unit are centred at the mean of all units, which gives too large "
            f"a variance rather than too small a one: {shown}"
        )


def rows(
    estimand: Estimand, runs: Mapping[str, GroupedRun], by: Sequence[str], notes: list[str]
) -> Iterator[dict[str, Any]]:
    """The rows of the table, with a column for each of `by`; what is to be said is added to `notes`.

    Parameters
    ----------
    estimand : Estimand
        Checked.
    runs : mapping of str to GroupedRun
        The run as ``imputed``, and as ``MAR`` the one without selection equations, if it is compared with.
    """
    statistic, names, run = BY_NAME[estimand.statistic], (estimand.variable,), runs["imputed"]
    labels = dict.fromkeys(label for each in runs.values() for label in each.groups.labels)
    option = option_of(estimand, run.variables)
    pool = sample if estimand.target == "sample" else statistic.pool
    for label in labels:
        answers = {}
        for version, each in runs.items():
            group, seen = each.groups.place(label), each.observed(names)
            found = each.each(group, names, statistic.of, *option)
            rows = Seen(df=each.seen(group, names).df)
            answers[version] = pool(found, each.level, rows), *each.counts(group, np.ones_like(seen), ~seen)
            if version == "imputed":
                complete = run.complete(group, names)
                cases = statistic.of(run.variables.values(*names)[0], *option, design=run.design, domain=complete)
                answers["complete cases"] = statistic.pool([cases], run.level, Seen()), float(cases.rows), 0.0
        own = dict(zip(estimand.by, label, strict=True))
        groups = {group_column(name, FIXED): own.get(name, ALL_ROWS) for name in by}
        first = {"name": estimand.name, "variable": estimand.variable, "statistic": estimand.statistic, **groups}
        for version, (answer, n, missing) in answers.items():
            if answer.note:
                where = ", ".join(filter(None, (version, run.where(label))))
                notes.append(f"estimand[{estimand.name}] ({where}): {answer.note}")
            target = "population" if version == "complete cases" else estimand.target
            figures = {name: getattr(answer, name) for name in OWN}
            yield {**first, "version": version, "target": target, **figures, "n": n, "n_missing": missing}


def option_of(estimand: Estimand, variables: Variables) -> tuple[float, ...]:
    """What the statistic is told beside the values: a probability, or the code whose proportion is wanted."""
    name, value, reads = estimand.variable, estimand.value, STATISTICS[estimand.statistic].reads
    if reads != "value":
        return () if reads is None else (getattr(estimand, reads),)
    column = variables.imputed.incomplete.columns.get(name)
    if value is None and column is None and variables.kind(name) != "binary":
        finding = f'the derived variable "{name}" has other values than 0 and 1: say which'
        raise one(PlanError, f"estimand[{estimand.name}].value", finding, "give the number that is wanted")
    code = 1.0 if value is None else number_of(value) if column is None else code_of(value, column)
    return (nan if code is None else code,)
