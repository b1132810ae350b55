"""Skewed numbers: a power of theirs follows a linear mixed model, and the power has a slice of its own.

Given the power the Yeo-Johnson transforms are numbers with one sigma. But given coefficients and effects the power
would hardly move, for all of them follow its scale. So its slice is taken with coefficients and effects integrated out,
and along it sigma and the deviations change as the spread of the transforms does: (zeta, log sigma, ...) goes to
(zeta + t, log sigma + log s(zeta + t) - log s(zeta), ...), which leaves volumes as they are.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bayesimpute.base.priors import Prior
from bayesimpute.designs.design import Design
from bayesimpute.families import Skewed
from bayesimpute.families.skewed import LEAST, SKEW
from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.burn_in import BurnIn
from bayesimpute.samplers.gibbs.densities import marginal, prior, workspace
from bayesimpute.samplers.gibbs.effects import draw_outer, normal_equations, outer_root
from bayesimpute.samplers.gibbs.layout import Layout, Rows
from bayesimpute.samplers.gibbs.mixed_engine import MixedEngine
from bayesimpute.samplers.gibbs.predictor_rows import Columns
from bayesimpute.samplers.gibbs.predictors import Codes, mixed, parts
from bayesimpute.samplers.gibbs.products import Products, cross_products
from bayesimpute.samplers.gibbs.selection.equation_arrays import correlation
from bayesimpute.samplers.gibbs.selection.ridge import log_prior_rho
from bayesimpute.samplers.gibbs.states import Arrays, Moved, fresh, from_arrays, start, to_arrays
from bayesimpute.samplers.gibbs.sweeps import SHRINKAGES, WIDTH, copied, directions, learn, run
from bayesimpute.samplers.gibbs.working_rows import responding
from bayesimpute.samplers.sampler import Data


@compiled
def transformed(zeta, x, logs, offset, out):
    """Powers of standardised numbers, less their offset, into `out`; the log of the derivative, summed over rows."""
    power = min(max(1.0 - math.tanh(zeta), LEAST), 2.0 - LEAST)
    total = 0.0
    for i in range(x.size):
        below = x[i] < 0
        own = 2.0 - power if below else power
        value = math.expm1(own * logs[i]) / own
        out[i] = (-value if below else value) - offset[i]
        total += (own - 1.0) * logs[i]
    return total


@inlined
def log_marginal(theta, lay, products, space):
    """Log density of the target and of theta with coefficients and effects integrated out, up to a constant."""
    a, c = normal_equations(theta, lay, products)
    root, half = outer_root(theta, lay, a, c)
    total = marginal(theta, lay, products, products.yy, products.zy, space)
    for group in range(1, lay.groups.max() + 1):
        total += prior(theta, lay, np.int64(group))
    for k in range(half.size):
        total += 0.5 * half[k] ** 2 - math.log(root[k, k])
    return total


@compiled
def scaled(theta, lay, by):
    """Theta with sigma and all deviations `by` times as large, on the log scale; partial correlations stay."""
    out = theta.copy()
    out[0] += by
    for f in range(lay.widths.size):
        for a in range(lay.widths[f]):
            out[lay.firsts[f] + a] += by
    return out


@compiled
def at_power(zeta, theta, spread, given, x, logs, columns, products, lay, rows, space, response):
    """The density at a power, theta there, and the products; `spread` is that of the transforms where theta is."""
    total = transformed(zeta, x, logs, columns.y, response) + log_prior_rho(given, zeta)
    by = math.log(response.std()) - spread
    moved = scaled(theta, lay, by)
    known = responding(products, response, columns, lay, rows)
    return total + log_marginal(moved, lay, known, space), moved, known


@compiled
def run_powers(rng, state, tail, sweeps, tune, given, x, logs, columns, products, lay, rows):
    """Sweeps.

    Parameters
    ----------
    state, tail : tuple of (theta, z, mean, covariance, count)
        As in :func:`~bayesimpute.samplers.gibbs.sweeps.run`; of artanh skew.
    given : ndarray, shape (5,)
        The prior of skew.
    x, logs : ndarray, shape (row,)
        Standardised numbers, and log(1 + abs(x)).
    columns : Columns
        ``y`` is the offset.
    """
    state = copied(state)
    at, none, mean, covariance, count = copied(tail)
    width = WIDTH * directions(covariance, count, np.zeros(1, dtype=np.int64))[0, 0]
    space, response, u = workspace(lay.width), np.empty(x.size), np.zeros((lay.clusters, lay.width))
    for _ in range(sweeps):
        transformed(at[0], x, logs, columns.y, response)
        spread = math.log(response.std())
        model = x, logs, columns, products, lay, rows, space, response
        now, theta, known = at_power(at[0], state[0], spread, given, *model)
        level = now - rng.standard_exponential()
        low = -width * rng.random()
        high = low + width
        for _ in range(SHRINKAGES):
            t = low + (high - low) * rng.random()
            value, moved, there = at_power(at[0] + t, state[0], spread, given, *model)
            if value > level:
                at[0] += t
                theta, known = moved, there
                break
            if t < 0:
                low = t
            else:
                high = t
        state[0][:] = theta
        a, c = normal_equations(theta, lay, known)
        state[1][:] = draw_outer(rng, theta, lay, a, c)  # what was integrated out, before anything is given it
        state, _, u = run(rng, state, np.int64(1), tune, lay, known, np.zeros((0, 0)))
        if tune:
            count = learn(at, count, mean, covariance)
    return state, (at, none, mean, covariance, count), u


@dataclass(frozen=True, eq=False)
class Transformed:
    """A model on its data."""

    given: np.ndarray
    x: np.ndarray
    logs: np.ndarray
    columns: Columns
    products: Products
    lay: Layout
    rows: Rows

    def step(self, rng: np.random.Generator, arrays: Arrays, sweeps: int, tune: bool) -> Moved:
        """Sweeps."""
        model = self.given, self.x, self.logs, self.columns, self.products, self.lay, self.rows
        states = from_arrays(arrays), from_arrays(arrays, "skew_")
        state, tail, u = run_powers(rng, *states, sweeps, tune, *model)
        return to_arrays(state) | to_arrays(tail, "skew_") | {"u": u}, 1.0


@dataclass(frozen=True, eq=False)
class Powers(MixedEngine):
    """The layout of a model, with the priors of sigma and skew."""

    burn_in: ClassVar[BurnIn] = BurnIn(places=("theta", "z", "skew_theta"))
    family: Skewed
    sigma_prior: Prior
    skew_prior: Prior

    @staticmethod
    def takes(design: Design) -> bool:
        """Skewed numbers with one sigma and one skew, whose prior there is code for."""
        if not isinstance(design.family.fitted_as, Skewed) or not mixed(design, "mu"):
            return False
        given = parts(design)[SKEW].predictor.priors[0]
        return given.distribution.ridge is not None and given.fits("signed unit")

    @classmethod
    def of(cls, design: Design, codes: Codes, n: int) -> "Powers":
        """From the clusters of the fitted rows."""
        found, family = parts(design), design.family.fitted_as
        assert isinstance(family, Skewed)
        sigma, skew = (found[name].predictor.priors[0] for name in ("sigma", SKEW))
        return cls(found["mu"], *found["mu"].layout(sigma, codes, n), family, sigma, skew)

    def on(self, data: Data, y: np.ndarray) -> Transformed:
        """The model on data, with the target less its offset, which its power is less instead."""
        given = np.asarray(data["y_data"], dtype=float)
        x = (given - self.family.centre) / self.family.unit
        columns = Columns(*self.mu.matrices(data), given - y)
        products = cross_products(*columns[:3], np.zeros(len(x)), self.lay, self.rows)
        model = columns, products, self.lay, self.rows
        return Transformed(correlation(self.skew_prior), x, np.log1p(np.abs(x)), *model)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """A dispersed one."""
        skew = np.arctanh(np.array([self.skew_prior.draw(rng, 1)[0] / 2]))
        return self.begun(start(self.sigma_prior, rng), rng) | to_arrays(fresh(skew, np.zeros(0)), "skew_")

    def values(self, arrays: Arrays) -> dict[str, np.ndarray]:
        """The vectors as the graph has them."""
        found = {"sigma": np.exp(arrays["theta"][:1]), SKEW: np.tanh(arrays["skew_theta"])}
        return super().values(arrays) | found
