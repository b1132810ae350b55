"""Truncated normal numbers, exact however far out, and the latent normals of a probit model.

y = 1 where a latent normal with mean eta and deviation 1 is above zero (Albert & Chib 1993, JASA 88:669): given y and
eta it is that normal, truncated.
"""

import math

from bayesimpute.numerics.compiling import compiled

POINT = 0.45
"""Above this normals are proposed by an exponential, below by normals: of these a third is then accepted."""
FARTHEST = 1e100
"""So far out the number is the bound itself, to the last bit."""


@compiled
def above(rng, a):
    """A standard normal above `a`.

    Of the exponentials beyond `a` that one which is accepted most often (Robert 1995, Statistics and Computing 5:121,
    section 2.2); of the exponent (x - rate)^2 / 2 that compares the two densities x - a and rate - a are used, which
    are exact where `a` is large.
    """
    if a < POINT:
        while True:
            x = rng.standard_normal()
            if x > a:
                return x
    if a > FARTHEST:
        return a
    ahead = 2.0 / (a + math.sqrt(a * a + 4.0))  # rate - a
    while True:
        more = rng.standard_exponential() / (a + ahead)
        if rng.standard_exponential() > 0.5 * (more - ahead) ** 2:
            return a + more


@compiled
def latent_error(rng, eta, yes):
    """The latent normal of a row less eta."""
    return above(rng, -eta) if yes else -above(rng, eta)
