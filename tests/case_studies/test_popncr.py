"""popNCR: five incomplete variables, one of them deducible; against R's two-level run and the truth.

Part of this missingness is not at random, so no imputation under "at random" can reach the true means; R cannot either.
The plan has the cluster means that R's models lack: with them the intraclass correlations are kept.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from case_study import Study, assert_converged, icc1

import bayesimpute as bi
from bayesimpute.analysis import fit

pytestmark = pytest.mark.slow

VARIABLES = ("extrav", "sex", "popular", "popteach", "texp")
CLUSTER_MEAN = re.compile(r" \+ cluster_mean\([^)]*\)")


@pytest.fixture(scope="module")
def popncr(study: Callable[[str], Study]) -> Study:
    return study("popncr")


@pytest.fixture(scope="module")
def twin(popncr: Study) -> Study:
    """R's model, which has no cluster means, in our engine: its spread over imputations is R's Monte Carlo error."""
    conditionals = tuple(
        replace(c, formulas={"mu": CLUSTER_MEAN.sub("", c.formulas["mu"])}) for c in popncr.plan.conditionals
    )
    plan = replace(popncr.plan, conditionals=conditionals)
    return Study.of(plan, popncr.frame)


@dataclass(frozen=True)
class Mean:
    """The pooled mean of a variable, its standard error and its Monte Carlo error."""

    estimate: float
    std_error: float
    mcse: float


def _mean(study: Study, name: str) -> Mean:
    means = np.array([frame[name].mean() for frame in study.imputed])
    within = np.mean([frame[name].var() / len(frame) for frame in study.imputed])
    between = means.var(ddof=1)
    return Mean(means.mean(), np.sqrt(within + (1 + 1 / len(means)) * between), np.sqrt(between / len(means)))


def _mean_of_r(case: Mapping[str, Any], name: str) -> float:
    return next(row["mean"] for row in case["describe_mean"] if row["var"] == name)


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


@pytest.mark.parametrize("name", VARIABLES)
def test_pooled_means_of_the_model_of_r_agree_with_r(name: str, twin: Study, two_level: Mapping[str, Any]) -> None:
    ours, theirs = _mean(twin, name), _mean_of_r(two_level, name)
    assert abs(ours.estimate - theirs) <= 2 * np.hypot(ours.mcse, ours.mcse) + 0.1 * ours.std_error


@pytest.mark.parametrize("name", VARIABLES)
def test_pooled_means_of_the_plan_are_as_near_to_the_truth_as_those_of_r(
    name: str, popncr: Study, twin: Study, two_level: Mapping[str, Any], truth: pd.DataFrame
) -> None:
    """The plan has cluster means, which R's model lacks: they bring the means of popularity nearer to the truth."""
    ours, theirs, true = _mean(popncr, name), _mean_of_r(two_level, name), truth[name].mean()
    monte_carlo = np.hypot(ours.mcse, _mean(twin, name).mcse)
    rounding = 1e-7  # R's figures have eight decimals
    assert abs(ours.estimate - true) <= abs(theirs - true) + 2 * monte_carlo + rounding


def test_the_analysis_is_within_two_standard_errors_of_the_truth(popncr: Study, truth: pd.DataFrame) -> None:
    terms = popncr.pooled("main").terms
    complete = fit(popncr.plan.analyses[0].formula, truth, reml=False)
    assert tuple(terms.index) == complete.terms
    assert (np.abs(terms["estimate"] - complete.estimates) <= 2 * terms["std_error"]).all()


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
