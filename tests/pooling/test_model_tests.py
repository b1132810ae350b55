"""Tests of one model against another on completed datasets: mitml's D1 to D4, made from the data themselves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bayesimpute.analysis.fitters import model_of
from bayesimpute.analysis.likelihood import likelihood, score_statistic, stacked
from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling import Analyses, PooledTest, analyses_of, d2

pytestmark = pytest.mark.long(8)

FULL, NULL = "popular ~ sex * texp + (1 + sex | school)", "popular ~ texp + (1 + sex | school)"


@pytest.fixture(scope="module")
def completed(shared_reference: Path) -> list[pd.DataFrame]:
    long = pd.read_csv(shared_reference / "pooling_popmis_completed.csv.gz")
    long["high"] = long["popular"] > 5
    long["kind"] = pd.cut(long["popular"], [-np.inf, 4.5, 5.5, np.inf], labels=["low", "middle", "high"])
    return [frame for _, frame in long.groupby("imputation")]


@pytest.fixture(scope="module")
def mitml(shared_reference: Path) -> dict[str, Any]:
    return json.loads((shared_reference / "pooling.json").read_text())["popmis_lmer"]


def fitted(frames: list[pd.DataFrame], formula: str, **options: Any) -> Analyses:
    return analyses_of(frames, formula, chains=1, total=len(frames), **options)


@pytest.fixture(scope="module")
def full(completed: list[pd.DataFrame]) -> Analyses:
    return fitted(completed, FULL, reml=False)


@pytest.fixture(scope="module")
def null(completed: list[pd.DataFrame]) -> Analyses:
    return fitted(completed, NULL, reml=False)


# lme4 stops a little before the maximum: its estimates are off by 1e-5 of a standard error, its likelihoods by 1e-7
CASES: dict[str, tuple[dict[str, Any], float]] = {
    "test_D1": ({}, 1e-4),
    "test_D1_dfcom": ({"dfcom": 95}, 1e-4),
    "test_D2": ({"method": "D2"}, 1e-3),
    "test_D2_likelihood": ({"method": "D2", "use": "likelihood"}, 1e-6),
    "test_D3": ({"method": "D3"}, 1e-5),
    "test_D4": ({"method": "D4"}, 1e-5),
}


@pytest.mark.parametrize("name", CASES)
def test_d1_to_d4_from_the_data_are_those_of_mitml(
    full: Analyses, null: Analyses, mitml: dict[str, Any], name: str
) -> None:
    options, relative = CASES[name]
    got = full.test(null, **options)
    figures = [got.statistic, got.df1, got.df2, got.riv]
    expected = mitml[name]["values"][0]
    np.testing.assert_allclose(figures, np.array(expected)[[0, 1, 2, 4]], rtol=relative)
    assert str(got).startswith(f"{got.method}: F(2, ")
    assert got.to_json_dict()["p_value"] == pytest.approx(expected[3], rel=0.02)


def test_restricted_fits_are_refitted_for_likelihoods(completed: list[pd.DataFrame]) -> None:
    three = completed[:3]
    restricted = fitted(three, FULL).test(fitted(three, NULL), method="D3")
    assert restricted == fitted(three, FULL, reml=False).test(fitted(three, NULL, reml=False), method="D3")


SAME = {"bernoulli": "high ~ sex + texp", "cumulative": "kind ~ sex + texp", "categorical": "kind ~ sex + texp"}


@pytest.mark.parametrize("family", [*SAME, "gaussian"])
def test_the_likelihood_is_largest_at_its_estimates(completed: list[pd.DataFrame], family: str) -> None:
    model = model_of(SAME.get(family, "popular ~ sex + texp"), family=family)
    found = likelihood(model, completed[0])
    rng = np.random.default_rng(1)
    for size in (1e-4, 1e-2):
        for _ in range(10):
            assert found.at(found.parameters * (1 + size * rng.normal(size=len(found.parameters)))) < found.value
    # and that of the same data three times is three times as large, in the mean the same
    assert stacked(model, completed[:1] * 3) == pytest.approx(found.value, rel=1e-9)


def test_the_likelihood_of_a_mixed_model_is_lme4s(completed: list[pd.DataFrame], mitml: dict[str, Any]) -> None:
    model = model_of(FULL, reml=False)
    for frame, expected in list(zip(completed, mitml["loglik"]["full"], strict=True))[:3]:
        found = likelihood(model, frame)
        assert found.value == pytest.approx(expected, abs=1e-5)
        assert found.at(found.parameters * 1.01) < found.value


def test_a_variance_is_tested_by_likelihoods_only(completed: list[pd.DataFrame], full: Analyses) -> None:
    plain = fitted(completed, "popular ~ sex * texp + (1 | school)", reml=False)
    got = full.test(plain, method="D3")
    assert got.df1 == 2  # a variance and a covariance
    assert got.p_value < 1e-10
    with pytest.raises(AnalysisError, match='variance components by method="D3"'):
        full.test(plain)


def test_score_tests_are_those_of_rao(completed: list[pd.DataFrame]) -> None:
    big = fitted(completed, "high ~ sex + texp", family="bernoulli")
    small = fitted(completed, "high ~ sex", family="bernoulli")
    found = [big.test(small, method="D2", use=use) for use in ("wald", "likelihood", "score")]
    assert {f.df1 for f in found} == {1}
    assert max(f.p_value for f in found) < 1e-10
    # the score by hand, Σ (y − p) x over its variance, in the first dataset
    frame = completed[0]
    b = small.estimates[0].estimates
    x = np.column_stack([np.ones(len(frame)), frame["sex"]])
    p = expit(x @ b)
    extra, w = frame["texp"].to_numpy(), p * (1 - p)
    u = float(((frame["high"] - p) * extra).sum())
    xw = x * w[:, None]
    v = float(extra @ (w * extra) - (extra @ xw) @ np.linalg.solve(x.T @ xw, xw.T @ extra))
    assert big.model is not None
    assert small.model is not None
    assert score_statistic(big.model, small.model, frame) == pytest.approx(u * u / v, rel=1e-6)


def test_constraints_are_wald_tests_of_expressions(full: Analyses, null: Analyses) -> None:
    both = full.test_constraints(["b[sex]", "b[sex:texp]"])
    assert both.statistic == pytest.approx(full.test(null).statistic, rel=1e-10)
    pooled = full.derive(difference="b[sex] - b[texp]").pool()
    alone = full.test_constraints(["b[sex] - b[texp]"])
    assert alone.statistic == pytest.approx(pooled.terms["statistic"][0] ** 2, rel=1e-8)
    squares = np.array([e.estimates[1] ** 2 / e.covariance[1, 1] for e in full.estimates])
    assert full.test_constraints(["b[sex]"], method="D2").riv == pytest.approx(d2(squares, 1).riv, rel=1e-12)
    assert isinstance(alone, PooledTest)


def test_models_that_cannot_be_compared(completed: list[pd.DataFrame], full: Analyses, null: Analyses) -> None:
    high = fitted(completed, "high ~ sex", family="bernoulli")
    cases: list[tuple[Any, Any, dict[str, Any], str]] = [
        (null, full, {}, r"not nested: only the smaller one has sex, sex:texp; give the larger one first"),
        (full, full, {}, "the same parameters"),
        (full, high, {}, "their outcomes are popular and high; their familys? are gaussian and bernoulli"),
        (full, fitted(completed[:9], NULL, reml=False), {}, "fitted to 10 and 9 datasets"),
        (full, fitted(list(completed), NULL, reml=False), {}, "different runs"),
        (full, null, {"method": "D5"}, 'method: there is no "D5"'),
        (full, null, {"use": "score"}, 'goes with method="D2"'),
        (full, null, {"method": "D2", "use": "scores"}, 'did you mean "score"'),
        (full, null, {"method": "D2", "use": "score"}, "score tests are there for bernoulli"),
        (full, null, {"method": "D3", "dfcom": 3}, "dfcom: D3 does not use"),
        (full, null, {"dfcom": -1}, "must be positive"),
        (full.derive(a="b[sex]", b="b[texp]"), full.derive(a="b[sex]"), {"method": "D3"}, "analyses by formula"),
    ]
    for larger, smaller, options, text in cases:
        with pytest.raises(AnalysisError, match=text):
            larger.test(smaller, **options)


def test_gamma_models_have_wald_and_score_tests_only(completed: list[pd.DataFrame]) -> None:
    frames = [frame[frame["popular"] > 0] for frame in completed[:2]]
    big, small = (fitted(frames, f"popular ~ {right}", family="gamma") for right in ("sex + texp", "sex"))
    assert big.test(small, method="D2", use="score").p_value < 1e-6
    with pytest.raises(AnalysisError, match="gamma models without random effects have no likelihood here"):
        big.test(small, method="D3")
