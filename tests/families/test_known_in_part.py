"""Draws of values that are known in part have the law of the family, truncated to what is known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bayesimpute.families import (
    Bernoulli,
    Beta,
    Binomial,
    Bounded,
    Categorical,
    Family,
    Gamma,
    Gaussian,
    HurdleNegativeBinomial,
    LogNormal,
    NegativeBinomial,
    Ordinal,
    Poisson,
    Semicontinuous,
    Skewed,
    StudentT,
    ZeroInflatedPoisson,
)
from bayesimpute.families.known_in_part import drawn_in_part

N = 4000
WIDE = [(-np.inf, 0.3), (0.3, np.inf), (0.2, 0.9), (-np.inf, np.inf), (2.5, 2.6)]
LAWS: dict[str, tuple[Family, dict[str, float], Callable[[Any], Any], list[tuple[float, float]]]] = {
    "gaussian": (Gaussian(), {"mu": 1.0, "sigma": 0.5}, stats.norm(1.0, 0.5).cdf, [*WIDE, (-9, -8)]),
    "student_t": (StudentT(), {"mu": 1.0, "sigma": 0.5, "nu": 3.0}, stats.t(3.0, 1.0, 0.5).cdf, [*WIDE, (-90, -50)]),
    "lognormal": (LogNormal(), {"mu": 0.1, "sigma": 0.7}, stats.lognorm(0.7, scale=np.exp(0.1)).cdf, [*WIDE, (0, 2)]),
    "skewed": (
        Skewed(centre=1.0, unit=2.0),
        {"mu": 0.1, "sigma": 0.8, "skew": 0.4},
        lambda y: stats.norm.cdf((np.asarray(stats.yeojohnson((y - 1) / 2, 0.6)) - 0.1) / 0.8),
        WIDE,
    ),
    "truncated": (
        Bounded(limits=(0.0, 3.0)),
        {"mu": 1.0, "sigma": 0.5},
        stats.truncnorm(-2, 4, 1.0, 0.5).cdf,
        [(0.2, 0.9), (-np.inf, 0.3)],
    ),
}
LAWS |= {
    "gamma": (Gamma(), {"mu": 2.0, "alpha": 1.5}, stats.gamma(1.5, scale=2 / 1.5).cdf, [*WIDE, (0, 2), (10, np.inf)]),
    "beta": (Beta(), {"mu": 0.3, "kappa": 4.0}, stats.beta(1.2, 2.8).cdf, [*WIDE[:4], (0.9, 0.95)]),
}
CASES = [pytest.param(name, low, high, id=f"{name} {low} {high}") for name in LAWS for low, high in LAWS[name][3]]


@pytest.mark.by_default("* 0.2 0.9", "gaussian -9 -8", "gamma 10 inf", "* 0 2", "* -inf 0.3")
@pytest.mark.parametrize(("name", "low", "high"), CASES)
def test_numbers_between_two(name: str, low: float, high: float) -> None:
    family, values, cdf, _ = LAWS[name]
    theta = {key: np.full(N, value) for key, value in values.items()}
    ends = np.full(N, low), np.full(N, high)
    y = drawn_in_part(np.random.default_rng(4), family, theta, *ends, None, None)
    assert ((y >= low) & (y <= high)).all()

    def at(end: float) -> float:
        return float(end > 0) if np.isinf(end) else float(cdf(np.array(end)))

    shares = (cdf(y) - at(low)) / (at(high) - at(low))
    assert stats.kstest(shares, "uniform").pvalue > 1e-4


COUNTS: dict[str, tuple[Family, dict[str, float], Callable[[Any], Any]]] = {
    "poisson": (Poisson(), {"mu": 2.5}, stats.poisson(2.5).pmf),
    "negative_binomial": (NegativeBinomial(), {"mu": 2.5, "alpha": 1.3}, stats.nbinom(1.3, 1.3 / 3.8).pmf),
    "binomial": (Binomial(trials=9), {"mu": 0.4}, stats.binom(9, 0.4).pmf),
    "zero-inflated": (
        ZeroInflatedPoisson(),
        {"mu": 2.5, "zero": 0.3},
        lambda k: 0.3 * (k == 0) + 0.7 * stats.poisson(2.5).pmf(k),
    ),
    "hurdle": (
        HurdleNegativeBinomial(),
        {"mu": 2.5, "alpha": 1.3, "zero": 0.3},
        lambda k: np.where(k == 0, 0.3, 0.7 * stats.nbinom(1.3, 1.3 / 3.8).pmf(k) / stats.nbinom(1.3, 1.3 / 3.8).sf(0)),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize(("low", "high"), [(1, 4), (-np.inf, 2), (0, 0), (6, np.inf), (0.5, 3.5), (-np.inf, np.inf)])
def test_whole_numbers_between_two(name: str, low: float, high: float) -> None:
    family, values, mass = COUNTS[name]
    theta, ends = {key: np.full(N, value) for key, value in values.items()}, (np.full(N, low), np.full(N, high))
    y = drawn_in_part(np.random.default_rng(4), family, theta, *ends, None, None)
    points = np.arange(200.0)
    shares = mass(points) * (points >= low) * (points <= high)
    shares = shares / shares.sum()
    assert set(y) <= set(points[shares > 0])
    found = np.array([(y == point).mean() for point in points])
    assert np.all(np.abs(found - shares) <= 4.5 * np.sqrt(shares * (1 - shares) / N) + 1e-9)


def test_an_amount_may_be_nothing_where_that_is_known_to_be_possible() -> None:
    family = Semicontinuous(positive="gamma")
    theta = {"mu": np.full(N, 2.0), "alpha": np.full(N, 1.5), "zero": np.full(N, 0.3)}
    y = drawn_in_part(np.random.default_rng(5), family, theta, np.full(N, -np.inf), np.full(N, 1.0), None, None)
    law = stats.gamma(1.5, scale=2 / 1.5)
    share = 0.3 / (0.3 + 0.7 * law.cdf(1.0))
    assert abs((y == 0).mean() - share) < 4 * np.sqrt(share * (1 - share) / N)
    assert stats.kstest(law.cdf(y[y > 0]) / law.cdf(1.0), "uniform").pvalue > 1e-4
    some = drawn_in_part(np.random.default_rng(5), family, theta, np.full(N, 0.5), np.full(N, 1.0), None, None)
    assert ((some >= 0.5) & (some <= 1)).all()


def test_where_no_probability_has_a_digit_left() -> None:
    rng, n = np.random.default_rng(3), 20_000
    y = Poisson().between(rng, {"mu": np.full(n, 2.0)}, np.full(n, 300.0), np.full(n, np.inf))
    assert (y >= 300).all() and abs((y > 300).mean() - 2 / 301) < 4 * np.sqrt(2 / 301 / n)
    y = Gamma().between(rng, {"mu": np.full(n, 1.0), "alpha": np.full(n, 1.0)}, np.full(n, 900.0), np.full(n, np.inf))
    assert stats.kstest(y - 900, "expon").pvalue > 1e-4


def test_a_censored_law_keeps_what_is_at_its_limits() -> None:
    family, theta = Bounded(limits=(0.0, 3.0), at_limits="censored"), {"mu": np.full(N, 0.5), "sigma": np.full(N, 1.0)}
    y = drawn_in_part(np.random.default_rng(5), family, theta, np.full(N, -np.inf), np.full(N, 1.0), None, None)
    share = stats.norm.cdf(-0.5) / stats.norm.cdf(0.5)
    assert abs((y == 0).mean() - share) < 4 * np.sqrt(share * (1 - share) / N)
    inside = drawn_in_part(np.random.default_rng(5), family, theta, np.full(N, 0.1), np.full(N, 1.0), None, None)
    assert (inside > 0).all()


def test_far_out_and_at_one_number() -> None:
    theta = {"mu": np.zeros(3), "sigma": np.ones(3)}
    low, high = np.array([50.0, 1.5, -np.inf]), np.array([np.inf, 1.5, -60.0])
    y = Gaussian().between(np.random.default_rng(1), theta, low, high)
    assert 50 < y[0] < 51 and y[1] == 1.5 and -61 < y[2] < -60


LABELS: dict[str, tuple[Any, dict[str, np.ndarray], np.ndarray]] = {
    "bernoulli": (Bernoulli(), {"mu": np.full(N, 0.2)}, np.array([0.0, 1.0])),
    "ordinal": (
        Ordinal(points=(0.0, 1.0, 2.0, 3.0), shown=("a", "b", "c", "d")),
        {"mu": np.full(N, 0.3), "cutpoints": np.tile([-1.0, 0.0, 1.0], (N, 1))},
        np.arange(4.0),
    ),
    "categorical": (
        Categorical(points=(0.0, 1.0, 2.0), shown=("a", "b", "c")),
        {"mu": np.tile([0.1, -0.5, 1.0], (N, 1))},
        np.arange(3.0),
    ),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_among_some(name: str) -> None:
    family, theta, points = LABELS[name]
    among = np.ones((N, len(points)), dtype=bool)
    among[:, 0] = False
    among[: N // 4] = points == points[-1]
    open_ends = np.full(N, -np.inf), np.full(N, np.inf)
    y = drawn_in_part(np.random.default_rng(6), family, theta, *open_ends, among, points)
    assert (y[: N // 4] == points[-1]).all()
    shares = np.exp([family.logp(np.full(N, p), theta)[0] for p in points]) * (points != points[0])
    shares, left = shares / shares.sum(), y[N // 4 :]
    for point, share in zip(points, shares, strict=True):
        assert abs((left == point).mean() - share) <= 4 * np.sqrt(share * (1 - share) / len(left))


def test_what_is_possible_may_be_all_but_impossible() -> None:
    theta, points = {"mu": np.zeros(2)}, np.array([0.0, 1.0])
    among = np.array([[False, True], [True, True]])
    ends = np.full(2, -np.inf), np.full(2, np.inf)
    with np.errstate(divide="ignore"):
        y = drawn_in_part(np.random.default_rng(6), Bernoulli(), theta, *ends, among, points)
    np.testing.assert_array_equal(y, [1.0, 0.0])
