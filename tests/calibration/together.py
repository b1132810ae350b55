"""Simulation-based calibration of whole chains in compatible mode: every model's parameters, and imputed cells.

Parameters of all models are drawn from their priors, the covariate and the outcome given them; then cells go missing,
those of x more often where y is large (at random, as y is observed there), and in some rows both. Priors and scales
come from a template data set. What sbc.py says of ranks holds here too.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from modelling import conditional
from sbc import ranked
from scipy.special import expit

from bayesimpute import compatible
from bayesimpute.checking import plan_clusters
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.plan import who_reads
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.running.kernel import Bench, adapt, begin, visit
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

CLUSTERS, SIZE = 12, 12
BURN = 10
"""Times `thin`: sweeps that are forgotten."""
PRIORS = {"Intercept": "Normal(0, 1)", "z": "Normal(0.5, 0.5)", "sigma": "Gamma(8, 8)", "1|g_sigma": "Gamma(6, 8)"}
Y = {**PRIORS, "x": "Normal(1, 0.3)", "x|g_sigma": "Gamma(4, 6)", "g_corr": "LKJ(2)"}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A substantive model and the conditional of its incomplete covariate x."""

    outcome: Conditional
    covariate: Conditional

    @property
    def plan(self) -> Plan:
        """Of both."""
        return Plan.of([self.covariate], substantive=(self.outcome,)).with_run(sampler="gibbs")


def _x(**options: str) -> Conditional:
    priors = {k: v for k, v in PRIORS.items() if k != "sigma" or "family" not in options}
    return conditional("x ~ z + (1 | g)", priors=priors, **options)


SETUPS: Mapping[str, Setup] = {
    "normal": Setup(outcome=conditional("y ~ x + z + (1 + x | g)", priors=Y), covariate=_x()),
    "joint normal": Setup(
        outcome=conditional(
            "y ~ x + cluster_mean(x, g) + z + (1 | g)",
            priors={**PRIORS, "x": "Normal(1, 0.3)"} | {"cluster_mean(x, g)": "Normal(-1, 0.5)"},
        ),
        covariate=_x(),
    ),
    "slice": Setup(
        outcome=conditional(
            "y ~ x + I(x**2) + z + (1 | g)", priors={**PRIORS, "x": "Normal(1, 0.3)", "I(x ** 2)": "Normal(0.5, 0.25)"}
        ),
        covariate=_x(),
    ),
    "joint enumerated": Setup(
        outcome=conditional(
            "y ~ x + cluster_mean(x, g) + z + (1 | g)",
            priors={**PRIORS, "x": "Normal(1, 0.3)"} | {"cluster_mean(x, g)": "Normal(-1, 0.5)"},
        ),
        covariate=_x(family="bernoulli"),
    ),
    "enumerated": Setup(outcome=conditional("y ~ x + z + (1 + x | g)", priors=Y), covariate=_x(family="bernoulli")),
}


def template(setup: Setup) -> pd.DataFrame:
    """Complete but for one cell of each; x and y have mean zero and a standard deviation of about one and two."""
    rng = np.random.default_rng(78)
    n = CLUSTERS * SIZE
    frame = pd.DataFrame({"g": np.repeat(np.arange(CLUSTERS), SIZE), "z": rng.normal(size=n)})
    binary = setup.covariate.family == "bernoulli"
    frame["x"] = (rng.random(n) < 0.5).astype(float) if binary else rng.normal(size=n)
    if setup.covariate.level is not None:
        frame["x"] = frame.groupby("g")["x"].transform("first")
    frame["y"] = 2 * rng.normal(size=n)
    frame.loc[frame["g"] == 0 if setup.covariate.level is not None else [0], "x"] = np.nan
    frame.loc[1, "y"] = np.nan
    return frame


@dataclass(frozen=True, kw_only=True, eq=False)
class Bed:
    """Designs that are frozen on the template."""

    setup: Setup
    frame: pd.DataFrame
    designs: Mapping[str, Design]

    @classmethod
    def of(cls, setup: Setup) -> "Bed":
        """Described on the template."""
        frame = template(setup)
        incomplete = Incomplete.from_frame(frame, clusters=plan_clusters(setup.plan))
        return cls(setup=setup, frame=frame, designs=Workspace(setup.plan, incomplete).designs)

    def simulate(self, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, Mapping[str, np.ndarray]]]:
        """Complete data and the draws of the parameters that made them."""
        draws = {name: prior_draw(design, rng) for name, design in self.designs.items()}
        return self.complete(draws, rng), draws

    def complete(self, draws: Mapping[str, Mapping[str, np.ndarray]], rng: np.random.Generator) -> pd.DataFrame:
        """Complete data from given parameters."""
        frame, rows = self.frame.copy(), np.arange(len(self.frame))
        for name in ("x", "y"):
            design = self.designs[name]
            filled = frame.fillna(0.0)  # x does not read y, and y is drawn after x
            # with the template's holes in the values drawn so far: cluster means keep the sums of what is observed
            incomplete = Incomplete.from_frame(filled.where(self.frame.notna()), clusters=("g",))
            resolved = resolve(self.setup.plan, incomplete)
            cells = {t.name: filled[t.name].to_numpy()[t.missing_rows] for t in resolved.targets}
            completed = Completed(incomplete, resolved, cells)
            placed = Placement.of(design, resolved.step(name), incomplete)
            theta = placed.predict(draws[name], design.matrices(completed.columns), rows)
            values = design.family.impute(rng, theta)
            frame[name] = values[resolved.target(name).rows][resolved.target(name).unit_of_row]
        return frame

    def workspace(self, frame: pd.DataFrame) -> Workspace:
        """Of data with holes, with the frozen designs."""
        incomplete = Incomplete.from_frame(frame, clusters=plan_clusters(self.setup.plan))
        space = Workspace(self.setup.plan, incomplete)
        for step in space.resolved.steps:
            space.placements[step.name] = Placement.of(self.designs[step.name], step, incomplete)
        space.compatible = {
            t.name: compatible.Compatible.of(t, space.resolved, space.placements, incomplete, frozenset(space.designs))
            for t in space.resolved.targets
            if t.name in space.resolved.factors
        }
        return space


def holes(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every fourth y is missing, half of them with x; elsewhere x is missing by a steep logit of y."""
    frame = frame.copy()
    y = frame["y"].to_numpy()
    gone = rng.random(len(y)) < expit(4 * (y - np.median(y)) / y.std())
    gone[3::8], gone[7::8] = False, True
    gone[[0, 1]], gone[[4, 5]] = True, False
    frame.loc[gone, "x"] = np.nan
    frame.loc[3::4, "y"] = np.nan
    return frame


@contextmanager
def mistake(name: str) -> Iterator[None]:
    """Something that calibration must see."""
    right = who_reads.read_by_others, who_reads.factors
    if name == "x's model is fitted to observed rows":
        who_reads.read_by_others = lambda graph: frozenset()
    elif name == "the outcome is ignored":
        who_reads.factors = lambda graph: dict.fromkeys(graph, ())
    try:
        yield
    finally:
        who_reads.read_by_others, who_reads.factors = right


def one(bed: Bed, rng: np.random.Generator, *, draws: int, thin: int, wrong: str) -> dict[str, float]:
    """The rank of the truth in (0, 1) of every quantity of one simulated data set."""
    complete, truth = bed.simulate(rng)
    frame = holes(complete, rng)
    with mistake(wrong):
        space = bed.workspace(frame)
    seed = int(rng.integers(2**31))
    state = begin(space, 0, seed)
    bench = Bench(space, state.cells)
    for step in space.resolved.steps:
        space.posterior(step, bench.data(step))
    state = adapt(bench, state, seed)
    places = list(range(len(space.resolved.targets)))
    if wrong == "the outcome is drawn before the covariate":
        places.reverse()
    rows, kept = [], {}
    for sweep in range((draws + BURN) * thin):
        for place in places:
            state, made = visit(bench, state, place, seed, tune=sweep < BURN * thin // 2)
            kept[space.resolved.targets[place].name] = made.draw
        state = replace(state, sweep=state.sweep + 1)
        if sweep >= BURN * thin and sweep % thin == 0:
            rows.append(_quantities(space, kept, {n: bench.completed.values[n] for n in ("x", "y")}))
    true = _quantities(space, truth, {n: complete[n].to_numpy() for n in ("x", "y")})
    found = ranked(np.array(list(true.values())), [np.array(list(row.values())) for row in rows], rng)
    return dict(zip(true, found, strict=True))


def _quantities(
    space: Workspace, draws: Mapping[str, Mapping[str, np.ndarray]], values: Mapping[str, np.ndarray]
) -> dict[str, float]:
    found = {}
    for name, design in space.designs.items():
        found |= {f"{name}: {n}": v for n, v in zip(design.names, design.posterior(draws[name]), strict=True)}
    missing = {n: np.flatnonzero(space.incomplete.columns[n].missing) for n in ("x", "y")}
    known = missing["x"][~np.isin(missing["x"], missing["y"])]
    found |= {f"x{k}": values["x"][row] for k, row in enumerate((0, 1, known[-1]))}
    found |= {f"y{k}": values["y"][row] for k, row in enumerate(missing["y"][[0, -1]])}
    both = np.intersect1d(missing["x"], missing["y"])
    found["covariance where both are missing"] = np.cov(values["x"][both], values["y"][both])[0, 1]
    return found | {"mean x": values["x"][missing["x"]].mean()}


def study(bed: Bed, *, replicates: int, draws: int, thin: int, seed: int, wrong: str = "") -> dict[str, np.ndarray]:
    """Ranks of every quantity, each of shape (replicate,)."""
    streams = np.random.SeedSequence(seed).spawn(replicates)
    results = [one(bed, np.random.default_rng(s), draws=draws, thin=thin, wrong=wrong) for s in streams]
    return {name: np.array([r[name] for r in results]) for name in results[0]}
