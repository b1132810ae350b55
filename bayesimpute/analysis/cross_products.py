"""Cross-products of a mixed linear model's matrices, so that its criterion costs the same for any number of rows.

The columns of X and of each Z are orthonormalised, and y is replaced by its scaled least-squares residual. The effects
of the factor with most of them are eliminated cluster by cluster, those of further factors by one dense Cholesky factor
(Bates, Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1), section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesimpute.base.errors import AnalysisError

MOST_CELLS = 30_000_000  # of the table of cross-products between grouping factors


@dataclass(frozen=True, kw_only=True, eq=False)
class RandomTerm:
    """The random effects of one ``( | )``, correlated with each other and with nothing else.

    Parameters
    ----------
    group : str
        The grouping factor.
    names : tuple of str
        Names of the q effects.
    codes : ndarray of int, shape (unit,)
        The cluster of each row, 0 to J − 1.
    z : ndarray, shape (unit, q)
        Their design matrix.
    """

    group: str
    names: tuple[str, ...]
    codes: np.ndarray
    z: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """The random effects of one ``( | )`` without their data.

    Parameters
    ----------
    group : str
        The grouping factor.
    names : tuple of str
        Names of the q effects.
    clusters : int
        Their number J.
    basis : ndarray, shape (q, q)
        A, with Z = (orthonormal columns, times √n) A.
    """

    group: str
    names: tuple[str, ...]
    clusters: int
    basis: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossProducts:
    """Cross-products between the first factor's effects (J clusters, q effects), the other factors', X and y.

    Parameters
    ----------
    inner : ndarray, shape (J, q, q)
        ZᵀZ of the first factor by cluster.
    across : ndarray, shape (J, q, K)
        Zᵀ[Z of the other factors, X, y].
    rest : ndarray, shape (K, K)
        Those of the other factors' Z, X and y among themselves.
    others : tuple of (int, int)
        Numbers of clusters and effects of the other factors.
    r_x : ndarray, shape (p, p)
        X = (orthonormal columns, times √n) r_x.
    beta : ndarray, shape (p,)
        Least-squares coefficients, which were taken out of y.
    scale : float
        Root mean square of the least-squares residuals, by which y was divided.
    spread : ndarray, shape (p, p)
        Covariance matrix of the columns of X over the rows.
    """

    inner: np.ndarray
    across: np.ndarray
    rest: np.ndarray
    others: tuple[tuple[int, int], ...]
    r_x: np.ndarray
    beta: np.ndarray
    scale: float
    spread: np.ndarray

    def factorise(self, lambdas: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
        """The log of det(ΛᵀZᵀZΛ + I) and the Cholesky factor of what is left of [other Z, X, y], shape (K, K)."""
        first = lambdas[0]
        root = np.linalg.cholesky(first.T @ self.inner @ first + np.eye(len(first)))
        v = first.T @ self._scaled(self.across, lambdas[1:])
        for i in range(len(first)):  # forward substitution, all clusters at once
            v[:, i] -= np.einsum("jl,jlk->jk", root[:, i, :i], v[:, :i])
            v[:, i] /= root[:, i, i, None]
        flat = v.reshape(-1, v.shape[-1])
        left = self._scaled(self._scaled(self.rest, lambdas[1:]).T, lambdas[1:]) - flat.T @ flat
        size = sum(clusters * q for clusters, q in self.others)
        left[np.arange(size), np.arange(size)] += 1
        lower = np.linalg.cholesky(left)
        log_det = np.log(np.diagonal(root, axis1=1, axis2=2)).sum() + np.log(np.diagonal(lower)[:size]).sum()
        return 2 * float(log_det), lower

    def factorise_many(self, lambdas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """:meth:`factorise` for one factor and many Λ, (point, q, q): log dets (point,) and factors (point, K, K)."""
        inner = np.einsum("wba,jbc,wcd->wjad", lambdas, self.inner, lambdas, optimize=True)
        root = np.linalg.cholesky(inner + np.eye(lambdas.shape[1]))
        v = np.einsum("wba,jbk->wjak", lambdas, self.across, optimize=True)
        for i in range(lambdas.shape[1]):
            v[:, :, i] -= np.einsum("wjl,wjlk->wjk", root[:, :, i, :i], v[:, :, :i])
            v[:, :, i] /= root[:, :, i, i, None]
        flat = v.reshape(len(v), -1, v.shape[-1])
        lower = np.linalg.cholesky(self.rest - flat.transpose(0, 2, 1) @ flat)
        return 2 * np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=(1, 2)), lower

    def _scaled(self, matrix: np.ndarray, lambdas: Sequence[np.ndarray]) -> np.ndarray:
        """The columns of the other factors times their Λ."""
        result, start = matrix.copy(), 0
        for (clusters, q), factor in zip(self.others, lambdas, strict=True):
            part = matrix[..., start : start + clusters * q]
            result[..., start : start + clusters * q] = (part.reshape(-1, q) @ factor).reshape(part.shape)
            start += clusters * q
        return result


def in_order(random: Sequence[Effects]) -> tuple[str, ...]:
    """The grouping factors; first the one with most random effects."""
    size: dict[str, int] = {}
    for effects in random:
        size[effects.group] = size.get(effects.group, 0) + len(effects.names) * effects.clusters
    return tuple(sorted(size, key=lambda factor: -size[factor]))


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrices:
    """The rows of a mixed linear model without its outcome: what outcomes are held against.

    Parameters
    ----------
    x, q_x, r_x : ndarray, shapes (unit, p), (unit, p) and (p, p)
        X, and its orthonormal and triangular factors.
    z : ((int, int), sparse array)
        Numbers of clusters and effects of the first factor, and its orthonormalised Z, (unit, clusters · effects).
    others : sequence of the same
        Of the other factors.
    """

    x: np.ndarray
    q_x: np.ndarray
    r_x: np.ndarray
    z: tuple[tuple[int, int], Any]
    others: Sequence[tuple[tuple[int, int], Any]]

    @classmethod
    def of(cls, x: np.ndarray, terms: Sequence[tuple[RandomTerm, Effects]]) -> "Matrices":
        """From arrays, as for :func:`cross_products`."""
        q_x, r_x = np.linalg.qr(x)
        factors = in_order([effects for _, effects in terms])
        first, *others = [_factor_matrix([pair for pair in terms if pair[0].group == factor]) for factor in factors]
        (clusters, q), _ = first
        width = sum(c * w for (c, w), _ in others) + x.shape[1] + 1
        if clusters * q * width + width**2 > MOST_CELLS:
            message = (
                "too many clusters in more than one grouping factor for this fitter; pass a function that fits the "
                "model"
            )
            raise AnalysisError(message)
        return cls(x=x, q_x=q_x, r_x=r_x, z=first, others=others)

    def residual(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Of an outcome: the least-squares coefficients (p,), the residuals (unit,) and their root mean square.

        Raises
        ------
        AnalysisError
            If there are no residuals to speak of.
        """
        beta = np.linalg.solve(self.r_x, self.q_x.T @ y)
        residual = y - self.x @ beta
        residual -= self.q_x @ (self.q_x.T @ residual)
        scale = float(np.sqrt(np.mean(residual**2)))
        if scale <= 1e-9 * float(np.sqrt(np.mean(y**2))):
            message = "the fixed effects explain the outcome entirely: there is no variance left for a mixed model"
            raise AnalysisError(message)
        return beta, residual, scale

    def with_outcome(self, y: np.ndarray) -> CrossProducts:
        """All cross-products."""
        from scipy import sparse

        n = len(self.x)
        beta, residual, scale = self.residual(y)
        dense = np.column_stack([self.q_x * np.sqrt(n), residual / scale])
        (clusters, q), z = self.z
        width = sum(count * effects for (count, effects), _ in self.others) + dense.shape[1]
        rest = sparse.hstack([*(matrix for _, matrix in self.others), sparse.csr_array(dense)], format="csr")
        inner = (z.T @ z).tocoo()
        blocks = np.zeros((clusters, q, q))
        blocks[inner.coords[0] // q, inner.coords[0] % q, inner.coords[1] % q] = inner.data
        return CrossProducts(
            inner=blocks,
            across=(z.T @ rest).toarray().reshape(clusters, q, width),
            rest=(rest.T @ rest).toarray(),
            others=tuple(shape for shape, _ in self.others),
            r_x=self.r_x / np.sqrt(n),
            beta=beta,
            scale=scale,
            spread=np.atleast_2d(np.cov(self.x, rowvar=False)),
        )

    def other_outcome(self, known: CrossProducts, y: np.ndarray) -> CrossProducts:
        """The cross-products with another outcome, from those that are there: only its own are made."""
        beta, residual, scale = self.residual(y)
        (clusters, q), z = self.z
        y = residual / scale
        across, rest = known.across.copy(), known.rest.copy()
        across[..., -1] = (z.T @ y).reshape(clusters, q)
        beside = [*(matrix.T @ y for _, matrix in self.others), np.sqrt(len(y)) * (self.q_x.T @ y), [y @ y]]
        rest[-1] = rest[:, -1] = np.concatenate(beside)
        return replace(known, across=across, rest=rest, beta=beta, scale=scale)


def cross_products(y: np.ndarray, x: np.ndarray, terms: Sequence[tuple[RandomTerm, Effects]]) -> CrossProducts:
    """Reduce the rows; the errors are those of :func:`.mixed.solve`."""
    return Matrices.of(x, terms).with_outcome(y)


def _factor_matrix(terms: Sequence[tuple[RandomTerm, Effects]]) -> tuple[tuple[int, int], Any]:
    """(clusters, effects) of a factor and its sparse orthonormalised Z, shape (unit, clusters · effects)."""
    from scipy import sparse

    z = np.hstack([np.linalg.solve(effects.basis.T, term.z.T).T for term, effects in terms])
    codes = terms[0][0].codes
    clusters, (n, q) = int(codes.max()) + 1, z.shape
    columns = codes[:, None] * q + np.arange(q)
    matrix = sparse.csr_array((z.ravel(), columns.ravel(), np.arange(0, n * q + 1, q)), shape=(n, clusters * q))
    return (clusters, q), matrix
