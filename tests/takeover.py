"""One compiled model for all replicates of a simulation study: each puts its own data and prior parameters into it.

What is compiled depends on the structure of a design only, not on its numbers, so that a study need not compile its
model again for every data set that it simulates.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bayesimpute.designs.design import Design
from bayesimpute.designs.graph import Layout, vectors
from bayesimpute.plan.targets import Target
from bayesimpute.running.kernel import Bench
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers import ConditionalModel, Nuts


@dataclass
class Compiled:
    """A compiled posterior that takes over the designs of other samples of the same structure."""

    model: ConditionalModel
    posterior: Any

    def taken_over(self, design: Design) -> Any:
        """The posterior under the priors of another design."""
        graph, layout = self.model.pymc, self.posterior.layout
        for vector in vectors(design).values():
            for slot, _ in vector.slots:
                for key in slot.priors[0].base.parameters:
                    graph[f"{slot.name}_{key}"].set_value(np.array([p.base.parameters[key] for p in slot.priors]))
        return replace(self.posterior, layout=Layout(design=design, parts=layout.parts), held={}, metrics=None)


@dataclass
class Shelf:
    """Compiled models of one plan, by target and by which blocks are centred, which the data decide."""

    compiled: dict[tuple[str | bool, ...], Compiled] = field(default_factory=dict)

    def lend(self, space: Workspace, bench: Bench, target: Target) -> None:
        """Give a workspace the compiled posterior of one of its targets."""
        design = space.designs[target.name]
        key = (target.name, *(b.centred for b in design.blocks))
        if key not in self.compiled:
            model = ConditionalModel(design, bench.data(space.resolved.step(target.name)))
            self.compiled[key] = Compiled(model, Nuts().compile(model))
        space.posteriors[target.name] = self.compiled[key].taken_over(design)
