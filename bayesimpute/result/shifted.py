"""A finished run under other assumptions of what it imputed, without any refit: shifts that no other variable follows.

:class:`Shifts` gives the cells of each imputation at any values of the assumptions. What a model draws with the same
random numbers and the same parameters is another value only where the shift moves it. Of a variable whose values are
its predictor plus noise that is the value plus the shift; others are drawn again
(:func:`bayesimpute.running.made_of.afterwards`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.one_thread import one_thread
from bayesimpute.base.phrases import listed
from bayesimpute.checking import require
from bayesimpute.designs.completed import Completed
from bayesimpute.plan import who_reads
from bayesimpute.plan.adjusted import told, valued
from bayesimpute.plan.assumptions import Adjustment, Assumption
from bayesimpute.plan.held_options import named_in
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import reads, resolve
from bayesimpute.plan.targets import Resolved, Target
from bayesimpute.result.result import Result, require_run
from bayesimpute.running.assumed import assumed, middles
from bayesimpute.running.imputed_cells import packed
from bayesimpute.running.made_of import afterwards, redrawn
from bayesimpute.running.records import Record
from bayesimpute.running.workspace import Described, Workspace

Cells = Mapping[str, np.ndarray]
NEUTRAL = {"shift": 0.0, "odds": 0.0, "move": 0.0, "ratio": 1.0}
"""By field of a target what its column has where nothing is said."""


def adjusted(result: Result, adjustments: Sequence[Adjustment], assumptions: Sequence[Assumption] = ()) -> Result:
    """A run with its imputations adjusted afterwards; parameters and errors: ``MultiplyImputed.adjusted``."""
    require_run(result, "adjust")
    plan = with_adjustments(result.plan, adjustments, assumptions)
    shifts = Shifts.of(result.record, plan)
    return type(result).of(shifts.record(shifts.cells()))


def with_adjustments(plan: Plan, adjustments: Sequence[Adjustment], assumptions: Sequence[Assumption] = ()) -> Plan:
    """A plan with further adjustments of which its chains know nothing.

    Raises
    ------
    PlanError
        If one is to propagate: the run is over.
    """
    for a in (a for a in adjustments if a.propagate):
        finding = "the run is over: other variables cannot follow the shifted values any more"
        remedy = "leave propagate out, or put the adjustment into the plan and impute anew"
        raise one(PlanError, f"adjustment[{a.target}].propagate", finding, remedy)
    names = {a.name for a in assumptions}
    kept = tuple(a for a in plan.assumptions if a.name not in names)
    more = tuple(replace(a, propagate=False) for a in adjustments)
    return replace(plan, assumptions=(*kept, *assumptions), adjustments=(*plan.adjustments, *more))


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifts:
    """The imputations of a run, and a plan that adjusts them.

    Parameters
    ----------
    before : Record
        The run.
    plan : Plan
        Its plan with other adjustments or assumptions.
    resolved : Resolved
        That plan on the data.
    """

    before: Record
    plan: Plan
    resolved: Resolved

    @classmethod
    def of(cls, record: Record, plan: Plan) -> "Shifts":
        """Of a finished run; the plan is checked.

        Raises
        ------
        PlanError
            With every problem of the adjustments.
        """
        require(plan, record.incomplete)
        return cls(before=record, plan=plan, resolved=resolve(plan, record.incomplete))

    @property
    def whole(self) -> Resolved:
        """The plan with all of its adjustments."""
        return self.resolved.afterwards or self.resolved

    @cached_property
    def was(self) -> Resolved:
        """The run's own, with all of its adjustments."""
        return self.before.resolved.afterwards or self.before.resolved

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The imputations that are there."""
        return tuple(sorted(k for leg in self.before.legs for k in leg.kept))

    @cached_property
    def kept(self) -> Mapping[int, Cells]:
        """The run's cells by imputation and target."""
        return {
            k: {name: np.asarray(values, dtype=float) for name, values in leg.kept[k].items()}
            for leg in self.before.legs
            for k in leg.kept
        }

    @cached_property
    def _original(self) -> Mapping[int, Cells]:
        """The same as the chains had them."""
        record = self.before
        if record.resolved.afterwards is None:
            return self.kept
        space = _space(record.plan, record, record.resolved)
        made = {k: each for leg in record.legs for k, each in leg.made.items()}
        return {k: redrawn(space, made[k], cells, held=self._own(record.resolved, k)) for k, cells in self.kept.items()}

    @cached_property
    def _space(self) -> Workspace:
        return _space(self.plan, self.before, self.whole)

    def _own(self, resolved: Resolved, k: int) -> dict[str, np.ndarray]:
        """What an imputation of a settled plan assumes."""
        incomplete, seed = self.before.incomplete, self.before.seed
        return {**middles(resolved, incomplete), **assumed(resolved, incomplete, seed, k)}

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Those whose imputations are adjusted, here or in the run."""
        before = {t.name for t in self.was.targets if t.adjusting}
        return tuple(t for t in self.whole.targets if t.adjusting or t.name in before)

    @property
    def followed(self) -> tuple[str, ...]:
        """The targets among them whose values another model's imputations follow from."""
        found = []
        for target in (t for t in self.resolved.targets if t.adjusting):
            others = [t for t in self.resolved.targets if t.name != target.name]
            read = (reads(t, self.resolved.derived) for t in others)
            if target.learns_imputed or any(target.name in names for names in read):
                found.append(target.name)
        return tuple(found)

    def cells(self, values: Mapping[str, float] | None = None) -> dict[int, Cells]:
        """The cells of each imputation, by target, where some assumptions have other values than in the plan."""
        given = {name: np.full(len(self.before.incomplete.frame), float(v)) for name, v in (values or {}).items()}
        with one_thread():
            return self._moved(given) if all(map(self._additive, self.targets)) else self._again(given)

    def _additive(self, target: Target) -> bool:
        """Whether its values are its predictor plus noise, or all adjustments come after the draw."""
        was = self.was.target(target.name)
        drawn = any((target.shift, target.odds, target.label_shifts, was.shift, was.odds, was.label_shifts))
        mu = target.family.parameters[0]
        plain = mu.unit == "location" and mu.link == "identity" and target.known is None and target.family.density
        plain = (
            plain
            and not self.whole.restricted(target.name)
            and not self.whole.factors
            and not (target.odds or was.odds)
        )
        return (plain or not drawn) and not self._seen_in_between(target.name)

    def _seen_in_between(self, name: str) -> bool:
        """Whether its chain's shift followed from values that later visits of the sweep have changed."""
        own = self.before.resolved.target(name)
        names = who_reads.closure(own.adjusting, {d.name: d.expression.needs for d in self.before.resolved.derived})
        return bool(set(names) & {t.name for t in self.before.resolved.targets})

    def _moved(self, given: Mapping[str, np.ndarray]) -> dict[int, Cells]:
        found, columns = {}, _Columns(self)
        for k in self.numbers:
            cells = dict(self.kept[k])
            old = columns.at(self.was, k, self._own(self.was, k))
            new = columns.at(self.whole, k, {**self._own(self.whole, k), **given})
            for name in (target.name for target in self.targets):
                model = (cells[name] - old["move"][name]) / old["ratio"][name] - old["shift"][name]
                cells[name] = (model + new["shift"][name]) * new["ratio"][name] + new["move"][name]
            found[k] = cells
        return found

    def _again(self, given: Mapping[str, np.ndarray]) -> dict[int, Cells]:
        drawn = {a.name for a in self.plan.assumptions if a.prior is not None} & named_in(self.plan.models)
        if drawn:
            finding = f"each imputation has its own {listed(sorted(drawn))}, under which values are not drawn again"
            raise one(PlanError, "adjustment", finding, 'give the assumption a value, or the shift scale = "value"')
        made = {k: each for leg in self.before.legs for k, each in leg.made.items()}
        return {
            k: afterwards(self._space, made[k], self._original[k], {**self._own(self.whole, k), **given})
            for k in self.numbers
        }

    def record(self, cells: Mapping[int, Cells], plan: Plan | None = None) -> Record:
        """The run with other cells, and events that say so; `plan` is this one with other values of assumptions."""
        plan = plan or self.plan
        legs = [
            replace(leg, kept={k: packed(self.whole.targets, cells[k]) for k in leg.kept}) for leg in self.before.legs
        ]
        events = dict.fromkeys([*self.before.events, *told(plan.adjustments, plan.assumptions)])
        made = replace(self.before, plan=plan, legs=tuple(legs), events=tuple(events))
        made.__dict__["resolved"] = valued(self.resolved, plan.assumptions)
        return made


Parts = dict[str, dict[str, np.ndarray | float]]
"""By field and target the column of an adjustment at its cells."""


class _Columns:
    """The columns of adjustments at the cells of their targets, made once where all imputations have the same."""

    def __init__(self, shifts: Shifts) -> None:
        self._shifts = shifts
        self._memory: dict[int, Parts] = {}

    def at(
        self, resolved: Resolved, k: int, held: Mapping[str, np.ndarray]
    ) -> dict[str, dict[str, np.ndarray | float]]:
        same = self._same(resolved)
        if same and id(resolved) in self._memory:
            return self._memory[id(resolved)]
        done = Completed(self._shifts.before.incomplete, resolved.holding(held), self._shifts.kept[k])
        found: Parts = {field: {} for field in NEUTRAL}
        for target in resolved.targets:
            for field, neutral in NEUTRAL.items():
                column = getattr(target, field)
                found[field][target.name] = neutral if column is None else done.values[column][target.missing_rows]
        self._memory[id(resolved)] = found
        return found

    def _same(self, resolved: Resolved) -> bool:
        read = {column for target in resolved.targets for column in target.adjusting}
        names = who_reads.closure(read, {d.name: d.expression.needs for d in resolved.derived})
        believed = {a.name for a in resolved.assumptions if a.prior is not None}
        return not set(names) & ({t.name for t in resolved.targets} | believed)


def _space(plan: Plan, record: Record, resolved: Resolved) -> Workspace:
    return Workspace(plan, record.incomplete, Described.of(plan, record.incomplete, resolved))
