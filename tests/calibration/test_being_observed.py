"""Models of being observed that read the values: sweeps leave the joint law; the right assumption recovers the truth.

The mechanism is that of Diggle & Kenward (1994) with one occasion: P(observed) = F(a + psi y + b x), F the logistic or
the normal distribution function. The coefficient of y is fixed at its truth, fixed at zero (missing at random), or has
a prior that the data update.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import conditional
from scipy.special import expit, ndtr
from start_at_truth import from_prior
from test_gibbs_calibration import ERRORS

import bayesimpute as bi
from bayesimpute.compatible import Compatible
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.placement import Placement
from bayesimpute.families import Bernoulli
from bayesimpute.plan import resolving, who_reads
from bayesimpute.running.kernel import Bench, ChainState, visit
from bayesimpute.running.workspace import Described, Workspace
from bayesimpute.samplers.sampler import SamplerState

ROWS = 50
INVERSE = {"logit": expit, "probit": ndtr}
PRIORS = {"Intercept": "Normal(0.5, 0.5)", "x": "Normal(0.7, 0.3)", "sigma": "Gamma(8, 8)"}
SEEN = "observed(y)"


@dataclass(frozen=True, eq=False)
class Bed:
    """A plan, and designs that are described once: priors are the plan's, scales stay."""

    plan: bi.Plan
    link: str
    psi: float | str
    x: np.ndarray

    @classmethod
    def of(cls, link: str, psi: float | str) -> "Bed":
        """The indicator has no intercept: its prior would hold where the observed values are."""
        y, family = conditional("y ~ x", priors=PRIORS), Bernoulli(link=link)
        seen = conditional(f"{SEEN} ~ 0 + y + x", priors={"x": "Normal(0.3, 0.5)", "y": psi}, family=family)
        plan = bi.Plan.of([y], substantive=[seen]).with_run(sampler="gibbs")
        return cls(plan, link, psi, np.random.default_rng(5).normal(size=ROWS))

    def template(self) -> Workspace:
        """On data that no parameter made."""
        y = np.random.default_rng(6).normal(size=ROWS)
        return Workspace(self.plan, Incomplete.from_frame(self.frame(y, np.arange(ROWS) % 3 > 0)))

    def frame(self, y: np.ndarray, seen: np.ndarray) -> pd.DataFrame:
        """The data."""
        return pd.DataFrame({"x": self.x, "y": np.where(seen, y, np.nan)})

    def simulate(self, values: Mapping[str, Mapping[str, float]], rng: np.random.Generator) -> Any:
        """All values, and which are observed."""
        of_y, of_seen = values["y"], values[SEEN]
        y = of_y["Intercept"] + of_y["x"] * self.x + of_y["sigma"] * rng.normal(size=ROWS)
        psi = self.psi if isinstance(self.psi, float) else of_seen["y"]
        return y, rng.random(ROWS) < INVERSE[self.link](psi * y + of_seen["x"] * self.x)


def errors(bed: Bed, *, replicates: int, sweeps: int = 2, seed: int = 1) -> np.ndarray:
    """Means of paired differences over sweeps that start at the truth, in standard errors."""
    rng, first = np.random.default_rng(seed), bed.template()
    bench = Bench(first, {t.name: np.zeros(t.impute.sum()) for t in first.resolved.targets})
    posteriors: dict[str, Any] = {step.name: first.posterior(step, bench.data(step)) for step in first.resolved.steps}
    learnt = {s.name: posteriors[s.name].init(bench.data(s), rng).arrays for s in first.resolved.steps}
    gaps = []
    for _ in range(replicates):
        states = {n: SamplerState({**learnt[n], **from_prior(p.engine, rng)}) for n, p in posteriors.items()}
        y, seen = bed.simulate({name: named(first, name, posteriors[name].draw(s)) for name, s in states.items()}, rng)
        if seen.all() or seen.sum() < 3:
            continue
        space = on(first, bed, bed.frame(y, seen))
        space.posteriors, space.samplers = dict(posteriors), dict(first.samplers)
        cells = {t.name: y[t.missing_rows] if t.name == "y" else np.zeros(0) for t in space.resolved.targets}
        bench = Bench(space, cells)
        before = functions(bench, {name: space.posteriors[name].draw(state) for name, state in states.items()}, seen)
        state = ChainState(chain=0, cells=cells, samplers=states, steps=dict.fromkeys(states, 1))
        for _ in range(sweeps):
            for place in range(len(states)):
                state, _ = visit(bench, state, place, int(rng.integers(2**31)), tune=False)
        gaps.append(functions(bench, {name: bench.draw(name, state) for name in states}, seen) - before)
    found = np.array(gaps)
    found = found[:, found.std(axis=0) > 1e-9]
    return found.mean(axis=0) / (found.std(axis=0, ddof=1) / np.sqrt(len(found)))


def named(space: Workspace, name: str, draw: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Parameters in the user's units."""
    design = space.designs[name]
    return dict(zip(design.names, design.posterior(draw), strict=True))


def on(first: Workspace, bed: Bed, frame: pd.DataFrame) -> Workspace:
    """Other data with the same designs."""
    incomplete = Incomplete.from_frame(frame)
    resolved = resolving.resolve(bed.plan, incomplete)
    placed = {s.name: Placement.of(first.designs[s.name], s, incomplete) for s in resolved.steps}
    how = {n: Compatible.of(resolved.target(n), resolved, placed, incomplete, frozenset()) for n in resolved.factors}
    return Workspace(bed.plan, incomplete, Described(bed.plan, incomplete, resolved, placed, how))


def functions(bench: Bench, draws: Mapping[str, Any], seen: np.ndarray) -> np.ndarray:
    """Bounded functions of parameters and cells, and of both with the data."""
    space, y = bench.workspace, bench.completed.values["y"]
    x = bench.completed.values["x"]
    found = [design.posterior(draws[name]) for name, design in space.designs.items()]
    found += [[y[~seen].mean(), (y * x)[~seen].mean(), (y**2)[~seen].mean(), y[~seen][0]]]
    every = np.tanh(np.concatenate(found))
    data = np.tanh([y[seen].mean(), 2 * seen.mean() - 1, (y * x)[seen].mean()])
    return np.concatenate([every, np.outer(every, every).ravel(), np.outer(every, data).ravel()])


@pytest.mark.by_default("logit--1.0", "logit-1.0")
@pytest.mark.parametrize(("link", "psi"), [("logit", 1.0), ("probit", -1.0), ("logit", "Normal(0.5, 0.5)")])
def test_sweeps_leave_the_joint_law(link: str, psi: float | str) -> None:
    assert np.abs(errors(Bed.of(link, psi), replicates=200)).max() < ERRORS


@pytest.mark.slow
@pytest.mark.parametrize(("link", "psi"), [("logit", 1.0), ("probit", -1.0), ("logit", "Normal(0.5, 0.5)")])
def test_many_sweeps_leave_the_joint_law(link: str, psi: float | str) -> None:
    assert np.abs(errors(Bed.of(link, psi), replicates=3000)).max() < ERRORS


@pytest.mark.slow
def test_parameters_that_are_learnt_from_observed_rows_alone_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model of being observed that would be right, and with it the mean of y is off."""
    monkeypatch.setattr(resolving, "_read", lambda target, graph: target)
    assert np.abs(errors(Bed.of("logit", 1.0), replicates=200)).max() > ERRORS


def test_cells_that_are_drawn_without_the_model_of_being_observed_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(who_reads, "factors", lambda graph: {})
    assert np.abs(errors(Bed.of("logit", 1.0), replicates=200)).max() > ERRORS


TRUE = -1.0


@cache
def means(replicates: int, n: int) -> np.ndarray:
    """Estimates of E(y), truth 0, paired: complete data, the coefficient at its truth, missing at random; (3, run)."""
    found = []
    for k in range(replicates):
        rng = np.random.default_rng((7, k))
        x = rng.normal(size=n)
        y = 0.7 * x + rng.normal(size=n)
        seen = rng.random(n) < expit(0.5 + TRUE * y + 0.3 * x)
        frame = pd.DataFrame({"x": x, "y": np.where(seen, y, np.nan)})
        row = [y.mean()]
        for psi in (TRUE, 0.0):
            model = bi.Conditional.of(f"{SEEN} ~ y + x", family="bernoulli", priors={"y": psi})
            plan = bi.Plan.of(["y ~ x"], substantive=[model])
            plan = plan.with_run(m=8, chains=1, warmup=30, sweeps=80, sampler="gibbs")
            row.append(np.mean([each["y"].mean() for each in bi.impute(frame, plan, seed=k, progress=False)]))
        found.append(row)
    return np.array(found).T


@pytest.mark.slow
@pytest.mark.parametrize(("replicates", "n"), [(4, 300), pytest.param(100, 500, marks=pytest.mark.slow)])
def test_the_right_coefficient_recovers_the_complete_data_and_missing_at_random_does_not(
    replicates: int, n: int
) -> None:
    complete, right, ignorable = means(replicates, n)
    error = (right - complete).std(ddof=1) / np.sqrt(replicates)
    assert abs((right - complete).mean()) < 3 * error
    assert (ignorable - complete).mean() < -max(8 * error, 0.15)
