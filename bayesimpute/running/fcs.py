"""The loop: fully conditional specification over chains, in legs, on any executor; resume, extend and add.

``impute`` checks everything before anything is compiled, then moves the chains on leg by leg. All that happens
between legs (progress, checkpoints, Ctrl-C) sees a :class:`~bayesimpute.running.records.Record`, and a record is all
that is needed to go on.

Legs of different chains know nothing of each other; the chains meet at the end of their warm-up, to tell each other how
many inner steps they need (:mod:`bayesimpute.running.shared_steps`), and at the end of a stage
(:mod:`bayesimpute.running.schedules`), where a :data:`Decision` may add another. What it decides must follow from the
record alone: then the result is the same for any number of workers, and after any break.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bayesimpute.base.errors import BayesimputeError, Interrupted, PlanError, one
from bayesimpute.base.interrupts import first_done, remembered
from bayesimpute.running import far_values
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.legs import Job
from bayesimpute.running.records import Leg, Record
from bayesimpute.running.shared_steps import told, waits
from bayesimpute.running.workers import Crew, crew, require_one

if TYPE_CHECKING:
    from bayesimpute.base.progress import Progress

LEG_SECONDS = 2.0
"""About how long a leg should take: progress and Ctrl-C wait for its end."""

Decision = Callable[[Record], Record | None]
"""What is decided where all chains meet: the record made ready for another stage, or None, where the run ends."""


def ends(record: Record) -> None:
    """The decision of a run whose sweeps are given: it ends with its first stage."""
    del record


class Keeper(Protocol):
    """Who keeps a run as far as it has come: a checkpoint, or nobody."""

    def write(self, record: Record) -> None:
        """Keep it now."""

    def now_and_then(self, record: Record) -> None:
        """Keep it, if the last time is long enough ago."""

    def how_to_go_on(self) -> str:
        """What a user whose run was stopped can do."""
        ...


def run(
    record: Record,
    *,
    executor: Executor | None,
    workers: int | None,
    progress: bool,
    keeper: Keeper,
    decide: Decision = ends,
) -> Record:
    """Move all chains on to where they meet, and on from there as long as it is decided to.

    Parameters
    ----------
    record : Record
        Where the run stands.
    executor, workers, progress
        As for :func:`bayesimpute.impute`.
    keeper : Keeper
        Is given the record before anything is compiled, now and then, and at the end, however it ends.
    decide : callable
        Whether the run goes on when all chains meet, and how; by default it ends there.

    Raises
    ------
    Interrupted
        On Ctrl-C, after the run was kept.
    BayesimputeError
        If a worker process died; the run was kept.
    """
    from bayesimpute.base.progress import Progress

    if workers is not None:
        whole("workers", workers, 1, "give their number")
    require_one(executor, workers)
    try:
        with remembered() as interrupted:
            try:
                keeper.write(record)
                with (
                    Progress.over(
                        [state.sweep for state in record.states], end=record.schedule.end, show=progress
                    ) as bar,
                    crew(executor, workers, Job.of(record)) as hands,
                ):
                    stage: Record | None = record
                    while stage is not None:
                        record = stage
                        bar.until(record.schedule.end)
                        for record in _advance(stage, hands, bar, interrupted):
                            keeper.now_and_then(record)
                        stage = decide(record)
                record = far_values.noted(record)
                keeper.write(record)
                interrupted()
            except (KeyboardInterrupt, BrokenExecutor):
                keeper.write(record)
                raise
    except KeyboardInterrupt:
        raise Interrupted(keeper.how_to_go_on()) from None
    except BrokenExecutor as error:
        raise BayesimputeError(f"A worker process died{_WHY_DEAD}. {keeper.how_to_go_on()}") from error
    return record


def whole(name: str, value: Any, least: int, why: str) -> None:
    """Raise PlanError unless a value is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise one(PlanError, name, f"{value!r} is not a whole number of at least {least}", why)


_WHY_DEAD = " (was memory short?)"


def _advance(record: Record, hands: Crew, bar: "Progress", interrupted: Callable[[], None]) -> Iterator[Record]:
    """Move all chains on in turn until they meet, giving the record after every leg; `interrupted` may stop it."""
    record = told(record)
    ahead = deque((state, 0) for state in record.states if _goes_on(record, state))
    at_once = hands.at_once or len(record.states)
    running: set[Future[tuple[ChainState, Leg]]] = set()
    try:
        while ahead or running:
            while ahead and len(running) < at_once:
                running.add(hands.submit(record.schedule, *ahead.popleft()))
            done, running = first_done(running, interrupted)
            for state, leg in sorted((future.result() for future in done), key=lambda made: made[0].chain):
                made = state.sweep - record.states[state.chain].sweep
                record = record.grown(state, leg)
                bar.moved(state.chain, state.sweep, leg.divergences)
                if _goes_on(record, state):
                    ahead.append((state, _leg_length(made, leg.seconds)))
                yield record
            met = told(record)
            if met is not record:
                ahead.extend((after, 1) for before, after in zip(record.states, met.states) if after is not before)
                record = met
                yield record
    finally:
        for future in running if hands.cancels else ():
            future.cancel()


def _goes_on(record: Record, state: ChainState) -> bool:
    return state.sweep < record.schedule.end and not waits(record.plan, record.resolved, state)


def _leg_length(made: int, seconds: float) -> int:
    """Sweeps that take about LEG_SECONDS; how they are cut into legs changes no number."""
    if not made:
        return 5
    return max(1, min(500, round(LEG_SECONDS * made / max(seconds, 1e-9))))
