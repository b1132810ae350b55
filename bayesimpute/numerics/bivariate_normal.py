"""Log Phi_2(h, k; rho) = log P(X <= h, Y <= k) of a standard bivariate normal, and its gradient, compiled with numba.

By Plackett's identity d Phi_2 / d rho = phi_2(h, k; rho), so Phi_2(rho) is Phi_2 at another correlation plus an
integral of phi_2 over the correlation r between the two. With Fisher's z, r = tanh v, the integrand is

    exp(-(h^2 + k^2 - 2 h k r) / (2 (1 - r^2))) / cosh(v) / (2 pi) dv
    = exp(-(h^2 + k^2) / 4 - ((h - k)^2 e^(2v) + (h + k)^2 e^(-2v)) / 8) / cosh(v) / (2 pi) dv,

which is smooth for every rho (in t = asin r, as Drezner & Wesolowsky 1990, J. Stat. Comput. Simul. 35:101, and Genz
2004, Stat. Comput. 14:251, have it, many more nodes are needed beyond 0.9) and, as the second line shows, log-concave.

* **Ordinary rows** (:func:`_ordinary`) start from independence, Phi(h) Phi(k), with Gauss-Legendre nodes. Where
  rho < 0 this subtracts, so it is kept only where little is lost.
* **All others** (:func:`_tail`) add positive terms only. Where rho < 0 they start from r = -1, where Phi_2 is
  max(0, Phi(h) - Phi(-k)). The integrand's maximum and the stretch that matters are found by Newton steps, at any size
  of h and k and any correlation, and everything stays in logs.

The gradient costs nothing more. With R Mills' ratio and z = (k - rho h) / sqrt(1 - rho^2), d log P / d h is
sqrt(1 - rho^2) R(-z) phi_2 / P for z < 0: a product of ordinary numbers, as far out as one likes.

To change a rule or an accuracy, change ``NODES`` or ``PANELS``; the tests hold every row against 40 digits.
"""

import math
from itertools import pairwise

import numpy as np

from bayesimpute.numerics.compiling import compiled, inlined
from bayesimpute.numerics.exponential import quick_exp, quick_expm1
from bayesimpute.numerics.normal_tails import log_ndtr_1, log_phi, mills

TWO_PI = 2 * math.pi
LOG_TWO_PI = math.log(TWO_PI)
NEAREST = 1e-9
"""Correlations count as at least so far from -1 and 1."""
FARTHEST = 1e6
"""Arguments count as at most so large."""

REACH = 5.0
"""Largest |h| and |k| of an ordinary row."""
NODES = ((0.2, 8), (0.7, 12), (0.9, 16), (0.95, 20), (0.98, 24), (0.995, 32), (0.999, 40))
"""How many nodes an ordinary row takes for |rho| up to so much: relative errors below 1e-10."""
LOST = 1e-3
"""An ordinary row with rho < 0 keeps at least this part of Phi(h) Phi(k)."""
BLOCK = 256
"""Rows with one |rho| that are done at a time."""
DROP = 32.0
"""A tail's integrand matters where its log is within this of its maximum."""
PANELS, PANEL_NODES = (0.0, 0.25, 0.6, 1.0), 20
"""Where the Gauss-Legendre panels to each side of the maximum begin and end, and how many nodes each has."""


def _rules() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre rules on (0, 1), a row for each of NODES."""
    at, weights = np.zeros((len(NODES), NODES[-1][1])), np.zeros((len(NODES), NODES[-1][1]))
    for row, (_, n) in enumerate(NODES):
        at[row, :n], weights[row, :n] = _rule(n)
    return at, weights


def _rule(n: int) -> tuple[np.ndarray, np.ndarray]:
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2


AT, WEIGHTS = _rules()
PANEL_AT = np.concatenate([a + (b - a) * _rule(PANEL_NODES)[0] for a, b in pairwise(PANELS)])
PANEL_WEIGHTS = np.concatenate([(b - a) * _rule(PANEL_NODES)[1] for a, b in pairwise(PANELS)])
SIZES = np.array([n for _, n in NODES])
UP_TO = np.array([rho for rho, _ in NODES])


@compiled
def log_quadrant_rows(
    h: np.ndarray, k: np.ndarray, rho: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log Phi_2 and its derivatives in h, k and rho, each of shape (row,)."""
    n = h.size
    value, by_h, by_k, by_rho = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    nodes, totals, terms = np.empty((3, AT.shape[1])), np.empty(BLOCK), np.empty(PANEL_AT.size)
    known, count, start = -1.0, 0, 0
    while start < n:
        size = abs(rho[start])
        stop = _run(rho, start)
        if size <= UP_TO[-1]:
            if size != known:
                known, count = size, _nodes(size, nodes)
            _integrals(h[start:stop], k[start:stop], rho[start:stop], nodes[:, :count], totals)
        for i in range(start, stop):
            x, y, r = h[i], k[i], rho[i]
            if abs(x) <= REACH and abs(y) <= REACH and size <= UP_TO[-1]:
                value[i], by_h[i], by_k[i], by_rho[i] = _ordinary(x, y, r, totals[i - start])
                if value[i] <= 0:
                    continue
            value[i], by_h[i], by_k[i], by_rho[i] = _tail(x, y, r, terms)
        start = stop
    return value, by_h, by_k, by_rho


@compiled
def _run(rho: np.ndarray, start: int) -> int:
    """Where the rows end that have the same |rho| as the first of them; at most BLOCK."""
    stop = start + 1
    while stop < min(rho.size, start + BLOCK) and abs(rho[stop]) == abs(rho[start]):
        stop += 1
    return stop


@compiled
def _nodes(size: float, nodes: np.ndarray) -> int:
    """Fill in r = tanh v, 1 / (2 (1 - r^2)) and weights of the integral up to a correlation; how many they are."""
    row = 0
    while size > UP_TO[row]:
        row += 1
    end = math.atanh(size)
    for j in range(SIZES[row]):
        cosh = math.cosh(end * AT[row, j])
        nodes[0, j] = math.tanh(end * AT[row, j])
        nodes[1, j] = 0.5 * cosh * cosh
        nodes[2, j] = end * WEIGHTS[row, j] / (TWO_PI * cosh)
    return SIZES[row]


@inlined
def _integrals(h: np.ndarray, k: np.ndarray, rho: np.ndarray, nodes: np.ndarray, totals: np.ndarray) -> None:
    """The integrals from independence of rows with one |rho|; the loop over rows is the inner one, for vectors."""
    squares, products = np.empty(h.size), np.empty(h.size)
    for i in range(h.size):
        squares[i] = -h[i] * h[i] - k[i] * k[i]
        products[i] = math.copysign(2.0, rho[i]) * h[i] * k[i]
        totals[i] = 0.0
    for j in range(nodes.shape[1]):
        r, rate, weight = nodes[0, j], nodes[1, j], nodes[2, j]
        for i in range(h.size):
            totals[i] += weight * quick_exp((squares[i] + r * products[i]) * rate)


@compiled
def _ordinary(h: float, k: float, rho: float, integral: float) -> tuple[float, float, float, float]:
    """From independence; a positive first number says that too much was lost."""
    squares, product = -h * h - k * k, 2 * h * k
    density_h, density_k = quick_exp(log_phi(h)), quick_exp(log_phi(k))
    alone = _below(h, density_h) * _below(k, density_k)
    p = alone + math.copysign(integral, rho)
    if p < LOST * alone:
        return 1.0, 0.0, 0.0, 0.0
    rest = 1 - rho * rho
    root = math.sqrt(rest)
    joint = quick_exp(0.5 * (squares + rho * product) / rest) / TWO_PI
    by_h = _conditional(density_h, joint, (k - rho * h) / root)
    by_k = _conditional(density_k, joint, (h - rho * k) / root)
    return min(math.log(p), 0.0), by_h / p, by_k / p, joint / (root * p)


@compiled
def _below(x: float, density: float) -> float:
    """Phi(x), given phi(x)."""
    return density * mills(-x) if x < 0 else 1 - density * mills(x)


@compiled
def _conditional(density: float, joint: float, z: float) -> float:
    """phi(h) Phi(z) with `joint` = phi(h) phi(z), without cancellation."""
    return joint * mills(-z) if z < 0 else density - joint * mills(z)


@compiled
def _tail(h: float, k: float, rho: float, terms: np.ndarray) -> tuple[float, float, float, float]:
    """By positive terms in logs: for any row."""
    if not (h == h and k == k and rho == rho):
        return math.nan, math.nan, math.nan, math.nan
    h, k = min(max(h, -FARTHEST), FARTHEST), min(max(k, -FARTHEST), FARTHEST)
    size = max(min(abs(rho), 1 - NEAREST), 1e-20)  # not zero: the interval would be empty
    end = 0.5 * math.log1p(2 * size / (1 - size))
    grow, fall, low, high, base = _setting(h, k, rho, end)
    peak = _peak(grow, fall, low, high)
    e = math.exp(2 * peak)
    rise, sink = grow * e, fall / e
    right = _reach(rise, sink, e, math.inf if rho < 0 else end - peak)
    left = _reach(rise, sink, e, low - peak)
    total = _panels(rise, sink, e, right, terms) + _panels(rise, sink, e, left, terms)
    log_cosh = math.log(0.5 * (e + 1)) - peak
    log_integral = math.log(total) - 0.25 * (h * h + k * k) - rise - sink - log_cosh - LOG_TWO_PI
    value = _log_sum(base, log_integral)
    # the integrand at its end is 2 pi (1 - rho^2) phi_2: as a part of the integral it needs no large logs
    exponent, factor = _change(end - peak, rise, sink, e)
    rest = (1 - size) * (1 + size)
    root = math.sqrt(rest)
    by_rho = math.exp(log_integral - value) * math.exp(exponent) * factor / total / rest
    joint = by_rho * root
    r = math.copysign(size, rho)
    by_h = _conditional(math.exp(log_phi(h) - value), joint, (k - r * h) / root)
    by_k = _conditional(math.exp(log_phi(k) - value), joint, (h - r * k) / root)
    return min(value, 0.0), by_h, by_k, by_rho


@compiled
def _setting(h: float, k: float, rho: float, end: float) -> tuple[float, float, float, float, float]:
    """Factors of e^(2v) and e^(-2v), the stretch with the maximum, and log Phi_2 at its start; r is tanh of +-v."""
    if rho < 0:
        high = max(end, 1.0, math.log(abs(h - k) + 1))  # the integral goes on for ever, but falls beyond this
        return 0.125 * (h + k) ** 2, 0.125 * (h - k) ** 2, end, high, _log_difference(h, k)
    return 0.125 * (h - k) ** 2, 0.125 * (h + k) ** 2, 0.0, end, log_ndtr_1(h) + log_ndtr_1(k)


@compiled
def _slopes(rise: float, sink: float, e: float) -> tuple[float, float]:
    """First two derivatives of the log integrand -rise - sink - log cosh(v), with e = exp(2 v); the second is < 0."""
    tanh = (e - 1) / (e + 1)
    return 2 * (sink - rise) - tanh, -4 * (sink + rise) - 4 * e / (e + 1) ** 2


@inlined
def _peak(grow: float, fall: float, low: float, high: float) -> float:
    """Where the integrand is largest between two ends: Newton steps, halvings where they would leave the bracket."""
    for end, side in ((low, -1.0), (high, 1.0)):
        e = quick_exp(2 * end)
        if side * _slopes(grow * e, fall / e, e)[0] >= 0:
            return end
    v = low
    for _ in range(100):
        e = quick_exp(2 * v)
        first, second = _slopes(grow * e, fall / e, e)
        step = -first / second
        if step * first < 1e-4:  # a hundredth of the integrand's width: it only guides the panels
            break
        low, high = (v, high) if first > 0 else (low, v)
        v = v + step if low < v + step < high else 0.5 * (low + high)
    return v


@compiled
def _change(x: float, rise: float, sink: float, e: float) -> tuple[float, float]:
    """The integrand at a distance x from where it has `rise`, `sink` and `e`: exponent and factor of the ratio."""
    grown = quick_expm1(2 * x)
    return x - rise * grown + sink * grown / (1 + grown), (e + 1) / (e * (1 + grown) + 1)


@compiled
def _reach(rise: float, sink: float, e: float, limit: float) -> float:
    """How far from its maximum towards a limit the integrand matters."""
    if limit == 0:
        return 0.0
    side = math.copysign(1.0, limit)
    first, second = _slopes(rise, sink, e)
    rate = max(-side * first, 0.0)
    x = 2 * DROP / (rate + math.sqrt(rate * rate - 2 * DROP * second))
    for _ in range(100):
        if x >= abs(limit):
            return limit
        exponent, factor = _change(side * x, rise, sink, e)
        gap = -exponent - math.log(factor) - DROP
        if -4 < gap < 4:
            break
        grown = quick_exp(2 * side * x)
        slope = side * _slopes(rise * grown, sink / grown, e * grown)[0]
        x = min(x + gap / slope, 2 * x + 1)
    return side * x


@compiled
def _panels(rise: float, sink: float, e: float, reach: float, terms: np.ndarray) -> float:
    """The integral over the stretch from the maximum, relative to the integrand there."""
    if reach == 0:
        return 0.0
    for j in range(PANEL_AT.size):
        exponent, factor = _change(PANEL_AT[j] * reach, rise, sink, e)
        terms[j] = PANEL_WEIGHTS[j] * quick_exp(exponent) * factor
    return abs(reach) * terms.sum()


@inlined
def _log_difference(h: float, k: float) -> float:
    """Log of Phi_2 at correlation -1, max(0, Phi(h) - Phi(-k))."""
    if h + k <= 0:
        return -math.inf
    high, low = h, -k
    if low > 0:
        high, low = k, -h
    if high > 0:
        p = _below(high, math.exp(log_phi(high))) - _below(low, math.exp(log_phi(low)))
        return math.log(p) if p > 0 else -math.inf
    gap = math.log(mills(-low) / mills(-high)) - 0.5 * (high - low) * -(high + low)
    return log_ndtr_1(high) + math.log(-math.expm1(gap)) if gap < 0 else -math.inf


@inlined
def _log_sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b)) for b > -inf."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))
