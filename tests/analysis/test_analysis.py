"""The model of interest on completed data: against lme4, statsmodels and the normal density itself."""

import json
from collections.abc import Callable, Sequence
from math import inf, log, pi
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesimpute.analysis import analyse, as_estimate, fit
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.mixed import MixedProblem, RandomTerm, solve, variance_components
from bayesimpute.base.errors import AnalysisError, BayesimputeError, FormulaError
from bayesimpute.pooling import pool

POPMIS = "popular ~ sex * texp + (1 + sex | school)"


def components(estimate: Estimate) -> dict[tuple[str, str], float]:
    return {(c.group, c.name): c.estimate for c in estimate.variance_components}


def school_data(*, seed: int = 1, clusters: int = 25, size: int = 8, slope: float = 0.6) -> pd.DataFrame:
    """Random intercepts and slopes of x by g, crossed with weaker ones by h."""
    rng = np.random.default_rng(seed)
    g, h = np.repeat(np.arange(clusters), size), np.tile(np.arange(size), clusters)
    x = rng.normal(size=len(g)) + 2
    y = 1 + 0.5 * x + rng.normal(size=clusters)[g] + slope * rng.normal(size=clusters)[g] * x
    y += 0.8 * rng.normal(size=size)[h] + 0.7 * slope * rng.normal(size=size)[h] * x + rng.normal(size=len(g))
    return pd.DataFrame({"y": y, "x": x, "g": g, "h": h, "kind": np.array(["a", "b", "c"])[rng.integers(0, 3, len(g))]})


def fit_mixed(
    y: np.ndarray, x: np.ndarray, random: list[RandomTerm], *, names: Sequence[str], reml: bool = True
) -> Estimate:
    problem, theta, messages = solve(y, x, random, reml=reml)
    beta, covariance, _ = problem.fixed(theta)
    parts = variance_components(problem, theta)
    return Estimate(
        terms=tuple(names), estimates=beta, covariance=covariance, variance_components=parts, messages=messages
    )


# Against lme4 ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lmer(shared_reference: Path) -> dict[str, Any]:
    return json.loads((shared_reference / "pooling.json").read_text())["popmis_lmer"]


@pytest.fixture(scope="module")
def completed(shared_reference: Path) -> list[pd.DataFrame]:
    long = pd.read_csv(shared_reference / "pooling_popmis_completed.csv.gz")
    return [frame for _, frame in long.groupby("imputation")]


@pytest.fixture(scope="module")
def fits(completed: list[pd.DataFrame]) -> list[Estimate]:
    return analyse(completed, POPMIS, reml=False)


def test_ten_mixed_fits_are_those_of_lme4(fits: list[Estimate], lmer: dict[str, Any]) -> None:
    se = np.sqrt(np.diagonal(np.array(lmer["covariances"]), axis1=1, axis2=2))
    got = np.array([f.estimates for f in fits])
    assert fits[0].terms == ("Intercept", "sex", "texp", "sex:texp")
    assert np.abs((got - lmer["estimates"]) / se).max() < 1e-4
    assert np.abs(np.array([f.std_errors for f in fits]) / se - 1).max() < 1e-3
    assert [f.messages for f in fits] == [()] * 10
    assert {f.dfcom for f in fits} == {inf}


def test_variance_components_are_those_of_lme4(fits: list[Estimate], lmer: dict[str, Any]) -> None:
    names = [("school", "Intercept"), ("school", "sex"), ("school", "Intercept~~sex"), ("Residual", "Residual")]
    for estimate, each in zip(fits, lmer["variance_components"]["each"], strict=True):
        assert list(components(estimate)) == names
        sd = np.sqrt(np.array(each["vcov"])[[0, 1]])
        scale = np.array([*sd, sd[0] * sd[1], 1]) ** [2, 2, 1, 1]  # the covariance is measured as a correlation
        difference = np.array(list(components(estimate).values())) - each["vcov"]
        assert np.abs(difference / scale).max() < 1e-3


def test_the_maximum_is_not_below_that_of_lme4(completed: list[pd.DataFrame], lmer: dict[str, Any]) -> None:
    for frame, reference in list(zip(completed, lmer["loglik"]["full"], strict=True))[:2]:
        x = np.column_stack([np.ones(len(frame)), frame.sex, frame.texp, frame.sex * frame.texp]).astype(float)
        codes = pd.factorize(frame.school)[0]
        term = RandomTerm(group="school", names=("Intercept", "sex"), codes=codes, z=x[:, :2])
        y = frame.popular.to_numpy(float)
        estimate = fit_mixed(y, x, [term], names=list("abcd"), reml=False)
        assert normal_deviance(y, x, [term], estimate, reml=False) / -2 > reference - 1e-6


def test_pooled_fits_are_those_of_mitml(fits: list[Estimate], lmer: dict[str, Any]) -> None:
    pooled, expected = pool(fits), np.array(lmer["mitml_large"]["values"])
    assert np.abs((pooled.terms["estimate"] - expected[:, 0]) / expected[:, 1]).max() < 1e-4
    np.testing.assert_allclose(pooled.terms[["std_error", "fmi"]], expected[:, [1, 6]], rtol=1e-3)
    variances, means = [0, 1, 3], np.array(lmer["variance_components"]["mitml"]["values"])
    np.testing.assert_allclose(pooled.variance_components["estimate"][variances], means[variances], rtol=1e-3)


def test_published_reml_fit_of_the_complete_data(shared_data: Path) -> None:
    got = fit(POPMIS, pd.read_csv(shared_data / "popmis_complete.csv"))
    np.testing.assert_array_equal(got.estimates.round(4), [3.3135, 1.3296, 0.1102, -0.0340])
    np.testing.assert_array_equal(got.std_errors.round(4), [0.1610, 0.1330, 0.0102, 0.0085])
    v0, v1, v01, residual = components(got).values()
    np.testing.assert_array_equal(np.sqrt([v0, v1, residual]).round(3), [0.642, 0.476, 0.626])
    assert round(v01 / (v0 * v1) ** 0.5, 3) == 0.077
    assert got.n_obs == 2000


def test_tutorial_fit_with_a_category(shared_data: Path) -> None:
    frame = pd.read_csv(shared_data / "popular_tutorial_complete.csv")
    outcome, gender, extraversion, experience, cluster = (
        "popularity_ij", "gender_ij", "extraversion_ij", "experience_j", "cluster_id",
    )  # fmt: skip
    formula = f"{outcome} ~ {gender} + {extraversion} * {experience} + (1 + {extraversion} | {cluster})"
    got = fit(formula, frame, reml=False)
    values = dict(zip(got.terms, got.estimates.round(3), strict=True))
    assert values[extraversion] == 0.803
    assert values[experience] == 0.226
    assert values[f"{extraversion}:{experience}"] == -0.025
    v0, v1, v01, residual = components(got).values()
    assert tuple(np.sqrt([v0, v1, residual]).round(3)) == (0.674, 0.069, 0.743)
    assert round(v01 / (v0 * v1) ** 0.5, 2) == -0.63


# Against the density itself -------------------------------------------------------------------------------------------


def normal_deviance(y: np.ndarray, x: np.ndarray, random: list[RandomTerm], estimate: Estimate, *, reml: bool) -> float:
    """−2 log (restricted) likelihood from the n × n covariance matrix of y: dense and slow, and independent."""
    values = components(estimate)
    v = values["Residual", "Residual"] * np.eye(len(y))
    for term in random:
        sigma = np.array(
            [[covariance(values, term, i, j) for j in range(len(term.names))] for i in range(len(term.names))]
        )
        v += (term.z @ sigma @ term.z.T) * (term.codes[:, None] == term.codes)
    residual = y - x @ estimate.estimates
    information = x.T @ np.linalg.solve(v, x)
    deviance = np.linalg.slogdet(v)[1] + residual @ np.linalg.solve(v, residual) + len(y) * log(2 * pi)
    if reml:
        deviance += np.linalg.slogdet(information)[1] - x.shape[1] * log(2 * pi)
    np.testing.assert_allclose(np.linalg.inv(information), estimate.covariance, rtol=1e-6)
    return float(deviance)


def covariance(values: dict[tuple[str, str], float], term: RandomTerm, i: int, j: int) -> float:
    i, j = min(i, j), max(i, j)
    return values[term.group, term.names[i] if i == j else f"{term.names[i]}~~{term.names[j]}"]


def random_terms(frame: pd.DataFrame, *parts: tuple[str, str]) -> list[RandomTerm]:
    columns = {"i": ("Intercept", np.ones(len(frame))), "x": ("x", frame.x.to_numpy())}
    return [
        RandomTerm(
            group=group,
            names=tuple(columns[c][0] for c in effects),
            codes=pd.factorize(frame[group])[0],
            z=np.column_stack([columns[c][1] for c in effects]),
        )
        for effects, group in parts
    ]


STRUCTURES = {
    "intercept": [("i", "g")],
    "slope": [("ix", "g")],
    "independent": [("i", "g"), ("x", "g")],
    "crossed": [("i", "g"), ("i", "h")],
    "crossed slopes": [("ix", "g"), ("ix", "h")],
    "mixture": [("i", "h"), ("i", "g"), ("x", "g")],
}


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_criterion_and_estimates_agree_with_the_normal_density(structure: str, reml: bool) -> None:
    frame = school_data(seed=3, clusters=20, size=14)
    y, x = frame.y.to_numpy(), np.column_stack([np.ones(len(frame)), frame.x])
    random = random_terms(frame, *STRUCTURES[structure])
    estimate = fit_mixed(y, x, random, names=("Intercept", "x"), reml=reml)
    best = normal_deviance(y, x, random, estimate, reml=reml)
    # the criterion differs from the density by what does not depend on the parameters
    problem = MixedProblem.of(y=y, x=x, random=tuple(random), reml=reml)
    n, p, scale = len(y), 2, problem.reduced.scale
    constant = 2 * (n - p * reml) * log(scale) + reml * (np.linalg.slogdet(x.T @ x)[1] - p * log(n))
    assert problem.deviance(theta_of(problem, estimate)) + constant == pytest.approx(best, abs=1e-7)
    # and no other variance components do better
    rng = np.random.default_rng(5)
    theta = theta_of(problem, estimate)
    for size in (1e-3, 1e-2, 0.1, 1):
        for _ in range(10):
            other = theta + size * rng.normal(size=theta.shape)
            assert problem.deviance(other) > problem.deviance(theta) - 1e-8


def theta_of(problem: MixedProblem, estimate: Estimate) -> np.ndarray:
    """The relative Cholesky factors of the estimated covariance matrices."""
    values, parts = components(estimate), []
    for term, basis in ((effects, effects.basis) for effects in problem.random):
        q = len(term.names)
        sigma = np.array([[covariance(values, term, i, j) for j in range(q)] for i in range(q)])
        relative = basis @ sigma @ basis.T / values["Residual", "Residual"]
        parts.append(np.linalg.cholesky(relative)[np.tril_indices(q)])
    return np.concatenate(parts)


# Against statsmodels --------------------------------------------------------------------------------------------------


def test_two_crossed_factors_agree_with_statsmodels() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    frame = school_data(clusters=15, size=10, slope=0.0)
    got = fit("y ~ x + (1 | g) + (1 | h)", frame)
    parts = {"g": "0 + C(g)", "h": "0 + C(h)"}
    with catch_warnings():
        simplefilter("ignore")
        model = MixedLM.from_formula("y ~ x", frame, groups=np.ones(len(frame)), re_formula="0", vc_formula=parts)
        reference = model.fit(method="bfgs", gtol=1e-8)
    random = random_terms(frame, ("i", "g"), ("i", "h"))
    # its standard errors for such models come from the joint Hessian with the variances: the density gives ours
    deviance = normal_deviance(frame.y.to_numpy(), model.exog, random, got, reml=True)
    assert deviance / -2 == pytest.approx(reference.llf, abs=1e-7)
    np.testing.assert_allclose(got.estimates, reference.fe_params, rtol=1e-5)
    expected = {("g", "Intercept"): reference.vcomp[0], ("h", "Intercept"): reference.vcomp[1],
                ("Residual", "Residual"): reference.scale}  # fmt: skip
    assert components(got) == pytest.approx(expected, rel=1e-4)


def test_many_crossed_clusters() -> None:
    rng = np.random.default_rng(3)
    n, a, b = 1200, rng.integers(0, 120, 1200), rng.integers(0, 90, 1200)
    y = rng.normal(size=120)[a] + 0.5 * rng.normal(size=90)[b] + rng.normal(size=n)
    got = components(fit("y ~ 1 + (1 | a) + (1 | b)", pd.DataFrame({"y": y, "a": a, "b": b})))
    # truth within four standard errors of a variance: sqrt(2 / J) times it, and what the residuals add
    assert got["a", "Intercept"] == pytest.approx(1, abs=4 * (2 / 120) ** 0.5 * 1.1)
    assert got["b", "Intercept"] == pytest.approx(0.25, abs=4 * (2 / 90) ** 0.5 * (0.25 + 90 / 1200))
    assert got["Residual", "Residual"] == pytest.approx(1, abs=4 * (2 / 990) ** 0.5)


def test_linear_model_is_that_of_statsmodels() -> None:
    from statsmodels.api import OLS

    frame = school_data()
    got = fit("y ~ x + kind", frame)
    dummies = pd.get_dummies(frame.kind, dtype=float).to_numpy()[:, 1:]
    reference = OLS(frame.y.to_numpy(), np.column_stack([np.ones(len(frame)), frame.x, dummies])).fit()
    assert got.terms == ("Intercept", "x", "kind[b]", "kind[c]")
    np.testing.assert_allclose(got.estimates, reference.params, rtol=1e-10)
    np.testing.assert_allclose(got.covariance, reference.cov_params(), rtol=1e-8)
    assert (got.dfcom, got.n_obs, got.variance_components) == (reference.df_resid, len(frame), ())


def test_logistic_model_is_that_of_statsmodels() -> None:
    from statsmodels.api import Logit

    frame = school_data()
    frame["high"] = frame.y > frame.y.median()
    got = fit("high ~ x", frame, family="bernoulli")
    x = np.column_stack([np.ones(len(frame)), frame.x])
    reference = Logit(frame.high.to_numpy(float), x).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(got.estimates, reference.params, rtol=1e-8)
    np.testing.assert_allclose(got.covariance, reference.cov_params(), rtol=1e-6)
    assert got.dfcom == len(frame) - 2
    assert got.messages == ()


# What formulas mean ---------------------------------------------------------------------------------------------------


def same_fit(one: Estimate, other: Estimate, *, rtol: float = 1e-5) -> None:
    np.testing.assert_allclose(one.estimates, other.estimates, rtol=rtol)
    size = np.outer(other.std_errors, other.std_errors)
    np.testing.assert_allclose(one.covariance / size, other.covariance / size, rtol=0, atol=20 * rtol)
    assert components(one) == pytest.approx(components(other), rel=100 * rtol)


def test_double_bars_are_separate_terms() -> None:
    frame = school_data()
    got = fit("y ~ x + (1 + x || g)", frame)
    same_fit(got, fit("y ~ x + (1 | g) + (0 + x | g)", frame))
    assert list(components(got)) == [("g", "Intercept"), ("g", "x"), ("Residual", "Residual")]


def test_nesting_is_two_factors() -> None:
    frame = school_data()
    frame["class"] = frame.h // 4
    got = fit("y ~ x + (1 | g/`class`)", frame)
    unique = frame.assign(gc=frame.g.astype(str) + "-" + frame["class"].astype(str))
    expected = components(fit("y ~ x + (1 | g) + (1 | gc)", unique))
    assert components(got)["g:class", "Intercept"] == pytest.approx(expected["gc", "Intercept"], rel=1e-3)
    assert components(got)["g", "Intercept"] == pytest.approx(expected["g", "Intercept"], rel=1e-3)


def test_random_slopes_of_a_category() -> None:
    frame = school_data(size=20)
    got = fit("y ~ kind + (1 + kind | g)", frame)
    variances = [name for group, name in components(got) if group == "g"]
    assert variances == [
        "Intercept", "kind[b]", "kind[c]", "Intercept~~kind[b]", "Intercept~~kind[c]", "kind[b]~~kind[c]",
    ]  # fmt: skip


def test_contextual_effect_is_the_cluster_mean() -> None:
    frame = school_data()
    frame["mean"] = frame.groupby("g")["x"].transform("mean")
    for key in (
        frame.g,
        frame.g.map("school {}".format),
        frame.g.astype("category"),
        pd.to_datetime(frame.g, unit="D"),
    ):
        got = fit("y ~ x + cluster_mean(x, g) + (1 | g)", frame.assign(g=key))
        same_fit(got, fit("y ~ x + mean + (1 | g)", frame))
        assert got.terms == ("Intercept", "x", "cluster_mean(x, g)")


def test_yes_no_values_are_numbers() -> None:
    frame = school_data()
    frame["flag"] = frame.x > 2
    for dtype in (bool, "boolean", int, float):
        got = fit("flag ~ y + (1 | g)", frame.astype({"flag": dtype}))
        same_fit(got, fit("flag ~ y + (1 | g)", frame.astype({"flag": float})), rtol=1e-10)
        assert fit("y ~ flag", frame.astype({"flag": dtype})).terms == ("Intercept", "flag")


@pytest.mark.parametrize("family", ["gaussian", "bernoulli"])
def test_of_two_labels_the_second_is_1(family: str) -> None:
    frame = school_data()
    high = frame.y > frame.y.median()
    expected = fit("high ~ x", frame.assign(high=high), family=family)
    text = frame.assign(high=np.where(high, "yes", "no"))
    reverse = frame.assign(high=pd.Categorical(np.where(high, "ill", "well"), categories=["well", "ill", "dead"]))
    for data, label in ((text, "yes"), (reverse, "ill")):
        got = fit("high ~ x", data, family=family)
        np.testing.assert_array_equal(got.estimates, expected.estimates)
        assert f"{label} counts as 1" in got.messages[0]


def test_rows_with_missing_values_are_left_out_and_counted() -> None:
    frame = school_data()
    holes = frame.copy()
    holes.loc[[3, 5], "y"] = np.nan
    holes.loc[[5, 7], "kind"] = None
    got = fit("y ~ x + kind + (1 | g)", holes)
    same_fit(got, fit("y ~ x + kind + (1 | g)", frame.drop(index=[3, 5, 7])), rtol=1e-12)
    assert got.messages == ("3 rows with missing values in kind, y left out",)
    assert got.n_obs == len(frame) - 3
    assert fit("x ~ h", holes).messages == ()


def test_nothing_is_changed_in_the_data() -> None:
    frame = school_data()
    before = frame.copy(deep=True)

    def spoils(data: pd.DataFrame) -> tuple[float, float]:
        data["y"] = 0.0
        return 1.0, 1.0

    analyse([frame, frame], "y ~ x + kind + (1 | g)")
    analyse([frame, frame], spoils)
    pd.testing.assert_frame_equal(frame, before)


# What must not matter -------------------------------------------------------------------------------------------------


@given(st.sampled_from([1e-6, 2.0**-20, 7.0, 1e6]), st.sampled_from([-1e3, 0.0, 50.0]), st.booleans())
@settings(max_examples=15, deadline=None)
def test_units_and_origins_do_not_matter(scale: float, shift: float, reml: bool) -> None:
    frame = school_data(seed=4)
    one = fit("y ~ x + (1 + x | g)", frame, reml=reml)
    other = fit("y ~ x + (1 + x | g)", frame.assign(y=scale * frame.y + shift), reml=reml)
    np.testing.assert_allclose(other.estimates, scale * one.estimates + [shift, 0], rtol=1e-5, atol=1e-9 * abs(shift))
    np.testing.assert_allclose(other.std_errors, scale * one.std_errors, rtol=1e-4)
    expected = {name: scale**2 * value for name, value in components(one).items()}
    assert components(other) == pytest.approx(expected, rel=1e-3)
    unit = fit("y ~ x + (1 + x | g)", frame.assign(x=scale * frame.x), reml=reml)
    assert unit.estimates[1] * scale == pytest.approx(one.estimates[1], rel=1e-5)
    assert components(unit)["g", "x"] * scale**2 == pytest.approx(components(one)["g", "x"], rel=1e-3)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_order_of_rows_and_names_of_clusters_do_not_matter(seed: int) -> None:
    frame, rng = school_data(), np.random.default_rng(seed)
    other = frame.assign(g=rng.permutation(1000)[frame.g], h=frame.h.map("{} b".format)).sample(
        frac=1, random_state=rng
    )
    same_fit(fit("y ~ x + (1 + x | g) + (1 | h)", frame), fit("y ~ x + (1 + x | g) + (1 | h)", other))


def test_origin_of_the_slope_variable_does_not_matter() -> None:
    frame = school_data(seed=6)
    one = fit("y ~ x + (1 + x | g)", frame)
    other = fit("y ~ x + (1 + x | g)", frame.assign(x=frame.x + 1000))
    assert other.estimates[1] == pytest.approx(one.estimates[1], rel=1e-5)
    assert components(other)["g", "x"] == pytest.approx(components(one)["g", "x"], rel=1e-3)


# At the boundary ------------------------------------------------------------------------------------------------------


def test_no_variance_between_clusters_is_told_and_gives_least_squares() -> None:
    frame = school_data(seed=8)
    means = frame.groupby("g")[["y", "x"]].transform("mean")
    frame["y"] -= means["y"]  # no variance between clusters at all
    frame["x"] -= means["x"]
    got = fit("y ~ x + (1 | g)", frame)
    assert "singular fit: a variance of g is zero" in got.messages[0]
    assert components(got)["g", "Intercept"] == 0
    linear = fit("y ~ x", frame)
    np.testing.assert_allclose(got.estimates, linear.estimates, rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(got.covariance, linear.covariance, rtol=1e-7, atol=1e-12)


@pytest.mark.slow
def test_every_search_ends_in_a_minimum() -> None:
    """Small data with zero variances, where a search with bounds stops at false minima."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(10)
    for _ in range(12):
        clusters, q = int(rng.integers(5, 20)), int(rng.integers(1, 4))
        codes = np.repeat(np.arange(clusters), q + 4)
        z = np.column_stack([np.ones(len(codes)), rng.normal(size=(len(codes), q - 1)) + 2])
        effects = rng.normal(size=(clusters, q)) * rng.choice([0, 0.3, 2], size=q)
        y = (z * effects[codes]).sum(axis=1) + rng.normal(size=len(codes))
        term = RandomTerm(group="g", names=tuple("abc"[:q]), codes=codes, z=z)
        got = fit_mixed(y, z, [term], names=tuple("abc"[:q]))
        problem = MixedProblem.of(y=y, x=z, random=(term,), reml=True)
        constant = 2 * (len(y) - q) * log(problem.reduced.scale) + np.linalg.slogdet(z.T @ z)[1] - q * log(len(y))
        found = normal_deviance(y, z, [term], got, reml=True) - constant
        starts = [
            np.where(problem.diagonal, rng.exponential(size=problem.diagonal.shape), rng.normal()) for _ in range(3)
        ]
        assert found < min(minimize(problem.deviance, start).fun for start in starts) + 1e-5
        assert not any("converge" in message for message in got.messages)


def test_separation_is_told() -> None:
    frame = school_data()
    frame["high"] = frame.x > 2
    got = fit("high ~ x", frame, family="bernoulli")
    assert any("separates" in message for message in got.messages)
    assert np.isfinite(got.estimates).all()


# Functions ------------------------------------------------------------------------------------------------------------


def test_what_a_function_may_return() -> None:
    from statsmodels.api import OLS, add_constant

    frame = school_data()

    def model(data: pd.DataFrame) -> Any:
        return OLS(data["y"], add_constant(data[["x"]])).fit()

    expected = fit("y ~ x", frame)
    returns: list[tuple[Callable[[pd.DataFrame], Any], tuple[str, ...], float]] = [
        (lambda d: fit("y ~ x", d), ("Intercept", "x"), expected.dfcom),
        (model, ("const", "x"), expected.dfcom),
        (lambda d: (model(d).params, model(d).cov_params()), ("const", "x"), inf),
        (lambda d: (model(d).params, model(d).cov_params().iloc[::-1, ::-1]), ("const", "x"), inf),
        (lambda d: (dict(model(d).params), model(d).cov_params().to_numpy()), ("const", "x"), inf),
        (lambda d: (model(d).params.to_numpy(), model(d).cov_params().to_numpy()), ("estimate[0]", "estimate[1]"), inf),
        (lambda d: OLS(d["y"].to_numpy(), add_constant(d[["x"]].to_numpy())).fit(), ("const", "x1"), expected.dfcom),
    ]
    for function, terms, dfcom in returns:
        got = analyse(iter([frame]), function)[0]
        assert got.terms == terms
        np.testing.assert_allclose(got.estimates, expected.estimates, rtol=1e-10)
        np.testing.assert_allclose(got.covariance, expected.covariance, rtol=1e-8)
        assert got.dfcom == dfcom


def test_a_number_and_its_variance_are_enough() -> None:
    frames = [school_data(seed=k) for k in range(3)]
    got = pool(analyse(frames, lambda d: (d["y"].mean(), d["y"].var() / len(d))))
    assert got.terms["estimate"][0] == pytest.approx(np.mean([f.y.mean() for f in frames]), rel=1e-12)


def test_of_a_statsmodels_mixed_model_the_fixed_effects_are_taken() -> None:
    from statsmodels.regression.mixed_linear_model import MixedLM

    frame = school_data()
    with catch_warnings():
        simplefilter("ignore")
        fitted = MixedLM.from_formula("y ~ x", frame, groups="g").fit()
        got = as_estimate(fitted)
    expected = fit("y ~ x + (1 | g)", frame)
    assert got.terms == ("Intercept", "x")
    np.testing.assert_allclose(got.estimates, expected.estimates, rtol=1e-4)
    np.testing.assert_allclose(got.std_errors, expected.std_errors, rtol=1e-3)
    assert got.dfcom == inf


@pytest.mark.parametrize(
    "result", [None, 3.0, "text", (1, 2, 3), ([1.0, 2.0], [1.0]), (["a"], [[1]]), ([1.0], None), pd.Series([1.0])]
)
def test_other_returns_are_refused_with_their_dataset(result: Any) -> None:
    with pytest.raises(AnalysisError, match=r"^dataset 1: "):
        analyse([school_data()], lambda _: result)


def test_a_function_that_fails_names_the_dataset() -> None:
    frames = [school_data(), school_data().drop(columns="x")]
    with pytest.raises(AnalysisError, match=r"^dataset 2: KeyError: 'x'"):
        analyse(frames, lambda d: (d["x"].mean(), 1.0))


# Bad input ------------------------------------------------------------------------------------------------------------


BAD_FORMULAS = {
    "y ~ z": 'column "z" is not in the data',
    "Y ~ x": 'did you mean "y"',
    "y ~ x + kinds": 'did you mean "kind"',
    "kind ~ x": "category with 3 labels",
    "when ~ x": "holds dates",
    "y ~ when": "holds dates",
    "y ~ x + I(2 * x)": r"I\(2 \* x\) is zero or a linear combination",
    "y ~ x + constant": "constant is zero or a linear combination",
    "y ~ log(x - 10)": "not finite",
    "y ~ empty": "no row is complete",
    "constant ~ x": "constant",
    "y ~ 0 + (1 | g)": "no coefficient",
    "y ~ x + (1 | constant)": "one cluster only",
    "y ~ x + (1 | row)": "200 random effects for 200 rows",
    "y ~ x + (1 + x + kind | g:h)": "random effects",
    "y ~ x + observed(y)": r"observed\(\) has no meaning",
}


def bad_frame() -> pd.DataFrame:
    frame = school_data()
    when = pd.date_range("2020-01-01", periods=len(frame)).strftime("%Y-%m-%d")
    return frame.assign(when=when, constant=1.0, row=np.arange(len(frame)), empty=np.nan)


@pytest.mark.parametrize("formula", BAD_FORMULAS)
def test_bad_formulas_say_what_is_wrong(formula: str) -> None:
    with pytest.raises(AnalysisError, match=BAD_FORMULAS[formula]):
        fit(formula, bad_frame())
    with pytest.raises(BayesimputeError, match=BAD_FORMULAS[formula]):
        analyse([bad_frame()] * 2, formula)


def test_a_perfect_fit_has_nothing_to_analyse() -> None:
    frame = school_data()
    with pytest.raises(AnalysisError, match="explain the outcome entirely"):
        fit("y ~ x + (1 | g)", frame.assign(y=2 * frame.x))
    with pytest.raises(AnalysisError, match="explain the outcome entirely"):
        fit("y ~ 1 + (1 | g)", frame.assign(y=np.sin(frame.g)))


def test_formulas_that_cannot_be_read() -> None:
    for formula in ("y ~", "x + kind", "y ~ x + (1 | g", "y ~ open('x')"):
        with pytest.raises(FormulaError):
            analyse([school_data()], formula)


def test_families() -> None:
    frame = school_data()
    with pytest.raises(AnalysisError, match=r'"gausian".*did you mean "gaussian"'):
        fit("y ~ x", frame, family="gausian")
    with pytest.raises(AnalysisError, match="no good maximum likelihood in Python; pass a function"):
        fit("y ~ x + (1 | g)", frame, family="cumulative")
    with pytest.raises(AnalysisError, match="0 and 1"):
        fit("y ~ x", frame, family="bernoulli")
    with pytest.raises(AnalysisError, match="function fits its own model"):
        analyse([frame], lambda d: (1.0, 1.0), family="bernoulli")


def test_too_few_rows() -> None:
    with pytest.raises(AnalysisError, match="2 complete rows cannot carry 2 coefficients"):
        fit("y ~ x", school_data().head(2))
    with pytest.raises(AnalysisError, match="no row is complete"):
        fit("y ~ x", school_data().head(0))


def test_things_that_are_not_frames_or_analyses() -> None:
    with pytest.raises(AnalysisError, match="one data frame"):
        analyse(school_data(), "y ~ x")
    with pytest.raises(AnalysisError, match=r"dataset 1: .*DataFrame"):
        analyse([[1, 2]], "y ~ x")  # type: ignore[list-item]
    with pytest.raises(AnalysisError, match="formula or a function"):
        analyse([school_data()], 3)  # type: ignore[arg-type]


def test_a_category_that_one_dataset_lacks_is_named_when_pooling() -> None:
    frame = school_data()
    fits = analyse([frame, frame, frame[frame.kind != "c"]], "y ~ x + kind")
    with pytest.raises(AnalysisError, match=r"dataset 3 without kind\[c\]"):
        pool(fits)
