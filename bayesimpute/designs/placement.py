"""A design on one data set: which rows its model is fitted to, which it predicts for, and the cluster of each row.

A :class:`~bayesimpute.designs.design.Design` knows no rows, so that one model can be placed on many data: on those that
it was described on, on a part of them, on completed datasets, on rows and clusters that it never saw. The effects of a
cluster that it never saw are drawn from their population distribution (:meth:`Placement.with_new_clusters`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.other_rows import matched
from bayesimpute.designs.design import SYSTEMATIC, Design, Draw
from bayesimpute.families import Rows
from bayesimpute.plan.targets import Step


@dataclass(frozen=True, kw_only=True, eq=False)
class Placement:
    """A design on one data set.

    Parameters
    ----------
    design : Design
        The model.
    codes : mapping of str to ndarray of int, shape (row,)
        By block the cluster of each row of the data; from the block's size on, clusters that the model never saw.
    learn_rows, model_rows : ndarray of int, shape (fitted unit,)
        A row of each unit whose value of the target the model is fitted to; and then those that were not selected,
        which only a selection model knows.
    impute_rows : ndarray of int, shape (imputed unit,)
        A row of each unit whose value is drawn.
    apart : ndarray of bool, shape (imputed unit,)
        Which of these could not have been selected.
    empty_of : ndarray of int, shape (row,), or None
        Of each row of the data the cluster of which it is not known whether it is systematically missing, -1 where
        there is none; None: there are no such clusters.
    """

    design: Design
    codes: Mapping[str, np.ndarray]
    learn_rows: np.ndarray
    model_rows: np.ndarray
    impute_rows: np.ndarray
    apart: np.ndarray
    empty_of: np.ndarray | None = None

    @classmethod
    def of(cls, design: Design, step: Step, incomplete: Incomplete, before: Incomplete | None = None) -> "Placement":
        """The design on the data whose rows a step has; `before` are those that it was described on, if others."""
        return cls(
            design=design,
            codes={b.key: _codes(before, incomplete, b.factor) for b in design.blocks},
            learn_rows=step.learn_rows,
            model_rows=step.model_rows,
            impute_rows=step.missing_rows,
            apart=step.lead.apart[step.impute],
            empty_of=None if step.lead.empty_of is None else step.lead.empty_of[step.lead.unit_of_row],
        )

    @cached_property
    def learns(self) -> np.ndarray:
        """Which rows the model is fitted to the target's values of, bool, up to the last row that it is fitted to."""
        mask = np.zeros(self.model_rows.max(initial=-1) + 1, dtype=bool)
        mask[self.learn_rows] = True
        return mask

    @cached_property
    def fitted_rows(self) -> Mapping[str, np.ndarray]:
        """The rows that each matrix is needed at to fit the model."""
        at = {Rows.OBSERVED: self.learn_rows, Rows.ALL: self.model_rows}
        design = self.design
        common = {p.parameter.name: at[p.parameter.rows] for p in design.predictors}
        added = {o.key: at[design.rows(o.predictor)] for o in design.offsets}
        return common | {b.key: at[b.rows] for b in design.blocks} | added

    @cached_property
    def fitted_codes(self) -> Mapping[str, np.ndarray]:
        """The clusters of these rows as the graph holds them, by container."""
        rows = self.fitted_rows
        return {f"codes_{key}": codes[rows[key]].astype(np.int32) for key, codes in self.codes.items()}

    @cached_property
    def fitted_empty(self) -> Mapping[str, np.ndarray]:
        """The empty clusters of all fitted rows as the graph holds them; rows of none have their number."""
        empty = self.design.empty
        if empty is None or self.empty_of is None:
            return {}
        of = self.empty_of[self.model_rows]
        return {"empty": np.where(of < 0, len(empty), of).astype(np.int32)}

    def systematic(self, draw: Draw, rows: np.ndarray) -> np.ndarray:
        """Which rows of the data are in clusters that a draw has as systematically missing, bool, shape (row,)."""
        if self.empty_of is None or SYSTEMATIC not in draw:
            return np.zeros(len(rows), dtype=bool)
        of = self.empty_of[rows]
        return (of >= 0) & (draw[SYSTEMATIC][of] == 1)

    def data(self, matrices: Mapping[str, np.ndarray], y: np.ndarray) -> dict[str, np.ndarray]:
        """What the graph's data containers hold: matrices and cluster codes at the fitted rows, and y_s, (row,).

        Rows with an observed target come first, so that what is learnt from all rows has them in common with the rest.
        """
        fitted = {key: m for key, m in matrices.items() if key in self.design.fitted_keys}
        data = {f"X_{key}": np.ascontiguousarray(m[self.fitted_rows[key]]) for key, m in fitted.items()}
        data |= {**self.fitted_codes, **self.fitted_empty}
        return data | {"y_data": self.response(y)}

    def response(self, y: np.ndarray) -> np.ndarray:
        """The standardised values of the target that its model is fitted to, from those of all rows, shape (unit,)."""
        return (y[self.learn_rows] - self.design.centre) / self.design.scale

    def side(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The columns that the family reads at all fitted rows, by container, from columns of all rows."""
        return {f"side_{role}": values[column][self.model_rows] for role, column in self.design.side.items()}

    def codes_at(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The clusters of some rows, by block."""
        return {key: codes[rows] for key, codes in self.codes.items()}

    def eta(self, draw: Draw, matrices: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The standardised linear predictors at `rows`, each of shape (row,), given a draw and matrices of all rows."""
        return self.eta_at(draw, {key: matrix[rows] for key, matrix in matrices.items()}, rows)

    def eta_at(self, draw: Draw, matrices: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The same from matrices that have these rows only."""
        return self.design.eta(draw, matrices, self.codes_at(rows), len(rows))

    def predict(self, draw: Draw, matrices: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The family's parameters at `rows` on the response scale and in the target's units.

        Each is of shape (row,); with labels, (row, label).
        """
        return self.design.respond(self.eta(draw, matrices, rows))

    def missing(self, draw: Draw, matrices: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The same at the rows that are imputed; units that could not be selected have selection at minus infinity."""
        rows = self.impute_rows
        return self.missing_at(draw, {key: matrix[rows] for key, matrix in matrices.items()})

    def missing_at(self, draw: Draw, matrices: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The same from matrices that have these rows only."""
        theta = self.design.respond(self.eta_at(draw, matrices, self.impute_rows))
        return self.design.unselectable(theta, self.apart | self.systematic(draw, self.impute_rows))

    def with_new_clusters(self, draw: Draw, rng: np.random.Generator) -> Draw:
        """The draw, with effects of the clusters that the model never saw, from their population distribution."""
        grown = dict(draw)
        for b in self.design.blocks:
            new = int(self.codes[b.key].max(initial=-1)) + 1 - b.size
            if new > 0:
                effects = rng.standard_normal((new, b.width)) @ draw[f"{b.key}_root"].T
                grown[b.key] = np.concatenate([draw[b.key], effects])
        return grown

    def of_clusters(self, factor: str, taken: np.ndarray) -> "Placement":
        """The model of some clusters of a key, numbered anew in the order given; other rows have the code -1."""
        blocks = self.design.blocks
        size = max(b.size for b in blocks if b.factor == factor)
        new = np.full(size, -1)
        new[taken] = np.arange(len(taken))
        mine = {b.key for b in blocks if b.factor == factor}
        smaller = tuple(replace(b, size=len(taken)) if b.key in mine else b for b in blocks)
        codes = {key: new[codes] if key in mine else codes for key, codes in self.codes.items()}
        return replace(self, design=replace(self.design, blocks=smaller), codes=codes)


def _codes(before: Incomplete | None, incomplete: Incomplete, key: str) -> np.ndarray:
    return incomplete.codes(key) if before is None else matched(before, incomplete, key)
