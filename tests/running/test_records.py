"""Joining what legs produce; what a record keeps of it when a run goes on."""

import numpy as np
from looping import fresh_record, prior_plan, table

from bayesimpute.plan.targets import Event
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import STATS, Leg, joined


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


def test_adding_to_a_record_keeps_all_that_is_there() -> None:
    record = fresh_record(table(), prior_plan(m=2, warmup=1, sweeps=2)).grown(
        ChainState(chain=0, sweep=3), leg(2, kept={0: {}, 2: {}})
    )
    later = record.added(3)
    assert later.schedule.m == 5 and later.legs[0].draws is record.legs[0].draws
    assert later.legs[0].kept == record.legs[0].kept


def test_doubling_keeps_all_draws_and_every_second_imputation() -> None:
    record = fresh_record(table(), prior_plan(m=3, chains=1, warmup=1, sweeps=4))
    record = record.grown(ChainState(chain=0, sweep=5), leg(4, kept={k: {"y": np.array([k])} for k in range(4)}))
    later = record.doubled("they have not converged")
    assert (later.schedule.sweeps, later.schedule.thin) == (7, 2) and later.legs[0].length == 4
    assert {k: cells["y"].item() for k, cells in later.legs[0].kept.items()} == {0: 1, 1: 3}
    assert later.events[-1] == Event(sweep=5, what="sweeps raised from 4 to 7", why="they have not converged")
