"""Nelson and Aalen's estimate: against statsmodels, and by hand with ties."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

import bayesimpute as bi
from bayesimpute.formulas import evaluate_expression, parse_expression
from bayesimpute.formulas.cumulative_hazard import nelson_aalen


def test_by_hand_with_ties_and_censoring_at_the_time_of_an_event() -> None:
    time = np.array([5, 2, 2, 3, 2, 5, 1.0])
    event = np.array([1, 1, 1, 0, 0, 0, 0.0])
    after_2 = 2 / 6
    after_5 = after_2 + 1 / 2
    np.testing.assert_allclose(nelson_aalen(time, event), [after_5, after_2, after_2, after_2, after_2, after_5, 0])


def test_against_the_events_and_risk_sets_of_statsmodels() -> None:
    rng = np.random.default_rng(2)
    time, event = np.ceil(rng.exponential(10, 300)), (rng.random(300) < 0.6).astype(float)
    known = SurvfuncRight(time, event)
    cumulative = np.cumsum(known.n_events / known.n_risk)
    place = np.searchsorted(known.surv_times, time, side="right") - 1
    np.testing.assert_allclose(nelson_aalen(time, event), np.where(place < 0, 0.0, cumulative[np.maximum(place, 0)]))


def test_what_is_not_known_counts_nowhere() -> None:
    found = nelson_aalen(np.array([1, 2, np.nan, 3]), np.array([1, np.nan, 1, 1]))
    np.testing.assert_array_equal(found, [0.5, np.nan, np.nan, 1.5])
    assert np.isnan(nelson_aalen(np.array([np.nan]), np.array([1.0]))).all()


def test_a_derived_variable_of_a_plan() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"time": rng.exponential(size=60), "died": rng.integers(0, 2, 60), "bp": rng.normal(size=60)})
    frame.loc[::4, "bp"] = np.nan
    derived = (bi.Derived(name="hazard", expression="nelson_aalen(time, died)"),)
    plan = bi.Plan.of(["bp ~ hazard + died"], derived=derived)
    made = bi.impute(frame, plan.with_run(m=2, chains=2, warmup=2, sweeps=2, sampler="prior"), seed=1, progress=False)
    expected = nelson_aalen(frame["time"].to_numpy(), frame["died"].to_numpy(dtype=float))
    np.testing.assert_allclose(made.completed(1)["hazard"], expected)
    expression = parse_expression("nelson_aalen(time, died)")
    np.testing.assert_allclose(evaluate_expression(expression, frame, {}), expected)


def test_where_it_cannot_stand() -> None:
    frame = pd.DataFrame({"time": [1.0, 2, np.nan, 4] * 5, "died": [0, 1] * 10, "y": np.arange(20.0)})
    with pytest.raises(bi.BayesimputeError, match="nelson_aalen"):
        bi.impute(frame, bi.Plan.of(["time ~ nelson_aalen(y, died)"]), seed=1, progress=False)
    derived = (bi.Derived(name="h", expression="nelson_aalen(time, died)"),)
    plan = bi.Plan.of(["time ~ died"], substantive=("y ~ h",), derived=derived)
    found = [str(p) for p in bi.check(plan, frame)]
    assert any("derived[h]" in p and "every value would move all rows" in p for p in found)
