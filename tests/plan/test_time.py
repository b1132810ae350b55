"""Plans whose rows are visits: values of the visit before, time since dropout, dropout that depends on the value."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.base.errors import PlanError
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.subject_visits import Visits
from bayesimpute.plan.resolving import resolve

TIME = bi.Time(subject="id", order="week")
SETTINGS = {"m": 4, "chains": 2, "warmup": 30, "sweeps": 40, "sampler": "gibbs"}
PSI = 1.0


@cache
def trial(subjects: int = 150) -> tuple[pd.DataFrame, np.ndarray]:
    """Four visits; who has a large y is the likelier to drop out before it is seen."""
    rng = np.random.default_rng(4)
    ids, week = np.repeat(np.arange(subjects), 4), np.tile([0.0, 1.0, 2.0, 4.0], subjects)
    arm = np.repeat(rng.integers(0, 2, subjects), 4).astype(float)
    y = 0.3 * week + np.repeat(rng.normal(size=subjects), 4) + rng.normal(size=4 * subjects)
    frame = pd.DataFrame({"id": ids, "week": week, "arm": arm, "y": y})
    gone = np.zeros(subjects, dtype=bool)
    for visit in range(1, 4):
        at = np.arange(visit, 4 * subjects, 4)
        gone |= rng.random(subjects) < expit(-2.5 + PSI * y[at])
        frame.loc[at[gone], "y"] = np.nan
    return frame, y


def plan(psi: Any = PSI, **options: Any) -> bi.Plan:
    dropping = bi.Conditional.of("dropout(y) ~ y + lag(y) + arm", family="bernoulli", priors={"y": psi})
    made = bi.Plan.of(["y ~ week + arm + (1 | id)"], substantive=[dropping], time=TIME, **options)
    return made.with_run(**SETTINGS)


def mean(run: bi.MultiplyImputed) -> float:
    return float(np.mean([each["y"].mean() for each in run]))


def test_a_plan_with_visits_comes_back_from_toml() -> None:
    assert bi.Plan.from_toml(plan().to_toml()) == plan() and "[time]" in plan().to_toml()
    with pytest.raises(PlanError, match=r"time\.order"):
        bi.Plan.from_toml('[time]\nsubject = "id"')


def test_the_risk_set_is_what_dropout_is_learnt_from() -> None:
    frame, _ = trial()
    data = Incomplete.from_frame(frame, clusters=["id"])
    found = resolve(plan(), data)
    target, seen = found.target("dropout(y)"), frame["y"].notna().to_numpy()
    risk = ~np.isnan(Visits.of(data, "id", "week").dropout(seen))
    np.testing.assert_array_equal(target.learn, risk)
    assert not target.impute.any() and found.target("y").watched and found.target("y").learn.all()
    assert found.factors == {"y": ("dropout(y)",)} and not bi.check(plan(), frame)


@pytest.mark.slow
def test_dropout_that_depends_on_the_value_is_recovered_and_missing_at_random_is_not() -> None:
    frame, y = trial()
    plans = (plan(psi).with_run(m=20, sweeps=400) for psi in (PSI, 0.0))
    right, ignorable = (bi.impute(frame, made, seed=2, progress=False) for made in plans)
    spread = np.std([each["y"].mean() for each in right], ddof=1)
    assert abs(mean(right) - y.mean()) < 3 * spread
    assert mean(ignorable) < y.mean() - 0.1 and mean(right) > mean(ignorable) + 0.1
    assert set(right.draws("dropout(y)").data_vars) == {"Intercept", "lag(y)", "arm"}


def test_values_of_the_visit_before_follow_at_once() -> None:
    frame = trial()[0].assign(z=lambda f: f["y"].fillna(0.0) + f["week"])
    frame.loc[frame["week"] == 4, "z"] = np.nan
    derived = (bi.Derived(name="before", expression="where(week == 0, 0, lag(y))"),)
    made = bi.Plan.of(["y ~ week + arm", "z ~ before + week"], time=TIME, derived=derived).with_run(**SETTINGS)
    for each in bi.impute(frame, made, seed=1, progress=False):
        expected = each.groupby("id")["y"].shift().fillna(0.0)
        np.testing.assert_allclose(each["before"], expected)


def test_shifts_grow_from_dropout_on_and_leave_gaps_alone() -> None:
    frame = trial()[0].copy()
    frame.loc[(frame["week"] == 1) & (frame["id"] % 5 == 0), "y"] = np.nan
    made = bi.Plan.of(["y ~ week + arm"], time=TIME).with_run(**SETTINGS)
    run = bi.impute(frame, made, seed=1, progress=False)
    after = np.nan_to_num(Visits.of(run.incomplete, "id", "week").since_dropout(frame["y"].notna().to_numpy()))
    shifted = run.adjusted(bi.Adjustment(target="y", shift="2 * since_dropout(y)"))
    for one, other in zip(run, shifted, strict=True):
        np.testing.assert_allclose(other["y"] - one["y"], 2 * after)
    with pytest.raises(PlanError, match="say where"):
        run.adjusted(bi.Adjustment(target="y", shift="2"))
    run.adjusted(bi.Adjustment(target="y", shift="2", where="since_dropout(y) > 0"))


def problems(given: bi.Plan, frame: pd.DataFrame | None = None) -> str:
    return "\n".join(map(str, bi.check(given, trial()[0] if frame is None else frame)))


def test_what_cannot_be_is_told() -> None:
    frame = trial()[0]
    untimed = problems(replace(plan(), time=None))
    assert "dropout(y) needs to know which rows follow each other" in untimed and "no column" not in untimed
    assert 'no column "ix"' in problems(replace(plan(), time=bi.Time(subject="ix", order="week")))
    assert "not a column of numbers" in problems(
        replace(plan(), time=bi.Time(subject="id", order="a")), frame.assign(a="b")
    )
    assert "two rows of a subject are at one time" in problems(plan(), frame.assign(week=1.0))
    assert "missing value" in problems(plan(), frame.assign(week=frame["week"].where(frame["week"] < 3)))
    lagged = bi.Plan.of(["y ~ week", "z ~ lag(y)"], time=TIME)
    assert "lag(y) has no value at the first visits, 150 rows" in problems(
        lagged, frame.assign(z=frame["y"].where(frame["week"] < 3))
    )
    never = frame.assign(y=frame["y"].where(frame["id"] > 2))
    shift = bi.Adjustment(target="y", shift="since_dropout(y)")
    shifted = bi.Plan.of(["y ~ week"], time=TIME, adjustments=[shift])
    assert "3 subjects have no observed y" in problems(shifted, never)
    told = replace(shift, shift="where(systematic(y, id), 1, since_dropout(y))")
    assert "no observed y" not in problems(replace(shifted, adjustments=(told,)), never)
    own = bi.Plan.of(["y ~ week + lag(y)"], time=TIME)
    assert "own target" in problems(own)
    assert "cannot be used in an" in problems(bi.Plan.of(["y ~ dropout(y)"], time=TIME))
