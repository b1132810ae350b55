"""Ordered labels that are selected: two labels are the yes/no model, and the joint law of errors may be any copula."""

import numpy as np
import pytest
from scipy.special import ndtr

from bayesimpute.data.columns import encode
from bayesimpute.families import HeckmanOrdinal, HeckmanProbit

RNG = np.random.default_rng(2)
ROWS = 400


def three(**options: object) -> HeckmanOrdinal:
    return HeckmanOrdinal(points=(0.0, 1.0, 2.0), shown=("0", "1", "2"), **options)  # pyright: ignore


def test_two_labels_are_the_yes_no_model() -> None:
    mu, s, cutpoint = RNG.normal(0, 2, ROWS), RNG.normal(0, 1.5, ROWS), 0.4
    y = np.where(RNG.random(ROWS) < 0.3, np.nan, RNG.integers(0, 2, ROWS).astype(float))
    two, probit = HeckmanOrdinal(), HeckmanProbit()
    theta = {"mu": mu, "cutpoints": np.array([cutpoint]), "selection": s, "rho": np.array(-0.6)}
    same = {"mu": ndtr(mu - cutpoint), "selection": s, "rho": np.array(-0.6)}
    np.testing.assert_allclose(two.logp(y, theta), probit.logp(y, same), rtol=1e-9)
    for mine, theirs in zip(two.mean_variance(theta), probit.mean_variance(same), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-14)
    np.testing.assert_allclose(two.information(theta, y), probit.information(same, y), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("copula", ["frank", "clayton180", "joe"])
def test_other_copulas_have_their_strips(copula: str) -> None:
    """Labels' probabilities and that of not being selected add up; draws of the unselected have their means."""
    family = three(copula=copula)
    theta = {
        "mu": np.full(ROWS, 0.3),
        "cutpoints": np.array([-0.5, 1.0]),
        "selection": np.full(ROWS, 0.2),
        "tau": np.array(-0.4),
    }
    total = sum(np.exp(family.logp(np.full(ROWS, k), theta)) for k in (0.0, 1.0, 2.0, np.nan))
    np.testing.assert_allclose(total, 1.0, atol=1e-9)
    draws = np.array([family.impute(np.random.default_rng(k), theta) for k in range(50)])
    mean, variance = family.mean_variance(theta)
    assert abs(draws.mean() - mean[0]) < 4 * np.sqrt(variance[0] / draws.size)


def test_units_that_could_not_be_selected_have_the_law_of_all() -> None:
    family, theta = three(), {"mu": np.zeros(2), "cutpoints": np.array([-1.0, 1.0]), "rho": np.array(0.8)}
    mean, variance = family.mean_variance({**theta, "selection": np.array([-np.inf, 0.0])})
    assert mean[0] == pytest.approx(1.0)
    assert variance[0] == pytest.approx(2 * ndtr(-1.0))
    assert mean[1] < 1.0  # who is not selected has lower values where rho is positive


def test_labels_are_those_of_the_column() -> None:
    import pandas as pd

    column = encode(pd.Series(pd.Categorical(["low", "mid", "top"], ordered=True)), "v")
    assert HeckmanOrdinal().bind(column).shown == ("low", "mid", "top")
    assert HeckmanOrdinal().bind(column).mar().shown == ("low", "mid", "top")  # pyright: ignore


def test_labels_that_nobody_has_are_labels_if_all_are_meant() -> None:
    import pandas as pd

    column = encode(pd.Series(pd.Categorical(["low", "top"], categories=["low", "mid", "top"], ordered=True)), "v")
    assert HeckmanOrdinal().bind(column).shown == ("low", "top")
    bound = HeckmanOrdinal(labels="all").bind(column)
    assert bound.shown == ("low", "mid", "top") and bound.points == (0.0, 1.0, 2.0)
    assert bound.mar().shown == bound.shown  # pyright: ignore
