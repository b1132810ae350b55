"""``offset()``: added to a linear predictor with the coefficient 1, by every sampler and wherever it is evaluated."""

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run
from modelling import completed, conditional, graph_data, only, placed, school_frame, workspace
from scipy.special import logit

import bayesimpute as bi
from bayesimpute.designs.graph import build
from bayesimpute.families import Bernoulli
from bayesimpute.plan.options import Derived, Run
from bayesimpute.samplers import ConditionalModel, Gibbs
from bayesimpute.samplers.prior import prior_draw


def frame() -> pd.DataFrame:
    made = school_frame().drop(columns=["w", "region"])
    return made.assign(z=np.round(made["x"] * 8) / 8, y=np.round(made["y"]))


def run(plan: bi.Plan, data: pd.DataFrame, **options: object) -> bi.MultiplyImputed:
    return bi.impute(data, plan, seed=3, progress=False, **options)


def settings(sampler: str) -> Run:
    return Run(m=2, chains=2, warmup=4, sweeps=3, sampler=sampler)


@pytest.mark.parametrize("sampler", ["gibbs", pytest.param("nuts", marks=pytest.mark.slow)])
def test_a_number_with_an_offset_is_the_rest_imputed_and_the_offset_added(sampler: str) -> None:
    data = frame().drop(columns="b")
    with_offset = run(bi.Plan.of(["y ~ x + offset(2 * z) + (1 | school)"], run=settings(sampler)), data)
    rest = data.assign(y=data["y"] - 2 * data["z"])
    without = run(bi.Plan.of(["y ~ x + (1 | school)"], run=settings(sampler)), rest)
    for a, b in zip(with_offset, without, strict=True):
        np.testing.assert_allclose(a["y"], b["y"] + 2 * data["z"], rtol=1e-6)
    for name, values in with_offset.draws("y").data_vars.items():
        np.testing.assert_allclose(values, without.draws("y")[name], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("formula", "more", "compiled"),
    [
        ("y ~ x + offset(z) + (1 | school)", {}, True),
        ("y ~ x + offset(z) + (1 | school)", {"sigma": "d"}, True),
        ("y ~ x + offset(z) + (1 | school)", {"family": "student_t"}, True),
        ("y ~ x + (1 | school)", {"sigma": "d + offset(log(x + 20))"}, False),
        ("b ~ x + offset(z) + (1 | school)", {}, True),
        ("y ~ x + offset(z) + (1 | school)", {"family": "heckman_gaussian", "selection": "x + d"}, True),
        ("y ~ x + (1 | school)", {"family": "heckman_gaussian", "selection": "x + d + offset(z)"}, False),
        ("b ~ x + offset(z)", {"family": "heckman_probit", "selection": "x + d"}, False),
    ],
)
def test_predictors_densities_and_the_choice_of_sampler_know_of_it(formula: str, more: dict, compiled: bool) -> None:
    target = formula[0]
    space = workspace(frame().drop(columns="b" if target == "y" else "y"), conditional(formula, **more))
    _, design = only(space)
    data = graph_data(space)
    assert Gibbs().supports(ConditionalModel(design, data)) is compiled
    (offset,) = design.offsets
    draw = prior_draw(design, np.random.default_rng(2))
    at, matrices = placed(space), design.matrices(completed(space).columns)
    none = {**matrices, offset.key: np.zeros_like(matrices[offset.key])}
    rows = at.fitted_rows[offset.key]
    moved = at.eta(draw, matrices, rows)[offset.predictor] - at.eta(draw, none, rows)[offset.predictor]
    z = space.incomplete.frame["z"].to_numpy() if "z" in formula + str(more.values()) else None
    expected = np.log(space.incomplete.frame["x"].to_numpy() + 20) if z is None else z
    np.testing.assert_allclose(moved * offset.unit, expected[rows])
    np.testing.assert_allclose(
        design.fitted(draw, data)[offset.predictor], at.eta(draw, matrices, rows)[offset.predictor]
    )
    if "heckman" not in design.family.name:
        model = build(design, data)
        free = {v.name: v for v in model.free_RVs}
        assert f"X_{offset.key}" in {v.name for v in model.data_vars} and free


def test_the_logit_of_a_yes_no_target_is_shifted() -> None:
    space = workspace(frame().drop(columns="y"), conditional("b ~ x + offset(z)"))
    _, design = only(space)
    draw = prior_draw(design, np.random.default_rng(2))
    at, matrices = placed(space), design.matrices(completed(space).columns)
    rows = np.arange(40)
    shifted = at.predict(draw, matrices, rows)["mu"]
    plain = at.predict(draw, {**matrices, "mu_offset": 0 * matrices["mu_offset"]}, rows)["mu"]
    np.testing.assert_allclose(logit(shifted) - logit(plain), space.incomplete.frame["z"][rows], rtol=1e-9)


def test_an_offset_follows_what_is_imputed_and_counts_in_who_reads_whom() -> None:
    data = frame().drop(columns="b")
    data.loc[2::7, "z"] = np.nan
    formulas = ["y ~ x + offset(z / 2) + (1 | school)", "z ~ x + (1 | school)"]
    made = run(bi.Plan.of(formulas, run=settings("gibbs")), data)
    derived = bi.Plan.of(
        ["y ~ x + offset(half) + (1 | school)", formulas[1]],
        derived=(Derived(name="half", expression="z / 2"),),
        run=settings("gibbs"),
    )
    for a, b in zip(made, run(derived, data), strict=True):
        pd.testing.assert_frame_equal(a, b[a.columns])
    assert_same_run(made, run(bi.Plan.of(formulas, run=settings("gibbs")), data, workers=2))
    problems = bi.check(bi.Plan.of(formulas[:1]), data)
    assert any('"z" has' in p.finding for p in problems)


def test_compatible_draws_feel_an_offset() -> None:
    data = frame().drop(columns="b")
    data.loc[2::7, "z"] = np.nan
    linear = bi.Plan.of(["z ~ x"], substantive=("y ~ x + offset(z) + (1 | school)",), run=settings("gibbs"))
    made = run(linear, data)
    assert any("normal" in why for why in made.events["why"])
    cells = data["z"].isna().to_numpy()
    y, z = made.completed(0)["y"], made.completed(0)["z"]
    assert np.corrcoef(y[cells], z[cells])[0, 1] > 0.2 and data["y"].notna()[cells].any()


def test_labels_and_missing_columns_in_an_offset_are_problems() -> None:
    data = frame().drop(columns="b")
    for formula in ("y ~ x + offset(c)", "y ~ x + offset(nowhere)", "y ~ offset(y)", "y ~ x + offset(log(x - 100))"):
        assert [p for p in bi.check(bi.Plan.of([formula]), data) if p.severity == "error"], formula


def test_an_analysis_says_that_it_has_none() -> None:
    plan = bi.Plan.of(["y ~ x"], analyses=(bi.Analysis(name="a", formula="y ~ x + offset(z)"),))
    (problem,) = [p for p in bi.check(plan, frame().drop(columns="b")) if p.severity == "error"]
    assert "offset()" in problem.finding and problem.path == "analysis[a].formula"


@pytest.mark.by_default("logit")
@pytest.mark.parametrize("link", ["logit", "probit"])
def test_yes_no_models_with_an_offset_are_those_with_another_coefficient(link: str) -> None:
    """b ~ N(0.9, 0.5^2) is what 0.7 z + b' z with b' ~ N(0.2, 0.5^2) is."""
    data = frame().drop(columns="y")
    data["z"] -= data["z"][data["b"].notna()].mean()
    means = []
    for formula, middle in (("b ~ z + (1 | school)", 0.9), ("b ~ z + offset(0.7 * z) + (1 | school)", 0.2)):
        priors = {"z": f"Normal({middle}, 0.5)", "Intercept": "Normal(0, 1)"}
        space = workspace(data, conditional(formula, family=Bernoulli(link=link), priors=priors))
        _, design = only(space)
        item = ConditionalModel(design, graph_data(space))
        posterior, rng = Gibbs().compile(item), np.random.default_rng(4)
        state = posterior.init(item.data, rng)
        _, chain = posterior.explore(state, item.data, rng, 6000)
        parts = chain.reshape(40, 150, -1)
        means.append((parts.mean(axis=(0, 1)), parts.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(40)))
    (one, error), (other, more) = means
    at = list(design.names).index("z")
    other[at] += 0.7
    assert (np.abs(one - other) < 4 * np.hypot(error, more)).all()
    assert error[at] < 0.05
