"""The best guess of a model's coefficients and effects: their mean, or mode, given all other parameters of a draw.

It is a function of the draw and the data, so that who has these can find it again without a sampler. Of a normal law it
is the posterior mean, of others the mode, by Fisher scoring (McCullagh & Nelder 1989, Generalized Linear Models,
section 2.5) with the family's information and the slopes of its log-density.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from bayesimpute.designs.design import Design, Draw, places
from bayesimpute.designs.parts import Block
from bayesimpute.families.links import LINKS

MOST = 50
"""Steps of scoring; far fewer are needed."""
CLOSE = 1e-4
"""Change of a linear predictor, in standard deviations or log-odds, below which the last step was close enough."""
STRIDE = 4.0
"""The longest change of a linear predictor in a step."""
STEP = 1e-4
"""Of the slopes of the log-density."""


def estimate(design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> Draw:
    """The draw with the coefficients of ``mu`` and its effects at their best guess; what other parameters have stays.

    With the information W of the linear predictors, their slopes s, the columns M of coefficients and standard normals
    of the effects, and the prior precisions P, each step solves (M'WM + P) b = M'(W eta + s) + P mean. Coefficients
    whose prior is not normal are taken as free.
    """
    draw = {**draw, **{b.key: draw[b.key][: b.size] for b in design.blocks}}  # of clusters that there are data of
    model, best = _Columns(design, draw, data), draw
    for _ in range(MOST):
        eta = model.eta(best)
        found = model.solved(*model.slopes(best), eta)
        if design.family.fitted_as.normal:
            return found
        moved = np.abs(model.eta(found) - eta).max(initial=0.0)
        share = min(1.0, STRIDE / max(moved, STRIDE))
        best = {**draw, **{key: best[key] + share * (found[key] - best[key]) for key in model.changing}}
        if moved < CLOSE:
            break
    return best


class _Columns:
    """The columns of the linear predictors of ``mu``, one or one a label, and the priors of what multiplies them."""

    def __init__(self, design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> None:
        self.design, self.draw, self.data = design, draw, data
        self.keys = tuple(p.key for p in design.predictors if p.parameter.name == "mu")
        self.blocks = [b for b in design.blocks if all(key in self.keys for key, _ in places(b))]
        self.changing = (*self.keys, *(b.key for b in self.blocks))
        nothing = {key: np.zeros_like(draw[key]) for key in self.changing}
        self.fixed = self.eta({**draw, **nothing})
        self.columns: list[Any] = [
            sparse.csr_array(sparse.hstack(list(self._of(key)), format="csr")) for key in self.keys
        ]
        normal = [p.args if p.name == "Normal" else (0.0, np.inf) for key in self.keys for p in self._priors(key)]
        width = self.columns[0].shape[1]
        self.middle, self.precision = np.zeros(width), np.ones(width)
        self.middle[: len(normal)] = [mean for mean, _ in normal]
        self.precision[: len(normal)] = [sd**-2.0 for _, sd in normal]

    def eta(self, draw: Draw) -> np.ndarray:
        """Shape (row, predictor)."""
        fitted = self.design.fitted(draw, self.data)
        return np.stack([fitted[key] for key in self.keys], axis=1)

    def slopes(self, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        """The information, shape (row, predictor, predictor), and the slopes of the log-density, (row, predictor)."""
        (theta, y), family, side = (
            self.design.theta(draw, self.data),
            self.design.scaled_family,
            self.design.reading(self.data),
        )
        link, mu = LINKS[self.design.predictor(self.keys[0]).parameter.link], theta["mu"]
        line, found = link.link(mu), []
        for way in np.eye(len(self.keys)) if mu.ndim == 2 else [np.ones(1)]:
            up, down = (
                family.logp(y, {**theta, "mu": link.inverse(line + s * (way if mu.ndim == 2 else 1.0))}, side)
                for s in (STEP, -STEP)
            )
            found.append((up - down) / (2 * STEP))
        shape = (len(y), len(self.keys), len(self.keys))
        information = np.asarray(family.information(theta, y, side), dtype=float)
        information = information if information.ndim == 3 else np.broadcast_to(information, len(y))[:, None, None]
        return np.broadcast_to(information, shape), np.stack(found, axis=1)

    def solved(self, information: np.ndarray, slopes: np.ndarray, eta: np.ndarray) -> Draw:
        """The draw with the coefficients and effects that a step of scoring finds."""
        goal = np.einsum("rij,rj->ri", information, eta - self.fixed) + slopes
        left: Any = sparse.diags_array(self.precision, format="csc")
        right = self.precision * self.middle
        for i, mine in enumerate(self.columns):
            right = right + mine.T @ goal[:, i]
            for j, others in enumerate(self.columns):
                left = left + sparse.csc_array(mine.T @ others.multiply(information[:, i, j][:, None]).tocsr())
        found: Any = linalg.spsolve(sparse.csc_array(left), right)
        best, at = dict(self.draw), 0
        for key in self.keys:
            best[key] = found[at : at + len(self.draw[key])]
            at += len(self.draw[key])
        for b in self.blocks:
            effects = found[at : at + b.size * b.width].reshape(b.size, b.width) @ self.draw[f"{b.key}_root"].T
            best[b.key] = effects
            at += b.size * b.width
        return best

    def _priors(self, key: str) -> tuple[Any, ...]:
        return self.design.predictor(key).priors

    def _of(self, key: str) -> Iterator[sparse.csr_array]:
        """The columns of one linear predictor: its own coefficients, zeros for those of others, and effects."""
        p = self.design.predictor(key)
        for other in self.keys:
            x = self.data[f"X_{p.parameter.name}"]
            yield sparse.csr_array(x if other == key else np.zeros_like(x))
        for b in self.blocks:
            loadings = np.zeros((len(self.fixed), b.width))
            for mine, place in places(b):
                if mine == key:
                    loadings += self.data[f"X_{b.key}"][:, place] @ self.draw[f"{b.key}_root"][place]
            yield _spread(loadings, self.data[f"codes_{b.key}"], b)


def _spread(loadings: np.ndarray, codes: np.ndarray, b: Block) -> sparse.csr_array:
    """What each row has of the standard normals of its cluster, shape (row, cluster x effect)."""
    n, width = loadings.shape
    columns = codes.astype(np.int64)[:, None] * width + np.arange(width)
    return sparse.csr_array((loadings.ravel(), columns.ravel(), np.arange(n + 1) * width), shape=(n, b.size * width))
