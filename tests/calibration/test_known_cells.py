"""Cells that are known in part: imputations say what the complete data say, and are far off where it is not said.

    python -m pytest -m slow tests/calibration/test_known_cells.py

Errors are of the mean over replicates of pooled minus complete-data estimates.
"""

import numpy as np
import pytest
from deltas import errors
from knowing import SETUPS, TERMS

pytestmark = pytest.mark.slow

MANY, FEW = 100, 25


@pytest.mark.parametrize("name", SETUPS)
def test_imputations_say_what_the_complete_data_say(name: str) -> None:
    found = dict(zip(TERMS, errors(SETUPS[name].gaps(MANY)), strict=True))
    assert np.abs(list(found.values())).max() < 4, found


@pytest.mark.parametrize("name", SETUPS)
def test_ignoring_what_is_known_is_far_off(name: str) -> None:
    found = dict(zip(TERMS, errors(SETUPS[name].gaps(FEW, knowing=False)), strict=True))
    assert np.abs(found["mean of y"]) > 10, found
