"""What is settled of a plan on its data, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.data.subject_visits import Visits
from bayesimpute.families import Family, Parameter, Rows, Values
from bayesimpute.formulas import Expression, Formula
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.empty_clusters import EmptyClusters
from bayesimpute.plan.known_cells import InPart, Known
from bayesimpute.plan.options import Time
from bayesimpute.plan.restrictions import Rule, reading


@dataclass(frozen=True, kw_only=True)
class Event:
    """An automatic action: who did what to which variable, and why; chain and sweep are -1 before the run."""

    chain: int = -1
    sweep: int = -1
    target: str = ""
    what: str
    why: str


STRAIGHT_LINES = "its model has straight lines where there are curves"
"""What an event of a plan from the data says, of which chains that agree show nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """An incomplete variable with its conditional model.

    Parameters
    ----------
    name : str
        The variable.
    family : Family
        Settled.
    formulas : mapping of str to Formula
        By parameter; calls that look beyond the row are lifted into columns.
    priors : mapping of str to Prior
        The user's, by the posterior's names.
    level : str or None
        The cluster key of a level-2 variable.
    unit_of_row : ndarray of int, shape (row,)
        The unit that each row belongs to: the row itself, or its cluster.
    rows : ndarray of int, shape (unit,)
        A row of each unit.
    given : ndarray, shape (row,)
        The values as they are known, from themselves or from members of their clusters; NaN where they are missing.
    observed : ndarray of bool, shape (unit,)
        Whether the unit's value is known, from itself or from a member of its cluster.
    learn : ndarray of bool, shape (unit,)
        Whether the model is fitted to the unit's value, observed or current (:mod:`bayesimpute.plan.who_reads`).
    impute : ndarray of bool, shape (unit,)
        Whether the unit's value is drawn. A unit can be in both masks, and in none.
    void : ndarray of bool, shape (unit,)
        Units that have no value, and miss none: the variable does not apply there. They are in neither mask.
    apart : ndarray of bool, shape (unit,)
        Units that a family which selects neither learns from nor takes as selected out: their values are missing
        systematically. Without such a family, none.
    values : Values
        What values it takes.
    path : str
        Where its model stands in the plan.
    conditional : Conditional
        Its model as the plan has it.
    shift, odds, move, ratio : str or None
        Derived columns that say nothing where the variable is not imputed (:mod:`bayesimpute.plan.adjusted`): one is
        added to the linear predictor of ``mu``, one to the log-odds of yes; the value that was drawn is multiplied by
        the last, and the one before it is added.
    label_shifts : mapping of str to str
        Of a variable whose labels have linear predictors of their own the columns that are added to those, by label.
    known : InPart or None
        What is known of values that are not observed, of all units; None: nothing.
    together : str or None
        The name of the step in which it is drawn together with others; None: a step of its own, of its own name.
    watched : bool
        Whether the model of its being observed reads its values.
    empty : EmptyClusters or None
        Clusters of which it is not known whether their values are missing systematically; None: there are none.
    empty_of : ndarray of int, shape (unit,), or None
        Which of these a unit belongs to, -1 where to none.
    ignored : ndarray of bool, shape (unit,), or None
        Units that are imputed but teach nothing, whatever is observed of them; None: there are none.
    over : ndarray of bool, shape (unit,), or None
        Units whose value is drawn though it is observed: for checks, so that no model sees the draw; None: there are
        none.
    """

    name: str
    family: Family
    formulas: Mapping[str, Formula]
    priors: Mapping[str, Prior]
    level: str | None
    unit_of_row: np.ndarray
    rows: np.ndarray
    given: np.ndarray
    observed: np.ndarray
    learn: np.ndarray
    impute: np.ndarray
    void: np.ndarray
    apart: np.ndarray
    values: Values
    conditional: Conditional
    path: str = ""
    shift: str | None = None
    label_shifts: Mapping[str, str] = field(default_factory=dict)
    odds: str | None = None
    move: str | None = None
    ratio: str | None = None
    known: InPart | None = None
    together: str | None = None
    watched: bool = False
    empty: EmptyClusters | None = None
    empty_of: np.ndarray | None = None
    ignored: np.ndarray | None = None
    over: np.ndarray | None = None

    @property
    def mnar(self) -> bool:
        """Whether its values are taken as missing not at random.

        Its model selects, they are adjusted, or a model of their being observed reads them.
        """
        return self.family.selection is not None or bool(self.adjusting) or self.watched

    @property
    def seen(self) -> np.ndarray:
        """Units whose value is observed and may teach something, bool, shape (unit,)."""
        return self.observed if self.ignored is None else self.observed & ~self.ignored

    @cached_property
    def fit_rows(self) -> np.ndarray:
        """A row of each observed unit that is not ignored."""
        return self.rows[self.seen]

    @cached_property
    def learn_rows(self) -> np.ndarray:
        """A row of each unit whose value of the target, observed or current, its model is fitted to."""
        return self.rows[self.learn]

    @cached_property
    def learns_imputed(self) -> bool:
        """Whether its model is fitted to values that are drawn: they have to be current."""
        return bool((self.learn & self.gaps).any())

    @cached_property
    def model_rows(self) -> np.ndarray:
        """A row of each unit that some part of the model is fitted to, those with a value of the target first."""
        if self.family.selection is None:
            return self.learn_rows
        left = self.apart if self.ignored is None else self.apart | self.ignored
        return np.concatenate([self.fit_rows, self.rows[~self.observed & ~left]])

    def rows_of(self, parameter: Parameter) -> np.ndarray:
        """A row of each unit that a parameter is learnt from."""
        return self.model_rows if parameter.rows is Rows.ALL else self.learn_rows

    @property
    def gaps(self) -> np.ndarray:
        """Units whose value is drawn because it is missing, bool, shape (unit,)."""
        return self.impute if self.over is None else self.impute & ~self.over

    @property
    def real(self) -> np.ndarray | slice:
        """Which of the cells that are drawn are missing, (cell,)."""
        return slice(None) if self.over is None else ~self.over[self.impute]

    @cached_property
    def missing_rows(self) -> np.ndarray:
        """A row of each unit that is imputed."""
        return self.rows[self.impute]

    @cached_property
    def known_cells(self) -> InPart | None:
        """What is known of the cells that are drawn, if it is something."""
        found = None if self.known is None else self.known.free(self.observed).at(self.impute)
        return found if found is not None and found.some.any() else None

    @cached_property
    def imputed_row(self) -> np.ndarray:
        """Whether the value of each row is missing and drawn, bool, shape (row,)."""
        return self.gaps[self.unit_of_row]

    @cached_property
    def filled_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Every row of each unit that is missing and imputed, and the place of its value among the cells."""
        if self.level is None and self.over is None:
            return self.missing_rows, np.arange(len(self.missing_rows))
        rows = np.flatnonzero(self.imputed_row)
        return rows, (np.cumsum(self.impute) - 1)[self.unit_of_row[rows]]

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that its formulas, its family and its adjustments read."""
        return self.adjusting.union(*(f.names for f in self.formulas.values()), self.side.values())

    @property
    def side(self) -> Mapping[str, str]:
        """The columns that its family reads, by role."""
        return self.conditional.side

    @property
    def adjusting(self) -> frozenset[str]:
        """The columns of its adjustments."""
        columns = (self.shift, self.odds, *self.label_shifts.values())
        return self.moves.union(column for column in columns if column is not None)

    @property
    def moves(self) -> frozenset[str]:
        """The columns of those that change a value after it was drawn."""
        return frozenset(column for column in (self.move, self.ratio) if column is not None)


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """What one visit draws: a target, or several targets of one level that have one law.

    Parameters
    ----------
    name : str
        Of the one target, or of all together: state, draws and the groups of a result bear it.
    targets : tuple of Target
        In the order in which the law has them; the first stands for all where the law, its formulas and its units are
        meant.
    """

    name: str
    targets: tuple[Target, ...]

    @property
    def lead(self) -> Target:
        """The target that stands for all."""
        return self.targets[0]

    @cached_property
    def impute(self) -> np.ndarray:
        """Units of which the value of any target is drawn, bool, shape (unit,)."""
        return np.any([target.impute for target in self.targets], axis=0)

    @cached_property
    def missing_rows(self) -> np.ndarray:
        """A row of each of these units."""
        return self.lead.rows[self.impute]

    @cached_property
    def fit_rows(self) -> np.ndarray:
        """A row of each unit of which the value of any target is observed and may teach something."""
        return self.lead.rows[np.any([target.seen for target in self.targets], axis=0)]

    @cached_property
    def learn_rows(self) -> np.ndarray:
        """A row of each unit to whose values, observed or current, the model is fitted."""
        return self.lead.rows[np.any([target.learn for target in self.targets], axis=0)]

    @property
    def model_rows(self) -> np.ndarray:
        """A row of each unit that some part of the model is fitted to, those with a value first."""
        return self.lead.model_rows if self.lead.family.selection is not None else self.learn_rows

    @cached_property
    def learns_imputed(self) -> bool:
        """Whether the model is fitted to values that are drawn: where several are drawn together, it is."""
        return len(self.targets) > 1 or self.lead.learns_imputed

    @cached_property
    def moves(self) -> frozenset[str]:
        """The columns of adjustments that change what was drawn."""
        return frozenset[str]().union(*(target.moves for target in self.targets))

    def place(self, label: str | None) -> int:
        """Which target a label of the law's parameters is about: of several the one of that name, else the first."""
        return next((k for k, target in enumerate(self.targets) if target.name == label), 0)

    def cells(self, drawn: np.ndarray) -> dict[str, np.ndarray]:
        """By target the cells of what was drawn, shape (imputed unit,), or (imputed unit, target)."""
        if len(self.targets) == 1:
            return {self.name: drawn}
        return {t.name: drawn[t.impute[self.impute], k] for k, t in enumerate(self.targets)}


@dataclass(frozen=True, kw_only=True, eq=False)
class DerivedColumn:
    """A column computed from others.

    Parameters
    ----------
    name : str
        Its name.
    expression : Expression
        How it is computed.
    fills : bool
        Whether the column is in the data, so that only its missing cells are computed.
    named : bool
        Whether the plan names it; cluster means and indicators in formulas are nobody's columns.
    units : frozenset of str or None
        Of a cluster mean, the keys that tell apart the units over which it is taken, those of the finest level of what
        it reads (:mod:`bayesimpute.plan.units`); None: each row is one.
    only : str or None
        A target: where it is not imputed, the column is `neutral`.
    neutral : float
        What says nothing.
    visits : Visits or None
        Of what reads other visits of a subject, which they are.
    held : ndarray, shape (row,), or None
        Values that it has whatever the others are, NaN where they follow from these: means of clusters that are known
        from other data.
    """

    name: str
    expression: Expression
    fills: bool = False
    named: bool = False
    units: frozenset[str] | None = None
    only: str | None = None
    neutral: float = 0.0
    visits: Visits | None = None
    held: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Resolved:
    """A plan on its data: see the module.

    Parameters
    ----------
    targets : tuple of Target
        In the order of the visit sequence.
    derived : tuple of DerivedColumn
        In dependency order.
    filled : mapping of str to ndarray, shape (row,)
        Level-2 variables in which members of a cluster filled each other in.
    events : tuple of Event
        What was done automatically.
    factors : mapping of str to tuple of str
        For each target the targets whose models' densities multiply into its draws; none in plans without a substantive
        model.
    joint : bool
        Whether a sweep is a Gibbs sampler of one joint model.
    assumptions : tuple of Assumption
        The numbers with which shifts are written; each is a derived column, too.
    time : Time or None
        How rows follow each other.
    afterwards : Resolved or None
        The same with those adjustments, too, that the chains know nothing of; None: there are none.
    ignored : ndarray of bool, shape (row,), or None
        Rows that are imputed but teach nothing; None: there are none.
    known : tuple of Known
        What the plan knows of missing cells.
    rules : tuple of Rule
        What completed rows have to respect.
    """

    targets: tuple[Target, ...]
    derived: tuple[DerivedColumn, ...]
    filled: Mapping[str, np.ndarray]
    events: tuple[Event, ...]
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    joint: bool = False
    assumptions: tuple[Assumption, ...] = ()
    time: Time | None = None
    afterwards: "Resolved | None" = None
    ignored: np.ndarray | None = None
    known: tuple[Known, ...] = ()
    rules: tuple[Rule, ...] = ()

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """What is visited, in the order of the first target of each."""
        found: dict[str, list[Target]] = {}
        for target in self.targets:
            found.setdefault(target.together or target.name, []).append(target)
        return tuple(Step(name=name, targets=tuple(targets)) for name, targets in found.items())

    def holding(self, means: Mapping[str, np.ndarray]) -> "Resolved":
        """The same with derived columns that are known at some rows, by name."""
        held = (replace(d, held=means[d.name]) if d.name in means else d for d in self.derived)
        return replace(self, derived=tuple(held)) if means else self

    def restricted(self, target: str) -> bool:
        """Whether some rule reads a target."""
        return bool(reading(self.rules, target))

    def step(self, target: str) -> Step:
        """The step that draws a target."""
        return next(step for step in self.steps if any(t.name == target for t in step.targets))

    def target(self, name: str) -> Target:
        """The target of that name."""
        return next(t for t in self.targets if t.name == name)
