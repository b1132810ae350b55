"""Where a straight line leaves out a curve: a number whose relation to other numbers bends.

Models from the data alone have straight lines. Where these are wrong by much, what is imputed keeps means and spreads,
but lies off the curve and may lie beyond what there is (growth: negative ages). Matching draws among observed values
and does not mend the relation: with 30 % of fdgs missing a slope of weight on age of 2.23 is 2.10 by lines, 2.80 by
pmm, in mice as here (``tests/case_studies/test_beside_mice.py``).

What a curve explains is looked for in rows in which all is observed, by squares beside the lines of least squares. It
counts from a fifth of what lines leave (:data:`SHARE`), and if chance does so hardly ever: n log of the ratio of the
residual sums of squares is about chi-square.
"""

from collections.abc import Iterable

import numpy as np
from scipy.special import chdtri

from bayesimpute.base.phrases import listed
from bayesimpute.data.column_remarks import EACH, FEWEST, HALF, matrix, unit_rows_of
from bayesimpute.suggesting.variable_roles import Scene

SHARE = 0.2
"""Of the residual variance of lines, what squares explain of it from which on it is told."""
CHANCE = 1e-6
"""Of normal errors around lines, how often that may be: a plan has many pairs."""
FEW = 5
"""Different values up to which a number is like labels, and no target of a normal model."""
BEND = 3
"""Different values that a predictor has at least whose relation may bend."""


def curved(scene: Scene, target: str, names: Iterable[str]) -> str | None:
    """What lines leave out in the model of a number, in words; None if that is nothing to say.

    Parameters
    ----------
    scene : Scene
        The data.
    target : str
        A number.
    names : iterable of str
        Its predictors.
    """
    data, rows = scene.data, unit_rows_of(scene.data, target)
    numbers = [n for n in names if _different(scene, n) >= BEND and data.columns[n].missing[rows].mean() <= HALF]
    if not numbers or _different(scene, target) <= FEW:
        return None
    x, y = matrix(data, numbers, rows), data.columns[target].values[rows]
    whole = ~np.isnan(x).any(axis=1)
    x, y = x[whole], y[whole]
    if len(y) < max(FEWEST, EACH * (2 * len(numbers) + 1)) or np.ptp(y) == 0:
        return None
    z = standardised(x)
    least = residual(y, np.column_stack([z, z**2]))
    alone = {n: residual(y, np.column_stack([z, z[:, k] ** 2])) for k, n in enumerate(numbers)}
    lines = residual(y, z)
    if not told(lines, least, len(y), len(numbers)):
        return None
    bent = [n for n, left in alone.items() if told(lines, left, len(y), 1)] or numbers
    bent.sort(key=lambda n: alone.get(n, lines))
    return f"squares of {listed(bent)} explain {1 - least / lines:.0%} of what straight lines leave of its variance"


def _different(scene: Scene, name: str) -> int:
    """How many values a number has; of what is none, 0."""
    column = scene.data.columns[name]
    return len(np.unique(column.values[~np.isnan(column.values)])) if column.kind == "number" else 0


def standardised(x: np.ndarray) -> np.ndarray:
    """Columns about their means, in their standard deviations."""
    x = x - x.mean(axis=0)
    spread = x.std(axis=0)
    return x / np.where(spread > 0, spread, 1.0)


def residual(y: np.ndarray, x: np.ndarray) -> float:
    """The residual variance of least squares with an intercept, by its degrees of freedom."""
    x = np.column_stack([np.ones(len(y)), x])
    scaled = (y - y.mean()) / y.std()
    found, _, rank, _ = np.linalg.lstsq(x, scaled, rcond=None)
    return float(((scaled - x @ found) ** 2).sum() / (len(y) - rank))


def told(lines: float, curves: float, n: int, more: int) -> bool:
    """Whether so much less residual variance with so many squares more is much, and no chance."""
    if lines <= 0 or curves > (1 - SHARE) * lines:
        return False
    return curves == 0 or n * np.log(lines / curves) > chdtri(more, CHANCE)
