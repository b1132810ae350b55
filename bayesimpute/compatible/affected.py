"""Which rows feel the missing cells of a variable, and which cells have to move together.

A row feels a cell if a derived variable or a term can follow from it there: the row itself; of a level-2 variable all
rows of the cluster; and if a cluster mean of the variable is in a model, all rows of that mean's cluster. Cells that
are felt by a common row are in one *block*; blocks are independent of each other given everything else, so all of
them are drawn at once. Within a block cells are drawn jointly or one after the other, one of each block at a time (a
*pass*).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan import who_reads
from bayesimpute.plan.targets import DerivedColumn, Target


@dataclass(frozen=True, kw_only=True, eq=False)
class Affected:
    """The rows and blocks of a target's missing cells.

    Parameters
    ----------
    rows : ndarray of int, shape (affected,)
        Rows of the data that feel some cell.
    cell : ndarray of int, shape (affected,)
        The cell that stands in each of these rows; -1 where the variable is observed.
    block : ndarray of int, shape (affected,)
        The block of each of these rows.
    block_of_cell : ndarray of int, shape (cell,)
        The block of each cell.
    passes : tuple of ndarray of int
        The cells, the first of each block in the first pass, the second ones in the second, and so on.
    derived : tuple of DerivedColumn
        What follows from the variable, in dependency order.
    """

    rows: np.ndarray
    cell: np.ndarray
    block: np.ndarray
    block_of_cell: np.ndarray
    passes: tuple[np.ndarray, ...]
    derived: tuple[DerivedColumn, ...]

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self.passes[0])

    def changed(self, name: str) -> frozenset[str]:
        """The columns that change with the variable."""
        return frozenset({name, *(column.name for column in self.derived)})


def affected(target: Target, derived: Iterable[DerivedColumn], incomplete: Incomplete) -> Affected:
    """The rows and blocks of the missing cells of a target with at least one."""
    following = who_reads.following(target.name, derived)
    keys = sorted({key for column in following for key in _mean_keys(column)})
    groups = [target.unit_of_row, *(incomplete.codes(key) for key in keys)]
    component = _together(groups)
    cells = np.full(len(target.rows), -1)
    cells[target.impute] = np.arange(target.impute.sum())
    cell = cells[target.unit_of_row]
    rows = np.flatnonzero(np.isin(component, component[cell >= 0]))
    block = np.unique(component[rows], return_inverse=True)[1]
    block_of_cell = np.empty(cells.max() + 1, dtype=np.int64)
    block_of_cell[cell[rows][cell[rows] >= 0]] = block[cell[rows] >= 0]
    return Affected(
        rows=rows,
        cell=cell[rows],
        block=block,
        block_of_cell=block_of_cell,
        passes=_passes(block_of_cell),
        derived=following,
    )


def _mean_keys(column: DerivedColumn) -> frozenset[str]:
    """The keys whose clusters hang together through a column: of means, and of subjects whose visits are read."""
    visits = frozenset({column.visits.subject}) if column.visits is not None else frozenset[str]()
    return visits.union(key for _, key in column.expression.cluster_means)


def _together(groups: list[np.ndarray]) -> np.ndarray:
    """Which rows hang together through any of the groupings: the connected component of each row, shape (row,)."""
    n = len(groups[0])
    offset, edges = n, []
    for codes in groups:
        edges.append(codes + offset)
        offset += int(codes.max()) + 1
    ends = np.concatenate(edges)
    starts = np.tile(np.arange(n), len(groups))
    graph = coo_array((np.ones(len(ends), dtype=np.int8), (starts, ends)), shape=(offset, offset))
    return connected_components(graph, directed=False)[1][:n]


def _passes(block_of_cell: np.ndarray) -> tuple[np.ndarray, ...]:
    order = np.argsort(block_of_cell, kind="stable")
    sizes = np.bincount(block_of_cell)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return tuple(order[place[order] == k] for k in range(int(sizes.max())))
