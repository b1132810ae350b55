"""What a user's own analysis may return, and how it becomes an :class:`~bayesimpute.analysis.estimates.Estimate`."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError


def as_estimate(result: Any) -> Estimate:
    """What an analysis function returned, as an :class:`Estimate`.

    Parameters
    ----------
    result : Estimate, (estimates, covariance), or a fitted model with ``params`` and ``cov_params()``
        Names come from a Series or mapping of estimates, from the model's ``exog_names``, or are ``estimate[0]``, ….
        Of a statsmodels MixedLM result the fixed effects are taken. A fitted model that uses the t
        distribution gives its residual degrees of freedom as `dfcom`.

    Raises
    ------
    AnalysisError
        It is none of these, or its shapes do not agree.
    """
    if isinstance(result, Estimate):
        return result
    if isinstance(result, tuple) and len(result) == 2:
        return _labelled(*result)
    if hasattr(result, "params") and callable(getattr(result, "cov_params", None)):
        return _from_fitted(result)
    message = (
        f"the analysis function returned {type(result).__name__}; it must return an Estimate, a pair (estimates, "
        "covariance matrix), or a fitted model with params and cov_params()"
    )
    raise AnalysisError(message)


def _from_fitted(fitted: Any) -> Estimate:
    params, covariance = fitted.params, fitted.cov_params()
    if hasattr(fitted, "fe_params"):
        params = fitted.fe_params
        covariance = np.asarray(covariance)[: len(params), : len(params)]
    n, dfcom = getattr(fitted, "nobs", None), getattr(fitted, "df_resid", inf)
    return _labelled(
        params,
        covariance,
        names=getattr(getattr(fitted, "model", None), "exog_names", None),
        dfcom=float(dfcom) if getattr(fitted, "use_t", False) else inf,
        n_obs=None if n is None else int(n),
    )


def _labelled(params: Any, covariance: Any, *, names: Sequence[str] | None = None, **rest: Any) -> Estimate:
    if isinstance(params, Mapping):
        params = pd.Series(dict(params))
    if isinstance(params, pd.Series):
        names = list(params.index)
        if isinstance(covariance, pd.DataFrame) and set(covariance.index) == set(covariance.columns) == set(names):
            covariance = covariance.loc[names, names]
    try:
        values = np.atleast_1d(np.asarray(params, dtype=float))
        matrix = np.atleast_2d(np.asarray(covariance, dtype=float))
    except (TypeError, ValueError) as error:
        message = f"the analysis function returned estimates or covariances that are not numbers ({error})"
        raise AnalysisError(message) from error
    if not (np.isfinite(values).all() and np.isfinite(matrix).all()):
        message = "the analysis function returned estimates or covariances that are missing or infinite"
        raise AnalysisError(message)
    if names is None or len(names) != len(values):
        names = [f"estimate[{i}]" for i in range(len(values))]
    return Estimate(terms=tuple(map(str, names)), estimates=values, covariance=matrix, **rest)
