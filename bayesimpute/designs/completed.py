"""The current completed data of one chain: every column that a formula reads, as arrays and as a frame.

A :class:`Completed` belongs to one leg of one chain and is the only thing that changes in place while it runs.
Setting a variable recomputes at once whatever is derived from it, in dependency order: passive variables and cluster
means never lag.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import softmax

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.cluster_means import ClusterMeans
from bayesimpute.families import AtRows
from bayesimpute.formulas import evaluate_expression
from bayesimpute.plan import who_reads
from bayesimpute.plan.adjusted import FINITE
from bayesimpute.plan.targets import DerivedColumn, Resolved, Step, Target


class Completed:
    """Completed columns of the data.

    Parameters
    ----------
    incomplete : Incomplete
        The data.
    resolved : Resolved
        What is imputed and what is derived.
    values : mapping of str to ndarray
        For each target, the values of its missing units, and of observed ones that are drawn, too.
    shown : bool
        Whether the latter are in the place of what was observed: in what is shown, never in what models read.
    """

    def __init__(
        self, incomplete: Incomplete, resolved: Resolved, values: Mapping[str, np.ndarray], *, shown: bool = False
    ) -> None:
        self._incomplete, self._shown = incomplete, shown
        self._derived = resolved.derived
        self._targets = {target.name: target for target in resolved.targets}
        self._means = ClusterMeans(incomplete, ignored=resolved.ignored)
        read = {name for target in resolved.targets for name in target.columns}
        read |= {name for column in resolved.derived for name in column.expression.names}
        read |= {column.name for column in resolved.derived if column.fills}
        read |= {name for rule in resolved.rules for name in rule.expression.names}
        self.values: dict[str, np.ndarray] = {}
        self._index = pd.RangeIndex(len(incomplete.frame))
        self._series: dict[str, pd.Series] = {}
        self._numbers: dict[str, np.ndarray] = {}
        for name in incomplete.columns:
            if name in read or name in self._targets:
                self._put(name, resolved.filled.get(name, incomplete.columns[name].values))
        for name, cells in values.items():
            if cells.size:  # of what is observed everywhere, or derived, nothing is written
                self._put(name, self.values[name].copy())
                self._write(self._targets[name], cells)
        self._recompute(self._derived)

    @property
    def frame(self) -> pd.DataFrame:
        """The columns as formulas read them: numbers as floats, labels as categories."""
        return pd.DataFrame(self._series, index=self._index, copy=False)

    @property
    def columns(self) -> "Columns":
        """The same without the cost of a frame: what design matrices are evaluated on."""
        return Columns(self._series, self._numbers)

    def set(self, target: Target, cells: np.ndarray) -> frozenset[str]:
        """Put new values into the missing units of a target; returns the names of all columns that changed."""
        self._write(target, cells)
        following = who_reads.following(target.name, self._derived)
        self._recompute(following)
        return frozenset({target.name, *(column.name for column in following)})

    def cells(self, target: Target) -> np.ndarray:
        """The values of the missing units of a target."""
        return self.values[target.name][target.missing_rows]

    def side(self, target: Target, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The columns that a target's family reads, by role, at some rows."""
        return {role: self.values[column][rows] for role, column in target.side.items()}

    def known(self, step: Step, rows: np.ndarray) -> AtRows:
        """What a step's family may know at some rows: of several targets y is of shape (row, target)."""
        units = step.lead.unit_of_row[rows]
        y = [np.where(t.observed[units], self.values[t.name][rows], np.nan) for t in step.targets]
        return AtRows(y=y[0] if len(y) == 1 else np.stack(y, axis=1), side=self.side(step.lead, rows))

    def outcome(self, step: Step) -> np.ndarray:
        """The values of a step's targets as its model has them, shape (row,), or (row, target) of several."""
        columns = [self.unmoved(target.name) for target in step.targets]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def move(self, name: str) -> str | None:
        """The column that is added to what the model of a target draws."""
        return self._targets[name].move if name in self._targets else None

    def unmoved(self, name: str) -> np.ndarray:
        """The values of a target as its model has them: without what adjustments did to those that were drawn."""
        target = self._targets.get(name)
        values = self.values[name]
        values = values if target is None or target.move is None else values - self.values[target.move]
        return values if target is None or target.ratio is None else values / self.values[target.ratio]

    def _write(self, target: Target, cells: np.ndarray) -> None:
        rows, places = target.filled_rows
        values = self.values[target.name]
        if self._shown and target.over is not None:
            values[:] = unfolded(target, values, cells)
        else:
            values[rows] = cells if target.level is None and target.over is None else cells[places]
        if self._labelled(target.name):  # the series of numbers is a view
            self._series[target.name] = _as_series(self._incomplete, target.name, values, self._index)

    def excerpt(self, rows: np.ndarray, names: Iterable[str]) -> "Excerpt":
        """Some rows and columns, in which a variable may be given other values."""
        series = {n: _as_series(self._incomplete, n, self.values[n][rows]) for n in names}
        return Excerpt(self._incomplete, self._targets, rows, series)

    def _labelled(self, name: str) -> bool:
        column = self._incomplete.columns.get(name)
        return column is not None and column.kind == "category"

    def _put(self, name: str, values: np.ndarray) -> None:
        self.values[name] = values
        if not self._labelled(name):
            self._numbers[name] = values
        self._series[name] = _as_series(self._incomplete, name, values, self._index)

    def _recompute(self, columns: Iterable[DerivedColumn]) -> None:
        for column in columns:
            result = self._computed(column)
            if column.only is not None:
                result = np.where(self._targets[column.only].imputed_row, result, column.neutral)
                _require_finite(column, result, self._incomplete)
            if column.fills:
                given = self._incomplete.columns[column.name].values
                result = np.where(np.isnan(given), result, given)
            if column.held is not None:
                result = np.where(np.isnan(column.held), result, column.held)
            self._put(column.name, result)

    def _computed(self, column: DerivedColumn) -> np.ndarray:
        name, key = column.expression.plain_mean or ("", "")
        if name in self._targets:
            return self._means.of_target(self._targets[name], self.values[name], key, column.units)
        means = partial(self._means.of, units=column.units)
        extra = {"cluster_mean": means, "observed": self._observed, "systematic": self._systematic}
        visits = column.visits
        if visits is not None:
            extra |= {
                "lag": visits.lag,
                "since_dropout": lambda name: visits.since_dropout(self._observed(name)),
                "dropout": lambda name: visits.dropout(self._observed(name)),
            }
        return evaluate_expression(column.expression, self._series, extra)

    def _observed(self, name: str) -> np.ndarray:
        return (~self._incomplete.columns[name].missing).astype(float)

    def _systematic(self, name: str, key: str) -> np.ndarray:
        codes = self._incomplete.codes(key)
        return (np.bincount(codes, weights=self._observed(name)) == 0)[codes].astype(float)


def _require_finite(column: DerivedColumn, shift: np.ndarray, incomplete: Incomplete) -> None:
    """Stop where a shift is no number: what it moves would be none either, or at an end of what it can be."""
    wrong = ~np.isfinite(shift)
    if wrong.any():
        finding = f"{column.expression.source} is not a finite number in {counted(int(wrong.sum()), 'imputed row')}"
        finding += f", {first_row(incomplete.frame, wrong)}"
        raise one(PlanError, f"adjustment[{column.only}].shift", finding, FINITE)


def unfolded(target: Target, values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """A column with the values of its missing units put in, shape (row,): a new array."""
    by_unit = values[target.rows]
    by_unit[target.impute] = cells
    return by_unit[target.unit_of_row]


def _as_series(incomplete: Incomplete, name: str, values: np.ndarray, index: pd.Index | None = None) -> pd.Series:
    """A column as formulas read it: numbers as floats, labels as categories.

    Columns with one `index` make a frame without being aligned.
    """
    column = incomplete.columns.get(name)
    if column is not None and column.kind == "category":
        return column.labelled(values, index)
    return pd.Series(values, index, copy=False)


class Excerpt:
    """Some rows of completed data, in which one variable may be given other values.

    Parameters
    ----------
    incomplete : Incomplete
        The data.
    targets : mapping of str to Target
        What is imputed in them.
    rows : ndarray of int, shape (row,)
        Which rows; all of a cluster, for every key of a cluster mean that follows from the variable.
    series : mapping of str to Series
        The columns at these rows.
    """

    def __init__(
        self, incomplete: Incomplete, targets: Mapping[str, Target], rows: np.ndarray, series: Mapping[str, pd.Series]
    ) -> None:
        self._incomplete, self._targets, self._rows, self._series = incomplete, targets, rows, dict(series)
        self._means = ClusterMeans(incomplete, rows)

    def values(self, name: str) -> np.ndarray:
        """A column of numbers or codes as it stands, shape (row,)."""
        series = self._series[name]
        if isinstance(series.dtype, pd.CategoricalDtype):
            return series.cat.codes.to_numpy(dtype=float)
        return series.to_numpy(dtype=float)

    def given(self, name: str, values: np.ndarray, derived: Iterable[DerivedColumn]) -> "Columns":
        """The columns with other values of one variable, and of the derived variables that follow from it."""
        series = {**self._series, name: _as_series(self._incomplete, name, values)}
        for column in derived:
            means = partial(self._means.of, units=column.units)
            extra: dict[str, Callable[..., np.ndarray]] = {"cluster_mean": means}
            if column.visits is not None:
                extra["lag"] = column.visits.at(self._rows).lag
            result = evaluate_expression(column.expression, series, extra)
            if column.only is not None:
                result = np.where(self._targets[column.only].imputed_row[self._rows], result, column.neutral)
            if column.fills:
                known = self._incomplete.columns[column.name].values[self._rows]
                result = np.where(np.isnan(known), result, known)
            if column.held is not None:
                held = column.held[self._rows]
                result = np.where(np.isnan(held), result, held)
            series[column.name] = _as_series(self._incomplete, column.name, result)
        return Columns(series)


class Columns:
    """Columns by name, with the index and the length that evaluating a matrix asks for.

    Parameters
    ----------
    series : mapping of str to Series, shape (row,)
        All columns.
    numbers : mapping of str to ndarray, shape (row,), optional
        Those that are numbers, again, for who needs no Series.
    """

    def __init__(self, series: Mapping[str, pd.Series], numbers: Mapping[str, np.ndarray] | None = None) -> None:
        self._series, self.numbers = series, numbers or {}

    @property
    def index(self) -> pd.Index:
        """The row labels."""
        return next(iter(self._series.values())).index

    def __getitem__(self, name: str) -> pd.Series:
        return self._series[name]

    def __contains__(self, name: object) -> bool:
        return name in self._series

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self.index)


def fill(
    incomplete: Incomplete, resolved: Resolved, rng: np.random.Generator, *, spread: float
) -> dict[str, np.ndarray]:
    """A start: missing units drawn from the observed ones, and shifted.

    Parameters
    ----------
    incomplete, resolved
        The data and what is imputed in them.
    rng : Generator
        Of the chain.
    spread : float
        Each variable is shifted by a uniform draw between -spread and +spread, as its values understand it
        (:meth:`bayesimpute.families.Values.start`), so that chains start apart and R-hat can see them meet.

    Returns
    -------
    dict of str to ndarray
        For each target, the values of its missing units.
    """
    cells = {}
    for t in resolved.targets:
        start = t.values.start if t.family.density else _observed_start  # who matches has no values but these
        cells[t.name] = start(rng, t.given[t.fit_rows], size=len(t.missing_rows), spread=spread)
    return {t.name: possible_start(incomplete, t, rng, cells[t.name]) for t in resolved.targets}


def _observed_start(rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
    """Observed values, (cell,), large ones more often or less often than small ones."""
    apart = rng.uniform(-spread, spread) * (known - known.mean()) / (known.std() or 1.0)
    return rng.choice(known, size, p=softmax(apart))


def possible_start(incomplete: Incomplete, target: Target, rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
    """A start where what is known of the cells, and the columns that the family reads beside them, let it be."""
    of, rows = incomplete.columns, target.missing_rows
    side = {role: of[name].values[rows] for role, name in target.side.items() if name in of}
    return target.family.possible(within(target, rng, cells), side)


def fill_within(incomplete: Incomplete, resolved: Resolved, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Missing units drawn from the observed ones of the same cluster, so that clusters differ as where observed.

    By the first cluster key; where a cluster has no observed value, and for level-2 variables, from all.
    """
    cells = fill(incomplete, resolved, rng, spread=0.0)
    if not incomplete.clusters:
        return cells
    codes = incomplete.codes(incomplete.clusters[0])
    for target in resolved.targets:
        if target.level is None:
            known = target.fit_rows[np.argsort(codes[target.fit_rows], kind="stable")]
            counts = np.bincount(codes[known], minlength=codes.max() + 1)
            starts = np.cumsum(counts) - counts
            mine = codes[target.missing_rows]
            chosen = starts[mine] + (rng.random(len(mine)) * counts[mine]).astype(np.int64)
            has = counts[mine] > 0
            cells[target.name][has] = target.given[known[chosen[has]]]
            cells[target.name] = possible_start(incomplete, target, rng, cells[target.name])
    return cells


def within(target: Target, rng: np.random.Generator, cells: np.ndarray) -> np.ndarray:
    """Cells of a target where what is known of them lets them be, shape (missing unit,)."""
    known = target.known_cells
    return cells if known is None else known.moved_inside(rng, cells, target.values.support.points)
