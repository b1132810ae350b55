"""Log densities against SciPy's; reweighted draws against posteriors that are known."""

import numpy as np
import pytest
from graphs import LOGPDF
from scipy import integrate

from bayesimpute.base.priors import Prior
from bayesimpute.sensitivity.importance_weights import (
    effective,
    limit,
    quantiles,
    reaches,
    smoothed,
    summary,
    widened,
)

ERRORS = 4.0
COEFFICIENT = [
    Prior.of("Normal", 0.5, 2),
    Prior.of("StudentT", 3, -1, 0.7),
    Prior.of("Cauchy", 1, 2),
    Prior.of("Laplace", 0.2, 0.4),
    Prior.of("Uniform", -1, 3),
]
CORRELATION = [Prior.of("Uniform", -1, 1), Prior.of("ScaledBeta", 2, 5), Prior.of("FisherNormal", 0.3, 0.6)]


@pytest.mark.parametrize("prior", COEFFICIENT, ids=str)
def test_log_densities_of_coefficients_are_scipys(prior: Prior) -> None:
    x = np.linspace(-4, 4, 41)
    np.testing.assert_allclose(prior.log_density(x), LOGPDF[prior.name](x, *prior.args), rtol=1e-12)


@pytest.mark.parametrize("prior", [*CORRELATION, Prior.of("Uniform", -0.5, 0.9)], ids=str)
def test_densities_of_fishers_z_are_those_of_drawn_correlations(prior: Prior) -> None:
    def density(z: float) -> float:
        return float(np.exp(prior.log_density_fisher(np.array([z]))[0]))

    ends = np.arctanh(prior.args) if prior.args == (-0.5, 0.9) else (-12, 12)
    assert integrate.quad(density, *ends, limit=200)[0] == pytest.approx(1, abs=1e-6)
    draws = prior.draw(np.random.default_rng(1), 40_000)
    middle = np.clip([-0.3, 0.4], *ends)
    share = integrate.quad(density, *middle, limit=200)[0]
    inside = ((np.arctanh(draws) > middle[0]) & (np.arctanh(draws) < middle[1])).mean()
    assert abs(inside - share) < ERRORS * np.sqrt(share * (1 - share) / len(draws))


def test_the_uniform_of_rho_is_the_scaled_beta_of_1_and_1_also_far_out() -> None:
    z = np.linspace(-300, 300, 61)
    uniform, beta = (Prior.of(n, *a).log_density_fisher(z) for n, a in (("Uniform", (-1, 1)), ("ScaledBeta", (1, 1))))
    np.testing.assert_allclose(uniform, beta, rtol=1e-13)
    assert np.isfinite(uniform).all()


@pytest.mark.parametrize(
    ("prior", "wide"),
    [
        (Prior.of("Normal", 3, 2), Prior.of("Normal", 3, 4)),
        (Prior.of("StudentT", 4, -1, 2), Prior.of("StudentT", 4, -1, 4)),
        (Prior.of("Cauchy", 1, 2), Prior.of("Cauchy", 1, 4)),
        (Prior.of("Laplace", 1, 2), Prior.of("Laplace", 1, 4)),
        (Prior.of("Uniform", 0, 2), Prior.of("Uniform", -1, 3)),
    ],
)
def test_priors_are_spread_out_around_their_middle(prior: Prior, wide: Prior) -> None:
    assert widened(prior, 2.0).args == pytest.approx(wide.args)
    assert widened(wide, 0.5).args == pytest.approx(prior.args)
    assert widened(prior, 2.0).name == wide.name


def test_draws_reach_no_further_than_their_prior() -> None:
    normal, unit, half = Prior.of("Normal", 0, 1), Prior.of("Uniform", -1, 1), Prior.of("Uniform", -1, 0)
    assert reaches(unit, half) and reaches(unit, Prior.of("FisherNormal", 0, 1)) and reaches(normal, half)
    assert not reaches(half, unit) and not reaches(half, Prior.of("ScaledBeta", 2, 2)) and not reaches(unit, normal)


def posterior(prior_sd: float, y: float = 1.2) -> tuple[float, float]:
    """Of theta given one y ~ Normal(theta, 1), theta ~ Normal(0, prior_sd): mean and SD."""
    precision = 1 + prior_sd**-2
    return y / precision, precision**-0.5


@pytest.mark.parametrize("new_sd", [0.5, 2.0])
def test_reweighted_draws_are_the_posterior_under_the_other_prior(new_sd: float) -> None:
    mean, sd = posterior(1.0)
    theta = np.random.default_rng(4).normal(mean, sd, 20_000)
    ratios = Prior.of("Normal", 0, new_sd).log_density(theta) - Prior.of("Normal", 0, 1).log_density(theta)
    weights, k_hat = smoothed(ratios, 1.0)
    assert k_hat < limit(len(theta)) and weights.sum() == pytest.approx(1)
    found, (wanted, spread) = summary(theta, weights), posterior(new_sd)
    # the error of a ratio estimate (Owen 2013, section 9.2)
    error = np.sqrt((weights**2) @ (theta - wanted) ** 2)
    assert abs(found["estimate"] - wanted) < ERRORS * error
    assert abs(found["sd"] ** 2 - spread**2) < ERRORS * np.sqrt((weights**2) @ ((theta - wanted) ** 2 - spread**2) ** 2)
    inside = weights[(theta > found["conf_low"]) & (theta < found["conf_high"])].sum()
    assert abs(inside - 0.95) <= 2 * weights.max()


def test_a_prior_that_the_draws_do_not_reach_has_a_large_k_hat() -> None:
    theta = np.random.default_rng(4).normal(0, 0.5, 4000)
    ratios = Prior.of("Normal", 6, 0.1).log_density(theta) - Prior.of("Normal", 0, 1).log_density(theta)
    assert smoothed(ratios, 1.0)[1] > limit(len(theta))
    assert smoothed(np.full(10, -np.inf), 1.0)[1] == np.inf


def test_draws_without_mass_get_no_weight() -> None:
    theta = np.random.default_rng(4).uniform(-1, 1, 2000)
    new = Prior.of("Uniform", 0, 1)
    weights, _ = smoothed(new.log_density(theta) - Prior.of("Uniform", -1, 1).log_density(theta), 1.0)
    assert (weights[theta < 0] == 0).all()
    np.testing.assert_allclose(weights[theta > 0], 1 / (theta > 0).sum())


def test_the_limit_of_k_hat() -> None:
    assert limit(1000) == pytest.approx(2 / 3) and limit(1e9) == pytest.approx(0.7)


def test_effective_draws() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(4, 1000))
    slow = np.zeros_like(noise)
    for t in range(1, 1000):
        slow[:, t] = 0.9 * slow[:, t - 1] + noise[:, t]
    # of an autoregression (1 - r) / (1 + r) of all; how well ESS is estimated: Vehtari et al. 2021, figure 5
    assert 0.5 < effective(slow) / (4000 * 0.1 / 1.9) < 2
    assert 0.5 * 4000 < effective(noise) <= 4000
    assert np.isnan(effective(np.ones((2, 50)))) and np.isnan(effective(noise[:, :3]))
    assert effective(noise[:1, :501]) <= 501


def test_quantiles_of_equal_weights_are_medians_of_ranks() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert quantiles(values, np.full(3, 1 / 3), (0.5,))[0] == pytest.approx(2)
