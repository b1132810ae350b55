"""Numbers within limits as incomplete covariates: what lies at a limit has a probability, and the law is by hand."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from laws import Setting, normal_logp, setting, table
from scipy import stats
from test_slice_draws import LEVEL, moved

from bayesimpute import Conditional
from bayesimpute.compatible import settled, value_densities
from bayesimpute.families import Bounded

ENDS = (8.0, 12.0)
GRID = ENDS[0] + (np.arange(2000) + 0.5) / 2000 * (ENDS[1] - ENDS[0])
VISITS, BURNT, BATCHES = 500, 50, 25
At = Literal["truncated", "censored"]


def bounded(at: At) -> tuple[Setting, Callable[..., np.ndarray]]:
    """A number x within limits that y reads, and the log of its probability at a limit, else of its density."""
    frame = table().drop(columns=["b", "m", "w", "s"])
    inside = frame["x"].clip(*ENDS)
    frame["x"] = inside if at == "censored" else inside.where(frame["x"] == inside, 10 + 0.1 * (frame["x"] - 10))
    frame["y"] = np.random.default_rng(3).normal(size=len(frame))
    frame.loc[frame.index % 6 == 3, "y"] = np.nan
    own = Conditional.of("x ~ z + (1 | g)", family=Bounded(limits=ENDS, at_limits=at))
    s = setting([Conditional.of("y ~ x + z + (1 | g)")], own, frame=frame)
    drawn = {name: dict(s.draws[name]) for name in s.draws}
    drawn["x"] |= {"sigma": np.array([1.2]), "mu": np.array([0.2, 0.1]), "block0": 0.2 * drawn["x"]["block0"]}
    drawn["y"] |= {"sigma": np.array([1.0]), "mu": np.array([0.1, 0.9, 0.1]), "block0": 0.2 * drawn["y"]["block0"]}
    for name in drawn:
        drawn[name]["sigma"] = np.reshape(drawn[name]["sigma"], np.shape(s.draws[name]["sigma"]))
    s = Setting(s.space, s.completed, drawn)
    z, y, seen, rows = s.column("z"), s.column("y"), s.seen("y"), s.how("x").target.missing_rows
    mu = s.value("x", "Intercept") + s.value("x", "z") * z + s.effect("x", "1|g")

    def logp(x: np.ndarray, among: np.ndarray = rows) -> np.ndarray:
        mean = s.value("y", "Intercept") + s.value("y", "x") * x + s.value("y", "z") * z[among]
        factor = normal_logp(y[among], mean + s.effect("y", "1|g")[among], s.value("y", "sigma"))
        law: Any = stats.norm(mu[among], s.value("x", "sigma"))
        found = law.logpdf(x)
        if at == "censored":
            found = np.select([x <= ENDS[0], x >= ENDS[1]], [law.logcdf(ENDS[0]), law.logsf(ENDS[1])], found)
        else:
            found = found - np.log(law.cdf(ENDS[1]) - law.cdf(ENDS[0]))
        return found + np.where(seen[among], factor, 0.0)

    return s, logp


def law(logp: Callable[..., np.ndarray], n: int, at: At, **more: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distribution function at the lower limit, three points between and below the upper, (point, cell); the log
    of what all sums up to.
    """
    mass = np.exp(logp(np.broadcast_to(GRID[:, None], (len(GRID), n)), **more)) * (GRID[1] - GRID[0])
    ends = np.exp([logp(np.full(n, end), **more) for end in ENDS]) * (at == "censored")
    total = mass.sum(axis=0) + ends.sum(axis=0)
    cdf = ends[0] + np.concatenate([np.zeros((1, n)), mass.cumsum(axis=0)])
    return cdf[[0, 500, 1000, 1500, 2000]] / total, np.log(total)


@pytest.mark.parametrize("at", [pytest.param("truncated", marks=pytest.mark.slow), "censored"])
def test_covariates_within_limits_follow_their_law(at: At) -> None:
    s, logp = bounded(at)
    assert s.how("x").kind == "slice"
    rng, kept = np.random.default_rng(4), []
    for visit in range(VISITS + BURNT):
        cells = s.draw(rng, "x")
        moved(s, "x", cells)
        if visit >= BURNT:
            kept.append(cells)
    drawn = np.array(kept)
    assert (drawn >= ENDS[0]).all() and (drawn <= ENDS[1]).all()
    cuts = [ENDS[0], 9.0, 10.0, 11.0, np.nextafter(ENDS[1], 0)]
    shares = np.array([(drawn <= point) for point in cuts]).astype(float)
    batches = shares.reshape(len(cuts), BATCHES, -1, drawn.shape[1]).mean(axis=2)
    exact, _ = law(logp, drawn.shape[1], at)
    rare = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / (VISITS / 2))  # seen too seldom for batches to tell
    error = np.maximum(batches.std(axis=1, ddof=1) / np.sqrt(BATCHES), rare)
    bound = stats.t(BATCHES - 1).isf(LEVEL / 2 / exact.size)
    assert (np.abs(batches.mean(axis=1) - exact) < bound * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("at", [pytest.param("truncated", marks=pytest.mark.slow), "censored"])
def test_observed_ones_given_all_else_have_the_normalised_law(at: At) -> None:
    s, logp = bounded(at)
    how = settled(s.how("x").target, s.space.resolved, s.space.placements, s.space.incomplete)
    matrices = {n: d.matrices(s.completed.columns) for n, d in s.space.designs.items()}
    rows = how.target.missing_rows
    theta = s.space.placements["x"].predict(s.draws["x"], matrices["x"], rows)
    found = value_densities(how, theta, s.draws, s.completed, matrices, 1.0)
    assert (np.isin(s.column("x")[rows], ENDS)).any() == (at == "censored")
    exact = logp(s.column("x")[rows], among=rows) - law(logp, len(rows), at, among=rows)[1]
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5)
