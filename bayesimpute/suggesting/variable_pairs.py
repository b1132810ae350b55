"""Which variables matter to which: associations of all pairs of a data set's variables, on the units of both levels.

Two variables of level 1 are compared over rows. If one is constant within clusters the units are the clusters: the
other stands there with its cluster means, a category with the shares of its labels (the strongest of them counts).
Beside its values, what is missing of a variable has associations: as mice's ``quickpred``, who says which values are
missing matters, too (Van Buuren 2018, Flexible Imputation of Missing Data, 2nd ed., section 6.3.2).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from bayesimpute.checking.copies import distinct_dates, follows
from bayesimpute.suggesting.association_measures import Associations, Variable, labels, numbers
from bayesimpute.suggesting.computed_columns import inputs
from bayesimpute.suggesting.variable_roles import Scene

COPY = 0.995
"""The association above which one of two variables repeats the other."""
MADE_OF = 0.9
"""The association from which a variable that is missing wherever another is may have been made of it."""
_GAPS = "missingness of "


@dataclass(frozen=True, kw_only=True)
class Strength:
    """How strongly two variables are associated, 0 to 1: their values, and those of each with the other's gaps."""

    values: float
    gaps: float

    @property
    def largest(self) -> float:
        """The larger of the two."""
        return max(self.values, self.gaps)

    def __str__(self) -> str:
        return f"{self.largest:.2f}" if self.values >= self.gaps else f"{self.largest:.2f} by what is missing"


class VariablePairs:
    """All pairs of some variables.

    Parameters
    ----------
    scene : Scene
        The data.
    names : iterable of str
        Numbers, yes/no values and categories.
    """

    def __init__(self, scene: Scene, names: Iterable[str]) -> None:
        self._scene, self._names = scene, list(names)
        self._units: dict[str | None, Associations] = {None: self._on(None)}
        self._inputs: dict[str, frozenset[str]] = {}
        self._incomplete = frozenset(n for n in self._names if scene.missing(n))

    def strength(self, name: str, other: str) -> Strength:
        """How strongly two variables are associated: symmetric."""
        found = self._of(name, other)
        gaps = [self.missingness(x, y) for x, y in ((name, other), (other, name)) if y in self._incomplete]
        return Strength(values=found.between(name, other), gaps=max(gaps, default=0.0))

    def missingness(self, name: str, other: str) -> float:
        """How strongly a variable's values are associated with what is missing of another, which is incomplete."""
        return self._of(name, other).between(name, _GAPS + other)

    def repeats(self, name: str, other: str) -> bool:
        """Whether one is a copy of the other, in whatever unit."""
        if self._distinct_dates(name, other):
            return False
        return self._of(name, other).between(name, other) > COPY

    def made_of(self, name: str, other: str) -> bool:
        """Whether a variable seems to be computed from another.

        It is missing wherever the other is, and a sum or product of it and others, or nearly repeats it, or is a rising
        or falling function of it. Of two
        that are missing in the same rows the second one is taken for the one that was computed.
        """
        gaps, theirs = (np.isnan(self._scene.filled(n)) for n in (name, other))
        if not theirs.any() or (theirs & ~gaps).any():
            return False
        if other in self._inputs_of(name):
            return True
        if self._distinct_dates(name, other):
            return False
        if gaps.sum() == theirs.sum() and self._names.index(name) < self._names.index(other):
            return False
        near = self._of(name, other).between(name, other)
        column, y = self._scene.data.columns[name], self._scene.filled(other)
        return near >= MADE_OF or (near > MADE_OF / 2 and follows(column, y))

    def _distinct_dates(self, name: str, other: str) -> bool:
        columns = self._scene.data.columns
        return distinct_dates(columns[name], columns[other])

    def _inputs_of(self, name: str) -> frozenset[str]:
        if name not in self._inputs:
            numbers = [n for n in self._names if self._scene.data.columns[n].kind == "number"]
            self._inputs[name] = inputs(self._scene, name, numbers) if name in numbers else frozenset()
        return self._inputs[name]

    def _of(self, name: str, other: str) -> Associations:
        """The associations on the units of two variables: rows, or the clusters of the coarser level."""
        scene = self._scene
        levels = [level for level in map(scene.level, (name, other)) if level is not None]
        key = min(levels, key=lambda k: (scene.data.n_clusters(k), scene.keys.index(k)), default=None)
        if key not in self._units:
            self._units[key] = self._on(key)
        return self._units[key]

    def _on(self, key: str | None) -> Associations:
        """On rows, or on the clusters of a key."""
        wanted = [n for n in self._names if key is not None or self._scene.level(n) is None]
        found = {n: self._variable(n, key) for n in wanted}
        gaps = {_GAPS + n: self._gaps(n, key) for n in wanted if self._scene.missing(n)}
        return Associations({**found, **gaps})

    def _variable(self, name: str, key: str | None) -> Variable:
        scene, values = self._scene, self._scene.filled(name)
        category = scene.data.columns[name].kind == "category"
        if key is None:
            return labels(values) if category else numbers(values)
        if scene.fixed_within(name, key):
            values = values[scene.data.level_rows(key)]
            return labels(values) if category else numbers(values)
        if not category:
            return numbers(self._means(values, key))
        shares = [
            self._means(np.where(np.isnan(values), np.nan, values == code), key)
            for code in np.unique(values[~np.isnan(values)])
        ]
        return numbers(np.column_stack(shares))

    def _gaps(self, name: str, key: str | None) -> Variable:
        gaps = np.isnan(self._scene.filled(name)).astype(np.float64)
        return numbers(gaps if key is None else self._means(gaps, key))

    def _means(self, values: np.ndarray, key: str) -> np.ndarray:
        """Cluster means of what is observed, shape (cluster,); NaN where nothing is."""
        codes, known, n = self._scene.data.codes(key), ~np.isnan(values), self._scene.data.n_clusters(key)
        counts = np.bincount(codes[known], minlength=n)
        sums = np.bincount(codes[known], weights=values[known], minlength=n)
        return np.divide(sums, counts, out=np.full(n, np.nan), where=counts > 0)
