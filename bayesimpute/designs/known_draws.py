"""Cells of a target that are known in part: drawn from their law truncated to what is known of them."""

from collections.abc import Mapping

import numpy as np

from bayesimpute.designs.design import Design, Draw
from bayesimpute.families import Side, Theta
from bayesimpute.families.known_in_part import drawn_in_part
from bayesimpute.plan.known_cells import InPart
from bayesimpute.plan.targets import Step, Target


def redrawn(rng: np.random.Generator, target: Target, theta: Theta, drawn: np.ndarray, side: Side) -> np.ndarray:
    """What was drawn of the cells of a target, shape (cell,), where those known in part are drawn anew.

    Parameters
    ----------
    rng : Generator
        Of the visit.
    target : Target
        Whose cells they are.
    theta : mapping of str to ndarray, shape (cell,) or (cell, label)
        One draw of the parameters at its cells.
    drawn : ndarray, shape (cell,)
        One draw of all cells from the law of the family.
    side : mapping of str to ndarray, shape (cell,)
        The side columns there, by role.
    """
    if target.known_cells is None:
        return drawn
    some = target.known_cells.some
    known, found = target.known_cells.at(some), drawn.copy()
    here = {name: np.asarray(value)[some] for name, value in theta.items()}
    there = {role: column[some] for role, column in side.items()}
    points = target.values.support.points
    found[some] = drawn_in_part(rng, target.family, here, known.low, known.high, known.among, points, there)
    return found


class Latent:
    """The values of the fitted rows of a model that are known in part, on the standardised scale of its design.

    Parameters
    ----------
    design : Design
        The model.
    step : Step
        What it is the model of: one target.
    """

    def __init__(self, design: Design, step: Step) -> None:
        target = step.lead
        assert target.known is not None
        self.design, self.points = design, target.values.support.points
        known = target.known.at(target.learn)
        self.places = np.flatnonzero(known.some & target.gaps[target.learn])
        self.known = known.at(self.places)
        self.ends = [(end - float(design.centre)) / float(design.scale) for end in (self.known.low, self.known.high)]
        self.alone = frozenset(p.parameter.name for p in design.predictors if p.matrix is None)

    def drawn(self, rng: np.random.Generator, draw: Draw, data: Mapping[str, np.ndarray]) -> np.ndarray:
        """The standardised values of all fitted rows, shape (fitted row,): those known in part drawn anew.

        Parameters
        ----------
        rng : Generator
            Of the visit.
        draw : mapping of str to ndarray
            Of the parameters and effects.
        data : mapping of str to ndarray
            What the samplers' graph holds.
        """
        theta, y = self.design.theta(draw, data)
        size = len(self.places)
        here = {
            name: np.broadcast_to(value, (size, *np.shape(value))) if name in self.alone else value[self.places]
            for name, value in theta.items()
        }
        side = {role: column[self.places] for role, column in self.design.reading(data).items()}
        found = y.copy()
        found[self.places] = drawn_in_part(
            rng, self.design.scaled_family, here, self.ends[0], self.ends[1], self.known.among, self.points, side
        )
        return found


def latent(design: Design, step: Step) -> Latent | None:
    """The values that a model is fitted to and that are known in part; None: there are none."""
    target: Target = step.lead
    known: InPart | None = target.known
    if known is None or not (known.some & target.gaps & target.learn).any():
        return None
    return Latent(design, step)
