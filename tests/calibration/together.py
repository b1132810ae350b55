"""Plans of compatible mode whose models make the data: setups, their templates, and data from parameters.

A setup has its models in the order in which they make the data: each reads those before it. Parameters of all models
come from their priors, data from them. Priors and scales come from a template data set, and stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from modelling import conditional

from bayesimpute.checking import plan_clusters
from bayesimpute.compatible import Compatible
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.families import HeckmanGaussian
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Resolved
from bayesimpute.running.workspace import Described, Workspace
from bayesimpute.samplers.gibbs import Gibbs
from bayesimpute.samplers.prior import prior_draw

CLUSTERS, SIZE = 12, 12
UNSEEN = 7
"""The cluster whose outcome nobody could see, for selection models that know it."""
PRIORS = {
    "Intercept": "Normal(0, 1)",
    "z": "Normal(0.5, 0.5)",
    "x": "Normal(1, 0.3)",
    "I(x ** 2)": "Normal(0.5, 0.25)",
    "cluster_mean(x, g)": "Normal(-1, 0.5)",
    "w": "Normal(1.5, 0.3)",
    "b": "Normal(1, 0.5)",
    "y": "Normal(1, 0.3)",
    "cluster_mean(y, g)": "Normal(-0.5, 0.3)",
    "cluster_mean(b, g)": "Normal(-0.5, 0.3)",
    "sigma": "Gamma(8, 8)",
    "1|g_sigma": "Gamma(6, 8)",
    "x|g_sigma": "Gamma(4, 6)",
    "g_corr": "LKJ(2)",
    "selection_Intercept": "Normal(0.5, 0.5)",
    "selection_x": "Normal(1, 0.3)",
    "selection_w": "Normal(0.5, 0.3)",
    "selection_e": "Normal(0.8, 0.3)",
    "selection_1|g_sigma": "HalfNormal(0.7)",
    "rho": "ScaledBeta(2, 2)",
    "systematic": "Beta(2, 6)",
}
"""Of whatever a model has of these."""
Draws = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Setup:
    """Models in the order in which they make the data; that of y is the substantive one."""

    models: tuple[Conditional, ...]

    @property
    def plan(self) -> Plan:
        """Of all of them."""
        others = [model for model in self.models if model.target != "y"]
        return Plan.of(others, substantive=(self["y"],)).with_run(sampler="gibbs")

    @property
    def names(self) -> list[str]:
        """What they are the models of."""
        return [model.target for model in self.models]

    def __getitem__(self, name: str) -> Conditional:
        return self.models[self.names.index(name)]


def model(formula: str, **options: Any) -> Conditional:
    """With the priors of what it has."""
    return conditional(formula, priors=PRIORS, **options)


SELECTING = HeckmanGaussian(systematic="unseen")
SELECTED = "x + z + e + (1 | g)"
X, X_YES_NO = model("x ~ z + (1 | g)"), model("x ~ z + (1 | g)", family="bernoulli")
X_GIVEN_W = model("x ~ z + w + (1 | g)")
W = model("w ~ 1", level="g")
B = model("b ~ x + w + (1 | g)", family="bernoulli")
SLOPES = model("y ~ x + z + (1 + x | g)")
MEANS = model("y ~ x + cluster_mean(x, g) + z + (1 | g)")
ONE: Mapping[str, Setup] = {
    "normal": Setup((X, SLOPES)),
    "joint normal": Setup((X, MEANS)),
    "slice": Setup((X, model("y ~ x + I(x**2) + z + (1 | g)"))),
    "joint enumerated": Setup((X_YES_NO, MEANS)),
    "enumerated": Setup((X_YES_NO, SLOPES)),
}
"""With one covariate, of level 1: each kind of draw."""
SEVERAL: Mapping[str, Setup] = {
    "level 2 and yes/no": Setup((W, X_GIVEN_W, B, model("y ~ x + b + w + z + (1 + x | g)"))),
    "selection": Setup((X, model("y ~ x + z + (1 | g)", selection=SELECTED, family=SELECTING))),
    "selection, in doubt": Setup((X, model("y ~ x + z + (1 | g)", selection=SELECTED, family=HeckmanGaussian()))),
    "auxiliary": Setup(
        (
            X,
            model("y ~ x + z + (1 | g)"),
            model("a ~ y + x + z + cluster_mean(y, g) + cluster_mean(x, g) + (1 | g)"),
        )
    ),
    "all together": Setup(
        (
            W,
            X_GIVEN_W,
            B,
            model("y ~ x + b + w + z + (1 | g)", selection="x + w + e + (1 | g)", family=SELECTING),
            model("a ~ x + b + w + (1 | g)"),
        )
    ),
    "as suggested": Setup(
        (
            W,
            X_GIVEN_W,
            model("b ~ z + x + cluster_mean(x, g) + w + (1 | g)", family="bernoulli"),
            model("y ~ x + b + w + z + (1 + x | g)"),
            model(f"a ~ y + z + x + b + {' + '.join(f'cluster_mean({n}, g)' for n in 'yxb')} + w + (1 | g)"),
        )
    ),
}
"""With several incomplete variables; no other model may read an outcome with a selection model."""


def template(setup: Setup) -> pd.DataFrame:
    """Complete but for one cell of each and, of selection models, a third of the outcome and a cluster's."""
    rng = np.random.default_rng(78)
    n = CLUSTERS * SIZE
    frame = pd.DataFrame({"g": np.repeat(np.arange(CLUSTERS), SIZE), "z": rng.normal(size=n)})
    frame["e"], frame["unseen"] = rng.normal(size=n), (frame["g"] == UNSEEN).astype(float)
    for k, each in enumerate(setup.models):
        values = (rng.random(n) < 0.5).astype(float) if each.family == "bernoulli" else rng.normal(size=n)
        frame[each.target] = values if each.target != "y" else 2 * values
        gone = frame.index == k
        if each.level is not None:
            frame[each.target] = frame.groupby("g")[each.target].transform("first")
            gone = frame["g"] == 0
        elif "selection" in each.formulas:
            gone = (frame.index % 3 == 2) | (frame["g"] == UNSEEN)
        frame.loc[gone, each.target] = np.nan
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

    def simulate(self, rng: np.random.Generator) -> tuple[pd.DataFrame, Draws]:
        """Complete data and the draws of the parameters that made them."""
        draws = {name: prior_draw(design, rng) for name, design in self.designs.items()}
        return self.complete(draws, rng), draws

    @cached_property
    def _blank(self) -> tuple[Incomplete, Resolved]:
        """Data with nothing that models make: cluster means follow from what is put in."""
        frame = self.frame.assign(**dict.fromkeys(self.setup.names, np.nan))
        incomplete = Incomplete.from_frame(frame, clusters=plan_clusters(self.setup.plan))
        return incomplete, resolve(self.setup.plan, incomplete)

    def complete(self, draws: Draws, rng: np.random.Generator) -> pd.DataFrame:
        """Complete data from given parameters; a column `selected` says whose outcome a selection model lets see."""
        incomplete, resolved = self._blank
        completed = Completed(incomplete, resolved, {t.name: np.zeros(len(t.rows)) for t in resolved.targets})
        rows, more = np.arange(len(self.frame)), {}
        for name in self.setup.names:
            target, design = resolved.target(name), self.designs[name]
            placed = Placement.of(design, resolved.step(name), incomplete)
            theta = placed.predict(draws[name], design.matrices(completed.columns), rows)
            if "selection" in theta:
                values, more["selected"] = outcome_and_selection(theta, rng)
            else:
                values = design.family.impute(rng, theta)
            completed.set(target, values[target.rows])
        return self.frame.assign(**{name: completed.values[name] for name in self.setup.names}, **more)

    def away(self, rng: np.random.Generator) -> tuple[float, np.ndarray]:
        """Clusters whose outcome nobody could see, bool, (cluster,), and their share: where in doubt, by its prior."""
        prior = next((p.priors[0] for p in self.designs["y"].predictors if p.key == "systematic"), None)
        if prior is None:
            return 0.0, np.arange(CLUSTERS) == UNSEEN
        share = float(prior.draw(rng, 1)[0])
        return share, rng.random(CLUSTERS) < share

    def workspace(self, frame: pd.DataFrame) -> Workspace:
        """Of data with holes, with the frozen designs; which clusters are in doubt follows from the data."""
        plan = self.setup.plan
        incomplete = Incomplete.from_frame(frame, clusters=plan_clusters(plan))
        resolved = resolve(plan, incomplete)
        designs = {s.name: replace(self.designs[s.name], empty=s.lead.empty) for s in resolved.steps}
        placed = {s.name: Placement.of(designs[s.name], s, incomplete) for s in resolved.steps}
        movable = frozenset(name for name, design in self.designs.items() if Gibbs().movable(design))
        how = {n: Compatible.of(resolved.target(n), resolved, placed, incomplete, movable) for n in resolved.factors}
        return Workspace(plan, incomplete, Described(plan, incomplete, resolved, placed, how))


def outcome_and_selection(theta: Mapping[str, np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The outcome of all rows, and who is selected, from the two latent equations."""
    h, other = rng.standard_normal((2, len(theta["mu"])))
    e = theta["rho"] * h + np.sqrt(1 - theta["rho"] ** 2) * other
    return theta["mu"] + theta["sigma"] * e, theta["selection"] + h > 0
