"""Both error rates of the rule on simulated chains: stationary ones that are refused, and bad ones that are not."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from bayesimpute.numerics.chains import CONTRADICTION, FEWEST_EFFECTIVE, R_HAT, Verdict, judged
from bayesimpute.numerics.disagreement import apart

QUANTITIES = 100
"""Of a run."""
Spoil = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def stationary(
    rng: np.random.Generator, rho: float, chains: int = 4, draws: int = 600, quantities: int = QUANTITIES
) -> np.ndarray:
    """First-order autoregressive chains that start in equilibrium, the odd ones skewed: (chain, draw, quantity)."""
    noise = rng.normal(size=(chains, draws, quantities))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    series = lfilter([1], [1, -rho], noise, axis=1)
    series[..., 1::2] = np.exp(series[..., 1::2])
    return series


def refused(values: np.ndarray, tests: int = 1) -> np.ndarray:
    """Which quantities' chains are found apart, or to hardly move, in a run of so many, (quantity,)."""
    found = apart(values)
    return (found["chance"] * tests < CONTRADICTION) | (found["ess_half"] < FEWEST_EFFECTIVE)


def test_stationary_chains_with_a_high_r_hat_are_not_refused() -> None:
    values = stationary(np.random.default_rng(1), 0.5)
    found = judged(list(np.moveaxis(values, 2, 0)), [], thin=100)
    assert found.parameters["r_hat"].max() > R_HAT and found.verdict is not Verdict.REFUSED


@pytest.mark.by_default("0.8")
@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_the_probability_of_an_alarm_is_what_is_said(rho: float) -> None:
    size, level = 1000, 0.02
    chance = apart(stationary(np.random.default_rng(2), rho, quantities=size))["chance"]
    assert (chance < level).mean() < level + 4 * np.sqrt(level / size)
    assert rho > 0 or (chance < level).mean() > level / 4  # and not because it never alarms


def one_elsewhere(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One chain is a standard deviation off."""
    del rng
    return values + values.std(axis=(0, 1)) * (np.arange(4) == 2)[:, None, None]


def one_wider(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One chain has twice the spread."""
    del rng
    centre = values.mean(axis=(0, 1))
    return centre + (values - centre) * np.where(np.arange(4) == 1, 2, 1)[:, None, None]


def one_stuck(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One chain stays where a stationary chain might be."""
    values[3] = values[0, rng.integers(values.shape[1])]
    return values


def two_modes(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two chains in each of two modes, two standard deviations apart."""
    del rng
    return values + 2 * values.std(axis=(0, 1)) * (np.arange(4) < 2)[:, None, None]


def drifting(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All chains move by two standard deviations."""
    del rng
    return values + values.std(axis=(0, 1)) * np.linspace(0, 2, values.shape[1])[:, None]


def walking(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random walks."""
    return rng.normal(size=values.shape).cumsum(axis=1)


@pytest.mark.parametrize("spoil", [one_elsewhere, one_wider, one_stuck, two_modes, drifting, walking])
def test_bad_chains_are_refused(spoil: Spoil) -> None:
    rng = np.random.default_rng(3)
    found = refused(spoil(stationary(rng, 0.5), rng), tests=QUANTITIES)
    assert found.mean() > 0.9, f"{found.mean():.2f}"


RUNS = 250
SHAPES = [(0.0, 4, 600), (0.5, 4, 600), (0.8, 4, 600), (0.9, 4, 600), (0.5, 4, 200), (0.8, 10, 300), (0.9, 2, 1000)]


@pytest.mark.slow
def test_below_one_in_a_hundred_stationary_runs_is_refused() -> None:
    """Chains with 15 effective draws in each half or more; the shares are printed."""
    total = 0
    for rho, chains, draws in SHAPES:
        rng = np.random.default_rng(4)
        runs = [refused(stationary(rng, rho, chains, draws), tests=QUANTITIES).any() for _ in range(RUNS)]
        print(f"autocorrelation {rho}, {chains} x {draws}: {np.mean(runs):.3f} of {RUNS} runs refused")
        assert np.mean(runs) < 0.01 + 3 * np.sqrt(0.01 / RUNS)
        total += np.sum(runs)
    assert total / (RUNS * len(SHAPES)) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.0, 0.8, 0.9])
@pytest.mark.parametrize("spoil", [one_elsewhere, one_wider, one_stuck, two_modes, drifting, walking])
def test_power_is_printed(spoil: Spoil, rho: float) -> None:
    """Chains of few effective draws show only what is far apart: ESS keeps the others from being called converged."""
    rng = np.random.default_rng(3)
    found = refused(spoil(stationary(rng, rho), rng), tests=QUANTITIES).mean()
    print(f"{spoil.__name__}, autocorrelation {rho}: {found:.2f} refused")
    assert found > (0.9 if rho == 0 or spoil is walking else 0)
