"""The best guess of a normal model's coefficients and effects: their mean given all other parameters of a draw.

It is a function of the draw and the data, so that who has these can find it again without a sampler.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from bayesimpute.designs.design import Design, Draw, places


def estimate(design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> Draw:
    """The draw with the coefficients of ``mu`` and its effects at their mean; effects of other parameters stay.

    With the residual precisions W, the columns M of coefficients and standard normals of the effects, and the prior
    precisions P, it solves (M'WM + P) b = M'W y. Coefficients whose prior is not normal are taken as free.
    """
    p = design.predictor("mu")
    blocks = [b for b in design.blocks if all(key == "mu" for key, _ in places(b))]
    theta, y = design.theta(draw, data)
    nothing = {**draw, "mu": np.zeros_like(draw["mu"])} | {b.key: np.zeros_like(draw[b.key]) for b in blocks}
    y = design.family.working(y) - design.fitted(nothing, data)["mu"]
    spans = [_columns(data[f"X_{b.key}"] @ draw[f"{b.key}_root"], data[f"codes_{b.key}"], b.size) for b in blocks]
    m: Any = sparse.hstack([sparse.csr_array(data["X_mu"]), *spans], format="csr")
    normal = [prior.args if prior.name == "Normal" else (0.0, np.inf) for prior in p.priors]
    middle, precision = np.zeros(m.shape[1]), np.ones(m.shape[1])
    middle[: len(normal)] = [mean for mean, _ in normal]
    precision[: len(normal)] = [sd**-2.0 for _, sd in normal]
    weighted = m.multiply(np.broadcast_to(theta["sigma"] ** -2.0, y.shape)[:, None]).tocsc()
    left = sparse.csc_array(weighted.T @ m) + sparse.diags_array(precision, format="csc")
    found: Any = linalg.spsolve(left, weighted.T @ y + precision * middle)
    best, at = {**draw, "mu": found[: len(normal)]}, len(normal)
    for b in blocks:
        best[b.key] = found[at : at + b.size * b.width].reshape(b.size, b.width) @ draw[f"{b.key}_root"].T
        at += b.size * b.width
    return best


def _columns(loadings: np.ndarray, codes: np.ndarray, size: int) -> sparse.csr_array:
    """What each row has of the standard normals of its cluster, shape (row, cluster x effect)."""
    n, width = loadings.shape
    columns = codes.astype(np.int64)[:, None] * width + np.arange(width)
    return sparse.csr_array((loadings.ravel(), columns.ravel(), np.arange(n + 1) * width), shape=(n, size * width))
