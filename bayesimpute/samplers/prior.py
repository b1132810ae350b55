"""The null sampler: independent draws from the prior, whatever the data. The loop is tested with it, without MCMC."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.designs.design import SYSTEMATIC, Design, Draw
from bayesimpute.designs.graph import assemble, vectors
from bayesimpute.samplers.sampler import NOBODY, ConditionalModel, Data, SamplerState, Stats, Watched, one_by_one


@dataclass(frozen=True)
class PriorSampler:
    """Draws from the prior."""

    why: ClassVar[str] = "it ignores the data"
    automatic: ClassVar[bool] = False
    unlocked: ClassVar[bool] = False
    called: ClassVar[str] = "the sampler of the prior, which ignores the data and serves to try a plan out only"
    source: ClassVar[str | None] = None

    def supports(self, model: ConditionalModel) -> bool:
        """Every model."""
        del model
        return True

    def movable(self, design: Design) -> bool:
        """Its draws know of no data that would go with the effects."""
        del design
        return False

    def compile(self, model: ConditionalModel) -> "PriorPosterior":
        """Nothing is compiled."""
        return PriorPosterior(model.design)


@dataclass(frozen=True, eq=False)
class PriorPosterior:
    """The prior in the form of a posterior."""

    design: Design

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """There is nothing to adapt."""
        del data
        return SamplerState({"visits": np.array(0), **prior_draw(self.design, rng)})

    def draw(self, state: SamplerState) -> Draw:
        """The last draw."""
        return {name: values for name, values in state.arrays.items() if name != "visits"}

    def placed(self, state: SamplerState, draw: Draw) -> SamplerState:
        """The state at the effects of a draw."""
        return SamplerState({**state.arrays, **draw})

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int, watched: Watched = NOBODY
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one."""
        return one_by_one(self, self.design, state, data, rng, transitions, watched)

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """One draw; transitions are independent, so their number does not matter."""
        del data, tune
        drawn = prior_draw(self.design, rng)
        moved = SamplerState({"visits": state.arrays["visits"] + 1, **drawn})
        return moved, drawn, Stats(transitions, 0, 1.0, 0)


def prior_draw(design: Design, rng: np.random.Generator) -> Draw:
    """One draw of every parameter and effect from the prior, on the standardised scale."""
    values = {name: vector.draw(rng) for name, vector in vectors(design).items()}
    for block in design.blocks:
        values[f"{block.key}_raw"] = rng.standard_normal((block.size, block.width))
    if design.empty is not None:
        values[SYSTEMATIC] = (rng.random(len(design.empty)) < values["systematic"]).astype(float)
    return assemble(design, values)
