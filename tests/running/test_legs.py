"""Legs: however sweeps are cut, the same numbers; what a leg keeps; what a thread keeps."""

import pickle
import threading

import numpy as np
import pytest
from looping import assert_same_run, fresh_record, prior_plan, table

from bayesimpute import MultiplyImputed
from bayesimpute.running.legs import Job, run_leg, workspace
from bayesimpute.running.records import STATS, Record
from bayesimpute.running.shared_steps import told


def moved(record: Record, cuts: list[int], *, pickled: bool = False) -> MultiplyImputed:
    """The run after legs of these lengths for each chain, and of these again after they have met."""
    job = Job.of(record)
    while not record.finished:
        for chain in range(record.schedule.chains):
            for cut in cuts:
                call = (job, record.states[chain], cut)
                record = record.grown(*run_leg(*(pickle.loads(pickle.dumps(call)) if pickled else call)))
        record = told(record)
    return MultiplyImputed.of(record)


@pytest.mark.parametrize("cuts", [[0, 1, 1, 1, 1, 1, 1], [2, 4], [1, 0, 2, 3], [3, 100], [5, 1]])
def test_cutting_changes_nothing(cuts: list[int]) -> None:
    record = fresh_record(table(), prior_plan(steps="auto"), keep_effects=True)
    assert_same_run(moved(record, cuts), moved(record, [6]))


def test_a_leg_can_be_sent() -> None:
    record = fresh_record(table(), prior_plan())
    assert_same_run(moved(record, [2, 4], pickled=True), moved(record, [6]))


def test_a_leg_never_passes_the_end_nor_starts_after_it() -> None:
    record = fresh_record(table(), prior_plan(warmup=2, sweeps=4))
    state, leg = run_leg(Job.of(record), record.states[0], 50)
    assert state.sweep == 6 and leg.length == 4
    again, nothing = run_leg(Job.of(record), state, 50)
    assert again.sweep == 6 and nothing.length == 0 and not nothing.kept


def test_a_leg_without_sweeps_fills_and_adapts() -> None:
    record = fresh_record(table(), prior_plan())
    state, leg = run_leg(Job.of(record), record.states[1], 0)
    assert state.sweep == 0 and set(state.cells) == set(state.samplers) == {"x", "y"}
    assert leg.length == 0 and leg.seconds == 0 and leg.names["y"] == ("Intercept", "x", "sigma", "1|g_sigma")


def test_what_a_leg_keeps() -> None:
    record = fresh_record(table(), prior_plan(m=4, warmup=2, sweeps=4), keep_effects=True)
    state, leg = run_leg(Job.of(record), record.states[1], 6)
    assert leg.draws["y"].shape == (4, 4) and leg.imputed["y"].shape == (4, 2)
    assert leg.stats["y"].shape == (4, len(STATS)) and leg.effects["y"]["1|g"].shape == (4, 8)
    assert set(leg.kept) == {1, 3}
    assert np.array_equal(leg.kept[3]["y"], state.cells["y"])
    assert [(e.chain, e.sweep, e.target) for e in leg.events] == [(1, 2, "x"), (1, 2, "y")]
    assert (leg.stats["y"][:, STATS.index("steps")] == 1).all() and leg.seconds > 0


def test_effects_are_kept_on_request_only() -> None:
    record = fresh_record(table(), prior_plan())
    assert run_leg(Job.of(record), record.states[0], 6)[1].effects == {}


def test_a_thread_keeps_its_workspace_for_jobs_with_equal_models() -> None:
    record = fresh_record(table(), prior_plan())
    job = Job.of(record)
    space = workspace(job)
    assert workspace(job) is space
    assert workspace(Job.of(record.added(5))) is space and workspace(Job.of(record.extended(9))) is space
    found = []
    thread = threading.Thread(target=lambda: found.append(workspace(job)))
    thread.start()
    thread.join()
    assert found[0] is not space
    other = table()
    other.loc[0, "z"] += 1
    assert workspace(Job.of(fresh_record(other, prior_plan()))) is not space


def test_a_leg_on_another_thread_makes_its_models_before_it_moves() -> None:
    record = fresh_record(table(), prior_plan())
    job = Job.of(record)
    state, _ = run_leg(job, record.states[0], 3)
    counts = []

    def work() -> None:
        run_leg(job, state, 0)
        counts.append(workspace(job).compilations)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert counts == [2]


def test_equal_data_have_equal_keys() -> None:
    a, b = (Job.of(fresh_record(table(), prior_plan(), seed=s)) for s in (1, 2))
    assert a.key == b.key
    assert Job.of(fresh_record(table(), prior_plan("y ~ z + (1 | g)", "x ~ z"))).key != a.key
