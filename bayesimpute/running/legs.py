"""The unit of work: some sweeps of one chain, as a function that any executor can run.

``run_leg(job, state, sweeps)`` returns the chain's new state and what it produced. How the sweeps are cut into legs
changes nothing: every visit draws from the generator of its address. A leg ends where its chain must hear of the others
(:mod:`bayesimpute.running.shared_steps`). What a process has described is shared by its threads, and what a thread
compiles is kept for its next leg; these caches and the lock around them are the only global state of a run, beside the
limit on the threads of linear algebra while any leg is under way (:mod:`bayesimpute.base.one_thread`).
"""

import hashlib
import pickle
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesimpute.base.one_thread import one_thread
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.design import SYSTEMATIC
from bayesimpute.plan.fixed import assumed_in
from bayesimpute.plan.held_options import named, named_in
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.running.assumed import SWEEPS, assumed, middles, used_inside
from bayesimpute.running.imputed_cells import Cells, packed
from bayesimpute.running.inner_steps import settle_steps
from bayesimpute.running.kernel import Bench, ChainState, Visit, adapt, begin, generator, visit
from bayesimpute.running.made_of import Made, afterwards, made, seen, seen_before
from bayesimpute.running.records import STATS, Leg, Record
from bayesimpute.running.schedules import Schedule
from bayesimpute.running.shared_steps import own_places, waits
from bayesimpute.running.workspace import Described, Workspace, levels_moved, samplers_chosen

_THREAD = threading.local()
_DESCRIBED: dict[str, Described] = {}
_AFTER: dict[str, Described] = {}
_COMPILING = threading.Lock()


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What all legs of a stage have in common; those with equal keys share what is compiled."""

    plan: Plan
    incomplete: Incomplete
    resolved: Resolved
    seed: int
    schedule: Schedule
    keep_effects: bool = False
    keep: tuple[str, ...] = ()
    held: Mapping[str, np.ndarray] = field(default_factory=dict)
    key: str

    @classmethod
    def of(cls, record: Record) -> "Job":
        """What the legs of a run need of its record; the key is computed once and sent along."""
        incomplete = record.incomplete
        return cls(
            plan=record.plan,
            incomplete=incomplete,
            resolved=record.resolved,
            seed=record.seed,
            schedule=record.schedule,
            keep_effects=record.keep_effects,
            keep=record.keep,
            held=middles(record.resolved, incomplete),
            key=_digest((_without_values(record.plan), record.incomplete.frame, record.incomplete.clusters)),
        )


def _without_values(plan: Plan) -> Plan:
    """The plan whatever the values of its assumptions: its models are described and compiled once for all of them.

    But those at which coefficients are fixed: what offsets say of a variable counts when its model is described.
    """
    held = assumed_in(plan.models) | named_in(plan.models)
    kept = (a if a.name in held else replace(a, value=0.0, prior=None) for a in plan.assumptions)
    return replace(plan, assumptions=tuple(kept))


def _digest(content: Any) -> str:
    """A hash of the content of an object, without a copy of the arrays in it."""
    arrays: list[pickle.PickleBuffer] = []
    found = hashlib.sha256(pickle.dumps(content, protocol=5, buffer_callback=arrays.append))
    for array in arrays:
        found.update(array.raw())
    return found.hexdigest()


def workspace(job: Job) -> Workspace:
    """The workspace of the calling thread for a job."""
    if getattr(_THREAD, "key", None) != job.key:
        _THREAD.space = Workspace(job.plan, job.incomplete, described(job))
        _THREAD.key = job.key
    return _THREAD.space


def described(job: Job) -> Described:
    """What this process knows of the models of a job, described on first use; not for two threads at a time."""
    if job.key not in _DESCRIBED:
        _DESCRIBED.clear()
        _DESCRIBED[job.key] = Described.of(job.plan, job.incomplete, job.resolved)
    return _DESCRIBED[job.key]


def in_threads(job: Job) -> bool:
    """Whether the chains of a job gain from threads."""
    with _COMPILING:
        return described(job).threads


def run_leg(
    job: Job, state: ChainState, sweeps: int, stopped: Callable[[], bool] = lambda: False
) -> tuple[ChainState, Leg]:
    """Move a chain on.

    Parameters
    ----------
    job : Job
        The run.
    state : ChainState
        Where the chain stands.
    sweeps : int
        How many sweeps to make, at most; 0 only fills, compiles and adapts.
    stopped : callable
        Asked before every sweep whether nobody waits for the leg any more.

    Returns
    -------
    ChainState, Leg
        Where it stands then, and what was kept on the way.
    """
    with one_thread():
        with _COMPILING:  # neither describing nor compiling is safe in two threads at a time
            space = workspace(job)
            if not state.cells:
                state = begin(space, state.chain, job.seed)
            bench = Bench(space, state.cells, held=job.held)
            for step in space.resolved.steps:
                space.posterior(step, bench.data(step))
            book = _Book(job, space, state.chain)
            if not state.samplers and not described(job).threads:
                state = _adapted(job, bench, state, book)
        if not state.samplers:  # what is compiled here numba compiles, which has a lock of its own
            state = _adapted(job, bench, state, book)
        for _ in range(min(sweeps, job.schedule.end - state.sweep)):
            if stopped() or waits(job.plan, job.resolved, state):
                break
            state = _sweep(job, bench, state, book)
        return state, book.leg()


def _adapted(job: Job, bench: Bench, state: ChainState, book: "_Book") -> ChainState:
    if state.chain == 0:
        said = (*samplers_chosen(bench.workspace), *levels_moved(bench.workspace))
        book.events += [replace(event, chain=0, sweep=0) for event in said]
    return adapt(bench, state, job.seed)


def _sweep(job: Job, bench: Bench, state: ChainState, book: "_Book") -> ChainState:
    warmup = job.plan.run.warmup
    kept = job.schedule.imputation(state.chain, state.sweep + 1) is not None
    before = seen(bench, state, book.saw) if kept else None
    keep = job.keep if state.sweep >= job.schedule.base else ()
    visits = {}
    for place, step in enumerate(bench.workspace.resolved.steps):
        state, visits[step.name] = visit(
            bench, state, place, job.seed, tune=state.sweep < warmup, keep=step.name in keep
        )
    state = replace(state, sweep=state.sweep + 1)
    book.enter(state, visits)
    k = job.schedule.imputation(state.chain, state.sweep)
    if k is not None and before is not None:
        book.take(k, *_imputation(job, bench, state, k, made(before, visits), book.saw))
    if state.sweep == warmup:
        for place in own_places(job.plan, job.resolved, state.chain):
            state, event = settle_steps(bench, state, place, job.seed)
            book.events.append(event)
        book.events += _remarks(job, bench, state)
    return state


def _remarks(job: Job, bench: Bench, state: ChainState) -> list[Event]:
    """What families say of how they draw values, at the end of a chain's warm-up."""
    steps, found = bench.workspace.resolved.steps, []
    for place, step in enumerate(steps):
        rng = generator(job.seed, state.chain, state.sweep + 1, 3 * len(steps) + place)
        found += bench.remarks(step, bench.draw(step.name, state), rng)
    return [replace(event, chain=state.chain, sweep=state.sweep) for event in found]


def _imputation(
    job: Job, bench: Bench, state: ChainState, k: int, now: Made, saw: tuple[frozenset[str], frozenset[str]]
) -> tuple[Mapping[str, np.ndarray], Made]:
    """The cells of an imputation, and what they were made of: the chain's, under what this imputation assumes."""
    resolved = job.resolved
    if not resolved.assumptions and resolved.afterwards is None:
        return state.cells, now
    held = {**job.held, **assumed(resolved, job.incomplete, job.seed, k)}
    cells = state.cells
    options = _options(job, k)
    if options or used_inside(resolved):
        side = Bench(bench.workspace.holding(options), state.cells, held=held)
        with _COMPILING:
            for step in side.workspace.resolved.steps:
                side.workspace.posterior(step, side.data(step))
        for aside in range(1, SWEEPS + 1):
            before, visits = seen(side, state, saw), {}
            for place, step in enumerate(side.workspace.resolved.steps):
                state, visits[step.name] = visit(side, state, place, job.seed, tune=False, aside=aside)
            now = made(before, visits)
        cells = state.cells
    if resolved.afterwards is not None:
        cells = afterwards(_after(job), now, cells, held)
    return cells, now


def _options(job: Job, k: int) -> dict[str, dict[str, float]]:
    """By target the options of its family that are an imputation's own draws of assumptions."""
    values = {name: float(column[0]) for name, column in assumed(job.resolved, job.incomplete, job.seed, k).items()}
    found = {m.target: {o: values[name] for o, name in named(m).items() if name in values} for m in job.plan.models}
    return {target: options for target, options in found.items() if options}


def _after(job: Job) -> Workspace:
    """The models of a job with the adjustments that its chains know nothing of."""
    key = f"{job.key} afterwards"
    with _COMPILING:
        if key not in _AFTER:
            _AFTER.clear()
            _AFTER[key] = Described.of(job.plan, job.incomplete, job.resolved.afterwards)
        return Workspace(job.plan, job.incomplete, _AFTER[key])


class _Book:
    """Collects what a leg keeps."""

    def __init__(self, job: Job, space: Workspace, chain: int) -> None:
        self.job, self.space, self.chain = job, space, chain
        self.values = {target.name: target.values for target in space.resolved.targets}
        self.real = {target.name: target.real for target in space.resolved.targets}
        self.summaries: list[dict[str, np.ndarray]] = []
        self.events: list[Event] = []
        self.kept: dict[int, Cells] = {}
        self.made: dict[int, Made] = {}
        self.saw = seen_before(space.resolved)
        self.rows: list[dict[str, tuple[np.ndarray, np.ndarray]]] = []
        self.effects: list[dict[str, dict[str, np.ndarray]]] = []
        self.at_visits: list[dict[str, Mapping[str, np.ndarray]]] = []
        self.seconds = 0.0

    def enter(self, state: ChainState, visits: dict[str, Visit]) -> None:
        self.seconds += sum(v.seconds for v in visits.values())
        if state.sweep <= self.job.schedule.base:
            return
        self.rows.append({name: self._row(name, v) for name, v in visits.items()})
        found = {name: values.summaries(state.cells[name][self.real[name]]) for name, values in self.values.items()}
        self.summaries.append({name: np.array(list(each.values())) for name, each in found.items()})
        self.effects.append({name: self._of_clusters(name, v) for name, v in visits.items()})
        self.at_visits.append({name: visits[name].kept for name in self.job.keep})

    def take(self, k: int, cells: Mapping[str, np.ndarray], of: Made) -> None:
        """Keep an imputation."""
        self.made[k] = of
        self.kept[k] = packed(self.space.resolved.targets, cells)

    def _of_clusters(self, name: str, v: Visit) -> dict[str, np.ndarray]:
        """Group-specific effects, where they were asked for, and which empty clusters are systematically missing."""
        design = self.space.designs[name]
        return (design.effects(v.draw) if self.job.keep_effects else {}) | design.indicators(v.draw)

    def _row(self, name: str, v: Visit) -> tuple[np.ndarray, np.ndarray]:
        s = v.stats
        numbers = np.array([s.divergences, s.acceptance, s.depth, s.transitions, v.seconds])
        return self.space.designs[name].posterior(v.draw), numbers

    def leg(self) -> Leg:
        names = self.space.designs
        columns = {name: [np.array(x) for x in zip(*(row[name] for row in self.rows))] for name in names}
        summaries = {name: np.array([row[name] for row in self.summaries]) for name in self.values}
        if not self.rows:
            columns = {n: [np.zeros((0, len(d.names))), np.zeros((0, len(STATS)))] for n, d in names.items()}
            summaries = {name: np.zeros((0, len(values.recorded))) for name, values in self.values.items()}
        return Leg(
            names={name: design.names for name, design in names.items()},
            draws={name: c[0] for name, c in columns.items()},
            imputed=summaries,
            stats={name: c[1] for name, c in columns.items()},
            effects={n: found for n in names if (found := self._effects(n)) or self.job.keep_effects},
            at_visits={n: self._at_visits(n) for n in self.job.keep if self.rows},
            kept=self.kept,
            made=self.made,
            events=tuple(self.events),
            seconds=self.seconds,
        )

    def _at_visits(self, name: str) -> dict[str, np.ndarray]:
        return {part: np.array([row[name][part] for row in self.at_visits]) for part in self.at_visits[0][name]}

    def _effects(self, name: str) -> dict[str, np.ndarray]:
        design = self.space.designs[name]
        sizes = {effect: b.size for b in design.blocks for effect in b.names} if self.job.keep_effects else {}
        sizes |= {} if design.empty is None else {SYSTEMATIC: len(design.empty)}
        return {
            effect: np.array([row[name][effect] for row in self.effects]).reshape(-1, size)
            for effect, size in sizes.items()
        }
