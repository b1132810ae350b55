"""KL divergence and overlap against closed forms, from simulated draws, to Monte Carlo error."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln, digamma
from selection_runs import RHO

from bayesimpute.base.priors import Prior
from bayesimpute.sensitivity.prior_posterior import bandwidth, density, divergence, interval, moved
from bayesimpute.sensitivity.selection_draws import Correlation

ERRORS = 4.0
DRAWS = 8000


def log_prior(prior: Prior):
    return prior.log_density_fisher


@pytest.mark.parametrize(("mean", "sd"), [(0.5, 0.5), (-1.0, 0.3), (0.0, 0.8), (2.0, 1.0)])
def test_kl_of_normals(mean: float, sd: float) -> None:
    z = np.random.default_rng(3).normal(mean, sd, DRAWS)
    kl, _ = divergence(z, log_prior(Prior.of("FisherNormal", 0, 1)))
    closed = -np.log(sd) + (sd**2 + mean**2) / 2 - 0.5
    log_ratio = stats.norm(mean, sd).logpdf(z) - stats.norm.logpdf(z)
    assert abs(kl - closed) < ERRORS * log_ratio.std() / np.sqrt(DRAWS)


@pytest.mark.parametrize("shapes", [(2.0, 6.0), (8.0, 3.0), (0.7, 1.5)])
def test_kl_of_betas(shapes: tuple[float, float]) -> None:
    (a, b), (c, d) = shapes, (1.0, 1.0)
    rho = Prior.of("ScaledBeta", a, b).draw(np.random.default_rng(5), DRAWS)
    kl, _ = divergence(np.arctanh(rho), log_prior(Prior.of("Uniform", -1, 1)))
    gap = (c - a + d - b) * digamma(a + b)
    closed = betaln(c, d) - betaln(a, b) + (a - c) * digamma(a) + (b - d) * digamma(b) + gap
    log_ratio = stats.beta(a, b).logpdf((rho + 1) / 2)
    assert abs(kl - closed) < ERRORS * log_ratio.std() / np.sqrt(DRAWS)


@pytest.mark.parametrize("gap", [0.5, 1.0, 3.0])
def test_overlap_of_normals_a_gap_apart(gap: float) -> None:
    z = np.random.default_rng(7).normal(gap, 1, DRAWS)
    _, overlap = divergence(z, log_prior(Prior.of("FisherNormal", 0, 1)))
    share = stats.norm.cdf(-gap / 2)  # of the draws, on the prior's side
    assert abs(overlap - 2 * share) < ERRORS * np.sqrt(share * (1 - share) / DRAWS)


@pytest.mark.parametrize("prior", [Prior.of("Uniform", -1, 1), Prior.of("FisherNormal", 0, 0.5)], ids=str)
def test_a_posterior_that_is_the_prior_has_not_moved(prior: Prior) -> None:
    rng = np.random.default_rng(11)
    kls = [divergence(np.arctanh(prior.draw(rng, n)), log_prior(prior))[0] for n in (400, DRAWS)]
    # the noise of a kernel density: half the integral of its variance over the density (Hall 1987, Ann Stat 15:1491)
    width = bandwidth(DRAWS)
    assert kls[1] < kls[0] and kls[1] < 16 / (4 * np.sqrt(np.pi) * DRAWS * width)
    overlap = divergence(np.arctanh(prior.draw(rng, DRAWS)), log_prior(prior))[1]
    assert 0.97 < overlap <= 1.0


def test_the_kernel_density_integrates_to_one_and_has_the_draws_moments() -> None:
    z = np.random.default_rng(1).gamma(3, 0.2, 3000)
    grid, q = density(z)
    assert np.trapezoid(q, grid) == pytest.approx(1, abs=1e-6)
    step = grid[1] - grid[0]
    assert np.trapezoid(q * grid, grid) == pytest.approx(z.mean(), abs=step)
    assert np.trapezoid(q * (grid - z.mean()) ** 2, grid) == pytest.approx(z.var(), abs=step)


def test_fewer_effective_draws_smooth_more() -> None:
    z = np.random.default_rng(1).normal(0, 1, 3000)
    slopes = [
        np.abs(np.gradient(np.gradient(q, grid), grid)).max() for grid, q in (density(z, ess=n) for n in (3000, 60))
    ]
    assert slopes[0] > slopes[1]


@pytest.mark.parametrize(
    ("prior", "ends"),
    [
        (Prior.of("Uniform", -1, 1), (-0.95, 0.95)),
        (Prior.of("Uniform", -0.5, 0.5), (-0.475, 0.475)),
        (Prior.of("FisherNormal", 0.2, 0.5), tuple(np.tanh(stats.norm(0.2, 0.5).ppf([0.025, 0.975])))),
        (Prior.of("ScaledBeta", 2, 3), tuple(2 * stats.beta(2, 3).ppf([0.025, 0.975]) - 1)),
    ],
    ids=str,
)
def test_the_priors_interval(prior: Prior, ends: tuple[float, float]) -> None:
    step = 24 / (40 * 2001)
    assert interval(log_prior(prior), RHO) == pytest.approx(ends, abs=step)


def test_figures_of_a_correlation() -> None:
    z = np.random.default_rng(2).normal(-0.5, 0.2, (4, 500))
    found = moved(Correlation(z=z, prior=Prior.of("Uniform", -1, 1), linear=False, name="rho", dependence=RHO))
    rho = np.tanh(z)
    assert (found.mean, found.sd) == (pytest.approx(rho.mean()), pytest.approx(rho.std()))
    assert found.width == pytest.approx((found.conf_high - found.conf_low) / 1.9, abs=1e-3)
    assert found.prior == "rho ~ Uniform(lower=-1.0, upper=1.0)"
    table = found.density
    assert np.allclose(table["prior"], 0.5)
    within = stats.norm(-0.5, 0.2).cdf(np.arctanh(0.97))
    assert np.trapezoid(table["posterior"], table["rho"]) == pytest.approx(within, abs=1e-3)
    prior = Prior.of("Normal", 0, 0.75)
    linear = moved(Correlation(z=z, prior=prior, linear=True, name="rho_Intercept", dependence=RHO))
    assert "Fisher's z" in linear.prior and linear.kl < found.kl
