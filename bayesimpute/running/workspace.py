"""What one thread works with: a plan on its data, described, and the samplers that it has compiled.

A :class:`Described` is shared by all chains; a :class:`Workspace` holds what one thread has compiled of it.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesimpute.base.phrases import counted
from bayesimpute.compatible import Compatible, settled
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.describe import describe_all
from bayesimpute.designs.design import Design
from bayesimpute.designs.known_draws import latent
from bayesimpute.designs.placement import Placement
from bayesimpute.designs.sheets import is_large
from bayesimpute.families.family import changed
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Event, Resolved, Step
from bayesimpute.samplers import SAMPLERS, ConditionalModel, Posterior, chosen, why
from bayesimpute.samplers.augmented import Augmented


@dataclass(frozen=True, eq=False)
class Described:
    """A plan on its data, ready to be compiled: what all chains share, in whatever thread they run.

    Parameters
    ----------
    plan, incomplete
        As given.
    resolved : Resolved
        What is imputed and what is derived.
    placements : mapping of str to Placement
        Of the design of each step on the data.
    compatible : mapping of str to Compatible
        Of the targets whose draws take other models' densities into account.
    """

    plan: Plan
    incomplete: Incomplete
    resolved: Resolved
    placements: Mapping[str, Placement]
    compatible: Mapping[str, Compatible]

    @classmethod
    def of(cls, plan: Plan, incomplete: Incomplete, resolved: Resolved | None = None) -> "Described":
        """Describe every model of a checked plan; `resolved` is the plan on these data, if it has been settled."""
        resolved = resolved or resolve(plan, incomplete)
        designs = describe_all(incomplete, resolved)
        steps = {step.name: step for step in resolved.steps}
        placed = {name: Placement.of(design, steps[name], incomplete) for name, design in designs.items()}
        names = resolved.factors
        asked = plan.run.sampler
        movable = frozenset(n for n, d in designs.items() if SAMPLERS[_sampler(asked, d)]().movable(d))
        factors = {name: Compatible.of(resolved.target(name), resolved, placed, incomplete, movable) for name in names}
        return cls(plan, incomplete, resolved, placed, factors)

    @cached_property
    def designs(self) -> Mapping[str, Design]:
        """The design of each step."""
        return {name: placement.design for name, placement in self.placements.items()}

    @property
    def threads(self) -> bool:
        """Whether chains gain from threads: compiled code without Python's lock does most of the work."""
        return not self.compatible and all(SAMPLERS[name].unlocked for name in self.samplers.values())

    @cached_property
    def samplers(self) -> Mapping[str, str]:
        """The name of the sampler of each step."""
        return {name: _sampler(self.plan.run.sampler, design) for name, design in self.designs.items()}

    @cached_property
    def large(self) -> frozenset[str]:
        """The steps whose matrices are made when they are asked for.

        NUTS would ask for them in every transition, and so would the values that are drawn anew between transitions.
        """
        large = [n for n, p in self.placements.items() if is_large(p) and SAMPLERS[self.samplers[n]].unlocked]
        return frozenset(n for n in large if latent(self.designs[n], self.resolved.step(n)) is None)


def _sampler(asked: str, design: Design) -> str:
    return chosen(asked, ConditionalModel(design, {}))


class Workspace:
    """What one thread needs to run legs of a job: the settled plan, the designs and the samplers that it has compiled.

    Parameters
    ----------
    plan : Plan
        Checked.
    incomplete : Incomplete
        The data.
    described : Described, optional
        Of these, if it is there already.
    """

    def __init__(self, plan: Plan, incomplete: Incomplete, described: Described | None = None) -> None:
        shared = described or Described.of(plan, incomplete)
        self.plan, self.incomplete = plan, incomplete
        self.resolved, self.placements, self.compatible = shared.resolved, dict(shared.placements), shared.compatible
        self.large = shared.large
        self.posteriors: dict[str, Posterior] = {}
        self.samplers: dict[str, str] = {}
        self.compilations = 0
        self._alone: dict[str, Compatible | None] = {}

    def holding(self, options: Mapping[str, Mapping[str, float]]) -> "Workspace":
        """The same where options of some targets' families have other values; only their samplers are made anew."""
        if not options:
            return self
        made, resolved = copy(self), self.resolved
        targets = (
            replace(t, family=changed(t.family, **options[t.name])) if t.name in options else t
            for t in resolved.targets
        )
        made.resolved = replace(resolved, targets=tuple(targets))
        made.placements = dict(self.placements)
        for name, changes in options.items():
            placement = self.placements[name]
            design = replace(placement.design, family=changed(placement.design.family, **changes))
            made.placements[name] = replace(placement, design=design)
        made.posteriors = {name: p for name, p in self.posteriors.items() if name not in options}
        made.samplers = {name: s for name, s in self.samplers.items() if name not in options}
        return made

    def alone(self, step: Step) -> Compatible | None:
        """How the density of each observed value of a step's variable is found that other models read, if it can be."""
        if step.name not in self._alone:
            lead, factors = step.lead, self.resolved.factors.get(step.name)
            can = factors and self.resolved.joint and lead.family.density and lead.family.selection is None
            how = settled(lead, self.resolved, self.placements, self.incomplete) if can and not lead.adjusting else None
            self._alone[step.name] = how
        return self._alone[step.name]

    @property
    def designs(self) -> Mapping[str, Design]:
        """The design of each step."""
        return {name: placement.design for name, placement in self.placements.items()}

    def posterior(self, step: Step, data: Mapping[str, np.ndarray]) -> Posterior:
        """The compiled sampler of a step, compiled on first use."""
        if step.name not in self.posteriors:
            model = ConditionalModel(self.placements[step.name].design, data)
            name = chosen(self.plan.run.sampler, model)
            compiled = SAMPLERS[name]().compile(model)
            known = None if step.name in self.compatible else latent(model.design, step)
            self.posteriors[step.name] = compiled if known is None else Augmented(compiled, known)
            self.samplers[step.name] = name
            self.compilations += 1
        return self.posteriors[step.name]


def samplers_chosen(workspace: Workspace) -> list[Event]:
    """Which sampler draws each step's parameters, and why."""
    asked = workspace.plan.run.sampler
    return [
        Event(target=t, what=f"sampler {name}", why=why(asked, name, workspace.designs[t]))
        for t, name in workspace.samplers.items()
    ]


def levels_moved(workspace: Workspace) -> list[Event]:
    """In which clusters the level of a variable is moved together with the random effects that go with it."""
    found = []
    for name, how in workspace.compatible.items():
        for each in how.levels:
            clusters = f"{counted(len(each.clusters), 'cluster')} of {each.key}"
            what = f"the level of {clusters} is moved together with random effects"
            found.append(Event(target=name, what=what, why="no value of it is observed there"))
    return found
