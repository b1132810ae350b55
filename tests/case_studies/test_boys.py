"""boys: stages of puberty as ordered labels and the region as labels in no order, far outside of the ages observed.

Nobody younger than 7.8 years was assessed, and of the youngest who were, all are in the first stage: ages tell the
first stage from the others almost completely, and all below has to be extrapolated.

    python -m pytest -m slow tests/case_studies/test_boys.py
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from case_study import Study, assert_converged
from scipy import stats

import bayesimpute as bi

pytestmark = pytest.mark.slow

STAGES = {"gen": ("G1", "G2", "G3", "G4", "G5"), "phb": ("P1", "P2", "P3", "P4", "P5", "P6")}
ASSESSED = 7.8
"""Years: the youngest whose stage is known."""
AGES = (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 22)


@pytest.fixture(scope="module")
def boys(study: Callable[[str], Study]) -> Study:
    return study("boys")


def scored(study: Study, name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Imputed stages as 1 to K, (boy, imputation), and the observed ones, by boy."""
    places = {label: k + 1 for k, label in enumerate(STAGES[name])}
    missing = study.frame[name].isna()
    found = {k: done.loc[missing, name].map(places) for k, done in enumerate(study.imputed)}
    return pd.DataFrame(found).astype(float), study.frame[name].dropna().map(places).astype(float)


def banded(study: Study, rows: pd.Index) -> pd.Series:
    return pd.cut(study.frame.loc[rows, "age"], AGES)


def test_it_converges(boys: Study) -> None:
    assert_converged(boys)


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_imputed_as_the_labels_that_there_are(boys: Study, name: str) -> None:
    assert boys.frame.loc[boys.frame[name].notna(), "age"].min() > ASSESSED
    for done in boys.imputed:
        assert done[name].dtype == boys.frame[name].dtype
        assert set(done[name]) == set(STAGES[name])
        known = boys.frame[name].notna()
        assert (done.loc[known, name] == boys.frame.loc[known, name]).all()


@pytest.mark.parametrize("name", STAGES)
def test_imputed_stages_go_up_with_age(boys: Study, name: str) -> None:
    imputed, _ = scored(boys, name)
    bands = banded(boys, imputed.index)
    level = imputed.mean(axis=1).groupby(bands, observed=True).mean()
    assert level.is_monotonic_increasing, level
    # of each boundary between stages, too
    for stage in range(2, len(STAGES[name]) + 1):
        beyond = (imputed >= stage).mean(axis=1).groupby(bands, observed=True).mean()
        assert (beyond.diff().dropna() >= -0.01).all(), beyond
    young = boys.frame.loc[imputed.index, "age"] < 4
    assert (imputed[young] == 1).mean(axis=None) > 0.98
    assert (imputed[young] <= 2).all(axis=None)


@pytest.mark.parametrize("name", STAGES)
def test_where_stages_are_observed_the_imputed_ones_are_about_the_same(boys: Study, name: str) -> None:
    """By band of ages, within the errors of observed means and of imputed ones over the datasets."""
    imputed, observed = scored(boys, name)
    theirs = observed.groupby(banded(boys, observed.index), observed=True)
    ours = imputed.groupby(banded(boys, imputed.index), observed=True).mean()
    for band, values in theirs:
        if len(values) < 30:
            continue
        means = ours.loc[band]
        error = np.sqrt(values.var() / len(values) + means.var())
        assert abs(means.mean() - values.mean()) < 3 * error, (band, means.mean(), values.mean(), error)


def test_the_region_is_imputed_as_often_as_it_was(boys: Study) -> None:
    """A hundred and fifty of the known regions are taken out; three are too few to say something."""
    rng = np.random.default_rng(9)
    known = boys.frame[["age", "hgt", "wgt", "reg"]].dropna()
    gone = pd.Series(False, index=known.index)
    gone[rng.choice(known.index, 150, replace=False)] = True
    plan = bi.Plan.of(["reg ~ age + hgt + wgt"], columns={"reg": "labels"}, run=bi.Run(m=100, chains=2, sweeps=400))
    done = bi.impute(known.assign(reg=known["reg"].mask(gone)), plan, seed=1, progress=False)
    assert done.diagnose().converged
    drawn = pd.DataFrame({k: d.loc[gone, "reg"].value_counts(normalize=True) for k, d in enumerate(done)}).fillna(0.0)
    truth = known.loc[gone, "reg"].value_counts(normalize=True)
    assert set(drawn.index) == set(truth.index)
    away = (drawn.mean(axis=1) - truth) / np.sqrt(truth * (1 - truth) / 150 * (1 + 150 / (~gone).sum()))
    assert (away**2).sum() < stats.chi2(4).isf(1e-3)
    assert abs(drawn.mean(axis=1) - known.loc[~gone, "reg"].value_counts(normalize=True)).max() < 0.02
