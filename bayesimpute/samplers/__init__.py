"""Samplers of conditional models; :data:`SAMPLERS` is the one registry.

``gibbs`` draws from mixed models of numbers and yes/no targets and from selection models, compiled; ``nuts`` from any
model; ``prior`` ignores the data and serves the tests of the loop. ``sampler.py`` says how to add one.
"""

from collections.abc import Mapping

from bayesimpute.designs.design import Design
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.nuts import Nuts
from bayesimpute.samplers.prior import PriorSampler
from bayesimpute.samplers.sampler import ConditionalModel, Posterior, Sampler, SamplerState, Stats

SAMPLERS: Mapping[str, type[Sampler]] = {
    "gibbs": Gibbs,
    "nuts": Nuts,
    "prior": PriorSampler,
}
"""In the order in which ``sampler = "auto"`` tries those that it may take."""


def choose(name: str, model: ConditionalModel) -> Sampler:
    """The sampler of that name; NUTS for a model that it cannot draw from; "auto": the first that it may take."""
    return SAMPLERS[chosen(name, model)]()


def chosen(name: str, model: ConditionalModel) -> str:
    """The name of the sampler that :func:`choose` gives."""
    names = [n for n, sampler in SAMPLERS.items() if sampler.automatic] if name == "auto" else [name, "nuts"]
    return next(n for n in names if SAMPLERS[n]().supports(model))


def why(asked: str, name: str, design: Design) -> str:
    """Why a sampler was chosen for a model, if `asked` is what the plan says."""
    if asked == name:
        return "run.sampler says so"
    return SAMPLERS[name].why


__all__ = [
    "SAMPLERS",
    "ConditionalModel",
    "Posterior",
    "Sampler",
    "SamplerState",
    "Stats",
    "choose",
    "chosen",
    "why",
]
