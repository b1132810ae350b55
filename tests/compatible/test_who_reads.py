"""What reads what: factors, circles, rows, blocks, and which means are affine."""

import numpy as np
import pytest
from laws import CLUSTERS, SIZE, setting, table

from bayesimpute.compatible.affine import AFFINE, CONSTANT, OTHER, beside, degree
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse_expression
from bayesimpute.plan import who_reads
from bayesimpute.plan.options import Derived
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve

X = "x ~ z + (1 | g)"
CHAIN = {"a": frozenset("yx"), "y": frozenset("xw"), "x": frozenset("w"), "w": frozenset("v"), "v": frozenset("w")}
"""An auxiliary, an outcome, two covariates in sequence, and one in a circle with the second."""


def test_factors_are_the_models_that_read_a_variable_from_outside_of_its_circle() -> None:
    found = who_reads.factors(CHAIN)
    assert found == {"a": (), "y": ("a",), "x": ("a", "y"), "w": ("y", "x"), "v": ()}
    assert who_reads.circles(CHAIN)["w"] == {"w", "v"}
    assert who_reads.circles(CHAIN)["y"] == {"y"}
    assert who_reads.read_by_others(CHAIN) == {"y", "x", "w", "v"}


def test_circles_of_three() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("a"), "y": frozenset("a")}
    assert who_reads.circles(graph)["a"] == {"a", "b", "c"}
    assert who_reads.factors(graph) == {"a": ("y",), "b": (), "c": (), "y": ()}


def test_the_outcome_is_fitted_where_it_is_observed_and_what_is_read_everywhere() -> None:
    s = setting(["y ~ x + w + (1 | g)"], X, "w ~ 1")
    targets = {t.name: t for t in s.space.resolved.targets}
    assert [targets[n].learns_imputed for n in ("y", "x", "w")] == [False, True, True]
    assert len(s.space.placements["y"].response(s.column("y"))) == s.seen("y").sum()
    assert len(s.space.placements["x"].response(s.column("x"))) == CLUSTERS * SIZE
    assert len(s.space.placements["w"].response(s.column("w"))) == CLUSTERS
    assert s.space.resolved.joint


def test_an_auxiliary_makes_the_outcome_one_that_is_read() -> None:
    frame = table()
    frame["a"] = frame["z"] + np.arange(len(frame)) % 7
    s = setting(["y ~ x + (1 | g)"], X, "a ~ y + x", frame=frame)
    targets = {t.name: t for t in s.space.resolved.targets}
    assert targets["y"].learns_imputed and targets["x"].learns_imputed and not targets["a"].learns_imputed
    assert targets["a"].missing_rows.size == 0  # complete, and a factor all the same
    assert {name: set(found) for name, found in s.space.resolved.factors.items()} == {"y": {"a"}, "x": {"y", "a"}}


def test_covariates_in_each_others_models_are_no_factors_of_each_other() -> None:
    s = setting(["y ~ x + b + (1 | g)"], "x ~ z + b", "b ~ z + x")
    assert s.space.resolved.factors == {"x": ("y",), "b": ("y",)}
    assert not s.space.resolved.joint


def test_covariates_in_sequence_are() -> None:
    s = setting(["y ~ x + b + (1 | g)"], "x ~ z + b", "b ~ z")
    assert s.space.resolved.factors == {"b": ("y", "x"), "x": ("y",)}
    assert s.space.resolved.joint


def test_without_substantive_models_nothing_changes() -> None:
    s = setting([], "y ~ x + (1 | g)", X)
    assert s.space.resolved.factors == {}
    assert not any(t.learns_imputed for t in s.space.resolved.targets)


def test_blocks_and_passes() -> None:
    s = setting(["y ~ x + (1 | g)"], X)
    alone = s.how("x").affected
    missing = np.flatnonzero(~s.seen("x"))
    np.testing.assert_array_equal(alone.rows, missing)
    assert alone.blocks == len(missing) and len(alone.passes) == 1
    s = setting(["y ~ w + (1 | g)"], "w ~ 1")
    level_2 = s.how("w").affected
    assert level_2.blocks == CLUSTERS // 3 and len(level_2.rows) == CLUSTERS // 3 * SIZE
    s = setting(["y ~ x + cluster_mean(x, g) + (1 | g)"], X)
    together = s.how("x").affected
    assert together.blocks == CLUSTERS and len(together.rows) == CLUSTERS * SIZE
    gaps = np.bincount(s.column("g")[missing].astype(int))
    assert len(together.passes) == gaps.max()
    np.testing.assert_array_equal(np.sort(np.concatenate(together.passes)), np.arange(len(missing)))
    for cells in together.passes:
        assert len(set(together.block_of_cell[cells])) == len(cells)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x", AFFINE),
        ("z**2 + log(z)", CONSTANT),
        ("x * z - z / 3 + 1", AFFINE),
        ("x / z", AFFINE),
        ("-x + 2 * center(x)", AFFINE),
        ("x * z * log(z)", AFFINE),
        ("z / x", OTHER),
        ("x * x", OTHER),
        ("x * (x + z)", OTHER),
        ("x**2", OTHER),
        ("x**1", AFFINE),
        ("z**x", OTHER),
        ("log(x)", OTHER),
        ("where(z > 0, x, z)", OTHER),
        ("x > 0", OTHER),
        ("x // 2", OTHER),
        ("abs(x)", OTHER),
        ("cluster_mean(x * z, g)", AFFINE),
        ("cluster_mean(x**2, g)", OTHER),
        ("x and z", OTHER),
        ("not x", OTHER),
    ],
)
def test_what_is_affine(text: str, wanted: int) -> None:
    found = degree(parse_expression(text.replace("center(x)", "x")).tree, {"x": AFFINE})
    assert found == wanted


def test_what_nobody_reads_is_visited_last_whatever_the_sequence_asked_for() -> None:
    frame = table()
    frame.loc[2:6, "x"] = np.nan  # more missing cells than y has
    plan = Plan.of([X], substantive="y ~ x + (1 | g)")
    for sequence in (None, ("y", "x"), ("x", "y")):
        asked = plan.with_run(visit_sequence=sequence)
        resolved = resolve(asked, Incomplete.from_frame(frame, clusters=("g",)))
        assert [t.name for t in resolved.targets] == ["x", "y"]
        assert any("moved to the end" in e.what for e in resolved.events) == (sequence == ("y", "x"))


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("y ~ x + m + cluster_mean(x, g) + center(x):z + (1 + x | g) + (0 + m | g)", {"z"}),
        ("y ~ xm + w", {"m", "xm"}),
        ("y ~ cluster_mean(x * m, g)", {"m"}),
        ("y ~ z + x:w:m", {"m", "w"}),
        ("y ~ m + offset(2 * x * w)", {"w"}),
        ("y ~ m + (1 | g)", set()),
    ],
)
def test_what_stands_beside_a_variable_in_a_term(formula: str, wanted: set[str]) -> None:
    plan = Plan.of([X, "m ~ z", "w ~ 1"], substantive=formula, derived=[Derived(name="xm", expression="x * m")])
    resolved = resolve(plan, Incomplete.from_frame(table(), clusters=("g",)))
    found = beside(resolved.target("y"), "x", resolved.derived)
    assert {name for name in found if name in {*table().columns, "xm"} - {"g"}} == wanted
