"""Log Phi_2(h, k; rho) = log P(X <= h, Y <= k) of a standard bivariate normal, and its gradient, compiled with numba.

By Plackett's identity d Phi_2 / d rho = phi_2(h, k; rho), so Phi_2(rho) is Phi_2 at another correlation plus an
integral of phi_2 over the correlation r between the two. Two ways to use it:

* **Ordinary rows** (:func:`_ordinary`) start from independence, Phi(h) Phi(k), with r = sin t and Gauss-Legendre nodes
  in t (Drezner & Wesolowsky 1990, J. Stat. Comput. Simul. 35:101; Genz 2004, Stat. Comput. 14:251). Where rho < 0 this
  subtracts, so it is kept only where little is lost.
* **All others** (:func:`_tail`) add positive terms only. Where rho < 0 they start from r = -1, where Phi_2 is
  max(0, Phi(h) - Phi(-k)). With Fisher's z, r = tanh v, the integrand is

      exp(-(h^2 + k^2) / 4 - ((h - k)^2 e^(2v) + (h + k)^2 e^(-2v)) / 8) / cosh(v) / (2 pi) dv,

  which is log-concave: its maximum and the stretch that matters are found by Newton steps, at any size of h and k and
  any correlation, and everything stays in logs.

The gradient costs nothing more. With R Mills' ratio and z = (k - rho h) / sqrt(1 - rho^2), d log P / d h is
sqrt(1 - rho^2) R(-z) phi_2 / P for z < 0: a product of ordinary numbers, as far out as one likes.

To change a rule or an accuracy, change ``NODES`` or ``PANELS``; the tests hold every row against 40 digits.
"""

import math

import numba
import numpy as np

from bayesimpute.families.normal_tails import log_ndtr_1, log_phi, mills

TWO_PI = 2 * math.pi
LOG_TWO_PI = math.log(TWO_PI)
NEAREST = 1e-9
"""Correlations count as at least so far from -1 and 1."""
FARTHEST = 1e6
"""Arguments count as at most so large."""

REACH = 5.0
"""Largest |h| and |k| of an ordinary row."""
NODES = ((0.3, 8), (0.55, 10), (0.75, 12), (0.9, 16), (0.95, 20))
"""How many nodes an ordinary row takes for |rho| up to so much: relative errors below 1e-10."""
LOST = 1e-3
"""An ordinary row with rho < 0 keeps at least this part of Phi(h) Phi(k)."""
DROP = 32.0
"""A tail's integrand matters where its log is within this of its maximum."""
PANELS = 2
"""Gauss-Legendre panels to each side of the maximum."""


def _rules() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre rules on (0, 1), a row for each of NODES and the last one for tails."""
    sizes = [n for _, n in NODES] + [NODES[-1][1]]
    at, weights = np.zeros((len(sizes), max(sizes))), np.zeros((len(sizes), max(sizes)))
    for row, n in enumerate(sizes):
        x, w = np.polynomial.legendre.leggauss(n)
        at[row, :n], weights[row, :n] = (x + 1) / 2, w / 2
    return at, weights


AT, WEIGHTS = _rules()
SIZES = np.array([n for _, n in NODES])
UP_TO = np.array([rho for rho, _ in NODES])


@numba.njit(cache=True)
def log_quadrant_rows(
    h: np.ndarray, k: np.ndarray, rho: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log Phi_2 and its derivatives in h, k and rho, each of shape (row,)."""
    n = h.size
    value, by_h, by_k, by_rho = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    sines, rates, weights = np.empty(AT.shape[1]), np.empty(AT.shape[1]), np.empty(AT.shape[1])
    known, size = -1.0, 0
    for i in range(n):
        x, y, r = h[i], k[i], rho[i]
        if abs(x) <= REACH and abs(y) <= REACH and abs(r) <= UP_TO[-1]:
            if abs(r) != known:
                known = abs(r)
                size = _nodes(known, sines, rates, weights)
            value[i], by_h[i], by_k[i], by_rho[i] = _ordinary(x, y, r, sines[:size], rates[:size], weights[:size])
            if value[i] <= 0:
                continue
        value[i], by_h[i], by_k[i], by_rho[i] = _tail(x, y, r)
    return value, by_h, by_k, by_rho


@numba.njit(cache=True)
def _nodes(size: float, sines: np.ndarray, rates: np.ndarray, weights: np.ndarray) -> int:
    """Fill in r = sin t, 1 / (2 (1 - r^2)) and weights of the integral up to a correlation; how many they are."""
    row = 0
    while size > UP_TO[row]:
        row += 1
    end = math.asin(size)
    for j in range(SIZES[row]):
        t = end * AT[row, j]
        sines[j] = math.sin(t)
        rates[j] = 0.5 / math.cos(t) ** 2
        weights[j] = end * WEIGHTS[row, j] / TWO_PI
    return SIZES[row]


@numba.njit(cache=True)
def _ordinary(
    h: float, k: float, rho: float, sines: np.ndarray, rates: np.ndarray, weights: np.ndarray
) -> tuple[float, float, float, float]:
    """From independence; a positive first number says that too much was lost."""
    sign = -1.0 if rho < 0 else 1.0
    squares, product = -h * h - k * k, 2 * h * k
    total = 0.0
    for j in range(sines.size):
        total += weights[j] * math.exp((squares + sign * product * sines[j]) * rates[j])
    density_h, density_k = math.exp(log_phi(h)), math.exp(log_phi(k))
    alone = _below(h, density_h) * _below(k, density_k)
    p = alone + sign * total
    if p < LOST * alone:
        return 1.0, 0.0, 0.0, 0.0
    rest = 1 - rho * rho
    root = math.sqrt(rest)
    joint = math.exp(0.5 * (squares + rho * product) / rest) / TWO_PI
    by_h = _conditional(density_h, joint, (k - rho * h) / root)
    by_k = _conditional(density_k, joint, (h - rho * k) / root)
    return min(math.log(p), 0.0), by_h / p, by_k / p, joint / (root * p)


@numba.njit(cache=True)
def _below(x: float, density: float) -> float:
    """Phi(x), given phi(x)."""
    return density * mills(-x) if x < 0 else 1 - density * mills(x)


@numba.njit(cache=True)
def _conditional(density: float, joint: float, z: float) -> float:
    """phi(h) Phi(z) with `joint` = phi(h) phi(z), without cancellation."""
    return joint * mills(-z) if z < 0 else density - joint * mills(z)


@numba.njit(cache=True)
def _tail(h: float, k: float, rho: float) -> tuple[float, float, float, float]:
    """By positive terms in logs: for any row."""
    if not (h == h and k == k and rho == rho):
        return math.nan, math.nan, math.nan, math.nan
    h, k = min(max(h, -FARTHEST), FARTHEST), min(max(k, -FARTHEST), FARTHEST)
    size = max(min(abs(rho), 1 - NEAREST), 1e-150)  # not zero: the interval would be empty
    end = 0.5 * math.log1p(2 * size / (1 - size))
    if rho < 0:
        grow, fall = 0.125 * (h + k) ** 2, 0.125 * (h - k) ** 2
        low, high = end, max(end, 1.0, math.log(abs(h - k) + 1))  # beyond, the integrand falls
        base = _log_difference(h, k)
    else:
        grow, fall = 0.125 * (h - k) ** 2, 0.125 * (h + k) ** 2
        low, high = 0.0, end
        base = log_ndtr_1(h) + log_ndtr_1(k)
    peak = _peak(grow, fall, low, high)
    top = _integrand(peak, grow, fall)
    right = _reach(peak, grow, fall, 1.0, math.inf if rho < 0 else end)
    left = _reach(peak, grow, fall, -1.0, low)
    total = _panels(peak, right, grow, fall, top) + _panels(left, peak, grow, fall, top)
    log_integral = top + math.log(total) - LOG_TWO_PI - 0.25 * (h * h + k * k)
    value = _log_sum(base, log_integral)
    share = math.exp(log_integral - value)
    # the integrand at its end is 2 pi (1 - rho^2) phi_2: as a part of the integral it needs no logs
    rest = (1 - size) * (1 + size)
    root = math.sqrt(rest)
    by_rho = share * math.exp(_integrand(end, grow, fall) - top) / total / rest
    joint = by_rho * root
    r = size if rho >= 0 else -size
    by_h = _conditional(math.exp(log_phi(h) - value), joint, (k - r * h) / root)
    by_k = _conditional(math.exp(log_phi(k) - value), joint, (h - r * k) / root)
    return min(value, 0.0), by_h, by_k, by_rho


@numba.njit(cache=True)
def _integrand(v: float, grow: float, fall: float) -> float:
    """Log of the integrand in Fisher's z, up to a constant."""
    e = math.exp(2 * v)
    return -grow * e - fall / e + v - math.log(0.5 * (e + 1))


@numba.njit(cache=True)
def _slopes(v: float, grow: float, fall: float) -> tuple[float, float]:
    """Its first two derivatives; the second is negative."""
    e = math.exp(2 * v)
    tanh = math.tanh(v)
    return 2 * (fall / e - grow * e) - tanh, -4 * (fall / e + grow * e) - (1 - tanh * tanh)


@numba.njit(cache=True)
def _peak(grow: float, fall: float, low: float, high: float) -> float:
    """Where the integrand is largest between two ends: Newton steps, halvings where they would leave the bracket."""
    if _slopes(low, grow, fall)[0] <= 0:
        return low
    if _slopes(high, grow, fall)[0] >= 0:
        return high
    v = 0.5 * (low + high)
    for _ in range(100):
        first, second = _slopes(v, grow, fall)
        low, high = (v, high) if first > 0 else (low, v)
        step = -first / second
        if step * step * -second < 1e-4:  # a hundredth of the integrand's width: it only guides the panels
            break
        v = v + step if low < v + step < high else 0.5 * (low + high)
    return v


@numba.njit(cache=True)
def _reach(peak: float, grow: float, fall: float, side: float, end: float) -> float:
    """How far to one side of its maximum the integrand matters."""
    top = _integrand(peak, grow, fall)
    first, second = _slopes(peak, grow, fall)
    rate = max(-side * first, 0.0)
    x = 2 * DROP / (rate + math.sqrt(rate * rate - 2 * DROP * second))
    for _ in range(100):
        v = peak + side * x
        if side * (v - end) >= 0:
            return end
        gap = top - _integrand(v, grow, fall) - DROP
        if -4 < gap < 4:
            return v
        x = min(x + gap / (side * _slopes(v, grow, fall)[0]), 2 * x + 1)
    return peak + side * x


@numba.njit(cache=True)
def _panels(low: float, high: float, grow: float, fall: float, top: float) -> float:
    """The integral between two ends, relative to exp(top)."""
    total = 0.0
    width = (high - low) / PANELS
    if width <= 0:
        return total
    for panel in range(PANELS):
        for j in range(AT.shape[1]):
            v = low + (panel + AT[-1, j]) * width
            total += WEIGHTS[-1, j] * width * math.exp(_integrand(v, grow, fall) - top)
    return total


@numba.njit(cache=True)
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


@numba.njit(cache=True)
def _log_sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b)) for b > -inf."""
    return max(a, b) + math.log1p(math.exp(-abs(a - b)))
