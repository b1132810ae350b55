"""New rows imputed with the draws of a finished run: nothing is learnt anew.

The k-th dataset of new rows has the parameters behind the k-th dataset of the run. With these held fixed, the missing
cells are drawn by the run's own steps, sweep after sweep, until cells, and what is not known of clusters that the run
never saw (:mod:`bayesimpute.running.new_clusters`), have forgotten where they started: rows depend on each other
through such clusters only, so a few sweeps do. Of clusters that the run knows, everything is as in its k-th dataset:
effects, values of variables of the cluster, means over its members. What is drawn for one new row of a known cluster
so does not depend on which others came along.

A value that is missing in a selection model counts as not selected, as in the run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.compatible import Compatible
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.other_rows import matched, of_known
from bayesimpute.designs.completed import Completed, within
from bayesimpute.designs.design import Draw
from bayesimpute.designs.placement import Placement
from bayesimpute.designs.restricted import started
from bayesimpute.plan.targets import Resolved
from bayesimpute.running.kernel import Bench, ChainState, impute, require_sane
from bayesimpute.running.made_of import Made, drawn_with
from bayesimpute.running.new_clusters import grown, redrawn_clusters
from bayesimpute.running.workspace import Described, Workspace

SWEEPS = 20
"""Of each dataset."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NewRows:
    """New rows beside the data and the models of a run.

    Parameters
    ----------
    run : Workspace
        Of the run.
    incomplete : Incomplete
        The new rows.
    resolved : Resolved
        The plan on them.
    """

    run: Workspace
    incomplete: Incomplete
    resolved: Resolved

    def impute(
        self, made: Made, kept: Mapping[str, np.ndarray], rng: np.random.Generator, sweeps: int
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """The cells of one dataset, by target, and the cluster means that are held in it, by column.

        Parameters
        ----------
        made : Made
            What the run's dataset was made of.
        kept : mapping of str to ndarray
            Its cells, by target.
        rng : Generator
            Of the dataset.
        sweeps : int
            How many are made.
        """
        there = Bench(self.run, {name: np.asarray(cells, dtype=float) for name, cells in kept.items()})
        means = dict(self._means(there.completed))
        space = self._workspace(self.resolved.holding(means))
        held = dict(self._cells(there.completed))
        bench = Bench(space, self._start(rng, held), learnt=there)
        learnt = drawn_with(self.run, made, kept)
        draws: dict[str, Draw] = {s.name: grown(learnt[s.name], bench, s, rng) for s in space.resolved.steps}
        for name, draw in draws.items():
            bench.drawn(name, draw)
        cells = {}
        for sweep in range(sweeps):
            for step in space.resolved.steps:
                draws[step.name] = redrawn_clusters(draws[step.name], bench, step, rng)
                bench.drawn(step.name, draws[step.name])
                if step.missing_rows.size:
                    state = ChainState(chain=0, sweep=sweep)
                    drawn = impute(bench, state, step, rng)
                    require_sane(drawn, space.placements[step.name].design, state)
                    drawn = {name: _put(values, held.get(name)) for name, values in drawn.items()}
                    bench.set(step, drawn)
                    cells |= drawn
        return cells, means

    def _workspace(self, resolved: Resolved) -> Workspace:
        run, new = self.run, self.incomplete
        placed = {s.name: Placement.of(run.designs[s.name], s, new, run.incomplete) for s in resolved.steps}
        held = frozenset[str]()  # effects are moved by redrawn_clusters
        names = resolved.factors
        factors = {name: Compatible.of(resolved.target(name), resolved, placed, new, held) for name in names}
        return Workspace(run.plan, new, Described(run.plan, new, resolved, placed, factors))

    def _start(self, rng: np.random.Generator, held: Mapping[str, "Held"]) -> dict[str, np.ndarray]:
        """Cells drawn from what was observed in the run."""
        found = {}
        for t in self.resolved.targets:
            learnt = self.run.resolved.target(t.name)
            values = t.values.start(rng, learnt.given[learnt.fit_rows], size=len(t.missing_rows), spread=0.0)
            values = within(t, rng, values)
            found[t.name] = _put(values, held.get(t.name))
        known = {t.name: t.given[t.fit_rows] for t in self.run.resolved.targets}
        return started(self.incomplete, self.resolved, rng, found, known, held)

    def _means(self, completed: Completed) -> Iterator[tuple[str, np.ndarray]]:
        """What cluster means were in the run's dataset, at the rows of known clusters."""
        for column in self.resolved.derived:
            for key in sorted(column.expression.keys)[:1]:
                yield column.name, of_known(completed.values[column.name], self.run.incomplete, self.incomplete, key)

    def _cells(self, completed: Completed) -> Iterator[tuple[str, "Held"]]:
        """What missing variables of known clusters were in the run's dataset."""
        for t in self.resolved.targets:
            if t.level is not None and t.impute.any():
                values = of_known(completed.values[t.name], self.run.incomplete, self.incomplete, t.level)
                yield t.name, values[t.missing_rows]


Held = np.ndarray
"""Values of the cells of a target that are known from the run, shape (cell,); NaN where they are drawn."""


def _put(values: np.ndarray, held: Held | None) -> np.ndarray:
    return values if held is None else np.where(np.isnan(held), values, held)


def new_clusters(before: Incomplete, incomplete: Incomplete) -> dict[str, int]:
    """By key how many clusters of the new rows were never seen."""
    found = {}
    for key in before.clusters:
        codes = np.unique(matched(before, incomplete, key))
        found[key] = int((codes >= before.n_clusters(key)).sum())
    return found


def address(seed: int, imputation: int) -> np.random.Generator:
    """The random numbers of a dataset of new rows; no visit of a run has an address of one number."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(imputation,)))
