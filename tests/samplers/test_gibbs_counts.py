"""The compiled sampler of counts: which models it takes, and posteriors against integration by quadrature."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import completed, only, placed, workspace
from scipy import stats
from scipy.special import gammaln, logsumexp

from bayesimpute.families import Binomial
from bayesimpute.plan.conditional import Conditional
from bayesimpute.samplers import ConditionalModel, Nuts
from bayesimpute.samplers.gibbs import Gibbs, count_likelihoods
from bayesimpute.samplers.gibbs.engines import engine_for

ERRORS = 4.5
BATCHES = 40


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
        ("zero_inflated_poisson", {}, False),
        ("hurdle_negative_binomial", {}, False),
    ],
)
def test_what_it_takes(family: Any, more: dict[str, Any], taken: bool) -> None:
    formulas = {"mu": "y ~ x + (1 + x | g) + (1 | h)", **more.pop("formulas", {})}
    made = model(Conditional(target="y", family=family, formulas=formulas, **more))
    assert (engine_for(made.design) is not None) == taken == Gibbs().supports(made)


def chain(made: ConditionalModel, sampler: Any, sweeps: int, thin: int = 1) -> np.ndarray:
    """Parameters in the user's units, shape (sweep, parameter)."""
    posterior, rng, rows = sampler.compile(made), np.random.default_rng(1), []
    state = posterior.init(made.data, rng)
    for _ in range(sweeps):
        state, draw, _ = posterior.step(state, made.data, rng, transitions=thin)
        rows.append(made.design.posterior(draw))
    return np.array(rows)


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
@pytest.mark.parametrize("family", ["poisson", "negative_binomial", Binomial(trials=90)])
def test_both_samplers_agree(family: Any) -> None:
    made = model(Conditional.of("y ~ x + (1 + x | g) + (1 | h)", family=family))
    chains = [chain(made, sampler, 4000, thin) for sampler, thin in ((Gibbs(), 2), (Nuts(), 1))]
    for k, name in enumerate(made.design.names):
        for function in (np.tanh, lambda v: np.tanh(v) ** 2):
            batches = [function(c[:, k]).reshape(BATCHES, -1).mean(axis=1) for c in chains]
            error = np.sqrt(sum(v.var(ddof=1) / BATCHES for v in batches))
            assert abs(batches[0].mean() - batches[1].mean()) < ERRORS * error, name


@pytest.mark.parametrize("kind", [count_likelihoods.POISSON, count_likelihoods.NEGATIVE_BINOMIAL])
def test_scores_are_derivatives_and_tails_are_finite(kind: int) -> None:
    y, shape, step = np.array([0.0, 3.0, 40.0]), 0.3, 1e-5
    for eta in (-700.0, -3.0, 0.5, 4.0, 690.0):
        for count in y:
            score, weight = count_likelihoods.derivatives(kind, eta, count, 0.0, shape)
            assert np.isfinite([score, weight]).all() and weight >= 0
            if abs(eta) < 10:
                ends = [count_likelihoods.row_likelihood(kind, eta + s, count, 0.0, shape) for s in (step, -step)]
                assert score == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-6)
