"""What users do with m completed datasets: judge, analyse, describe and pool them, save them, run on.

Each verb is a door to the module that does the work; what the verbs work on is :class:`bayesimpute.result.Result`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesimpute.outcome import InputError, one
from bayesimpute.plan import Estimand
from bayesimpute.result import Result

if TYPE_CHECKING:
    from bayesimpute.descriptives import Descriptives
    from bayesimpute.diagnostics import Diagnosis
    from bayesimpute.estimands import Estimates
    from bayesimpute.pooling import Analyses, Pooled


class MultiplyImputed(Result):
    """Completed datasets and the chains that they came from.

    Parameters
    ----------
    tree : xarray.DataTree
        As :mod:`bayesimpute.tree` describes it.
    """

    def extend(self, sweeps: int, **options: Any) -> "MultiplyImputed":
        """Run on: all sweeps so far count as warm-up, and the m datasets are taken anew.

        Parameters
        ----------
        sweeps : int
            New sweeps of each chain.
        **options
            ``executor``, ``workers``, ``progress`` and ``checkpoint``, as for :func:`bayesimpute.impute`.
        """
        from bayesimpute.fcs import extend

        return extend(self, sweeps, **options)

    def add(self, m: int, **options: Any) -> "MultiplyImputed":
        """Run on with the same thinning for m datasets more; the earlier ones stay as they are.

        Parameters
        ----------
        m : int
            How many more.
        **options
            ``executor``, ``workers``, ``progress`` and ``checkpoint``, as for :func:`bayesimpute.impute`.
        """
        from bayesimpute.fcs import add

        return add(self, m, **options)

    def diagnose(self, *, analyses: "Sequence[Analyses]" = ()) -> "Diagnosis":
        """Whether the chains have converged: see :mod:`bayesimpute.diagnostics`.

        Parameters
        ----------
        analyses : sequence of Analyses
            What :meth:`analyse` gave: the autocorrelation of their estimates is judged too.
        """
        from bayesimpute.diagnostics import diagnose

        return diagnose(self, analyses=analyses)

    def analyse(
        self,
        analysis: str | Callable[[pd.DataFrame], Any],
        *,
        workers: int = 1,
        progress: bool = True,
        allow_failures: bool = False,
        **options: Any,
    ) -> "Analyses":
        """Fit a model of interest to each completed dataset.

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
        from bayesimpute.pooling import analyses_of

        return analyses_of(
            self,
            analysis,
            chains=self.record.schedule.chains,
            total=self.m,
            workers=workers,
            progress=progress,
            allow_failures=allow_failures,
            **options,
        )

    def pool(
        self,
        analysis: str | Callable[[pd.DataFrame], Any] | None = None,
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
        return self.analyse(analysis, **options).pool(conf_level=conf_level, dfcom=dfcom)

    def _own_analysis(self, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The formula of the plan's one analysis, with its options under those that are given."""
        found = self.plan.analyses
        if len(found) != 1:
            names = f"the plan has {', '.join(a.name for a in found)}" if found else "the plan has no analysis"
            raise one(InputError, "analysis", f"there is none to pool: {names}", 'write pool("y ~ x + (1 | g)")')
        return found[0].formula, {**found[0].options, **options}

    def estimate(self, estimand: "Estimand | str | None" = None, **options: Any) -> "Estimates":
        """A mean, proportion or quantile, by groups and with survey weights, pooled with its interval.

        Parameters
        ----------
        estimand : Estimand or str, optional
            One, or the name of one of the plan; without it and without ``variable=``, all those of the plan.
        **options
            ``variable``, ``statistic``, ``by``, ``weights`` and the others of :func:`bayesimpute.estimands.estimate`.
        """
        from bayesimpute.estimands import estimate

        return estimate(self, estimand, **options)

    def describe(self, variables: str | Sequence[str] | None = None, **options: Any) -> "Descriptives":
        """Means, spreads, quantiles, correlations, frequencies and cross tables, pooled, by groups and with weights.

        Parameters
        ----------
        variables : str or sequence of str, optional
            Columns of the data and derived variables; by default all that can be described.
        **options
            ``by``, ``weights``, ``cross`` and the others of :func:`bayesimpute.descriptives.descriptives`.
        """
        from bayesimpute.descriptives import descriptives

        return descriptives(self, variables, **options)

    def report(self, *, analyses: "Mapping[str, Analyses | Pooled] | None" = None) -> str:
        """A methods section with the numbers of this run, and a checklist for the rest: :mod:`bayesimpute.reporting`.

        Parameters
        ----------
        analyses : mapping of str to Analyses or Pooled, optional
            What :meth:`analyse` or :meth:`pool` gave, by name: ``{"main": imputed.pool("y ~ x")}``.
        """
        from bayesimpute.reporting import report

        return report(self, analyses=analyses)
