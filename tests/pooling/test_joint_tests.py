"""D1 to D4 against mitml, against each other, and what must hold for any numbers."""

import json
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling import PooledTest, d1, d2, d3, d4, rubin

CASES = ("popmis_lmer", "brandsma_lmer", "nhanes2_lm", "boys_glm")
RELATIVE = 1e-8


@pytest.fixture(scope="module")
def reference(shared_reference: Path) -> dict[str, Any]:
    return json.loads((shared_reference / "pooling.json").read_text())


def of_interest(case: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and covariances of the parameters that the smaller model lacks."""
    keep = [i for i, term in enumerate(case["terms"]) if term not in case["null_terms"]]
    return np.array(case["estimates"])[:, keep], np.array(case["covariances"])[:, keep][:, :, keep]


def ratios(case: dict[str, Any]) -> np.ndarray:
    return 2 * (np.array(case["loglik"]["full"]) - np.array(case["loglik"]["null"]))


def assert_is_mitmls(got: PooledTest, case: dict[str, Any], name: str) -> None:
    (row,) = case[name]["values"]
    np.testing.assert_allclose((got.statistic, got.df1, got.df2, got.riv), (*row[:3], row[4]), rtol=RELATIVE)
    # p values of 1e-43 hang on the ninth digit of the statistic
    assert np.log(got.p_value) == pytest.approx(np.log(row[3]), rel=RELATIVE)


@pytest.mark.parametrize("given_df", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_d1_is_mitmls(reference: dict[str, Any], name: str, given_df: bool) -> None:
    case = reference[name]
    got = d1(*of_interest(case), dfcom=case["dfcom"] if given_df else inf)
    assert_is_mitmls(got, case, "test_D1_dfcom" if given_df else "test_D1")


@pytest.mark.parametrize("name", CASES)
def test_d2_of_wald_statistics_is_mitmls(reference: dict[str, Any], name: str) -> None:
    q, u = of_interest(reference[name])
    wald = [one @ np.linalg.solve(covariance, one) for one, covariance in zip(q, u, strict=True)]
    assert_is_mitmls(d2(np.array(wald), q.shape[1]), reference[name], "test_D2")


@pytest.mark.parametrize("name", CASES)
def test_d2_of_likelihood_ratios_is_mitmls(reference: dict[str, Any], name: str) -> None:
    case = reference[name]
    assert_is_mitmls(d2(ratios(case), of_interest(case)[0].shape[1]), case, "test_D2_likelihood")


@pytest.mark.parametrize("method", ["D3", "D4"])
@pytest.mark.parametrize("name", CASES)
def test_d3_and_d4_are_mitmls(reference: dict[str, Any], name: str, method: str) -> None:
    """The pooled likelihood ratio is not in the file, but mitml's RIV says what it was; F, df and p follow from it."""
    case = reference[name]
    if f"test_{method}" not in case:
        pytest.skip(f"mitml gives no {method} here")
    d, k = ratios(case), of_interest(case)[0].shape[1]
    m, riv = len(d), case[f"test_{method}"]["values"][0][4]
    pooled = d.mean() - riv * k * (m - 1) / (m + 1)
    got = d3(d, np.full(m, pooled), k) if method == "D3" else d4(d, pooled, k)
    assert_is_mitmls(got, case, f"test_{method}")


def test_one_parameter_is_rubins_t_squared() -> None:
    q = np.array([[0.4], [0.6], [0.9], [0.5], [0.1]])
    u = np.full((5, 1, 1), 0.04)
    one, pooled = d1(q, u), rubin(q, u[:, 0])
    assert one.statistic == pytest.approx(float(pooled.statistic[0]) ** 2)
    assert one.riv == pytest.approx(float(pooled.riv[0]))


@pytest.mark.parametrize("m", [2, 3])
def test_few_datasets_have_finite_degrees_of_freedom_below_those_of_complete_data(m: int) -> None:
    q, u = np.arange(2.0 * m).reshape(m, 2) / 10, np.broadcast_to(0.5 * np.eye(2), (m, 2, 2))
    small, large = d1(q, u, dfcom=30), d1(q, u)
    assert 0 < small.df2 <= 30 < large.df2
    assert small.statistic == large.statistic


def test_equal_datasets_give_the_complete_data_answer() -> None:
    q, u = np.tile([1.0, 0.5], (4, 1)), np.tile(np.diag([0.2, 0.1]), (4, 1, 1))
    found = d1(q, u)
    assert found.riv == 0 and found.df2 == inf
    wald = 1 / 0.2 + 0.25 / 0.1
    assert found.p_value == pytest.approx(stats.chi2.sf(wald, 2))
    each = np.full(4, wald)
    for other in (d2(each, 2), d3(each, each, 2), d4(each, wald, 2)):
        assert (other.statistic, other.riv, other.df2) == pytest.approx((found.statistic, 0, inf))


@given(st.permutations(range(5)), st.integers(0, 1000))
def test_the_order_of_the_datasets_does_not_matter(order: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    q, u = rng.normal(size=(5, 3)), np.tile(np.eye(3), (5, 1, 1)) * rng.uniform(1, 2, size=(5, 1, 1))
    one, other = d1(q, u), d1(q[order], u[order])
    assert (one.statistic, one.df2, one.riv) == pytest.approx((other.statistic, other.df2, other.riv))


@given(st.integers(0, 1000))
def test_d1_does_not_depend_on_the_scale_of_the_parameters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    q, u, by = rng.normal(size=(6, 2)), np.tile(np.array([[1.0, 0.3], [0.3, 2.0]]), (6, 1, 1)), rng.normal(size=(2, 2))
    if abs(np.linalg.det(by)) < 0.1:
        by = by + 2 * np.eye(2)
    one, other = d1(q, u), d1(q @ by.T, by @ u @ by.T)
    assert (one.statistic, one.df2, one.riv) == pytest.approx((other.statistic, other.df2, other.riv), rel=1e-6)


GOOD = (np.ones((3, 2)), np.tile(np.eye(2), (3, 1, 1)))
BAD = {
    "one dataset": (lambda: d1(GOOD[0][:1], GOOD[1][:1]), "at least two completed datasets"),
    "other shapes": (lambda: d1(GOOD[0], GOOD[1][:, :1]), "must have the shapes"),
    "no parameters": (lambda: d1(np.ones((3, 0)), np.ones((3, 0, 0))), "must have the shapes"),
    "not positive definite": (lambda: d1(GOOD[0], GOOD[1] * [[[1]], [[1]], [[-1]]]), "dataset 3: .* positive"),
    "singular": (lambda: d1(GOOD[0], np.ones((3, 2, 2))), "datasets 1-3: "),
    "not symmetric": (lambda: d1(GOOD[0], GOOD[1] + [[0, 0.5], [0, 0]]), "datasets 1-3: "),
    "NaN": (lambda: d1(GOOD[0] * [[1], [np.nan], [1]], GOOD[1]), "dataset 2: "),
    "dfcom": (lambda: d1(*GOOD, dfcom=-1), "must be positive"),
    "models the wrong way round": (lambda: d2(np.array([3.0, -2.0, 1.0]), 1), "dataset 2 .* larger one first"),
    "no restriction": (lambda: d2(np.ones(3), 0), "at least one parameter"),
    "one ratio": (lambda: d4(np.ones(1), 1.0, 1), "at least two"),
    "a table of ratios": (lambda: d4(np.ones((3, 1)), 1.0, 1), "one number for each dataset"),
    "infinite": (lambda: d4(np.ones(3), inf, 1), "stacked"),
    "averages missing": (lambda: d3(np.ones(3), np.ones(2), 1), "3 finite numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case: str) -> None:
    call, message = BAD[case]
    with pytest.raises(AnalysisError, match=message):
        call()
