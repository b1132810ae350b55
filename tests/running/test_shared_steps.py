"""Inner steps that chains find for each other: who looks at what, who waits for whom."""

from pathlib import Path
from typing import Any

import pytest
from looping import assert_same_run, fresh_record, prior_plan, ran, table

import bayesimpute as bi
from bayesimpute.plan.plan import Plan
from bayesimpute.running import workers
from bayesimpute.running.inner_steps import CALIBRATION, MOST_STEPS
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.legs import Job, run_leg
from bayesimpute.running.records import Record
from bayesimpute.running.shared_steps import own_places, told

SWEEPS = CALIBRATION // MOST_STEPS + 1
"""From which on the number of inner steps is looked for."""


def plan(**run: Any) -> Plan:
    return prior_plan(**{"steps": "auto", "chains": 3, "sweeps": SWEEPS, "m": 3, **run})


def to_the_meeting(record: Record, chains: tuple[int, ...]) -> Record:
    job = Job.of(record)
    for chain in chains:
        record = record.grown(*run_leg(job, record.states[chain], 100))
    return record


def visits(state: ChainState) -> dict[str, int]:
    return {name: int(sampler.arrays["visits"]) for name, sampler in state.samplers.items()}


def test_each_chain_looks_at_its_own_and_hears_of_the_others() -> None:
    record = to_the_meeting(fresh_record(table(), plan()), (0, 1, 2))
    assert [set(state.steps) for state in record.states] == [{"x"}, {"y"}, set()]  # in the order of the visits
    before = [visits(state) for state in record.states]
    assert [v["x"] - v["y"] for v in before] == [CALIBRATION, -CALIBRATION, 0]
    alone = to_the_meeting(fresh_record(table(), plan(chains=1)), (0,)).legs[0].events
    assert next(event for event in alone if event.target == "x") == record.legs[0].events[0]
    met = told(record)
    found = {**record.states[0].steps, **record.states[1].steps}
    assert all(state.steps == found for state in met.states)
    assert [visits(state) for state in met.states] == before and told(met) is met
    for chain, leg in enumerate(met.legs):
        events = {event.target: event for event in leg.events}
        assert set(events) == {"x", "y"} and {event.chain for event in events.values()} == {chain}
        assert all(events[name].what == f"{n} inner steps a visit" for name, n in found.items())
        for k, name in enumerate(("x", "y")):
            assert events[name].why.endswith(f"in chain {k}") == (chain != k)


def test_nobody_goes_on_before_all_have_come() -> None:
    record = to_the_meeting(fresh_record(table(), plan()), (0, 2))
    assert told(record) is record
    state, leg = run_leg(Job.of(record), record.states[0], 5)
    assert state.sweep == record.plan.run.warmup and not leg.draws["y"].size
    record = told(to_the_meeting(record, (1,)))
    assert run_leg(Job.of(record), record.states[0], 5)[0].sweep == record.plan.run.warmup + 5


@pytest.mark.parametrize("run", [{"chains": 1}, {"steps": 2}])
def test_where_there_is_nothing_to_share_a_chain_goes_on_by_itself(run: dict[str, Any]) -> None:
    record = fresh_record(table(), plan(**run))
    assert list(own_places(record.plan, record.resolved, 0)) == [0, 1]
    assert to_the_meeting(record, (0,)).states[0].sweep == record.schedule.end


@pytest.mark.parametrize("place", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_workers_change_nothing(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = bi.impute(table(), plan(), seed=1, progress=False)
    monkeypatch.setattr(workers, "in_threads", lambda job: place == "threads")
    assert_same_run(bi.impute(table(), plan(), seed=1, workers=2, progress=False), alone)


def test_breaks_change_nothing(tmp_path: Path) -> None:
    whole = bi.MultiplyImputed.of(ran(fresh_record(table(), plan())).record)
    for chains in ((0, 1), (0, 1, 2)):
        broken = to_the_meeting(fresh_record(table(), plan()), chains)
        file = tmp_path / f"{len(chains)}.nc"
        bi.MultiplyImputed.of(broken).save(file)
        assert_same_run(bi.resume(file, progress=False), whole)
