"""A mass matrix with the structure of a mixed model, for PyMC's NUTS.

Fixed and group-specific effects are strongly correlated in the posterior (an intercept against the mean of the random
intercepts), which a diagonal mass matrix cannot follow: trajectories get long. Given the variance components the
effects are nearly normal with the arrow-shaped precision

    [ X'WX + P    X'WZ_j          ]
    [ Z_j'WX      Z_j'WZ_j + S^-1 ]   for each cluster j,

W the information of the rows, P and S^-1 the priors' precisions. Its inverse factor A (covariance A A') costs one
small block a cluster: with v_j = C_j z_j - B_j beta and beta = R z, C_j C_j' = (Z_j'WZ_j + S^-1)^-1, B_j = (Z_j'WZ_j
+ S^-1)^-1 Z_j'WX and R R' the inverse of the Schur complement. The sampler's diagonal adaptation then works on the
whitened z. A metric changes how fast a chain moves, never where it goes; so W and S may be those of an early draw.

Of several blocks only the one with the most clusters is coupled to beta; the others are whitened by themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np

from bayesimpute.design import Block, Design, Draw
from bayesimpute.families.links import LINKS
from bayesimpute.graph import Layout, slots, vectors

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockMetric:
    """One block's part: places of its effects, the factor of each precision, and the coupling to beta.

    Parameters
    ----------
    start : int
        Of its effects in the sampler's vector, cluster by cluster.
    factor, inverse : ndarray, shape (cluster, effect, effect)
        The lower Cholesky factor L_j of the precision, and its inverse; C_j = L_j^-T.
    coupling : ndarray, shape (cluster, effect, coefficient)
        B_j; without coefficients if the block is not coupled.
    """

    start: int
    factor: np.ndarray
    inverse: np.ndarray
    coupling: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Metric:
    """The linear map x = A z between the sampler's vector and whitened coordinates.

    Parameters
    ----------
    places : ndarray of int, shape (coefficient,)
        Of the coefficients of ``mu`` in the sampler's vector.
    factor, inverse : ndarray, shape (coefficient, coefficient)
        The lower Cholesky factor of the Schur complement and its inverse; R = inverse'.
    blocks : tuple of BlockMetric
        The blocks of ``mu``.
    """

    places: np.ndarray
    factor: np.ndarray
    inverse: np.ndarray
    blocks: tuple[BlockMetric, ...]

    def forward(self, z: np.ndarray) -> np.ndarray:
        """A z."""
        x = z.copy()
        beta = self.inverse.T @ z[self.places]
        x[self.places] = beta
        for b in self.blocks:
            _forward(x, z, b.start, b.inverse, b.coupling, beta)
        return x

    def forward_transposed(self, p: np.ndarray) -> np.ndarray:
        """A' p."""
        z = p.copy()
        beta = p[self.places]
        for b in self.blocks:
            _forward_transposed(z, p, b.start, b.inverse, b.coupling, beta)
        z[self.places] = self.inverse @ beta
        return z

    def backward(self, x: np.ndarray) -> np.ndarray:
        """A^-1 x."""
        z = x.copy()
        beta = x[self.places]
        z[self.places] = self.factor.T @ beta
        for b in self.blocks:
            _backward(z, x, b.start, b.factor, b.coupling, beta)
        return z

    def backward_transposed(self, z: np.ndarray) -> np.ndarray:
        """A^-T z."""
        p = z.copy()
        beta = self.factor @ z[self.places]
        for b in self.blocks:
            _backward_transposed(p, z, b.start, b.factor, b.coupling, beta)
        p[self.places] = beta
        return p

    def arrays(self) -> dict[str, np.ndarray]:
        """What has to be kept to make it again."""
        found = {"metric_factor": self.factor}
        for i, b in enumerate(self.blocks):
            found |= {f"metric{i}_factor": b.factor, f"metric{i}_coupling": b.coupling}
        return found


def kept(layout: Layout, arrays: Arrays) -> Metric:
    """The metric whose :meth:`Metric.arrays` are among `arrays`."""
    blocks = []
    for i, block in enumerate(_blocks(layout.design)):
        factor = arrays[f"metric{i}_factor"]
        start, inverse = _start(layout, block), np.linalg.inv(factor)
        blocks.append(BlockMetric(start=start, factor=factor, inverse=inverse, coupling=arrays[f"metric{i}_coupling"]))
    places, _, _ = coefficients(layout)
    factor = arrays["metric_factor"]
    return Metric(places=places, factor=factor, inverse=np.linalg.inv(factor), blocks=tuple(blocks))


def coefficients(layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The coefficients of ``mu`` that have no bounds: places in the vector, columns of X, prior precisions."""
    design, parts = layout.design, dict(layout.parts)
    places, columns, precisions = [], [], []
    for slot, at in slots("mu", vectors(design)["mu"]):
        if slot.priors[0].support == "real":
            begin = parts[slot.name].start
            places += [begin + i for i in range(len(at))]
            columns += at
            precisions += [prior.args[-1] ** -2 for prior in slot.priors]
    return np.array(places, dtype=np.int64), np.array(columns, dtype=np.int64), np.array(precisions)


def at_draw(layout: Layout, data: Arrays, draw: Draw) -> Metric:
    """The metric with W and S at one draw.

    Parameters
    ----------
    layout : Layout
        Of the model.
    data : mapping of str to ndarray
        What the graph's containers hold.
    draw : Draw
        Its variance components matter, its effects only through W.
    """
    design = layout.design
    places, columns, precisions = coefficients(layout)
    x = data["X_mu"][:, columns]
    w = _information(design, data, draw)
    schur = (x * w[:, None]).T @ x + np.diag(precisions)
    blocks = []
    mine = _blocks(design)
    coupled = max(mine, key=lambda b: b.size, default=None)
    for block in mine:
        one, less = _block(layout, block, data, draw, x, w, couple=block is coupled)
        schur = schur - less
        blocks.append(one)
    factor = np.linalg.cholesky(schur + 1e-9 * np.diag(np.diag(schur)))
    return Metric(places=places, factor=factor, inverse=np.linalg.inv(factor), blocks=tuple(blocks))


def rough_variance(layout: Layout, rows: int) -> np.ndarray:
    """A guess of the posterior variances in whitened coordinates, shape (q,).

    One for what the metric whitens. Of logarithms of standard deviations about 1 / (2 rows), or 1 / (2 clusters):
    without it the first steps are as short as the shortest of these scales.
    """
    variance = np.full(layout.size, 2.0 / rows)
    for name, place in layout.parts:
        block = next((b for b in layout.design.blocks if name.startswith(f"{b.key}_") or name == b.key), None)
        if block is not None:
            effects = name in (block.key, f"{block.key}_raw")
            variance[place] = 1.0 if effects else 2.0 / block.size
    variance[coefficients(layout)[0]] = 1.0
    return variance


def _block(
    layout: Layout, block: Block, data: Arrays, draw: Draw, x: np.ndarray, w: np.ndarray, *, couple: bool
) -> tuple[BlockMetric, np.ndarray]:
    z, codes = data[f"X_{block.key}"], data[f"codes_{block.key}"]
    root = draw[f"{block.key}_root"]
    if not block.centred:
        z = z @ root
    floor = 1e-6 * np.eye(block.width)  # a standard deviation near zero must not make the matrix singular
    prior = np.linalg.inv(root @ root.T + floor) if block.centred else np.eye(block.width)
    precision = _sums(codes, block.size, (z * w[:, None])[:, :, None] * z[:, None, :]) + prior
    cross = _sums(codes, block.size, (z * w[:, None])[:, :, None] * x[:, None, :])
    if not couple:
        cross = cross[:, :, :0]
    factor = np.linalg.cholesky(precision)
    inverse = np.linalg.inv(factor)
    half = inverse @ cross
    coupling = np.swapaxes(inverse, 1, 2) @ half
    start = _start(layout, block)
    made = BlockMetric(start=start, factor=factor, inverse=inverse, coupling=np.ascontiguousarray(coupling))
    return made, np.einsum("jqa,jqb->ab", half, half) if couple else np.zeros((x.shape[1], x.shape[1]))


def _sums(codes: np.ndarray, size: int, rows: np.ndarray) -> np.ndarray:
    """Sums of rows (row, a, b) by cluster, (cluster, a, b)."""
    flat = rows.reshape(len(rows), -1)
    made = [np.bincount(codes, weights=flat[:, k], minlength=size) for k in range(flat.shape[1])]
    return np.stack(made, axis=1).reshape(size, *rows.shape[1:]) if made else np.zeros((size, *rows.shape[1:]))


def _information(design: Design, data: Arrays, draw: Draw) -> np.ndarray:
    rows = np.arange(len(data["y_data"]))
    matrices = {key.removeprefix("X_"): value for key, value in data.items() if key.startswith("X_")}
    codes = {b.key: data[f"codes_{b.key}"] for b in design.blocks}
    eta = design.eta(draw, matrices, rows, codes=codes)
    theta = {
        p.key: eta[p.key] if p.matrix is None else LINKS[p.parameter.link].inverse(eta[p.key])
        for p in design.predictors
    }
    return np.clip(design.family.information(theta), 1e-6, 1e6)


def _blocks(design: Design) -> list[Block]:
    return [b for b in design.blocks if all(parameter == "mu" for parameter, _ in b.parts)]


def _start(layout: Layout, block: Block) -> int:
    return dict(layout.parts)[block.key if block.centred else f"{block.key}_raw"].start


@numba.njit(cache=True)
def _forward(x, z, start, inverse, coupling, beta):
    size, width, p = coupling.shape
    for j in range(size):
        for a in range(width):
            value = 0.0
            for b in range(a, width):
                value += inverse[j, b, a] * z[start + j * width + b]
            for k in range(p):
                value -= coupling[j, a, k] * beta[k]
            x[start + j * width + a] = value


@numba.njit(cache=True)
def _forward_transposed(z, p, start, inverse, coupling, beta):
    size, width, n = coupling.shape
    for j in range(size):
        for a in range(width):
            value = 0.0
            for b in range(a + 1):
                value += inverse[j, a, b] * p[start + j * width + b]
            z[start + j * width + a] = value
            for k in range(n):
                beta[k] -= coupling[j, a, k] * p[start + j * width + a]


@numba.njit(cache=True)
def _backward(z, x, start, factor, coupling, beta):
    size, width, p = coupling.shape
    moved = np.empty(width)
    for j in range(size):
        for a in range(width):
            moved[a] = x[start + j * width + a]
            for k in range(p):
                moved[a] += coupling[j, a, k] * beta[k]
        for a in range(width):
            value = 0.0
            for b in range(a, width):
                value += factor[j, b, a] * moved[b]
            z[start + j * width + a] = value


@numba.njit(cache=True)
def _backward_transposed(p, z, start, factor, coupling, beta):
    size, width, n = coupling.shape
    for j in range(size):
        for a in range(width):
            value = 0.0
            for b in range(a + 1):
                value += factor[j, a, b] * z[start + j * width + b]
            p[start + j * width + a] = value
            for k in range(n):
                beta[k] += coupling[j, a, k] * value
