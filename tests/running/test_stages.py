"""Runs whose length is decided where the chains meet: here, as long as the rule of convergence says no.

The decision is that of a run which ends by itself, with thresholds low enough for a test.
"""

from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from looping import FORMULAS, assert_same_run, fresh_record, prior_plan, run_prior, table

from bayesimpute import Interrupted, MultiplyImputed
from bayesimpute.numerics.chains import chain_figures
from bayesimpute.result import run
from bayesimpute.running import fcs, legs, workers
from bayesimpute.running.records import Record

pytestmark = pytest.mark.long(25)

RUN: dict[str, Any] = {"m": 5, "chains": 2, "warmup": 2, "sweeps": 8}
MOST = 30


def until_mixed(record: Record, r_hat: float = 1.01) -> Record | None:
    """Double the run until R-hat of all parameters is low, or one more stage would be too long."""
    names = record.legs[0].draws
    arrays = [
        np.stack([leg.draws[n][:, i] for leg in record.legs])
        for n in names
        for i in range(len(record.legs[0].names[n]))
    ]
    worst = chain_figures(arrays)["r_hat"].max()
    if worst < r_hat or record.schedule.doubled().sweeps > MOST:
        return None
    return record.doubled(f"R-hat is up to {worst:.3f}")


def decided(
    record: Record | None = None,
    decide: fcs.Decision = until_mixed,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    path: Path | None = None,
) -> MultiplyImputed:
    """A run from its start, or from where it stands."""
    record = record or fresh_record(table(), prior_plan(*FORMULAS, **RUN), keep_effects=True)
    keeper = run._Checkpoint(path)
    return MultiplyImputed.of(
        fcs.run(record, executor=executor, workers=workers, progress=False, keeper=keeper, decide=decide)
    )


@pytest.fixture(scope="module")
def whole() -> MultiplyImputed:
    return decided()


def test_a_run_of_several_stages_is_the_run_of_that_length(whole: MultiplyImputed) -> None:
    """8 sweeps give 3 rounds, 2 apart; doubled they are 14, 4 apart, and 26, 8 apart."""
    schedule = whole.record.schedule
    assert [stage.sweeps for stage in schedule.stages] == [8, 14, 26] and schedule.thin == 8
    fixed = decided(fresh_record(table(), prior_plan(*FORMULAS, **{**RUN, "sweeps": 26}), keep_effects=True), fcs.ends)
    assert set(whole.tree.groups) == set(fixed.tree.groups)
    for group in set(whole.tree.groups) - {"/", "/events"}:
        one, other = (r.tree[group].to_dataset().drop_vars("seconds", errors="ignore") for r in (whole, fixed))
        xr.testing.assert_identical(one, other)
    assert sorted(k for leg in whole.record.legs for k in leg.kept) == [*range(6)]


def test_every_stage_is_an_event(whole: MultiplyImputed) -> None:
    events = whole.events[whole.events["what"].str.startswith("sweeps raised")]
    assert events["what"].tolist() == [f"sweeps raised from {a} to {b}" for a, b in ((8, 14), (14, 26))]
    assert events["sweep"].tolist() == [10, 16] and events["why"].str.startswith("R-hat is up to ").all()


def test_a_run_whose_chains_have_mixed_ends_where_they_meet() -> None:
    first = decided(decide=lambda record: until_mixed(record, r_hat=np.inf))
    assert_same_run(first, decided(decide=fcs.ends))


@pytest.mark.by_default("3")
@pytest.mark.parametrize("length", [1, 3, 100])
def test_any_length_of_legs_gives_equal_stages(whole: MultiplyImputed, length: int, monkeypatch) -> None:
    monkeypatch.setattr(fcs, "_leg_length", lambda made, seconds: length)
    assert_same_run(decided(), whole)


@pytest.mark.slow
def test_two_processes_go_through_all_stages(whole: MultiplyImputed) -> None:
    assert_same_run(decided(workers=2), whole)


def test_two_threads_go_through_all_stages(whole: MultiplyImputed, monkeypatch) -> None:
    monkeypatch.setattr(workers, "in_threads", lambda job: True)
    assert_same_run(decided(workers=2), whole)


def meetings(record: Record) -> list[Record]:
    """What was decided on, where the chains met."""
    met: list[Record] = []

    def decide(record: Record) -> Record | None:
        met.append(record)
        return until_mixed(record)

    decided(record, decide)
    return met


def test_a_run_saved_at_a_meeting_goes_on_from_there(whole: MultiplyImputed, tmp_path: Path) -> None:
    met = meetings(fresh_record(table(), prior_plan(*FORMULAS, **RUN), keep_effects=True))
    assert len(met) == 3 and all(record.finished for record in met)
    for number, record in enumerate(met):
        path = tmp_path / f"{number}.nc"
        MultiplyImputed.of(record).save(path)
        loaded = MultiplyImputed.load(path).record
        assert loaded.schedule == record.schedule and len(loaded.schedule.stages) == number + 1
        assert_same_run(decided(loaded), whole)


@pytest.mark.slow
def test_a_run_stopped_between_meetings_resumes(whole: MultiplyImputed, tmp_path: Path, monkeypatch) -> None:
    """With a checkpoint after every leg: imputations have other numbers in each stage, and so in the store."""
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(fcs, "_leg_length", lambda made, seconds: 100)
    path, calls, original = tmp_path / "run.zarr", iter(range(10**6)), legs.run_leg

    def run_leg(*args: Any) -> Any:
        if next(calls) == 11:  # the last of the third stage: each has two of no sweeps, to begin with, and two more
            raise KeyboardInterrupt
        return original(*args)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(workers, "run_leg", run_leg)
        decided(path=path)
    stopped = MultiplyImputed.load(path).record
    assert not stopped.finished and len(stopped.schedule.stages) == 3
    assert_same_run(decided(stopped, path=path), whole)
    assert_same_run(MultiplyImputed.load(path), whole)


def test_what_a_user_asks_for_is_a_stage_too(whole: MultiplyImputed, tmp_path: Path) -> None:
    whole.save(tmp_path / "run.nc")
    for start in (whole, MultiplyImputed.load(tmp_path / "run.nc")):
        more = start.add(5, progress=False)
        longer = run_prior(table(), *FORMULAS, **{**RUN, "m": 10, "sweeps": more.record.schedule.sweeps})
        assert np.array_equal(more.to_xarray()["y"], longer.to_xarray()["y"])
        again = more.extend(10, progress=False)
        assert [stage.m for stage in again.record.schedule.stages] == [5, 5, 5, 10, 10]
        assert again.record.schedule.base == more.record.schedule.end
