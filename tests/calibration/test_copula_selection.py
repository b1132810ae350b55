"""Selection on errors with other copulas: the right one, held at the right tau, recovers the complete data.

A replicate has parameters of its own, drawn from the priors, and is compared with its own complete data: under the
right model the mean difference is 0 exactly, however few rows there are. Missing at random is the normal copula at 0.
Errors are made of frailties, the models are fitted by NUTS (missing at random by the compiled sampler).
"""

from functools import cache
from typing import Any

import numpy as np
import pytest
from deltas import errors
from sbc import Bed
from scipy import stats
from selecting import ERRORS, PRIORS, ROWS, SPREAD, Structure, simulate, with_target

from bayesimpute.families import HeckmanGaussian
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.prior import prior_draw

TAU = -0.5
M, THIN = 5, 6
NAMES = ("frank", "clayton", "gumbel", "joe")
each = pytest.mark.parametrize("name", NAMES)


@cache
def bed(name: str, tau: float) -> tuple[Structure, Bed]:
    family: Any = HeckmanGaussian(copula=name, tau=tau, systematic="selected")
    structure = Structure(family=family, priors=PRIORS | SPREAD, empty=0)
    return structure, structure.prepare(Gibbs() if name == "normal" else None)


def replicate(name: str, seed: int, *, right: bool) -> np.ndarray:
    """Means and least-squares slopes of x after imputation minus those of the complete data."""
    rng = np.random.default_rng([29, seed])
    structure, real = bed(name, TAU)
    y, selected = simulate(real, prior_draw(real.design, rng), rng)
    structure, made = (structure, real) if right else bed("normal", 0.0)
    placed = with_target(made.placed, selected, structure)
    data = placed.data(made.matrices, y)
    state, found = made.posterior.init(data, rng), []
    for _ in range(M):
        state, draw, _ = made.posterior.step(state, data, rng, transitions=THIN)
        cells = made.design.family.impute(rng, placed.missing(draw, made.matrices))
        filled = y.copy()
        filled[placed.impute_rows] = cells
        found.append(answers(filled, made))
    return np.mean(found, axis=0) - answers(y, made)


def answers(y: np.ndarray, made: Bed) -> np.ndarray:
    x = made.matrices["mu"][ROWS, -1]
    return np.array([y.mean(), np.polyfit(x, y, 1)[0]])


@each
def test_errors_have_their_tau_and_normal_margins(name: str) -> None:
    h, e = ERRORS[name](np.random.default_rng(2), np.array(TAU), 20_000)
    assert stats.kstest(h, "norm").pvalue > 1e-3 and stats.kstest(e, "norm").pvalue > 1e-3
    found = stats.kendalltau(h[:4000], e[:4000]).statistic
    assert abs(found - TAU) < 4 * 0.7 / np.sqrt(4000)


@pytest.mark.slow
@each
def test_the_right_copula_recovers_the_complete_data(name: str) -> None:
    found = np.array([replicate(name, seed, right=True) for seed in range(100)])
    assert np.abs(errors(found)).max() < 3.5


@pytest.mark.slow
@each
def test_missing_at_random_does_not(name: str) -> None:
    found = np.array([replicate(name, seed, right=False) for seed in range(40)])
    assert np.abs(errors(found)).max() > 6 and abs(found[:, 0].mean()) > 0.1
