"""The completed data of a chain: what follows from a new imputation follows at once, and nothing else changes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modelling import workspace

from bayesimpute.designs.completed import Completed, fill
from bayesimpute.plan.options import Derived
from bayesimpute.running.workspace import Workspace

DERIVED = [
    Derived(name="twice", expression="2 * square"),
    Derived(name="square", expression="y ** 2"),
    Derived(name="tall", expression="size > 10"),
]


def frame() -> pd.DataFrame:
    """Thirty pupils in ten schools: y is a number, sex has two labels, size is of level 2, square is partly given."""
    y = np.arange(30.0) % 7 + np.linspace(0, 1, 30)
    y[2::3] = np.nan
    square = np.where(np.isnan(y), np.nan, y**2)
    square[0] = 100.0
    size = np.repeat([9.0, np.nan, 12.0, np.nan, 8.0, 9.5, 11.0, 7.0, 20.0, 13.0], 3)
    size[10] = 30.0
    return pd.DataFrame(
        {
            "school": np.repeat(list("abcdefghij"), 3),
            "y": y,
            "sex": pd.Categorical(["girl", "boy", "girl", "boy", None] * 6, categories=["girl", "boy"]),
            "size": size,
            "square": square,
            "x": np.linspace(0, 1, 30) ** 2,
        },
        index=np.arange(100, 130),
    )


FORMULAS = (
    "y ~ x + tall + (1 | school)",
    "sex ~ y + cluster_mean(twice, school) + observed(y)",
    "size ~ cluster_mean(y, school)",
)


@pytest.fixture(scope="module")
def space() -> Workspace:
    return workspace(frame(), *FORMULAS, derived=DERIVED)


def made(space: Workspace, seed: int = 1, spread: float = 0.0) -> Completed:
    values = fill(space.incomplete, space.resolved, np.random.default_rng(seed), spread=spread)
    return Completed(space.incomplete, space.resolved, values)


def target(space: Workspace, name: str):
    return next(t for t in space.resolved.targets if t.name == name)


def check_follows(done: Completed) -> None:
    """Everything derived is what its definition says, on all rows."""
    values, given = done.values, frame()["square"].to_numpy()
    square = np.where(np.isnan(given), values["y"] ** 2, given)
    # the square of an expression is a power, that of numpy a product: some processors round them differently
    np.testing.assert_allclose(values["square"], square, rtol=1e-12)
    np.testing.assert_allclose(values["twice"], 2 * square, rtol=1e-12)
    np.testing.assert_array_equal(values["tall"], values["size"] > 10)
    for call, source in (("cluster_mean(twice, school)", "twice"), ("cluster_mean(y, school)", "y")):
        means = values[source].reshape(10, 3).mean(axis=1)
        np.testing.assert_allclose(values[call], np.repeat(means, 3), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(values["observed(y)"], frame()["y"].notna())


def test_a_fill_leaves_nothing_missing_and_keeps_what_is_observed(space: Workspace) -> None:
    done = made(space)
    check_follows(done)
    for name in ("y", "size", "square"):
        known = frame()[name].notna().to_numpy()
        assert np.isfinite(done.values[name]).all()
        np.testing.assert_array_equal(done.values[name][known], frame()[name].to_numpy()[known])
    assert not done.frame.isna().any(axis=None)


def test_setting_a_target_moves_all_that_follows_in_dependency_order(space: Workspace) -> None:
    done = made(space)
    before = {name: values.copy() for name, values in done.values.items()}
    changed = done.set(target(space, "y"), np.arange(10.0) - 3)
    expected = {"y", "square", "twice", "cluster_mean(twice, school)", "cluster_mean(y, school)"}
    assert changed == expected
    np.testing.assert_array_equal(done.values["y"][2::3], np.arange(10.0) - 3)
    check_follows(done)
    for name in set(before) - expected:
        np.testing.assert_array_equal(done.values[name], before[name])


def test_a_level_2_target_is_set_once_a_cluster(space: Workspace) -> None:
    done, size = made(space), target(space, "size")
    # d has its value from a classmate: only b is imputed
    assert done.set(size, np.array([7.0])) == {"size", "tall"}
    np.testing.assert_array_equal(
        done.values["size"], np.repeat([9.0, 7.0, 12.0, 30.0, 8.0, 9.5, 11.0, 7.0, 20.0, 13.0], 3)
    )
    np.testing.assert_array_equal(done.cells(size), [7.0])
    check_follows(done)


def test_labels_stay_labels(space: Workspace) -> None:
    done = made(space)
    done.set(target(space, "sex"), np.array([0.0, 1.0, 1.0, 0.0, 0.0, 1.0]))
    column = done.frame["sex"]
    assert list(column.cat.categories) == ["girl", "boy"]
    assert list(column[4::5]) == ["girl", "boy", "boy", "girl", "girl", "boy"]
    assert list(column[:4]) == ["girl", "boy", "girl", "boy"]


def test_the_frame_and_the_columns_hold_the_same(space: Workspace) -> None:
    done = made(space)
    assert set(done.columns) == set(done.frame.columns)
    assert len(done.columns) == 30
    for name in done.columns:
        pd.testing.assert_series_equal(done.columns[name], done.frame[name], check_names=False)
    assert "nobody" not in done.columns


def test_inputs_are_never_changed(space: Workspace) -> None:
    values = fill(space.incomplete, space.resolved, np.random.default_rng(1), spread=0.0)
    kept = {name: cells.copy() for name, cells in values.items()}
    given = {name: column.values.copy() for name, column in space.incomplete.columns.items()}
    done = Completed(space.incomplete, space.resolved, values)
    cells = np.arange(10.0)
    done.set(target(space, "y"), cells)
    np.testing.assert_array_equal(cells, np.arange(10.0))
    for name, before in kept.items():
        np.testing.assert_array_equal(values[name], before)
    for name, before in given.items():
        np.testing.assert_array_equal(space.incomplete.columns[name].values, before)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(0, 2))
def test_a_start_is_observed_values_and_one_shift(space: Workspace, seed: int, spread: float) -> None:
    cells = fill(space.incomplete, space.resolved, np.random.default_rng(seed), spread=spread)
    known = frame()["y"].dropna().to_numpy()
    # some shift within the bounds turns every cell into an observed value
    shifts = (cells["y"][0] - known)[np.abs(cells["y"][0] - known) <= spread * known.std() + 1e-9]
    assert any(all(np.abs(cell - s - known).min() < 1e-9 for cell in cells["y"]) for s in shifts)
    assert np.isin(cells["sex"], (0.0, 1.0)).all()


def test_chains_start_apart(space: Workspace) -> None:
    starts = [
        fill(space.incomplete, space.resolved, np.random.default_rng(s), spread=1.0)["y"].mean() for s in range(50)
    ]
    known = frame()["y"].dropna().to_numpy()
    # a uniform shift of +-1 sd has an sd of .58: 50 of them are not within half of that
    assert np.std(starts) > 0.3 * known.std()
    assert len(set(starts)) == 50


def test_a_cluster_is_systematic_where_nothing_of_it_is_observed() -> None:
    data = frame()
    data.loc[data["school"].isin(["b", "e"]), "y"] = np.nan
    derived = [Derived(name="others", expression="1 - systematic(y, school)")]
    done = made(workspace(data, "sex ~ systematic(y, school) + others", derived=derived))
    expected = data["school"].isin(["b", "e"]).to_numpy(dtype=float)
    np.testing.assert_array_equal(done.values["systematic(y, school)"], expected)
    np.testing.assert_array_equal(done.values["others"], 1 - expected)
