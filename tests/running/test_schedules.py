"""When what is kept: the arithmetic of schedules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.running.schedules import Schedule


def scheduled(*, base: int = 3, **run: int) -> Schedule:
    """Of a fresh run."""
    return Schedule.of(Plan(run=Run(warmup=base, **run)))


def taken(schedule: Schedule) -> dict[int, tuple[int, int]]:
    """Chain and kept sweep of each imputation, from walking over all of them."""
    found = {}
    for chain in range(schedule.chains):
        for sweep in range(schedule.end + 1):
            k = schedule.imputation(chain, sweep)
            if k is not None:
                assert k not in found and schedule.place(k) == (chain, sweep)
                found[k] = chain, sweep - schedule.base
    return found


@given(m=st.integers(1, 30), chains=st.integers(1, 7), base=st.integers(0, 9), sweeps=st.integers(1, 60))
def test_imputation_k_is_what_its_chain_holds_at_its_sweep(m: int, chains: int, base: int, sweeps: int) -> None:
    schedule = scheduled(m=m, chains=chains, base=base, sweeps=sweeps)
    thin = sweeps // -(-m // chains)
    if thin < 1:
        return
    places = taken(schedule)
    assert set(range(m)) <= set(places)
    assert all(place == (k % chains, thin * (k // chains + 1)) for k, place in places.items())


def test_chains_m_and_one_sweep_are_the_scheme_of_mice() -> None:
    places = taken(scheduled(m=5, chains=5, base=10, sweeps=1))
    assert places == {k: (k, 1) for k in range(5)}


def test_one_chain_takes_all() -> None:
    assert taken(scheduled(m=3, chains=1, base=2, sweeps=9)) == {0: (0, 3), 1: (0, 6), 2: (0, 9)}


@given(m=st.integers(1, 12), chains=st.integers(1, 5), sweeps=st.integers(12, 40), more=st.integers(1, 15))
def test_adding_leaves_earlier_imputations_where_they_are(m: int, chains: int, sweeps: int, more: int) -> None:
    before = scheduled(m=m, chains=chains, sweeps=sweeps)
    after = before.added(more)
    old, new = taken(before), taken(after)
    assert after.m == m + more and after.thin == before.thin and after.end >= before.end
    assert set(range(m + more)) <= set(new)
    assert all(new[k] == old[k] for k in old)


@given(m=st.integers(1, 12), chains=st.integers(1, 5), base=st.integers(0, 9), data=st.data())
def test_all_ways_to_go_on_keep_what_a_fixed_schedule_of_that_length_keeps(
    m: int, chains: int, base: int, data: st.DataObject
) -> None:
    """Whatever the stages, spares included; and a stage takes none where the one before took none and has passed."""
    sweeps = data.draw(st.integers(-(-m // chains), 40))
    schedule = scheduled(m=m, chains=chains, base=base, sweeps=sweeps)
    for way in data.draw(st.lists(st.sampled_from(["doubled", "added", "extended"]), max_size=5)):
        before = schedule
        if way == "extended":
            schedule = before.extended(data.draw(st.integers(before.rounds, before.rounds + 30)))
        else:
            schedule = before.added(data.draw(st.integers(1, 15))) if way == "added" else before.doubled()
            old, new = taken(before).values(), taken(schedule).values()
            assert all(place in old for place in new if place[1] <= before.sweeps)
        assert schedule.stages[:-1] == before.stages and schedule.end >= before.end
        fixed = scheduled(m=schedule.m, chains=chains, base=schedule.base, sweeps=schedule.sweeps)
        assert taken(schedule) == taken(fixed) and set(range(schedule.m)) <= set(taken(schedule))


@pytest.mark.parametrize(("sweeps", "doubled"), [(12, 24), (13, 25), (14, 26), (3, 6)])
def test_doubling_takes_imputations_twice_as_far_apart(sweeps: int, doubled: int) -> None:
    before = scheduled(m=5, chains=2, sweeps=sweeps)
    after = before.doubled()
    assert (after.m, after.base, after.sweeps, after.thin) == (5, 3, doubled, 2 * before.thin)


def test_extending_takes_all_sweeps_so_far_as_warm_up() -> None:
    schedule = scheduled(m=5, chains=2, base=10, sweeps=7).extended(9)
    assert (schedule.m, schedule.base, schedule.sweeps, schedule.thin) == (5, 17, 9, 3)


@pytest.mark.parametrize("sweep", [0, 1, 2])
def test_nothing_is_taken_during_warm_up(sweep: int) -> None:
    assert scheduled(m=4, chains=2, base=2, sweeps=4).imputation(0, sweep) is None
