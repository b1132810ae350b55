"""Coefficients given the effects, all at once, along the gradient of their likelihood: where rows are many.

Slices along lines (``count_moves.py``) ask nothing of a likelihood, but take several passes over the rows for each
coefficient. Where data say more than the prior, coefficients are nearly normal, with the Fisher information as
precision: then a trajectory of a quarter of a turn (Hamiltonian dynamics: Neal 2011, Handbook of Markov Chain Monte
Carlo, chapter 5) is a nearly fresh draw of them all for the price of a few passes. It is accepted by Metropolis, so
that nothing rests on that but speed. The information is learnt while the chain adapts, and then stays as it is.

Of a kind of unit that never has an outcome the law is a half line and not normal: on the average of the places where
the chain is rows say far more than where it mostly is, and trajectories are short. Such lines, told by how far slices
go along them, have their slices too.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.samplers.gibbs.count_likelihoods import (
    BETA,
    BINOMIAL,
    GAMMA,
    PROBIT,
    STRUCTURAL,
    TRUNCATED,
    count_likelihood,
    scores,
)
from bayesimpute.samplers.gibbs.predictor_rows import rows_times
from bayesimpute.samplers.gibbs.products import add_squares, add_weighted_rows
from bayesimpute.samplers.gibbs.working_rows import PIECE, weigh

LEAPS = 3
"""Of a trajectory: half a radian each."""
SPREAD = 0.2
"""By how much of it, up or down, a trajectory's length is drawn at random, lest it closes in on itself."""
LINES_FIRST = 10.0
"""Learning sweeps by slices before the first look: they lead to where the information can be learnt."""
EVERY = 10
"""Learning sweeps from one look at the information to the next."""
LATEST = 8.0
"""Looks on which the information rests; earlier ones are forgotten."""
LONG = 6.0
"""Mean square of a line's slices from which on it has them in every sweep: of a normal law it is 2."""
EACH = 3
"""Rows of the rarer outcome, or events, for each coefficient, from which on its law is normal enough."""
WORTH = 20_000
"""Rows times coefficients below which slices are as fast."""


def many(kind: int | np.int64, y: np.ndarray, beside: np.ndarray, coefficients: int) -> bool:
    """Whether the values say so much that coefficients are as good as normal, and the rows are worth the saving."""
    events = float(len(y))
    if kind in (BINOMIAL, PROBIT, STRUCTURAL):
        events = min(y.sum(), ((1.0 if kind == STRUCTURAL else beside) - y).sum())
    elif kind not in (GAMMA, BETA, TRUNCATED):
        events = min(events, y.sum())
    return coefficients > 0 and bool(events >= EACH * coefficients) and len(y) * coefficients >= WORTH


@compiled
def look(kind, eta, shape, columns, beside, information, looks):
    """Take in what rows say of the coefficients where they are; in place. Returns the number of looks."""
    k = information.shape[0]
    here, score, weight = np.zeros((k, k)), np.empty(eta.size), np.empty(eta.size)
    scores(kind, eta, columns.y, beside, shape, score, weight)
    weighted = np.empty((min(PIECE, eta.size), k))
    for low in range(0, eta.size, PIECE):
        high = min(low + PIECE, eta.size)
        weigh(np.sqrt(weight[low:high]), columns.x[low:high], weighted)
        add_squares(weighted[: high - low], here)
    looks = min(looks + 1.0, LATEST)
    for m in range(k):
        for o in range(m + 1):
            information[m, o] += (here[m, o] - information[m, o]) / looks
            information[o, m] = information[m, o]
    return looks


@compiled
def pull(kind, eta, shape, z, columns, beside, lay, spread, out):
    """The gradient of the log posterior along the lines, into `out`."""
    k = lay.coefficients
    by_coefficient, score, weight = np.zeros(k), np.empty(eta.size), np.empty(eta.size)
    scores(kind, eta, columns.y, beside, shape, score, weight)
    add_weighted_rows(columns.x, score, by_coefficient)
    for m in range(k):
        by_coefficient[m] -= lay.precision[m] * (z[m] - lay.mean[m])
    for d in range(k):
        out[d] = 0.0
        for m in range(d + 1):
            out[d] += by_coefficient[m] * spread[m, d]


@compiled
def energy(kind, eta, shape, z, columns, beside, lay, momentum):
    """Minus the log posterior of the coefficients, and that of the momentum."""
    total = -count_likelihood(kind, eta, columns.y, beside, shape)
    for m in range(lay.coefficients):
        total += 0.5 * lay.precision[m] * (z[m] - lay.mean[m]) ** 2 + 0.5 * momentum[m] ** 2
    return total


@inlined
def leapt(by, momentum, z, eta, columns, lay, spread):
    """Coefficients and predictors after a leap, in place."""
    k = lay.coefficients
    change = np.zeros(k)
    for m in range(k):
        for d in range(m, k):
            change[m] += spread[m, d] * by * momentum[d]
        z[m] += change[m]
    eta += rows_times(columns.x, change)


@inlined
def move_all(rng, counted, shape, z, eta, spread, columns, lay):
    """One trajectory; `z` and `eta` in place. Returns whether it was taken."""
    kind, beside, k = counted.kind, counted.beside, lay.coefficients
    momentum, gradient = np.empty(k), np.empty(k)
    for d in range(k):
        momentum[d] = rng.standard_normal()
    by = 0.5 * math.pi / LEAPS * (1.0 + SPREAD * (2.0 * rng.random() - 1.0))
    at, moved = z[:k].copy(), eta.copy()
    before = energy(kind, eta, shape, z, columns, beside, lay, momentum)
    for leaps in range(LEAPS):
        pull(kind, moved, shape, at, columns, beside, lay, spread, gradient)
        for d in range(k):
            momentum[d] += (0.5 if leaps == 0 else 1.0) * by * gradient[d]
        leapt(by, momentum, at, moved, columns, lay, spread)
    pull(kind, moved, shape, at, columns, beside, lay, spread, gradient)
    for d in range(k):
        momentum[d] += 0.5 * by * gradient[d]
    taken = -rng.standard_exponential() < before - energy(kind, moved, shape, at, columns, beside, lay, momentum)
    if taken:
        z[:k] = at
        eta[:] = moved
    return taken
