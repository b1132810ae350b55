"""Leaving groups of units out by refits: how well a model predicts whole clusters that it was not fitted to.

For each group its values of the variable are taken away, the plan is run anew on what is left, and the group's values
are predicted: log p(y_g | y_-g), the log of the mean over draws of the product of the units' densities. Effects of
clusters that have values in the group only are integrated out
(:mod:`bayesimpute.inspection.effects_integral`), those of clusters that have values elsewhere too are as the draw has
them: so that it does for crossed and nested keys, where leaving out by weights does not, and in chained equations,
whose refits impute the predictors without the group's values, too (the K-fold of Vehtari, Gelman & Gabry 2017,
Statistics and Computing 27:1413, section 2.3, with one fold for each group).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import BayesimputeError, InputError, did_you_mean, one
from bayesimpute.base.phrases import counted as number_of
from bayesimpute.base.phrases import listed
from bayesimpute.base.progress import counted, lasting
from bayesimpute.base.tables import say
from bayesimpute.diagnosis.diagnosis import diagnose
from bayesimpute.inspection.predicted_group import PredictedGroup
from bayesimpute.plan.targets import Step
from bayesimpute.result.result import Result, require_run
from bayesimpute.result.run import impute

SWEEPS = 500
"""Of each chain of a refit, at most: all of them predict."""
MANY = 12
"""Groups that a message names."""


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class LeftOut:
    """How well the values of each group are predicted without them.

    Parameters
    ----------
    target, by : str
        The variable, and the column whose values make the groups.
    table : DataFrame
        By group ``units``, those with a value; ``elpd``, the log predictive density of their values together;
        ``error``, its Monte Carlo error, from the chains; ``converged``, whether the refit was shown to have.
    """

    target: str
    by: str
    table: pd.DataFrame

    @property
    def elpd(self) -> float:
        """The sum over groups: the expected log predictive density of as many new groups."""
        return float(self.table["elpd"].to_numpy().sum())

    @property
    def se(self) -> float:
        """Its standard error, from the spread between groups."""
        each = self.table["elpd"].to_numpy()
        return float(np.sqrt(len(each) * each.var(ddof=1))) if len(each) > 1 else np.nan

    @property
    def error(self) -> float:
        """Its Monte Carlo error."""
        return float(np.sqrt((self.table["error"].to_numpy() ** 2).sum()))

    def __str__(self) -> str:
        head = f"{self.target} of {number_of(len(self.table), 'group')} of {self.by}, each predicted from the others"
        tail = f"elpd {self.elpd:.2f}, standard error {self.se:.2f}, Monte Carlo error {self.error:.2f}"
        return f"{head}\n{self.table.round(2).to_string()}\n{tail}"

    __repr__ = __str__


def leave_out(
    result: Result,
    target: str,
    *,
    by: str,
    groups: Sequence[Any] | None = None,
    seed: int | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> LeftOut:
    """The method of :class:`bayesimpute.imputed.MultiplyImputed`, where parameters and errors stand."""
    require_run(result, "leave groups out of")
    step = _step(result, target)
    chosen = _groups(result, step, by, groups)
    rng_seed = result.seed if seed is None else seed
    rows, begun = [], time.monotonic()
    for place, (label, mine) in enumerate(counted(chosen.items(), total=len(chosen), show=progress, what="refits")):
        if progress and place == 1:
            rest = (time.monotonic() - begun) * (len(chosen) - 1)
            say(f"{target}: a refit for each of {number_of(len(chosen), 'group')} of {by}; {lasting(rest)} to go")
        refit = _refit(result, target, mine, seed=rng_seed, workers=workers, place=f"{by} = {label}")
        predicted = PredictedGroup.of(refit, target, result.incomplete, mine, place=f"{by} = {label}")
        elpd, error = _over_chains(predicted.log_densities(np.random.default_rng([rng_seed, place])))
        there = diagnose(refit).converged is True
        rows.append({by: label, "units": len(mine), "elpd": elpd, "error": error, "converged": there})
    return LeftOut(target=target, by=by, table=pd.DataFrame(rows).set_index(by))


def _step(result: Result, target: str) -> Step:
    """The step of the variable; an error if its values cannot be left out."""
    record = result.record
    if target not in result.targets:
        remedy = did_you_mean(target, result.targets, f"models are of {listed(result.targets)}")
        raise one(InputError, "target", f'"{target}" has no model in the run', remedy)
    step = record.resolved.step(target)
    family, readers = step.lead.family, record.resolved.factors.get(target, ())
    finding, remedy = "", ""
    if not family.density:
        finding, remedy = f'it is imputed by matching ("{family.name}"), which has no density', "take the family itself"
    elif family.selection is not None:
        finding = "a value that is taken away is not one that was not selected"
        remedy = 'leave units or clusters out by weights: posterior(…, ["posterior", "log_likelihood"])'
    elif readers:
        finding, remedy = f"its values are in the models of {listed(readers)}, too", f"ask for {listed(readers)}"
    elif step.lead.adjusting:
        finding, remedy = "what is imputed is adjusted by an assumption", "leave out of the run without adjustments"
    elif len(step.targets) > 1:
        finding, remedy = "it is drawn together with others", "give it a model of its own"
    if finding:
        raise one(InputError, "target", f'values of "{target}" cannot be left out: {finding}', remedy)
    return step


def _groups(result: Result, step: Step, by: str, wanted: Sequence[Any] | None) -> dict[Any, np.ndarray]:
    """By label of the column the rows of the group's units that have a value."""
    frame = result.incomplete.frame
    if by not in frame:
        remedy = did_you_mean(by, frame, f"the columns are {listed(frame, MANY)}")
        raise one(InputError, "by", f'there is no column "{by}"', remedy)
    labels, rows = frame[by], step.lead.fit_rows
    absent = int(np.count_nonzero(labels.isna()))
    if absent:
        finding = f'"{by}" has {number_of(absent, "missing value")}'
        raise one(InputError, "by", finding, "give a column that says of every row to which group it belongs")
    own = labels.iloc[rows].to_numpy()
    found = {label: rows[own == label] for label in pd.unique(labels.iloc[rows])}
    if len(found) < 2:
        finding = f'all values of "{step.lead.name}" are in one group of "{by}"'
        raise one(InputError, "by", finding, "give a column with several groups, such as a cluster key")
    unknown = [label for label in wanted or () if label not in found]
    if wanted is not None and not len(wanted):
        raise one(InputError, "groups", "there is none", "name some, or leave it out for all")
    if unknown:
        finding = f'no unit with a value of "{step.lead.name}" has {by} = {listed(map(str, unknown), MANY)}'
        raise one(InputError, "groups", finding, f"they are {listed(map(str, found), MANY)}")
    return found if wanted is None else {label: found[label] for label in wanted}


def _refit(result: Result, target: str, rows: np.ndarray, *, seed: int, workers: int | None, place: str) -> Result:
    """The run without values of the variable, each of whose sweeps is kept."""
    plan, incomplete = result.plan, result.incomplete
    sweeps = min(plan.run.sweeps, SWEEPS) if isinstance(plan.run.sweeps, int) else SWEEPS
    settings = {"sweeps": sweeps, "m": plan.run.chains * sweeps}
    alone = replace(plan.with_run(**settings), analyses=(), estimands=())
    frame, gone = incomplete.frame.copy(), np.zeros(len(incomplete.frame), dtype=bool)
    gone[_whole_units(result, target, rows)] = True
    frame[target] = frame[target].mask(gone)
    try:
        return impute(frame, alone, seed=seed, workers=workers, progress=False)
    except BayesimputeError as error:
        first = getattr(error, "problems", (error,))[0]
        finding = f"without the values of {place} the plan cannot be run: {getattr(first, 'finding', first)}"
        raise one(InputError, "by", finding, "name other groups, or make larger ones") from error


def _whole_units(result: Result, target: str, rows: np.ndarray) -> np.ndarray:
    """All rows of the units that have a row among these."""
    units = result.record.resolved.target(target).unit_of_row
    return np.flatnonzero(np.isin(units, units[rows]))


def _over_chains(logs: Mapping[int, np.ndarray]) -> tuple[float, float]:
    """The log of the mean of densities, by chain (draw,), and its Monte Carlo error from the chains."""
    each = np.array([logsumexp(values) - np.log(len(values)) for values in logs.values()])
    whole = float(logsumexp(each) - np.log(len(each)))
    if len(each) == 1 or not np.isfinite(whole):
        return whole, np.nan
    return whole, float(np.exp(each - whole).std(ddof=1) / np.sqrt(len(each)))
