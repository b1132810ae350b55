"""The compiled sampler of counts: which models it takes, and posteriors against integration by quadrature."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from agreeing import BATCHES, chain, disagreement
from modelling import completed, only, placed, workspace
from scipy import stats
from scipy.special import expit, gammaln, logit, logsumexp, polygamma

from bayesimpute.families import Beta, Binomial, Gamma
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs, count_likelihoods, gradient_moves
from bayesimpute.samplers.gibbs.count_moves import Counted
from bayesimpute.samplers.gibbs.counts import Counting
from bayesimpute.samplers.gibbs.densities import log_prior
from bayesimpute.samplers.gibbs.engines import engine_for

ERRORS = 4.5


def frame(n: int = 60, clusters: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    g = np.arange(n) % clusters
    years = rng.uniform(0.5, 4.0, n)
    rate = years * np.exp(0.4 + rng.normal(0, 0.6, clusters)[g]) * rng.gamma(2, 0.5, n)
    out = pd.DataFrame({"g": g, "h": np.arange(n) % 5, "x": rng.normal(size=n), "years": years})
    return out.assign(y=np.where(np.arange(n) % 6 == 5, np.nan, rng.poisson(rate)))


def model(item: Conditional, data: pd.DataFrame | None = None) -> ConditionalModel:
    space = workspace(frame() if data is None else data, item)
    done, (_, design), at = completed(space), only(space), placed(space)
    held = at.data(design.matrices(done.columns), done.values["y"]) | at.side(done.values)
    return ConditionalModel(design, held)


@pytest.mark.parametrize(
    ("family", "more", "taken"),
    [
        ("poisson", {}, True),
        ("negative_binomial", {}, True),
        (Binomial(trials=90), {}, True),
        (Binomial(trials=90, link="probit"), {}, False),
        ("negative_binomial", {"formulas": {"alpha": "x"}}, False),
        ("negative_binomial", {"priors": {"x": "Laplace(0, 1)"}}, False),
        ("gamma", {}, True),
        ("beta", {}, True),
        ("gamma", {"formulas": {"alpha": "x"}}, False),
        ("zero_inflated_poisson", {}, True),
    ],
)
def test_what_it_takes(family: Any, more: dict[str, Any], taken: bool) -> None:
    formulas = {"mu": "y ~ x + (1 + x | g) + (1 | h)", **more.pop("formulas", {})}
    data = frame()
    data["y"] = {"gamma": data["y"] + 1, "beta": (data["y"] + 1) / 99}.get(str(family), data["y"])
    made = model(Conditional(target="y", family=family, formulas=formulas, **more), data)
    assert (engine_for(made.design) is not None) == taken == Gibbs().supports(made)


def by_quadrature(y: np.ndarray, e: np.ndarray, g: np.ndarray, priors: dict[str, Any], *, varying: bool) -> list[Any]:
    """Grids of the intercept, the log deviation and log alpha, and the log posterior on them."""
    b, t = np.linspace(-1.2, 1.8, 41), np.linspace(-4.0, 1.2, 41)
    a = np.linspace(-1.5, 6.0, 41) if varying else np.zeros(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(31)
    total = stats.norm(*priors["Intercept"]).logpdf(b)[:, None, None]
    total = total + (stats.halfnorm(0, *priors["sd"]).logpdf(np.exp(t)) + t)[None, :, None]
    if varying:
        total = total + (stats.invgamma(0.5, scale=0.5).logpdf(np.exp(a)) + a)[None, None, :]
    u = np.exp(t)[:, None] * nodes
    for j in np.unique(g):
        inside = np.zeros((len(b), len(t), len(a), len(nodes)))
        for count, exposure in zip(y[g == j], e[g == j], strict=True):
            m = exposure * np.exp(b[:, None, None] + u)[:, :, None, :]
            alpha = np.exp(a)[None, None, :, None]
            if varying:
                ways = gammaln(count + alpha) - gammaln(alpha) - gammaln(count + 1)
                inside += ways + count * np.log(m / alpha) - (count + alpha) * np.log1p(m / alpha)
            else:
                inside += count * np.log(m) - m - gammaln(count + 1)
        total = total + logsumexp(inside + np.log(weights / weights.sum()), axis=-1)
    return [b, t, a, np.exp(total - total.max())]


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_the_posterior_is_that_of_quadrature(family: str) -> None:
    """With exposures: means and second moments of the intercept, the deviation and alpha."""
    item = Conditional.of("y ~ 1 + (1 | g)", family=family, side={"exposure": "years"})
    made = model(item)
    seen, varying = frame().dropna(), family != "poisson"
    (intercept,), (deviation,) = made.design.predictor("mu").priors, made.design.blocks[0].priors
    assert (intercept.name, deviation.name) == ("Normal", "HalfNormal")
    priors = {"Intercept": intercept.args, "sd": deviation.args}
    y, e, g = (seen[name].to_numpy() for name in ("y", "years", "g"))
    b, t, a, weight = by_quadrature(y, e, g, priors, varying=varying)
    found = chain(made, Gibbs(), 6000)
    at = {name: k for k, name in enumerate(made.design.names)}
    grids = {"Intercept": (b, 0), "1|g_sigma": (np.exp(t), 1)} | ({"alpha": (np.exp(a), 2)} if varying else {})
    for name, (grid, axis) in grids.items():
        share = weight.sum(axis=tuple({0, 1, 2} - {axis}))
        share /= share.sum()
        for function in (np.tanh, lambda v: np.tanh(v) ** 2):
            values = function(found[:, at[name]]).reshape(BATCHES, -1).mean(axis=1)
            error = values.std(ddof=1) / np.sqrt(BATCHES)
            assert abs(values.mean() - share @ function(grid)) < ERRORS * error + 2e-4, name


@pytest.mark.slow
@pytest.mark.parametrize("family", ["poisson", "negative_binomial", Binomial(trials=90), "gamma", "beta"])
def test_both_samplers_agree(family: Any) -> None:
    data = frame()
    data["y"] = {"gamma": data["y"] + 1, "beta": (data["y"] + 1) / 99}.get(str(family), data["y"])
    made = model(Conditional.of("y ~ x + (1 + x | g) + (1 | h)", family=family), data)
    found = disagreement(made)
    assert max(found.values()) < ERRORS, found


VALUES = {
    "POISSON": ([0.0, 3.0, 40.0], [0.0] * 3),
    "NEGATIVE_BINOMIAL": ([0.0, 3.0, 40.0], [0.0] * 3),
    "SOME_POISSON": ([1.0, 3.0, 40.0], [0.0] * 3),
    "SOME_NEGATIVE_BINOMIAL": ([1.0, 3.0, 40.0], [0.0] * 3),
    "BINOMIAL": ([0.0, 3.0, 9.0], [9.0] * 3),
    "GAMMA": ([1e-3, 1.0, 60.0], np.log([1e-3, 1.0, 60.0])),
    "PROBIT": ([0.0, 1.0, 1.0], [1.0] * 3),
    "BETA": (logit([0.001, 0.4, 0.99]), np.log1p(-np.array([0.001, 0.4, 0.99]))),
}
"""By kind some values as the kernels have them, and what stands beside them."""


@pytest.mark.parametrize("name", VALUES)
def test_scores_are_derivatives_and_tails_are_finite(name: str) -> None:
    kind, shape, step = getattr(count_likelihoods, name), 0.3, 1e-5
    for eta in (-690.0, -3.0, 0.5, 4.0, 690.0):
        for y, beside in zip(*VALUES[name], strict=True):
            score, weight = count_likelihoods.derivatives(kind, eta, y, beside, shape)
            assert np.isfinite([score, weight]).all() and weight >= 0
            if abs(eta) < 10:
                ends = [count_likelihoods.row_likelihood(kind, eta + s, y, beside, shape) for s in (step, -step)]
                assert score == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", VALUES)
def test_likelihoods_and_scores_of_many_rows_are_those_of_each(name: str) -> None:
    kind, shape = getattr(count_likelihoods, name), 0.3
    etas = np.array([-690.0, -60.0, -3.0, -1e-9, 0.0, 0.5, 4.0, 60.0])
    eta, place = (each.ravel() for each in np.meshgrid(etas, [0, 1, 2]))
    y, beside = (np.asarray(part, dtype=float)[place] for part in VALUES[name])
    found, score, weight = (np.empty(eta.size) for _ in range(3))
    count_likelihoods.likelihoods(kind, eta, y, beside, shape, found)
    count_likelihoods.scores(kind, eta, y, beside, shape, score, weight)
    one = np.array([count_likelihoods.row_likelihood(kind, *row, shape) for row in zip(eta, y, beside)])
    each = np.array([count_likelihoods.derivatives(kind, *row, shape) for row in zip(eta, y, beside)])
    np.testing.assert_allclose(found, one, rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(np.column_stack([score, weight]), each, rtol=1e-13, atol=1e-300)
    assert count_likelihoods.count_likelihood(kind, eta, y, beside, shape) == pytest.approx(one.sum(), rel=1e-13)


def crowd(rare: float = 0.0) -> pd.DataFrame:
    """Yes and no of 4,000 rows in 40 clusters, with five predictors."""
    rng, n = np.random.default_rng(5), 4000
    out = pd.DataFrame(rng.normal(size=(n, 5)), columns=list("abcde")).assign(g=np.arange(n) % 40)
    odds = 0.5 * out["a"] - 0.3 * out["b"] + rng.normal(0, 0.7, 40)[out["g"]] - rare
    return out.assign(y=np.where(np.arange(n) % 9 == 8, np.nan, rng.random(n) < expit(odds)))


CROWDED = Conditional.of("y ~ a + b + c + d + e + (1 | g)", family="bernoulli")


@pytest.mark.parametrize(("rare", "counted"), [(0.0, True), (7.0, False)])
def test_yes_or_no_of_very_many_rows_is_successes_in_one_trial(rare: float, counted: bool) -> None:
    """Unless one of the two is rare."""
    made = model(CROWDED, crowd(rare))
    posterior = Gibbs().compile(made)
    posterior._set(made.data)
    assert isinstance(posterior.fitted, Counting) == counted


@pytest.mark.slow
def test_it_has_the_posterior_of_latent_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    made, functions = model(CROWDED, crowd()), []
    for worth in (gradient_moves.WORTH, np.inf):
        monkeypatch.setattr(gradient_moves, "WORTH", worth)
        functions.append(chain(made, Gibbs(), 4000, 2).reshape(BATCHES, 100, -1).mean(axis=1))
    first, second = functions
    error = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / BATCHES)
    assert np.max(np.abs(first.mean(axis=0) - second.mean(axis=0)) / error) < ERRORS


@pytest.mark.parametrize(("family", "name"), [(Gamma(), "alpha"), (Beta(), "kappa")])
def test_likelihoods_of_positive_numbers_and_proportions_are_the_familys(family: Any, name: str) -> None:
    """As functions of the predictor, and of the other parameter, up to constants; the information too."""
    rng, kind = np.random.default_rng(7), getattr(count_likelihoods, family.name.upper())
    plain = rng.gamma(2, 1, 40) if family.name == "gamma" else rng.beta(2, 3, 40)
    y, beside = (plain, np.log(plain)) if family.name == "gamma" else (logit(plain), np.log1p(-plain))
    link, eta = (np.exp if family.name == "gamma" else expit), rng.normal(size=40)
    counted = Counted(np.int64(kind), beside, 0 * y, y[:1], y[:1], *map(np.array, (0, [0.0, 1.0])))
    found, wanted, prior = [], [], []
    for shape in (-0.5, 1.2):
        theta = {"mu": link(eta), name: np.array(np.exp(shape))}
        wanted.append(family.logp(plain, theta).sum())
        found.append(count_likelihoods.shape_density(shape, eta, y, counted))
        prior.append(log_prior(np.int64(0), 0.0, 1.0, shape))
        other = {**theta, "mu": link(eta + 0.3)}
        moved = [count_likelihoods.count_likelihood(kind, at, y, beside, shape) for at in (eta, eta + 0.3)]
        assert moved[1] - moved[0] == pytest.approx((family.logp(plain, other) - family.logp(plain, theta)).sum())
        weights = [count_likelihoods.derivatives(kind, e, v, b, shape)[1] for e, v, b in zip(eta, y, beside)]
        np.testing.assert_allclose(weights, family.information(theta, plain), rtol=1e-7)
    assert found[1] - found[0] - (prior[1] - prior[0]) == pytest.approx(wanted[1] - wanted[0])


def test_derivatives_of_log_gamma() -> None:
    for x in (1e-6, 0.3, 2.0, 5.9, 6.1, 1e4):
        assert count_likelihoods.digamma(x) == pytest.approx(polygamma(0, x), rel=1e-9)
        assert count_likelihoods.trigamma(x) == pytest.approx(polygamma(1, x), rel=1e-8)
