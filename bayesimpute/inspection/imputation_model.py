"""A conditional model in hand: before a run on the start fill, afterwards on one of the completed datasets."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed, typed_after
from bayesimpute.base.errors import InputError, did_you_mean, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking import looked_at, require
from bayesimpute.data.arrow_frames import AnyFrame
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.formulas import Formula
from bayesimpute.inspection.mermaid import mermaid
from bayesimpute.inspection.prior_table import prior_table
from bayesimpute.inspection.readers_graph import Labels, readers_graph
from bayesimpute.inspection.to_bambi import to_bambi
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Target
from bayesimpute.result.result import Result, require_run
from bayesimpute.running.kernel import Bench, begin
from bayesimpute.running.workspace import Described, Workspace

if TYPE_CHECKING:
    from bambi import Model as BambiModel
    from pymc import Model
    from xarray import DataTree

SEED = 0
"""Of the start fill on which a model is shown before a run."""
MANY_CLUSTERS = 20
"""With so many the standard deviation of their effects is told well enough that it is not 0."""


@typed
@dataclass(frozen=True, kw_only=True, eq=False)
class ImputationModel:
    """A conditional imputation model on one completed dataset: to look at, draw from, take away.

    Parameters
    ----------
    target : str
        The variable.
    design : Design
        Its terms, priors and scales.
    data : mapping of str to ndarray
        What the samplers' graph of it holds on this dataset.
    labels : Labels
        Of the rows that it is fitted to, and of clusters.
    column : Column
        The variable as it was given.
    formulas : mapping of str to Formula
        By parameter.
    frame : DataFrame
        The completed data at the rows with a value of the variable that the model is fitted to.
    """

    target: str
    design: Design
    data: Mapping[str, np.ndarray]
    labels: Labels
    column: Column
    formulas: Mapping[str, Formula]
    frame: pd.DataFrame

    @cached_property
    def pymc(self) -> "Model":
        """The ``pymc.Model``: the user's units, bambi's names and dims, plain operations.

        :mod:`bayesimpute.inspection.readers_graph` says how variables are called. Sample it with ``pm.sample``, nutpie
        or what else takes PyMC's models; where the predictors are complete its posterior is that of a run.
        """
        return readers_graph(without_funnels(self.design), self.data, self.labels)

    def graph(self, *, kind: Literal["mermaid", "graphviz"] = "mermaid") -> Any:
        """The model as a picture.

        Parameters
        ----------
        kind : {"mermaid", "graphviz"}
            Text that Markdown renderers draw, or a ``graphviz.Digraph``, which needs that package.

        Returns
        -------
        str or graphviz.Digraph
        """
        if kind == "mermaid":
            return mermaid(self.pymc)
        if kind != "graphviz":
            raise one(InputError, "kind", f"{kind!r} is no kind of picture", 'write "mermaid" or "graphviz"')
        import pymc as pm

        return pm.model_to_graphviz(self.pymc)

    @cached_property
    def priors(self) -> pd.DataFrame:
        """Every prior in the user's units: ``parameter``, ``prior``, ``source``, and ``at``, where it holds.

        ``source`` says who put it there: ``user``, ``bambi`` (its automatic rule) or ``bayesimpute`` (ours). ``at`` is
        "means of the columns" where the parameter has the prior not where the variables are zero, but at their means.
        """
        return prior_table(self.design)

    def bambi(self) -> "BambiModel":
        """The ``bambi.Model`` with the same formulas, family, data and priors, where bambi has the model.

        Raises
        ------
        InputError
            With everything that bambi does not have: correlated effects, selection, products about means.
        """
        return to_bambi(self.design, self.formulas, self.frame)

    def prior_predictive(self, draws: int = 500, *, seed: int) -> "DataTree":
        """Draws from the priors, and of the variable from what they predict.

        Parameters
        ----------
        draws : int
            How many.
        seed : int
            All random numbers follow from it.

        Returns
        -------
        xarray.DataTree
            ``prior``, ``prior_predictive``, ``observed_data`` and ``constant_data``, as ArviZ's plots take them. The
            variable has its own values there, the labels of a category too.
        """
        import pymc as pm

        if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
            raise one(InputError, "draws", f"{draws!r} is not a number of draws", "give a whole number from 1")
        slashed = sorted({name for name in (self.target, *self.design.names) if "/" in name})
        if slashed:
            finding = f"trees of xarray take no slash in a name, such as {listed(slashed, 3)}"
            raise one(InputError, "prior_predictive", finding, "rename the column before the model is made")
        quick = {"mode": "FAST_COMPILE"}  # a few hundred draws are not worth half a minute of compiling
        with quiet():
            found = pm.sample_prior_predictive(draws, model=self.pymc, random_seed=seed, compile_kwargs=quick)
        for group in ("prior_predictive", "observed_data"):
            found[group] = found[group].to_dataset().assign({self.target: self._own(found[group][self.target])})
        return found

    def _own(self, values: Any) -> Any:
        """The variable's values as they were given: labels for codes, whole numbers and yes/no where they were."""
        flat = self.column.decode(values.values.ravel()).to_numpy()
        flat = flat.astype(str) if self.column.kind == "category" else flat
        return values.copy(data=flat.reshape(values.shape))

    def __repr__(self) -> str:
        law, units = self.design.family.name, counted(len(self.labels.units), "unit")
        return f"<ImputationModel of {self.target}: {law}, {counted(len(self.design.names), 'parameter')}, {units}>"


def without_funnels(design: Design) -> Design:
    """The same model with the effects of few clusters as standard normals times their standard deviations.

    That few leave it open whether these are 0, where the other form has a funnel (Papaspiliopoulos, Roberts & Sköld
    2007): our own samplers know what to do there, samplers elsewhere do not.
    """
    return replace(
        design, blocks=tuple(replace(b, centred=b.centred and b.size >= MANY_CLUSTERS) for b in design.blocks)
    )


@contextmanager
def quiet() -> Iterator[None]:
    """PyMC does not say what it draws, and nothing is compiled in C++, meanwhile."""
    from pytensor.configdefaults import config

    log = logging.getLogger("pymc")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        with config.change_flags(cxx=""):
            yield
    finally:
        log.setLevel(before)


@typed_after
def model(plan: Plan | str | Conditional, data: AnyFrame | Incomplete, *, target: str | None = None) -> ImputationModel:
    """A conditional model of a plan before any run: incomplete predictors have the values of a start fill.

    Parameters
    ----------
    plan : Plan, formula or Conditional
        What is imputed from what.
    data : DataFrame of any kind, or Incomplete
        The incomplete table.
    target : str, optional
        Which variable's model; may be left out if there is one only.

    Raises
    ------
    PlanError
        With every problem of the plan and the data.
    InputError
        If the target has no model.
    """
    settled = plan if isinstance(plan, Plan) else Plan.of(plan)
    require(settled, data)
    incomplete = looked_at(data, settled)
    space = Workspace(settled, incomplete)
    return model_in(space, begin(space, 0, SEED).cells, target)


def model_of(result: Result, target: str | None = None, *, imputation: int = 0) -> ImputationModel:
    """The same after a run: on one of its completed datasets, counted from 0."""
    require_run(result, "take a model of")
    record = result.record
    kept = {k: cells for leg in record.legs for k, cells in leg.kept.items()}
    if imputation not in kept:
        finding = f"there is no completed dataset {imputation}"
        raise one(InputError, "imputation", finding, f"give one of {listed(sorted(kept))}")
    space = Workspace(record.plan, record.incomplete, Described.of(record.plan, record.incomplete, record.resolved))
    return model_in(space, kept[imputation], target)


def model_in(space: Workspace, cells: Mapping[str, np.ndarray], target: str | None) -> ImputationModel:
    """The model of a target in a workspace, on data with given cells."""
    steps = {t.name: step for step in space.resolved.steps for t in step.targets}
    if target is None and len(steps) == 1:
        (target,) = steps
    if target not in steps:
        remedy = f"the variables with a model are {listed(steps)}"
        if target is None:
            raise one(InputError, "target", "the plan has several models", f"say which; {remedy}")
        raise one(InputError, "target", _why_none(space, target), did_you_mean(target, steps, remedy))
    step = steps[target]
    bench = Bench(space, cells)
    placement = space.placements[step.name]
    data = {name: np.asarray(values) for name, values in bench.data(step).items()}
    return ImputationModel(
        target=target,
        design=placement.design,
        data=data,
        labels=_labels(space.incomplete, step.lead, placement),
        column=space.incomplete.columns[target],
        formulas=step.lead.formulas,
        frame=_frame(bench.completed, step.lead, space.incomplete),
    )


def _why_none(space: Workspace, target: str) -> str:
    """Why a target has no model."""
    plan, columns = space.plan, space.incomplete.columns
    if target in {d.name for d in plan.computed}:
        return f'"{target}" is computed from other variables, not imputed by a model'
    if target not in columns:
        return f'"{target}" is no variable'
    if not columns[target].missing.any():
        return f'"{target}" is complete, so that no model imputes it'
    if target in {c.target for c in plan.conditionals}:
        return f'"{target}" has no model: its missing values are known from other members of their clusters'
    return f'"{target}" is not in the plan'


def _labels(incomplete: Incomplete, target: Target, placement: Placement) -> Labels:
    rows = placement.model_rows
    if target.level is None:
        units = _flat(incomplete.frame.index)[rows]
    else:
        units = _flat(pd.Index(incomplete.labels(target.level), tupleize_cols=False))[
            incomplete.codes(target.level)[rows]
        ]
    factors = {b.factor for b in placement.design.blocks}
    clusters = {f: _flat(pd.Index(incomplete.labels(f), tupleize_cols=False)) for f in factors}
    return Labels(units=units, clusters=clusters)


def _frame(completed: Completed, target: Target, incomplete: Incomplete) -> pd.DataFrame:
    """The completed data at the rows that the model is fitted to, with cluster keys as categories."""
    frame, rows = completed.frame, target.learn_rows
    keys = {group.factor for formula in target.formulas.values() for group in formula.groups}
    for key in keys:
        frame[key] = pd.Categorical.from_codes(incomplete.codes(key), list(map(str, incomplete.labels(key))))
    frame[target.name] = target.values.response(completed.values[target.name])
    return frame.iloc[rows].reset_index(drop=True)


def _clusters(incomplete: Incomplete, key: str) -> np.ndarray:
    return _flat(pd.Index(incomplete.labels(key), tupleize_cols=False))


def _flat(index: pd.Index) -> np.ndarray:
    """Labels as coordinates: whole numbers as they are, all else as text."""
    values = index.to_numpy()
    return values if values.dtype.kind in "iu" else np.array([str(v) for v in values])
