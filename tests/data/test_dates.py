"""Dates are days in models and dates again on output, at the resolution of their column."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run

import bayesimpute as bi
from bayesimpute.data.columns import encode
from bayesimpute.data.readers import parse_csv
from bayesimpute.data.said_columns import as_said, said_of
from bayesimpute.families import auto, why_auto
from bayesimpute.formulas import evaluate_expression

RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 40, "sweeps": 10, "steps": 1}
DAYS = ["2000-01-02", None, "1999-12-31", "2024-02-29"]
PLAIN = [None if day is None else datetime.date.fromisoformat(day) for day in DAYS]
TIMES = ["2000-01-01 12:00", None, "1999-12-31 23:30", "2024-02-29 00:00"]


def dated(series: pd.Series) -> Any:
    column = encode(series, "when")
    return column if column.dates is not None else as_said(column, said_of({"when": "date"})[0])


COLUMNS: dict[str, tuple[pd.Series, str]] = {
    "datetime64[ns]": (pd.Series(pd.to_datetime(DAYS)).astype("datetime64[ns]"), "dates"),
    "datetime64[s]": (pd.Series(pd.to_datetime(DAYS)).astype("datetime64[s]"), "dates"),
    "zone": (pd.Series(pd.to_datetime(DAYS).tz_localize("Europe/Amsterdam")), "dates"),
    "times": (pd.Series(pd.to_datetime(TIMES)), "times"),
    "arrow": (pd.Series(PLAIN, dtype="date32[pyarrow]"), "dates"),
    "date objects": (pd.Series(PLAIN, dtype=object), "dates"),
    "texts": (pd.Series(DAYS, dtype="str"), "dates"),
    "object texts": (pd.Series(DAYS, dtype=object), "dates"),
    "texts with times": (pd.Series([None if t is None else t.replace(" ", "T") for t in TIMES], dtype="str"), "times"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_they_are_days_and_come_back_as_they_were(name: str) -> None:
    given, unit = COLUMNS[name]
    column = dated(given)
    expected = [1, np.nan, -1, 8825] if unit == "dates" else [0.5, np.nan, -1 / 48, 8825]
    np.testing.assert_allclose(column.values, expected, rtol=1e-12)
    assert column.kind == "number" and column.dates.unit == unit and auto(column).name == "gaussian"
    assert why_auto(column) == f"{unit} -> gaussian, in days"
    back = column.decode(column.values, given.index)
    assert back.dtype == given.dtype
    pd.testing.assert_series_equal(back, given, check_names=False)
    filled = column.decode(np.where(np.isnan(column.values), 10.74, column.values), given.index, given=given)
    assert filled.dtype == given.dtype
    again = dated(filled).values
    step = 1 if unit == "dates" else 1 / 48
    assert again[1] == pytest.approx(round(10.74 / (step if step == 1 else 1 / 1440)) * (1 if step == 1 else 1 / 1440))
    pd.testing.assert_series_equal(filled.drop(1), given.drop(1), check_names=False)


def test_what_is_no_date() -> None:
    for values in (["a", "b"], [1.0, 2.0], ["2024-01-01T10:00+02:00", "2024-01-02T10:00+02:00"]):
        found = as_said(encode(pd.Series(values), "when"), said_of({"when": "date"})[0])
        assert "no dates, or have time zones" in found.finding  # type: ignore[union-attr]
    found = as_said(encode(pd.Series(pd.to_datetime(DAYS)), "when"), said_of({"when": "ordered"})[0])
    assert "it holds dates" in found.finding and 'columns.when = "date"' in found.remedy  # type: ignore[union-attr]
    bad = bi.Plan.of("y ~ when", columns={"when": {"date": ["a", "b"]}})
    told = bi.check(bad, pd.DataFrame({"y": [1, None], "when": DAYS[:2]}))
    assert any("a date has no labels" in p.finding for p in told)


def hospital(n: int = 150) -> pd.DataFrame:
    """Stays end some days after they begin, and last longer for the old."""
    rng = np.random.default_rng(2)
    age = rng.normal(60, 10, n)
    begins = pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    ends = begins + pd.to_timedelta(np.round(10 + (age - 60) / 5 + rng.normal(size=n)), unit="D")
    found = pd.DataFrame({"age": age, "admission": begins, "discharge": ends})
    found["y"] = (ends - begins).days + rng.normal(size=n)
    for name in ("admission", "discharge", "y"):
        found[name] = found[name].where(rng.random(n) > 0.2)
    return found


MODELS = ["discharge ~ admission + age + y", "admission ~ discharge + age + y", "y ~ days(discharge - admission)"]


@pytest.mark.by_default("stamps")
@pytest.mark.parametrize("written", ["stamps", "texts"])
def test_they_take_part_in_models(written: str, tmp_path: Path) -> None:
    data, columns = hospital(), {}
    if written == "texts":
        for name in ("admission", "discharge"):
            data[name] = data[name].dt.strftime("%Y-%m-%d")
        columns = {"admission": "date", "discharge": "date"}
        data = parse_csv(data.to_csv(index=False), "here")
        untold = [p for p in bi.check(bi.Plan.of(MODELS), data) if "is a date" in p.finding]
        assert untold and all("columns." in p.remedy and '= "date"' in p.remedy for p in untold)
    derived = [bi.Derived(name="stay", expression="days(discharge - admission)")]
    plan = bi.Plan.of(MODELS, derived=derived, columns=columns, run=bi.Run(**RUN))
    assert [p for p in bi.check(plan, data) if str(p.severity) == "error"] == []
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    run = bi.impute(data, plan, seed=1, progress=False, checkpoint=tmp_path / "run.nc")
    for each in run:
        assert each.dtypes[["admission", "discharge"]].equals(data.dtypes[["admission", "discharge"]])
        for name in ("admission", "discharge"):
            seen = data[name].notna()
            pd.testing.assert_series_equal(each[name][seen], data[name][seen])
            assert not each[name].isna().any()
        days = [pd.to_datetime(each[name]) for name in ("admission", "discharge")]
        assert all((d == d.dt.normalize()).all() for d in days)
        assert np.abs(each["stay"] - (days[1] - days[0]).dt.days).max() <= 1  # each end is rounded
    slope = run.pool("y ~ days(discharge - admission)").terms.loc[1, "estimate"]
    known = hospital().dropna()
    assert slope == pytest.approx(bi.fit("y ~ days(discharge - admission)", known).estimates[1], abs=0.12)
    run.pool("discharge ~ age")
    assert_same_run(bi.load(tmp_path / "run.nc"), run)
    assert_same_run(bi.resume(tmp_path / "run.nc", progress=False), run)
    run.completed(0).to_csv(tmp_path / "long.csv", index=False)
    new = run.transform(data.iloc[:20].assign(discharge=data["discharge"].where(data.index > 4)), seed=1)
    assert new.completed(0)["discharge"].dtype == data["discharge"].dtype
    told = run.events.query("target == 'discharge' and what == 'family gaussian'")["why"].tolist()
    assert told == ["dates, in days"]


def test_a_difference_of_a_date_and_a_time_has_one_unit() -> None:
    columns = {"a": dated(COLUMNS["datetime64[ns]"][0]).values, "b": dated(COLUMNS["times"][0]).values}
    found = evaluate_expression("days(b - a)", columns)
    np.testing.assert_allclose(found, [-0.5, np.nan, 47 / 48, 0], atol=1e-12)


@pytest.mark.parametrize("text", ["2024-03-01", "2024-03-01T12:00", "20240301"])
def test_a_date_in_quotation_marks_is_the_number_that_columns_have(text: str) -> None:
    stamps = dated(pd.Series(pd.to_datetime(["2024-02-28", "2024-03-02"])))
    found = evaluate_expression(f'days(a - days("{text}"))', {"a": stamps.values})
    np.testing.assert_allclose(found, np.array([-2, 1]) - 0.5 * ("T" in text), atol=1e-12)


def test_it_stands_in_rules_formulas_and_conditions() -> None:
    data = hospital()
    last = pd.Timestamp("2021-10-15")
    data["discharge"] = data["discharge"].where(data["discharge"] <= last)
    rules = [bi.Restriction(rule=f'discharge <= days("{last.date()}")')]
    runs = [
        bi.impute(data, bi.Plan.of(MODELS, restrictions=each, run=bi.Run(**RUN)), seed=1, progress=False)
        for each in ((), rules)
    ]
    assert [any((each["discharge"] > last).any() for each in run) for run in runs] == [True, False]
    condition, middle = 'admission >= days("{}")', data["admission"].median()
    since = 'y ~ days(discharge - days("2021-01-01"))'
    found = runs[1].analyse(since, where=condition.format(middle.date()), progress=False).estimates[0]
    first = runs[1].completed(0).loc[lambda each: each["admission"] >= middle]
    days = (first["discharge"] - pd.Timestamp("2021-01-01")).dt.days
    assert found.estimates[1] == pytest.approx(np.polyfit(days, first["y"], 1)[0], rel=1e-6)


@pytest.mark.parametrize(
    ("rule", "finding", "remedy"),
    [
        ('discharge >= days("2024-13-01")', "is no date", 'days("2024-03-01")'),
        ('discharge >= "2024-03-01"', "compares text with a number", 'days("2024-03-01")'),
        ('age >= days("2024-03-01")', '"age" is a number', "columns.age"),
    ],
)
def test_what_is_no_date_is_told(rule: str, finding: str, remedy: str) -> None:
    plan = bi.Plan.of(MODELS, restrictions=[bi.Restriction(rule=rule)])
    assert any(finding in p.finding and remedy in p.remedy for p in bi.check(plan, hospital()))


def test_the_sparse_default_imputes_them() -> None:
    data = hospital()
    found = bi.suggest(None, data)
    families = {c.target: c.family for c in found.plan.conditionals}
    assert families["discharge"] == "gaussian" and "dates -> gaussian, in days" in found.toml
    assert bi.Incomplete.from_frame(data).variables["admission"].kind == "date"


def test_new_rows_with_texts_for_dates_are_told_what_they_are() -> None:
    rng, n = np.random.default_rng(1), 40
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    data = pd.DataFrame({"when": when, "y": rng.normal(size=n)}).mask(np.arange(n)[:, None] % [[5, 7]] == 0)
    run = bi.impute(data, ["y ~ when", "when ~ y"], seed=1, progress=False, **RUN)
    with pytest.raises(bi.DataError, match=r"its values are texts, and were of a type of dates.*pandas.to_datetime"):
        run.transform(data.astype({"when": str}).replace("NaT", None))
