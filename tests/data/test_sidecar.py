"""What is known of cells, in a frame or file beside the data: it says the same as columns of the data do."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bayesimpute as bi
from bayesimpute.cli.parser import main

SHORT = {"m": 2, "chains": 1, "warmup": 2, "sweeps": 4, "progress": False, "seed": 1}
KNOWN = bi.Known(column="bnp", between=("low", "high"))


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=60)
    bnp = 5 + x + rng.normal(size=60)
    return pd.DataFrame(
        {"bnp": np.where(rng.random(60) < 0.3, np.nan, bnp), "x": x}, index=[f"p{k}" for k in range(60)]
    )


@pytest.fixture(scope="module")
def limits(frame: pd.DataFrame) -> pd.DataFrame:
    gone, rows = frame["bnp"].isna(), np.arange(60)
    low, high = np.where(gone, 7.0, np.nan), np.where(gone & (rows % 2 == 0), 7.5, np.nan)
    return pd.DataFrame({"low": low, "high": high}, index=frame.index)


def test_it_says_what_columns_of_the_data_say(frame: pd.DataFrame, limits: pd.DataFrame) -> None:
    beside = bi.impute(frame, "bnp ~ x", known=[KNOWN], beside=limits, **SHORT)
    inside = bi.impute(frame.join(limits), "bnp ~ x", known=[KNOWN], **SHORT)
    turned = bi.impute(frame, "bnp ~ x", known=[KNOWN], beside=limits[::-1], **SHORT)
    pd.testing.assert_frame_equal(beside.completed(0), inside.completed(0))
    pd.testing.assert_frame_equal(beside.completed(0), turned.completed(0))
    drawn = beside.completed(1)["bnp"][frame["bnp"].isna()]
    assert (drawn >= 7).all() and (drawn[limits["high"].notna()] <= 7.5).all()


def test_a_plan_from_the_data_alone_does_not_read_it(frame: pd.DataFrame, limits: pd.DataFrame) -> None:
    for made in (
        bi.impute(frame, known=[KNOWN], beside=limits, **SHORT),
        bi.impute(frame.join(limits), known=[KNOWN], **SHORT),
    ):
        assert [c.target for c in made.plan.conditionals] == ["bnp"]
        assert made.plan.conditionals[0].formulas["mu"] == "bnp ~ x"
        assert (made.completed(0)["bnp"][frame["bnp"].isna()] >= 7).all()
    written = bi.suggest(None, frame.join(limits), known=[KNOWN])
    assert bi.Plan.from_toml(written.toml) == written.plan
    compatible = bi.suggest("bnp ~ x", frame.join(limits), known=[KNOWN], auxiliary="auto")
    assert compatible.plan.known == (KNOWN,) == bi.Plan.from_toml(compatible.toml).known
    assert "low" not in str(compatible.plan.models)


def test_frames_of_other_kinds_stand_beside_by_their_places(frame: pd.DataFrame, limits: pd.DataFrame) -> None:
    made = bi.impute(
        pl.from_pandas(frame), "bnp ~ x", known=[KNOWN], beside=pl.from_pandas(limits).fill_nan(None), **SHORT
    )
    completed = made.completed(0)
    assert isinstance(completed, pl.DataFrame) and completed.columns == ["bnp", "x", "low", "high"]
    assert (completed["bnp"].to_numpy()[frame["bnp"].isna()] >= 7).all()


def test_a_run_goes_on_with_and_without_it(frame: pd.DataFrame, limits: pd.DataFrame, tmp_path: Path) -> None:
    made = bi.impute(frame, "bnp ~ x", known=[KNOWN], beside=limits, checkpoint=tmp_path / "run.nc", **SHORT)
    for data in (frame, frame.join(limits)):
        again = bi.resume(tmp_path / "run.nc", data=data, progress=False)
        pd.testing.assert_frame_equal(again.completed(0), made.completed(0))
    with pytest.raises(bi.DataError, match="not the data"):
        bi.resume(tmp_path / "run.nc", data=frame.assign(x=0.0), progress=False)
    with pytest.raises(bi.DataError, match="not the data"):
        bi.resume(tmp_path / "run.nc", data=frame.drop(columns="x"), progress=False)


def test_the_command_line_has_it(
    frame: pd.DataFrame, limits: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame.to_csv(tmp_path / "data.csv", index=False)
    limits.to_csv(tmp_path / "limits.csv", index=False)
    both = ["--data", str(tmp_path / "data.csv"), "--beside", str(tmp_path / "limits.csv"), "--known", "bnp: low, high"]
    run = [f"run.{name}={SHORT[name]}" for name in ("m", "chains", "warmup", "sweeps")]
    settings = [part for each in run for part in ("--set", each)]
    out = tmp_path / "run.nc"
    assert main(["check", "--formula", "bnp ~ x", *both]) == 0
    assert main(["impute", *both, *settings, "--seed", "1", "--out", str(out), "--no-progress"]) in (0, 3, 4)
    completed = bi.load(out).completed(0)
    assert (completed["bnp"].to_numpy()[frame["bnp"].isna()] >= 7).all()
    capsys.readouterr()
    frame.join(limits).to_csv(tmp_path / "all.csv", index=False)
    assert main(["suggest", "--data", str(tmp_path / "all.csv"), "--known", "bnp: 7, high"]) == 0
    assert 'between = [7.0, "high"]' in capsys.readouterr().out
    assert main(["suggest", "--data", str(tmp_path / "all.csv"), "--known", "bnp: a, b, c"]) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda limits: limits[:-1], "59 rows beside 60 rows of data"),
        (lambda limits: limits.rename({"p3": "q"}), "its rows 'q' are none of the data"),
        (lambda limits: limits.rename({"p3": "p4"}), "several of its rows have one label"),
        (lambda limits: limits.assign(x=1.0), 'a column x, too'),
        (lambda limits: limits.assign(middle=1.0), "known of cells reads middle"),
        (lambda limits: 5, "is not a data frame"),
    ],
)  # fmt: skip
def test_other_rows_and_columns_are_refused(frame: pd.DataFrame, limits: pd.DataFrame, change, told: str) -> None:
    with pytest.raises(bi.InputError, match=told):
        bi.impute(frame, "bnp ~ x", known=[KNOWN], beside=change(limits), **SHORT)
