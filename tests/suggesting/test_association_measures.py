"""Associations against NumPy and SciPy on complete pairs, and what chance gives to categories of many labels."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesimpute.suggesting.association_measures import DIGITS, FEWEST, Associations, cramers_v, labels, numbers

RNG = np.random.default_rng(1)
N = 5000
"""More than the rows that are taken together."""


def holes(values: np.ndarray, share: float = 0.2) -> np.ndarray:
    return np.where(RNG.random(len(values)) < share, np.nan, values)


def made() -> dict[str, np.ndarray]:
    x = RNG.normal(size=N)
    return {
        "x": holes(x * 3 + 100),
        "y": holes(0.5 * x + RNG.normal(size=N)),
        "two": holes((x + RNG.normal(size=N) > 0).astype(float)),
        "five": holes(np.digitize(x + RNG.normal(size=N), [-1, 0, 1, 2]).astype(float)),
        "three": holes(np.digitize(x + RNG.normal(size=N), [-1, 1]).astype(float)),
    }


@pytest.fixture(scope="module")
def values() -> dict[str, np.ndarray]:
    return made()


@pytest.fixture(scope="module")
def found(values: dict[str, np.ndarray]) -> Associations:
    kinds = {name: labels if name in ("two", "five", "three") else numbers for name in values}
    return Associations({name: kinds[name](column) for name, column in values.items()})


def pairs(values: dict[str, np.ndarray], one: str, other: str) -> tuple[np.ndarray, np.ndarray]:
    both = ~np.isnan(values[one]) & ~np.isnan(values[other])
    return values[one][both], values[other][both]


def test_numbers_have_the_correlation(found: Associations, values: dict[str, np.ndarray]) -> None:
    r = abs(np.corrcoef(*pairs(values, "x", "y"))[0, 1])
    assert found.between("x", "y") == pytest.approx(r, abs=10.0**-DIGITS)


def test_two_labels_are_a_number(found: Associations, values: dict[str, np.ndarray]) -> None:
    """Eta of two labels is |r|, and V of two by two labels phi."""
    r = abs(np.corrcoef(*pairs(values, "two", "x"))[0, 1])
    assert found.between("two", "x") == pytest.approx(r, abs=10.0**-DIGITS)
    a, b = (RNG.integers(0, 2, 300) for _ in range(2))
    assert cramers_v(pd.crosstab(a, b).to_numpy()) == pytest.approx(abs(np.corrcoef(a, b)[0, 1]), abs=1e-12)


def test_labels_have_eta_and_v_of_one_degree_of_freedom(found: Associations, values: dict[str, np.ndarray]) -> None:
    five, x = pairs(values, "five", "x")
    groups = [x[five == k] for k in range(5)]
    between = sum(len(g) * (g.mean() - x.mean()) ** 2 for g in groups) / (len(x) * x.var())
    eta = np.sqrt(1 - (1 - between) * (len(x) - 2) / (len(x) - 5))
    assert found.between("x", "five") == pytest.approx(eta, abs=10.0**-DIGITS)
    five, three = pairs(values, "five", "three")
    n = len(five)
    chi2: Any = stats.chi2_contingency(pd.crosstab(five, three), correction=False)
    phi = chi2.statistic / n
    v = np.sqrt((phi - 7 / (n - 1)) / min(2 - 3 / (n - 1), 4 - 15 / (n - 1)))
    assert found.between("three", "five") == pytest.approx(v, abs=10.0**-DIGITS)


def test_symmetric_and_at_most_one(found: Associations, values: dict[str, np.ndarray]) -> None:
    for one in values:
        for other in values:
            assert found.between(one, other) == found.between(other, one) <= 1
        assert found.between(one, one) == pytest.approx(1, abs=1e-8)


def test_many_labels_gain_nothing_by_chance() -> None:
    """Squares of associations of what is independent have the mean of a squared correlation, 1 / (n - 1)."""
    rng, n, times = np.random.default_rng(3), 200, 400
    squares = np.zeros((times, 2))
    for k in range(times):
        twenty, eight, x = rng.integers(0, 20, n), rng.integers(0, 8, n), rng.normal(size=n)
        got = Associations({"a": labels(twenty.astype(float)), "b": labels(eight.astype(float)), "x": numbers(x)})
        squares[k] = got.between("a", "x") ** 2, got.between("a", "b") ** 2
    # Cut off at zero the mean is larger; without the correction it is 19 and 19 * 7 / 7 times 1 / (n - 1).
    assert (squares.mean(axis=0) < 6 / (n - 1)).all()


def test_little_known_is_nothing() -> None:
    x = np.arange(50.0)
    few = np.where(x < FEWEST - 1, x, np.nan)
    got = Associations({"x": numbers(x), "few": numbers(few), "flat": numbers(np.ones(50)), "l": labels(few)})
    assert [got.between("x", name) for name in ("few", "flat", "l")] == [0, 0, 0]
