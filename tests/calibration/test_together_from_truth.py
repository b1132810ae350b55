"""Sweeps of compatible chains leave the joint law of parameters, cells and data as it is; mutants of them do not.

The start-at-truth test (``start_at_truth.py``) of whole sweeps: every model's parameters and effects come from their
priors, complete data from them, and then the chain starts at all of it. In three clusters the covariate is missing
altogether, so that their level is moved too.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional
from start_at_truth import from_prior
from test_gibbs_calibration import ERRORS
from together import PRIORS, SETUPS, Bed, Setup, template

from bayesimpute.compatible.cluster_levels import Effect
from bayesimpute.running.kernel import Bench, ChainState, visit
from bayesimpute.samplers.sampler import SamplerState

LEVEL_2 = {
    name: Setup(
        outcome=conditional("y ~ x + z + (1 | g)", priors={**PRIORS, "x": "Normal(1, 0.3)"}),
        covariate=conditional("x ~ 1", family=family, priors=priors, level="g"),
    )
    for name, family, priors in (
        ("normal of clusters", "gaussian", {"Intercept": "Normal(0, 1)", "sigma": "Gamma(8, 8)"}),
        ("enumerated of clusters", "bernoulli", {"Intercept": "Normal(0, 1)"}),
    )
}
ALL = {**SETUPS, **LEVEL_2}


BOTH = [21, 26, 31, 56, 61, 66, 71, 91, 111, 116, 126]
"""Rows in which x and y are missing."""


def holes(complete: pd.DataFrame, of_clusters: bool) -> pd.DataFrame:
    """The covariate is missing in three clusters and, if it varies within them, here and there; y elsewhere."""
    frame = complete.copy()
    gone = frame["g"].isin([2, 5, 9]).to_numpy()
    frame.loc[gone if of_clusters else gone | (np.arange(len(frame)) % 7 == 0), "x"] = np.nan
    frame.loc[1::5, "y"] = np.nan
    return frame


def functions(space: Any, draws: Mapping[str, Any], values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Bounded functions of parameters, effects of clusters with and without cells, cells, and of all with the data."""
    found = [design.posterior(draws[name]) for name, design in space.designs.items()]
    found += [draws[n][b.key][[2, 5, 0]].ravel() for n, d in space.designs.items() for b in d.blocks]
    x, y = values["x"].reshape(12, 12), values["y"].reshape(12, 12)
    found += [x[[2, 5], 0], x[[2, 5, 9]].mean(axis=1), y[2, [2, 7]], [x[0, 0], y.mean()]]
    both = np.ravel(x)[BOTH] * np.ravel(y)[BOTH]
    found += [[both.mean(), np.tanh(both).mean()]]
    every = np.tanh(np.concatenate([np.ravel(part) for part in found]))
    return np.concatenate([every, every**2, np.outer(every, np.tanh(y.mean(axis=1)[[0, 2, 5]])).ravel()])


def errors(setup: Setup, *, replicates: int, order: int = 1, sweeps: int = 2, seed: int = 1) -> np.ndarray:
    """Means of paired differences in standard errors; with -1 for `order` the outcome is drawn first."""
    rng, bed = np.random.default_rng(seed), Bed.of(setup)
    of_clusters = setup.covariate.level is not None
    start = bed.workspace(holes(template(setup).fillna(0.0), of_clusters))
    bench = Bench(start, {t.name: np.zeros(t.impute.sum()) for t in start.resolved.targets})
    posteriors: dict[str, Any] = {step.name: start.posterior(step, bench.data(step)) for step in start.resolved.steps}
    learnt = {s.name: posteriors[s.name].init(bench.data(s), rng).arrays for s in start.resolved.steps}
    gaps = []
    for _ in range(replicates):
        states = {n: SamplerState({**learnt[n], **from_prior(p.engine, rng)}) for n, p in posteriors.items()}
        before = {name: posteriors[name].draw(state) for name, state in states.items()}
        complete = bed.complete(before, rng)
        frame = holes(complete, of_clusters)
        if (
            len(np.unique(frame["x"].dropna())) == 1
        ):  # no model is described there; what is observed is no kernel's to change
            continue
        space = bed.workspace(frame)
        space.posteriors, space.samplers = dict(posteriors), dict(start.samplers)
        cells = {t.name: complete[t.name].to_numpy()[t.missing_rows] for t in space.resolved.targets}
        bench = Bench(space, cells)
        ones = dict.fromkeys(states, 1)
        state = ChainState(chain=0, cells=cells, samplers=states, steps=ones)
        for _ in range(sweeps):
            for place in list(range(len(states)))[::order]:
                state, _ = visit(bench, state, place, int(rng.integers(2**31)), tune=False)
        after = {name: bench.draw(name, state) for name in states}
        true = {name: complete[name].to_numpy() for name in ("x", "y")}
        gaps.append(functions(space, after, bench.completed.values) - functions(space, before, true))
    found = np.array(gaps)
    found = found[:, found.std(axis=0) > 1e-9]
    return found.mean(axis=0) / (found.std(axis=0, ddof=1) / np.sqrt(len(found)))


@pytest.mark.parametrize("name", ["normal"])
def test_sweeps_leave_the_joint_law(name: str) -> None:
    assert np.abs(errors(ALL[name], replicates=150)).max() < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ALL))
def test_sweeps_of_every_kind_leave_the_joint_law(name: str) -> None:
    assert np.abs(errors(ALL[name], replicates=1000)).max() < ERRORS


def test_an_outcome_that_is_drawn_before_its_covariate_is_seen() -> None:
    assert np.abs(errors(ALL["normal"], replicates=150, order=-1)).max() > ERRORS


def _without_prior(effect: Effect, draw: Any, clusters: np.ndarray) -> tuple[float, np.ndarray]:
    del effect, draw
    return 1e-6, np.zeros(len(clusters))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["normal", "enumerated"])
def test_a_move_of_levels_that_forgets_the_priors_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Effect, "prior", _without_prior)
    assert np.abs(errors(ALL[name], replicates=150)).max() > ERRORS
