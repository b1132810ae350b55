"""What no program can know and a reader must be told, after TARMOS (Lee et al. 2021) and Sterne et al. (2009)."""

from typing import TYPE_CHECKING

from bayesimpute.reporting.citing import see
from bayesimpute.reporting.missing_data import says_what_is_known
from bayesimpute.reporting.wording import codes

if TYPE_CHECKING:
    from bayesimpute.diagnosis.diagnosis import Diagnosis
    from bayesimpute.plan.targets import Resolved
    from bayesimpute.result.result import Result


def checklist(imputed: "Result", resolved: "Resolved", found: "Diagnosis", *, varied: bool = False) -> str:
    """A heading sentence and the points, unticked; `varied`: a sensitivity analysis stands in the report."""
    points = [*_first(found), *_about_data(imputed), *_assumptions(resolved), *_models(), *_results(resolved, varied)]
    title = f"What you must still say yourself {see('lee2021', 'sterne2009')}:"
    return "\n".join([title, "", *(f"- [ ] {point}" for point in points)])


def _first(found: "Diagnosis") -> list[str]:
    if found.converged is True:
        return []
    return [f"Before anything else, mend this: {found.sentence}"]


def _about_data(imputed: "Result") -> list[str]:
    bounds = says_what_is_known(imputed.record.resolved)
    gaps = [v.name for v in imputed.incomplete.variables.values() if v.n_missing and v.name not in bounds]
    return [
        f"Why values are missing, as far as known, for {codes(gaps)}.",
        "How many units were eligible, and how many left the study or were excluded before these data.",
        "How units with and without missing values differ: a table of the main variables for both.",
    ]


def _assumptions(resolved: "Resolved") -> list[str]:
    random = [t.name for t in resolved.targets if not t.mnar and t.impute.any()]
    selected = [t.name for t in resolved.targets if t.family.selection is not None]
    points = []
    if random:
        points.append(
            f"Why missing at random is plausible for {codes(random)}: that, given the variables in their models, "
            "whether a value is missing does not depend on the value. The data cannot show it."
        )
    adjusted = [t.name for t in (resolved.afterwards or resolved).targets if t.adjusting]
    if adjusted:
        points.append(f"Whence the assumptions about missing values of {codes(adjusted)} are: who was asked, and how.")
    if selected:
        families = [t.family.selection for t in resolved.targets]
        laws = " or ".join(dict.fromkeys(found.dependence.law for found in families if found is not None))
        points.append(
            f"Why the selection model is plausible for {codes(selected)}: that the errors of outcome and selection are "
            f"{laws}, and that what is excluded moves selection and has no part in the outcome. How far the "
            "answer rests on this: bayesimpute identify."
        )
    return points


def _models() -> list[str]:
    return [
        "That the imputation models have all that the analyses have: their variables, interactions, random slopes and "
        "levels; and which auxiliary variables were added, and why.",
        "Which analyses and which treatment of missing values were planned before the data were seen.",
    ]


def _results(resolved: "Resolved", varied: bool) -> list[str]:
    points = ["The results of complete cases beside the pooled ones (bi.compare), and why they differ if they do."]
    if resolved.targets:
        points.append("How imputed values compare with observed ones (bayesimpute plot), where many are imputed.")
    if varied:
        points.append("Why the assumptions that were varied, and their ranges, are those that experts find plausible.")
    else:
        points.append(
            "A sensitivity analysis (bayesimpute sensitivity): how much the conclusions change if values are missing "
            "for other reasons than assumed."
        )
    points.append("What the missing values mean for the conclusions.")
    return points
