"""Simulation-based calibration (Talts et al. 2018; Modrák et al. 2023).

Parameters are drawn from the prior, data given them, and the truth is ranked among posterior draws: its rank is uniform
if the posterior is right on average. Priors and scales are frozen: they come from a template data set, not from the
simulated ones. Ranks are taken of every scalar parameter, of some random effects, of imputed cells (also in a cluster
without any observed value), and of the log-likelihood, which sees mistakes that leave the parameters' margins right.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from graphs import centred
from modelling import completed, conditional, only, placed, workspace
from scipy import stats

from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.families import Family
from bayesimpute.samplers import ConditionalModel, Nuts, Sampler
from bayesimpute.samplers.prior import prior_draw

CLUSTERS, SIZE = 10, 6
LEVEL = 1e-3
"""Of a whole study: a false alarm in 1,000 choices of the seed."""
Draw = Mapping[str, Any]
Impute = Callable[[np.random.Generator, Draw], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A model: formula right of the target, sigma's and zero's if it has any, family, whether blocks are centred; what
    values its target has, if not those that any of its family has.
    """

    right: str
    sigma: str | None = None
    zero: str | None = None
    family: str | Family = "gaussian"
    flag: bool = False
    priors: Mapping[str, str]
    values: str | None = None


PRIORS = {"Intercept": "Normal(0, 1)", "x": "Normal(0, 1)"}
SPREAD = {"sigma": "Gamma(8, 8)"}
DEVIATIONS = {"1|g_sigma": "HalfNormal(1.5)"}


def shares(y: pd.Series) -> pd.Series:
    """Proportions, of which the smallest are 0 and the largest 1."""
    found = 1 / (1 + np.exp(-y))
    return found.mask(found < 0.1, 0.0).mask(found > 0.9, 1.0)


OTHERS: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "bernoulli": lambda y: (y > 0).astype(float),
    "zero_inflated_poisson": lambda y: np.maximum(np.round(y), 0.0),
    "sqrtnormal": lambda y: (y + 0.1) ** 2,
    "zero_one_inflated_beta": shares,
}
"""What values of a family numbers are made of; of those that are not here they are themselves."""


def template(family: str) -> pd.DataFrame:
    """Sixty rows in ten clusters; the last cluster has no observed value, nor has every fourth row elsewhere."""
    rng = np.random.default_rng(77)
    n = CLUSTERS * SIZE
    frame = pd.DataFrame({"g": np.repeat(np.arange(CLUSTERS), SIZE), "x": rng.normal(size=n)})
    frame["y"] = OTHERS.get(family, lambda y: y)(2 * pd.Series(rng.normal(size=n)))
    frame.loc[(frame["g"] == CLUSTERS - 1) | (frame.index % 4 == 2), "y"] = np.nan
    return frame


@dataclass(frozen=True, kw_only=True)
class Bed:
    """A frozen design on its rows, with its matrices and compiled posterior."""

    placed: Placement
    matrices: Mapping[str, np.ndarray]
    posterior: Any

    @property
    def design(self) -> Design:
        """What the model is."""
        return self.placed.design


def prepare(structure: Structure, *, sampler: Sampler | None = None, frame: pd.DataFrame | None = None) -> Bed:
    """Describe on the template or another frame, and compile: NUTS, if no other sampler is given."""
    name = structure.family if isinstance(structure.family, str) else structure.family.name
    more = {key: right for key in ("sigma", "zero") if (right := getattr(structure, key))}
    item = conditional(f"y ~ {structure.right}", family=structure.family, priors=structure.priors, **more)
    space = workspace(template(name) if frame is None else frame, item)
    design = centred(only(space)[1], structure.flag)
    at = replace(placed(space), design=design)
    done = completed(space)
    matrices = design.matrices(done.columns)
    model = ConditionalModel(design, at.data(matrices, done.values["y"]))
    return Bed(placed=at, matrices=matrices, posterior=(sampler or Nuts()).compile(model))


def imputations(bed: Bed) -> dict[str, Impute]:
    """The right way to impute, and wrong ones that calibration must see."""
    design, rows = bed.design, bed.placed.impute_rows

    def right(rng: np.random.Generator, draw: Draw) -> np.ndarray:
        return design.family.impute(rng, bed.placed.predict(draw, bed.matrices, rows))

    def mean(rng: np.random.Generator, draw: Draw) -> np.ndarray:
        del rng
        return design.family.moments(bed.placed.predict(draw, bed.matrices, rows))[0]

    def without_effects(rng: np.random.Generator, draw: Draw) -> np.ndarray:
        return right(rng, {**draw, **{b.key: np.zeros_like(draw[b.key]) for b in design.blocks}})

    wrong = {"the mean imputed": mean} | ({"random effects ignored": without_effects} if design.blocks else {})
    return {"imputed": right} | wrong


def one(bed: Bed, rng: np.random.Generator, *, draws: int, thin: int) -> dict[str, float]:
    """The rank of the truth in (0, 1), ties broken at random, of every quantity of one simulated data set."""
    design = bed.design
    truth = prior_draw(design, rng)
    everything = np.arange(len(next(iter(bed.matrices.values()))))
    y = design.family.impute(rng, bed.placed.predict(truth, bed.matrices, everything))
    data = bed.placed.data(bed.matrices, y)
    state = bed.posterior.init(data, rng)
    ways = imputations(bed)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("parameters", *ways)}
    for _ in range(draws):
        state, draw, _ = bed.posterior.step(state, data, rng, transitions=thin)
        rows["parameters"].append(_scalars(design, draw, data))
        for name, impute in ways.items():
            rows[name].append(_some(impute(rng, draw)))
    names = [*design.names, *(f"{n}[{j}]" for n in design.effects(truth) for j in (0, CLUSTERS - 1)), "log likelihood"]
    ranks = dict(zip(names, ranked(_scalars(design, truth, data), rows["parameters"], rng), strict=True))
    cells = _some(y[bed.placed.impute_rows])
    for name in ways:
        ranks |= {f"{name} {k}": u for k, u in enumerate(ranked(cells, rows[name], rng))}
    return ranks


def _scalars(design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> np.ndarray:
    effects = [u[j] for u in design.effects(draw).values() for j in (0, CLUSTERS - 1)]
    return np.array([*design.posterior(draw), *effects, design.logp(draw, data).sum()])


def _some(cells: np.ndarray) -> np.ndarray:
    """Three cells of clusters with observed values, and one of the cluster without."""
    return cells[[0, 5, 10, -1]]


def ranked(truth: np.ndarray, draws: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The rank of each quantity among its draws, in (0, 1), ties broken at random, shape (quantity,)."""
    table = np.array(draws)
    below, equal = (table < truth).sum(axis=0), (table == truth).sum(axis=0)
    return (below + rng.random(len(truth)) * (equal + 1)) / (len(table) + 1)


def study(bed: Bed, *, replicates: int, draws: int, thin: int, seed: int) -> dict[str, np.ndarray]:
    """Ranks of every quantity, each of shape (replicate,)."""
    streams = np.random.SeedSequence(seed).spawn(replicates)
    results = [one(bed, np.random.default_rng(s), draws=draws, thin=thin) for s in streams]
    return {name: np.array([r[name] for r in results]) for name in results[0]}


def pvalue(u: np.ndarray) -> float:
    """Of uniformity: the smaller of Kolmogorov-Smirnov's and that of the spread around 1/2, doubled."""
    spread = (np.abs(2 * u - 1).mean() - 0.5) * np.sqrt(12 * len(u))
    return float(min(1.0, 2 * min(stats.kstest(u, "uniform").pvalue, 2 * stats.norm.sf(abs(spread)))))


WRONG = ("the mean imputed", "random effects ignored", "untruncated", "systematic shifted", "selection ignored")
"""Ways to impute that calibration must see."""


def outside(ranks: Mapping[str, np.ndarray], prefix: str | None = None) -> dict[str, float]:
    """The quantities whose ranks are not uniform at LEVEL, shared among them (Bonferroni), with their p values.

    `prefix` picks the cells imputed in one way; None all that must be right.
    """
    chosen = {n: u for n, u in ranks.items() if (n.startswith(prefix) if prefix else not n.startswith(WRONG))}
    found = {name: pvalue(u) for name, u in chosen.items()}
    return {name: p for name, p in found.items() if p < LEVEL / len(found)}
