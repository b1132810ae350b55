"""Priors of shares: what is imputed of a rare value is as frequent as what is observed of it."""

import numpy as np
import pytest
from scipy.stats import binom

from bayesimpute.base.priors import Prior
from bayesimpute.families import Bernoulli, HeckmanGaussian, HeckmanProbit
from bayesimpute.families.links import LINKS
from bayesimpute.families.shares import SPREADS, about_share

GRID = np.linspace(-16, 10, 5201)


def posterior_share(k: np.ndarray, n: int, link: str, priors: list[Prior]) -> np.ndarray:
    """The mean of the share given k of n, each under its own normal prior of the predictor, by quadrature."""
    p = np.clip(LINKS[link].inverse(GRID), 1e-300, 1 - 1e-16)
    mu, sd = np.array([prior.args for prior in priors]).T[:, :, None]
    log = k[:, None] * np.log(p) + (n - k[:, None]) * np.log1p(-p) - 0.5 * ((GRID - mu) / sd) ** 2
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return weights @ p / weights.sum(axis=1)


@pytest.mark.parametrize("link", SPREADS)
@pytest.mark.parametrize("n", [50, 180, 1000, 10_000, 100_000])
@pytest.mark.parametrize("share", [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5])
def test_the_mean_imputed_share_is_within_half_a_value_of_the_observed(link: str, n: int, share: float) -> None:
    k = np.unique(binom.ppf(np.linspace(1e-9, 1 - 1e-9, 101), n, share))
    weights = binom.cdf(k, n, share) - binom.cdf(np.r_[-1, k[:-1]], n, share)
    found = posterior_share(k, n, link, [about_share(ones, n, link) for ones in k])
    assert abs(weights @ (found - k / n)) <= 0.5 / n


def test_a_prior_about_one_half_is_not() -> None:
    """Normal(0, 1.5) of 5 in 180: what the automatic prior was."""
    k = np.array([5.0])
    assert posterior_share(k, 180, "logit", [Prior.of("Normal", 0, 1.5)])[0] - k[0] / 180 > 0.5 / 180


def test_values_that_were_never_seen_have_a_proper_prior() -> None:
    for k in (0, 20):
        prior = about_share(k, 20, "logit")
        assert np.isfinite(prior.args).all()
        assert np.sign(prior.args[0]) == (1 if k else -1)


def test_families_say_what_is_frequent() -> None:
    y = np.array([1.0, 0, 0, 0, np.nan, np.nan])
    assert Bernoulli().intercept_prior("mu", y[:4]) == about_share(1, 4, "logit")
    assert Bernoulli(link="probit").intercept_prior("mu", y[:4]) == about_share(1, 4, "probit")
    assert HeckmanProbit().intercept_prior("mu", y) == about_share(1, 4, "probit")
    for family in (HeckmanProbit(), HeckmanGaussian()):
        assert family.intercept_prior("selection", y) == about_share(4, 6, "probit")
        assert family.intercept_prior("rho", y) is None
    assert HeckmanGaussian().intercept_prior("mu", y) is None
