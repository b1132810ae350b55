"""Moves of one effect's row of a covariance matrix Sigma, along the likelihood.

With effect a last, u_a = l'h + l_a e, where h are the standard normals of the other effects and e one of its own. Given
the other effects and e, slices are taken of l and of log l_a, with which the rows' predictor is linear in l. Where data
say little of an effect, its deviation and its correlations are free to move with it: with Sigma's factor in one order
of the effects only those of the last would be. With moves given all effects it interweaves (Yu & Meng 2011, J. Comput.
Graph. Stat. 20:531).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayesimpute.samplers.gibbs.binary_moves import SHORTEST
from bayesimpute.samplers.gibbs.shared_effects import Joint, log_density, packed
from bayesimpute.samplers.gibbs.sweeps import MEMORY, SHRINKAGES, WIDTH

FIRST = 0.25
"""Mean squares of moves before any is known."""


def begun_lengths(joint: Joint) -> dict[str, np.ndarray]:
    """A state that knows no lengths of moves: mean squares, shape (effect, coordinate), and how many they rest on."""
    key, width = joint.block.key, joint.block.width
    return {f"{key}_lengths": np.full((width, width), FIRST), f"{key}_lengths_count": np.asarray(1.0)}


@dataclass(frozen=True, eq=False)
class Row:
    """One effect's.

    Parameters
    ----------
    joint : Joint
        The effects.
    a : int
        Which one.
    column : ndarray, shape (row,)
        By which its cluster's effect counts.
    codes : ndarray of int, shape (row,)
        Clusters.
    """

    joint: Joint
    a: int
    column: np.ndarray
    codes: np.ndarray

    def move(
        self,
        rng: np.random.Generator,
        state: dict[str, np.ndarray],
        eta: np.ndarray,
        density: Callable[[np.ndarray], float],
        tune: bool,
    ) -> None:
        """Slices along all coordinates; `state` and `eta`, the rows' predictor, (row,), in place.

        `density` is the log likelihood at a predictor.
        """
        key, others = self.joint.block.key, np.delete(np.arange(self.joint.block.width), self.a)
        effects, root = state[key], self.joint.root(state)
        covariance = root @ root.T
        factor = np.linalg.cholesky(covariance[np.ix_(others, others)])
        by = np.linalg.solve(factor, covariance[others, self.a])
        at = np.append(by, 0.5 * np.log(covariance[self.a, self.a] - by @ by))
        normals = np.linalg.solve(factor, effects[:, others].T)
        own = (effects[:, self.a] - by @ normals) * np.exp(-at[-1])
        rest = eta - self.column * effects[self.codes, self.a]
        space = np.zeros_like(covariance)
        (shape,), lay = self.joint.block.correlations.args, self.joint.lay

        def value(at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            """The density of l and log l_a, from Sigma's as a matrix; the effect and the predictor there."""
            covariance[others, self.a] = covariance[self.a, others] = factor @ at[:-1]
            covariance[self.a, self.a] = at[:-1] @ at[:-1] + np.exp(2 * at[-1])
            prior = log_density(covariance, shape, lay.kinds, lay.args, space) + 2 * at[-1]
            effect = at[:-1] @ normals + np.exp(at[-1]) * own
            moved = rest + self.column * effect[self.codes]
            return (prior + density(moved) if prior > -np.inf else -np.inf), effect, moved

        now, effect, moved = value(at)
        lengths, count = state[f"{key}_lengths"], float(state[f"{key}_lengths_count"]) + (1.0 if tune else 0.0)
        for k in range(at.size):
            begin, level, t = at[k], now - rng.standard_exponential(), 0.0
            width = WIDTH * np.sqrt(0.5 * lengths[self.a, k])
            low = -width * rng.random()
            high = low + width
            for _ in range(SHRINKAGES):
                t = low + (high - low) * rng.random()
                at[k] = begin + t
                found = value(at)
                if found[0] > level:
                    now, effect, moved = found
                    break
                low, high = (t, high) if t < 0 else (low, t)
            else:
                at[k], t = begin, 0.0
            if tune:
                lengths[self.a, k] = max(
                    lengths[self.a, k] + (t * t - lengths[self.a, k]) / min(count, MEMORY), SHORTEST
                )
        value(at)
        state[f"{key}_theta"][1:] = packed(covariance)
        state[f"{key}_lengths_count"] = np.asarray(count)
        effects[:, self.a], eta[:] = effect, moved
