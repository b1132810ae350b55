"""The exponential without a library call: loops over rows with it become vector instructions, three times as fast.

exp(x) = 2^n exp(r) with n the whole number nearest to x / log 2 and |r| <= log(2) / 2, where twelve terms of the Taylor
series are enough. Adding 1.5 * 2^52 rounds to n and leaves it in the lowest bits of the sum, from where a shift makes
it the exponent of a double. No fast-math: every machine gives the same bits.
"""

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from bayesimpute.numerics.compiling import compiled

LOWEST = -700.0
ROUND = 1.5 * 2.0**52
PER_LOG_2 = 1 / math.log(2)
LOG_2 = float.fromhex("0x1.62e42feep-1"), float.fromhex("0x1.a39ef35793c76p-33")
"""Log 2 in two parts, so that n times the first is exact."""
BIAS = 1023 << 52
TERMS = tuple(1 / math.factorial(power) for power in range(12, 0, -1))
ARTANH = tuple(1 / (2 * power + 1) for power in range(15, -1, -1))
"""Of artanh(s) / s as a polynomial in the square of s, highest power first."""


def _to_bits(typingctx: Any, x: Any) -> Any:
    return types.int64(types.float64), lambda context, builder, sig, args: builder.bitcast(args[0], ir.IntType(64))


def _to_double(typingctx: Any, n: Any) -> Any:
    return types.float64(types.int64), lambda context, builder, sig, args: builder.bitcast(args[0], ir.DoubleType())


_bits: Any = intrinsic(_to_bits)
"""The bits of a double as a whole number."""
_double: Any = intrinsic(_to_double)
"""The double with these bits."""


@compiled
def _parts(x: float) -> tuple[float, float]:
    """2^n and exp(r) - 1 of x = n log 2 + r."""
    x = max(x, LOWEST)
    shifted = x * PER_LOG_2 + ROUND
    n = shifted - ROUND
    r = x - n * LOG_2[0] - n * LOG_2[1]
    p = 0.0
    for term in TERMS:
        p = p * r + term
    return _double((_bits(shifted) << 52) + BIAS), p * r


@compiled
def quick_exp(x: float) -> float:
    """exp(x) for x <= 700, relative error below 1e-15; exp(-700) for anything smaller."""
    power, more = _parts(x)
    return power * more + power


@compiled
def quick_expm1(x: float) -> float:
    """exp(x) - 1, relative error below 2e-15 also near zero."""
    power, more = _parts(x)
    return power * more + (power - 1)


@compiled
def quick_log1p(x: float) -> float:
    """log(1 + x) for 0 <= x <= 1, relative error below 1e-15: 2 artanh(s) of s = x / (2 + x), at most a third."""
    s = x / (2.0 + x)
    square, p = s * s, 0.0
    for term in ARTANH[:8]:  # loops of twelve at most are unrolled
        p = p * square + term
    for term in ARTANH[8:]:
        p = p * square + term
    return 2.0 * s * p
