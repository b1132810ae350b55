"""brandsma: sections 7.10.1, 7.10.2, 7.10.3 and 7.10.6 of Flexible Imputation of Missing Data, against R."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from case_study import Study, assert_components_agree, assert_converged, assert_terms_agree

pytestmark = pytest.mark.slow

CASES = {
    "brandsma_intercept": ("null", "fimd_7.10.1_2lpan", "fimd_7.10.1"),
    "brandsma_predictor": ("predictor", "fimd_7.10.2_2lpan", "fimd_7.10.2"),
    "brandsma_contextual": ("contextual", "fimd_7.10.3_2lpan", "fimd_7.10.3"),
    "brandsma_slopes": ("slopes", "fimd_7.10.6", "fimd_7.10.6"),
}
"""Plan: its analysis, the case in R, and the published case; R's 2l.pan, for the random slopes 2l.pmm."""


@pytest.mark.parametrize("name", CASES)
def test_it_converges(name: str, study: Callable[[str], Study]) -> None:
    assert_converged(study(name))


@pytest.mark.parametrize("name", CASES)
def test_fixed_effects_agree_with_r(name: str, study: Callable[[str], Study], cases_of_r: Mapping[str, Any]) -> None:
    analysis, case, _ = CASES[name]
    assert_terms_agree(study(name).pooled(analysis), cases_of_r[case])


@pytest.mark.parametrize("name", CASES)
def test_variance_components_agree_with_r(
    name: str, study: Callable[[str], Study], cases_of_r: Mapping[str, Any]
) -> None:
    analysis, case, _ = CASES[name]
    assert_components_agree(study(name).pooled(analysis), cases_of_r[case])


@pytest.mark.parametrize("name", CASES)
def test_the_published_figures_hold(name: str, study: Callable[[str], Study], published: Mapping[str, Any]) -> None:
    """They come from m = 10 by predictive mean matching, without Monte Carlo errors: half an SE is allowed."""
    analysis, _, case = CASES[name]
    terms = study(name).pooled(analysis).terms
    for (_, ours), theirs in zip(terms.iterrows(), published[case]["terms"], strict=True):
        assert abs(ours["estimate"] - theirs["estimate"]) <= 0.5 * theirs["se"]
        assert ours["std_error"] == pytest.approx(theirs["se"], rel=0.10)


@pytest.mark.parametrize("name", CASES)
def test_what_no_model_needs_stays_missing(name: str, study: Callable[[str], Study]) -> None:
    done, targets = study(name).imputed.completed(0), study(name).imputed.targets
    assert not done[list(targets)].isna().any(axis=None)
    others = study(name).frame.columns.difference(targets)
    assert done[others].equals(study(name).frame[others])
