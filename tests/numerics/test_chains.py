"""The rule of convergence on arrays: each of its parts, and the verdict that they come to."""

import numpy as np
import pytest

from bayesimpute.numerics.chains import (
    AUTOCORRELATION,
    ESS,
    R_HAT,
    Verdict,
    autocorrelations,
    chain_figures,
    dependent,
    diverge,
    immobile,
    judged,
    scarce,
    stuck,
    sweeps_for,
    unmixed,
)


def fresh(count: int, draws: int = 500, seed: int = 1) -> list[np.ndarray]:
    """Quantities of four chains whose draws are independent."""
    return list(np.random.default_rng(seed).normal(size=(count, 4, draws)))


def test_independent_draws_have_converged() -> None:
    found = judged(fresh(3), fresh(2, seed=2), thin=5)
    assert found.verdict is Verdict.CONVERGED
    assert found.parameters["r_hat"].shape == (3,) and found.imputed["autocorrelation"].shape == (2,)


@pytest.mark.parametrize("imputed", [False, True])
def test_each_part_fails_the_verdict(imputed: bool) -> None:
    def verdict(array: np.ndarray, **options: int) -> Verdict:
        more = (fresh(1), [array]) if imputed else ([array], fresh(1))
        return judged(*more, thin=5, **options).verdict

    good = fresh(1, seed=3)[0]
    apart = good + np.arange(4)[:, None]
    slow = np.cumsum(good, axis=1)
    still = good.copy()
    still[0] = 0.3
    assert verdict(good) is Verdict.CONVERGED
    assert verdict(apart) is Verdict.REFUSED and verdict(slow) is Verdict.REFUSED and verdict(still) is Verdict.REFUSED
    assert verdict(np.repeat(good[:, ::10], 10, axis=1)) is Verdict.NEARLY
    assert verdict(good, divergences=2, transitions=1000) is Verdict.REFUSED
    assert verdict(good, divergences=1, transitions=1000) is Verdict.CONVERGED
    # a parameter has to move; the SD of one imputed cell cannot
    assert verdict(np.ones((4, 500))) is (Verdict.CONVERGED if imputed else Verdict.REFUSED)


def test_too_few_draws_have_no_verdict() -> None:
    assert judged(fresh(2, draws=3), fresh(1, draws=3), thin=1).verdict is Verdict.UNDECIDED
    assert judged(fresh(2, draws=4), fresh(1, draws=4), thin=1).verdict is Verdict.REFUSED
    assert judged([], [], thin=1).verdict is Verdict.CONVERGED


def test_an_r_hat_alone_is_no_alarm() -> None:
    found = judged(fresh(20, draws=90), [], thin=5)
    assert found.parameters["r_hat"].max() > R_HAT and found.verdict is Verdict.NEARLY  # by chance
    (long,) = fresh(1, draws=20_000)
    found = judged([long + 0.1 * (np.arange(4)[:, None] == 0)], [], thin=5)
    assert found.parameters["chance"][0] < 1e-6 and found.parameters["r_hat"][0] < R_HAT  # real, and harmless
    assert found.verdict is Verdict.CONVERGED


def test_the_sweeps_that_would_do_are_computed_from_the_figures() -> None:
    none = {"sd": [np.nan], "ess_bulk": [np.nan], "ess_tail": [np.nan], "autocorrelation": [np.nan]}
    none |= {"autocorrelation_se": [np.nan]}
    half = {**none, "sd": [1.0], "ess_bulk": [ESS / 2], "ess_tail": [ESS]}
    root = {**none, "autocorrelation": [np.sqrt(AUTOCORRELATION)], "autocorrelation_se": [0.01]}
    assert sweeps_for(500, none, none) == 500
    assert sweeps_for(500, half, none) == sweeps_for(500, none, root) == sweeps_for(500, none, none, root) == 1300
    assert sweeps_for(250, {**half, "ess_bulk": [10.0]}, none) == 13_000  # at once, not by tens: 250 · 40 · 1.25
    assert sweeps_for(500, {**half, "ess_bulk": [0.0]}, none) > 10**8


def test_the_parts_name_the_quantities_that_fail() -> None:
    good, other = fresh(2)
    walk = np.cumsum(good, axis=1)
    figures = chain_figures([good, np.zeros((4, 500)), other + np.arange(4)[:, None], walk])
    assert stuck(figures).tolist() == [False, True, False, False]
    assert unmixed(figures).tolist() == [False, False, True, False]
    assert immobile(figures).tolist() == [False, False, False, True]
    assert scarce(figures).tolist() == [False, False, True, True]
    assert scarce(chain_figures([good[:, :90]])).all() and not unmixed(chain_figures([np.zeros((4, 500))])).any()


def test_a_small_share_of_transitions_may_diverge() -> None:
    assert [diverge(n, 2000) for n in (0, 2, 3)] == [False, False, True]
    assert not diverge(0, 0)


def test_an_autocorrelation_counts_if_chance_cannot_make_it() -> None:
    found = {"autocorrelation": [AUTOCORRELATION + 0.2, AUTOCORRELATION + 0.3, np.nan]}
    assert dependent({**found, "autocorrelation_se": [0.1, 0.1, np.nan]}).tolist() == [False, True, False]
    pairs = np.repeat(np.random.default_rng(1).normal(size=(4, 250)), 2, axis=1)  # each draw twice
    assert dependent(autocorrelations([pairs], 1)).all() and not dependent(autocorrelations([pairs], 2)).any()
    assert autocorrelations([], 1)["autocorrelation"].shape == (0,)
