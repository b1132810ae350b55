"""Log Phi and log Phi_2 from plain operations of PyTensor: for models that are taken elsewhere.

The samplers' Ops (``normal_cdf.py``) run in NumPy and numba only; these are made of PyTensor's own operations only, so
that they go where such graphs go, and have second derivatives.

Their slopes are written down, not derived: phi / Phi, and what is known of Phi_2. Derived through the continued
fraction and the sum over nodes they would be fifteen times the work of the values, and minutes of compiling.
"""

import math
from typing import Any

import numpy as np

NODES = 112
"""Of the Gauss-Legendre rule: log Phi_2 is right to 1e-8 for arguments within 6 and |rho| <= .999, down to e^-100."""
FEW, NEAR, REACH, LOST = 24, 2.29, 5.0, 1e-5
"""So few nodes do if no row is far: Fisher's z and arguments up to so much, and that part of Phi(h) Phi(k) left."""
FAR = 8.5
"""Minus Fisher's z of the correlation below which what is left of the integral has a closed form."""
NEAREST = 18.0
"""Largest Fisher's z; beyond it the correlation is 1 to the last digit."""
TAIL, DEPTH = -5.0, 24
"""Below it Phi is by the continued fraction of Mills' ratio (Laplace), which is so deep."""
APART = 500.0
"""Logarithms that differ by more count as that far apart: whoever derives a softplus himself overflows beyond 700."""
LOG_ROOT = 0.5 * math.log(2 * math.pi)
TINY, SMALL, NEVER = 1e-300, 1e-30, -1e9
"""Numbers instead of 0, of which the second can be divided by, and the logarithm of nothing."""


def log_ndtr(x: Any) -> Any:
    """Log Phi(x), elementwise, with slopes that survive the tails."""

    def slope(inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        return [cotangents[0] * _tensors().exp(-0.5 * inputs[0] ** 2 - LOG_ROOT - outputs[0])]

    return _with_slopes(_log_ndtr, slope, _double(x))


def log_quadrant(h: Any, k: Any, z: Any, sign: Any = 1.0) -> Any:
    """Log P(X <= h, Y <= k) of standard bivariate normals, (row,).

    By Plackett's identity over Fisher's z of the correlation (``bivariate_normal.py`` has the integrand): from
    independence, Phi(h) Phi(k), or if that loses digits in any row, from correlation -1, where it is max(0, Phi(h) -
    Phi(-k)), by positive terms only. With g the integrand and rho = tanh z the slopes are
    phi(h) Phi((k - rho h) / sqrt(1 - rho^2)) / Phi_2, the same with h and k exchanged, and g(z) / Phi_2.

    Parameters
    ----------
    h, k : TensorLike, shape (row,)
        Upper limits.
    z : TensorLike, shape (row,) or ()
        Fisher's z of the correlation, without its sign where `sign` has it: one z needs the fewest exponentials.
    sign : TensorLike, shape (row,) or ()
        1, or -1 where the correlation is tanh(-z).
    """
    pt = _tensors()
    h, k, sign = pt.broadcast_arrays(*(_double(each) for each in (h, k, sign)))
    z = pt.clip(_double(z), -NEAREST, NEAREST)
    if z.ndim:
        h, k, z, sign = pt.broadcast_arrays(h, k, z, sign)
    return _with_slopes(_log_quadrant, _quadrant_slopes, h, k, z, sign)


def _with_slopes(value: Any, slopes: Any, *arguments: Any) -> Any:
    """The value as an Op that is opened up when compiled, its slopes written down."""
    from pytensor.compile.builders import OpFromGraph

    inner = [each.type() for each in arguments]
    return OpFromGraph(inner, [value(*inner)], inline=True, pullback=slopes)(*arguments)


def _log_ndtr(x: Any) -> Any:
    pt = _tensors()
    far = pt.maximum(-x, -TAIL)
    fraction = far
    for k in range(DEPTH, 0, -1):
        fraction = far + k / fraction
    tail = -0.5 * far**2 - LOG_ROOT - pt.log(fraction)
    low, high = (_survival(end) for end in (-pt.clip(x, TAIL, 0.0), pt.maximum(x, 0.0)))
    return pt.switch(x < TAIL, tail, pt.switch(x < 0, pt.log(low), pt.log1p(-high)))


def _log_quadrant(h: Any, k: Any, z: Any, sign: Any) -> Any:
    from pytensor.conditional import ifelse

    pt = _tensors()
    alone = _survival(-h) * _survival(-k)
    p = alone + _from_independence(h, k, z, sign)
    within = (abs(h) <= REACH) & (abs(k) <= REACH) & (abs(z) <= NEAR) & (p >= LOST * alone)
    return ifelse(within.all(), pt.log(pt.maximum(p, TINY)), _from_the_end(h, k, z, sign))


def _from_independence(h: Any, k: Any, z: Any, sign: Any) -> Any:
    """The integral up to z, whose terms are of one sign."""
    pt = _tensors()
    at, weights = np.polynomial.legendre.leggauss(FEW)
    length = z[:, None] if z.ndim else z
    v = length * (at + 1) / 2
    cosh, products = pt.cosh(v), 2 * sign * h * k
    terms = weights * length / cosh * pt.exp((pt.tanh(v) * products[:, None] - (h**2 + k**2)[:, None]) * cosh**2 / 2)
    return sign * terms.sum(axis=-1) / (4 * math.pi)


def _from_the_end(h: Any, k: Any, z: Any, sign: Any) -> Any:
    pt = _tensors()
    a, b = _rates(h, k)
    end = pt.maximum(sign * z, -FAR)
    peak = pt.exp(2 * pt.clip(0.25 * (pt.log(b + SMALL) - pt.log(a + SMALL)), -FAR, end))  # of the exponential alone
    largest = -a * peak - b / peak
    squares, weights = _nodes(z, sign)
    terms = weights * pt.exp(-a[:, None] * squares - b[:, None] / squares - largest[:, None])
    integral = largest + pt.log(pt.maximum(terms.sum(axis=-1), TINY)) - (h**2 + k**2) / 4 - 2 * LOG_ROOT
    # up to -FAR the integrand is that of 2 exp(-b / x^2) dx, with x = e^v
    x = pt.exp(-FAR + pt.minimum(sign * z + FAR, 0.0))
    root = pt.sqrt(b + TINY)
    rest = pt.maximum(0.0, x * pt.exp(-b / x**2) - math.sqrt(math.pi) * root * pt.erfc(root / x))
    low, high = _survival(-pt.minimum(h, k)), _survival(pt.maximum(h, k))
    alone = pt.maximum(0.0, low - high) + rest * pt.exp(-(h**2 + k**2) / 4) / math.pi
    log_alone = pt.switch(alone > TINY, pt.log(pt.maximum(alone, TINY)), NEVER)
    apart = pt.minimum(pt.abs(integral - log_alone), APART)
    return pt.maximum(integral, log_alone) + pt.log1p(pt.exp(-apart))


def _rates(h: Any, k: Any) -> tuple[Any, Any]:
    """Of the integrand exp(-(h^2 + k^2) / 4 - a e^2v - b e^-2v) / cosh v / (2 pi) at Fisher's z v: a and b."""
    return (h - k) ** 2 / 8, (h + k) ** 2 / 8


def _nodes(z: Any, sign: Any) -> tuple[Any, Any]:
    """e^2v and its weight over cosh v at the nodes between -FAR and z or -z, each (row, node)."""
    pt = _tensors()
    at, weights = np.polynomial.legendre.leggauss(NODES)
    ends = sign * z if z.ndim else pt.stack([z, -z])
    length = pt.maximum(ends + FAR, 0.0)[:, None]
    e = pt.exp(-FAR + length * (at + 1) / 2)
    found = e**2, length * weights * e / (1 + e**2)
    which = pt.cast(sign < 0, "int64")
    return found if z.ndim else (found[0][which], found[1][which])


def _quadrant_slopes(inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
    """By h, k, z and, for nothing, the sign; each is at most what it can be, where rounding has lost Phi_2."""
    pt = _tensors()
    (h, k, z, sign), value, cotangent = inputs, outputs[0], cotangents[0]
    v = sign * z
    cosh, sinh = pt.cosh(v), pt.sinh(v)
    most = (1 + abs(h) + abs(k)) * cosh**2

    def by(x: Any, other: Any) -> Any:
        log = -0.5 * x**2 - LOG_ROOT + log_ndtr(other * cosh - x * sinh) - value
        return cotangent * pt.minimum(pt.exp(log), most)

    a, b = _rates(h, k)
    log = -(h**2 + k**2) / 4 - a * pt.exp(2 * v) - b * pt.exp(-2 * v) - pt.log(cosh) - 2 * LOG_ROOT - value
    by_z = cotangent * sign * pt.minimum(pt.exp(log), most**2)
    return [by(h, k), by(k, h), by_z if z.ndim else by_z.sum(), pt.zeros_like(sign)]


def _survival(x: Any) -> Any:
    """1 - Phi(x), which keeps its digits where x is large."""
    return 0.5 * _tensors().erfc(x / math.sqrt(2))


def _double(x: Any) -> Any:
    pt = _tensors()
    return pt.cast(pt.as_tensor_variable(x), "float64")  # a Python number would be a single float


def _tensors() -> Any:
    """PyTensor's functions, whose types are looser than they are."""
    import pytensor.tensor as pt

    return pt
