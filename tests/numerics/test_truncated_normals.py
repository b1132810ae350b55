"""Normals between two bounds, in the middle and far out."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_ndtr

from bayesimpute.numerics.truncated_normals import draw_between

ENDS = [(-np.inf, np.inf), (-1.0, 4.0), (-0.2, 0.3), (0.5, 0.6), (0.5, 9.0), (3.0, 3.1), (8.0, np.inf), (30.0, 31.0)]


def uniform(x: np.ndarray, a: float, b: float) -> np.ndarray:
    """The distribution function, from its upper tail."""
    upper, first, last = (np.exp(log_ndtr(-v) - log_ndtr(-a)) for v in (x, np.array(a), np.array(b)))
    return (first - upper) / (first - last)


@pytest.mark.parametrize(("a", "b"), ENDS)
@pytest.mark.parametrize("side", [1, -1])
def test_normals_between_bounds_have_their_distribution(a: float, b: float, side: int) -> None:
    low, high = (a, b) if side == 1 else (-b, -a)
    x = draw_between(np.random.default_rng(1), np.full(20_000, low), np.full(20_000, high))
    assert ((x >= low) & (x <= high)).all()
    assert stats.kstest(uniform(side * x, a, b), "uniform").pvalue > 1e-3


def test_where_there_is_nothing_between_the_lower_end_is_the_draw() -> None:
    ends = np.array([2.0, -1.0, 1e200])
    assert list(draw_between(np.random.default_rng(1), ends, ends)) == list(ends)
