"""Bitterness of wine (Randall 1989, Biometrical Journal 31:781): our posterior beside two that need no sampler of ours.

Nine judges rate two bottles at each of four treatments, 1 to 5: the cumulative logit model with random intercepts that
``clmm(rating ~ temp + contact + (1 | judge))`` of R's package `ordinal` fits. The marginal likelihood is found here by
quadrature; its maximum is what clmm prints (to Laplace's approximation), and with the priors of the run it is sampled
by importance, so that posteriors are held to posteriors: with nine judges their means are not modes.

    python -m pytest -m slow tests/case_studies/test_wine.py
"""

from collections.abc import Callable, Mapping
from functools import cached_property

import arviz as az
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from scipy.special import expit, logsumexp

import bayesimpute as bi

pytestmark = pytest.mark.slow

RATINGS = ["23344455", "12132354", "23325544", "32323253", "23433333", "32322454", "11222323", "22233334", "12323244"]
"""A text a judge, two bottles each: cold, cold with contact of juice and skins, warm, warm with contact."""
TREATMENT = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
LABELS = 5
CLMM = {
    "temp": 3.063,
    "contact": 1.835,
    "variance": 1.28,
    "cutpoints[1]": -1.624,
    "cutpoints[2]": 1.513,
    "cutpoints[3]": 4.228,
    "cutpoints[4]": 6.089,
}
"""As the package prints them (Christensen, the vignette `clmm2 tutorial`)."""
PRIORS = {
    "temp": "Normal(0, 10)",
    "contact": "Normal(0, 10)",
    "1|judge_sigma": "HalfNormal(5)",
    "cutpoints": "DirichletLogit(1)",
}
ERRORS = 4.0
NAMES = (*(f"cutpoints[{k}]" for k in range(1, LABELS)), "temp", "contact", "1|judge_sigma")


class Reference:
    """The marginal likelihood by quadrature, and what comes of it.

    Parameters are free numbers: the first cutpoint, logs of the steps between cutpoints, both slopes, and the log of
    the standard deviation between judges.
    """

    def __init__(self) -> None:
        x, w = np.polynomial.hermite_e.hermegauss(60)
        self.nodes, self.log_weights = x, np.log(w / w.sum())
        self.counts = np.zeros((len(RATINGS), len(TREATMENT), LABELS))
        for judge, row in enumerate(RATINGS):
            for place, label in enumerate(row):
                self.counts[judge, place // 2, int(label) - 1] += 1

    @staticmethod
    def natural(free: np.ndarray) -> np.ndarray:
        """Of free numbers (draw, 7), the parameters by :data:`NAMES`."""
        cutpoints = np.cumsum(np.concatenate([free[:, :1], np.exp(free[:, 1:4])], axis=1), axis=1)
        return np.concatenate([cutpoints, free[:, 4:6], np.exp(free[:, 6:])], axis=1)

    def log_likelihood(self, free: np.ndarray) -> np.ndarray:
        """Judges' effects integrated out, shape (draw,)."""
        p = self.natural(free)
        eta = p[:, 4:6] @ TREATMENT.T
        mean = eta[:, None, :] + p[:, 6, None, None] * self.nodes[:, None]
        below = expit(p[:, None, None, :4] - mean[..., None])
        shares = np.diff(below, axis=-1, prepend=0.0, append=1.0)
        table = np.log(np.maximum(shares, 1e-300)).reshape(len(p), len(self.nodes), -1)
        judges = table @ self.counts.reshape(len(RATINGS), -1).T
        return logsumexp(judges + self.log_weights[:, None], axis=1).sum(axis=1)

    def log_posterior(self, free: np.ndarray) -> np.ndarray:
        """With the priors of the run; those of cutpoints are at the means of both columns, one half."""
        p = self.natural(free)
        cutpoints = p[:, :4] - p[:, 4:6].sum(axis=1, keepdims=True) / 2
        slopes = stats.norm.logpdf(p[:, 4:6], 0, 10).sum(axis=1)
        spread = stats.halfnorm.logpdf(p[:, 6], 0, 5)
        # all shares equally likely: the density of the cutpoints is that of the map from them to shares
        flat = stats.logistic.logpdf(cutpoints).sum(axis=1)
        jacobian = free[:, 1:4].sum(axis=1) + free[:, 6]
        return self.log_likelihood(free) + slopes + spread + flat + jacobian

    @cached_property
    def maximum(self) -> np.ndarray:
        """Of the likelihood, free numbers."""
        return self._highest(self.log_likelihood)[0]

    @staticmethod
    def _highest(density: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        start = np.array([-1.0, 1.0, 1.0, 0.5, 2.0, 1.0, 0.0])
        found = optimize.minimize(lambda x: -density(x[None])[0], start, method="BFGS", options={"gtol": 1e-4})
        return found.x, np.asarray(found.hess_inv)

    @cached_property
    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """Draws of the parameters (draw, 7) and their weights, from a t distribution about the mode."""
        mode, covariance = self._highest(self.log_posterior)
        law = stats.multivariate_t(mode, 1.3 * (covariance + covariance.T) / 2, df=5, seed=1)
        free = law.rvs(20_000)
        logs = np.concatenate([self.log_posterior(rows) for rows in np.split(free, 20)]) - law.logpdf(free)
        return self.natural(free), np.exp(logs - logsumexp(logs))

    def mean_and_sd(self) -> Mapping[str, tuple[float, float, float]]:
        """Of each parameter, with the number of independent draws that the weights are worth."""
        draws, weights = self.sample
        mean = weights @ draws
        sd = np.sqrt(weights @ (draws - mean) ** 2)
        return {n: (mean[k], sd[k], 1 / (weights**2).sum()) for k, n in enumerate(NAMES)}


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference()


@pytest.fixture(scope="module")
def draws() -> Mapping[str, np.ndarray]:
    """Of our run, by name, each of shape (chain, draw); one more is missing, as something must be.

    At one half of both columns, so that these keep their means.
    """
    cells = [(judge, *TREATMENT[k // 2], float(c)) for judge, row in enumerate(RATINGS) for k, c in enumerate(row)]
    frame = pd.DataFrame([*cells, (0, 0.5, 0.5, np.nan)], columns=pd.Index(["judge", "temp", "contact", "rating"]))
    item = bi.Conditional.of("rating ~ temp + contact + (1 | judge)", family="ordinal", priors=PRIORS)
    plan = bi.Plan.of([item], run=bi.Run(m=4, chains=4, warmup=200, sweeps=3000))
    found = bi.impute(frame, plan, seed=1, progress=False).draws("rating").values()
    return {str(v.attrs["name"]): v.values for v in found if v.ndim == 2}


def test_the_maximum_is_that_of_clmm(reference: Reference) -> None:
    ours = dict(zip(NAMES, reference.natural(reference.maximum[None])[0], strict=True))
    ours["variance"] = ours["1|judge_sigma"] ** 2
    for name, value in CLMM.items():
        assert abs(ours[name] - value) < 0.03, (name, ours[name])


def test_the_posterior_is_that_of_importance_sampling(reference: Reference, draws: Mapping[str, np.ndarray]) -> None:
    for name, (mean, sd, size) in reference.mean_and_sd().items():
        ess = float(az.ess(draws[name]))
        assert ess > 400 and size > 2000
        error = sd * np.sqrt(1 / ess + 1 / size)
        assert abs(draws[name].mean() - mean) < ERRORS * error, (name, draws[name].mean(), mean, error)
        # the kurtosis of a standard deviation's posterior makes the error of its spread larger than a normal's
        assert abs(np.log(draws[name].std() / sd)) < ERRORS * 1.5 * error / sd, (name, draws[name].std(), sd)


def test_published_estimates_are_in_the_middle_of_the_posterior(draws: Mapping[str, np.ndarray]) -> None:
    for name in NAMES[:-1]:
        values = draws[name]
        assert abs(values.mean() - CLMM[name]) < 0.5 * values.std(), (name, values.mean(), values.std())
    low, high = np.quantile(draws["1|judge_sigma"], [0.1, 0.9])
    assert low < CLMM["variance"] ** 0.5 < high
