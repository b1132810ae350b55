"""The log-likelihood of whole clusters, with their group-specific effects integrated out.

Given its effects the data of a cluster say little of the standard deviation of effects, and leaving out a unit whose
cluster's effects were learnt from it is not leaving out a cluster. For both the likelihood of a cluster is the integral
over its effects (:mod:`bayesimpute.inspection.effects_integral`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesimpute.designs.parts import Block, places
from bayesimpute.inspection.effects_integral import EffectsIntegral
from bayesimpute.inspection.visits import Visits


@dataclass(frozen=True, eq=False)
class ClusterLikelihood:
    """The log-likelihoods of the clusters of a key under a model all of whose effects are by that key.

    Parameters
    ----------
    visits : Visits
        The model at the visits of a run, of all its units.
    codes : ndarray of int, shape (modelled unit,)
        The cluster of each unit, those with a value first.
    size : int
        Clusters.
    """

    visits: Visits
    codes: np.ndarray
    size: int

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The effects."""
        return self.visits.design.blocks

    @cached_property
    def moved(self) -> tuple[str, ...]:
        """The linear predictors that the effects are in."""
        return tuple(dict.fromkeys(key for b in self.blocks for key, _ in places(b)))

    def log_likelihood(self) -> np.ndarray:
        """Shape (chain, draw, cluster)."""
        blocks = [self.visits.block(b.key) for b in self.blocks]
        if not blocks:
            return self._sums()
        normal = self.visits.design.family.normal and self.moved == ("mu",)
        found = []
        for place in self.visits.places():
            each = [(effects[place], root[place], columns[place]) for effects, root, columns in blocks]
            etas = self.visits.etas(*place)
            integral = self._integral(etas, [tuple(np.asarray(a, dtype=float) for a in e) for e in each])
            whole = self._normal(integral) if normal else integral.quadrature()
            found.append(self._in_doubt(etas, whole))
        return np.stack(found).reshape(*self.visits.shape, -1)

    def _integral(self, etas: Mapping[str, np.ndarray], blocks: list[tuple[np.ndarray, ...]]) -> EffectsIntegral:
        """Of one visit: `blocks` has effects, root and columns of each block."""
        fixed = {key: np.asarray(eta, dtype=float) for key, eta in etas.items()}
        width, first, start = sum(b.width for b in self.blocks), 0, []
        z = {key: np.zeros((len(np.atleast_1d(fixed[key])), width)) for key in self.moved}
        for b, (effects, root, columns) in zip(self.blocks, blocks, strict=True):
            codes = self.visits.model.data[f"codes_{b.key}"]
            for key, place in places(b):
                n = len(z[key])
                fixed[key] = fixed[key] - (columns[:n, place] * effects[codes[:n], place]).sum(axis=1)
                # in the directions of independent standard normal effects
                z[key][:, first : first + b.width] += columns[:n, place] @ root[place]
            start.append(np.linalg.solve(root, effects.T).T)
            first += b.width
        start = np.concatenate(start, axis=1)
        return EffectsIntegral(each=self.visits.each, fixed=fixed, z=z, codes=self.codes, start=start)

    def _normal(self, integral: EffectsIntegral) -> np.ndarray:
        visits = self.visits
        theta = visits.theta(integral.fixed)
        sigma = np.broadcast_to(theta["sigma"], visits.y.shape)
        return integral.normal(visits.y - theta["mu"], sigma, integral.z["mu"] * np.asarray(visits.design.scale))

    def _sums(self) -> np.ndarray:
        """Of a model without effects."""
        found = []
        for place in self.visits.places():
            etas = self.visits.etas(*place)
            each = self.visits.each(etas)
            found.append(self._in_doubt(etas, np.bincount(self.codes, weights=each, minlength=self.size)))
        return np.stack(found).reshape(*self.visits.shape, -1)

    def _in_doubt(self, etas: Mapping[str, np.ndarray], found: np.ndarray) -> np.ndarray:
        """With the indicators of clusters that may be systematically missing summed out."""
        design, of = self.visits.design, self.visits.model.data.get("empty")
        if design.empty is None or of is None:
            return found
        empty = np.zeros(self.size, dtype=bool)
        empty[self.codes[of < len(design.empty)]] = True
        share = float(etas["systematic"])
        return np.log1p(-share) + np.where(empty, np.logaddexp(np.log(share) - np.log1p(-share), found), found)
