"""Sweeps of a model with a formula for sigma: those of mu on weighted rows, those of sigma given the residuals."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.families import Gaussian
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.count_likelihoods import NORMAL, Likelihood
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictor_rows import Columns, Members, inverse_sigma, members, predicted
from bayesimpute.samplers.gibbs.predictors import Codes, Part, mixed, parts
from bayesimpute.samplers.gibbs.sigma_moves import run_scales
from bayesimpute.samplers.gibbs.states import Arrays, Moved, fresh, from_arrays, predictor_values, starts, to_arrays
from bayesimpute.samplers.gibbs.sweeps import run
from bayesimpute.samplers.gibbs.working_rows import weighted_products
from bayesimpute.samplers.sampler import Data


@dataclass(frozen=True, eq=False)
class Divided:
    """A model with a formula for sigma on its data; theta's first place, log sigma, is 0 in both states and stays."""

    lay: Layout
    rows: Rows
    columns: Columns
    members: Members
    mu_lay: Layout
    mu_rows: Rows
    mu_columns: Columns
    added: np.ndarray | float = 0.0

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps of both predictors, each with the inner effects of mu."""
        state, scale, u = from_arrays(arrays), from_arrays(arrays, "sigma_"), np.zeros((0, 0))
        for _ in range(sweeps):
            root = inverse_sigma(scale[0], scale[1], self.columns, self.lay, self.rows)
            response = self.mu_columns.y * root
            products = weighted_products(root, response, self.mu_columns, self.mu_lay, self.mu_rows)
            state, b, u = run(rng, state, 1, tune, self.mu_lay, products, np.zeros((0, 0)))
            of_mu = self.mu_columns, b, u, self.mu_lay, self.mu_rows, products
            scale = run_scales(rng, scale, tune, self.lay, self.rows, self.columns, self.members, *of_mu)
        return to_arrays(state) | {"u": u} | to_arrays(scale, "sigma_"), 1.0

    def with_added(self, added: np.ndarray) -> Self:
        """The same with something more added to mu's predictor, shape (row,)."""
        columns = self.mu_columns._replace(y=self.mu_columns.y - added)
        return replace(self, mu_columns=columns, added=self.added + added)

    def predictor(self, arrays: Arrays) -> np.ndarray:
        """Mu's linear predictor, with what is added to it, shape (row,)."""
        b = outer_effects(arrays["theta"], self.mu_lay, arrays["z"])
        return predicted(self.mu_columns, b, arrays["u"], self.mu_lay, self.mu_rows) + self.added

    def likelihood(self, arrays: Arrays) -> Likelihood:
        """Of mu's predictor."""
        root = inverse_sigma(arrays["sigma_theta"], arrays["sigma_z"], self.columns, self.lay, self.rows)
        return Likelihood(NORMAL, self.mu_columns.y + self.added, root, 0.0)


@dataclass(frozen=True, eq=False)
class Scaled(MixedEngine):
    """What does not change with the data: layouts and members of clusters, of sigma's predictor and of mu's."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", "sigma_theta", "sigma_z"))
    sigma: Part
    scale_lay: Layout
    scale_rows: Rows
    members: Members

    @staticmethod
    def takes(design: Design) -> bool:
        """Numbers, or positive ones by their logarithms, with a formula for log sigma."""
        return isinstance(design.family.fitted_as, Gaussian) and mixed(design, "mu", "sigma")

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Scaled":
        """From the clusters of the fitted rows."""
        found = parts(design)
        mu, sigma = found["mu"], found["sigma"]
        own = members(sigma, [codes[b.key] for b in sigma.blocks], n)
        return cls(mu, *mu.layout(None, codes, n), sigma, *sigma.layout(None, codes, n), own)

    def on(self, data: Data, y: np.ndarray) -> Divided:
        """The model on data, with the target less its offset."""
        offset = np.full(1, self.sigma.predictor.offset)
        own = Columns(*self.sigma.matrices(data), offset)
        of_mu = Columns(*self.mu.matrices(data), y)
        return Divided(self.scale_lay, self.scale_rows, own, self.members, self.lay, self.rows, of_mu)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        mu = self.begun(0.0, rng)
        normals = sum(b.size * b.width for b in self.sigma.blocks)
        gamma = [p.args[0] + rng.uniform(-0.5, 0.5) * min(p.args[1], 1.0) for p in self.sigma.predictor.priors]
        z = np.concatenate([gamma, np.zeros(normals)])
        sigma = fresh(starts(self.sigma.blocks, 0.0, rng), z, len(gamma))
        return mu | to_arrays(sigma, "sigma_")

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        theta, z, u = arrays["sigma_theta"], arrays["sigma_z"], arrays["u"]
        return super().values(arrays) | predictor_values(self.sigma, self.scale_lay, theta, z, u)
