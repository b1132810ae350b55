"""The likelihood of values that are known in part: the posterior of the parameters against one on a grid."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesimpute import Conditional, Known, Plan, Run
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import fill
from bayesimpute.running.kernel import Bench
from bayesimpute.running.workspace import Workspace

LIMIT = 1.0


def measured(n: int = 60) -> Any:
    """Normal numbers: of those below a limit it is known that they are, of others the interval, of some nothing."""
    y = np.random.default_rng(3).normal(1.5, 1.2, n)
    frame = pd.DataFrame({"y": y, "low": np.nan, "high": np.nan})
    below, coarse, gone = y < LIMIT, (y >= LIMIT) & (np.arange(n) % 3 == 0), np.arange(n) % 11 == 5
    frame.loc[below, "high"] = LIMIT
    frame.loc[coarse, "low"], frame.loc[coarse, "high"] = np.floor(y[coarse]), np.floor(y[coarse]) + 1
    frame.loc[gone, ["low", "high"]] = np.nan
    return frame.assign(y=np.where(below | coarse | gone, np.nan, y))


def chain_of(frame: pd.DataFrame, sampler: str, draws: int) -> tuple[np.ndarray, Any]:
    """Draws of the mean and the deviation, shape (draw, parameter), and the design; cells follow as in a run."""
    plan = Plan.of(
        [Conditional.of("y ~ 1", family="gaussian")],
        known=[Known(column="y", between=("low", "high"))],
        run=Run(sampler=sampler),
    )
    space = Workspace(plan, Incomplete.from_frame(frame))
    (step,) = space.resolved.steps
    rng = np.random.default_rng(8)
    data = Bench(space, fill(space.incomplete, space.resolved, rng, spread=1.0)).data(step)
    posterior = space.posterior(step, data)
    state = posterior.init(data, rng)
    state, chain = posterior.explore(state, data, rng, draws)
    return chain[draws // 10 :], space.designs["y"]


def on_a_grid(frame: Any, design: Any) -> tuple[np.ndarray, np.ndarray]:
    """Means and deviations of the same posterior: density of what is observed, probability of what is known."""
    mu, sigma = np.meshgrid(np.linspace(0.2, 2.6, 241), np.linspace(0.5, 2.6, 211), indexing="ij")
    seen, known = frame["y"].dropna(), frame[frame["low"].notna() | frame["high"].notna()]
    total: Any = sum(stats.norm.logpdf(y, mu, sigma) for y in seen)
    for low, high in zip(known["low"].fillna(-np.inf), known["high"].fillna(np.inf), strict=True):
        chance = stats.norm.cdf(high, mu, sigma) - stats.norm.cdf(low, mu, sigma)
        total = total + np.log(np.maximum(chance, 1e-300))
    priors = {p.parameter.name: p.priors[0] for p in design.predictors}
    scaled = {"mu": (mu - design.centre) / design.scale, "sigma": sigma / design.scale}
    for name, prior in priors.items():
        total = total + logpdf(prior, scaled[name])
    weight = np.exp(total - total.max())
    weight /= weight.sum()
    means = np.array([(weight * v).sum() for v in (mu, sigma)])
    squares = np.array([(weight * v**2).sum() for v in (mu, sigma)])
    return means, np.sqrt(squares - means**2)


def logpdf(prior: Any, values: np.ndarray) -> np.ndarray:
    """Of the two kinds of automatic priors here."""
    if prior.name == "Normal":
        return stats.norm.logpdf(values, *prior.args)
    assert prior.name == "HalfStudentT"
    return stats.t.logpdf(values / prior.args[1], prior.args[0])


@pytest.mark.parametrize("sampler", ["gibbs", pytest.param("nuts", marks=pytest.mark.slow)])
def test_the_posterior_is_that_of_the_likelihood_with_intervals(sampler: str) -> None:
    frame = measured()
    assert frame["y"].isna().mean() > 0.4
    chain, design = chain_of(frame, sampler, 5_000)
    means, deviations = on_a_grid(frame, design)
    for moment, truth in ((chain, means), (chain**2, deviations**2 + means**2)):
        batches = moment[: len(moment) // 40 * 40].reshape(40, -1, 2).mean(axis=1)
        assert (np.abs(batches.mean(axis=0) - truth) < 4 * batches.std(axis=0, ddof=1) / np.sqrt(40)).all()


def test_ignoring_what_is_known_is_far_off() -> None:
    frame = measured()
    means, deviations = on_a_grid(frame, chain_of(frame, "gibbs", 10)[1])
    seen = frame["y"].dropna()
    assert abs(seen.mean() - means[0]) > 2 * deviations[0]
