"""Settling a plan that has passed ``check`` on its data: targets, derived columns, what reads what, events."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import numpy as np

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.phrases import arrows, counted, listed
from bayesimpute.base.priors import Prior
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.subject_visits import Visits
from bayesimpute.families import FAMILIES, Family, auto
from bayesimpute.families.heckman import CHOICES
from bayesimpute.formulas import Formula, parse, parse_expression, quote
from bayesimpute.formulas.lift import lift_expression
from bayesimpute.formulas.syntax import Call, Name, read_expression
from bayesimpute.plan import held_options, who_reads
from bayesimpute.plan.adjusted import adjusted, expression_of
from bayesimpute.plan.conditional import Conditional, with_likes
from bayesimpute.plan.conditions import drawn_too, ignored_rows
from bayesimpute.plan.empty_clusters import EmptyClusters, empty_clusters
from bayesimpute.plan.fixed import read_formulas
from bayesimpute.plan.known_cells import Known, known_of
from bayesimpute.plan.options import Time
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.restrictions import Rule
from bayesimpute.plan.restrictions import expression_of as expression_of_rule
from bayesimpute.plan.targets import DerivedColumn, Event, Resolved, Target
from bayesimpute.plan.units import lifted, with_units, with_visits


def resolve(plan: Plan, incomplete: Incomplete) -> Resolved:
    """Settle a plan that has passed ``check``."""
    targets, calls, events = [], set(), []
    filled: dict[str, np.ndarray] = {}
    wanted = needed(plan, incomplete) | {model.target for model in plan.models}
    levels = {name: variable.level for name, variable in incomplete.variables.items()}
    levels |= {m.target: levels[name] for m in plan.models if (name := indicated(m.target)) is not None}
    levels |= {model.target: model.level for model in plan.models if model.level is not None}
    ignored = ignored_rows(plan.run.ignore, incomplete)
    for name in incomplete.columns:
        if name in wanted:  # what nothing needs is not touched
            events += _deduce(incomplete, name, levels[name], filled)
    for conditional in (held_options.settled(model, plan.assumptions) for model in plan.models):
        name = conditional.target
        complete = not column_of(name, incomplete, plan.time).gaps.any() or _complete(filled.get(name))
        if complete and not plan.substantive:
            events.append(_not_fitted(name, filled))
            continue
        column = column_of(name, incomplete, plan.time)
        path, conditional = plan.path(conditional), of_its_family(conditional, column)
        read = read_formulas(conditional, path, plan.computed, incomplete)
        target = _target(conditional, path, levels[name], incomplete, filled, read.formulas, column, plan.known)
        target = target if ignored is None else _without(target, ignored)
        targets.append(target)
        calls |= read.calls | ({name} if name not in incomplete.columns else set())
        events += [*_notes(conditional, target, column), *read.events]
    derived = _ordered(plan, incomplete, calls)
    events += _left_missing(plan, incomplete, filled)
    events += [Event(what=f"draws respect {each}", why="a restriction of the plan") for each in plan.restrictions]
    events += [] if ignored is None else [_ignoring(ignored, plan.run.ignore)]
    resolved = Resolved(
        targets=_sequence(plan, targets),
        derived=derived,
        filled=filled,
        events=tuple(dict.fromkeys(events)),
        time=plan.time,
        ignored=ignored,
        known=plan.known,
        rules=_rules(plan, derived),
    )
    resolved = adjusted(resolved, plan.adjustments, plan.assumptions, incomplete)
    resolved = replace(resolved, events=(*resolved.events, *held_options.told(plan.models, plan.assumptions)))

    def settled(found: Resolved) -> Resolved:
        derived = with_visits(with_units(found.derived, levels.get), incomplete, found.time)
        found = replace(found, derived=derived)
        return _compatible(found, plan.run.visit_sequence) if plan.substantive else found

    after = resolved.afterwards
    return replace(settled(resolved), afterwards=None if after is None else settled(after))


def _compatible(resolved: Resolved, asked: tuple[str, ...] | None) -> Resolved:
    """Settle whose density multiplies into whose draws, and which models are fitted to all rows."""
    missing = {t.name for t in resolved.targets if t.impute.any()}
    graph = {t.name: reads(t, resolved.derived) & missing - {t.name} for t in resolved.targets}
    used = tuple(t for t in resolved.targets if t.name in missing or graph[t.name])
    graph = {t.name: graph[t.name] for t in used}
    idle = [t.name for t in resolved.targets if t.name not in graph]
    leaves = who_reads.leaves(graph, {t.name for t in used if not t.family.density})
    graph = who_reads.without(graph, leaves)
    read = who_reads.read_by_others(graph)
    # what nobody reads comes last: its missing cells are integrated out of the draws of what it reads, and what is left
    # of a sweep must have them drawn given the new values of these
    ordered = tuple(sorted(used, key=lambda t: (t.name in leaves, t.name not in read)))
    events = [_not_fitted(name, resolved.filled) for name in idle]
    if asked is not None and [t.name for t in ordered] != [t.name for t in used]:
        last = listed(t.name for t in ordered if t.name not in read)
        why = "no other model reads it, and its missing values are drawn given all others'"
        events.append(Event(what=f"visit sequence: {last} moved to the end", why=why))
    return replace(
        resolved,
        targets=tuple(_read(t, graph) if t.name in read else t for t in ordered),
        events=(*resolved.events, *events),
        factors={name: found for name, found in who_reads.factors(graph).items() if found},
        joint=all(len(circle) == 1 for circle in who_reads.circles(graph).values()),
    )


def _read(target: Target, graph: who_reads.Graph) -> Target:
    """A target whose values other models read: its own is fitted to all of them."""
    watched = any(target.name in graph[name] and indicated(name) == target.name for name in graph)
    return replace(target, learn=~target.void, watched=watched)


def reads(target: Target, derived: Iterable[DerivedColumn]) -> frozenset[str]:
    """Every column whose values a target's formulas and family need, those behind derived variables included."""
    direct = target.adjusting.union(*(formula.needs for formula in target.formulas.values()), target.side.values())
    return frozenset(who_reads.closure(direct, {column.name: column.expression.needs for column in derived}))


def _rules(plan: Plan, derived: Iterable[DerivedColumn]) -> tuple[Rule, ...]:
    """The restrictions of a plan, with all that they follow from."""
    inside = {column.name: column.expression.needs for column in derived}
    found = [(each, expression_of_rule(each)) for each in plan.restrictions]
    return tuple(
        Rule(restriction=each, expression=read, names=frozenset(who_reads.closure(read.needs, inside)))
        for each, read in found
    )


def _without(target: Target, ignored: np.ndarray) -> Target:
    """A target that learns nothing from some rows; of a cluster all of whose rows are meant, nothing of the cluster."""
    kept = np.bincount(target.unit_of_row, weights=~ignored, minlength=len(target.rows))
    return replace(target, ignored=kept == 0, learn=target.learn & (kept > 0))


def _ignoring(ignored: np.ndarray, condition: str | None) -> Event:
    what = f"{int(ignored.sum())} of {len(ignored)} rows are imputed and teach nothing"
    return Event(what=what, why=f'run.ignore = "{condition}"')


def _not_fitted(name: str, filled: Mapping[str, np.ndarray]) -> Event:
    why = "every missing cell was filled in from its cluster" if name in filled else "it has no missing values"
    return Event(target=name, what="no model fitted", why=why)


def _complete(values: np.ndarray | None) -> bool:
    return values is not None and not np.isnan(values).any()


def _deduce(incomplete: Incomplete, name: str, level: str | None, filled: dict[str, np.ndarray]) -> list[Event]:
    if level is None or not incomplete.variables[name].n_missing:
        return []
    values, cells = incomplete.deductive(name, key=level)
    if not cells.any():
        return []
    filled[name] = values
    what = f"{int(cells.sum())} cells filled in from members of the same {level}"
    return [Event(target=name, what=what, why="it is constant within clusters")]


def _target(
    conditional: Conditional,
    path: str,
    level: str | None,
    incomplete: Incomplete,
    filled: Mapping[str, np.ndarray],
    formulas: Mapping[str, Formula],
    column: Column,
    known: Iterable[Known],
) -> Target:
    name = conditional.target
    given = filled.get(name, column.values)
    unit_of_row = incomplete.each_row if level is None else incomplete.codes(level)
    rows = incomplete.each_row if level is None else incomplete.level_rows(level)
    family = settle_family(conditional, column).bind(column)
    observed, void = ~np.isnan(given[rows]), void_units(column, rows)
    values = family.values_of(column)
    part = known_of(known, column, values, incomplete, unit_of_row, len(rows))
    asked, none = drawn_too(conditional.where, incomplete, f"{path}.where"), np.zeros_like(observed)
    over = None if asked is None else observed & (np.bincount(unit_of_row, weights=asked, minlength=len(rows)) > 0)
    apart, empty, empty_of = systematic(family, formulas, incomplete, rows, observed)
    if empty is not None and family.selection is not None:
        family = family.selection.in_doubt
    priors = {k: v for k, v in conditional.priors.items() if isinstance(v, Prior)}
    return Target(
        name=name,
        family=family,
        formulas=formulas,
        priors=priors if family.selection is None else family.selection.dependence.translated(priors),
        level=level,
        unit_of_row=unit_of_row,
        rows=rows,
        given=given,
        observed=observed,
        learn=(observed if part is None else observed | part.some) & ~void,
        impute=(~observed if over is None else ~observed | over) & ~void if indicated(name) is None else none,
        void=void,
        apart=apart,
        empty=empty,
        empty_of=empty_of,
        values=values,
        path=path,
        conditional=conditional,
        known=part,
        over=over,
    )


def indicated(name: str) -> str | None:
    """The variable of whose being observed a target is the indicator: of ``observed(y)`` and ``dropout(y)``, y."""
    match read_expression(name, "target") if name.startswith(("observed(", "dropout(")) else None:
        case Call("observed" | "dropout", (Name(about),)):
            return about
    return None


def column_of(name: str, incomplete: Incomplete, time: Time | None) -> Column:
    """The column of a target: one of the data, or, of ``observed(y)``, whether y is: that is never missing.

    ``dropout(y)`` has no value outside of the risk set: there its model learns nothing, and nothing is imputed.
    """
    if name in incomplete.columns:
        return incomplete.columns[name]
    seen = (~incomplete.columns[str(indicated(name))].missing).astype(np.float64)
    if name.startswith("dropout("):
        assert time is not None
        seen = Visits.of(incomplete, time.subject, time.order).dropout(seen)
    return Column(name=name, kind="yes/no", values=seen)


def void_units(column: Column, rows: np.ndarray) -> np.ndarray:
    """The units to which a variable does not apply, bool, shape (unit,); `rows` has a row of each."""
    return np.zeros(len(rows), dtype=bool) if column.void is None else column.void[rows]


def settle_family(conditional: Conditional, column: Column) -> Family:
    """The family of a conditional: an instance, a name, or the one that the column suggests."""
    if isinstance(conditional.family, Family):
        return conditional.family
    return auto(column)() if conditional.family == "auto" else FAMILIES[conditional.family]()


def of_its_family(conditional: Conditional, column: Column) -> Conditional:
    """With the formulas that follow from others where only the column says which family it is."""
    formulas = with_likes(conditional.formulas, settle_family(conditional, column))
    return conditional if formulas == conditional.formulas else replace(conditional, formulas=formulas)


def systematic(
    family: Family,
    formulas: Mapping[str, Formula],
    incomplete: Incomplete,
    rows: np.ndarray,
    observed: np.ndarray,
    seen: Callable[[str], np.ndarray] | None = None,
) -> tuple[np.ndarray, EmptyClusters | None, np.ndarray | None]:
    """The units whose values are missing systematically, and the clusters of which it is not known whether they are.

    Kept in the likelihood of selection, systematic ones would make its variance between clusters too large. By key
    `seen` says which clusters have values in other data, which are not empty then.
    """
    none = np.zeros(len(rows), dtype=bool)
    said = None if family.selection is None else family.selection.systematic
    if said is not None and said in incomplete.columns and said not in CHOICES:
        return incomplete.columns[said].values[rows] == 1, None, None
    if said not in ("mixture", "marginal") or "mu" not in formulas:
        return none, None, None
    empty, belongs = empty_clusters(formulas["mu"].factors, incomplete, rows, observed, seen)
    if said == "marginal":
        return belongs >= 0, None, None
    return (none, empty, belongs) if len(empty) else (none, None, None)


def _notes(conditional: Conditional, target: Target, column: Column) -> list[Event]:
    notes = []
    if conditional.family == "auto":
        why = f"{column.dates.unit}, in days" if column.dates is not None else str(target.values.suits(column))
        notes.append(Event(target=target.name, what=f"family {target.family.name}", why=why))
    elif settle_family(conditional, column).undecided:
        why = str(target.values.suits(column))
        notes.append(Event(target=target.name, what=target.family.described, why=why))
    if target.apart.any() and target.family.selection is not None:
        said = target.family.selection.systematic
        what = f"{int(target.apart.sum())} values that are missing systematically are drawn from the outcome model"
        why = f'systematic = "{said}": they were not selected out one by one, and say nothing about selection'
        notes.append(Event(target=target.name, what=what, why=why))
    if target.empty is not None and target.empty_of is not None:
        what = f"{len(target.empty)} clusters without any observed value, {(target.empty_of >= 0).sum()} values"
        why = 'systematic = "mixture": how likely each is missing systematically, and not by chance, is estimated'
        notes.append(Event(target=target.name, what=what, why=why))
    if target.over is not None:
        held = "the completed datasets hold the draws, analyses read what was observed"
        what = f"{counted(int(target.over.sum()), 'observed cell')} drawn, too: {held}"
        notes.append(Event(target=target.name, what=what, why=f'where = "{conditional.where}", for checks'))
    if target.known_cells is not None:
        what = f"{counted(int(target.known_cells.some.sum()), 'missing cell')} known in part"
        notes.append(Event(target=target.name, what=what, why="drawn within what is known, and in the likelihood"))
    if target.void.any():
        what = f"{int(target.void.sum())} cells are void: neither missing nor drawn"
        notes.append(Event(target=target.name, what=what, why=f"it applies where {conditional.applies}"))
    if column.integral and not target.values.support.whole:
        what = "whole numbers become decimal numbers"
        notes.append(Event(target=target.name, what=what, why=f"{target.family.name} is a continuous family"))
    return notes


def _ordered(plan: Plan, incomplete: Incomplete, calls: Iterable[str]) -> tuple[DerivedColumn, ...]:
    columns: dict[str, DerivedColumn] = {}
    waiting = set(calls)
    for derived in plan.computed:
        path = f"derived[{derived.name}].expression"
        expression, inner = lift_expression(parse_expression(derived.expression, path))
        waiting |= inner
        fills = derived.name in incomplete.columns
        columns[derived.name] = DerivedColumn(name=derived.name, expression=expression, fills=fills, named=True)
    columns |= {column.name: column for column in lifted(waiting)}
    graph = {name: {n for n in column.expression.needs if n in columns} for name, column in columns.items()}
    try:
        order = TopologicalSorter(graph).static_order()
        return tuple(columns[name] for name in order)
    except CycleError as error:
        raise one(PlanError, "derived", f"{arrows(error.args[1])} is a cycle", "break it") from error


def _sequence(plan: Plan, targets: list[Target]) -> tuple[Target, ...]:
    if plan.run.visit_sequence is not None:
        place = {name: i for i, name in enumerate(plan.run.visit_sequence)}
        return tuple(sorted(targets, key=lambda t: place.get(t.name, len(place))))
    return tuple(sorted(targets, key=lambda t: int((~t.observed[t.unit_of_row]).sum())))


def needed(plan: Plan, incomplete: Incomplete) -> set[str]:
    """The columns of the data that some formula, family or derived variable reads the values of."""
    names: set[str] = set()
    for conditional in plan.models:
        names |= set(conditional.side.values())
        for parameter, text in conditional.formulas.items():
            names |= parse(text, path=f"{plan.path(conditional)}.formulas.{parameter}").needs
    for derived in plan.computed:
        names |= parse_expression(derived.expression, f"derived[{derived.name}].expression").needs
    for adjustment in plan.adjustments:
        names |= expression_of(adjustment).needs
    return names & set(incomplete.columns)


def _left_missing(plan: Plan, incomplete: Incomplete, filled: Mapping[str, np.ndarray]) -> list[Event]:
    handled = {c.target for c in plan.models} | {d.name for d in plan.computed}
    handled |= {name for each in plan.known for name in each.reads}  # empty where nothing is known
    left = [
        name
        for name, variable in incomplete.variables.items()
        if variable.n_missing and name not in handled and not _complete(filled.get(name))
    ]
    return [
        Event(target=name, what="left missing", why=f"no conditional has it: add one for {quote(name)}")
        for name in left
    ]
