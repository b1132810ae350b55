"""Counts that are selected: without dependence they are plain counts; exposures, large means and far tails."""

from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import log_ndtr, ndtr

from bayesimpute.families import HeckmanNegativeBinomial, HeckmanPoisson
from bayesimpute.families.context import AtRows, Context
from bayesimpute.families.selected_counts import SelectedCounting
from bayesimpute.families.selected_strip import FAR

FAMILIES: dict[str, SelectedCounting] = {"poisson": HeckmanPoisson(), "negative_binomial": HeckmanNegativeBinomial()}
each = pytest.mark.parametrize("name", FAMILIES)
RNG = np.random.default_rng(3)


def theta(name: str, mu: np.ndarray, rho: float, s: float = 0.3) -> dict[str, Any]:
    alpha = {"alpha": np.array(2.5)} if name == "negative_binomial" else {}
    return {"mu": mu, "selection": np.full(len(mu), s), "rho": np.array(rho), **alpha}


def law(at: dict[str, Any], exposure: Any = 1.0) -> Any:
    mean = exposure * at["mu"]
    return stats.nbinom(at["alpha"], at["alpha"] / (at["alpha"] + mean)) if "alpha" in at else stats.poisson(mean)


@each
def test_without_dependence_they_are_counts_and_a_coin(name: str) -> None:
    mu = np.exp(RNG.normal(1, 2, 200))
    at = theta(name, mu, 0.0)
    y = law(at).rvs(random_state=1).astype(float)
    exact = law(at).logpmf(y) + log_ndtr(at["selection"])
    np.testing.assert_allclose(FAMILIES[name].logp(y, at), exact, rtol=1e-9)
    mean, variance = FAMILIES[name].mean_variance(at)
    np.testing.assert_allclose([mean, variance], law(at).stats("mv"), rtol=1e-5)


@each
@pytest.mark.parametrize("mean", [0.4, 30.0, 5000.0])
def test_the_strip_is_an_integral_over_its_errors(name: str, mean: float) -> None:
    """P(selected | e), integrated by quadrature between the scores of neighbouring counts."""
    at = theta(name, np.full(1, mean), -0.7)
    for y in law(at).ppf([0.02, 0.5, 0.98]):
        ends = (
            stats.norm.ppf([law(at).cdf(y - 1)[0], law(at).cdf(y)[0]])
            if y
            else [-9.0, stats.norm.ppf(law(at).cdf(0)[0])]
        )
        exact = integrate.quad(
            lambda e: stats.norm.pdf(e) * ndtr((0.3 - 0.7 * e) / np.sqrt(0.51)), *ends, epsabs=0, epsrel=1e-11
        )[0]
        assert FAMILIES[name].logp(np.array([float(y)]), at)[0] == pytest.approx(np.log(exact), rel=1e-7, abs=1e-8)


@each
def test_far_tails_go_on_where_digits_end(name: str) -> None:
    """Step by step: the log-density and its slope have no jump where strips become narrow ones."""
    family = FAMILIES[name]
    counts = np.arange(0.0, 1500.0)
    at = theta(name, np.full(len(counts), 3.0), 0.6)
    logp = family.logp(counts, at)
    far = family.outcome.tails(counts, at)[1] < ndtr(-FAR)
    assert far.any() and not far.all() and np.isfinite(logp).all()
    assert (np.abs(np.diff(logp, 2))[50:] < 0.05).all()


@each
def test_exposures_are_part_of_the_mean(name: str) -> None:
    family, exposure = FAMILIES[name], np.array([0.5, 4.0, 20.0])
    at = theta(name, np.full(3, 1.5), 0.5)
    y = np.array([1.0, 7.0, np.nan])
    same = {**at, "mu": exposure * at["mu"]}
    np.testing.assert_allclose(family.logp(y, at, {"exposure": exposure}), family.logp(y, same), rtol=1e-12)
    mean, variance = family.mean_variance(at, {"exposure": exposure})
    np.testing.assert_allclose(mean, family.mean_variance(same)[0], rtol=1e-12)
    many = {key: np.repeat(value, 4000) if np.ndim(value) else value for key, value in at.items()}
    known = AtRows(y=np.full(12_000, np.nan), side={"exposure": np.repeat(exposure, 4000)})
    context = Context(rows=np.arange(12_000), look=lambda rows: known, fitted=lambda: None)  # pyright: ignore
    drawn = family.impute(np.random.default_rng(5), many, context).reshape(3, 4000)
    assert (np.abs(drawn.mean(axis=1) - mean) < 4 * np.sqrt(variance / 4000)).all()
    assert (mean < family.outcome.mean_variance(same)[0]).all()  # who is not selected has fewer where rho is positive


def test_moments_of_many_values_are_sums_over_runs() -> None:
    """Beside quadrature over errors."""
    at = theta("negative_binomial", np.array([40_000.0]), 0.6)
    mean, variance = FAMILIES["negative_binomial"].mean_variance(at)
    e = np.linspace(-8, 8, 40_001)
    weight = stats.norm.pdf(e) * ndtr(-(0.3 + 0.6 * e) / 0.8)
    y = law(at).ppf(ndtr(e))
    exact = (weight * y).sum() / weight.sum()
    assert mean[0] == pytest.approx(exact, rel=1e-4)
    assert variance[0] == pytest.approx((weight * (y - exact) ** 2).sum() / weight.sum(), rel=1e-3)
