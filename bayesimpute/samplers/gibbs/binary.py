"""Yes/no targets: sweeps of the linear mixed model that the latent variables make of them.

* logit: weight w ~ PG(1, eta), response (y - 1/2) / w (:mod:`bayesimpute.numerics.polya_gamma`);
* probit: weight 1, response a normal truncated at zero (:mod:`bayesimpute.numerics.truncated_normals`).

The latent variables are drawn first, given the parameters and the inner effects that the state keeps, and are not
kept: between two visits the data may have changed. What is added to the linear predictor row by row, an offset, is
taken off them again. Given them a sweep is that of ``sweeps.py`` with sigma = 1. Before them a logit model has moves
along its own likelihood (``binary_moves.py``). A logit model of very many rows, for a few passes over these cost less,
and a probit model of a rare outcome have no latent variables: they are moved as counts are (``counts.py``).
"""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.families import Bernoulli
from bayesimpute.numerics.compiling import compiled
from bayesimpute.numerics.polya_gamma import polya_gamma
from bayesimpute.numerics.truncated_normals import latent_error
from bayesimpute.samplers.gibbs.binary_likelihoods import LINKS, LOGIT
from bayesimpute.samplers.gibbs.binary_moves import block_groups, move_blocks
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.coefficient_lines import move_along
from bayesimpute.samplers.gibbs.count_likelihoods import BINOMIAL, PROBIT, STRUCTURAL, Likelihood
from bayesimpute.samplers.gibbs.counts import GROWING, LEARNT, LENGTHS, Counting, one_trial, unlearnt, yes_or_no
from bayesimpute.samplers.gibbs.effects import outer_effects
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictor_rows import Columns, predicted
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.states import Arrays, Moved, from_arrays, to_arrays
from bayesimpute.samplers.gibbs.sweeps import copied, directions, run
from bayesimpute.samplers.gibbs.working_rows import responding, weighted_products
from bayesimpute.samplers.sampler import Data

RARE = 0.1
"""Of the rarer outcome's share, below which a probit model has no latent variables: ``studies/rare_outcomes.py``."""


@compiled
def draw_logit(rng, eta, y, root, response):
    """Roots of the weights of a logit model given its predictor, and responses times these, in place."""
    for i in range(eta.size):
        root[i] = math.sqrt(polya_gamma(rng, eta[i]))
        response[i] = (y[i] - 0.5) / root[i]


@compiled
def draw_probit(rng, eta, y, response):
    """Latent normals of a probit model given its predictor, in place."""
    for i in range(eta.size):
        response[i] = eta[i] + latent_error(rng, eta[i], y[i] > 0.5)


@compiled
def run_binary(
    rng, state, u, lengths, count, information, looks, sweeps, tune, link, moving, lay, rows, columns, products, added
):
    """Sweeps.

    Parameters
    ----------
    state : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`.
    u : ndarray, shape (cluster, effect)
        Inner effects.
    lengths, count, information, looks : ndarray, float, ndarray, float
        What was learnt of moves along lines of the coefficients (``coefficient_lines.py``).
    moving : bool
        Whether there are moves along the model's own likelihood, which is logit.
    products : Products
        Of the rows, as they are.
    added : ndarray, shape (row,) or (0,)
        What is added to the linear predictor; nothing where it is empty.
    """
    state, learnt = copied(state), (lengths.copy(), count, information.copy(), looks)
    n = columns.y.size
    root, response = np.empty(n if link == LOGIT else 0), np.empty(n)
    signed, sign = np.empty(n), 2.0 * columns.y - 1.0
    guess = 0.25 * products.xx[: lay.coefficients, : lay.coefficients]
    steps = directions(state[3], state[4], block_groups(lay))
    for _ in range(sweeps):
        eta = predicted(columns, outer_effects(state[0], lay, state[1]), u, lay, rows)
        for i in range(added.size):
            eta[i] += added[i]
        if moving:
            for i in range(n):
                signed[i] = sign[i] * eta[i]
            learnt = move_along(rng, state[1], signed, sign, guess, learnt, tune, columns, lay)
            u = move_blocks(rng, state[0], state[1], u, steps, signed, sign, columns, lay, rows)
            for i in range(n):
                eta[i] = sign[i] * signed[i]
        if link == LOGIT:
            draw_logit(rng, eta, columns.y, root, response)
            for i in range(added.size):
                response[i] -= added[i] * root[i]
            known = weighted_products(root, response, columns, lay, rows)
        else:
            draw_probit(rng, eta, columns.y, response)
            for i in range(added.size):
                response[i] -= added[i]
            known = responding(products, response, columns, lay, rows)
        state, _, u = run(rng, state, np.int64(1), tune, lay, known, np.zeros((0, 0)))
    return state, u, learnt


@dataclass(frozen=True, eq=False)
class Augmented:
    """A model on its data."""

    link: str
    moving: bool
    lay: Layout
    rows: Rows
    columns: Columns
    products: Products
    added: np.ndarray

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        link = np.int64(LINKS.index(self.link))
        model = link, self.moving, self.lay, self.rows, self.columns, self.products, self.added
        known = arrays["lengths"], float(arrays["lengths_count"]), arrays["information"], float(arrays["looks"])
        state, u, learnt = run_binary(rng, from_arrays(arrays), arrays["u"], *known, sweeps, tune, *model)
        moved = to_arrays(state) | {"u": u} | dict(zip(LEARNT, map(np.asarray, learnt), strict=True))
        return {**arrays, **moved}, 1.0

    def with_added(self, added: np.ndarray) -> Self:
        """The same with something more added to the predictor, shape (row,)."""
        return replace(self, added=self.added + added if self.added.size else added)

    def predictor(self, arrays: Arrays) -> np.ndarray:
        """The linear predictor, with what is added to it, shape (row,)."""
        b = outer_effects(arrays["theta"], self.lay, arrays["z"])
        eta = predicted(self.columns, b, arrays["u"], self.lay, self.rows)
        return eta + self.added if self.added.size else eta

    def likelihood(self, arrays: Arrays) -> Likelihood:
        """Of the predictor."""
        del arrays
        return Likelihood(
            BINOMIAL if self.link == "logit" else PROBIT, self.columns.y, np.ones(len(self.columns.y)), 0.0
        )


@dataclass(frozen=True, eq=False)
class Binary(MixedEngine):
    """The layout of a model; log sigma, theta's first place, is 0 and stays."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", *LENGTHS), growing=GROWING)
    link: str

    @staticmethod
    def takes(design: Design) -> bool:
        """Yes/no targets with one of the links."""
        family = design.family.fitted_as
        known = isinstance(family, Bernoulli) and family.link in LINKS and mixed(design, "mu")
        return known and not parts(design)["mu"].predictor.offset

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Binary":
        """From the clusters of the fitted rows."""
        mu = parts(design)["mu"]
        return cls(mu, *mu.layout(None, codes, n), mu.predictor.parameter.link)

    def on(self, data: Data, y: np.ndarray) -> Augmented | Counting:
        """The model on data; what the target comes without is added to the linear predictor of a yes or no."""
        given = data["y_data"]
        added, y = (np.empty(0), y) if y is given else (given - y, given)
        columns = Columns(*self.mu.matrices(data), y)
        counted = self._counted(columns, added)
        if counted is not None:
            return counted
        products = cross_products(*columns, self.lay, self.rows)
        return Augmented(self.link, self.link == "logit", self.lay, self.rows, columns, products, added)

    def _counted(self, columns: Columns, added: np.ndarray) -> Counting | None:
        """As a model without latent variables, where these cost more."""
        if self.link == "logit":
            return yes_or_no(self.lay, self.rows, columns, added)
        n, ones = len(columns.y), float(columns.y.sum())
        rare = min(ones, n - ones) < RARE * n
        return one_trial(PROBIT, self.lay, self.rows, columns, added) if rare else None

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        return self.begun(0.0, rng) | unlearnt(self.lay.coefficients)


@dataclass(frozen=True, eq=False)
class Structural(Binary):
    """Whether zeros are structural, which is not seen: what stands beside the rows says what else they would be."""

    def on(self, data: Data, y: np.ndarray) -> Counting:
        """The model on data."""
        given = np.asarray(data["y_data"], dtype=float)
        columns = Columns(*self.mu.matrices(data), given)
        return one_trial(STRUCTURAL, self.lay, self.rows, columns, given - y)
