"""Student's t: normals with a weight for each row, and (log sigma, log nu) moved with the weights integrated out.

sigma e / sqrt(w) with w ~ Gamma(nu / 2, rate nu / 2) is t-distributed, so that given the residual r the weight is
Gamma((nu + 1) / 2, rate (nu + r^2 / sigma^2) / 2). Given the weights, nu hardly moves: there are as many of them as
rows. Given the residuals alone sigma and nu have the t likelihood, along which slices are taken in learnt directions,
for the two go together. Then the weights are drawn anew.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.families import StudentT
from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.densities import LARGE, log_prior
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, Rows, coded
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictor_rows import Columns, squared_residuals
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.gibbs.states import Arrays, Moved, fresh, from_arrays, start, to_arrays
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES, WIDTH, copied, directions, learn, run
from bayesimpute.samplers.gibbs.working_rows import weighted_products
from bayesimpute.samplers.sampler import Data

SERIES = 200.0
"""From this nu on the ratio of gamma functions is a series."""
NEARLY_NORMAL = 1e5
"""From this nu on the logarithm of 1 + r^2 / nu is taken row by row, so that no digits are lost."""


@compiled
def log_ratio(nu):
    """Log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu / 2) / 2."""
    if nu < SERIES:
        return math.lgamma(0.5 * (nu + 1)) - math.lgamma(0.5 * nu) - 0.5 * math.log(0.5 * nu)
    x = 0.5 * nu  # Tricomi & Erdélyi 1951, Pacific J. Math. 1:133; the next term is below 1e-16
    return -1 / (8 * x) + 1 / (192 * x**3) - 1 / (640 * x**5)


@compiled
def log_student(squares, log_sigma, log_nu):
    """Sum of the log densities of residuals, up to a constant, from their squares."""
    nu = math.exp(log_nu)
    by = math.exp(-2 * log_sigma - log_nu)
    product, logs = 1.0, 0.0
    for i in range(squares.size):
        ratio = squares[i] * by
        if nu > NEARLY_NORMAL:
            logs += math.log1p(ratio)
        else:
            product *= 1.0 + min(ratio, LARGE)
            if product > LARGE:
                logs += math.log(product)
                product = 1.0
    return squares.size * (log_ratio(nu) - log_sigma) - 0.5 * (nu + 1) * (logs + math.log(product))


@compiled
def tail_density(at, squares, kinds, args):
    """Of (log sigma, log nu) given squared residuals."""
    total = log_student(squares, at[0], at[1])
    for k in range(2):
        total += log_prior(kinds[k], args[k, 0], args[k, 1], at[k])
    return total


@inlined
def move_tail(rng, at, steps, squares, kinds, args):
    """Slices along the columns of `steps`, in place."""
    now = tail_density(at, squares, kinds, args)
    begin = np.empty(2)
    for d in range(2):
        begin[:] = at
        level = now - rng.standard_exponential()
        low = -WIDTH * rng.random()
        high = low + WIDTH
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            for k in range(2):
                at[k] = begin[k] + t * steps[k, d]
            value = tail_density(at, squares, kinds, args)
            if value > level:
                now = value
                break
            if t < 0:
                low = t
            else:
                high = t
        else:
            at[:] = begin


@compiled
def draw_weights(rng, squares, sigma, nu, y, root, response):
    """Roots of the weights given squared residuals, and responses times these, in place."""
    for i in range(squares.size):
        rate = 0.5 * (nu + squares[i] / sigma**2)
        root[i] = math.sqrt(rng.standard_gamma(0.5 * (nu + 1)) / rate)
        response[i] = root[i] * y[i]


@compiled
def run_student(rng, state, tail, u, sweeps, tune, lay, rows, columns, kinds, args):
    """Sweeps.

    Parameters
    ----------
    state, tail : tuple of (theta, z, mean, covariance, count)
        Of mu and sigma, as in :func:`~bayesimpute.samplers.gibbs.sweeps.run`; of log nu, with what was learnt of
        (log sigma, log nu).
    kinds, args : ndarray, shape (2,), (2, 2)
        The priors of sigma and nu.
    """
    state = copied(state)
    nu, none, mean, covariance, count = copied(tail)
    steps = directions(covariance, count, np.zeros(2, dtype=np.int64))
    at, root, response = np.empty(2), np.empty(columns.y.size), np.empty(columns.y.size)
    for _ in range(sweeps):
        squares = squared_residuals(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
        at[0], at[1] = state[0][0], nu[0]
        move_tail(rng, at, steps, squares, kinds, args)
        state[0][0], nu[0] = at
        draw_weights(rng, squares, math.exp(at[0]), math.exp(at[1]), columns.y, root, response)
        products = weighted_products(root, response, columns, lay, rows)
        state, _, u = run(rng, state, np.int64(1), tune, lay, products, np.zeros((0, 0)))
        if tune:
            count = learn(at, count, mean, covariance)
    return state, (nu, none, mean, covariance, count), u


@dataclass(frozen=True, eq=False)
class Weighted:
    """A model on its data."""

    lay: Layout
    rows: Rows
    columns: Columns
    kinds: np.ndarray
    args: np.ndarray

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        model = self.lay, self.rows, self.columns, self.kinds, self.args
        states = from_arrays(arrays), from_arrays(arrays, "nu_")
        state, tail, u = run_student(rng, *states, arrays["u"], sweeps, tune, *model)
        return to_arrays(state) | {"u": u} | to_arrays(tail, "nu_"), 1.0


@dataclass(frozen=True, eq=False)
class Heavy(MixedEngine):
    """The layout of a model, with the priors of sigma and nu."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", "nu_theta"))
    tail: tuple[Prior, Prior]
    kinds: np.ndarray
    args: np.ndarray

    @staticmethod
    def takes(design: Design) -> bool:
        """T-distributed targets with one sigma and one nu."""
        return isinstance(design.family.fitted_as, StudentT) and mixed(design, "mu")

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Heavy":
        """From the clusters of the fitted rows."""
        found = parts(design)
        tail = found["sigma"].predictor.priors[0], found["nu"].predictor.priors[0]
        table = np.array([coded(prior) for prior in tail])
        kinds, args = table[:, 0].astype(np.int64), np.ascontiguousarray(table[:, 1:])
        return cls(found["mu"], *found["mu"].layout(tail[0], codes, n), tail, kinds, args)

    def on(self, data: Data, y: np.ndarray) -> Weighted:
        """The model on data, with the target less its offset."""
        return Weighted(self.lay, self.rows, Columns(*self.mu.matrices(data), y), self.kinds, self.args)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        sigma, nu = (start(prior, rng) for prior in self.tail)
        return self.begun(sigma, rng) | to_arrays(fresh(np.array([nu]), np.zeros(0), 1), "nu_")

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        return super().values(arrays) | {"sigma": np.exp(arrays["theta"][:1]), "nu": np.exp(arrays["nu_theta"])}
