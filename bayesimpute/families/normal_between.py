"""A standard normal between two limits: how likely it is to be there, its mean and variance, to the far tails.

log(Phi(b) - Phi(a)) is written from the logarithms of Phi on that side where these are small; a narrow interval has its
density in the middle, times its width, for there the difference has no digits left.
"""

from typing import Any

import numpy as np

from bayesimpute.families.log_space import ARRAYS, Functions

NARROW = 1e-4
"""Width, times the distance from zero where that is above 1, from which on the difference is taken: what the other form
leaves out is below 1e-18 of the probability, and the difference has lost fewer than five digits."""


def log_phi(z: Any) -> Any:
    """Log of the normal density."""
    return -0.5 * z * z - 0.5 * np.log(2 * np.pi)


def log_between(f: Functions, a: Any, b: Any) -> Any:
    """Log of Phi(b) - Phi(a) for a <= b, (row,), by NumPy's or PyTensor's functions."""
    right = a + b > 0
    low, high = f.where(right, -b, a), f.where(right, -a, b)
    top = f.log_ndtr(high)
    middle, width = 0.5 * (low + high), high - low
    narrow = width * f.most(-middle, 1.0) < NARROW
    wide = top + f.complement(f.log_ndtr(f.where(narrow, high - 1.0, low)) - top)
    some, at = f.most(f.where(narrow, width, NARROW), 1e-300), f.where(narrow, middle, 0.0)
    flat = log_phi(at) + f.log(some) + (at * at - 1) * some * some / 24
    return f.where(narrow, flat, wide)


FAR = 1e3
"""Of both limits: from here on it is an exponential beyond the nearer one, or uniform, to all digits of use."""
SMALL = 5e-3
"""Width below which mean and variance are the uniform's: more digits than the differences have."""


def draw_normal_between(rng: np.random.Generator, mu: Any, sigma: Any, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """One draw of each Normal(mu, sigma) between two numbers, each () or (row,), exact to the far tails."""
    from bayesimpute.numerics.truncated_normals import draw_between

    mu, sigma = (np.broadcast_to(np.asarray(each, dtype=np.float64), np.shape(low)) for each in (mu, sigma))
    a, b = (np.ascontiguousarray((end - mu) / sigma) for end in (low, high))
    return np.clip(mu + sigma * draw_between(rng, a, b), low, high)


def moments(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of a standard normal between a and b, each (row,)."""
    total, width = log_between(ARRAYS, a, b), b - a
    of_a, of_b = np.exp(log_phi(a) - total), np.exp(log_phi(b) - total)
    mean = of_a - of_b
    variance = 1 + a * of_a - b * of_b - mean**2
    near = np.where(a > 0, a, b)
    far, rate = (a > FAR) | (b < -FAR), np.where(near == 0, 1.0, near)
    mean = np.where(far, near + 1 / rate, np.where(width < SMALL, 0.5 * (a + b), mean))
    variance = np.where(far, rate**-2.0, np.where(width < SMALL, width**2 / 12, variance))
    return np.clip(mean, a, b), np.clip(variance, 0.0, np.minimum(1.0, width**2 / 12))
