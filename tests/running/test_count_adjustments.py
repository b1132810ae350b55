"""A delta on a count: each imputed value under the shift that was asked for, with no line of counts' own."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from looping import fresh_record, ran

import bayesimpute as bi
from bayesimpute.plan.options import Run

SETTINGS = Run(m=8, chains=2, warmup=30, sweeps=8, sampler="gibbs", steps=3)


def counts() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    g = np.arange(300) % 15
    x = rng.normal(size=300)
    rate = np.exp(1.5 + 0.3 * x + rng.normal(0, 0.3, 15)[g]) * rng.gamma(3, 1 / 3, 300)
    frame = pd.DataFrame({"g": g, "x": x, "y": rng.poisson(rate).astype(float)})
    frame.loc[::3, "y"] = np.nan
    return frame


def cells(*adjustments: bi.Adjustment) -> np.ndarray:
    """The imputed values, shape (imputation, cell)."""
    item = bi.Conditional.of("y ~ x + (1 | g)", family="negative_binomial")
    plan = replace(bi.Plan.of([item], run=SETTINGS), adjustments=adjustments)
    made = ran(fresh_record(counts(), plan, seed=3))
    gaps = counts()["y"].isna().to_numpy()
    return np.stack([made.completed(k)["y"].to_numpy()[gaps] for k in range(SETTINGS.m)])


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return cells()


@pytest.mark.parametrize(("scale", "shift"), [("value", 2), ("ratio", 3)])
def test_values_are_shifted_as_they_are_drawn(plain: np.ndarray, scale: str, shift: int) -> None:
    found = cells(bi.Adjustment(target="y", shift=shift, scale=scale))
    np.testing.assert_array_equal(found, plain + shift if scale == "value" else plain * shift)


def test_on_the_predictor_a_delta_multiplies_the_mean(plain: np.ndarray) -> None:
    found = cells(bi.Adjustment(target="y", shift=float(np.log(2)), scale="predictor"))
    ratio = found.mean(axis=1) / plain.mean(axis=1)  # of the same draws of the parameters
    assert abs(ratio.mean() - 2) < 4 * ratio.std(ddof=1) / np.sqrt(len(ratio))


@pytest.mark.parametrize(("scale", "shift"), [("value", 0.5), ("value", -1), ("ratio", 1.2), ("ratio", "x")])
def test_shifts_that_leave_no_count_are_problems(scale: str, shift: float | str) -> None:
    item = bi.Conditional.of("y ~ x + (1 | g)", family="poisson")
    plan = replace(bi.Plan.of([item]), adjustments=(bi.Adjustment(target="y", shift=shift, scale=scale),))
    found = [p for p in bi.check(plan, counts()) if "shift" in p.path]
    assert found and 'scale = "predictor"' in found[0].remedy
