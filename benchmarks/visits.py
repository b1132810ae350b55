"""Times of single visits, in one process and one thread: the refreshed design, the sampler's steps, the imputation.

Visits are timed within sweeps over all targets, as the loop makes them, so that each finds the design as out of date
as it is in a run. (A plan with one target never changes what its own design reads: its cross-products stay.) What is
timed is the whole of ``bayesimpute.running.kernel.visit``, by the CPU clock and by the wall clock; figures are medians.

Three numbers of inner steps tell the costs apart: a visit of one step; a visit of :data:`MORE` steps, from which
follows the cost of one inner sweep more; and *a visit that forgets its start*, of as many steps as the
autocorrelation at fixed data asks for. That number is what ``settle_steps`` chooses for a run; a plan with one target
needs only one step there, for its loop is ordinary MCMC, and then the number is found here by the same rule.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from works import Work

from bayesimpute.running.inner_steps import CALIBRATION, settle_steps, shortest_lag
from bayesimpute.running.kernel import Bench, ChainState, adapt, begin, visit
from bayesimpute.running.workspace import Described, Workspace
from bayesimpute.samplers import ConditionalModel, chosen

MORE = 10
"""Inner steps of the visits from which the cost of one sweep is found, and of the goal for popmis."""
SEED = 1
SETTLING = 10
"""Sweeps before the inner steps are chosen."""
FEWEST, MOST = 5, 400
"""Sweeps that a median is taken of; between the two, as many as the time allows."""
RATE_DRAWS = (300, 2000)
"""Draws from which their effective number is found: at least, at most."""


@dataclass(frozen=True, kw_only=True)
class Times:
    """Milliseconds of one visit: medians by the CPU clock and by the wall clock."""

    cpu: float
    wall: float


@dataclass(frozen=True, kw_only=True)
class TargetFigures:
    """What was found for one target of a work.

    Parameters
    ----------
    family, sampler : str
        Of its conditional; the sampler that the plan's setting came to.
    steps, forgetting : int
        Inner steps chosen for a run, and those after which a visit has forgotten its start.
    one, more, forgets : Times
        Visits of one step, of :data:`MORE` steps, and of ``forgetting`` steps.
    sweep : float
        CPU milliseconds of one inner step more.
    rates : mapping of str to float
        By sampler: effective draws of the slowest scalar parameter a CPU second, at fixed data.
    """

    family: str
    sampler: str
    steps: int
    forgetting: int
    one: Times
    more: Times
    forgets: Times
    sweep: float
    rates: Mapping[str, float]


@dataclass(eq=False)
class Session:
    """One chain on one work, ready for visits."""

    space: Workspace
    bench: Bench
    state: ChainState

    @classmethod
    def of(cls, work: Work) -> "Session":
        """Describe, compile, adapt, and make some sweeps."""
        space = Workspace(work.plan, work.incomplete)
        state = begin(space, 0, SEED)
        bench = Bench(space, state.cells)
        for step in space.resolved.steps:
            space.posterior(step, bench.data(step))
        session = cls(space, bench, adapt(bench, state, SEED))
        for _ in range(SETTLING):
            session.sweep(tune=True)
        return session

    def sweep(self, *, tune: bool = False) -> list[tuple[float, float]]:
        """Visit every target, giving the CPU and wall seconds of each visit."""
        seconds = []
        for place in range(len(self.space.resolved.targets)):
            cpu, wall = time.process_time(), time.perf_counter()
            self.state, _ = visit(self.bench, self.state, place, SEED, tune=tune)
            seconds.append((time.process_time() - cpu, time.perf_counter() - wall))
        self.state = replace(self.state, sweep=self.state.sweep + 1)
        return seconds

    def settle(self) -> dict[str, int]:
        """The inner steps that a run would choose, by target."""
        for place in range(len(self.space.resolved.targets)):
            self.state, _ = settle_steps(self.bench, self.state, place, SEED)
        return dict(self.state.steps)

    def times(self, steps: Mapping[str, int], budget: float) -> dict[str, Times]:
        """Visits of so many steps, by target, in sweeps that take about `budget` seconds."""
        self.state = replace(self.state, steps=steps)
        self.sweep()  # whatever is compiled or allocated at first use
        until, found = time.perf_counter() + budget, []
        while len(found) < FEWEST or (len(found) < MOST and time.perf_counter() < until):
            found.append(self.sweep())
        medians = 1000 * np.median(np.array(found), axis=0)
        return {t.name: Times(cpu=float(c), wall=float(w)) for t, (c, w) in zip(self.space.resolved.targets, medians)}

    def chain(self, name: str, budget: float) -> tuple[np.ndarray, float]:
        """Draws of a target's scalar parameters at fixed data, shape (draw, parameter), and their CPU seconds."""
        step = self.space.resolved.step(name)
        data, design = self.bench.data(step), self.space.designs[name]
        posterior, state = self.space.posterior(step, data), self.state.samplers[name]
        rng, rows, spent = np.random.default_rng(SEED), [], 0.0
        state, _, _ = posterior.step(state, data, rng)  # cross-products are no part of a step
        while len(rows) < RATE_DRAWS[0] or (len(rows) < RATE_DRAWS[1] and spent < budget):
            before = time.process_time()
            state, draw, _ = posterior.step(state, data, rng)
            spent += time.process_time() - before
            rows.append(design.posterior(draw))
        return np.array(rows), spent


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra in one thread, as in a run."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def effective_draws(chain: np.ndarray) -> float:
    """Bulk effective sample size of the slowest column of `chain`, shape (draw, parameter)."""
    import arviz as az

    moving = chain[:, chain.std(axis=0) > 0]
    return min(float(az.ess(column[None], method="bulk")) for column in moving.T)


def time_visits(work: Work, *, budget: float = 2.0, nuts: bool = False) -> dict[str, dict[str, Any]]:
    """All figures of a work's visits, by target, as plain values.

    Parameters
    ----------
    work : Work
        What is visited.
    budget : float
        Seconds for each measurement, about.
    nuts : bool
        Whether to find the rate of NUTS too where the work's own sampler is another.
    """
    with one_thread():
        session = Session.of(work)
        steps = session.settle()
        chains = {name: session.chain(name, budget) for name in steps}
        forgetting = steps if len(steps) > 1 else {name: _forgetting(chains[name][0]) for name in steps}
        timed = [session.times(dict.fromkeys(steps, count), budget) for count in (1, MORE)]
        forgets = session.times(forgetting, budget)
        rates = {name: {session.space.samplers[name]: _rate(*chains[name])} for name in steps}
        if nuts:
            _add_rates(rates, work.with_sampler("nuts"), budget)
    return {
        name: asdict(
            TargetFigures(
                family=session.space.designs[name].family.name,
                sampler=session.space.samplers[name],
                steps=steps[name],
                forgetting=forgetting[name],
                one=timed[0][name],
                more=timed[1][name],
                forgets=forgets[name],
                sweep=(timed[1][name].cpu - timed[0][name].cpu) / (MORE - 1),
                rates=rates[name],
            )
        )
        for name in steps
    }


def _forgetting(chain: np.ndarray) -> int:
    return shortest_lag(chain[:CALIBRATION])[0]


def _rate(chain: np.ndarray, seconds: float) -> float:
    return effective_draws(chain) / seconds


def _add_rates(rates: dict[str, dict[str, float]], work: Work, budget: float) -> None:
    """The rates of another sampler on the same work, where they are not known yet."""
    session = Session.of(work)
    for name, known in rates.items():
        sampler = session.space.samplers[name]
        if sampler not in known:
            known[sampler] = _rate(*session.chain(name, budget))


def growth(make: Callable[[int], Work], sizes: Sequence[int], *, budget: float = 5.0) -> dict[str, Any]:
    """CPU seconds a row of a visit, by family, number of rows, and number of inner steps (1 and :data:`MORE`).

    The numbers of steps are fixed because those that are chosen may differ from size to size. For a family with several
    targets it is their mean.
    """
    found: dict[str, dict[str, dict[str, float]]] = {}
    for rows in sizes:
        with one_thread():
            session = Session.of(make(rows))
            family = {name: design.family.name for name, design in session.space.designs.items()}
            timed = {str(k): session.times(dict.fromkeys(family, k), budget) for k in (1, MORE)}
        for one in sorted(set(family.values())):
            of = [name for name in family if family[name] == one]
            seconds = {k: float(np.mean([times[n].cpu for n in of])) / 1000 for k, times in timed.items()}
            found.setdefault(one, {})[str(rows)] = {k: s / rows for k, s in seconds.items()}
    return found


def only_nuts(work: Work) -> list[str]:
    """The targets of a work whose models only NUTS can draw from."""
    described = Described.of(work.plan, work.incomplete)
    models = {name: ConditionalModel(design, {}) for name, design in described.designs.items()}
    return [name for name, model in models.items() if chosen("auto", model) == "nuts"]
