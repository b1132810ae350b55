"""Values that respect the rules of a plan: whether cells do, given everything else, and starts that do.

A draw is rejected where it breaks a rule, and made anew; where so many are rejected that none is left, the cell stays
as it is, which the law that is drawn from allows: whether it stays does not depend on where it stands.
"""

from collections.abc import Callable, Mapping

import numpy as np

from bayesimpute.base.errors import InputError, PlanError, one
from bayesimpute.base.phrases import counted, rows
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Columns, Completed, possible_start
from bayesimpute.formulas import evaluate_expression
from bayesimpute.plan import who_reads
from bayesimpute.plan.restrictions import Rule, broken, reading
from bayesimpute.plan.targets import Resolved, Target

TRIES = 100
"""Draws of a cell at a visit before it stays as it is."""
ROUNDS, NEAR, FARTHEST = 200, 10, 5.0
"""Of searching a start; those of them in which it is like what was observed; standard deviations of the last ones."""
OFTEN = 0.05
"""Share of rejected draws from which on an event points to laws that have the rule in them."""


def respects(
    completed: Completed, resolved: Resolved, target: Target, cells: np.ndarray, asked: np.ndarray | None = None
) -> np.ndarray:
    """Whether values of the cells of a target respect all rules, given the other values, bool, shape (cell,).

    With `asked`, bool, shape (cell,), only of these cells; of others it says that they do.
    """
    found, (at, places) = np.ones(len(cells), dtype=bool), target.filled_rows
    if asked is not None:
        at, places = at[asked[places]], places[asked[places]]
    rules = reading(resolved.rules, target.name)
    if not len(places) or not rules:
        return found
    names = frozenset().union(*(rule.names | rule.expression.names for rule in rules))
    following = [d for d in who_reads.following(target.name, resolved.derived) if d.name in names]
    columns = completed.excerpt(at, names).given(target.name, cells[places], following)
    for rule in rules:
        np.logical_and.at(found, places, ~breaking(rule, columns))
    return found


def drawn_within(
    completed: Completed,
    resolved: Resolved,
    target: Target,
    cells: np.ndarray,
    anew: Callable[[], np.ndarray],
) -> np.ndarray:
    """Drawn cells of a target, shape (cell,): those that break a rule anew, and at last as they were.

    Parameters
    ----------
    completed : Completed
        The current data, which respect all rules.
    resolved : Resolved
        The settled plan.
    target : Target
        What is drawn.
    cells : ndarray, shape (cell,)
        One draw.
    anew : callable
        To another draw of all cells.
    """
    wrong = ~respects(completed, resolved, target, cells)
    for _ in range(TRIES):
        if not wrong.any():
            return cells
        cells = np.where(wrong, anew(), cells)
        wrong = ~respects(completed, resolved, target, cells, wrong)
    return np.where(wrong, completed.cells(target), cells)


def started(
    incomplete: Incomplete,
    resolved: Resolved,
    rng: np.random.Generator,
    cells: Mapping[str, np.ndarray],
    known: Mapping[str, np.ndarray],
    held: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """A first fill that respects all rules.

    Parameters
    ----------
    incomplete, resolved
        The data and what is imputed in them.
    rng : Generator
        Of the chain.
    cells : mapping of str to ndarray, shape (missing unit,)
        A first fill that knows no rules, by target.
    known : mapping of str to ndarray
        The observed values of each target.
    held : mapping of str to ndarray, shape (missing unit,)
        Values that cells of some targets have whatever the rules are; NaN where they are free.

    Raises
    ------
    PlanError
        Where nothing was found, with the rows.
    """
    if not resolved.rules:
        return dict(cells)
    completed = Completed(incomplete, resolved, cells)
    read = [t for t in resolved.targets if reading(resolved.rules, t.name) and t.missing_rows.size]
    for k in range(ROUNDS):
        left = 0
        for target in read:
            now = completed.cells(target)
            wrong = ~respects(completed, resolved, target, now)
            fixed = None if held is None or target.name not in held else held[target.name]
            free = wrong if fixed is None else wrong & np.isnan(fixed)
            left += int(wrong.sum())
            if free.any():
                spread = 0.0 if k < NEAR else min(1.02 ** (k - NEAR), FARTHEST)
                other = target.values.start(rng, known[target.name], size=len(now), spread=spread)
                completed.set(target, np.where(free, possible_start(incomplete, target, rng, other), now))
        if not left:
            return {t.name: completed.cells(t) for t in resolved.targets}
    stopped = _none(completed, resolved, incomplete)
    if stopped is not None:
        raise stopped
    return {t.name: completed.cells(t) for t in resolved.targets}


def _none(completed: Completed, resolved: Resolved, incomplete: Incomplete) -> InputError | None:
    """Where no start was found, if so."""
    for rule in resolved.rules:
        wrong = breaking(rule, completed.columns)
        if wrong.any():
            where = f"{counted(int(wrong.sum()), 'row')}: {rows(incomplete.frame, wrong.nonzero()[0])}"
            finding = f"no values that respect it, and the others, were found in {where}"
            remedy = "mend the rule or these rows; what a continuous number equals can be derived ([[derived]])"
            return one(PlanError, rule.restriction.path, finding, remedy)
    return None


def breaking(rule: Rule, columns: Columns) -> np.ndarray:
    """The rows of completed columns that break a rule, bool, shape (row,)."""
    return broken(evaluate_expression(rule.expression, {name: columns[name] for name in rule.expression.names}))
