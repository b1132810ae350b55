"""Where legs run: in a thread, in threads, in processes, or wherever an executor takes them; never in the main thread,
where Ctrl-C would reach compiled code.

Threads share the data and everything that has been described, and need no start-up; they are the workers where compiled
samplers do most of the work, for these run without Python's lock. Other models have processes of their own, which get
the job once, when they start, and describe and compile it themselves. Who does the work changes no number.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.interrupts import aside
from bayesimpute.base.processes import processes
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.legs import Job, in_threads, run_leg
from bayesimpute.running.records import Leg
from bayesimpute.running.schedules import Schedule

Made = tuple[ChainState, Leg]

_JOBS: list[Job] = []
"""In a worker process: the job that it was started for."""


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Who runs legs.

    Parameters
    ----------
    submit : callable
        Takes the schedule of the stage, a chain's state and a number of sweeps, gives the future of a leg.
    at_once : int, optional
        How many legs may be under way; by default one of each chain.
    cancels : bool
        Whether legs that nobody waits for any more are to be cancelled; loky's end with their processes, and one that
        is cancelled makes it complain.
    """

    submit: Callable[[Schedule, ChainState, int], Future[Made]]
    at_once: int | None = None
    cancels: bool = True


def require_one(executor: Executor | None, workers: int | None) -> None:
    """Raise PlanError unless there is an executor or a number of workers or neither."""
    if executor is None:
        return
    if not isinstance(executor, Executor):
        finding = f"a {type(executor).__name__} is not a concurrent.futures.Executor"
        raise one(PlanError, "executor", finding, "give one, such as a Dask cluster's client.get_executor()")
    if workers is not None:
        raise one(PlanError, "workers", "there is an executor too", "give one of the two")


@contextmanager
def crew(executor: Executor | None, workers: int | None, job: Job) -> Iterator[Crew]:
    """Hands for a job, whatever its stages: an executor's, or so many workers."""
    if executor is not None:
        yield Crew(submit=lambda schedule, *leg: executor.submit(run_leg, replace(job, schedule=schedule), *leg))
    elif workers is None or workers == 1:
        with _aside(job) as hands:
            yield hands
    elif in_threads(job):
        with _threads(workers, job) as hands:
            yield hands
    else:
        with _processes(workers, job) as hands:
            yield hands


@contextmanager
def _aside(job: Job) -> Iterator[Crew]:
    stopped = threading.Event()
    try:  # one at a time: Ctrl-C loses one leg only
        yield Crew(
            submit=lambda schedule, *leg: aside(run_leg, replace(job, schedule=schedule), *leg, stopped.is_set),
            at_once=1,
        )
    finally:
        stopped.set()  # nobody waits for the leg that is under way


@contextmanager
def _threads(workers: int, job: Job) -> Iterator[Crew]:
    stopped = threading.Event()
    pool = ThreadPoolExecutor(workers)
    try:
        yield Crew(
            submit=lambda schedule, state, sweeps: pool.submit(
                run_leg, replace(job, schedule=schedule), state, sweeps, stopped.is_set
            )
        )
    finally:
        stopped.set()  # nobody waits for the legs that are under way
        pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _processes(workers: int, job: Job) -> Iterator[Crew]:
    with processes(workers, _start, (job,)) as pool:
        yield Crew(submit=lambda schedule, *leg: pool.submit(_run, schedule, *leg), cancels=False)


def _start(job: Job) -> None:
    """Remember the job; Ctrl-C goes to every process of the terminal, and only the first one is to act on it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _JOBS.append(job)


def _run(schedule: Schedule, state: ChainState, sweeps: int) -> Made:
    return run_leg(replace(_JOBS[0], schedule=schedule), state, sweeps)
