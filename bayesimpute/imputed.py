"""The facade: imputing, and what users do with m completed datasets: judge, analyse, describe, pool, save, run on.

Each verb is a door to the room that does the work. Rooms take a :class:`bayesimpute.result.result.Result`; what users
hold is a :class:`MultiplyImputed`, the same thing with the verbs on it.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from bayesimpute.base.arguments import typed, typed_after
from bayesimpute.base.errors import InputError, PlanError, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.tables import say
from bayesimpute.checking.void_values import standing_in
from bayesimpute.data.arrow_frames import AnyFrame, taken
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.said_columns import SaidColumn, said_of
from bayesimpute.data.sidecar import joined, unread
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.known_cells import Known, read_by
from bayesimpute.plan.options import Estimand, Run, takes
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.restrictions import Restriction
from bayesimpute.plan.targets import Event
from bayesimpute.result import kept_analyses, run
from bayesimpute.result.new_data import transform
from bayesimpute.result.result import Result
from bayesimpute.running.transforming import SWEEPS

if TYPE_CHECKING:
    import pandas as pd

    from bayesimpute.diagnosis.diagnosis import Diagnosis
    from bayesimpute.estimating.descriptive_tables import Descriptives
    from bayesimpute.estimating.estimands import Estimates
    from bayesimpute.inspection.imputation_model import ImputationModel
    from bayesimpute.inspection.leaving_out import LeftOut
    from bayesimpute.plan.assumptions import Adjustment, Assumption
    from bayesimpute.pooling import Analyses, Pooled
    from bayesimpute.sensitivity.sensitivities import Sensitivities
    from bayesimpute.suggesting import Suggestion


@typed_after
@takes(Run)
def impute(
    data: AnyFrame | Incomplete,
    plan: "Plan | Suggestion | str | Conditional | Sequence[str | Conditional] | None" = None,
    *,
    analysis: str | Conditional | Sequence[str | Conditional] | None = None,
    cluster: str | Sequence[str] = (),
    seed: int,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    force: bool = False,
    keep_effects: bool = False,
    keep: str | Sequence[str] = (),
    columns: Mapping[str, Any] | None = None,
    known: "Sequence[Known]" = (),
    beside: AnyFrame | None = None,
    restrictions: "Sequence[Restriction]" = (),
    **settings: Any,
) -> "MultiplyImputed":
    """Impute incomplete multilevel data.

    Parameters
    ----------
    data : DataFrame or Incomplete
        The incomplete table; a DataFrame stays unchanged. Of pandas, Polars, PyArrow or another kind that narwhals
        reads: completed datasets are of the same kind (tables of results are pandas').
    plan : Plan, Suggestion, formula, Conditional, or a list of formulas and Conditionals, optional
        What is imputed from what. Without it, and without an analysis, every incomplete variable is imputed from those
        that matter: :func:`bayesimpute.suggest` writes the plan (mode "sparse"), ``imputed.plan`` is it, and
        ``imputed.events`` say what was left out and why.
    analysis : formula or Conditional, or a list of them, optional
        Models that are to be analysed, with which the imputations are to be compatible: substantive models of the plan
        (:mod:`bayesimpute.compatible`). Without a plan, :func:`bayesimpute.suggest` writes the rest of it.
    cluster : str or sequence of str
        Without a plan: the cluster keys, by each of which variables have random intercepts.
    m, chains, warmup, sweeps, steps, visit_sequence, sampler, ignore : optional
        See :class:`~bayesimpute.plan.options.Run`; None takes the plan's value.
    seed : int
        All random numbers follow from it, whatever the number of workers.
    executor : concurrent.futures.Executor, optional
        Where legs run: any executor, such as a Dask cluster's ``client.get_executor()``.
    workers : int, optional
        Processes to start instead; 1, the default, runs in this one.
    progress : bool
        Whether to show a line a chain, on a terminal.
    checkpoint : path, optional
        A ``.nc`` or ``.zarr`` file that always holds the run as far as it has come; :func:`resume` goes on from it.
    force : bool
        Whether the checkpoint may take the place of a file that exists.
    keep_effects : bool
        Whether to keep the draws of the group-specific effects in the posterior.
    keep : str or sequence of str
        Variables with a model, of which :meth:`MultiplyImputed.posterior` shall give log-likelihoods and posterior
        predictions: for each draw and unit that the model is fitted to, its linear predictors are kept as they were at
        that visit, 4 bytes each. Of a covariate of a compatible plan its density given all else is computed then, which
        takes time where it has no closed form.
    columns : mapping of str to str or dict, optional
        What columns are where their types do not say it, beside what the plan says:
        ``{"gen": "G1 < G2", "region": "west | south", "den": "labels"}``.
    known : sequence of Known
        What is known of missing cells, beside what the plan says: ``[bi.Known(column="y", between=("low", "high"))]``.
    beside : DataFrame, optional
        The columns that say what is known, where they are none of the data: one row for each row of the data, found by
        its label. They stand in the completed datasets; a plan that is written from the data does not read them.
    restrictions : sequence of Restriction
        Rules that draws respect, beside those of the plan: ``[bi.Restriction(rule="kids == 0", where="age < 9")]``.

    Returns
    -------
    MultiplyImputed

    Raises
    ------
    PlanError
        With every problem of the plan and the data, before anything is compiled.
    DataError
        If there is nothing missing.
    Interrupted
        On Ctrl-C, after the run was saved.
    """
    clusters = (cluster,) if isinstance(cluster, str) else tuple(cluster)
    known = _several(known, Known)
    settled, events = _plan(data, plan, analysis, clusters, said_of(columns or {}), known)
    settled = replace(settled, restrictions=(*settled.restrictions, *_several(restrictions, Restriction)))
    data = data if beside is None else _beside_it(data, beside, settled)
    settled = settled.with_run(**{k: int(v) if isinstance(v, np.integer) else v for k, v in settings.items()})
    made = run.impute(
        data,
        settled,
        seed=seed,
        executor=executor,
        workers=workers,
        progress=progress,
        checkpoint=checkpoint,
        force=force,
        keep_effects=keep_effects,
        keep=(keep,) if isinstance(keep, str) else tuple(keep),
        events=events,
    )
    return MultiplyImputed.over(made)


def _several(given: Any, kind: type) -> tuple[Any, ...]:
    """One or several of a kind; what they are is checked with the plan, but a text is no list of letters."""
    return (given,) if isinstance(given, kind | str | Mapping) else tuple(given)


def _plan(
    data: Any, plan: Any, analysis: Any, clusters: Sequence[str], said: Sequence[SaidColumn], known: tuple[Known, ...]
) -> tuple[Plan, tuple[Event, ...]]:
    """The plan that is meant, and what was left out of one that is suggested.

    As given, with the analyses as substantive models, or written from them, or from the data alone.
    """
    from bayesimpute.suggesting import Suggestion, suggest

    if plan is None:
        if said:
            data = data.saying(said) if isinstance(data, Incomplete) else Incomplete.from_frame(data, columns=said)
        made = suggest(analysis, data, clusters=clusters, known=known)
        return made.plan.saying(said), made.events
    if clusters:
        remedy = "write its random effects into the formulas, such as (1 | school), or leave the plan out"
        raise one(PlanError, "cluster", "there is a plan, whose formulas name the clusters", remedy)
    events = plan.events if isinstance(plan, Suggestion) else ()
    given = plan.plan if isinstance(plan, Suggestion) else plan if isinstance(plan, Plan) else Plan.of(plan)
    return _with_analyses(replace(given.saying(said), known=(*given.known, *known)), analysis), events


def _beside_it(data: Any, beside: AnyFrame, plan: Plan) -> Incomplete:
    """The data with the columns that say what is known of cells."""
    frame, given = (data.frame, data.given) if isinstance(data, Incomplete) else taken(data)
    both = joined(frame, beside, by_place=given is not None)
    problems = unread(frame, both, read_by(plan.known))
    if problems:
        raise PlanError(problems)
    clusters, said = (data.clusters, data.said) if isinstance(data, Incomplete) else ((), ())
    return replace(Incomplete.from_frame(both, clusters=clusters, columns=said), given=given)


def _with_analyses(plan: Plan, analysis: Any) -> Plan:
    """A plan with analyses as substantive models."""
    if analysis is None:
        return plan
    more = (analysis,) if isinstance(analysis, str | Conditional) else tuple(analysis)
    return replace(plan, substantive=(*plan.substantive, *more))


@typed_after
def resume(
    path: str | os.PathLike[str],
    *,
    data: AnyFrame | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> "MultiplyImputed":
    """Go on from a checkpoint to where the run was to end; the result equals that of a run without a break.

    Parameters
    ----------
    path : path
        The checkpoint.
    data : DataFrame, optional
        The data, to make sure that they are still those of the run; completed datasets are frames of their kind.
    executor, workers, progress
        As for :func:`impute`.

    Raises
    ------
    FileError
        If the file cannot be read.
    DataError
        If `data` are not the data of the run.
    """
    made = run.resume(path, data=data, executor=executor, workers=workers, progress=progress)
    return MultiplyImputed.over(made)


@typed
class MultiplyImputed(Result):
    """Completed datasets and the chains that they came from.

    Parameters
    ----------
    tree : xarray.DataTree
        As :mod:`bayesimpute.result.schema` describes it.
    """

    @typed_after
    def extend(self, sweeps: int, **options: Any) -> "MultiplyImputed":
        """Run on: all sweeps so far count as warm-up, and the m datasets are taken anew.

        Parameters
        ----------
        sweeps : int
            New sweeps of each chain.
        **options
            ``executor``, ``workers``, ``progress`` and ``checkpoint``, as for :func:`bayesimpute.impute`.
        """
        return MultiplyImputed.over(run.extend(self, sweeps, **options))

    @typed_after
    def add(self, m: int, **options: Any) -> "MultiplyImputed":
        """Run on with the same thinning for m datasets more; the earlier ones stay as they are.

        Parameters
        ----------
        m : int
            How many more.
        **options
            ``executor``, ``workers``, ``progress`` and ``checkpoint``, as for :func:`bayesimpute.impute`.
        """
        return MultiplyImputed.over(run.add(self, m, **options))

    @typed_after
    def transform(self, data: AnyFrame, *, seed: int | None = None, sweeps: int = SWEEPS) -> "MultiplyImputed":
        """Impute new rows with the draws of this run: prediction sets, later waves; nothing is learnt anew.

        The k-th dataset of the new rows has the parameters behind the k-th dataset of the run. Clusters that the run
        knows have what they had there: effects, values of variables of the cluster, means over its members. Clusters
        that it never saw draw their effects from the distribution between clusters, given what is observed of them
        among the new rows. Of a selection model, what is missing counts as not selected.

        Parameters
        ----------
        data : DataFrame
            Rows with the columns that the models read; what is not known of them is missing.
        seed : int, optional
            All random numbers follow from it; by default that of the run.
        sweeps : int
            How often the missing cells of a dataset are redrawn, each time given all others.

        Returns
        -------
        MultiplyImputed
            Of the new rows: to analyse, pool, estimate, describe and save; there are no chains to diagnose or extend.

        Raises
        ------
        DataError
            With every problem of the new rows: a column that is not there or of another type, labels that were never
            seen, missing values of a variable that has no model.
        """
        return MultiplyImputed.over(transform(self, data, seed=seed, sweeps=sweeps))

    @typed_after
    def overimputed(self, target: str, *, level: float = 0.9) -> "pd.DataFrame":
        """Observed cells that were drawn, too, beside their draws: whether the model says of them what they are.

        Parameters
        ----------
        target : str
            A variable whose conditional has ``where``.
        level : float
            Of the intervals of numbers, which are quantiles of the m draws: take m = 100 or more.

        Returns
        -------
        DataFrame
            A row for each such cell: of numbers ``observed``, ``mean``, ``sd``, ``low``, ``high``, ``covered``; of
            labels and other variables of few values ``observed``, and the ``share`` of draws that are the same.

        Raises
        ------
        InputError
            If no observed cell of the variable was drawn.
        """
        from bayesimpute.result.overimputed import overimputed

        return overimputed(self, target, level=level)

    def model(self, target: str | None = None, *, imputation: int = 0) -> "ImputationModel":
        """The conditional model of a variable on one of the completed datasets: to look at, criticise, take away.

        Parameters
        ----------
        target : str, optional
            The variable; may be left out if there is one only.
        imputation : int
            Whose values the incomplete predictors have, counted from 0.

        Raises
        ------
        InputError
            If the variable has no model, or there is no such dataset.
        """
        from bayesimpute.inspection.imputation_model import model_of

        return model_of(self, target, imputation=imputation)

    def posterior(
        self,
        target: str,
        groups: Sequence[str] | None = None,
        *,
        by: str | None = None,
        units: Literal["auto", "all"] = "auto",
        draws: int = 500,
        seed: int | None = None,
    ) -> xr.DataTree:
        """The draws of one conditional model as a tree, for all of ArviZ: ``az.summary``, ``az.loo``, ``az.plot_…``.

        Parameters
        ----------
        target : str
            The variable.
        groups : sequence of str, optional
            Of ``posterior``, ``sample_stats``, ``observed_data``, ``constant_data``, which are the default, and of
            ``log_likelihood``, ``log_prior``, ``posterior_predictive``, ``prior``, ``prior_predictive``:
            :mod:`bayesimpute.inspection.arviz_groups` says what they hold.
        by : str, optional
            A cluster key: the log-likelihoods are those of its clusters, with their effects integrated out.
        units : {"auto", "all"}
            Whose likelihood and predictions. "auto": where the run has no joint posterior, only units whose predictors
            are all observed, for there leaving out by weights is a heuristic otherwise.
        draws : int
            From the prior.
        seed : int, optional
            Of predictions and of draws from the prior; by default that of the run.

        Returns
        -------
        xarray.DataTree

        Raises
        ------
        InputError
            If the variable was not imputed from a model, or a group is asked for that the run did not keep (``keep=``
            of :func:`impute`) or that the model has not.
        """
        from bayesimpute.inspection.arviz_groups import USUAL, arviz_groups

        given = USUAL if groups is None else groups
        return arviz_groups(self, target, given, by=by, units=units, draws=draws, seed=seed)

    def leave_out(
        self,
        target: str,
        *,
        by: str,
        groups: Sequence[Any] | None = None,
        seed: int | None = None,
        workers: int | None = None,
        progress: bool = True,
    ) -> "LeftOut":
        """How well the values of each group are predicted without them, by refits.

        For crossed and nested cluster keys, for chained equations with imputed predictors, and wherever weights cannot
        be relied on: for each group the plan is run anew without the group's values of the variable, and these are
        predicted, with the effects of clusters that have no value elsewhere integrated out.

        Parameters
        ----------
        target : str
            The variable.
        by : str
            A complete column, whose values make the groups: a cluster key, or folds.
        groups : sequence, optional
            Which of them; all by default. Each costs a run, of at most 500 sweeps a chain.
        seed : int, optional
            Of the refits; by default that of the run.
        workers : int, optional
            As for :func:`impute`.
        progress : bool
            Whether to show how far it is.

        Returns
        -------
        LeftOut

        Raises
        ------
        InputError
            If values of the variable cannot be left out (a selection model, matching, a covariate of a compatible
            plan), or a group cannot: the plan does not run without it.
        """
        from bayesimpute.inspection.leaving_out import leave_out

        options: dict[str, Any] = {"groups": groups, "seed": seed, "workers": workers, "progress": progress}
        return leave_out(self, target, by=by, **options)

    def diagnose(self, *, analyses: "Sequence[Analyses]" = ()) -> "Diagnosis":
        """Whether the chains have converged: see :mod:`bayesimpute.diagnosis.diagnosis`.

        Parameters
        ----------
        analyses : sequence of Analyses
            What :meth:`analyse` gave: the autocorrelation of their estimates is judged too.
        """
        from bayesimpute.diagnosis.diagnosis import diagnose

        return diagnose(self, analyses=analyses)

    def analyse(
        self,
        analysis: str | Callable[[Any], Any],
        *,
        workers: int = 1,
        progress: bool = True,
        allow_failures: bool = False,
        **options: Any,
    ) -> "Analyses":
        """Fit a model of interest to each completed dataset.

        What took over ten seconds is kept with the result, and not fitted again: saved with it, after a load neither.
        Observed cells that were drawn, too (``where`` of a conditional), have the values that were observed.

        Parameters
        ----------
        analysis : str or callable
            An lme4 formula, or a function of a completed frame that returns estimates and their covariance matrix.
        workers : int
            Processes that share the datasets.
        progress : bool
            Show a bar, on a terminal.
        allow_failures : bool
            Go on without the datasets on which the analysis fails, as long as two are left; the pooled result says so.
        **options
            For formulas: ``family``, ``link``, ``engine``, ``reml``, ``covariance``, ``cluster``, ``working``, ``df``
            and ``effects``, as for :func:`bayesimpute.fit`.

        Returns
        -------
        Analyses
            With ``pool()``, ``derive()``, ``test()`` and ``mix()``.

        Raises
        ------
        AnalysisError
            The analysis failed; the text names each dataset concerned. Or it reads a column that is incomplete.
        """
        from bayesimpute.analysis import model_of
        from bayesimpute.pooling import Analyses, analyses_of

        chains = self.record.schedule.chains
        model = model_of(analysis, **options) if isinstance(analysis, str) else None
        if model is not None and (estimates := kept_analyses.kept(self.tree, model)) is not None:
            if progress:
                say(f"{model.formula.excerpt}: kept from an earlier fit of these datasets, and not fitted again")
            return Analyses(estimates, chains=chains, model=model, frames=self.in_pandas)
        begun = time.monotonic()
        found = analyses_of(
            self.as_observed if callable(analysis) else self.in_pandas,
            analysis,
            chains=chains,
            total=self.m,
            workers=workers,
            progress=progress,
            allow_failures=allow_failures,
            **options,
        )
        notes = () if model is None else standing_in(self.plan, model.formula, model.where, self.incomplete)
        if notes:
            said = tuple(f"{finding}; {remedy}." for finding, remedy in notes)
            told = tuple(replace(each, messages=(*each.messages, *said)) for each in found.estimates)
            found = replace(found, estimates=told)
        if model is not None and not found.failures and time.monotonic() - begun > kept_analyses.SLOW:
            kept_analyses.keep(self.tree, model, found.estimates)
        return replace(found, frames=self.in_pandas)

    def pool(
        self,
        analysis: str | Callable[[Any], Any] | None = None,
        *,
        conf_level: float = 0.95,
        dfcom: float | None = None,
        **options: Any,
    ) -> "Pooled":
        """:meth:`analyse` and pool in one; `conf_level` and `dfcom` are those of :func:`bayesimpute.pooling.pool`.

        Without an analysis, the plan's own, if it has exactly one.
        """
        if analysis is None:
            analysis, options = self._own_analysis(options)
        found = self.analyse(analysis, **options)
        pooled = found.pool(conf_level=conf_level, dfcom=dfcom)
        said = self._prior_share(found, pooled, lambda other: other.analyse(analysis, **options))
        return pooled if said is None else replace(pooled, messages=(*pooled.messages, said))

    def _prior_share(
        self, found: "Analyses", pooled: "Pooled", again: "Callable[[MultiplyImputed], Analyses]"
    ) -> str | None:
        """What priors of assumptions make of the variance, where that can be told without going on."""
        from bayesimpute.sensitivity import prior_share

        names = prior_share.drawn(self.plan)
        middle = prior_share.applied(self) if names and not found.failures else None
        if middle is None:
            return None
        return prior_share.told(prior_share.of_terms(found, again(MultiplyImputed.over(middle)), pooled), names)

    def _own_analysis(self, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The formula of the plan's one analysis, with its options under those that are given."""
        found = self.plan.analyses
        if len(found) != 1:
            names = f"the plan has {listed(a.name for a in found)}" if found else "the plan has no analysis"
            raise one(InputError, "analysis", f"there is none to pool: {names}", 'write pool("y ~ x + (1 | g)")')
        return found[0].formula, {**found[0].options, **options}

    def estimate(self, estimand: "Estimand | str | None" = None, **options: Any) -> "Estimates":
        """A mean, proportion or quantile, by groups and with survey weights, pooled with its interval.

        Parameters
        ----------
        estimand : Estimand or str, optional
            One, or the name of one of the plan; without it and without ``variable=``, all those of the plan.
        **options
            ``variable``, ``statistic``, ``by``, ``weights`` and the others of
            :func:`bayesimpute.estimating.estimands.estimate`.
        """
        from bayesimpute.estimating.estimands import estimate

        return estimate(self, estimand, **options)

    def describe(self, variables: str | Sequence[str] | None = None, **options: Any) -> "Descriptives":
        """Means, spreads, quantiles, correlations, frequencies and cross tables, pooled, by groups and with weights.

        Parameters
        ----------
        variables : str or sequence of str, optional
            Columns of the data and derived variables; by default all that can be described.
        **options
            ``by``, ``weights``, ``cross`` and the others of
            :func:`bayesimpute.estimating.descriptive_tables.descriptives`.
        """
        from bayesimpute.estimating.descriptive_tables import descriptives

        return descriptives(self, variables, **options)

    def adjusted(self, *adjustments: "Adjustment", assumptions: "Sequence[Assumption]" = ()) -> "MultiplyImputed":
        """The same run with its imputed values shifted by assumption; nothing is refitted, no other variable follows.

        The m datasets have the parameters and random numbers that they had, and the shift.

        Parameters
        ----------
        *adjustments : Adjustment
            ``bi.Adjustment(target="y", shift=2)``; beside those of the plan.
        assumptions : sequence of Assumption
            What their shifts are written with, beside those of the plan.

        Raises
        ------
        PlanError
            With every problem of the adjustments; one with ``propagate=True`` is refused, for the run is over.
        """
        from bayesimpute.result.shifted import adjusted

        return MultiplyImputed.over(adjusted(self, adjustments, assumptions))

    def sensitivity(
        self,
        of: Any = None,
        *,
        term: str | None = None,
        over: Mapping[str, Any] | None = None,
        adjustments: "Sequence[Adjustment]" = (),
        base: str = "",
        tip: str = "interval",
        null: float | None = None,
        conf_level: float = 0.95,
        by: str | Sequence[str] | None = None,
        refit: bool = True,
        seed: int | None = None,
        executor: Executor | None = None,
        workers: int | None = None,
        progress: bool = True,
        **options: Any,
    ) -> "Sensitivities":
        """An answer over a grid of assumptions about the missing values, and where the conclusion tips.

        Points differ in what is assumed alone: they have the same random numbers. Where no other variable's imputations
        follow a shift, it is applied to the draws of this run; else chains go on from where it ended.

        Parameters
        ----------
        of : str, Analysis, Estimand or callable, optional
            An analysis or estimand of the plan by name, a formula, or a function of a completed dataset as for
            :meth:`analyse`. None: the plan's own ``[[sensitivity]]`` tables, or the one analysis or estimand there.
        term : str, optional
            The term that matters, or an expression such as ``"b[arm] + b[arm:old]"``; tipping points need one.
        over : mapping
            What is varied: assumptions by name, numbers of the plan by their dotted path (``conditional[hiv].rho``);
            each over a list or ``"start:stop:step"``. Two make a map.
        adjustments : sequence of Adjustment
            Beside those of the plan; names in their shifts that are in `over` are assumptions. They are applied
            afterwards, unless they say ``propagate=True``.
        base : {"", "mar"}
            "mar": without selection equations; by default the plan as it is.
        tip : {"interval", "estimate"}
            What tips: that the interval excludes `null`, or on which side of it the estimate is.
        null : float, optional
            The value that means nothing: by default 0 of coefficients; without it means and shares do not tip.
        conf_level : float
            Level of the intervals.
        by : str or sequence of str, optional
            Complete variables by whose groups it is told what is assumed.
        refit : bool
            Whether points may be run again; without it those rows say "needs a refit".
        seed : int, optional
            Of runs with other models; by default that of this run.
        executor : concurrent.futures.Executor, optional
            Where the chains of points that are run again go, as for :func:`impute`.
        workers : int, optional
            Processes that share the chains and the fits.
        progress : bool
            Show a bar, on a terminal.
        **options
            Of a formula, as for :func:`bayesimpute.fit`.

        Returns
        -------
        Sensitivities

        Raises
        ------
        InputError
            With everything that is wrong with what is asked.
        """
        from bayesimpute.sensitivity.grids import sensitivity

        return sensitivity(
            self,
            of,
            term=term,
            over=over,
            adjustments=adjustments,
            base=base,
            tip=tip,
            null=null,
            conf_level=conf_level,
            by=by,
            refit=refit,
            seed=seed,
            executor=executor,
            workers=workers,
            progress=progress,
            **options,
        )

    def report(
        self,
        *,
        analyses: "Mapping[str, Analyses | Pooled] | None" = None,
        sensitivities: "Sensitivities | None" = None,
    ) -> str:
        """A methods section with the numbers of this run, and a checklist for the rest: :mod:`bayesimpute.reporting`.

        Parameters
        ----------
        analyses : mapping of str to Analyses or Pooled, optional
            What :meth:`analyse` or :meth:`pool` gave, by name: ``{"main": imputed.pool("y ~ x")}``.
        sensitivities : Sensitivities, optional
            What :meth:`sensitivity` gave.
        """
        from bayesimpute.reporting import report

        return report(self, analyses=analyses, sensitivities=sensitivities)
