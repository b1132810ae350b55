"""Pólya–Gamma numbers: the latent weights that turn a logistic likelihood into a normal one.

With kappa = y - 1/2 (Polson, Scott & Windle 2013, JASA 108:1339, theorem 1)

    P(y | eta) = exp(kappa eta) / (2 cosh(eta / 2)) = E[ exp(kappa eta - w eta^2 / 2) ] / 2,    w ~ PG(1, 0),

and w given y and eta is PG(1, eta): a row with pseudo-response kappa / w and weight w.

PG(1, eta) is J / 4, where J has the density cosh(z) exp(-z^2 x / 2) sum_n (-1)^n a_n(x), z = |eta| / 2 (Devroye 2009,
Statistics & Probability Letters 79:2251). The terms have two forms, for x below and above a point; either alternates
and falls, so that a proposal with density a_0 is accepted or not after a few terms, exactly.

Above the point a_0 is exponential. Below it is twice Lévy's density, that of 1 / N^2 with N normal. Where z is small
this is proposed, with N truncated, and thinned by exp(-z^2 x / 2); where z is large the two together, which are exp(-z)
times an inverse Gaussian density with mean 1 / z, on the whole line, a number above the point counting as rejected. The
masses of these proposals are known without a distribution function; at least three in four are accepted.
"""

import math

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp
from bayesimpute.numerics.truncated_normals import above

POINT = 0.64
"""Where the two forms meet; close to where both first terms are best."""
SURE = 0.99
"""Below this a uniform number accepts at once: at POINT, the worst place, a_1 / a_0 is 0.006 in both forms."""
BOUND = 1 / math.sqrt(POINT)
LEFT = 2 * math.erfc(BOUND / math.sqrt(2))
"""The mass of 2 / N^2 below the point."""
LARGE = -math.log(LEFT / 2)
"""From here on 2 exp(-z) is the smaller mass."""
FARTHEST = 1e5
"""Larger predictors are taken as this; their probabilities are 0 or 1 either way."""


@compiled
def polya_gamma(rng, eta):
    """One draw of PG(1, eta); of what is no number none, which no proposal would come back from."""
    if math.isnan(eta):
        return eta
    z = 0.5 * min(abs(eta), FARTHEST)
    if z < LARGE:
        return 0.25 * small(rng, z)
    rate = math.pi**2 / 8 + 0.5 * z * z
    right = 0.5 * math.pi / rate * math.exp(z - rate * POINT)  # masses of the two proposals, times exp(z)
    while True:
        if rng.random() * (2.0 + right) < right:
            x = POINT + rng.standard_exponential() / rate
            if accepted(rng.random(), 0.5 * math.pi**2 * x):
                return 0.25 * x
        else:
            x = inverse_gaussian(rng, z)
            if x <= POINT and accepted(rng.random(), 2.0 / x):
                return 0.25 * x


@compiled
def small(rng, z):
    """J of a small z."""
    half = 0.5 * z * z
    rate = math.pi**2 / 8 + half
    right = 0.5 * math.pi / rate * quick_exp(-rate * POINT)
    while True:
        if rng.random() * (LEFT + right) < right:
            x = POINT + rng.standard_exponential() / rate
            if accepted(rng.random(), 0.5 * math.pi**2 * x):
                return x
        else:
            x = above(rng, BOUND) ** -2
            if accepted(rng.random() * quick_exp(half * x), 2.0 / x):
                return x


@inlined
def inverse_gaussian(rng, z):
    """Mean 1 / z, shape 1; of z = 0 Lévy's distribution.

    The roots of z^2 x^2 - (2 z + N^2) x + 1, the smaller with probability 1 / (1 + z x) (Michael, Schucany & Haas
    1976, The American Statistician 30:88), in a form that is stable at z = 0.
    """
    square = rng.standard_normal() ** 2
    x = 2.0 / (2.0 * z + square + math.sqrt(square * (4.0 * z + square)))
    if z > 0 and rng.random() * (1.0 + z * x) > 1.0:
        return 1.0 / (z * z * x)
    return x


@compiled
def accepted(u, by):
    """Whether u < sum_n (-1)^n a_n / a_0 with a_n / a_0 = (2 n + 1) exp(-n (n + 1) by)."""
    if u < SURE:
        return True
    if u >= 1.0:  # of numbers that were thinned
        return False
    total, n = 1.0, 0
    while True:
        n += 1
        term = (2 * n + 1) * math.exp(-n * (n + 1) * by)
        if n % 2:
            total -= term
            if u < total:
                return True
        else:
            total += term
            if u >= total:
                return False
