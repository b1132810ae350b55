"""The run at each point of a grid: applied to the draws that are there where that is the same, else run again.

**Applied.** A shift that no other variable's imputations follow changes the imputed values alone: parameters and random
numbers stay, nothing is refitted (:mod:`bayesimpute.result.shifted`).

**Run again.** Where others follow it, or a coefficient is fixed at it, the chains go on from where the run ended, with
the assumptions of the point: first :data:`SETTLING` sweeps an imputation, always from the same state, never from a
neighbour's, and by the same random numbers, so that points are comparable and their order means nothing. Where the
models are others (a fixed correlation for a free one), chains start anew, with the settings and the seed of the run.
"""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from bayesimpute.estimating.estimands import without_selection
from bayesimpute.plan.adjusted import middle
from bayesimpute.plan.axes import at
from bayesimpute.plan.fixed import assumed_in
from bayesimpute.plan.held_options import named_in
from bayesimpute.plan.plan import Plan
from bayesimpute.result import run
from bayesimpute.result.result import Result
from bayesimpute.result.shifted import Shifts
from bayesimpute.running.records import Leg, Record

How = Literal["applied", "rerun", "needs a refit"]
SETTLING = 25
"""Sweeps of each chain between two imputations of a point that is run again, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """The runs behind a grid.

    Parameters
    ----------
    result : Result
        The run.
    plan : Plan
        Its plan, with the assumptions and adjustments that are varied.
    base : {"", "mar"}
        Whether selection models are replaced by their ignorable twins.
    refit : bool
        Whether points may be run again.
    seed : int
        Of new chains.
    executor : Executor or None
    workers : int or None
        As for :func:`bayesimpute.impute`.
    made : dict
        Runs by point.
    """

    result: Result
    plan: Plan
    base: str
    refit: bool
    seed: int
    workers: int | None
    executor: Executor | None = None
    made: dict[tuple[tuple[str, float], ...], tuple[How, Result | None]] = field(default_factory=dict)

    @cached_property
    def start(self) -> Record:
        """The run from which all points come."""
        own = self.result.record
        if self.base == "" or without_selection(own.plan) == own.plan:
            return own
        return self._fresh(without_selection(own.plan)).record

    @cached_property
    def models(self) -> Plan:
        """The plan as it is varied."""
        return self.plan if self.base == "" else without_selection(self.plan)

    @cached_property
    def _shifts(self) -> Shifts:
        return Shifts.of(self.start, self.models)

    def at(self, point: Mapping[str, float]) -> tuple[How, Result | None]:
        """How the run at a point comes about, and the run; None where it may not be made."""
        key = tuple(sorted(point.items()))
        if key not in self.made:
            self.made[key] = self._at(point)
        return self.made[key]

    def at_means(self, point: Mapping[str, float]) -> Result | None:
        """The run at a point where assumptions with a prior are at its mean; None where it may not be made.

        With the draws and random numbers of the run at the point: chains that go on leave for their imputations as
        they do there, under a prior without spread.
        """
        how, plan = self.how(point), at(self.models, point)
        if how == "needs a refit":
            return None
        means = {a.name: middle(a) for a in plan.assumptions if a.prior is not None}
        inside = bool(named_in(plan.models) & set(means))
        if inside and not self.refit:
            return None
        if how == "applied" and not inside:
            return Result.of(self._shifts.record(self._shifts.cells({**means, **point}), at(plan, means)))
        narrow = (replace(a, prior=_narrow(means[a.name])) if a.name in means else a for a in plan.assumptions)
        plan = replace(plan, assumptions=tuple(narrow))
        return self._further(plan) if _models(plan) == _models(self.start.plan) else self._fresh(plan)

    def how(self, point: Mapping[str, float]) -> How:
        """The same without making it."""
        plan = at(self.models, point)
        inside = bool(self._shifts.followed or assumed_in(plan.models) & set(point) or self._anew(point))
        if _models(plan) == _models(self.start.plan) and not inside:
            return "applied"
        return "rerun" if self.refit else "needs a refit"

    def _at(self, point: Mapping[str, float]) -> tuple[How, Result | None]:
        how = self.how(point)
        if how == "needs a refit":
            return how, None
        plan = at(self.models, point)
        if how == "applied":
            cells = self._shifts.cells(point)
            return how, Result.of(self._shifts.record(cells, plan))
        if _models(plan) == _models(self.start.plan) and not self._anew(point):
            return how, self._further(plan)
        return how, self._fresh(plan)

    def _anew(self, point: Mapping[str, float]) -> bool:
        """Whether an option of a family is held at another value: its chains are others' from the start."""
        return bool(named_in(self.models.models) & set(point))

    def _further(self, plan: Plan) -> Result:
        start = self.start
        rounds, thin = start.schedule.rounds, min(start.schedule.thin, SETTLING)
        legs = tuple(Leg() for _ in start.states)
        record = replace(start, plan=plan, legs=legs, keep=(), keep_effects=False)
        return run.run(record.extended(rounds * thin), executor=self.executor, workers=self.workers, progress=False)

    def _fresh(self, plan: Plan) -> Result:
        schedule = self.result.record.schedule
        plan = plan.with_run(m=schedule.m, warmup=schedule.base, sweeps=schedule.sweeps)
        how: dict[str, Any] = {"executor": self.executor, "workers": self.workers, "progress": False}
        return run.impute(self.result.incomplete, plan, seed=self.seed, **how)


def _narrow(mean: float) -> str:
    """A prior that has a mean and no spread to speak of."""
    return f"Normal({mean!r}, {1e-12 * max(1.0, abs(mean))!r})"


def _models(plan: Plan) -> Plan:
    """What is fitted."""
    return replace(plan, assumptions=(), adjustments=(), analyses=(), estimands=(), title="", run=type(plan.run)())
