"""The loop: fully conditional specification over chains, in legs, on any executor; resume, extend and add.

``impute`` checks everything before anything is compiled, then moves the chains on leg by leg. All that happens
between legs (progress, checkpoints, Ctrl-C) sees a :class:`~bayesimpute.records.Record`, and a record is all that is
needed to go on.
"""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesimpute import compatible
from bayesimpute.check import plan_clusters, require
from bayesimpute.crew import Crew, crew, require_one
from bayesimpute.imputed import MultiplyImputed
from bayesimpute.incomplete import Incomplete
from bayesimpute.interrupts import remembered
from bayesimpute.kernel import ChainState
from bayesimpute.legs import Job
from bayesimpute.outcome import BayesimputeError, DataError, FileError, Interrupted, Outcome, PlanError, Problem, one
from bayesimpute.plan import Conditional, Plan
from bayesimpute.records import Leg, Record, Schedule
from bayesimpute.targets import Event, resolve

if TYPE_CHECKING:
    from bayesimpute.progress import Progress

LEG_SECONDS = 2.0
"""About how long a leg should take: progress and Ctrl-C wait for its end."""
CHECKPOINT_SECONDS = 10.0


def impute(
    data: pd.DataFrame | Incomplete,
    plan: Plan | str | Conditional | Sequence[str | Conditional] | None = None,
    *,
    analysis: str | Conditional | Sequence[str | Conditional] | None = None,
    m: int | None = None,
    chains: int | None = None,
    warmup: int | None = None,
    sweeps: int | None = None,
    steps: int | str | None = None,
    seed: int,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    force: bool = False,
    keep_effects: bool = False,
) -> MultiplyImputed:
    """Impute incomplete multilevel data.

    Parameters
    ----------
    data : DataFrame or Incomplete
        The incomplete table; a DataFrame stays unchanged.
    plan : Plan, formula, Conditional, or a list of formulas and Conditionals, optional
        What is imputed from what.
    analysis : formula or Conditional, or a list of them, optional
        Models that are to be analysed, with which the imputations are to be compatible: substantive models of the plan
        (:mod:`bayesimpute.compatible`). Without a plan, :func:`bayesimpute.suggest` writes the rest of it.
    m, chains, warmup, sweeps, steps : int, optional
        See :class:`~bayesimpute.plan.Run`; None takes the plan's value.
    seed : int
        All random numbers follow from it, whatever the number of workers.
    executor : concurrent.futures.Executor, optional
        Where legs run: any executor, such as a Dask cluster's ``client.get_executor()``.
    workers : int, optional
        Processes to start instead; 1, the default, runs in this one.
    progress : bool
        Whether to show a line a chain, on a terminal.
    checkpoint : path, optional
        A ``.nc`` or ``.zarr`` file that always holds the run as far as it has come; :func:`resume` goes on from it.
    force : bool
        Whether the checkpoint may take the place of a file that exists.
    keep_effects : bool
        Whether to keep the draws of the group-specific effects in the posterior.

    Returns
    -------
    MultiplyImputed

    Raises
    ------
    PlanError
        With every problem of the plan and the data, before anything is compiled.
    DataError
        If there is nothing missing.
    Interrupted
        On Ctrl-C, after the run was saved.
    """
    plan = _plan(data, plan, analysis)
    settings = {"m": m, "chains": chains, "warmup": warmup, "sweeps": sweeps, "steps": steps}
    plan = plan.with_run(**{k: int(v) if isinstance(v, np.integer) else v for k, v in settings.items()})
    _whole("seed", seed, 0, "give one, such as seed=1")
    warnings = require(plan, data)
    incomplete = data if isinstance(data, Incomplete) else Incomplete.from_frame(data, clusters=plan_clusters(plan))
    if not any(v.n_missing for v in incomplete.variables.values()):
        raise one(DataError, "data", Outcome.NOTHING_MISSING.value, "analyse them as they are")
    resolved = resolve(plan, incomplete)
    states = tuple(ChainState(chain=c) for c in range(plan.run.chains))
    record = Record(
        incomplete=incomplete,
        plan=plan,
        seed=int(seed),
        schedule=Schedule.of(plan),
        states=states,
        legs=tuple(Leg() for _ in states),
        events=(*resolved.events, *compatible.events(resolved), *(_warned(w) for w in warnings)),
        keep_effects=keep_effects,
    )
    if checkpoint is not None and not force and os.path.lexists(checkpoint):
        remedy = "go on from it with resume(), take another name, or give force=True"
        raise one(FileError, str(checkpoint), "the checkpoint exists already", remedy)
    return _run(record, executor, workers, progress, checkpoint)


def _plan(data: Any, plan: Any, analysis: Any) -> Plan:
    """The plan that is meant: as given, with the analyses as substantive models, or written from them."""
    if plan is None:
        if analysis is None:
            finding = "there is neither a plan nor an analysis"
            raise one(
                PlanError, "plan", finding, 'write impute(data, ["y ~ x"], ...) or impute(data, analysis="y ~ x")'
            )
        from bayesimpute.suggesting import suggest

        return suggest(analysis, data).plan
    plan = plan if isinstance(plan, Plan) else Plan.of(plan)
    if analysis is None:
        return plan
    more = (analysis,) if isinstance(analysis, str | Conditional) else tuple(analysis)
    return replace(plan, substantive=(*plan.substantive, *more))


def resume(
    path: str | os.PathLike[str],
    *,
    data: pd.DataFrame | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> MultiplyImputed:
    """Go on from a checkpoint to where the run was to end; the result equals that of a run without a break.

    Parameters
    ----------
    path : path
        The checkpoint.
    data : DataFrame, optional
        The data, to make sure that they are still those of the run.
    executor, workers, progress
        As for :func:`impute`.

    Raises
    ------
    FileError
        If the file cannot be read.
    DataError
        If `data` are not the data of the run.
    """
    record = MultiplyImputed.load(path).record
    if data is not None and not data.equals(record.incomplete.frame):
        raise one(DataError, "data", f"they are not the data of {path}", "give the data of that run, or none")
    return _run(record, executor, workers, progress, path)


def extend(imputed: MultiplyImputed, sweeps: int, **options: Any) -> MultiplyImputed:
    """See :meth:`MultiplyImputed.extend`."""
    record = imputed.record
    least = -(-record.schedule.m // record.schedule.chains)
    _whole(
        "sweeps", sweeps, least, f"{record.schedule.m} imputations from {record.schedule.chains} chains need so many"
    )
    return _go_on(record.extended(int(sweeps)), **options)


def add(imputed: MultiplyImputed, m: int, **options: Any) -> MultiplyImputed:
    """See :meth:`MultiplyImputed.add`."""
    _whole("m", m, 1, "add at least one")
    return _go_on(imputed.record.added(int(m)), **options)


def _warned(warning: Problem) -> Event:
    """What the check warned of, kept with the result."""
    return Event(what=f"warning: {warning.path}: {warning.finding}", why=warning.remedy)


def _whole(name: str, value: Any, least: int, why: str) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise one(PlanError, name, f"{value!r} is not a whole number of at least {least}", why)


def _go_on(
    record: Record,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
) -> MultiplyImputed:
    return _run(record, executor, workers, progress, checkpoint)


def _run(
    record: Record,
    executor: Executor | None,
    workers: int | None,
    progress: bool,
    checkpoint: str | os.PathLike[str] | None,
) -> MultiplyImputed:
    from bayesimpute.progress import Progress

    if workers is not None:
        _whole("workers", workers, 1, "give their number")
    require_one(executor, workers)
    keeper = _Checkpoint(checkpoint)
    try:
        keeper.write(record)
        with (
            remembered() as interrupted,
            Progress.over(record, show=progress) as bar,
            crew(executor, workers, Job.of(record)) as hands,
        ):
            for latest in _advance(record, hands, bar):
                record = latest
                interrupted()
                keeper.now_and_then(record)
        keeper.write(record)
    except KeyboardInterrupt:
        keeper.write(record)
        raise Interrupted(keeper.how_to_go_on()) from None
    except BrokenExecutor as error:
        keeper.write(record)
        raise BayesimputeError(f"A worker process died{_WHY_DEAD}. {keeper.how_to_go_on()}") from error
    return MultiplyImputed.of(record)


_WHY_DEAD = ' (was memory short? a script that uses workers must start with if __name__ == "__main__":)'


def _advance(record: Record, hands: Crew, bar: "Progress") -> Iterator[Record]:
    """Move all chains on in turn until each has made its sweeps, giving the record after every leg."""
    ahead = deque((state, 0) for state in record.states if state.sweep < record.schedule.end)
    at_once = hands.at_once or len(record.states)
    running: set[Future[tuple[ChainState, Leg]]] = set()
    try:
        while ahead or running:
            while ahead and len(running) < at_once:
                running.add(hands.submit(*ahead.popleft()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for state, leg in sorted((future.result() for future in done), key=lambda made: made[0].chain):
                made = state.sweep - record.states[state.chain].sweep
                record = record.grown(state, leg)
                bar.moved(state.chain, state.sweep, leg)
                if state.sweep < record.schedule.end:
                    ahead.append((state, _leg_length(made, leg.seconds)))
                yield record
    finally:
        for future in running:
            future.cancel()


def _leg_length(made: int, seconds: float) -> int:
    """Sweeps that take about LEG_SECONDS; how they are cut into legs changes no number."""
    if not made:
        return 5
    return max(1, min(500, round(LEG_SECONDS * made / max(seconds, 1e-9))))


class _Checkpoint:
    """Writes the record to a file, not too often."""

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path = None if path is None else Path(path)
        self.last, self.written = 0.0, False

    def write(self, record: Record) -> None:
        if self.path is None:
            return
        try:
            MultiplyImputed.of(record).save(self.path, force=True)
        except FileError as error:
            if not self.written:
                raise
            remedy = (
                f"it still holds the run as it was before; make room and go on with: bayesimpute resume {self.path}"
            )
            raise FileError([replace(problem, remedy=remedy) for problem in error.problems]) from error
        self.last, self.written = time.monotonic(), True

    def now_and_then(self, record: Record) -> None:
        if time.monotonic() - self.last > CHECKPOINT_SECONDS:
            self.write(record)

    def how_to_go_on(self) -> str:
        if self.path is None:
            return "Stopped; nothing was saved, because no checkpoint was asked for."
        return f"Stopped; the run is saved in {self.path}. Go on with: bayesimpute resume {self.path}"
