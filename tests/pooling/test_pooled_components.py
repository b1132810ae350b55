"""Intervals of variances, correlations, ICC and R²: the boundary's posterior against integration, pooling by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesimpute.analysis import fit
from bayesimpute.analysis.estimates import Estimate, Quantity
from bayesimpute.analysis.mixed import RandomTerm, solve
from bayesimpute.analysis.variance_posterior import VariancePosterior, log_densities
from bayesimpute.pooling import pool

pytestmark = pytest.mark.long(7)


def clustered(seed: int, *, sd: float, slope: float = 0.0, clusters: int = 12, size: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(clusters), size)
    x, u, v = rng.normal(size=len(g)), sd * rng.normal(size=clusters), slope * rng.normal(size=clusters)
    return pd.DataFrame({"g": g, "x": x, "y": 1 + u[g] + (0.5 + v[g]) * x + rng.normal(size=len(g))})


def posterior_of(frame: pd.DataFrame, q: int) -> VariancePosterior:
    x = np.column_stack([np.ones(len(frame)), frame["x"]])
    term = RandomTerm(group="g", names=("Intercept", "x")[:q], codes=frame["g"].to_numpy(), z=x[:, :q])
    problem, theta, _ = solve(frame["y"].to_numpy(), x, [term], reml=True)
    return VariancePosterior(problem, theta)


@pytest.mark.by_default("0.8")
@pytest.mark.parametrize("sd", [0.0, 0.8])
def test_draws_of_a_variance_are_those_of_integration(sd: float) -> None:
    """One effect: the posterior of its SD and of log σ on a grid, with the prior written out anew."""
    frame = clustered(3, sd=sd)
    posterior = posterior_of(frame, 1)
    draws = posterior.draws(np.random.default_rng(1))
    sds, log_sigmas = np.linspace(1e-4, 4, 300), np.linspace(-0.6, 0.6, 40)
    basis = float(posterior.problem.random[0].basis[0, 0])
    # θ = A τ / σ; uniform on τ and on log σ; sds weigh the grid evenly
    grid = [[(abs(basis) * t / np.exp(s), np.exp(s)) for s in log_sigmas] for t in sds]
    criterion = posterior.problem.criterion
    log_density_of = np.array([[-0.5 * criterion(np.array([theta]), sigma) for theta, sigma in row] for row in grid])
    weights = np.exp(log_density_of - log_density_of.max()).sum(axis=1)
    cumulated = np.cumsum(weights) / weights.sum()
    found = np.sqrt(draws[:, 0])  # the first quantity is the variance of the intercept
    # draws of one sweep of the ensemble are nearly independent, those ten sweeps apart not quite: a tenth counts
    for probability in (0.1, 0.5, 0.9, 0.975):
        exact = float(np.interp(probability, cumulated, sds))
        error = np.sqrt(probability * (1 - probability) / (len(found) / 10))
        assert abs((found < exact).mean() - probability) < 4 * error


def test_the_prior_of_two_effects_is_uniform_on_sds_and_correlation() -> None:
    """Without the likelihood: the density of θ, times the Jacobian of (τ1, τ2, ρ), is constant."""
    posterior = posterior_of(clustered(4, sd=0.8, slope=0.8), 2)
    problem, rng = posterior.problem, np.random.default_rng(2)

    def theta_of(sds: np.ndarray, rho: float, sigma: float) -> np.ndarray:
        matrix = np.outer(sds, sds) * np.array([[1, rho], [rho, 1]]) / sigma**2
        basis = problem.random[0].basis
        return np.linalg.cholesky(basis @ matrix @ basis.T)[np.tril_indices(2)]

    constants = []
    for _ in range(6):
        sds, rho, log_sigma = rng.uniform(0.2, 2, 2), rng.uniform(-0.9, 0.9), rng.normal(0, 0.3)
        at = np.array([*sds, rho])
        h = 1e-6 * np.eye(3)
        sigma = float(np.exp(log_sigma))
        columns = [
            (theta_of((at + d)[:2], (at + d)[2], sigma) - theta_of((at - d)[:2], (at - d)[2], sigma)) / 2e-6 for d in h
        ]
        point = np.append(theta_of(sds, rho, sigma), log_sigma)
        prior = log_densities(problem, point[None])[0] + 0.5 * problem.criterion(point[:-1], sigma)
        constants.append(prior + np.linalg.slogdet(np.column_stack(columns))[1])
    assert np.ptp(constants) < 1e-6


@pytest.mark.parametrize("reml", [False, True])
def test_many_criteria_are_each_of_them(reml: bool) -> None:
    rng = np.random.default_rng(4)
    problem = replace(posterior_of(clustered(4, sd=0.8, slope=0.8), 2).problem, reml=reml)
    thetas, sigmas = rng.normal(size=(5, 3)), rng.uniform(0.5, 2, 5)
    expected = [problem.criterion(theta, sigma) for theta, sigma in zip(thetas, sigmas, strict=True)]
    np.testing.assert_allclose(problem.criteria(thetas, sigmas), expected, rtol=1e-12)
    thetas[2] = 1e200  # no residual variance is left, to rounding: the others do not suffer
    found = problem.criteria(thetas, sigmas)
    np.testing.assert_allclose(found[[0, 1, 3, 4]], np.array(expected)[[0, 1, 3, 4]], rtol=1e-12)


def test_where_all_fits_are_inside_intervals_are_rubins_on_the_scale() -> None:
    fits = [fit("y ~ x + (1 | g)", clustered(seed, sd=0.9)) for seed in range(4)]
    row = pool(fits).variance_components.iloc[0]
    logs = np.log([f.quantities[0].estimate for f in fits])
    t = np.mean([f.quantities[0].std_error ** 2 for f in fits]) + 1.25 * logs.var(ddof=1)
    riv = 1.25 * logs.var(ddof=1) / (t - 1.25 * logs.var(ddof=1))
    half = stats.t(3 * (1 + 1 / riv) ** 2).ppf(0.975) * np.sqrt(t)
    assert row["method"] == "log scale"
    assert row["estimate"] == pytest.approx(np.exp(logs).mean(), rel=1e-12)
    ends = np.log(row[["conf_low", "conf_high"]].to_numpy(float))
    np.testing.assert_allclose(ends, np.array([-half, half]) + logs.mean(), rtol=1e-9)


@pytest.mark.slow
def test_intervals_of_variances_cover_in_complete_data() -> None:
    truth, covered = {"g": 0.81, "Residual": 1.0}, {"g": 0, "Residual": 0}
    replicates = 80
    for seed in range(replicates):
        one = fit("y ~ x + (1 | g)", clustered(seed, sd=0.9, clusters=40, size=5))
        for row in pool([one, one]).variance_components.to_dict("records"):
            covered[row["group"]] += row["conf_low"] <= truth[row["group"]] <= row["conf_high"]
    error = np.sqrt(0.95 * 0.05 / replicates)
    assert all(abs(count / replicates - 0.95) < 3 * error for count in covered.values()), covered


@pytest.mark.slow
def test_one_fit_at_the_boundary_is_enough_for_posteriors() -> None:
    data = [clustered(1, sd=0.9, slope=0.9), clustered(2, sd=0.9, slope=0.9), clustered(4, sd=0.3)]
    fits = [fit("y ~ x + (1 + x | g)", frame) for frame in data]
    assert any("singular" in message for message in fits[2].messages)
    pooled = pool(fits)
    methods = dict(zip(pooled.variance_components["name"], pooled.variance_components["method"], strict=True))
    mixed = dict.fromkeys(("Intercept", "x"), "mixed posteriors")
    assert methods == mixed | {"Intercept~~x": "", "Residual": "log scale"}
    table = pooled.variance_components
    assert ((table["conf_low"] > 0) & (table["conf_low"] < table["conf_high"]))[[0, 1, 3]].all()
    correlation = pooled.quantities.iloc[0]
    assert correlation["method"] == "mixed posteriors"
    assert -1 <= correlation["conf_low"] < correlation["conf_high"] <= 1
    assert pool(fits).to_json_dict() == pooled.to_json_dict()  # the draws are seeded


def test_identical_datasets_give_the_interval_of_the_complete_data() -> None:
    one = fit("y ~ x + (1 | g)", clustered(2, sd=0.9))
    row = pool([one] * 5).variance_components.iloc[0]
    first = one.quantities[0]
    expected = first.estimate * np.exp(np.array([-1, 1]) * 1.959964 * first.std_error)
    np.testing.assert_allclose(row[["conf_low", "conf_high"]].to_numpy(float), expected, rtol=1e-6)


def test_without_posterior_there_is_no_interval_and_it_is_not_invented() -> None:
    quantity = Quantity(kind="variance", group="g", name="Intercept", estimate=0.0, scale="log", std_error=np.nan)
    plain = Estimate(terms=("a",), estimates=np.ones(1), covariance=np.eye(1), quantities=(quantity,))
    assert pool([plain, replace(plain)]).variance_components.empty
