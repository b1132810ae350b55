"""Models of categories by maximum likelihood: ordered ones (cumulative) and unordered ones (multinomial logit)."""

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy as np

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.rows import Problem
from bayesimpute.base.errors import AnalysisError

if TYPE_CHECKING:
    from bayesimpute.analysis.model import Model

FLAT = 1e-3
"""The largest slope of the log-likelihood, per standard deviation of a predictor, that still counts as a maximum."""


def fit_cumulative(problem: Problem, model: "Model") -> Estimate:
    """Cumulative logit or probit: P(y ≤ c) = F(threshold_c − x b), as ``polr`` of R's MASS.

    Returns
    -------
    Estimate
        The coefficients, then the thresholds, ``threshold[low|middle]`` between neighbouring categories.
    """
    fitted, centre, scale = ordered(problem, model)
    p, levels = len(problem.names), problem.levels
    raw = np.asarray(fitted.params)
    thresholds = fitted.model.transform_threshold_params(raw)[1:-1]
    # Of the first threshold and the logs of the distances to the thresholds themselves; then the predictors' units.
    distances = np.tril(np.ones((len(thresholds), len(thresholds))))
    distances[:, 1:] *= np.exp(raw[p + 1 :])
    back = np.zeros((len(raw), len(raw)))
    back[:p, :p] = np.diag(1 / scale)
    back[p:, p:] = distances
    back[p:, :p] = centre / scale
    estimates = np.concatenate([raw[:p] / scale, thresholds + centre / scale @ raw[:p]])
    covariance = back @ np.asarray(fitted.cov_params()) @ back.T
    names = [f"threshold[{low}|{high}]" for low, high in pairwise(levels)]
    return Estimate(
        terms=(*problem.names, *names),
        estimates=estimates,
        covariance=covariance,
        dfcom=float(problem.n - len(raw)),
        n_obs=problem.n,
        messages=problem.messages + _judged(fitted),
    )


def ordered(problem: Problem, model: "Model") -> tuple[Any, np.ndarray, np.ndarray]:
    """Statsmodels' fit with standardised predictors, and their centres and scales, (p,)."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    centre, scale = problem.x.mean(axis=0), problem.x.std(axis=0)
    if (scale == 0).any():
        constant = problem.names[int(np.argmin(scale))]
        raise AnalysisError(f"{problem.formula.excerpt}: {constant} is constant; the thresholds are the intercepts")
    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        built = OrderedModel(problem.y.astype(int), (problem.x - centre) / scale, distr=model.link)
        start = built.fit(method="bfgs", maxiter=1000, gtol=1e-7, disp=0).params
        fitted = built.fit(start_params=start, method="newton", maxiter=50, disp=0)
    return fitted, centre, scale


def fit_multinomial(problem: Problem, model: "Model") -> Estimate:
    """Multinomial logit: the log odds of each category against the first.

    Returns
    -------
    Estimate
        A term for each category and column: ``middle ~ x``.
    """
    del model
    fitted = unordered(problem)
    estimates = np.asarray(fitted.params).T.ravel()
    return Estimate(
        terms=tuple(f"{level} ~ {name}" for level in problem.levels[1:] for name in problem.names),
        estimates=estimates,
        covariance=np.asarray(fitted.cov_params()),
        dfcom=float(problem.n - len(estimates)),
        n_obs=problem.n,
        messages=problem.messages + _judged(fitted),
    )


def unordered(problem: Problem) -> Any:
    """Statsmodels' fit."""
    from statsmodels.discrete.discrete_model import MNLogit

    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        return MNLogit(problem.y.astype(int), problem.x).fit(method="newton", maxiter=100, disp=0)


def _judged(fitted: Any) -> tuple[str, ...]:
    slope = np.abs(np.asarray(fitted.model.score(np.asarray(fitted.params).ravel(order="F")))).max()
    size = np.abs(np.asarray(fitted.params)).max()
    if not np.isfinite(slope) or slope > FLAT:
        return ("the model of categories did not converge",)
    return ("very large coefficients: a predictor separates the categories",) if size > 20 else ()
