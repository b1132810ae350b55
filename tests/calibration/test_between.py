"""The variance between imputations: chained equations against a joint Gibbs sampler of the same bivariate normal data.

x and y are each missing in 40 % of the rows, completely at random, so the two linear conditionals are those of one
joint model, and the slope of the completed data must vary from sweep to sweep as under data augmentation (Liu et al.
2014). If a visit hardly moves the parameters it varies less (van Dyk & Jiao 2015), here by 7 %, and R-hat would not
tell: a kernel that repeats its last draw nine times in ten must be seen.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import workspace

from bayesimpute.running.inner_steps import settle_steps
from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.samplers import SamplerState, Stats

ERRORS = 3.0
WARMUP = 30


def incomplete(n: int = 240) -> pd.DataFrame:
    """Correlated normals, each missing in 40 % of the rows on its own."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=n)
    frame = pd.DataFrame({"x": x, "y": 0.6 * x + 0.8 * rng.normal(size=n)})
    return frame.mask(rng.random((n, 2)) < 0.4)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    centred = x - x.mean()
    return float(centred @ y / (centred @ centred))


def joint(frame: pd.DataFrame, sweeps: int, rng: np.random.Generator) -> np.ndarray:
    """Completed-data slopes under data augmentation (Tanner & Wong 1987; Schafer 1997, section 5.4), shape (sweep,).

    The prior is p(mu, Sigma) ~ |Sigma|^-1/2. Then Sigma has n - 3 degrees of freedom given complete data, and so has
    each residual variance: as in a regression with flat priors of intercept, slope and residual standard deviation.
    """
    z = frame.to_numpy(copy=True)
    holes = np.isnan(z)
    n = len(z)
    for k in range(2):
        z[holes[:, k], k] = np.nanmean(z[:, k])
    slopes = np.empty(sweeps)
    for t in range(sweeps):
        mean = z.mean(axis=0)
        scatter = (z - mean).T @ (z - mean)
        sigma = _inverse_wishart(rng, n - 3, scatter)
        mu = mean + np.linalg.cholesky(sigma / n) @ rng.standard_normal(2)
        for k in range(2):
            other, rows = 1 - k, holes[:, k]
            beta = sigma[k, other] / sigma[other, other]
            sd = np.sqrt(sigma[k, k] - beta * sigma[k, other])
            z[rows, k] = mu[k] + beta * (z[rows, other] - mu[other]) + sd * rng.standard_normal(rows.sum())
        slopes[t] = slope(z[:, 0], z[:, 1])
    return slopes


def _inverse_wishart(rng: np.random.Generator, df: int, scatter: np.ndarray) -> np.ndarray:
    """Bartlett's decomposition, two dimensions."""
    root = np.linalg.cholesky(np.linalg.inv(scatter))
    a = np.array([[np.sqrt(rng.chisquare(df)), 0.0], [rng.standard_normal(), np.sqrt(rng.chisquare(df - 1))]])
    half = np.linalg.inv(root @ a)
    return half.T @ half


@dataclass
class Sluggish:
    """A posterior that moves once in ten visits and otherwise repeats its last draw: valid, and slow."""

    inner: Any
    last: Any = field(default=None)

    def step(self, state: SamplerState, data: Any, rng: np.random.Generator, **options: Any) -> Any:
        if self.last is None or rng.random() < 0.1:
            state, self.last, _ = self.inner.step(state, data, rng, **options)
        return state, self.last, Stats(1, 0, 1.0, 0)


@dataclass(frozen=True)
class Engine:
    """A workspace whose samplers are compiled, and a chain after warm-up."""

    bench: Bench
    state: Any

    @classmethod
    def of(cls, frame: pd.DataFrame) -> "Engine":
        space = workspace(frame, "y ~ x", "x ~ y", warmup=WARMUP, sweeps=10**6, m=1, chains=1)
        state = begin(space, 0, 5)
        bench = Bench(space, state.cells)
        state = adapt(bench, state, 5)
        for _ in range(WARMUP):
            state = sweep(bench, state, tune=True)
        for place in range(2):
            state, _ = settle_steps(bench, state, place, 5)
        return cls(bench, state)

    def slopes(self, sweeps: int) -> np.ndarray:
        """Of the completed data after each sweep, shape (sweep,)."""
        state, found = self.state, np.empty(sweeps)
        values = self.bench.completed.values
        for t in range(sweeps):
            state = sweep(self.bench, state, tune=False)
            found[t] = slope(values["x"], values["y"])
        return found


def sweep(bench: Bench, state: Any, *, tune: bool) -> Any:
    for place in range(2):
        state, _ = visit(bench, state, place, 5, tune=tune)
    return replace(state, sweep=state.sweep + 1)


def log_sd(values: np.ndarray, batches: int = 30) -> tuple[float, float]:
    """The logarithm of the standard deviation of a series, with its Monte Carlo error from batch means of squares."""
    squares = (values - values.mean()) ** 2
    means = np.array([part.mean() for part in np.array_split(squares, batches)])
    return 0.5 * float(np.log(squares.mean())), float(0.5 * means.std(ddof=1) / np.sqrt(batches) / squares.mean())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.of(incomplete())


@pytest.fixture(scope="module")
def truth() -> tuple[float, float]:
    return log_sd(joint(incomplete(), 30_000, np.random.default_rng(3)))


def compare(engine: Engine, truth: tuple[float, float], sweeps: int) -> tuple[float, float]:
    """The difference of the log standard deviations from the joint sampler's, and its error."""
    found, error = log_sd(engine.slopes(sweeps))
    return found - truth[0], float(np.hypot(error, truth[1]))


def slow(engine: Engine) -> Engine:
    """The same chain with samplers that move once in ten visits."""
    space, cells = engine.bench.workspace, engine.state.cells
    again = type(space)(space.plan, space.incomplete)
    again.posteriors = {name: Sluggish(p) for name, p in space.posteriors.items()}  # pyright: ignore
    return Engine(Bench(again, cells), engine.state)


@pytest.mark.slow
def test_the_draws_of_the_joint_sampler_are_inverse_wishart(truth: tuple[float, float]) -> None:
    """Its draws of Sigma have the mean of an inverse Wishart distribution, scatter / (df - 3)."""
    sigma = np.array([_inverse_wishart(np.random.default_rng(k), 50, np.diag([40.0, 10.0])) for k in range(4000)])
    mean = np.diag([40.0, 10.0]) / (50 - 3)
    error = sigma.std(axis=0) / np.sqrt(len(sigma))
    assert (np.abs(sigma.mean(axis=0) - mean) < 4 * error).all()
    assert truth[1] < 0.01


@pytest.mark.slow
def test_the_variance_between_imputations_is_the_joint_samplers(engine: Engine, truth: tuple[float, float]) -> None:
    assert set(engine.state.steps) == {"x", "y"}
    gap, error = compare(engine, truth, 2000)
    assert abs(gap) < ERRORS * error
    assert error < 0.04


@pytest.mark.slow
def test_it_falls_if_visits_hardly_move_the_parameters(engine: Engine, truth: tuple[float, float]) -> None:
    gap, error = compare(slow(engine), truth, 18_000)
    assert gap < -ERRORS * error


@pytest.mark.slow
def test_both_at_full_size(engine: Engine, truth: tuple[float, float]) -> None:
    gap, error = compare(engine, truth, 20_000)
    assert abs(gap) < ERRORS * error
    assert error < 0.015
    less, error = compare(slow(engine), truth, 60_000)
    assert less < -5 * error
