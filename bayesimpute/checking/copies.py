"""Copies: a predictor that repeats its target, or that says of it only where it is missing.

A column that was made of a target (its logarithm, a category of it, itself with zeros for what is missing) predicts the
observed values perfectly. The model learns a spread of nearly nothing from it, and imputes whatever the copy has where
the target is missing: each time the same. No diagnostic of chains shows it.
"""

import numpy as np

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.checking.clusters import usable
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import filled
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.resolving import indicated

NEAR = 0.99
"""The absolute correlation above which one of two variables nearly repeats the other."""
FEWEST = 10
"""Pairs of observed values from which a correlation is computed."""
MINORITY = 5
"""Values beside the most frequent one from which the order of two variables says something."""
CHANCE = 0.001
"""The probability of one value wherever another variable is missing, below which it is not taken for chance."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Warnings of predictors that nearly repeat their target, or are constant where it is missing."""
    return [
        problem
        for reading in read.conditionals
        if reading.target in data.columns and "mu" in reading.uses
        for name in sorted(reading.uses["mu"].values & set(data.columns) - {reading.target})
        for problem in _pair(reading, name, data, factors=bool(read.plan.substantive))
    ]


def _pair(reading: Reading, name: str, data: Incomplete, *, factors: bool) -> list[Problem]:
    """`factors`: the model multiplies into the draws of its predictors, so that the two may change places."""
    target, found = reading.target, []
    if indicated(target) == name:
        return found
    r = correlation(data.columns[name], filled(data, target))
    if r > NEAR and not distinct_dates(data.columns[name], data.columns[target]):
        finding = f'"{name}" nearly repeats "{target}": |r| = {r:.3f} where both are observed'
        found.append((finding, "leave it out if it was made of it: imputed values would repeat it, too"))
    pairs = [(name, target)] + [(target, name)] * factors
    for one, other in pairs:
        if constant_where_missing(data, one, other):
            finding = f'"{one}" has one value wherever "{other}" is missing'
            remedy = "leave it out if it was filled in there: it says nothing of what is missing"
            found.append((finding, remedy))
    path = f"{reading.path}.formulas.mu"
    return [Problem(path=path, finding=f, remedy=r, severity=Severity.WARNING) for f, r in found]


def distinct_dates(one: Column, other: Column) -> bool:
    """Whether both are dates, and the time between them is not always the same."""
    if one.dates is None or other.dates is None:
        return False
    between = one.values - other.values
    known = between[~np.isnan(between)]
    return bool(len(known) and np.ptp(known) > 0)


def correlation(column: Column, y: np.ndarray) -> float:
    """The absolute correlation; of a category the largest of its labels'."""
    known = ~column.missing & ~np.isnan(y)
    if known.sum() < FEWEST or np.ptp(y[known]) == 0:
        return 0.0
    x = column.values[known]
    columns = [x] if column.kind != "category" else [(x == code).astype(float) for code in np.unique(x)]
    found = [abs(float(np.corrcoef(_small(c), _small(y[known]))[0, 1])) for c in columns if np.ptp(c) > 0]
    return max(found, default=0.0)


def _small(values: np.ndarray) -> np.ndarray:
    """The same in other units, whose squares are numbers."""
    return values / np.abs(values).max()


def follows(column: Column, y: np.ndarray) -> bool:
    """Whether a variable rises or falls with another without exception: it is a function of it, as far as one can see.

    With ties it may be a coarser version of it, such as an age group of an age.
    """
    known = ~column.missing & ~np.isnan(y)
    x, y = column.values[known], y[known]
    values, counts = np.unique(x, return_counts=True)
    if len(x) < FEWEST or len(x) - counts.max() < MINORITY or len(np.unique(y)) < len(values):
        return False
    order = np.lexsort((x, y))
    if column.kind == "category":
        runs = 1 + int((np.diff(x[order]) != 0).sum())
        return bool(runs == len(values) and counts.min() >= MINORITY)
    falling = np.lexsort((-x, y))
    return bool((np.diff(x[order]) >= 0).all() or (np.diff(x[falling]) <= 0).all())


def constant_where_missing(data: Incomplete, name: str, other: str, *, observed: bool = False) -> bool:
    """Whether a variable has one value only where another is missing, or where it is `observed`, and not by chance."""
    values, missing = filled(data, name), np.isnan(filled(data, other))
    inside, outside = (~missing, missing) if observed else (missing, ~missing)
    level = data.variables[name].level
    if level is not None and usable(level, data):  # of a variable of clusters, clusters are what there is to count
        codes, rows = data.codes(level), data.level_rows(level)
        values = values[rows]
        inside, outside = (np.bincount(codes, weights=where) > 0 for where in (inside, outside))
    here, there = (values[where & ~np.isnan(values)] for where in (inside, outside))
    if len(here) < 2 or len(there) < 2 or np.ptp(here) > 0 or (there == here[0]).all():
        return False
    share = ((there == here[0]).sum() + 1) / (len(there) + 1)
    return bool(share ** (len(here) - 1) < CHANCE)
