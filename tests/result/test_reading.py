"""Files of format 1: they are read, show the same datasets, and go on as if they had always been of this format."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from eager import first_format
from looping import FORMULAS, assert_same_run, fresh_record, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import Derived, FileError, MultiplyImputed
from bayesimpute.result.schema import FORMAT
from bayesimpute.running.legs import Job, run_leg


def write_first(imputed: MultiplyImputed, path: Path) -> Path:
    tree = first_format(imputed)
    assert set(tree["completed"].data_vars) and "imputed" not in tree.children
    if path.suffix == ".nc":
        tree.to_netcdf(path, engine="h5netcdf")
    else:
        tree.to_zarr(path, consolidated=False)
    return path


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_a_finished_run_of_format_1(tmp_path: Path, ending: str) -> None:
    frame = table().assign(b=lambda d: (d["z"] > 0).where(d.index % 3 != 0).astype("boolean"))
    derived = [Derived(name="xy", expression="x * y")]
    made = run_prior(frame, *FORMULAS, "b ~ z", derived=derived, m=3, chains=2, sweeps=5)
    loaded = MultiplyImputed.load(write_first(made, tmp_path / f"old.{ending}"))
    assert_same_run(loaded, made)
    assert loaded.tree.attrs["format"] == FORMAT == 2
    pd.testing.assert_frame_equal(loaded.to_long(), made.to_long())
    assert sorted(k for leg in loaded.record.legs for k in leg.kept) == [0, 1, 2, 3]  # 3 was a spare
    assert_same_run(loaded.add(2, progress=False), made.add(2, progress=False))
    loaded.save(tmp_path / "new.nc")
    assert_same_run(MultiplyImputed.load(tmp_path / "new.nc"), made)


@pytest.mark.parametrize("sweeps", [(3, 0), pytest.param((6, 4), marks=pytest.mark.slow)])
def test_an_unfinished_run_of_format_1_goes_on(tmp_path: Path, sweeps: tuple[int | None, int | None]) -> None:
    record = fresh_record(table(), prior_plan(m=3, sweeps=4))
    for chain, n in enumerate(sweeps):
        if n is not None:
            record = record.grown(*run_leg(Job.of(record), record.states[chain], n))
    path = write_first(MultiplyImputed.of(record), tmp_path / "old.nc")
    resumed = bi.resume(path, progress=False)
    whole = run_prior(table(), m=3, sweeps=4)
    for k in range(3):
        pd.testing.assert_frame_equal(resumed.completed(k), whole.completed(k))
    assert np.array_equal(resumed.tree["chains/y_mean"], whole.tree["chains/y_mean"])
    assert_same_run(MultiplyImputed.load(path), resumed)


def test_a_file_without_a_part_of_it_is_damaged(tmp_path: Path) -> None:
    tree = run_prior(table()).tree.copy()
    del tree["imputed"]
    tree.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with pytest.raises(FileError, match="damaged"):
        MultiplyImputed.load(tmp_path / "run.nc")
