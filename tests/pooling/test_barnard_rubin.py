"""Degrees of freedom of Rubin (1987) and of Barnard & Rubin (1999); each test has the name of mice's test of the same.

In mice these are the tests of ``barnard.rubin``; the checks are written anew.
"""

from collections.abc import Callable
from math import inf

import numpy as np
import pytest

from bayesimpute.pooling import degrees_of_freedom, rubin

M, DFCOM = 10, 100.0
LAMBDAS = np.linspace(1, 1e-4, 100)


def harmonic(lambda_: np.ndarray) -> np.ndarray:
    """As in the paper: the large-sample and the observed-data degrees of freedom, as resistors in parallel."""
    large, observed = (M - 1) / lambda_**2, (DFCOM + 1) / (DFCOM + 3) * DFCOM * (1 - lambda_)
    return large * observed / (large + observed)


def finite_is_the_formula_of_the_paper() -> None:
    np.testing.assert_allclose(degrees_of_freedom(M, LAMBDAS[1:], dfcom=DFCOM), harmonic(LAMBDAS[1:]), rtol=1e-12)
    assert degrees_of_freedom(M, np.array([1.0]), dfcom=DFCOM)[0] == 0  # all information is missing


def infinite_is_rubins() -> None:
    np.testing.assert_allclose(degrees_of_freedom(M, LAMBDAS, dfcom=inf), (M - 1) / LAMBDAS**2, rtol=1e-14)


def small_lambdas_have_no_floor() -> None:
    small = np.linspace(1e-4, 0, 100)[1:]
    got = degrees_of_freedom(M, small, dfcom=DFCOM)
    assert (got > harmonic(np.array([1e-4]))[0]).all()
    assert (np.diff(got) > 0).all()


def the_limit_is_that_of_complete_data() -> None:
    limit = DFCOM * (DFCOM + 1) / (DFCOM + 3)
    got = degrees_of_freedom(M, np.array([0, 1e-8, 1e-6, 5e-5]), dfcom=DFCOM)
    assert np.isfinite(got).all()
    assert got[0] == pytest.approx(limit, rel=1e-14)
    assert (np.diff(got) < 0).all()
    assert got[-1] > harmonic(np.array([1e-4]))[0]  # nearer to the limit than a floor of 1e-4 would allow
    assert rubin(np.full((M, 1), 2.0), np.ones((M, 1)), dfcom=DFCOM).df[0] == pytest.approx(limit, rel=1e-14)


def each_scalar_may_have_its_own() -> None:
    lambdas, dfcom = np.array([1e-3, 0.2, 0.5]), np.array([inf, 30.0, 7.0])
    together = degrees_of_freedom(8, lambdas, dfcom=dfcom)
    alone = [float(degrees_of_freedom(8, lam, dfcom=df)) for lam, df in zip(lambdas, dfcom, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-14)  # numbers and arrays may have powers of their own
    assert together[0] == pytest.approx(7 / 1e-6, rel=1e-12)


CASES: dict[str, Callable[[], None]] = {
    "BARNARD-RUBIN-001": finite_is_the_formula_of_the_paper,
    "BARNARD-RUBIN-002": infinite_is_rubins,
    "BARNARD-RUBIN-003": small_lambdas_have_no_floor,
    "BARNARD-RUBIN-004": the_limit_is_that_of_complete_data,
    "BARNARD-RUBIN-005": each_scalar_may_have_its_own,
}


@pytest.mark.parametrize("name", CASES)
def test_degrees_of_freedom(name: str) -> None:
    CASES[name]()
