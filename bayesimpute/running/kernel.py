"""One visit: refresh the design, step the sampler, impute.

A :class:`ChainState` is all that distinguishes a chain, as plain arrays; a :class:`Bench` is what is current of it
during a leg. ``visit`` is a function of its arguments: the random numbers come from the address (chain, sweep, place).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import expit, logit

from bayesimpute import compatible
from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.phrases import listed
from bayesimpute.data.other_rows import matched
from bayesimpute.designs.completed import Completed, fill
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.estimate import estimate
from bayesimpute.designs.known_draws import redrawn
from bayesimpute.designs.restricted import OFTEN, drawn_within, respects, started
from bayesimpute.designs.sheets import LargeData, Sheet, at_rows
from bayesimpute.families import Context, Donors, Theta
from bayesimpute.formulas import parse_expression
from bayesimpute.plan.restrictions import Rule, reading
from bayesimpute.plan.targets import Event, Step, Target
from bayesimpute.running.at_visits import ALONE, at_visit
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers import SamplerState, Stats

RUNAWAY = 1e8
"""Standard deviations of a target from its mean beyond which an imputed value is no value."""
FRESH = 20
"""Draws of which the share that breaks a rule is told."""
WARMUP_STEPS = 3
"""Transitions a visit during warm-up, before their number is known."""


@dataclass(frozen=True, eq=False)
class ChainState:
    """Where a chain stands.

    Parameters
    ----------
    chain, sweep : int
        Which one, and how many sweeps it has made.
    cells : mapping of str to ndarray, shape (missing unit,)
        The current values of each target.
    samplers : mapping of str to SamplerState
        Of each step; empty before the first sweep.
    steps : mapping of str to int
        Inner steps of each step; empty until they are settled.
    """

    chain: int
    sweep: int = 0
    cells: Mapping[str, np.ndarray] = field(default_factory=dict)
    samplers: Mapping[str, SamplerState] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Visit:
    """What one visit leaves behind.

    `generator` is where the random numbers stood before the cells were drawn, `kept` what was asked for of what the
    model said of the observed values (:mod:`bayesimpute.running.at_visits`).
    """

    draw: Draw
    stats: Stats
    seconds: float
    changed: frozenset[str]
    generator: Mapping[str, Any]
    kept: Mapping[str, np.ndarray] = field(default_factory=dict)


class Bench:
    """The completed data and current design matrices of one chain during a leg.

    Matrices are refreshed where a column that they read has changed (:mod:`bayesimpute.designs.sheets`). Of rows that
    the models were not learnt from, `learnt` is the bench of the data that they were. `held` are derived columns that
    have other values than those that follow from the plan, shape (row,): assumptions.
    """

    def __init__(
        self,
        workspace: Workspace,
        cells: Mapping[str, np.ndarray],
        learnt: "Bench | None" = None,
        held: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        self.workspace, self._learnt = workspace, learnt
        self.completed = Completed(workspace.incomplete, workspace.resolved.holding(held), cells)
        self._sheets: dict[tuple[str, str], Sheet] = {}
        self._data: dict[str, Mapping[str, np.ndarray]] = {}
        self._responses: dict[str, np.ndarray] = {}
        self._draws: dict[str, Draw] = {}
        self._predicted: dict[str, Theta] = {}
        self.derivatives: dict[str, Any] = {}

    def matrices(self, step: Step) -> Mapping[str, np.ndarray]:
        """The design matrices of a step at all rows, on the current data."""
        return self._sheet(step, "all").current(self.completed.columns)

    def missing(self, step: Step) -> Mapping[str, np.ndarray]:
        """The same at the rows that are imputed."""
        if step.name in self.workspace.large:
            return at_rows(self.workspace.designs[step.name], self.completed.columns, step.missing_rows)
        return self._sheet(step, "missing").current(self.completed.columns)

    def data(self, step: Step) -> Mapping[str, np.ndarray]:
        """What the graph of a step holds, given the current data."""
        if step.name not in self._data:
            self._data[step.name] = self._made(step)
        return self._data[step.name]

    def _made(self, step: Step) -> Mapping[str, np.ndarray]:
        placement = self.workspace.placements[step.name]
        if step.name in self.workspace.large:
            return LargeData(placement, self.completed)
        fitted = self._sheet(step, "fitted").current(self.completed.columns)
        if step.name not in self._responses:
            self._responses[step.name] = placement.response(self.completed.outcome(step))
        y = self._responses[step.name]
        held = {f"X_{key}": matrix for key, matrix in fitted.items() if key in placement.design.fitted_keys}
        codes = {**placement.fitted_codes, **placement.fitted_empty}
        return {**held, **codes, "y_data": y, **placement.side(self.completed.values)}

    def moves(self, target: Target) -> np.ndarray:
        """What is added to the values that are drawn for a target whose value is adjusted, shape (missing unit,)."""
        return self._at_missing(target, str(target.move))

    def adjusted(self, target: Target, drawn: np.ndarray) -> np.ndarray:
        """The values of a target's cells from those that its model draws, shape (missing unit,)."""
        drawn = drawn if target.ratio is None else drawn * self._at_missing(target, target.ratio)
        return drawn if target.move is None else drawn + self.moves(target)

    def odds(self, target: Target, theta: Theta) -> Theta:
        """The parameters at the missing cells, with the log-odds of yes as they are assumed to be."""
        if target.odds is None:
            return theta
        return {**theta, "mu": expit(logit(theta["mu"]) + self._at_missing(target, target.odds))}

    def _at_missing(self, target: Target, column: str) -> np.ndarray:
        return self.completed.values[column][target.missing_rows]

    def context(self, step: Step, draw: Draw) -> Context:
        """What a step's family may ask for where it imputes."""
        look, donors = partial(self.completed.known, step), partial(self.donors, step, draw)
        return Context(rows=step.missing_rows, look=look, fitted=donors)

    def remarks(self, step: Step, draw: Draw, rng: np.random.Generator) -> list[Event]:
        """What the family says of how it draws a step's values given the current data."""
        if not step.missing_rows.size or step.name in self.workspace.compatible:
            return []
        theta = self.workspace.placements[step.name].missing_at(draw, self.missing(step))
        found = step.lead.family.remarks(rng, self.odds(step.lead, theta), self.context(step, draw))
        found += self._rejecting(step, theta, self.context(step, draw), rng)
        return [Event(target=step.name, what=what, why=why) for what, why in found]

    def _rejecting(
        self, step: Step, theta: Theta, context: Context, rng: np.random.Generator
    ) -> tuple[tuple[str, str], ...]:
        """That rules reject many of a step's draws: then its law may better have the rule in it."""
        resolved = self.workspace.resolved
        if not resolved.restricted(step.name):
            return ()
        draws = (_from_its_model(rng, self, step, theta, context)[step.name] for _ in range(FRESH))
        wrong = 1 - float(np.mean([respects(self.completed, resolved, step.lead, cells) for cells in draws]))
        if wrong <= OFTEN:
            return ()
        why = _why_rejected(step.lead, reading(resolved.rules, step.name))
        return ((f"{wrong:.0%} of its draws break a restriction, and are made anew", why),)

    def donors(self, step: Step, draw: Draw) -> Donors:
        """The units whose values a step's model is fitted to, and the parameters there at the estimate.

        So matching is of van Buuren's type 1: who is imputed has the drawn parameters.
        """
        there = self if self._learnt is None else self._learnt
        theirs = there.workspace.resolved.step(step.lead.name)
        if there is self or step.name not in there._predicted:  # of new rows it is the same in all sweeps
            there._predicted[step.name] = there._estimated(theirs, draw)
        rows = there.workspace.placements[theirs.name].learn_rows
        keys = step.lead.family.keys.values()
        return Donors(
            y=there.completed.outcome(theirs)[rows],
            theta=there._predicted[step.name],
            clusters={key: (there.codes(key)[rows], self.codes(key)[step.missing_rows]) for key in keys},
        )

    def _estimated(self, step: Step, draw: Draw) -> Theta:
        placement = self.workspace.placements[step.name]
        best = estimate(placement.design, draw, self.data(step))
        return placement.predict(best, self.matrices(step), placement.learn_rows)

    def codes(self, key: str) -> np.ndarray:
        """The cluster of each row, those of the data that the models were learnt from first, (row,)."""
        own = self.workspace.incomplete
        return own.codes(key) if self._learnt is None else matched(self._learnt.workspace.incomplete, own, key)

    def _sheet(self, step: Step, which: str) -> Sheet:
        place = step.name, which
        if place not in self._sheets:
            placement = self.workspace.placements[step.name]
            rows = {"all": None, "missing": step.missing_rows, "fitted": placement.fitted_rows}[which]
            self._sheets[place] = Sheet(placement.design, rows)
        return self._sheets[place]

    def set(self, step: Step, cells: Mapping[str, np.ndarray]) -> frozenset[str]:
        """Put imputed values in, by target; what reads what has changed is no longer current."""
        changed = frozenset[str]().union(*[self.completed.set(t, cells[t.name]) for t in step.targets])
        for sheet in self._sheets.values():
            sheet.changed(changed)
        for other in self.workspace.resolved.steps:
            if changed & self.workspace.placements[other.name].design.inputs:
                self._data.pop(other.name, None)
            if changed & other.moves:
                self._forget(other)
        for name, how in self.workspace.compatible.items():
            if name != step.name and changed & how.beside:
                self.derivatives.pop(name, None)
        if step.learns_imputed:  # its own model is fitted to these values
            self._forget(step)
        return changed

    def _forget(self, step: Step) -> None:
        self._responses.pop(step.name, None)
        self._data.pop(step.name, None)

    def drawn(self, name: str, draw: Draw) -> None:
        """Remember the last draw of a step's parameters."""
        self._draws[name] = draw

    def placed(self, name: str, samplers: dict[str, SamplerState]) -> dict[str, SamplerState]:
        """The samplers' states at the effects that were moved with the cells of a step."""
        how = self.workspace.compatible.get(name)
        for model in how.moves if how is not None else ():
            posterior = self.workspace.posteriors[model]
            samplers[model] = posterior.placed(samplers[model], self._draws[model])
            self._draws[model] = posterior.draw(samplers[model])
        return samplers

    def draw(self, name: str, state: ChainState) -> Draw:
        """The last draw of a step's parameters."""
        if name not in self._draws:
            self._draws[name] = self.workspace.posteriors[name].draw(state.samplers[name])
        return self._draws[name]


def generator(seed: int, chain: int, sweep: int, place: int, aside: int = 0) -> np.random.Generator:
    """The random numbers of an address: chain, sweep, and place in the visit sequence; of sweeps aside, which one."""
    key = (chain, sweep, place, aside) if aside else (chain, sweep, place)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _why_rejected(target: Target, rules: Iterable[Rule]) -> str:
    """What can be done where draws often break a rule: the model, which learns nothing of rules, may have it in it."""
    conditions = (each.restriction.where for each in rules if each.restriction.where is not None)
    names = frozenset().union(*(parse_expression(where).names for where in conditions)) - target.columns
    why = "no model learns from a restriction"
    if names - {target.name}:
        told = listed(sorted(names - {target.name}))
        return f"{why}: let {told} into the model of {target.name}, which then knows where other values are"
    return f'{why}: a law with these ends does, family = "bounded" with limits (numbers or complete columns)'


def begin(workspace: Workspace, chain: int, seed: int) -> ChainState:
    """A chain's own fill, before anything is compiled."""
    rng = generator(seed, chain, 0, 0)
    incomplete, resolved = workspace.incomplete, workspace.resolved
    cells = fill(incomplete, resolved, rng, spread=1.0)
    known = {t.name: t.given[t.fit_rows] for t in resolved.targets}
    return ChainState(chain=chain, cells=started(incomplete, resolved, rng, cells, known))


def adapt(bench: Bench, state: ChainState, seed: int) -> ChainState:
    """The chain's own parameter starts and first adaptation, on its fill."""
    samplers = {}
    for place, step in enumerate(bench.workspace.resolved.steps, start=1):
        data = bench.data(step)
        rng = generator(seed, state.chain, 0, place)
        samplers[step.name] = bench.workspace.posterior(step, data).init(data, rng)
    return replace(state, samplers=samplers)


def visit(
    bench: Bench, state: ChainState, place: int, seed: int, *, tune: bool, keep: bool = False, aside: int = 0
) -> tuple[ChainState, Visit]:
    """Draw one step's parameters from where its sampler stood, then its missing cells given all that matters."""
    started = time.perf_counter()
    workspace = bench.workspace
    step = workspace.resolved.steps[place]
    rng = generator(seed, state.chain, state.sweep + 1, place, aside)
    data = bench.data(step)
    moved, draw, stats = workspace.posterior(step, data).step(
        state.samplers[step.name], data, rng, transitions=state.steps.get(step.name, WARMUP_STEPS), tune=tune
    )
    bench.drawn(step.name, draw)
    kept = at_visit(workspace.placements[step.name].design, draw, data) | alone(bench, state, step) if keep else {}
    stood = rng.bit_generator.state
    cells = impute(bench, state, step, rng)
    if workspace.samplers.get(step.name) != "prior":  # which knows of no data that would hold it back
        require_sane(cells, workspace.placements[step.name].design, state)
    changed = bench.set(step, cells) if step.missing_rows.size else frozenset[str]()
    samplers = bench.placed(step.name, {**state.samplers, step.name: moved})
    state = replace(state, cells={**state.cells, **cells}, samplers=samplers)
    return state, Visit(draw, stats, time.perf_counter() - started, changed, stood, kept)


def alone(bench: Bench, state: ChainState, step: Step) -> dict[str, np.ndarray]:
    """The densities of observed values that other models read (:mod:`bayesimpute.compatible.normalised`)."""
    space, placement = bench.workspace, bench.workspace.placements[step.name]
    how = space.alone(step)
    if how is None:
        return {}
    draws: Mapping[str, Draw] = {name: bench.draw(name, state) for name in how.placements}
    readers = {name: bench.matrices(space.resolved.step(name)) for name in how.placements}
    theta = placement.predict(bench.draw(step.name, state), bench.matrices(step), how.target.missing_rows)
    found = compatible.value_densities(how, theta, draws, bench.completed, readers, float(placement.design.scale))
    return {ALONE: found.astype(np.float32)}


def require_sane(cells: Mapping[str, np.ndarray], design: Design, state: ChainState) -> None:
    """Stop a chain that has run away; `cells` by target, in the order in which the design has centres and scales.

    Chained equations whose models contradict each other (a square, and a line that reverses it) can drive values to
    infinity, and nothing shall be kept that could be taken for a result.
    """
    for (name, values), centre, scale in zip(cells.items(), np.atleast_1d(design.centre), np.atleast_1d(design.scale)):
        if not values.size or np.abs(values - centre).max() <= RUNAWAY * scale:
            continue
        finding = f"imputed values of {name} run away, in sweep {state.sweep + 1} of chain {state.chain}"
        remedy = (
            "its model and another feed each other's errors: leave powers and products of imputed variables out, let "
            "variables whose logarithms are modelled predict by these, log(x), or make the plan compatible with its "
            "analysis ([[substantive]])"
        )
        raise one(PlanError, design.path, finding, remedy)


def _from_its_model(
    rng: np.random.Generator, bench: Bench, step: Step, theta: Theta, context: Context
) -> dict[str, np.ndarray]:
    """One draw of a step's missing cells from its own model, and what adjustments make of it, by target."""
    theta = bench.odds(step.lead, theta)
    drawn = step.lead.family.impute(rng, theta, context)
    if len(step.targets) == 1 and step.lead.known_cells is not None:
        drawn = redrawn(rng, step.lead, theta, drawn, context.at().side)
    cells = step.cells(drawn)
    return {target.name: bench.adjusted(target, cells[target.name]) for target in step.targets}


def _one(anew: Callable[[], Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    return anew()[name]


def impute(
    bench: Bench,
    state: ChainState,
    step: Step,
    rng: np.random.Generator,
    matrices: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """One draw of a step's missing cells given the last draws of all parameters.

    Parameters
    ----------
    bench, state, step, rng
        Where the chain stands, what is drawn, from which random numbers.
    matrices : mapping of str to ndarray, shape (missing unit, column), optional
        Of the step at the rows that are imputed; by default those of the current data.

    Returns
    -------
    dict of str to ndarray, shape (missing unit,)
        By target.
    """
    space, draw = bench.workspace, bench.draw(step.name, state)
    placement = space.placements[step.name]
    missing = bench.missing(step) if matrices is None else matrices
    predict = partial(placement.missing_at, matrices=missing)
    how = space.compatible.get(step.name)
    if how is None:
        anew = partial(_from_its_model, rng, bench, step, predict(draw), bench.context(step, draw))
        cells = anew()
        if len(step.targets) == 1 and space.resolved.restricted(step.name):
            now, again = cells[step.name], partial(_one, anew, step.name)
            cells = {step.name: drawn_within(bench.completed, space.resolved, step.lead, now, again)}
        return cells
    draws: Mapping[str, Draw] = {name: bench.draw(name, state) for name in how.placements}
    readers = {name: bench.matrices(space.resolved.step(name)) for name in how.placements}
    where = {"unit": float(placement.design.scale), "memory": bench.derivatives}
    where["moved"] = 0.0 if how.target.move is None else bench.moves(how.target)
    if how.levels:
        around = float(placement.design.centre)
        draw, draws, where["cells"] = compatible.move_levels(
            rng, how, draw, predict, draws, bench.completed, readers, centre=around, **where
        )
        for name, each in {step.name: draw, **draws}.items():
            bench.drawn(name, each)
    drawn = compatible.draw(rng, how, predict(draw), draws, bench.completed, readers, **where)
    return {how.target.name: drawn}
