"""Fitting a model to one dataset and to all of them, in this process or in several."""

import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pandas as pd

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.fitters import FITTERS, model_of
from bayesimpute.analysis.generalised_estimates import fit_generalised_mixed
from bayesimpute.analysis.model import Model
from bayesimpute.analysis.own_functions import as_estimate
from bayesimpute.analysis.rows import Problem, problem
from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import AnalysisError, BayesimputeError
from bayesimpute.base.one_thread import one_thread
from bayesimpute.base.phrases import listed, numbered
from bayesimpute.base.processes import processes
from bayesimpute.base.progress import counted, lasting
from bayesimpute.base.tables import say
from bayesimpute.data.arrow_frames import AnyFrame, as_pandas, is_frame

ANNOUNCED = 10.0
"""Seconds from which fits that are to come are announced."""


@dataclass(frozen=True)
class Failure:
    """A dataset on which an analysis failed: its number, from 1, and why."""

    dataset: int
    message: str

    def __str__(self) -> str:
        return f"dataset {self.dataset}: {self.message}"


def told(failures: Sequence[Failure]) -> str:
    """What went wrong, each message once with its datasets."""
    where: dict[str, list[int]] = {}
    for failure in failures:
        where.setdefault(failure.message, []).append(failure.dataset)
    return listed((f"{numbered('dataset', ks)}: {message}" for message, ks in where.items()), mark="\n")


@typed_after
def fit(formula: str, frame: AnyFrame, **options: Any) -> Estimate:
    """Fit a model to one dataset; rows with missing values in its variables are left out (complete cases).

    Parameters
    ----------
    formula : str
        In lme4's syntax: ``"popular ~ sex * texp + (1 + sex | school)"``. Terms are named as bambi names them. Text and
        categories are dummy-coded, yes/no values are 0 and 1, ``cluster_mean(x, g)`` is a contextual effect.
    frame : DataFrame
        The data.
    family : {"gaussian", "bernoulli", "poisson", "negativebinomial", "gamma", "cumulative", "categorical"}
        Linear (least squares; mixed by `reml`), logistic, log-linear for counts, the same for overdispersed counts,
        gamma, ordered categories (the proportional odds model), unordered categories (multinomial logit); those after
        the first by maximum likelihood, and the categories without random effects. An outcome with two values, as bool
        or labels, is 0 and 1; of two labels the second (of a category by its order, of text by the alphabet) is 1, and
        a message says so.
    link : str, optional
        bernoulli: logit (default), probit, cloglog; gamma: log (default), inverse; cumulative: logit (default), probit.
    engine : {"statsmodels", "glmm", "bambi"}
        By default what fits the model by maximum likelihood: statsmodels (mixed linear models our own fitter,
        :mod:`bayesimpute.analysis.mixed`), or glmm for mixed models of the other families and for negative binomial
        ones (:mod:`bayesimpute.analysis.generalised_mixed`). "bambi": the posterior of the Bayesian model that an
        imputation would use, by NUTS, for gaussian and bernoulli models with any random effects, with the automatic
        priors (:mod:`bayesimpute.analysis.bayes`).
    reml : bool
        For mixed linear models: restricted maximum likelihood; False for maximum likelihood.
    nodes : int
        For engine="glmm" and one grouping factor: points of the adaptive quadrature for each of its effects, an odd
        number up to 25; 1 is the Laplace approximation, which is rough where clusters are small and binary.
    covariance : {"model", "HC0", "HC1", "HC2", "HC3", "cluster"}
        Of the estimates, for models without random effects: the model's, heteroscedasticity-consistent, or robust to
        correlation within `cluster`.
    cluster : str, optional
        The column with the clusters; ``"a:b"`` for combinations.
    working : {"independence", "exchangeable"}, optional
        Fit by generalised estimating equations with this working correlation within `cluster`.
    df : {"infinite", "between-within", "satterthwaite"}
        Complete-data degrees of freedom of a mixed model's fixed effects; Satterthwaite's for linear ones.
    effects : {"coefficients", "marginal"}
        "marginal": average marginal effects instead of the coefficients of bernoulli, poisson and gamma models.
    where : str, optional
        A condition, as ``"visit == 7"`` or ``"(age >= 18) * (sex == 'f')"``: the rows in which it is true are analysed.

    Returns
    -------
    Estimate
        `dfcom` is n − k without random effects, as mice takes it, clusters less one where the covariance is robust to
        clusters, and with random effects by `df`.

    Raises
    ------
    FormulaError
        The formula cannot be read.
    AnalysisError
        Options that do not exist or go together; a variable is unknown or of the wrong kind, no rows are left, the
        predictors are collinear, or there are not fewer random effects than rows.
    """
    return one_fit(model_of(formula, **options), as_pandas(frame))


def one_fit(model: Model, frame: pd.DataFrame) -> Estimate:
    """Fit a checked model to one dataset."""
    if model.engine == "bambi":
        from bayesimpute.analysis.bayes import Bayes

        return Bayes(model).fit(frame, 1)
    fitted = fit_generalised_mixed if model.engine == "glmm" else FITTERS[model.family].fit
    return fitted(arrays(model, frame), model)


def arrays(model: Model, frame: pd.DataFrame) -> Problem:
    """What a model is fitted to."""
    fitter = FITTERS[model.family]
    settings = {"intercept": fitter.intercept, "keys": model.keys, "where": model.where}
    return problem(model.formula, frame, outcome=fitter.outcome, **settings)


@typed_after
def analyse(
    frames: Iterable[AnyFrame], formula_or_function: str | Callable[..., Any], **options: Any
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
    **options
        Those of :func:`fit`, for formulas only.

    Returns
    -------
    list of Estimate
        One per dataset, in order.

    Raises
    ------
    FormulaError
        The formula cannot be read.
    AnalysisError
        An analysis failed or returned something else; the text names each dataset concerned, counted from 1.
    """
    found, failures = fits(frames, formula_or_function, **options)
    if failures:
        raise AnalysisError(told(failures))
    return found


def fits(
    frames: Iterable[AnyFrame],
    formula_or_function: str | Callable[..., Any],
    *,
    workers: int = 1,
    progress: bool = False,
    total: int | None = None,
    **options: Any,
) -> tuple[list[Estimate], list[Failure]]:
    """As :func:`analyse`, with the datasets on which it failed beside the estimates.

    Parameters
    ----------
    frames, formula_or_function, **options
        As for :func:`analyse`.
    workers : int
        Processes that share the datasets; a function must then be one that can be sent to them.
    progress : bool
        Show a bar on a terminal.
    total : int, optional
        Number of datasets, for the bar.
    """
    if is_frame(frames):
        message = "frames: got one data frame, expected the completed datasets; for a single one use fit()"
        raise AnalysisError(message)
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise AnalysisError(f"workers: a number of processes from 1 is needed, got {workers!r}")
    given: Iterator[Any] = iter(frames)
    if isinstance(formula_or_function, str):
        given = (as_pandas(frame) if is_frame(frame) else frame for frame in given)
    first = next(given, None)
    if first is None:
        return [], []
    analysis = _analysis(formula_or_function, options, first)
    results = _results(analysis, chain([first], given), workers)
    if progress and total is not None:
        results = _announced(results, total, options.get("engine") == "bambi")
    results = list(counted(results, total=total, show=progress, what="fits"))
    return [r for r in results if isinstance(r, Estimate)], [r for r in results if isinstance(r, Failure)]


def _announced(results: Iterator[Estimate | Failure], total: int, bayesian: bool) -> Iterator[Estimate | Failure]:
    """The results, with a word on how long the rest will take where that is long, and how to save it."""
    remedy = "; more workers share them, and what analyse() returns is judged and pooled without fitting again"
    if bayesian:
        say(f'Bayesian fits of {total} datasets (engine="bambi"), the first of which is compiled first{remedy}.')
    begun = time.monotonic()
    for k, result in enumerate(results, start=1):
        if k == 2:
            rest = (time.monotonic() - begun) * (total - 2)
            if rest > ANNOUNCED:
                left = f"{total - 2} dataset{'s' * (total > 3)}"
                say(f"Fitting the other {left} will take about {lasting(rest)}{remedy}.")
        yield result
        if k == 1:
            begun = time.monotonic()


def _results(analysis: Any, frames: Iterable[pd.DataFrame], workers: int) -> Iterator[Estimate | Failure]:
    jobs = enumerate(frames, start=1)
    if workers == 1:
        with one_thread():
            yield from (analysis.attempt(frame, k) for k, frame in jobs)
        return
    _check_sendable(analysis)
    with processes(workers) as pool:
        # a few datasets at a time, so that not all of them are in memory at once
        while batch := list(islice(jobs, 2 * workers)):
            waiting = [pool.submit(_alone, analysis, frame, k) for k, frame in batch]
            try:
                yield from [each.result() for each in waiting]
            except BrokenExecutor as error:
                raise AnalysisError("workers: a process died (was memory short?); give fewer, or workers=1") from error


def _alone(analysis: Any, frame: pd.DataFrame, k: int) -> "Estimate | Failure":
    """An attempt in a process of its own, beside which others are at work."""
    with one_thread():
        return analysis.attempt(frame, k)


def _check_sendable(analysis: Any) -> None:
    try:
        pickle.dumps(analysis)
    except Exception as error:
        message = (
            f"workers: the analysis cannot be sent to other processes ({error}); define the function at the top of a "
            "module, or use workers=1"
        )
        raise AnalysisError(message) from error


def _analysis(formula_or_function: Any, options: dict[str, Any], first: pd.DataFrame) -> Any:
    if isinstance(formula_or_function, str):
        model = model_of(formula_or_function, **options)
        if model.engine == "bambi":
            from bayesimpute.analysis.bayes import Bayes

            return _Attempt(Bayes(model).based_on(first).fit)
        return _Attempt(_Fit(model))
    if not callable(formula_or_function):
        kind = type(formula_or_function).__name__
        raise AnalysisError(f"the analysis must be a formula or a function of a data frame, got {kind}")
    if options:
        message = f"{', '.join(options)}: belongs to formulas; a function fits its own model: leave it out"
        raise AnalysisError(message)
    return _Attempt(_Own(formula_or_function))


@dataclass(frozen=True)
class _Fit:
    model: Model

    def __call__(self, frame: pd.DataFrame, k: int) -> Estimate:
        del k
        return one_fit(self.model, frame)


@dataclass(frozen=True)
class _Own:
    function: Callable[..., Any]

    def __call__(self, frame: pd.DataFrame, k: int) -> Estimate:
        del k
        return as_estimate(self.function(frame.copy() if isinstance(frame, pd.DataFrame) else frame))


@dataclass(frozen=True)
class _Attempt:
    """An analysis of dataset k that says what went wrong instead of ending all others."""

    analysis: Callable[[pd.DataFrame, int], Estimate]

    def attempt(self, frame: pd.DataFrame, k: int) -> Estimate | Failure:
        try:
            return self.analysis(frame, k)
        except Exception as error:
            text = str(error) if isinstance(error, BayesimputeError) else f"{type(error).__name__}: {error}"
            return Failure(k, text)
