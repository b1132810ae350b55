"""Two-level data of families with a compiled sampler, holes in y and in a covariate, plans, and what is asked of them.

Thirty clusters of twenty; 40 % of y and of x are missing at random given the complete z, each for itself. The models
make the data in their order, so that compatible plans are of the very models that made them; y of the family `pmm` is
normal, and has no density, so that its plan is chained equations, which of normal variables are compatible too.

A replicate is compared with what its own complete data say, by statistics that need no model of the family: a linear
regression of a score of y, both means, and the variance of y's score between clusters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from deltas import holed, imputed, least_squares
from scipy.special import expit, logit, ndtr, ndtri
from scipy.stats import poisson as poisson_law

import bayesimpute as bi
from bayesimpute.families import Binomial, Bounded, Family, PredictiveMeanMatching, Semicontinuous
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan

CLUSTERS, SIZE = 30, 20
TERMS = ("Intercept", "x", "z", "mean of y", "mean of x", "variance between clusters")
BETWEEN = TERMS.index(TERMS[-1])
SETTINGS = Run(m=5, chains=5, warmup=25, sweeps=1, sampler="auto", steps=1)


def effects(rng: np.random.Generator, g: np.ndarray) -> np.ndarray:
    """Of clusters, with the standard deviation .8, by row."""
    return rng.normal(0, 0.8, CLUSTERS)[g]


def ordinal(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    latent = eta + effects(rng, g) + rng.logistic(size=len(g))
    return np.searchsorted([-1.2, 0.3, 1.6], latent).astype(float)


def categorical(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    logits = np.column_stack([np.zeros(len(g)), eta + effects(rng, g), 0.3 - 0.6 * eta + effects(rng, g)])
    return np.array(["a", "b", "c"], dtype=object)[(logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]


def poisson(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return rng.poisson(np.exp(0.5 + 0.6 * (eta + effects(rng, g)))).astype(float)


def negative_binomial(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    mean = np.exp(0.8 + 0.6 * (eta + effects(rng, g)))
    return rng.poisson(mean * rng.gamma(3.0, 1 / 3, len(g))).astype(float)


def binomial(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return rng.binomial(8, expit(eta - 0.3 + effects(rng, g))).astype(float)


def lognormal(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.exp(1 + eta + effects(rng, g) + rng.normal(0, 0.8, len(g)))


def share(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return expit(eta + effects(rng, g) + rng.normal(0, 0.8, len(g)))


def censored(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.clip(1 + eta + effects(rng, g) + rng.normal(size=len(g)), 0.0, 2.5)


def normal(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return 1 + eta + effects(rng, g) + rng.normal(size=len(g))


def heavy(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return 1 + eta + effects(rng, g) + rng.standard_t(4, size=len(g))


def yes_no(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return (rng.random(len(g)) < expit(eta - 0.3 + effects(rng, g))).astype(float)


def gamma(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return rng.gamma(3.0, np.exp(0.5 + 0.6 * (eta + effects(rng, g))) / 3)


def proportion(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    mean = expit(0.5 * (eta + effects(rng, g)))
    return rng.beta(12 * mean, 12 * (1 - mean))


def skewed(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The Yeo-Johnson power .7 of it is normal."""
    z = 0.6 * (eta + effects(rng, g)) + rng.normal(0, 0.7, len(g))
    own = np.where(z < 0, 1.3, 0.7)
    return np.sign(z) * np.expm1(np.log1p(own * np.abs(z)) / own)


def truncated(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    mean = 1 + 0.6 * (eta + effects(rng, g))
    low, high = ndtr(-mean), ndtr(2.5 - mean)
    return mean + ndtri(low + rng.random(len(g)) * (high - low))


def nothing(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Where there is nothing, by a part with effects of its own."""
    return rng.random(len(g)) < expit(-0.6 - 0.6 * eta + effects(rng, g))


def amount(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.where(nothing(rng, eta, g), 0.0, lognormal(rng, eta, g))


def zero_inflated(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.where(nothing(rng, eta, g), 0.0, rng.poisson(np.exp(1 + 0.5 * (eta + effects(rng, g)))))


def hurdle(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Counts above zero by their quantile."""
    mean = np.exp(0.7 + 0.5 * (eta + effects(rng, g)))
    least = np.exp(-mean)
    return np.where(nothing(rng, eta, g), 0.0, poisson_law.ppf(least + rng.random(len(g)) * (1 - least), mean))


def proportion_with_ends(rng: np.random.Generator, eta: np.ndarray, g: np.ndarray) -> np.ndarray:
    one = rng.random(len(g)) < expit(-1 + 0.6 * eta + effects(rng, g))
    return np.where(nothing(rng, eta, g), 0.0, np.where(one, 1.0, proportion(rng, eta, g)))


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A family, how its data are made, and the score of y that is analysed."""

    family: str | Family
    make: Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]
    score: Callable[[pd.Series], np.ndarray] = lambda y: y.to_numpy(dtype=float)
    chained: bool = False

    def sample(self, seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """Complete data, and by variable the rows in which it is missing."""
        rng = np.random.default_rng([31, seed])
        g = np.repeat(np.arange(CLUSTERS), SIZE)
        z = rng.normal(size=len(g))
        x = 0.5 * z + rng.normal(0, 0.6, CLUSTERS)[g] + rng.normal(size=len(g))
        frame = pd.DataFrame({"g": g, "z": z, "x": x, "y": self.make(rng, 0.6 * x + 0.3 * z, g)})
        return frame, {"y": rng.random(len(g)) < expit(-0.5 + 0.8 * z), "x": rng.random(len(g)) < expit(-0.5 - 0.8 * z)}

    def plan(self, *, clustered: bool = True) -> Plan:
        """The right one, or one that knows nothing of clusters."""
        groups = " + (1 | g)" if clustered else ""
        if self.chained:  # given the means of clusters, too: those of x and of y move each other
            means = (" + cluster_mean(x, g)", " + cluster_mean(y, g)") if clustered else ("", "")
            y = bi.Conditional.of(f"y ~ x + z{means[0]}{groups}", family=self.family)
            return Plan.of([y, f"x ~ y + z{means[1]} + cluster_mean(z, g){groups}"], run=SETTINGS)
        y = bi.Conditional.of(f"y ~ x + z{groups}", family=self.family)
        return Plan.of([f"x ~ z{groups}"], substantive=(y,), run=SETTINGS)

    def answers(self, frame: pd.DataFrame) -> np.ndarray:
        """By :data:`TERMS`, of complete data."""
        scored = frame.assign(y=self.score(frame["y"]))
        by = scored.groupby("g")["y"]
        between = by.mean().var() - (by.var() / by.size()).mean()
        return np.array([*least_squares(scored, "y", "x", "z"), scored["y"].mean(), scored["x"].mean(), between])

    def gaps(self, replicates: int, *, clustered: bool = True) -> np.ndarray:
        """Pooled estimates minus those of the complete data, shape (replicate, term)."""
        found = []
        for seed in range(replicates):
            sample = self.sample(seed)
            run = imputed(self.plan(clustered=clustered), holed(sample), seed)
            found.append(np.mean([self.answers(frame) for frame in run], axis=0) - self.answers(sample[0]))
        return np.array(found)


def logs(y: pd.Series) -> np.ndarray:
    return np.log(y.to_numpy(dtype=float))


def logits(y: pd.Series) -> np.ndarray:
    return logit(y.to_numpy(dtype=float))


def logs_of_more(y: pd.Series) -> np.ndarray:
    return np.log1p(y.to_numpy(dtype=float))


SETUPS: dict[str, Setup] = {
    "ordinal": Setup(family="ordinal", make=ordinal),
    "categorical": Setup(family="categorical", make=categorical, score=lambda y: (y == "b").to_numpy(dtype=float)),
    "poisson": Setup(family="poisson", make=poisson, score=logs_of_more),
    "negative_binomial": Setup(family="negative_binomial", make=negative_binomial, score=logs_of_more),
    "binomial": Setup(family=Binomial(trials=8), make=binomial),
    "lognormal": Setup(family="lognormal", make=lognormal, score=logs),
    "logitnormal": Setup(family="logitnormal", make=share, score=logits),
    "bounded": Setup(family=Bounded(limits=(0.0, 2.5), at_limits="censored"), make=censored),
    "student_t": Setup(family="student_t", make=heavy),
    "bernoulli": Setup(family="bernoulli", make=yes_no),
    "gamma": Setup(family="gamma", make=gamma, score=logs),
    "beta": Setup(family="beta", make=proportion),
    "skewed": Setup(family="skewed", make=skewed),
    "truncated": Setup(family=Bounded(limits=(0.0, 2.5)), make=truncated),
    "semicontinuous": Setup(family=Semicontinuous(positive="lognormal"), make=amount, score=logs_of_more),
    "zero_inflated_poisson": Setup(family="zero_inflated_poisson", make=zero_inflated, score=logs_of_more),
    "hurdle_poisson": Setup(family="hurdle_poisson", make=hurdle, score=logs_of_more),
    "zero_one_inflated_beta": Setup(family="zero_one_inflated_beta", make=proportion_with_ends),
    "pmm": Setup(family=PredictiveMeanMatching(on="gaussian"), make=normal, chained=True),
}
