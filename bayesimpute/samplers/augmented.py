"""Data augmentation: parameters given all values, then those values that are known in part given the parameters.

A value below a limit is a factor P(y < limit) of the likelihood. With the value itself as a latent variable the model
is that of observed values (Tanner & Wong 1987, JASA 82:528): a transition of any sampler of that, and a draw from the
law of the family truncated to what is known, leave the posterior as it is. So each sampler and each family whose
truncated law can be drawn take part, and what is kept between visits is the values themselves.

The more is known in part, the more slowly parameters forget; the number of inner steps (``running/inner_steps.py``) is
found with these values moving.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.designs.design import Draw
from bayesimpute.designs.known_draws import Latent
from bayesimpute.samplers.sampler import NOBODY, Data, Posterior, SamplerState, Stats, Watched


@dataclass(frozen=True, eq=False)
class Augmented:
    """A compiled model of which some values are known in part.

    Parameters
    ----------
    inner : Posterior
        Of the model, as if these values were observed.
    latent : Latent
        These values.
    """

    inner: Posterior
    latent: Latent

    def init(self, data: Data, rng: np.random.Generator) -> SamplerState:
        """A start, adapted to the values as they stand."""
        return self.inner.init(data, rng)

    def draw(self, state: SamplerState) -> Draw:
        """The draw at which a state stands."""
        return self.inner.draw(state)

    def placed(self, state: SamplerState, draw: Draw) -> SamplerState:
        """The state at the effects of a draw."""
        return self.inner.placed(state, draw)

    def step(
        self, state: SamplerState, data: Data, rng: np.random.Generator, *, transitions: int = 1, tune: bool = False
    ) -> tuple[SamplerState, Draw, Stats]:
        """Transitions, with the values drawn anew between them; the last draw of these is the visit's."""
        state, draw, stats = self.inner.step(state, data, rng, tune=tune)
        made = [stats]
        for _ in range(transitions - 1):
            data = self._anew(rng, draw, data)
            state, draw, stats = self.inner.step(state, data, rng, tune=tune)
            made.append(stats)
        return state, draw, _together(made)

    def explore(
        self, state: SamplerState, data: Data, rng: np.random.Generator, transitions: int, watched: Watched = NOBODY
    ) -> tuple[SamplerState, np.ndarray]:
        """Transitions one by one, with the values drawn anew after each."""
        rows = []
        for _ in range(transitions):
            state, draw, _ = self.inner.step(state, data, rng)
            data = self._anew(rng, draw, data)
            effects = (draw[block][clusters].ravel() for block, clusters in watched.items())
            rows.append(np.concatenate([self.latent.design.posterior(draw), *effects]))
        return state, np.array(rows)

    def _anew(self, rng: np.random.Generator, draw: Draw, data: Data) -> Mapping[str, np.ndarray]:
        return {**data, "y_data": self.latent.drawn(rng, draw, data)}


def _together(stats: list[Stats]) -> Stats:
    """What some steps cost together."""
    return Stats(
        transitions=sum(each.transitions for each in stats),
        divergences=sum(each.divergences for each in stats),
        acceptance=float(np.mean([each.acceptance for each in stats])),
        depth=max(each.depth for each in stats),
    )
