"""Effects of many labels: independent between labels, and those of each with one law, the same for all.

Sigma is then that of one label's effects. Labels matter by differences, and effects less their mean over the K labels
have the law of K - 1 independent ones: of Sigma the effects of a cluster tell as much, and no part of it is known to
the priors alone. The mean is drawn from the prior, and Sigma moved with it integrated out, as where labels have one
covariance matrix (``shared_effects.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bayesimpute.designs.parts import Block
from bayesimpute.samplers.gibbs.layout import layout
from bayesimpute.samplers.gibbs.predictors import Codes
from bayesimpute.samplers.gibbs.shared_effects import Together


@dataclass(frozen=True, eq=False)
class OneLaw(Together):
    """Effects of labels that have one law.

    Parameters
    ----------
    keys : tuple of str
        The blocks of the labels, whose first one is the block.
    """

    keys: tuple[str, ...]

    @classmethod
    def of(cls, blocks: tuple[Block, ...], place: int, inner: bool, codes: Codes, n: int) -> "OneLaw":
        """From the blocks of all labels."""
        first, labels = blocks[0], len(blocks)
        lay, _ = layout([], None, [], [replace(first, size=first.size * (labels - 1))], codes, n)
        return cls(first, lay, labels, place, inner, 1.0, tuple(b.key for b in blocks))

    @property
    def each(self) -> int:
        return self.block.width

    def own(self, k: int) -> slice:
        return slice(k * self.each, (k + 1) * self.each)

    def root(self, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """The factor of the covariance of all labels' effects."""
        return np.kron(np.eye(self.labels), super().root(state))

    def known(self, effects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        by_label = effects.reshape(-1, self.labels, self.each)
        apart = (by_label - by_label.mean(axis=1, keepdims=True)).reshape(-1, self.each)
        return apart.T @ apart, np.eye(self.each)

    def move_unknown(self, rng: np.random.Generator, state: Mapping[str, np.ndarray]) -> None:
        """There is no such part."""

    def given_others(self, state: Mapping[str, np.ndarray], own: slice) -> tuple[np.ndarray, np.ndarray]:
        """Of the other labels' effects these do not depend."""
        root = super().root(state)
        return np.zeros((self.block.size, self.each)), root @ root.T

    def begun(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        effects = np.zeros((self.block.size, self.labels * self.each))
        return super().begun(rng) | {self.block.key: effects}

    def values(self, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        effects = state[self.block.key]
        each = {key: np.ascontiguousarray(effects[:, self.own(k)]) for k, key in enumerate(self.keys)}
        return super().values(state) | each
