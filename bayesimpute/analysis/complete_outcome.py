"""A dataset as the layers of the imputation models take it: the outcome is a target none of whose cells are missing."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesimpute.analysis.fitters import FITTERS
from bayesimpute.analysis.model import Model
from bayesimpute.analysis.rows import Problem, problem
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.families import FAMILIES
from bayesimpute.formulas.lift import lift_formula
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.targets import Resolved, Target
from bayesimpute.plan.units import lifted, with_units


@dataclass(frozen=True, kw_only=True, eq=False)
class Observed:
    """The complete rows of one dataset.

    Parameters
    ----------
    problem : Problem
        The rows, checked; the outcome as numbers.
    incomplete : Incomplete
        The same rows with their clusters.
    resolved : Resolved
        The outcome as the one target, and the columns of contextual effects.
    """

    problem: Problem
    incomplete: Incomplete
    resolved: Resolved

    @classmethod
    def of(cls, model: Model, frame: pd.DataFrame) -> "Observed":
        """Check a dataset.

        Raises
        ------
        BayesimputeError
            What is wrong with the data, in the same words whatever the engine.
        """
        made = problem(model.formula, frame, outcome=FITTERS[model.family].outcome, where=model.where)
        outcome, coded = str(model.formula.response), made.design.frame
        labels = {n: coded[n].array for n in coded if isinstance(coded[n].dtype, pd.CategoricalDtype)}
        rows = made.design.rows.reset_index(drop=True).assign(**{**labels, outcome: made.y})
        keys = tuple(dict.fromkeys(group.factor for group in model.formula.groups))
        incomplete = Incomplete.from_frame(rows, clusters=keys)
        return cls(
            problem=made,
            incomplete=incomplete,
            resolved=_resolved(model, incomplete.columns[outcome], incomplete),
        )

    @property
    def target(self) -> Target:
        """The outcome."""
        return self.resolved.targets[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of all design matrices."""
        random = [f"{name} | {term.group}" for term in self.problem.random for name in term.names]
        return (*self.problem.names, *random)

    def sized(self, design: Design) -> Design:
        """A design that was described on other rows, with as many clusters as there are here."""
        count = self.incomplete.n_clusters
        return replace(design, blocks=tuple(replace(b, size=count(b.factor)) for b in design.blocks))

    def data(self, design: Design) -> dict[str, np.ndarray]:
        """What the data containers of the design's graph hold on these rows."""
        columns = Completed(self.incomplete, self.resolved, {}).columns
        placement = Placement.of(design, self.resolved.steps[0], self.incomplete)
        return placement.data(design.matrices(columns), self.problem.y)


def _resolved(model: Model, outcome: Column, incomplete: Incomplete) -> Resolved:
    family = FAMILIES[model.family]()
    formula, calls = lift_formula(model.formula)
    rows, size = incomplete.each_row, len(outcome.values)
    target = Target(
        name=outcome.name,
        family=family,
        formulas={"mu": formula},
        priors={},
        level=None,
        unit_of_row=rows,
        rows=rows,
        given=outcome.values,
        observed=np.ones(size, dtype=bool),
        learn=np.ones(size, dtype=bool),
        impute=np.zeros(size, dtype=bool),
        void=np.zeros(size, dtype=bool),
        apart=np.zeros(size, dtype=bool),
        values=family.values_of(outcome),
        conditional=Conditional(target=outcome.name, family=family, formulas={"mu": model.formula.source}),
    )
    derived = with_units(lifted(calls), lambda name: incomplete.variables[name].level)
    return Resolved(targets=(target,), derived=derived, filled={}, events=())
