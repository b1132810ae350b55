"""The density of the models that read a variable, at other values of its missing cells."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesimpute.compatible.affected import Affected
from bayesimpute.designs.completed import Columns, Completed
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.design import places as block_places


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """One model that reads the variable, with one draw of its parameters.

    Parameters
    ----------
    design : Design
        Of the model.
    draw : mapping of str to ndarray
        Its parameters.
    at : ndarray of int, shape (row,)
        The places among the affected rows at which it has a density: where its own target is observed or, if the model
        is fitted to all rows, everywhere; of a selection model, also where it was not selected.
    rows : ndarray of int, shape (row,)
        The same as rows of the data.
    y : ndarray, shape (row,)
        Its own target there, NaN where a selection model says that it was not selected.
    matrices : mapping of str to ndarray
        Its matrices there, on the current data.
    """

    design: Design
    draw: Draw
    at: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    matrices: Mapping[str, np.ndarray]

    def theta(self, changed: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """The parameters, each (row,), on the response scale; `changed` are matrices in place of the current ones."""
        return self.design.respond(self.design.eta_at(self.draw, {**self.matrices, **(changed or {})}, self.rows))

    def side(self, columns: Columns) -> dict[str, np.ndarray]:
        """The columns that its family reads, by role, from those of the affected rows."""
        return {role: columns[name].to_numpy(dtype=float)[self.at] for role, name in self.design.target.side.items()}

    def slope(self, derivatives: Mapping[str, np.ndarray]) -> np.ndarray:
        """The derivative of mu, (row,), from those of the matrices that change."""
        design, draw = self.design, self.draw
        total = derivatives["mu"] @ draw["mu"] if "mu" in derivatives else np.zeros(len(self.rows))
        for b in design.blocks:
            if b.key in derivatives:
                terms = derivatives[b.key] * draw[b.key][b.codes[self.rows]]
                total = total + sum(terms[:, place].sum(axis=1) for name, place in block_places(b) if name == "mu")
        return design.scale * total

    @cached_property
    def current(self) -> dict[str, np.ndarray]:
        """The parameters at the current cells."""
        return self.theta()


def places(design: Design, affected: Affected) -> np.ndarray:
    """Where among the affected rows a model has a density."""
    return np.flatnonzero(np.isin(affected.rows, design.target.model_rows))


def factor(
    design: Design, draw: Draw, affected: Affected, at: np.ndarray, completed: Completed, matrices: Mapping
) -> Factor:
    """A factor on the current data; `matrices` are those of all rows."""
    rows, target = affected.rows[at], design.target
    y = completed.values[target.name][rows]
    if not target.everywhere:
        y = np.where(target.observed[target.unit_of_row[rows]], y, np.nan)
    return Factor(
        design=design, draw=draw, at=at, rows=rows, y=y, matrices={key: m[rows] for key, m in matrices.items()}
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """All factors of one variable, to be asked about other values of its missing cells.

    Parameters
    ----------
    name : str
        The variable.
    affected : Affected
        Its rows and blocks.
    completed : Completed
        The current data.
    factors : tuple of Factor
        The models that read it.
    """

    name: str
    affected: Affected
    completed: Completed
    factors: tuple[Factor, ...]

    @cached_property
    def _excerpt(self):
        derived = self.affected.derived
        changed = self.affected.changed(self.name)
        names = {name for column in derived for name in column.expression.names} | {self.name}
        names |= {n for f in self.factors for n in f.design.inputs}
        kept = [name for name in names if name == self.name or name not in changed]
        return self.completed.excerpt(self.affected.rows, [n for n in kept if n in self.completed.values])

    def _columns(self, cells: np.ndarray) -> Columns:
        """The columns at the affected rows, with these values of the cells and what follows from them."""
        affected = self.affected
        values = np.where(affected.cell >= 0, cells[affected.cell], self._excerpt.values(self.name))
        return self._excerpt.given(self.name, values, affected.derived)

    def matrices(self, cells: np.ndarray) -> list[dict[str, np.ndarray]]:
        """The matrices of each factor that change with the cells, at these values of them, shape (cell,)."""
        return self._matrices(self._columns(cells))

    def _matrices(self, columns: Columns) -> list[dict[str, np.ndarray]]:
        changed = self.affected.changed(self.name)
        return [{key: m[f.at] for key, m in f.design.matrices(columns, changed).items()} for f in self.factors]

    def thetas(self, cells: np.ndarray) -> list[dict[str, np.ndarray]]:
        """The parameters of each factor at these values of the cells, shape (cell,)."""
        return self._thetas(self._columns(cells))

    def _thetas(self, columns: Columns) -> list[dict[str, np.ndarray]]:
        return [f.theta(matrices) for f, matrices in zip(self.factors, self._matrices(columns), strict=True)]

    def logp(self, cells: np.ndarray) -> np.ndarray:
        """The log-density of all factors at these values of the cells, summed over each block, shape (block,)."""
        total, columns = np.zeros(self.affected.blocks), self._columns(cells)
        with np.errstate(all="ignore"):
            for f, theta in zip(self.factors, self._thetas(columns), strict=True):
                found = f.design.family.logp(f.y, theta, f.side(columns))
                total += np.bincount(self.affected.block[f.at], weights=found, minlength=len(total))
        return np.where(np.isnan(total), -np.inf, total)
