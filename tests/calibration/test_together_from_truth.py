"""Sweeps of compatible chains leave the joint law of parameters, cells and data as it is; mutants of them do not.

The start-at-truth test (``start_at_truth.py``) of whole sweeps: every model's parameters and effects come from their
priors, complete data from them, and then the chain starts at all of it. In some clusters a covariate is missing
altogether, so that their level is moved too. Covariates of clusters, yes/no ones, selection and auxiliary variables are
there one by one and all together; a plan as ``suggest`` writes it is among the slow ones.
"""

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from start_at_truth import from_prior
from test_gibbs_calibration import ERRORS
from test_gibbs_selection_calibration import short as short
from together import CLUSTERS, ONE, SEVERAL, UNSEEN, Bed, Setup, W, model

from bayesimpute.compatible import drawing
from bayesimpute.compatible.cluster_levels import Effect
from bayesimpute.compatible.factors import Factor
from bayesimpute.designs.design import SYSTEMATIC, Draw
from bayesimpute.plan import who_reads
from bayesimpute.plan.targets import Step
from bayesimpute.running.kernel import Bench, ChainState, visit
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.sampler import SamplerState

OUTCOME = model("y ~ w + z + (1 | g)")
LEVEL_2 = {
    "normal of clusters": Setup((W, OUTCOME)),
    "enumerated of clusters": Setup((model("w ~ 1", family="bernoulli", level="g"), OUTCOME)),
}
ALL: Mapping[str, Setup] = {**ONE, **LEVEL_2, **SEVERAL}
HOLES = {"x": (4, 0, (2, 5, 9)), "w": (0, 0, (1, 4, 5, 8, 10)), "b": (6, 2, (3,)), "y": (5, 1, ()), "a": (4, 3, (5,))}
"""Of each variable: of how many rows one is missing, the first such row, and the clusters in which all are."""


def holes(complete: pd.DataFrame, setup: Setup, away: np.ndarray) -> pd.DataFrame:
    """Rows and clusters by ``HOLES``; of an outcome with a selection model, who was not selected or could not be."""
    frame, row = complete.copy(), np.arange(len(complete))
    for each in setup.models:
        every, first, clusters = HOLES[each.target]
        gone = frame["g"].isin(clusters).to_numpy()
        if "selection" in each.formulas:
            gone = ~frame.pop("selected").to_numpy() | away[frame["g"]]
        elif each.level is None:
            gone = gone | (row % every == first)
        frame.loc[gone, each.target] = np.nan
    return frame


def functions(bench: Bench, draws: Mapping[str, Any]) -> np.ndarray:
    """Bounded functions of parameters, effects of clusters with and without cells, cells, and of all with the data."""
    space, values = bench.workspace, bench.completed.values
    found = [design.posterior(draws[name]) for name, design in space.designs.items()]
    effects = [draws[n][b.key] for n, d in space.designs.items() for b in d.blocks]
    found += [u[[2, 5, 0]].ravel() for u in effects]
    found += [(u[list(clusters)] ** 2).mean(axis=0) for u in effects for _, _, clusters in HOLES.values() if clusters]
    now = {name: (values[name] - d.centre) / d.scale for name, d in space.designs.items()}
    gone = {t.name: t.imputed_row for t in space.resolved.targets}
    means = {name: v.reshape(12, 12).mean(axis=1) for name, v in now.items()}
    for name, v in now.items():
        found += [v[gone[name]][[0, 1, -1]], means[name][[2, 5]], [v[gone[name]].mean()]]
    fit = {step.name: _fit(bench, step, draws[step.name]) for step in space.resolved.steps}
    if SYSTEMATIC in draws["y"]:
        those = space.placements["y"].systematic(draws["y"], np.arange(len(values["y"])))
        found += [[draws["y"][SYSTEMATIC].mean()], *([_mean(v, gone[n] & those)] for n, v in now.items())]
    for one, other in product(now, now):
        both = gone[one] & gone[other]
        found += [[_mean(fit[other], gone[one])]]
        found += [[_mean(now[one] * now[other], gone[one]), _mean(now[one], both), _mean(now[one] * now[other], both)]]
    every = np.tanh(np.concatenate([np.ravel(part) for part in found]))
    return np.concatenate([every, every**2, np.outer(every, np.tanh(means["y"][[0, 2, 5]])).ravel()])


def _fit(bench: Bench, step: Step, draw: Draw) -> np.ndarray:
    """The log-density of a model at each row of the data; 0 where it has none."""
    placed, found = bench.workspace.placements[step.name], np.zeros(len(bench.workspace.incomplete.frame))
    found[placed.model_rows] = placed.design.logp(draw, bench.data(step))
    return found


def _mean(values: np.ndarray, rows: np.ndarray) -> float:
    return float(values[rows].mean()) if rows.any() else 0.0


def in_doubt(bench: Bench, state: SamplerState, share: float, away: np.ndarray) -> SamplerState:
    """The outcome's state with what the empty clusters of the data are, and its sampler compiled for them."""
    space = bench.workspace
    design = space.designs["y"]
    assert design.empty is not None
    space.posteriors["y"] = Gibbs().compile(ConditionalModel(design, bench.data(space.resolved.step("y"))))
    gone = away[[int(label) for label in design.empty.labels]].astype(float)
    return SamplerState({**state.arrays, "systematic": np.array(share), SYSTEMATIC: gone})


def errors(setup: Setup, *, replicates: int, order: int = 1, sweeps: int = 2, seed: int = 1) -> np.ndarray:
    """Means of paired differences in standard errors; with -1 for `order` the outcome is drawn first."""
    rng, bed = np.random.default_rng(seed), Bed.of(setup)
    start = bed.workspace(holes(bed.simulate(rng)[0], setup, np.arange(CLUSTERS) == UNSEEN))
    bench = Bench(start, {t.name: np.zeros(t.impute.sum()) for t in start.resolved.targets})
    posteriors: dict[str, Any] = {step.name: start.posterior(step, bench.data(step)) for step in start.resolved.steps}
    learnt = {s.name: posteriors[s.name].init(bench.data(s), rng).arrays for s in start.resolved.steps}
    gaps = []
    for _ in range(replicates):
        states = {n: SamplerState({**learnt[n], **from_prior(p.engine, rng)}) for n, p in posteriors.items()}
        complete = bed.complete({name: posteriors[name].draw(state) for name, state in states.items()}, rng)
        share, away = bed.away(rng)
        frame = holes(complete, setup, away)
        if frame["y"].isna().all():  # nobody selected: what is observed is no kernel's to change
            continue
        space = bed.workspace(frame)
        space.posteriors, space.samplers = dict(posteriors), dict(start.samplers)
        cells = {t.name: complete[t.name].to_numpy()[t.missing_rows] for t in space.resolved.targets}
        bench = Bench(space, cells)
        if "systematic" in states["y"].arrays:
            if space.designs["y"].empty is None:
                continue
            states["y"] = in_doubt(bench, states["y"], share, away)
        before = {name: space.posteriors[name].draw(state) for name, state in states.items()}
        first = functions(bench, before)
        ones = dict.fromkeys(states, 1)
        state = ChainState(chain=0, cells=cells, samplers=states, steps=ones)
        for _ in range(sweeps):
            for place in list(range(len(states)))[::order]:
                state, _ = visit(bench, state, place, int(rng.integers(2**31)), tune=False)
        after = {name: bench.draw(name, state) for name in states}
        gaps.append(functions(bench, after) - first)
    found = np.array(gaps)
    found = found[:, found.std(axis=0) > 1e-9]
    return found.mean(axis=0) / (found.std(axis=0, ddof=1) / np.sqrt(len(found)))


@pytest.mark.by_default("all together-40")
@pytest.mark.parametrize(("name", "replicates"), [("normal", 150), ("all together", 40)])
def test_sweeps_leave_the_joint_law(name: str, replicates: int, short: None) -> None:
    assert np.abs(errors(ALL[name], replicates=replicates)).max() < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ALL))
def test_sweeps_of_every_kind_leave_the_joint_law(name: str, short: None) -> None:
    assert np.abs(errors(ALL[name], replicates=1000)).max() < ERRORS


def test_an_outcome_that_is_drawn_before_its_covariate_is_seen() -> None:
    assert np.abs(errors(ALL["normal"], replicates=150, order=-1, sweeps=1)).max() > ERRORS


def forgetting(variable: str, reader: str, patch: pytest.MonkeyPatch) -> None:
    """A variable is drawn as if one of the models that read it did not."""
    right = who_reads.factors

    def wrong(graph: who_reads.Graph) -> dict[str, tuple[str, ...]]:
        return {x: tuple(t for t in found if (x, t) != (variable, reader)) for x, found in right(graph).items()}

    patch.setattr(who_reads, "factors", wrong)


def at_other_rows(change: Callable[[Any, Any, np.ndarray], np.ndarray], patch: pytest.MonkeyPatch) -> None:
    """Models have their density at fewer rows than they should."""
    right = drawing.places
    patch.setattr(drawing, "places", lambda placed, affected: change(placed, affected, right(placed, affected)))


def one_row_a_cell(placed: Any, affected: Any, at: np.ndarray) -> np.ndarray:
    """Of a variable of clusters the first row."""
    del placed
    return at[np.unique(affected.cell[at], return_index=True)[1]]


def only_selected(placed: Any, affected: Any, at: np.ndarray) -> np.ndarray:
    """Not those of whom we know only that they were not selected."""
    return at[np.isin(affected.rows[at], placed.learn_rows)]


def nobody_away(patch: pytest.MonkeyPatch) -> None:
    """As if each empty cluster were selected out one by one, when covariates are drawn."""
    patch.setattr(Factor, "systematic", property(lambda factor: np.zeros(len(factor.rows), dtype=bool)))


MISTAKES: Mapping[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "an auxiliary variable is ignored": ("auxiliary", lambda patch: forgetting("y", "a", patch)),
    "a cluster counts as one row": ("normal of clusters", lambda patch: at_other_rows(one_row_a_cell, patch)),
    "selection is ignored": ("selection", lambda patch: forgetting("x", "y", patch)),
    "an auxiliary variable is ignored by a covariate": ("auxiliary", lambda patch: forgetting("x", "a", patch)),
    "a cluster counts as one row, beside others": (
        "level 2 and yes/no",
        lambda patch: at_other_rows(one_row_a_cell, patch),
    ),
    "a yes/no reader is ignored": ("level 2 and yes/no", lambda patch: forgetting("x", "b", patch)),
    "only those selected count": ("selection", lambda patch: at_other_rows(only_selected, patch)),
    "systematic clusters are taken for selected": ("selection, in doubt", nobody_away),
    "all together, selection is ignored": ("all together", lambda patch: forgetting("x", "y", patch)),
    "all together, only those selected count": ("all together", lambda patch: at_other_rows(only_selected, patch)),
    "all together, an auxiliary variable is ignored": ("all together", lambda patch: forgetting("x", "a", patch)),
}
"""By name: the setup in which it is made, and how."""
QUICK = list(MISTAKES)[:3]


@pytest.mark.by_default("an auxiliary variable is*")
@pytest.mark.parametrize("mistake", QUICK)
def test_mistakes_are_seen(mistake: str, short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make = MISTAKES[mistake]
    make(monkeypatch)
    assert np.abs(errors(ALL[name], replicates=80)).max() > ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("mistake", [name for name in MISTAKES if name not in QUICK])
def test_other_mistakes_are_seen(mistake: str, short: None, monkeypatch: pytest.MonkeyPatch) -> None:
    name, make = MISTAKES[mistake]
    make(monkeypatch)
    assert np.abs(errors(ALL[name], replicates=200)).max() > ERRORS


def _without_prior(effect: Effect, draw: Any, clusters: np.ndarray) -> tuple[float, np.ndarray]:
    del effect, draw
    return 1e-6, np.zeros(len(clusters))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "enumerated"])
def test_a_move_of_levels_that_forgets_the_priors_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Effect, "prior", _without_prior)
    assert np.abs(errors(ALL[name], replicates=150)).max() > ERRORS
