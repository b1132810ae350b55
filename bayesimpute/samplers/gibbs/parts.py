"""Which models the sampler takes, and what their two linear predictors are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.design import Block, Design, Predictor
from bayesimpute.families import Gaussian
from bayesimpute.priors import Prior
from bayesimpute.samplers.base import Data
from bayesimpute.samplers.gibbs.layout import MOST_OUTER, Layout, Rows, known, layout, ordered


@dataclass(frozen=True, eq=False)
class Part:
    """A linear predictor with its blocks: those with integrated effects, then the others.

    Of sigma's predictor no effects are integrated out.
    """

    predictor: Predictor
    inner: list[Block]
    outer: list[Block]

    @property
    def blocks(self) -> list[Block]:
        """All, in the order in which the sampler has them."""
        return self.inner + self.outer

    def layout(self, sigma: Prior | None, codes: Mapping[str, np.ndarray], n: int) -> tuple[Layout, Rows]:
        """Its arrays."""
        priors = self.predictor.priors
        return layout(priors, sigma, self.inner, self.outer, codes, n)

    def matrices(self, data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The columns of coefficients, of inner and of outer effects, each (row, column)."""
        rows = len(data["y_data"])
        return data[f"X_{self.predictor.key}"], _beside(self.inner, data, rows), _beside(self.outer, data, rows)


def _beside(blocks: list[Block], data: Data, rows: int) -> np.ndarray:
    matrices = [data[f"X_{b.key}"] for b in blocks]
    return matrices[0] if len(matrices) == 1 else np.hstack([np.zeros((rows, 0)), *matrices])


def parts(design: Design) -> tuple[Part, Part | None]:
    """The predictor of mu, and that of log sigma if it has a formula."""
    mu, sigma = design.predictors
    blocks = {p.key: [b for b in design.blocks if b.parts[0][0] == p.key] for p in design.predictors}
    first = Part(mu, *ordered(blocks["mu"]))
    return first, None if sigma.matrix is None else Part(sigma, [], blocks["sigma"])


def supported(design: Design) -> bool:
    """Whether the model is a linear mixed model that the sampler draws from exactly."""
    if not isinstance(design.family, Gaussian) or any(len(b.parts) != 1 for b in design.blocks):
        return False
    mu, sigma = design.predictors
    normal = [*mu.priors, *(sigma.priors if sigma.matrix is not None else ())]
    positive = [*(sigma.priors if sigma.matrix is None else ()), *(prior for b in design.blocks for prior in b.priors)]
    first, _ = parts(design)
    return (
        mu.matrix is not None
        and all(prior.name == "Normal" for prior in normal)
        and all(map(known, positive))
        and sum(b.size * b.width for b in first.outer) <= MOST_OUTER
    )
