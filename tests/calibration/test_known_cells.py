"""Cells that are known in part: imputations say what the complete data say, and are far off where it is not said.

    python -m pytest -m slow tests/calibration/test_known_cells.py

Errors are of the mean over replicates of pooled minus complete-data estimates.
"""

import numpy as np
import pandas as pd
import pytest
from deltas import errors, imputed, least_squares
from knowing import SETTINGS, SETUPS, TERMS

import bayesimpute as bi
from bayesimpute import Conditional, Plan

pytestmark = pytest.mark.slow

MANY, FEW = 100, 25


@pytest.mark.parametrize("name", SETUPS)
def test_imputations_say_what_the_complete_data_say(name: str) -> None:
    found = dict(zip(TERMS, errors(SETUPS[name].gaps(MANY)), strict=True))
    assert np.abs(list(found.values())).max() < 4, found


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "gamma"])
def test_counts_and_amounts_between_two_numbers(family: str) -> None:
    """Two thirds of those from 3 on are known to lie in intervals; without these the mean is far off."""
    gaps = {knowing: np.array([_paired(family, seed, knowing) for seed in range(20)]) for knowing in (True, False)}
    found, ignored = errors(gaps[True]), errors(gaps[False])
    assert np.abs(found).max() < 4, found
    assert np.abs(ignored[0]) > 10, ignored


def _paired(family: str, seed: int, knowing: bool) -> np.ndarray:
    """Pooled mean and slope of y on x minus those of the complete data."""
    rng, n = np.random.default_rng([48, seed]), 300
    g, x = np.arange(n) % 30, rng.normal(size=n)
    m = np.exp(1 + 0.4 * x + rng.normal(0, 0.3, 30)[g])
    y = (
        rng.gamma(2.0, m / 2.0) + 0.01
        if family == "gamma"
        else rng.poisson(m * rng.gamma(3, 1 / 3, n) ** (family != "poisson")).astype(float)
    )
    coarse = (y >= 3) & (rng.random(n) < 2 / 3)  # whole intervals: within one it is at random
    low = np.where(coarse, 3 * np.floor(y / 3), np.nan)
    frame = pd.DataFrame({"g": g, "x": x, "y": y})
    left = frame.assign(y=np.where(coarse, np.nan, y), low=low, high=low + (3 if family == "gamma" else 2))
    known = [bi.Known(column="y", between=("low", "high"))] if knowing else []
    plan = Plan.of([Conditional.of("y ~ x + (1 | g)", family=family)], known=known, run=SETTINGS)
    run = imputed(plan, left, seed)
    return np.mean([_answers(each) for each in run], axis=0) - _answers(frame)


def _answers(frame: pd.DataFrame) -> np.ndarray:
    return np.array([frame["y"].mean(), least_squares(frame, "y", "x")[1]])


@pytest.mark.parametrize("name", SETUPS)
def test_ignoring_what_is_known_is_far_off(name: str) -> None:
    found = dict(zip(TERMS, errors(SETUPS[name].gaps(FEW, knowing=False)), strict=True))
    assert np.abs(found["mean of y"]) > 10, found
