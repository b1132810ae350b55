"""The methods section of a paper, with the numbers of a run filled in."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import BayesimputeError, InputError, one
from bayesimpute.base.tables import events
from bayesimpute.diagnosis.diagnosis import diagnose
from bayesimpute.pooling import Analyses, Pooled
from bayesimpute.reporting.checklist import checklist
from bayesimpute.reporting.imputation_models import imputation_models
from bayesimpute.reporting.missing_data import missing_data
from bayesimpute.reporting.pooled_analyses import pooled_of, pooling
from bayesimpute.reporting.run_summary import convergence, schedule, software
from bayesimpute.reporting.sensitivity_analyses import sensitivity_sections
from bayesimpute.reporting.wording import bullets

if TYPE_CHECKING:
    from bayesimpute.result.result import Result
    from bayesimpute.sensitivity.sensitivities import Sensitivities


@typed_after
def report(
    imputed: "Result",
    *,
    analyses: Mapping[str, Analyses | Pooled] | None = None,
    sensitivities: "Sensitivities | None" = None,
) -> str:
    """Describe what was missing, how it was imputed, and how the analyses were pooled, as a methods section does.

    Its three parts are those of TARMOS (Lee et al. 2021, J Clin Epidemiol 134:79): plan the analysis, examine the data,
    report the results. The points are those that it and Sterne et al. (2009, BMJ 338:b2393) ask for. Those that no
    program can know stand at the end as a checklist.

    Parameters
    ----------
    imputed : MultiplyImputed
        A finished run.
    analyses : mapping of str to Analyses or Pooled, optional
        Analyses of its completed datasets, by the names of the plan or any others; the autocorrelation of the
        estimates of an :class:`~bayesimpute.pooling.Analyses` is judged too.
    sensitivities : Sensitivities, optional
        What ``imputed.sensitivity(...)`` gave.

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
    from bayesimpute.sensitivity.grids import identity

    require_run(imputed, "report on")
    if not imputed.record.finished:
        finding = "this run was stopped before all its datasets were completed"
        raise BayesimputeError(f"report: {finding}; go on with bayesimpute.resume")
    if sensitivities is not None and sensitivities.run != identity(imputed):
        finding = "these sensitivity analyses are of another run"
        raise one(InputError, "sensitivities", finding, "compute them anew from this one")
    given = {} if analyses is None else analyses
    pooled = pooled_of(given, imputed.m)
    resolved = imputed.record.resolved
    found = diagnose(imputed, analyses=[a for a in given.values() if isinstance(a, Analyses)])
    models = [imputation_models(imputed, resolved), schedule(imputed), *_automatic(imputed)]
    parts = {
        "Plan": {
            "Imputation": "\n\n".join(models),
            "Analysis": pooling(imputed, pooled),
            "Software": software(imputed),
        },
        "Examine": {"Missing data": missing_data(imputed, resolved), "Convergence": convergence(found)},
        "Report": {
            **sensitivity_sections(imputed, sensitivities),
            "Checklist": checklist(imputed, resolved, found, varied=sensitivities is not None),
        },
    }
    return "\n\n".join(f"# {part}\n\n{_sections(sections)}" for part, sections in parts.items()) + "\n"


def _sections(sections: Mapping[str, str]) -> str:
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items())


def _automatic(imputed: "Result") -> list[str]:
    """What was done or warned of before the run, which no setting says."""
    # the models name their families
    before = imputed.events.query("chain < 0 and what != 'left missing' and not what.str.startswith('family ')")
    return [f"Done automatically:\n\n{bullets(events(before))}"] if len(before) else []
