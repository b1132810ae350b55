"""Checkpoints that grow: what is there is not written again, a kill between any two steps loses nothing but the last
leg, and memory holds neither cells that are in the store nor m whole columns."""

import gc
import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from looping import assert_same_run, fresh_record, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import FileError, MultiplyImputed
from bayesimpute.plan.resolving import resolve
from bayesimpute.result.store import Checkpoint
from bayesimpute.running import fcs
from bayesimpute.running.far_values import noted
from bayesimpute.running.imputed_cells import packed
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.legs import Job, run_leg
from bayesimpute.running.records import STATS, Leg, Record

pytestmark = pytest.mark.long(22)

RUN: dict[str, Any] = {"m": 6, "chains": 2, "warmup": 1, "sweeps": 4}


def with_binary() -> pd.DataFrame:
    return table().assign(b=lambda d: (d["z"] > 0).where(d.index % 3 != 0).astype("boolean"))


MODELS = ("y ~ z", "b ~ y")


def growing() -> Iterator[Record]:
    """A run before its first sweep and as it goes on; chain 1 comes later than chain 0, so that imputations move."""
    record = fresh_record(with_binary(), prior_plan(*MODELS, **RUN))
    yield record
    job = Job.of(record)
    for chain, sweeps in ((0, 4), (1, 3), (0, 9), (1, 9)):
        record = record.grown(*run_leg(job, record.states[chain], sweeps))
        yield record


def chunks(store: Path) -> dict[str, int]:
    """The files of the cells, with what tells one file from another."""
    return {str(p.relative_to(store)): p.stat().st_ino for p in sorted(store.glob("imputed/*/cells/c/*/*"))}


def test_an_imputation_of_a_target_is_a_file_that_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    seen: set[int] = set()
    parts, unchanging = ("observed", "missing", "imputed/*/row"), []
    for record in growing():
        checkpoint.write(record)
        kept = sorted(k for leg in record.legs for k in leg.kept)
        files = chunks(path)
        assert list(files) == sorted(f"imputed/{t}/cells/c/{i}/0" for t in ("b", "y") for i in range(len(kept)))
        assert seen <= set(files.values())
        seen = set(files.values())
        unchanging.append({p.stat().st_ino for part in parts for p in path.glob(f"{part}/**/*") if p.is_file()})
        assert list(tmp_path.iterdir()) == [path]
    assert record.finished and kept == [*range(8)]
    assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(record))
    assert len(unchanging[0]) > 20 and all(files == unchanging[0] for files in unchanging)
    assert (path / "imputed/b/cells/c/3/0").stat().st_size == int(with_binary()["b"].isna().sum())


@pytest.mark.slow
def test_without_hard_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.link

    def link(source: Any, place: Any) -> None:
        if not str(source).endswith(".partial"):  # Zarr's own
            raise OSError(95, "Operation not supported")
        original(source, place)

    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    records = growing()
    checkpoint.write(next(records))
    checkpoint.write(next(records))
    monkeypatch.setattr(os, "link", link)
    checkpoint.write(record := next(records))
    assert len(chunks(path)) == 2 * 5
    assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(record))


def harm(path: Path, how: str, other: MultiplyImputed) -> None:
    if how == "removed":
        shutil.rmtree(path)
    elif how == "replaced":
        other.save(path, force=True)
    else:
        path.rename(path.with_name("kept.zarr"))


@pytest.mark.by_default("replaced")
@pytest.mark.parametrize("how", ["replaced", "renamed", pytest.param("removed", marks=pytest.mark.slow)])
def test_a_store_that_somebody_else_touched_is_written_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    records = growing()
    checkpoint.write(next(records))
    checkpoint.write(next(records))
    harm(path, how, run_prior(table(), m=2))
    checkpoint.write(record := next(records))
    assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(record))
    if how == "renamed":
        assert not MultiplyImputed.load(tmp_path / "kept.zarr").record.finished


def test_cells_that_are_in_the_store_are_read_from_it_even_when_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "run.zarr"
    made = run_prior(with_binary(), *MODELS, **RUN)
    stored = bi.impute(with_binary(), prior_plan(*MODELS, **RUN), seed=1, checkpoint=path, progress=False)
    for leg in stored.record.legs:
        for cells in leg.kept.values():
            assert all(isinstance(array.base, np.memmap) for array in cells.values())
    assert_same_run(stored, made)
    shutil.rmtree(path)
    assert_same_run(stored, made)
    stored.save(tmp_path / "run.nc")
    assert_same_run(MultiplyImputed.load(tmp_path / "run.nc"), made)
    assert_same_run(stored.add(2, progress=False), made.add(2, progress=False))


@pytest.mark.slow
def test_adding_with_a_store(tmp_path: Path) -> None:
    made = run_prior(with_binary(), *MODELS, **RUN)
    made.save(tmp_path / "run.zarr")
    loaded = MultiplyImputed.load(tmp_path / "run.zarr")
    longer = made.add(3, progress=False)
    assert_same_run(loaded.add(3, progress=False, checkpoint=tmp_path / "more.zarr"), longer)
    assert_same_run(MultiplyImputed.load(tmp_path / "more.zarr"), longer)


@pytest.mark.slow
def test_extending_with_a_store(tmp_path: Path) -> None:
    made = run_prior(with_binary(), *MODELS, **RUN)
    path = tmp_path / "run.zarr"
    longer = made.extend(5, progress=False, checkpoint=path)
    assert_same_run(longer, made.extend(5, progress=False))
    assert_same_run(bi.resume(path, progress=False), longer)


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


# Killed


class Killed(BaseException):
    """What a killed process does from then on: nothing."""


def kill_at(n: int, patch: pytest.MonkeyPatch) -> list[str]:
    """Have the n-th change of the file system, and all after it, raise; the list tells which have been made."""
    done: list[str] = []
    for name in ("link", "rename", "replace", "unlink", "mkdir", "rmdir"):
        original = getattr(os, name)

        def call(*args: Any, _name: str = name, _original: Any = original, **kwargs: Any) -> Any:
            if len(done) >= n:
                raise Killed
            done.append(_name)
            return _original(*args, **kwargs)

        patch.setattr(os, name, call)
    return done


@pytest.fixture(scope="module")
def three() -> list[Record]:
    """Three that are written one after the other, and the end."""
    records = list(growing())
    return [*records[:3], noted(records[-1])]


@pytest.fixture(scope="module")
def steps(three: list[Record], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The changes of the file system that a checkpoint makes after two others."""
    checkpoint = Checkpoint(tmp_path_factory.mktemp("steps") / "run.zarr")
    checkpoint.write(three[0])
    checkpoint.write(three[1])
    with pytest.MonkeyPatch.context() as patch:
        done = kill_at(10**6, patch)
        checkpoint.write(three[2])
        return list(done)


def places(steps: list[str]) -> dict[str, int]:
    """Where a kill may do harm: what it finds done, and how many changes have been made by then."""
    links = [n for n, name in enumerate(steps) if name == "link"]
    renames = [n for n, name in enumerate(steps) if name == "rename"]
    assert len(renames) == 2 and steps[renames[0] + 1 : renames[0] + 2] == ["replace"]
    assert len(links) > 20
    return {
        "nothing": 0,
        "some of the small parts": links[0] // 2,
        "the first link": links[0] + 1,
        "all but the last link": links[-1],
        "all of the new store": renames[0],
        "the old store moved away": renames[0] + 1,
        "the new store moved in": renames[0] + 2,
        "some of the old store removed": len(steps) - 1,
    }


SELDOM = ("nothing", "some of the small parts", "the first link", "some of the old store removed")
PLACES = ("all but the last link", "all of the new store", "the old store moved away", "the new store moved in")
LATE = ("the new store moved in", "some of the old store removed")


@pytest.mark.by_default("the new store moved in")
@pytest.mark.parametrize("where", [*PLACES, *(pytest.param(where, marks=pytest.mark.slow) for where in SELDOM)])
def test_a_kill_between_any_two_steps_leaves_a_run_that_goes_on(
    three: list[Record], steps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = tmp_path / "run.zarr"
    checkpoint = Checkpoint(path)
    checkpoint.write(three[0])
    checkpoint.write(three[1])
    at = places(steps)[where]
    done = kill_at(at, monkeypatch)
    with pytest.raises(Killed):
        checkpoint.write(three[2])
    assert len(done) == at
    monkeypatch.undo()
    come = three[2] if where in LATE else three[1]
    assert_same_run(MultiplyImputed.load(path), MultiplyImputed.of(come))
    with pytest.raises(FileError, match="the checkpoint exists already"):
        bi.impute(with_binary(), prior_plan(*MODELS, **RUN), seed=1, checkpoint=path, progress=False)
    if where == "the old store moved away":
        resumed = bi.resume(path, progress=False)
        assert_same_run(resumed, MultiplyImputed.of(three[3]))
        assert_same_run(MultiplyImputed.load(path), resumed)


@pytest.mark.by_default("nc")
@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_a_run_that_is_killed_before_its_first_sweep_goes_on_with_the_samplers_it_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Its checkpoint has no events of the samplers yet."""

    def killed(*args: Any) -> Any:
        raise Killed

    path, plan = tmp_path / f"run.{ending}", prior_plan("y ~ z", **{**RUN, "sampler": "auto"})
    monkeypatch.setattr(fcs, "crew", killed)
    with pytest.raises(Killed):
        bi.impute(table(), plan, seed=1, checkpoint=path, progress=False)
    monkeypatch.undo()
    assert [state.sweep for state in MultiplyImputed.load(path).record.states] == [0, 0]
    whole = bi.impute(table(), plan, seed=1, progress=False)
    assert "sampler gibbs" in set(whole.events["what"])
    assert_same_run(bi.resume(path, progress=False), whole)
    assert_same_run(MultiplyImputed.load(path), whole)


# Memory

ROWS, DATASETS = 200_000, 5


def large(rows: int) -> tuple[Record, int]:
    """A finished run of five numbers and a yes/no column, two of them with 30 % missing; and the bytes of its data."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({name: rng.normal(size=rows) for name in "xyzuv"})
    frame["b"] = pd.Series(rng.random(rows) < 0.5).astype("boolean")
    frame.loc[rng.random(rows) < 0.3, "y"] = np.nan
    frame.loc[rng.random(rows) < 0.3, "b"] = pd.NA
    record = fresh_record(frame, prior_plan("y ~ x + z", "b ~ y", m=DATASETS, chains=1, warmup=1, sweeps=DATASETS))
    targets = resolve(record.plan, record.incomplete).targets
    cells = [{t.name: rng.integers(2, size=len(t.missing_rows)) * 1.0 for t in targets} for _ in range(DATASETS)]
    leg = Leg(
        names={t.name: ("a",) for t in targets},
        draws={t.name: np.zeros((DATASETS, 1)) for t in targets},
        imputed={t.name: np.zeros((DATASETS, 2)) for t in targets},
        stats={t.name: np.zeros((DATASETS, len(STATS))) for t in targets},
        kept={k: packed(targets, c) for k, c in enumerate(cells)},
    )
    state = ChainState(chain=0, sweep=1 + DATASETS, cells=cells[-1])
    return replace(record, states=(state,), legs=(leg,)), int(frame.memory_usage(index=False).sum())


def peak(work: Callable[[], object]) -> int:
    """The most bytes that some work has held at once, beyond what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_is_a_few_times_the_data(tmp_path: Path) -> None:
    """In multiples of the data's bytes; what was measured is in brackets.

    Making the result (2.1): the rows of the targets' units and, while they are found, a few columns. Saving: the file
    (netCDF 2.0), which is made in memory; of Zarr stores (0.3) an imputation at a time. Loading (5.8): for a moment the
    arrays of the file, the frame that is made of them and what pandas copies to make it; afterwards 3.7, which are the
    frame, the same as floats, the cells of all imputations and the rows of the targets. One dataset (1.7): itself, and
    a column or two. Whole columns of m datasets, as they once were held, are 5 * 2 / 6 times the data more each time
    they are touched.
    """
    small, _ = large(200)
    for ending in ("nc", "zarr"):  # what is loaded and cached only once is not of the data
        MultiplyImputed.of(small).save(tmp_path / f"small.{ending}")
        MultiplyImputed.load(tmp_path / f"small.{ending}").completed(0)
    Checkpoint(tmp_path / "small.zarr").write(small)
    record, size = large(ROWS)
    results: list[MultiplyImputed] = []
    assert peak(lambda: results.append(MultiplyImputed.of(record))) < 2.5 * size
    for ending in ("nc", "zarr"):
        path = tmp_path / f"run.{ending}"
        assert peak(lambda path=path: results[0].save(path)) < (2.5 if ending == "nc" else 0.5) * size
        assert peak(lambda path=path: results.append(MultiplyImputed.load(path))) < 6 * size
        assert peak(lambda: results[-1].completed(3)) < 2 * size
        assert peak(lambda: results[-1].to_xarray().isel(imputation=4).load()) < 1.5 * size
    checkpoint = Checkpoint(tmp_path / "grown.zarr")
    assert peak(lambda: checkpoint.write(record)) < 2.5 * size
    assert all(isinstance(c.base, np.memmap) for c in record.legs[0].kept[0].values())


def test_a_store_takes_the_data_and_the_cells(tmp_path: Path) -> None:
    record, size = large(20_000)
    path = tmp_path / "run.zarr"
    MultiplyImputed.of(record).save(path)
    cells = sum(c.nbytes for kept in record.legs[0].kept.values() for c in kept.values())
    assert cells < 0.3 * 20_000 * (8 + 1) * DATASETS * 1.05
    assert sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) < size + cells + 0.5 * size
