"""A plan and data to a Result: what is checked before a run, the record it starts from, and going on from one.

:func:`impute` checks everything before anything is compiled and makes the :class:`~bayesimpute.running.records.Record`
that :func:`bayesimpute.running.fcs.run` moves on; :func:`resume`, :func:`extend` and :func:`add` start from a record
that is there. Rooms that must run a plan themselves (refits, the ignorable twin of a selection model) call
:func:`impute`; users meet these verbs in :mod:`bayesimpute.imputed`.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from bayesimpute import compatible
from bayesimpute.base.errors import DataError, FileError, InputError, Outcome, Problem, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.replacing import standing
from bayesimpute.checking import looked_at, require
from bayesimpute.data.arrow_frames import AnyFrame, taken
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.known_cells import read_by
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.result import store
from bayesimpute.result.result import Result, require_run
from bayesimpute.running import fcs
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import Leg, Record
from bayesimpute.running.schedules import Schedule

CHECKPOINT_SECONDS = 10.0
"""A checkpoint is written no more often than this."""


def impute(
    data: AnyFrame | Incomplete,
    plan: Plan,
    *,
    seed: int,
    checkpoint: str | os.PathLike[str] | None = None,
    force: bool = False,
    keep_effects: bool = False,
    keep: Sequence[str] = (),
    events: Sequence[Event] = (),
    **options: Any,
) -> Result:
    """Run a plan; parameters and errors are those of :func:`bayesimpute.impute`, options those of :func:`run`.

    `events` are what was done before the run, when its plan was made: they come first.
    """
    fcs.whole("seed", seed, 0, "give one, such as seed=1")
    if isinstance(data, Incomplete) and data.said:  # files keep the plan and the data as they were given
        plan = replace(plan, columns=data.said).saying(plan.columns)
    warnings = require(plan, data)
    incomplete = looked_at(data, plan)
    if not any(v.n_missing for v in incomplete.variables.values()):
        raise one(DataError, "data", Outcome.NOTHING_MISSING.value, "analyse them as they are")
    states = tuple(ChainState(chain=c) for c in range(plan.run.chains))
    record = Record(
        incomplete=incomplete,
        plan=plan,
        seed=int(seed),
        schedule=Schedule.of(plan),
        states=states,
        legs=tuple(Leg() for _ in states),
        keep_effects=keep_effects,
    )
    resolved = record.resolved
    record = record.changed(
        keep=_steps(keep, resolved),
        events=(*events, *resolved.events, *compatible.events(resolved), *map(_warned, warnings)),
    )
    if checkpoint is not None and not force and standing(checkpoint) is not None:
        remedy = "go on from it with resume(), take another name, or give force=True"
        raise one(FileError, str(checkpoint), "the checkpoint exists already", remedy)
    return run(record, checkpoint=checkpoint, **options)


def _steps(keep: Sequence[str], resolved: Resolved) -> tuple[str, ...]:
    """The steps of the variables of which it is to be kept what their models say at each visit."""
    steps = {target.name: step.name for step in resolved.steps for target in step.targets}
    unknown = [name for name in keep if name not in steps]
    if unknown:
        finding = f"{listed(unknown)} {'has' if len(unknown) == 1 else 'have'} no model in the plan"
        raise one(InputError, "keep", finding, f"name some of {listed(steps)}")
    return tuple(dict.fromkeys(steps[name] for name in keep))


def resume(path: str | os.PathLike[str], *, data: AnyFrame | None = None, **options: Any) -> Result:
    """Go on from a checkpoint; parameters and errors are those of :func:`bayesimpute.resume`."""
    loaded = Result.load(path)
    require_run(loaded, "resume")
    record = loaded.record
    if data is not None:
        frame, given = taken(data)
        if not frame.equals(_without_sidecar(record, frame)):
            raise one(DataError, "data", f"they are not the data of {path}", "give the data of that run, or none")
        record = record.changed(incomplete=replace(record.incomplete, given=given))
    return run(record, checkpoint=path, kept=True, **options)


def _without_sidecar(record: Record, given: pd.DataFrame) -> pd.DataFrame:
    """The data of a run; without the columns of what is known of cells, if they do not stand in what is given."""
    frame, aside = record.incomplete.frame, read_by(record.plan.known)
    return frame.loc[:, [name in given.columns or name not in aside for name in frame.columns]]


def extend(result: Result, sweeps: int, **options: Any) -> Result:
    """Run on with all sweeps so far as warm-up; options are those of :func:`run`."""
    require_run(result, "extend")
    record = result.record
    least = -(-record.schedule.m // record.schedule.chains)
    why = f"{record.schedule.m} imputations from {record.schedule.chains} chains need so many"
    fcs.whole("sweeps", sweeps, least, why)
    return run(record.extended(int(sweeps)), **options)


def add(result: Result, m: int, **options: Any) -> Result:
    """Run on for m imputations more; options are those of :func:`run`."""
    require_run(result, "add to")
    fcs.whole("m", m, 1, "add at least one")
    return run(result.record.added(int(m)), **options)


def run(
    record: Record,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    kept: bool = False,
) -> Result:
    """Move a record on to the end of its schedule, and give what came of it.

    Parameters
    ----------
    record : Record
        Where the run stands.
    executor, workers, progress, checkpoint
        As for :func:`bayesimpute.impute`.
    kept : bool
        Whether the checkpoint holds the record already.
    """
    keeper = _Checkpoint(checkpoint, written=kept)
    return Result.of(fcs.run(record, executor=executor, workers=workers, progress=progress, keeper=keeper))


def _warned(warning: Problem) -> Event:
    """What the check warned of, kept with the result."""
    return Event(what=f"warning: {warning.path}: {warning.finding}", why=warning.remedy)


class _Checkpoint:
    """Writes the record to a file, not too often."""

    def __init__(self, path: str | os.PathLike[str] | None, *, written: bool = False) -> None:
        self.path = None if path is None else Path(path)
        self.file = None if path is None else store.Checkpoint(path)
        self.last, self.written = 0.0, written

    def write(self, record: Record) -> None:
        if self.file is None:
            return
        try:
            self.file.write(record)
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
