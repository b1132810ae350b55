"""What the data are to the analyses: roles, levels, what is incomplete, and how each variable is written in a formula.

A :class:`Scene` answers the questions that both ways of writing a plan ask; nothing is decided here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from bayesimpute.base.errors import DataError
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.said_columns import SaidColumn
from bayesimpute.designs.cluster_means import unit_rows
from bayesimpute.families import auto
from bayesimpute.formulas import Formula, quote
from bayesimpute.formulas.algebra import Term
from bayesimpute.formulas.syntax import Call, Name, Number
from bayesimpute.formulas.terms import Atom, coded, common_terms, key_text, mean_by, names_in, written

BENT = ("poly", "bs")
"""Calls whose columns contain the column itself."""
FLAT = 1e-9
"""Relative spread of cluster means that are all the same."""


def look(frame: pd.DataFrame, keys: Iterable[str], said: Iterable[SaidColumn] = ()) -> Incomplete:
    """The data with those keys that can be used; what is wrong with the others is reported where they are named."""
    data, good = Incomplete.from_frame(frame), []
    for key in dict.fromkeys(keys):
        try:
            data.n_clusters(key)
            good.append(key)
        except DataError:
            continue
    return Incomplete.from_frame(frame, clusters=good, columns=tuple(said))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The data seen from the analyses.

    Attributes
    ----------
    data : Incomplete
        With all cluster keys.
    models : mapping of str to Formula
        The most general model of each outcome.
    extra : frozenset of str
        Columns of the analyses' other formulas, such as that of selection.
    selections : mapping of str to Formula
        Who is observed, of each outcome with a selection model.
    auxiliaries : tuple of str
        Variables that are in no analysis and help to impute.
    """

    data: Incomplete
    models: Mapping[str, Formula]
    extra: frozenset[str] = frozenset()
    selections: Mapping[str, Formula] = field(default_factory=dict)
    auxiliaries: tuple[str, ...] = ()
    _means: dict[tuple[str, str], bool] = field(default_factory=dict)
    _filled: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """All cluster keys."""
        return self.data.clusters

    @cached_property
    def key_columns(self) -> frozenset[str]:
        """The columns that keys are made of."""
        names = self.data.columns
        return frozenset(part for key in self.keys for part in ((key,) if key in names else key.split(":")))

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        """The outcomes of the analyses."""
        return tuple(self.models)

    @cached_property
    def covariates(self) -> tuple[str, ...]:
        """The other variables of the analyses, in the order of the data."""
        used = {n for f in self.models.values() for n in f.needs} - self.key_columns - set(self.outcomes)
        plain = used | {n for f in self.models.values() for t in common_terms(f) for a in t for n in names_in(a)}
        wanted = (plain | self.extra - self.key_columns) - set(self.outcomes)
        return tuple(n for n in self.data.columns if n in wanted)

    @property
    def variables(self) -> tuple[str, ...]:
        """Outcomes, covariates and auxiliary variables."""
        return (*self.outcomes, *self.covariates, *self.auxiliaries)

    def excluded(self, name: str) -> frozenset[str]:
        """The variables and cluster keys that move the selection of an outcome and not the outcome."""
        if name not in self.selections:
            return frozenset()
        return self.selections[name].needs - self.models[name].names - {name}

    def level(self, name: str) -> str | None:
        """The cluster key within which a variable is constant; None for level 1."""
        return None if name in self.key_columns else self.data.variables[name].level

    def fixed_within(self, name: str, key: str) -> bool:
        """Whether a variable is constant in every cluster of a key."""
        level = self.level(name)
        return level is not None and (level == key or not self.data.disagreements(name, key))

    def filled(self, name: str) -> np.ndarray:
        """The values with those that follow from other members of the cluster, shape (row,)."""
        if name not in self._filled:
            self._filled[name] = self.data.deductive(name)[0]
        return self._filled[name]

    def deduced(self, name: str) -> int:
        """How many cells follow from other members of the cluster."""
        return int(self.data.deductive(name)[1].sum())

    def missing(self, name: str) -> int:
        """How many cells have to be imputed."""
        return int(np.isnan(self.filled(name)).sum())

    def imputable(self, name: str) -> bool:
        """Whether there is a family that a variable suggests."""
        column = self.data.columns[name]
        return auto(column).values.accepts(column)

    def units(self, name: str) -> int:
        """The observed units of a variable: rows, or clusters at level 2."""
        level, known = self.level(name), ~np.isnan(self.filled(name))
        return int(known.sum()) if level is None else int(known[self.data.level_rows(level)].sum())

    def seen(self, name: str, key: str) -> int:
        """The clusters of a key in which a variable is observed."""
        return len(np.unique(self.data.codes(key)[~np.isnan(self.filled(name))]))

    def several(self, name: str, other: str, key: str) -> int:
        """The clusters of a key in which a variable is observed and that have several units of another."""
        units = np.bincount(self.data.codes(key)[self._units(other, key)], minlength=self.data.n_clusters(key))
        seen = np.unique(self.data.codes(key)[~np.isnan(self.filled(name))])
        return int((units[seen] > 1).sum())

    def most_missing(self, name: str, key: str) -> int:
        """The missing units of a variable in that cluster of a key that has most of them."""
        rows = self._units(name, key)
        return int(np.bincount(self.data.codes(key)[rows], weights=np.isnan(self.filled(name)[rows])).max())

    def _units(self, name: str, key: str) -> np.ndarray:
        """A row of each unit over which the cluster means of a variable are taken."""
        level = self.level(name)
        if level is None:
            return np.arange(len(self.data.frame))
        return unit_rows([self.data.codes(key), self.data.codes(level)])

    def nested(self, key: str, other: str) -> bool:
        """Whether the clusters of one of two keys are parts of those of the other."""
        pairs = len(unit_rows([self.data.codes(key), self.data.codes(other)]))
        return pairs <= max(self.data.n_clusters(key), self.data.n_clusters(other))

    def main(self, name: str) -> tuple[Atom, ...]:
        """The atoms by which a variable enters a model as a main effect: as the analyses write it."""
        atoms = {written((a,)): a for f in self.models.values() for t in common_terms(f) for a in t}
        own = [a for a in atoms.values() if names_in(a) == {name} and mean_by(a) is None]
        if Name(name) in own or not own or self.missing(name):
            return (Name(name),)
        return tuple(own)

    def labels(self, name: str) -> tuple[str, ...]:
        """The expressions whose cluster means say what a cluster's members are: the column, or one a label."""
        column = self.data.columns[name]
        if column.kind != "category":
            return (quote(name),)
        used = [column.labels[int(code)] for code in np.unique(column.values[~column.missing])]
        plain = [label for label in used[1:] if isinstance(label, str) and label.isprintable()]
        return tuple(f'{quote(name)} == "{label}"' for label in plain if not {'"', "'"} & {*label})

    def width(self, name: str) -> int:
        """Coefficients of its main effect."""
        column, atoms = self.data.columns[name], self.main(name)
        if column.kind == "category" or any(coded(atom) for atom in atoms):
            return max(len(np.unique(column.values[~column.missing])) - 1, 1)
        return max(map(_columns, atoms))

    def means(self, name: str, key: str) -> list[str]:
        """Its cluster means by a key."""
        by = key_text(key, self.data.columns)
        return [f"cluster_mean({inner}, {by})" for inner in self.labels(name)]

    def has_means(self, name: str, key: str) -> bool:
        """Whether its cluster means differ, and the variable differs within clusters."""
        if (name, key) not in self._means:
            self._means[name, key] = self._differ(name, key)
        return self._means[name, key]

    def _differ(self, name: str, key: str) -> bool:
        n = self.data.n_clusters(key)
        if name in self.key_columns or self.fixed_within(name, key) or not 1 < n < len(self.data.frame):
            return False
        rows = self._units(name, key)
        values, codes = self.filled(name)[rows], self.data.codes(key)[rows]
        known = ~np.isnan(values)
        counts = np.bincount(codes[known], minlength=n)
        sums = np.bincount(codes[known], weights=values[known], minlength=n)
        means = sums[counts > 0] / counts[counts > 0]
        return bool(len(means) > 1 and np.ptp(means) > FLAT * max(np.abs(means).max(), np.ptp(values[known])))

    def coarser(self, key: str) -> tuple[str, ...]:
        """The keys whose clusters are made of several whole clusters of this one."""
        found, rows = [], self.data.level_rows(key)
        for other in self.keys:
            codes, n = self.data.codes(other), self.data.n_clusters(other)
            whole = np.array_equal(codes, codes[rows][self.data.codes(key)])
            if other != key and whole and 1 < n < self.data.n_clusters(key):
                found.append(other)
        return tuple(found)

    def of_clusters(self, term: Term, key: str) -> bool:
        """Whether a term is constant within the clusters of a key: made of variables and means of them or above."""
        above = (key, *self.coarser(key))
        return bool(term) and all(
            mean_by(atom) in above or (bool(names_in(atom)) and all(self.fixed_within(n, key) for n in names_in(atom)))
            for atom in term
        )

    def _together(self, name: str, target: str) -> np.ndarray:
        """The values of a predictor in a row of each observed unit of the target, as far as they are given."""
        known, level = ~np.isnan(self.filled(target)), self.level(target)
        rows = np.flatnonzero(known) if level is None else self.data.level_rows(level)
        values = self.data.columns[name].values[rows[known[rows]]]
        return np.unique(values[~np.isnan(values)])

    def varies_with(self, name: str, target: str) -> bool:
        """Whether a predictor takes two values or more where the target is observed (elsewhere it says nothing)."""
        return len(self._together(name, target)) > 1

    def new_labels(self, name: str, target: str) -> bool:
        """Whether a category has labels that occur only where the target is missing."""
        column = self.data.columns[name]
        labels = np.unique(column.values[~column.missing])
        return column.kind == "category" and len(labels) > len(self._together(name, target))


def _columns(atom: Atom) -> int:
    """The columns of a polynomial or spline, as its settings say; otherwise one."""
    if not isinstance(atom, Call) or atom.function not in BENT:
        return 1
    given = [*atom.arguments[1:], *(value for key, value in atom.keywords if key in ("df", "degree"))]
    return max((int(node.value) for node in given if isinstance(node, Number)), default=1)


def joined(parts: Sequence[str]) -> str:
    """Terms as the right side of a formula."""
    return " + ".join(parts) or "1"
