"""Restrictions: imputations that respect them say what the complete data say, others do not.

    python -m pytest -m slow tests/calibration/test_restricting.py

A number is missing at random, and of every row it is known on which side of a limit it lies, by a column that its model
does not read (it could not: a normal law would not follow from it). So the law of a missing value is that of its model
given the rule, which is what a restriction draws from; the observed rows alone say what the parameters are. A yes/no
variable that is missing, too, must be no where the number is below the limit.
"""

import numpy as np
import pandas as pd
import pytest
from deltas import errors, imputed, least_squares
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan

pytestmark = pytest.mark.slow

ROWS, MANY, FEW = 400, 100, 25
TERMS = ("mean of y", "y: intercept", "y: low", "y: x", "share of b", "b of low")
RULES = (
    bi.Restriction(rule="y < 0", where="low == 1"),
    bi.Restriction(rule="y >= 0", where="low == 0"),
    bi.Restriction(rule="b == 0", where="y < 0"),
)
SETTINGS = Run(m=5, chains=5, warmup=15, sweeps=1, steps=1)


def sample(seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Complete data, and by variable the rows in which it is missing."""
    rng = np.random.default_rng([53, seed])
    x = rng.normal(size=ROWS)
    y = 0.3 + 0.7 * x + rng.normal(size=ROWS)
    b = ((y >= 0) & (rng.random(ROWS) < 0.5)).astype(float)
    frame = pd.DataFrame({"x": x, "y": y, "low": (y < 0).astype(float), "b": b})
    return frame, {"y": rng.random(ROWS) < expit(-0.7 + 0.7 * x), "b": rng.random(ROWS) < 0.25}


def plan(*, restricted: bool) -> Plan:
    """y is drawn given x, b given where y lies: both laws are right, and the rules say the rest."""
    models = ["y ~ x", bi.Conditional.of("b ~ low", family="bernoulli")]
    return Plan.of(models, restrictions=RULES if restricted else (), run=SETTINGS)


def answers(frame: pd.DataFrame) -> np.ndarray:
    """By :data:`TERMS`, of complete data."""
    of_low = frame["b"].where(frame["y"] < 0, 0.0).mean()
    return np.array([frame["y"].mean(), *least_squares(frame, "y", "low", "x"), frame["b"].mean(), of_low])


def gaps(replicates: int, *, restricted: bool = True) -> np.ndarray:
    """Pooled estimates minus those of the complete data, shape (replicate, term)."""
    found = []
    for seed in range(replicates):
        frame, missing = sample(seed)
        left = frame.assign(**{name: frame[name].where(~gone) for name, gone in missing.items()})
        run = imputed(plan(restricted=restricted), left, seed)
        found.append(np.mean([answers(each) for each in run], axis=0) - answers(frame))
    return np.array(found)


def test_imputations_say_what_the_complete_data_say() -> None:
    found = gaps(MANY)
    assert (found[:, -1] == 0).all()
    scores = dict(zip(TERMS[:-1], errors(found[:, :-1]), strict=True))
    assert np.abs(list(scores.values())).max() < 4, scores


def test_without_them_what_lies_below_the_limit_is_lost() -> None:
    scores = dict(zip(TERMS, errors(gaps(FEW, restricted=False)), strict=True))
    assert scores["y: low"] > 10 and scores["b of low"] > 4, scores
