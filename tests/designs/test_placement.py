"""A design on other rows than those that it was described on."""

from dataclasses import replace

import numpy as np
import pandas as pd
from modelling import completed, only, placed, school_frame, workspace

from bayesimpute.data.other_rows import other_rows
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.placement import Placement
from bayesimpute.plan.new_rows import columns_read, on_new_rows
from bayesimpute.plan.targets import Step
from bayesimpute.running.kernel import Bench
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

FORMULA = "y ~ x + c + (1 + x | school) + (1 | region)"


def elsewhere(space: Workspace, frame: pd.DataFrame) -> tuple[Placement, dict[str, np.ndarray]]:
    """The one model on other rows, with its matrices there."""
    _, design = only(space)
    data = other_rows(frame.assign(y=np.nan), space.incomplete, columns_read(space.resolved, space.incomplete))
    resolved = on_new_rows(space.resolved, space.incomplete, data)
    columns = Completed(data, resolved, {"y": np.zeros(len(frame))}).columns
    return Placement.of(design, resolved.steps[0], data, space.incomplete), design.matrices(columns)


def test_rows_in_another_order_are_predicted_as_they_were() -> None:
    space = workspace(school_frame().drop(columns="b"), FORMULA)
    _, design = only(space)
    draw = prior_draw(design, np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(space.incomplete.frame))[:50]
    there, matrices = elsewhere(space, space.incomplete.frame.iloc[order].reset_index(drop=True))
    whole = placed(space).predict(draw, design.matrices(completed(space).columns), order)
    found = there.missing(there.with_new_clusters(draw, np.random.default_rng(3)), matrices)
    for name, values in whole.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12)


def test_cluster_means_of_new_clusters_are_taken_over_the_rows_that_are_predicted() -> None:
    frame = school_frame()
    frame.loc[2::9, "x"] = np.nan
    space = workspace(frame, "y ~ x + cluster_mean(x, school)", "x ~ y", "b ~ x")
    rows = school_frame().iloc[:6].assign(school=[1, 1, 1, 99, 99, 99])
    data = other_rows(rows, space.incomplete, columns_read(space.resolved, space.incomplete))
    resolved = on_new_rows(space.resolved, space.incomplete, data)
    held = np.array([7.0, 7.0, 7.0, np.nan, np.nan, np.nan])  # what the mean of school 1 was elsewhere
    columns = Completed(data, resolved.holding({"cluster_mean(x, school)": held}), {}).columns
    expected = np.append(held[:3], np.repeat(rows["x"].iloc[3:].mean(), 3))
    np.testing.assert_allclose(columns["cluster_mean(x, school)"], expected)


def test_clusters_that_were_never_seen_have_effects_of_their_own_from_the_population() -> None:
    space = workspace(school_frame().drop(columns="b"), FORMULA)
    _, design = only(space)
    draw = prior_draw(design, np.random.default_rng(1))
    n, old = 3000, 5
    frame = space.incomplete.frame.iloc[np.arange(n) % old].assign(school=np.arange(n) + 7).reset_index(drop=True)
    there, matrices = elsewhere(space, frame)
    grown = there.with_new_clusters(draw, np.random.default_rng(4))
    slopes = next(b for b in design.blocks if b.factor == "school")
    effects = grown[slopes.key]
    assert np.array_equal(effects[: slopes.size], draw[slopes.key]) and len(effects) == n + 7
    fresh = effects[slopes.size :]
    root = draw[f"{slopes.key}_root"]
    covariance, error = root @ root.T, np.sqrt(2 / len(fresh))
    found = fresh.T @ fresh / len(fresh)
    sds = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found - covariance) < 5 * error * np.outer(sds, sds))
    other = next(b for b in design.blocks if b.factor == "region")
    assert np.array_equal(grown[other.key], draw[other.key])  # all regions were seen
    assert len(there.missing(grown, matrices)["mu"]) == n


def test_what_is_learnt_and_what_is_imputed_are_two_masks() -> None:
    space = workspace(school_frame().drop(columns="b"), "y ~ x + (1 | school)")
    target, design = only(space)
    assert not target.learns_imputed
    both = replace(target, learn=target.observed | (np.arange(len(target.rows)) < 10))
    assert both.learns_imputed and np.array_equal(both.missing_rows, target.missing_rows)
    space.resolved = replace(space.resolved, targets=(both,))
    step = Step(name="y", targets=(both,))
    space.placements["y"] = Placement.of(design, step, space.incomplete)
    cells = np.full(len(both.missing_rows), 3.0)
    bench = Bench(space, {"y": cells})
    assert len(bench.data(step)["y_data"]) == len(target.fit_rows) + 2  # rows 0 and 5 of the first ten are missing
    before = bench.data(step)["y_data"]
    bench.set(step, {"y": cells + 1})
    moved = bench.data(step)["y_data"] - before
    np.testing.assert_allclose(np.sort(moved)[-2:], 1 / design.scale)
    assert np.count_nonzero(moved) == 2
