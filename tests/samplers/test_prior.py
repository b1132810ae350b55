"""Draws from the prior: the distributions that the design names, whatever the data."""

import numpy as np
import pytest
from graphs import LOGPDF
from modelling import conditional, graph_data, only, school_frame, workspace
from scipy import integrate, stats

from bayesimpute.base.priors import Prior
from bayesimpute.designs.graph import vectors
from bayesimpute.samplers import SAMPLERS, ConditionalModel, Nuts, PriorSampler, choose
from bayesimpute.samplers.prior import prior_draw

PRIORS = {
    "x": "StudentT(4, 1, 2)",
    "1|school_sigma": "Gamma(3, 0.5)",
    "x|school_sigma": "LogNormal(-1, 0.4)",
    "school_corr": "LKJ(3)",
    "sigma": "InverseGamma(4, 20)",
}
N = 2000


@pytest.fixture(scope="module")
def space():
    frame = school_frame()
    return workspace(frame.assign(b=0.5), conditional("y ~ x + (1 + x | school)", priors=PRIORS))


def cdf(prior: Prior, x: float, lower: float) -> float:
    return integrate.quad(lambda v: np.exp(LOGPDF[prior.name](v, *prior.args)), lower, x, limit=200)[0]


def test_parameters_follow_their_priors(space) -> None:
    _, design = only(space)
    rng = np.random.default_rng(1)
    draws = [prior_draw(design, rng) for _ in range(N)]
    columns = {
        **{("mu", k): design.predictors[0].priors[k] for k in range(2)},
        ("block0_sd", 0): design.blocks[0].priors[0],
        ("block0_sd", 1): design.blocks[0].priors[1],
        ("sigma", None): design.predictors[1].priors[0],
    }
    for (name, k), prior in columns.items():
        values = np.array([d[name] if k is None else d[name][k] for d in draws])
        lower = -np.inf if prior.support == "real" else 0.0
        for q in (0.1, 0.5, 0.9):
            share = cdf(prior, float(np.quantile(values, q)), lower)
            assert abs(share - q) < 4 * np.sqrt(q * (1 - q) / N), (name, k, q)
    correlations = np.array([d["block0_corr"][0] for d in draws])
    assert stats.kstest(correlations, stats.beta(3, 3, loc=-1, scale=2).cdf).pvalue > 1e-4


def test_effects_have_the_covariance_of_their_draw(space) -> None:
    _, design = only(space)
    rng, whitened = np.random.default_rng(2), []
    for _ in range(200):
        d = prior_draw(design, rng)
        r, sd = d["block0_corr"][0], d["block0_sd"]
        root = np.linalg.cholesky(np.outer(sd, sd) * np.array([[1, r], [r, 1]]))
        whitened.append(np.linalg.solve(root, d["block0"].T).T)
    z = np.concatenate(whitened)
    assert stats.kstest(z[:, 0], "norm").pvalue > 1e-4
    assert stats.kstest(z[:, 1], "norm").pvalue > 1e-4
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / np.sqrt(len(z))


def test_the_prior_sampler_ignores_the_data_and_counts_its_visits(space) -> None:
    _, design = only(space)
    data = graph_data(space)
    posterior = PriorSampler().compile(ConditionalModel(design, data))
    state = posterior.init(data, np.random.default_rng(1))
    one, first, stats_ = posterior.step(state, data, np.random.default_rng(5), transitions=3, tune=True)
    _, second, _ = posterior.step(one, {}, np.random.default_rng(5))
    assert (int(state.arrays["visits"]), int(one.arrays["visits"])) == (0, 1)
    assert (stats_.transitions, stats_.divergences) == (3, 0)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])
    assert set(vectors(design)) >= {"mu", "sigma", "block0_sd", "block0_partial"}


def test_samplers_are_chosen_by_name_and_automatic_ones_are_exact(space) -> None:
    model = ConditionalModel(only(space)[1], {})
    assert type(choose("prior", model)) is SAMPLERS["prior"]
    assert type(choose("nuts", model)) is SAMPLERS["nuts"]
    assert not isinstance(choose("auto", model), PriorSampler)
    assert isinstance(choose("gibbs", model), Nuts), "for a yes/no variable, as for any other model"
    assert all(SAMPLERS[name]().supports(model) for name in ("nuts", "prior"))
