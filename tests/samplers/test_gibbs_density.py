"""The densities that the compiled Gibbs sampler moves along are the graph's; its normal draws have the right moments.

Integrals are held against the graph without integrating: joint(theta, b, u) / p(u | theta, b) is the same for all u,
and is the density of theta and b with u integrated out.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from graphs import centred, compiled_logp, layout_of
from modelling import conditional, graph_data, only, school_frame, workspace
from scipy import stats

from bayesimpute.design import Design
from bayesimpute.graph import build, vectors
from bayesimpute.plan import Conditional
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs, densities, effects, sweeps
from bayesimpute.samplers.gibbs.layout import ordered
from bayesimpute.samplers.gibbs.posterior import GibbsPosterior

MIXED = {
    "Intercept": "Normal(40, 9)",
    "1|school_sigma": "Exponential(0.2)",
    "x|school_sigma": "HalfCauchy(1)",
    "c[q]|school_sigma": "InverseGamma(3, 8)",
    "c[r]|school_sigma": "LogNormal(0, 1)",
    "school_corr": "LKJ(1.5)",
    "sigma": "Gamma(2, 0.4)",
}
PLANS: Mapping[str, Conditional] = {
    "no groups": conditional("y ~ x + c", priors={"sigma": "HalfNormal(9)"}),
    "correlated, own priors": conditional("y ~ x + w + (1 + x + c | school)", priors=MIXED),
    "independent": conditional(
        "y ~ x + (1 | region) + (1 + x || school)",
        priors={"1|school_sigma": "Uniform(0, 9)", "1|region_sigma": "HalfStudentT(3, 5)"},
    ),
    "crossed slopes": conditional("y ~ x + (1 + w | school) + (1 + x | region)"),
    "only effects": conditional("y ~ 0 + (1 | school)"),
}
each_plan = pytest.mark.parametrize("item", PLANS.values(), ids=PLANS.keys())
TINY = 1e-7


def school_model(item: Conditional) -> ConditionalModel:
    """A model of y on the school data, in its centred form."""
    frame = school_frame()
    space = workspace(frame.assign(b=frame["b"].fillna(0.0)), item)
    return ConditionalModel(centred(only(space)[1], True), graph_data(space))


def compiled(model: ConditionalModel) -> GibbsPosterior:
    """The sampler with the cross-products of the model's data."""
    posterior = Gibbs().compile(model)
    assert isinstance(posterior, GibbsPosterior)
    posterior._set(model.data)
    return posterior


class Point:
    """A point of the graph's unconstrained vector, as the sampler has it."""

    def __init__(self, posterior: GibbsPosterior, layout: Any, q: np.ndarray) -> None:
        design, self.posterior = posterior.design, posterior
        raw = {name: q[place] for name, place in layout.parts}
        self.draw = layout.unpack(q)
        inner, outer = ordered(design.blocks)
        theta = [np.log([self.draw["sigma"]])]
        for b in inner + outer:
            theta.append(np.log(self.draw[f"{b.key}_sd"]))
            if b.width > 1:
                theta.append(raw[f"{b.key}_partial_Beta"] / 2)  # tanh(q / 2) = 2 expit(q) - 1
        self.theta = np.concatenate(theta)
        self.b = np.concatenate([self.draw["mu"], *(self.draw[b.key].ravel() for b in outer)])
        self.u = np.hstack([np.zeros((0, 0)) if not inner else self.draw[b.key] for b in inner] or [np.zeros((0, 0))])
        # the graph's density has the Jacobian of the logit for a uniform prior, the sampler's that of the log
        self.jacobian = 0.0
        for name, priors in vectors(design).items():
            for prior, value in zip(priors, self.draw[name] if name.endswith("_sd") else [], strict=False):
                if prior.name == "Uniform":
                    lower, upper = prior.args
                    self.jacobian += np.log((value - lower) * (upper - value) / (upper - lower)) - np.log(value)

    def marginal(self, b: np.ndarray) -> float:
        """Of theta's inner part and the data given b."""
        lay, products = self.posterior.layout, self.posterior.products
        rss, r = effects.residuals(b, lay, products)
        return densities.marginal(self.theta, lay, products, rss, r, densities.workspace(lay.width))

    def joint(self) -> float:
        """Of theta, the coefficients and the outer effects."""
        lay = self.posterior.layout
        p = lay.coefficients
        total = self.marginal(self.b) - 0.5 * lay.precision[:p] @ (self.b[:p] - lay.mean[:p]) ** 2
        for f in range(lay.inner, lay.widths.size):
            u = self.b[lay.offsets[f] :][: lay.sizes[f] * lay.widths[f]].reshape(lay.sizes[f], -1)
            total += densities.centred(self.theta, lay, f, u.T @ u)
        return total

    def inner_law(self, data: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Means and covariances of the inner effects given the rest, row by row of the data."""
        design, draw = self.posterior.design, self.draw
        inner, _ = ordered(design.blocks)
        without = {**draw, **{b.key: np.zeros_like(draw[b.key]) for b in inner}}
        e = data["y_data"] - design.fitted(without, data)["mu"]
        z, codes = np.hstack([data[f"X_{b.key}"] for b in inner]), data[f"codes_{inner[0].key}"]
        width, size = z.shape[1], inner[0].size
        prior, at = np.zeros((width, width)), 0
        for b in inner:
            root = draw[f"{b.key}_root"]
            prior[at : at + b.width, at : at + b.width] = np.linalg.inv(root @ root.T)
            at += b.width
        means, covariances = np.empty((size, width)), np.empty((size, width, width))
        for j in range(size):
            own = z[codes == j]
            covariances[j] = np.linalg.inv(own.T @ own / draw["sigma"] ** 2 + prior)
            means[j] = covariances[j] @ own.T @ e[codes == j] / draw["sigma"] ** 2
        return means, covariances


@each_plan
def test_the_densities_of_slices_are_that_of_the_graph(item: Conditional) -> None:
    model = school_model(item)
    posterior = compiled(model)
    pymc_model = build(model.design, model.data)
    layout, logp = layout_of(model.design, pymc_model), compiled_logp(pymc_model)
    rng = np.random.default_rng(5)
    differences = []
    for spread in (0.1, 0.4, 0.8, 1.2):
        q = rng.normal(0, spread, layout.size)
        point = Point(posterior, layout, q)
        value = logp(q) - point.jacobian
        if model.design.blocks:
            value -= sum(map(normal_logpdf, point.u, *point.inner_law(model.data)))
        differences.append(value - point.joint())
    assert max(differences) - min(differences) < TINY * abs(value)


def normal_logpdf(u: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    return float(stats.multivariate_normal(mean, covariance).logpdf(u))


def random_point(posterior: GibbsPosterior, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Theta, with deviations that a uniform prior allows, and z."""
    rng = np.random.default_rng(seed)
    lay = posterior.layout
    return rng.normal(np.where(lay.kinds > 0, -1.5, 0.0), 0.3), rng.normal(0, 1, lay.mean.size)


@each_plan
def test_the_normal_equations_are_those_of_the_marginal_density(item: Conditional) -> None:
    posterior = compiled(school_model(item))
    lay, products = posterior.layout, posterior.products
    theta, b = random_point(posterior, 1)
    a, c = effects.normal_equations(theta, lay, products)
    np.testing.assert_allclose(a, a.T)
    space = densities.workspace(lay.width)

    def marginal(at: np.ndarray) -> float:
        return densities.marginal(theta, lay, products, *effects.residuals(at, lay, products), space)

    assert marginal(b) - marginal(0 * b) == pytest.approx(c @ b - 0.5 * b @ a @ b, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["independent", "crossed slopes"])
def test_outer_blocks_given_their_standard_normals_have_the_density_of_the_marginal(name: str) -> None:
    posterior = compiled(school_model(PLANS[name]))
    lay, products = posterior.layout, posterior.products
    theta, z = random_point(posterior, 2)
    a, c = effects.normal_equations(theta, lay, products)
    for f in range(lay.inner, lay.widths.size):
        quadratic, linear = sweeps.in_roots(theta, z, f, lay, a, c)
        found = []
        for seed in range(4):
            own = lay.groups == f - lay.inner + 1
            moved = np.where(own, np.random.default_rng(seed).normal(0, 0.7, theta.size), theta)
            b = effects.outer_effects(moved, lay, z)
            expected = c @ b - 0.5 * b @ a @ b + densities.prior(moved, lay, f - lay.inner + 1)
            found.append(densities.non_centred(moved, lay, f, quadratic, linear) - expected)
        assert np.ptp(found) < 1e-8


@pytest.mark.parametrize("name", ["correlated, own priors", "crossed slopes"])
def test_normal_draws_have_mean_and_covariance_of_their_law(name: str) -> None:
    posterior = compiled(school_model(PLANS[name]))
    lay, products = posterior.layout, posterior.products
    theta, _ = random_point(posterior, 3)
    a, c = effects.normal_equations(theta, lay, products)
    rng = np.random.default_rng(6)
    units = np.eye(lay.mean.size)
    t = np.column_stack([effects.outer_effects(theta, lay, e) for e in units])
    covariance = np.linalg.inv(t.T @ a @ t + np.diag(lay.precision))
    mean = covariance @ (t.T @ c + lay.precision * lay.mean)
    check_normal(np.array([effects.draw_outer(rng, theta, lay, a, c) for _ in range(3000)]), mean, covariance)
    b = effects.outer_effects(theta, lay, mean)
    _, r = effects.residuals(b, lay, products)
    means, covariances = inner_law_of(posterior, theta, r)
    draws = np.array([effects.draw_inner(rng, theta, lay, products, r) for _ in range(3000)])
    for j in (0, lay.clusters - 1):
        check_normal(draws[:, j], means[j], covariances[j])
    assert np.abs(np.corrcoef(draws[:, :, 0].T)[0, 1:]).max() < 5 / np.sqrt(3000)  # clusters are independent


def inner_law_of(posterior: GibbsPosterior, theta: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lay, q = posterior.layout, posterior.layout.width
    root, weight = densities.inner_root(theta, lay), np.exp(-2 * theta[0])
    g = np.zeros((lay.clusters, q, q))
    places = [(k, m) for k in range(q) for m in range(k + 1)]
    for (k, m), values in zip(places, posterior.products.zz, strict=True):
        g[:, k, m] = g[:, m, k] = values
    covariances = np.linalg.inv(g * weight + np.linalg.inv(root @ root.T))
    return np.einsum("jab,bj->ja", covariances, r) * weight, covariances


def check_normal(draws: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> None:
    """Whitened draws are standard normals: means, variances and correlations within five of their errors."""
    white = np.linalg.solve(np.linalg.cholesky(covariance), (draws - mean).T)
    bound = 5 / np.sqrt(len(draws))
    assert np.abs(white.mean(axis=1)).max() < bound
    assert np.abs(white @ white.T / len(draws) - np.eye(len(mean))).max() < bound * np.sqrt(2)


def test_a_forgotten_term_is_seen() -> None:
    """What these tests compare must differ where a prior is another or a row counts twice."""
    model = school_model(PLANS["crossed slopes"])
    posterior = compiled(model)
    theta, b = random_point(posterior, 1)
    lay, products = posterior.layout, posterior.products
    space = densities.workspace(lay.width)
    at = effects.residuals(b, lay, products)
    args = lay.args.copy()
    args[lay.kinds == 0] += 0.5
    other = densities.marginal(theta, lay._replace(args=args), products, *at, space)
    twice = densities.marginal(theta, lay, products._replace(n=products.n + 1), *at, space)
    here = densities.marginal(theta, lay, products, *at, space)
    assert abs(other - here) > 1e-3
    assert abs(twice - here) > 1e-3


def test_every_prior_of_deviations_is_among_them() -> None:
    from bayesimpute.samplers.gibbs.layout import POSITIVE

    designs: list[Design] = [school_model(item).design for item in PLANS.values()]
    met = {prior.name for d in designs for b in d.blocks for prior in b.priors}
    assert met | {d.predictors[1].priors[0].name for d in designs} == set(POSITIVE)
