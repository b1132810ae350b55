"""Moves of an ordinal model's cutpoints with the latent variables integrated out, and its latent variables.

Given cutpoints and latent variables either holds the other fast: cutpoints lie between the largest latent variable of
one label and the smallest of the next (Cowles 1996, Statistics and Computing 6:101). So these are slices of the
likelihood P(y = k) = F(c_k - eta) - F(c_k-1 - eta) itself, given the linear predictor:

* each cutpoint in turn, of which the rows of two labels know;
* the scale of everything, cutpoints, coefficients, effects and their deviations times gamma (Liu & Sabatti 2000,
  Biometrika 87:353, move latent variables so; without them it serves any number of labels).

For the logistic function F(b) - F(a) = F(b) F(-a) (1 - exp(a - b)), so that the likelihood is that of two yes/no rows
for each row, and a term of the cutpoints alone.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.normal_tails import log_ndtr_1
from bayesimpute.numerics.polya_gamma import polya_gamma
from bayesimpute.numerics.truncated_normals import between
from bayesimpute.samplers.gibbs.binary_likelihoods import LOGIT, log_logit
from bayesimpute.samplers.gibbs.densities import log_prior
from bayesimpute.samplers.gibbs.sweeps import MEMORY, SHRINKAGES, WIDTH

SHORTEST = 1e-4
"""Of a learnt length."""
FAR = 30.0
"""From here on the logistic function is its exponential, to the last digit."""


@compiled
def log_between(link, a, b):
    """Log (F(b) - F(a)) of one row; either end may be infinite."""
    if not a < b:
        return -math.inf
    if link == LOGIT:
        total = 0.0
        if b < math.inf:
            total += min(b, 0.0) - math.log1p(math.exp(-abs(b)))
        if a > -math.inf:
            total += min(-a, 0.0) - math.log1p(math.exp(-abs(a)))
        if a > -math.inf and b < math.inf:
            total += math.log(-math.expm1(a - b))
        return total
    if a + b > 0:
        a, b = -b, -a
    high = log_ndtr_1(b)
    return high if a == -math.inf else high + math.log(-math.expm1(min(log_ndtr_1(a) - high, -1e-300)))


@compiled
def between_rows(link, eta, order, first, last, low, high, space):
    """The log-likelihood of the rows of one label, which stand at `order[first:last]`."""
    n, total = last - first, 0.0
    if n == 0:
        return 0.0
    if not low < high:
        return -math.inf
    if link != LOGIT:
        for i in range(first, last):
            total += log_between(link, low - eta[order[i]], high - eta[order[i]])
        return total
    if high < math.inf:
        for i in range(n):
            space[i] = high - eta[order[first + i]]
        total += log_logit(space[:n])
    if low > -math.inf:
        for i in range(n):
            space[i] = eta[order[first + i]] - low
        total += log_logit(space[:n])
    if low > -math.inf and high < math.inf:
        total += n * math.log(-math.expm1(low - high))
    return total


@compiled
def log_likelihood(link, eta, order, bounds, cuts, space):
    """Of all rows; the cutpoints with infinite ends."""
    total = 0.0
    for k in range(bounds.size - 1):
        total += between_rows(link, eta, order, bounds[k], bounds[k + 1], cuts[k], cuts[k + 1], space)
    return total


@compiled
def log_density(x, link):
    """Log f up to a constant."""
    return -abs(x) - 2.0 * math.log1p(math.exp(-abs(x))) if link == LOGIT else -0.5 * x * x


@compiled
def cut_prior(link, shares, args, cuts):
    """Log prior of the cutpoints: Dirichlet of the labels' shares with parameter args[0, 0], or normal, each."""
    total, last = 0.0, cuts.size - 2
    for k in range(1, last + 1):
        if shares:
            total += log_density(cuts[k], link)
        else:
            total -= 0.5 * ((cuts[k] - args[k - 1, 0]) / args[k - 1, 1]) ** 2
    if shares:
        for k in range(last + 1):
            total += (args[0, 0] - 1.0) * log_between(link, cuts[k], cuts[k + 1])
    return total


@inlined
def move_cutpoints(rng, link, eta, order, bounds, cuts, shares, args, lengths, learning, space):
    """Each cutpoint by a slice, in place; `lengths` are mean squares of the moves, learnt in place."""
    for k in range(1, cuts.size - 1):
        start = cuts[k]
        level = cut_value(link, eta, order, bounds, cuts, k, shares, args, space) - rng.standard_exponential()
        width = WIDTH * math.sqrt(0.5 * lengths[k])
        low = start - width * rng.random()
        high = min(low + width, cuts[k + 1])
        low = max(low, cuts[k - 1])
        for _ in range(SHRINKAGES):
            cuts[k] = low + (high - low) * rng.random()
            inside = cuts[k - 1] < cuts[k] < cuts[k + 1]
            if inside and cut_value(link, eta, order, bounds, cuts, k, shares, args, space) > level:
                break
            if cuts[k] < start:
                low = cuts[k]
            else:
                high = cuts[k]
        else:
            cuts[k] = start
        if learning > 0:
            lengths[k] = max(lengths[k] + ((cuts[k] - start) ** 2 - lengths[k]) / min(learning, MEMORY), SHORTEST)


@compiled
def cut_value(link, eta, order, bounds, cuts, k, shares, args, space):
    """What one cutpoint has of the log posterior."""
    total = cut_prior(link, shares, args, cuts)
    for j in (k - 1, k):
        total += between_rows(link, eta, order, bounds[j], bounds[j + 1], cuts[j], cuts[j + 1], space)
    return total


@compiled
def move_scale(rng, link, theta, z, u, eta, added, order, bounds, cuts, shares, args, lengths, learning, lay, space):
    """Cutpoints, coefficients, effects and their deviations times gamma, in place; eta apart from what is added.

    Of log gamma the density has the Jacobian gamma^(cutpoints + coefficients); that of the effects is their own
    density's. `z[0]` is the intercept that is 0.
    """
    moved, scaled = np.empty(eta.size), cuts.copy()
    level = scale_value(link, theta, z, eta, added, order, bounds, cuts, scaled, 0.0, shares, args, lay, moved, space)
    level -= rng.standard_exponential()
    width = WIDTH * math.sqrt(0.5 * lengths[0])
    low = -width * rng.random()
    high, t = low + width, 0.0
    for _ in range(SHRINKAGES):
        t = low + (high - low) * rng.random()
        value = scale_value(link, theta, z, eta, added, order, bounds, cuts, scaled, t, shares, args, lay, moved, space)
        if value > level:
            break
        if t < 0:
            low = t
        else:
            high = t
    else:
        t = 0.0
    by = math.exp(t)
    for k in range(1, cuts.size - 1):
        cuts[k] *= by
    for k in range(lay.coefficients):
        z[k] *= by
    for f in range(lay.widths.size):
        for k in range(lay.firsts[f], lay.firsts[f] + lay.widths[f]):
            theta[k] += t
    for j in range(u.shape[0]):
        for a in range(u.shape[1]):
            u[j, a] *= by
    for i in range(eta.size):
        eta[i] *= by
    if learning > 0:
        lengths[0] = max(lengths[0] + (t * t - lengths[0]) / min(learning, MEMORY), SHORTEST)


@compiled
def scale_value(link, theta, z, eta, added, order, bounds, cuts, scaled, t, shares, args, lay, moved, space):
    """The log posterior along the scale, up to a constant; `scaled`, `moved` are space."""
    by = math.exp(t)
    for k in range(1, cuts.size - 1):
        scaled[k] = by * cuts[k]
    for i in range(eta.size):
        moved[i] = by * eta[i]
    for i in range(added.size):
        moved[i] += added[i]
    total = log_likelihood(link, moved, order, bounds, scaled, space) + cut_prior(link, shares, args, scaled)
    total += t * (cuts.size - 2 + lay.coefficients - 1)
    for k in range(1, lay.coefficients):
        total -= 0.5 * lay.precision[k] * (by * z[k] - lay.mean[k]) ** 2
    for f in range(lay.widths.size):
        for k in range(lay.firsts[f], lay.firsts[f] + lay.widths[f]):
            total += log_prior(lay.kinds[k], lay.args[k, 0], lay.args[k, 1], theta[k] + t)
    return total


@compiled
def draw_latent(rng, link, eta, codes, cuts, root, response):
    """Latent variables between the cutpoints of their labels, in place: roots of weights, responses times these.

    Logistic errors e are normal given weights w ~ PG(2, e): the density of e is E exp(-w e^2 / 2) / 4 over PG(2, 0)
    (Polson, Scott & Windle 2013, JASA 108:1339, theorem 1 with a = 1, b = 2).
    """
    for i in range(eta.size):
        low, high = cuts[codes[i]] - eta[i], cuts[codes[i] + 1] - eta[i]
        if link == LOGIT:
            error = logistic_between(rng, low, high)
            root[i] = math.sqrt(polya_gamma(rng, error) + polya_gamma(rng, error))
            response[i] = (eta[i] + error) * root[i]
        else:
            response[i] = eta[i] + between(rng, low, high)


@inlined
def logistic_between(rng, low, high):
    """A logistic number between two bounds, by inversion on the side where both are small."""
    u = 1.0 - rng.random()  # not 0
    turned = low + high > 0
    if turned:
        low, high = -high, -low
    if high < -FAR:
        x = high + math.log(u + (1.0 - u) * math.exp(low - high))
    else:
        a, b = logistic(low), logistic(high)
        p = a + u * (b - a)
        x = math.log(p) - math.log1p(-p)
    return -x if turned else x


@compiled
def logistic(x):
    """1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + math.exp(-x)) if x > 0 else math.exp(x) / (1.0 + math.exp(x))
