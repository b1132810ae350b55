"""brandsma: sections 7.10.4, 7.10.5 and 7.10.7 of Flexible Imputation of Missing Data, against R.

R's figures have the denomination matched as if 1 to 4 were a number, and products as passive columns of chained
equations; ours are of labels with probabilities, a row a school, and, from 7.10.5 on, of covariates that are drawn
compatibly with the analysis. Thirteen schools and few cells are concerned: half an SE is allowed, as for printed figures.

    python -m pytest -m slow tests/case_studies/test_brandsma_denomination.py
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from case_study import Study, assert_converged
from scipy import stats

pytestmark = pytest.mark.slow

CASES = {
    "brandsma_denomination": "fimd_7.10.4",
    "brandsma_interactions": "fimd_7.10.5",
    "brandsma_slope_interactions": "fimd_7.10.7",
}
WITH_DENOMINATION = ("brandsma_denomination", "brandsma_interactions")
SHORT = {
    "(Intercept)": "Intercept",
    "cluster_mean(iqv, sch)": "iqm",
    "cluster_mean(ses, sch)": "sem",
    "as.factor(den)": "den",
    "[": "",
    "]": "",
}
"""Names of columns, ours and R's, as one."""


def parts(term: str) -> frozenset[str]:
    """Which columns a coefficient belongs to."""
    for long, short in SHORT.items():
        term = term.replace(long, short)
    return frozenset(term.split(":"))


@pytest.mark.parametrize("name", CASES)
def test_it_converges(name: str, study: Callable[[str], Study]) -> None:
    assert_converged(study(name))


@pytest.mark.parametrize("name", CASES)
def test_fixed_effects_agree_with_r(name: str, study: Callable[[str], Study], cases_of_r: Mapping[str, Any]) -> None:
    theirs = {parts(row["term"]): row for row in cases_of_r[CASES[name]]["terms"]}
    ours = {parts(str(term)): row for term, row in study(name).pooled(study(name).plan.analyses[0].name).terms.iterrows()}
    assert set(ours) == set(theirs)
    level = study(name).frame["lpo"].mean() if name == "brandsma_slope_interactions" else 0.0  # R's lpo is centred there
    for term, row in theirs.items():
        mine = ours[term]["estimate"] - (level if term == {"Intercept"} else 0.0)
        allowed = 2 * np.hypot(ours[term]["mcse"], row["mcse"]) + 0.5 * row["se"]
        assert abs(mine - row["estimate"]) < allowed, (set(term), mine, row["estimate"], row["se"])
        assert ours[term]["std_error"] == pytest.approx(row["se"], rel=0.15), set(term)


@pytest.mark.parametrize("name", CASES)
def test_variances_agree_with_r(name: str, study: Callable[[str], Study], cases_of_r: Mapping[str, Any]) -> None:
    """The residual variance within 2 %, that of intercepts and of slopes of iqv within 20 %: ours is compatible."""
    theirs = {row["name"]: row["mean"] for row in cases_of_r[CASES[name]]["var_comps"]}
    ours = study(name).pooled(study(name).plan.analyses[0].name).components
    assert ours["Residual"] == pytest.approx(theirs["Residual"], rel=0.02)
    assert ours["Intercept"] == pytest.approx(theirs["(Intercept)~~(Intercept)"], rel=0.2)


@pytest.mark.parametrize("name", WITH_DENOMINATION)
def test_a_school_has_one_denomination(name: str, study: Callable[[str], Study]) -> None:
    frame = study(name).frame
    known = frame["den"].notna()
    for done in study(name).imputed:
        assert done.groupby("sch")["den"].nunique().eq(1).all()
        assert set(done["den"]) == {1, 2, 3, 4} and done["den"].dtype == frame["den"].dtype
        assert (done.loc[known, "den"] == frame.loc[known, "den"]).all()


@pytest.mark.parametrize("name", WITH_DENOMINATION)
def test_imputed_denominations_have_about_the_observed_shares(name: str, study: Callable[[str], Study]) -> None:
    schools = study(name).frame.groupby("sch")["den"].first()
    gone, shares = schools.isna(), schools.value_counts(normalize=True)
    drawn = np.mean(
        [[(d.groupby("sch")["den"].first()[gone] == k).mean() for k in shares.index] for d in study(name).imputed], axis=0
    )
    # thirteen schools, each with probabilities of its own: their mean differs by chance less than thirteen draws do
    assert ((drawn - shares) ** 2 / shares).sum() * gone.sum() < stats.chi2(3).isf(0.01)
    assert (drawn > 0).all()
