"""Kill -9 before any change of the file system, and at any moment: the run goes on to the tree of one that was not.

A trial runs in a forked process that kills itself just before its n-th change of the folder, so that none is missed:
a file opened for writing, linked, renamed or removed, a folder made or removed, and between the two parts of a netCDF
file.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from forking import PATIENCE, forked
from looping import assert_same_run, prior_plan, table

import bayesimpute as bi
from bayesimpute import MultiplyImputed
from bayesimpute.base.replacing import left_behind, standing
from bayesimpute.cli.parser import main
from bayesimpute.result import run, store
from bayesimpute.running import fcs

pytestmark = [pytest.mark.long(12), pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes can be forked")]

CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "sealed"}
WRITING = os.O_WRONLY | os.O_RDWR
PLAN = prior_plan("y ~ z + (1 | g)", m=2, chains=1, warmup=2, sweeps=4, sampler="auto")
KILLS = 10
OPTIONS: dict[str, Any] = {"seed": 1, "progress": False}

Work = Callable[[Path], object]


def frame() -> pd.DataFrame:
    return table()[["y", "z", "g"]]


def imputed(path: Path) -> MultiplyImputed:
    return bi.impute(frame(), PLAN, checkpoint=path, **OPTIONS)


@pytest.fixture(scope="module")
def whole() -> MultiplyImputed:
    made = bi.impute(frame(), PLAN, **OPTIONS)
    assert "sampler gibbs" in set(made.events["what"])
    return made


@pytest.fixture
def checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every leg: four in all."""
    seal = store.seal
    monkeypatch.setattr(fcs, "_leg_length", lambda made, seconds: 6)
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(store, "seal", lambda content: (sys.audit("sealed", ""), seal(content))[1])


def on_change(folder: Path, reached: Callable[[int, str], None]) -> None:
    """Have a function called just before every change of what is in a folder, as long as this process lives."""
    numbers = itertools.count()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING):
            place = os.fspath(arguments[0]) if not isinstance(arguments[0], int) else ""
            if str(place).startswith(str(folder)) or not str(place).startswith("/"):
                reached(next(numbers), event)

    sys.addaudithook(hook)


def changes(path: Path, work: Work) -> list[str]:
    """What some work changes in the folder of its file."""
    counted = path.parents[1] / "changes"

    def trial() -> int:
        reached: list[str] = []
        on_change(path.parent, lambda number, event: reached.append(event))
        work(path)
        counted.write_text(" ".join(reached))
        return 0

    ended = forked(trial, path.parents[1] / "said").ended()
    assert ended.code == 0, ended
    return counted.read_text().split()


def kill_before(change: int, path: Path, work: Work) -> None:
    """Have some work in a process of its own killed before a change."""

    def reached(number: int, event: str) -> None:
        if number == change:
            os.kill(os.getpid(), signal.SIGKILL)

    def trial() -> int:
        on_change(path.parent, reached)
        work(path)
        return 0

    ended = forked(trial, path.parents[1] / "said").ended()
    assert ended.code == -signal.SIGKILL, ended


def empty(path: Path) -> None:
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir()


def gone_on(path: Path, work: Work, capsys: pytest.CaptureFixture[str]) -> str:
    """Go on as a user would: by the command line, and from the start if nothing had been saved. How far it had come."""
    came, left = standing(path), left_behind(path)
    code = main(["resume", str(path), "--no-progress"])
    out, err = capsys.readouterr()
    if came is not None:
        assert code in (0, 3), err
        return "a checkpoint"
    assert (code, out) == (1, "") and err.count("\n") == 1 and f"{path}: there is no such file" in err
    assert all(str(place) in err and "start the run again" in err for place in left[:1])
    work(path)
    return "a hidden file" if left else "nothing"


def some(number: int, events: list[str]) -> list[int]:
    """So many of the changes, evenly, those at each renaming of a store, the first two and the last."""
    step = max(1, len(events) // number)
    return sorted({0, 1, *range(0, len(events), step), *moves(events), len(events) - 1})


def moves(events: list[str]) -> list[int]:
    """Where a store is moved away, the new one moved in, and the old one given another name: renamings in a row."""
    pairs = (n for n, pair in enumerate(itertools.pairwise(events)) if pair == ("os.rename", "os.rename"))
    return [place for n in pairs for place in (n, n + 1)]


@pytest.mark.usefixtures("checkpoints")
@pytest.mark.parametrize(
    ("ending", "number"), [("nc", 1), *(pytest.param(e, 40, marks=pytest.mark.slow) for e in ("nc", "zarr"))]
)
def test_a_run_that_is_killed_before_a_change_of_its_folder_goes_on(
    whole: MultiplyImputed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
    ending: str,
    number: int,
) -> None:
    path = tmp_path / "folder" / f"run.{ending}"
    empty(path)
    outcomes: Counter[str] = Counter()
    for change in some(number, changes(path, imputed)):
        empty(path)
        kill_before(change, path, imputed)
        outcomes[gone_on(path, imputed, capsys)] += 1
        assert_same_run(bi.load(path), whole)
        assert list(path.parent.iterdir()) == [path]
    assert set(outcomes) == {"nothing", "a hidden file", "a checkpoint"}
    record_property("tried", f"kills of a .{ending} run: {dict(outcomes)}")


@pytest.mark.slow
def test_a_command_that_is_killed_at_any_moment_goes_on(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """In fresh processes, which have to load and to compile first."""
    folder = tmp_path / "folder"
    (tmp_path / "plan.toml").write_text(PLAN.to_toml())
    frame().to_csv(tmp_path / "data.csv", index=False)
    words = ["impute", f"{tmp_path}/plan.toml", "--data", f"{tmp_path}/data.csv", "--seed", "1", "--no-progress"]
    out, checkpoint = folder / "run.nc", folder / "run.checkpoint.nc"

    def killed(delay: float) -> str:
        empty(out)
        process = subprocess.Popen(
            [sys.executable, "-m", "bayesimpute", *words, "--out", out], stdout=subprocess.DEVNULL
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(delay)
        process.kill()
        process.wait()
        came = sorted(path.name for path in (out, checkpoint) if path.exists())
        return " and ".join(came) or ("a hidden file" if any(folder.iterdir()) else "nothing")

    begun = time.monotonic()
    assert killed(PATIENCE) == "run.nc"
    longest, whole = time.monotonic() - begun, bi.load(out)
    outcomes: Counter[str] = Counter()
    for trial in range(KILLS):
        outcomes[killed(longest * trial / KILLS)] += 1
        if checkpoint.exists():
            assert main(["resume", str(checkpoint), "--out", str(out), "--force", "--no-progress"]) in (0, 3)
        elif not out.exists():
            assert main([*words, "--out", str(out)]) in (0, 3)
        assert_same_run(bi.load(out), whole)
        assert not checkpoint.exists() and left_behind(checkpoint) == []
    record_property("tried", f"kills of a command: {dict(outcomes)}")
