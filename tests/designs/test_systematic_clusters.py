"""Empty clusters of selection models: which are in doubt, the graph's density, and what a draw of them does to rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from graphs import compiled_logp, layout_of, plain_logp
from modelling import completed, conditional, graph_data, only, placed, workspace
from scipy import stats

from bayesimpute.base.errors import PlanError, Severity
from bayesimpute.checking import check
from bayesimpute.checking.systematic_missingness import share_missing
from bayesimpute.compatible.affected import affected
from bayesimpute.compatible.factors import factor, places
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs import graph
from bayesimpute.designs.design import SYSTEMATIC
from bayesimpute.designs.systematic import chances
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.plan.empty_clusters import empty_clusters
from bayesimpute.plan.plan import Plan
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

SIZE = 4


def frame(clusters: int = 8) -> pd.DataFrame:
    """y (number) and b (yes/no) are missing in the clusters 2 and 5, and for some units elsewhere."""
    rng = np.random.default_rng(8)
    g = np.repeat(np.arange(clusters), SIZE)
    x, z, y = rng.normal(size=(3, len(g)))
    gone = np.isin(g, (2, 5)) | (np.arange(len(g)) % 4 == 1)
    data = pd.DataFrame({"g": g, "x": x, "z": z, "away": (g == 5) * 1})
    return data.assign(y=np.where(gone, np.nan, y), b=np.where(gone, np.nan, (y > 0) * 1.0))


def space(target: str = "y", **options: Any) -> Workspace:
    family = (HeckmanGaussian if target == "y" else HeckmanProbit)(**options)
    item = conditional(f"{target} ~ x + (1 | g)", selection="x + z + (1 | g)", family=family)
    return workspace(frame().drop(columns="b" if target == "y" else "y"), item)


def test_units_belong_to_the_empty_cluster_of_the_key_with_the_fewest() -> None:
    """Region 0 is empty, with the schools 0 and 1; school 2 of region 1 is empty, too."""
    school = np.repeat(np.arange(6), 2)
    data = Incomplete.from_frame(pd.DataFrame({"school": school, "region": school // 2}), clusters=("school", "region"))
    found, belongs = empty_clusters(["school", "region"], data, np.arange(12), school > 2)
    assert (found.keys, found.labels, found.others) == (("region", "school"), ("0", "2"), 2 + 3)
    assert found.names == ("region 0", "school 2")
    np.testing.assert_array_equal(belongs, [0] * 4 + [1] * 2 + [-1] * 6)


def test_without_empty_clusters_the_mixture_is_no_other_model() -> None:
    whole = frame().drop(columns="b").query("g != 2 and g != 5").reset_index(drop=True)
    items = [
        conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=HeckmanGaussian(systematic=choice))
        for choice in ("mixture", "selected", "marginal")
    ]
    for item in items:
        target, design = only(workspace(whole, item))
        assert design.empty is None and "systematic" not in design.names and not target.apart.any()


@pytest.mark.parametrize("target", [pytest.param("y", marks=pytest.mark.slow), "b"])
def test_the_graph_sums_the_indicators_out(target: str) -> None:
    """Against SciPy's density of all as selected out, with each empty cluster's factor in place of its probability."""
    work = space(target)
    design, data = only(work)[1], graph_data(work)
    model = graph.build(design, data)
    layout, rng = layout_of(design, model), np.random.default_rng(1)
    logp, found, expected = compiled_logp(model), [], []
    for _ in range(4):
        q = rng.uniform(-1, 1, layout.size)
        draw = layout.unpack(q)
        s, pi = (
            placed(work).eta(draw, design.matrices(completed(work).columns), np.arange(8 * SIZE)),
            draw["systematic"],
        )
        p = stats.norm.cdf(-s["selection"].reshape(8, SIZE)).prod(axis=1)[[2, 5]]
        mixed = np.log(pi + (1 - pi) * p).sum() + 6 * np.log1p(-pi)
        expected.append(plain_logp(layout, q, data) - np.log(p).sum() + mixed)
        found.append(logp(q))
        np.testing.assert_allclose(chances(design, draw, data), pi / (pi + (1 - pi) * p))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("target", ["y", "b"])
def test_rows_of_systematic_clusters_say_nothing_and_are_drawn_from_the_outcome_alone(target: str) -> None:
    work = space(target)
    design, at, data = only(work)[1], placed(work), graph_data(work)
    draw = {**prior_draw(design, np.random.default_rng(2)), SYSTEMATIC: np.array([0.0, 1.0])}
    g = frame()["g"].to_numpy()
    each = design.logp(draw, data)
    np.testing.assert_array_equal(each == 0, g[at.model_rows] == 5)
    theta, y = design.theta(draw, data)
    away = theta["selection"] == -np.inf
    assert np.isfinite(design.family.information(theta, y)).all()
    assert (design.family.information(theta, y)[away] == 0).all()
    missing = at.missing(draw, design.matrices(completed(work).columns))["selection"]
    np.testing.assert_array_equal(missing == -np.inf, g[at.impute_rows] == 5)


def test_covariates_in_systematic_clusters_are_not_drawn_given_selection() -> None:
    """As the factor of a draw of x: in a systematic cluster the selection model's density is one."""
    data = frame().drop(columns="b")
    data.loc[::3, "x"] = np.nan
    item = conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=HeckmanGaussian())
    plan = Plan(substantive=(item,), conditionals=(conditional("x ~ z"),))
    incomplete = Incomplete.from_frame(data, clusters=("g",))
    work = Workspace(plan, incomplete)
    at, filled = work.placements["y"], completed(work)
    rows = affected(work.resolved.target("x"), work.resolved.derived, incomplete)
    draw = {**prior_draw(at.design, np.random.default_rng(3)), SYSTEMATIC: np.array([1.0, 0.0])}
    matrices = at.design.matrices(filled.columns)
    made = factor(at, draw, rows, places(at, rows), filled, matrices)
    g = data["g"].to_numpy()[made.rows]
    np.testing.assert_array_equal(at.design.family.logp(made.y, made.theta()) == 0, g == 2)


def test_a_column_says_which_values_are_systematic() -> None:
    target, design = only(space(systematic="away"))
    np.testing.assert_array_equal(target.apart, frame()["g"] == 5)
    assert design.empty is None and "systematic" not in design.names
    assert not (frame()["g"].to_numpy()[target.model_rows] == 5).any()


BAD = {
    "not there": ({}, "awy", "neither a choice nor a column", 'did you mean "away"'),
    "incomplete": ({"away": np.nan}, "away", "not a complete column", "missing systematically"),
    "a number": ({"away": 0.5}, "away", "not a complete column", "missing systematically"),
    "true where it is observed": ({"away": 1}, "away", 'is true in 18 rows where "y" is observed', "only where y is"),
}


@pytest.mark.parametrize(("changes", "name", "finding", "remedy"), BAD.values(), ids=BAD.keys())
def test_bad_columns_are_found(changes: dict[str, Any], name: str, finding: str, remedy: str) -> None:
    item = conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=HeckmanGaussian(systematic=name))
    problems = check(Plan.of(item), frame().drop(columns="b").assign(**changes))
    (one,) = [p for p in problems if p.path == "conditional[y].systematic"]
    assert finding in one.finding and remedy in one.remedy and one.severity is Severity.ERROR


def test_a_column_about_a_variable_of_clusters_is_constant_in_them() -> None:
    data = frame().drop(columns=["b", "y"])
    data["h"], data["w"] = data["g"] % 3, np.where(data["g"].isin([2, 5]), np.nan, data["g"] / 3 + data["g"] % 3)
    data["x"] = data.groupby("g")["x"].transform("mean")
    item = conditional("w ~ x", selection="x", family=HeckmanGaussian(systematic="away"))
    assert not any("systematic" in p.path for p in check(Plan.of(item), Incomplete.from_frame(data, clusters=("g",))))
    data.loc[data.index[5 * SIZE], "away"] = 0
    found = check(Plan.of(item), Incomplete.from_frame(data, clusters=("g",)))
    assert any("is not constant within" in p.finding for p in found if p.path.endswith("systematic"))
    seen = check(Plan.of(item), Incomplete.from_frame(data.assign(away=(data["g"] == 1) * 1), clusters=("g",)))
    assert any('in 1 cluster of "g" with a value' in p.finding for p in seen if p.path.endswith("systematic"))


@pytest.mark.parametrize(("size", "warned"), [(4, {"mixture", "marginal"}), (60, {"selected"})])
def test_check_says_what_is_assumed_where_it_matters(size: int, warned: set[str]) -> None:
    """A quarter of the values is missing: of 8 clusters of 4, .03 would be empty by chance; half: .5."""
    g = np.repeat(np.arange(8), size)
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"g": g, "x": rng.normal(size=len(g)), "z": rng.normal(size=len(g))})
    data["y"] = np.where((g == 2) | (np.arange(len(g)) % 2 == 1), np.nan, rng.normal(size=len(g)))
    for choice in ("mixture", "marginal", "selected"):
        family = HeckmanGaussian(systematic=choice)
        item = conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=family)
        found = [p for p in check(Plan.of(item), data) if p.path == "conditional[y].systematic"]
        assert [p.severity for p in found] == [Severity.WARNING] * (choice in warned)
        assert all(f"1 clusters of {size} units have no value of y" in p.finding for p in found)


def test_the_share_has_a_prior_that_can_be_given_and_no_formula() -> None:
    item = conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=HeckmanGaussian())
    data = frame().drop(columns="b")
    _, design = only(workspace(data, replace(item, priors={"systematic": "Beta(2, 5)"})))
    assert design.predictor("systematic").priors[0].args == (2.0, 5.0)
    with pytest.raises(PlanError, match="systematic has a formula"):
        workspace(data, replace(item, formulas={**item.formulas, "systematic": "x"}))


def test_the_share_that_is_missing_is_told_from_clusters_that_have_a_value() -> None:
    """Of clusters of 2 to 5 units, .55 missing, those without a value are left out: the plain share is too small."""
    codes = np.repeat(np.arange(4000), np.tile([2, 3, 4, 5], 1000))
    observed = np.random.default_rng(3).random(len(codes)) > 0.55
    kept = (np.bincount(codes, weights=observed) > 0)[codes]
    found = share_missing(codes[kept], observed[kept])
    error = np.sqrt(0.55 * 0.45 / kept.sum()) * 2  # of the plain share, and as much again for what is not seen
    assert abs(found - 0.55) < 3 * error < abs((1 - observed[kept].mean()) - 0.55)
    assert share_missing(codes, np.ones(len(codes), dtype=bool)) == 0
