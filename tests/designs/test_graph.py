"""The PyMC model of a design: its log-density is the one that the formulas, the priors and bambi say."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from graphs import (
    LOGPDF,
    PLANS,
    centred,
    compiled_logp,
    described,
    layout_of,
    natural_values,
    plain_logp,
    pymc_logp,
)
from modelling import completed, conditional, graph_data, only
from scipy import stats

from bayesimpute.base.distributions import DISTRIBUTIONS
from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.graph import (
    Layout,
    Slot,
    _cholesky,
    build,
    cholesky,
    partial_correlation_priors,
    vectors,
)
from bayesimpute.designs.parts import Block, pairs
from bayesimpute.families import Bernoulli
from bayesimpute.formulas import namespace
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.workspace import Workspace

pytestmark = pytest.mark.long(20)

ALIKE = ("gaussian", "three effects", "heckman_gaussian", "sigma and nu")
"""Whose every part another plan has, or the same plan with effects that are not centred."""


@pytest.mark.by_default(
    *(f"centred-{name}" for name in PLANS if name not in ALIKE), "non-centred-three effects", "non-centred-sigma and nu"
)
@pytest.mark.parametrize("item", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("flag", [True, False], ids=["centred", "non-centred"])
def test_the_log_density_is_that_of_priors_effects_and_family(item: Conditional, flag: bool) -> None:
    space = described(item)
    _, design = only(space)
    if flag and not design.blocks:
        pytest.skip("no effects")
    design, data = centred(design, flag), graph_data(space)
    model = build(design, data)
    layout, logp = layout_of(design, model), compiled_logp(model)
    rng = np.random.default_rng(7)
    for spread in (0.1, 0.7, 1.5):
        q = rng.normal(0, spread, layout.size)
        assert logp(q) == pytest.approx(plain_logp(layout, q, data), rel=1e-6 if "probit" in str(item) else 1e-9)


def test_every_distribution_of_coefficients_and_deviations_was_among_them() -> None:
    met = set()
    for item in PLANS.values():
        _, design = only(described(item))
        for flag in (True, False):
            met |= {prior.name for vector in vectors(centred(design, flag)).values() for prior in vector.priors}
    of_tau = {
        name for name in DISTRIBUTIONS if name.startswith("Kendall")
    }  # tests/base/test_priors.py and samplers/test_gibbs_selection.py have these
    of_shares = {name for name, each in DISTRIBUTIONS.items() if each.support == "ordered"}  # as has test_priors.py
    assert met == set(DISTRIBUTIONS) - {"LKJ"} - of_tau - of_shares
    assert set(LOGPDF) == {d.through.base if (d := DISTRIBUTIONS[name]).through else name for name in met}


@pytest.mark.parametrize("item", [PLANS["own priors"], PLANS["half-t, uniform"], PLANS["three effects"]], ids=str)
def test_unpacking_is_what_pymcs_transforms_do(item: Conditional) -> None:
    import pytensor

    pytensor.config.blas__ldflags = ""
    space = described(item)
    _, design = only(space)
    model = build(design, graph_data(space))
    layout = layout_of(design, model)
    q = np.random.default_rng(3).normal(0, 1.5, layout.size)
    known = {slot.name: slot for vector in vectors(design).values() for slot, _ in vector.slots}
    for rv, value in model.rvs_to_values.items():
        if rv.name not in known:
            continue
        raw = q[dict(layout.parts)[rv.name]]
        transform = model.rvs_to_transforms[rv]
        back = transform.backward(value, *rv.owner.inputs) if transform is not None else value
        theirs = pytensor.function([value], back, mode="FAST_COMPILE")(raw)
        np.testing.assert_allclose(known[rv.name].constrain(raw), theirs, rtol=1e-12)
        np.testing.assert_allclose(known[rv.name].unconstrain(theirs), raw, rtol=1e-6)


def test_a_vector_of_mixed_priors_is_put_back_in_order() -> None:
    space = described(PLANS["own priors"])
    _, design = only(space)
    names = design.predictors[0].names
    assert names == ("Intercept", "x", "w", "c[q]", "c[r]")
    model = build(design, graph_data(space))
    layout = layout_of(design, model)
    q = np.zeros(layout.size)
    parts = dict(layout.parts)
    for k, kind in enumerate(("StudentT", "Laplace", "Cauchy", "Normal")):
        q[parts[f"mu_{kind}"]] = k + 1.0
    draw = layout.unpack(q)
    assert list(draw["mu"][[0, 2, 3, 4]]) == [1.0, 2.0, 3.0, 4.0]
    lower, upper = design.predictors[0].priors[1].args
    assert draw["mu"][1] == pytest.approx((lower + upper) / 2)


def in_users_units(b: Block) -> list[Prior]:
    """The priors of a block's standard deviations."""
    return [p.affine(unit=s / u.unit) for p, u, s in zip(b.priors, b.units, b.scale, strict=True)]


def bambi_model(space: Workspace, formula: str, family: Any, *, noncentred: bool) -> Any:
    """bambi's own PyMC model on the frame on which ours was described.

    Its priors of intercepts grow with the distance of the columns from zero, and those of standard deviations have
    another shape: it has ours.
    """
    import bambi

    target, design = only(space)
    p = design.predictors[0]
    priors: dict[str, Any] = {
        name: bambi.Prior("Normal", mu=0, sigma=bambi.Prior(prior.name, **prior.parameters))
        for b in design.blocks
        for name, prior in zip(b.names, in_users_units(b), strict=True)
    }
    if p.intercept is not None:
        mean, sd = p.priors[p.intercept].args
        priors["Intercept"] = bambi.Prior("Normal", mu=p.units.shift + p.units.unit * mean, sigma=p.units.unit * sd)
    done = completed(space)
    frame = done.frame.iloc[target.fit_rows].reset_index(drop=True)
    for key in ("school", "region"):
        frame[key] = pd.Categorical(space.incomplete.frame[key].iloc[target.fit_rows].astype(str))
    name, link = (
        (family.bambi, {"link": family.parameters[0].link}) if family.bambi == "bernoulli" else (family.bambi, {})
    )
    frame[target.name] = done.values[target.name][target.fit_rows]
    if link:
        frame[target.name] = frame[target.name].astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"family": name, "noncentered": noncentred, "priors": priors, **link}
        model = bambi.Model(formula, frame, extra_namespace=namespace({}), **options)
        model.build()
        return model.backend.model


def bambi_values(design: Design, draw: Mapping[str, Any], raw: Mapping[str, np.ndarray], labels: Mapping) -> dict:
    """The values of bambi's variables at a draw of ours, in the user's units."""
    mu, *others = design.predictors
    slopes = draw["mu"] * mu.units.unit / mu.scale
    values: dict[str, Any] = {}
    for term, place in mu.matrix.terms:
        width = place.stop - place.start
        values[term] = slopes[place] if width > 1 or term == "c" else slopes[place][0]
    if mu.intercept is not None:  # bambi's intercept stands at the centre of the columns, as ours does
        values["Intercept"] = mu.units.shift + slopes[mu.intercept]
    for p in others:
        values[p.key] = draw[p.key] * (design.scale if p.parameter.unit == "scale" else 1.0)
    sds = dict(zip((n for b in design.blocks for n in b.names), np.concatenate(
        [draw[f"{b.key}_sd"] * [u.unit for u in b.units] / b.scale for b in design.blocks] or [[]]
    ), strict=True))  # fmt: skip
    effects = design.effects(draw)
    for b in design.blocks:
        for k, name in enumerate(b.names):
            order = labels[b.factor]
            values[f"{name}_sigma"] = sds[name]
            values[name] = effects[name][order]
            if not b.centred:
                values[f"{name}_offset"] = raw[b.key][:, k][order]
    return values


BAMBI = {
    "gaussian": (conditional("y ~ x + c"), "y ~ x + c"),
    "gaussian, intercepts": (
        conditional("y ~ center(x) * c + (1 | school)"),
        "y ~ center(x) * c + (1 | school)",
    ),
    "independent slopes": (conditional("y ~ x + (1 + x || school)"), "y ~ x + (1 | school) + (0 + x | school)"),
    "crossed": (
        conditional("y ~ poly(x, 2) + (1 | school) + (1 | region)"),
        "y ~ poly(x, 2) + (1 | school) + (1 | region)",
    ),
    "student_t": (conditional("y ~ x + (1 | school)", family="student_t"), "y ~ x + (1 | school)"),
    "logit": (conditional("b ~ x + c + (1 | school)"), "b ~ x + c + (1 | school)"),
    "probit": (conditional("b ~ x", family=Bernoulli(link="probit")), "b ~ x"),
}


@pytest.mark.by_default(
    *("gaussian-non-centred", "gaussian, intercepts-centred", "independent slopes-centred", "crossed-non-centred"),
    *("student_t-centred", "logit-centred", "probit-non-centred"),
)
@pytest.mark.parametrize("flag", [True, False], ids=["centred", "non-centred"])
@pytest.mark.parametrize(("item", "formula"), BAMBI.values(), ids=BAMBI.keys())
def test_the_log_density_is_bambis_but_for_the_units(item: Conditional, formula: str, flag: bool) -> None:
    space = described(item)
    _, design = only(space)
    if flag and not design.blocks:
        pytest.skip("no effects")
    design, data = centred(design, flag), graph_data(space)
    theirs = bambi_model(space, formula, design.family, noncentred=not flag)
    logp = pymc_logp(theirs)
    ours = build(design, data)
    layout, ours_logp = layout_of(design, ours), pymc_logp(ours)
    labels = {key: _bambi_order(space, key) for key in ("school", "region")}
    rng, gaps, sizes = np.random.default_rng(11), [], []
    for _ in range(6):
        q = rng.normal(0, 0.5, layout.size)
        draw = layout.unpack(q)
        raw = {b.key: draw[b.key] / draw[f"{b.key}_sd"] for b in design.blocks}  # our scales are signed, bambi's not
        mine = ours_logp(natural_values(layout, q))
        gaps.append(logp(bambi_values(design, draw, raw, labels)) - mine)
        sizes.append(abs(mine))
    # the Jacobian of the change of units does not depend on the parameters
    tolerance = 1e-6 if "probit" in str(item) else 1e-10
    assert np.ptp(gaps) < tolerance * max(sizes)
    assert np.ptp(sizes) > 1


def _bambi_order(space: Workspace, key: str) -> np.ndarray:
    """Our code of each of bambi's clusters, which it sorts by label."""
    labels = list(map(str, space.incomplete.labels(key)))
    return np.argsort(labels)


@pytest.mark.parametrize("width", [2, 3, 4])
@pytest.mark.parametrize("eta", [1.0, 2.0, 5.0])
def test_partial_correlations_give_lkj_correlations(width: int, eta: float) -> None:
    priors = partial_correlation_priors(_block(width, eta))
    rng, n = np.random.default_rng(5), 3000
    partial = np.column_stack([2 * p.draw(rng, n) - 1 for p in priors])
    factors = np.array([cholesky(row, width) for row in partial])
    correlations = factors @ factors.transpose(0, 2, 1)
    np.testing.assert_allclose(correlations[:, range(width), range(width)], 1.0, rtol=1e-12)
    marginal = stats.beta(
        eta + width / 2 - 1, eta + width / 2 - 1, loc=-1, scale=2
    )  # Lewandowski et al. 2009, sec. 3.2
    for j, i in pairs(width):
        # 30 comparisons in all: a false alarm in 330 choices of the seed
        assert stats.kstest(correlations[:, i, j], marginal.cdf).pvalue > 1e-4


def _block(width: int, eta: float) -> Any:
    from types import SimpleNamespace

    return SimpleNamespace(width=width, correlations=Prior.of("LKJ", eta))


@pytest.mark.parametrize("eta", [1.0, 2.0, 3.5])
def test_the_density_of_a_correlation_matrix_is_lkj(eta: float) -> None:
    width, rng = 3, np.random.default_rng(2)
    priors = partial_correlation_priors(_block(width, eta))

    def correlations(b: np.ndarray) -> np.ndarray:
        factor = cholesky(2 * b - 1, width)
        return np.array([factor[i] @ factor[j] for j, i in pairs(width)])

    gaps = []
    for _ in range(8):
        b, step = rng.uniform(0.1, 0.9, 3), 1e-6
        jacobian = np.column_stack([(correlations(b + e) - correlations(b - e)) / (2 * step) for e in step * np.eye(3)])
        density = sum(LOGPDF["Beta"](x, *p.args) for x, p in zip(b, priors)) - np.log(abs(np.linalg.det(jacobian)))
        factor = cholesky(2 * b - 1, width)
        gaps.append(density - (eta - 1) * 2 * np.log(np.diag(factor)).sum())
    assert np.ptp(gaps) < 1e-6  # LKJ: |R|^(eta - 1) up to a constant; the error of the differences is 1e-9


@pytest.mark.parametrize("item", [PLANS["gaussian"], PLANS["three effects"], PLANS["own priors"]], ids=str)
def test_signs_of_scales_cannot_be_seen(item: Conditional) -> None:
    """Effects that are not centred have signed scales: flipping one with its normals changes nothing that users see."""
    space = described(item)
    design, data = centred(only(space)[1], False), graph_data(space)
    model = build(design, data)
    layout, logp = layout_of(design, model), compiled_logp(model)
    (b,) = design.blocks
    parts = dict(layout.parts)
    q = np.random.default_rng(2).normal(0, 0.8, layout.size)
    draw = layout.unpack(q)
    root, sd = draw[f"{b.key}_root"], draw[f"{b.key}_sd"]
    np.testing.assert_allclose(np.sqrt(np.diag(root @ root.T)), sd, rtol=1e-12)
    found = (root @ root.T)[*np.array(pairs(b.width)).T] / np.prod(sd[np.array(pairs(b.width))], axis=1)
    np.testing.assert_allclose(found, draw[f"{b.key}_corr"], rtol=1e-9)
    # one scale and the standard normals and partial correlations that go with it
    flipped = q.copy()
    signed = [(slot, at) for slot, at in vectors(design)["block0_sd"].slots if slot.priors[0].support == "real"]
    k = signed[0][1][0]
    flipped[parts[signed[0][0].name].start] *= -1
    raw = q[parts["block0_raw"]].reshape(b.size, b.width).copy()
    raw[:, k] *= -1
    flipped[parts["block0_raw"]] = raw.ravel()
    partial = q[parts["block0_partial_Beta"]].copy()
    for place, pair in enumerate(pairs(b.width)):
        partial[place] *= -1 if k in pair else 1
    flipped[parts["block0_partial_Beta"]] = partial
    other = layout.unpack(flipped)
    for name in (b.key, f"{b.key}_sd", f"{b.key}_corr"):
        np.testing.assert_allclose(other[name], draw[name], rtol=1e-9, atol=1e-12)
    assert logp(flipped) == pytest.approx(logp(q), rel=1e-12)


@pytest.mark.parametrize("width", [2, 3, 4])
def test_both_cholesky_factors_are_one(width: int) -> None:
    import pytensor
    import pytensor.tensor as pt

    pytensor.config.blas__ldflags = ""
    partial = np.random.default_rng(width).uniform(-0.95, 0.95, len(pairs(width)))
    theirs = pytensor.function([], _cholesky(pt.constant(partial), width), mode="FAST_COMPILE")()
    np.testing.assert_allclose(cholesky(partial, width), theirs, rtol=1e-12)
    assert np.linalg.eigvalsh(theirs @ theirs.T).min() > 0


def test_new_data_and_priors_need_no_other_function() -> None:
    space = described(PLANS["gaussian"])
    _, design = only(space)
    data = graph_data(space)
    model = build(design, data)
    layout, logp = layout_of(design, model), compiled_logp(model)
    q = np.random.default_rng(1).normal(0, 0.5, layout.size)
    first = logp(q)
    new = {**data, "y_data": data["y_data"] + 0.3, "X_mu": data["X_mu"] * 1.1, "X_block0": data["X_block0"] - 0.2}
    new["codes_block0"] = np.roll(data["codes_block0"], 3)
    for name, values in new.items():
        model[name].set_value(values)
    assert logp(q) == pytest.approx(plain_logp(layout, q, new), rel=1e-10)
    assert abs(logp(q) - first) > 1e-3
    shorter = {name: values[:50] for name, values in new.items()}
    for name, values in shorter.items():
        model[name].set_value(values)
    assert logp(q) == pytest.approx(plain_logp(layout, q, shorter), rel=1e-10)
    before = logp(q)
    model["mu_Normal_sigma"].set_value(model["mu_Normal_sigma"].get_value() * 3)
    assert logp(q) != before


def test_the_graph_holds_data_and_no_constants_of_them() -> None:
    space = described(PLANS["two factors"])
    _, design = only(space)
    data = graph_data(space)
    model = build(design, data)
    names = {v.name for v in model.data_vars}
    assert set(data) <= names
    for name, values in data.items():
        np.testing.assert_array_equal(model[name].get_value(), values)


@pytest.mark.parametrize("item", PLANS.values(), ids=PLANS.keys())
def test_starts_lie_in_the_support_and_apart(item: Conditional) -> None:
    space = described(item)
    _, design = only(space)
    data = graph_data(space)
    layout = layout_of(design, build(design, data))
    starts = [layout.start(np.random.default_rng(s), 1.0) for s in range(4)]
    for q in starts:
        draw = layout.unpack(q)
        assert np.isfinite(design.logp(draw, data)).all()
        assert all((draw[f"{b.key}_sd"] > 0).all() for b in design.blocks)
        assert np.isfinite(design.posterior(draw)).all()
    assert np.std(starts, axis=0).min() > 0
    middle = layout.middle()
    for b in design.blocks:
        np.testing.assert_array_equal(middle[f"{b.key}_root"], 0.5 * np.eye(b.width))
        assert (middle[b.key] == 0).all()


@pytest.mark.parametrize(
    "prior", [Prior.of("Uniform", -2, 5), Prior.of("Beta", 2, 3), Prior.of("Gamma", 2, 3), Prior.of("Normal", 0, 1)]
)
def test_slots_go_there_and_back(prior: Prior) -> None:
    slot = Slot(name="a", priors=(prior, prior))
    raw = np.array([-3.0, 2.5])
    np.testing.assert_allclose(slot.unconstrain(slot.constrain(raw)), raw, rtol=1e-12)


def test_layouts_count_their_parts() -> None:
    _, design = only(described(PLANS["gaussian"]))
    layout = Layout(design=design, parts=(("a", slice(0, 3)), ("b", slice(3, 10))))
    assert layout.size == 10
