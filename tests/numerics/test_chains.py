"""The rule of convergence on arrays: each of its parts, and the verdict that they come to."""

import numpy as np
import pytest

from bayesimpute.numerics.chains import (
    AUTOCORRELATION,
    autocorrelations,
    chain_figures,
    dependent,
    diverge,
    judged,
    scarce,
    stuck,
    unmixed,
)


def fresh(count: int, draws: int = 500, seed: int = 1) -> list[np.ndarray]:
    """Quantities of four chains whose draws are independent."""
    return list(np.random.default_rng(seed).normal(size=(count, 4, draws)))


def test_independent_draws_have_converged() -> None:
    found = judged(fresh(3), fresh(2, seed=2), thin=5)
    assert found.converged is True
    assert found.parameters["r_hat"].shape == (3,) and found.imputed["autocorrelation"].shape == (2,)


@pytest.mark.parametrize("imputed", [False, True])
def test_each_part_fails_the_verdict(imputed: bool) -> None:
    def verdict(array: np.ndarray, **options: int) -> bool | None:
        more = (fresh(1), [array]) if imputed else ([array], fresh(1))
        return judged(*more, thin=5, **options).converged

    good = fresh(1, seed=3)[0]
    apart = good + np.arange(4)[:, None]
    slow = np.cumsum(good, axis=1)
    assert verdict(good) is True
    assert verdict(apart) is False and verdict(slow) is False
    assert verdict(good, divergences=2, transitions=1000) is False
    assert verdict(good, divergences=1, transitions=1000) is True
    assert verdict(np.ones((4, 500))) is imputed  # a parameter has to move; the SD of one imputed cell cannot


def test_too_few_draws_have_no_verdict() -> None:
    assert judged(fresh(2, draws=3), fresh(1, draws=3), thin=1).converged is None
    assert judged(fresh(2, draws=4), fresh(1, draws=4), thin=1).converged is False
    assert judged([], [], thin=1).converged is True


def test_the_parts_name_the_quantities_that_fail() -> None:
    good, other = fresh(2)
    figures = chain_figures([good, np.zeros((4, 500)), other + np.arange(4)[:, None]])
    assert stuck(figures).tolist() == [False, True, False]
    assert unmixed(figures).tolist() == [False, False, True]
    assert scarce(figures).tolist() == [False, False, True]
    assert scarce(chain_figures([good[:, :90]])).all() and not unmixed({"sd": [np.nan], "r_hat": [np.nan]}).any()


def test_a_small_share_of_transitions_may_diverge() -> None:
    assert [diverge(n, 2000) for n in (0, 2, 3)] == [False, False, True]
    assert not diverge(0, 0)


def test_an_autocorrelation_counts_if_chance_cannot_make_it() -> None:
    found = {"autocorrelation": [AUTOCORRELATION + 0.2, AUTOCORRELATION + 0.3, np.nan]}
    assert dependent({**found, "autocorrelation_se": [0.1, 0.1, np.nan]}).tolist() == [False, True, False]
    pairs = np.repeat(np.random.default_rng(1).normal(size=(4, 250)), 2, axis=1)  # each draw twice
    assert dependent(autocorrelations([pairs], 1)).all() and not dependent(autocorrelations([pairs], 2)).any()
    assert autocorrelations([], 1)["autocorrelation"].shape == (0,)
