"""What elicited priors say of a grid: the probability that the conclusion holds (Liublinska & Rubin 2014).

Between the points of the grid the conclusion's margin is interpolated: of linear analyses it is nearly a plane.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import ndtr

from bayesimpute.base.priors import Prior
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.axes import Grid
from bayesimpute.running.assumed import correlations

DRAWS = 20_000
BEYOND = 0.01
"""Share of the prior outside of the grid above which nothing is said."""


def believed(grid: Grid, assumptions: Sequence[Assumption]) -> np.ndarray | None:
    """Draws from the priors of what is varied, shape (draw, axis); None where some axis has none."""
    priors = {a.name: a for a in assumptions if a.prior is not None}
    if not all(axis.name in priors for axis in grid.axes):
        return None
    mine = [priors[axis.name] for axis in grid.axes]
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((DRAWS, len(mine))) @ np.linalg.cholesky(correlations(mine)).T
    return np.column_stack([Prior.parse(str(a.prior)).quantile(ndtr(z)) for a, z in zip(mine, scores.T, strict=True)])


def conclusion_holds(
    grid: Grid,
    assumptions: Sequence[Assumption],
    margin: Callable[[Mapping[str, float]], float],
    origin: float,
    words: str,
) -> tuple[float, str]:
    """The prior probability that the margin has the sign that it has at missing at random, and what is to be said of
    it, with the conclusion in words.
    """
    draws = believed(grid, assumptions)
    if draws is None or any(len(axis.values) < 2 for axis in grid.axes):
        return np.nan, ""
    inside = np.all([(x >= a.ends[0]) & (x <= a.ends[1]) for x, a in zip(draws.T, grid.axes, strict=True)], axis=0)
    beyond = 1 - inside.mean()
    if beyond > BEYOND:
        finding = f"{beyond:.0%} of the prior lies outside of the grid"
        return np.nan, f"{finding}: widen it to learn how likely the conclusion is"
    from scipy.interpolate import RegularGridInterpolator

    values = np.array([margin(point) for point in grid.points]).reshape([len(axis.values) for axis in grid.axes])
    found = RegularGridInterpolator([np.array(axis.values) for axis in grid.axes], values)(draws[inside])
    share = float(np.mean((found > 0) == (origin > 0)))
    return share, f"the conclusion ({words}) holds with the prior probability {share:.2f}"
