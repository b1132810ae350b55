"""The log-likelihood of whole clusters, with their group-specific effects integrated out.

Given its effects the data of a cluster say little of the standard deviation of effects, and leaving out a unit whose
cluster's effects were learnt from it is not leaving out a cluster. For both the likelihood of a cluster is the integral
over its effects: closed-form where values are normal, else by adaptive Gauss-Hermite quadrature about the mode that
Newton's steps from the drawn effects find (Pinheiro & Bates 1995, J Computational & Graphical Statistics 4:12).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from bayesimpute.designs.parts import Block, places
from bayesimpute.inspection.visits import Visits

NODES = {1: 15, 2: 9, 3: 7}
"""Of the quadrature in each direction, by the number of effects of a cluster."""
MOST_NODES = 5
NEWTON = 8
"""Steps to the mode."""
STEP = 1e-4
"""Of the differences that give derivatives by linear predictors, which are standardised."""


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
            at = _At(self, etas, [tuple(np.asarray(a, dtype=float) for a in e) for e in each])
            found.append(self._in_doubt(etas, at.closed_form() if normal else at.quadrature()))
        return np.stack(found).reshape(*self.visits.shape, -1)

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


class _At:
    """One visit: `blocks` has effects, root and columns of each block."""

    def __init__(self, of: ClusterLikelihood, etas: Mapping[str, np.ndarray], blocks: list[tuple[np.ndarray, ...]]):
        self.of, self.visits = of, of.visits
        self.z, self.start, fixed = {}, [], {key: np.asarray(eta, dtype=float) for key, eta in etas.items()}
        width = sum(b.width for b in of.blocks)
        for key in of.moved:
            self.z[key] = np.zeros((len(np.atleast_1d(fixed[key])), width))
        first = 0
        for b, (effects, root, columns) in zip(of.blocks, blocks, strict=True):
            codes = of.visits.model.data[f"codes_{b.key}"]
            for key, place in places(b):
                n = len(self.z[key])
                fixed[key] = fixed[key] - (columns[:n, place] * effects[codes[:n], place]).sum(axis=1)
                # in the directions of independent standard normal effects
                self.z[key][:, first : first + b.width] += columns[:n, place] @ root[place]
            self.start.append(np.linalg.solve(root, effects.T).T)
            first += b.width
        self.fixed, self.width = fixed, width
        self.v = np.concatenate(self.start, axis=1)

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sums over the units of each cluster, (cluster, …), of values (unit, …)."""
        flat = values.reshape(len(values), -1)
        codes = self.of.codes[: len(values)]
        sums = [np.bincount(codes, weights=column, minlength=self.of.size) for column in flat.T]
        return np.stack(sums, axis=-1).reshape(self.of.size, *values.shape[1:])

    def at(self, v: np.ndarray) -> dict[str, np.ndarray]:
        """The linear predictors at effects v (cluster, effect)."""
        moved = {k: self.fixed[k] + (z * v[self.of.codes[: len(z)]]).sum(axis=1) for k, z in self.z.items()}
        return {**self.fixed, **moved}

    def density(self, v: np.ndarray) -> np.ndarray:
        """Log p of each cluster's data and of its effects, without the constant of the latter, (cluster,)."""
        return self.summed(self.visits.each(self.at(v))) - 0.5 * (v**2).sum(axis=1)

    def closed_form(self) -> np.ndarray:
        """Of y = fixed + z v + sigma e with v and e standard normal."""
        theta = self.visits.theta(self.fixed)
        z = self.z["mu"] * np.asarray(self.visits.design.scale)
        sigma = np.broadcast_to(theta["sigma"], self.visits.y.shape)
        e, z = (self.visits.y - theta["mu"]) / sigma, z / sigma[:, None]
        own = self.summed(-0.5 * e**2 - np.log(sigma) - 0.5 * np.log(2 * np.pi))
        information = self.summed(z[:, :, None] * z[:, None, :]) + np.eye(self.width)
        slope = self.summed(z * e[:, None])
        gain = np.einsum("ci,ci->c", slope, np.linalg.solve(information, slope[..., None])[..., 0])
        return own + 0.5 * gain - 0.5 * np.linalg.slogdet(information)[1]

    def quadrature(self) -> np.ndarray:
        """On points about the mode, spread as the curvature there says."""
        v, information = self.mode()
        spread = np.swapaxes(np.linalg.inv(np.linalg.cholesky(information)), 1, 2)
        nodes = NODES.get(self.width, MOST_NODES)
        points, weights = np.polynomial.hermite_e.hermegauss(nodes)
        logs = np.log(weights) + 0.5 * points**2 - 0.5 * np.log(2 * np.pi)
        parts = []
        for place in product(range(nodes), repeat=self.width):
            at = list(place)
            parts.append(self.density(v + spread @ points[at]) + logs[at].sum())
        return np.logaddexp.reduce(parts, axis=0) - 0.5 * np.linalg.slogdet(information)[1]

    def mode(self) -> tuple[np.ndarray, np.ndarray]:
        """The mode of each cluster's effects (cluster, effect) and the information there (cluster, effect, effect)."""
        v, value = self.v, self.density(self.v)
        for _ in range(NEWTON):
            slope, information = self.derivatives(v)
            step = np.linalg.solve(information, slope[..., None])[..., 0]
            if (slope * step).sum(axis=1).max() < 1e-8:
                break
            size, tried = np.ones(len(v)), value
            for _ in range(NEWTON):
                tried = self.density(v + size[:, None] * step)
                worse = tried < value - 1e-10
                if not worse.any():
                    break
                size = np.where(worse, size / 4, size)
            worse = tried < value
            v, value = np.where(worse[:, None], v, v + size[:, None] * step), np.where(worse, value, tried)
        return v, self.derivatives(v)[1]

    def derivatives(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The slope of the log density by the effects, and minus its curvature, made positive definite."""
        etas = self.at(v)
        keys, middle = tuple(self.z), self.visits.each(etas)
        up, down = ({k: self.visits.each(_shifted(etas, sign, k)) for k in keys} for sign in (1, -1))
        first = {k: (up[k] - down[k]) / (2 * STEP) for k in keys}
        second = {(k, k): (up[k] + down[k] - 2 * middle) / STEP**2 for k in keys}
        for i, k in enumerate(keys):
            for other in keys[:i]:
                both = self.visits.each(_shifted(etas, 1, k, other)) + self.visits.each(_shifted(etas, -1, k, other))
                own = up[k] + down[k] + up[other] + down[other] - 2 * middle
                second[k, other] = (both - own) / (2 * STEP**2)
        slope = sum(self.summed(first[k][: len(self.z[k]), None] * self.z[k]) for k in keys) - v
        information = np.broadcast_to(np.eye(self.width), (len(v), self.width, self.width)).copy()
        for (k, other), d in second.items():
            n = min(len(self.z[k]), len(self.z[other]))
            outer = d[:n, None, None] * self.z[k][:n, :, None] * self.z[other][:n, None, :]
            information -= self.summed(outer if k == other else outer + np.swapaxes(outer, 1, 2))
        size, axes = np.linalg.eigh(information)
        return slope, (axes * np.maximum(size, 1.0)[:, None, :]) @ np.swapaxes(axes, 1, 2)


def _shifted(etas: Mapping[str, np.ndarray], sign: int, *keys: str) -> dict[str, np.ndarray]:
    return {key: eta + sign * STEP if key in keys else eta for key, eta in etas.items()}
