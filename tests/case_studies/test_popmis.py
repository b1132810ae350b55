"""popmis: with the outcome alone missing at random, the likelihood of the observed rows is the exact answer."""

from collections.abc import Callable

import numpy as np
import pytest
from case_study import Study, assert_converged

import bayesimpute as bi
from bayesimpute.analysis import fit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def popmis(study: Callable[[str], Study]) -> Study:
    return study("popmis")


def _likelihood(study: Study, name: str) -> bi.Estimate:
    formula = next(a.formula for a in study.plan.analyses if a.name == name)
    return fit(formula, study.frame, reml=False)


def test_it_converges(popmis: Study) -> None:
    assert_converged(popmis)


def test_pooled_estimates_are_those_of_the_likelihood_of_the_observed_rows(popmis: Study) -> None:
    pooled, exact = popmis.pooled("main").terms, _likelihood(popmis, "main")
    assert popmis.imputed.m == 50
    assert tuple(pooled.index) == exact.terms
    tolerance = 2 * pooled["mcse"].to_numpy() + 0.05 * exact.std_errors
    assert (np.abs(pooled["estimate"].to_numpy() - exact.estimates) <= tolerance).all()


def test_pooled_standard_errors_are_within_ten_percent(popmis: Study) -> None:
    ratio = popmis.pooled("main").terms["std_error"].to_numpy() / _likelihood(popmis, "main").std_errors
    assert (np.abs(ratio - 1) <= 0.10).all()


def _icc(components: tuple[bi.VarianceComponent, ...]) -> float:
    intercept, residual = (component.estimate for component in components)
    return intercept / (intercept + residual)


def test_the_intraclass_correlation_is_kept(popmis: Study) -> None:
    """Published: .56 on the incomplete data, .58 on the complete ones; single-level imputation would lower it.

    The plan's sex and texp tell the imputations more than the null model of the observed rows knows, so the answer lies
    between the two, up to the spread over imputations.
    """
    each = [_icc(e.variance_components) for e in popmis.analyses("null").estimates]
    observed = _icc(_likelihood(popmis, "null").variance_components)
    complete = fit("popular ~ (1 | school)", bi.load_dataset("popmis_complete"), reml=False)
    truth = _icc(complete.variance_components)
    assert (round(observed, 2), round(truth, 2)) == (0.56, 0.58)
    spread = np.std(each, ddof=1)
    assert observed - 2 * spread < np.mean(each) < truth + 2 * spread
