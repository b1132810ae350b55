"""The outcome of an analysis: its model must have every term, or the imputed values do not depend on it."""

from collections.abc import Iterator

from bayesimpute.checking.congeniality.plan_terms import Effect, Held, Ignored
from bayesimpute.formulas.syntax import Name
from bayesimpute.formulas.terms import term_names


def outcome(held: Held) -> Iterator[Ignored]:
    """What the model of the outcome lacks."""
    y, model = held.y, held.models[held.y]
    through = held.through_factors(y)
    for term in held.terms:
        plain = len(term) == 1 and all(isinstance(atom, Name) for atom in term)
        if not held.has(model, term) and not (plain and term_names(term) <= through):
            text = held.name(term)
            finding = f"the model of {y} lacks {text}, which the analysis has"
            bias = f"imputed values do not depend on it: the coefficient of {text} is biased towards 0"
            yield Ignored(variable=y, term=text, place=model.place, finding=finding, bias=bias)
    for effect in held.effects:
        if not held.has_effect(model, effect):
            finding, bias = _no_effect(held, effect)
            yield Ignored(variable=y, term=held.effect_name(effect), place=model.place, finding=finding, bias=bias)


def _no_effect(held: Held, effect: Effect) -> tuple[str, str]:
    key, term = effect
    what = f"random slopes of {held.name(term)} by {key}" if term else f"random intercepts by {key}"
    finding = f"the model of {held.y} has no {what}, which the analysis has"
    if not term:
        return finding, f"imputed values do not share their cluster: the variance between {key} is biased towards 0"
    return finding, f"imputed values have the same slope in every {key}: the slope variance is biased towards 0"
