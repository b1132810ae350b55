"""The analysis of interest, on each completed dataset.

:func:`analyse` fits one model to every completed dataset and returns one :class:`Estimate` each, which
:func:`bayesimpute.pooling.pool` combines. The model is an lme4-style formula or any function of a data frame.

Models without random effects go to statsmodels; mixed linear models have a fitter of their own,
:mod:`bayesimpute.mixed`.

To add a family, write its fitter beside :func:`_fit_logistic` and enter it in ``FITTERS``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd

from bayesimpute.columns import Column, encode
from bayesimpute.estimates import Estimate
from bayesimpute.formulas import Formula, build, parse
from bayesimpute.mixed import RandomTerm, fit_mixed
from bayesimpute.outcome import AnalysisError, BayesimputeError, did_you_mean


def analyse(
    frames: Iterable[pd.DataFrame],
    formula_or_function: str | Callable[[pd.DataFrame], Any],
    *,
    family: str = "gaussian",
    reml: bool = True,
) -> list[Estimate]:
    """Run one analysis on each completed dataset.

    Parameters
    ----------
    frames : iterable of DataFrame
        The completed datasets.
    formula_or_function : str or callable
        A formula as :func:`fit` takes, or a function of a data frame. The function returns an :class:`Estimate`, a pair
        (estimates, covariance) of arrays or labelled pandas values, or a fitted model with ``params`` and
        ``cov_params()`` as statsmodels has. It gets a copy of each dataset.
    family, reml
        As for :func:`fit`; for formulas only.

    Returns
    -------
    list of Estimate
        One per dataset, in order.

    Raises
    ------
    FormulaError
        The formula cannot be read.
    AnalysisError
        An analysis failed or returned something else; the text names the dataset, counted from 1.
    """
    if isinstance(frames, pd.DataFrame):
        message = "frames: got one data frame, expected the completed datasets; for a single one use fit()"
        raise AnalysisError(message)
    if isinstance(formula_or_function, str):
        analysis = _from_formula(_parse(formula_or_function, family), family=family, reml=reml)
    else:
        analysis = _from_function(formula_or_function, family=family, reml=reml)
    return [_numbered(analysis, frame, k) for k, frame in enumerate(frames, start=1)]


def fit(formula: str, frame: pd.DataFrame, *, family: str = "gaussian", reml: bool = True) -> Estimate:
    """Fit a model to one dataset; rows with missing values in its variables are left out (complete cases).

    Parameters
    ----------
    formula : str
        In lme4's syntax: ``"popular ~ sex * texp + (1 + sex | school)"``. Terms are named as bambi names them. Text and
        categories are dummy-coded, yes/no values are 0 and 1, ``cluster_mean(x, g)`` is a contextual effect.
    frame : DataFrame
        The data.
    family : {"gaussian", "bernoulli"}
        A linear model (least squares; mixed by `reml`), or a logistic one (maximum likelihood, no random effects).
        An outcome with two values, as bool or labels, is 0 and 1; of two labels the second (of a category by its
        order, of text by the alphabet) is 1, and a message says so.
    reml : bool
        For mixed models: restricted maximum likelihood; False for maximum likelihood. Other models do not depend on it.

    Returns
    -------
    Estimate
        `dfcom` is n − k without random effects, as mice takes it for linear and logistic models, and infinite with.

    Raises
    ------
    FormulaError
        The formula cannot be read.
    AnalysisError
        A variable is unknown or of the wrong kind, no rows are left, the predictors are collinear, there are
        not fewer random effects than rows, or the model is mixed and logistic.
    """
    return _fit(_parse(formula, family), frame, family=family, reml=reml)


def _from_formula(formula: Formula, *, family: str, reml: bool) -> Callable[[pd.DataFrame], Estimate]:
    return lambda frame: _fit(formula, frame, family=family, reml=reml)


def _numbered(analysis: Callable[[pd.DataFrame], Estimate], frame: pd.DataFrame, k: int) -> Estimate:
    try:
        return analysis(frame)
    except Exception as error:
        text = str(error) if isinstance(error, BayesimputeError) else f"{type(error).__name__}: {error}"
        message = f"dataset {k}: {text}"
        raise AnalysisError(message) from error


# What a user's function may return ------------------------------------------------------------------------------------


def _from_function(function: Any, *, family: str, reml: bool) -> Callable[[pd.DataFrame], Estimate]:
    if not callable(function):
        message = f"the analysis must be a formula or a function of a data frame, got {type(function).__name__}"
        raise AnalysisError(message)
    if family != "gaussian" or not reml:
        message = "family and reml belong to formulas; a function fits its own model: leave them out"
        raise AnalysisError(message)
    return lambda frame: as_estimate(function(frame.copy()))


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


# From a formula and a frame to arrays ---------------------------------------------------------------------------------


def _parse(source: str, family: str) -> Formula:
    if family not in FITTERS:
        remedy = did_you_mean(family, FITTERS, f"choose one of {', '.join(FITTERS)}, or pass a function")
        message = f'family: "{family}" cannot be fitted to completed data; {remedy}'
        raise AnalysisError(message)
    formula = parse(source, response="required")
    if formula.groups and family != "gaussian":
        message = (
            f"{source}: a mixed {family} model cannot be fitted from a formula; pass a function that fits it and "
            "returns the estimates and their covariance matrix, or leave out the random effects"
        )
        raise AnalysisError(message)
    if formula.observed:
        message = f"{source}: observed() has no meaning in completed data; make a column of it before imputing"
        raise AnalysisError(message)
    return formula


def _fit(formula: Formula, frame: pd.DataFrame, *, family: str, reml: bool) -> Estimate:
    rows, messages = _complete_rows(formula, frame)
    columns = {str(name): encode(series, str(name)) for name, series in rows.items()}
    _check_kinds(formula, columns)
    y, note = _outcome(columns[str(formula.response)], family)
    data = _Rows(rows=rows, design=_design_frame(rows, columns))
    names, x = data.matrix(formula.common, place=formula.source)
    if len(x) <= len(names):
        message = f"{formula.source}: {len(x)} complete rows are too few for {len(names)} coefficients; drop predictors"
        raise AnalysisError(message)
    if not formula.groups:
        return FITTERS[family](y, x, names, messages + note)
    random = []
    for group in formula.groups:
        effects, z = data.matrix(group.expression, place=str(group))
        random.append(RandomTerm(group=group.factor, names=effects, codes=_cluster_codes(rows, group.keys), z=z))
    return fit_mixed(y, x, random, names=names, reml=reml, messages=messages + note)


def _complete_rows(formula: Formula, frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The formula's variables in the rows where all of them are observed, and what was left out."""
    if not isinstance(frame, pd.DataFrame) or not frame.columns.is_unique:
        message = "a dataset must be a pandas DataFrame whose columns have different names"
        raise AnalysisError(message)
    names = sorted(formula.names | {str(formula.response)})
    unknown = [name for name in names if name not in frame.columns]
    if unknown:
        found = [
            f'"{name}" is not in the data; {did_you_mean(name, frame.columns, "check its name")}' for name in unknown
        ]
        message = f"{formula.source}: column {'; column '.join(found)}"
        raise AnalysisError(message)
    used = frame.loc[:, names]
    missing = used.isna()
    lacking = ", ".join(used.columns[missing.any()])
    rows = used.loc[~missing.any(axis=1)]
    if not len(rows):
        message = (
            f"{formula.source}: no row is complete in its variables ({lacking or 'the data are empty'}); impute them"
        )
        raise AnalysisError(message)
    left = len(used) - len(rows)
    return rows, (f"{left} rows with missing values in {lacking} were left out",) if left else ()


def _check_kinds(formula: Formula, columns: Mapping[str, Column]) -> None:
    keys = {key for group in formula.groups for key in group.keys}
    keys |= {part for _, key in formula.cluster_means for part in (key, *key.split(":"))}
    wrong = [c for name, c in columns.items() if c.kind in ("date", "mixed") and name not in keys]
    if wrong:
        found = "; ".join(f'column "{c.name}" holds {_KINDS[c.kind]}' for c in wrong)
        message = f"{formula.source}: {found}; make a number or a category of it"
        raise AnalysisError(message)


_KINDS = MappingProxyType({"date": "dates", "mixed": "values of different types"})


def _outcome(column: Column, family: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The outcome as numbers, and which label counts as 1 where the data do not say it themselves."""
    note: tuple[str, ...] = ()
    y = column.values
    if column.kind == "category":
        codes = np.unique(y)
        if len(codes) != 2:
            remedy = "impute or recode it as a number" if len(codes) > 2 else "it does not vary"
            message = (
                f'outcome "{column.name}" is a category with {len(codes)} labels, not a number or yes/no; {remedy}'
            )
            raise AnalysisError(message)
        y = (y == codes[1]).astype(float)
        note = (
            f'outcome "{column.name}": {column.labels[int(codes[1])]} counts as 1, {column.labels[int(codes[0])]} as 0',
        )
    if family == "bernoulli" and set(np.unique(y)) != {0.0, 1.0}:
        message = f'outcome "{column.name}" must have the two values 0 and 1 (or two labels) for family="bernoulli"'
        raise AnalysisError(message)
    if not np.isfinite(y).all() or np.ptp(y) == 0:
        message = f'outcome "{column.name}" is constant or infinite; there is nothing to analyse'
        raise AnalysisError(message)
    return y, note


def _design_frame(rows: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame:
    """What formulae sees: floats and categories; a key that is neither becomes cluster codes."""
    series: dict[str, Any] = {}
    for name, column in columns.items():
        if column.kind == "category":
            codes = pd.Categorical.from_codes(column.values.astype(int), categories=list(column.labels))
            series[name] = codes.remove_unused_categories()
        elif column.kind in ("number", "yes/no"):
            series[name] = column.values
        else:
            series[name] = _cluster_codes(rows, (name,)).astype(float)
    return pd.DataFrame(series, index=pd.RangeIndex(len(rows)))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """The rows of an analysis: as they were given, and as formulae takes them."""

    rows: pd.DataFrame
    design: pd.DataFrame

    def matrix(self, expression: str, *, place: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Column names and design matrix of one side of a formula; it must be finite and of full column rank."""
        built = build(expression, self.design, {"cluster_mean": self.cluster_mean}, path=place)
        names, x = built.names, built.evaluate(self.design)
        if not names:
            message = f"{place}: there is no coefficient to estimate; add an intercept or a predictor"
            raise AnalysisError(message)
        infinite = [name for name, column in zip(names, x.T, strict=True) if not np.isfinite(column).all()]
        if infinite:
            message = f"{place}: {', '.join(infinite)} is not finite in every row; look at its function and its data"
            raise AnalysisError(message)
        spare = _dependent(x) if len(x) >= len(names) else []
        if spare:
            listed = ", ".join(names[j] for j in spare)
            message = f"{place}: {listed} is zero or a linear combination of the other columns; leave it out"
            raise AnalysisError(message)
        return names, x

    def cluster_mean(self, values: np.ndarray, key: str) -> np.ndarray:
        """The mean of `values` in the cluster of each row."""
        codes = _cluster_codes(self.rows, (key,) if key in self.rows.columns else tuple(key.split(":")))
        return (np.bincount(codes, weights=values) / np.bincount(codes))[codes]


def _dependent(x: np.ndarray) -> list[int]:
    """Indices of the columns that depend linearly on columns before them (as R's lm aliases them)."""
    norms = np.linalg.norm(x, axis=0)
    r = np.linalg.qr(x / np.where(norms > 0, norms, 1), mode="r")
    return [int(j) for j in range(x.shape[1]) if abs(r[j, j]) < 1e-7]


def _cluster_codes(rows: pd.DataFrame, keys: Sequence[str]) -> np.ndarray:
    """The clusters of a factor, ``("g",)`` or ``("a", "b")``, numbered from 0; shape (unit,)."""
    codes = np.zeros(len(rows), dtype=np.int64)
    for key in keys:
        inner, labels = pd.factorize(rows[key])
        codes = pd.factorize(codes * len(labels) + inner)[0]
    return codes


# Models without random effects ----------------------------------------------------------------------------------------


def _fit_linear(y: np.ndarray, x: np.ndarray, names: tuple[str, ...], messages: tuple[str, ...]) -> Estimate:
    from statsmodels.regression.linear_model import OLS

    fitted = OLS(y, x).fit()
    return Estimate(
        terms=names,
        estimates=fitted.params,
        covariance=fitted.cov_params(),
        dfcom=float(len(y) - len(names)),
        n_obs=len(y),
        messages=messages,
    )


def _fit_logistic(y: np.ndarray, x: np.ndarray, names: tuple[str, ...], messages: tuple[str, ...]) -> Estimate:
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    # What the warnings say (separation, no convergence) is judged below and told in the messages.
    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        fitted = GLM(y, x, family=Binomial()).fit(tol=1e-12)
        mu = np.asarray(fitted.fittedvalues)
        estimates, covariance = np.asarray(fitted.params), np.asarray(fitted.cov_params())
    found: tuple[str, ...] = ()
    if np.minimum(mu, 1 - mu).min() < 1e-8:
        found = (
            "fitted probabilities of 0 or 1: a predictor separates the outcomes, its coefficient is not determined",
        )
    elif not fitted.converged:
        found = ("the logistic regression did not converge",)
    return Estimate(
        terms=names,
        estimates=estimates,
        covariance=covariance,
        dfcom=float(len(y) - len(names)),
        n_obs=len(y),
        messages=messages + found,
    )


FITTERS: Mapping[str, Callable[..., Estimate]] = MappingProxyType({"gaussian": _fit_linear, "bernoulli": _fit_logistic})
