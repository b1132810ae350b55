"""Linear mixed models with one sigma: one pass over the rows, then sweeps of what it leaves."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.sheets import pieces
from bayesimpute.families import Gaussian
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.predictors import Codes, Part, mixed, parts
from bayesimpute.samplers.gibbs.products import Products, add_rows, no_rows, summed
from bayesimpute.samplers.gibbs.states import (
    Arrays,
    Moved,
    fresh,
    from_arrays,
    placed,
    predictor_values,
    scalars,
    start,
    starts,
    to_arrays,
)
from bayesimpute.samplers.gibbs.sweeps import explore, run
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Linear:
    """A model on its data."""

    engine: "Plain"
    products: Products

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps, then the inner effects."""
        after, _, u = run(rng, from_arrays(arrays), sweeps, tune, self.engine.lay, self.products)
        return to_arrays(after) | {"u": u}, 1.0

    def explore(
        self, rng: np.random.Generator, arrays: Arrays, sweeps: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Sweeps one by one."""
        design, mu, lay = self.engine.design, self.engine.mu, self.engine.lay
        after, u, chain = explore(rng, from_arrays(arrays), sweeps, lay, self.products)
        return to_arrays(after) | {"u": u}, scalars(design, mu, lay, chain)


@dataclass(frozen=True, eq=False)
class Plain:
    """The layout of a model with one sigma."""

    burn_in: ClassVar[BurnIn] = BurnIn()
    design: Design
    mu: Part
    sigma_prior: Prior
    lay: Layout
    rows: Rows

    @staticmethod
    def takes(design: Design) -> bool:
        """Numbers with one sigma."""
        return isinstance(design.family.fitted_as, Gaussian) and mixed(design, "mu")

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Plain":
        """From the clusters of the fitted rows."""
        found = parts(design)
        mu, sigma = found["mu"], found["sigma"].predictor.priors[0]
        return cls(design, mu, sigma, *mu.layout(sigma, codes, n))

    def on(self, data: Data, y: np.ndarray) -> Linear:
        """The pass over the rows, of large data piece by piece."""
        sums = no_rows(self.lay)
        for part, piece in pieces(data):
            add_rows(sums, *self.mu.matrices(piece), y[part], self.lay, self.rows.piece(part))
        return Linear(self, summed(sums, self.lay))

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one; inner effects are drawn by the first step."""
        sigma = start(self.sigma_prior, rng)
        return to_arrays(fresh(starts(self.mu.blocks, sigma, rng), self.lay.mean)) | {"u": np.zeros((0, 0))}

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        made = predictor_values(self.mu, self.lay, arrays["theta"], arrays["z"], arrays["u"])
        return made | {"sigma": np.exp(arrays["theta"][:1])}

    def placed(self, arrays: Arrays, draw: Draw) -> dict[str, np.ndarray]:
        """A state at the effects of a draw."""
        return placed(arrays, self.mu.blocks, self.lay, draw)
