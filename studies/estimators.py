"""How the studies analyse full and completed data: each estimator takes y and gives coefficients, errors and a spread.

A study compares the same estimator on full and on completed data, so what matters is that it is the same.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from bayesimpute.analysis import fit

MIXED = "y ~ x1 + x2 + (1 + x1 + x2 || cluster)"
RIDGE = 1 / 5**2
"""Precision of the coefficients of a cluster's probit model: without it separated clusters have no finite answer."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Coefficients (3,), their standard errors (3,), and the residual SD (not a number where there is none)."""

    estimates: np.ndarray
    std_errors: np.ndarray
    sigma: float


def mixed(frame: pd.DataFrame, y: np.ndarray) -> Fit:
    """The mixed model with independent random intercept and slopes by REML; rows with missing y are left out."""
    found = fit(MIXED, frame.assign(y=y))
    return Fit(found.estimates, found.std_errors, float(np.sqrt(found.variance_components[-1].estimate)))


def two_stage(frame: pd.DataFrame, y: np.ndarray) -> Fit:
    """A probit model in each cluster, then the mean of each coefficient over clusters, which vary about it.

    The second stage is a random-effects meta-analysis of each coefficient by itself: the clusters' independent random
    intercepts and slopes.
    """
    x = np.column_stack([np.ones(len(frame)), frame["x1"], frame["x2"]])
    g = frame["cluster"].to_numpy()
    clusters = [j for j in np.unique(g) if not np.isnan(y[g == j]).all()]
    known = ~np.isnan(y)
    found = [probit(x[known & (g == j)], y[known & (g == j)]) for j in clusters]
    means = [average(np.array([b[k] for b, _ in found]), np.array([v[k] for _, v in found])) for k in range(3)]
    return Fit(np.array([m for m, _ in means]), np.array([s for _, s in means]), float("nan"))


def probit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (k,) of a probit model and their variances (k,), by Newton's method; the likelihood is concave."""
    sign, beta = 2 * y - 1, np.zeros(x.shape[1])
    prior = RIDGE * np.eye(x.shape[1])
    for _ in range(50):
        eta = sign * (x @ beta)
        slope = np.exp(-0.5 * eta**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(eta))
        information = (x * (slope * (eta + slope))[:, None]).T @ x + prior
        step = np.linalg.solve(information, x.T @ (sign * slope) - prior @ beta)
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return beta, np.diag(np.linalg.inv(information))


def average(estimates: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """The mean of effects known with error, and its standard error; the variance between effects by REML."""

    def mean(between: float) -> tuple[float, np.ndarray]:
        weights = 1 / (variances + between)
        return float(weights @ estimates / weights.sum()), weights

    def deviance(between: float) -> float:
        centre, weights = mean(between)
        return float(-np.log(weights).sum() + np.log(weights.sum()) + weights @ (estimates - centre) ** 2)

    most = 10 * float(np.var(estimates)) + 1e-8
    between = float(minimize_scalar(deviance, bounds=(0, most), method="bounded", options={"xatol": 1e-8}).x)
    centre, weights = mean(between)
    return centre, float(weights.sum() ** -0.5)
