"""The density of values that a run was not given, at each of its imputations' draws."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesimpute.base.errors import InputError, one
from bayesimpute.base.phrases import listed
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Draw
from bayesimpute.designs.parts import places
from bayesimpute.designs.placement import Placement
from bayesimpute.designs.sheets import Sheet
from bayesimpute.inspection.effects_integral import NODES, EffectsIntegral
from bayesimpute.plan.targets import Step
from bayesimpute.result.result import Result
from bayesimpute.running.workspace import Described, Workspace

PAIRS = 30
"""Of points, where effects are too many for a grid: their mean over draws has the errors of many times as many."""
Unseen = tuple[tuple[str, int], ...]
"""Blocks, and a cluster of each: those without a value that the model was fitted to."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictedGroup:
    """Values of a variable in units that a run had to impute.

    Parameters
    ----------
    run : Result
        Without these values, every sweep of which is an imputation.
    space : Workspace
        Of that run.
    step : Step
        That draws the variable.
    rows : ndarray of int, shape (unit,)
        A row of each unit.
    y : ndarray, shape (unit,)
        The values.
    """

    run: Result
    space: Workspace
    step: Step
    rows: np.ndarray
    y: np.ndarray

    @classmethod
    def of(cls, run: Result, target: str, whole: Incomplete, rows: np.ndarray, *, place: str) -> "PredictedGroup":
        """From the run, and the data that have the values; `place` says what was left out.

        Raises
        ------
        InputError
            If a value is one that the model without it does not know of.
        """
        record = run.record
        space = Workspace(record.plan, record.incomplete, Described.of(record.plan, record.incomplete, record.resolved))
        step = record.resolved.step(target)
        y = _coded(whole.columns[target], rows, record.incomplete.columns[target])
        points = step.lead.values.support.points  # None: there is no end of them
        new = np.isnan(y) | (False if points is None else ~np.isin(y, points))
        if new.any():
            values = sorted(set(map(str, whole.frame[target].iloc[rows[new]])))
            finding = f'values of "{target}" that are observed where {place} only have no density: {listed(values, 6)}'
            raise one(InputError, "by", finding, "name other groups, or make larger ones")
        return cls(run=run, space=space, step=step, rows=rows, y=y)

    @property
    def placement(self) -> Placement:
        """The model on the data."""
        return self.space.placements[self.step.name]

    @cached_property
    def unseen(self) -> Unseen:
        """The clusters of these units whose effects no other value bears on."""
        found, codes, seen = [], self.placement.codes, self.step.lead.fit_rows
        for b in self.placement.design.blocks:
            mine = np.unique(codes[b.key][self.rows])
            found += [(b.key, int(j)) for j in np.setdiff1d(mine, codes[b.key][seen])]
        return tuple(found)

    def log_densities(self, rng: np.random.Generator) -> dict[int, np.ndarray]:
        """Log p of all values together at each draw, (draw,), by chain."""
        record, found = self.run.record, {}
        sheet = Sheet(self.placement.design, self.rows)
        fixed = None
        for leg, state in zip(record.legs, record.states, strict=True):
            logs = []
            for k in sorted(leg.made):
                if fixed is None or len(record.resolved.targets) > 1:
                    cells = {name: np.asarray(c, dtype=float) for name, c in leg.kept[k].items()}
                    fixed = self._at(sheet, Completed(record.incomplete, record.resolved, cells))
                logs.append(self._log_density(leg.made[k].draws[self.step.name], *fixed, rng))
            found[state.chain] = np.array(logs)
        return found

    def _at(self, sheet: Sheet, completed: Completed) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
        """The matrices at these units and what the family reads there, on completed data."""
        sheet.changed(set(completed.values))
        return dict(sheet.current(completed.columns)), completed.side(self.step.lead, self.rows)

    def _log_density(
        self,
        draw: Draw,
        matrices: Mapping[str, np.ndarray],
        side: Mapping[str, np.ndarray],
        rng: np.random.Generator,
    ) -> float:
        design, codes = self.placement.design, self.placement.codes_at(self.rows)

        def each(etas: Mapping[str, np.ndarray]) -> np.ndarray:
            return design.family.logp(self.y, design.respond(dict(etas)), side)

        without = dict(draw)
        for key, cluster in self.unseen:
            without[key] = np.array(without[key])
            without[key][cluster] = 0.0
        fixed = self.placement.eta_at(without, matrices, self.rows)
        if not self.unseen:
            return float(each(fixed).sum())
        z = self._z(draw, matrices, codes)
        width = next(iter(z.values())).shape[1]
        integral = EffectsIntegral(
            each=each, fixed=fixed, z=z, codes=np.zeros(len(self.rows), dtype=np.int64), start=np.zeros((1, width))
        )
        if design.family.normal and set(z) == {"mu"}:
            theta = design.respond(fixed)
            sigma = np.broadcast_to(theta["sigma"], self.y.shape)
            unit = float(design.predictor("mu").units.unit)
            return float(integral.normal(self.y - theta["mu"], sigma, z["mu"] * unit)[0])
        return float(integral.quadrature()[0] if width in NODES else integral.sampled(rng, PAIRS)[0])

    def _z(
        self, draw: Draw, matrices: Mapping[str, np.ndarray], codes: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """What standard normal effects of the unseen clusters add to the linear predictors, (unit, effect)."""
        blocks = {b.key: b for b in self.placement.design.blocks}
        width, first = sum(blocks[key].width for key, _ in self.unseen), 0
        moved = dict.fromkeys(name for key, _ in self.unseen for name, _ in places(blocks[key]))
        z = {name: np.zeros((len(self.rows), width)) for name in moved}
        for key, cluster in self.unseen:
            b, root, mine = blocks[key], draw[f"{key}_root"], codes[key] == cluster
            for name, place in places(b):
                z[name][mine, first : first + b.width] += matrices[key][mine][:, place] @ root[place]
            first += b.width
        return z


def _coded(column: Column, rows: np.ndarray, other: Column) -> np.ndarray:
    """Values of a column as codes of another that has fewer labels, NaN where it has not that one."""
    values = column.values[rows]
    if column.kind != "category" or column.labels == other.labels:
        return values
    place = {label: k for k, label in enumerate(other.labels)}
    codes = np.array([place.get(label, np.nan) for label in column.labels], dtype=float)
    return codes[values.astype(int)]
