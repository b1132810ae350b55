"""Linear models: least squares, and with random effects (restricted) maximum likelihood."""

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.mixed import solve, variance_components
from bayesimpute.analysis.regression import Regression, equations, robust
from bayesimpute.analysis.rows import Problem
from bayesimpute.analysis.variance_components import Curvature, between_within, quantities, satterthwaite
from bayesimpute.analysis.variance_posterior import VariancePosterior
from bayesimpute.base.phrases import counted

if TYPE_CHECKING:
    from bayesimpute.analysis.model import Model

FEW = 40
"""Clusters below which the normal distribution is known to give too short intervals (Maas & Hox 2005)."""


def fit_linear(problem: Problem, model: "Model") -> Estimate:
    """A linear model; mixed where the formula has random effects.

    Returns
    -------
    Estimate
        `dfcom` is n − k without random effects, as mice takes it, clusters less one for cluster-robust covariances, and
        for mixed models what `model.df` says.
    """
    if problem.random:
        return _mixed(problem, model)
    if model.working is not None:
        return equations(problem, model)
    from statsmodels.regression.linear_model import OLS

    fitted = OLS(problem.y, problem.x).fit(**robust(problem, model))
    return Regression(problem=problem, model=model, fitted=fitted).estimate()


def _mixed(problem: Problem, model: "Model") -> Estimate:
    reduced, theta, messages = solve(problem.y, problem.x, problem.random, reml=model.reml)
    curvature = Curvature(reduced, theta)
    estimates, covariance, _ = curvature.fitted
    return Estimate(
        terms=problem.names,
        estimates=estimates,
        covariance=covariance,
        dfcom=complete_df(problem, model, curvature),
        df_note=_note(problem, model),
        variance_components=variance_components(reduced, theta),
        quantities=quantities(curvature),
        posterior=VariancePosterior(reduced, theta),
        n_obs=problem.n,
        messages=problem.messages + messages,
    )


def complete_df(problem: Problem, model: "Model", curvature: Curvature) -> float | np.ndarray:
    """Complete-data degrees of freedom of a mixed model's coefficients, of all or of each."""
    if model.df == "satterthwaite":
        return satterthwaite(curvature)
    return between_within(problem) if model.df == "between-within" else inf


def _note(problem: Problem, model: "Model") -> str:
    if model.df != "infinite":
        return {"satterthwaite": "Satterthwaite's, by term", "between-within": "between and within clusters"}[model.df]
    clusters = {term.group: int(term.codes.max()) + 1 for term in problem.random}
    few = [f"{counted(count, 'cluster')} of {group}" for group, count in clusters.items() if count < FEW]
    return f'{" and ".join(few)} are few for normal intervals: consider df="satterthwaite"' if few else ""
