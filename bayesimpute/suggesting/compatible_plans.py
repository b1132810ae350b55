"""A plan whose imputations are compatible with the analyses: their models stand in it, and covariates leave them out.

The outcome's conditional is the analysis itself. A missing covariate x is drawn from p(x | other covariates) times
p(outcome | x, ...), so that its own model needs only the dependence among covariates, whatever interactions, powers,
random slopes and cluster means the analysis has (Bartlett et al. 2015, SMMR 24:462; Enders, Du & Keller 2020,
Psychological Methods 25:88).

Incomplete covariates stand in one order (:func:`ordered`), and each is given the complete ones and those before it, so
that their models multiply to one joint density. At level 1 it is given cluster means, too: what holds between clusters
may differ from what holds within, and one slope for both is wrong for both. :func:`_carried` says where clusters carry
them. An auxiliary variable is the target of a model of its own, which reads outcome and covariates in the same way; its
density multiplies into their draws.

Outcomes of several analyses stand in one order, too (:func:`outcomes_in_order`), and each is given those before it
beside what its analysis has. Left apart, they would be independent given the covariates wherever one is imputed.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.clusters import carried
from bayesimpute.families import auto, why_auto
from bayesimpute.formulas import parse
from bayesimpute.formulas.syntax import Call
from bayesimpute.formulas.terms import bare, common_terms, names_in, split, written
from bayesimpute.plan.conditional import Conditional
from bayesimpute.suggesting.auxiliaries import Association
from bayesimpute.suggesting.suggested_model import (
    Model,
    Piece,
    deduced,
    described,
    mains,
    means,
    model,
    plain_groups,
)
from bayesimpute.suggesting.variable_roles import Scene

NARROW = ("log", "log2", "log10", "log1p", "sqrt")
"""Functions of positive numbers only."""
TOGETHER = 100
"""Missing values of a variable in one cluster that are drawn together, as its mean is read."""
LEFT_OUT = "{outcomes} left out on purpose: the density of the analysis multiplies into the draws of {target}."


def substantive(scene: Scene, asked: Mapping[str, Conditional]) -> list[Model]:
    """The models of the outcomes: the analyses, with the outcomes before, if something in them is incomplete."""
    found, before = {}, []
    for outcome in outcomes_in_order(scene):
        linked = _linked(scene, outcome, before)
        if any(scene.missing(n) for n in (outcome, *scene.models[outcome].needs & {*scene.variables}, *linked)):
            found[outcome] = _substantive(scene, outcome, asked[outcome], linked)
        if outcome not in scene.selections:  # nothing reads missing values of a selection model
            before.append(outcome)
    return [found[y] for y in scene.outcomes if y in found]


def outcomes_in_order(scene: Scene) -> tuple[str, ...]:
    """The outcomes: those that an analysis of another reads before it, else the most complete first.

    Those with a selection model come last.
    """
    left = sorted(scene.outcomes, key=lambda y: (y in scene.selections, scene.missing(y)))
    found: list[str] = []
    while left:
        found.append(next(y for y in left if not scene.models[y].needs & ({*left} - {y})))
        left.remove(found[-1])
    return tuple(found)


def _linked(scene: Scene, outcome: str, before: Sequence[str]) -> list[str]:
    """The outcomes before that an outcome is not related to by its analysis."""
    return [y for y in before if y not in scene.models[outcome].needs]


def conditionals(scene: Scene, associations: Mapping[str, Association]) -> list[Model]:
    """The models of covariates and auxiliary variables, each of which reads only those before it."""
    order = ordered(scene)
    found = [_covariate(scene, n, order[:k]) for k, n in enumerate(order) if scene.data.variables[n].n_missing]
    for k, name in enumerate(scene.auxiliaries):
        found.append(_auxiliary(scene, name, scene.auxiliaries[:k], associations.get(name)))
    return [made for made in found if scene.imputable(made.conditional.target)]


def ordered(scene: Scene) -> tuple[str, ...]:
    """The covariates: complete ones, then incomplete ones by level, coarse ones first, and by how much is missing.

    So no cluster mean stands in the model of a level-2 variable whose own model reads that variable.
    """

    def place(name: str) -> tuple[bool, float, int]:
        level, missing = scene.level(name), scene.missing(name)
        return missing > 0, np.inf if level is None else scene.data.n_clusters(level), missing

    return tuple(sorted(scene.covariates, key=place))


def _substantive(scene: Scene, outcome: str, asked: Conditional, linked: Sequence[str]) -> Model:
    # A binary outcome of an analysis without a family is a yes/no variable.
    family = asked.family
    if family == "auto":
        family = auto(scene.data.columns[outcome]).name
    terms, left = _outcomes(scene, outcome, linked)
    conditional = Conditional(
        target=outcome,
        family=family,
        formulas={**asked.formulas, "mu": " + ".join([asked.formulas["mu"], *terms])},
        level=asked.level or scene.level(outcome),
        priors=asked.priors,
    )
    notes = [
        described(scene, outcome, asked.family, parse(conditional.formulas["mu"]).needs - scene.key_columns),
        f"The analysis itself is its model, with all interactions and random effects. What is missing in {outcome} is "
        "drawn from it, and its density multiplies into the draws of the covariates.",
    ]
    if terms:
        told = f"Beside the analysis it has {', '.join(terms)}: imputed apart, the outcomes would not be related."
        notes += [told, *left]
    reason = why_auto(scene.data.columns[outcome]) if asked.family == "auto" else ""
    return Model(conditional=conditional, notes=tuple(notes), reason=reason)


def _outcomes(scene: Scene, outcome: str, linked: Sequence[str]) -> tuple[list[str], list[str]]:
    """The terms by which an outcome is given others, and what is said of those left out."""
    own = {frozenset(map(bare, term)) for term in common_terms(scene.models[outcome])}
    beside = [n for n in scene.models[outcome].needs if n in scene.covariates]
    pieces, left = predictors(scene, outcome, linked, beside=beside)
    return [piece.text for piece in pieces if frozenset(map(bare, split(piece.text))) not in own], left


def _covariate(scene: Scene, target: str, before: Sequence[str]) -> Model:
    if not scene.missing(target):
        return deduced(scene, target)
    notes = [LEFT_OUT.format(outcomes=" and ".join(scene.outcomes), target=target)]
    notes += _after(scene, target, before)
    notes += [
        f"It enters the analysis as {text}: gaussian draws are not kept where that can be computed."
        for text in _narrow(scene, target)
    ]
    pieces, left = predictors(scene, target, before)
    return model(scene, target, pieces, groups=plain_groups(scene, target), notes=[*notes, *left])


def _after(scene: Scene, target: str, before: Sequence[str]) -> list[str]:
    """What is said of the covariates that come later."""
    later = [name for name in ordered(scene) if name not in (target, *before)]
    which = "which comes" if len(later) == 1 else "which come"
    return [f"Not given {listed(later, 12)}, {which} after it in the one order of covariates."] if later else []


def _narrow(scene: Scene, target: str) -> list[str]:
    """The terms of the analyses that cannot be computed from any number."""
    atoms = [a for f in scene.models.values() for term in common_terms(f) for a in term]
    calls = [a for a in atoms if isinstance(a, Call) and a.function in NARROW and target in names_in(a)]
    return list(dict.fromkeys(written((call,)) for call in calls))


def _auxiliary(scene: Scene, target: str, before: tuple[str, ...], why: Association | None) -> Model:
    notes = [f"Auxiliary variable: {why or 'asked for'}. It predicts nothing: its density multiplies into the draws."]
    if not scene.missing(target):
        notes.append("It is complete, and has a model all the same: given the others, it tells what they are.")
    pieces, left = predictors(scene, target, [*scene.outcomes, *ordered(scene), *before])
    return model(scene, target, pieces, groups=plain_groups(scene, target), notes=[*notes, *left])


def predictors(
    scene: Scene, target: str, others: Sequence[str], *, beside: Sequence[str] = ()
) -> tuple[list[Piece], list[str]]:
    """Main effects at the target's level, and what is said of those left out.

    At level 1 the variables themselves and those of their cluster means that the clusters carry, which part what holds
    between clusters from what holds within; at level 2 the level-2 variables and the cluster means of all others.
    Variables `beside` them are in the model already.
    """
    level = scene.level(target)
    if level is not None:
        fixed = [n for n in others if scene.fixed_within(n, level)]
        loose = [n for n in others if n not in fixed]
        return [*mains(scene, fixed, "level-2 variables"), *means(scene, loose, [level])], []
    upper = [n for n in others if scene.level(n) is not None]
    lower = [n for n in others if n not in upper]
    context, left = _carried(scene, target, others, beside)
    return [*mains(scene, lower, "level-1 variables"), *context, *mains(scene, upper, "level-2 variables")], left


def _carried(scene: Scene, target: str, others: Sequence[str], beside: Sequence[str]) -> tuple[list[Piece], list[str]]:
    """The cluster means for a level-1 target, as far as clusters carry them, and what is said of the rest.

    For each key, coefficients of the cluster level (variables constant in its clusters, then means, in the order of
    `others`) may be as many as at level 2: counted are the clusters in which the target is observed and of whose units
    there are two or more. Missing cells of a cluster whose mean is read have to move together: that is done for up to
    ``TOGETHER``, beyond which the cluster's random intercept says nearly the same.
    """
    kept: dict[str, list[Piece]] = {}
    left = []
    for key in scene.keys:
        earlier, kept[key] = dict(kept), []
        taken = sum(scene.width(n) for n in (*beside, *others) if scene.fixed_within(n, key))
        for piece in means(scene, others, [key]):
            clusters = scene.several(target, min(piece.names), key)
            if taken >= carried(clusters):
                left.append(f"No {piece.text}: {clusters} clusters with {target} and several units carry no more.")
            elif why := _entangled(scene, min(piece.names), key, earlier):
                left.append(f"No {piece.text}: {why}.")
            else:
                kept[key].append(piece)
                taken += piece.width
    return [piece for pieces in kept.values() for piece in pieces], left


def _entangled(scene: Scene, name: str, key: str, earlier: Mapping[str, Sequence[Piece]]) -> str:
    """Why the missing cells of a variable cannot be drawn together by the clusters of a key."""
    most = scene.most_missing(name, key)
    if most > TOGETHER:
        return f"{counted(most, 'missing value')} of {name} in one {key} would move together"
    used = [k for k, pieces in earlier.items() if most and any(name in piece.names for piece in pieces)]
    crossed = [k for k in used if not scene.nested(k, key)]
    return f"its mean by {crossed[0]} is there, which is crossed with {key}" if crossed else ""
