"""An outcome missing not at random and a predictor missing at random, in one plan (Galimard et al. 2018).

X1 ~ N(0, 1), X2 ~ Bernoulli(.5), X3 ~ N(1, .5), Y = X1 + X2 + e and R* = .66 + X1 - .5 X2 + X3 + h with correlation .3
of the errors, n = 500 (BMC Med Res Methodol 18:90); Y is observed where R* > 0. X2 is missing in a fourth of the rows,
more often where X1 is large.

The selection target is one conditional of the plan like any other: X2 is imputed from Y, observed or imputed, and from
whether it is observed, for selection depends on X2. The regression of Y on X1 and X2 is compared with that of the
complete data of the same samples.

With 500 rows of which a sixth are missing the data say little about the correlation, and under a uniform prior its
posterior mean is pulled towards 0: a half of the bias of complete cases is left. That is what a posterior does, not a
mistake of the engine; so it is held to the truth with the correlation known, and with four times as many rows.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from looping import assert_observed_kept, run_prior
from modelling import conditional, workspace
from scipy.special import expit
from takeover import Shelf

from bayesimpute.families import HeckmanGaussian
from bayesimpute.plan.conditional import Conditional
from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.running.workspace import Workspace

RHO = 0.3
M, WARMUP, THIN, STEPS = 10, 30, 4, 3
ERRORS = 3.0
PART = 0.25
"""Of a complete-data standard error: a bias that takes less than one per cent off the coverage of an interval."""
TERMS = ("Intercept", "x1", "x2")


def sample(seed: int, n: int = 500) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The incomplete data and the complete data of a replicate."""
    rng = np.random.default_rng([2018, seed])
    x1, x2, x3 = rng.normal(size=n), (rng.random(n) < 0.5).astype(float), rng.normal(1, 0.5, n)
    e, other = rng.normal(size=(2, n))
    h = RHO * e + np.sqrt(1 - RHO**2) * other
    complete = pd.DataFrame({"y": x1 + x2 + e, "x1": x1, "x2": x2, "x3": x3})
    seen = 0.66 + x1 - 0.5 * x2 + x3 + h > 0
    known = rng.random(n) > expit(-1.2 + x1)
    return complete.assign(y=complete["y"].where(seen), x2=complete["x2"].where(known)), complete


def plan(rho: float | None = None) -> tuple[Conditional, Conditional]:
    """The two conditionals; the correlation known, or a parameter."""
    outcome = conditional("y ~ x1 + x2", selection="x1 + x2 + x3", family=HeckmanGaussian(rho=rho))
    return outcome, conditional("x2 ~ y + x1 + x3 + observed(y)", family="bernoulli")


def regression(frame: pd.DataFrame) -> np.ndarray:
    """Least squares of y on x1 and x2, shape (3,)."""
    known = frame.dropna()
    x = np.column_stack([np.ones(len(known)), known["x1"], known["x2"]])
    return np.linalg.lstsq(x, known["y"].to_numpy(), rcond=None)[0]


def pooled(frame: pd.DataFrame, rho: float | None, shelf: Shelf, seed: int) -> np.ndarray:
    """The mean of the regressions of the completed datasets, shape (3,)."""
    space: Workspace = workspace(frame, *plan(rho), m=M, chains=1, sweeps=M * THIN)
    state = begin(space, 0, seed)
    bench = Bench(space, state.cells)
    for target in space.resolved.targets:
        shelf.lend(space, bench, target)
    state = replace(adapt(bench, state, seed), steps={"y": STEPS, "x2": STEPS})
    found = []
    for t in range(1, WARMUP + M * THIN + 1):
        for place in range(2):
            state, _ = visit(bench, state, place, seed, tune=t <= WARMUP)
        state = replace(state, sweep=t)
        if t > WARMUP and (t - WARMUP) % THIN == 0:
            found.append(regression(frame.assign(**{k: bench.completed.values[k] for k in ("y", "x2")})))
    return np.mean(found, axis=0)


def test_a_selection_target_is_a_conditional_like_any_other() -> None:
    frame, _ = sample(0)
    imputed = run_prior(frame, *plan(), m=2, chains=1, warmup=1, sweeps=2)
    assert set(imputed.targets) == {"y", "x2"}
    assert_observed_kept(imputed, frame)
    first, second = imputed
    for name in ("y", "x2"):
        gone = frame[name].isna()
        assert first.loc[gone, name].notna().all()
        assert (first.loc[gone, name] != second.loc[gone, name]).any()


def test_complete_cases_are_biased() -> None:
    rows = np.array([regression(sample(k)[0]) - regression(sample(k)[1]) for k in range(150)])
    error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows))
    assert rows.mean(axis=0)[0] > 10 * error[0]
    assert rows.mean(axis=0)[1] < -10 * error[1]


def biases(replicates: int, *, rho: float | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Pooled and complete-case regressions minus those of the complete data, each (replicate, term)."""
    shelf, rows, cases = Shelf(), [], []
    for seed in range(replicates):
        frame, complete = sample(seed, n)
        truth = regression(complete)
        rows.append(pooled(frame, rho, shelf, seed) - truth)
        cases.append(regression(frame) - truth)
    return np.array(rows), np.array(cases)


@pytest.mark.slow
@pytest.mark.parametrize(("rho", "n", "replicates"), [(RHO, 500, 60), (None, 2000, 30)], ids=["known", "many rows"])
def test_the_regression_is_that_of_the_complete_data(rho: float | None, n: int, replicates: int) -> None:
    rows, _ = biases(replicates, rho=rho, n=n)
    complete = np.array([regression(sample(seed, n)[1]) for seed in range(400)])
    allowed = PART * complete.std(axis=0, ddof=1) + ERRORS * rows.std(axis=0, ddof=1) / np.sqrt(replicates)
    for name, bias, bound in zip(TERMS, rows.mean(axis=0), allowed, strict=True):
        assert abs(bias) < bound, (name, bias, bound)


@pytest.mark.slow
def test_with_few_rows_it_is_nearer_than_complete_cases() -> None:
    rows, cases = biases(40, rho=None, n=500)
    assert (np.abs(rows.mean(axis=0)) < np.abs(cases.mean(axis=0)))[:2].all()
