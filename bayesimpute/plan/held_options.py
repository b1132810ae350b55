"""Options of families that an assumption says: ``rho = "r"`` of a selection model, held at what is assumed of r.

Such an option is a number in an open interval, by its metadata (``between``), which the data do not tell. Plans keep
the name; what is settled, checked and run has the number: the assumption's value, or the mean of its prior. Each
imputation's own draw of a prior is put in by the loop (:mod:`bayesimpute.running.legs`): so the data never change it,
where the prior of an option that is a parameter would be updated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bayesimpute.families.family import Family, changed, options
from bayesimpute.plan.adjusted import middle
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.targets import Event


def named(model: Conditional) -> dict[str, str]:
    """The options of a model's family that are names, with these."""
    family = model.family
    if not isinstance(family, Family):
        return {}
    found = {f.name: getattr(family, f.name) for f in options(family) if "between" in f.metadata}
    return {option: name for option, name in found.items() if isinstance(name, str)}


def named_in(models: Iterable[Any]) -> frozenset[str]:
    """The names in the options of some models."""
    return frozenset(name for model in models if isinstance(model, Conditional) for name in named(model).values())


def settled(model: Conditional, assumptions: Iterable[Any]) -> Conditional:
    """A model whose options are numbers, as far as there are assumptions of such names."""
    return at(model, {a.name: middle(a) for a in assumptions if isinstance(a, Assumption) and readable(a)})


def at(model: Conditional, values: Mapping[str, float]) -> Conditional:
    """A model whose options are these values of assumptions, by name, as far as they are there."""
    changes = {option: values[name] for option, name in named(model).items() if name in values}
    return replace(model, family=changed(model.family, **changes)) if changes else model


def told(models: Iterable[Conditional], assumptions: Iterable[Assumption]) -> list[Event]:
    """What is held at assumptions, as events."""
    known = {a.name: a for a in assumptions}
    pairs = ((model.target, option, known[name]) for model in models for option, name in named(model).items())
    why = "an assumption, which the data do not tell"
    return [Event(target=target, what=f"{option} is held at {a}", why=why) for target, option, a in pairs]


def readable(assumption: Assumption) -> bool:
    """Whether an assumption has a name, and a value or a mean; what is wrong with it is told elsewhere."""
    if not isinstance(assumption.name, str):
        return False
    try:
        middle(assumption)
    except (ValueError, TypeError, OverflowError):
        return False
    return True
