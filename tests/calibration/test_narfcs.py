"""NARFCS against its published algorithm, written by hand (Tompsett et al. 2018; ``mnar.norm`` and others of mice).

Data as mice's ``mnar_demo_data``: a continuous and a yes/no variable with gaps, and a complete one. Each is regressed
on the others and on whether the other is observed, in the rows where it is observed itself; parameters are drawn from
their posterior under a flat prior, of the logistic regression from its normal approximation; missing values with the
shift.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from looping import fresh_record, ran
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.plan.options import Run

pytestmark = pytest.mark.long(15)

SHIFTS = {"x": 1.5, "y": -2.0}
M, SWEEPS = 60, 12


def data() -> pd.DataFrame:
    rng = np.random.default_rng(2018)
    n = 500
    z = rng.normal(size=n)
    x = 0.5 * z + rng.normal(size=n)
    y = (rng.random(n) < expit(-0.3 + x + 0.5 * z)).astype(float)
    frame = pd.DataFrame({"x": x, "y": y, "z": z})
    for name in ("x", "y"):
        frame[name] = frame[name].mask(rng.random(n) < expit(-0.9 + 0.4 * z))
    return frame


def linear(rng: np.random.Generator, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and residual standard deviation from their posterior under p(β, σ) ∝ 1/σ."""
    inverse = np.linalg.inv(X.T @ X)
    estimate = inverse @ X.T @ y
    sigma = np.sqrt(((y - X @ estimate) ** 2).sum() / rng.chisquare(len(y) - X.shape[1]))
    return estimate + sigma * np.linalg.cholesky(inverse) @ rng.standard_normal(X.shape[1]), sigma


def logistic(rng: np.random.Generator, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients from the normal approximation at the maximum."""
    beta = np.zeros(X.shape[1])
    for _ in range(12):
        p = expit(X @ beta)
        inverse = np.linalg.inv(X.T @ (X * (p * (1 - p))[:, np.newaxis]))
        beta = beta + inverse @ X.T @ (y - p)
    return beta + np.linalg.cholesky(inverse) @ rng.standard_normal(len(beta))


def by_hand(frame: pd.DataFrame, seed: int) -> np.ndarray:
    """A completed dataset's answers."""
    rng = np.random.default_rng([3, seed])
    gone = {name: frame[name].isna().to_numpy() for name in SHIFTS}
    now = {name: frame[name].to_numpy().copy() for name in frame}
    for name, rows in gone.items():
        now[name][rows] = rng.choice(now[name][~rows], rows.sum())
    for _ in range(SWEEPS):
        for name, other in (("x", "y"), ("y", "x")):
            X = np.column_stack([np.ones(len(frame)), now[other], now["z"], ~gone[other]])
            rows = gone[name]
            if name == "x":
                beta, sigma = linear(rng, X[~rows], now[name][~rows])
                now[name][rows] = X[rows] @ beta + SHIFTS[name] + sigma * rng.standard_normal(rows.sum())
            else:
                beta = logistic(rng, X[~rows], now[name][~rows])
                now[name][rows] = rng.random(rows.sum()) < expit(X[rows] @ beta + SHIFTS[name])
    return answers(pd.DataFrame(now))


def ours(frame: pd.DataFrame, shifts: dict[str, float]) -> np.ndarray:
    """Answers of each completed dataset, shape (imputation, answer)."""
    yes_no = bi.Conditional.of("y ~ x + z + observed(x)", family="bernoulli")
    settings = Run(m=M, chains=4, warmup=30, sweeps=M // 4 * 6, sampler="gibbs", steps=2)
    plan = bi.Plan.of(["x ~ y + z + observed(y)", yes_no], run=settings)
    adjustments = tuple(bi.Adjustment(target=name, shift=value) for name, value in shifts.items())
    return np.array([answers(f) for f in ran(fresh_record(frame, replace(plan, adjustments=adjustments), seed=5))])


def answers(frame: pd.DataFrame) -> np.ndarray:
    """Both means, and the difference in the one between the labels of the other."""
    x, y = (frame[name].to_numpy(dtype=float) for name in ("x", "y"))
    return np.array([x.mean(), y.mean(), x[y == 1].mean() - x[y == 0].mean()])


def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Differences of pooled answers in Monte Carlo errors."""
    return (a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(a.var(axis=0, ddof=1) / len(a) + b.var(axis=0, ddof=1) / len(b))


def test_pooled_answers_are_those_of_the_published_algorithm() -> None:
    frame = data()
    hand = np.array([by_hand(frame, seed) for seed in range(2 * M)])
    assert np.abs(apart(ours(frame, SHIFTS), hand)).max() < 3.5
    for name in SHIFTS:
        others = {other: value for other, value in SHIFTS.items() if other != name}
        assert np.abs(apart(ours(frame, others), hand)).max() > 6, name
