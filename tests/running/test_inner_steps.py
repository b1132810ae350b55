"""Inner steps for group-specific effects: which clusters are looked at, and how many steps rare outcomes get."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional, graph_data, only, workspace
from scipy.signal import lfilter

from bayesimpute.families import Bernoulli
from bayesimpute.running.inner_steps import (
    ABSENT,
    CALIBRATION,
    CHOSEN,
    LONGER,
    MOST_STEPS,
    TARGET_AUTOCORRELATION,
    explored,
    shortest_lag,
    watched_clusters,
)
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs


def yes_no(share: float) -> ConditionalModel:
    """Ten clusters of 300 with such a share of ones."""
    rng = np.random.default_rng(1)
    g, x = np.arange(3000) % 10, rng.normal(size=3000)
    eta = np.log(share / (1 - share)) + 0.7 * rng.normal(size=10)[g] + 0.5 * x
    frame = pd.DataFrame({"g": g, "x": x, "y": (rng.random(3000) < 1 / (1 + np.exp(-eta))).astype(float)})
    frame.loc[0, "y"] = np.nan
    space = workspace(frame, conditional("y ~ x + (1 | g)", family=Bernoulli(link="logit")))
    return ConditionalModel(only(space)[1], graph_data(space))


@pytest.mark.parametrize(
    ("share", "looked"), [pytest.param(0.01, LONGER * CALIBRATION, marks=pytest.mark.slow), (0.3, CALIBRATION)]
)
def test_no_effect_is_left_behind(share: float, looked: int) -> None:
    model = yes_no(share)
    posterior, parameters = Gibbs().compile(model), len(model.design.names)
    state = posterior.init(model.data, np.random.default_rng(1))
    watched = watched_clusters(model.design, model.data, np.random.default_rng(1))
    assert [len(clusters) for clusters in watched.values()] == [10]
    _, alone = posterior.explore(state, model.data, np.random.default_rng(2), CALIBRATION)
    state, found = explored(posterior, state, model.data, np.random.default_rng(2), watched, parameters)
    steps = found.lag
    assert (found.looked, found.stuck) == (looked, 0)
    assert steps > shortest_lag(alone)[0] if share < 0.1 else steps == shortest_lag(alone)[0]
    draws = 1500
    effects = posterior.explore(state, model.data, np.random.default_rng(3), draws, watched)[1][:, parameters:]
    effects -= effects.mean(axis=0)
    ratio = np.array([(effects[: len(effects) - k] * effects[k:]).mean(axis=0) for k in range(steps + 1)])
    ratio /= ratio[0]
    # Bartlett's standard error of an autocorrelation; that of the lag is that of LONGER * CALIBRATION transitions
    spread = np.sqrt((1 + 2 * (ratio[1:steps] ** 2).sum(axis=0)) * (1 / draws + 1 / looked))
    assert (ratio[steps] < TARGET_AUTOCORRELATION + 2 * spread).all()


@dataclass
class Chain:
    """A posterior whose one parameter forgets quickly and whose one effect does not."""

    phi: tuple[float, float]

    def explore(self, state: int, data: Any, rng: np.random.Generator, transitions: int, watched: Any) -> Any:
        del data, watched
        noise = rng.standard_normal((transitions, 2))
        return state + 1, np.stack([lfilter([1.0], [1.0, -p], e) for p, e in zip(self.phi, noise.T)], axis=1)


@pytest.mark.parametrize(("slow", "calls"), [(0.2, 1), (0.9, 2)])
def test_steps_are_those_of_the_slowest_effect(slow: float, calls: int) -> None:
    rng = np.random.default_rng(1)
    made, found = explored(Chain((0.2, slow)), 0, {}, rng, {}, parameters=1)  # type: ignore[arg-type]
    assert (made, found.looked) == (calls, CALIBRATION * (LONGER if calls == 2 else 1))
    assert found.left < TARGET_AUTOCORRELATION and found.stuck == 0
    assert found.lag == pytest.approx(np.log(TARGET_AUTOCORRELATION) / np.log(slow), rel=0.25, abs=1)


@dataclass
class Stuck:
    """A posterior of two parameters, one of them fixed, whose one effect has all its proposals refused."""

    def explore(self, state: int, data: Any, rng: np.random.Generator, transitions: int, watched: Any) -> Any:
        del data, watched
        return state, np.column_stack([rng.standard_normal(transitions), np.full((transitions, 2), 0.7)])


def test_an_effect_that_never_moves_is_told_and_a_fixed_parameter_is_not() -> None:
    _, found = explored(Stuck(), 0, {}, np.random.default_rng(1), {}, parameters=2)  # type: ignore[arg-type]
    assert (found.lag, found.left, found.stuck) == (MOST_STEPS, 1.0, 1)
    assert found.told().endswith("; 1 effect of clusters never moved")
    _, found = explored(Stuck(), 0, {}, np.random.default_rng(1), {}, parameters=3)  # type: ignore[arg-type]
    assert found.stuck == 0 and found.lag < 3 and "never moved" not in found.told()


def test_the_largest_the_smallest_and_empty_clusters_are_looked_at() -> None:
    model = yes_no(0.3)
    sizes = np.r_[np.zeros(5, dtype=int), np.arange(2, 40), 1, 50]
    (block,) = model.design.blocks
    design = replace(model.design, blocks=(replace(block, size=len(sizes)),))
    data = {f"codes_{block.key}": np.repeat(np.arange(len(sizes)), sizes)}
    for seed in range(5):
        (chosen,) = watched_clusters(design, data, np.random.default_rng(seed)).values()
        assert {len(sizes) - 2, len(sizes) - 1} <= set(chosen.tolist()) and (chosen < 5).sum() == ABSENT
        assert len(chosen) <= CHOSEN + ABSENT + 2
