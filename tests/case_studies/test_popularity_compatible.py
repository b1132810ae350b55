"""The popularity tutorial by imputation that is compatible with its analysis, beside all other answers to it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from case_study import Study, assert_converged

import bayesimpute as bi
from bayesimpute.analysis import fit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compatible(study: Callable[[str], Study]) -> Study:
    return study("popularity_compatible")


@pytest.fixture(scope="module")
def formula(compatible: Study) -> str:
    return compatible.plan.analyses[0].formula


@pytest.fixture(scope="module")
def truth(formula: str) -> bi.Estimate:
    return fit(formula, bi.load_dataset("popular_tutorial_complete"))


def distance(estimates: np.ndarray, truth: bi.Estimate) -> float:
    """Root mean squared distance from the truth, in standard errors of the complete data."""
    errors = np.sqrt(np.diag(truth.covariance))
    return float(np.sqrt(np.mean(((np.asarray(estimates) - truth.estimates) / errors) ** 2)))


def test_it_converges(compatible: Study) -> None:
    assert_converged(compatible)


def test_nearer_to_the_truth_than_complete_cases_and_than_the_published_attempt(
    compatible: Study, formula: str, truth: bi.Estimate, published: Mapping[str, Any]
) -> None:
    ours = compatible.pooled("interaction").terms.loc[list(truth.terms), "estimate"]
    cases = fit(formula, bi.load_dataset("popular_tutorial_MAR").dropna())
    attempt = {row["term"]: row["estimate"] for row in published["tut_mi_interaction"]["terms"]}
    slopes = [0 if t == "Intercept" else 1 for t in truth.terms]  # its gender is a number: another intercept
    assert distance(ours.to_numpy(), truth) < distance(cases.estimates, truth)
    theirs = [attempt.get(t, attempt.get(t.partition("[")[0], np.nan)) for t in truth.terms]
    errors = np.sqrt(np.diag(truth.covariance))
    gaps = [(abs(np.asarray(x) - truth.estimates) / errors)[np.array(slopes) == 1] for x in (ours, theirs)]
    assert np.sqrt(np.mean(gaps[0] ** 2)) < np.sqrt(np.mean(gaps[1] ** 2))


def test_the_plan_ignores_no_term_of_the_analysis(compatible: Study, formula: str) -> None:
    assert bi.congenial(compatible.plan, formula, bi.load_dataset("popular_tutorial_MAR")) == []
