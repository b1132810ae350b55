"""The imputation models: family, formulas, cluster keys, priors; selection models with what they rest on."""

from typing import TYPE_CHECKING

from bayesimpute.base.phrases import counted
from bayesimpute.checking.exclusions import exclusions
from bayesimpute.families import Binary, Family
from bayesimpute.families.two_part_counts import ZERO
from bayesimpute.formulas import parse
from bayesimpute.reporting.citing import see
from bayesimpute.reporting.wording import bullets, code, codes

if TYPE_CHECKING:
    from bayesimpute.families import Dependence, Selection
    from bayesimpute.plan.conditional import Conditional
    from bayesimpute.plan.plan import Plan
    from bayesimpute.plan.targets import Resolved, Target
    from bayesimpute.result.result import Result

NONE = "No model was fitted: every missing cell that was filled in follows from the data."


def imputation_models(imputed: "Result", resolved: "Resolved") -> str:
    """A paragraph on the method, a line for each model, and what was assumed of the others' missingness."""
    if not resolved.targets:
        return NONE
    conditionals = {conditional.target: conditional for conditional in imputed.plan.models}
    first = (
        "Missing values were imputed by fully conditional specification, also called chained equations "
        f"{see('vanbuuren2018')}: in every sweep each incomplete variable was drawn anew from the posterior predictive "
        "distribution of a Bayesian regression model, given the current values of all other variables. The models, in "
        "the order of their visits:"
    )
    if imputed.plan.substantive:
        first = _compatible(imputed.plan) + " The models, in the order of their visits:"
    models = bullets(
        _model(target, conditionals[target.name], resolved.factors.get(target.name, ())) for target in resolved.targets
    )
    priors = (
        "Priors that are not given here were weakly informative and scaled by the data (bambi's automatic ones; LKJ(2) "
        "on correlations of random effects)."
    )
    return "\n\n".join([first, models, *_assumed(resolved), priors, *_derived(imputed)])


def _compatible(plan: "Plan") -> str:
    """The method of a plan with substantive models."""
    formulas = codes([model.formulas["mu"] for model in plan.substantive])
    return (
        f"Missing values were imputed compatibly with {formulas} (substantive-model-compatible imputation, "
        f"{see('bartlett2015')[1:-1]}): in every sweep the parameters of each Bayesian regression model were drawn "
        "anew, those of covariates given all rows, current imputations included, and each missing value of a covariate "
        "was drawn from its own model times the density of every model that reads it."
    )


def _assumed(resolved: "Resolved") -> list[str]:
    """That what has no selection model was taken as missing at random."""
    random = [t.name for t in resolved.targets if not t.mnar and t.missing_rows.size]
    if not random:
        return []
    verb, whose = ("was", "its model") if len(random) == 1 else ("were", "their models")
    return [f"{codes(random)} {verb} taken as missing at random given the variables of {whose}."]


def _derived(imputed: "Result") -> list[str]:
    own = [f"{code(d.name)} = {code(d.expression)}" for d in imputed.plan.computed]
    return [f"Computed from other variables in every sweep: {'; '.join(own)}."] if own else []


def _model(target: "Target", conditional: "Conditional", readers: tuple[str, ...] = ()) -> str:
    parts = [_formulas(target, conditional), _factors(target), _fitted(target)]
    parts += [f"Its missing values were drawn from this model times that of {codes(list(readers))}"] if readers else []
    selection, said = target.family.selection, set()
    if selection is not None:
        parts += [*_selection(target, conditional, selection), *_apart(target)]
        said = {selection.dependence.name} - set(conditional.formulas)
    priors = [f"{code(name)} {code(str(prior))}" for name, prior in target.priors.items() if name not in said]
    return ". ".join([*parts, *[f"Priors: {', '.join(priors)}"] * bool(priors)]) + "."


def _formulas(target: "Target", conditional: "Conditional") -> str:
    family = target.family
    texts = [text if name == "mu" else f"{name}: {text}" for name, text in conditional.formulas.items()]
    texts += [f"{role}: {column}" for role, column in conditional.side.items()]
    return f"{code(target.name)}: {family.described} ({_linked(family.fitted_as)}), {', '.join(map(code, texts))}"


def _linked(family: Family) -> str:
    mu = family.parameters[0]
    if mu.labels:
        return f"with a linear predictor for {codes(mu.labels)}"
    others = [f"; {p.name}: {p.link} link" for p in family.parameters if p.name == ZERO]
    return f"{getattr(family, 'link', mu.link)} link{''.join(others)}"  # of cutpoints it is theirs, mu's the identity


def _factors(target: "Target") -> str:
    found = [group.factor for formula in target.formulas.values() for group in formula.groups]
    return f"Random effects by {codes(found)}" if found else "No random effects"


def _fitted(target: "Target") -> str:
    kind = "" if target.learns_imputed else "observed "
    what = f"{kind}unit" if target.level is None else f"{kind}cluster"
    of = "" if target.level is None else f" of {code(target.level)}"
    fitted = f"Fitted to {counted(len(target.learn_rows), what)}{of}, imputed for {int(target.gaps.sum())}"
    if target.known_cells is not None:
        fitted += f", {int(target.known_cells.some.sum())} of which were known in part: within limits or among labels"
    applies, void = target.conditional.applies, int(target.void.sum())
    if void:
        fitted += f". It applies where {code(str(applies))}: {counted(void, 'value')} were neither missing nor drawn"
    return fitted


def _selection(target: "Target", conditional: "Conditional", selection: "Selection") -> list[str]:
    keys = ("heckman1979", *["vandeven1981"] * (target.family.values is Binary), "munoz2024")
    name = selection.parameter
    found = exclusions(*(parse(conditional.formulas[p], response="optional") for p in ("mu", name)))
    about = (
        f"This is a selection model for values missing not at random {see(*keys)}: a second equation "
        f"({code(name)}) says who was observed, and the errors of both equations are {selection.dependence.law}"
    )
    return [about, _correlation(target, conditional, selection.dependence), _rests_on(found.variables, selection)]


def _rests_on(excluded: tuple[str, ...], selection: "Selection") -> str:
    """What is excluded from the outcome's equation, which only a dependence that is learnt rests on."""
    named, learnt = selection.dependence.called.removeprefix("Kendall's "), selection.dependence.value is None
    if excluded:
        so = f", and so what identifies the {named}" if learnt else ""
        return f"Excluded from the outcome's equation{so}: {codes(excluded)}"
    rests = f": the {named} rests on the distribution of the errors alone" if learnt else ""
    return f"There is no exclusion variable{rests}"


def _correlation(target: "Target", conditional: "Conditional", dependence: "Dependence") -> str:
    """How the family treats the dependence of the two equations' errors."""
    name = dependence.name
    named = dependence.called if dependence.called.endswith(name) else f"{dependence.called} {name}"
    if name in conditional.formulas:
        return f"Their {named} followed {code(conditional.formulas[name])} on {dependence.scale} scale"
    if dependence.value is not None:
        return f"Their {dependence.called} was fixed at {dependence.value}"
    prior = target.priors.get(name, dependence.parameter.prior)
    return f"Their {named} was estimated, with the prior {code(str(prior))}"


def _apart(target: "Target") -> list[str]:
    """What was made of missing values that may not have been selected out one by one."""
    if target.empty is not None and target.empty_of is not None:
        return [
            f"{counted(len(target.empty), 'cluster')} ({counted(int((target.empty_of >= 0).sum()), 'value')}) had no "
            "observed value: in every sweep each was drawn to be either systematically missing, its values then drawn "
            "from the outcome's equation alone, or empty because each of its units was selected out"
        ]
    if not target.apart.any():
        return []
    return [
        f"{counted(int(target.apart.sum()), 'value')} that were missing systematically were drawn from the outcome's "
        "equation alone"
    ]
