"""IMPACT: the logistic mixed model on the complete data, Bayesian and not, against glmer's, which the study prints."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from case_study import data_of, plan_of

import bayesimpute as bi

MONTE_CARLO = 400**-0.5
"""Of a posterior mean, in posterior SDs: the engine draws until every parameter has 400 effective draws."""


def as_printed(term: str) -> str:
    """R's name of a coefficient."""
    renamed = {"Intercept": "(Intercept)", "age": "age"}
    if term in renamed:
        return renamed[term]
    variable, label = term.removesuffix("]").split("[")
    return f"{variable} {label}" if variable == "motor_score" else variable + label


def test_the_maximum_is_that_of_glmer(public_data: None, published: Mapping[str, Any]) -> None:
    printed = {row["term"]: (row["estimate"], row["se"]) for row in published["impact_complete"]["terms"]}
    (analysis,) = plan_of("impact").analyses
    got = bi.fit(analysis.formula, bi.load_dataset("impact"), **analysis.options | {"engine": None})
    expected = np.array([printed[as_printed(term)] for term in got.terms])
    np.testing.assert_allclose(got.estimates, expected[:, 0], rtol=6e-3)  # printed with three digits
    np.testing.assert_allclose(got.std_errors, expected[:, 1], rtol=6e-3)


@pytest.mark.slow
def test_the_complete_data_fit_is_that_of_glmer(public_data: None, published: Mapping[str, Any]) -> None:
    printed = {row["term"]: (row["estimate"], row["se"]) for row in published["impact_complete"]["terms"]}
    (analysis,) = plan_of("impact").analyses
    got = bi.fit(analysis.formula, bi.load_dataset("impact"), **analysis.options)
    assert got.messages == ()
    assert sorted(map(as_printed, got.terms)) == sorted(printed)
    expected = np.array([printed[as_printed(term)] for term in got.terms])
    # printed with three digits; the prior of a slope, Normal(0, 1) for a standard deviation of its variable, and the
    # skewness of a logistic likelihood move a posterior mean by less than a Monte Carlo error here
    away = np.abs(got.estimates - expected[:, 0]) / expected[:, 1]
    assert away.max() < 5 * MONTE_CARLO
    # flat likelihoods of 15 studies: the SD between them, and with it the SE of what differs between them, is larger
    # as a posterior mean than as a maximum
    within = [term not in ("Intercept", "type[RCT]") for term in got.terms]
    np.testing.assert_allclose(got.std_errors[within], expected[within, 1], rtol=5 * MONTE_CARLO / 2**0.5 + 0.02)


def test_the_rule_takes_ages_of_those_who_died(public_data: None) -> None:
    data = data_of("impact")
    missing = data["age"].isna()
    assert missing[data["mort"] == 1].mean() > 2 * missing[data["mort"] == 0].mean()
    assert 0.25 < missing.mean() < 0.29
    assert data.drop(columns="age").notna().all(axis=None)
