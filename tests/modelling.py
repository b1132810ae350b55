"""What the tests of the model layers share: data frames made for a formula, and the way from a formula to a design."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.checking import plan_clusters, require
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed, fill
from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.formulas import Matrix
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived, Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Target
from bayesimpute.running.workspace import Workspace


def school_frame(n: int = 120, clusters: int = 12, seed: int = 3) -> pd.DataFrame:
    """Pupils in schools in regions: y (number) and b (0/1) have missing cells, the others are complete."""
    rng = np.random.default_rng(seed)
    school = np.arange(n) % clusters
    x, u = rng.normal(10, 3, n), rng.normal(0, 1, clusters)
    frame = pd.DataFrame(
        {
            "x": x,
            "w": rng.normal(-2, 0.5, n) + 0.2 * x,
            "c": pd.Categorical(np.array(["p", "q", "r"])[rng.integers(0, 3, n)]),
            "d": pd.Categorical(np.array(["no", "yes"])[rng.integers(0, 2, n)]),
            "school": school,
            "region": np.array(["n", "s", "e", "w"])[school % 4],
            "y": 50 + 4 * x + 6 * u[school] + rng.normal(0, 8, n),
            "b": (rng.normal(0, 1, n) + u[school] > 0).astype(float),
        }
    )
    frame.loc[::5, "y"] = np.nan
    frame.loc[1::7, "b"] = np.nan
    return frame


def labelled_frame(labels: Sequence[str] = "abcdefgh", n: int = 160) -> pd.DataFrame:
    """y is one of some labels, with missing cells; g and h are crossed clusters."""
    rng = np.random.default_rng(2)
    made = pd.DataFrame({"g": np.arange(n) % 10, "h": np.arange(n) % 7, "x": rng.normal(3, 2, n)})
    y = pd.Series(np.array(list(labels))[rng.integers(0, len(labels), n)])
    return made.assign(y=y.where(np.arange(n) % 6 != 5))


def workspace(
    frame: pd.DataFrame, *conditionals: str | Conditional, derived: Sequence[Derived] = (), **run: Any
) -> Workspace:
    """The designs of a checked plan."""
    plan = Plan.of(list(conditionals), derived=tuple(derived), run=Run(**run))
    incomplete = Incomplete.from_frame(frame, clusters=plan_clusters(plan))
    require(plan, incomplete)
    return Workspace(plan, incomplete)


def conditional(formula: str, *, priors: Mapping[str, str] | None = None, **options: Any) -> Conditional:
    """A conditional with priors and, as ``sigma=`` or ``selection=``, the formula of another parameter."""
    target = formula.partition("~")[0].strip().strip("`")
    more = {key: options.pop(key) for key in ("sigma", "nu", "zero", "selection", "rho") if key in options}
    return Conditional(target=target, formulas={"mu": formula, **more}, priors=priors or {}, **options)


def as_written(matrix: Matrix) -> Matrix:
    """The formula's own columns, none of them about means."""
    return replace(matrix, abouts=(), to_zero=None, constant=None)


def only(space: Workspace) -> tuple[Target, Design]:
    """The one target and its design."""
    (target,) = space.resolved.targets
    return target, space.designs[target.name]


def placed(space: Workspace) -> Placement:
    """The one design on the data."""
    return space.placements[only(space)[0].name]


def completed(space: Workspace, seed: int = 1) -> Completed:
    """The data of a workspace, filled."""
    values = fill(space.incomplete, space.resolved, np.random.default_rng(seed), spread=0.0)
    return Completed(space.incomplete, space.resolved, values)


def graph_data(space: Workspace, seed: int = 1) -> dict[str, np.ndarray]:
    """What the graph of the one target holds."""
    target, design = only(space)
    filled = completed(space, seed)
    return placed(space).data(design.matrices(filled.columns), filled.values[target.name])
