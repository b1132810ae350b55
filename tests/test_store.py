"""Checkpoints that grow: what is there is not written again, a kill between any two steps loses nothing but the last
leg, and memory holds neither cells that are in the store nor m whole columns."""

import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from looping import FORMULAS, assert_same_run, fresh_record, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import FileError, MultiplyImputed, fcs
from bayesimpute.kernel import ChainState
from bayesimpute.legs import Job, run_leg
from bayesimpute.records import STATS, Leg, Record
from bayesimpute.store import Checkpoint

RUN: dict[str, Any] = {"m": 6, "chains": 2, "sweeps": 6}


def with_binary() -> pd.DataFrame:
    return table().assign(b=lambda d: (d["z"] > 0).where(d.index % 3 != 0).astype("boolean"))


MODELS = (*FORMULAS, "b ~ y + (1 | g)")


def growing(frame: pd.DataFrame | None = None, **run: Any) -> Iterator[Record]:
    """A run before its first sweep and after each leg of two sweeps of a chain, chain 1 later than chain 0."""
    record = fresh_record(with_binary() if frame is None else frame, prior_plan(*MODELS, **{**RUN, **run}))
    yield record
    job = Job.of(record)
    for chain in (0, 0, 1, 0, 0, 1, 1, 1):
        record = record.grown(*run_leg(job, record.states[chain], 2))
        yield record


def chunks(store: Path) -> dict[str, int]:
    """The files of the cells, with what tells one file from another."""
    return {str(p.relative_to(store)): p.stat().st_ino for p in sorted(store.glob("imputed/*/cells/c/*/*"))}


def test_an_imputation_of_a_target_is_a_file_that_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    seen: set[int] = set()
    for record in growing():
        checkpoint.write(record)
        kept = sorted(k for leg in record.legs for k in leg.kept)
        files = chunks(path)
        assert list(files) == sorted(f"imputed/{t}/cells/c/{i}/0" for t in ("b", "x", "y") for i in range(len(kept)))
        assert seen <= set(files.values())
        seen = set(files.values())
        assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(record))
        assert list(tmp_path.iterdir()) == [path]
    assert record.finished and kept == [0, 1, 2, 3, 4, 5]
    assert (path / "imputed/b/cells/c/3/0").stat().st_size == int(with_binary()["b"].isna().sum())


def test_the_data_are_written_once(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    found = []
    for record in growing():
        checkpoint.write(record)
        parts = ("observed", "missing", "imputed/*/row")
        found.append({p.stat().st_ino for part in parts for p in path.glob(f"{part}/**/*") if p.is_file()})
    assert len(found[0]) > 20 and all(files == found[0] for files in found)


def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", link)
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    for record in growing():
        checkpoint.write(record)
    assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(record))


def harm(path: Path, how: str, other: MultiplyImputed) -> None:
    if how == "removed":
        shutil.rmtree(path)
    elif how == "replaced":
        other.save(path, force=True)
    else:
        path.rename(path.with_name("kept.zarr"))


@pytest.mark.parametrize("how", ["removed", "replaced", "renamed"])
def test_a_store_that_somebody_else_touched_is_written_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    for place, record in enumerate(growing()):
        if place == 5:
            harm(path, how, run_prior(table(), m=2))
        checkpoint.write(record)
        assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(record))
    if how == "renamed":
        assert not MultiplyImputed.load(tmp_path / "kept.zarr").record.finished


def test_cells_that_are_in_the_store_are_read_from_it_even_when_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    made = run_prior(with_binary(), *MODELS, **RUN)
    stored = bi.impute(
        with_binary(), prior_plan(*MODELS, **RUN), seed=1, checkpoint=path, progress=False
    )
    for leg in stored.record.legs:
        for cells in leg.kept.values():
            assert all(isinstance(array.base, np.memmap) for array in cells.values())
    assert_same_run(stored, made)
    shutil.rmtree(path)
    assert_same_run(stored, made)
    stored.save(tmp_path / "run.nc")
    assert_same_run(MultiplyImputed.load(tmp_path / "run.nc"), made)
    assert_same_run(stored.add(2, progress=False), made.add(2, progress=False))


def test_extending_and_adding_with_a_store(tmp_path: Path) -> None:
    made = run_prior(with_binary(), *MODELS, **RUN)
    made.save(tmp_path / "run.zarr")
    loaded = MultiplyImputed.load(tmp_path / "run.zarr")
    for verb, n in (("extend", 5), ("add", 3)):
        plain = getattr(made, verb)(n, progress=False)
        assert_same_run(getattr(loaded, verb)(n, progress=False, checkpoint=tmp_path / f"{verb}.zarr"), plain)
        assert_same_run(MultiplyImputed.load(tmp_path / f"{verb}.zarr"), plain)
        assert_same_run(bi.resume(tmp_path / f"{verb}.zarr", progress=False), plain)


def test_a_file_needs_nothing_but_xarray(tmp_path: Path) -> None:
    """The recipe of the schema's description."""
    frame = with_binary()
    made = run_prior(frame, *MODELS, **RUN)
    for path, engine in ((tmp_path / "run.nc", "h5netcdf"), (tmp_path / "run.zarr", "zarr")):
        made.save(path)
        options: dict[str, Any] = {} if engine == "h5netcdf" else {"consolidated": False}
        with xr.open_datatree(path, engine=engine, **options) as tree:
            assert "completed" not in tree.children
            for k in range(made.m):
                column = tree["observed/y"].values.copy()
                column[tree["imputed/y/row"].values] = tree["imputed/y/cells"].sel(imputation=k).values
                np.testing.assert_array_equal(column, made.completed(k)["y"])
            cells = tree["imputed/b/cells"]
            assert cells.dtype == np.int8 and cells.dims == ("imputation", "cell")
            if engine == "zarr":
                assert cells.encoding["chunks"] == (1, cells.sizes["cell"])


# Killed -----------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What a killed process does from then on: nothing."""


Kill = Callable[[int], list[str]]


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Kill:
    """Make the n-th change of the file system, and all after it, raise; the list tells which have been made."""

    def at(n: int) -> list[str]:
        done: list[str] = []
        changes = ((os, "link"), (os, "rename"), (os, "replace"), (os, "unlink"), (os, "mkdir"), (shutil, "rmtree"))
        for module, name in changes:
            original = getattr(module, name)

            def call(*args: Any, _name: str = name, _original: Any = original, **kwargs: Any) -> Any:
                if len(done) >= n:
                    raise Killed
                done.append(_name)
                return _original(*args, **kwargs)

            monkeypatch.setattr(module, name, call)
        return done

    return at


def steps_of_a_checkpoint(folder: Path, kill: Kill, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The changes of the file system that the third checkpoint of a run makes."""
    checkpoint = Checkpoint(folder / "run.zarr")
    records = growing(table(), **{"m": 4, "sweeps": 4})
    for _ in range(2):
        checkpoint.write(next(records))
    record = next(records)
    done = kill(10**6)
    checkpoint.write(record)
    monkeypatch.undo()
    return list(done)

