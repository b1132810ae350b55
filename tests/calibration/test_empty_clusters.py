"""Small clusters without any observed value: the mixture's sampler is exact, and its estimates are near to the truth's.

Started at the truth: parameters and indicators from the prior, data given them, a few sweeps from there. Under a right
kernel the state after them has the law that it had before, whatever the data are, so that the mean difference of any
function over independent replicates is zero within its Monte Carlo error; replicates may be chosen by their data.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import completed, conditional, only, placed, workspace
from scipy import stats
from selecting import PRIORS, SPREAD

import bayesimpute as bi
from bayesimpute.designs.design import SYSTEMATIC, Draw
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.plan.empty_clusters import EmptyClusters
from bayesimpute.samplers import ConditionalModel
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.prior import prior_draw
from bayesimpute.samplers.sampler import SamplerState

pytestmark = pytest.mark.long(30)

CLUSTERS, SIZE = 12, 3
G = np.repeat(np.arange(CLUSTERS), SIZE)
FAMILIES = {"numbers": (HeckmanGaussian(), PRIORS | SPREAD), "yes/no": (HeckmanProbit(), PRIORS)}
Change = Callable[[EmptyClusters, dict[str, np.ndarray]], EmptyClusters]


@cache
def made(name: str) -> tuple[Any, Any]:
    """A placement and its matrices; the last cluster of the template is empty."""
    rng, n = np.random.default_rng(5), len(G)
    frame = pd.DataFrame({"g": G, "x": rng.normal(size=n), "z": rng.normal(size=n)})
    y = 2.0 * rng.normal(size=n) if name == "numbers" else (rng.random(n) < 0.5).astype(float)
    frame["y"] = np.where((G == CLUSTERS - 1) | (np.arange(n) % 4 == 2), np.nan, y)
    family, priors = FAMILIES[name]
    given = priors | {"systematic": "Beta(3, 6)"}
    space = workspace(frame, conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=family, priors=given))
    return placed(space), only(space)[1].matrices(completed(space).columns)


def world(name: str, rng: np.random.Generator) -> tuple[Draw, np.ndarray, np.ndarray]:
    """Parameters with an indicator of every cluster, outcomes of all rows, and whose is observed."""
    at, matrices = made(name)
    truth = dict(prior_draw(at.design, rng))
    truth[SYSTEMATIC] = (rng.random(CLUSTERS) < truth["systematic"]).astype(float)
    eta, theta = (of({**truth}, matrices, np.arange(len(G))) for of in (at.eta, at.predict))
    h, other = rng.standard_normal((2, len(G)))
    e = theta["rho"] * h + np.sqrt(1 - theta["rho"] ** 2) * other
    y = theta["mu"] + theta["sigma"] * e if name == "numbers" else (eta["mu"] + e > 0).astype(float)
    return truth, y, (theta["selection"] + h > 0) & (truth[SYSTEMATIC][G] == 0)


def after(
    name: str, truth: Draw, y: np.ndarray, seen: np.ndarray, change: Change, rng: np.random.Generator
) -> tuple[Draw, Draw]:
    """The truth of what is empty, and where two sweeps lead from there."""
    at, matrices = made(name)
    gone = np.flatnonzero(np.bincount(G, weights=seen) == 0)
    empty = EmptyClusters(keys=("g",) * len(gone), labels=tuple(map(str, gone)), others=CLUSTERS - len(gone))
    of = np.full(CLUSTERS, -1)
    of[gone] = np.arange(len(gone))
    rows = np.concatenate([np.flatnonzero(seen), np.flatnonzero(~seen)])
    here = replace(at, design=replace(at.design, empty=empty), learn_rows=np.flatnonzero(seen), model_rows=rows)
    data = replace(here, impute_rows=np.flatnonzero(~seen), empty_of=of[G]).data(matrices, y)
    design = replace(here.design, empty=change(empty, data))
    one: Any = Gibbs().compile(ConditionalModel(design, data))
    start = {**truth, SYSTEMATIC: truth[SYSTEMATIC][gone]}
    theta = np.concatenate([[0.0], np.log(start["block0_sd"]), np.arctanh(start["block0_corr"])])
    state = one.engine.start(rng) | {"theta": theta, "z": np.concatenate([start["mu"], start["selection"]])}
    state |= {"zeta": np.arctanh(start["rho"]), "log_sigma": np.log(start.get("sigma", np.array(1.0)))}
    state |= {"u": start["block0"], "systematic": start["systematic"], SYSTEMATIC: start[SYSTEMATIC]}
    arrays = {key: np.asarray(value, dtype=float) for key, value in state.items()}
    _, draw, _ = one.step(SamplerState(arrays), data, rng, transitions=2)
    return {**start, "empty": gone}, {**draw, "empty": gone}


def functions(draw: Draw) -> np.ndarray:
    """Bounded functions of parameters, indicators and the effects of empty clusters, and some of their products."""
    z, (b, a) = draw[SYSTEMATIC], draw["block0"][draw["empty"]].T
    share, sigma = draw["systematic"], np.ravel(draw.get("sigma", 1.0))
    values = np.concatenate([draw["mu"], draw["selection"], np.ravel(draw["rho"]), sigma, draw["block0_sd"]])
    values = np.tanh(np.concatenate([values, draw["block0_corr"], *([v.mean()] for v in (a, b, a * b, a**2))]))
    own = np.array([share, z.mean(), share * z.mean(), share**2])
    those = [np.tanh((z * v).sum()) for v in (a, b, a**2, a * b)] + [np.tanh(((1 - z) * v).sum()) for v in (a, b, a**2)]
    return np.concatenate([own, those, values, z.mean() * values, share * values])


def unchanged(empty: EmptyClusters, data: dict[str, np.ndarray]) -> EmptyClusters:
    del data
    return empty


def others_forgotten(empty: EmptyClusters, data: dict[str, np.ndarray]) -> EmptyClusters:
    """Clusters with a value say nothing about the share."""
    del data
    return replace(empty, others=0)


def rows_kept(empty: EmptyClusters, data: dict[str, np.ndarray]) -> EmptyClusters:
    """The rows of empty clusters say nothing about their indicators, and stay in the likelihood."""
    data["empty"] = np.full_like(data["empty"], len(empty))
    return empty


def largest(name: str, replicates: int, change: Change = unchanged) -> tuple[float, int]:
    """The largest mean difference in standard errors, and of how many functions."""
    rng, found = np.random.default_rng(20261129), []
    while len(found) < replicates:
        truth, y, seen = world(name, rng)
        empty = np.bincount(G, weights=seen) == 0
        if seen.any() and empty.any():
            before, then = after(name, truth, y, seen, change, rng)
            found.append(functions(then) - functions(before))
    table = np.array(found)
    moved = table[:, table.std(axis=0) > 0]
    return float(np.abs(standard_errors(moved)).max()), moved.shape[1]


def bound(number: int) -> float:
    """Beyond it one of so many normal numbers is once in a thousand times."""
    return float(stats.norm.isf(0.0005 / number))


@pytest.mark.by_default("yes/no")
@pytest.mark.parametrize("name", FAMILIES)
def test_sweeps_from_the_truth_lead_nowhere(name: str) -> None:
    z, number = largest(name, 250)
    assert z < bound(number)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_many_sweeps_from_the_truth_lead_nowhere(name: str) -> None:
    z, number = largest(name, 8000)
    assert z < bound(number)


@pytest.mark.by_default("rows_kept")
@pytest.mark.parametrize("change", [others_forgotten, rows_kept])
def test_mistakes_are_seen(change: Change) -> None:
    z, number = largest("numbers", 250, change)
    assert z > bound(number)


def survey(seed: int) -> pd.DataFrame:
    """150 clusters of 4, half of the values selected out, an eighth of the clusters empty, all of them by chance."""
    rng = np.random.default_rng((20261129, seed))
    g = np.repeat(np.arange(150), 4)
    x, z, h, other = rng.normal(size=(4, len(g)))
    a, b = rng.normal(size=(2, 150))
    y = 1 + x + 0.7 * (0.6 * a + 0.8 * b)[g] + 0.6 * h + 0.8 * other
    seen = 0.4 * x + 0.8 * z + 0.9 * a[g] + h > 0
    return pd.DataFrame({"g": g, "x": x, "z": z, "y": np.where(seen, y, np.nan)})


def estimates(systematic: str, replicates: int) -> np.ndarray:
    """The mean of y, that of empty clusters, and the SD of selection's effects, shape (replicate, 3)."""
    family = HeckmanGaussian(systematic=systematic)
    item, found = conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=family), []
    for seed in range(replicates):
        frame = survey(seed)
        run = bi.impute(frame, item, seed=seed, m=20, chains=2, warmup=100, sweeps=200, progress=False)
        values = np.mean([completed["y"].to_numpy() for completed in run], axis=0)
        empty = frame["y"].isna().groupby(frame["g"]).transform("all").to_numpy()
        named = {v.attrs["name"]: v for v in run.draws("y").values()}
        found.append([values.mean(), values[empty].mean(), float(named["selection_1|g_sigma"].mean())])
    return np.array(found)


@pytest.mark.slow
def test_the_mixture_lies_between_all_systematic_and_who_knows_that_none_is() -> None:
    """Of the same data, "selected" is right: "marginal" is off, the mixture less.

    Not nothing: the truth, a share of 0, is at the end of where pi may be, and small clusters hardly tell 0 from .05.
    """
    mixture, marginal, right = (estimates(choice, 16) for choice in ("mixture", "marginal", "selected"))
    sign = np.array([1.0, 1.0, -1.0])
    assert (standard_errors(sign * (marginal - right)) > 4).all()
    assert (standard_errors(sign * (marginal - mixture)) > 4).all()
    for name, found in {"mixture": mixture, "marginal": marginal}.items():
        print(name, "less right:", (found - right).mean(axis=0).round(3))


def standard_errors(table: np.ndarray) -> np.ndarray:
    """How many the means of the columns are above zero."""
    return table.mean(axis=0) / table.std(axis=0, ddof=1) * np.sqrt(len(table))
