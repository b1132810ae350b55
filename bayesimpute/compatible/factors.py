"""The density of the models that read a variable, at other values of its missing cells."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesimpute.compatible.affected import Affected
from bayesimpute.designs.completed import Columns, Completed
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.parts import places as block_places
from bayesimpute.designs.placement import Placement


@dataclass(frozen=True, kw_only=True, eq=False)
class Factor:
    """One model that reads the variable, with one draw of its parameters.

    Parameters
    ----------
    placement : Placement
        Of the model.
    draw : mapping of str to ndarray
        Its parameters.
    at : ndarray of int, shape (row,)
        The places among the affected rows at which it has a density: where its own target is observed or, if the model
        is fitted to all rows, everywhere; of a selection model, also where it was not selected.
    rows : ndarray of int, shape (row,)
        The same as rows of the data.
    y : ndarray, shape (row,)
        Its own target there as the model has it, NaN where a selection model says that it was not selected.
    move : str or None
        The column that is added to what its model draws.
    matrices : mapping of str to ndarray
        Its matrices there, on the current data.
    """

    placement: Placement
    draw: Draw
    at: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    move: str | None
    matrices: Mapping[str, np.ndarray]

    @property
    def design(self) -> Design:
        """The model."""
        return self.placement.design

    @cached_property
    def codes(self) -> dict[str, np.ndarray]:
        """The clusters of its rows, by block."""
        return self.placement.codes_at(self.rows)

    @cached_property
    def systematic(self) -> np.ndarray:
        """Which of its rows are in systematically missing clusters: they say nothing, bool, shape (row,)."""
        return self.placement.systematic(self.draw, self.rows)

    def theta(self, changed: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """The parameters, each (row,), on the response scale; `changed` are matrices in place of the current ones."""
        return self.respond(self.eta(changed))

    def respond(self, eta: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The parameters, each (row,), from the linear predictors."""
        return self.design.unselectable(self.design.respond(eta), self.systematic)

    def eta(self, changed: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """The standardised linear predictors, each (row,)."""
        return self.design.eta(self.draw, {**self.matrices, **(changed or {})}, self.codes, len(self.rows))

    def outcome(self, now: Mapping[str, np.ndarray], given: Columns, changed: frozenset[str]) -> np.ndarray:
        """Its own target as its model has it, where what is added to it follows from other values of the cells."""
        if self.move not in changed:
            return self.y
        return self.y + now[self.move][self.rows] - given[self.move].to_numpy(dtype=float)[self.at]

    def side(self, columns: Columns) -> dict[str, np.ndarray]:
        """The columns that its family reads, by role, from those of the affected rows."""
        return {role: columns[name].to_numpy(dtype=float)[self.at] for role, name in self.design.side.items()}

    def slopes(self, derivatives: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The derivatives of the linear predictors, (row,), from those of the matrices that change."""
        design, draw, found = self.design, self.draw, {}
        for p in design.predictors:
            if p.matrix is not None and p.parameter.name in derivatives:
                found[p.key] = derivatives[p.parameter.name] @ draw[p.key]
        for b in design.blocks:
            if b.key in derivatives:
                terms = derivatives[b.key] * draw[b.key][self.codes[b.key]]
                for key, place in block_places(b):
                    found[key] = found.get(key, 0.0) + terms[:, place].sum(axis=1)
        for offset in design.offsets:
            if offset.key in derivatives:
                found[offset.predictor] = found.get(offset.predictor, 0.0) + derivatives[offset.key][:, 0]
        return found

    def slope(self, derivatives: Mapping[str, np.ndarray]) -> np.ndarray:
        """The derivative of a mean that is mu itself, (row,)."""
        return self.design.scale * self.slopes(derivatives).get("mu", np.zeros(len(self.rows)))

    @cached_property
    def current(self) -> dict[str, np.ndarray]:
        """The parameters at the current cells."""
        return self.theta()


def places(placement: Placement, affected: Affected) -> np.ndarray:
    """Where among the affected rows a model has a density."""
    return np.flatnonzero(np.isin(affected.rows, placement.model_rows))


def factor(
    placement: Placement, draw: Draw, affected: Affected, at: np.ndarray, completed: Completed, matrices: Mapping
) -> Factor:
    """A factor on the current data; `matrices` are those of all rows."""
    rows, move = affected.rows[at], completed.move(placement.design.name)
    y = np.where(placement.learns[rows], completed.unmoved(placement.design.name)[rows], np.nan)
    return Factor(
        placement=placement,
        draw=draw,
        at=at,
        rows=rows,
        y=y,
        move=move,
        matrices={key: m[rows] for key, m in matrices.items()},
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
        names |= {n for f in self.factors for n in f.design.inputs | ({f.move} if f.move else frozenset())}
        kept = [name for name in names if name == self.name or name not in changed]
        return self.completed.excerpt(self.affected.rows, [n for n in kept if n in self.completed.values])

    def given(self, cells: np.ndarray) -> Columns:
        """The columns at the affected rows at these values of the cells, shape (cell,)."""
        affected = self.affected
        values = np.where(affected.cell >= 0, cells[affected.cell], self._excerpt.values(self.name))
        return self._excerpt.given(self.name, values, affected.derived)

    @cached_property
    def _changed(self) -> frozenset[str]:
        return self.affected.changed(self.name)

    def matrices(self, columns: Columns) -> list[dict[str, np.ndarray]]:
        """The matrices of each factor that change with the cells, from such columns."""
        return [self._refreshed(f, columns) for f in self.factors]

    def _refreshed(self, f: Factor, columns: Columns) -> dict[str, np.ndarray]:
        reads = f.design.reads
        made = {key: f.matrices[key].copy() for key, _ in f.design.widths if reads[key] & self._changed}
        f.design.refresh(made, columns, f.at, self._changed)
        return made

    def logp(self, cells: np.ndarray, draws: Mapping[str, Draw] | None = None) -> np.ndarray:
        """The log-density of all factors at these values of the cells, summed over each block, shape (block,).

        `draws` are other ones of the models' parameters, by model.
        """
        with np.errstate(all="ignore"):
            columns = self.given(cells)
            return self.logp_at(columns, self.matrices(columns), draws)

    def logp_at(
        self, columns: Columns, changed: list[dict[str, np.ndarray]], draws: Mapping[str, Draw] | None = None
    ) -> np.ndarray:
        """The same from :meth:`given` and the :meth:`matrices` that follow."""
        total = np.zeros(self.affected.blocks)
        with np.errstate(all="ignore"):
            for each, matrices in zip(self.factors, changed, strict=True):
                f = each if draws is None else replace(each, draw=draws[each.design.name])
                y = f.outcome(self.completed.values, columns, self._changed)
                found = f.design.family.logp(y, f.theta(matrices), f.side(columns))
                total += np.bincount(self.affected.block[f.at], weights=found, minlength=len(total))
        return np.where(np.isnan(total), -np.inf, total)
