"""Predictive mean matching as a family: who is near, ties, donors of the own cluster, what is matched, what is told."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesimpute.data.columns import Column, encode
from bayesimpute.families import FAMILIES, AtRows, Context, Donors, Family, Gaussian, PredictiveMeanMatching
from bayesimpute.families.nearest_donors import Pool, drawn_donors

DRAWS = 20_000


def column(values: Any) -> Column:
    return encode(pd.Series(values), "v")


def matching(values: Any = (0.5, 1.5, 2.5), **options: Any) -> PredictiveMeanMatching:
    return PredictiveMeanMatching(**options).bind(column(values))


def shares(donors: Any, recipient: Any, k: int, **options: Any) -> np.ndarray:
    """How often each donor is drawn for one recipient."""
    theirs = np.asarray(donors, dtype=float).reshape(len(donors), -1)
    one = np.tile(np.asarray(recipient, dtype=float).reshape(1, -1), (DRAWS, 1))
    clusters = {"clusters": (np.array(options["theirs"]), np.full(DRAWS, options["own"]))} if options else {}
    found = drawn_donors(np.random.default_rng(1), theirs, one, k, **clusters)
    return np.bincount(found, minlength=len(donors)) / DRAWS


def near(found: np.ndarray, expected: Any) -> bool:
    """Within four Monte Carlo errors."""
    expected = np.asarray(expected, dtype=float)
    return bool((np.abs(found - expected) <= 4 * np.sqrt(expected * (1 - expected) / DRAWS)).all())


def test_each_of_the_k_nearest_is_drawn_as_often() -> None:
    assert near(shares([0.0, 1, 2, 3, 10, 11], 2.2, 3), [0, 1 / 3, 1 / 3, 1 / 3, 0, 0])
    assert near(shares([11.0, 3, 0, 10, 2, 1], 100, 2), [1 / 2, 0, 0, 1 / 2, 0, 0])
    assert near(shares([[0.0, 0], [0, 1], [5, 5], [1, 0]], [0.1, 0.1], 3), [1 / 3, 1 / 3, 0, 1 / 3])


def test_where_there_are_fewer_donors_all_are_near() -> None:
    assert near(shares([0.0, 5], 1, 5), [1 / 2, 1 / 2])
    assert near(shares([7.0], 1, 5), [1])


@pytest.mark.parametrize("dimension", [1, 2])
def test_ties_are_broken_at_random(dimension: int) -> None:
    """The first in the order of the data would have all recipients, as in old versions of mice."""
    donors = np.repeat([[0.0] * dimension, [1.0] * dimension], [40, 2], axis=0)
    assert near(shares(donors, np.zeros(dimension), 5), [1 / 40] * 40 + [0, 0])
    assert near(shares(donors, np.ones(dimension), 5), [3 / 5 / 40] * 40 + [1 / 5] * 2)


def test_donors_on_both_sides_at_the_same_distance_are_ties() -> None:
    assert near(shares([1.0, 3, 2, 9], 2, 2), [1 / 4, 1 / 4, 1 / 2, 0])


def test_predictions_that_differ_by_rounding_are_ties() -> None:
    donors = np.concatenate([1 + np.arange(40) * 2.0**-52, [5.0]])
    assert near(shares(donors, 1.0, 5), [1 / 40] * 40 + [0])


def test_predictions_that_are_all_the_same_or_huge_have_donors() -> None:
    assert near(shares([3.0] * 4, 8, 2), [1 / 4] * 4)
    assert near(shares([1e300, -1e300, 0], -1e300, 1), [0, 1, 0])
    assert near(shares([0.0, 1e-300], 1e300, 1), [0, 1])


def test_it_is_the_nearest_by_all_distances() -> None:
    rng = np.random.default_rng(3)
    for dimension in (1, 3):
        donors, recipients = rng.normal(size=(200, dimension)), rng.normal(size=(50, dimension))
        away = np.linalg.norm(recipients[:, None] - donors, axis=2)
        found = Pool.of(donors).drawn(rng, recipients, 1)
        np.testing.assert_array_equal(found, away.argmin(axis=1))
        drawn = np.array([Pool.of(donors).drawn(rng, recipients, 4) for _ in range(200)])
        for row, nearest in enumerate(np.argsort(away, axis=1)[:, :4]):
            assert set(drawn[:, row]) == set(nearest)


def test_donors_of_the_own_cluster_come_first() -> None:
    donors, theirs = [0.0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 2]
    assert near(shares(donors, 5, 2, theirs=theirs, own=0), [0, 1 / 2, 1 / 2, 0, 0, 0])
    assert near(shares(donors, 0, 3, theirs=theirs, own=1), [1 / 3, 0, 0, 1 / 3, 1 / 3, 0])
    assert near(shares(donors, 0, 4, theirs=theirs, own=1), [1 / 4, 1 / 4, 0, 1 / 4, 1 / 4, 0])
    assert near(shares(donors, 0, 2, theirs=theirs, own=7), [1 / 2, 1 / 2, 0, 0, 0, 0])
    assert near(shares(donors[:3], 0, 5, theirs=[4, 4, 4], own=4), [1 / 3] * 3)


def test_it_has_the_parameters_and_the_likelihood_of_the_law_that_it_matches() -> None:
    family, law = matching(), Gaussian()
    y, theta = np.array([0.3, 2.0]), {"mu": np.array([0.0, 1.0]), "sigma": np.array(2.0)}
    assert family.fitted_as == law and family.parameters == law.parameters
    assert family.standardise and family.values is law.values and family.bambi == law.bambi
    assert not family.density and not family.normal
    np.testing.assert_array_equal(family.logp(y, theta), law.logp(y, theta))
    np.testing.assert_array_equal(family.information(theta, y), law.information(theta, y))


@pytest.mark.parametrize(
    ("values", "law"),
    [
        ([0.5, 1.5, 2.5], "gaussian"),
        (["a", "b", "c"], "categorical"),
        ([True, False], "bernoulli"),
        (pd.Categorical(["a", "b", "c"], ordered=True), "ordinal"),
        ([0] * 30 + [1, 2, 8, 12, 20, 31, 40, 55], "negative_binomial"),
    ],
)
def test_auto_is_the_law_that_a_column_has_without_it(values: Any, law: str) -> None:
    assert PredictiveMeanMatching().undecided
    family = matching(values)
    assert family.fitted_as.name == law and not family.undecided
    assert family.values is FAMILIES[law].values and family == family.bind(column(values))
    assert not PredictiveMeanMatching(on="gaussian").undecided
    assert matching([1, 2, 3], on="student_t").fitted_as.name == "student_t"


def predicted(family: Family, theta: Mapping[str, Any]) -> list[Any]:
    assert isinstance(family, PredictiveMeanMatching)
    return family.predictions({name: np.asarray(value, dtype=float) for name, value in theta.items()}).tolist()


def test_what_is_matched() -> None:
    assert predicted(matching(), {"mu": [1, 2], "sigma": 3}) == [[1], [2]]
    assert predicted(matching([True, False]), {"mu": [0.1, 0.9]}) == [[0.1], [0.9]]
    assert predicted(matching(["a", "b", "c"]), {"mu": [[0, 0, 0]]}) == [[pytest.approx(1 / 3)] * 3]
    ordered = matching(pd.Categorical(["a", "b", "c"], ordered=True))
    assert predicted(ordered, {"mu": [-1, 2], "cutpoints": [0, 1]}) == [[-1], [2]]
    assert predicted(matching([0, 3], on="poisson"), {"mu": [1, np.e]}) == [[0], [1]]
    two = matching([0, 3], on="hurdle_poisson")
    assert predicted(two, {"mu": [30.0], "zero": [0.5]}) == [[pytest.approx(np.log(15))]]


@pytest.mark.parametrize(
    ("options", "place", "told"),
    [
        ({"on": "gausian"}, "on", 'did you mean "gaussian"'),
        ({"on": "heckman_gaussian"}, "on", "use one of"),
        ({"on": "binomial"}, "on", "use one of"),
        ({"on": "pmm"}, "on", "use one of"),
        ({"donors": 0}, "donors", "give 5"),
    ],
)
def test_what_cannot_be_matched(options: Mapping[str, Any], place: str, told: str) -> None:
    (conflict,) = PredictiveMeanMatching(**options).conflicts
    assert conflict.option == place and told in conflict.remedy


def context(y: np.ndarray, theirs: np.ndarray, n: int) -> Context:
    donors = Donors(y=y, theta={"mu": theirs, "sigma": np.array(1.0)})
    nothing = AtRows(y=np.full(n, np.nan), side={})
    return Context(rows=np.arange(n), look=lambda rows: nothing, fitted=lambda: donors)


def test_imputed_values_are_the_donors() -> None:
    y, rng = np.array([10.0, 20.0, 30.0]), np.random.default_rng(1)
    at = {"mu": np.array([2.9, 0.2]), "sigma": np.array(1.0)}
    found = matching(donors=1).impute(rng, at, context(y, np.array([0.0, 1.0, 3.0]), 2))
    assert found.tolist() == [30, 10]


def test_few_donors_for_many_and_recipients_far_out_are_told() -> None:
    rng, y = np.random.default_rng(1), np.arange(50.0)
    here = {"mu": np.linspace(0, 49, 40), "sigma": np.array(1.0)}
    assert matching().remarks(rng, here, context(y, y, 40)) == ()
    away = {"mu": np.where(np.arange(40) < 30, here["mu"], 60.0), "sigma": np.array(1.0)}
    (served, _), (outside, _) = matching(donors=1).remarks(rng, away, context(y, y, 40))
    assert served.startswith("one donor serves 2") and "of the 40 recipients" in served
    assert "25% of the 40 recipients are predicted outside" in outside
    few = {"mu": away["mu"][-10:], "sigma": np.array(1.0)}
    assert matching().remarks(rng, few, context(y, y, 10)) == ()
