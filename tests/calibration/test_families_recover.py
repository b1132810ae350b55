"""Each family's imputations say what the complete data of the same samples say; without clusters they do not.

python -m pytest -m slow tests/calibration/test_families_recover.py
"""

import numpy as np
import pytest
from recovering import BETWEEN, SETUPS, TERMS, errors

pytestmark = pytest.mark.slow

REPLICATES = {"gamma": 12, "semicontinuous": 12}
"""By family, where not :data:`MANY`: those that are drawn by NUTS compile a model each time."""
MANY, FEW = 20, 6


@pytest.mark.parametrize("name", SETUPS)
def test_imputations_say_what_the_complete_data_say(name: str) -> None:
    found = dict(zip(TERMS, errors(SETUPS[name].gaps(REPLICATES.get(name, MANY))), strict=True))
    assert np.abs(list(found.values())).max() < 4, found


@pytest.mark.parametrize("name", SETUPS)
def test_plans_without_clusters_lose_what_lies_between_them(name: str) -> None:
    found = SETUPS[name].gaps(FEW, clustered=False)[:, BETWEEN]
    complete = np.mean([SETUPS[name].answers(SETUPS[name].sample(seed)[0])[BETWEEN] for seed in range(FEW)])
    assert errors(found[:, None])[0] < -4 and found.mean() < -0.15 * complete, (found.mean(), complete)
