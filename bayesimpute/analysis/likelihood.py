"""Likelihoods of models on completed data, for the tests D2 to D4: at their maximum, at other parameters, and stacked.

Maximum likelihood, whatever the analysis itself was fitted by (as R's ``anova`` refits). A mixed model's parameters are
coefficients, variances and covariances on their own scale, which is what mitml averages for D3.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import log, pi
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.categories import ordered, unordered
from bayesimpute.analysis.fitting import arrays
from bayesimpute.analysis.generalised_estimates import likelihood_parts
from bayesimpute.analysis.generalised_mixed import maximum
from bayesimpute.analysis.mixed import MixedProblem, covariances, solve
from bayesimpute.analysis.model import Model
from bayesimpute.analysis.regression import law
from bayesimpute.analysis.rows import Problem
from bayesimpute.base.errors import AnalysisError
from bayesimpute.formulas import parse


@dataclass(frozen=True, kw_only=True, eq=False)
class Likelihood:
    """A log-likelihood and its maximum.

    Parameters
    ----------
    parameters : ndarray, shape (k,)
        Where it is largest.
    value : float
        The maximum.
    at : callable
        The log-likelihood at other parameters.
    """

    parameters: np.ndarray
    value: float
    at: Callable[[np.ndarray], float]


def likelihood(model: Model, frame: pd.DataFrame) -> Likelihood:
    """The likelihood of a model on one dataset.

    Raises
    ------
    AnalysisError
        The model is not fitted by maximum likelihood: engine="bambi", estimating equations, or a gamma model without
        random effects.
    """
    plain_gamma = model.family == "gamma" and model.engine != "glmm"
    if model.engine == "bambi" or model.working is not None or plain_gamma:
        what = "gamma models without random effects" if plain_gamma else 'engine="bambi" and estimating equations'
        remedy = 'test by "D1", or by "D2" of Wald tests'
        raise AnalysisError(f"{model.formula.excerpt}: {what} have no likelihood here; {remedy}")
    problem = arrays(model, frame)
    if model.engine == "glmm":
        return _generalised_mixed(problem, model)
    if problem.random:
        return _mixed(problem)
    return {
        "gaussian": _gaussian,
        "bernoulli": _generalised,
        "poisson": _generalised,
        "cumulative": _cumulative,
        "categorical": _categorical,
    }[model.family](problem, model)


def stacked(model: Model, frames: Iterable[pd.DataFrame]) -> float:
    """The maximum for the m datasets under each other, divided by m; clusters of different datasets are different.

    Raises
    ------
    AnalysisError
        As :func:`likelihood`; or a cluster key is a predictor too, and cannot be told apart by datasets.
    """
    keys = {key for group in model.formula.groups for key in group.keys}
    keys_of_means = {part for _, key in model.formula.cluster_means for part in key.split(":")}
    keys |= keys_of_means
    predictors = parse(model.formula.common, response="forbidden").needs - keys_of_means
    both = sorted(key for group in model.formula.groups for key in group.keys if key in predictors)
    if both:
        raise AnalysisError(f'{model.formula.excerpt}: {both[0]} is a cluster and a predictor; use "D1", "D2" or "D3"')
    parts = [
        frame.assign(**{key: f"{k}:" + frame[key].astype(str) for key in keys}) for k, frame in enumerate(frames, 1)
    ]
    return likelihood(model, pd.concat(parts, ignore_index=True)).value / len(parts)


def _of(parameters: np.ndarray, at: Callable[[np.ndarray], float]) -> Likelihood:
    return Likelihood(parameters=parameters, value=at(parameters), at=at)


def _gaussian(problem: Problem, model: Model) -> Likelihood:
    del model
    y, x, n = problem.y, problem.x, problem.n
    beta = np.linalg.lstsq(x, y, rcond=None)[0]

    def at(parameters: np.ndarray) -> float:
        square, variance = float(((y - x @ parameters[:-1]) ** 2).sum()), float(parameters[-1])
        return -0.5 * (n * log(2 * pi * variance) + square / variance)

    return _of(np.append(beta, float(((y - x @ beta) ** 2).mean())), at)


def _mixed(problem: Problem) -> Likelihood:
    reduced, theta, _ = solve(problem.y, problem.x, problem.random, reml=False)
    beta, _, sigma2 = reduced.fixed(theta)
    parts = [s[np.tril_indices(len(s))] for s in covariances(reduced, theta, sigma2)]

    def at(parameters: np.ndarray) -> float:
        b, sigma2 = parameters[: reduced.p], float(parameters[-1])
        theta, sigma = _theta(reduced, parameters[reduced.p : -1], sigma2), sigma2**0.5
        away = b - reduced.fixed(theta)[0]
        distance = float(away @ np.linalg.solve(reduced.covariance(theta, sigma), away))
        return -0.5 * (reduced.criterion(theta, sigma) + distance)

    return _of(np.concatenate([beta, *parts, [sigma2]]), at)


def _generalised_mixed(problem: Problem, model: Model) -> Likelihood:
    found = maximum(problem, model)
    parameters, at = likelihood_parts(found)
    return Likelihood(parameters=parameters, value=float(found.fitted.loglik), at=at)


def _theta(problem: MixedProblem, elements: np.ndarray, sigma2: float) -> np.ndarray:
    """The relative Cholesky factors of covariance matrices given by the elements of their lower triangles."""
    found, start = [], 0
    for effects in problem.random:
        q = len(effects.names)
        places = np.tril_indices(q)
        sigma = np.zeros((q, q))
        sigma[places] = elements[start : start + len(places[0])]
        start += len(places[0])
        sigma = sigma + np.tril(sigma, -1).T
        size, axes = np.linalg.eigh(effects.basis @ sigma @ effects.basis.T / sigma2)
        root = axes * np.sqrt(np.maximum(size, 0))  # singular fits have no Cholesky factor in floating point
        lower = np.linalg.qr(root.T, mode="r").T
        found.append(lower[places])
    return np.concatenate(found)


def _generalised(problem: Problem, model: Model) -> Likelihood:
    from statsmodels.genmod.generalized_linear_model import GLM

    glm = GLM(problem.y, problem.x, family=law(model))
    with np.errstate(all="ignore"):
        parameters = np.asarray(glm.fit(tol=1e-12).params)
    return _of(parameters, lambda b: float(glm.loglike(b)))


def _cumulative(problem: Problem, model: Model) -> Likelihood:
    from scipy.special import expit, ndtr

    fitted, centre, scale = ordered(problem, model)
    p, raw = len(problem.names), np.asarray(fitted.params)
    thresholds = fitted.model.transform_threshold_params(raw)[1:-1] + centre / scale @ raw[:p]
    code, function = problem.y.astype(int), expit if model.link == "logit" else ndtr

    def at(parameters: np.ndarray) -> float:
        ends = np.concatenate([[-np.inf], parameters[p:], [np.inf]])
        eta = problem.x @ parameters[:p]
        with np.errstate(all="ignore"):
            return float(np.log(function(ends[code + 1] - eta) - function(ends[code] - eta)).sum())

    return _of(np.concatenate([raw[:p] / scale, thresholds]), at)


def _categorical(problem: Problem, model: Model) -> Likelihood:
    from scipy.special import logsumexp

    del model
    code, p = problem.y.astype(int), len(problem.names)

    def at(parameters: np.ndarray) -> float:
        eta = np.column_stack([np.zeros(problem.n), problem.x @ parameters.reshape(-1, p).T])
        return float((eta[np.arange(problem.n), code] - logsumexp(eta, axis=1)).sum())

    return _of(np.asarray(unordered(problem).params).T.ravel(), at)


def score_statistic(larger: Model, smaller: Model, frame: pd.DataFrame) -> float:
    """Rao's score statistic of a generalised linear model against a larger one, on one dataset.

    Raises
    ------
    AnalysisError
        The models are no generalised linear models, or have random effects.
    """
    from statsmodels.genmod.generalized_linear_model import GLM

    if larger.family not in ("bernoulli", "poisson", "gamma") or larger.working is not None or larger.formula.groups:
        raise AnalysisError(f"{larger.formula.excerpt}: score tests are there for bernoulli, poisson and gamma models")
    big, small = arrays(larger, frame), arrays(smaller, frame)
    _same_rows(big, small)
    extra = [j for j, name in enumerate(big.names) if name not in small.names]
    fitted: Any = GLM(small.y, small.x, family=law(smaller)).fit(tol=1e-12)
    return float(np.squeeze(fitted.score_test(exog_extra=big.x[:, extra])[0]))


def _same_rows(first: Problem, second: Problem) -> None:
    if first.n != second.n:
        message = (
            f"{first.formula.excerpt} uses {first.n} rows and {second.formula.excerpt} {second.n}: models of different "
            "rows cannot be tested against each other; impute what is missing"
        )
        raise AnalysisError(message)


def ratios(larger: Sequence[Likelihood], smaller: Sequence[Likelihood]) -> tuple[np.ndarray, np.ndarray]:
    """Twice the differences of the log-likelihoods, each at its own and at the averaged parameters; each (m,)."""
    own = np.array([2 * (a.value - b.value) for a, b in zip(larger, smaller, strict=True)])
    big, small = (np.mean([each.parameters for each in side], axis=0) for side in (larger, smaller))
    average = np.array([2 * (a.at(big) - b.at(small)) for a, b in zip(larger, smaller, strict=True)])
    return own, average
