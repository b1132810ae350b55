"""Dates predict dates, however strongly they are correlated, and plans have their order."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import errors
from bayesimpute.checking import check
from bayesimpute.cli.parser import main


def stays(n: int = 300, **more: Any) -> pd.DataFrame:
    """Stays of some days over three years, |r| > .995 of both dates; a fifth of the discharges is missing."""
    rng = np.random.default_rng(4)
    age = rng.normal(58, 14, n)
    los = np.round(rng.gamma(1.2, 7.0, n)) + 1
    admission = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 1095, n), unit="D")
    frame = pd.DataFrame({"age": age, "admission": admission, "discharge": admission + pd.to_timedelta(los, unit="D")})
    return frame.assign(discharge=frame["discharge"].mask(rng.random(n) < 0.2), **more)


def days(frame: pd.DataFrame) -> np.ndarray:
    return (frame["discharge"] - frame["admission"]).dt.days.to_numpy(dtype=float)


@pytest.mark.slow
def test_a_later_date_is_imputed_from_the_earlier_one_and_never_before_it() -> None:
    data = stays()
    made = bi.suggest(None, data)
    (model,) = made.plan.models
    assert "admission" in model.formulas["mu"] and model.family == bi.families.Bounded(limits=("admission", np.inf))
    assert bi.Plan.from_toml(made.toml).models[0].family == model.family
    assert "Dates, which are days: family bounded." in made.toml and "# dates -> bounded" in made.toml
    assert "Never before admission in the" in made.toml and check(made.plan, data) == []
    run = bi.impute(data, made, seed=1, progress=False, m=5, chains=1, warmup=10, sweeps=10)
    gone = data["discharge"].isna().to_numpy()
    drawn = np.concatenate([days(run.completed(k))[gone] for k in range(5)])
    known = days(data)[~gone]
    assert drawn.min() >= 0
    assert abs(drawn.mean() - known.mean()) < 4 * known.std() * np.sqrt(1 / gone.sum() + 1 / len(known))


def test_the_order_of_two_incomplete_dates_is_a_restriction() -> None:
    data = stays()
    data["admission"] = data["admission"].mask(np.arange(len(data)) % 7 == 0)
    made = bi.suggest(None, data)
    assert [r.rule for r in made.plan.restrictions] in (["discharge >= admission"], ["admission <= discharge"])
    formulas = {m.target: m.formulas["mu"] for m in made.plan.models}
    assert "admission" in formulas["discharge"] and "discharge" in formulas["admission"]
    assert bi.Plan.from_toml(made.toml).restrictions == made.plan.restrictions and check(made.plan, data) == []


def test_a_date_at_a_fixed_distance_is_a_copy_and_one_that_is_computed_is_told() -> None:
    data = stays()
    data["review"] = data["discharge"] + pd.Timedelta("30D")
    data["los"] = days(data)
    told = bi.suggest(None, data).toml.replace("\n# ", " ")
    assert "Left out: review, a copy of discharge" in told
    assert "Left out: discharge, computed from los" in told or "Left out: los, computed from discharge" in told


def test_check_says_it_of_plans_written_by_hand() -> None:
    data = stays()
    (found,) = check(bi.Plan.of(["discharge ~ age + admission"]), data)
    assert '"discharge" is never before "admission" in the' in found.finding
    assert 'family = "bounded", limits = ["admission", inf]' in found.remedy
    assert 'rule = "discharge >= admission"' in found.remedy
    rules = [bi.Restriction(rule="discharge >= admission")]
    assert check(bi.Plan.of(["discharge ~ age + admission"], restrictions=rules), data) == []
    known = [bi.Known(column="discharge", between=("admission", np.inf))]
    assert check(bi.Plan.of(["discharge ~ age + admission"], known=known), data) == []
    data.loc[3, "admission"] = data.loc[data["discharge"].notna(), "discharge"].max() + pd.Timedelta("1D")
    data.loc[3, "discharge"] = data.loc[3, "admission"] - pd.Timedelta("1D")
    assert check(bi.Plan.of(["discharge ~ age + admission"]), data) == []  # one is before it
    same = data.assign(admission=data["discharge"].fillna(pd.Timestamp("2022-02-02")))
    found = check(bi.Plan.of(["discharge ~ age + admission"]), same)
    assert "nearly repeats" in found[0].finding


@pytest.mark.parametrize("mode", ["compatible", "fcs"])
def test_an_auxiliary_date_is_no_copy(mode: str) -> None:
    data = stays(y=np.arange(300) % 13 + 0.5)
    made = bi.suggest("y ~ discharge + age", data, mode=mode, auxiliary=["admission"])
    assert any("admission" in m.formulas["mu"] for m in made.plan.models)
    assert "a copy of" not in made.toml and "nearly repeats" not in made.toml
    assert "is never before" in made.toml.replace("\n# ", " ")  # what check says of it


def test_what_columns_are_is_said_on_the_command_line_and_is_in_the_plan(tmp_path: Path, capsys: Any) -> None:
    data = stays(crp=[f"{k % 17 + 0.5}" if k % 5 else "<0.5" for k in range(300)])
    data = data.astype({"admission": str, "discharge": str}).mask(data == "NaT")
    data["discharge"] = data["discharge"].mask(data["discharge"] == "NaT")
    data.to_csv(tmp_path / "stays.csv", index=False)
    said = {"crp": "censored number", "admission": "date", "discharge": "date"}
    options = [word for name, what in said.items() for word in ("--column", f"{name}: {what}")]
    assert main(["suggest", "--data", str(tmp_path / "stays.csv"), *options]) == 0
    plan = bi.Plan.from_toml(capsys.readouterr().out)
    assert {each.name: each.written for each in plan.columns} == said
    assert plan.models == bi.suggest(None, pd.read_csv(tmp_path / "stays.csv"), columns=said).plan.models
    assert {m.target for m in plan.models} == {"crp", "discharge"}
    assert main(["suggest", "--data", str(tmp_path / "stays.csv"), "--column", "crpp: labels"]) == 1
    assert 'did you mean "crp"' in capsys.readouterr().err


@pytest.mark.parametrize("family", ["lognormal", "gamma", "negative_binomial", "semicontinuous"])
def test_families_with_a_zero_are_none_of_dates(family: str) -> None:
    found = errors(check(bi.Plan.of([bi.Conditional.of("discharge ~ age + admission", family=family)]), stays()))
    assert any('"discharge" is a date' in p.finding and "days(discharge - admission)" in p.remedy for p in found)
    fine = ("gaussian", "student_t", "skewed", "pmm")
    plans = (bi.Plan.of([bi.Conditional.of("discharge ~ age + admission", family=name)]) for name in fine)
    assert not any(errors(check(plan, stays())) for plan in plans)


def test_days_are_of_dates() -> None:
    data = stays()
    (found,) = errors(check(bi.Plan.of(["discharge ~ days(age) + admission"]), data))
    assert found.finding == 'days() is of dates, and "age" is a number' and "columns.age" in found.remedy
    assert errors(check(bi.Plan.of(["discharge ~ age + days(admission)"]), data)) == []
