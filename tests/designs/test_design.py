"""Matrices, predictions and units: that the samplers work on another scale can never be seen from outside."""

import numpy as np
import pytest
from modelling import as_written, completed, conditional, only, placed, school_frame, workspace
from scipy.special import expit, ndtr

from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import correlation_name, pairs
from bayesimpute.families import Bernoulli
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

PLANS = {
    "intercepts and slopes": conditional("y ~ x * c + (1 + x | school)"),
    "two factors": conditional("y ~ x + (1 | region) + (1 + c | school)"),
    "nested, uncorrelated": conditional("y ~ w + (1 + x || region/school)"),
    "no intercept": conditional("y ~ 0 + x + (1 | school)"),
    "no intercept, categories": conditional("y ~ 0 + c + (0 + c | school)"),
    "splines": conditional("y ~ bs(x, df=4) + poly(w, 2) + (1 + poly(w, 2) | school)"),
    "sigma": conditional("y ~ x + (1 | school)", sigma="w + (1 + w | region)"),
    "sigma without intercept": conditional("y ~ x", sigma="0 + c"),
    "sigma and nu": conditional("y ~ x + (1 | school)", sigma="x", nu="d + (1 | region)", family="student_t"),
    "logit": conditional("b ~ x + c + (1 + x | school)"),
    "probit": conditional("b ~ x + (1 | school) + (1 | region)", family=Bernoulli(link="probit")),
    "contextual": conditional("y ~ x + cluster_mean(x, school) + observed(b) + (1 | school)"),
}
INVERSES = {"identity": lambda v: v, "log": np.exp, "logit": expit, "probit": ndtr}


def described(item: Conditional) -> Workspace:
    frame = school_frame()
    if item.target == "y":
        frame["b"] = frame["b"].where(frame["b"].notna(), 0.5)  # then the one target is y, and observed(b) is all ones
        if "observed(b)" in item.formulas["mu"]:
            frame = school_frame()
            return workspace(frame, item, "b ~ x")
    else:
        frame["y"] = frame["y"].fillna(0.0)
    return workspace(frame, item)


def direct(design: Design, draw: dict, space: Workspace, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters at `rows` from what the user sees: coefficients and effects in the user's units, raw columns."""
    columns, codes = completed(space).columns, space.placements[design.name].codes
    seen = dict(zip(design.names, design.posterior(draw), strict=True))
    effects = design.effects(draw)
    found = {}
    for p in design.predictors:
        if p.matrix is None:
            found[p.key] = np.full(len(rows), seen[p.key])
            continue
        eta = as_written(p.matrix).evaluate(columns)[rows] @ [seen[name] for name in p.names]
        for b in design.blocks:
            start = 0
            for parameter, matrix in b.parts:
                names = b.names[start : start + len(matrix.names)]
                start += len(names)
                if parameter == p.key:
                    z = as_written(matrix).evaluate(columns)[rows]
                    u = np.column_stack([effects[name][codes[b.key][rows]] for name in names])
                    eta = eta + (z * u).sum(axis=1)
        found[p.key] = INVERSES[p.parameter.link](eta)
    return found


@pytest.mark.parametrize("item", PLANS.values(), ids=PLANS.keys())
def test_predictions_are_those_of_the_coefficients_that_users_see(item: Conditional) -> None:
    space = described(item)
    at = space.placements[item.target]
    design = at.design
    matrices = design.matrices(completed(space).columns)
    rng = np.random.default_rng(5)
    for rows in (np.arange(len(space.incomplete.frame)), at.impute_rows):
        draw = prior_draw(design, rng)
        ours, theirs = at.predict(draw, matrices, rows), direct(design, draw, space, rows)
        assert ours.keys() == theirs.keys()
        for name, values in theirs.items():
            got = np.broadcast_to(ours[name], rows.shape)
            np.testing.assert_allclose(got, values, rtol=1e-8, atol=1e-8 * np.abs(values).max())


@pytest.mark.parametrize("item", PLANS.values(), ids=PLANS.keys())
def test_names_and_numbers_agree(item: Conditional) -> None:
    design = described(item).designs[item.target]
    draw = prior_draw(design, np.random.default_rng(1))
    assert len(set(design.names)) == len(design.names) == len(design.posterior(draw))
    assert {k: v.shape for k, v in design.effects(draw).items()} == {
        n: (b.size,) for b in design.blocks for n in b.names
    }


def test_matrices_are_the_formulas_columns_standardised_on_the_fitted_rows() -> None:
    space = described(conditional("y ~ x + c + (1 + x | school)"))
    target, design = only(space)
    frame = space.incomplete.frame
    made = design.matrices(completed(space).columns)
    raw = np.column_stack([np.ones(120), frame["x"], frame["c"] == "q", frame["c"] == "r"])
    fit = raw[target.fit_rows]
    expected = np.column_stack([raw[:, :1], (raw[:, 1:] - fit[:, 1:].mean(axis=0)) / fit[:, 1:].std(axis=0)])
    np.testing.assert_allclose(made["mu"], expected, rtol=1e-12)
    z = np.column_stack([np.ones(120), expected[:, 1]])
    np.testing.assert_allclose(made["block0"], z, rtol=1e-12)


def test_what_the_graph_holds_is_of_the_fitted_rows() -> None:
    space = described(conditional("y ~ x + (1 | school)"))
    target, design = only(space)
    done = completed(space)
    data = placed(space).data(design.matrices(done.columns), done.values["y"])
    assert {k: v.shape for k, v in data.items()} == {
        "X_mu": (96, 2),
        "X_block0": (96, 1),
        "codes_block0": (96,),
        "y_data": (96,),
    }
    assert data["codes_block0"].dtype == np.int32
    np.testing.assert_array_equal(data["codes_block0"], space.incomplete.frame["school"][target.fit_rows])
    assert abs(data["y_data"].mean()) < 1e-12
    assert data["y_data"].std() == pytest.approx(1.0)


def test_a_level_2_target_is_fitted_to_one_row_a_cluster() -> None:
    frame = school_frame()
    frame["size"] = np.linspace(5, 30, 12)[frame["school"]]
    frame.loc[frame["school"].isin([1, 7]), "size"] = np.nan
    frame["y"] = frame["y"].fillna(50)
    frame["b"] = frame["b"].fillna(0)
    target, design = only(workspace(frame, "size ~ cluster_mean(x, school) + (1 | region)"))
    assert len(target.fit_rows) == 10
    assert design.scale == pytest.approx(np.delete(np.linspace(5, 30, 12), [1, 7]).std())


def test_without_common_terms_the_effects_are_all() -> None:
    space = described(conditional("y ~ 0 + (0 + c | school)"))
    _, design = only(space)
    draw = prior_draw(design, np.random.default_rng(2))
    assert draw["mu"].shape == (0,)
    rows = np.arange(120)
    np.testing.assert_allclose(
        placed(space).predict(draw, design.matrices(completed(space).columns), rows)["mu"],
        direct(design, draw, space, rows)["mu"],
        rtol=1e-9,
    )


@pytest.mark.parametrize("item", [PLANS["intercepts and slopes"], PLANS["sigma"], PLANS["no intercept"]], ids=str)
@pytest.mark.parametrize("power", [-20, 20])
@pytest.mark.parametrize("column", ["x", "y"])
def test_powers_of_two_change_nothing_but_the_units(item: Conditional, power: int, column: str) -> None:
    factor = 2.0**power
    frame = school_frame().assign(b=0.5, c=lambda f: f["c"])
    spaces = [workspace(f, item) for f in (frame, frame.assign(**{column: frame[column] * factor}))]
    (_, one), (_, two) = map(only, spaces)
    first, second = (design.matrices(completed(space).columns) for space, design in zip(spaces, (one, two)))
    for name, matrix in first.items():
        np.testing.assert_array_equal(matrix, second[name])
    assert [p.priors for p in one.predictors] == [p.priors for p in two.predictors]
    assert [b.priors for b in one.blocks] == [b.priors for b in two.blocks]
    assert [b.centred for b in one.blocks] == [b.centred for b in two.blocks]
    draw, rows = prior_draw(one, np.random.default_rng(3)), np.arange(120)
    here, there = (placed(space).predict(draw, m, rows) for space, m in zip(spaces, (first, second), strict=True))
    scale = factor if column == "y" else 1.0
    np.testing.assert_array_equal(np.asarray(here["mu"]) * scale, there["mu"])
    np.testing.assert_array_equal(np.asarray(here["sigma"]) * scale, there["sigma"])


def test_correlations_are_named_by_their_effects() -> None:
    assert correlation_name("1|school", "sex|school") == "1~~sex|school_corr"
    assert correlation_name("I(x | y)|g", "a|g") == "I(x | y)~~a|g_corr"
    assert pairs(3) == [(0, 1), (0, 2), (1, 2)]
    design = described(conditional("y ~ x + (1 + c | school)")).designs["y"]
    assert design.names[-3:] == (
        "1~~c[q]|school_corr",
        "1~~c[r]|school_corr",
        "c[q]~~c[r]|school_corr",
    )


def test_a_draw_is_not_changed_by_reading_it() -> None:
    space = described(conditional("y ~ x + (1 + x | school)"))
    _, design = only(space)
    draw = prior_draw(design, np.random.default_rng(3))
    before = {name: np.array(values) for name, values in draw.items()}
    design.posterior(draw)
    design.effects(draw)
    placed(space).predict(draw, design.matrices(completed(space).columns), np.arange(5))
    for name, values in before.items():
        np.testing.assert_array_equal(draw[name], values)


def test_the_columns_that_a_design_reads_are_known() -> None:
    design = described(conditional("y ~ log(x) + c + (1 + w | school)", sigma="d")).designs["y"]
    assert design.inputs == {"x", "c", "w", "d"}
