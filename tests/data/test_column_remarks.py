"""What a normal model would draw that a variable never is."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.data.column_remarks import shape

RNG = np.random.default_rng(4)
TOLD = {
    "costs": (np.where(RNG.random(400) < 0.4, 0.0, RNG.lognormal(7, 1, 400)), "are 0, and none is below"),
    "a ceiling": (np.minimum(RNG.normal(20, 4, 400), 25.0), "are 25, and none is above"),
    "a floor": (np.maximum(RNG.normal(10, 4, 400), 4.0), "are 4, and none is below"),
    "incomes": (RNG.lognormal(7, 1, 400), "skewness"),
    "normal": (RNG.normal(0, 1, 400), None),
    "whole": (RNG.integers(0, 11, 400).astype(float), None),
    "scores": (np.round(RNG.normal(5, 1.5, 400)), None),
    "few": (RNG.lognormal(7, 1, 15), None),
    "yes or no": ((RNG.random(400) < 0.1).astype(float), None),
}


@pytest.mark.parametrize(("values", "told"), TOLD.values(), ids=TOLD.keys())
def test_what_a_normal_model_has_not_is_told(values: np.ndarray, told: str | None) -> None:
    found = shape(values)
    assert found is None if told is None else told in str(found)


@pytest.mark.parametrize("n", [20, 100, 2000])
def test_normal_samples_raise_no_alarm(n: int) -> None:
    samples = np.random.default_rng(n).standard_normal((600, n))
    assert sum(shape(values) is not None for values in samples) <= 2


@pytest.mark.parametrize("missing", [True, False])
def test_check_says_it_of_incomplete_targets(missing: bool) -> None:
    frame = pd.DataFrame({"cost": TOLD["costs"][0], "z": RNG.normal(size=400)})
    frame.loc[frame.index % 5 == 0, "cost" if missing else "z"] = np.nan
    plan = bi.Plan.of(["cost ~ z", "z ~ cost"])
    told = [p for p in bi.check(plan, frame) if p.path == "conditional[cost].family"]
    assert len(told) == missing and all("are 0, and none is below" in p.finding for p in told)


def test_a_variable_of_clusters_is_counted_once_in_each() -> None:
    w = np.repeat(RNG.lognormal(0, 2, 12), 30)
    frame = pd.DataFrame({"g": np.repeat(np.arange(12), 30), "w": w, "z": RNG.normal(size=360)})
    frame.loc[frame["g"] == 3, "w"] = np.nan
    plan = bi.Plan.of(["w ~ 1", "z ~ w + (1 | g)"])
    assert not [p for p in bi.check(plan, frame) if p.path == "conditional[w].family"]  # twelve are too few to tell
