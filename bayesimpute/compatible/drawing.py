"""Which draw a variable gets, settled once, and the draw itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayesimpute.compatible.affected import Affected, affected
from bayesimpute.compatible.affine import beside, is_affine
from bayesimpute.compatible.cell_by_cell import SPAN, draw_enumerated, draw_slice
from bayesimpute.compatible.factors import Scenario, factor, places
from bayesimpute.compatible.normal_draws import Derivatives, derivatives, draw_normal
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Draw
from bayesimpute.designs.placement import Placement
from bayesimpute.families import Side, Theta
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
    beside : frozenset of str
        The columns that derivatives of these models by the variable follow from.
    """

    target: Target
    placements: Mapping[str, Placement]
    affected: Affected
    at: Mapping[str, np.ndarray]
    kind: Kind
    beside: frozenset[str]

    @classmethod
    def of(
        cls, target: Target, resolved: Resolved, placements: Mapping[str, Placement], incomplete: Incomplete
    ) -> "Compatible":
        """Settled for a target that has factors."""
        mine = {name: placements[name] for name in resolved.factors[target.name]}
        rows = affected(target, resolved.derived, incomplete)
        read = [beside(t, target.name, resolved.derived) for t in resolved.targets if t.name in mine]
        return cls(
            target=target,
            placements=mine,
            affected=rows,
            at={name: places(other, rows) for name, other in mine.items()},
            kind=kind(target, resolved),
            beside=frozenset().union(*read),
        )

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


def kind(target: Target, resolved: Resolved) -> Kind:
    """The draw of a target that has factors."""
    if target.values.support.points is not None:
        return "enumerated"
    models = [t for t in resolved.targets if t.name in resolved.factors[target.name]]
    linear = all(model.family.normal and is_affine(model, target.name, resolved.derived) for model in models)
    return "normal" if target.family.normal and linear and target.limits is None else "slice"


def _why(target: Target, resolved: Resolved) -> str:
    points = target.values.support.points
    if points is not None:
        return f"it has {'two values: both' if len(points) == 2 else f'{len(points)} values: all'} are weighed"
    if kind(target, resolved) == "normal":
        return "both are normal and the means linear in it: the law of a missing cell is normal"
    return "the law of a missing cell has no closed form: slice sampling"


def events(resolved: Resolved) -> list[Event]:
    """How the missing cells are drawn whose values other models read."""
    return [
        Event(target=t.name, what=f"drawn from its model times that of {', '.join(found)}", why=_why(t, resolved))
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
    """
    scenario = how.scenario(draws, completed, matrices)
    cells, family, support = completed.cells(how.target), how.target.family, how.target.values.support
    if how.kind == "normal":
        given = memory.pop(how.target.name, None) or derivatives(scenario, cells, unit)
        if sum(m.size for mine in given for each in mine for m in each.values()) < MOST_KEPT:
            memory[how.target.name] = given
        sd = np.broadcast_to(theta["sigma"], cells.shape)
        return draw_normal(rng, scenario, cells, theta["mu"] + moved, sd, given)

    side = completed.side(how.target, how.target.missing_rows)
    between = None if how.target.limits is None else [end[how.target.impute] for end in how.target.limits]

    def own(values: np.ndarray) -> np.ndarray:
        found = family.logp(values - moved, theta, side)
        return found if between is None else np.where((values >= between[0]) & (values <= between[1]), found, -np.inf)

    if support.points is not None:
        return draw_enumerated(rng, how.affected, cells, own, scenario.logp, support.points)
    return draw_slice(rng, how.affected, cells, own, scenario.logp, SPAN * spread(how.target, theta, side), support)


def spread(target: Target, theta: Theta, side: Side) -> np.ndarray:
    """About one standard deviation of the variable's own model at each cell."""
    _, variance = target.family.moments(theta, side)
    scale = np.broadcast_to(theta.get("sigma", 1.0), variance.shape)
    return np.where(np.isfinite(variance) & (variance > 0), np.sqrt(np.abs(variance)), scale)
