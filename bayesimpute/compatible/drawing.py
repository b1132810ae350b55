"""Which draw a variable gets, settled once, and the draw itself."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, Literal

import numpy as np

from bayesimpute.base.phrases import listed
from bayesimpute.compatible.affected import Affected, affected
from bayesimpute.compatible.affine import AFFINE, beside, is_affine
from bayesimpute.compatible.affine_factors import AffineFactors
from bayesimpute.compatible.cell_by_cell import SPAN, draw_candidates, draw_enumerated, draw_slice
from bayesimpute.compatible.cluster_levels import Levels, levels, normal_step, sliced_step, summed_step
from bayesimpute.compatible.factors import Scenario, factor, places
from bayesimpute.compatible.normal_draws import Derivatives, derivatives, draw_normal
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Design, Draw
from bayesimpute.designs.known_draws import redrawn
from bayesimpute.designs.placement import Placement
from bayesimpute.designs.restricted import respects
from bayesimpute.families import AtRows, Context, Donors, Side, Theta
from bayesimpute.plan.targets import Event, Resolved, Target

MOST_KEPT = 20_000_000
"""Numbers in the derivatives of one variable beyond which they are made anew in every visit."""
Kind = Literal["normal", "enumerated", "slice"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Compatible:
    """How the missing cells of a variable are drawn whose values other models read.

    Parameters
    ----------
    target : Target
        The variable.
    placements : mapping of str to Placement
        Of the models that read it.
    affected : Affected
        Its rows and blocks.
    at : mapping of str to ndarray of int
        For each of these models, the places among the affected rows where it has a density.
    kind : {"normal", "enumerated", "slice"}
        The draw.
    affine : bool
        Whether the linear predictors of all of these models are affine in the variable, and their derivatives few
        enough to be kept.
    beside : frozenset of str
        The columns that derivatives of these models by the variable follow from.
    levels : tuple of Levels
        The clusters without any observed value, whose level is moved before the cells are drawn, by key.
    resolved : Resolved
        The plan, whose rules restrict the draws.
    """

    target: Target
    placements: Mapping[str, Placement]
    affected: Affected
    at: Mapping[str, np.ndarray]
    kind: Kind
    affine: bool
    beside: frozenset[str]
    levels: tuple[Levels, ...]
    resolved: Resolved

    @classmethod
    def of(
        cls,
        target: Target,
        resolved: Resolved,
        placements: Mapping[str, Placement],
        incomplete: Incomplete,
        movable: Set[str],
    ) -> "Compatible":
        """Settled for a target that has factors; `movable` are the models whose samplers take effects that are set."""
        mine = {name: placements[name] for name in resolved.factors[target.name]}
        rows = affected(target, resolved.derived, incomplete)
        how, own = kind(target, resolved), placements[target.name].design
        models = [t for t in resolved.targets if t.name in mine]
        read = [beside(t, target.name, resolved.derived) for t in models]
        at = {name: places(other, rows) for name, other in mine.items()}
        numbers = sum(len(at[name]) * sum(w for _, w in p.design.widths) for name, p in mine.items())
        affine = all(is_affine(t, target.name, resolved.derived, elsewhere=AFFINE) for t in models)
        return cls(
            target=target,
            placements=mine,
            affected=rows,
            at=at,
            kind=how,
            affine=affine and numbers * len(rows.passes) < MOST_KEPT,
            beside=frozenset().union(*read),
            levels=_levels(target, how, own, {n: p for n, p in mine.items() if n in movable}, rows, incomplete)
            if target.name in movable and not resolved.restricted(target.name)
            else (),
            resolved=resolved,
        )

    @property
    def moves(self) -> frozenset[str]:
        """The models whose effects move with the variable's level."""
        own = {self.target.name for each in self.levels if each.own is not None}
        return frozenset(own.union(*(each.readers for each in self.levels)))

    def scenario(
        self,
        draws: Mapping[str, Draw],
        completed: Completed,
        matrices: Mapping[str, Mapping[str, np.ndarray]],
    ) -> Scenario:
        """The models that read the variable, with one draw of their parameters, on the current data."""
        found = [
            factor(other, draws[name], self.affected, self.at[name], completed, matrices[name])
            for name, other in self.placements.items()
        ]
        return Scenario(name=self.target.name, affected=self.affected, completed=completed, factors=tuple(found))


def _levels(
    target: Target,
    how: Kind,
    own: Design,
    readers: Mapping[str, Placement],
    rows: Affected,
    incomplete: Incomplete,
) -> tuple[Levels, ...]:
    """What can be moved: numbers whose mean is mu, and cells that can be summed over one by one."""
    if how == "enumerated" and len(rows.passes) > 1:
        return ()
    mu = own.predictor("mu").parameter
    if how != "enumerated" and not (mu.unit == "location" and mu.link == "identity"):
        return ()
    cell = np.full(len(incomplete.frame), -1)
    cell[rows.rows] = rows.cell
    return levels(own, readers, rows.rows, cell, rows.block, incomplete)


def kind(target: Target, resolved: Resolved) -> Kind:
    """The draw of a target that has factors."""
    if target.values.support.points is not None:
        return "enumerated"
    models = [t for t in resolved.targets if t.name in resolved.factors[target.name]]
    free = target.known_cells is None and not resolved.restricted(target.name)
    linear = all(model.family.normal and is_affine(model, target.name, resolved.derived) for model in models)
    return "normal" if target.family.normal and linear and free else "slice"


def _why(target: Target, resolved: Resolved) -> str:
    points = target.values.support.points
    if points is not None:
        return f"it has {'two values: both' if len(points) == 2 else f'{len(points)} values: all'} are weighed"
    if kind(target, resolved) == "normal":
        return "both are normal and the means linear in it: the law of a missing cell is normal"
    known = {role: np.zeros(1) for role in target.side}
    also = ", and draws of its own model that may be a value by itself" if target.family.atoms(known) else ""
    return f"the law of a missing cell has no closed form: slice sampling{also}"


def events(resolved: Resolved) -> list[Event]:
    """How the missing cells are drawn whose values other models read."""
    return [
        Event(target=t.name, what=f"drawn from its model times that of {listed(found)}", why=_why(t, resolved))
        for t in resolved.targets
        if (found := resolved.factors.get(t.name))
    ]


def draw(
    rng: np.random.Generator,
    how: Compatible,
    theta: Theta,
    draws: Mapping[str, Draw],
    completed: Completed,
    matrices: Mapping[str, Mapping[str, np.ndarray]],
    unit: float,
    memory: dict[str, Derivatives],
    moved: np.ndarray | float = 0.0,
    cells: np.ndarray | None = None,
) -> np.ndarray:
    """One draw of the missing cells given one draw of all parameters, shape (cell,).

    Parameters
    ----------
    rng : Generator
        Of the visit.
    how : Compatible
        What was settled.
    theta : mapping of str to ndarray, shape (cell,)
        The parameters of the variable's own model at its missing cells.
    draws : mapping of str to mapping
        The last draw of each model that reads it.
    completed : Completed
        The current data.
    matrices : mapping of str to mapping
        The matrices of these models on all rows of the current data.
    unit : float
        About one standard deviation of the variable.
    memory : dict
        Derivatives by variable, kept until a column changes that they follow from; they are put in here.
    moved : ndarray, shape (cell,), or float
        What is added to the values of the variable's own model.
    cells : ndarray, shape (cell,), optional
        Where the cells stand, if not where the data have them.
    """
    scenario = how.scenario(draws, completed, matrices)
    cells = completed.cells(how.target) if cells is None else cells
    support = how.target.values.support
    if how.kind == "normal":
        given = _derivatives(how, scenario, completed.cells(how.target), unit, memory)
        sd = np.broadcast_to(theta["sigma"], cells.shape)
        return draw_normal(rng, scenario, cells, theta["mu"] + moved, sd, given)

    side = completed.side(how.target, how.target.missing_rows)

    def own(values: np.ndarray) -> np.ndarray:
        return _own(how.target, values, moved, theta, side)

    if support.points is not None:
        return draw_enumerated(rng, how.affected, cells, own, _within(how, completed, scenario.logp), support.points)
    width = SPAN * spread(how.target, theta, side)

    def anew(values: np.ndarray, moving: int) -> np.ndarray:
        del moving
        return scenario.logp(values)

    others = anew
    if how.affine:
        given = _derivatives(how, scenario, completed.cells(how.target), unit, memory)
        others = AffineFactors(scenario, given, cells).logp
    others = _within(how, completed, others)
    if atoms := how.target.family.atoms(side):
        cells = draw_candidates(rng, how.affected, cells, partial(_drawn, rng, how, theta, completed, moved), others)
        stays = np.any([cells - moved == atom for atom in atoms], axis=0)  # a slice leads neither to them nor away
        width = np.where(stays, 0.0, width)
    return draw_slice(rng, how.affected, cells, own, others, width, support)


def _within[**P](
    how: Compatible, completed: Completed, logp: Callable[Concatenate[np.ndarray, P], np.ndarray]
) -> Callable[Concatenate[np.ndarray, P], np.ndarray]:
    """The log-density of the models that read the variable at each block, where no cell of it breaks a rule."""
    if not how.resolved.restricted(how.target.name):
        return logp

    def within(values: np.ndarray, *more: P.args, **others: P.kwargs) -> np.ndarray:
        found = logp(values, *more, **others).copy()
        found[how.affected.block_of_cell[~respects(completed, how.resolved, how.target, values)]] = -np.inf
        return found

    return within


def _drawn(
    rng: np.random.Generator, how: Compatible, theta: Theta, completed: Completed, moved: np.ndarray | float
) -> np.ndarray:
    """One draw of each cell from the variable's own model alone."""

    def look(rows: np.ndarray) -> AtRows:
        return AtRows(y=np.full(len(rows), np.nan), side=completed.side(how.target, rows))

    def nobody() -> Donors:
        raise TypeError("matching has no density, and is in no plan with substantive models")

    context = Context(rows=how.target.missing_rows, look=look, fitted=nobody)
    drawn = how.target.family.impute(rng, theta, context)
    return redrawn(rng, how.target, theta, drawn, context.at().side) + moved


def _derivatives(
    how: Compatible, scenario: Scenario, cells: np.ndarray, unit: float, memory: dict[str, Derivatives]
) -> Derivatives:
    given = memory.pop(how.target.name, None) or derivatives(scenario, cells, unit)
    if sum(m.size for mine in given for each in mine for m in each.values()) < MOST_KEPT:
        memory[how.target.name] = given
    return given


def _own(target: Target, values: np.ndarray, moved: np.ndarray | float, theta: Theta, side: Side) -> np.ndarray:
    """The log-density of the variable's own model at values of its cells, (cell,)."""
    found = target.family.logp(values - moved, theta, side)
    known = target.known_cells
    return found if known is None else np.where(known.allows(values, target.values.support.points), found, -np.inf)


def move_levels(
    rng: np.random.Generator,
    how: Compatible,
    own: Draw,
    predict: Callable[[Draw], Theta],
    draws: Mapping[str, Draw],
    completed: Completed,
    matrices: Mapping[str, Mapping[str, np.ndarray]],
    centre: float,
    unit: float,
    memory: dict[str, Derivatives],
    moved: np.ndarray | float = 0.0,
) -> tuple[Draw, Mapping[str, Draw], np.ndarray]:
    """A move of the level of the clusters that have no observed value (:mod:`bayesimpute.compatible.cluster_levels`).

    Of several keys one is chosen at random.

    Parameters
    ----------
    rng, how, draws, completed, matrices, unit, memory, moved
        As for :func:`draw`.
    own : mapping of str to ndarray
        The last draw of the variable's own model.
    predict : callable
        Of such a draw to its parameters at the missing cells.
    centre : float
        About the mean of the variable.

    Returns
    -------
    Draw, mapping of str to Draw, ndarray of shape (cell,)
        The draws of the own model and of those that read it, and the cells, after the move.
    """
    target, cells = how.target, completed.cells(how.target)
    side, points = completed.side(target, target.missing_rows), target.values.support.points
    level = how.levels[0] if len(how.levels) == 1 else how.levels[rng.integers(len(how.levels))]
    scenario, theta = how.scenario(draws, completed, matrices), predict(own)
    if how.kind == "normal":
        given = _derivatives(how, scenario, cells, unit, memory)
        mean, sd = theta["mu"] + moved, np.broadcast_to(theta["sigma"], cells.shape)
        return *normal_step(rng, level, own, scenario, cells, mean, sd, given), cells
    if points is not None:
        seen = completed.values[target.name][target.rows[target.observed]] / np.ptp(points)

        def chance(draw: Draw, value: float) -> np.ndarray:
            return _own(target, np.full(len(cells), value), moved, predict(draw), side)

        return *summed_step(rng, level, own, scenario, points, chance, float(np.var(seen))), cells

    def density(values: np.ndarray, by: np.ndarray) -> np.ndarray:
        return _own(target, values, moved, {**theta, "mu": theta["mu"] + by}, side)

    return sliced_step(rng, level, own, scenario, cells, density, centre, unit)


def spread(target: Target, theta: Theta, side: Side) -> np.ndarray:
    """About one standard deviation of the variable's own model at each cell."""
    _, variance = target.family.moments(theta, side)
    scale = np.broadcast_to(theta.get("sigma", 1.0), variance.shape)
    return np.where(np.isfinite(variance) & (variance > 0), np.sqrt(np.abs(variance)), scale)
