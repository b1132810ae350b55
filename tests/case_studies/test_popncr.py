"""popNCR: five incomplete variables, one of them deducible; against R's two-level run and the truth.

Part of this missingness is not at random, so no imputation under "at random" can reach the true means; R cannot either.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from studies import Study, assert_converged, assert_terms_agree, icc1

import bayesimpute as bi

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def popncr(study: Callable[[str], Study]) -> Study:
    return study("popncr")


@pytest.fixture(scope="module")
def truth(public_data: None) -> pd.DataFrame:
    return bi.load_dataset("popular_complete")


@pytest.fixture(scope="module")
def two_level(cases_of_r: Mapping[str, Any]) -> Mapping[str, Any]:
    return cases_of_r["popncr_2level"]


def test_it_converges(popncr: Study) -> None:
    assert_converged(popncr)


def test_teacher_experience_comes_back_exactly_and_an_event_says_so(popncr: Study, truth: pd.DataFrame) -> None:
    for frame in popncr.imputed:
        np.testing.assert_array_equal(frame["texp"], truth["texp"])
    events = popncr.imputed.events
    assert events.loc[events["target"] == "texp", "what"].str.contains("976 cells filled in").any()
    assert "texp" not in popncr.imputed.targets


@pytest.mark.parametrize("name", ["extrav", "sex", "popular", "popteach", "texp"])
def test_pooled_means_agree_with_r(name: str, popncr: Study, two_level: Mapping[str, Any]) -> None:
    """R's file has no Monte Carlo errors of the means: with as many imputations they are taken to be like ours."""
    means = np.array([frame[name].mean() for frame in popncr.imputed])
    variances = np.array([frame[name].var() / len(frame) for frame in popncr.imputed])
    between = means.var(ddof=1)
    theirs = next(row["mean"] for row in two_level["describe_mean"] if row["var"] == name)
    monte_carlo = np.sqrt(2 * between / len(means))
    std_error = np.sqrt(variances.mean() + (1 + 1 / len(means)) * between)
    assert abs(means.mean() - theirs) <= 2 * monte_carlo + 0.1 * std_error


def test_the_analysis_agrees_with_r(popncr: Study, two_level: Mapping[str, Any]) -> None:
    assert_terms_agree(popncr.pooled("main"), two_level)


@pytest.mark.parametrize("name", ["popular", "popteach"])
def test_intraclass_correlations_are_those_of_the_complete_data(name: str, popncr: Study, truth: pd.DataFrame) -> None:
    ours = np.mean([icc1(frame[name], frame["class"]) for frame in popncr.imputed])
    assert abs(ours - icc1(truth[name], truth["class"])) <= 0.03


@pytest.mark.parametrize("name", ["popular", "popteach"])
def test_imputation_brings_the_means_nearer_to_the_truth_but_not_there(
    name: str, popncr: Study, truth: pd.DataFrame
) -> None:
    """Values are missing where they are high: the observed mean is too low, and what is not at random stays so."""
    ours = np.mean([frame[name].mean() for frame in popncr.imputed])
    assert popncr.frame[name].mean() < ours < truth[name].mean()
