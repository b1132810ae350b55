"""Where a straight line leaves out a curve: a number whose relation to other numbers bends.

Models from the data alone have straight lines, and squares of predictors without gaps where nothing of the curve is
left then. A square of what is imputed itself makes large draws larger, and has no part in them. Where lines are wrong
by much then, what is imputed keeps means and spreads, but lies off the curve and may lie beyond what there is (growth:
negative ages). Matching draws among observed values and does not mend the relation: with 30 % of fdgs missing a slope
of weight on age of 2.23 is 2.10 by lines, 2.80 by pmm, in mice as here (``tests/case_studies/test_beside_mice.py``).

What a curve explains is looked for in rows in which all is observed, by squares beside the lines of least squares. It
counts from a fifth of what lines leave (:data:`SHARE`), and if chance does so hardly ever: n log of the ratio of the
residual sums of squares is about chi-square.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import chdtri

from bayesimpute.base.phrases import listed
from bayesimpute.data.column_remarks import EACH, FEWEST, HALF, matrix, unit_rows_of
from bayesimpute.formulas import quote
from bayesimpute.suggesting.variable_roles import Scene

SHARE = 0.2
"""Of the residual variance of lines, what squares explain of it from which on it is told."""
CHANCE = 1e-6
"""Of normal errors around lines, how often that may be: a plan has many pairs."""
FEW = 5
"""Different values up to which a number is like labels, and no target of a normal model."""
BEND = 3
"""Different values that a predictor has at least whose relation may bend."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A number and its predictors that are numbers, in rows in which all are observed: (row,) and (row, predictor)."""

    y: np.ndarray
    z: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, scene: Scene, target: str, names: Iterable[str]) -> "Self | None":
        """Of the predictors that are mostly observed; None where there is too little to see a curve."""
        data, rows = scene.data, unit_rows_of(scene.data, target)
        numbers = [n for n in names if _different(scene, n) >= BEND and data.columns[n].missing[rows].mean() <= HALF]
        if not numbers or _different(scene, target) <= FEW:
            return None
        x, y = matrix(data, numbers, rows), data.columns[target].values[rows]
        whole = ~np.isnan(x).any(axis=1)
        x, y = x[whole], y[whole]
        if len(y) < max(FEWEST, EACH * (2 * len(numbers) + 1)) or np.ptp(y) == 0:
            return None
        return cls(y, standardised(x), tuple(numbers))

    def left(self, squares: Iterable[str]) -> float:
        """The residual variance with some squares beside the lines."""
        more = [self.z[:, self.names.index(name)] ** 2 for name in squares]
        return residual(self.y, np.column_stack([self.z, *more]))

    def bends(self, squares: Collection[str]) -> bool:
        """Whether the others' squares explain much of what is left beside some."""
        more = len(self.names) - len(squares)
        return more > 0 and told(self.left(squares), self.left(self.names), len(self.y), more)


def squares(scene: Scene, target: str, names: Iterable[str]) -> tuple[str, ...]:
    """Predictors without gaps whose squares make the model of a number straight, the one that explains most first."""
    seen, found = Seen.of(scene, target, names), ()
    if seen is None or not seen.bends(()):
        return ()
    plain = [n for n in seen.names if not scene.missing(n) and scene.data.columns[n].dates is None]
    while plain:
        best = min(plain, key=lambda n: seen.left((*found, n)))
        if not told(seen.left(found), seen.left((*found, best)), len(seen.y), 1):
            break
        plain.remove(best)
        found = (*found, best)
    return () if seen.bends(found) else found


def square(scene: Scene, name: str) -> str:
    """The square of a column as a formula has it, about a round number near its mean: far off it were a line again."""
    values = scene.data.columns[name].values
    unit = 10.0 ** np.floor(np.log10(np.nanstd(values)))
    centre = float(unit * np.round(np.nanmean(values) / unit))
    inside = quote(name) if centre == 0 else f"({quote(name)} {'-' if centre > 0 else '+'} {abs(centre):.12g})"
    return f"I({inside}**2)"


def curved(scene: Scene, target: str, names: Iterable[str], squared: Iterable[str] = ()) -> str | None:
    """What lines leave out in the model of a number, in words; None if that is nothing to say.

    Parameters
    ----------
    scene : Scene
        The data.
    target : str
        A number.
    names : iterable of str
        Its predictors.
    squared : iterable of str
        Those whose squares are in its model.
    """
    seen = Seen.of(scene, target, names)
    if seen is None:
        return None
    squared = tuple(n for n in squared if n in seen.names)
    if not seen.bends(squared):
        return None
    others = [n for n in seen.names if n not in squared]
    lines, least = seen.left(squared), seen.left(seen.names)
    alone = {n: seen.left((*squared, n)) for n in others}
    bent = [n for n, left in alone.items() if told(lines, left, len(seen.y), 1)] or others
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
