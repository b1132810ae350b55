"""When what is kept: the arithmetic of schedules, and joining what legs produce."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from looping import fresh_record, prior_plan, table

from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Event
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import STATS, Leg, Schedule, joined


def taken(schedule: Schedule) -> dict[int, tuple[int, int]]:
    """Chain and kept sweep of each imputation, from walking over all of them."""
    found = {}
    for chain in range(schedule.chains):
        for sweep in range(schedule.end + 1):
            k = schedule.imputation(chain, sweep)
            if k is not None:
                assert k not in found
                found[k] = chain, sweep - schedule.base
    return found


@given(m=st.integers(1, 30), chains=st.integers(1, 7), base=st.integers(0, 9), sweeps=st.integers(1, 60))
def test_imputation_k_is_what_its_chain_holds_at_its_sweep(m: int, chains: int, base: int, sweeps: int) -> None:
    run = Run(m=m, chains=chains, warmup=base, sweeps=sweeps)
    if run.thin < 1:
        return
    schedule = Schedule.of(Plan(run=run))
    thin = sweeps // -(-m // chains)
    places = taken(schedule)
    assert set(range(m)) <= set(places)
    assert all(place == (k % chains, thin * (k // chains + 1)) for k, place in places.items())


def test_chains_m_and_one_sweep_are_the_scheme_of_mice() -> None:
    places = taken(Schedule(m=5, chains=5, base=10, sweeps=1, thin=1))
    assert places == {k: (k, 1) for k in range(5)}


def test_one_chain_takes_all() -> None:
    assert taken(Schedule(m=3, chains=1, base=2, sweeps=9, thin=3)) == {0: (0, 3), 1: (0, 6), 2: (0, 9)}


@given(m=st.integers(1, 12), chains=st.integers(1, 5), sweeps=st.integers(12, 40), more=st.integers(1, 15))
def test_adding_leaves_earlier_imputations_where_they_are(m: int, chains: int, sweeps: int, more: int) -> None:
    before = Schedule.of(Plan(run=Run(m=m, chains=chains, warmup=3, sweeps=sweeps)))
    after = before.added(more)
    old, new = taken(before), taken(after)
    assert after.m == m + more and after.thin == before.thin and after.end >= before.end
    assert set(range(m + more)) <= set(new)
    assert all(new[k] == old[k] for k in old)


def test_extending_takes_all_sweeps_so_far_as_warm_up() -> None:
    schedule = Schedule(m=5, chains=2, base=10, sweeps=7, thin=2).extended(9)
    assert schedule == Schedule(m=5, chains=2, base=17, sweeps=9, thin=3)


def leg(n: int, *, kept: dict[int, dict[str, np.ndarray]] | None = None, start: int = 0) -> Leg:
    draws = np.arange(start, start + n, dtype=float)[:, None]
    return Leg(
        names={"y": ("a",)},
        draws={"y": draws},
        imputed={"y": np.hstack([draws, draws])},
        stats={"y": np.hstack([draws] * len(STATS))},
        effects={"y": {"1|g": np.hstack([draws] * 3)}},
        kept=kept or {},
        events=(Event(chain=0, sweep=start, target="y", what=f"from {start}", why="a test"),),
        seconds=0.5,
    )


def test_legs_are_joined_in_order() -> None:
    first, second = leg(2, kept={0: {"y": np.ones(3)}}), leg(3, kept={2: {"y": np.zeros(3)}}, start=2)
    whole = joined([first, second])
    assert whole.length == 5
    assert whole.draws["y"][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert whole.effects["y"]["1|g"].shape == (5, 3)
    assert whole.imputed["y"].shape == (5, 2) and whole.stats["y"].shape == (5, len(STATS))
    assert whole.divergences == 0 + 1 + 2 + 3 + 4
    assert list(whole.kept) == [0, 2] and whole.seconds == 1.0
    assert [e.what for e in whole.events] == ["from 0", "from 2"]


def test_joining_to_nothing_is_the_leg_itself() -> None:
    whole = joined([Leg(), leg(2)])
    assert whole.length == 2 and whole.names == {"y": ("a",)}


def test_legs_without_a_model_keep_their_imputations() -> None:
    whole = joined([Leg(kept={0: {}}), Leg(kept={1: {}})])
    assert whole.kept == {0: {}, 1: {}}


def test_a_record_grows_chain_by_chain() -> None:
    record = fresh_record(table(), prior_plan(m=2, warmup=1, sweeps=2))
    assert not record.finished
    for chain in (1, 0):
        record = record.grown(ChainState(chain=chain, sweep=3), leg(2))
        assert record.finished == (chain == 0)
    assert [x.length for x in record.legs] == [2, 2]


def test_extending_a_record_forgets_draws_and_keeps_events() -> None:
    record = fresh_record(table(), prior_plan(m=2, warmup=1, sweeps=2)).grown(ChainState(chain=0, sweep=3), leg(2))
    later = record.extended(4)
    assert later.legs[0].length == 0 and not later.legs[0].kept
    assert later.legs[0].events == record.legs[0].events
    assert later.schedule.base == 3 and later.states == record.states
    assert record.legs[0].length == 2


def test_adding_to_a_record_changes_only_its_schedule() -> None:
    record = fresh_record(table(), prior_plan(m=2, warmup=1, sweeps=2))
    later = record.added(3)
    assert later.schedule.m == 5 and later.legs is record.legs


@pytest.mark.parametrize("sweep", [0, 1, 2])
def test_nothing_is_taken_during_warm_up(sweep: int) -> None:
    assert Schedule(m=4, chains=2, base=2, sweeps=4, thin=1).imputation(0, sweep) is None
