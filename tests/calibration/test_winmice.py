"""The WinMICE study (Jacobusse 2005): an incomplete outcome of 600 children in 30 classes.

40 % are missing at random given a complete predictor. A multilevel plan keeps intercept B0, slope B1, variance between
classes D0 and residual variance S; a single-level plan loses D0 and inflates S. Estimates from the m completed datasets
are compared with those from the complete data *of the same samples*, so that only imputation can make a difference.

One model is compiled a plan: each replicate puts its own data and prior parameters into the containers of the compiled
graph.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from graphs import centred
from modelling import only, workspace
from takeover import Shelf

from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.running.workspace import Workspace

CLASSES, SIZE = 30, 20
TRUTH = {"B0": 10.0, "B1": 1.0, "D0": 0.5, "S": 1.0}
ERRORS = 3.0
M, WARMUP, THIN = 5, 20, 6
FORMULAS = {"multilevel": "y ~ x + (1 | g)", "single-level": "y ~ x"}


def sample(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """An incomplete data set, and its complete outcome."""
    rng = np.random.default_rng([2005, seed])
    g = np.repeat(np.arange(CLASSES), SIZE)
    x = rng.normal(size=len(g))
    y = TRUTH["B0"] + TRUTH["B1"] * x + np.sqrt(TRUTH["D0"]) * rng.normal(size=CLASSES)[g]
    y = y + np.sqrt(TRUTH["S"]) * rng.normal(size=len(g))
    missing = rng.random(len(g)) < 0.4 * 2 / (1 + np.exp(-1.5 * x))  # more often where x is large; 40 % on average
    return pd.DataFrame({"g": g, "x": x, "y": np.where(missing, np.nan, y)}), y


def estimates(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """B0, B1, D0 and S by analysis of covariance with equal classes: unbiased, and D0 may fall below zero."""
    x, y = x.reshape(CLASSES, SIZE), y.reshape(CLASSES, SIZE)
    within_x, within_y = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
    slope = float((within_x * within_y).sum() / (within_x**2).sum())
    residual = float(((within_y - slope * within_x) ** 2).sum() / (CLASSES * (SIZE - 1) - 1))
    means = y.mean(axis=1) - slope * x.mean(axis=1)
    return np.array([means.mean(), slope, means.var(ddof=1) - residual / SIZE, residual])


class Study:
    """Replicates of one plan."""

    def __init__(self, formula: str) -> None:
        self.formula = formula
        self.shelf = Shelf()

    def space(self, frame: pd.DataFrame) -> Workspace:
        """The workspace of a sample, with what was compiled for the first."""
        space = workspace(frame, self.formula, m=M, chains=1, sweeps=M * THIN, warmup=WARMUP)
        target, design = only(space)
        space.placements[target.name] = replace(space.placements[target.name], design=centred(design, True))
        self.shelf.lend(space, Bench(space, begin(space, 0, 1).cells), target)
        return space

    def replicate(self, seed: int) -> np.ndarray:
        """Pooled estimates minus those of the complete data of the same sample, shape (4,)."""
        frame, y = sample(seed)
        space = self.space(frame)
        state = begin(space, 0, seed)
        bench = Bench(space, state.cells)
        state = adapt(bench, state, seed)
        found = []
        for t in range(1, WARMUP + M * THIN + 1):
            state, _ = visit(bench, replace(state, steps={"y": 1}), 0, seed, tune=t <= WARMUP)
            state = replace(state, sweep=t)
            if t > WARMUP and (t - WARMUP) % THIN == 0:
                found.append(estimates(frame["x"].to_numpy(), bench.completed.values["y"]))
        return np.mean(found, axis=0) - estimates(frame["x"].to_numpy(), y)

    def run(self, replicates: int) -> tuple[dict[str, float], dict[str, float]]:
        """Bias against the complete data, and its Monte Carlo error, by parameter."""
        rows = np.array([self.replicate(seed) for seed in range(replicates)])
        errors = rows.std(axis=0, ddof=1) / np.sqrt(replicates)
        return dict(zip(TRUTH, rows.mean(axis=0))), dict(zip(TRUTH, errors))


def test_the_estimator_is_unbiased_on_complete_data() -> None:
    rows = np.array([estimates(sample(k)[0]["x"].to_numpy(), sample(k)[1]) for k in range(400)])
    errors = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert (np.abs(rows.mean(axis=0) - list(TRUTH.values())) < ERRORS * errors).all()
    missing = np.mean([sample(k)[0]["y"].isna().mean() for k in range(100)])
    assert missing == pytest.approx(0.4, abs=0.01)


def check_multilevel(replicates: int) -> None:
    bias, error = Study(FORMULAS["multilevel"]).run(replicates)
    for name in TRUTH:
        assert abs(bias[name]) < ERRORS * error[name], (name, bias, error)


def check_single_level(replicates: int) -> None:
    bias, error = Study(FORMULAS["single-level"]).run(replicates)
    # an imputed value has no class effect: between classes 1 - .4 of it is left, and the rest is in S
    assert bias["D0"] < -0.3 * TRUTH["D0"]
    assert bias["D0"] < -5 * error["D0"]
    assert bias["S"] > 5 * error["S"]
    assert abs(bias["B1"]) < 0.1


@pytest.mark.slow
def test_a_multilevel_plan_keeps_all_four_parameters() -> None:
    check_multilevel(8)


@pytest.mark.slow
def test_a_single_level_plan_loses_the_variance_between_classes() -> None:
    check_single_level(8)


@pytest.mark.slow
def test_a_hundred_replicates_under_the_multilevel_plan() -> None:
    check_multilevel(100)


@pytest.mark.slow
def test_a_hundred_replicates_under_the_single_level_plan() -> None:
    check_single_level(100)
