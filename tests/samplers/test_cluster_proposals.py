"""Proposals for the effects of clusters are near their laws, whatever the counts: all are accepted mostly."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from bayesimpute.samplers.gibbs import count_likelihoods as kinds
from bayesimpute.samplers.gibbs.cluster_moves import move_clusters

pytestmark = pytest.mark.long(8)

CLUSTERS, ROUNDS, MOSTLY = 30, 20, 0.5
Made = tuple[np.ndarray, np.ndarray]
Rng = np.random.Generator


def logistic(eta: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-eta))


def some(rng: Rng, means: np.ndarray) -> np.ndarray:
    none = np.exp(-means)
    return np.maximum(stats.poisson.ppf(none + rng.random(means.size) * (1 - none), means), 1)


def of_gamma(rng: Rng, eta: np.ndarray, shape: float) -> Made:
    alpha = np.exp(shape)
    y = np.maximum(rng.gamma(alpha, np.exp(eta) / alpha), 1e-300)
    return y, np.log(y)


def of_beta(rng: Rng, eta: np.ndarray, shape: float) -> Made:
    kappa = np.exp(shape)
    y = np.clip(rng.beta(logistic(eta) * kappa, logistic(-eta) * kappa), 1e-12, 1 - 1e-12)
    return np.log(y / (1 - y)), np.log1p(-y)


def above_zero(rng: Rng, eta: np.ndarray, shape: float) -> Made:
    sigma = np.exp(shape)
    return stats.truncnorm.rvs(-eta / sigma, np.inf, eta, sigma, random_state=rng), np.full(eta.size, np.inf)


Maker = Callable[[Rng, np.ndarray, float], Made]
MAKERS: dict[str, tuple[int, Maker]] = {
    "yes or no": (
        kinds.BINOMIAL,
        lambda rng, eta, _: (rng.binomial(1, logistic(eta)).astype(float), np.ones(eta.size)),
    ),
    "yes or no, probit": (
        kinds.PROBIT,
        lambda rng, eta, _: (rng.binomial(1, stats.norm.cdf(eta)).astype(float), np.ones(eta.size)),
    ),
    "successes": (
        kinds.BINOMIAL,
        lambda rng, eta, _: (rng.binomial(20, logistic(eta)).astype(float), np.full(eta.size, 20.0)),
    ),
    "poisson": (kinds.POISSON, lambda rng, eta, _: (rng.poisson(np.exp(eta)).astype(float), np.zeros(eta.size))),
    "negative binomial": (
        kinds.NEGATIVE_BINOMIAL,
        lambda rng, eta, _: (rng.poisson(np.exp(eta) * rng.gamma(1, 1, eta.size)).astype(float), np.zeros(eta.size)),
    ),
    "poisson above zero": (kinds.SOME_POISSON, lambda rng, eta, _: (some(rng, np.exp(eta)), np.zeros(eta.size))),
    "negative binomial above zero": (
        kinds.SOME_NEGATIVE_BINOMIAL,
        lambda rng, eta, _: (some(rng, np.exp(eta) * rng.gamma(1, 1, eta.size)), np.zeros(eta.size)),
    ),
    "gamma": (kinds.GAMMA, of_gamma),
    "beta": (kinds.BETA, of_beta),
    "truncated": (kinds.TRUNCATED, above_zero),
}
CASES = {
    "yes or no": ((-4.6, 0), (0, 0)),
    "yes or no, probit": ((-2.6, 0), (0, 0)),
    "successes": ((-4.6, 0), (0, 0)),
    "poisson": ((-4, 0), (0.7, 0), (4, 0)),
    "negative binomial": ((-4, 0), (0.7, 0), (4, 0)),
    "poisson above zero": ((-4, 0), (0.7, 0)),
    "negative binomial above zero": ((-4, 0), (0.7, 0)),
    "gamma": ((0, -1), (0, 2)),
    "beta": ((-3, -1), (-3, 2), (0, 0)),
    "truncated": ((0, 0), (-1, 0)),
}
"""Intercepts, and logarithms of the other parameter."""


@pytest.mark.parametrize("effects", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "centre", "shape"), [(name, *case) for name, cases in CASES.items() for case in cases]
)
def test_proposals_are_mostly_accepted(name: str, centre: float, shape: float, effects: int) -> None:
    """Of small and large clusters, whose effects vary a little and much: where outcomes are rare, too."""
    kind, make = MAKERS[name]
    rng, found = np.random.default_rng(1), {}
    for size in (20, 400):
        for sd in (0.2, 1.0, 2.0):
            of = np.repeat(np.arange(CLUSTERS), size)
            z, h = np.ones((of.size, effects)), rng.normal(size=(CLUSTERS, effects))
            z[:, 1:] = rng.normal(size=(of.size, effects - 1))
            factor = np.diag([sd, sd / 2][:effects])
            eta = centre + rng.normal(0, 0.7, of.size) + (z * (h @ factor.T)[of]).sum(axis=1)
            y, beside = make(rng, eta, shape)
            given = np.int64(kind), of, z, h, eta, y, beside, float(shape), factor
            found[size, sd] = np.mean([move_clusters(rng, *given) for _ in range(ROUNDS)])
    assert min(found.values()) > MOSTLY, found
