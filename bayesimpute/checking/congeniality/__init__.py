"""What of an analysis the imputations do not know: terms that some conditional model ignores, and what that biases.

Imputed values carry only those relations that their model has (Meng 1994, Statistical Science 9:538: congeniality).
So, for each imputed variable of an analysis of y:

* y itself (:mod:`.outcomes`): its model must have every term of the analysis, random effects included. What it lacks is
  not in the imputed y, and comes out too small.
* A covariate x in a plan with substantive models, where y's model reads x: its density multiplies into the draws of x,
  whatever terms the analysis has. Nothing is lost but what y's model lacks.
* A covariate x in chained equations (:mod:`.covariates`): its model must reverse the analysis: y, every other
  covariate, ``y:w`` for an interaction ``x:w``, random intercepts or the cluster mean of y. For a random slope of x,
  and for powers and other functions of x, there is no reversed linear model at all (Bartlett et al. 2015, SMMR
  24:462; Grund, Lüdtke & Robitzsch 2016, Psychological Methods 21:222).
* The outcomes of other analyses of the plan (:mod:`.several_outcomes`): imputed y must be related to them.

To add a rule, write a function that yields :class:`Ignored` in :mod:`.outcomes` or :mod:`.covariates`.
"""

from collections.abc import Iterator

from bayesimpute.base.arguments import typed_after
from bayesimpute.base.errors import PlanError, one
from bayesimpute.checking.congeniality.covariates import covariate
from bayesimpute.checking.congeniality.outcomes import outcome
from bayesimpute.checking.congeniality.plan_terms import Held, Ignored
from bayesimpute.checking.congeniality.several_outcomes import unlinked
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.void_cells import with_void

__all__ = ["Ignored", "congenial", "of_plan"]


@typed_after
def congenial(
    plan: Plan, analysis: str | Analysis | Conditional, data: AnyFrame | Incomplete | None = None
) -> list[Ignored]:
    """The terms of an analysis that the imputations by a plan do not know.

    Parameters
    ----------
    plan : Plan
        The plan; formulas in it that cannot be read are for ``check`` to report.
    analysis : str, Analysis or Conditional
        ``"popular ~ sex * texp + (1 + sex | school)"``.
    data : DataFrame or Incomplete, optional
        With them only variables with missing values count, and levels are known.

    Returns
    -------
    list of Ignored
        Empty if the imputations are compatible with the analysis.

    Raises
    ------
    FormulaError
        If the analysis cannot be read.
    """
    if not isinstance(plan, Plan):
        raise one(PlanError, "plan", f"a {type(plan).__name__} is not a plan", "give a bayesimpute.Plan")
    formula = parse(_source(analysis), response="required", path="analysis")
    looked_at = data if data is None or isinstance(data, Incomplete) else Incomplete.from_frame(data)
    looked_at = None if looked_at is None else with_void(looked_at.saying(plan.columns), plan.models)
    return list(dict.fromkeys(_everything(Held(plan, formula, looked_at))))


def _source(analysis: str | Analysis | Conditional) -> str:
    if isinstance(analysis, Conditional):
        return analysis.formulas.get("mu", "")
    return analysis.formula if isinstance(analysis, Analysis) else analysis


def _everything(held: Held) -> Iterator[Ignored]:
    yield from _unimputed(held)
    imputed = [x for x in held.covariates if held.imputed(x)]
    if held.imputed(held.y) or any(map(held.multiplied, imputed)):
        yield from outcome(held)
    for x in imputed:
        if not held.multiplied(x):
            yield from covariate(held, x)
    yield from unlinked(held)


def _unimputed(held: Held) -> Iterator[Ignored]:
    """Variables that stay incomplete: the analysis leaves out their rows."""
    for name in (held.y, *held.covariates):
        if held.stays_missing(name):
            finding = f"{name} has missing values, and no model imputes them"
            bias = "the analysis has only the complete rows, which can bias all of it"
            yield Ignored(variable=name, term=name, place="conditional", finding=finding, bias=bias)


def of_plan(plan: Plan, data: AnyFrame | Incomplete | None = None) -> list[tuple[str, Ignored]]:
    """What :func:`congenial` says of every analysis and substantive model of a plan, with the name of its place."""
    found: list[tuple[str, Ignored]] = []
    models: list[tuple[str, Analysis | Conditional]] = [(f"analysis[{a.name}]", a) for a in plan.analyses]
    models += [(plan.path(s), s) for s in plan.substantive]
    for place, model in models:
        known = {ignored for _, ignored in found}
        found += [(place, ignored) for ignored in congenial(plan, model, data) if ignored not in known]
    return found
