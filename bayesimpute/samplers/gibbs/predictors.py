"""Which models the sampler takes, and what their linear predictors are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Block, Design, Predictor
from bayesimpute.families import Bernoulli, Family, Gaussian, StudentT
from bayesimpute.samplers.gibbs.layout import MOST_OUTER, Layout, Rows, known, layout, ordered
from bayesimpute.samplers.sampler import Data

Codes = Mapping[str, np.ndarray]
"""The clusters of the fitted rows, by block."""
LINKS = ("logit", "probit")
"""Of yes/no targets."""


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

    def layout(self, sigma: Prior | None, codes: Codes, n: int) -> tuple[Layout, Rows]:
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


def parts(design: Design) -> dict[str, Part]:
    """The predictors by their parameters; effects are integrated out of mu's alone."""
    blocks = {p.key: [b for b in design.blocks if b.parts[0][0] == p.key] for p in design.predictors}
    found = {p.key: Part(p, [], blocks[p.key]) for p in design.predictors}
    return found | {"mu": Part(found["mu"].predictor, *ordered(blocks["mu"]))}


def kind(design: Design) -> str | None:
    """Which of ``engines.ENGINES`` draws from the model; None if it is none that they draw from exactly."""
    mu = parts(design).get("mu")
    if mu is None or any(len(b.parts) != 1 for b in design.blocks) or mu.predictor.matrix is None:
        return None
    if sum(b.size * b.width for b in mu.outer) > MOST_OUTER or not _priors_known(design):
        return None
    return _kind(design.family, {p.key for p in design.predictors if p.matrix is not None}, mu.predictor.offset)


def _kind(family: Family, formulas: set[str], offset: float) -> str | None:
    if isinstance(family, Gaussian):
        return "formula for sigma" if "sigma" in formulas else "one sigma"
    if isinstance(family, StudentT):
        return None if {"sigma", "nu"} & formulas else "heavy tails"
    if isinstance(family, Bernoulli):
        return "yes or no" if family.link in LINKS and not offset else None
    return None


def _priors_known(design: Design) -> bool:
    """Normal ones of coefficients, and those of positive numbers for the rest."""
    normal = [prior for p in design.predictors if p.matrix is not None for prior in p.priors]
    positive = [prior for p in design.predictors if p.matrix is None for prior in p.priors]
    positive += [prior for b in design.blocks for prior in b.priors]
    return all(prior.name == "Normal" for prior in normal) and all(map(known, positive))


def supported(design: Design) -> bool:
    """Whether the model is one that the sampler draws from exactly."""
    return kind(design) is not None
