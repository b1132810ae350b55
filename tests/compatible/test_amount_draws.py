"""Amounts as incomplete covariates: zero has a probability of its own, and the law is written out by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from laws import Setting, normal_logp, setting, table
from scipy import stats
from test_slice_draws import LEVEL, moved

from bayesimpute import Conditional, Derived
from bayesimpute.compatible import settled, value_densities

lognorm: Any = stats.lognorm
GRID = np.exp(np.linspace(-9.0, 9.0, 4001))
WALK, THIN, BURNT = 300, 2, 50


def amounts(right: str) -> tuple[Setting, Callable[..., np.ndarray]]:
    """An amount a that y reads, and the log of its probability at 0, else of its density, in each missing cell."""
    frame, rng = table(), np.random.default_rng(2)
    frame["a"] = np.where(rng.random(len(frame)) < 0.4, 0.0, np.exp(rng.normal(0.5, 0.7, len(frame))))
    frame["y"] = rng.normal(size=len(frame))
    frame.loc[::3, "a"] = np.nan
    frame.loc[frame.index % 6 == 3, "y"] = np.nan
    logs = [Derived(name="l", expression="log(a + 1)")] if right == "l" else []
    own = Conditional.of("a ~ z + (1 | g)", family="semicontinuous")
    kept = frame.drop(columns=["x", "b", "m", "w", "s"])
    s = setting([Conditional.of(f"y ~ {right} + z + (1 | g)")], own, frame=kept, derived=logs)
    plain = {"mu": np.array([0.5, 0.1]), "zero": np.array([-0.4, 0.2]), "sigma": np.array(0.7)}
    drawn = {name: dict(s.draws[name]) for name in s.draws}
    drawn["a"] |= {name: np.reshape(value, np.shape(drawn["a"][name])) for name, value in plain.items()}
    drawn["a"]["block0"] = 0.2 * drawn["a"]["block0"]
    drawn["y"] |= {"mu": np.array([0.1, 0.8, 0.1]), "sigma": np.reshape(0.8, np.shape(drawn["y"]["sigma"]))}
    drawn["y"]["block0"] = 0.2 * drawn["y"]["block0"]
    s = Setting(s.space, s.completed, drawn)
    rows, seen = s.how("a").target.missing_rows, s.seen("y")
    z, y = s.column("z"), s.column("y")
    mu = s.value("a", "Intercept") + s.value("a", "z") * z + s.effect("a", "1|g")
    zero = 1 / (1 + np.exp(-(s.value("a", "zero_Intercept") + s.value("a", "zero_z") * z + s.effect("a", "zero_1|g"))))

    def logp(a: np.ndarray, at: np.ndarray = rows) -> np.ndarray:
        read = np.log(a + 1) if right == "l" else a
        mean = s.value("y", "Intercept") + s.value("y", right) * read + s.value("y", "z") * z[at]
        factor = normal_logp(y[at], mean + s.effect("y", "1|g")[at], s.value("y", "sigma"))
        some = np.log(1 - zero[at]) + lognorm(s.value("a", "sigma"), 0, np.exp(mu[at])).logpdf(np.maximum(a, 1e-9))
        return np.where(a == 0, np.log(zero[at]), some) + np.where(seen[at], factor, 0.0)

    return s, logp


def law(logp: Callable[..., np.ndarray], n: int, **more: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probability of 0, the distribution function on the grid, (value, cell), and the log of what all sum up to."""
    some = logp(np.broadcast_to(GRID[:, None], (len(GRID), n)), **more) + np.log(GRID)[:, None]
    mass = np.exp(some) * (np.log(GRID[1]) - np.log(GRID[0]))
    none = np.exp(logp(np.zeros(n), **more))
    total = none + mass.sum(axis=0)
    return none / total, (none + mass.cumsum(axis=0) - mass / 2) / total, np.log(total)


@pytest.mark.parametrize("right", ["a", pytest.param("l", marks=pytest.mark.slow)])
def test_amounts_that_other_models_read_have_the_law_that_is_written_out_by_hand(right: str) -> None:
    s, logp = amounts(right)
    assert s.how("a").kind == "slice" and s.how("a").affine == (right == "a")
    drawn = walk(s)
    none, cdf, _ = law(logp, drawn.shape[1])
    assert as_written(drawn, none, cdf)
    assert not as_written(drawn, np.full_like(none, 1 / (1 + np.exp(0.4))), cdf)


def walk(s: Setting, visits: int = WALK * THIN) -> np.ndarray:
    """Cells of some visits, (visit, cell)."""
    rng, kept = np.random.default_rng(4), []
    for visit in range(visits + BURNT):
        cells = s.draw(rng, "a")
        moved(s, "a", cells)
        if visit >= BURNT and visit % THIN == 0:
            kept.append(cells)
    return np.array(kept)


def as_written(drawn: np.ndarray, none: np.ndarray, cdf: np.ndarray) -> bool:
    """Whether shares of zeros, and distribution functions, are within the error that batches have."""
    found = [((drawn == 0).astype(float), none)]
    for quantile in (0.5, 0.8, 0.95):
        at = np.array([GRID[np.searchsorted(each, quantile)] for each in cdf.T])
        exact = np.array([np.interp(np.log(a), np.log(GRID), each) for a, each in zip(at, cdf.T, strict=True)])
        found.append(((drawn <= at).astype(float), exact))
    bound = stats.t(24).isf(LEVEL / 2 / (len(found) * drawn.shape[1]))
    errors = []
    for shares, exact in found:
        batches = shares[: 25 * (len(shares) // 25)].reshape(25, -1, shares.shape[1]).mean(axis=1)
        rare = np.sqrt(np.maximum(exact * (1 - exact), 1e-3) / (len(shares) / 2))  # seen too seldom for batches to tell
        error = np.maximum(batches.std(axis=0, ddof=1) / 5, rare)
        errors.append(np.abs(batches.mean(axis=0) - exact) / error)
    return bool(np.max(errors) < bound)


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["slices alone", pytest.param("its own model alone", marks=pytest.mark.slow)])
def test_a_draw_without_one_of_its_steps_is_seen(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bayesimpute.compatible import drawing

    s, logp = amounts("a")

    def wrong(
        rng: np.random.Generator, affected: object, cells: np.ndarray, own: Callable, others: object
    ) -> np.ndarray:
        return cells if mistake == "slices alone" else own()

    monkeypatch.setattr(drawing, "draw_candidates", wrong)
    drawn = walk(s, 400)
    assert not as_written(drawn, *law(logp, drawn.shape[1])[:2])


@pytest.mark.slow
def test_an_observed_amount_given_all_else_has_the_normalised_law() -> None:
    s, logp = amounts("a")
    target = s.how("a").target
    how = settled(target, s.space.resolved, s.space.placements, s.space.incomplete)
    matrices = {n: d.matrices(s.completed.columns) for n, d in s.space.designs.items()}
    rows = how.target.missing_rows
    theta = s.space.placements["a"].predict(s.draws["a"], matrices["a"], rows)
    found = value_densities(how, theta, s.draws, s.completed, matrices, 1.0)
    total = law(logp, len(rows), at=rows)[2]
    assert (s.column("a")[rows] == 0).any()
    np.testing.assert_allclose(found, logp(s.column("a")[rows], at=rows) - total, rtol=1e-5, atol=1e-5)
