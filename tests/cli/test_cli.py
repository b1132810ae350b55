"""The command line: every command from end to end with the null sampler, exit codes, refusals, and interruptions."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

import bayesimpute
from bayesimpute.analysis import fitting, variance_posterior
from bayesimpute.base import tables
from bayesimpute.base.errors import BayesimputeError
from bayesimpute.cli import demo
from bayesimpute.cli.parser import main
from bayesimpute.data.simulation import simulate_hiv_survey, simulate_school
from bayesimpute.estimating.estimands import Estimates, estimate, without_selection
from bayesimpute.imputed import MultiplyImputed
from bayesimpute.imputed import impute as impute_frame
from bayesimpute.plotting import figures
from bayesimpute.result import result, store
from bayesimpute.running import legs
from bayesimpute.sensitivity import identification

pytestmark = pytest.mark.long(80)

PLAN = """
schema = 1
title = "A test"
[run]
sampler = "prior"
m = 4
chains = 2
warmup = 3
sweeps = 10
[[conditional]]
formula = "popular ~ sex + texp + (1 + sex | school)"
[[analysis]]
name = "main"
formula = "popular ~ sex"
"""
FORMULA = "popular ~ sex + texp + (1 + sex | school)"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def school() -> pd.DataFrame:
    data = simulate_school(2, clusters=10, size=6)
    return data.complete.assign(popular=data.incomplete["popular"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, school: pd.DataFrame) -> Path:
    """A folder with data, a plan and a run."""
    folder = tmp_path_factory.mktemp("made")
    school.to_csv(folder / "school.csv", index=False)
    (folder / "plan.toml").write_text(PLAN)
    words = ["impute", folder / "plan.toml", "--data", folder / "school.csv", "--seed", "1", "--out", folder / "run.nc"]
    assert main([*map(str, words), "--no-progress"]) == 3
    return folder


@pytest.fixture(autouse=True)
def cheap(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that all share is read from its file once, pictures are coarse, and so are posteriors of variances."""
    read = result.read_tree
    shared = made / "run.nc"
    monkeypatch.setattr(result, "read_tree", lambda path: tree_of(made) if Path(path) == shared else read(path))
    monkeypatch.setattr(figures, "DPI", 30)
    monkeypatch.setattr(variance_posterior, "SWEEPS", 60)


@cache
def tree_of(made: Path) -> xr.DataTree:
    return store.read_tree(made / "run.nc")


@pytest.fixture
def here(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of one's own with the same data and plan, to work in."""
    for name in ("school.csv", "plan.toml"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: exit code, standard output, standard error."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


def impute(*more: object) -> list[object]:
    return ["impute", "plan.toml", "--data", "school.csv", "--seed", 1, "--out", "run.nc", *more]


def arrays(path: Path | str) -> dict[str, np.ndarray]:
    """Everything in a saved run but timings."""
    tree = MultiplyImputed.load(path).tree
    return {
        f"{group}/{name}": variable.values
        for group, dataset in tree.to_dict().items()
        for name, variable in dataset.variables.items()
        if name != "seconds"
    }


def assert_same(one: Path | str, other: Path | str) -> None:
    first, second = arrays(one), arrays(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


# Usage ---------------------------------------------------------------------------------------------------------------


def test_version_and_help(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version")[:2] == (0, f"bayesimpute {version('bayesimpute')}\n")
    code, out, _ = run("--help")
    commands = ["demo", "describe", "suggest", "check", "impute", "resume", "diagnose", "pool", "estimate", "identify"]
    commands += ["report", "export", "plot"]
    assert code == 0 and all(f"    {command} " in out for command in commands)
    for command in commands:
        assert run(command, "--help")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["imput"],
        ["check", "--data", "school.csv"],
        ["impute", "plan.toml", "--data", "school.csv", "--out", "a.nc"],
        ["impute", "plan.toml", "--formula", "y ~ x", "--data", "school.csv", "--seed", "1", "--out", "a.nc"],
        ["impute", "plan.toml", "--data", "school.csv", "--seed", "-1", "--out", "a.nc"],
        ["impute", "plan.toml", "--data", "school.csv", "--seed", "1.5", "--out", "a.nc"],
        ["impute", "plan.toml", "--data", "school.csv", "--seed", "1", "--out", "a.nc", "--workers", "0"],
        ["check", "plan.toml", "--data", "school.csv", "--set", "run.m"],
        ["pool", "run.nc", "--dfcom", "many"],
        ["export", "run.nc"],
    ],
)
def test_wrong_usage_is_2(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert code == 2 and not out and "usage: bayesimpute" in err


# describe and check --------------------------------------------------------------------------------------------------


def test_describe_prints_variables_and_patterns(run: Run, here: Path, school: pd.DataFrame) -> None:
    code, out, err = run("describe", "school.csv", "--cluster", "school")
    assert code == 0 and not err
    gaps = int(school["popular"].isna().sum())
    rows = {line.split()[0]: line.split() for line in out.splitlines() if line}
    assert rows["popular"][:5] == ["popular", "number", "1", str(60 - gaps), str(gaps)]
    assert rows["popular"][5:7] == [f"{gaps / 60:.4g}", "sporadic"]
    assert rows["texp"][2] == "school" and rows["school"][2] == "key"
    assert rows["missing"] == ["missing", str(gaps), str(gaps)]
    found = json.loads(run("describe", "school.csv", "--cluster", "school", "--json")[1])
    assert found["rows"] == 60 and [v["variable"] for v in found["variables"]] == list(school.columns)
    assert found["variables"][1]["missing"] == gaps
    assert found["patterns"][-1] == {"n": "missing", "popular": gaps, "n_missing": gaps}


def test_wide_tables_are_not_cut_off_the_terminal(run: Run, here: Path) -> None:
    names = [f"a_rather_long_name_of_variable_{i}" for i in range(40)]
    frame = pd.DataFrame({name: [1.5, None, 3.25][: i % 3 + 1] + [2.0] * (2 - i % 3) for i, name in enumerate(names)})
    frame.to_csv("wide.csv", index=False)
    _, out, _ = run("describe", "wide.csv", "--all")
    header = next(line for line in out.splitlines() if line.startswith("n "))
    incomplete = [name for name in names if frame[name].isna().any()]
    assert all(name in header for name in incomplete) and "..." not in out and "…" not in out
    short = run("describe", "wide.csv")[1]
    assert f"the 12 variables with the most missing values, {len(incomplete) - 12} more are incomplete" in short


def test_check_says_that_there_is_nothing_to_say(run: Run, here: Path) -> None:
    why = "number -> gaussian"
    found = run("check", "plan.toml", "--data", "school.csv")
    assert found[:2] == (0, f"No problems.\nfamily of popular: {why}\n")
    told = json.loads(run("check", "plan.toml", "--data", "school.csv", "--json")[1])
    assert told == {"problems": [], "ignored": [], "families": {"popular": why}}


def test_check_finds_every_problem_at_once(run: Run, here: Path) -> None:
    bad = PLAN.replace("sex + texp", "sexx + texp").replace('title = "A test"', 'titel = "A test"')
    Path("bad.toml").write_text(bad.replace("m = 4", "m = 0"))
    words = ["check", "bad.toml", "--data", "school.csv", "--set", "conditional[extrav].family=gaussian"]
    code, out, _ = run(*words)
    assert code == 1
    paths = ("titel:", "run.m:", "conditional[popular]", "conditional[extrav].family:")
    assert all(any(line.startswith(f"error: {path}") for line in out.splitlines()) for path in paths), out
    assert 'did you mean "sex"?' in out and 'did you mean "title"?' in out
    found = json.loads(run(*words, "--json")[1])["problems"]
    assert {"path", "finding", "remedy", "severity"} == set(found[0]) and len(found) == len(out.splitlines())


def test_check_goes_on_past_files_that_cannot_be_read(run: Run, here: Path) -> None:
    Path("latin.toml").write_bytes("title = 'é'".encode("latin-1"))
    for plan, finding in (
        ("none.toml", "it cannot be read"),
        ("latin.toml", "not UTF-8"),
        (str(here), "it cannot be read"),
    ):
        code, out, _ = run("check", plan, "--data", "nowhere.csv")
        assert code == 1 and finding in out and "nowhere.csv: there is no such file" in out
    Path("broken.toml").write_text("[run\nm = 3")
    for more in ([], ["--set", "run.m=5"]):
        code, out, _ = run("check", "broken.toml", "--data", "school.csv", *more)
        assert code == 1 and out.startswith("error: plan: the TOML cannot be read") and out.count("\n") == 1
    Path("number.toml").write_text("[[conditional]]\nformula = 3")
    found = "error: conditional[?].formula: 3 is not a text; put it in quotes\n"
    assert run("check", "number.toml", "--data", "school.csv")[:2] == (1, found)


def test_formulas_stand_for_a_plan_and_settings_override_both(run: Run, here: Path) -> None:
    words = [
        "--formula",
        FORMULA,
        "--data",
        "school.csv",
        "--set",
        "run.m=0",
        "--set",
        "conditional[popular].family=gausian",
    ]
    code, out, _ = run("check", *words)
    assert code == 1 and "run.m: " in out and 'did you mean "gaussian"?' in out
    code, out, _ = run("check", "--formula", "popular sex", "--formula", "y ~ x", "--data", "school.csv")
    assert code == 1 and len(out.splitlines()) >= 2


# impute --------------------------------------------------------------------------------------------------------------


def test_what_columns_are_is_said_in_the_command(run: Run, here: Path) -> None:
    words = ["check", "--formula", "popular ~ grade + sex", "--data", "graded.csv"]
    data = pd.read_csv(here / "school.csv")
    data.assign(grade=np.array(["poor", "fair", "good"])[np.arange(len(data)) % 3]).to_csv(here / "graded.csv")
    code, out, err = run(*words, "--column", "grade: poor < fair")
    assert code == 1 and "columns[grade]" in out + err and '"good" of the data is not in it' in out + err
    code, out, err = run(*words, "--column", "grade: poor < fair < good", "--set", "columns.sex=labels")
    assert code == 0, err
    assert run(*words, "--column", "grade")[0] == 2


def test_impute_tells_plan_events_and_verdict(run: Run, here: Path) -> None:
    code, out, err = run(*impute("--no-progress"))
    assert code == 3
    assert "A test" in err and FORMULA in err
    assert "family gaussian" in out and "have not converged" in out and "run.sweeps" in out
    assert "run.nc: 4 completed datasets of 60 rows" in out
    assert "Next: use no results of it yet" in out and "bayesimpute pool" not in out
    (go_on,) = [line.strip() for line in out.splitlines() if ".extend(" in line]
    exec(go_on, {"bayesimpute": bayesimpute})
    assert bayesimpute.load("run.nc").record.schedule.base > 0
    assert sorted(p.name for p in here.iterdir()) == ["plan.toml", "run.nc", "school.csv"]


def test_impute_in_json_and_with_settings(run: Run, here: Path) -> None:
    code, out, err = run(*impute("--json", "--set", "run.m=2", "--set", "run.sweeps=400", "--set", "run.chains=4"))
    found = json.loads(out)
    # independent draws from the prior converge at once; only the number of them matters
    assert code == 0 and found["diagnosis"]["converged"] is True and "have converged" in err
    assert (found["out"], found["m"], found["seed"], found["targets"]) == ("run.nc", 2, 1, ["popular"])
    assert {"chain", "sweep", "target", "what", "why"} == set(found["events"][0])


def test_impute_from_formulas_equals_impute_from_the_plan(run: Run, here: Path, made: Path) -> None:
    settings = [f"run.{key}" for key in ("sampler=prior", "m=4", "chains=2", "warmup=3", "sweeps=10")]
    more = [word for setting in settings for word in ("--set", setting)]
    words = ["impute", "--formula", FORMULA, "--data", "school.csv", "--seed", 1, "--out", "f.nc", *more]
    assert run(*words)[0] == 3
    first, second = MultiplyImputed.load("f.nc"), MultiplyImputed.load(made / "run.nc")
    for k in range(4):
        pd.testing.assert_frame_equal(first.completed(k), second.completed(k))


def test_a_checkpoint_that_was_asked_for_stays(run: Run, here: Path, made: Path) -> None:
    assert run(*impute("--checkpoint", "ck.nc"))[0] == 3
    assert_same("ck.nc", "run.nc")
    assert_same("run.nc", made / "run.nc")


def test_every_reason_not_to_begin_is_told_at_once(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesimpute.result.run.impute", never)
    Path("run.nc").write_text("mine")
    Path("run.checkpoint.nc").write_text("mine")
    code, _, err = run(*impute("--set", "run.m=0"))
    assert code == 1 and "run.m" in err
    assert "run.nc: the file exists already" in err
    assert "bayesimpute resume run.checkpoint.nc --out run.nc" in err
    assert Path("run.nc").read_text() == "mine"


def never(*args: Any, **options: Any) -> None:
    raise AssertionError("nothing may start")


@pytest.mark.parametrize(
    ("more", "finding"),
    [
        (["--out", "run.csv"], 'use one of .nc, .zarr; "bayesimpute export" then writes the datasets'),
        (["--out", "run"], "has no ending"),
        (["--out", ""], "has no ending"),
        (["--out", "no/such/run.nc"], "is not there"),
        (["--checkpoint", "no/ck.nc"], "is not there"),
        (["--checkpoint", "ck.txt"], '".txt" is not known'),
        (["--checkpoint", "run.nc"], "the same name"),
        (["--data", "missing.csv"], "there is no such file"),
    ],
)
def test_places_that_cannot_be_used(run: Run, here: Path, more: list[str], finding: str) -> None:
    before = sorted(p.name for p in here.iterdir())
    code, _, err = run(*impute(*more))
    assert code == 1 and finding in err and "Traceback" not in err
    assert sorted(p.name for p in here.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(run: Run, here: Path) -> None:
    (here / "locked").mkdir(mode=0o500)
    code, _, err = run(*impute("--out", "locked/run.nc"))
    assert code == 1 and "cannot be written" in err


def test_force_replaces_result_and_checkpoint(run: Run, here: Path, made: Path) -> None:
    Path("run.nc").write_text("mine")
    Path("run.checkpoint.nc").write_text("mine")
    assert run(*impute("--force"))[0] == 3
    assert_same("run.nc", made / "run.nc")
    assert not Path("run.checkpoint.nc").exists()


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_complete_data_are_left_alone(run: Run, here: Path, school: pd.DataFrame, more: list[str]) -> None:
    simulate_school(2, clusters=10, size=6).complete.to_csv("school.csv", index=False)
    code, out, err = run(*impute(*more))
    assert code == 0 and "There are no missing values" in out and not err
    assert not more or json.loads(out)["out"] is None
    assert not Path("run.nc").exists() and not Path("run.checkpoint.nc").exists()


# Stopping and going on -----------------------------------------------------------------------------------------------


def interrupted(monkeypatch: pytest.MonkeyPatch, *, at: int) -> None:
    """Ctrl-C in the given leg."""
    calls = iter(range(10_000))

    def run_leg(*args: Any) -> Any:
        if next(calls) == at:
            raise KeyboardInterrupt
        return legs.run_leg(*args)

    monkeypatch.setattr("bayesimpute.running.workers.run_leg", run_leg)


def test_ctrl_c_saves_and_says_how_to_go_on(run: Run, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        interrupted(patched, at=3)
        code, out, err = run(*impute())
    assert code == 130 and "Stopped" in err and "bayesimpute resume run.checkpoint.nc --out run.nc" in err
    assert not Path("run.nc").exists()
    for words in (
        ["pool", "run.checkpoint.nc"],
        ["estimate", "run.checkpoint.nc", "--variable", "popular"],
        ["export", "run.checkpoint.nc", "--to", "long.csv"],
    ):
        code, _, err = run(*words)
        assert code == 1 and "stopped before" in err and "bayesimpute resume run.checkpoint.nc" in err
    assert run("diagnose", "run.checkpoint.nc")[0] == 3
    assert run("plot", "run.checkpoint.nc", "--out", "plots")[0] == 0
    code, out, _ = run("resume", "run.checkpoint.nc", "--out", "run.nc", "--data", "school.csv")
    assert code == 3 and "run.nc: 4 completed datasets" in out
    assert_same("run.nc", made / "run.nc")
    assert not Path("run.checkpoint.nc").exists()


def test_resume_into_the_checkpoint_itself(run: Run, here: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        interrupted(patched, at=3)
        code, _, err = run(*impute("--checkpoint", "my run.nc"))
    assert code == 130 and "bayesimpute resume 'my run.nc' --out run.nc" in err
    code, out, _ = run("resume", "my run.nc", "--json")
    assert code == 3 and json.loads(out)["m"] == 4
    assert_same("my run.nc", made / "run.nc")


def test_resume_refuses_other_data_and_places_that_are_taken(run: Run, made: Path, here: Path) -> None:
    frame = pd.read_csv("school.csv")
    frame.assign(texp=frame["texp"] + 1).to_csv("other.csv", index=False)
    code, _, err = run("resume", made / "run.nc", "--data", "other.csv", "--out", "new.nc")
    assert code == 1 and "they are not the data" in err
    code, _, err = run("resume", made / "run.nc", "--out", "plan.toml")
    assert code == 1 and '".toml" is not known' in err
    Path("taken.nc").write_text("mine")
    code, _, err = run("resume", made / "run.nc", "--out", "taken.nc")
    assert code == 1 and "exists already" in err and Path("taken.nc").read_text() == "mine"
    assert run("resume", "none.nc")[0] == 1


def test_chains_that_are_only_too_short_say_so(run: Run, here: Path) -> None:
    code, out, err = run(*impute("--json", "--set", "run.sweeps=60", "--set", "run.chains=4"))
    found = json.loads(out)["diagnosis"]
    assert code == 4 and found["verdict"] == "nearly" and found["converged"] is False and found["more"] > 60
    assert f"have nearly converged: they do not contradict each other, but are too short. About {found['more']}" in err


# diagnose, pool, export, plot ----------------------------------------------------------------------------------------


def test_diagnose_gives_the_same_content_as_tables_and_json(run: Run, made: Path) -> None:
    code, out, _ = run("diagnose", made / "run.nc")
    assert code == 3 and "Parameters" in out and "Imputed values" in out and "Estimates of the analyses" in out
    code, text, err = run("diagnose", made / "run.nc", "--json")
    found = json.loads(text)
    assert code == 3 and found["converged"] is False and "have not converged" in err
    assert found["verdict"] == "do not use"
    assert all(row["parameter"] in out for row in found["parameters"])


def test_diagnose_tells_of_an_analysis_that_cannot_be_fitted(run: Run, here: Path) -> None:
    assert run(*impute("--set", "analysis[main].formula=sex ~ popular + I(2 * popular)"))[0] == 3
    code, out, err = run("diagnose", "run.nc")
    assert code == 3 and "warning: analysis[main]" in err and "linear combination" in err and "Estimates" not in out


def test_pool_runs_every_analysis_of_the_plan(run: Run, here: Path, made: Path) -> None:
    imputed = MultiplyImputed.load(made / "run.nc")
    expected = imputed.pool("popular ~ sex").to_json_dict()
    code, out, err = run("pool", made / "run.nc", "--json")
    assert code == 0 and json.loads(out) == expected and "warning: The chains have not converged" in err
    assert len(imputed.diagnose().reasons) > 3 and err.count("\n- ") == 3 and '"bayesimpute diagnose" names all' in err
    assert run("pool", made / "run.nc", "--formula", "popular ~ sex", "--json")[1] == out
    two = PLAN + '[[analysis]]\nname = "second"\nformula = "popular ~ texp"\n'
    Path("plan.toml").write_text(two)
    assert run(*impute())[0] == 3
    code, out, _ = run("pool", "run.nc", "--json")
    found = json.loads(out)["analyses"]
    assert code == 0 and list(found) == ["main", "second"] and found["main"] == expected
    text = run("pool", "run.nc")[1]
    assert "main: popular ~ sex" in text and "second: popular ~ texp" in text


def test_pool_options_reach_the_rules(run: Run, made: Path) -> None:
    words = ["pool", made / "run.nc", "--formula", "popular ~ sex", "--dfcom", "30", "--conf-level", "0.5", "--json"]
    imputed = MultiplyImputed.load(made / "run.nc")
    expected = imputed.pool("popular ~ sex", dfcom=30.0, conf_level=0.5).to_json_dict()
    assert json.loads(run(*words)[1]) == expected
    sex = ["pool", made / "run.nc", "--formula", "sex ~ popular", "--family", "bernoulli", "--json"]
    assert json.loads(run(*sex)[1]) == imputed.pool("sex ~ popular", family="bernoulli").to_json_dict()
    text = run(*words[:-1])[1]
    assert "50 % intervals" in text and "degrees of freedom: 30" in text


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (["--family", "bernoulli"], "it goes with --formula"),
        (["--formula", "popular ~ nosuch"], "nosuch"),
        (["--formula", "popular ~ ("], "popular ~ ("),
        (["--formula", "popular ~ sex", "--family", "poisson"], "poisson"),
        (["--dfcom", "-1"], "dfcom"),
        (["--conf-level", "95"], "conf_level"),
    ],
)
def test_pool_refuses(run: Run, made: Path, words: list[str], finding: str) -> None:
    code, out, err = run("pool", made / "run.nc", *words)
    assert code == 1 and finding in err and not out


def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fits in threads where processes are asked for; the list is of how many were."""
    asked: list[int] = []

    @contextmanager
    def threads(workers: int) -> Iterator[Executor]:
        asked.append(workers)
        with ThreadPoolExecutor(workers) as pool:
            yield pool

    monkeypatch.setattr(fitting, "processes", threads)
    return asked


def test_pool_derives_tests_and_prints_tables(run: Run, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imputed, model = MultiplyImputed.load(made / "run.nc"), "popular ~ sex * texp"
    pool = ["pool", made / "run.nc", "--formula", model]
    derived = imputed.analyse(model).derive({"after 5": "b[sex] + 5 * b[sex:texp]"}).pool().to_json_dict()
    assert json.loads(run(*pool, "--derive", "after 5 = b[sex] + 5 * b[sex:texp]", "--json")[1]) == derived
    smaller = "popular ~ texp"
    test = imputed.analyse(model).test(imputed.analyse(smaller), method="D3")
    assert json.loads(run(*pool, "--against", smaller, "--method", "D3", "--json")[1]) == test.to_json_dict()
    assert str(test) in run(*pool, "--against", smaller, "--method", "D3")[1]
    mixed = ["pool", made / "run.nc", "--formula", "popular ~ sex + (1 | school)", "--df", "satterthwaite", "--ml"]
    small = imputed.pool("popular ~ sex + (1 | school)", df="satterthwaite", reml=False)
    asked = in_threads(monkeypatch)
    assert json.loads(run(*mixed, "--workers", "2", "--json")[1]) == small.to_json_dict() and asked == [2]
    logistic = "sex ~ popular + (1 | school)"
    by_nodes = run("pool", made / "run.nc", "--formula", logistic, "--family", "bernoulli", "--nodes", "9", "--json")
    assert json.loads(by_nodes[1]) == imputed.pool(logistic, family="bernoulli", nodes=9).to_json_dict()
    robust = run(
        "pool", made / "run.nc", "--formula", "popular ~ sex", "--covariance", "cluster", "--cluster", "school"
    )
    assert robust[0] == 0 and "10 clusters are few for cluster-robust standard errors" in robust[1]
    assert run(*pool, "--latex")[1] == imputed.pool(model).to_latex(caption=model) + "\n"
    assert run(*pool, "--html")[1] == imputed.pool(model).to_html() + "\n"


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        (["--method", "D3"], "--method: this goes with --against"),
        (["--formula", "popular ~ sex", "--against", "popular ~ 1", "--latex"], "--latex: this does not go with --ag"),
        (
            ["--formula", "popular ~ sex", "--against", "popular ~ 1", "--conf-level", "0.9"],
            "--conf-level: this does not",
        ),
        (["--formula", "popular ~ sex", "--against", "popular ~ texp"], "not nested: only the smaller one has texp"),
        (["--against", "popular ~ 1"], "--against: it goes with --formula"),
        (["--ml"], "--ml: it goes with --formula"),
        (["--json", "--html"], "one form of output"),
        (["--derive", "b[nosuch]"], 'there is no coefficient "nosuch"'),
        (["--derive", "__import__('os').system('touch owned') + b[sex]"], "attributes and methods cannot be used"),
        (["--formula", "popular ~ sex", "--covariance", "HC4"], 'covariance: there is no "HC4"'),
        (["--formula", "popular ~ sex", "--engine", "stan"], "engine: "),
    ],
)
def test_pool_refuses_what_does_not_go_together(
    run: Run, made: Path, here: Path, words: list[str], finding: str
) -> None:
    code, out, err = run("pool", made / "run.nc", *words)
    assert code == 1 and finding in err and not out
    assert not Path("owned").exists()


def test_report_fills_in_the_numbers(run: Run, made: Path, here: Path) -> None:
    code, out, _ = run("report", made / "run.nc")
    assert code == 0 and "m = 4" in out
    assert run("report", made / "run.nc", "--out", "methods.md")[0] == 0
    assert Path("methods.md").read_text() == out
    assert run("report", made / "run.nc", "--out", "methods.md")[0] == 1  # it exists
    code, bibtex, _ = run("report", made / "run.nc", "--cite")
    assert code == 0 and bibtex.count("{") == bibtex.count("}") and "@" in bibtex


def test_pool_needs_an_analysis(run: Run, here: Path) -> None:
    Path("plan.toml").write_text(PLAN[: PLAN.index("[[analysis]]")])
    assert run(*impute())[0] == 3
    code, _, err = run("pool", "run.nc")
    assert code == 1 and "no [[analysis]]" in err and "--formula" in err


ESTIMANDS = """
[[estimand]]
name = "girls"
variable = "sex"
statistic = "proportion"
[[estimand]]
name = "popularity"
variable = "popular"
clusters = "school"
target = "sample"
"""


def test_estimate_runs_every_estimand_of_the_plan(run: Run, here: Path) -> None:
    Path("plan.toml").write_text(PLAN + ESTIMANDS)
    code, out, err = run(*impute())
    assert code == 3 and "bayesimpute estimate" not in out  # of chains that should not be used
    assert "estimand popularity: mean of popular (sample, clusters school)" in err
    expected = MultiplyImputed.load("run.nc").estimate().to_json_dict()
    code, out, err = run("estimate", "run.nc", "--json")
    assert code == 0 and json.loads(out) == expected and "warning: The chains have not converged" in err
    text = run("estimate", "run.nc")[1]
    assert "girls: proportion of sex (population)" in text and "complete cases" in text
    assert all(message in text for message in expected["messages"]) and "not comparable" in text


def test_estimate_options_reach_the_estimand(run: Run, made: Path) -> None:
    assert "bayesimpute estimate" not in run("diagnose", made / "run.nc")[1]
    imputed = MultiplyImputed.load(made / "run.nc")
    words = ["--variable", "sex", "--statistic", "proportion", "--value", "0", "--weights", "texp", "--conf-level", 0.5]
    more = ["--clusters", "school", "--target", "population"]
    code, out, _ = run("estimate", made / "run.nc", *words, *more, "--json")
    options: dict[str, Any] = {"statistic": "proportion", "value": 0, "weights": "texp", "clusters": "school"}
    expected = imputed.estimate(variable="sex", **options, conf_level=0.5).to_json_dict()
    assert code == 0 and json.loads(out) == expected
    words = ["--variable", "popular", "--statistic", "quantile", "--probability", 0.7, "--by", "sex", "--by", "school"]
    code, out, _ = run("estimate", made / "run.nc", *words, "--strata", "sex", "--json")
    options = {"statistic": "quantile", "probability": 0.7, "by": ["sex", "school"], "strata": "sex"}
    assert code == 0 and json.loads(out) == imputed.estimate(variable="popular", **options).to_json_dict()


def test_estimate_beside_missing_at_random(run: Run, here: Path) -> None:
    selection = 'family = "heckman_gaussian"\nformulas.selection = "sex + texp + (1 | school)"\n[[analysis]]'
    Path("heckman.toml").write_text(PLAN.replace("[[analysis]]", selection))
    impute_it = ["--data", "school.csv", "--seed", 1, "--no-progress"]
    assert run("impute", "heckman.toml", *impute_it, "--out", "mnar.nc")[0] == 3
    assert run("impute", "plan.toml", *impute_it, "--out", "mar.nc")[0] == 3
    words = ["estimate", "mnar.nc", "--variable", "popular", "--compare", "mar", "--json", "--no-progress"]
    code, out, _ = run(*words)
    found = json.loads(out)
    assert code == 0 and [row["version"] for row in found["estimates"]] == ["imputed", "complete cases", "MAR"]
    assert json.loads(run(*words, "--mar", "mar.nc")[1])["estimates"] == found["estimates"]
    code, out, err = run(*words, "--mar", "mnar.nc")
    assert code == 1 and "its plan has selection equations" in err


@pytest.mark.parametrize(
    ("words", "finding"),
    [
        ([], "no [[estimand]]"),
        (["--by", "sex", "--weights", "texp"], "--by, --weights: this goes with --variable"),
        (["--variable", "populr"], 'did you mean "popular"'),
        (["--variable", "popular", "--statistic", "meen", "--weights", "w"], 'no column "w"'),
        (["--variable", "popular", "--statistic", "meen", "--weights", "w"], 'did you mean "mean"'),
        (["--variable", "popular", "--compare", "mar"], "nothing to compare with"),
        (["--variable", "popular", "--conf-level", "95"], "conf_level"),
        (["--variable", "popular", "--mar", "nowhere.nc"], "there is no such file"),
    ],
)
def test_estimate_refuses(run: Run, made: Path, words: list[str], finding: str) -> None:
    code, out, err = run("estimate", made / "run.nc", *words)
    assert code == 1 and finding in err and not out and "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("long.csv", []),
        ("long.parquet", []),
        ("long.dta", []),
        ("long.sav", []),
        ("l.csv", ["--no-include-incomplete"]),
    ],
)
def test_export_writes_the_long_table(run: Run, here: Path, made: Path, name: str, options: list[str]) -> None:
    first = not options
    code, out, _ = run("export", made / "run.nc", "--to", name, *options)
    assert code == 0 and f"{300 if first else 240} rows, 4 completed datasets" in out
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".dta": pd.read_stata, ".sav": pd.read_spss}
    got = readers[Path(name).suffix](name)
    expected = MultiplyImputed.load(made / "run.nc").to_long(include_incomplete=first).reset_index(drop=True)
    assert list(got.columns)[2:] == list(expected.columns)[2:]
    assert got.iloc[:, 0].value_counts().to_dict() == dict.fromkeys(range(0 if first else 1, 5), 60)
    np.testing.assert_allclose(got.to_numpy(dtype=float), expected.to_numpy(dtype=float), rtol=1e-15)
    again = run("export", made / "run.nc", "--to", name)
    assert again[0] == 1 and "exists already" in again[2]
    before = Path(name).read_bytes()
    assert run("export", made / "run.nc", "--to", name, "--force", *options)[0] == 0
    assert Path(name).read_bytes() == before
    assert run("export", made / "run.nc", "--to", "long.xlsx")[0] == 1


AS_MIDS = """
suppressMessages(library(mice))
long <- read.csv("long.csv", check.names = FALSE)
imputed <- as.mids(long)
cat(imputed$m, sum(imputed$where), "\n")
write.csv(complete(imputed, 2), "second.csv", row.names = FALSE)
"""


def test_mice_reads_the_exported_table(run: Run, here: Path, made: Path) -> None:
    probe = ["Rscript", "-e", "cat(requireNamespace('mice', quietly = TRUE))"]
    found = subprocess.run(probe, capture_output=True, text=True, check=False).stdout if shutil.which("Rscript") else ""
    if found != "TRUE":
        pytest.skip("R with the package mice is not there")
    run("export", made / "run.nc", "--to", "long.csv")
    Path("as_mids.R").write_text(AS_MIDS)
    done = subprocess.run(["Rscript", "as_mids.R"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imputed = MultiplyImputed.load(made / "run.nc")
    assert done.stdout.split() == ["4", str(imputed.incomplete.frame.isna().to_numpy().sum())]
    expected = imputed.completed(1).to_numpy(dtype=float)
    np.testing.assert_allclose(pd.read_csv("second.csv").to_numpy(dtype=float), expected, rtol=1e-12)


def test_plot_prints_the_files_it_made(run: Run, here: Path, made: Path) -> None:
    code, out, _ = run("plot", made / "run.nc", "--out", "plots")
    assert code == 0 and all(Path(line).is_file() for line in out.split()) and len(out.split()) == 4
    assert run("plot", made / "run.nc", "--out", "plots")[0] == 1
    assert run("plot", made / "run.nc", "--out", "plots", "--force")[0] == 0


@pytest.mark.parametrize(
    "command", [["diagnose"], ["pool"], ["estimate"], ["export", "--to", "x.csv"], ["plot", "--out", "p"], ["resume"]]
)
def test_files_that_are_no_runs(run: Run, here: Path, command: list[str]) -> None:
    Path("text.nc").write_text("hello")
    for name, finding in (("none.nc", "there is no such file"), ("text.nc", "damaged"), (str(here), "damaged")):
        code, _, err = run(command[0], name, *command[1:])
        assert code == 1 and finding in err and "Traceback" not in err


# Streams -------------------------------------------------------------------------------------------------------------


def command(*words: object, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-W", "error", "-m", "bayesimpute", *map(str, words)], **options)


def test_a_reader_that_goes_away_is_no_error(made: Path) -> None:
    process = command("describe", made / "school.csv", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141 and error == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_cannot_be_written(made: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = command("describe", made / "school.csv", stdout=full, stderr=subprocess.PIPE)
        _, error = process.communicate()
    assert process.returncode == 1 and b"the output cannot be written" in error and b"Traceback" not in error


def test_what_the_package_raises_is_a_message_and_anything_else_a_bug(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(error: BaseException) -> Callable[..., int]:
        def run_command(arguments: Any) -> int:
            raise error

        return run_command

    monkeypatch.setattr("bayesimpute.cli.commands.pool", raises(BayesimputeError("a worker died")))
    assert run("pool", "x.nc") == (1, "", "error: a worker died\n")
    monkeypatch.setattr("bayesimpute.cli.commands.pool", raises(KeyboardInterrupt()))
    assert run("pool", "x.nc") == (130, "", "Stopped.\n")
    monkeypatch.setattr("bayesimpute.cli.commands.pool", raises(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        run("pool", "x.nc")


def test_on_a_terminal_tables_are_drawn_if_they_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for width, drawn in ((100, True), (15, False)):
        monkeypatch.setattr("rich.console.Console", lambda width=width: Console(width=width, force_terminal=False))
        tables.show(pd.DataFrame({"name [b]": ["a[/b]", "b"], "value": [1.5, None]}), "A title")
        out = capsys.readouterr().out
        assert ("┃" in out) is drawn and "name [b]" in out and "a[/b]" in out and "1.5" in out


# demo ----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_demonstration_ends_with_commands_that_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = replace(demo.RUN, sampler="prior", m=4, warmup=2, sweeps=26)
    monkeypatch.setattr(demo, "RUN", small)
    monkeypatch.setattr(demo, "WORKERS", 1)
    monkeypatch.setattr(demo, "PEOPLE", 800)
    code, out, _ = run("demo", "--out", "my demo", "--seed", 2, "--no-progress")
    assert code == 4 and "have nearly converged" in out  # draws from the prior are stationary, and few
    answers = ("truth", "complete data", "tested only", "imputed as MAR", "selection model")
    assert all(f"\n{answer} " in out for answer in answers)
    assert "hiv (heckman_probit): not identified" in out
    assert len(list(Path("my demo/plots").glob("*.png"))) == 5
    assert len(pd.read_csv("my demo/completed.csv")) == 5 * demo.PEOPLE
    commands = [line.split("bayesimpute ", 1)[1] for line in out[out.index("Go on with:") :].splitlines()[1:]]
    codes = {"diagnose": 4, "estimate": 0, "identify": 0, "pool": 0, "describe": 0, "impute": 4}
    assert [words.split()[0] for words in commands] == list(codes)
    assert [run(*shlex.split(words))[0] for words in commands] == list(codes.values())
    assert_same("my demo/again.nc", "my demo/survey.nc")
    Path("file").write_text("")
    assert run("demo", "--out", "file")[0] == 1


def test_the_tables_of_the_demonstration_hold_the_truth_of_its_people() -> None:
    survey = simulate_hiv_survey(3, n=900, rho=demo.RHO)
    plan = demo.plan().with_run(sampler="prior", m=4, warmup=2, sweeps=26)
    imputed, mar = (impute_frame(survey.incomplete, p, seed=1, progress=False) for p in (plan, without_selection(plan)))
    found, learnt = estimate(imputed, mar=mar), identification(imputed, refit=False)["hiv"]
    table = demo.versions(survey, found, learnt).set_index("answer")
    prevalence, low, high = (table[name].to_dict() for name in ("prevalence", "conf_low", "conf_high"))
    # three ways to add up: on another processor the last digit is another one
    share = pytest.approx(survey.complete["hiv"].mean(), rel=1e-12)
    assert prevalence["truth"] == share and prevalence["complete data"] == share
    assert prevalence["tested only"] == pytest.approx(survey.incomplete["hiv"].mean())
    assert all(low[name] < prevalence[name] < high[name] for name in table.index.drop("truth"))
    assert table["rho"].dropna().index.tolist() == ["truth", "selection model"]
    diagnosis = imputed.diagnose()
    least = diagnosis.parameters["ess_bulk"].min()
    fewest = demo.hardest(diagnosis)["ess_bulk"]
    assert fewest.is_monotonic_increasing and fewest[0] == least and len(fewest) == 5
    regions = demo.regions(survey, found).set_index("region")
    assert regions["truth"].tolist() == pytest.approx(_shares(survey.complete))
    assert regions["tested only"].tolist() == pytest.approx(_shares(survey.incomplete))
    assert regions[["conf_low", "conf_high"]].iloc[0].tolist() == _limits(found, 1)


def _shares(frame: pd.DataFrame) -> list[float]:
    hiv, region = frame["hiv"].to_numpy(dtype=float), frame["region"].to_numpy()
    return [float(np.nanmean(hiv[region == r])) for r in range(1, 10)]


def _limits(found: Estimates, region: int) -> list[float]:
    rows = found.table.to_dict("records")
    row = next(row for row in rows if row["region"] == region and row["version"] == "imputed")
    return [row["conf_low"], row["conf_high"]]


def test_describe_tells_texts_between_numbers_and_counts_one_row_as_one(tmp_path, capsys):
    numbers, single = tmp_path / "numbers.csv", tmp_path / "single.csv"
    numbers.write_text("x,z\n" + "".join(f"{k},{k}\n" for k in range(20)) + "n/a,3\n")
    single.write_text("x,z\n1,2\n")
    assert main(["describe", str(numbers)]) == 0
    assert "\"x\" is a text because 'n/a' stands between numbers" in capsys.readouterr().out
    assert main(["describe", str(single)]) == 0
    assert capsys.readouterr().out.startswith("1 row\n")
