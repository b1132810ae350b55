"""IMPACT: six incomplete covariates, labels in and out of order and yes/no, beside the fit to the complete data.

    python -m pytest -m slow tests/case_studies/test_impact_labels.py

What is pooled differs from the complete-data estimate by what happened to be missing: with the between-imputation
variance b by a standard error sqrt((1 + 1 / m) b).
"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from case_study import NOWHERE, Study, data_of, plan_of

import bayesimpute as bi
from bayesimpute.base.errors import errors
from bayesimpute.numerics.chains import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def impact(public_data: None) -> Study:
    return Study.of(plan_of("impact_labels"), data_of("impact_labels"))


def complete(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """The analysis of a frame: estimates and standard errors by term."""
    (analysis,) = study.plan.analyses
    found = bi.fit(analysis.formula, frame, family=analysis.family)
    return pd.DataFrame({"estimate": found.estimates, "se": found.std_errors}, index=pd.Index(found.terms))


@pytest.fixture(scope="module")
def table(impact: Study) -> pd.DataFrame:
    """Pooled estimates beside those of the complete data and of complete cases, by term."""
    analyses: Any = impact.analyses("mortality")
    drawn = pd.DataFrame([pd.Series(e.estimates, index=e.terms) for e in analyses.estimates])
    whole = bi.load_dataset("impact")
    found = complete(impact, whole).assign(pooled=drawn.mean(), b=drawn.var(ddof=1))
    found["error"] = np.sqrt((1 + 1 / len(drawn)) * found["b"])
    print(found.assign(z=(found["pooled"] - found["estimate"]) / found["error"]).round(4).to_string())
    return found.assign(cases=complete(impact, impact.frame.dropna())["estimate"])


def test_the_holes_are_those_that_were_meant(impact: Study) -> None:
    assert errors(bi.check(impact.plan, impact.frame)) == []
    assert impact.frame[list(impact.imputed.targets)].isna().mean().between(0.09, 0.24).all()
    for name, study in NOWHERE.items():
        assert impact.frame.loc[impact.frame["name"] == study, name].isna().all()


def test_chains_do_not_contradict_each_other(impact: Study) -> None:
    """They are too short for the rule of 400 effective draws of each parameter, which estimates do not need."""
    diagnosis = impact.imputed.diagnose()
    assert diagnosis.verdict in (Verdict.CONVERGED, Verdict.NEARLY)
    assert (diagnosis.parameters["r_hat"] < 1.1).all()


def test_coefficients_are_those_of_the_complete_data(table: pd.DataFrame) -> None:
    away = (table["pooled"] - table["estimate"]).abs()
    assert (away < 3 * table["error"] + 0.1 * table["se"]).all(), table
    assert (away < 0.75 * table["se"]).all(), table


def test_complete_cases_are_not(table: pd.DataFrame) -> None:
    assert ((table["cases"] - table["estimate"]).abs() / table["se"]).max() > 4


def test_labels_are_imputed_as_often_as_they_were(impact: Study) -> None:
    """Shares of the completed data beside the truth, in errors of what was missing; the holes are not by chance."""
    whole = bi.load_dataset("impact")
    for name in impact.imputed.targets:
        if name in NOWHERE:
            continue  # of a study that has nothing no share is known
        for label, share in whole[name].value_counts(normalize=True).items():
            drawn = np.array([(done[name] == label).mean() for done in impact.imputed])
            error = drawn.std(ddof=1) * np.sqrt(1 + 1 / len(drawn))
            assert abs(drawn.mean() - share) < 4 * error, (name, label, drawn.mean(), share, error)
