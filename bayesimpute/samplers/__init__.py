"""Samplers of conditional models; :data:`SAMPLERS` is the one registry.

``nuts`` draws from any model; ``gibbs`` from linear mixed models, compiled; ``prior`` ignores the data and serves the
tests of the loop. ``base.py`` says how to add one.
"""

from collections.abc import Mapping

from bayesimpute.samplers.base import ConditionalModel, Posterior, Sampler, SamplerState, Stats
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.nuts import Nuts
from bayesimpute.samplers.prior import PriorSampler

SAMPLERS: Mapping[str, type[Sampler]] = {
    "nuts": Nuts,
    "gibbs": Gibbs,
    "prior": PriorSampler,
}
AUTOMATIC = ("nuts",)
"""What ``sampler = "auto"`` tries, in this order."""


def choose(name: str, model: ConditionalModel) -> Sampler:
    """The sampler of that name; NUTS for a model that it cannot draw from; "auto": the first of :data:`AUTOMATIC`."""
    names = AUTOMATIC if name == "auto" else (name, "nuts")
    return next(sampler for sampler in (SAMPLERS[n]() for n in names) if sampler.supports(model))


__all__ = ["AUTOMATIC", "SAMPLERS", "ConditionalModel", "Posterior", "Sampler", "SamplerState", "Stats", "choose"]
