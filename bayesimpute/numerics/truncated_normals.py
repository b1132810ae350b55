"""Truncated normal numbers, exact however far out, and the latent normals of a probit model.

y = 1 where a latent normal with mean eta and deviation 1 is above zero (Albert & Chib 1993, JASA 88:669): given y and
eta it is that normal, truncated.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined

POINT = 0.45
"""Above this normals are proposed by an exponential, below by normals: of these a third is then accepted."""
FARTHEST = 1e100
"""So far out the number is the bound itself, to the last bit."""
WIDE = math.sqrt(2 * math.pi)
"""From this width on an interval around zero has more of the normals than of the uniform numbers that are accepted."""


@compiled
def above(rng, a):
    """A standard normal above `a`.

    Of the exponentials beyond `a` that one which is accepted most often (Robert 1995, Statistics and Computing 5:121,
    section 2.2); of the exponent (x - rate)^2 / 2 that compares the two densities x - a and rate - a are used, which
    are exact where `a` is large. Beyond what is no number there is none.
    """
    if a < POINT:
        while True:
            x = rng.standard_normal()
            if x > a:
                return x
    if not a <= FARTHEST:
        return a
    ahead = 2.0 / (a + math.sqrt(a * a + 4.0))  # rate - a
    while True:
        more = rng.standard_exponential() / (a + ahead)
        if rng.standard_exponential() > 0.5 * (more - ahead) ** 2:
            return a + more


@compiled
def between(rng, a, b):
    """A standard normal between `a` and `b`, either of which may be infinite; `a` if nothing is between.

    Normals or one-sided draws are proposed where enough of them are accepted, else uniform numbers (Robert 1995,
    section 2.3).
    """
    if not a < b:
        return a
    if b <= 0.0 or (a < 0.0 and -a > b):  # the side nearer to zero first
        return -between_ends(rng, -b, -a)
    return between_ends(rng, a, b)


@compiled
def between_ends(rng, a, b):
    """The same where a + b >= 0."""
    if a > FARTHEST:
        return a
    root = math.sqrt(max(a, 0.0) ** 2 + 4.0)
    wide = WIDE if a <= 0.0 else 2.0 / (a + root) * math.exp(0.5 + 0.25 * a * (a - root))
    if b - a > wide:
        while True:
            x = above(rng, a)
            if x <= b:
                return x
    nearest = max(a, 0.0)
    while True:
        x = a + (b - a) * rng.random()
        if rng.standard_exponential() > 0.5 * (x - nearest) * (x + nearest):
            return x


@compiled
def draw_between(rng, low, high):
    """Standard normals between bounds, each of shape (row,)."""
    out = np.empty(low.size)
    for i in range(out.size):
        out[i] = between(rng, low[i], high[i])
    return out


@inlined
def latent_error(rng, eta, yes):
    """The latent normal of a row less eta."""
    return above(rng, -eta) if yes else -above(rng, eta)
