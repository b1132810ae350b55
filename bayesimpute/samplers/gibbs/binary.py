"""Yes/no targets: sweeps of the linear mixed model that the latent variables make of them.

The latent variables are drawn first, given the parameters and the inner effects that the state keeps, and are not
kept: between two visits the data may have changed.
"""

from dataclasses import dataclass

import numpy as np

from bayesimpute.design import Design
from bayesimpute.families.quick_exp import compiled
from bayesimpute.samplers.base import Data
from bayesimpute.samplers.gibbs.columns import Columns, predicted
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.latent import draw_probit, like, respond, weigh_logit
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.parts import LINKS, Codes, Part, parts
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.states import Arrays, fresh, from_arrays, predictor_values, starts, to_arrays
from bayesimpute.samplers.gibbs.sweeps import copied, run


@compiled
def run_logit(rng, state, u, sweeps, tune, lay, rows, columns):
    """Sweeps with Pólya–Gamma weights."""
    state, weighted = copied(state), like(columns)
    for _ in range(sweeps):
        eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
        weigh_logit(rng, eta, columns, weighted)
        products = cross_products(weighted.x, weighted.z, weighted.w, weighted.y, lay, rows)
        state, _, u = run(rng, state, np.int64(1), tune, lay, products)
    return state, u


@compiled
def run_probit(rng, state, u, sweeps, tune, lay, rows, columns, products):
    """Sweeps with latent normals; `products` has the rows' cross-products with one another."""
    state, latent = copied(state), np.empty_like(columns.y)
    for _ in range(sweeps):
        eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
        draw_probit(rng, eta, columns, latent)
        state, _, u = run(rng, state, np.int64(1), tune, lay, respond(products, columns, latent, lay, rows))
    return state, u


@dataclass(frozen=True, eq=False)
class Augmented:
    """A model on its data."""

    link: str
    lay: Layout
    rows: Rows
    columns: Columns
    products: Products

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> dict[str, np.ndarray]:
        """Sweeps."""
        if self.link == "logit":
            after, u = run_logit(rng, from_arrays(arrays), arrays["u"], sweeps, tune, self.lay, self.rows, self.columns)
        else:
            after, u = run_probit(
                rng, from_arrays(arrays), arrays["u"], sweeps, tune, self.lay, self.rows, self.columns, self.products
            )
        return to_arrays(after) | {"u": u}


@dataclass(frozen=True, eq=False)
class Binary:
    """The layout of a model; log sigma, theta's first place, is 0 and stays."""

    link: str
    mu: Part
    lay: Layout
    rows: Rows

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Binary":
        """From the clusters of the fitted rows."""
        mu = parts(design)["mu"]
        return cls(mu.predictor.parameter.link, mu, *mu.layout(None, codes, n))

    def on(self, data: Data, y: np.ndarray) -> Augmented:
        """The model on data."""
        columns = Columns(*self.mu.matrices(data), y)
        return Augmented(self.link, self.lay, self.rows, columns, cross_products(*columns, self.lay, self.rows))

    def start(self, design: Design, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one, without inner effects yet."""
        del design
        none = {"u": np.zeros((self.lay.clusters, self.lay.width))}
        return to_arrays(fresh(starts(self.mu, 0.0, rng), self.lay.mean)) | none

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        return predictor_values(self.mu, self.lay, arrays["theta"], arrays["z"], arrays["u"])
