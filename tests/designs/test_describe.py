"""From formulas to designs: bambi's automatic priors, the user's own, odd names, and columns that do not vary."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import completed, conditional, only, school_frame, workspace

from bayesimpute.base.priors import Prior
from bayesimpute.designs.automatic_priors import spread
from bayesimpute.designs.describe import INFORMATIVE, SEED
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block
from bayesimpute.families import Bernoulli
from bayesimpute.families.shares import about_share
from bayesimpute.formulas import namespace
from bayesimpute.running.workspace import Workspace


def user_coefficients(design: Design, k: int = 0) -> dict[str, tuple[float, ...]]:
    """The priors of a predictor's coefficients in the user's units: location and scale by name."""
    p = design.predictors[k]
    shifts = [p.units.shift if name == "Intercept" else 0.0 for name in p.matrix.names]
    factors = p.units.unit / p.scale
    return {
        name: (prior.args[0] * f + shift, prior.args[1] * f)
        for name, prior, f, shift in zip(p.names, p.priors, factors, shifts, strict=True)
    }


def user_sds(block: Block) -> dict[str, float]:
    """The scales of the priors of a block's standard deviations in the user's units."""
    units = [u.unit for u in block.units]
    return {
        n: p.parameters["sigma"] * u / s
        for n, p, u, s in zip(block.names, block.priors, units, block.scale, strict=True)
    }


def bambi_terms(space: Workspace, formula: str, family: str, **options: Any) -> Any:
    """bambi's own description of a formula on the frame on which ours was made, with the true cluster keys."""
    import bambi

    target, _ = only(space)
    done = completed(space, SEED)
    frame = done.frame.iloc[target.fit_rows].reset_index(drop=True)
    for key in ("school", "region"):
        frame[key] = pd.Categorical(space.incomplete.frame[key].iloc[target.fit_rows].astype(str))
    frame[target.name] = done.values[target.name][target.fit_rows]
    if family == "bernoulli":
        frame[target.name] = frame[target.name].astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = bambi.Model(formula, frame, family=family, extra_namespace=namespace({}), **options)
    return next(iter(model.parameters.values()))


def share_prior(space: Workspace, link: str = "logit") -> tuple[float, ...]:
    """The prior of a yes/no target's intercept, from its observed values."""
    target, _ = only(space)
    y = completed(space, SEED).values[target.name][target.fit_rows]
    return about_share(y.sum(), len(y), link).args


COMMON = [
    "x",
    "x + c",
    "center(x) * c",
    "c:d",
    "c * d",
    "0 + c",
    "0 + x",
    "np_x",
    "x + I(center(x) ** 2)",
    "scale(x) + w",
]
COMMON += ["1"]
NUMBERS = ["poly(x, 2)", "bs(x, df=5)", "c * poly(x, 2)"]
GROUPS = [
    "(1 | school)",
    "(1 + x | school)",
    "(0 + c | school)",
    "(1 + c | school) + (1 | region)",
    "(1 + c * d | school)",
    "(1 + x | school) + (0 + x + w | region)",
    "(1 + bs(x, df=4) | school)",
]


@pytest.mark.parametrize("family", ["gaussian", "student_t", "bernoulli"])
@pytest.mark.parametrize("common", [*(c.replace("np_x", "log(x)") for c in COMMON), *NUMBERS])
def test_automatic_priors_of_coefficients_are_bambis(family: str, common: str) -> None:
    """But for intercepts: they do not grow with the distance of columns from zero, and say how frequent a label is."""
    if family == "bernoulli" and common in NUMBERS:
        pytest.skip("bambi 0.21 cannot scale these itself: the next test")
    frame = school_frame().assign(x=lambda f: f["x"].abs() + 1)
    name = "b" if family == "bernoulli" else "y"
    formula = f"{name} ~ {common}"
    space = workspace(frame, conditional(formula, family=family))
    ours = user_coefficients(only(space)[1])
    theirs = bambi_terms(space, formula, {"student_t": "t"}.get(family, family))
    expected: dict[str, tuple[float, ...]] = {}
    if theirs.intercept_term is not None:
        prior, spread = theirs.intercept_term.prior.args, 2.5 * only(space)[1].scale
        if family == "bernoulli":
            expected["Intercept"] = share_prior(space)
        else:
            assert float(prior["sigma"]) >= spread * (1 - 1e-12)
            expected["Intercept"] = float(prior["mu"]), spread
    for term in theirs.common_terms.values():
        sigma = np.atleast_1d(term.prior.args["sigma"])
        width = term.data.shape[1] if term.data.ndim == 2 else 1
        for k, s in enumerate(np.broadcast_to(sigma, width)):
            expected[f"{term.name}: {k}"] = 0.0, float(s)
    assert list(ours.values()) == [pytest.approx(v, rel=1e-9) for v in expected.values()]


@pytest.mark.parametrize("common", NUMBERS[:2])  # of interactions bambi's rule is that of the sum of the columns
def test_terms_of_several_columns_get_bambis_rule_column_by_column(common: str) -> None:
    space = workspace(school_frame(), f"b ~ {common} + c")
    target, design = only(space)
    p = design.predictors[0]
    columns = p.matrix.evaluate(completed(space, SEED).columns)[target.fit_rows]
    ours = user_coefficients(design)
    for name, values in zip(p.names, columns.T, strict=True):
        if name == "Intercept":
            assert ours[name] == share_prior(space)
        else:
            assert ours[name] == (0.0, pytest.approx(1.0 if name.startswith("c") else 1 / values.std()))


@pytest.mark.parametrize("family", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("groups", GROUPS)
def test_automatic_priors_of_standard_deviations_are_a_fraction_of_bambis(family: str, groups: str) -> None:
    name = "b" if family == "bernoulli" else "y"
    formula = f"{name} ~ x + c + {groups}"
    space = workspace(school_frame(), conditional(formula, family=family))
    theirs = bambi_terms(space, formula, family)
    design = only(space)[1]
    for block in design.blocks:
        name, share = ("HalfNormal", 1.5 / 2.5) if family == "bernoulli" else ("HalfStudentT", 1 / 2.5)
        assert all(prior.name == name and prior.parameters.get("nu", 3) == 3 for prior in block.priors)
        ours = list(user_sds(block).values())
        expected = [
            [2.5 * design.scale] if term.kind == "intercept" else np.atleast_1d(term.prior.args["sigma"].args["sigma"])
            for key, term in theirs.group_specific_terms.items()
            if key.endswith(f"|{block.factor}")
        ]
        assert ours == [pytest.approx(v * share) for v in np.concatenate(expected)]


def test_interactions_without_their_margins_are_coded_as_in_lme4() -> None:
    _, design = only(workspace(school_frame(), "y ~ x + (1 + c:x | school)"))
    (block,) = design.blocks
    assert block.names == ("1|school", "c[p]:x|school", "c[q]:x|school", "c[r]:x|school")
    fit = school_frame().dropna(subset="y")
    expected = [fit["y"].std(ddof=0) / np.std(fit["x"] * (fit["c"] == label)) for label in "pqr"]
    assert list(user_sds(block).values())[1:] == pytest.approx(expected)


def test_the_residual_standard_deviation_has_bambis_prior() -> None:
    _, design = only(workspace(school_frame(), "y ~ x"))
    (sigma,) = (p for p in design.predictors if p.key == "sigma")
    # HalfStudentT(4, sd of y) on the user's scale is HalfStudentT(4, 1) on ours
    assert sigma.priors == (Prior.of("HalfStudentT", 4, 1),)
    y = school_frame()["y"].dropna()
    assert (design.centre, design.scale) == (pytest.approx(y.mean()), pytest.approx(y.std(ddof=0)))


def test_a_formula_for_sigma_has_standard_priors_for_standardised_columns() -> None:
    item = conditional("y ~ x", sigma="x + (1 + x | school)")
    _, design = only(workspace(school_frame(), item))
    p = design.predictors[1]
    assert p.names == ("sigma_Intercept", "sigma_x")
    assert [prior.args for prior in p.priors] == [pytest.approx((0.0, 1.0)), pytest.approx((0.0, 1.0))]
    assert p.units.shift == pytest.approx(np.log(design.scale))
    (block,) = design.blocks
    assert block.names == ("sigma_1|school", "sigma_x|school")
    assert [prior.args for prior in block.priors] == [pytest.approx((1.0,)), pytest.approx((1.0,))]
    assert block.parts[0][0] == "sigma"
    assert not block.centred


OWN = {
    "Intercept": "Normal(40, 7)",
    "x": "Normal(2, 3)",
    "c": "StudentT(5, 1, 4)",
    "c[r]": "Normal(-1, 6)",
    "1|school_sigma": "Exponential(0.25)",
    "x|school_sigma": "HalfNormal(0.5)",
    "school_corr": "LKJ(3)",
    "sigma": "Gamma(2, 0.5)",
}


def test_own_priors_reach_their_parameters_on_the_standardised_scale() -> None:
    _, d = only(workspace(school_frame(), conditional("y ~ x + c + (1 + x | school)", priors=OWN)))
    mu, sigma = d.predictors
    place = dict(zip(mu.names, zip(mu.priors, mu.scale)))
    intercept = place["Intercept"][0]
    assert (intercept.name, intercept.args) == (
        "Normal",
        pytest.approx(((40 - d.centre) / d.scale, 7 / d.scale)),
    )
    for name, (distribution, *shapes), location, scale in (
        ("x", ("Normal",), 2, 3),
        ("c[q]", ("StudentT", 5.0), 1, 4),
        ("c[r]", ("Normal",), -1, 6),
    ):
        prior, s = place[name]
        assert prior.name == distribution
        assert prior.args == pytest.approx((*shapes, location * s / d.scale, scale * s / d.scale))
    assert sigma.priors[0].name == "Gamma"
    assert sigma.priors[0].args == pytest.approx((2, 0.5 * d.scale))
    (block,) = d.blocks
    assert block.priors[0].args == pytest.approx((0.25 * d.scale,))
    assert block.priors[1].args == pytest.approx((0.5 * block.scale[1] / d.scale,))
    assert block.correlations.args == (3.0,)


def test_own_priors_of_sigmas_formula_carry_its_name() -> None:
    priors = {
        "sigma_Intercept": "Normal(1, 0.5)",
        "sigma_x": "Normal(0, 0.2)",
        "sigma_1|school_sigma": "HalfNormal(0.1)",
    }
    _, d = only(workspace(school_frame(), conditional("y ~ x", sigma="x + (1 | school)", priors=priors)))
    p = d.predictors[1]
    assert p.priors[0].args == pytest.approx((1 - np.log(d.scale), 0.5))
    assert p.priors[1].args == pytest.approx((0.0, 0.2 * p.scale[1]))
    assert d.blocks[0].priors[0].args == pytest.approx((0.1,))


ODD = {"x": "a b", "w": "x/y", "d": "class", "c": "response", "school": "two"}


def test_names_are_free() -> None:
    plain = school_frame()
    odd = plain.rename(columns=ODD)
    ours = only(workspace(odd, "y ~ `a b` * `class` + `x/y` + response + (1 + `x/y` | two)"))[1]
    same = only(workspace(plain, "y ~ x * d + w + c + (1 + w | school)"))[1]
    assert ours.predictors[0].priors == same.predictors[0].priors
    assert ours.blocks[0].priors == same.blocks[0].priors
    assert ours.blocks[0].names == ("1|two", "x/y|two")
    assert "a b" in ours.names
    assert len(ours.names) == len(same.names)


def test_double_bars_nesting_and_two_factors_make_blocks() -> None:
    def blocks(groups: str) -> list[tuple[str, tuple[str, ...], int]]:
        _, design = only(workspace(school_frame(), f"y ~ x + {groups}"))
        assert [b.key for b in design.blocks] == [f"block{k}" for k in range(len(design.blocks))]
        return [(b.factor, b.names, b.size) for b in design.blocks]

    assert blocks("(1 + x | school)") == [("school", ("1|school", "x|school"), 12)]
    assert blocks("(1 + x || school)") == [("school", ("1|school",), 12), ("school", ("x|school",), 12)]
    assert blocks("(1 | region/school)") == [
        ("region", ("1|region",), 4),
        ("region:school", ("1|region:school",), 12),
    ]
    assert blocks("(1 | school) + (x | region)") == [
        ("school", ("1|school",), 12),
        ("region", ("1|region", "x|region"), 4),
    ]
    assert blocks("(0 + c | school)") == [("school", ("c[p]|school", "c[q]|school", "c[r]|school"), 12)]


def test_cluster_means_and_missingness_are_columns_with_bambis_priors() -> None:
    frame = school_frame()
    space = workspace(frame, "y ~ cluster_mean(x, school) + observed(b) + (1 | school)", "b ~ x")
    design = space.designs["y"]
    assert design.predictors[0].names == ("Intercept", "cluster_mean(x, school)", "observed(b)")
    fit = frame["y"].notna()
    means = frame.groupby("school")["x"].transform("mean")[fit]
    known = frame["b"].notna()[fit].astype(float)
    expected = [2.5 * frame["y"].std(ddof=0) / v.std(ddof=0) for v in (means, known)]
    ours = user_coefficients(design)
    assert [ours[name][1] for name in design.predictors[0].names[1:]] == pytest.approx(expected)


def test_without_an_intercept_the_target_is_still_centred() -> None:
    _, design = only(workspace(school_frame(), "y ~ 0 + x"))
    p = design.predictors[0]
    assert p.intercept is None
    assert p.offset == pytest.approx(-design.centre / design.scale)
    assert list(p.centre) == [0.0]


@pytest.mark.parametrize(("name", "family"), [("y", "gaussian"), ("b", "bernoulli")])
def test_a_column_that_does_not_vary_in_the_fitted_rows_has_a_proper_prior(name: str, family: str) -> None:
    frame = school_frame()
    # no pupil with c = r and d = yes has an observed value of the target, or an incomplete predictor makes it so
    frame.loc[(frame["c"] == "r") & (frame["d"] == "yes"), name] = np.nan
    space = workspace_unchecked(frame, conditional(f"{name} ~ x:c:d + (1 + c:d | school)", family=family))
    _, design = only(space)
    for prior in [p for predictor in design.predictors for p in predictor.priors] + list(design.blocks[0].priors):
        assert np.isfinite(prior.args).all(), prior
    assert (design.predictors[0].scale > 0).all()


def workspace_unchecked(frame: pd.DataFrame, *conditionals: Any) -> Workspace:
    from bayesimpute.checking import plan_clusters
    from bayesimpute.data.incomplete import Incomplete
    from bayesimpute.plan.plan import Plan

    plan = Plan.of(list(conditionals))
    return Workspace(plan, Incomplete.from_frame(frame, clusters=plan_clusters(plan)))


def test_columns_that_are_constant_but_for_rounding_have_no_spread() -> None:
    values = np.column_stack([np.full(200, 0.1), np.arange(200.0), 1e9 + np.arange(200.0), np.zeros(200)])
    assert spread(values) == pytest.approx([1.0, *values[:, 1:3].std(axis=0), 1.0], rel=1e-12)


def test_the_description_does_not_depend_on_the_users_seed_or_on_cluster_labels() -> None:
    frame = school_frame()
    frame.loc[::4, "x"] = np.nan
    formulas = "y ~ x + (1 + x | school)", "x ~ y"
    frames = frame, frame.replace({"school": {0: 99, 5: -1}})
    first, second = (workspace(f, *formulas).placements["y"] for f in frames)
    assert first.design.predictors[0].priors == second.design.predictors[0].priors
    np.testing.assert_array_equal(first.codes["block0"], second.codes["block0"])


@pytest.mark.parametrize(("tau", "size", "centred"), [(0.3, 2, False), (1.0, 40, True), (0.0, 5, False)])
def test_blocks_are_centred_where_clusters_say_much(tau: float, size: int, centred: bool) -> None:
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(60), size)
    y = tau * rng.normal(size=60)[school] + rng.normal(size=len(school))
    frame = pd.DataFrame({"school": school, "x": rng.normal(size=len(school)), "y": y})
    frame.loc[0, "y"] = np.nan
    _, design = only(workspace(frame, "y ~ x + (1 | school)"))
    assert 0.5 < INFORMATIVE < 20  # the cases lie well on either side
    assert design.blocks[0].centred is centred


def test_yes_no_targets_are_not_scaled_and_their_link_reaches_bambi() -> None:
    for link in ("logit", "probit"):
        space = workspace(school_frame(), conditional("b ~ x", family=Bernoulli(link=link)))
        _, design = only(space)
        assert (design.centre, design.scale) == (0.0, 1.0)
        assert user_coefficients(design)["Intercept"] == share_prior(space, link)


def test_calls_stand_beside_arithmetic_in_calls() -> None:
    """formulae compares them as if both were calls."""
    _, design = only(workspace(school_frame(), "y ~ log(1 + abs(w)) + log(1 + x / 2)"))
    assert design.predictor("mu").names == ("Intercept", "log(1 + abs(w))", "log(1 + x / 2)")
