"""A settled plan on rows that its models never saw: what is drawn there, and what is known from the data of the run.

Families, levels, formulas, who reads whom and the visit sequence are the run's. Of the new rows are the masks: every
missing value of a target is drawn. A variable of clusters has in a known cluster the value that the cluster had.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from bayesimpute.base.errors import Problem
from bayesimpute.base.phrases import counted, rows
from bayesimpute.data.cluster_keys import parts
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.other_rows import matched, of_known
from bayesimpute.families.heckman import CHOICES
from bayesimpute.formulas import parse_expression
from bayesimpute.formulas.language import usage_of
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.conditions import condition_values
from bayesimpute.plan.known_cells import known_of
from bayesimpute.plan.resolving import column_of, indicated, reads, systematic, void_units
from bayesimpute.plan.restrictions import broken
from bayesimpute.plan.targets import Event, Resolved, Target
from bayesimpute.plan.units import with_visits
from bayesimpute.plan.void_cells import void_rows

EMPTY = "empty these cells, or mend these rows"


def columns_read(resolved: Resolved, before: Incomplete) -> tuple[str, ...]:
    """The columns of the data whose values, or whose being observed, a settled plan reads; not keys as such."""
    names = {name for t in resolved.targets for name in (t.name, indicated(t.name), *t.side.values())}
    for formula in (f for t in resolved.targets for f in t.formulas.values()):
        names |= usage_of((*formula.trees, *(term for group in formula.groups for term in group.trees))).needs
        names |= set(formula.offset_columns)
    for column in resolved.derived:
        keys = {part for key in column.expression.keys for part in parts(before.frame, key)}
        names |= (column.expression.needs - keys) | column.expression.masks | {column.name}
    names |= applied(resolved)
    selecting = [t.family.selection for t in resolved.targets if t.family.selection is not None]
    names |= {s.systematic for s in selecting if s.systematic not in CHOICES}
    names |= {name for each in resolved.known for name in each.reads}
    names |= {name for rule in resolved.rules for name in rule.names}
    return tuple(name for name in before.columns if name in names)


def applied(resolved: Resolved) -> frozenset[str]:
    """The columns that say where variables apply."""
    conditions = (t.conditional.applies for t in resolved.targets if t.conditional.applies is not None)
    return frozenset(name for condition in conditions for name in parse_expression(condition).names)


def on_new_rows(resolved: Resolved, before: Incomplete, incomplete: Incomplete) -> Resolved:
    """The plan on new rows; `before` are the data on which it was settled."""
    filled, events = {}, list[Event]()
    for name in columns_read(resolved, before):
        key = before.variables[name].level
        if key is not None and incomplete.columns[name].missing.any():
            values = _known(name, key, resolved, before, incomplete)
            cells = int((incomplete.columns[name].missing & ~np.isnan(values)).sum())
            if cells:
                filled[name] = values
                what = f"{cells} cells filled in from the same {key}, here or in the data of the run"
                events.append(Event(target=name, what=what, why="it is constant within clusters"))
    targets = [_target(t, filled.get(t.name), before, incomplete, resolved) for t in resolved.targets]
    missing = {t.name for t in targets if t.impute.any()}
    factors = {name: found for name, found in resolved.factors.items() if name in missing}
    used = missing.union(*factors.values())
    return replace(
        resolved,
        ignored=None,
        targets=tuple(t for t in targets if t.name in used),
        derived=with_visits(resolved.derived, incomplete, resolved.time),
        filled=filled,
        events=tuple(events),
        factors=factors,
    )


def unimputed(resolved: Resolved, names: Iterable[str], incomplete: Incomplete) -> list[Problem]:
    """Columns with missing values in the new rows that no model of the run imputes; `resolved` is the plan on these."""
    models = {t.name for t in resolved.targets} | {d.name for d in resolved.derived if d.fills}
    read = applied(resolved).union(*(reads(t, resolved.derived) for t in resolved.targets))
    problems = []
    for name in names:
        column = incomplete.columns[name]
        void = False if column.void is None else column.void
        gaps = int((np.isnan(resolved.filled.get(name, column.values)) & ~np.asarray(void)).sum())
        if gaps and name in read - models:
            finding = f"{gaps} values are missing, and the run has no model of it: it was complete there"
            remedy = "give these values, or make a run whose data have some of them missing, with a conditional"
            problems.append(Problem(path=f"data[{name}]", finding=finding, remedy=remedy))
    return problems


def broken_by(resolved: Resolved, incomplete: Incomplete) -> list[Problem]:
    """Restrictions that what is observed of new rows breaks; `resolved` is the plan on these."""
    derived, problems = {d.name: d.expression for d in resolved.derived if not d.expression.keys}, []
    for rule in resolved.rules:
        wrong = broken(condition_values(rule.expression, incomplete, derived))
        if wrong.any():
            where = f"{counted(int(wrong.sum()), 'row')}: {rows(incomplete.frame, wrong.nonzero()[0])}"
            finding, remedy = f"what is observed breaks it in {where}", "mend these rows"
            problems.append(Problem(path=rule.restriction.path, finding=finding, remedy=remedy))
    return problems


def observed_where_void(models: Iterable[Conditional], incomplete: Incomplete) -> list[Problem]:
    """Values of new rows where a variable does not apply."""
    problems = []
    for model in models:
        void = void_rows(model, incomplete.columns)
        wrong = None if void is None else void & ~incomplete.columns[model.target].missing
        if wrong is not None and wrong.any():
            where = f"{counted(int(wrong.sum()), 'row')}: {rows(incomplete.frame, wrong.nonzero()[0])}"
            finding = f'"{model.target}" has a value where it does not apply ({model.applies}) in {where}'
            problems.append(Problem(path=f"conditional[{model.target}].applies", finding=finding, remedy=EMPTY))
    return problems


def _known(name: str, key: str, resolved: Resolved, before: Incomplete, incomplete: Incomplete) -> np.ndarray:
    """A variable of clusters, from members among the new rows, else from the data of the run, shape (row,)."""
    values, _ = incomplete.deductive(name, key=key)
    had = resolved.filled.get(name, before.columns[name].values)
    return np.where(np.isnan(values), of_known(had, before, incomplete, key), values)


def _target(
    t: Target, filled: np.ndarray | None, before: Incomplete, incomplete: Incomplete, resolved: Resolved
) -> Target:
    column = column_of(t.name, incomplete, resolved.time)
    given = column.values if filled is None else filled
    unit_of_row = incomplete.each_row if t.level is None else incomplete.codes(t.level)
    rows = incomplete.each_row if t.level is None else incomplete.level_rows(t.level)
    observed, void = ~np.isnan(given[rows]), void_units(column, rows)
    part = known_of(resolved.known, column, t.values, incomplete, unit_of_row, len(rows))
    known = observed if part is None else observed | part.some

    def seen(key: str) -> np.ndarray:
        had = np.bincount(before.codes(key)[t.fit_rows], minlength=before.n_clusters(key)) > 0
        codes = matched(before, incomplete, key)[incomplete.level_rows(key)]
        return np.append(had, False)[np.minimum(codes, len(had))]

    apart, empty, empty_of = systematic(t.family, t.formulas, incomplete, rows, observed, seen)
    return replace(
        t,
        unit_of_row=unit_of_row,
        rows=rows,
        given=given,
        observed=observed,
        learn=~void & (True if (t.learn | t.void).all() else known),
        impute=~observed & ~void if indicated(t.name) is None else np.zeros_like(observed),
        void=void,
        apart=apart,
        empty=empty,
        empty_of=empty_of,
        known=part,
        ignored=None,
        over=None,
    )
