"""A plan whose imputations are compatible with the analyses: their models stand in it, and covariates leave them out.

The outcome's conditional is the analysis itself. A missing covariate x is drawn from p(x | other covariates) times
p(outcome | x, ...), so that its own model needs only the dependence among covariates, whatever interactions, powers,
random slopes and cluster means the analysis has (Bartlett et al. 2015, SMMR 24:462; Enders, Du & Keller 2020,
Psychological Methods 25:88). An auxiliary variable is the target of a model of its own, which reads outcome and
covariates; its density multiplies into their draws.
"""

from collections.abc import Mapping

from bayesimpute.families import auto
from bayesimpute.formulas.syntax import Call
from bayesimpute.formulas.terms import common_terms, names_in, written
from bayesimpute.plan.conditional import Conditional
from bayesimpute.suggesting.auxiliaries import Association
from bayesimpute.suggesting.suggested_model import Model, Piece, deduced, described, mains, means, model, plain_groups
from bayesimpute.suggesting.variable_roles import Scene

NARROW = ("log", "log2", "log10", "log1p", "sqrt")
"""Functions of positive numbers only."""
LEFT_OUT = "{outcomes} left out on purpose: the density of the analysis multiplies into the draws of {target}."


def substantive(scene: Scene, asked: Mapping[str, Conditional]) -> list[Model]:
    """The models of the outcomes: the analyses as they are, if something in them is incomplete."""
    needed = [y for y, f in scene.models.items() if any(scene.missing(n) for n in (y, *f.needs & {*scene.variables}))]
    return [_substantive(scene, outcome, asked[outcome]) for outcome in needed]


def conditionals(scene: Scene, associations: Mapping[str, Association]) -> list[Model]:
    """The models of covariates and auxiliary variables."""
    found = [_covariate(scene, name) for name in scene.covariates if scene.data.variables[name].n_missing]
    for k, name in enumerate(scene.auxiliaries):
        found.append(_auxiliary(scene, name, scene.auxiliaries[:k], associations.get(name)))
    return [made for made in found if scene.imputable(made.conditional.target)]


def _substantive(scene: Scene, outcome: str, asked: Conditional) -> Model:
    # A binary outcome of an analysis without a family is a yes/no variable.
    family = asked.family
    if family == "auto":
        family = auto(scene.data.columns[outcome]).name
    conditional = Conditional(
        target=outcome,
        family=family,
        formulas=asked.formulas,
        level=asked.level or scene.level(outcome),
        priors=asked.priors,
    )
    notes = [
        described(scene, outcome, asked.family),
        f"The analysis itself is its model, with all interactions and random effects. What is missing in {outcome} is "
        "drawn from it, and its density multiplies into the draws of the covariates.",
    ]
    return Model(conditional=conditional, notes=tuple(notes))


def _covariate(scene: Scene, target: str) -> Model:
    if not scene.missing(target):
        return deduced(scene, target)
    others = [name for name in scene.covariates if name != target]
    notes = [LEFT_OUT.format(outcomes=" and ".join(scene.outcomes), target=target), *_unparted(scene, target, others)]
    notes += [
        f"It enters the analysis as {text}: gaussian draws are not kept where that can be computed."
        for text in _narrow(scene, target)
    ]
    pieces = predictors(scene, target, others)
    return model(scene, target, pieces, groups=plain_groups(scene, target), notes=notes)


def _unparted(scene: Scene, target: str, others: list[str]) -> list[str]:
    """What is said of predictors that have no cluster means."""
    loose = [n for n in others if scene.missing(n) and any(scene.has_means(n, key) for key in scene.keys)]
    if scene.level(target) is not None or not loose:
        return []
    return [f"No cluster means of {', '.join(loose)}, incomplete: one slope holds within and between clusters."]


def _narrow(scene: Scene, target: str) -> list[str]:
    """The terms of the analyses that cannot be computed from any number."""
    atoms = [a for f in scene.models.values() for term in common_terms(f) for a in term]
    calls = [a for a in atoms if isinstance(a, Call) and a.function in NARROW and target in names_in(a)]
    return list(dict.fromkeys(written((call,)) for call in calls))


def _auxiliary(scene: Scene, target: str, before: tuple[str, ...], why: Association | None) -> Model:
    notes = [f"Auxiliary variable: {why or 'asked for'}. It predicts nothing: its density multiplies into the draws."]
    pieces = predictors(scene, target, [*scene.outcomes, *scene.covariates, *before])
    return model(scene, target, pieces, groups=plain_groups(scene, target), notes=notes)


def predictors(scene: Scene, target: str, others: list[str]) -> list[Piece]:
    """Main effects at the target's level.

    At level 1 the variables themselves and the cluster means of the complete ones, which part what holds between
    clusters from what holds within; at level 2 the level-2 variables and the cluster means of all others.
    """
    level = scene.level(target)
    if level is not None:
        fixed = [n for n in others if scene.fixed_within(n, level)]
        loose = [n for n in others if n not in fixed]
        return [*mains(scene, fixed, "level-2 variables"), *means(scene, loose, [level])]
    upper = [n for n in others if scene.level(n) is not None]
    lower = [n for n in others if n not in upper]
    complete = [n for n in others if not scene.missing(n)]
    by = means(scene, complete, scene.keys)
    return [*mains(scene, lower, "level-1 variables"), *by, *mains(scene, upper, "level-2 variables")]
