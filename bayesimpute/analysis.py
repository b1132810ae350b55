"""The analysis of interest, on each completed dataset.

:func:`analyse` fits one model to every completed dataset and returns one :class:`Estimate` each, which
:func:`bayesimpute.pooling.pool` combines. The model is an lme4-style formula or any function of a data frame.

Models without random effects go to statsmodels. Mixed linear models have a fitter of their own, :func:`fit_mixed`:
statsmodels' MixedLM takes 0.16 s on 1,152 rows, stops short of the maximum on random-slope data that lme4 fits, and has
no correlated effects of more than one factor. Ours maximises the profiled (RE)ML criterion of lme4 (Bates, Mächler,
Bolker & Walker 2015, J. Stat. Softw. 67(1), section 3) on cross-products, so that an evaluation costs the same however
many rows there are. The effects of the factor with most clusters are eliminated cluster by cluster, those of further
factors, nested or crossed, by one dense Cholesky factor.

To add a family, write its fitter beside :func:`_fit_logistic` and enter it in ``FITTERS``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log, pi
from types import MappingProxyType
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd

from bayesimpute.columns import Column, encode
from bayesimpute.formulas import Formula, build, parse
from bayesimpute.outcome import AnalysisError, BayesimputeError, did_you_mean

SINGULAR = 1e-4  # a relative standard deviation below this counts as zero, as in lme4's isSingular
LARGEST = 1e5  # a relative standard deviation above this means that there is no residual variance
STEEPEST = 2e-3  # the slope of the deviance that still counts as flat, as in lme4's check.conv.grad
MOST_CELLS = 30_000_000  # of the table of cross-products between grouping factors


@dataclass(frozen=True, kw_only=True)
class VarianceComponent:
    """A variance or covariance of a mixed model.

    Parameters
    ----------
    group : str
        The grouping factor (``"school"``, ``"a:b"``), or ``"Residual"``.
    name : str
        The effect for a variance (``"Intercept"``, ``"sex"``), ``"Intercept~~sex"`` for a covariance, ``"Residual"``.
    estimate : float
        Its value, on the variance scale.
    """

    group: str
    name: str
    estimate: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """What the analysis of one dataset gives.

    Parameters
    ----------
    terms : tuple of str
        Names of the k coefficients.
    estimates : ndarray, shape (k,)
        The coefficients.
    covariance : ndarray, shape (k, k)
        Their sampling covariance matrix.
    dfcom : float
        Complete-data degrees of freedom; infinite where the analysis uses a normal reference distribution.
    variance_components : tuple of VarianceComponent
        Those of a mixed model: per factor the variances, then the covariances; the residual variance last.
    n_obs : int, optional
        Number of rows used.
    messages : tuple of str
        What the reader of the result should know: no convergence, singular fit, rows left out.

    Raises
    ------
    AnalysisError
        The shapes do not agree, or `dfcom` is not positive.
    """

    terms: tuple[str, ...]
    estimates: np.ndarray
    covariance: np.ndarray
    dfcom: float = inf
    variance_components: tuple[VarianceComponent, ...] = ()
    n_obs: int | None = None
    messages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        k = len(self.terms)
        if np.shape(self.estimates) != (k,) or np.shape(self.covariance) != (k, k):
            message = (
                f"{k} terms need estimates of shape ({k},) and a covariance matrix of shape ({k}, {k}), got "
                f"{np.shape(self.estimates)} and {np.shape(self.covariance)}"
            )
            raise AnalysisError(message)
        if not self.dfcom > 0:
            message = f"dfcom must be positive, got {self.dfcom}; leave it out if it is unknown"
            raise AnalysisError(message)

    @property
    def std_errors(self) -> np.ndarray:
        """Shape (k,)."""
        return np.sqrt(np.diagonal(self.covariance))


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


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomTerm:
    """The random effects of one ``( | )``, correlated with each other and with nothing else.

    Parameters
    ----------
    group : str
        The grouping factor.
    names : tuple of str
        Names of the q effects.
    codes : ndarray of int, shape (unit,)
        The cluster of each row, 0 to J − 1.
    z : ndarray, shape (unit, q)
        Their design matrix.
    """

    group: str
    names: tuple[str, ...]
    codes: np.ndarray
    z: np.ndarray


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


# Mixed linear models --------------------------------------------------------------------------------------------------


def fit_mixed(
    y: np.ndarray,
    x: np.ndarray,
    random: Sequence[RandomTerm],
    *,
    names: Sequence[str],
    reml: bool = True,
    messages: tuple[str, ...] = (),
) -> Estimate:
    """Fit y = X β + Σ Z b + ε by (restricted) maximum likelihood, b ~ N(0, σ² Λ Λᵀ) independent between clusters.

    Parameters
    ----------
    y : ndarray, shape (unit,)
        The outcome.
    x : ndarray, shape (unit, p)
        Design matrix of the fixed effects, of full column rank.
    random : sequence of RandomTerm
        The random effects; terms of one factor are independent of each other, those within a term correlated.
    names : sequence of str
        Names of the p fixed effects.
    reml : bool
        Restricted maximum likelihood, as lme4's default, or maximum likelihood.
    messages : tuple of str
        What is to stand before the fit's own messages.

    Returns
    -------
    Estimate
        With β̂, σ̂² (Xᵀ V⁻¹ X)⁻¹ and the variance components; infinite `dfcom`. A fit at the boundary
        (a variance of zero, a correlation of ±1) and one without convergence say so in `messages`.

    Raises
    ------
    AnalysisError
        One cluster only, not fewer random effects than rows, no residual variance, or factors with too many clusters.
    """
    _check_random(len(y), random)
    problem = MixedProblem(y=y, x=x, random=tuple(random), reml=reml)
    theta, converged = _maximise(problem)
    found = _judge(problem, theta, converged)
    beta, covariance, sigma2 = problem.fixed(theta)
    return Estimate(
        terms=tuple(names),
        estimates=beta,
        covariance=covariance,
        variance_components=_components(problem, theta, sigma2),
        n_obs=len(y),
        messages=messages + found,
    )


def _check_random(n: int, random: Sequence[RandomTerm]) -> None:
    for term in random:
        clusters, q = int(term.codes.max()) + 1, len(term.names)
        if clusters < 2:
            message = (
                f"({', '.join(term.names)} | {term.group}): there is one cluster only; leave the random effects out"
            )
            raise AnalysisError(message)
        if clusters * q >= n:
            message = (
                f"({', '.join(term.names)} | {term.group}): {clusters * q} random effects for {n} rows cannot be told "
                "from the residuals; use fewer random effects or a coarser cluster"
            )
            raise AnalysisError(message)


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedProblem:
    """Data of a mixed linear model, reduced to cross-products, and its profiled criterion.

    The columns of X and of each Z are orthonormalised and y is replaced by its scaled least-squares residual, so that
    neither units nor origins of the variables matter to the optimiser; results are on the original scale.

    Parameters
    ----------
    y, x, random, reml
        As for :func:`fit_mixed`.
    """

    y: np.ndarray
    x: np.ndarray
    random: tuple[RandomTerm, ...]
    reml: bool

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors; first the one with most random effects, whose block is eliminated by cluster."""
        size: dict[str, int] = {}
        for term in self.random:
            size[term.group] = size.get(term.group, 0) + len(term.names) * (int(term.codes.max()) + 1)
        return tuple(sorted(size, key=lambda factor: -size[factor]))

    @cached_property
    def bases(self) -> tuple[np.ndarray, ...]:
        """Per random term the matrix A, shape (q, q), with Z = (orthonormal columns, times √n) A."""
        return tuple(np.linalg.qr(term.z, mode="r") / np.sqrt(self.n) for term in self.random)

    @cached_property
    def reduced(self) -> "CrossProducts":
        """The cross-products that the criterion needs."""
        return _cross_products(self)

    @cached_property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """Of each element of θ: its factor, row and column in that factor's relative Cholesky factor Λ."""
        places, filled = [], dict.fromkeys(self.factors, 0)
        for term in self.random:
            start, q = filled[term.group], len(term.names)
            places += [(self.factors.index(term.group), start + i, start + j) for i in range(q) for j in range(i + 1)]
            filled[term.group] += q
        return tuple(places)

    @property
    def diagonal(self) -> np.ndarray:
        """Bool, shape of θ: which elements are on the diagonal of a Λ; their sign means nothing."""
        return np.array([i == j for _, i, j in self.places])

    def lambdas(self, theta: np.ndarray) -> list[np.ndarray]:
        """Λ per factor, lower triangular, in the orthonormalised basis."""
        widths = [sum(len(t.names) for t in self.random if t.group == factor) for factor in self.factors]
        matrices = [np.zeros((q, q)) for q in widths]
        for value, (factor, i, j) in zip(theta, self.places, strict=True):
            matrices[factor][i, j] = value
        return matrices

    def deviance(self, theta: np.ndarray) -> float:
        """−2 log (restricted) likelihood, profiled over β and σ², up to a constant (Bates et al. 2015, section 3)."""
        try:
            log_det, lower = self.reduced.factorise(self.lambdas(theta))
        except np.linalg.LinAlgError:  # no residual variance is left, to rounding
            return inf
        p = self.x.shape[1]
        r = lower[-1, -1]
        if self.reml:
            df = self.n - p
            log_det += 2 * np.log(np.diagonal(lower)[-p - 1 : -1]).sum()
        else:
            df = self.n
        return log_det + df * (1 + log(2 * pi * r * r / df))

    def fixed(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """β̂ (p,), its covariance (p, p) and σ̂² at θ."""
        _, lower = self.reduced.factorise(self.lambdas(theta))
        p = self.x.shape[1]
        sigma2 = float(lower[-1, -1] ** 2) / (self.n - p * self.reml) * self.reduced.scale**2
        # L_X Lᵀ_X is the information about β in the orthonormal basis; `back` leads from there to the columns of X.
        root, right = lower[-p - 1 : -1, -p - 1 : -1], lower[-1, -p - 1 : -1]
        back = np.linalg.solve(self.reduced.r_x, np.linalg.inv(root).T)
        beta = self.reduced.beta + self.reduced.scale * back @ right
        return beta, sigma2 * back @ back.T, sigma2


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossProducts:
    """Cross-products between the first factor's effects (J clusters, q effects), the other factors', X and y.

    Parameters
    ----------
    inner : ndarray, shape (J, q, q)
        ZᵀZ of the first factor by cluster.
    across : ndarray, shape (J, q, K)
        Zᵀ[Z of the other factors, X, y].
    rest : ndarray, shape (K, K)
        Those of the other factors' Z, X and y among themselves.
    others : tuple of (int, int)
        Numbers of clusters and effects of the other factors.
    r_x : ndarray, shape (p, p)
        X = (orthonormal columns, times √n) r_x.
    beta : ndarray, shape (p,)
        Least-squares coefficients, which were taken out of y.
    scale : float
        Root mean square of the least-squares residuals, by which y was divided.
    """

    inner: np.ndarray
    across: np.ndarray
    rest: np.ndarray
    others: tuple[tuple[int, int], ...]
    r_x: np.ndarray
    beta: np.ndarray
    scale: float

    def factorise(self, lambdas: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        """The log of det(ΛᵀZᵀZΛ + I) and the Cholesky factor of what is left of [other Z, X, y], shape (K, K)."""
        first = lambdas[0]
        root = np.linalg.cholesky(first.T @ self.inner @ first + np.eye(len(first)))
        v = first.T @ self._scaled(self.across, lambdas[1:])
        for i in range(len(first)):  # forward substitution, all clusters at once
            v[:, i] -= np.einsum("jl,jlk->jk", root[:, i, :i], v[:, :i])
            v[:, i] /= root[:, i, i, None]
        flat = v.reshape(-1, v.shape[-1])
        left = self._scaled(self._scaled(self.rest, lambdas[1:]).T, lambdas[1:]) - flat.T @ flat
        size = sum(clusters * q for clusters, q in self.others)
        left[np.arange(size), np.arange(size)] += 1
        lower = np.linalg.cholesky(left)
        log_det = np.log(np.diagonal(root, axis1=1, axis2=2)).sum() + np.log(np.diagonal(lower)[:size]).sum()
        return 2 * float(log_det), lower

    def _scaled(self, matrix: np.ndarray, lambdas: Sequence[np.ndarray]) -> np.ndarray:
        """The columns of the other factors times their Λ."""
        result, start = matrix.copy(), 0
        for (clusters, q), factor in zip(self.others, lambdas, strict=True):
            part = matrix[..., start : start + clusters * q]
            result[..., start : start + clusters * q] = (part.reshape(-1, q) @ factor).reshape(part.shape)
            start += clusters * q
        return result


def _cross_products(problem: MixedProblem) -> CrossProducts:
    from scipy import sparse

    n, p = problem.x.shape
    q_x, r_x = np.linalg.qr(problem.x)
    beta = np.linalg.solve(r_x, q_x.T @ problem.y)
    residual = problem.y - problem.x @ beta
    residual -= q_x @ (q_x.T @ residual)
    scale = float(np.sqrt(np.mean(residual**2)))
    if scale <= 1e-9 * float(np.sqrt(np.mean(problem.y**2))):
        message = "the fixed effects explain the outcome entirely: there is no variance left for a mixed model"
        raise AnalysisError(message)
    first, *others = [_factor_matrix(problem, factor) for factor in problem.factors]
    dense = np.column_stack([q_x * np.sqrt(n), residual / scale])
    (clusters, q), z = first
    width = sum(c * w for (c, w), _ in others) + p + 1
    if clusters * q * width + width**2 > MOST_CELLS:
        message = (
            "too many clusters in more than one grouping factor for this fitter; pass a function that fits the model"
        )
        raise AnalysisError(message)
    rest = sparse.hstack([*(matrix for _, matrix in others), sparse.csr_array(dense)], format="csr")
    inner = (z.T @ z).tocoo()
    blocks = np.zeros((clusters, q, q))
    blocks[inner.coords[0] // q, inner.coords[0] % q, inner.coords[1] % q] = inner.data
    return CrossProducts(
        inner=blocks,
        across=(z.T @ rest).toarray().reshape(clusters, q, width),
        rest=(rest.T @ rest).toarray(),
        others=tuple(shape for shape, _ in others),
        r_x=r_x / np.sqrt(n),
        beta=beta,
        scale=scale,
    )


def _factor_matrix(problem: MixedProblem, factor: str) -> tuple[tuple[int, int], Any]:
    """(clusters, effects) of a factor and its sparse orthonormalised Z, shape (unit, clusters · effects)."""
    from scipy import sparse

    terms = [(term, basis) for term, basis in zip(problem.random, problem.bases, strict=True) if term.group == factor]
    z = np.hstack([np.linalg.solve(basis.T, term.z.T).T for term, basis in terms])
    codes = terms[0][0].codes
    clusters, (n, q) = int(codes.max()) + 1, z.shape
    columns = codes[:, None] * q + np.arange(q)
    matrix = sparse.csr_array((z.ravel(), columns.ravel(), np.arange(0, n * q + 1, q)), shape=(n, clusters * q))
    return (clusters, q), matrix


def _maximise(problem: MixedProblem) -> tuple[np.ndarray, bool]:
    """θ of the smallest deviance, and whether it is a minimum.

    θ is not bounded: the deviance does not depend on the sign of a column of Λ, and a bound at zero makes false minima
    where a column would have to change its sign. A column of zeros is a stationary point, minimum or not, so a
    search that ends at a zero is repeated from another start and the better one counts.
    """
    from scipy.optimize import minimize

    diagonal = problem.diagonal

    @np.errstate(all="ignore")
    def search(start: np.ndarray) -> Any:
        options = {"ftol": 1e-13, "gtol": STEEPEST / 10, "maxiter": 500, "maxfun": 100_000}
        return minimize(problem.deviance, start, method="L-BFGS-B", jac="3-point", options=options)

    def flat(result: Any) -> bool:
        return float(np.abs(result.jac).max()) < STEEPEST

    best = search(np.where(diagonal, 1.0, 0.0))
    if not flat(best) or np.abs(best.x[diagonal]).min() < 100 * SINGULAR:
        best = min(best, search(np.where(diagonal, 0.2, 0.0)), key=lambda result: result.fun)
    if not flat(best):
        tight = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000 * len(diagonal), "maxfev": 2000 * len(diagonal)}
        simplex = minimize(problem.deviance, best.x, method="Nelder-Mead", options=tight)
        best = min(best, search(simplex.x), key=lambda result: result.fun)
    return _without_traces(problem, best.x, float(best.fun)), flat(best)


def _without_traces(problem: MixedProblem, theta: np.ndarray, deviance: float) -> np.ndarray:
    """θ with the relative standard deviations that the search left just above zero set to it, if the fit is as good."""
    zero = np.where(problem.diagonal & (np.abs(theta) < 100 * SINGULAR), 0.0, theta)
    return zero if problem.deviance(zero) <= deviance + STEEPEST**2 else theta


def _judge(problem: MixedProblem, theta: np.ndarray, converged: bool) -> tuple[str, ...]:
    if float(np.abs(theta).max()) > LARGEST:
        message = (
            "the random effects explain the outcome entirely: no residual variance is left; use fewer random effects"
        )
        raise AnalysisError(message)
    found: tuple[str, ...] = () if converged else ("the mixed model did not converge: simplify its random part",)
    zeros = {
        problem.factors[place[0]]
        for place, value, diagonal in zip(problem.places, theta, problem.diagonal, strict=True)
        if diagonal and abs(value) < SINGULAR
    }
    singular = f"singular fit: a variance of {', '.join(sorted(zeros))} is zero or a correlation is 1 or -1"
    return (*found, singular) if zeros else found


def _components(problem: MixedProblem, theta: np.ndarray, sigma2: float) -> tuple[VarianceComponent, ...]:
    """Per factor the variances, then the covariances, back on the scale of the columns of Z; the residual's last."""
    variances: dict[str, list[VarianceComponent]] = {}
    covariances: dict[str, list[VarianceComponent]] = {}
    start = 0
    for term, basis in zip(problem.random, problem.bases, strict=True):
        q = len(term.names)
        root = np.zeros((q, q))
        root[np.tril_indices(q)] = theta[start : start + q * (q + 1) // 2]
        start += q * (q + 1) // 2
        root = np.linalg.solve(basis, root) * np.sqrt(sigma2)
        sigma = root @ root.T
        one = [
            VarianceComponent(group=term.group, name=a, estimate=float(sigma[i, i])) for i, a in enumerate(term.names)
        ]
        two = [
            VarianceComponent(group=term.group, name=f"{term.names[i]}~~{term.names[j]}", estimate=float(sigma[i, j]))
            for i in range(q)
            for j in range(i + 1, q)
        ]
        variances.setdefault(term.group, []).extend(one)
        covariances.setdefault(term.group, []).extend(two)
    listed = [component for group in variances for component in variances[group] + covariances[group]]
    return (*listed, VarianceComponent(group="Residual", name="Residual", estimate=sigma2))
