"""A mass matrix with the structure of a mixed model, for PyMC's NUTS.

Fixed and group-specific effects are strongly correlated in the posterior (an intercept against the mean of the random
intercepts), which a diagonal mass matrix cannot follow: trajectories get long. Given the variance components the
effects are nearly normal with the arrow-shaped precision

    [ X'WX + P    X'WZ_j          ]
    [ Z_j'WX      Z_j'WZ_j + S^-1 ]   for each cluster j,

W the information of the rows (2 x 2 where a family has linear predictors of an outcome and of its selection), P and
S^-1 the priors' precisions. Its inverse factor A (covariance A A') costs one
small block a cluster: with v_j = C_j z_j - B_j beta and beta = R z, C_j C_j' = (Z_j'WZ_j + S^-1)^-1, B_j = (Z_j'WZ_j
+ S^-1)^-1 Z_j'WX and R R' the inverse of the Schur complement. The sampler's diagonal adaptation then works on the
whitened z. A metric changes how fast a chain moves, never where it goes. ``metric_at_draw.py``
makes one of a model and a draw.

What this leaves between the parameters that are not effects (of a selection model, a ridge along the correlation) a
*polish* takes out: a factor of the covariance of their whitened draws, seen while the sampler adapts.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numba
import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockMetric:
    """The part of one cluster key: places of its effects, the factor of each precision, and the coupling to beta.

    Parameters
    ----------
    places : ndarray of int, shape (cluster, effect)
        Of its effects in the sampler's vector.
    factor, inverse : ndarray, shape (cluster, effect, effect)
        The lower Cholesky factor L_j of the precision, and its inverse; C_j = L_j^-T.
    coupling : ndarray, shape (cluster, effect, coefficient)
        B_j; without coefficients if the block is not coupled.
    """

    places: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    coupling: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Metric:
    """The linear map x = A z between the sampler's vector and whitened coordinates.

    Parameters
    ----------
    places : ndarray of int, shape (coefficient,)
        Of the coefficients of the steered parameters in the sampler's vector.
    factor, inverse : ndarray, shape (coefficient, coefficient)
        The lower Cholesky factor of the Schur complement and its inverse; R = inverse'.
    blocks : tuple of BlockMetric
        Their blocks.
    among : ndarray of int, shape (global,)
        Places of what the polish is about; empty without one.
    polish : ndarray, shape (global, global)
        The lower Cholesky factor of the covariance of their whitened values.
    """

    places: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    blocks: tuple[BlockMetric, ...]
    among: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    polish: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    @cached_property
    def _unpolish(self) -> np.ndarray:
        return np.linalg.inv(self.polish)

    def forward(self, z: np.ndarray) -> np.ndarray:
        """A z."""
        z = self._moved(z, self.polish)
        x = z.copy()
        beta = self.inverse.T @ z[self.places]
        x[self.places] = beta
        for b in self.blocks:
            _forward(x, z, b.places, b.inverse, b.coupling, beta)
        return x

    def forward_transposed(self, p: np.ndarray) -> np.ndarray:
        """A' p."""
        z = p.copy()
        beta = p[self.places]
        for b in self.blocks:
            _forward_transposed(z, p, b.places, b.inverse, b.coupling, beta)
        z[self.places] = self.inverse @ beta
        return self._moved(z, self.polish.T)

    def backward(self, x: np.ndarray) -> np.ndarray:
        """A^-1 x."""
        z = x.copy()
        beta = x[self.places]
        z[self.places] = self.factor.T @ beta
        for b in self.blocks:
            _backward(z, x, b.places, b.factor, b.coupling, beta)
        return self._moved(z, self._unpolish)

    def backward_transposed(self, z: np.ndarray) -> np.ndarray:
        """A^-T z."""
        z = self._moved(z, self._unpolish.T)
        p = z.copy()
        beta = self.factor @ z[self.places]
        for b in self.blocks:
            _backward_transposed(p, z, b.places, b.factor, b.coupling, beta)
        p[self.places] = beta
        return p

    def _moved(self, z: np.ndarray, by: np.ndarray) -> np.ndarray:
        if not len(self.among):
            return z
        moved = z.copy()
        moved[self.among] = by @ z[self.among]
        return moved

    def polished(self, among: np.ndarray, draws: np.ndarray) -> "Metric":
        """The same with a polish of what stands at `among`, from draws of the sampler's vector, shape (draw, q).

        The covariance is shrunk as Stan shrinks its dense metric: towards small, where draws are few.
        """
        plain = replace(self, among=among[:0], polish=np.zeros((0, 0)))
        z = np.array([plain.backward(q)[among] for q in draws])
        n = len(z)
        covariance = n / (n + 5) * np.atleast_2d(np.cov(z.T)) + 1e-3 * 5 / (n + 5) * np.eye(len(among))
        return replace(plain, among=among, polish=np.linalg.cholesky(covariance))

    def arrays(self) -> dict[str, np.ndarray]:
        """What has to be kept to make it again."""
        found = {"metric_factor": self.factor, "metric_among": self.among, "metric_polish": self.polish}
        for i, b in enumerate(self.blocks):
            found |= {f"metric{i}_factor": b.factor, f"metric{i}_coupling": b.coupling}
        return found


@numba.njit(cache=True)
def _forward(x, z, places, inverse, coupling, beta):
    size, width, p = coupling.shape
    for j in range(size):
        for a in range(width):
            value = 0.0
            for b in range(a, width):
                value += inverse[j, b, a] * z[places[j, b]]
            for k in range(p):
                value -= coupling[j, a, k] * beta[k]
            x[places[j, a]] = value


@numba.njit(cache=True)
def _forward_transposed(z, p, places, inverse, coupling, beta):
    size, width, n = coupling.shape
    for j in range(size):
        for a in range(width):
            value = 0.0
            for b in range(a + 1):
                value += inverse[j, a, b] * p[places[j, b]]
            z[places[j, a]] = value
            for k in range(n):
                beta[k] -= coupling[j, a, k] * p[places[j, a]]


@numba.njit(cache=True)
def _backward(z, x, places, factor, coupling, beta):
    size, width, p = coupling.shape
    moved = np.empty(width)
    for j in range(size):
        for a in range(width):
            moved[a] = x[places[j, a]]
            for k in range(p):
                moved[a] += coupling[j, a, k] * beta[k]
        for a in range(width):
            value = 0.0
            for b in range(a, width):
                value += factor[j, b, a] * moved[b]
            z[places[j, a]] = value


@numba.njit(cache=True)
def _backward_transposed(p, z, places, factor, coupling, beta):
    size, width, n = coupling.shape
    for j in range(size):
        for a in range(width):
            value = 0.0
            for b in range(a + 1):
                value += factor[j, a, b] * z[places[j, b]]
            p[places[j, a]] = value
            for k in range(n):
                beta[k] += coupling[j, a, k] * value
