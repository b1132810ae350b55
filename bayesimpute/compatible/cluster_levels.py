"""A move for the level of a variable in clusters where it was never seen.

The missing cells x_ij of such a cluster lie around the effect u_j of their own model, which rests on nothing but them;
and the effect v_j of a model that reads the variable takes up what their level leaves unexplained. Drawn in turn, each
moves by its deviation given the other two, which is small in large clusters. So they move together, along the line on
which residuals stay as they are,

    x_ij + t,    u_j + t,    v_j - s t    for all cells of the cluster, with the slope s of the reading model,

and t is drawn from its law given everything else (generalised Gibbs: Liu & Sabatti 2000, Biometrika 87:353; a
translation whose direction follows from nothing that it moves has the Jacobian 1). Where the models are normal, so is
t. Else it is sampled by slices. Cells that have few possible values cannot be moved by t: they are summed over, and
drawn anew right after. A variable that belongs to the clusters themselves has one cell in each and no u_j.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.compatible.cell_by_cell import SPAN, slice_step
from bayesimpute.compatible.factors import Factor, Scenario
from bayesimpute.compatible.normal_draws import Derivatives, slopes, weights
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.parts import Block, effect_units, places
from bayesimpute.designs.placement import Placement


@dataclass(frozen=True, kw_only=True, eq=False)
class Effect:
    """The group-specific intercept of a model's mu: the block and its place there."""

    block: Block
    place: int

    @property
    def unit(self) -> float:
        """What turns it into the units of mu's linear predictor."""
        return float(effect_units(self.block)[self.place])

    def prior(self, draw: Draw, clusters: np.ndarray) -> tuple[float, np.ndarray]:
        """Precision, and the pull at its current values, (cluster,), of what is added to it, given its neighbours."""
        root = draw[f"{self.block.key}_root"]
        inverse = np.linalg.inv(root @ root.T)
        return inverse[self.place, self.place], -draw[self.block.key][clusters] @ inverse[self.place]

    def moved(self, draw: Draw, clusters: np.ndarray, by: np.ndarray) -> Draw:
        """The draw with something added to the effects of some clusters, (cluster,)."""
        effects = draw[self.block.key].copy()
        effects[clusters, self.place] += by
        return {**draw, self.block.key: effects}


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """The clusters of one key in which a variable has no observed value.

    Parameters
    ----------
    key : str
        The cluster variable.
    clusters : ndarray of int, shape (cluster,)
        Their codes.
    of_cell, of_row, of_block : ndarray of int
        Which of them each missing cell, each affected row and each block is in; -1: none.
    own : Effect or None
        Of the variable's own model; None of a variable that has one cell in each cluster.
    readers : mapping of str to Effect
        Of the models that read it, where they have one.
    """

    key: str
    clusters: np.ndarray
    of_cell: np.ndarray
    of_row: np.ndarray
    of_block: np.ndarray
    own: Effect | None
    readers: Mapping[str, Effect]

    def cells(self, values: np.ndarray) -> np.ndarray:
        """Sums over the cells of each cluster, (cluster,)."""
        return self._sums(values, self.of_cell)

    def blocks(self, values: np.ndarray) -> np.ndarray:
        """Sums over the blocks of each cluster, (cluster,)."""
        return self._sums(values, self.of_block)

    def rows(self, f: Factor, values: np.ndarray) -> np.ndarray:
        """Sums over the rows of a factor in each cluster, (cluster,)."""
        return self._sums(values, self.of_row[f.at])

    def at_cells(self, values: np.ndarray) -> np.ndarray:
        """What the clusters have, at each cell: 0 elsewhere."""
        return np.append(values, 0.0)[self.of_cell]

    def _sums(self, values: np.ndarray, of: np.ndarray) -> np.ndarray:
        inside = of >= 0
        return np.bincount(of[inside], values[inside], len(self.clusters))


def intercept(design: Design, factor: str) -> Effect | None:
    """The group-specific intercept of a key in mu."""
    for b in design.blocks:
        for (name, place), (_, matrix) in zip(places(b), b.parts, strict=True):
            if b.factor == factor and name == "mu" and "Intercept" in matrix.names:
                return Effect(block=b, place=place.start + matrix.names.index("Intercept"))
    return None


def levels(
    own: Design,
    readers: Mapping[str, Placement],
    rows: np.ndarray,
    cell_of_row: np.ndarray,
    block: np.ndarray,
    incomplete: Incomplete,
) -> tuple[Levels, ...]:
    """What can be moved of a variable, by key.

    Parameters
    ----------
    own : Design
        Of the variable's own model.
    readers : mapping of str to Placement
        Of the models that read it, whose effects can be moved.
    rows : ndarray of int, shape (affected,)
        The rows that feel some cell.
    cell_of_row : ndarray of int, shape (row,)
        The missing cell in each row of the data; -1 where the variable is observed.
    block : ndarray of int, shape (affected,)
        The block of each affected row.
    incomplete : Incomplete
        The data.
    """
    designs = [own, *(p.design for p in readers.values())]
    keys = dict.fromkeys(b.factor for design in designs for b in design.blocks)
    found = (_of_key(key, own, readers, rows, cell_of_row, block, incomplete.codes(key)) for key in keys)
    return tuple(each for each in found if each is not None)


def _of_key(
    key: str,
    own: Design,
    readers: Mapping[str, Placement],
    rows: np.ndarray,
    cell_of_row: np.ndarray,
    block: np.ndarray,
    codes: np.ndarray,
) -> Levels | None:
    seen = np.zeros(codes.max() + 1, dtype=bool)
    seen[codes[cell_of_row < 0]] = True
    clusters = np.flatnonzero(~seen)
    number = np.where(seen, -1, np.cumsum(~seen) - 1)[codes]
    of_cell = _of(cell_of_row, number, cell_of_row.max() + 1)
    of_block = _of(block, number[rows], block.max() + 1)
    effect = intercept(own, key)
    mine = {name: e for name, p in readers.items() if (e := intercept(p.design, key)) is not None}
    if not len(clusters) or of_cell is None or of_block is None:
        return None
    alone = effect is None and np.bincount(of_cell[of_cell >= 0], minlength=len(clusters)).max() == 1
    if effect is None and not (alone and mine):
        return None
    at = number[rows]
    return Levels(key=key, clusters=clusters, of_cell=of_cell, of_row=at, of_block=of_block, own=effect, readers=mine)


def _of(part: np.ndarray, number: np.ndarray, size: int) -> np.ndarray | None:
    """The cluster of each part, from those of its rows; None where a part has rows in several."""
    inside = part >= 0
    low, high = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(low, part[inside], number[inside])
    np.maximum.at(high, part[inside], number[inside])
    return high if (low == high).all() else None


@dataclass(frozen=True, eq=False)
class Direction:
    """Along which a step of 1 leads: of the own effect in its predictor's units, of the readers' in theirs."""

    own: float
    readers: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Line:
    """The clusters' effects along a direction, and what their priors say there."""

    levels: Levels
    direction: Direction
    own: Draw
    readers: Mapping[str, Draw]

    def _parts(self) -> list[tuple[Effect, Draw, np.ndarray | float]]:
        mine = self.levels.own
        first: list[tuple[Effect, Draw, np.ndarray | float]] = []
        if mine is not None:
            first.append((mine, self.own, self.direction.own / mine.unit))
        others = self.levels.readers.items()
        return first + [(e, self.readers[n], self.direction.readers[n] / e.unit) for n, e in others]

    def prior(self) -> tuple[np.ndarray, np.ndarray]:
        """Precision and pull of t from the priors of the effects, each (cluster,)."""
        precision, pull = np.zeros(len(self.levels.clusters)), np.zeros(len(self.levels.clusters))
        for effect, draw, by in self._parts():
            p, q = effect.prior(draw, self.levels.clusters)
            precision, pull = precision + p * np.square(by), pull + q * by
        return precision, pull

    def at(self, t: np.ndarray) -> tuple[Draw, dict[str, Draw]]:
        """The draws of the own model and of the readers after a step, (cluster,)."""
        levels, own = self.levels, self.own
        if levels.own is not None:
            own = levels.own.moved(own, levels.clusters, self.direction.own / levels.own.unit * t)
        moved = {
            name: effect.moved(self.readers[name], levels.clusters, self.direction.readers[name] / effect.unit * t)
            for name, effect in levels.readers.items()
        }
        return own, {**self.readers, **moved}


def normal_step(
    rng: np.random.Generator,
    levels: Levels,
    own: Draw,
    scenario: Scenario,
    cells: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    given: Derivatives,
) -> tuple[Draw, dict[str, Draw]]:
    """The draws after a step along the line where all models are normal; the cells, drawn right after, need not move.

    Parameters
    ----------
    rng : Generator
        Of the visit.
    levels : Levels
        Who moves.
    own : mapping of str to ndarray
        The draw of the variable's own model.
    scenario : Scenario
        The models that read it, with their draws.
    cells, mean, sd : ndarray, shape (cell,)
        The current values; of the variable's own model.
    given : list
        :func:`~bayesimpute.compatible.normal_draws.derivatives`.
    """
    felt = [(f, s.sum(axis=1), *weights(f)) for f, s in zip(scenario.factors, slopes(scenario, given), strict=True)]
    by = {f.design.name: _average(levels, f, s, w) for f, s, w, _ in felt if f.design.name in levels.readers}
    line = Line(levels, Direction(1.0, {name: -s for name, s in by.items()}), own, _draws(scenario))
    precision, pull = line.prior()
    if levels.own is None:
        precision, pull = precision + levels.cells(sd**-2.0), pull + levels.cells((mean - cells) / sd**2)
    for f, s, weight, residual in felt:
        left = s - np.append(by[f.design.name], 0.0)[levels.of_row[f.at]] if f.design.name in by else s
        precision, pull = precision + levels.rows(f, weight * left**2), pull + levels.rows(f, residual * left)
    t = pull / precision + rng.standard_normal(len(precision)) / np.sqrt(precision)
    return line.at(t)


def _draws(scenario: Scenario) -> dict[str, Draw]:
    return {f.design.name: f.draw for f in scenario.factors}


def _average(levels: Levels, f: Factor, slope: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The slope that an effect makes up for best, (cluster,); 0 where the model has no rows."""
    total = levels.rows(f, weight)
    return levels.rows(f, weight * slope) / np.where(total > 0, total, 1.0)


def sliced_step(
    rng: np.random.Generator,
    levels: Levels,
    own: Draw,
    scenario: Scenario,
    cells: np.ndarray,
    logp: Callable[[np.ndarray, np.ndarray], np.ndarray],
    centre: float,
    unit: float,
) -> tuple[Draw, dict[str, Draw], np.ndarray]:
    """The draws and the cells after a step along the line, by slice sampling.

    Parameters
    ----------
    rng, levels, own, scenario, cells
        As for :func:`normal_step`.
    logp : callable
        Of the cells and of what is added to their mean, each (cell,), to the own model's log-density, (cell,).
    centre, unit : float
        About the mean and the standard deviation of the variable.
    """
    ends = [np.full(len(cells), centre + side * unit / 2) for side in (-1, 1)]
    by = {name: -gap / unit for name, gap in _gaps(levels, scenario, ends).items()}
    line = Line(levels, Direction(1.0, by), own, _draws(scenario))

    def density(t: np.ndarray) -> np.ndarray:
        step, draws = levels.at_cells(t), line.at(t)[1]
        mine = logp(cells + step, step if levels.own is not None else np.zeros(len(cells)))
        return levels.cells(mine) + levels.blocks(scenario.logp(cells + step, draws))

    t = _slice(rng, line, density, unit)
    return *line.at(t), cells + levels.at_cells(t)


def summed_step(
    rng: np.random.Generator,
    levels: Levels,
    own: Draw,
    scenario: Scenario,
    points: np.ndarray,
    logp: Callable[[Draw, float], np.ndarray],
    variance: float,
) -> tuple[Draw, dict[str, Draw]]:
    """The draws after a step along the line, the cells summed over; each cell must be a block of its own.

    Parameters
    ----------
    rng, levels, own, scenario
        As for :func:`normal_step`.
    points : ndarray, shape (value,)
        The possible values, ascending.
    logp : callable
        Of a draw of the own model and a value to its log-probability, (cell,).
    variance : float
        Of the variable over its range, which says how its mean follows the own predictor.
    """
    every = [np.full(len(scenario.affected.block_of_cell), value) for value in points]
    slope = 1.0 if levels.own is None else variance
    by = {name: -gap * slope for name, gap in _gaps(levels, scenario, [every[0], every[-1]]).items()}
    line = Line(levels, Direction(1.0, by), own, _draws(scenario))
    given = [scenario.given(cells) for cells in every]
    known = [(columns, scenario.matrices(columns)) for columns in given]

    def density(t: np.ndarray) -> np.ndarray:
        mine, draws = line.at(t)
        each = [
            logp(mine, value) + scenario.logp_at(*at, draws)[scenario.affected.block_of_cell]
            for value, at in zip(points, known, strict=True)
        ]
        return levels.cells(np.logaddexp.reduce(each))

    return line.at(_slice(rng, line, density, 1.0))


def _gaps(levels: Levels, scenario: Scenario, ends: list[np.ndarray]) -> dict[str, np.ndarray]:
    """How far the readers' predictors are apart where all cells have one value or another, on average, (cluster,)."""
    low, high = [scenario.matrices(scenario.given(cells)) for cells in ends]
    found = {}
    for f, a, b in zip(scenario.factors, low, high, strict=True):
        if (name := f.design.name) in levels.readers:
            gap = (f.eta(b)["mu"] - f.eta(a)["mu"]) * f.design.predictor("mu").units.unit
            count = levels.rows(f, np.ones(len(gap)))
            found[name] = levels.rows(f, np.nan_to_num(gap)) / np.maximum(count, 1)
    return found


def _slice(
    rng: np.random.Generator, line: Line, density: Callable[[np.ndarray], np.ndarray], width: float
) -> np.ndarray:
    """A step along a line by slice sampling, (cluster,); the density is without the priors of the effects."""
    precision, pull = line.prior()
    still = np.zeros(len(precision))
    return slice_step(
        rng,
        still,
        lambda t: t * (pull - 0.5 * precision * t) + density(t),
        np.full(len(still), SPAN * width),
        (-np.inf, np.inf),
    )
