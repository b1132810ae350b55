"""The methods section of a paper, with the numbers of a run filled in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import BayesimputeError
from bayesimpute.base.tables import events
from bayesimpute.diagnosis.diagnosis import diagnose
from bayesimpute.pooling import Analyses, Pooled
from bayesimpute.reporting.checklist import checklist
from bayesimpute.reporting.imputation_models import imputation_models
from bayesimpute.reporting.missing_data import missing_data
from bayesimpute.reporting.pooled_analyses import pooled_of, pooling
from bayesimpute.reporting.run_summary import convergence, schedule, software
from bayesimpute.reporting.wording import bullets

if TYPE_CHECKING:
    from bayesimpute.result.result import Result


@typed_after
def report(imputed: "Result", *, analyses: Mapping[str, Analyses | Pooled] | None = None) -> str:
    """Describe what was missing, how it was imputed, and how the analyses were pooled, as a methods section does.

    The points are those that Lee et al. (2021, J Clin Epidemiol 134:79, the TARMOS framework) and Sterne et al. (2009,
    BMJ 338:b2393) ask for. Those that no program can know stand at the end as a checklist.

    Parameters
    ----------
    imputed : MultiplyImputed
        A finished run.
    analyses : mapping of str to Analyses or Pooled, optional
        Analyses of its completed datasets, by the names of the plan or any others; the autocorrelation of the
        estimates of an :class:`~bayesimpute.pooling.Analyses` is judged too.

    Returns
    -------
    str
        Markdown.

    Raises
    ------
    BayesimputeError
        If the run was stopped before its end.
    InputError
        With everything in `analyses` that is no analysis of this run.
    AnalysisError
        If an analysis cannot be pooled.
    """
    from bayesimpute.result.result import require_run

    require_run(imputed, "report on")
    if not imputed.record.finished:
        finding = "this run was stopped before all its datasets were completed"
        raise BayesimputeError(f"report: {finding}; go on with bayesimpute.resume")
    given = {} if analyses is None else analyses
    pooled = pooled_of(given, imputed.m)
    resolved = imputed.record.resolved
    found = diagnose(imputed, analyses=[a for a in given.values() if isinstance(a, Analyses)])
    sections = {
        "Missing data": missing_data(imputed, resolved),
        "Imputation": "\n\n".join([imputation_models(imputed, resolved), schedule(imputed), *_automatic(imputed)]),
        "Convergence": convergence(found),
        "Analysis": pooling(imputed, pooled),
        "Software": software(imputed),
        "Checklist": checklist(imputed, resolved, found),
    }
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items()) + "\n"


def _automatic(imputed: "Result") -> list[str]:
    """What was done or warned of before the run, which no setting says."""
    # the models name their families
    before = imputed.events.query("chain < 0 and what != 'left missing' and not what.str.startswith('family ')")
    return [f"Done automatically:\n\n{bullets(events(before))}"] if len(before) else []
