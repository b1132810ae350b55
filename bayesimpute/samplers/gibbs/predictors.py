"""What linear predictors are made of, and which are of the kind that most engines share."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.parts import Block, Predictor
from bayesimpute.samplers.gibbs.layout import Layout, Rows, few, known, layout, ordered
from bayesimpute.samplers.sampler import Data

Codes = Mapping[str, np.ndarray]
"""The clusters of the fitted rows, by block."""


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


def mixed(design: Design, *formulas: str) -> bool:
    """Whether these parameters and no others, mu among them, have linear predictors, each a mixed model of its own.

    So a block has effects of one parameter alone. There are few outer effects of mu; coefficients have normal priors,
    positive numbers priors for which there is code. Of other parameters without a formula an engine has to ask itself.
    """
    return (
        {p.key for p in design.predictors if p.matrix is not None} == set(formulas)
        and all(len(b.parts) == 1 for b in design.blocks)
        and shifted(design) <= {"mu"}
        and few(parts(design)["mu"].outer)
        and _priors_known(design)
    )


def shifted(design: Design) -> frozenset[str]:
    """The linear predictors to which something is added row by row."""
    return frozenset(offset.predictor for offset in design.offsets if offset.fitted)


def _priors_known(design: Design) -> bool:
    """Normal ones of coefficients, and those of positive numbers that there is code for."""
    normal = [prior for p in design.predictors if p.matrix is not None for prior in p.priors]
    alone = [p for p in design.predictors if p.matrix is None and p.parameter.support == "positive"]
    positive = [prior for p in alone for prior in p.priors]
    positive += [prior for b in design.blocks for prior in b.priors]
    return all(prior.name == "Normal" for prior in normal) and all(map(known, positive))
