"""Numbers that two others determine are told where chains would stand still, with what to do, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.suggesting.sparse_plans import DETERMINED


def trial(n: int = 400, holes: float = 0.3) -> pd.DataFrame:
    """A score before and after, and its change; a height, a weight and their index."""
    rng = np.random.default_rng(5)
    before = rng.normal(20, 4, n)
    after = 2 + 0.6 * before + rng.normal(0, 4, n)
    height, weight = rng.normal(1.7, 0.1, n), rng.normal(70, 10, n)
    index = (weight / height**2).round(2)
    data = pd.DataFrame({"before": before, "after": after, "change": after - before, "kg": weight, "m": height})
    return data.assign(index=index).mask(rng.random((n, 6)) < holes)


def told(data: pd.DataFrame) -> dict[str | None, str]:
    return {event.target: event.why for event in bi.suggest(None, data).events if event.what == DETERMINED}


def test_a_change_and_an_index_with_gaps_of_their_own_are_told_once() -> None:
    data = trial()
    found = told(data)
    assert set(found) == {"change", "index"}
    rows = int((data[["before", "after", "change"]].isna().sum(axis=1) > 1).sum())
    assert f"in {rows} rows two of the three are missing" in found["change"]
    assert 'exclude = ["change"]' in found["change"]
    assert bi.suggest(None, data).toml.count("# Two variables determine it, which it predicts: ") == 2


def test_where_what_is_told_was_done_nothing_is() -> None:
    data = trial()
    data["change"] = data["change"].fillna(data["after"] - data["before"])
    made = bi.suggest(None, data, exclude=["change", "index"])
    assert DETERMINED not in {event.what for event in made.events}


@pytest.mark.parametrize("case", ["computed", "one gap a row", "with error"])
def test_where_chains_move_nothing_is_told(case: str) -> None:
    data = trial().loc[:, ["before", "after", "change"]]
    if case == "computed":  # it predicts none of its parts
        data["change"] = data["after"] - data["before"]
    if case == "one gap a row":
        data = data[data.isna().sum(axis=1) < 2]
    if case == "with error":
        data["change"] += np.random.default_rng(6).normal(0, 0.5, len(data))
    assert told(data) == {}
