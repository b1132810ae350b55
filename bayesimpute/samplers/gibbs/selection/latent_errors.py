"""The latent variables given everything else: truncated normals, one for each unit, two where the outcome is yes/no.

A unit that was not selected has r* < 0. One that was selected has r* > 0 and, where the outcome is a number, h given e
is Normal(rho e / sigma, 1 - rho^2). Of a yes/no outcome (h, e) is bivariate normal on a quadrant.
"""

import math

import numpy as np

from bayesimpute.numerics.compiling import compiled
from bayesimpute.numerics.normal_tails import log_ndtr_1, log_ndtr_slope_1

TRIES = 20
"""Of the quick way to draw from a quadrant; beyond them, the one that no quadrant is too far out for."""
NEWTON = 60
"""Steps to the top of a log-concave density."""


@compiled
def beyond(rng, a):
    """A standard normal beyond a (Robert 1995, Stat. Comput. 5:121, in three stretches); beyond no number none."""
    if math.isnan(a):
        return a
    if a > 1.0:
        while True:
            x = rng.standard_exponential() / a
            if rng.standard_exponential() > 0.5 * x * x:
                return a + x
    while True:
        x = rng.standard_normal()
        if a > 0.3:
            x = abs(x)
        if x > a:
            return x


@compiled
def quadrant(rng, h, k, rho, root):
    """(a, b) standard bivariate normal with correlation rho given a > -h and b > -k; root = sqrt(1 - rho^2).

    The rarer of the two first, until the other comes true; each try is independent of those before, so that to go on in
    another way after some failures leaves the law as it is. With what is no number nothing would ever come true.
    """
    if math.isnan(h) or math.isnan(k) or math.isnan(rho):
        return math.nan, math.nan
    for _ in range(TRIES):
        if h < k:
            a = beyond(rng, -h)
            b = rho * a + root * rng.standard_normal()
            if b > -k:
                return a, b
        else:
            b = beyond(rng, -k)
            a = rho * b + root * rng.standard_normal()
            if a > -h:
                return a, b
    a = far_quadrant(rng, h, k, rho / root, 1 / root)
    return a, rho * a + root * beyond(rng, -(k + rho * a) / root)


@compiled
def far_quadrant(rng, h, k, slope, by):
    """The first of :func:`quadrant`: its log density g(a) = log phi(a) + log Phi(by k + slope a), a > -h, is concave.

    Rejection under two tangents, a standard deviation to both sides of the top: three of four are accepted where g is
    quadratic, and never few (Gilks & Wild 1992, Appl. Stat. 41:337, without the adaptation).
    """
    low, at = -h, by * k
    top = _top(low, at, slope)
    _, first, second = _concave(top, at, slope)
    step = 1 / max(math.sqrt(-second), -first)
    left = max(top - step, low)
    left_height, rise, _ = _concave(left, at, slope)
    right_height, fall, _ = _concave(top + step, at, slope)
    while fall >= 0:
        step *= 2
        right_height, fall, _ = _concave(top + step, at, slope)
    meet = (right_height - left_height + rise * left - fall * (top + step)) / (rise - fall)
    height, length = left_height + rise * (meet - left), meet - low
    before = -math.expm1(-rise * length) / rise if rise != 0 else length
    while True:
        u = rng.random() * (before - 1 / fall)
        if u < before:
            x = meet + (math.log1p(-rise * u) / rise if rise != 0 else -u)
            cover = height + rise * (x - meet)
        else:
            x = meet - rng.standard_exponential() / fall
            cover = height + fall * (x - meet)
        if _concave(x, at, slope)[0] > cover - rng.standard_exponential():
            return x


@compiled
def _concave(x, at, slope):
    """The log density g and its first two derivatives; the second is at most -1."""
    w = at + slope * x
    ratio = log_ndtr_slope_1(w)
    second = -1 - slope * slope * max(ratio * (w + ratio), 0.0)
    return -0.5 * x * x + log_ndtr_1(w), -x + slope * ratio, second


@compiled
def _top(low, at, slope):
    """Where g is largest beyond low: Newton steps in a bracket; it only guides the tangents."""
    _, first, second = _concave(low, at, slope)
    if first <= 0:
        return low
    high = low + first  # g'' is at most -1
    x, below = low, low
    for _ in range(NEWTON):
        x = x - first / second
        if not below < x < high:
            x = 0.5 * (below + high)
        _, first, second = _concave(x, at, slope)
        if first * first < -1e-4 * second:
            break
        below, high = (x, high) if first > 0 else (below, x)
    return x


@compiled
def draw_latent(rng, pair, m, s, zeta, log_sigma, r, y):
    """Fresh r* at all rows, and y* of yes/no outcomes, into `r` and `y`; rows that are away have no error."""
    rho, root, sigma = math.tanh(zeta), 1 / math.cosh(zeta), math.exp(log_sigma)
    for i in range(m.size):
        if pair.binary:
            sign = 2 * pair.y[i] - 1
            a, b = quadrant(rng, sign * m[i], s[i], sign * rho, root)
            y[i] = m[i] + sign * a
            r[i] = s[i] + b
        else:
            mean = s[i] + rho * (pair.y[i] - m[i]) / sigma
            r[i] = mean + root * beyond(rng, -mean / root)
    for i in range(m.size, s.size):
        r[i] = s[i] if pair.away[i] else s[i] - beyond(rng, s[i])


@compiled
def squares(m, s, r, y):
    """Sums over observed rows of h^2, e h and e^2, and of h^2 over the others."""
    out = np.zeros(4)
    for i in range(m.size):
        h, e = r[i] - s[i], y[i] - m[i]
        out[0] += h * h
        out[1] += e * h
        out[2] += e * e
    for i in range(m.size, s.size):
        out[3] += (r[i] - s[i]) ** 2
    return out
