"""The compiled Gibbs sampler: which models it takes, its state, what it survives, and its agreement with the truth.

The densities are held against the graph's in ``test_gibbs_density.py``, calibration is in ``tests/calibration``.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from graphs import centred
from looping import assert_observed_kept, assert_same_run, table
from modelling import conditional, graph_data, only, school_frame, workspace
from test_nuts import check_against, exact_posterior, sample, two_level

import bayesimpute as bi
from bayesimpute.base.priors import Prior
from bayesimpute.families import Bernoulli
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.running.inner_steps import shortest_lag
from bayesimpute.samplers import SAMPLERS, ConditionalModel, Nuts, SamplerState, Stats, choose
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.gibbs.engines import ENGINES, engine_for
from bayesimpute.samplers.gibbs.layout import MOST_OUTER
from bayesimpute.samplers.sampler import one_by_one

pytestmark = pytest.mark.long(40)

ERRORS = 4.0


def made(item: Conditional, frame: pd.DataFrame | None = None) -> ConditionalModel:
    """A model of y, or of b, on the school data or another frame."""
    if frame is None:
        frame = school_frame()
        other = "b" if item.target == "y" else "y"
        frame = frame.assign(**{other: frame[other].fillna(0.0)})
    space = workspace(frame, item)
    return ConditionalModel(only(space)[1], graph_data(space))


PLANS = {
    "one sigma": conditional("y ~ x + c + (1 + x | school) + (1 | region)"),
    "sigma by cluster": conditional("y ~ x + (1 + x | school)", sigma="x + (1 | school)"),
    "logit": conditional("b ~ x + c + (1 + x | school) + (1 | region)"),
    "probit": conditional("b ~ x + (1 + x | school)", family=Bernoulli(link="probit")),
    "student_t": conditional("y ~ x + (1 | school) + (1 | region)", family="student_t"),
}


@pytest.fixture(scope="module", params=list(PLANS))
def model(request: pytest.FixtureRequest) -> ConditionalModel:
    """Correlated slopes, and a second key or a formula for sigma; targets with latent variables."""
    return made(PLANS[request.param])


def chain(posterior: Any, model: ConditionalModel, draws: int, seed: int, thin: int = 1) -> np.ndarray:
    """Scalar parameters in the user's units, shape (draw, parameter)."""
    rng = np.random.default_rng(seed)
    state = posterior.init(model.data, rng)
    rows = []
    for _ in range(draws):
        state, draw, _ = posterior.step(state, model.data, rng, transitions=thin)
        rows.append(model.design.posterior(draw))
    return np.array(rows)


TAKEN = (
    conditional("y ~ x + c"),
    conditional("y ~ 0 + (1 | school)"),
    conditional("y ~ x + (1 + x + w | school) + (1 | region)"),
    conditional("y ~ x + (1 | school)", sigma="(1 | school)"),
    conditional("y ~ x", sigma="0 + x + (1 + x | region)"),
    conditional("y ~ x + (1 + x || school)", priors={"sigma": "InverseGamma(3, 8)", "x": "Normal(1, 2)"}),
    conditional("b ~ x + (1 + x | school) + (1 | region)"),
    conditional("b ~ 0 + (1 | school)", family=Bernoulli(link="probit")),
    conditional("y ~ 0 + x", family="student_t", priors={"nu": "Uniform(2, 30)"}),
    conditional("y ~ x + (1 | school)", family="student_t", priors={"nu": "HalfCauchy(9)", "sigma": "Exponential(1)"}),
)
NOT_TAKEN = (
    conditional("y ~ x", sigma="x", priors={"sigma_x": "StudentT(4, 0, 1)"}),
    conditional("y ~ x + (1 | school)", sigma="x", family="student_t"),
    conditional("y ~ x", nu="1 + (1 | region)", family="student_t"),
    conditional("y ~ x", family="student_t", priors={"x": "Cauchy(0, 1)"}),
    conditional("b ~ x + (1 | school)", priors={"x": "StudentT(4, 0, 1)"}),
    conditional("b ~ x", family="heckman_probit", selection="x + w", rho="1 + (1 | region)"),
    conditional("y ~ x + (1 | school)", priors={"x": "Laplace(0, 2)"}),
    conditional("y ~ x", family="heckman_gaussian", selection="x + w", priors={"selection_w": "Laplace(0, 1)"}),
)


@pytest.mark.parametrize("item", TAKEN, ids=lambda i: i.formulas["mu"])
def test_models_with_known_priors_are_taken(item: Conditional) -> None:
    model = made(item)
    assert isinstance(choose("gibbs", model), Gibbs)
    assert "pymc" not in model.__dict__


@pytest.mark.parametrize("item", [*TAKEN, *PLANS.values()], ids=str)
def test_one_engine_takes_a_model_and_none_one_whose_effects_are_of_two_parameters(item: Conditional) -> None:
    design = made(item).design
    assert sum(engine.takes(design) for engine in ENGINES.values()) == 1
    both = (replace(b, parts=(*b.parts, ("sigma", b.parts[0][1]))) for b in design.blocks)
    together = replace(design, blocks=tuple(both))
    assert not design.blocks or engine_for(together) is None


@pytest.mark.parametrize("item", NOT_TAKEN, ids=str)
def test_other_models_go_to_nuts(item: Conditional) -> None:
    model = made(item)
    assert not Gibbs().supports(model)
    assert isinstance(choose("gibbs", model), Nuts)


def test_models_are_not_taken_for_a_prior_that_is_not_known_or_too_many_crossed_effects() -> None:
    model = made(PLANS["one sigma"])

    def with_blocks(**changes: Any) -> ConditionalModel:
        blocks = tuple(replace(b, **changes) if b.factor == "region" else b for b in model.design.blocks)
        return ConditionalModel(replace(model.design, blocks=blocks), model.data)

    assert Gibbs().supports(with_blocks())
    assert not Gibbs().supports(with_blocks(priors=(Prior.of("Beta", 1, 1),)))
    assert not Gibbs().supports(with_blocks(priors=(Prior.of("Uniform", -1, 1),)))
    wide = replace(model.design, blocks=tuple(replace(b, size=MOST_OUTER // b.width + 1) for b in model.design.blocks))
    assert not Gibbs().supports(ConditionalModel(wide, model.data))


def test_it_is_chosen_wherever_it_draws_from_exactly_the_model(model: ConditionalModel) -> None:
    assert SAMPLERS["gibbs"] is Gibbs
    assert [name for name, sampler in SAMPLERS.items() if sampler.automatic] == ["gibbs", "nuts"]
    assert isinstance(choose("auto", model), Gibbs)
    assert isinstance(choose("nuts", model), Nuts)


def same(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> None:
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def visits(posterior: Any, model: ConditionalModel, state: SamplerState, places: range, tune: bool) -> tuple[Any, Any]:
    """Visits of three sweeps, each with the random numbers of its address."""
    draw = None
    for k in places:
        rng = np.random.default_rng((2, k))
        state, draw, counted = posterior.step(state, model.data, rng, transitions=3, tune=tune)
        assert counted == Stats(3, 0, 1.0, 0)
    return state, draw


def saved(state: SamplerState) -> SamplerState:
    """Written and read."""
    text = json.dumps({name: values.tolist() for name, values in state.arrays.items()})
    return SamplerState({name: np.array(values) for name, values in json.loads(text).items()})


def test_exploring_is_one_transition_after_another(model: ConditionalModel) -> None:
    """Exploring tells standard deviations and correlations at the centres of the columns: here these are zero."""
    blocks = tuple(replace(b, centre=np.zeros(b.width)) for b in model.design.blocks)
    model = ConditionalModel(replace(model.design, blocks=blocks), model.data)
    posterior = Gibbs().compile(model)
    state = posterior.init(model.data, np.random.default_rng(1))
    last, found = posterior.explore(state, model.data, np.random.default_rng(2), 20)
    expected, chain = one_by_one(posterior, model.design, state, model.data, np.random.default_rng(2), 20)
    np.testing.assert_allclose(found, chain, rtol=1e-10)
    same(last.arrays, expected.arrays)


@pytest.mark.parametrize("tune", [False, True])
def test_a_chain_goes_on_exactly_from_its_saved_state(model: ConditionalModel, tune: bool) -> None:
    posterior, other = Gibbs().compile(model), Gibbs().compile(model)
    state = posterior.init(model.data, np.random.default_rng(1))
    before = {name: values.copy() for name, values in state.arrays.items()}
    whole, draw = visits(posterior, model, state, range(10), tune)
    half, _ = visits(posterior, model, saved(state), range(5), tune)
    posterior.step(half, model.data, np.random.default_rng(9))  # another history
    rest, last = visits(other, model, saved(half), range(5, 10), tune)
    same(whole.arrays, rest.arrays)
    same(draw, last)
    same(other.draw(saved(rest)), last)
    same(before, state.arrays)
    assert not np.array_equal(whole.arrays["theta"], state.arrays["theta"])
    learnt = [k for k in state.arrays if k.endswith(("mean", "covariance", "count", "lengths"))]
    if getattr(model.design.family, "link", "logit") == "probit":  # which is balanced: nothing moves along lines
        learnt = [k for k in learnt if not k.startswith("lengths")]
    if isinstance(model.design.family, Bernoulli):  # which has no other parameter
        learnt = [k for k in learnt if not k.startswith("alpha_")]
    changed = [not np.array_equal(whole.arrays[k], state.arrays[k]) for k in learnt]
    assert all(changed) if tune else not any(changed)


FRESH = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from test_gibbs import PLANS, numbers
print(json.dumps([numbers(name) for name in PLANS]))
"""


def numbers(name: str) -> dict[str, list[str]]:
    """The state and the draw after a start and one visit, to the last bit."""
    model = made(PLANS[name])
    posterior = Gibbs().compile(model)
    state = posterior.init(model.data, np.random.default_rng(1))
    state, draw, _ = posterior.step(state, model.data, np.random.default_rng(2), transitions=3)
    assert "pymc" not in model.__dict__
    return {name: [float(v).hex() for v in np.ravel(values)] for name, values in {**state.arrays, **draw}.items()}


@pytest.mark.slow
def test_a_fresh_process_gives_equal_results_and_the_graph_is_never_built() -> None:
    here = Path(__file__).parent
    command = [sys.executable, "-c", FRESH, json.dumps([str(here), str(here.parent)])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [numbers(name) for name in PLANS]


def test_a_draw_has_the_form_that_the_graph_gives_it(model: ConditionalModel) -> None:
    from bayesimpute.samplers.prior import prior_draw

    posterior = Gibbs().compile(model)
    state = posterior.init(model.data, np.random.default_rng(1))
    _, draw, _ = posterior.step(state, model.data, np.random.default_rng(2))
    pattern = prior_draw(model.design, np.random.default_rng(1))
    assert {k: np.shape(v) for k, v in draw.items()} == {k: np.shape(v) for k, v in pattern.items()}
    for b in model.design.blocks:
        root, sd = draw[f"{b.key}_root"], draw[f"{b.key}_sd"]
        np.testing.assert_allclose(np.sqrt((root**2).sum(axis=1)), sd)


def test_cross_products_are_made_again_where_an_array_is_another_object(monkeypatch: pytest.MonkeyPatch) -> None:
    from bayesimpute.samplers.gibbs import one_sigma as module

    model = made(PLANS["one sigma"])
    calls = []
    original = module.add_rows
    monkeypatch.setattr(module, "add_rows", lambda *a: calls.append(1) or original(*a))
    posterior = Gibbs().compile(model)
    state = posterior.init(model.data, np.random.default_rng(1))
    assert len(calls) == 1
    far = {**model.data, "y_data": model.data["y_data"] + 10.0}
    rng = np.random.default_rng
    moved, _, _ = posterior.step(state, far, rng(1), transitions=20)
    assert len(calls) == 2
    back, _, _ = posterior.step(state, model.data, rng(1), transitions=20)
    assert len(calls) == 3
    assert moved.arrays["z"][0] > back.arrays["z"][0] + 5


def test_chains_start_apart(model: ConditionalModel) -> None:
    posterior: Any = Gibbs().compile(model)
    starts = [posterior.engine.start(np.random.default_rng(k)) for k in range(20)]
    one_sigma = any(p.key == "sigma" and p.matrix is None for p in model.design.predictors)
    for name in {"theta", "sigma_theta"} & starts[0].keys():
        spread = np.array([start[name] for start in starts]).std(axis=0)
        assert (spread[1:] > 0.3).all()
        assert (spread[0] > 0.3) == one_sigma
    if "nu_theta" in starts[0]:
        assert np.std([start["nu_theta"] for start in starts]) > 0.3
    if "sigma_z" in starts[0]:
        assert (np.array([start["sigma_z"][:2] for start in starts]).std(axis=0) > 0.1).all()


@pytest.mark.slow
def test_a_run_is_saved_and_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Of models without coefficients and with a formula for sigma; one falls back to NUTS in other tests."""
    frame = table()
    formulas = {"mu": "x ~ y + (1 | g)", "sigma": "(1 | g)"}
    items = (
        Conditional(target="y", formulas={"mu": "y ~ 0 + (1 + x | g)"}),
        Conditional(target="x", formulas=formulas),
    )
    run = Run(m=2, chains=2, warmup=3, sweeps=3, sampler="gibbs")
    imputed = bi.impute(frame, Plan.of(list(items), run=run), seed=4, progress=False)
    assert_observed_kept(imputed, frame)
    imputed.save(tmp_path / "run.nc")
    assert_same_run(imputed.extend(3, progress=False), bi.load(tmp_path / "run.nc").extend(3, progress=False))


# --- the truth ---


@pytest.fixture(scope="module")
def small() -> ConditionalModel:
    space = two_level()
    return ConditionalModel(centred(only(space)[1], False), graph_data(space))


def test_the_posterior_of_a_mixed_model_is_exact(small: ConditionalModel) -> None:
    exact = exact_posterior(small.design, small.data, groups=True)
    check_against(exact, sample(Gibbs().compile(small), small.data, 10_000, seed=5))


def test_the_posterior_of_a_single_level_model_is_exact(small: ConditionalModel) -> None:
    design = replace(small.design, blocks=())
    data = {name: values for name, values in small.data.items() if "block0" not in name}
    exact = exact_posterior(design, data, groups=False)
    check_against(exact, sample(Gibbs().compile(ConditionalModel(design, data)), data, 10_000, seed=7))


QUANTILES = (0.05, 0.5, 0.95)
AGREED = {
    "random intercept": conditional("y ~ x + (1 | school)"),
    "correlated slope": conditional("y ~ x + c + (1 + x | school)"),
    "two keys": conditional("y ~ x + (1 | school) + (1 + w | region)"),
    "no groups": conditional("y ~ x + c"),
    "sigma by cluster": conditional("y ~ x + (1 | school)", sigma="x + (1 | school)"),
    "sigma by another key": conditional("y ~ x + (1 | school)", sigma="(1 + w | region)"),
    "logit": conditional("b ~ x + c + (1 + x | school)"),
    "logit, two keys": conditional("b ~ x + (1 | school) + (1 | region)"),
    "logit, rare": conditional("d ~ x + (1 | school)"),
    "probit": conditional("b ~ x + (1 + x | school)", family=Bernoulli(link="probit")),
    "probit, rare": conditional("d ~ x + (1 | school)", family=Bernoulli(link="probit")),
    "student_t": conditional("y ~ x + (1 + x | school)", family="student_t"),
}


@pytest.mark.slow
@pytest.mark.parametrize("item", AGREED.values(), ids=AGREED.keys())
def test_nuts_agrees(item: Conditional) -> None:
    """Means, deviations and quantiles of every scalar parameter, within errors from effective sample sizes."""
    frame = school_frame(240, 24)
    frame["region"] = np.array(["n", "s", "e", "w", "m", "o", "u"])[np.arange(240) % 7]  # crossed
    frame["d"] = np.where(frame["b"].isna(), np.nan, np.arange(240) % 61 == 2)
    others = [name for name in ("b", "d", "y") if name != item.target]
    model = made(item, frame.assign(**{name: frame[name].fillna(0.0) for name in others}))
    chains = [np.array([chain(s.compile(model), model, 1500, seed) for seed in (1, 2)]) for s in (Gibbs(), Nuts())]
    for k, name in enumerate(model.design.names):
        first, second = (c[:, :, k] for c in chains)
        for statistic, error in STATISTICS.items():
            difference = statistic(first) - statistic(second)
            assert abs(difference) < ERRORS * np.hypot(error(first), error(second)), (name, difference)


STATISTICS: dict[Callable[[Any], float], Callable[[Any], float]] = {
    np.mean: lambda c: float(az.mcse(c, method="mean")),
    np.std: lambda c: float(az.mcse(c, method="sd")),
    **{
        (lambda c, p=p: float(np.quantile(c, p))): (lambda c, p=p: float(az.mcse(c, method="quantile", prob=p)))
        for p in QUANTILES
    },
}


# --- what it survives ---


def hard(case: str) -> ConditionalModel:
    """Data on which something is degenerate, put into a design that was described on ordinary data."""
    rng = np.random.default_rng(4)
    n = 40
    g, x, w = np.arange(n) % 8, rng.normal(size=n), rng.normal(size=n)
    u = rng.normal(size=n)
    frame = pd.DataFrame({"g": g, "x": x, "w": w, "y": np.where(g == 7, np.nan, x + u[g] + rng.normal(size=n))})
    described = made(conditional("y ~ x + w + (1 + x + w | g)"), frame)
    codes = {
        "empty clusters": g % 2,
        "one-unit clusters": np.arange(n),
        "fewer clusters than effects": g % 2,
    }.get(case, g)
    size = {"one-unit clusters": n, "fewer clusters than effects": 2}.get(case, 8)
    if case == "collinear":
        w = 2 * x
    y = {
        "no variation within clusters": u[codes],
        "y is linear": 1 + 2 * x - w,
        "perfect correlation": x + u[codes] * (1 + x) + 1e-3 * w,
        "no deviation": x + 0.3 * (u - (np.bincount(g, u) / 5)[g]),
    }.get(case, x + u[codes] + 0.3 * rng.normal(size=n))
    columns = np.column_stack([np.ones(n), x, w])
    data = {
        "X_mu": columns,
        "X_block0": columns,
        "codes_block0": codes.astype(np.int32),
        "y_data": (y - y.mean()) / y.std(),
    }
    blocks = tuple(replace(b, size=size) for b in described.design.blocks)
    return ConditionalModel(replace(described.design, blocks=blocks), data)


@pytest.mark.parametrize(
    "case",
    [
        "empty clusters",
        "one-unit clusters",
        "fewer clusters than effects",
        "collinear",
        "no variation within clusters",
        "y is linear",
        "perfect correlation",
        "no deviation",
    ],
)
def test_degenerate_data_do_no_harm(case: str) -> None:
    model = hard(case)
    draws = chain(Gibbs().compile(model), model, 300, seed=1)
    assert np.isfinite(draws).all()
    assert (draws.std(axis=0) > 0).all()
    sds = [k for k, name in enumerate(model.design.names) if name.endswith("sigma")]
    assert (draws[:, sds] > 0).all()
    assert (draws < 1e3).all()


def test_a_column_of_zeros_has_its_prior(small: ConditionalModel) -> None:
    """As where every row with a one is missing; its slope's deviation and its coefficient have no data."""
    model = made(conditional("y ~ x + (1 + x | school)"))
    data = dict(model.data)
    for name in ("X_mu", "X_block0"):
        data[name] = data[name] * np.array([1.0, 0.0])
    (block,) = model.design.blocks  # without centres: where the columns are zero is where the priors hold
    empty = ConditionalModel(replace(model.design, blocks=(replace(block, centre=np.zeros(2)),)), data)
    draws = chain(Gibbs().compile(empty), empty, 4000, seed=3)
    prior = model.design.predictors[0].priors[1]
    slope = draws[:, 1] / model.design.predictors[0].units.unit * model.design.predictors[0].scale[1]
    assert slope.std() == pytest.approx(prior.args[1], rel=0.1)
    correlation = draws[:, model.design.names.index("1~~x|school_corr")]
    assert abs(correlation.mean()) < 0.1
    assert correlation.std() == pytest.approx(1 / np.sqrt(5), rel=0.1)  # LKJ(2): 2 Beta(2, 2) - 1


def test_one_or_two_sweeps_forget_where_they_started() -> None:
    """On a deviation near zero, and on one that the clusters say much about."""
    for between in (0.02, 2.0):
        rng = np.random.default_rng(3)
        g = np.arange(600) % 30
        x = rng.normal(size=600)
        y = x + between * rng.normal(size=30)[g] * (1 + 0.5 * x) + rng.normal(size=600)
        y[0] = np.nan
        model = made(conditional("y ~ x + (1 + x | g)"), pd.DataFrame({"g": g, "x": x, "y": y}))
        assert shortest_lag(chain(Gibbs().compile(model), model, 2000, seed=1))[0] <= 5
