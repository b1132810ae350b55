"""Monte Carlo errors of pooled figures, against repetition and closed forms, and the m that is needed."""

from math import inf

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling import Estimate, Pooled, imputations_needed, monte_carlo, pool, rubin

M, REPEATS = 10, 4000


def repeated(rng: np.random.Generator, m: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """m imputations of k analyses: B is 1, squared standard errors are about 2."""
    return rng.normal(size=(m, k)), 2 * rng.chisquare(50, size=(m, k)) / 50


def labelled(m: int, between: float) -> Pooled:
    rng = np.random.default_rng(3)
    return pool(
        [
            Estimate(terms=("a", "b"), estimates=rng.normal([1, 2], [0, between]), covariance=np.diag([0.04, 0.09]))
            for _ in range(m)
        ]
    )


def test_that_of_an_estimate_is_the_root_of_b_over_m() -> None:
    q, u = repeated(np.random.default_rng(1), M, 6)
    np.testing.assert_allclose(monte_carlo(q, u).estimate, np.sqrt(rubin(q, u).b / M), rtol=1e-12)


@pytest.mark.parametrize("dfcom", [inf, 30.0])
def test_they_are_the_spreads_over_repeated_imputation(dfcom: float) -> None:
    """k independent analyses are k repetitions; the jackknife's mean square is held to the variance over them.

    It is not below it (Efron & Stein 1981, Annals of Statistics 9:586), and above it only as far as the figure is not
    linear in the imputations: by 4 to 9 % here, over 40,000 repetitions.
    """
    q, u = repeated(np.random.default_rng(2), M, REPEATS)
    whole, errors = rubin(q, u, dfcom=dfcom), monte_carlo(q, u, dfcom=dfcom)
    low, high = whole.interval(0.95)
    figures = {
        "estimate": whole.q_bar,
        "std_error": whole.std_error,
        "conf_low": low,
        "conf_high": high,
        "fmi": whole.fmi,
    }
    for name, values in figures.items():
        stated = np.sqrt(np.mean(np.square(getattr(errors, name))))
        noise = 4 * np.sqrt(2 / REPEATS)  # of both, in relative terms
        assert 1 - noise < stated / values.std() < 1.1 + noise, name


def test_equal_datasets_have_none() -> None:
    errors = monte_carlo(np.full((4, 2), 0.7), np.full((4, 2), 0.1))
    for name in ("estimate", "std_error", "conf_low", "conf_high", "fmi"):
        np.testing.assert_array_equal(getattr(errors, name), 0)
    assert errors.needed.tolist() == [2, 2]


def test_two_datasets_are_too_few() -> None:
    with pytest.raises(AnalysisError, match="at least three completed datasets, got 2"):
        monte_carlo(np.ones((2, 1)), np.ones((2, 1)))


def test_the_m_that_is_needed_is_von_hippels() -> None:
    """Without the uncertainty of the pilot it is 1 + (FMI / CV)² / 2: 51 at FMI .5 and a CV of .05."""
    assert imputations_needed(np.array([0.5]), 10**12).tolist() == [52]  # the upper end is above .5 by 1e-6
    assert imputations_needed(np.array([0.5]), 20) > 51
    assert imputations_needed(np.array([0.5]), 20, spread=0.1) < 51


def test_a_table_says_whether_m_is_enough() -> None:
    much, little = labelled(5, 0.5), labelled(20, 0.01)
    assert (much.enough, little.enough) == (False, True)
    assert "(b), below 10% is needed: m = 5 is too small, m = " in much.m_note and "would do" in much.m_note
    assert "m = 20 is enough." in little.m_note and "need m" not in little.m_note
    assert much.m_note in str(much)
    assert much.monte_carlo["term"].tolist() == ["a", "b"]
    assert much.monte_carlo["estimate"][0] == 0
    assert isinstance(much.monte_carlo, pd.DataFrame)


@pytest.mark.parametrize(("fmi", "enough"), [(0.15, True), (0.28, True), (0.35, False)])
def test_twenty_are_enough_where_standard_errors_repeat(fmi: float, enough: bool) -> None:
    """1 + (.28 / .05)² / 2 is below 20; the Monte Carlo error of the estimate is 12 % there."""
    b = fmi / (1 - fmi) / 1.05
    draws = np.sqrt(b) * np.tile([1.0, -1.0], 10) * np.sqrt(19 / 20)
    pooled = pool([Estimate(terms=("a",), estimates=np.array([d]), covariance=np.eye(1)) for d in draws])
    assert abs(pooled.terms["fmi"][0] - fmi) < 0.02
    assert pooled.enough is enough and ("would do" in pooled.m_note) is not enough


def test_two_datasets_have_a_table_without_errors() -> None:
    pooled = labelled(2, 0.5)
    assert pooled.enough is None and pooled.monte_carlo.empty
    assert "too small to tell" in str(pooled)
