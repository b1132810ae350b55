"""One visit: seeds as addresses, what follows a change, the number of inner steps."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from looping import FORMULAS, prior_plan, table

import bayesimpute as bi
from bayesimpute import Conditional, Derived, Plan
from bayesimpute.checking import plan_clusters
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.estimate import estimate
from bayesimpute.running.inner_steps import CALIBRATION, MOST_STEPS, TARGET_AUTOCORRELATION, settle_steps, shortest_lag
from bayesimpute.running.kernel import Bench, ChainState, adapt, begin, generator, visit
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw


def workspace(plan: Plan, seed: int = 1) -> Workspace:
    frame = table(seed)
    return Workspace(plan, Incomplete.from_frame(frame, clusters=plan_clusters(plan)))


def started(space: Workspace, chain: int = 0, seed: int = 1) -> tuple[Bench, ChainState]:
    state = begin(space, chain, seed)
    bench = Bench(space, state.cells)
    return bench, adapt(bench, state, seed)


def same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_every_address_has_random_numbers_of_its_own() -> None:
    addresses = [(s, c, w, p) for s in (0, 1) for c in (0, 1) for w in (0, 1, 2) for p in (0, 1, 2)]
    draws = {address: generator(*address).random(4).tobytes() for address in addresses}
    assert len(set(draws.values())) == len(addresses)
    assert draws[1, 1, 2, 0] == generator(1, 1, 2, 0).random(4).tobytes()


def test_each_chain_has_a_fill_of_its_own_from_observed_values_shifted_by_one_sd_at_most() -> None:
    space = workspace(prior_plan())
    fills = [begin(space, chain, 1).cells for chain in range(4)]
    assert all(not np.array_equal(fills[0]["y"], other["y"]) for other in fills[1:])
    observed = np.sort(table()["y"].dropna().to_numpy())
    sd = observed.std()
    shifts = []
    for cells in fills:
        gaps = cells["y"][:, None] - observed
        common = [d for d in gaps[0] if np.isclose(gaps, d, rtol=0, atol=1e-9).any(axis=1).all()]
        assert len(common) == 1 and abs(common[0]) <= sd
        shifts.append(common[0])
    assert len(set(shifts)) == 4


def test_begin_depends_on_seed_and_chain_only() -> None:
    first, second = workspace(prior_plan()), workspace(prior_plan())
    assert same(begin(first, 2, 7).cells, begin(second, 2, 7).cells)
    assert not same(begin(first, 2, 7).cells, begin(first, 2, 8).cells)


def test_a_visit_is_a_function_of_its_arguments() -> None:
    space = workspace(prior_plan())
    results = []
    for _ in range(2):
        bench, state = started(space)
        moved, done = visit(bench, state, 1, 1, tune=True)
        results.append((moved.cells, done.draw))
        assert moved.sweep == state.sweep == 0 and set(moved.samplers) == set(state.samplers)
        assert same(state.cells, begin(space, 0, 1).cells)  # what came in stays as it was
    assert same(results[0][0], results[1][0]) and same(results[0][1], results[1][1])


def test_a_visit_changes_its_target_only() -> None:
    bench, state = started(workspace(prior_plan()))
    names = [t.name for t in bench.workspace.resolved.targets]
    moved, done = visit(bench, state, 0, 1, tune=False)
    assert not np.array_equal(moved.cells[names[0]], state.cells[names[0]])
    assert np.array_equal(moved.cells[names[1]], state.cells[names[1]])
    assert done.changed == {names[0]} and done.stats.transitions == 3 and done.seconds > 0


def test_matrices_are_kept_until_what_they_read_changes() -> None:
    plan = prior_plan("y ~ x + (1 | g)", "x ~ z")
    bench, state = started(workspace(plan))
    targets = {t.name: t for t in bench.workspace.resolved.steps}
    of_y, of_x = bench.matrices(targets["y"]), bench.matrices(targets["x"])
    bench.set(targets["y"], {"y": state.cells["y"] + 1})
    assert bench.matrices(targets["x"]) is of_x and bench.matrices(targets["y"]) is of_y
    before, (block,) = of_y["mu"].copy(), (key for key in of_y if key != "mu")
    bench.set(targets["x"], {"x": state.cells["x"] + 2})
    fresh = bench.matrices(targets["y"])
    assert fresh["mu"] is not of_y["mu"] and not np.array_equal(fresh["mu"], before)
    assert fresh[block] is of_y[block]
    assert bench.matrices(targets["x"]) is of_x


def test_derived_columns_and_cluster_means_follow_at_once() -> None:
    plan = prior_plan(
        "y ~ x2 + cluster_mean(x, g) + (1 | g)", "x ~ z", derived=[Derived(name="x2", expression="x ** 2 + z")]
    )
    bench, state = started(workspace(plan))
    target = bench.workspace.resolved.step("x")
    changed = bench.set(target, {"x": np.arange(len(state.cells["x"]), dtype=float)})
    values = bench.completed.values
    assert {"x", "x2"} < changed and len(changed) == 3
    # the square of an expression is a power, that of numpy a product: some processors round them differently
    np.testing.assert_allclose(values["x2"], values["x"] ** 2 + table()["z"], rtol=1e-12, atol=1e-13)
    (mean,) = changed - {"x", "x2"}
    codes = table()["g"].to_numpy()
    assert np.allclose(values[mean], (np.bincount(codes, values["x"]) / 5)[codes], rtol=1e-14)


def test_steps_that_the_plan_fixes_are_taken() -> None:
    bench, state = started(workspace(prior_plan(steps=7)))
    settled, event = settle_steps(bench, state, 0, 1)
    assert set(settled.steps.values()) == {7} and "7 inner steps" in event.what
    assert visit(bench, settled, 0, 1, tune=False)[1].stats.transitions == 7


def test_one_target_needs_one_step_and_several_are_explored() -> None:
    bench, state = started(workspace(prior_plan("y ~ z + (1 | g)", steps="auto")))
    assert settle_steps(bench, state, 0, 1)[0].steps == {"y": 1}
    bench, state = started(workspace(prior_plan(steps="auto", sweeps=50)))
    settled, event = settle_steps(bench, state, 1, 1)
    name = bench.workspace.resolved.targets[1].name
    assert settled.steps[name] <= 3 and str(CALIBRATION) in event.why  # draws from the prior are independent
    assert int(settled.samplers[name].arrays["visits"]) == CALIBRATION
    assert same(settled.cells, state.cells)


def test_a_run_of_few_sweeps_takes_the_most_steps_and_explores_nothing() -> None:
    bench, state = started(workspace(prior_plan(steps="auto", sweeps=CALIBRATION // MOST_STEPS)))
    settled, event = settle_steps(bench, state, 1, 1)
    name = bench.workspace.resolved.targets[1].name
    assert settled.steps == {name: MOST_STEPS} and "so few sweeps" in event.why
    assert int(settled.samplers[name].arrays["visits"]) == 0


def autoregression(rho: float, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.empty(n)
    x[0] = rng.normal()
    for t in range(1, n):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * rng.normal()
    return x


@pytest.mark.parametrize("rho", [0.5, 0.8, 0.9, -0.5])
def test_the_shortest_lag_is_where_the_autocorrelation_is_small(rho: float) -> None:
    n = 20_000
    lag, left = shortest_lag(autoregression(rho, n, 3)[:, None])
    exact = int(np.ceil(np.log(TARGET_AUTOCORRELATION) / np.log(abs(rho))))
    # rho is estimated with standard error sqrt((1 - rho^2) / n); the lag moves by its derivative times four of these
    slope = exact / (abs(rho) * -np.log(abs(rho)))
    assert abs(lag - exact) <= 1 + 4 * slope * np.sqrt((1 - rho**2) / n)
    assert left < TARGET_AUTOCORRELATION


def test_the_slowest_parameter_decides() -> None:
    slow, fast = autoregression(0.9, 5_000, 1), autoregression(0.0, 5_000, 2)
    assert shortest_lag(np.column_stack([fast, slow, np.ones(5_000)])) == pytest.approx(shortest_lag(slow[:, None]))
    assert shortest_lag(np.ones((100, 2))) == (1, 0.0)
    walk = np.cumsum(np.random.default_rng(1).normal(size=500))[:, None]
    assert shortest_lag(walk)[0] <= MOST_STEPS


def test_models_are_made_once_per_target(monkeypatch: pytest.MonkeyPatch) -> None:
    from bayesimpute.samplers.prior import PriorSampler

    made = []
    compiled = PriorSampler.compile
    monkeypatch.setattr(PriorSampler, "compile", lambda self, model: made.append(1) or compiled(self, model))
    space = workspace(prior_plan())
    for chain in range(3):
        bench, state = started(space, chain)
        for place in (0, 1):
            state, _ = visit(bench, state, place, 1, tune=True)
    assert len(made) == space.compilations == len(FORMULAS)


def test_a_level_2_target_is_imputed_once_a_cluster() -> None:
    frame = table()
    frame.loc[frame["g"].isin([0, 3]), "w"] = np.nan
    plan = prior_plan(Conditional(target="w", formulas={"mu": "w ~ cluster_mean(z, g)"}))
    space = Workspace(plan, Incomplete.from_frame(frame, clusters=("g",)))
    bench, state = started(space)
    assert state.cells["w"].shape == (2,)
    visit(bench, state, 0, 1, tune=False)
    assert np.ptp(bench.completed.values["w"].reshape(8, 5), axis=1).max() == 0


def test_a_family_may_ask_for_the_units_that_its_model_is_fitted_to() -> None:
    bench, _ = started(workspace(prior_plan(*FORMULAS)))
    step = bench.workspace.resolved.step("y")
    draw = prior_draw(bench.workspace.designs["y"], np.random.default_rng(1))
    donors, placement = bench.donors(step, draw), bench.workspace.placements["y"]
    rows = step.learn_rows
    np.testing.assert_array_equal(donors.y, bench.completed.values["y"][rows])
    best = estimate(placement.design, draw, bench.data(step))
    np.testing.assert_array_equal(donors.theta["mu"], placement.predict(best, bench.matrices(step), rows)["mu"])
    assert np.corrcoef(donors.theta["mu"], donors.y)[0, 1] > 0.5
    assert len(donors.y) == np.sum(~np.isnan(bench.workspace.incomplete.columns["y"].values))


def test_a_predictor_that_is_no_number_with_imputed_values_stops_the_run_and_is_foreseen() -> None:
    """The logarithm of a count that is imputed as 0, which nobody has: samplers would not come back from it."""
    rng, n = np.random.default_rng(0), 200
    frame = pd.DataFrame({"x": rng.normal(size=n), "k": 1.0 + rng.poisson(1.0, n)})
    frame["b"] = (rng.random(n) < 0.5).astype(float)
    frame.loc[::4, "b"] = np.nan
    frame.loc[1::3, "k"] = np.nan
    plan = bi.Plan.of(
        ["b ~ x + log(k)", bi.Conditional.of("k ~ x", family="poisson")], run=bi.Run(m=2, chains=1, warmup=5, sweeps=5)
    )
    (problem,) = bi.check(plan, frame)
    assert problem.severity == "warning" and "log(k) is not a finite number where k is 0" in problem.finding
    with pytest.raises(bi.PlanError, match=r"conditional\[b\]: log\(k\) is not a finite number with the values"):
        bi.impute(frame, plan, seed=1, progress=False)
    never = bi.Plan.of(plan.conditionals, run=plan.run, restrictions=[bi.Restriction(rule="k > 0")])
    assert not bi.check(never, frame)
