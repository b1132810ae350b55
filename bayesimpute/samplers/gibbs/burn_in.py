"""How a chain's start is burnt in: stages of sweeps, in which the directions of slices are learnt."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

USUAL = (30, 40, 50, 80)
"""Stages where slices have directions to learn, and there is nothing else."""
LARGE = (10, 15, 20)
"""Stages of large data, after those of a sample."""
SAMPLE_OF_LARGE = (10, 30, 50)
"""Stages of a sample, after those of large data."""


@dataclass(frozen=True, kw_only=True)
class BurnIn:
    """What an engine wants of a chain's start.

    Parameters
    ----------
    stages : tuple of int
        Sweeps: the first are forgotten, each of the others takes its directions from those before.
    places : tuple of str
        The parts of a state that say where a chain's parameters are, not what it has learnt, and that have one shape
        for a sample and for all data: a sample's chain hands them on, those that it has.
    fading : mapping of str to float
        As how many sweeps counts, at the beginning of a stage, what was learnt before it: by the name of the count.
    growing : mapping of str to str
        The parts of a state that are sums over rows, by them the number of looks that each rests on.
    """

    stages: tuple[int, ...] = USUAL
    places: tuple[str, ...] = ("theta", "z")
    fading: Mapping[str, float] = field(default_factory=dict)
    growing: Mapping[str, str] = field(default_factory=dict)

    def handed(self, arrays: Mapping[str, np.ndarray], times: float) -> dict[str, np.ndarray]:
        """Of a state what a chain on so many times as many rows can begin with; sums count as one look there."""
        found = {name: arrays[name] for name in self.places if name in arrays}
        for name, looks in self.growing.items():
            if name in arrays:
                found |= {name: times * arrays[name], looks: np.minimum(arrays[looks], 1.0)}
        return found

    def planned(self, arrays: Mapping[str, np.ndarray]) -> tuple[int, ...]:
        """The stages of a state: the usual ones where it has none of what would fade, and so less to learn."""
        return self.stages if self.fading.keys() <= arrays.keys() else USUAL

    def faded(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A state at the beginning of a stage that learns."""
        counts = {name: most for name, most in self.fading.items() if name in arrays}
        return {**arrays, **{name: np.minimum(arrays[name], most) for name, most in counts.items()}}
