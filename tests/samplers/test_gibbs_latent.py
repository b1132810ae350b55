"""Latent variables of yes/no and t models have their laws; moves without them are along the right densities."""

from typing import Any

import numpy as np
import pytest
from modelling import conditional
from scipy import stats
from scipy.special import erfcx, gammaln, log_ndtr
from test_gibbs import made

from bayesimpute.numerics.polya_gamma import polya_gamma
from bayesimpute.numerics.truncated_normals import above
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import (
    Gibbs,
    binary,
    binary_likelihoods,
    binary_moves,
    effects,
    heavy_tails,
    predictor_rows,
    products,
    working_rows,
)

ERRORS = 4.5
DRAWS = 40_000


def close(values: np.ndarray, truth: float) -> bool:
    """Whether a mean of independent values is within Monte Carlo error."""
    return abs(values.mean() - truth) < ERRORS * values.std() / np.sqrt(len(values))


# --- Pólya–Gamma ---


def polya_gammas(z: float, seed: int = 1) -> np.ndarray:
    """The weights of rows with y = 1, whose response times the root of the weight is 1 / 2 over that root."""
    root, response = np.empty(DRAWS), np.empty(DRAWS)
    binary.draw_logit(np.random.default_rng(seed), np.full(DRAWS, z), np.ones(DRAWS), root, response)
    np.testing.assert_allclose(response * root, 0.5)
    return root**2


def test_what_is_no_number_is_come_back_from() -> None:
    """No proposal would ever be accepted: a chain whose predictor is none shall stop, and not hang."""
    rng = np.random.default_rng(0)
    assert np.isnan(polya_gamma(rng, np.nan)) and np.isnan(above(rng, np.nan))


def moments(z: float) -> tuple[float, float]:
    """Mean and variance of PG(1, z) (Polson, Scott & Windle 2013, section 2.2; the variance from its transform)."""
    if z == 0:
        return 1 / 4, 1 / 24
    return np.tanh(z / 2) / (2 * z), (np.sinh(z) - z) / (4 * z**3 * np.cosh(z / 2) ** 2)


def laplace(t: float, z: float) -> float:
    """E exp(-t w) = cosh(z / 2) / cosh(sqrt(z^2 / 4 + t / 2)) (their equation 4)."""
    return float(np.exp(np.logaddexp(z / 2, -z / 2) - np.logaddexp(*(s * np.sqrt(z**2 / 4 + t / 2) for s in (1, -1)))))


@pytest.mark.parametrize("z", [0.0, 0.01, 1.0, 3.1, 3.2, -5.0, 50.0])
def test_polya_gamma_numbers_have_their_mean_variance_and_laplace_transform(z: float) -> None:
    w = polya_gammas(z)
    mean, variance = moments(abs(z))
    assert close(w, mean)
    assert close((w - mean) ** 2, variance)
    for t in (0.5, 4.0, 50.0):
        assert close(np.exp(-t * w), laplace(t, abs(z)))
    assert not close(np.exp(-4.0 * w), laplace(4.0, abs(z) + 0.5))


def test_polya_gamma_numbers_are_sums_of_exponentials() -> None:
    """The definition: PG(1, z) = sum_k E_k / ((k - 1/2)^2 + z^2 / (4 pi^2)) / (2 pi^2); all of it, not moments."""
    rng = np.random.default_rng(2)
    for z in (0.0, 2.0, 6.0):
        k = np.arange(1, 301)
        sums = rng.exponential(size=(3000, 300)) @ (1 / ((k - 0.5) ** 2 + z**2 / (4 * np.pi**2))) / (2 * np.pi**2)
        rest = (1 / ((np.arange(301, 10**6) - 0.5) ** 2)).sum() / (2 * np.pi**2)  # its mean; it hardly varies
        assert stats.ks_2samp(sums + rest, polya_gammas(z, 3)[:8000]).pvalue > 1e-3
        assert stats.ks_2samp(1.1 * (sums + rest), polya_gammas(z, 3)).pvalue < 1e-3


@pytest.mark.parametrize("eta", [1e3, -1e7, 1e300])
def test_weights_of_far_predictors_are_small_and_positive(eta: float) -> None:
    rng = np.random.default_rng(1)
    w = np.array([polya_gamma(rng, eta) for _ in range(100)])
    assert (w > 0).all()
    assert w.mean() == pytest.approx(1 / (2 * min(abs(eta), 1e5)), rel=0.05)


# --- truncated normals ---


@pytest.mark.parametrize("a", [-30.0, -3.0, 0.0, 0.44, 0.46, 2.0, 8.0, 40.0, 1000.0])
def test_truncated_normals_have_their_distribution(a: float) -> None:
    beyond = np.empty(DRAWS)  # of rows with y = 1 and eta = -a the latent normal is what a number above a is more
    binary.draw_probit(np.random.default_rng(1), np.full(DRAWS, -a), np.ones(DRAWS), beyond)
    assert beyond.min() > 0

    def uniform(a: float) -> np.ndarray:
        if a > 8:  # where a difference of logarithms loses its digits: Phi(-x) = phi(x) erfcx(x / sqrt 2) sqrt(pi / 2)
            ratio = erfcx((a + beyond) / np.sqrt(2)) / erfcx(a / np.sqrt(2))
            return np.exp(-a * beyond - 0.5 * beyond**2) * ratio
        return stats.truncnorm(a, np.inf).sf(a + beyond)

    assert stats.kstest(uniform(a), "uniform").pvalue > 1e-3
    if a >= 0:
        assert stats.kstest(uniform(1.1 * a + 0.1), "uniform").pvalue < 1e-3


def test_beyond_all_numbers_the_bound_is_the_draw() -> None:
    assert above(np.random.default_rng(1), 1e200) == 1e200


def test_latent_normals_of_a_probit_model_have_the_sign_of_the_outcome() -> None:
    y, eta = np.array([0.0, 1.0, 0.0, 1.0]), np.array([5.0, -5.0, -1.0, 1.0])
    rng, out, found = np.random.default_rng(1), np.empty(4), []
    for _ in range(20_000):
        binary.draw_probit(rng, eta, y, out)
        found.append(out.copy())
    draws = np.array(found)
    assert ((draws > 0) == (y == 1)).all()
    ratio = np.exp(stats.norm.logpdf(eta) - log_ndtr((2 * y - 1) * eta))
    for k in range(4):
        assert close(draws[:, k], eta[k] + (2 * y[k] - 1) * ratio[k])


# --- likelihoods ---


@pytest.mark.parametrize("spread", [0.1, 1.0, 8.0, 1e3])
@pytest.mark.parametrize("n", [1, 31, 1000])
def test_yes_no_likelihoods_are_those_of_scipy(spread: float, n: int) -> None:
    x = np.random.default_rng(n).normal(0, spread, n)
    assert binary_likelihoods.log_likelihood(binary_likelihoods.PROBIT, x) == pytest.approx(
        log_ndtr(x).sum(), rel=1e-12
    )
    assert binary_likelihoods.log_likelihood(binary_likelihoods.LOGIT, x) == pytest.approx(
        -np.logaddexp(0, -x).sum(), rel=1e-12
    )


@pytest.mark.parametrize("nu", [0.3, 4.0, 199.0, 201.0, 9e4, 1.1e5, 1e9])
def test_the_likelihood_of_sigma_and_nu_is_the_familys(nu: float) -> None:
    rng = np.random.default_rng(2)
    e = rng.standard_t(2, 500)
    sigma = 0.7
    ours = heavy_tails.log_student(e**2, np.log(sigma), np.log(nu)) - 250 * np.log(2 * np.pi)
    if nu > 1e6:  # where the family's own digits run out, the normal's
        assert ours == pytest.approx(stats.norm.logpdf(e, 0, sigma).sum(), rel=1e-4)
    else:
        assert ours == pytest.approx(stats.t.logpdf(e / sigma, nu).sum() - 500 * np.log(sigma), rel=1e-9)


def test_the_ratio_of_gamma_functions_is_smooth_where_its_form_changes() -> None:
    for nu in (1.0, 50.0, 199.99, 200.01, 500.0):
        exact = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu / 2)
        assert heavy_tails.log_ratio(nu) == pytest.approx(exact, abs=1e-11)


def test_weights_of_a_t_model_are_gamma() -> None:
    squares = np.array([0.0, 1.0, 50.0])
    rng, y, found = np.random.default_rng(1), np.array([1.0, -2.0, 0.5]), []
    root, response = np.empty(3), np.empty(3)
    for _ in range(5000):
        heavy_tails.draw_weights(rng, squares, 0.5, 3.0, y, root, response)
        np.testing.assert_allclose(response, root * y)
        found.append(root**2)
    for k, w in enumerate(np.array(found).T):
        assert stats.kstest(w, stats.gamma(2.0, scale=1 / (1.5 + 2 * squares[k])).cdf).pvalue > 1e-3


# --- working rows ---


def many_rows(chosen: np.ndarray) -> tuple[Any, Any, Any]:
    """The layout of a model, and columns and places of rows out of some thousands."""
    model, posterior = compiled(conditional("y ~ x + (1 + x | school) + (1 | region)"))
    engine, at = posterior.engine, np.resize(np.arange(len(model.data["y_data"])), len(chosen))[chosen]
    columns = predictor_rows.Columns(*engine.mu.matrices(model.data), model.data["y_data"])
    both = (type(parts)(*(np.ascontiguousarray(part[at]) for part in parts)) for parts in (columns, engine.rows))
    return engine.lay, *both


def test_rows_of_weight_zero_are_not_in_and_others_count_by_their_weight() -> None:
    rng, n = np.random.default_rng(3), 2 * working_rows.PIECE + 7
    root = np.where(rng.random(n) < 0.2, 0.0, rng.gamma(2.0, size=n))
    response, kept = root * rng.normal(size=n), root > 0
    lay, columns, rows = many_rows(np.ones(n, dtype=bool))
    found = working_rows.weighted_products(root, response, columns, lay, rows)
    lay, columns, rows = many_rows(kept)
    x, z, w = (part * root[kept, None] for part in columns[:3])
    expected = products.cross_products(x, z, w, response[kept], lay, rows)
    assert found.n == kept.sum() < n
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-10)


def test_another_response_gives_the_cross_products_of_rows_of_weight_one() -> None:
    n = working_rows.PIECE + 5
    lay, columns, rows = many_rows(np.ones(n, dtype=bool))
    y = np.random.default_rng(4).normal(size=n)
    found = working_rows.responding(products.cross_products(*columns, lay, rows), y, columns, lay, rows)
    expected = working_rows.weighted_products(np.ones(n), y, columns, lay, rows)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- moves ---


def compiled(item: Any) -> tuple[ConditionalModel, Any]:
    model = made(item)
    posterior: Any = Gibbs().compile(model)
    posterior._set(model.data)
    return model, posterior


def moved_by_quadrature(logs: np.ndarray, grid: np.ndarray, draws: list[float]) -> None:
    """Means and variances of a chain along a line, against the density on a grid."""
    weights = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
    mean = weights @ grid
    variance = weights @ (grid - mean) ** 2
    batches = np.array(draws).reshape(40, -1)
    for values, truth in ((batches, mean), ((batches - mean) ** 2, variance)):
        means = values.mean(axis=1)
        assert abs(means.mean() - truth) < ERRORS * means.std(ddof=1) / np.sqrt(40)


def test_a_coefficients_move_has_the_density_of_the_model() -> None:
    model, posterior = compiled(conditional("b ~ 0 + x"))
    lay, columns = posterior.engine.lay, posterior.fitted.columns
    sign, family = 2 * columns.y - 1, model.design.family
    along = binary_moves.lines(0.25 * posterior.fitted.products.xx, lay)
    np.testing.assert_allclose(along.T @ (posterior.fitted.products.xx / 4 + np.diag(lay.precision)) @ along, 1.0)
    prior, grid = model.design.predictors[0].priors[0], np.linspace(-2, 2, 2001)
    logs = [family.logp(columns.y, {"mu": stats.logistic.cdf(columns.x[:, 0] * t)}).sum() for t in grid]
    rng, z, lengths, draws = np.random.default_rng(1), np.zeros(1), np.ones(1), []
    for _ in range(8000):
        signed = sign * (columns.x[:, 0] * z[0])
        binary_moves.move_coefficients(rng, z, signed, sign, along, lengths, 0.0, columns, lay)
        np.testing.assert_allclose(signed, sign * (columns.x[:, 0] * z[0]), atol=1e-12)
        draws.append(z[0])
    moved_by_quadrature(np.array(logs) + stats.norm.logpdf(grid, *prior.args), grid, draws)
    assert (lengths == 1).all()


@pytest.mark.by_default("0")
@pytest.mark.parametrize("block", [0, 1])
def test_a_deviations_move_has_the_density_of_the_model_given_standard_normals(block: int) -> None:
    """Of the inner and of the outer block."""
    model, posterior = compiled(conditional("b ~ x + (1 | school) + (1 | region)"))
    lay, rows, columns = posterior.engine.lay, posterior.engine.rows, posterior.fitted.columns
    rng = np.random.default_rng(1)
    z, h = rng.normal(0, 0.5, lay.mean.size), rng.normal(size=(lay.clusters, lay.width))
    theta, sign, draws = np.array([0.0, -0.5, -0.5]), 2 * columns.y - 1, []
    codes = {b.factor: model.data[f"codes_{b.key}"] for b in model.design.blocks}
    prior = posterior.engine.mu.blocks[block].priors[0]

    def eta(theta: np.ndarray) -> np.ndarray:
        inner = np.exp(theta[1]) * h[codes["school"], 0]
        outer = np.exp(theta[2]) * z[lay.offsets[1] + codes["region"]]
        return columns.x @ z[: lay.coefficients] + inner + outer

    grid, logs = np.linspace(-9, 3, 2001), []
    for t in grid:
        at = np.where(np.arange(3) == block + 1, t, theta)
        mu = stats.logistic.cdf(eta(at))
        logs.append(model.design.family.logp(columns.y, {"mu": mu}).sum() + t - 0.5 * (np.exp(t) / prior.args[0]) ** 2)
    assert prior.name == "HalfNormal"
    signed, steps = sign * eta(theta), np.eye(3)
    for _ in range(8000):
        entries = binary_moves.by_entries(block, 0, z, h, sign, columns, lay, rows)
        binary_moves.move_block(rng, theta, steps, block, entries, signed, lay)
        draws.append(theta[block + 1])
    np.testing.assert_allclose(signed, sign * eta(theta), atol=1e-9)
    moved_by_quadrature(np.array(logs), grid, draws)


def test_standard_normals_become_inner_effects_and_back() -> None:
    _, posterior = compiled(conditional("b ~ x + (1 + x + w | school)"))
    lay, rng = posterior.engine.lay, np.random.default_rng(1)
    theta, h = rng.normal(size=lay.kinds.size), rng.normal(size=(lay.clusters, 3))
    u = binary_moves.inner_effects(theta, lay, h)
    np.testing.assert_allclose(binary_moves.standard_normals(theta, lay, u), h)
    np.testing.assert_allclose(u, h @ effects.inner_root(theta, lay).T)
