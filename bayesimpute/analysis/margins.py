"""Average marginal effects of generalised linear models: what a variable does to the expected outcome itself.

For a number the derivative of E y with respect to it, for yes/no values and categories the difference to no or to the
first label, each averaged over the rows as they are (Williams 2012, Stata Journal 12:308); standard errors by the delta
method. Interactions and transformations are followed, because the whole design matrix is evaluated at changed values.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.rows import Problem

STEP = 1e-5
"""Of the central difference, in standard deviations."""


def marginal_effects(
    problem: Problem, family: Any, estimates: np.ndarray, covariance: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, average marginal effects (effect,) and their covariance matrix (effect, effect).

    Parameters
    ----------
    problem : Problem
        The rows.
    family : statsmodels family
        With its link.
    estimates, covariance : ndarray, shapes (p,) and (p, p)
        Of the coefficients.
    """
    matrix = problem.design.matrix(problem.formula.common, place=problem.formula.excerpt)
    names, values, slopes = [], [], []

    def expected(frame: pd.DataFrame) -> tuple[float, np.ndarray]:
        x = matrix.evaluate(frame)
        eta = x @ estimates
        return float(family.link.inverse(eta).mean()), family.link.inverse_deriv(eta) @ x / len(x)

    for name, upper, lower, width in _changes(problem):
        (high, steep), (low, flat) = expected(upper), expected(lower)
        names.append(name)
        values.append((high - low) / width)
        slopes.append((steep - flat) / width)
    gradient = np.array(slopes)
    return tuple(names), np.array(values), gradient @ covariance @ gradient.T


def _changes(problem: Problem) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, float]]:
    """Name, the rows after and before a change of one variable, and its size."""
    frame = problem.design.frame
    for name in sorted(problem.formula.names):
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            first, *others = column.cat.categories
            for label in others:
                yield f"{name}[{label}]", _set(frame, name, label), _set(frame, name, first), 1.0
        elif set(np.unique(column)) <= {0.0, 1.0}:
            yield name, frame.assign(**{name: 1.0}), frame.assign(**{name: 0.0}), 1.0
        else:
            step = STEP * float(np.std(column.to_numpy(float)))
            if step > 0:
                yield name, frame.assign(**{name: column + step}), frame.assign(**{name: column - step}), 2 * step


def _set(frame: pd.DataFrame, name: str, label: str) -> pd.DataFrame:
    return frame.assign(**{name: pd.Categorical([label] * len(frame), dtype=frame[name].dtype)})
