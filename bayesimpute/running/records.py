"""What a run has produced so far: for each chain its state, draws, statistics and kept imputations.

A :class:`Record` is complete in itself: together with the data and the plan it can be saved, resumed, extended and
added to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.new_rows import on_new_rows
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.made_of import Made
from bayesimpute.running.schedules import Schedule

STATS = ("divergences", "acceptance", "depth", "steps", "seconds")


@dataclass(frozen=True, kw_only=True, eq=False)
class Leg:
    """What some sweeps of one chain have produced; legs of a chain are joined in order.

    Parameters
    ----------
    names : mapping of str to tuple of str
        The scalar parameters of each target.
    draws : mapping of str to ndarray, shape (draw, parameter)
        Scalar parameters of each target after each kept sweep.
    imputed : mapping of str to ndarray, shape (draw, summary)
        The summaries of each target's imputed values that its kind of values records.
    stats : mapping of str to ndarray, shape (draw, len(STATS))
        How each visit went.
    effects : mapping of str to mapping of str to ndarray, shape (draw, cluster)
        Group-specific effects, where they were asked for, and which empty clusters are systematically missing.
    at_visits : mapping of str to mapping of str to ndarray, shape (draw, …)
        Of the steps that were asked for: :mod:`bayesimpute.running.at_visits`.
    kept : mapping of int to mapping of str to ndarray
        The cells of each target, by imputation; those from m on are spares for more imputations.
    made : mapping of int to Made
        What these cells were made of, by imputation.
    events : tuple of Event
        What was done automatically.
    seconds : float
        Time in visits.
    """

    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)
    imputed: Mapping[str, np.ndarray] = field(default_factory=dict)
    stats: Mapping[str, np.ndarray] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    at_visits: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    kept: Mapping[int, Mapping[str, np.ndarray]] = field(default_factory=dict)
    made: Mapping[int, Made] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    seconds: float = 0.0

    @property
    def length(self) -> int:
        """Number of kept sweeps."""
        return max((len(x) for x in self.draws.values()), default=0)

    @property
    def divergences(self) -> int:
        """Of all targets."""
        return int(sum(x[:, STATS.index("divergences")].sum() for x in self.stats.values()))


def joined(legs: Sequence[Leg]) -> Leg:
    """Legs of one chain as one."""
    kept = {k: cells for leg in legs for k, cells in leg.kept.items()}
    made = {k: each for leg in legs for k, each in leg.made.items()}
    first = next((leg for leg in legs if leg.draws), None)
    if first is None:  # nothing has been drawn, or there is no model: all follows from the data
        return Leg(kept=kept, made=made, events=tuple(e for leg in legs for e in leg.events))
    return Leg(
        names=first.names,
        draws={t: np.concatenate([leg.draws[t] for leg in legs if leg.draws]) for t in first.draws},
        imputed={t: np.concatenate([leg.imputed[t] for leg in legs if leg.draws]) for t in first.imputed},
        stats={t: np.concatenate([leg.stats[t] for leg in legs if leg.draws]) for t in first.stats},
        effects=_one_after_another([leg.effects for leg in legs if leg.draws]),
        at_visits=_one_after_another([leg.at_visits for leg in legs if leg.at_visits]),
        kept=kept,
        made=made,
        events=tuple(e for leg in legs for e in leg.events),
        seconds=sum(leg.seconds for leg in legs),
    )


def _one_after_another(parts: Sequence[Mapping[str, Mapping[str, np.ndarray]]]) -> dict[str, dict[str, np.ndarray]]:
    first = parts[0] if parts else {}
    return {t: {name: np.concatenate([part[t][name] for part in parts]) for name in first[t]} for t in first}


@dataclass(frozen=True, kw_only=True, eq=False)
class Learnt:
    """Where the models of rows come from that were imputed by another run's draws.

    Parameters
    ----------
    incomplete : Incomplete
        The data of that run.
    means : mapping of int to mapping of str to ndarray, shape (row,)
        By imputation and column the cluster means that known clusters had there; NaN in new ones.
    """

    incomplete: Incomplete
    means: Mapping[int, Mapping[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """A run, finished or not.

    Parameters
    ----------
    incomplete : Incomplete
        The data.
    plan : Plan
        Its run settings are those that were used.
    seed : int
        Of the run.
    schedule : Schedule
        When what is kept.
    states : tuple of ChainState
        Where each chain stands.
    legs : tuple of Leg
        What each chain has produced since ``schedule.base``, and all its events.
    events : tuple of Event
        What was done before the run, and where all chains met.
    keep_effects : bool
        Whether group-specific effects are kept.
    keep : tuple of str
        The steps of which it is kept what their models said of the observed values at each visit.
    learnt : Learnt or None
        Of rows that were imputed by the draws of a run: what is known from its data; None: this is a run.
    """

    incomplete: Incomplete
    plan: Plan
    seed: int
    schedule: Schedule
    states: tuple[ChainState, ...]
    legs: tuple[Leg, ...]
    events: tuple[Event, ...] = ()
    keep_effects: bool = False
    keep: tuple[str, ...] = ()
    learnt: Learnt | None = None

    @cached_property
    def resolved(self) -> Resolved:
        """The plan, settled on the data: once a run, for it travels with the record."""
        if self.learnt is None:
            return resolve(self.plan, self.incomplete)
        return on_new_rows(resolve(self.plan, self.learnt.incomplete), self.learnt.incomplete, self.incomplete)

    def changed(self, **changes: Any) -> "Record":
        """The same run with some other fields."""
        made = replace(self, **changes)
        made.__dict__["resolved"] = self.resolved
        return made

    @property
    def finished(self) -> bool:
        """Whether every chain has made all its sweeps."""
        return all(state.sweep >= self.schedule.end for state in self.states)

    def grown(self, state: ChainState, leg: Leg) -> "Record":
        """The record after another leg of a chain."""
        states, legs = list(self.states), list(self.legs)
        states[state.chain] = state
        legs[state.chain] = joined([legs[state.chain], leg])
        return self.changed(states=tuple(states), legs=tuple(legs))

    def extended(self, sweeps: int) -> "Record":
        """Ready to run on, with all that was kept so far as warm-up."""
        return self._on(self.schedule.extended(sweeps))

    def added(self, m: int) -> "Record":
        """Ready to run on for more imputations."""
        return self._on(self.schedule.added(m))

    def doubled(self, why: str) -> "Record":
        """Ready to run on to twice the sweeps, which is an event; every second imputation is kept."""
        schedule = self.schedule.doubled()
        what = f"sweeps raised from {self.schedule.sweeps} to {schedule.sweeps}"
        event = Event(sweep=self.schedule.end, what=what, why=why)
        return self._on(schedule).changed(events=(*self.events, event))

    def _on(self, schedule: Schedule) -> "Record":
        legs = tuple(_kept_on(leg, self.schedule, schedule) for leg in self.legs)
        return self.changed(schedule=schedule, legs=legs)


def _kept_on(leg: Leg, before: Schedule, after: Schedule) -> Leg:
    """What another stage keeps of what a chain has produced: nothing of its warm-up, cells where it takes some."""
    if after.base != before.base:
        return Leg(events=leg.events)
    numbers = {k: new for k in leg.kept if (new := after.imputation(*before.place(k))) is not None}
    return replace(
        leg,
        kept={new: leg.kept[k] for k, new in numbers.items()},
        made={new: leg.made[k] for k, new in numbers.items() if k in leg.made},
    )
