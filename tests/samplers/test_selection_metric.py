"""The mass matrix of selection models: the exact curvature of two equations at a draw, and its polish."""

from collections.abc import Mapping

import numpy as np
import pytest
from graphs import centred, layout_of
from modelling import conditional, graph_data, only, school_frame, workspace

from bayesimpute.designs.graph import Layout, build
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers.metric import Metric
from bayesimpute.samplers.metric_at_draw import at_draw, coefficients, kept, no_effects

CASES: Mapping[str, tuple[Conditional, bool]] = {
    "numbers, joint effects, centred": (
        conditional("y ~ x + (1 + x | school)", family="heckman_gaussian", selection="x + w + (1 | school)"),
        True,
    ),
    "numbers, joint effects, non-centred": (
        conditional("y ~ x + (1 | school)", family="heckman_gaussian", selection="w + (1 + w | school)"),
        False,
    ),
    "numbers, effects apart": (
        conditional("y ~ x + (1 + x || school)", family="heckman_gaussian", selection="w + (1 + x + w || school)"),
        True,
    ),
    "yes/no, effects in selection only": (
        conditional("b ~ x + w", family="heckman_probit", selection="x + w + (1 | school)"),
        True,
    ),
    "yes/no, joint effects": (
        conditional("b ~ x + (1 | school)", family="heckman_probit", selection="x + (1 | school)"),
        False,
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def made(case: tuple[Conditional, bool]) -> tuple[Layout, dict, dict, Metric]:
    item, flag = case
    frame = school_frame()
    other = "b" if item.target == "y" else "y"
    space = workspace(frame.assign(**{other: frame[other].fillna(0.0)}), item)
    design, data = centred(only(space)[1], flag), graph_data(space)
    layout = layout_of(design, build(design, data))
    draw = layout.unpack(np.random.default_rng(4).normal(0, 0.3, layout.size))
    return layout, data, draw, at_draw(layout, data, draw)


def matrix(apply, size: int) -> np.ndarray:
    return np.column_stack([apply(unit) for unit in np.eye(size)])


@pytest.mark.by_default("numbers, joint effects, centred", "yes/no, joint effects")
@each_case
def test_the_covariance_is_that_of_the_curvature_at_the_draw(case: tuple[Conditional, bool]) -> None:
    """Minus the second derivatives of log-likelihood, priors and effects, by coefficients and effects, numerically."""
    layout, data, draw, metric = made(case)
    design, parts = layout.design, dict(layout.parts)
    found = coefficients(layout)
    keys = [design.family.steered[owner] for owner in found.owners]
    places, roots, raws = list(found.places), [], []
    for b in design.blocks:
        mine = parts[b.key if b.centred else f"{b.key}_raw"]
        places += range(mine.start, mine.stop)
        roots.append(draw[f"{b.key}_root"])
        raws.append(draw[b.key] if b.centred else draw[b.key] @ np.linalg.inv(roots[-1]).T)

    def logp(moved: np.ndarray) -> float:
        values = {key: np.array(draw[key]) for key in design.family.steered}
        prior = 0.0
        for k, (key, column) in enumerate(zip(keys, found.columns, strict=True)):
            values[key][column] += moved[k]
            prior -= 0.5 * found.precisions[k] * moved[k] ** 2
        start = len(keys)
        for b, root, raw in zip(design.blocks, roots, raws, strict=True):
            u = raw + moved[start : start + raw.size].reshape(raw.shape)
            start += raw.size
            inverse = np.linalg.inv(root @ root.T) if b.centred else np.eye(b.width)
            prior -= 0.5 * float(np.einsum("ja,ab,jb->", u, inverse, u))
            values[b.key] = u if b.centred else u @ root.T
        return prior + float(design.logp({**draw, **values}, data).sum())

    n, step = len(places), 1e-3
    units = step * np.eye(n)
    single = np.array([[logp(s * u) for u in units] for s in (1, -1)])
    hessian = np.empty((n, n))
    for i in range(n):
        hessian[i, i] = (single[0, i] + single[1, i] - 2 * logp(np.zeros(n))) / step**2
        for j in range(i):
            cross = logp(units[i] + units[j]) - logp(units[i] - units[j])
            hessian[i, j] = hessian[j, i] = (
                (cross - logp(units[j] - units[i]) + logp(-units[i] - units[j])) / step**2 / 4
            )
    a = matrix(metric.forward, layout.size)[np.ix_(places, places)]
    np.testing.assert_allclose(a.T @ -hessian @ a, np.eye(n), atol=2e-3)  # the differences are good to 1e-3


@each_case
def test_a_polish_whitens_what_it_was_learnt_from(case: tuple[Conditional, bool]) -> None:
    layout, _, _, metric = made(case)
    rng = np.random.default_rng(5)
    mix = np.eye(layout.size) + 0.3 * rng.normal(size=(layout.size, layout.size)) / np.sqrt(layout.size)
    draws = rng.normal(size=(4000, layout.size)) @ mix.T
    polished = metric.polished(no_effects(layout), draws)
    whitened = np.array([polished.backward(q) for q in draws])
    effects = {f"{b.key}{'' if b.centred else '_raw'}" for b in layout.design.blocks}
    others = np.concatenate([np.arange(p.start, p.stop) for name, p in layout.parts if name not in effects])
    np.testing.assert_array_equal(np.sort(others), polished.among)
    covariance = np.cov(whitened[:, others].T)
    np.testing.assert_allclose(covariance, np.eye(len(others)), atol=0.01)  # 5 draws of shrinkage in 4000


@each_case
def test_a_polished_metric_is_a_linear_map_with_its_transposes_and_can_be_kept(case: tuple[Conditional, bool]) -> None:
    layout, _, _, metric = made(case)
    draws = np.random.default_rng(5).normal(size=(100, layout.size))
    polished = metric.polished(no_effects(layout), draws)
    a = matrix(polished.forward, layout.size)
    inverse = matrix(polished.backward, layout.size)
    np.testing.assert_allclose(inverse @ a, np.eye(layout.size), atol=1e-8)
    np.testing.assert_allclose(matrix(polished.forward_transposed, layout.size), a.T, atol=1e-10)
    np.testing.assert_allclose(matrix(polished.backward_transposed, layout.size), inverse.T, atol=1e-8)
    again = kept(layout, {name: np.array(v, dtype=float) for name, v in polished.arrays().items()})
    np.testing.assert_allclose(matrix(again.forward, layout.size), a, rtol=1e-12, atol=1e-12)
