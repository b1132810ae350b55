"""The answers to one estimand: group by group, from the imputed datasets, the complete cases and the MAR datasets.

:func:`population`, :func:`sample` and :func:`single` turn estimates from tables into one :class:`Answer`; an
:class:`Asked` makes the rows of the table that ``estimate`` returns. To add a version of the answer, extend
:meth:`Asked.rows`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan
from typing import Any

import numpy as np

from bayesimpute.base.errors import PlanError, one
from bayesimpute.checking.estimand_problems import MAX_GROUPS, code_of, number_of
from bayesimpute.estimating import survey
from bayesimpute.estimating.survey import Estimated, SurveyDesign
from bayesimpute.estimating.variables import ALL_ROWS, Groups, Variables
from bayesimpute.plan.options import Estimand
from bayesimpute.pooling import rubin

FIGURES = ("estimate", "std_error", "df", "conf_low", "conf_high", "fmi")
FIXED = ("name", "variable", "statistic", "version", "target", *FIGURES, "n", "n_missing")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the estimates of a group come to; NaN where something does not exist, and a note that says why."""

    estimate: float
    std_error: float = nan
    df: float = nan
    conf_low: float = nan
    conf_high: float = nan
    riv: float = nan
    fmi: float = nan
    note: str = ""


def population(found: Sequence[Estimated], level: float, *, proportion: bool) -> Answer:
    """Rubin's rules for one group; the intervals are described at :func:`bayesimpute.estimating.estimands.estimate`."""
    answer = _without_variance(found)
    if answer is None and proportion:
        answer = _degenerate(found, level)
    if answer is not None:
        return answer
    dfcom = min(e.df for e in found)
    pooled = rubin(np.array([[e.estimate] for e in found]), np.array([[e.variance] for e in found]), dfcom=dfcom)
    answer = _interval(float(pooled.q_bar[0]), float(pooled.std_error[0]), float(pooled.df[0]), level, proportion)
    return replace(answer, riv=float(pooled.riv[0]), fmi=float(pooled.fmi[0]))


def sample(found: Sequence[Estimated], level: float) -> Answer:
    """Mean, standard deviation and quantiles of the m estimates: the posterior of what these rows amount to."""
    values = np.array([e.estimate for e in found])
    if np.isnan(values).any():
        return _empty(found)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    spread = float(np.std(values - values[0], ddof=1))
    return Answer(estimate=float(values.mean()), std_error=spread, conf_low=float(low), conf_high=float(high))


def single(found: Estimated, level: float, *, proportion: bool) -> Answer:
    """The answer from one table: what complete cases give."""
    answer = _without_variance([found])
    if answer is None and proportion:
        answer = _degenerate([found], level)
    if answer is not None:
        return answer
    return _interval(found.estimate, float(np.sqrt(found.variance)), float(found.df), level, proportion)


def _without_variance(found: Sequence[Estimated]) -> Answer | None:
    """The answer where some table has no estimate, or no variance."""
    if any(np.isnan(e.estimate) for e in found):
        return _empty(found)
    if not any(np.isnan(e.variance) for e in found):
        return None
    lonely = min(e.df for e in found) < 1
    note = "it has no two sampling units of one stratum" if lonely else "its rows are too few for this quantile"
    return Answer(estimate=float(np.mean([e.estimate for e in found])), note=f"{note}: no standard error")


def _empty(found: Sequence[Estimated]) -> Answer:
    empty = sum(np.isnan(e.estimate) for e in found)
    where = f" in {empty} of {len(found)} datasets" if len(found) > 1 else ""
    return Answer(estimate=nan, note=f"it has no rows with weight{where}: no estimate")


def _degenerate(found: Sequence[Estimated], level: float) -> Answer | None:
    """A proportion of 0 or 1 throughout has no variance: Clopper & Pearson (1934), sampling units as trials."""
    values = {e.estimate for e in found}
    if not (values == {0.0} or values == {1.0}):
        return None
    units, estimate = min(e.units for e in found), values.pop()
    bound = ((1 - level) / 2) ** (1 / units)
    low, high = (bound, 1.0) if estimate else (0.0, 1 - bound)
    note = f"{'all' if estimate else 'none'} of its rows have the value: exact binomial interval for {units} trials"
    return Answer(
        estimate=estimate, std_error=0.0, df=float(min(e.df for e in found)), conf_low=low, conf_high=high, note=note
    )


def _interval(estimate: float, std_error: float, df: float, level: float, proportion: bool) -> Answer:
    """A t interval; of a proportion on the logit scale, with the standard error of the delta method."""
    from scipy.special import expit, logit, stdtrit

    half = float(stdtrit(df, (1 + level) / 2)) * std_error
    low, high = estimate - half, estimate + half
    if proportion:
        centre, half = logit(estimate), half / (estimate * (1 - estimate))
        low, high = float(expit(centre - half)), float(expit(centre + half))
    return Answer(estimate=estimate, std_error=std_error, df=df, conf_low=low, conf_high=high)


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One estimand of a run.

    Parameters
    ----------
    estimand : Estimand
        Checked.
    variables : Variables
        Of the run.
    mar : Variables or None
        Of the run without selection equations, if it is compared with.
    level : float
        Of the intervals.
    """

    estimand: Estimand
    variables: Variables
    mar: Variables | None
    level: float

    @cached_property
    def design(self) -> SurveyDesign:
        """How the rows were drawn."""
        columns = self.variables.imputed.incomplete.columns
        parts = {part: getattr(self.estimand, part) for part in ("weights", "strata", "clusters")}
        arrays = {part: columns[name].values for part, name in parts.items() if name is not None}
        return SurveyDesign.of(len(self.variables.imputed.incomplete.frame), **arrays)

    @cached_property
    def value(self) -> float:
        """The code whose proportion is wanted."""
        name, value = self.estimand.variable, self.estimand.value
        column = self.variables.imputed.incomplete.columns.get(name)
        if value is None and column is None and not np.isin(self.variables.values(name), (0.0, 1.0)).all():
            finding = f'the derived variable "{name}" has other values than 0 and 1: say which'
            raise one(PlanError, f"estimand[{self.estimand.name}].value", finding, "give the number that is wanted")
        code = 1.0 if value is None else number_of(value) if column is None else code_of(value, column)
        return nan if code is None else code

    def rows(self, by: Sequence[str], notes: list[str]) -> Iterator[dict[str, Any]]:
        """The rows of the table, with a column for each of `by`; what is to be said is added to `notes`."""
        imputed = self.groups(self.variables)
        versions = {"imputed": (self.variables, imputed)}
        if self.mar is not None:
            versions["MAR"] = (self.mar, self.groups(self.mar))
        labels = dict.fromkeys(label for _, groups in versions.values() for label in groups.labels)
        for label in labels:
            found = {name: self.imputed(*run, label) for name, run in versions.items()}
            answers = {"imputed": found.pop("imputed"), "complete cases": self.complete(imputed, label), **found}
            words = " and ".join(f"{n} = {v}" for n, v in zip(self.estimand.by, label, strict=True) if v != ALL_ROWS)
            for version, (answer, n, missing) in answers.items():
                if answer.note:
                    where = ", ".join(filter(None, (version, words)))
                    notes.append(f"estimand[{self.estimand.name}] ({where}): {answer.note}")
                yield self.row(by, label, version, answer) | {"n": n, "n_missing": missing}

    def row(self, by: Sequence[str], label: tuple[Any, ...], version: str, answer: Answer) -> dict[str, Any]:
        """One row but for its counts."""
        e, own = self.estimand, dict(zip(self.estimand.by, label, strict=True))
        target = "population" if version == "complete cases" else e.target
        groups = {f"by_{name}" if name in FIXED else name: own.get(name, ALL_ROWS) for name in by}
        figures = {name: getattr(answer, name) for name in FIGURES}
        first = {"name": e.name, "variable": e.variable, "statistic": e.statistic}
        return {**first, **groups, "version": version, "target": target, **figures}

    def groups(self, variables: Variables) -> Groups:
        """The groups in a run.

        Raises
        ------
        PlanError
            More than can be meant.
        """
        groups = Groups.of(self.estimand.by, variables)
        if len(groups.labels) > MAX_GROUPS + 1:
            finding = f"{' and '.join(groups.by)}: {len(groups.labels) - 1} groups, more than {MAX_GROUPS}"
            raise one(PlanError, f"estimand[{self.estimand.name}].by", finding, "derive a variable with wider groups")
        return groups

    def imputed(self, variables: Variables, groups: Groups, label: tuple[Any, ...]) -> tuple[Answer, float, float]:
        """The answer of a group from m datasets, its rows, and those among them with an imputed value."""
        values, observed = variables.values(self.estimand.variable), variables.observed(self.estimand.variable)
        found, missing = [], []
        for k in range(variables.imputed.m):
            rows = groups.rows(groups.labels.index(label), k) if label in groups.labels else np.zeros_like(observed)
            found.append(self.estimated(values[k % len(values)], rows))
            missing.append(int((rows & ~observed).sum()))
        counts = float(np.mean([e.rows for e in found])), float(np.mean(missing))
        if self.estimand.target == "sample":
            return sample(found, self.level), *counts
        return population(found, self.level, proportion=self.estimand.statistic == "proportion"), *counts

    def complete(self, groups: Groups, label: tuple[Any, ...]) -> tuple[Answer, float, float]:
        """The answer of a group from the rows in which nothing of it was imputed."""
        observed = self.variables.observed(self.estimand.variable)
        rows = (
            groups.known(groups.labels.index(label)) & observed if label in groups.labels else np.zeros_like(observed)
        )
        found = self.estimated(self.variables.values(self.estimand.variable)[0], rows)
        answer = single(found, self.level, proportion=self.estimand.statistic == "proportion")
        return answer, float(found.rows), 0.0

    def estimated(self, values: np.ndarray, rows: np.ndarray) -> Estimated:
        """The statistic of some rows of one table."""
        if self.estimand.statistic == "quantile":
            return survey.quantile(values, self.estimand.probability, design=self.design, domain=rows)
        values = (values == self.value).astype(float) if self.estimand.statistic == "proportion" else values
        return survey.mean(values, self.design, domain=rows)
