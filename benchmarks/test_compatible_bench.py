"""What the extra factor of compatible imputation costs: a covariate's visit with it, and without; asserts no time.

And what cluster means of one incomplete covariate in another's model cost: a sweep of the plan with them, and without.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.running.workspace import Workspace

pytestmark = pytest.mark.benchmark
OUTCOMES = {
    "normal": "y ~ x * z + (1 + x | g)",
    "joint normal": "y ~ x + cluster_mean(x, g) + z + (1 | g)",
    "slice": "y ~ x + I(x**2) + z + (1 | g)",
}


def data(clusters: int = 50, size: int = 20) -> pd.DataFrame:
    """The random-slope design of the study of compatible imputation, 30 % of x missing."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(clusters), size)
    z = rng.normal(size=len(g))
    x = 0.5 * z + 0.5 * rng.normal(size=clusters)[g] + rng.normal(size=len(g))
    y = 1 + 0.5 * x + 0.3 * z + rng.normal(size=clusters)[g] + rng.normal(size=len(g))
    frame = pd.DataFrame({"g": g, "z": z, "x": x, "y": y})
    frame.loc[rng.random(len(g)) < 0.3, "x"] = np.nan
    return frame


@pytest.mark.parametrize("size", [(50, 20), (500, 20)], ids=["n = 1,000", "n = 10,000"])
@pytest.mark.parametrize("kind", ["plain", *OUTCOMES])
def test_a_visit_of_a_covariate(benchmark, kind: str, size: tuple[int, int]) -> None:
    outcome = OUTCOMES.get(kind, "y ~ z + (1 | g)")  # plain: no model reads x
    plan = Plan.of(["x ~ z + (1 | g)", *(["y ~ z + (1 | g)"] if kind == "plain" else [])])
    plan = plan if kind == "plain" else replace(plan, substantive=outcome)
    incomplete = Incomplete.from_frame(data(*size), clusters=("g",))
    space = Workspace(plan, incomplete)
    state = begin(space, 0, 1)
    bench = Bench(space, state.cells)
    for step in space.resolved.steps:
        space.posterior(step, bench.data(step))
    state = adapt(bench, state, 1)
    place = next(k for k, t in enumerate(space.resolved.targets) if t.name == "x")

    def one() -> None:
        nonlocal state
        state, _ = visit(bench, state, place, 1, tune=False)
        state = replace(state, sweep=state.sweep + 1)

    benchmark.pedantic(one, rounds=60, warmup_rounds=5)
    print(f"\n{kind}, n = {len(incomplete.frame)}: {1000 * benchmark.stats.stats.median:.2f} ms a visit")


@pytest.mark.parametrize("kind", ["number", "yes/no"])
@pytest.mark.parametrize("read", ["x", "x + cluster_mean(x, g)"], ids=["one slope", "means"])
@pytest.mark.parametrize("size", [(400, 6), (100, 20)], ids=["400 of 6", "100 of 20"])
def test_a_sweep_of_two_covariates(benchmark, kind: str, read: str, size: tuple[int, int]) -> None:
    frame = data(*size)
    frame["x"] = frame["x"].where(frame["x"].isna() | (kind == "number"), (frame["x"] > 0).astype(float))
    rng = np.random.default_rng(2)
    frame["z"] = frame["z"].where(rng.random(len(frame)) > 0.3)
    family = "gaussian" if kind == "number" else "bernoulli"
    x = Conditional.of("x ~ (1 | g)", family=family)
    plan = Plan.of([x, f"z ~ {read} + (1 | g)"], substantive="y ~ x + z + (1 | g)")
    space = Workspace(plan, Incomplete.from_frame(frame, clusters=("g",)))
    state = begin(space, 0, 1)
    bench = Bench(space, state.cells)
    state = adapt(bench, state, 1)

    def sweep() -> None:
        nonlocal state
        for place in range(len(space.resolved.steps)):
            state, _ = visit(bench, state, place, 1, tune=False)
        state = replace(state, sweep=state.sweep + 1)

    benchmark.pedantic(sweep, rounds=40, warmup_rounds=5)
    print(f"\n{kind}, {read}, {len(frame)} rows: {1000 * benchmark.stats.stats.median:.2f} ms a sweep")
