"""What a sound plan means for a data set: values, families, units, dependency order and events."""

import numpy as np
import pandas as pd

from bayesimpute.data.columns import encode
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import Bernoulli, Gaussian, Real, StudentT
from bayesimpute.formulas import parse
from bayesimpute.formulas.lift import lift_formula
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived, Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import needed, read_formulas, resolve, settle_family


def frame() -> pd.DataFrame:
    """12 pupils in 4 schools: the size of school 0 is known from one pupil, that of school 3 from nobody."""
    return pd.DataFrame(
        {
            "school": np.repeat([0, 1, 2, 3], 3),
            "y": [1.5, np.nan, 2.0, 3.0, np.nan, np.nan, 1.0, 2.5, 0.5, 4.0, 1.0, 2.0],
            "x": [0.0, 1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0],
            "size": [7.0, np.nan, np.nan, 5.0, 5.0, 5.0, 8.0, 8.0, 8.0, np.nan, np.nan, np.nan],
            "girl": [True, None, False] * 4,
            "count": pd.array([1, 2, None] * 4, dtype="Int64"),
            "free": [np.nan, *range(11)],
        }
    )


def incomplete() -> Incomplete:
    return Incomplete.from_frame(frame(), clusters=["school"])


def test_the_family_is_an_instance_a_name_or_found_from_the_data() -> None:
    number, yes = encode(pd.Series([1.5, 2.5]), "v"), encode(pd.Series([0, 1]), "v")
    assert settle_family(Conditional(target="v"), number) == Gaussian()
    assert settle_family(Conditional(target="v"), yes) == Bernoulli()
    assert settle_family(Conditional(target="v", family="student_t"), yes) == StudentT()
    probit = Bernoulli(link="probit")
    assert settle_family(Conditional(target="v", family=probit), number) is probit


def test_calls_that_look_beyond_the_row_become_columns() -> None:
    formula, calls = lift_formula(parse("y ~ x + cluster_mean(x, g) + (1 + observed(z) || g)"))
    assert calls == {"cluster_mean(x, g)", "observed(z)"}
    assert formula.names == {"x", "cluster_mean(x, g)", "observed(z)", "g"}
    assert not formula.cluster_means
    assert formula.response == "y"
    assert [group.correlated for group in formula.groups] == [False, False]


def test_every_parameter_has_its_formula() -> None:
    made = Conditional(target="y", formulas={"mu": "y ~ x", "sigma": "cluster_mean(x, school)"})
    found = read_formulas(made, f"conditional[{made.target}]", (), incomplete())
    assert set(found.formulas) == {"mu", "sigma"} and not found.events
    assert found.calls == {"cluster_mean(x, school)"}


def test_the_columns_that_a_plan_needs() -> None:
    plan = Plan.of(
        ["y ~ d + observed(free) + (1 | school)"],
        derived=(Derived(name="d", expression="x * cluster_mean(size, school)"),),
    )
    assert needed(plan, incomplete()) == {"x", "size", "school"}


def test_level_one_targets_have_rows_as_units() -> None:
    resolved = resolve(Plan.of("y ~ 1"), incomplete())
    (target,) = resolved.targets
    assert target.level is None
    np.testing.assert_array_equal(target.missing_rows, [1, 4, 5])
    np.testing.assert_array_equal(target.unit_of_row, np.arange(12))
    assert target.values == Real()


def test_level_two_targets_have_clusters_as_units_and_known_values_are_filled_in() -> None:
    resolved = resolve(Plan.of("size ~ cluster_mean(x, school)"), incomplete())
    (target,) = resolved.targets
    assert target.level == "school"
    np.testing.assert_array_equal(target.observed, [True, True, True, False])
    np.testing.assert_array_equal(target.missing_rows, [9])
    np.testing.assert_array_equal(target.unit_of_row, np.repeat([0, 1, 2, 3], 3))
    np.testing.assert_array_equal(resolved.filled["size"][:3], [7, 7, 7])
    assert any("2 cells filled in from members of the same school" in e.what for e in resolved.events)


def test_a_level_that_is_told_is_the_only_one_at_which_members_fill_each_other_in() -> None:
    klass = np.repeat(np.arange(6), 2)
    told = frame().assign(klass=klass, size=[7.0, np.nan, 7, 7, 5, 5, np.nan, np.nan, 5, 5, 5, 5], school=klass // 2)
    data = Incomplete.from_frame(told, clusters=["school", "klass"])
    assert data.variables["size"].level == "school"
    resolved = resolve(Plan.of([Conditional.of("size ~ 1", level="klass")]), data)
    np.testing.assert_array_equal(np.isnan(resolved.filled["size"]), np.isin(np.arange(12), [6, 7]))
    what = next(e.what for e in resolved.events if e.target == "size")
    assert what == "1 cells filled in from members of the same klass"


def test_cluster_means_know_over_which_units_they_are_taken() -> None:
    data = Incomplete.from_frame(frame().assign(klass=np.arange(12) // 2), clusters=["school", "klass"])
    plan = Plan.of(
        ["y ~ cluster_mean(size, r) + cluster_mean(x + size, r) + cluster_mean(d, r) + cluster_mean(e, r)"],
        derived=(
            Derived(name="d", expression="size - cluster_mean(x, klass)"),
            Derived(name="e", expression="size**2"),
        ),
    )
    units = {c.name: c.units for c in resolve(plan, data).derived}
    assert units["cluster_mean(size, r)"] == units["cluster_mean(e, r)"] == {"school"}
    assert units["cluster_mean(d, r)"] == {"school", "klass"}
    assert units["cluster_mean(x + size, r)"] is units["cluster_mean(x, klass)"] is None


def test_a_target_without_missing_cells_has_no_model_but_an_event() -> None:
    resolved = resolve(Plan.of(["school ~ 1", "y ~ 1"]), incomplete())
    assert [t.name for t in resolved.targets] == ["y"]
    assert any(e.target == "school" and e.what == "no model fitted" for e in resolved.events)


def test_what_has_no_conditional_is_left_missing_and_said() -> None:
    events = resolve(Plan.of("y ~ 1"), incomplete()).events
    assert {e.target for e in events if e.what == "left missing"} == {"x", "girl", "count", "free", "size"}


def test_whole_numbers_and_automatic_families_are_said() -> None:
    events = resolve(Plan.of(["count ~ 1", "girl ~ 1"]), incomplete()).events
    assert any(e.target == "count" and "decimal" in e.what for e in events)
    assert any(e.target == "girl" and e.what == "family bernoulli" for e in events)


def test_derived_columns_are_in_dependency_order() -> None:
    plan = Plan.of(
        ["y ~ c + cluster_mean(c, school)"],
        derived=(
            Derived(name="c", expression="b + 1"),
            Derived(name="b", expression="cluster_mean(a, school)"),
            Derived(name="a", expression="(x > 2) | (x < 1)"),
            Derived(name="e", expression="x > 2 | x < 1"),
        ),
    )
    names = [column.name for column in resolve(plan, incomplete()).derived]
    order = ["a", "cluster_mean(a, school)", "b", "c", "cluster_mean(c, school)"]
    assert [n for n in names if n in order] == order
    assert "e" in names


def test_a_derived_column_of_the_data_fills_its_gaps() -> None:
    plan = Plan.of("y ~ free", derived=(Derived(name="free", expression="x + 1"),))
    (column,) = resolve(plan, incomplete()).derived
    assert column.fills


def test_targets_are_visited_as_told_or_fewest_missing_first() -> None:
    formulas = ["count ~ 1", "y ~ 1", "x ~ 1"]
    assert [t.name for t in resolve(Plan.of(formulas), incomplete()).targets] == ["x", "y", "count"]
    told = Plan.of(formulas, run=Run(visit_sequence=("y", "count", "x")))
    assert [t.name for t in resolve(told, incomplete()).targets] == ["y", "count", "x"]
