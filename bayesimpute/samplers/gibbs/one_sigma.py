"""Linear mixed models with one sigma: one pass over the rows, then sweeps of what it leaves."""

from dataclasses import dataclass

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.designs.sheets import pieces
from bayesimpute.families import Gaussian
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.gibbs.products import Products, add_rows, no_rows, summed
from bayesimpute.samplers.gibbs.states import Arrays, Moved, from_arrays, scalars, start, to_arrays
from bayesimpute.samplers.gibbs.sweeps import run
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Linear:
    """A model on its data."""

    engine: "Plain"
    products: Products

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps, then the inner effects."""
        after, _, u = run(rng, from_arrays(arrays), sweeps, tune, self.engine.lay, self.products, np.zeros((0, 0)))
        return to_arrays(after) | {"u": u}, 1.0

    def explore(
        self, rng: np.random.Generator, arrays: Arrays, sweeps: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Sweeps one by one."""
        design, mu, lay = self.engine.design, self.engine.mu, self.engine.lay
        chain = np.empty((sweeps, lay.groups.size + lay.coefficients))
        after, _, u = run(rng, from_arrays(arrays), sweeps, False, lay, self.products, chain)
        return to_arrays(after) | {"u": u}, scalars(design, mu, lay, chain)


@dataclass(frozen=True, eq=False)
class Plain(MixedEngine):
    """The layout of a model with one sigma."""

    design: Design
    sigma_prior: Prior

    @staticmethod
    def takes(design: Design) -> bool:
        """Numbers, or positive ones by their logarithms, with one sigma."""
        return isinstance(design.family.fitted_as, Gaussian) and mixed(design, "mu")

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Plain":
        """From the clusters of the fitted rows."""
        found = parts(design)
        mu, sigma = found["mu"], found["sigma"].predictor.priors[0]
        return cls(mu, *mu.layout(sigma, codes, n), design, sigma)

    def on(self, data: Data, y: np.ndarray) -> Linear:
        """The pass over the rows, of large data piece by piece."""
        sums = no_rows(self.lay)
        for part, piece in pieces(data):
            add_rows(sums, *self.mu.matrices(piece), y[part], self.lay, self.rows.piece(part))
        return Linear(self, summed(sums, self.lay))

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        return self.begun(start(self.sigma_prior, rng), rng)

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        return super().values(arrays) | {"sigma": np.exp(arrays["theta"][:1])}
