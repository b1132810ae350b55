"""Whole numbers in completed datasets, for who must have them: rounded as they go out, never in the chain.

Rounding while chains run would feed back: models would learn from the rounded values. At the end it changes means and
variances little where a column has many values, and is no remedy where it has two: rounded normal draws of a yes/no
variable have a biased share (Horton, Lipsitz & Parzen 2003, The American Statistician 57:229).

Derived variables and scores follow from the rounded values.

What a run guarantees of a cell holds of the rounded one: the values that its family has, what is known of it, and the
restrictions of the plan. A cell is rounded to the nearer whole number beside it that may stand there, else to the
other, and is left as it is where neither may.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from bayesimpute.base.errors import InputError, Problem
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed, unfolded
from bayesimpute.designs.restricted import respects
from bayesimpute.plan import who_reads
from bayesimpute.plan.targets import Resolved, Target


def rounded(resolved: Resolved, incomplete: Incomplete) -> frozenset[str]:
    """The imputed columns whose observed values are all whole, and whose models draw decimals.

    `incomplete` are the data that the models were learnt from.

    Raises
    ------
    InputError
        If one of them has two values.
    """
    decimals = [t for t in resolved.targets if t.missing_rows.size and not t.values.support.whole]
    found = [t for t in decimals if _whole(t, incomplete)]
    problems = []
    for t in found:
        values = np.unique(_known(t, incomplete))
        if len(values) == 2:
            finding = (
                f'"{t.name}" has two values, {values[0]:g} and {values[1]:g}, and is imputed by {t.family.name}: the '
                "share of rounded draws is biased (Horton, Lipsitz & Parzen 2003)"
            )
            family = "bernoulli" if np.array_equal(values, (0, 1)) else "ordinal"
            remedy = f'impute it by family = "{family}", which draws these two values; or take it as it is, round=False'
            problems.append(Problem(path="round", finding=finding, remedy=remedy))
    if problems:
        raise InputError(problems)
    return frozenset(t.name for t in found)


def to_whole(
    incomplete: Incomplete, resolved: Resolved, values: Mapping[str, np.ndarray], names: Iterable[str]
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Columns with imputed cells rounded where that breaks nothing, with those that are derived from them.

    And how many cells of each were left.

    Parameters
    ----------
    incomplete, resolved
        The data and what is imputed in them.
    values : mapping of str to ndarray, shape (row,)
        A completed dataset.
    names : iterable of str
        The columns to round, one after the other: each respects the rules beside those rounded before it.
    """
    targets = [t for t in resolved.targets if t.name in set(names)]
    following = {d.name for t in targets for d in who_reads.following(t.name, resolved.derived)} & values.keys()
    completed = None
    if following or any(resolved.restricted(t.name) for t in targets):
        plain = replace(resolved, targets=tuple(replace(t, over=None) for t in resolved.targets))
        cells = {t.name: values[t.name][t.missing_rows] for t in plain.targets if t.missing_rows.size}
        completed = Completed(incomplete, plain, cells)
    found, left = {}, {}
    for each in targets:
        target = replace(each, over=None)
        now = values[target.name][target.missing_rows]
        new, stays = _rounded(incomplete, resolved, completed, target, now)
        if completed is not None:
            completed.set(target, new)
        found[target.name] = unfolded(target, values[target.name], new)
        if stays:
            left[target.name] = stays
    return found | {name: completed.values[name] for name in following if completed is not None}, left


def _rounded(
    incomplete: Incomplete, resolved: Resolved, completed: Completed | None, target: Target, now: np.ndarray
) -> tuple[np.ndarray, int]:
    """Cells of a target, shape (cell,), and how many are left as they were."""

    def allowed(cells: np.ndarray) -> np.ndarray:
        fine = _may_be(incomplete, target, cells)
        return fine if completed is None else fine & respects(completed, resolved, target, cells)

    nearest = np.round(now) + 0.0  # without a negative zero
    other = np.where(nearest > now, np.floor(now), np.ceil(now)) + 0.0
    bound = allowed(now)  # what an assumption moved to where it may not be is rounded as it is
    new = np.where(~bound | allowed(nearest), nearest, now)
    stays = bound & (new == now) & (nearest != now)
    if stays.any():
        new = np.where(stays & allowed(np.where(stays, other, now)), other, new)
    return new, int((stays & (new == now)).sum())


def _may_be(incomplete: Incomplete, target: Target, cells: np.ndarray) -> np.ndarray:
    """Whether the family has such values, and what is known of the cells lets them be, bool, shape (cell,)."""
    columns = incomplete.columns
    side = {role: columns[c].values[target.missing_rows] for role, c in target.side.items() if c in columns}
    fine = target.values.support.contains(cells) & (target.family.possible(cells, side) == cells)
    known = target.known_cells
    return fine if known is None else fine & known.allows(cells, target.values.support.points)


def _known(target: Target, incomplete: Incomplete) -> np.ndarray:
    values = incomplete.columns[target.name].values
    return values[~np.isnan(values)]


def _whole(target: Target, incomplete: Incomplete) -> bool:
    known = _known(target, incomplete)
    return incomplete.columns[target.name].called == "number" and bool(np.all(known == np.round(known)))
