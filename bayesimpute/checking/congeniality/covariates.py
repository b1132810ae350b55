"""A covariate in chained equations: its model must reverse the analysis, as far as that can be."""

from collections.abc import Iterator

from bayesimpute.checking.congeniality.linear_in import plain, straight
from bayesimpute.checking.congeniality.plan_terms import Effect, Held, Ignored, Model, plain_key
from bayesimpute.formulas.syntax import Name
from bayesimpute.formulas.terms import coded, deviates, mean_by, names_in, term_names, written

TOWARDS_0 = "is biased towards 0"


def covariate(held: Held, x: str) -> Iterator[Ignored]:
    """What the model of an imputed covariate does not reverse."""
    model = held.models[x]
    for rule in (_mains, _products, _functions, _slopes, _clusters):
        for term, finding, bias in rule(held, x, model):
            yield Ignored(variable=x, term=term, place=model.place, finding=finding, bias=bias)


Found = Iterator[tuple[str, str, str]]
"""Term, finding and bias."""


def _mains(held: Held, x: str, model: Model) -> Found:
    """The outcome and every other covariate, but those that say where x applies: there they do not vary."""
    y, readable = held.y, model.names | held.through_factors(x)
    behind = names_in(held.derived[y]) if y in held.derived else {y}  # of "resp above no" it is enough to read resp
    if y not in readable and not behind <= readable:
        finding = f"the model of {x} leaves out the outcome {y}, and no substantive model puts it back"
        yield x, finding, f"imputed {x} are unrelated to {y}: the coefficient of {x} {TOWARDS_0}, and others take it up"
    for w in held.covariates:
        if w not in (x, *readable, *model.applies) and not held.balanced(w, held.level(x)):
            finding = f"the model of {x} leaves out {w}, which stands beside it in the analysis"
            bias = f"imputed {x} are unrelated to {w} given the rest: the coefficients of {x} and {w} are biased"
            yield w, finding, bias


def _products(held: Held, x: str, model: Model) -> Found:
    """Interactions: ``y:w`` for ``x:w``, and those of the other covariates as they are."""
    for term in held.terms:
        names = term_names(term)
        if len(term) < 2 or len(names) < 2:
            continue
        rest = names - {x}
        wanted = rest | {held.y} if x in names else names
        if not model.together(wanted):
            text = ":".join([held.y, *sorted(rest)]) if x in names else held.name(term)
            finding = f"for {held.name(term)} of the analysis the model of {x} would need {text}, which it lacks"
            yield held.name(term), finding, f"the coefficient of {held.name(term)} {TOWARDS_0}"


def _functions(held: Held, x: str, model: Model) -> Found:
    """Powers and other functions of x: no linear model of x given y is implied by them.

    But sums with x are linear in it, and the function in which its family is normal, if the analysis has no other.
    """
    atoms = {atom for term in held.terms for atom in term if x in names_in(atom)}
    atoms = {a for a in atoms if mean_by(a) is None and deviates(a) is None and coded(a) is None}
    if atoms and all(straight(atom, x, model.family) for atom in atoms):
        return
    for atom in sorted(atoms, key=lambda a: written((a,))):
        if not plain(atom, x):
            text = written((atom,))
            finding = f"no model of {x} that is linear in {held.y} is what {text} in the analysis implies"
            yield (
                text,
                finding,
                f"the curve is flattened: the coefficient of {text} {TOWARDS_0}; use a substantive model",
            )


def _slopes(held: Held, x: str, model: Model) -> Found:
    """Random slopes of x, which cannot be reversed, and of others, which must be there."""
    for effect in held.effects:
        if effect[1] and (told := _slope(held, x, model, effect)) is not None:
            yield held.effect_name(effect), *told


def _slope(held: Held, x: str, model: Model, effect: Effect) -> tuple[str, str] | None:
    key, term = effect
    reverse = (key, frozenset(Name(held.y) if names_in(atom) == {x} else atom for atom in term))
    if x in term_names(term) and reverse in model.effects:
        finding = f"random slopes of {held.y} in the model of {x} are not what those of {x} in the analysis imply"
        return finding, "the slope variance is biased downward (by a fifth in simulations); use a substantive model"
    if x in term_names(term):
        finding = f"the analysis has random slopes of {x} by {key}, and the model of {x} knows nothing of them"
        return finding, f"the slope variance {TOWARDS_0}; use a substantive model"
    if not held.has_effect(model, effect) and held.level(x) is None:
        finding = f"the analysis has random slopes of {held.name(term)} by {key}, and the model of {x} has not"
        return finding, "the slope variance is biased downward where values are imputed"
    return None


def _clusters(held: Held, x: str, model: Model) -> Found:
    """Random intercepts: clusters must be in the model of a level-1 covariate, by themselves or by their mean."""
    for key, term in held.effects:
        means = {plain_key(by) for t in model.terms for a in t if (by := mean_by(a)) and held.y in names_in(a)}
        if not term and held.level(x) is None and not held.has_effect(model, (key, term)) and key not in means:
            finding = f"the analysis has random intercepts by {key}; the model of {x} has neither them"
            bias = f"what differs between {key} is lost in imputed {x}: the variance between {key} is biased"
            yield f"1|{key}", f"{finding} nor the cluster mean of {held.y}", bias
