"""A disk that is full: one clear error, the file of before intact, nothing left behind, and the run is kept and named.

Each trial has a process of its own, which a fault of HDF5 would end. The disk is a real one, small and filled up but
for some room, where the test may mount it; and everywhere a limit of the size of files, beyond which writing fails in
the same way.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from forking import Ended, forked
from looping import assert_same_run, prior_plan, table

import bayesimpute as bi
from bayesimpute import FileError, MultiplyImputed
from bayesimpute.cli.parser import main
from bayesimpute.data.files import read_data

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes can be forked")

LIMITS = {"nc": (0, 4, 40, 100), "zarr": (0, 1, 4)}
"""Of the size of files, in kB; of a store, no file is large."""
ROOMS = (4, 40, 100, 160, 220, 8000)
"""That are left on the disk, in kB; the last one is room enough."""
PLAN = prior_plan(m=2)
FULL = "(No space left on device|Unable to write data: is the disk full\\?)"


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return bi.impute(table(clusters=200), PLAN, seed=1, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("ending", LIMITS)
def test_a_file_that_may_not_be_so_large_is_one_error_and_harms_nothing(
    imputed: MultiplyImputed, tmp_path: Path, ending: str
) -> None:
    import resource

    path = tmp_path / "disk" / f"run.{ending}"
    path.parent.mkdir()
    imputed.save(path)

    def work(size: int) -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails with an error of the system
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size * 1024, before[1]))
        try:
            imputed.save(path, force=True)
        except FileError as error:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            return 1 if str(path) in str(error) and "cannot be written" in str(error) else 2
        return 0

    codes = [forked(lambda size=size: work(size), tmp_path / "said").ended().code for size in LIMITS[ending]]
    assert codes == [1] * len(codes)
    assert list(path.parent.iterdir()) == [path]
    assert_same_run(MultiplyImputed.load(path), imputed)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A small disk, and a folder elsewhere with data, a plan, a run and one that was stopped."""

    disk: Path
    home: Path

    def emptied(self) -> None:
        for path in self.disk.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def fill(self, room: int) -> None:
        """Leave so many kB."""
        found = os.statvfs(self.disk)
        with (self.disk / "filler").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - room * 1024)


@pytest.fixture(scope="module")
def place(imputed: MultiplyImputed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    disk, home = tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("home")
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by the superuser of Linux only")
    table(clusters=200).to_csv(home / "data.csv", index=False)
    (home / "plan.toml").write_text(PLAN.to_toml())
    imputed.save(home / "run.nc")
    begun = MultiplyImputed.of(imputed.record.extended(4))
    for ending in ("nc", "zarr"):
        begun.save(home / f"begun.{ending}")
    imputed.extend(4, progress=False).save(home / "extended.nc")
    yield Place(disk=disk, home=home)
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is done with a file on the disk, which may be there before, and where its run is kept if that fails."""

    file: str
    work: Callable[[Path, Path], int]
    before: str = ""
    kept: str = ""


def command(words: str) -> Callable[[Path, Path], int]:
    return lambda path, home: main([word.format(path=path, home=home) for word in words.split()])


def public(work: Callable[[Path, Path], object]) -> Callable[[Path, Path], int]:
    """As the command line tells what a function raises."""

    def told(path: Path, home: Path) -> int:
        try:
            work(path, home)
        except FileError as error:
            print("".join(f"{problem.severity}: {problem}\n" for problem in error.problems), end="")
            return 1
        return 0

    return told


IMPUTE = "impute {home}/plan.toml --data {home}/data.csv --seed 1 --no-progress --force"
OUT = command(f"{IMPUTE} --out {{path}} --checkpoint {{home}}/kept.nc")
CHECKPOINT = command(f"{IMPUTE} --out {{home}}/out.nc --checkpoint {{path}}")
EXPORT = command("export {home}/run.nc --to {path}")
RESUME = command("resume {path} --no-progress")
SAVE = public(lambda path, home: bi.load(home / "run.nc").save(path, force=True))
EXTEND = public(lambda path, home: bi.load(home / "run.nc").extend(4, checkpoint=path, progress=False))
TASKS = {
    **{f"export {e}": Task(file=f"long.{e}", work=EXPORT) for e in ("csv", "parquet", "dta", "sav")},
    **{f"save {e}": Task(file=f"run.{e}", work=SAVE, before="begun") for e in ("nc", "zarr")},
    **{f"impute --out {e}": Task(file=f"run.{e}", work=OUT, kept="kept.nc") for e in ("nc", "zarr")},
    **{f"impute --checkpoint {e}": Task(file=f"run.{e}", work=CHECKPOINT) for e in ("nc", "zarr")},
    **{f"extend {e}": Task(file=f"run.{e}", work=EXTEND) for e in ("nc", "zarr")},
    **{f"resume {e}": Task(file=f"run.{e}", work=RESUME, before="begun") for e in ("nc", "zarr")},
}


def outcome(task: Task, place: Place, room: int) -> str:
    """What came of a task, after all that must hold of it."""
    place.emptied()
    path = place.disk / task.file
    if task.before:
        source = place.home / f"{task.before}{path.suffix}"
        shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)
    place.fill(room)
    ended = forked(lambda: task.work(path, place.home), place.home / "said").ended()
    (place.disk / "filler").unlink()
    assert set(place.disk.iterdir()) <= {path}
    if ended.code != 1:
        assert ended.code in (0, 3), ended
        read_data(path) if path.name.startswith("long") else bi.load(path)
        return "written"
    refused(task, path, place, ended)
    return "refused"


def refused(task: Task, path: Path, place: Place, ended: Ended) -> None:
    """One error that names the file, and where the run is kept; it goes on from there as if there had been room."""
    problem = ended.said.splitlines()[-1]
    assert re.match(rf"error: {re.escape(str(path))}: cannot be written \({FULL}\); ", problem), ended
    assert ended.said.count("error: ") == 1, ended
    kept = place.home / task.kept if task.kept else path
    if kept.exists():
        assert f"bayesimpute resume {kept}" in problem or task.work is SAVE, ended
        goes_on = bi.resume(kept, progress=False)
        extended = task.before or task.work is EXTEND
        assert_same_run(goes_on, bi.load(place.home / ("extended.nc" if extended else "run.nc")))
    else:
        assert task.work in (EXPORT, CHECKPOINT, EXTEND)


FEW = ("export sav", "impute --out nc")


@pytest.mark.parametrize(
    ("name", "rooms"),
    [*((name, (40,)) for name in FEW), *(pytest.param(name, ROOMS, marks=pytest.mark.slow) for name in TASKS)],
)
def test_a_full_disk_is_one_error_and_harms_nothing(
    place: Place, record_property: Callable[[str, object], None], name: str, rooms: tuple[int, ...]
) -> None:
    outcomes = Counter(outcome(TASKS[name], place, room) for room in rooms)
    assert outcomes["refused"] and (len(rooms) == 1 or outcomes["written"])
    record_property("tried", f"full disks, {name}: {dict(outcomes)}")
