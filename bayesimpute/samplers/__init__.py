"""Samplers of conditional models; :data:`SAMPLERS` is the one registry.

``gibbs`` draws from mixed models of numbers and yes/no targets and from selection models, compiled; ``nuts`` from any
model; ``prior`` ignores the data and serves the tests of the loop. ``sampler.py`` says how to add one.
"""

from collections.abc import Mapping

from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.nuts import Nuts
from bayesimpute.samplers.prior import PriorSampler
from bayesimpute.samplers.sampler import ConditionalModel, Posterior, Sampler, SamplerState, Stats

SAMPLERS: Mapping[str, type[Sampler]] = {
    "nuts": Nuts,
    "gibbs": Gibbs,
    "prior": PriorSampler,
}
AUTOMATIC = ("gibbs", "nuts")
"""What ``sampler = "auto"`` tries, in this order."""

UNLOCKED = frozenset({"gibbs"})
"""Those that do their work in compiled code without Python's lock, so that threads can share it."""


REASONS: Mapping[str, str] = {
    "gibbs": "the compiled sampler draws from exactly the posterior of this model",
    "nuts": "it draws from any model",
    "prior": "it ignores the data",
}
"""Why a sampler was chosen, for the events of a run."""


def choose(name: str, model: ConditionalModel) -> Sampler:
    """The sampler of that name; NUTS for a model that it cannot draw from; "auto": the first of :data:`AUTOMATIC`."""
    return SAMPLERS[chosen(name, model)]()


def chosen(name: str, model: ConditionalModel) -> str:
    """The name of the sampler that :func:`choose` gives."""
    names = AUTOMATIC if name == "auto" else (name, "nuts")
    return next(n for n in names if SAMPLERS[n]().supports(model))


def why(asked: str, name: str) -> str:
    """Why a sampler was chosen, if `asked` is what the plan says."""
    return "run.sampler says so" if asked == name else REASONS[name]


__all__ = [
    "AUTOMATIC",
    "REASONS",
    "SAMPLERS",
    "UNLOCKED",
    "ConditionalModel",
    "Posterior",
    "Sampler",
    "SamplerState",
    "Stats",
    "choose",
    "chosen",
    "why",
]
