"""How strongly each of many variables is associated with each other: one number between 0 and 1 a pair.

Of two numbers it is the absolute correlation, of labels and a number the correlation ratio eta, of two variables with
labels Cramer's V; each is symmetric. Eta and V grow by chance with the number of labels, so that a bound would mean
less for a category than for a number. Both are taken down to what one coefficient has by chance: with n pairs,

    eta^2 -> 1 - (1 - eta^2) (n - 2) / (n - k),
    phi^2 -> phi^2 - ((k - 1) (l - 1) - 1) / (n - 1),   and k - 1 in the same way as phi^2 for l = k,

for k and l labels that occur, which leaves two labels what they are, |r|, and perfect association 1 (after Bergsma
2013, Journal of the Korean Statistical Society 42:323, who takes down to nothing, and Ezekiel's adjusted R^2).

Pairs of values that are both observed count. All of it follows from one matrix of cross-products, which is summed over
pieces of the rows: 100 variables of 20,000 units take a second. Results are rounded to :data:`DIGITS`, so that no plan
depends on the order of sums.

To measure another kind of variable, say in :func:`numbers` or :func:`labels` what its columns are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

FEWEST = 10
"""Pairs of observed values below which an association is 0: nothing is known of it."""
DIGITS = 9
ROWS = 4096
"""Rows that are taken together."""
SPREAD = 1e-12
"""Mean square of standardised values below which they do not vary."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Variable:
    """A variable on some units.

    Attributes
    ----------
    values : ndarray, shape (unit, column)
        Standardised numbers, of which a variable may have several; or codes of labels, in one column. NaN: missing.
    labels : int
        How many labels it has; 0 for numbers.
    """

    values: np.ndarray
    labels: int = 0

    @property
    def width(self) -> int:
        """Columns of cross-products: numbers, squares and masks, or one a label."""
        return self.labels or 3 * self.values.shape[1]

    def columns(self, rows: slice) -> np.ndarray:
        """Of some units, shape (unit, width)."""
        values = self.values[rows]
        if self.labels:
            return (values == np.arange(self.labels)).astype(np.float64)
        known = ~np.isnan(values)
        filled = np.where(known, values, 0.0)
        return np.hstack([filled, filled**2, known])


def numbers(values: np.ndarray) -> Variable:
    """Numbers, shape (unit,) or (unit, column), in any units of measurement."""
    values = values.reshape(len(values), -1)
    found = np.full(values.shape, np.nan)
    for k, column in enumerate(values.T):
        known = ~np.isnan(column)
        if known.any():
            centred = column[known] - np.mean(column[known])
            largest = np.abs(centred).max()  # first, so that squares are numbers
            scaled = centred / largest if largest > 0 else centred
            found[known, k] = scaled / (np.sqrt(np.mean(scaled**2)) or 1.0)
    return Variable(values=found)


def labels(codes: np.ndarray) -> Variable:
    """Codes of labels, shape (unit,); labels that nobody has do not count."""
    known = ~np.isnan(codes)
    present, places = np.unique(codes[known], return_inverse=True)
    found = np.full((len(codes), 1), np.nan)
    found[known, 0] = places
    return Variable(values=found, labels=len(present))


class Associations:
    """The associations of all pairs of some variables on the same units."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self._variables = dict(variables)
        self._found: dict[tuple[str, str], float] = {}
        ends = np.cumsum([v.width for v in self._variables.values()]).tolist()
        self._places = {n: slice(e - v.width, e) for (n, v), e in zip(self._variables.items(), ends, strict=True)}
        units = max((len(v.values) for v in self._variables.values()), default=0)
        self._products = np.zeros((ends[-1], ends[-1])) if ends else np.zeros((0, 0))
        for start in range(0, units, ROWS):
            z = np.hstack([v.columns(slice(start, start + ROWS)) for v in self._variables.values()])
            self._products += z.T @ z

    def between(self, name: str, other: str) -> float:
        """The association of two variables, from 0 to 1; 0 where fewer than ``FEWEST`` pairs are observed."""
        pair = (name, other) if name < other else (other, name)
        if pair not in self._found:
            self._found[pair] = round(min(self._between(*pair), 1.0), DIGITS)
        return self._found[pair]

    def _between(self, name: str, other: str) -> float:
        one, two = self._variables[name], self._variables[other]
        g = self._products[self._places[name], self._places[other]]
        if one.labels and two.labels:
            return cramers_v(g)
        if one.labels or two.labels:
            return _largest_eta(g if one.labels else g.T)
        return _largest_r(g, one.values.shape[1])


def _largest_r(g: np.ndarray, width: int) -> float:
    """The largest absolute correlation of the columns of two variables; `g` in blocks (value, square, mask)."""
    x, q, m = g[:width], g[width : 2 * width], g[2 * width :]
    step = g.shape[1] // 3
    y, square, mask = slice(0, step), slice(step, 2 * step), slice(2 * step, None)
    n = m[:, mask]
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = x[:, y] - x[:, mask] * m[:, y] / n
        first = q[:, mask] - x[:, mask] ** 2 / n
        second = m[:, square] - m[:, y] ** 2 / n
        r = np.abs(covariance) / np.sqrt(first * second)
    fine = (n >= FEWEST) & (first > SPREAD * n) & (second > SPREAD * n)
    return float(np.max(r, where=fine, initial=0.0))


def _largest_eta(g: np.ndarray) -> float:
    """The largest correlation ratio of numbers by labels; `g` has a row a label, columns (value, square, mask)."""
    step = g.shape[1] // 3
    return max(eta(g[:, 2 * step + k], g[:, k], g[:, step + k]) for k in range(step))


def eta(counts: np.ndarray, sums: np.ndarray, squares: np.ndarray) -> float:
    """The correlation ratio from counts, sums and sums of squares by label, shape (label,), of centred numbers."""
    used = counts > 0
    n, k = float(counts.sum()), int(used.sum())
    if n < FEWEST or k < 2 or n <= k:
        return 0.0
    middle = sums.sum() ** 2 / n
    total = squares.sum() - middle
    if total <= SPREAD * n:
        return 0.0
    between = float((sums[used] ** 2 / counts[used]).sum() - middle) / total
    return float(np.sqrt(max(1 - (1 - between) * (n - 2) / (n - k), 0.0)))


def cramers_v(table: np.ndarray) -> float:
    """Cramer's V of a table of counts, shape (label, label), without what further labels add by chance."""
    table = table[np.ix_(table.sum(axis=1) > 0, table.sum(axis=0) > 0)]
    n, (k, m) = float(table.sum()), table.shape
    if n < FEWEST or min(k, m) < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float(((table - expected) ** 2 / expected).sum()) / n
    chance = [((a - 1) * (b - 1) - 1) / (n - 1) for a, b in ((k, m), (k, k), (m, m))]
    least = min(k - 1 - chance[1], m - 1 - chance[2])
    return float(np.sqrt(max(phi - chance[0], 0.0) / least)) if least > 0 else 0.0
