"""The posterior mixture where next to nothing of an estimand is observed: its law, its limits, its coverage."""

from math import inf

import numpy as np
import pytest
from scipy.stats import norm, t

from bayesimpute.pooling import Estimate, pool, rubin
from bayesimpute.pooling.two_parts import half_width, two_sided

ROWS, MEAN, SD, SPREAD = 20, 60.0, 10.0, 8.0
"""A cluster without any observed value: its rows, and the mean, the residual and the cluster SD of a normal model."""


def of_wholly_missing(rng: np.random.Generator, m: int, datasets: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of the cluster and their variances in m imputed datasets, many times: (imputation, dataset)."""
    effects = MEAN + rng.normal(0, SPREAD, (m, datasets, 1))
    rows = effects + rng.normal(0, SD, (m, datasets, ROWS))
    return rows.mean(axis=2), rows.var(axis=2, ddof=1) / ROWS


@pytest.mark.parametrize("dfcom", [3.0, 19.0])
def test_the_mixture_is_the_law_of_the_sum_of_its_parts(dfcom: float) -> None:
    rng, draws, within, between = np.random.default_rng(1), 400_000, 1.0, 2.0
    drawn = np.abs(within * rng.standard_t(dfcom, draws) + between * rng.standard_t(19, draws))
    scales = np.array([within]), np.array([between])
    half = half_width(0.95, *scales, np.array([dfcom]), 20)
    assert two_sided(half, *scales, np.array([dfcom]), 20)[0] == pytest.approx(0.05, abs=1e-9)
    assert (drawn > half).mean() == pytest.approx(0.05, abs=5 * np.sqrt(0.05 * 0.95 / draws))


def test_each_part_alone_is_its_t_distribution() -> None:
    none, one, df = np.array([0.0]), np.array([1.0]), np.array([7.0])
    assert half_width(0.95, one, none, df, 20)[0] == pytest.approx(t.ppf(0.975, 7), rel=1e-6)
    assert half_width(0.95, none, one, df, 20)[0] == pytest.approx(t.ppf(0.975, 19), rel=0.02)


@pytest.mark.by_default("20")
@pytest.mark.parametrize("m", [5, 20, 400])
def test_an_interval_is_not_wider_than_the_posterior_and_not_wider_with_more_datasets(m: int) -> None:
    q, u = of_wholly_missing(np.random.default_rng(m), m, 200)
    got = rubin(q, u, dfcom=ROWS - 1, few=True)
    # what m datasets say of the posterior's variance is uncertain, which t(m - 1) allows for and no more
    posterior = np.sqrt(got.t) * t.ppf(0.975, m - 1)
    assert (got.half_width(0.95) <= 1.02 * posterior).all()
    low, high = got.interval(0.95)
    np.testing.assert_allclose(high - low, 2 * got.half_width(0.95), rtol=1e-10)
    assert (got.df > m - 1).all()


def test_where_most_is_missing_and_few_degrees_of_freedom_are_left_a_term_says_so() -> None:
    rng = np.random.default_rng(3)
    fits = [
        Estimate(terms=("a", "b"), estimates=rng.normal(0, [3.0, 0.1]), covariance=np.eye(2), dfcom=6.0)
        for _ in range(20)
    ]
    pooled = pool(fits)
    wide, usual = pooled.terms.to_dict("records")
    assert (wide["conf_high"] - wide["conf_low"]) / wide["std_error"] < 2 * t.ppf(0.975, 10)
    assert wide["p_value"] > norm.sf(abs(wide["statistic"])) * 2
    assert usual["conf_high"] - usual["conf_low"] == pytest.approx(2 * usual["std_error"] * t.ppf(0.975, usual["df"]))
    assert [m for m in pooled.messages if "observed of a:" in m] and not any(" b" in m for m in pooled.messages)


def test_the_rules_stay_as_they_are_where_nothing_is_missing_or_samples_are_large() -> None:
    same = rubin(np.full((5, 1), 2.0), np.ones((5, 1)), dfcom=3.0, few=True)
    large = rubin(np.array([[0.0], [9.0], [-9.0]]), np.ones((3, 1)), dfcom=inf, few=True)
    assert not same.mixed.any() and not large.mixed.any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("m", "datasets"),
    [(20, 800), *(pytest.param(m, 4000, marks=pytest.mark.slow) for m in (5, 20, 100))],
)
def test_coverage_of_a_cluster_without_any_observed_value(m: int, datasets: int) -> None:
    """The analysis takes the rows for a sample, which the model need not: T is up to twice σ² / n too large."""
    rng = np.random.default_rng(100 + m)
    true = MEAN + rng.normal(0, SPREAD, datasets)
    got = rubin(*of_wholly_missing(rng, m, datasets), dfcom=ROWS - 1, few=True)
    low, high = got.interval(0.95)
    coverage = float(((low < true) & (true < high)).mean())
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / datasets) < coverage < 0.99
