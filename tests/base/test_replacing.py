"""A folder in the place of another: whoever is killed at any step leaves the old one or the new one to be found."""

import os
import shutil
from pathlib import Path

import pytest

from bayesimpute.base.replacing import move, remove, restore, standing
from bayesimpute.base.saving import FileError, atomic


class Killed(BaseException):
    """What a killed process does from then on: nothing."""


def store(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "zarr.json").write_text(content)
    return path


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch):
    """Make the n-th change of the file system, and all after it, raise."""

    def at(n: int) -> None:
        left = iter(range(10**6))
        for module, name in ((os, "rename"), (os, "replace"), (os, "unlink"), (os, "rmdir"), (shutil, "rmtree")):
            original = getattr(module, name)

            def call(*args, _original=original, **kwargs):
                if next(left) >= n:
                    raise Killed
                return _original(*args, **kwargs)

            monkeypatch.setattr(module, name, call)

    return at


@pytest.mark.parametrize("n", range(7))
def test_a_kill_at_any_step_leaves_one_of_the_two(tmp_path: Path, kill, monkeypatch, n: int) -> None:
    target = store(tmp_path / "run.zarr", "old")
    new = store(tmp_path / ".0123abcd-run.zarr", "new")
    kill(n)
    try:
        move(new, target)
        done = True
    except Killed:
        done = False
    monkeypatch.undo()
    found = standing(target)
    assert found is not None and (found / "zarr.json").read_text() == ("new" if done or n >= 2 else "old")
    restore(target)
    assert standing(target) == target
    assert (target / "zarr.json").read_text() == ("new" if done or n >= 2 else "old")
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".old")] == []
    assert done == (n > 5)  # two renames, one of what is thrown away, and three steps to throw it away


def test_what_was_moved_last_stands(tmp_path: Path) -> None:
    assert standing(tmp_path / "run.zarr") is None
    for n, content in ((1, "first"), (2, "second")):
        os.utime(store(tmp_path / f".0000000{n}-run.zarr.old", content), ns=(n * 10**9, n * 10**9))
    store(tmp_path / ".mine-run.zarr.old", "of somebody else")
    found = standing(tmp_path / "run.zarr")
    assert found is not None and (found / "zarr.json").read_text() == "second"
    with pytest.raises(FileError, match="exists already"), atomic(tmp_path / "run.zarr"):
        pytest.fail("it was written over")
    assert (tmp_path / "run.zarr" / "zarr.json").read_text() == "second"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".mine-run.zarr.old", "run.zarr"]


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    for path in ("a\0b", tmp_path / "no" / "run.zarr", tmp_path / ("x" * 300)):
        assert standing(path) is None


def test_a_folder_that_others_still_write_to_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, original, calls = tmp_path / "store", shutil.rmtree, []

    def rmtree(path: Path, *, ignore_errors: bool) -> None:
        original(path, ignore_errors=ignore_errors)
        calls.append(path)
        if len(calls) == 1:
            (store / "late").mkdir(parents=True)

    (store / "group").mkdir(parents=True)
    monkeypatch.setattr(shutil, "rmtree", rmtree)
    remove(store)
    assert len(calls) == 2 and list(tmp_path.iterdir()) == []
