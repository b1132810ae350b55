"""``bayesimpute sensitivity`` and ``report --with``: the same tables as Python's, files, pictures, bad usage."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.cli.parser import main

PLAN = """
schema = 1
[run]
m = 4
chains = 2
warmup = 20
sweeps = 20
sampler = "gibbs"
[[conditional]]
formula = "y ~ arm + x"
[[assumption]]
name = "delta"
[[adjustment]]
target = "y"
shift = "delta * arm"
[[analysis]]
name = "main"
formula = "y ~ arm + x"
[[sensitivity]]
name = "tipping"
of = "main"
term = "arm"
over.delta = "-4:0:2"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("sensitivity")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"arm": np.tile([0.0, 1.0], 60), "x": rng.normal(size=120)})
    frame["y"] = 1 + frame["arm"] + frame["x"] + rng.normal(size=120)
    frame.loc[::3, "y"] = np.nan
    frame.to_csv(here / "data.csv", index=False)
    (here / "plan.toml").write_text(PLAN)
    words = ["impute", here / "plan.toml", "--data", here / "data.csv", "--seed", 1, "--out", here / "run.nc"]
    assert main([*map(str, words), "--no-progress"]) in (0, 3, 4)
    return here


def test_it_does_what_the_plan_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "sensitivity",
        folder / "run.nc",
        "--json",
        "--no-progress",
        "--out",
        folder / "s.json",
        "--plot",
        folder / "plots",
    ]
    assert main(list(map(str, words))) == 0
    printed = json.loads(capsys.readouterr().out)
    found = bi.load(folder / "run.nc").sensitivity(progress=False)
    assert [row["estimate"] for row in printed["table"]] == pytest.approx(found.table["estimate"].to_list())
    assert (folder / "plots" / "sensitivity_tipping.png").stat().st_size > 1000
    assert main(["report", str(folder / "run.nc"), "--with", str(folder / "s.json")]) == 0
    text = capsys.readouterr().out
    assert "**tipping** was computed again with `delta` from -4 to 0" in text and "y adjusted by delta * arm" in text
    assert main(list(map(str, words))) == 1  # neither file is overwritten
    assert "exists already" in capsys.readouterr().err


def test_it_takes_everything_by_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--of", "y ~ arm", "--term", "arm", "--over", "d=-1,0,1", "--adjust", "y: d", "--scale", "value"]
    words += ["--where", "arm == 1", "--tip", "estimate", "--null", "0.5", "--by", "arm", "--no-progress"]
    assert main(["sensitivity", str(folder / "run.nc"), *words]) == 0
    out = capsys.readouterr().out
    for said in ("Sensitivity (95 % intervals)", "applied", "Tipping points", "What is assumed", "all rows"):
        assert said in out
    assert main(["sensitivity", str(folder / "run.nc"), *words, "--latex"]) == 0
    assert r"\toprule" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (["--over", "d"], '"d" has no ='),
        (["--of", "y ~ arm", "--over", "d=1", "--adjust", "y"], '"y" has no :'),
        (["--of", "y ~ arm", "--over", "d=1", "--scale", "value"], "this goes with --adjust"),
        (["--of", "y ~ arm", "--over", "d=1"], "neither an assumption nor a place"),
        (["--name", "tiping"], 'did you mean "tipping"'),
        (["--out", "s.txt"], "s.txt"),
    ],
)
def test_wrong_options_are_told(
    words: list[str], finding: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sensitivity", str(folder / "run.nc"), "--no-progress", *words]) == 1
    assert finding in capsys.readouterr().err


def test_a_report_with_another_file_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "other.json").write_text("[1]")
    assert main(["report", str(folder / "run.nc"), "--with", str(folder / "other.json")]) == 1
    assert "no sensitivity analyses" in capsys.readouterr().err
    assert main(["report", str(folder / "run.nc"), "--with", str(folder / "none.json")]) == 1
    assert "there is no such file" in capsys.readouterr().err
