"""Imputed values far outside of what was observed: when it is said, when it is not, and that a file says it, too."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.diagnosis.diagnosis import diagnose
from bayesimpute.plan.plan import Plan
from bayesimpute.running.far_values import OTHER_SIGN, WHAT, far, other_sign

M = 20


def regressions(rng: np.random.Generator, n: int, cells: int, df: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Observed values of a regression on one variable, and M proper imputations of others; errors of Student's t."""
    x = rng.normal(size=n + cells)
    y = 0.5 * x + rng.standard_t(df, size=n + cells)
    design = np.column_stack([np.ones(n + cells), x])
    learnt = design[:n]
    estimate, left = np.linalg.lstsq(learnt, y[:n], rcond=None)[:2]
    factor = np.linalg.cholesky(np.linalg.inv(learnt.T @ learnt))
    scale = np.sqrt((df - 2) / df) if np.isfinite(df) else 1.0
    made = []
    for _ in range(M):
        sd = np.sqrt(float(left[0]) / rng.chisquare(n - 2))
        drawn = estimate + sd * (factor @ rng.normal(size=2))
        made.append(design[n:] @ drawn + sd * scale * rng.standard_t(df, size=cells))
    return y[:n], made


@pytest.mark.parametrize("df", [np.inf, 3.0], ids=["normal", "Student's t"])
def test_false_alarms_are_rare(df: float) -> None:
    rng = np.random.default_rng(4)
    sizes = [(n, cells) for n in (10, 20, 50, 200) for cells in (3, 60)]
    said = [far(*regressions(rng, n, cells, df)) is not None for n, cells in sizes for _ in range(50)]
    # of 400, with a probability below 1 in 200 each: 8 or more in one of 1,000 such tests
    assert sum(said) < 8


def test_what_is_said_and_of_how_many() -> None:
    observed = np.linspace(216, 227, 50)
    near, wild = np.full(90, 236.0), np.full(10, 413.0)
    assert far(observed, [near]) is None
    said = far(observed, [np.concatenate([near, wild])] * 2)
    assert said is not None and "10.0% of them lie outside of 216 to 227" in said and "from 216 to 413" in said
    assert far(observed, [np.concatenate([near, wild[:1]])]) is None  # one value is no more than chance
    assert far(observed[:5], [wild]) is None and far(np.ones(50), [wild]) is None


def test_another_sign_is_told_of_either_side_and_of_no_few() -> None:
    observed = np.linspace(1, 25, 200)
    some = np.concatenate([np.full(90, 3.0), np.full(10, -4.0)])
    said = other_sign(observed, [some] * 2)
    assert said == "10% of them are below zero, where none was observed; they reach to -4"
    assert other_sign(-observed, [-some]) == "10% of them are above zero, where none was observed; they reach to 4"
    assert other_sign(observed - 5, [some]) is None and other_sign(observed, [some[:94]]) is None
    assert other_sign(observed[:9], [some]) is None and other_sign(np.zeros(50), [some]) is None


def test_another_sign_is_rarely_told_of_values_like_the_observed_ones() -> None:
    """The smallest of those observed is zero: no other start of the scale is nearer."""
    rng, said = np.random.default_rng(5), 0
    for n, cells in [(n, cells) for n in (10, 20, 50, 200) for cells in (3, 60)] * 50:
        observed, made = regressions(rng, n, cells, np.inf)
        said += other_sign(observed - observed.min(), [each - observed.min() for each in made]) is not None
    assert said < 8  # as above


def test_negative_draws_where_a_line_leads_below_zero_are_an_event_and_a_reason() -> None:
    rng = np.random.default_rng(6)
    age = rng.uniform(0, 20, 300)
    volume = np.where(age < 11, np.nan, np.round(np.maximum(1, 2 * (age - 10) + rng.normal(0, 2, 300))))
    frame = pd.DataFrame({"age": age, "volume": volume, "date": pd.Timestamp("1999-12-12")})
    frame["date"] += pd.to_timedelta(np.round(3 * age), unit="D")
    frame.loc[age < 11, "date"] = pd.NaT
    done = bi.impute(
        frame, ["volume ~ age", "date ~ age"], seed=1, m=4, chains=2, warmup=5, sweeps=10, steps=1, progress=False
    )
    (event,) = done.events.loc[done.events["what"] == OTHER_SIGN].to_dict("records")
    assert event["target"] == "volume" and "below zero" in event["why"]
    (reason,) = [r for r in done.diagnose().reasons if OTHER_SIGN in r]
    assert reason.startswith("volume, ") and "lognormal" in reason
    assert (done.extend(10, progress=False).events["what"] == OTHER_SIGN).sum() == 1


@pytest.fixture(scope="module")
def wild() -> bi.MultiplyImputed:
    """Ages known in 6 of 18 schools, regressed on three cluster means that have to carry on far beyond these six."""
    rng = np.random.default_rng(2)
    school = np.repeat(np.arange(18), 20)
    means = rng.normal(size=(3, 18)) * np.where(np.arange(18) < 6, 0.05, 1.0)
    frame = pd.DataFrame((means[:, school] + rng.normal(size=(3, 360))).T, columns=["a", "b", "c"])
    frame = frame.assign(school=school, age=np.where(school < 6, rng.uniform(216, 227, 360), np.nan))
    context = " + ".join(f"cluster_mean({name}, school)" for name in "abc")
    plan = Plan.of([f"age ~ a + b + c + {context} + (1 | school)"]).with_run(m=6, chains=2, warmup=20, sweeps=30)
    return bi.impute(frame, plan, seed=3, workers=1, progress=False)


def test_it_is_an_event_and_a_reason_and_stands_in_the_file(wild: bi.MultiplyImputed, tmp_path: Path) -> None:
    (event,) = wild.events.loc[wild.events["what"] == WHAT].to_dict("records")
    assert (event["target"], event["chain"]) == ("age", -1)
    (reason,) = [r for r in wild.diagnose().reasons if WHAT in r]
    assert reason.startswith("age, ") and event["why"] in reason and "cluster means first" in reason
    wild.save(tmp_path / "wild.nc")
    loaded = bi.load(tmp_path / "wild.nc")
    assert [r for r in diagnose(loaded).reasons if WHAT in r] == [reason]
    assert reason in wild.diagnose().to_json_dict()["reasons"]


def test_an_extended_run_says_it_once(wild: bi.MultiplyImputed) -> None:
    longer = wild.extend(30, workers=1, progress=False)
    assert (longer.events["what"] == WHAT).sum() == 1


def test_the_check_of_such_a_plan_warns_first(wild: bi.MultiplyImputed) -> None:
    (warning,) = [p for p in bi.check(wild.plan, wild.incomplete) if "coefficients of their level" in p.finding]
    assert '6 clusters of "school" with a value of "age" are to carry 3 coefficients' in warning.finding
    assert warning.remedy.startswith("1 is what they carry") and warning.path == "conditional[age].formulas.mu"
