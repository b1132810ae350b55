"""The benchmark harness itself: the table from canned figures, its JSON, and tiny works; no time is asserted."""

import io
from pathlib import Path
from typing import Any

import figures
import goals
import numpy as np
import pytest
import rivals
import table
import visits
import whole
import works
from rich.console import Console

ROWS = 400


def visited(family: str = "gaussian", **times: float) -> dict[str, Any]:
    """Canned figures of one target."""
    cpu = {"one": 1.0, "more": 2.0, "forgets": 1.5, **times}
    return {
        "family": family,
        "sampler": "gibbs",
        "steps": 2,
        "forgetting": 3,
        **{name: {"cpu": ms, "wall": 2 * ms} for name, ms in cpu.items()},
        "sweep": (cpu["more"] - cpu["one"]) / 9,
        "rates": {"gibbs": 2000.0, "nuts": 100.0},
    }


def canned(**changes: Any) -> dict[str, Any]:
    """Figures as a run would leave them."""
    found = figures.new({})
    found["works"] = {
        "popmis": {"load": 0.1, "targets": {"popular": visited(more=0.3)}},
        "brandsma": {"load": 0.1, "targets": {name: visited(forgets=1.8) for name in works.SCORES}},
        "whole-popncr": {"load": 0.1, "wall": 2.0, "cpu": 2.1, "impute_wall": 0.4, "import_bambi": 1.5},
        "million": {
            "load": 0.1,
            **{"rows": 1_000_000, "binary": True, "workers": 2, "steps": {"x": "3 inner steps a visit"}},
            **{"wall": 600.0, "generate_wall": 1.0, "impute_wall": 590.0, "impute_cpu": 900.0, "times_data": 3.0},
            **{"data_bytes": 48 * 2**20, "base_bytes": 2**28, "peak_bytes": 2**29, "fixed_bytes": 2**26},
        },
        "growth": {"gaussian": {"10000": {"10": 1e-6}, "1000000": {"10": 1.1e-6}}},
    }
    found["rivals"] = {"popmis": {"2l.pan": 27.0, "2l.norm": 1301.0, "pan": 0.05}}
    return found | changes


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {goal.label: goal.verdict(found) for goal in goals.GOALS}


def printed(found: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    console = Console(width=220, file=io.StringIO())
    table.show(found, before, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_goals_are_met_or_missed_by_a_share() -> None:
    found = verdicts(canned())
    assert found["popmis, visit of 10 inner sweeps"] == "met, 50% of it"
    assert found["brandsma, visit (mean of 3 targets)"] == "missed, 1.50 times it"
    assert found["popNCR, 5 targets, m = 5, whole process"] == "met, 83% of it"
    assert found["n = 1,000,000, 4 targets, m = 5, whole process"] == "missed, 2.00 times it"
    assert found["the same, memory in multiples of the data"] == "met, 50% of it"
    assert found["time a row at n = 1,000,000 / n = 10,000, gaussian visit"] == "met, 92% of it"
    assert found["time a row at n = 1,000,000 / n = 10,000, bernoulli visit"] == "-"
    assert found["n = 100,000, binary visit"] == "-"


def test_a_smaller_run_is_not_judged() -> None:
    found = canned()
    found["works"]["million"] |= {"rows": 20_000, "binary": False}
    assert verdicts(found)["the same, memory in multiples of the data"] == "(20,000 rows, b complete)"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0512, "0.0512"), (2.345, "2.35"), (99.95, "100"), (12345.6, "12346"), (0.0, "0")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert goals.digits(value) == text


def test_the_table_shows_targets_ours_and_those_of_r() -> None:
    text = printed(canned())
    line = next(line for line in text.splitlines() if "popmis, visit" in line)
    assert all(
        part in line for part in ("≤ 0.6 ms", "0.3 ms", "met, 50% of it", "2l.pan 27 ms, 2l.norm 1.3 s, pan 0.05")
    )
    assert "256 MiB for 48 MiB of data; 64 MiB of it a run of 400 rows takes too" in text
    assert "2 inner steps" not in text and "x 3 inner steps a visit" in text
    assert "n = 100,000, binary visit" not in text  # the work was not run


def test_ratios_to_earlier_figures() -> None:
    before, now = canned(), canned(commit="now")
    now["works"]["popmis"]["targets"]["popular"]["more"]["cpu"] = 0.6
    del before["works"]["growth"]
    found = {path: ratio for path, _, _, ratio in figures.ratios(now, before)}
    assert found["popmis.targets.popular.more.cpu"] == pytest.approx(2)
    assert found["whole-popncr.wall"] == 1
    assert not any("growth" in path or path.endswith((".load", ".rows")) for path in found)
    assert "popmis.targets.popular.more.cpu" in printed(now, before)


def test_figures_survive_json(tmp_path: Path) -> None:
    found = canned()
    path = tmp_path / "new" / "figures.json"
    figures.write(found, path)
    assert figures.read(path) == found
    assert figures.path_for(found, ()).name == f"{found['commit']}.json"
    assert figures.path_for(found, ["popmis"]) != figures.path_for(found, ())


def test_visits_of_a_tiny_work(tmp_path: Path) -> None:
    found = visits.time_visits(works.generated(ROWS, binary=False), budget=0.05)
    assert set(found) == set(works.GAUSSIAN)
    for target in found.values():
        assert target["sampler"] == "gibbs" and 1 <= target["steps"] == target["forgetting"]
        assert 0 < target["rates"]["gibbs"] < np.inf and min(target["one"].values()) > 0
    whole_figures = canned(works={"tiny": {"load": 0.0, "targets": found}})
    figures.write(whole_figures, tmp_path / "tiny.json")
    assert figures.read(tmp_path / "tiny.json") == whole_figures
    assert "gibbs" in printed(whole_figures)


def test_growth_of_tiny_works() -> None:
    found = visits.growth(lambda rows: works.generated(rows, binary=False), (200, ROWS), budget=0.01)
    assert set(found) == {"gaussian"} and set(found["gaussian"]) == {"200", "400"}


def test_a_whole_run_on_tiny_data() -> None:
    found = whole.run_rows(ROWS, 1, binary=False)
    assert found["samplers"] == dict.fromkeys(works.GAUSSIAN, "gibbs") and set(found["steps"]) == set(works.GAUSSIAN)
    assert found["data_bytes"] == ROWS * 6 * 8
    assert found["peak_bytes"] is None or found["peak_bytes"] >= found["base_bytes"]


def test_the_generated_work() -> None:
    frame = works.generate(20_000)
    assert frame["g"].nunique() == 1000 and (frame.groupby("g")["w"].nunique() == 1).all()
    missing = frame.isna().mean()
    assert (missing[["g", "w"]] == 0).all()
    error = np.sqrt(0.2 * 0.8 / len(frame))
    assert (abs(missing[["x", "z", "y", "b"]] - 0.2) < 4 * error).all()
    assert set(frame["b"].dropna()) == {0.0, 1.0}
    plan = works.generated_plan()
    assert [c.target for c in plan.conditionals] == ["x", "z", "y", "b"]


def test_what_r_cannot_do_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    every = list(rivals.JOBS)
    assert rivals.jobs_for(every, set(), large=True) == []
    assert {job.method for job in rivals.jobs_for(every, {"jomo"}, large=True)} == {"jomo", "jomo whole"}
    assert not any(job.slow for job in rivals.jobs_for(every, set(rivals.PACKAGES), large=False))
    monkeypatch.setattr(rivals.shutil, "which", lambda name: None)
    assert rivals.installed() == {} and rivals.time_rivals(every, large=False) == {}


def test_every_goal_is_of_a_work_and_every_rival_of_a_job() -> None:
    jobs = {(job.work, job.method) for jobs in rivals.JOBS.values() for job in jobs()}
    for goal in goals.GOALS:
        assert goal.work in table.RUNS
        assert set(goal.rivals) <= jobs
