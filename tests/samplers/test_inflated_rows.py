"""Rows of counts with structural zeros: likelihoods, scores and information of either part, against SciPy's laws."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from bayesimpute.samplers.gibbs.cluster_moves import seen_and_expected
from bayesimpute.samplers.gibbs.count_likelihoods import (
    INFLATED_NEGATIVE_BINOMIAL,
    INFLATED_POISSON,
    STRUCTURAL,
    likelihoods,
    scores,
)
from bayesimpute.samplers.gibbs.inflated_rows import log_none

SHAPE, STEP = 0.7, 1e-5
KINDS = (INFLATED_POISSON, INFLATED_NEGATIVE_BINOMIAL)
AT = [(-1.5, 0.4), (2.0, 1.2), (0.3, -3.0), (-6.0, 2.5), (5.0, 4.0)]
"""Predictors of whether a zero is structural, and of the counts."""


def law(kind: int, eta: float) -> Any:
    size = np.exp(SHAPE)
    return stats.poisson(np.exp(eta)) if kind == INFLATED_POISSON else stats.nbinom(size, size / (size + np.exp(eta)))


def rows(kind: int, y: np.ndarray, zeta: float, eta: float) -> tuple[np.ndarray, np.ndarray]:
    """The likelihoods of both parts."""
    zetas, etas, none = np.full(len(y), zeta), np.full(len(y), eta), np.empty(len(y))
    log_none(kind == INFLATED_POISSON, etas, SHAPE, none)
    found = np.empty((2, len(y)))
    likelihoods(STRUCTURAL, zetas, (y == 0).astype(float), none, 0.0, found[0])
    likelihoods(kind, etas, y, zetas, SHAPE, found[1])
    return found[0], found[1]


def mixture(kind: int, y: np.ndarray, zeta: float, eta: float) -> np.ndarray:
    rest = np.log1p(-expit(zeta)) + law(kind, eta).logpmf(y)
    return np.where(y == 0, np.logaddexp(np.log(expit(zeta)), rest), rest)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("zeta", "eta"), AT)
def test_both_are_the_mixtures_up_to_what_does_not_depend_on_them(kind: int, zeta: float, eta: float) -> None:
    y = np.array([0.0, 1.0, 3.0, 11.0])
    here, there = rows(kind, y, zeta, eta), rows(kind, y, zeta + 0.4, eta - 0.7)
    by_zeta = mixture(kind, y, zeta + 0.4, eta) - mixture(kind, y, zeta, eta)
    np.testing.assert_allclose(rows(kind, y, zeta + 0.4, eta)[0] - here[0], by_zeta, atol=1e-10)
    by_eta = mixture(kind, y, zeta, eta - 0.7) - mixture(kind, y, zeta, eta)
    np.testing.assert_allclose(rows(kind, y, zeta, eta - 0.7)[1] - here[1], by_eta, atol=1e-10)
    np.testing.assert_allclose(there[0][0], mixture(kind, y, zeta + 0.4, eta - 0.7)[0], atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("zeta", "eta"), AT)
def test_scores_are_slopes_and_information_their_mean_square(kind: int, zeta: float, eta: float) -> None:
    y = np.arange(3000.0)
    n, none, zetas, etas = len(y), np.empty(len(y)), np.full(len(y), zeta), np.full(len(y), eta)
    log_none(kind == INFLATED_POISSON, etas, SHAPE, none)
    score, weight = np.empty((2, n)), np.empty((2, n))
    scores(STRUCTURAL, zetas, (y == 0).astype(float), none, 0.0, score[0], weight[0])
    scores(kind, etas, y, zetas, SHAPE, score[1], weight[1])
    p, some = np.exp(mixture(kind, y, zeta, eta)), slice(0, 30)
    for k, (dz, de) in enumerate(((STEP, 0.0), (0.0, STEP))):
        slope = (rows(kind, y, zeta + dz, eta + de)[k] - rows(kind, y, zeta - dz, eta - de)[k]) / (2 * STEP)
        np.testing.assert_allclose(score[k][some], slope[some], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(weight[k][0], p @ score[k] ** 2, rtol=1e-6)
        np.testing.assert_allclose(p @ score[k], 0.0, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_what_clusters_are_guessed_from_is_what_their_law_expects(kind: int) -> None:
    """Seen and expected are equal on the average over the law, for either part."""
    y, (zeta, eta), none = np.arange(3000.0), AT[0], np.empty(1)
    log_none(kind == INFLATED_POISSON, np.array([eta]), SHAPE, none)
    p = np.exp(mixture(kind, y, zeta, eta))
    structural = np.array([seen_and_expected(STRUCTURAL, zeta, float(k == 0), none[0], 0.0)[:2] for k in y])
    counted = np.array([seen_and_expected(kind, eta, k, zeta, SHAPE)[:2] for k in y])
    for found in (structural, counted):
        np.testing.assert_allclose(p @ found[:, 0], p @ found[:, 1], rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_far_predictors_leave_numbers(kind: int) -> None:
    y, far = np.array([0.0, 2.0, 0.0, 2.0]), np.array([800.0, 800.0, -900.0, -900.0])
    none, out = np.empty(4), np.empty((3, 4))
    log_none(kind == INFLATED_POISSON, far, SHAPE, none)
    for zeta in (-800.0, 0.0, 800.0):
        likelihoods(kind, far, y, np.full(4, zeta), SHAPE, out[0])
        scores(kind, far, y, np.full(4, zeta), SHAPE, out[1], out[2])
        assert not np.isnan(out).any() and (out[2] >= 0).all()
        likelihoods(STRUCTURAL, np.full(4, zeta), (y == 0).astype(float), none, 0.0, out[0])
        scores(STRUCTURAL, np.full(4, zeta), (y == 0).astype(float), none, 0.0, out[1], out[2])
        assert not np.isnan(out).any() and (out[2] >= 0).all()
