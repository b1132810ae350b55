"""Dropout after Diggle & Kenward, selection on correlated errors, and on the very effects that the values have (Wu &
Carroll 1988, Biometrics 44:175): the right assumption recovers the complete data.

As in ``test_deltas.py`` a replicate is compared with the analysis of its own complete data. Missing at random is the
same plan with the coefficient, or the correlation, at 0.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from deltas import errors, holed, imputed, least_squares
from scipy.special import expit, ndtr

import bayesimpute as bi
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.plan.options import Run

pytestmark = pytest.mark.long(40)

PSI, RHO, SHARED = 1.2, -0.7, 1.0
SETTINGS = Run(m=5, chains=5, warmup=25, sweeps=1, sampler="gibbs", steps=3)
Sample = tuple[pd.DataFrame, dict[str, np.ndarray]]


def visits(rng: np.random.Generator) -> Sample:
    """Three visits of patients in two arms, of whom those leave whose value would be high."""
    n, weeks = 150, 3
    arm, u = np.arange(n) % 2, rng.normal(0, 0.7, n)
    y = 1 + u[:, None] + 0.4 * np.arange(weeks) * (1 + arm[:, None]) + rng.normal(0, 0.7, (n, weeks))
    gone = np.zeros((n, weeks), dtype=bool)
    for t in range(1, weeks):
        leaves = rng.random(n) < expit(-3.2 + PSI * y[:, t] - 0.2 * y[:, t - 1])
        gone[:, t] = gone[:, t - 1] | leaves
    f = pd.DataFrame({"id": np.repeat(np.arange(n), weeks), "week": np.tile(np.arange(weeks), n)})
    return f.assign(arm=np.repeat(arm, weeks).astype(float), y=y.ravel()), {"y": gone.ravel()}


def of_visits(psi: float) -> bi.Plan:
    dropout = bi.Conditional.of("dropout(y) ~ y + lag(y)", family="bernoulli", priors={"y": psi})
    time = bi.Time(subject="id", order="week")
    return bi.Plan.of(["y ~ C(week) * arm + (1 | id)"], substantive=(dropout,), time=time, run=SETTINGS)


def at_the_end(frame: pd.DataFrame) -> np.ndarray:
    return least_squares(frame[frame["week"] == 2], "y", "arm")


def selected(rng: np.random.Generator, *, binary: bool) -> Sample:
    """Those are seen whose error of selection is high, which goes with the outcome's."""
    n = 500
    x, z, h, e = rng.normal(size=(4, n))
    y = 0.3 + 0.5 * x + RHO * h + np.sqrt(1 - RHO**2) * e
    y = (y > 0).astype(float) if binary else y
    return pd.DataFrame({"x": x, "z": z, "y": y}), {"y": 0.4 + 0.3 * x + 0.9 * z + h <= 0}


def of_selection(rho: float, *, binary: bool) -> bi.Plan:
    family: Any = HeckmanProbit if binary else HeckmanGaussian
    formulas = {"mu": "y ~ x", "selection": "x + z"}
    return bi.Plan.of([bi.Conditional(target="y", family=family(rho=rho), formulas=formulas)], run=SETTINGS)


def shared(rng: np.random.Generator) -> Sample:
    """Visits of patients in two arms; who has high values on the whole is seen less often, each visit for itself."""
    n, weeks = 200, 5
    arm, u = np.arange(n) % 2, rng.normal(0, 1, n)
    y = 1 + 0.5 * arm[:, None] + u[:, None] + 0.1 * np.arange(weeks) + rng.normal(0, 0.7, (n, weeks))
    seen = rng.random((n, weeks)) < ndtr(0.5 - SHARED * u)[:, None]
    f = pd.DataFrame({"id": np.repeat(np.arange(n), weeks), "week": np.tile(np.arange(weeks), n)})
    return f.assign(arm=np.repeat(arm, weeks).astype(float), y=y.ravel()), {"y": ~seen.ravel()}


def of_shared(loading: float) -> bi.Plan:
    """Given the effects nothing depends on the value itself: rho is 0, and the effects of both equations go together.

    One effect in both is a correlation of 1 or -1, which the prior LKJ(0.2) lets near, and LKJ(2) holds off.
    """
    family: Any = HeckmanGaussian(rho=0.0, joint=loading != 0, systematic="selected")
    formulas = {"mu": "y ~ week + arm + (1 | id)", "selection": "(1 | id)"}
    priors = {"id_corr": "LKJ(0.2)"} if loading else {}
    model = bi.Conditional(target="y", family=family, formulas=formulas, priors=priors)
    return bi.Plan.of([model], run=replace(SETTINGS, warmup=100))


def by_arm(frame: pd.DataFrame) -> np.ndarray:
    return least_squares(frame, "y", "arm")


def of_all(frame: pd.DataFrame) -> np.ndarray:
    return least_squares(frame, "y", "x")


Setup = tuple[Callable[[np.random.Generator], Sample], Callable[[float], bi.Plan], float, Callable[..., np.ndarray]]
SETUPS: dict[str, Setup] = {
    "dropout": (visits, of_visits, PSI, at_the_end),
    "shared effect": (shared, of_shared, SHARED, by_arm),
    "selection": (lambda rng: selected(rng, binary=False), lambda rho: of_selection(rho, binary=False), RHO, of_all),
    "selection, yes/no": (
        lambda rng: selected(rng, binary=True),
        lambda rho: of_selection(rho, binary=True),
        RHO,
        of_all,
    ),
}
LOST = {"dropout": 0.1, "shared effect": 0.05, "selection": 0.1, "selection, yes/no": 0.05}
"""At least what missing at random is off in the intercept."""


def gaps(name: str, replicates: int, *, right: bool = True) -> np.ndarray:
    """Pooled estimates minus those of the complete data, shape (replicate, term)."""
    sample, plan, truth, answers = SETUPS[name]
    found = []
    for seed in range(replicates):
        made = sample(np.random.default_rng([28, seed]))
        run = imputed(plan(truth if right else 0.0), holed(made), seed)
        found.append(np.mean([answers(frame) for frame in run], axis=0) - answers(made[0]))
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETUPS)
def test_the_right_assumption_recovers_the_complete_data(name: str) -> None:
    assert np.abs(errors(gaps(name, 100))).max() < 3.5


@pytest.mark.slow
@pytest.mark.parametrize("name", SETUPS)
def test_missing_at_random_does_not(name: str) -> None:
    found = gaps(name, 40, right=False)
    assert np.abs(errors(found)).max() > 6 and np.abs(found.mean(axis=0)).max() > LOST[name]


@pytest.mark.parametrize("name", [pytest.param("dropout", marks=pytest.mark.slow), "selection"])
def test_a_few_replicates_tell_both_apart(name: str) -> None:
    right, at_random = (gaps(name, 3, right=right)[:, 0].mean() for right in (True, False))
    assert abs(right) < abs(at_random) and abs(at_random) > LOST[name]


def test_the_data_are_missing_as_they_should_be() -> None:
    """Shares and the mean that is lost, by the closed form of the selected."""
    frame, gone = selected(np.random.default_rng(0), binary=False)
    expected = ndtr(0.4 / np.sqrt(1 + 0.3**2 + 0.9**2))
    assert abs(1 - gone["y"].mean() - expected) < 4 * np.sqrt(0.25 / len(frame))
    visit, left = visits(np.random.default_rng(0))
    assert 0.2 < left["y"].reshape(-1, 3)[:, 2].mean() < 0.7 and len(visit) == 450
