"""The DataTree of a run: its schema, and how a :class:`~bayesimpute.running.records.Record` becomes one.

| group | dims | holds |
|---|---|---|
| ``/observed`` | unit | the incomplete data as given |
| ``/missing`` | unit | bool per variable |
| ``/imputed`` | imputation | the numbers of the imputations that are there; those from m on are spares for ``add`` |
| ``/imputed/<target>`` | imputation, cell | the imputed cells, once each in the smallest type, and their rows |
| ``/completed`` | imputation, unit | the incomplete and derived variables of the m datasets, put together when read |
| ``/imputations/<step>`` | imputation, … | what the cells were made of: the draw, effects included, and more |
| ``/at_visits/<step>`` | chain, draw, … | on request, what the model said of the observed values at each visit |
| ``/posterior/<step>`` | chain, draw, … | the scalar parameters after warm-up; effects on request |
| ``/chains`` | chain, draw | the summaries of each target's imputed values: mean and sd of numbers |
| ``/sample_stats`` | chain, draw, step | how each visit went |
| ``/events`` | event | automatic actions |
| ``/state/<step>`` | chain, … | cells of its targets and sampler state |
| ``/learnt`` | unit | of rows that were imputed by the draws of a run: its data |
| ``/learnt_means`` | imputation, unit | and the means that known clusters had there |
| ``/analyses/<number>`` | number | estimates of analyses that took long (:mod:`bayesimpute.result.kept_analyses`) |

A step of one target bears its name. The posterior of a selection model with clusters without any observed value has
``systematic_clusters``, which says of each of these and of each draw whether it is systematically missing.

A chain that has not come as far as others has NaN in its last draws. The attributes carry everything else that a
saved run needs.

**In a file** there is no ``/completed``: it follows from the rest, and loading makes it again. With xarray alone,
completed dataset k of the column ``y`` is ``/observed/y`` with ``/imputed/y/cells`` of imputation k at the rows
``/imputed/y/row``. Numbers are as they are, labels are codes: their place in the sorted labels of a text column, among
the categories, or in what the plan says of the column (``[columns]``). Of a variable of clusters there is a cell for
each cluster, ``row`` is a row of that cluster, and the attribute ``level`` names its key. A Zarr store has one chunk
for each imputation of each target.
"""

import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.xarray_frames import frame_to_dataset, safe_names
from bayesimpute.designs.design import SYSTEMATIC
from bayesimpute.plan.targets import Resolved, Step, Target
from bayesimpute.result.completed_arrays import Datasets, Stack
from bayesimpute.result.made_arrays import made_groups
from bayesimpute.result.visit_arrays import padded, visit_groups
from bayesimpute.running.records import STATS, Record
from bayesimpute.running.schedules import Schedule
from bayesimpute.samplers.sampler import SamplerState

EMPTY = "empty_cluster"
"""The dim of what is recorded of clusters without any observed value."""
FORMAT = 4
"""Of the schema; a file of another one is refused."""
LIBRARIES = ("bayesimpute", "pymc", "pytensor", "bambi", "numpy", "xarray")


def to_tree(record: Record) -> xr.DataTree:
    """A record as a DataTree."""
    steps, names = record.resolved.steps, step_names(record.resolved)
    groups = {
        "/": xr.Dataset(attrs=_attributes(record)),
        "/observed": frame_to_dataset(record.incomplete.frame),
        "/missing": _missing(record.incomplete),
        **datasets_of(record),
        "/chains": _chains(record),
        "/sample_stats": _sample_stats(record, names),
        "/events": _events(record),
    }
    for step in steps:
        groups[f"/posterior/{names[step.name]}"] = _posterior(record, step.name)
        groups[f"/state/{names[step.name]}"] = _state(record, step)
    groups |= made_groups(record, names) | visit_groups(record, names) | _learnt(record)
    return xr.DataTree.from_dict(groups)


def step_names(resolved: Resolved) -> dict[str, str]:
    """The safe name of each step, by its name, in the order of the visits."""
    return safe_names([step.name for step in resolved.steps])


def datasets_of(record: Record) -> dict[str, xr.Dataset]:
    """The groups of the imputed cells and of the completed datasets; none of their arrays is made before it is read."""
    kept, resolved = _kept(record), record.resolved
    stack = Stack(kept)
    groups = {
        "/completed": completed_of(record),
        "/imputed": xr.Dataset(coords={"imputation": np.array(stack.imputations, dtype=np.int64)}),
    }
    safe = safe_names([t.name for t in resolved.targets])
    for target in resolved.targets:
        if target.missing_rows.size:  # of a complete variable that has a model, there is nothing to keep
            groups[f"/imputed/{safe[target.name]}"] = _imputed(record, target, stack)
    return groups


def completed_of(record: Record, *, shown: bool = True) -> xr.Dataset:
    """The completed datasets; those of analyses have what was observed where that was drawn, too, for checks."""
    means = {} if record.learnt is None else record.learnt.means
    datasets = Datasets(record.incomplete, record.resolved, _kept(record), record.schedule.m, means, shown=shown)
    completed = {safe: datasets.variable(name) for name, safe in safe_names(datasets.names()).items()}
    return _ordered(xr.Dataset(completed), completed)


def _learnt(record: Record) -> dict[str, xr.Dataset]:
    """What is kept of the run whose draws imputed these rows."""
    if record.learnt is None:
        return {}
    found = record.learnt.means
    columns = safe_names(next(iter(found.values()), {}))
    means = {
        safe: (("imputation", "unit"), np.stack([found[k][name] for k in sorted(found)]), {"name": name})
        for name, safe in columns.items()
    }
    return {"/learnt": frame_to_dataset(record.learnt.incomplete.frame), "/learnt_means": xr.Dataset(means)}


def imputations_in(tree: xr.DataTree) -> list[int]:
    """The imputations whose cells a tree has, in their order."""
    return tree["imputed"].to_dataset()["imputation"].values.tolist()


def _imputed(record: Record, target: Target, stack: Stack) -> xr.Dataset:
    row = target.missing_rows.astype(np.min_scalar_type(-len(record.incomplete.frame)))
    held: dict[str, Any] = {"cells": stack.variable(target), "row": ("cell", row)}
    before = {k: made.before for leg in record.legs for k, made in leg.made.items()}
    if before and all(target.name in cells for cells in before.values()):
        held["before"] = Stack(before).variable(target, np.dtype(np.float64))
    return xr.Dataset(held, attrs={"name": target.name, "level": target.level or ""})


def _attributes(record: Record) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "plan": record.plan.to_toml(),
        "seed": str(record.seed),
        "clusters": json.dumps(list(record.incomplete.clusters)),
        "steps": json.dumps([[step.name, [t.name for t in step.targets]] for step in record.resolved.steps]),
        "schedule": json.dumps(_schedule(record.schedule)),
        "sweeps_done": json.dumps([state.sweep for state in record.states]),
        "imputations_done": json.dumps(sorted(k for k in _kept(record) if k < record.schedule.m)),
        "keep_effects": int(record.keep_effects),
        "keep": json.dumps(list(record.keep)),
        "versions": _versions(),
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    """The last stage, which says what there is; those before it only where there are some."""
    stored = {name: getattr(schedule, name) for name in ("m", "chains", "base", "sweeps", "thin")}
    earlier = [asdict(stage) for stage in schedule.stages[:-1]]
    return {**stored, "earlier": earlier} if earlier else stored


@cache
def _versions() -> str:
    found = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return json.dumps({"python": platform.python_version(), **found})


def _kept(record: Record) -> dict[int, Mapping[str, np.ndarray]]:
    return {k: cells for leg in record.legs for k, cells in leg.kept.items()}


def _missing(incomplete: Incomplete) -> xr.Dataset:
    names = safe_names(incomplete.columns)
    return xr.Dataset({names[n]: ("unit", c.gaps, {"name": n}) for n, c in incomplete.columns.items()})


def _ordered(dataset: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """With the order of its variables in an attribute: a Zarr store does not keep it."""
    return dataset.assign_attrs(order=json.dumps(list(names)))


def in_order(dataset: xr.Dataset) -> list[xr.DataArray]:
    """The variables whose order was kept, in that order."""
    return [dataset[name] for name in json.loads(dataset.attrs["order"])]


def _by_chain(record: Record, part: str, target: str, width: int) -> np.ndarray:
    return padded(getattr(leg, part).get(target, np.zeros((0, width))) for leg in record.legs)


def _posterior(record: Record, target: str) -> xr.Dataset:
    names = next((leg.names[target] for leg in record.legs if target in leg.names), ())
    draws = _by_chain(record, "draws", target, len(names))
    effects = next((leg.effects[target] for leg in record.legs if target in leg.effects), {})
    safe = safe_names([*names, *effects])
    scalars: dict[str, Any] = {safe[n]: (("chain", "draw"), draws[:, :, i], {"name": n}) for i, n in enumerate(names)}
    dataset = _ordered(_with_coordinates(xr.Dataset(scalars), draws), scalars)
    for name, example in effects.items():
        none = {name: np.zeros((0, example.shape[1]))}
        values = padded(leg.effects.get(target, none)[name] for leg in record.legs)
        factor = EMPTY if name == SYSTEMATIC else name.rsplit("|", 1)[1]
        dim = safe_names([factor])[factor]
        dim = f"{dim}_cluster" if dim in safe.values() else dim
        dataset[safe[name]] = (("chain", "draw", dim), values, {"name": name})
        empty = record.resolved.step(target).lead.empty if factor == EMPTY else None
        labels = _labels(record.incomplete, factor) if empty is None else np.array(empty.names, dtype=object)
        dataset = dataset.assign_coords({dim: labels})
    return dataset


def _labels(incomplete: Incomplete, factor: str) -> np.ndarray:
    """The clusters in the order of their codes: whole numbers as they are, everything else as text."""
    labels = incomplete.labels(factor)
    if all(isinstance(label, int) and not isinstance(label, bool) for label in labels):
        return np.array(labels)
    return np.array([str(label) for label in labels], dtype=object)


def _with_coordinates(dataset: xr.Dataset, draws: np.ndarray) -> xr.Dataset:
    return dataset.assign_coords(chain=np.arange(draws.shape[0]), draw=np.arange(draws.shape[1]))


def _chains(record: Record) -> xr.Dataset:
    variables, names = {}, safe_names([t.name for t in record.resolved.targets])
    draws = np.zeros((record.schedule.chains, 0))
    for target in record.resolved.targets:
        recorded = target.values.recorded
        draws = _by_chain(record, "imputed", target.name, len(recorded))
        for i, (statistic, safe) in enumerate(summary_names(names[target.name], recorded).items()):
            attrs = {"target": target.name, "statistic": statistic}
            variables[safe] = (("chain", "draw"), draws[:, :, i], attrs)
    return _with_coordinates(xr.Dataset(variables), draws)


def summary_names(target: str, recorded: Iterable[str]) -> dict[str, str]:
    """What the summaries of a target's imputed values are called in ``/chains``; `target` is its safe name."""
    return {statistic: f"{target}_{safe}" for statistic, safe in safe_names(recorded).items()}


def _sample_stats(record: Record, names: Mapping[str, str]) -> xr.Dataset:
    if not names:
        return xr.Dataset()
    stats = np.stack([_by_chain(record, "stats", step, len(STATS)) for step in names], axis=2)
    dims = ("chain", "draw", "step")
    dataset = xr.Dataset({name: (dims, stats[..., i]) for i, name in enumerate(STATS)})
    return _with_coordinates(dataset, stats).assign_coords(step=np.array(list(names.values()), dtype=object))


def _events(record: Record) -> xr.Dataset:
    events = [*record.events, *(e for leg in record.legs for e in leg.events)]
    numbers = {
        key: ("event", np.array([getattr(e, key) for e in events], dtype=np.int64)) for key in ("chain", "sweep")
    }
    texts = {
        key: ("event", np.array([getattr(e, key) for e in events], dtype=object)) for key in ("target", "what", "why")
    }
    return xr.Dataset({**numbers, **{f"on_{k}" if k == "target" else k: v for k, v in texts.items()}})


def _state(record: Record, step: Step) -> xr.Dataset:
    name, safe = step.name, safe_names([t.name for t in step.targets])
    inner = [state.steps.get(name, 0) for state in record.states]
    variables: dict[str, Any] = {"steps": ("chain", np.array(inner))}
    for target in step.targets:
        blank, dtype = np.zeros(len(target.missing_rows)), target.values.dtype
        cells = [state.cells.get(target.name, blank) for state in record.states]
        # codes as codes; numbers with all digits of the chain, for it goes on from them
        held = np.array(cells, dtype=dtype if dtype.kind == "i" else np.float64)
        variables[f"cells_{safe[target.name]}"] = (("chain", f"missing_{safe[target.name]}"), held)
    ready = [state.samplers[name] for state in record.states if name in state.samplers]
    for part in ready[0].arrays if ready else ():
        shape = ready[0].arrays[part].shape
        none = SamplerState({part: np.full(shape, np.nan)})
        rows = [np.asarray(s.samplers.get(name, none).arrays[part], dtype=float) for s in record.states]
        variables[f"sampler_{part}"] = (("chain", *(f"{part}_{i}" for i in range(len(shape)))), np.stack(rows))
    variables["has_cells"] = ("chain", np.array([step.lead.name in state.cells for state in record.states]))
    variables["has_sampler"] = ("chain", np.array([name in state.samplers for state in record.states]))
    return xr.Dataset(variables)
