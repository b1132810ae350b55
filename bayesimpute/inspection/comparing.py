"""Two imputation models of one variable, compared by how well they predict the values that were observed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import InputError, did_you_mean, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.xarray_frames import safe_names
from bayesimpute.inspection.arviz_groups import HEURISTIC, arviz_groups
from bayesimpute.result.result import Result

WHAT_IT_SAYS = (
    "This is about values that were observed, each predicted by a model that was not fitted to it. It says nothing of "
    "how missing values differ from observed ones: models at random and not at random can predict the observed values "
    "alike and impute others."
)
ONLY_HEURISTIC = (
    "Of {names} leaving a value out by weights is a heuristic, for predictors were imputed by chained equations; units "
    "whose predictors are all observed were compared."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelComparison:
    """What :func:`compare_models` found.

    Parameters
    ----------
    table : DataFrame
        By group (the first, "", is all units) and model: number of ``units``; ``elpd``, the expected log predictive
        density of a new value, summed over these units, with its standard error ``se``; ``difference`` from the best
        model of the group with ``se_difference``, that of paired differences; ``unsure``, the units for which the
        Pareto-smoothed weights cannot be relied on (k above ArviZ's threshold).
    note : str
        What the numbers say and what not.
    """

    table: pd.DataFrame
    note: str

    def __str__(self) -> str:
        return f"{self.table.round(2).to_string()}\n\n{self.note}"

    __repr__ = __str__


@typed_after
def compare_models(runs: Mapping[str, Result], *, target: str, by: str | None = None) -> ModelComparison:
    """Compare imputation models of a variable by the expected log predictive density of its observed values.

    By Pareto-smoothed importance-sampling leave-one-out cross-validation (Vehtari, Gelman & Gabry 2017, Statistics and
    Computing 27:1413). Of a selection model it is the density of a value given that it was observed, so that it can
    stand beside one that takes values as missing at random.

    Parameters
    ----------
    runs : mapping of str to MultiplyImputed
        At least two, by name, on the same data; each run with ``keep=[target]``.
    target : str
        The variable.
    by : str, optional
        A column of the data: the comparison for each of its values too.

    Returns
    -------
    ModelComparison

    Raises
    ------
    InputError
        If there are fewer than two runs, the units or values differ, or a run has not kept what is needed.
    """
    if len(runs) < 2:
        raise one(InputError, "runs", f"there is {counted(len(runs), 'run')}", "give at least two, by name")
    for name, run in runs.items():
        if target not in run.targets:
            remedy = did_you_mean(target, run.targets, f"models are of {listed(run.targets)}")
            raise one(InputError, "target", f'"{target}" has no model in the run "{name}"', remedy)
    trees = {
        name: arviz_groups(run, target, ("posterior", "observed_data", "log_likelihood")) for name, run in runs.items()
    }
    _require_same(trees, target)
    groups = _groups(next(iter(runs.values())), trees, target, by)
    variable = safe_names([target])[target]
    found = {name: _pointwise(tree, variable) for name, tree in trees.items()}
    tables = [_table(group, {name: p.loc[mask] for name, p in found.items()}) for group, mask in groups.items()]
    weak = [name for name, tree in trees.items() if tree.attrs["leaving_out"] == HEURISTIC]
    note = WHAT_IT_SAYS + (f" {ONLY_HEURISTIC.format(names=listed(weak))}" if weak else "")
    return ModelComparison(table=pd.concat(tables).set_index(["group", "model"]), note=note)


def _require_same(trees: Mapping[str, xr.DataTree], target: str) -> None:
    first, *others = ((name, tree["observed_data"][safe_names([target])[target]]) for name, tree in trees.items())
    for name, values in others:
        if values.sizes != first[1].sizes or not np.array_equal(values["__obs__"], first[1]["__obs__"]):
            finding = f'"{first[0]}" and "{name}" have other units: {first[1].size} and {values.size} of "{target}"'
            remedy = "compare runs on the same data in which the same predictors are observed"
        elif not np.allclose(values, first[1]):
            finding, remedy = (
                f'values of "{target}" differ between "{first[0]}" and "{name}"',
                "compare runs on one data set",
            )
        else:
            continue
        raise one(InputError, "runs", finding, remedy)


def _pointwise(tree: xr.DataTree, variable: str) -> pd.DataFrame:
    """By unit the log predictive density, and whether the weights are unsure."""
    import warnings

    from arviz_stats.loo import loo

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how many there are stands in the table
        found: Any = loo(tree, var_name=variable, pointwise=True)
    unsure = np.asarray(found.pareto_k) > found.good_k
    return pd.DataFrame({"elpd": np.asarray(found.elpd_i), "unsure": unsure})


def _groups(run: Result, trees: Mapping[str, xr.DataTree], target: str, by: str | None) -> dict[str, np.ndarray]:
    units = next(iter(trees.values()))["observed_data"].to_dataset()["__obs__"].values
    groups = {"": np.ones(len(units), dtype=bool)}
    if by is None:
        return groups
    frame = run.incomplete.frame
    if by not in frame:
        raise one(InputError, "by", f'there is no column "{by}"', f"the columns are {listed(frame, 12)}")
    level = run.record.resolved.target(target).level
    labels = frame.index if level is None else frame[level]
    whole = dict(zip(map(str, labels), frame[by].astype(str), strict=True))
    mine = np.array([whole[str(unit)] for unit in units])
    return groups | {value: mine == value for value in dict.fromkeys(sorted(set(mine)))}


def _table(group: str, found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    best = max(found, key=lambda name: found[name]["elpd"].to_numpy().sum())
    rows = []
    for name, each in found.items():
        elpd = each["elpd"].to_numpy()
        less = elpd - found[best]["elpd"].to_numpy()
        rows.append(
            {
                "group": group,
                "model": name,
                "units": len(elpd),
                "elpd": elpd.sum(),
                "se": np.sqrt(len(elpd) * elpd.var(ddof=1)),
                "difference": less.sum(),
                "se_difference": np.sqrt(len(elpd) * less.var(ddof=1)),
                "unsure": each["unsure"].to_numpy().sum(),
            }
        )
    return pd.DataFrame(rows).sort_values("elpd", ascending=False)
