"""Sweeps of a model with a formula for sigma: those of mu on weighted rows, those of sigma given the residuals."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.samplers.base import Data
from bayesimpute.samplers.gibbs.columns import Columns, Members, divided, members
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.parts import Part
from bayesimpute.samplers.gibbs.products import cross_products
from bayesimpute.samplers.gibbs.scales import run_scales
from bayesimpute.samplers.gibbs.sweeps import run

State = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]


@dataclass(frozen=True, eq=False)
class Scaled:
    """A model with a formula for sigma on its data; theta's first place, log sigma, is 0 in both states and stays."""

    lay: Layout
    rows: Rows
    columns: Columns
    members: Members
    mu_lay: Layout
    mu_rows: Rows
    mu_columns: Columns

    def run(
        self, rng: np.random.Generator, state: State, scale: State, sweeps: int, tune: bool
    ) -> tuple[State, State, np.ndarray]:
        """Sweeps of both predictors.

        Returns
        -------
        state, scale : tuple
            The next.
        u : ndarray
            Inner effects of mu.
        """
        u = np.zeros((0, 0))
        for _ in range(sweeps):
            weighted = divided(self.mu_columns, scale[0], scale[1], self.lay, self.rows, self.columns)
            products = cross_products(*weighted, self.mu_lay, self.mu_rows)
            state, b, u = run(rng, state, 1, tune, self.mu_lay, products)
            of_mu = self.mu_columns, b, u, self.mu_lay, self.mu_rows, products
            scale = run_scales(rng, scale, tune, self.lay, self.rows, self.columns, self.members, *of_mu)
        return state, scale, u


@dataclass(frozen=True, eq=False)
class Frame:
    """What does not change with the data: layouts and members of clusters, of sigma's predictor and of mu's."""

    mu: Part
    sigma: Part
    lay: Layout
    rows: Rows
    members: Members
    mu_lay: Layout
    mu_rows: Rows

    @classmethod
    def of(cls, mu: Part, sigma: Part, codes: Mapping[str, np.ndarray], n: int, lay: Layout, rows: Rows) -> "Frame":
        """From the layout of mu."""
        own = members(sigma, [codes[b.key] for b in sigma.blocks], n)
        return cls(mu, sigma, *sigma.layout(None, codes, n), own, lay, rows)

    def on(self, data: Data, y: np.ndarray) -> Scaled:
        """The model on data, with the target less its offset."""
        offset = np.full(1, self.sigma.predictor.offset)
        own = Columns(*self.sigma.matrices(data), offset)
        of_mu = Columns(*self.mu.matrices(data), y)
        return Scaled(self.lay, self.rows, own, self.members, self.mu_lay, self.mu_rows, of_mu)
