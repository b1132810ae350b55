"""Rubin's rules against mice and mitml, and what must hold for any estimates."""

import json
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling import Estimate, VarianceComponent, pool, rubin, total_covariance

CASES = ("popmis_lmer", "brandsma_lmer", "nhanes2_lm", "boys_glm")
RELATIVE = 1e-8  # the reference figures are printed with 15 digits


@pytest.fixture(scope="module")
def reference(shared_reference: Path) -> dict[str, Any]:
    return json.loads((shared_reference / "pooling.json").read_text())


def estimates_of(case: dict[str, Any]) -> list[Estimate]:
    names = tuple(case["terms"])
    return [
        Estimate(terms=names, estimates=np.array(q), covariance=np.array(u))
        for q, u in zip(case["estimates"], case["covariances"], strict=True)
    ]


def two(first: float = 1.0, second: float = 3.0, *, dfcom: float = inf) -> list[Estimate]:
    return [
        Estimate(terms=("a",), estimates=np.array([q]), covariance=np.array([[2.0]]), dfcom=dfcom)
        for q in (first, second)
    ]


@pytest.mark.parametrize("name", CASES)
def test_scalars_are_those_of_mice(reference: dict[str, Any], name: str) -> None:
    case = reference[name]
    variances = np.diagonal(np.array(case["covariances"]), axis1=1, axis2=2)
    got = rubin(np.array(case["estimates"]), variances, dfcom=case["dfcom"])
    table = np.column_stack([got.q_bar, got.u_bar, got.b, got.t, got.df, got.riv, got.fmi])
    np.testing.assert_allclose(table, case["mice_pool_scalar"]["values"], rtol=RELATIVE)


@pytest.mark.parametrize("given_df", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_tables_are_those_of_mitml(reference: dict[str, Any], name: str, given_df: bool) -> None:
    case = reference[name]
    pooled = pool(estimates_of(case), dfcom=case["dfcom"] if given_df else None)
    expected = np.array(case["mitml_dfcom" if given_df else "mitml_large"]["values"])
    columns = ["estimate", "std_error", "statistic", "df", "p_value", "riv", "fmi"]
    got = pooled.terms[columns].to_numpy(float)
    assert tuple(pooled.terms["term"]) == tuple(case["terms"])
    other = [0, 1, 2, 3, 5, 6]
    np.testing.assert_allclose(got[:, other], expected[:, other], rtol=RELATIVE)
    # mitml takes p values as 2 (1 - F), which cannot go below the rounding error of 1
    np.testing.assert_allclose(got[:, 4], expected[:, 4], rtol=RELATIVE, atol=1e-15)


@pytest.mark.parametrize("name", ["popmis_lmer", "brandsma_lmer"])
def test_variance_components_are_the_means_that_mitml_gives_and_medians(reference: dict[str, Any], name: str) -> None:
    case = reference[name]
    estimates = []
    for estimate, each in zip(estimates_of(case), case["variance_components"]["each"], strict=True):
        parts = []
        for group, one, other, value in zip(each["grp"], each["var1"], each["var2"], each["vcov"], strict=True):
            effect = "Residual" if one is None else one if other is None else f"{one}~~{other}"
            parts.append(VarianceComponent(group=group, name=effect, estimate=value))
        estimates.append(replace(estimate, variance_components=tuple(parts)))
    table = pool(estimates).variance_components
    np.testing.assert_allclose(table["estimate"], case["variance_components"]["mitml"]["values"][:4], rtol=RELATIVE)
    each = [part["vcov"] for part in case["variance_components"]["each"]]
    np.testing.assert_allclose(table["median"], np.median(each, axis=0))
    assert list(table["name"])[2:] == [f"(Intercept)~~{table['name'][1]}", "Residual"]


def test_interval_and_p_value_by_hand() -> None:
    # Q = 1 and 3, U = 2: B = 2, T = 2 + 1.5 * 2 = 5, r = 1.5, lambda = .6, df = 1 / .36
    row = pool(two(), conf_level=0.9).terms.iloc[0]
    from scipy.stats import t

    df = 1 / 0.36
    assert row["estimate"] == 2
    assert row["std_error"] == pytest.approx(5**0.5, rel=1e-14)
    assert row["df"] == pytest.approx(df, rel=1e-14)
    assert row["riv"] == pytest.approx(1.5, rel=1e-14)
    assert row["fmi"] == pytest.approx((1.5 + 2 / (df + 3)) / 2.5, rel=1e-14)
    assert row["p_value"] == pytest.approx(2 * t.sf(2 / 5**0.5, df), rel=1e-12)
    low, high = t.interval(0.9, df, loc=2, scale=5**0.5)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((low, high), rel=1e-10)


@pytest.mark.parametrize("value", [0.1, 1 / 3, -7e9, 0.0])
@pytest.mark.parametrize(("dfcom", "df"), [(inf, inf), (20.0, 20 * 21 / 23)])
def test_equal_estimates_depend_on_nothing_missing(value: float, dfcom: float, df: float) -> None:
    got = rubin(np.full((7, 1), value), np.full((7, 1), 0.3), dfcom=dfcom)
    assert got.q_bar[0] == value
    assert (got.b[0], got.riv[0], got.lambda_[0], got.fmi[0]) == (0, 0, 0, 0)
    assert got.t[0] == pytest.approx(0.3, rel=1e-14)
    assert got.df[0] == pytest.approx(df, rel=1e-14)


def test_infinite_df_gives_normal_intervals() -> None:
    from scipy.stats import norm

    row = pool(two(1, 1)).terms.iloc[0]
    assert row["conf_high"] - 1 == pytest.approx(norm.ppf(0.975) * 2**0.5, rel=1e-12)
    assert row["p_value"] == pytest.approx(2 * norm.sf(2**-0.5), rel=1e-12)


def test_no_variance_within_leaves_all_information_missing() -> None:
    got = rubin(np.array([[1.0], [2.0], [4.0]]), np.zeros((3, 1)))
    assert got.riv[0] == inf
    assert (got.lambda_[0], got.fmi[0]) == (1, 1)
    assert got.df[0] == 2


numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 6))
datasets = st.integers(2, 6).flatmap(
    lambda m: st.tuples(arrays(float, (m, 3), elements=numbers), arrays(float, (m, 3), elements=st.floats(0.01, 100)))
)
FIELDS = ("q_bar", "u_bar", "b", "t", "df", "riv", "lambda_", "fmi")


@given(datasets, st.randoms(use_true_random=False), st.sampled_from([inf, 30.0]))
def test_the_order_of_the_datasets_does_not_matter(data: tuple, random: Any, dfcom: float) -> None:
    q, u = data
    order = list(range(len(q)))
    random.shuffle(order)
    one, other = rubin(q, u, dfcom=dfcom), rubin(q[order], u[order], dfcom=dfcom)
    for field in FIELDS:
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-9, atol=1e-11, err_msg=field)


@given(datasets, st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**20]), st.sampled_from([inf, 30.0]))
def test_the_unit_of_measurement_does_not_matter(data: tuple, scale: float, dfcom: float) -> None:
    q, u = data
    one, other = rubin(q, u, dfcom=dfcom), rubin(-scale * q, scale**2 * u, dfcom=dfcom)
    for field in ("df", "riv", "lambda_", "fmi"):
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=field)
    np.testing.assert_array_equal(-scale * one.q_bar, other.q_bar)
    np.testing.assert_array_equal(scale**2 * one.t, other.t)


@given(datasets, st.sampled_from([inf, 5.0, 30.0]))
def test_ranges(data: tuple, dfcom: float) -> None:
    q, u = data
    got = rubin(q, u, dfcom=dfcom)
    assert (got.t >= got.u_bar).all()
    assert ((got.lambda_ >= 0) & (got.lambda_ < 1)).all()
    assert ((got.fmi >= got.lambda_) & (got.fmi <= 1)).all()
    assert (got.df <= dfcom)[~got.mixed].all()
    assert dfcom < inf or (got.df >= len(q) - 1).all()


@given(datasets)
def test_a_constant_added_to_all_estimates_changes_only_the_estimate(data: tuple) -> None:
    q, u = data
    one, other = rubin(q, u), rubin(q + 1024.0, u)
    np.testing.assert_allclose(other.q_bar - 1024.0, one.q_bar, atol=1e-9)
    np.testing.assert_allclose(other.b, one.b, rtol=1e-6, atol=1e-9)


def test_total_covariance_has_the_total_variances(reference: dict[str, Any]) -> None:
    case = reference["brandsma_lmer"]
    pooled = pool(estimates_of(case))
    np.testing.assert_allclose(np.diagonal(pooled.covariance) ** 0.5, pooled.terms["std_error"], rtol=1e-10)
    np.testing.assert_allclose(pooled.covariance, pooled.covariance.T, rtol=0, atol=1e-12)
    q, u = np.array(case["estimates"]), np.array(case["covariances"])
    expected = u.mean(axis=0) + 1.2 * np.cov(q, rowvar=False)
    np.testing.assert_allclose(total_covariance(q, u), expected, rtol=1e-9, atol=1e-12)


def test_a_linear_combination_can_be_pooled_before_or_after(reference: dict[str, Any]) -> None:
    case = reference["popmis_lmer"]
    pooled, weights = pool(estimates_of(case)), np.array([1.0, 1.0, 10.0, 10.0])
    q, u = np.array(case["estimates"]), np.array(case["covariances"])
    alone = rubin((q @ weights)[:, None], np.einsum("i,mij,j->m", weights, u, weights)[:, None])
    assert weights @ pooled.covariance @ weights == pytest.approx(alone.t[0], rel=1e-9)


def test_json_has_the_agreed_keys_and_null_for_infinity() -> None:
    parts = (VarianceComponent(group="school", name="Intercept~~sex", estimate=-0.5),)
    got = pool([replace(e, variance_components=parts) for e in two(1, 1)]).to_json_dict()
    assert list(got) == ["m", "terms", "variance_components"]
    assert list(got["terms"][0]) == [
        "term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high", "riv", "fmi",
    ]  # fmt: skip
    assert got["terms"][0]["df"] is None
    component = {"group": "school", "name": "Intercept~~sex", "estimate": -0.5, "median": -0.5}
    assert got["variance_components"] == [component]
    assert json.loads(json.dumps(got, allow_nan=False)) == got


def test_json_without_variance_components() -> None:
    assert pool(two()).to_json_dict()["variance_components"] == []


def test_dfcom_of_the_fits_counts_unless_given() -> None:
    fits = [*two(dfcom=40), *two(dfcom=38)]
    assert pool(fits).dfcom == 38
    assert "38" in pool(fits).df_note
    assert pool(fits, dfcom=12).dfcom == 12
    assert "infinite unless given" in pool(two()).df_note


def test_what_is_printed() -> None:
    fits = [replace(e, messages=("singular fit",)) for e in two()] + [replace(two()[0], messages=("no convergence",))]
    text = str(pool(fits, conf_level=0.9))
    for part in ("m = 3", "90 %", "std_error", "infinite unless given", "datasets 1-2: singular fit", "dataset 3: no"):
        assert part in text
    same = [replace(e, messages=("rows were left out",)) for e in two()]
    assert pool(same).messages == ("all datasets: rows were left out",)


def test_inputs_are_not_changed() -> None:
    q, u = np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]])
    rubin(q, u)
    assert q.tolist() == [[1.0], [2.0]]
    assert u.tolist() == [[1.0], [1.0]]


def test_one_dataset_cannot_be_pooled() -> None:
    with pytest.raises(AnalysisError, match="at least two"):
        rubin(np.ones((1, 2)), np.ones((1, 2)))
    with pytest.raises(AnalysisError, match="at least two"):
        pool(two()[:1])
    with pytest.raises(AnalysisError, match="got 0"):
        pool([])


def test_terms_that_differ_are_named_with_their_dataset() -> None:
    odd = Estimate(terms=("b",), estimates=np.array([1.0]), covariance=np.eye(1))
    with pytest.raises(AnalysisError, match=r"dataset 3 without a and with b besides.*category"):
        pool([*two(), odd])


def test_variance_components_that_differ_are_named() -> None:
    part = VarianceComponent(group="school", name="Intercept", estimate=1.0)
    fits = [replace(e, variance_components=(part,)) for e in two()]
    with pytest.raises(AnalysisError, match=r"variance components.*dataset 3 without Intercept\|school"):
        pool([*fits, two()[0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_found(bad: float) -> None:
    with pytest.raises(AnalysisError, match="dataset 2"):
        pool(two(1.0, bad))
    with pytest.raises(AnalysisError, match="dataset 1"):
        rubin(np.ones((2, 1)), np.array([[bad], [1.0]]))


def test_negative_variances_and_shapes_are_refused() -> None:
    with pytest.raises(AnalysisError, match="negative"):
        rubin(np.ones((2, 1)), np.array([[1.0], [-1.0]]))
    with pytest.raises(AnalysisError, match="shape"):
        rubin(np.ones((2, 3)), np.ones((2, 2)))
    with pytest.raises(AnalysisError, match="shape"):
        Estimate(terms=("a", "b"), estimates=np.ones(2), covariance=np.ones(2))


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, np.nan])
def test_levels_out_of_range_are_refused(level: float) -> None:
    with pytest.raises(AnalysisError, match="conf_level"):
        pool(two(), conf_level=level)


@pytest.mark.parametrize("dfcom", [0, -3, np.nan])
def test_impossible_degrees_of_freedom_are_refused(dfcom: float) -> None:
    with pytest.raises(AnalysisError, match="dfcom"):
        pool(two(), dfcom=dfcom)
    with pytest.raises(AnalysisError, match="dfcom"):
        two(dfcom=dfcom)


@pytest.mark.parametrize("matrix", [[[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.5], [0.4, 1.0]]])
def test_covariances_that_are_none_are_named_with_their_dataset(matrix: list[list[float]]) -> None:
    good = Estimate(terms=("a", "b"), estimates=np.ones(2), covariance=np.ones((2, 2)))  # singular, but possible
    bad = replace(good, covariance=np.array(matrix))
    assert pool([good, good, good]).m == 3
    with pytest.raises(AnalysisError, match=r"datasets 2-3: the covariance matrix .* not symmetric or has a negative"):
        pool([good, bad, bad])
