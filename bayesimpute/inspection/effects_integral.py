"""Log-likelihoods with normal effects integrated out, of several clusters at once.

Closed-form where values are normal, else by adaptive Gauss-Hermite quadrature about the mode that Newton's steps find
(Pinheiro & Bates 1995, J Computational & Graphical Statistics 4:12); of more effects than a grid can hold, by
importance sampling from a t distribution there, whose mean is the integral itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from scipy.special import gammaln

NODES = {1: 15, 2: 9, 3: 7}
"""Of the quadrature in each direction, by the number of effects of a cluster."""
MOST_NODES = 5
NEWTON = 8
"""Steps to the mode."""
STEP = 1e-4
"""Of the differences that give derivatives by linear predictors, which are standardised."""
FREEDOM = 7.0
"""Of the t distribution, whose tails are heavier than those of a density times a normal one."""

Etas = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class EffectsIntegral:
    """The likelihood of each cluster as an integral over its effects v, independent standard normals.

    Parameters
    ----------
    each : callable
        The log density of each unit (unit,) given the linear predictors.
    fixed : mapping of str to ndarray, shape (unit,) or ()
        The linear predictors without these effects.
    z : mapping of str to ndarray, shape (unit, effect)
        What v adds to some of them, its units being the first ones.
    codes : ndarray of int, shape (unit,)
        The cluster of each unit.
    start : ndarray, shape (cluster, effect)
        From where the mode is looked for.
    """

    each: Callable[[Etas], np.ndarray]
    fixed: Etas
    z: Mapping[str, np.ndarray]
    codes: np.ndarray
    start: np.ndarray

    @cached_property
    def width(self) -> int:
        """Effects of a cluster."""
        return self.start.shape[1]

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sums over the units of each cluster, (cluster, …), of values (unit, …)."""
        flat = values.reshape(len(values), -1)
        codes = self.codes[: len(values)]
        sums = [np.bincount(codes, weights=column, minlength=len(self.start)) for column in flat.T]
        return np.stack(sums, axis=-1).reshape(len(self.start), *values.shape[1:])

    def products(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Sums over the units of each cluster of the products of two matrices' rows, (cluster, column, column)."""
        if len(self.start) == 1:
            return (a.T @ b)[None]
        return self.summed(a[:, :, None] * b[:, None, :])

    def at(self, v: np.ndarray) -> dict[str, np.ndarray]:
        """The linear predictors at effects v (cluster, effect)."""
        moved = {k: self.fixed[k] + (z * v[self.codes[: len(z)]]).sum(axis=1) for k, z in self.z.items()}
        return {**self.fixed, **moved}

    def density(self, v: np.ndarray) -> np.ndarray:
        """Log p of each cluster's data and of its effects, without the constant of the latter, (cluster,)."""
        return self.summed(self.each(self.at(v))) - 0.5 * (v**2).sum(axis=1)

    def normal(self, residual: np.ndarray, sigma: np.ndarray, z: np.ndarray) -> np.ndarray:
        """In closed form: residual = z v + sigma e with v and e standard normal, (cluster,).

        Parameters
        ----------
        residual, sigma : ndarray, shape (unit,)
            Of the values without these effects, in any unit.
        z : ndarray, shape (unit, effect)
            In the same unit.
        """
        e, z = residual / sigma, z / sigma[:, None]
        own = self.summed(-0.5 * e**2 - np.log(sigma) - 0.5 * np.log(2 * np.pi))
        information = self.products(z, z) + np.eye(self.width)
        slope = self.summed(z * e[:, None])
        gain = np.einsum("ci,ci->c", slope, np.linalg.solve(information, slope[..., None])[..., 0])
        return own + 0.5 * gain - 0.5 * np.linalg.slogdet(information)[1]

    def quadrature(self) -> np.ndarray:
        """On points about the mode, spread as the curvature there says."""
        v, information = self.mode()
        spread = _root_of_inverse(information)
        nodes = NODES.get(self.width, MOST_NODES)
        points, weights = np.polynomial.hermite_e.hermegauss(nodes)
        logs = np.log(weights) + 0.5 * points**2 - 0.5 * np.log(2 * np.pi)
        parts = []
        for place in product(range(nodes), repeat=self.width):
            at = list(place)
            parts.append(self.density(v + spread @ points[at]) + logs[at].sum())
        return np.logaddexp.reduce(parts, axis=0) - 0.5 * np.linalg.slogdet(information)[1]

    def sampled(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """The log of an unbiased estimate from `size` pairs of points on both sides of the mode, (cluster,)."""
        v, information = self.mode()
        spread, d = _root_of_inverse(information), self.width
        law = gammaln((FREEDOM + d) / 2) - gammaln(FREEDOM / 2) - 0.5 * d * np.log(FREEDOM * np.pi)
        law = law + 0.5 * np.linalg.slogdet(information)[1] + 0.5 * d * np.log(2 * np.pi)
        parts = []
        for _ in range(size):
            scale = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, len(v)))
            point = rng.standard_normal(v.shape) * scale[:, None]
            tail = 0.5 * (FREEDOM + d) * np.log1p((point**2).sum(axis=1) / FREEDOM)
            away = np.einsum("cij,cj->ci", spread, point)
            parts += [self.density(v + away) + tail, self.density(v - away) + tail]
        return np.logaddexp.reduce(parts, axis=0) - np.log(len(parts)) - law

    def mode(self) -> tuple[np.ndarray, np.ndarray]:
        """The mode of each cluster's effects (cluster, effect) and the information there (cluster, effect, effect)."""
        v, value = self.start, self.density(self.start)
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
        keys, middle = tuple(self.z), self.each(etas)
        up, down = ({k: self.each(_shifted(etas, sign, k)) for k in keys} for sign in (1, -1))
        first = {k: (up[k] - down[k]) / (2 * STEP) for k in keys}
        second = {(k, k): (up[k] + down[k] - 2 * middle) / STEP**2 for k in keys}
        for i, k in enumerate(keys):
            for other in keys[:i]:
                both = self.each(_shifted(etas, 1, k, other)) + self.each(_shifted(etas, -1, k, other))
                own = up[k] + down[k] + up[other] + down[other] - 2 * middle
                second[k, other] = (both - own) / (2 * STEP**2)
        slope = sum(self.summed(first[k][: len(self.z[k]), None] * self.z[k]) for k in keys) - v
        information = np.broadcast_to(np.eye(self.width), (len(v), self.width, self.width)).copy()
        for (k, other), d in second.items():
            n = min(len(self.z[k]), len(self.z[other]))
            outer = self.products(d[:n, None] * self.z[k][:n], self.z[other][:n])
            information -= outer if k == other else outer + np.swapaxes(outer, 1, 2)
        size, axes = np.linalg.eigh(information)
        return slope, (axes * np.maximum(size, 1.0)[:, None, :]) @ np.swapaxes(axes, 1, 2)


def _root_of_inverse(information: np.ndarray) -> np.ndarray:
    return np.swapaxes(np.linalg.inv(np.linalg.cholesky(information)), 1, 2)


def _shifted(etas: Etas, sign: int, *keys: str) -> dict[str, np.ndarray]:
    return {key: eta + sign * STEP if key in keys else eta for key, eta in etas.items()}
