"""brandsma: section 7.10.4 of Flexible Imputation of Missing Data, a nominal variable of schools, against R.

R's figures have the denomination matched as if 1 to 4 were a number; ours are of labels with probabilities, a row a
school. Thirteen schools are concerned: for their contrasts half an SE is allowed, as for printed figures.

    python -m pytest -m slow tests/case_studies/test_brandsma_denomination.py
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from case_study import Study, assert_components_agree, assert_converged
from scipy import stats

pytestmark = pytest.mark.slow

OF_R = "fimd_7.10.4"


@pytest.fixture(scope="module")
def schools(study: Callable[[str], Study]) -> Study:
    return study("brandsma_denomination")


def test_it_converges(schools: Study) -> None:
    assert_converged(schools)


def test_fixed_effects_agree_with_r(schools: Study, cases_of_r: Mapping[str, Any]) -> None:
    ours = schools.pooled("denomination").terms
    theirs = {
        row["term"].replace("(Intercept)", "Intercept").replace("as.factor(den)", "den"): row
        for row in cases_of_r[OF_R]["terms"]
    }
    assert {str(term).replace("[", "").replace("]", "") for term in ours.index} == set(theirs)
    for term, mine in ours.iterrows():
        row = theirs[str(term).replace("[", "").replace("]", "")]
        share = 0.1 if term == "iqv" else 0.5
        allowed = 2 * np.hypot(mine["mcse"], row["mcse"]) + share * row["se"]
        assert abs(mine["estimate"] - row["estimate"]) < allowed, (term, mine["estimate"], row["estimate"])
        assert mine["std_error"] == pytest.approx(row["se"], rel=0.10), term


def test_variances_agree_with_r(schools: Study, cases_of_r: Mapping[str, Any]) -> None:
    assert_components_agree(schools.pooled("denomination"), cases_of_r[OF_R])


def test_a_school_has_one_denomination(schools: Study) -> None:
    known = schools.frame["den"].notna()
    for done in schools.imputed:
        assert done.groupby("sch")["den"].nunique().eq(1).all()
        assert set(done["den"]) == {1, 2, 3, 4} and done["den"].dtype == schools.frame["den"].dtype
        assert (done.loc[known, "den"] == schools.frame.loc[known, "den"]).all()


def test_imputed_denominations_have_about_the_observed_shares(schools: Study) -> None:
    """Thirteen schools, each with probabilities of its own: their mean differs less than thirteen draws would."""
    each = schools.frame.groupby("sch")["den"].first()
    gone, shares = each.isna(), each.value_counts(normalize=True)
    drawn = [done.groupby("sch")["den"].first()[gone] for done in schools.imputed]
    mean = np.mean([[(d == k).mean() for k in shares.index] for d in drawn], axis=0)
    assert ((mean - shares) ** 2 / shares).sum() * gone.sum() < stats.chi2(3).isf(0.01)
    assert (mean > 0).all()
