"""How likely an observed value is given all else: against the joint density, integrated by brute force."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from modelling import school_frame
from scipy import integrate

from bayesimpute.checking import plan_clusters
from bayesimpute.compatible import normalised
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.cluster_means import ClusterMeans
from bayesimpute.designs.completed import Completed
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.running.at_visits import ALONE
from bayesimpute.running.kernel import Bench, ChainState, alone, begin
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

HEAVY = Conditional(target="x", formulas={"mu": "x ~ w"}, family="student_t")
CASES = {
    "normal": ("x", ["x ~ w"], ["y ~ x + (1 + x | school)"], "normal"),
    "heavy tails": ("x", [HEAVY], ["y ~ x + (1 | school)"], "slice"),
    "a square": ("x", ["x ~ w"], ["y ~ x + I(x ** 2) + (1 | school)"], "slice"),
    "a normal and a yes/no reader": ("x", ["x ~ w"], ["y ~ x", "b ~ y + x"], "slice"),
    "a cluster mean": ("x", ["x ~ w"], ["y ~ x + cluster_mean(x, school) + (1 | school)"], "normal"),
    "a cluster mean's square": ("x", ["x ~ w"], ["y ~ x + I(cluster_mean(x, school) ** 2)"], "slice"),
    "yes/no": ("k", ["k ~ w"], ["y ~ k + (1 | school)"], "enumerated"),
    "of clusters": ("z", ["z ~ 1"], ["y ~ z + (1 | school)"], "normal"),
    "in order": ("k", ["k ~ w", "x ~ w + k"], ["y ~ x + k"], "enumerated"),
}


def data() -> pd.DataFrame:
    frame = school_frame().drop(columns=["c", "d", "region"])
    frame["k"] = (frame["x"] > 10).astype(float)
    frame["z"] = np.random.default_rng(2).normal(size=12)[frame["school"]]
    frame.loc[3::6, "x"] = np.nan
    frame.loc[1::7, "k"] = np.nan
    frame.loc[frame["school"].isin([2, 5]), "z"] = np.nan
    return frame


def bench_of(name: str) -> tuple[Bench, ChainState]:
    """A chain's first fill with draws of parameters that are of the size of those of these data."""
    _, conditionals, substantive, _ = CASES[name]
    plan = Plan.of(list(conditionals), substantive=tuple(substantive))
    used = [n for n in data() if n == "school" or any(n in str(c) for c in (*conditionals, *substantive))]
    frame = data()[used]
    incomplete = Incomplete.from_frame(frame, clusters=plan_clusters(plan))
    space = Workspace(plan, incomplete)
    state = begin(space, 0, 1)
    bench, rng = Bench(space, state.cells), np.random.default_rng(6)
    for step in space.resolved.steps:
        draw = dict(prior_draw(space.designs[step.name], rng))
        draw["mu"] = 0.3 * draw["mu"]
        draw |= {"sigma": np.array(0.5)} if "sigma" in draw else {}
        bench.drawn(step.name, draw)
    return bench, state


def joint(bench: Bench, state: ChainState, target: str, unit: int, value: float) -> float:
    """The log density of all data that some model is fitted to, with another value at one observed unit."""
    space, total = bench.workspace, 0.0
    lead = space.resolved.target(target)
    completed = Completed(space.incomplete, space.resolved, state.cells)
    only = np.zeros(len(lead.rows), dtype=bool)
    only[unit] = True
    completed._put(target, completed.values[target].copy())
    completed._means = ClusterMeans(space.incomplete)  # which takes sums of observed values to stay what they are
    completed.set(replace(lead, impute=only), np.array([value]))
    for name, placement in space.placements.items():
        rows, design = placement.model_rows, placement.design
        theta = placement.predict(bench.draw(name, state), design.matrices(completed.columns), rows)
        total += design.family.logp(completed.values[name][rows], theta, {}).sum()
    return float(total)


@pytest.mark.by_default("normal", "yes/no", "in order", "a cluster mean", "a normal and a yes/no reader")
@pytest.mark.parametrize("name", CASES)
def test_it_is_the_joint_density_over_its_integral(name: str) -> None:
    target, *_, kind = CASES[name]
    bench, state = bench_of(name)
    space = bench.workspace
    lead = space.resolved.target(target)
    how = space.alone(space.resolved.step(target))
    assert how is not None and how.kind == kind
    found = alone(bench, state, space.resolved.step(target))[ALONE]
    observed = np.flatnonzero(lead.observed)
    assert len(found) == len(observed)
    for place in (0, len(observed) // 2, len(observed) - 1):
        unit = observed[place]
        given = float(lead.given[lead.rows[unit]])
        here = joint(bench, state, target, unit, given)

        def density(value: float, unit: int = unit, here: float = here) -> float:
            return float(np.exp(joint(bench, state, target, unit, value) - here))

        if kind == "enumerated":
            total = density(0.0) + density(1.0)
        else:
            sd = float(space.designs[target].scale)
            points = given + sd * np.linspace(-12, 12, 301)
            total = integrate.simpson([density(p) for p in points], x=points)
        assert found[place] == pytest.approx(-np.log(total), abs=2e-4)


@pytest.mark.slow
def test_quadrature_is_the_closed_form_where_there_is_one() -> None:
    for name in ("normal", "a cluster mean"):
        bench, state = bench_of(name)
        step = bench.workspace.resolved.step("x")
        closed = alone(bench, state, step)[ALONE]
        how = bench.workspace.alone(step)
        assert how is not None
        for affine in (True, False):
            bench.workspace._alone["x"] = replace(how, kind="slice", affine=affine)
            np.testing.assert_allclose(alone(bench, state, step)[ALONE], closed, atol=1e-5)


def test_an_integral_that_does_not_converge_is_not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, state = bench_of("a square")
    monkeypatch.setattr(normalised, "MOST", normalised.FEWEST)
    assert np.isnan(alone(bench, state, bench.workspace.resolved.step("x"))[ALONE]).all()
