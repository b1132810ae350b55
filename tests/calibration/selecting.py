"""Simulation-based calibration of selection models: outcomes for all, of which the simulated selection shows some.

As in :mod:`sbc`, but which rows are observed changes from replicate to replicate, so each has a target of its own on
the frozen design; the compiled posterior takes arrays of any length. The data are made from the two latent equations,
not by the family's own functions. The last clusters are never seen, whatever their selection equation says: they are
the systematic ones.

Besides parameters, effects and cells, ranks are taken of sums over imputed cells of r = (y - E y) / SD y, given the
draw (a quantity may depend on parameters, data and missing cells alike: Modrák et al. 2023). Of units selected out,
the sum of r with mean and SD of the outcome model alone shows whether they were shifted, and the sum of r^2 with mean
and SD given non-selection whether their variance is right; of the systematic clusters, both show whether they were left
alone. The sum of the products of each cluster's two effects shows their correlation, whatever its sign.

What a model that is wrong says of data from the right one: :func:`study` takes another bed to believe in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from graphs import centred
from modelling import completed, conditional, only, placed, workspace
from sbc import Bed, Draw, ranked
from scipy import integrate, stats
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.families import Binary, Counting, Family, HeckmanGaussian, Real
from bayesimpute.families.heckman import Selecting
from bayesimpute.samplers import ConditionalModel, Nuts, Sampler
from bayesimpute.samplers.prior import prior_draw

CLUSTERS, SIZE, LABELS = 10, 10, 4
ROWS = np.arange(CLUSTERS * SIZE)
PRIORS = {
    "Intercept": "Normal(0, 1)",
    "x": "Normal(0, 1)",
    "selection_Intercept": "Normal(0.2, 0.5)",
    "selection_x": "Normal(0, 0.5)",
    "selection_z": "Normal(1, 0.5)",
    "1|g_sigma": "HalfNormal(1)",
    "selection_1|g_sigma": "HalfNormal(0.7)",
    "g_corr": "LKJ(1)",
}
SPREAD = {"sigma": "Gamma(8, 8)"}
Impute = Callable[[np.random.Generator, Draw, Design, Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A selection model, whether its block is centred, and how many clusters nobody sees."""

    family: Family
    priors: Mapping[str, str]
    flag: bool = False
    empty: int = 2

    @property
    def unseen(self) -> np.ndarray:
        """The rows of the systematic clusters, bool, (row,)."""
        return np.repeat(np.arange(CLUSTERS) >= CLUSTERS - self.empty, SIZE)

    def template(self) -> pd.DataFrame:
        """A hundred rows in ten clusters; those of the last clusters and every third elsewhere are missing."""
        rng = np.random.default_rng(78)
        n = len(ROWS)
        frame = pd.DataFrame({"g": ROWS // SIZE, "x": rng.normal(size=n), "z": rng.normal(size=n)})
        y = 2 * rng.normal(size=n)
        if self.family.values is not Real:
            y = (ROWS % (2 if self.family.values is Binary else LABELS)).astype(float)
        return frame.assign(y=np.where(self.unseen | (ROWS % 3 == 2), np.nan, y))

    def prepare(self, sampler: Sampler | None = None) -> Bed:
        """Describe on the template, and compile: NUTS, if no other sampler is given."""
        priors = {name: prior for name, prior in self.priors.items() if self._correlated or name != "g_corr"}
        item = conditional("y ~ x + (1 | g)", selection="x + z + (1 | g)", family=self.family, priors=priors)
        space = workspace(self.template(), item)
        design = centred(only(space)[1], self.flag)
        at = replace(placed(space), design=design)
        done = completed(space)
        matrices = design.matrices(done.columns)
        model = ConditionalModel(design, at.data(matrices, done.values["y"]))
        return Bed(placed=at, matrices=matrices, posterior=(sampler or Nuts()).compile(model))

    @property
    def _correlated(self) -> bool:
        return bool(self.family.together)


def normal_errors(rng: np.random.Generator, rho: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of selection and of the outcome."""
    h, other = rng.standard_normal((2, n))
    return h, rho * h + np.sqrt(1 - rho**2) * other


def of_frailty(copula: str) -> Callable[[np.random.Generator, np.ndarray, int], tuple[np.ndarray, np.ndarray]]:
    """By a common frailty (Marshall & Olkin 1988, J. Am. Stat. Assoc. 83:834); below zero h is turned round."""

    def errors(rng: np.random.Generator, tau: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        frailty, survival = frailties(copula, float(np.ravel(np.abs(tau))[0]), rng, n)
        h, e = ndtri(np.clip(survival(rng.standard_exponential((2, n)) / frailty), 1e-300, 1 - 1e-16))
        return np.copysign(1.0, tau) * h, e

    return errors


def frailties(
    copula: str, tau: float, rng: np.random.Generator, n: int
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """The frailties of an Archimedean copula, and the Laplace transform of their law (Hofert 2008, CSDA 52:5163)."""
    if copula == "clayton":
        theta = 2 * tau / (1 - tau)
        return np.maximum(rng.gamma(1 / theta, size=n), 1e-300), lambda t: (1 + t) ** (-1 / theta)
    if copula == "gumbel":  # positive stable (Chambers, Mallows & Stuck 1976)
        a = 1 - tau
        angle, w = np.pi * rng.random(n), rng.standard_exponential(n)
        stable = np.sin(a * angle) / np.sin(angle) ** (1 / a) * (np.sin((1 - a) * angle) / w) ** ((1 - a) / a)
        return stable, lambda t: np.exp(-(t**a))
    if copula == "frank":
        theta = brentq(
            lambda x: 1 - 4 / x * (1 - integrate.quad(lambda u: u / np.expm1(u), 0, x)[0] / x) - tau, 1e-3, 99
        )
        p = -np.expm1(-theta)
        return rng.logseries(p, n).astype(float), lambda t: -np.log1p(-p * np.exp(-t)) / theta
    k = np.arange(1.0, 1e5)
    theta = brentq(lambda x: 1 - 4 * (1 / (k * (x * k + 2) * (x * (k - 1) + 2))).sum() - tau, 1.001, 99)
    sibuya = rng.geometric(np.maximum(rng.beta(1 / theta, 1 - 1 / theta, n), 1e-15)).astype(float)
    return sibuya, lambda t: 1 - (-np.expm1(-t)) ** (1 / theta)


ERRORS = {"normal": normal_errors, **{name: of_frailty(name) for name in ("clayton", "gumbel", "frank", "joe")}}


def simulate(bed: Bed, truth: Draw, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The outcome of all rows in the user's units, and who would be selected, from the two latent equations."""
    theta = bed.placed.predict(truth, bed.matrices, ROWS)
    family = bed.design.family
    assert isinstance(family, Selecting)
    h, e = ERRORS[family.copula](rng, family.dependence(theta), len(ROWS))
    selected = theta["selection"] + h > 0
    if "nu" in theta:
        return theta["mu"] + theta["sigma"] * stats.t(theta["nu"]).ppf(ndtr(e)), selected
    if "sigma" in theta:
        return theta["mu"] + theta["sigma"] * e, selected
    if "cutpoints" in theta:
        return ((theta["mu"] + e)[:, None] > theta["cutpoints"]).sum(axis=1).astype(float), selected
    if isinstance(family.outcome, Counting):
        law = stats.poisson(theta["mu"])
        if "alpha" in theta:
            law = stats.nbinom(theta["alpha"], theta["alpha"] / (theta["alpha"] + theta["mu"]))
        return law.ppf(ndtr(e)), selected
    return (bed.placed.eta(truth, bed.matrices, ROWS)["mu"] + e > 0).astype(float), selected


def imputed(rng: np.random.Generator, draw: Draw, placed: Placement, matrices: Mapping[str, np.ndarray]) -> np.ndarray:
    """As the engine does it."""
    return placed.design.family.impute(rng, placed.missing(draw, matrices))


def untruncated(
    rng: np.random.Generator, draw: Draw, placed: Placement, matrices: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The right mean, but the whole residual variance."""
    theta = placed.missing(draw, matrices)
    mean, _ = placed.design.family.moments(theta)
    return mean + theta["sigma"] * rng.standard_normal(len(mean))


def shifted(rng: np.random.Generator, draw: Draw, placed: Placement, matrices: Mapping[str, np.ndarray]) -> np.ndarray:
    """Systematic clusters drawn as if each of their units had been selected out."""
    return placed.design.family.impute(rng, placed.predict(draw, matrices, placed.impute_rows))


def ignored(rng: np.random.Generator, draw: Draw, placed: Placement, matrices: Mapping[str, np.ndarray]) -> np.ndarray:
    """No shift for anyone: as if the values were missing at random."""
    return placed.design.family.mar().impute(rng, placed.predict(draw, matrices, placed.impute_rows))


def ways(family: Family) -> dict[str, Impute]:
    """The right way to impute, and wrong ones that calibration must see."""
    wrong: dict[str, Impute] = {"systematic shifted": shifted, "selection ignored": ignored}
    return {"imputed": imputed} | wrong | ({"untruncated": untruncated} if isinstance(family, HeckmanGaussian) else {})


def with_target(placed: Placement, observed: np.ndarray, structure: Structure) -> Placement:
    """The frozen design on the rows that a replicate shows."""
    selection = structure.family.selection
    apart = structure.unseen & (selection is not None and selection.systematic == "marginal")
    seen, others = np.flatnonzero(observed), np.flatnonzero(~observed & ~apart)
    rows = {"learn_rows": seen, "model_rows": np.concatenate([seen, others]), "impute_rows": np.flatnonzero(~observed)}
    return replace(placed, **rows, apart=apart[~observed])


def one(
    bed: Bed, structure: Structure, believed: tuple[Bed, Structure], rng: np.random.Generator, *, draws: int, thin: int
) -> dict[str, float]:
    """The rank of the truth in (0, 1) of every quantity of one simulated data set under the model believed in."""
    truth = prior_draw(bed.design, rng)
    y, selected = simulate(bed, truth, rng)
    observed = selected & ~structure.unseen
    placed = with_target(believed[0].placed, observed, believed[1])
    matrices, posterior = believed[0].matrices, believed[0].posterior
    data = placed.data(matrices, y)
    state = posterior.init(data, rng)
    kept: dict[str, list[dict[str, float]]] = {name: [] for name in ("", *ways(structure.family))}
    for _ in range(draws):
        state, draw, _ = posterior.step(state, data, rng, transitions=thin)
        kept[""].append(scalars(placed.design, draw, data))
        for name, impute in ways(structure.family).items():
            cells = impute(rng, draw, placed, matrices)
            kept[name].append(of_cells(cells, placed, draw, matrices, ~structure.unseen))
    right = with_target(bed.placed, observed, structure)
    own = scalars(right.design, truth, right.data(bed.matrices, y))
    made = of_cells(y[~observed], right, truth, bed.matrices, ~structure.unseen)
    ranks: dict[str, float] = {}
    for way, found in kept.items():
        true = own if way == "" else made
        names = [name for name in true if name in found[0]]
        table = [np.array([row[name] for name in names]) for row in found]
        ranks |= dict(
            zip([f"{way} {n}".strip() for n in names], ranked(np.array([true[n] for n in names]), table, rng))
        )
    return ranks


def scalars(design: Design, draw: Draw, data: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Parameters, the effects of the first cluster and of a systematic one, their products, and the log-likelihood."""
    found = dict(zip(design.names, design.posterior(draw), strict=True))
    effects = design.effects(draw)
    found |= {f"{name}[{j}]": u[j] for name, u in effects.items() for j in (0, CLUSTERS - 1)}
    found["products of effects"] = float(effects["1|g"] @ effects["selection_1|g"])
    return found | {"log likelihood": float(design.logp(draw, data).sum())}


def of_cells(
    cells: np.ndarray, placed: Placement, draw: Draw, matrices: Mapping[str, np.ndarray], seen: np.ndarray
) -> dict[str, float]:
    """Some cells, and the sums of their residuals: of those selected out and of those in systematic clusters."""
    rows, family = placed.impute_rows, placed.design.family
    r = standardised(cells, *family.mar().moments(placed.predict(draw, matrices, rows)))
    own = standardised(cells, *family.moments(placed.missing(draw, matrices)))
    out = seen[rows]
    found = {"first": cells[0], "middle": cells[out.sum() // 2], "last out": cells[out.sum() - 1], "empty": cells[-1]}
    found |= {"out sum": r[out].sum(), "out squares": (own[out] ** 2).sum()}
    return found | {"systematic sum": r[~out].sum(), "systematic squares": (r[~out] ** 2).sum()}


def standardised(cells: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Residuals in standard deviations; a probability of 1 to rounding leaves none."""
    return (cells - mean) / np.sqrt(np.maximum(variance, 1e-12))


def study(
    bed: Bed,
    structure: Structure,
    *,
    replicates: int,
    draws: int,
    thin: int,
    seed: int,
    believed: tuple[Bed, Structure] | None = None,
) -> dict[str, np.ndarray]:
    """Ranks of every quantity, each of shape (replicate,)."""
    streams = map(np.random.default_rng, np.random.SeedSequence(seed).spawn(replicates))
    results = [one(bed, structure, believed or (bed, structure), rng, draws=draws, thin=thin) for rng in streams]
    return {name: np.array([r[name] for r in results]) for name in results[0]}
