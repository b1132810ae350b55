"""A finished run and new rows to a Result of these: what is checked, and the record that it becomes.

The result is like that of a run, but has no chains of its own: it can be analysed, pooled, described and saved, not
judged or run on (:func:`bayesimpute.result.result.require_run`).
"""

import numpy as np

from bayesimpute.base.errors import DataError, InputError, one
from bayesimpute.base.one_thread import one_thread
from bayesimpute.base.phrases import counted
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.data.other_rows import other_rows
from bayesimpute.plan.new_rows import broken_by, columns_read, observed_where_void, on_new_rows, unimputed
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.plan.void_cells import with_void
from bayesimpute.result.result import Result, require_run
from bayesimpute.running import fcs
from bayesimpute.running.assumed import drawn
from bayesimpute.running.imputed_cells import packed
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import Learnt, Leg, Record
from bayesimpute.running.transforming import SWEEPS, NewRows, address, new_clusters
from bayesimpute.running.workspace import Described, Workspace


def transform(result: Result, frame: AnyFrame, *, seed: int | None = None, sweeps: int = SWEEPS) -> Result:
    """Impute new rows by the draws of a run; parameters and errors are those of ``MultiplyImputed.transform``."""
    require_run(result, "transform")
    record = result.record
    if not record.finished:
        raise one(InputError, "run", "it was stopped before its end", "go on with bayesimpute.resume")
    if record.resolved.afterwards is not None or drawn(record.resolved):
        finding = "its imputations are adjusted by assumptions that new rows cannot follow: with a prior, or afterwards"
        raise one(InputError, "run", finding, "transform a run whose assumptions are numbers that propagate")
    fcs.whole("sweeps", sweeps, 1, "make at least one")
    seed = record.seed if seed is None else seed
    fcs.whole("seed", seed, 0, "give one, such as seed=1")
    read = columns_read(record.resolved, record.incomplete)
    incomplete = with_void(other_rows(frame, record.incomplete, read), record.plan.models)
    resolved = on_new_rows(record.resolved, record.incomplete, incomplete)
    problems = [*unimputed(resolved, read, incomplete), *broken_by(resolved, incomplete)]
    problems += observed_where_void(record.plan.models, incomplete)
    if problems:
        raise DataError(problems)
    with one_thread():
        run = Workspace(record.plan, record.incomplete, Described.of(record.plan, record.incomplete, record.resolved))
        rows = NewRows(run=run, incomplete=incomplete, resolved=resolved)
        kept, made = ({k: v for leg in record.legs for k, v in getattr(leg, part).items()} for part in ("kept", "made"))
        found = {k: rows.impute(made[k], kept[k], address(seed, k), sweeps) for k in range(record.schedule.m)}
    cells = {k: packed(resolved.targets, _all(resolved, each)) for k, (each, _) in found.items()}
    new = Record(
        incomplete=incomplete,
        plan=record.plan,
        seed=int(seed),
        schedule=record.schedule,
        states=tuple(ChainState(chain=s.chain, sweep=s.sweep) for s in record.states),
        legs=tuple(
            Leg(kept={k: v for k, v in cells.items() if k % record.schedule.chains == s.chain}) for s in record.states
        ),
        events=(*resolved.events, *_events(record, rows, sweeps)),
        learnt=Learnt(incomplete=record.incomplete, means={k: means for k, (_, means) in found.items() if means}),
    )
    new.__dict__["resolved"] = resolved
    return type(result).of(new)


def _all(resolved: Resolved, cells: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {t.name: cells.get(t.name, np.zeros(0)) for t in resolved.targets}


def _events(record: Record, rows: NewRows, sweeps: int) -> list[Event]:
    what = f"imputed by the draws of a run of {counted(len(record.incomplete.frame), 'row')}, {sweeps} sweeps a dataset"
    events = [Event(what=what, why="transform: its parameters are held, nothing is learnt from these rows")]
    for key, count in new_clusters(record.incomplete, rows.incomplete).items():
        if count:
            why = "their effects are drawn from the distribution between clusters, given what is observed of them here"
            events.append(Event(what=f"{counted(count, 'cluster')} of {key} that the run never saw", why=why))
    return events
