"""The popularity tutorial: a cross-level interaction with random slopes, against truth and published attempt."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from case_study import Pooled, Study, assert_converged

import bayesimpute as bi
from bayesimpute.analysis import fit

pytestmark = pytest.mark.slow

GENDER = "gender_ij[girl]"
INTERACTION = "extraversion_ij:experience_j"


@pytest.fixture(scope="module")
def tutorial(study: Callable[[str], Study]) -> Study:
    return study("popularity_tutorial")


@pytest.fixture(scope="module")
def pooled(tutorial: Study) -> Pooled:
    return tutorial.pooled("interaction")


@pytest.fixture(scope="module")
def truth(tutorial: Study) -> bi.Estimate:
    return fit(tutorial.plan.analyses[0].formula, bi.load_dataset("popular_tutorial_complete"), reml=False)


def _attempt(published: Mapping[str, Any]) -> dict[str, float]:
    return {row["term"]: row["estimate"] for row in published["tut_mi_interaction"]["terms"]}


def test_it_converges(tutorial: Study) -> None:
    assert_converged(tutorial)


def test_the_truth_is_the_published_one(truth: bi.Estimate, published: Mapping[str, Any]) -> None:
    stated = [row["estimate"] for row in published["tut_true_interaction"]["terms"]]
    assert truth.estimates == pytest.approx(stated, abs=0.0005)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(GENDER, "gender_ij"), ("extraversion_ij", "extraversion_ij"), ("experience_j", "experience_j")],
)
def test_nearer_to_the_truth_than_the_published_attempt(
    ours: str, theirs: str, pooled: Pooled, truth: bi.Estimate, published: Mapping[str, Any]
) -> None:
    true = truth.estimates[truth.terms.index(ours)]
    assert abs(pooled.terms.loc[ours, "estimate"] - true) < abs(_attempt(published)[theirs] - true)


def test_experience_and_gender_are_imputed_as_what_they_are(tutorial: Study) -> None:
    truth = bi.load_dataset("popular_tutorial_complete")
    for frame in tutorial.imputed:
        assert (frame["experience_j"] == truth["experience_j"]).all()
        assert set(frame["gender_ij"]) == {"boy", "girl"}


def test_the_interaction_loses_less_than_in_the_published_attempt(
    pooled: Pooled, truth: bi.Estimate, published: Mapping[str, Any]
) -> None:
    """Chained equations lose part of it (substantive-model compatibility); experience in sigma keeps most of it."""
    true = truth.estimates[truth.terms.index(INTERACTION)]
    assert abs(true) > abs(pooled.terms.loc[INTERACTION, "estimate"]) > abs(_attempt(published)[INTERACTION])
