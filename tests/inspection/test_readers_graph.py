"""The graph for readers: the samplers' model in the user's units, up to constants; its names and dims."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from graphs import PLANS, centred, described, layout_of, natural_values, pymc_logp, pymc_pointwise
from modelling import conditional, graph_data, labelled_frame, only, placed, school_frame, workspace
from test_all_of_arviz import errors, frames, planned

from bayesimpute.designs.design import Design
from bayesimpute.designs.graph import build
from bayesimpute.designs.parts import Block, effect_units, pairs
from bayesimpute.families import FAMILIES, HeckmanGaussian
from bayesimpute.inspection.readers_graph import Labels, readers_graph
from bayesimpute.inspection.user_units import moved_coefficients, moved_effects
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.workspace import Workspace

pytestmark = pytest.mark.long(27)

MORE: Mapping[str, Conditional] = {
    "about means": conditional("y ~ x * c + I(w**2) + w + (1 + x | school)"),
    "offset": conditional("y ~ offset(w) + x + (1 | school)"),
    "no intercept": conditional("y ~ 0 + c + (0 + x | school)"),
    "mixed kinds": conditional("y ~ c", priors={"c[q]": "Cauchy(0, 3)"}),
}
ALL = {**PLANS, **MORE}
ALIKE = ("three effects", "logit", "heckman_gaussian")
"""Whose every part is one of another plan's."""


def of(space: Workspace, design: Design, data: Mapping[str, np.ndarray]) -> Any:
    rows = placed(space).model_rows
    clusters = {b.factor: np.array(space.incomplete.labels(b.factor)) for b in design.blocks}
    return readers_graph(design, data, Labels(units=space.incomplete.frame.index.to_numpy()[rows], clusters=clusters))


def values_at(design: Design, draw: Mapping[str, np.ndarray], model: Any) -> dict[str, np.ndarray]:
    """The values of the readers' free variables at a draw of the samplers."""
    scalars = dict(zip(design.names, design.posterior(draw), strict=True))
    found: dict[str, np.ndarray] = {}
    for p in design.predictors:
        if p.parameter.labels and p.matrix is None:
            found[f"{p.key}_centered"] = draw[p.key]
            continue
        if p.matrix is None:
            value = np.asarray(draw[p.key] * (design.scale if p.parameter.unit == "scale" else 1.0))
            through = p.priors[0].distribution.through
            name = p.names[0] if through is None else f"{p.names[0]}_{through.base.lower()}"
            found[name] = value if through is None else through.back(value)
            continue
        beta = draw[p.key] * p.units.unit / p.scale
        if p.intercept is not None:
            beta[p.intercept] += p.units.shift
        for name, value, moved in zip(p.names, beta, moved_coefficients(p), strict=True):
            found[f"{name}_centered" if moved else name] = value
            assert moved or value == pytest.approx(scalars[name])
        for term, place in p.matrix.terms:
            key = term if p.key == "mu" else f"{p.key}_{term}"
            key = key if p.label is None else f"{term}_{p.label}"
            moved = moved_coefficients(p)[place].any()
            if "[" in "".join(p.names[place]):
                found[f"{key}_centered" if moved else key] = beta[place]
    for b in design.blocks:
        found = _effects_at(b, draw) | found  # names without a block's are the first block's
    return {rv.name: found[rv.name] for rv in model.free_RVs}


def _effects_at(b: Block, draw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    units, sd = effect_units(b), draw[f"{b.key}_sd"]
    moved = moved_effects(b)
    found = {
        f"{name}_sigma{'_centered' if there else ''}": value
        for name, there, value in zip(b.called, moved, sd * units, strict=True)
    }
    matrix = np.eye(b.width)
    for (j, i), r in zip(pairs(b.width), draw[f"{b.key}_corr"], strict=True):
        matrix[i, j] = matrix[j, i] = r
    effects, root = draw[b.key] * units, np.diag(sd * units) @ np.linalg.cholesky(matrix)
    raw = np.linalg.solve(root, effects.T).T
    if b.width == 1:
        return found | {b.names[0]: effects[:, 0], f"{b.names[0]}_offset": raw[:, 0]}
    parts = {"corr_cholesky": np.linalg.cholesky(matrix), "effects": effects, "offset": raw}
    names = {f"{b.factor}_{name}": value for name, value in parts.items()}
    return found | names | {f"{name}_{b.key}": value for name, value in names.items()}


def jacobian(design: Design, draw: Mapping[str, np.ndarray]) -> float:
    """Log |d factor / d partial correlations|: an element of the factor is its own times the root of what is left."""
    total = 0.0
    for b in design.laws:
        factor = np.eye(b.width)
        for (j, i), r in zip(pairs(b.width), draw[f"{b.key}_corr"], strict=True):
            factor[i, j] = r
        factor = np.linalg.cholesky(factor + np.tril(factor, -1).T)
        total += sum(0.5 * np.log(1 - (factor[i, :j] ** 2).sum()) for j, i in pairs(b.width))
    return total


def gaps(space: Workspace, design: Design) -> tuple[np.ndarray, float]:
    """Log density of the readers' graph minus that of the samplers' at random points, and the latter's size."""
    data = graph_data(space)
    ours, readers = build(design, data), of(space, design, data)
    layout, mine, theirs = layout_of(design, ours), pymc_logp(ours), pymc_logp(readers)
    rng, found, sizes = np.random.default_rng(4), [], []
    for _ in range(5):
        q = rng.normal(0, 0.5, layout.size)
        draw = layout.unpack(q)
        sizes.append(mine(natural_values(layout, q)))
        found.append(theirs(values_at(design, draw, readers)) + jacobian(design, draw) - sizes[-1])
    assert np.ptp(sizes) > 1
    return np.array(found), np.abs(sizes).max()


@pytest.mark.by_default("rho by cluster-*", "two factors-*", "gaussian-True", "own priors-*", "student_t-*")
@pytest.mark.parametrize(
    ("name", "flag"),
    [
        *(pytest.param(name, False, marks=[pytest.mark.slow] * (name in ALIKE)) for name in ALL),
        *(pytest.param(name, True, marks=[pytest.mark.slow] * (name != "gaussian")) for name in ALL),
    ],
)
def test_it_is_the_samplers_model_up_to_the_units(name: str, flag: bool) -> None:
    """With effects themselves, by the flag, or with standard normals."""
    space = described(ALL[name])
    _, design = only(space)
    if flag and not design.blocks:
        pytest.skip("no effects")
    found, size = gaps(space, centred(design, flag))
    assert np.ptp(found) < (1e-6 if "probit" in str(ALL[name]) else 1e-9) * size


@pytest.mark.by_default("categorical", "ordinal", "semicontinuous", "hurdle_negative_binomial", "bounded")
@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("gaussian", "student_t", "bernoulli")])
def test_every_family_is_the_samplers_model(name: str) -> None:
    """Each of the registry, with effects of clusters, on the first kind of values that it takes."""
    family = FAMILIES[name]
    plans = ((planned(family, frame, "prior"), frame) for frame in frames(family.values, empty=False))
    plan, frame = next((plan, frame) for plan, frame in plans if not errors(plan, frame))
    space = workspace(frame, *plan.conditionals)
    found, size = gaps(space, only(space)[1])
    assert np.ptp(found) < (1e-6 if name.startswith("heckman") else 1e-9) * size


@pytest.mark.parametrize("right", ["x + (1 | g)", pytest.param("x + (1 + x | g)", marks=pytest.mark.slow)])
def test_many_labels_have_one_law(right: str) -> None:
    space = workspace(labelled_frame(), conditional(f"y ~ {right}", family="categorical"))
    found, size = gaps(space, only(space)[1])
    assert np.ptp(found) < 1e-9 * size


@pytest.mark.by_default("mixture")
@pytest.mark.parametrize("systematic", ["mixture", pytest.param("selected", marks=pytest.mark.slow), "marginal"])
def test_clusters_without_a_value_are_what_the_plan_says(systematic: str) -> None:
    frame = school_frame()
    frame.loc[frame["school"].isin([2, 7]), "y"] = np.nan
    law = HeckmanGaussian(systematic=systematic)
    item = conditional("y ~ x + (1 | school)", family=law, selection="x + w + (1 | school)")
    space = workspace(frame.assign(b=frame["b"].fillna(0.0)), item)
    found, size = gaps(space, only(space)[1])
    assert np.ptp(found) < 1e-9 * size


def test_observed_variables_are_the_outcome_and_who_was_observed() -> None:
    space = described(ALL["heckman_probit"])
    target, design = only(space)
    model = of(space, design, graph_data(space))
    assert [rv.name for rv in model.observed_RVs] == ["b", "observed(b)"]
    assert model.named_vars_to_dims["b"] == ("__obs__",) and model.named_vars_to_dims["observed(b)"] == (
        "__modelled__",
    )
    assert list(model.coords["__obs__"]) == list(space.incomplete.frame.index[target.fit_rows])
    data = graph_data(space)
    layout = layout_of(design, build(design, data))
    draw = layout.unpack(np.random.default_rng(9).normal(0, 0.4, layout.size))
    value, seen = pymc_pointwise(model, values_at(design, draw, model))
    theta, y = design.theta(draw, data)
    np.testing.assert_allclose(np.append(value, np.zeros(len(y) - len(value))) + seen, design.family.logp(y, theta))


def test_terms_and_effects_are_bambis() -> None:
    space = described(ALL["gaussian"])
    model = of(space, only(space)[1], graph_data(space))
    assert {"Intercept", "x", "c", "sigma", "1|school", "x|school", "1|school_sigma"} <= set(model.named_vars)
    assert model.named_vars_to_dims["c"] == ("c_dim",) and list(model.coords["c_dim"]) == ["q", "r"]
    assert model.named_vars_to_dims["1|school"] == ("school__factor_dim",)


@pytest.mark.parametrize("name", ["sigma and nu", "heckman_probit"])
def test_samplers_that_compile_with_numba_take_every_operation(name: str) -> None:
    """Of the density and of its slopes: nothing falls back to Python, which nutpie would not bear."""
    from pytensor.graph.traversal import applys_between
    from pytensor.link.numba.dispatch.basic import numba_funcify, numba_funcify_and_cache_key

    space = described(ALL[name])
    _, design = only(space)
    model = of(space, design, graph_data(space))
    applied = {n.op for n in applys_between([], [model.logp(), model.dlogp()])}
    operations = {getattr(op, "core_op", op) for op in applied}
    known = {*numba_funcify.registry, *numba_funcify_and_cache_key.registry} - {object}
    assert [op for op in operations if not known & {*type(op).__mro__}] == []
