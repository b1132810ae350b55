"""A data set whose covariates are incomplete, plans for it, and the law of missing cells written out by hand.

The hand-written law takes the parameters in the user's units (``Design.posterior``, ``Design.effects``), so that it
shares nothing with the draws but the draw of the parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesimpute import compatible
from bayesimpute.checking import plan_clusters, require
from bayesimpute.compatible import Compatible
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed, fill
from bayesimpute.designs.design import Draw
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived
from bayesimpute.plan.plan import Plan
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.prior import prior_draw

CLUSTERS, SIZE = 9, 5


def table(seed: int = 1) -> pd.DataFrame:
    """Units in clusters: x and b (0/1) of level 1 and w of level 2 have missing cells, and so have y and the mediator
    m; z is complete."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(CLUSTERS), SIZE)
    n = len(g)
    frame = pd.DataFrame({"g": g, "z": rng.normal(1, 2, n), "x": rng.normal(10, 3, n)})
    frame["w"] = rng.normal(-1, 0.5, CLUSTERS)[g]
    frame["b"] = (rng.random(n) < 0.4).astype(float)
    frame["m"] = 0.2 * frame["x"] + rng.normal(size=n)
    frame["y"] = 100 + 5 * frame["x"] + 3 * frame["m"] + rng.normal(0, 8, n)
    frame["s"] = (rng.random(n) < 0.5).astype(float)
    for name, start, every in (("x", 0, 3), ("b", 1, 4), ("m", 2, 7), ("y", 3, 4)):
        frame.loc[start::every, name] = np.nan
    frame.loc[frame["g"] % 3 == 1, "w"] = np.nan
    return frame


@dataclass(frozen=True, eq=False)
class Setting:
    """A workspace with completed data and one draw of every model's parameters."""

    space: Workspace
    completed: Completed
    draws: Mapping[str, Draw]

    def how(self, name: str) -> Compatible:
        """What was settled for a variable."""
        return self.space.compatible[name]

    def value(self, target: str, name: str) -> float:
        """A scalar parameter in the user's units."""
        design = self.space.designs[target]
        return dict(zip(design.names, design.posterior(self.draws[target]), strict=True))[name]

    def effect(self, target: str, name: str) -> np.ndarray:
        """A random effect of each row's cluster, in the user's units."""
        design = self.space.designs[target]
        block = next(b for b in design.blocks if name in b.names)
        return design.effects(self.draws[target])[name][self.space.placements[target].codes[block.key]]

    def column(self, name: str) -> np.ndarray:
        """A column of the current data."""
        return self.completed.values[name]

    def seen(self, name: str) -> np.ndarray:
        """Rows in which a variable is observed."""
        return ~np.isnan(self.space.incomplete.columns[name].values)

    def draw(self, rng: np.random.Generator, name: str, how: Compatible | None = None) -> np.ndarray:
        """One draw of a variable's missing cells; `rng` may be a :class:`Noise`."""
        how = how or self.how(name)
        design = self.space.designs[name]
        matrices = {n: d.matrices(self.completed.columns) for n, d in self.space.designs.items()}
        theta = self.space.placements[name].missing(self.draws[name], matrices[name])
        return compatible.draw(rng, how, theta, self.draws, self.completed, matrices, unit=design.scale, memory={})

    def with_cells(self, name: str, cells: np.ndarray) -> np.ndarray:
        """The column of a variable with other values in its missing cells."""
        target = self.space.resolved.target(name)
        values = self.column(name).copy()
        by_unit = values[target.rows]
        by_unit[target.impute] = cells
        return by_unit[target.unit_of_row]


def setting(
    substantive: Sequence[str | Conditional],
    *conditionals: str | Conditional,
    derived: Sequence[Derived] = (),
    seed: int = 5,
    frame: pd.DataFrame | None = None,
) -> Setting:
    """A checked plan on the table, with parameters drawn from their priors, and the data filled in."""
    plan = Plan.of(list(conditionals), substantive=tuple(substantive), derived=tuple(derived))
    data = table() if frame is None else frame
    incomplete = Incomplete.from_frame(data, clusters=plan_clusters(plan))
    require(plan, incomplete)
    space = Workspace(plan, incomplete)
    rng = np.random.default_rng(seed)
    completed = Completed(incomplete, space.resolved, fill(incomplete, space.resolved, rng, spread=0.5))
    draws = {name: prior_draw(design, rng) for name, design in space.designs.items()}
    return Setting(space, completed, draws)


def normal_logp(y: np.ndarray, mean: np.ndarray, sd: np.ndarray | float) -> np.ndarray:
    """Up to a constant."""
    return -0.5 * ((y - mean) / sd) ** 2 - np.log(sd)


class Noise:
    """Stands in for a generator: gives what it was told to."""

    def __init__(self, values: np.ndarray | float) -> None:
        self.values = values

    def standard_normal(self, size: int) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.values, dtype=float), (size,)).copy()

    def random(self, size: int) -> np.ndarray:
        return np.broadcast_to(np.asarray(self.values, dtype=float), (size,)).copy()


def means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The mean of each row's cluster."""
    return pd.Series(values).groupby(codes).transform("mean").to_numpy()


Law = Callable[[np.ndarray], float]
"""The log-density of all missing cells at once, up to a constant."""


def forced(how: Compatible, kind: str) -> Compatible:
    """The same with another draw."""
    return replace(how, kind=kind)
