"""Censored numbers: what lies at a limit is a normal beyond it, given which the model is a linear mixed one.

The latent normals are drawn first, given the parameters and the inner effects that the state keeps (Chib 1992, J.
Econometrics 51:79), and are not kept; then come sweeps as of observed numbers. That is exact, and slow only where most
values are at a limit. Of a truncated normal nothing is latent: ``truncated_numbers.py``.
"""

import math
from dataclasses import dataclass

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.families import Bounded
from bayesimpute.families.bounded import NEAR
from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.truncated_normals import above
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.one_sigma import Plain
from bayesimpute.samplers.gibbs.predictor_rows import Columns, predicted
from bayesimpute.samplers.gibbs.predictors import mixed
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.states import Arrays, Moved, from_arrays, to_arrays
from bayesimpute.samplers.gibbs.sweeps import copied, run
from bayesimpute.samplers.gibbs.working_rows import responding
from bayesimpute.samplers.sampler import Data


@inlined
def draw_beyond(rng, eta, sigma, y, beyond, response):
    """What lies beyond a limit y, in place: below it where `beyond` is -1, above it where it is 1."""
    for i in range(eta.size):
        if beyond[i] != 0:
            side = float(beyond[i])
            response[i] = eta[i] + side * sigma * above(rng, side * (y[i] - eta[i]) / sigma)


@compiled
def run_censored(rng, state, u, sweeps, tune, beyond, lay, rows, columns, products):
    """Sweeps.

    Parameters
    ----------
    state : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`.
    u : ndarray, shape (cluster, effect)
        Inner effects.
    beyond : ndarray of int, shape (row,)
        -1 at the lower limit, 1 at the upper, 0 between.
    products : Products
        Of the rows, as they are.
    """
    state = copied(state)
    response = columns.y.copy()
    for _ in range(sweeps):
        eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
        draw_beyond(rng, eta, math.exp(state[0][0]), columns.y, beyond, response)
        known = responding(products, response, columns, lay, rows)
        state, _, u = run(rng, state, np.int64(1), tune, lay, known, np.zeros((0, 0)))
    return state, u


@dataclass(frozen=True, eq=False)
class Tobit:
    """A model on its data."""

    beyond: np.ndarray
    lay: Layout
    rows: Rows
    columns: Columns
    products: Products

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        model = self.beyond, self.lay, self.rows, self.columns, self.products
        state, u = run_censored(rng, from_arrays(arrays), arrays["u"], sweeps, tune, *model)
        return to_arrays(state) | {"u": u}, 1.0


@dataclass(frozen=True, eq=False)
class Censored(Plain):
    """The layout of a model with one sigma, which is that of numbers that are all observed."""

    @staticmethod
    def takes(design: Design) -> bool:
        """Censored numbers with one sigma."""
        family = design.family.fitted_as
        return isinstance(family, Bounded) and family.at_limits == "censored" and mixed(design, "mu")

    def on(self, data: Data, y: np.ndarray) -> Tobit:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The model on data, with the target less its offset; limits are those of the target itself."""
        given, columns = np.asarray(data["y_data"]), Columns(*self.mu.matrices(data), np.array(y))
        low, high = self.design.scaled_family.ends({role: data[f"side_{role}"] for role in self.design.side})
        beyond = (given - high >= -NEAR).astype(np.int64) - (given - low <= NEAR).astype(np.int64)
        return Tobit(beyond, self.lay, self.rows, columns, cross_products(*columns, self.lay, self.rows))
