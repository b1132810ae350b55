"""Cluster means count the units of the variable's own level: three-level data, with means made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelling import workspace

from bayesimpute.analysis.rows import problem
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.cluster_means import ClusterMeans
from bayesimpute.designs.completed import Completed
from bayesimpute.formulas import parse
from bayesimpute.plan.assumptions import Adjustment
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.running.workspace import Workspace

CLASS_SIZES, SCHOOL_OF_CLASS = (3, 1, 2, 2, 4, 2), (0, 0, 1, 1, 1, 2)


def frame() -> pd.DataFrame:
    """14 pupils in 6 classes in 3 schools; `room` is of classes, unknown of one of them, `size` of schools."""
    klass = np.repeat(np.arange(6), CLASS_SIZES)
    school = np.array(SCHOOL_OF_CLASS)[klass]
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "school": school,
            "klass": klass,
            "room": np.array([10.0, 30.0, 1.0, np.nan, 5.0, 8.0])[klass],
            "size": np.array([100.0, 200.0, 300.0])[school],
            "x": rng.normal(size=14),
            "y": np.where(np.arange(14) % 5 == 0, np.nan, rng.normal(size=14)),
        }
    )


FORMULAS = (
    "y ~ x + cluster_mean(room, school) + cluster_mean(x, school) + cluster_mean(x + room, school)"
    " + cluster_mean(room * size, school) + cluster_mean(cluster_mean(x, klass), school) + (1 | klass) + (1 | school)",
    Conditional.of("room ~ size", level="klass"),
)


@pytest.fixture(scope="module")
def space() -> Workspace:
    return workspace(frame(), *FORMULAS, derived=[Derived(name="twice", expression="2 * room")])


def completed(space: Workspace, room: float) -> Completed:
    cells = {t.name: np.zeros(t.missing_rows.size) for t in space.resolved.targets}
    return Completed(space.incomplete, space.resolved, {**cells, "room": np.array([room])})


def test_a_schools_mean_of_a_class_variable_counts_classes(space: Workspace) -> None:
    done, school = completed(space, 9.0), frame()["school"].to_numpy()
    np.testing.assert_array_equal(done.values["cluster_mean(room, school)"], np.array([20.0, 5.0, 8.0])[school])
    np.testing.assert_array_equal(
        done.values["cluster_mean(room * size, school)"], np.array([2000.0, 1000.0, 2400.0])[school]
    )
    room = next(t for t in space.resolved.targets if t.name == "room")
    done.set(room, np.array([3.0]))
    np.testing.assert_array_equal(done.values["cluster_mean(room, school)"], np.array([20.0, 3.0, 8.0])[school])


def test_what_reads_a_pupils_variable_counts_pupils_and_a_class_mean_counts_classes(space: Workspace) -> None:
    data = frame().fillna({"room": 9.0})
    done = completed(space, 9.0)
    for call, values in (
        ("cluster_mean(x, school)", data["x"]),
        ("cluster_mean(x + room, school)", data["x"] + data["room"]),
    ):
        expected = values.groupby(data["school"]).transform("mean")
        np.testing.assert_allclose(done.values[call], expected, rtol=1e-12)
    classes = data.assign(x=data.groupby("klass")["x"].transform("mean")).drop_duplicates("klass")
    of_classes = classes.groupby("school")["x"].mean()[data["school"]]
    found = done.values["cluster_mean(cluster_mean(x, klass), school)"]
    np.testing.assert_allclose(found, of_classes, rtol=1e-12)


def test_some_rows_of_whole_clusters_have_the_same_means(space: Workspace) -> None:
    done, rows = completed(space, 9.0), np.flatnonzero(frame()["school"] == 1)
    derived = [c for c in space.resolved.derived if "cluster_mean" in c.name]
    names = {name for column in derived for name in column.expression.names} & set(done.values)
    excerpt = done.excerpt(rows, names)
    columns = excerpt.given("room", done.values["room"][rows], derived)
    for column in derived:
        np.testing.assert_allclose(columns[column.name], done.values[column.name][rows], rtol=1e-12)


def test_offsets_and_adjustments_take_the_same_means() -> None:
    data = Incomplete.from_frame(frame(), clusters=["school", "klass"])
    plan = Plan.of(["y ~ x + offset(2 * cluster_mean(room, school)) + (1 | klass)", FORMULAS[1]])
    shift = Adjustment(target="y", shift="1 + cluster_mean(room, school) * observed(x)")
    resolved = resolve(replace(plan, adjustments=(shift,)), data)
    done = Completed(data, resolved, {"y": np.zeros(3), "room": np.array([9.0])})
    means = np.array([20.0, 5.0, 8.0])[frame()["school"]]
    np.testing.assert_array_equal(done.values["2 * cluster_mean(room, school)"], 2 * means)
    np.testing.assert_array_equal(done.values["predictor shift of y"], np.where(frame()["y"].isna(), 1 + means, 0.0))
    assert resolved.target("y").mnar and not resolved.target("room").mnar


def test_an_analysis_takes_the_same_means() -> None:
    data = frame().fillna({"room": 9.0, "y": 0.5})
    data["y"] += data["x"]
    made = problem(parse("y ~ cluster_mean(room, school) + (1 | school) + (1 | klass)"), data)
    np.testing.assert_allclose(made.x[:, 1], np.array([20.0, 5.0, 8.0])[data["school"]])
    crossed = problem(parse("y ~ cluster_mean(x, school) + (1 | school) + (1 | klass)"), data)
    np.testing.assert_allclose(crossed.x[:, 1], data.groupby("school")["x"].transform("mean"))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.floats(-1e3, 1e3)), min_size=1, max_size=25))
def test_units_agree_with_their_definition(rows: list[tuple[int, int, float]]) -> None:
    data = pd.DataFrame(rows, columns=["school", "unit", "x"])
    means = ClusterMeans(Incomplete.from_frame(data, clusters=["school", "unit"]))
    x = data["x"].to_numpy()
    of_rows = data.groupby("school")["x"].transform("mean")
    np.testing.assert_allclose(means.of(x, "school", None), of_rows, rtol=1e-9, atol=1e-9)
    # of several values of a unit in a cluster, which there are not in practice, the first counts
    of_units = data.drop_duplicates(["school", "unit"]).groupby("school")["x"].mean()[data["school"]]
    np.testing.assert_allclose(means.of(x, "school", frozenset({"unit"})), of_units, rtol=1e-9, atol=1e-9)
