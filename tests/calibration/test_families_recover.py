"""Each family's imputations say what the complete data of the same samples say; without clusters they do not.

    python -m pytest -m slow tests/calibration/test_families_recover.py

Errors are of the mean over replicates of pooled minus complete-data estimates.
"""

import numpy as np
import pytest
from deltas import errors
from recovering import BETWEEN, SETUPS, TERMS

pytestmark = pytest.mark.slow

MANY, FEW = 20, 10


@pytest.mark.parametrize("name", SETUPS)
def test_imputations_say_what_the_complete_data_say(name: str) -> None:
    found = dict(zip(TERMS, errors(SETUPS[name].gaps(MANY)), strict=True))
    assert np.abs(list(found.values())).max() < 4, found


@pytest.mark.parametrize("name", SETUPS)
def test_plans_without_clusters_lose_what_lies_between_them(name: str) -> None:
    found = SETUPS[name].gaps(FEW, clustered=False)[:, BETWEEN]
    complete = np.mean([SETUPS[name].answers(SETUPS[name].sample(seed)[0])[BETWEEN] for seed in range(FEW)])
    assert errors(found[:, None])[0] < -3 and found.mean() < -0.3 * complete, (found.mean(), complete)
