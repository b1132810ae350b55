"""Log-likelihoods of yes/no targets, as sums over rows: loops that become vector instructions, a logarithm for a chunk.

Rows enter with their sign: log P(y | eta) = log F((2 y - 1) eta), F the logistic or the normal distribution function.
A product of factors between 0 and 1 that are not too small has one logarithm.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp

LINKS = ("logit", "probit")
LOGIT, PROBIT = 0, 1
"""The places of the links among them."""
CHUNK = 32
"""Factors of a product: each is above 1e-9, so that the product is a number."""
FARTHEST = 1e8
"""Predictors further out count as this."""
MIDDLE = 3.75
HALF_ROOT = math.sqrt(0.5)
SCALED_ERFC = (
    3.1114333809799254e-10,
    -2.623107347133476e-09,
    -3.7442100809620216e-09,
    3.1979266716668055e-08,
    2.3263508708859134e-08,
    -2.4857126248016745e-07,
    -5.72182306032241e-08,
    1.7419821586224816e-06,
    -9.73559896736775e-07,
    -1.1438048033346895e-05,
    2.2384239155082227e-05,
    5.1646529741774155e-05,
    -0.00029015408054084183,
    0.00029371437804495796,
    0.0017556258528952959,
    -0.009746579683265262,
    0.0283622774189564,
    -0.058693398576649354,
    0.09230432116037748,
    -0.10880393014244463,
    0.0822767384901452,
    0.0035854154854790543,
    -0.14024059858554697,
    1.2375126308378275,
)
"""(1 + 2 z) exp(z^2) erfc(z) as a polynomial in (z - MIDDLE) / (z + MIDDLE), highest power first, from its Chebyshev
series (Shepherd & Laframboise 1981, Mathematics of Computation 36:249); relative error below 1e-15 for all z >= 0."""

FIRST_HALF, SECOND_HALF = SCALED_ERFC[:12], SCALED_ERFC[12:]


@compiled
def log_likelihood(link, signed):
    """Sum of log F over the rows, of signed predictors."""
    return log_probit(signed) if link == PROBIT else log_logit(signed)


@compiled
def log_logit(signed):
    """Sum of -log(1 + exp(-x)) = min(x, 0) - log(1 + exp(-|x|))."""
    total = 0.0
    factors = np.empty(CHUNK)
    for low in range(0, signed.size, CHUNK):
        n = min(CHUNK, signed.size - low)
        x = signed[low : low + n]
        for i in range(n):
            factors[i] = 1.0 + quick_exp(-abs(x[i]))
        product = 1.0
        for i in range(n):
            product *= factors[i]
            total += min(x[i], 0.0)
        total -= math.log(product)
    return total


@inlined
def far(x):
    """Z = |x| / sqrt(2)."""
    return HALF_ROOT * min(abs(x), FARTHEST)


@inlined
def scaled_tail(z):
    """Phi(-|x|) times exp(z^2)."""
    at = (z - MIDDLE) / (z + MIDDLE)
    p = 0.0
    for c in FIRST_HALF:  # loops of twelve are unrolled, so that the rows' becomes vector instructions
        p = p * at + c
    for c in SECOND_HALF:
        p = p * at + c
    return 0.5 * p / (1.0 + 2.0 * z)


@compiled
def log_probit(signed):
    """Sum of log Phi(x): x < 0 has the factor exp(x^2 / 2) Phi(x) and x^2 / 2 apart."""
    total = 0.0
    factors, apart = np.empty(CHUNK), np.empty(CHUNK)
    for low in range(0, signed.size, CHUNK):
        n = min(CHUNK, signed.size - low)
        x = signed[low : low + n]
        for i in range(n):
            z = far(x[i])
            tail, below = scaled_tail(z), x[i] < 0
            factors[i] = tail if below else 1.0 - tail * quick_exp(-z * z)
            apart[i] = z * z if below else 0.0
        product = 1.0
        for i in range(n):
            product *= factors[i]
            total -= apart[i]
        total += math.log(product)
    return total
