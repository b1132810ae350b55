"""Rough variance components of a linear mixed model, by EM: how informative clusters are about their own effects.

Only the choice between the centred and the non-centred form of a block rests on it (Papaspiliopoulos, Roberts & Sköld
2007, Statistical Science 22:59); both forms are the same model.
"""

import numpy as np

ITERATIONS = 30
RIDGE = 1e-6


def information_ratio(y: np.ndarray, x: np.ndarray, z: np.ndarray, codes: np.ndarray) -> float:
    """What a typical cluster says about its effects, over what the population says, in the least informed direction.

    Parameters
    ----------
    y : ndarray, shape (row,)
        The target.
    x : ndarray, shape (row, coefficient)
        Common columns.
    z : ndarray, shape (row, effect)
        Columns of the group-specific effects.
    codes : ndarray of int, shape (row,)
        Clusters.

    Returns
    -------
    float
        The median over clusters of the smallest eigenvalue of L'Z_j'Z_j L / sigma^2, with L L' the effects'
        covariance: for a random intercept n ICC / (1 - ICC).
    """
    codes = np.unique(codes, return_inverse=True)[1]
    size, width = int(codes.max()) + 1, z.shape[1]
    products = np.zeros((size, width, width))
    np.add.at(products, codes, z[:, :, None] * z[:, None, :])
    penalty = RIDGE * len(y) * np.eye(x.shape[1])
    residual_variance, covariance = (
        float(y.var()) / 2,
        np.diag(float(y.var()) / 2 / np.maximum((z**2).mean(axis=0), 1e-12)),
    )
    effects = np.zeros((size, width))
    for _ in range(ITERATIONS):
        beta = np.linalg.solve(x.T @ x + penalty, x.T @ (y - (z * effects[codes]).sum(axis=1)))
        residual = y - x @ beta
        spread = np.linalg.inv(products / residual_variance + np.linalg.inv(covariance + RIDGE * np.eye(width)))
        moments = np.zeros((size, width))
        np.add.at(moments, codes, z * residual[:, None])
        effects = np.einsum("jab,jb->ja", spread, moments) / residual_variance
        covariance = (np.einsum("ja,jb->ab", effects, effects) + spread.sum(axis=0)) / size
        left = residual - (z * effects[codes]).sum(axis=1)
        residual_variance = float(left @ left + np.einsum("jab,jba->", products, spread)) / len(y)
    root = np.linalg.cholesky(covariance + RIDGE * np.diag(np.diag(covariance)) + 1e-12 * np.eye(width))
    least = np.linalg.eigvalsh(root.T @ products @ root)[:, 0]
    return float(np.median(least)) / max(residual_variance, 1e-12)
