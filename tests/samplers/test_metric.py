"""The structured mass matrix: a linear map with its inverse and transposes, and the covariance that it claims to be."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from graphs import centred, layout_of
from modelling import conditional, graph_data, only, school_frame, workspace

from bayesimpute.designs.graph import Layout, build
from bayesimpute.families import Bernoulli
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers.metric import Metric
from bayesimpute.samplers.metric_at_draw import at_draw, coefficients, kept, rough_variance

CASES: Mapping[str, tuple[Conditional, bool]] = {
    "no groups": (conditional("y ~ x + c"), False),
    "no common terms": (conditional("y ~ 0 + (1 | school)"), True),
    "q = 1, centred": (conditional("y ~ x + (1 | school)"), True),
    "q = 1, non-centred": (conditional("y ~ x + (1 | school)"), False),
    "q = 2, centred": (conditional("y ~ x + c + (1 + x | school)"), True),
    "q = 2, non-centred": (conditional("y ~ x + c + (1 + x | school)"), False),
    "q = 3, two blocks, centred": (conditional("y ~ x + (1 + c | school) + (1 | region)"), True),
    "two blocks, non-centred": (conditional("y ~ x + (1 | region) + (1 + x | school)"), False),
    "logit": (conditional("b ~ x + (1 + x | school)"), False),
    "probit, centred": (conditional("b ~ x + (1 | school)", family=Bernoulli(link="probit")), True),
    "student_t": (conditional("y ~ x + (1 | school)", family="student_t"), False),
    "sigma by row": (conditional("y ~ x + (1 | school)", sigma="x + (1 | region)"), True),
    "own priors": (
        conditional("y ~ x + w + (1 | school)", priors={"x": "StudentT(3, 0, 2)", "w": "Uniform(-9, 9)"}),
        True,
    ),
}
FLOOR = 1e-6
"""Added to the effects' variances, so that deviations of zero have a metric."""


def each_case(test: Any) -> Any:
    """A test of each case; by default of those with something that no other has."""
    by_default = pytest.mark.by_default(
        "two blocks, *", "logit", "student_t", "sigma by row", "own priors", "q = 2, centred"
    )
    return pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())(by_default(test))


Made = tuple[Layout, dict[str, np.ndarray], dict[str, Any], Metric]


def made(case: tuple[Conditional, bool]) -> Made:
    """Layout, data, a draw and the metric there."""
    item, flag = case
    frame = school_frame()
    other = "b" if item.target == "y" else "y"
    space = workspace(frame.assign(**{other: frame[other].fillna(0.0)}), item)
    design, data = centred(only(space)[1], flag), graph_data(space)
    layout = layout_of(design, build(design, data))
    draw: dict[str, Any] = layout.unpack(np.random.default_rng(4).normal(0, 0.4, layout.size))
    return layout, data, draw, at_draw(layout, data, draw)


def matrix(apply: Any, size: int) -> np.ndarray:
    """The matrix of a linear map, column by column."""
    return np.column_stack([apply(unit) for unit in np.eye(size)])


@each_case
def test_the_inverse_and_the_transposes_are_what_they_are_called(case: tuple[Conditional, bool]) -> None:
    layout, _, _, metric = made(case)
    a = matrix(metric.forward, layout.size)
    np.testing.assert_allclose(matrix(metric.backward, layout.size) @ a, np.eye(layout.size), atol=1e-9)
    np.testing.assert_allclose(matrix(metric.forward_transposed, layout.size), a.T, atol=1e-12 * np.abs(a).max())
    inverse = matrix(metric.backward, layout.size)
    np.testing.assert_allclose(
        matrix(metric.backward_transposed, layout.size), inverse.T, atol=1e-12 * np.abs(inverse).max()
    )


@each_case
def test_vectors_are_not_changed(case: tuple[Conditional, bool]) -> None:
    layout, _, _, metric = made(case)
    x = np.random.default_rng(1).normal(size=layout.size)
    for apply in (metric.forward, metric.forward_transposed, metric.backward, metric.backward_transposed):
        before = x.copy()
        apply(x)
        np.testing.assert_array_equal(x, before)


def dense_precision(
    layout: Layout, data: Mapping[str, np.ndarray], draw: Mapping[str, Any]
) -> tuple[np.ndarray, list[int]]:
    """The precision of coefficients and effects of mu at a draw, from its definition, and their places in the vector.

    Blocks other than the largest are taken as independent of all else.
    """
    design, parts = layout.design, dict(layout.parts)
    weights = information(layout, data, draw)
    found = coefficients(layout)
    places, columns, precisions = list(found.places), list(found.columns), list(found.precisions)
    blocks = [b for b in design.blocks if b.parts[0][0] == "mu"]
    rows = np.arange(len(weights))
    jacobians, priors, starts = [data["X_mu"][:, columns]], [np.diag(precisions)], [list(places)]
    for b in blocks:
        root = draw[f"{b.key}_root"]
        z = data[f"X_{b.key}"] @ (np.eye(b.width) if b.centred else root)
        jacobian = np.zeros((len(rows), b.size, b.width))
        jacobian[rows, data[f"codes_{b.key}"]] = z
        jacobians.append(jacobian.reshape(len(rows), -1))
        one = np.linalg.inv(root @ root.T + FLOOR * np.eye(b.width)) if b.centred else np.eye(b.width)
        priors.append(np.kron(np.eye(b.size), one))
        name = b.key if b.centred else f"{b.key}_raw"
        starts.append(list(range(parts[name].start, parts[name].stop)))
    whole = np.concatenate(jacobians, axis=1)
    precision = (whole * weights[:, None]).T @ whole
    edges = np.cumsum([0, *(j.shape[1] for j in jacobians)])
    largest = 1 + max(range(len(blocks)), key=lambda k: blocks[k].size, default=-1)
    for i, prior in enumerate(priors):
        mine = slice(edges[i], edges[i + 1])
        precision[mine, mine] += prior
        for j in range(len(priors)):
            if i != j and {i, j} != {0, largest}:
                precision[mine, edges[j] : edges[j + 1]] = 0.0
    return precision, [place for s in starts for place in s]


def information(layout: Layout, data: Mapping[str, np.ndarray], draw: Mapping[str, Any]) -> np.ndarray:
    """The mean over y of minus the second derivative of the log-density by the predictor of mu."""
    design = layout.design
    name = design.family.name
    if name == "bernoulli":
        eta = _eta(design, data, draw)
        from scipy.special import expit
        from scipy.stats import norm

        p = expit(eta) if design.predictors[0].parameter.link == "logit" else norm.cdf(eta)
        return p * (1 - p) if design.predictors[0].parameter.link == "logit" else norm.pdf(eta) ** 2 / (p * (1 - p))
    sigma = draw["sigma"]
    if design.predictors[1].matrix is not None:
        b = next(b for b in design.blocks if b.parts[0][0] == "sigma")
        effects = draw[b.key][data[f"codes_{b.key}"]]
        sigma = np.exp(data["X_sigma"] @ draw["sigma"] + (data[f"X_{b.key}"] * effects).sum(axis=1))
    shrink = (draw["nu"] + 1) / (draw["nu"] + 3) if name == "student_t" else 1.0
    return np.broadcast_to(shrink / sigma**2, data["y_data"].shape)


def _eta(design: Any, data: Mapping[str, np.ndarray], draw: Mapping[str, Any]) -> np.ndarray:
    eta = data["X_mu"] @ draw["mu"]
    for b in design.blocks:
        eta = eta + (data[f"X_{b.key}"] * draw[b.key][data[f"codes_{b.key}"]]).sum(axis=1)
    return eta


@each_case
def test_the_covariance_is_the_inverse_of_the_dense_precision(case: tuple[Conditional, bool]) -> None:
    layout, data, draw, metric = made(case)
    precision, places = dense_precision(layout, data, draw)
    a = matrix(metric.forward, layout.size)
    ours = (a @ a.T)[np.ix_(places, places)]
    theirs = np.linalg.inv(precision)
    # 1e-9 of its diagonal is added to the Schur complement
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * np.abs(theirs).max())
    rest = np.setdiff1d(np.arange(layout.size), places)
    np.testing.assert_array_equal(a[np.ix_(rest, rest)], np.eye(len(rest)))
    assert not a[np.ix_(rest, places)].any()
    assert not a[np.ix_(places, rest)].any()


def test_the_covariance_is_the_exact_one_of_a_normal_model() -> None:
    """Given the variance components the posterior is normal: its curvature is the precision of the metric."""
    layout, data, draw, metric = made(CASES["q = 1, centred"])
    design, parts = layout.design, dict(layout.parts)
    (b,) = design.blocks
    places = [*coefficients(layout).places, *range(parts[b.key].start, parts[b.key].stop)]
    a = matrix(metric.forward, layout.size)
    covariance = (a @ a.T)[np.ix_(places, places)]

    def logp(x: np.ndarray) -> float:
        beta, effects = x[: len(draw["mu"])], x[len(draw["mu"]) :].reshape(b.size, 1)
        prior = -0.5 * sum((v / p.args[1]) ** 2 for v, p in zip(beta, design.predictors[0].priors))
        prior -= 0.5 * float((effects**2).sum()) / float(draw[f"{b.key}_sd"][0]) ** 2
        return prior + float(design.logp({**draw, "mu": beta, b.key: effects}, data).sum())

    n, step = len(places), 0.5  # the log-density is quadratic: differences are exact at any step
    units, zero = step * np.eye(n), np.zeros(n)
    single = np.array([logp(u) for u in units])
    double = np.array([[logp(u + v) for v in units] for u in units])
    hessian = (double - single[:, None] - single[None, :] + logp(zero)) / step**2
    np.testing.assert_allclose(covariance @ -hessian, np.eye(n), atol=1e-5)


@each_case
def test_what_is_kept_makes_the_same_metric(case: tuple[Conditional, bool]) -> None:
    layout, _, _, metric = made(case)
    saved = {name: np.array(values, dtype=float) for name, values in metric.arrays().items()}
    again = kept(layout, saved)
    x = np.random.default_rng(1).normal(size=layout.size)
    for name in ("forward", "forward_transposed", "backward", "backward_transposed"):
        np.testing.assert_allclose(getattr(again, name)(x), getattr(metric, name)(x), rtol=1e-9, atol=1e-12)
    assert again.arrays().keys() == saved.keys()


def test_standard_deviations_of_zero_and_perfect_correlations_have_a_metric() -> None:
    for flag in (True, False):
        layout, data, draw, _ = made((CASES["q = 2, centred"][0], flag))
        edge = {**draw, "block0_root": np.array([[0.0, 0.0], [-0.3, 0.0]])}
        metric = at_draw(layout, data, edge)
        x = np.random.default_rng(1).normal(size=layout.size)
        assert np.isfinite(metric.forward(x)).all()
        np.testing.assert_allclose(metric.backward(metric.forward(x)), x, atol=1e-6)


@each_case
def test_the_rough_variance_is_one_where_the_metric_whitens(case: tuple[Conditional, bool]) -> None:
    layout, _, _, _ = made(case)
    variance = rough_variance(layout, 96)
    assert (variance[coefficients(layout).places] == 1).all()
    parts = dict(layout.parts)
    for b in layout.design.blocks:
        assert (variance[parts[b.key if b.centred else f"{b.key}_raw"]] == 1).all()
        deviations = next(place for name, place in layout.parts if name.startswith(f"{b.key}_sd"))
        np.testing.assert_allclose(variance[deviations], 2 / b.size)
    others = [place for name, place in layout.parts if name.startswith(("sigma_", "nu_"))]
    assert all((variance[place] <= 1).all() and (variance[place] > 0).all() for place in others)
