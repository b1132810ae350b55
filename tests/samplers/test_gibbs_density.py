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

from bayesimpute.base.distributions import DISTRIBUTIONS
from bayesimpute.designs.design import Design
from bayesimpute.designs.graph import build, vectors
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs, densities, effects, predictor_rows, sigma_moves, sweeps
from bayesimpute.samplers.gibbs.working_rows import weighted_products

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
SCALED: Mapping[str, Conditional] = {
    "sigma by cluster": conditional("y ~ x + (1 + x | school)", sigma="w + (1 | school)"),
    "sigma by two keys": conditional("y ~ 0 + x + (1 | region) + (1 | school)", sigma="0 + w + (1 + x | school)"),
}
each_plan = pytest.mark.parametrize("item", PLANS.values(), ids=PLANS.keys())
TINY = 1e-7


def school_model(item: Conditional) -> ConditionalModel:
    """A model of y on the school data, in its centred form."""
    frame = school_frame()
    space = workspace(frame.assign(b=frame["b"].fillna(0.0)), item)
    return ConditionalModel(centred(only(space)[1], True), graph_data(space))


def compiled(model: ConditionalModel) -> Any:
    """The sampler with the cross-products of the model's data."""
    posterior: Any = Gibbs().compile(model)
    posterior._set(model.data)
    return posterior


class Point:
    """A point of the graph's unconstrained vector, as the sampler has it."""

    def __init__(self, posterior: Any, layout: Any, q: np.ndarray) -> None:
        design, self.posterior = posterior.design, posterior
        raw = {name: q[place] for name, place in layout.parts}
        self.draw = layout.unpack(q)
        part, scale = posterior.engine.mu, getattr(posterior.engine, "sigma", None)
        self.scale, self.products = scale, getattr(posterior.fitted, "products", None)
        self.theta = self._theta(raw, part, 0.0 if scale else float(np.log(self.draw["sigma"])))
        self.b = np.concatenate([self.draw["mu"], *(self.draw[b.key].ravel() for b in part.outer)])
        self.u = np.hstack([self.draw[b.key] for b in part.inner] or [np.zeros((0, 0))])
        if scale:
            self.scale_theta = self._theta(raw, scale, 0.0)
            self.v = np.concatenate([self.draw["sigma"], *(self.draw[b.key].ravel() for b in scale.outer)])
        # the graph's density has the Jacobian of the logit for a uniform prior, the sampler's that of the log
        self.jacobian = 0.0
        for name, vector in vectors(design).items():
            for prior, value in zip(vector.priors, self.draw[name] if name.endswith("_sd") else [], strict=False):
                if prior.name == "Uniform":
                    lower, upper = prior.args
                    self.jacobian += np.log((value - lower) * (upper - value) / (upper - lower)) - np.log(value)

    def _theta(self, raw: Mapping[str, np.ndarray], part: Any, first: float) -> np.ndarray:
        theta = [np.array([first])]
        for b in part.blocks:
            theta.append(np.log(self.draw[f"{b.key}_sd"]))
            if b.width > 1:
                theta.append(raw[f"{b.key}_partial_Beta"] / 2)  # tanh(q / 2) = 2 expit(q) - 1
        return np.concatenate(theta)

    def weigh(self, data: Mapping[str, np.ndarray]) -> None:
        """Cross-products of the rows over sigma."""
        scaled = self.posterior.fitted
        standard = self.v.copy()
        k = scaled.lay.coefficients
        standard[k:] = np.concatenate(
            [np.linalg.solve(self.draw[f"{b.key}_root"], self.draw[b.key].T).T.ravel() for b in self.scale.outer]
        )
        root = predictor_rows.inverse_sigma(self.scale_theta, standard, scaled.columns, scaled.lay, scaled.rows)
        of_mu = scaled.mu_columns, scaled.mu_lay, scaled.mu_rows
        self.products = weighted_products(root, scaled.mu_columns.y * root, *of_mu)
        self.eta = self.posterior.design.fitted(self.draw, data)["sigma"]
        predicted = predictor_rows.predicted(scaled.columns, self.v, np.zeros((0, 0)), scaled.lay, scaled.rows)
        np.testing.assert_allclose(predicted + scaled.columns.y[0], self.eta)

    def scale_prior(self) -> float:
        """Of gamma, the deviations and the effects."""
        return outer_prior(self.posterior.fitted.lay, self.scale_theta, self.v)

    def marginal(self, b: np.ndarray) -> float:
        """Of theta's inner part and the data given b."""
        lay, products = self.posterior.engine.lay, self.products
        rss, r = effects.residuals(b, lay, products)
        return densities.marginal(self.theta, lay, products, rss, r, densities.workspace(lay.width))

    def joint(self) -> float:
        """Of theta, the coefficients and the outer effects."""
        return self.marginal(self.b) + outer_prior(self.posterior.engine.lay, self.theta, self.b)

    def inner_law(self, data: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Means and covariances of the inner effects given the rest, row by row of the data."""
        design, draw = self.posterior.design, self.draw
        inner = self.posterior.engine.mu.inner
        logs = design.fitted(draw, data)["sigma"] if self.scale else np.log(draw["sigma"])
        sd = np.broadcast_to(np.exp(logs), len(data["y_data"]))
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
            own = (z / sd[:, None])[codes == j]
            covariances[j] = np.linalg.inv(own.T @ own + prior)
            means[j] = covariances[j] @ own.T @ (e / sd)[codes == j]
        return means, covariances


def outer_prior(lay: Any, theta: np.ndarray, b: np.ndarray) -> float:
    """Of coefficients, and of deviations and effects of outer blocks."""
    p = lay.coefficients
    total = -0.5 * lay.precision[:p] @ (b[:p] - lay.mean[:p]) ** 2
    for f in range(lay.inner, lay.widths.size):
        u = b[lay.offsets[f] :][: lay.sizes[f] * lay.widths[f]].reshape(lay.sizes[f], -1)
        total += densities.centred(theta, lay, f, u.T @ u)
    return float(total)


@pytest.mark.by_default("crossed slopes", "sigma by cluster", "only effects")
@pytest.mark.parametrize("item", [*PLANS.values(), *SCALED.values()], ids=[*PLANS, *SCALED])
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
        if point.scale:
            point.weigh(model.data)
            value -= point.scale_prior() - point.eta.sum()
        differences.append(value - point.joint())
    assert max(differences) - min(differences) < TINY * abs(value)


def normal_logpdf(u: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> float:
    return float(stats.multivariate_normal(mean, covariance).logpdf(u))


def random_point(posterior: Any, seed: int, lay: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Theta, with deviations that a uniform prior allows, and z."""
    rng = np.random.default_rng(seed)
    lay = lay or posterior.engine.lay
    return rng.normal(np.where(lay.kinds > 0, -1.5, 0.0), 0.3), rng.normal(0, 1, lay.mean.size)


@each_plan
def test_the_normal_equations_are_those_of_the_marginal_density(item: Conditional) -> None:
    posterior = compiled(school_model(item))
    lay, products = posterior.engine.lay, posterior.fitted.products
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
    lay, products = posterior.engine.lay, posterior.fitted.products
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


def test_the_likelihood_of_sigmas_parameters_is_the_familys() -> None:
    rng = np.random.default_rng(2)
    eta, e = rng.normal(size=300), rng.normal(size=300)
    model = school_model(SCALED["sigma by cluster"])
    theirs = model.design.family.logp(e, {"mu": np.zeros(300), "sigma": np.exp(eta)}).sum()
    ours = sigma_moves.log_likelihood(eta, e**2, 300) - 150 * np.log(2 * np.pi)
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_a_slice_along_a_line_has_the_density_that_it_is_of() -> None:
    """A normal times a likelihood of ten rows, by quadrature."""
    rng = np.random.default_rng(3)
    eta, line, squares = rng.normal(0, 0.3, 10), rng.normal(size=10), rng.exponential(size=10)
    grid = np.linspace(-4, 4, 4001)
    logs = np.array([sigma_moves.log_likelihood(eta + t * line, squares, 10) + 0.7 * t - t * t for t in grid])
    weights = np.exp(logs - logs.max())
    mean = weights @ grid / weights.sum()
    variance = weights @ (grid - mean) ** 2 / weights.sum()
    moved, t, draws = np.empty(10), 0.0, []
    for _ in range(20_000):  # the slice is from t = 0, so that the linear part is that of the density seen from there
        t += sigma_moves.slice_line(rng, eta + t * line, line, squares, 10, 3.0, 0.7 - 2 * t, 2.0, moved)
        draws.append(t)
    batches = np.array(draws).reshape(50, -1)
    assert abs(np.mean(draws) - mean) < 4.5 * batches.mean(axis=1).std() / np.sqrt(50)
    squared = (batches - mean) ** 2
    assert abs(squared.mean() - variance) < 4.5 * squared.mean(axis=1).std() / np.sqrt(50)


def test_the_intercept_moves_against_the_effects_as_their_prior_says() -> None:
    """Along (gamma_0 + t, v - t e), with nothing else moved, t is normal: its moments from the prior's density."""
    posterior = compiled(school_model(SCALED["sigma by cluster"]))
    lay, members = posterior.fitted.lay, posterior.fitted.members
    theta, z = random_point(posterior, 4, lay)
    b = effects.outer_effects(theta, lay, z)
    intercept = members.constant[0]
    ones = np.zeros(b.size)
    ones[intercept] = 1.0
    ones[lay.offsets[0] :] = -1.0
    grid = np.linspace(-6, 6, 6001)
    logs = np.array([outer_prior(lay, theta, b + t * ones) for t in grid])
    weights = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    mean = weights @ grid
    sd = np.sqrt(weights @ (grid - mean) ** 2)
    rng = np.random.default_rng(1)
    found = []
    for _ in range(4000):
        other = z.copy()
        sigma_moves.shift(rng, theta, other, 0, lay, members)
        moved = effects.outer_effects(theta, lay, other) - b
        np.testing.assert_allclose(moved, moved[intercept] * ones, atol=1e-9)
        found.append(moved[intercept])
    assert stats.kstest((np.array(found) - mean) / sd, "norm").pvalue > 1e-4


@pytest.mark.parametrize("name", ["correlated, own priors", "crossed slopes"])
def test_normal_draws_have_mean_and_covariance_of_their_law(name: str) -> None:
    posterior = compiled(school_model(PLANS[name]))
    lay, products = posterior.engine.lay, posterior.fitted.products
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


def inner_law_of(posterior: Any, theta: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lay, q = posterior.engine.lay, posterior.engine.lay.width
    root, weight = densities.inner_root(theta, lay), np.exp(-2 * theta[0])
    g = np.zeros((lay.clusters, q, q))
    places = [(k, m) for k in range(q) for m in range(k + 1)]
    for (k, m), values in zip(places, posterior.fitted.products.zz, strict=True):
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
    lay, products = posterior.engine.lay, posterior.fitted.products
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
    designs: list[Design] = [school_model(item).design for item in PLANS.values()]
    met = {prior.name for d in designs for b in d.blocks for prior in b.priors}
    met |= {d.predictors[1].priors[0].name for d in designs}
    assert met == {name for name, d in DISTRIBUTIONS.items() if d.slice}
