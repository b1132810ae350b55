"""Counts as incomplete covariates, and as outcomes of incomplete covariates: their laws written out by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from laws import Setting, normal_logp, setting, table
from scipy import stats
from test_slice_draws import LEVEL, moved, on_a_grid

from bayesimpute import Conditional

HIGHEST = 60
WALK, THIN = 250, 4


def counted(outcome: str) -> tuple[Setting, Callable[[float], np.ndarray]]:
    """A count k that y reads, and the log-probability of a value in each of its missing cells, up to a constant."""
    frame = table()
    rng = np.random.default_rng(2)
    frame["k"] = rng.poisson(3.0, len(frame)).astype(float)
    frame["e"] = rng.uniform(0.5, 2.0, len(frame))
    if outcome == "negative_binomial":
        frame["y"] = np.floor(np.abs(frame["y"]) / 40)
    frame.loc[::3, "k"] = np.nan
    frame.loc[frame.index % 6 == 3, "y"] = np.nan
    reads = Conditional.of("y ~ k + z + (1 | g)", family=outcome)
    own = Conditional.of("k ~ z + (1 | g)", family="poisson", side={"exposure": "e"})
    s = setting([reads], own, frame=frame.drop(columns=["x", "b", "m", "w", "s"]))
    plain = {"k": {"mu": np.array([0.8, 0.1]), "block0": 0.2 * s.draws["k"]["block0"]}}
    level = {"gaussian": 0.1, "negative_binomial": 0.5}[outcome]
    plain["y"] = {"mu": np.array([level, 0.3, 0.1]), "block0": 0.2 * s.draws["y"]["block0"]}
    s = Setting(s.space, s.completed, {name: {**s.draws[name], **plain[name]} for name in plain})
    rows, seen = s.how("k").target.missing_rows, s.seen("y")
    z, e, y = s.column("z"), s.column("e"), s.column("y")
    rate = e * np.exp(s.value("k", "Intercept") + s.value("k", "z") * z + s.effect("k", "1|g"))

    def logp(k: float) -> np.ndarray:
        mean = s.value("y", "Intercept") + s.value("y", "k") * k + s.value("y", "z") * z + s.effect("y", "1|g")
        if outcome == "gaussian":
            factor = normal_logp(y, mean, s.value("y", "sigma"))
        else:
            alpha = s.value("y", "alpha")
            factor = stats.nbinom(alpha, alpha / (alpha + np.exp(mean))).logpmf(np.where(seen, y, 0.0))
        return (stats.poisson(rate).logpmf(k) + np.where(seen, factor, 0.0))[rows]

    return s, logp


@pytest.mark.by_default("negative_binomial")
@pytest.mark.parametrize("outcome", ["gaussian", "negative_binomial"])
def test_counts_that_other_models_read_have_the_law_that_is_written_out_by_hand(outcome: str) -> None:
    s, logp = counted(outcome)
    assert s.how("k").kind == "slice"
    logs = np.array([logp(float(k)) for k in range(HIGHEST)])
    law = np.exp(logs - np.logaddexp.reduce(logs, axis=0))
    assert law[-5:].max() < 1e-12
    rng, shares = np.random.default_rng(4), np.zeros_like(law)
    for visit in range(WALK * THIN):
        cells = s.draw(rng, "k")
        moved(s, "k", cells)
        if visit >= 40 and visit % THIN == 0:
            shares[cells.astype(int), np.arange(len(cells))] += 1
    n = shares[:, 0].sum()
    cdf, found = law.cumsum(axis=0), shares.cumsum(axis=0) / n
    # each cell's distribution function, at every value: a Bonferroni bound of as many normals
    error = np.sqrt(np.maximum(cdf * (1 - cdf), 1e-3) / (n / 2))
    bound = stats.norm.isf(LEVEL / 2 / (law > 1e-3).sum())
    assert (np.abs(found - cdf) < bound * error).all()
    without = np.exp(stats.poisson(3.0).logpmf(np.arange(HIGHEST)))[:, None].cumsum(axis=0)
    assert not (np.abs(found - without) < bound * error).all()


@pytest.mark.slow
def test_covariates_of_counts_follow_their_law() -> None:
    frame = table().drop(columns=["b", "m", "w", "s"])
    frame["y"] = np.floor(np.abs(frame["y"]) / 40)
    s = setting([Conditional.of("y ~ x + (1 | g)", family="poisson")], "x ~ z + (1 | g)", frame=frame)
    own = {"sigma": np.array(0.8), "block0": 0.2 * s.draws["x"]["block0"]}
    plain = {"mu": np.array([1.2, 0.4]), "block0": 0.2 * s.draws["y"]["block0"]}
    s = Setting(s.space, s.completed, {"x": {**s.draws["x"], **own}, "y": {**s.draws["y"], **plain}})
    rows = s.how("x").target.missing_rows
    mean_x = (s.value("x", "Intercept") + s.value("x", "z") * s.column("z") + s.effect("x", "1|g"))[rows]
    value = s.column("y")[rows]

    def logp(x: np.ndarray) -> np.ndarray:
        eta = s.value("y", "Intercept") + s.value("y", "x") * x + s.effect("y", "1|g")[rows]
        factor = value * eta - np.exp(eta)
        return normal_logp(x, mean_x, s.value("x", "sigma")) + np.where(s.seen("y")[rows], factor, 0.0)

    sd = s.value("x", "sigma")
    cdf, rng, u = on_a_grid(logp, mean_x, np.full(len(rows), 20 * sd)), np.random.default_rng(3), []
    for visit in range(640):
        cells = s.draw(rng, "x")
        moved(s, "x", cells)
        if visit >= 40 and visit % 6 == 0:
            u.append(cdf(cells))
    assert stats.kstest(np.ravel(u), "uniform").pvalue > LEVEL


def test_an_observed_count_given_all_else_has_the_normalised_law() -> None:
    """As :func:`bayesimpute.compatible.value_densities` says it, of the values that were observed."""
    from bayesimpute.compatible import settled, value_densities

    s, _ = counted("gaussian")
    target = s.how("k").target
    how = settled(target, s.space.resolved, s.space.placements, s.space.incomplete)
    matrices = {n: d.matrices(s.completed.columns) for n, d in s.space.designs.items()}
    rows = how.target.missing_rows
    theta = s.space.placements["k"].predict(s.draws["k"], matrices["k"], rows)
    found = value_densities(how, theta, s.draws, s.completed, matrices, 1.0)
    rate, z, y = theta["mu"] * s.column("e")[rows], s.column("z")[rows], s.column("y")[rows]

    def logp(k: np.ndarray | float) -> np.ndarray:
        mean = s.value("y", "Intercept") + s.value("y", "k") * k + s.value("y", "z") * z + s.effect("y", "1|g")[rows]
        factor = normal_logp(y, mean, s.value("y", "sigma"))
        return stats.poisson(rate).logpmf(k) + np.where(s.seen("y")[rows], factor, 0.0)

    total = np.logaddexp.reduce([logp(float(k)) for k in range(300)], axis=0)
    np.testing.assert_allclose(found, logp(s.column("k")[rows]) - total, rtol=1e-8, atol=1e-8)
