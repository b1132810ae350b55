"""A DataTree by :mod:`bayesimpute.result.schema` as the :class:`~bayesimpute.running.records.Record` it came from."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.other_rows import other_rows
from bayesimpute.data.xarray_frames import dataset_to_frame, safe_names
from bayesimpute.plan.new_rows import columns_read
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.plan.void_cells import with_void
from bayesimpute.result.made_arrays import read_made
from bayesimpute.result.schema import imputations_in, in_order, step_names, summary_names
from bayesimpute.result.visit_arrays import read_visits
from bayesimpute.running.imputed_cells import packed
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import STATS, Learnt, Leg, Record
from bayesimpute.running.schedules import Schedule, Stage
from bayesimpute.samplers.sampler import SamplerState


def from_tree(tree: xr.DataTree) -> Record:
    """The record that :func:`bayesimpute.result.schema.to_tree` stored."""
    attrs = tree.attrs
    plan = Plan.from_toml(attrs["plan"])
    frame, clusters = dataset_to_frame(tree["observed"].to_dataset()), tuple(json.loads(attrs["clusters"]))
    learnt = _read_learnt(tree, clusters, plan) if "learnt" in tree.children else None
    if learnt is None:
        incomplete = Incomplete.from_frame(frame, clusters=clusters, columns=plan.columns)
    else:
        read = columns_read(resolve(plan, learnt.incomplete), learnt.incomplete)
        incomplete = other_rows(frame, learnt.incomplete, read)
    incomplete = with_void(incomplete, plan.models)
    schedule = _read_schedule(json.loads(attrs["schedule"]))
    events = _read_events(tree)
    record = Record(
        incomplete=incomplete,
        plan=plan,
        seed=int(attrs["seed"]),
        schedule=schedule,
        states=(),
        legs=(),
        events=tuple(e for e in events if e.chain < 0),
        keep_effects=bool(attrs["keep_effects"]),
        keep=tuple(json.loads(attrs["keep"])),
        learnt=learnt,
    )
    resolved = record.resolved
    sweeps = json.loads(attrs["sweeps_done"])
    kept = {k: packed(resolved.targets, cells) for k, cells in _read_kept(tree, resolved).items()}
    made = read_made(tree, step_names(resolved))
    states, legs = [], []
    for chain in range(schedule.chains):
        states.append(_read_state(tree, resolved, chain, sweeps[chain]))
        mine = {k: cells for k, cells in kept.items() if k % schedule.chains == chain}
        own_made = {k: each for k, each in made.items() if k % schedule.chains == chain}
        own = tuple(e for e in events if e.chain == chain)
        length = max(0, sweeps[chain] - schedule.base)
        leg = _read_leg(tree, resolved, chain, length, mine, own, record.keep_effects)
        legs.append(replace(leg, made=own_made, at_visits=read_visits(tree, chain, length)))
    return record.changed(states=tuple(states), legs=tuple(legs))


def _read_learnt(tree: xr.DataTree, clusters: tuple[str, ...], plan: Plan) -> Learnt:
    frame = dataset_to_frame(tree["learnt"].to_dataset())
    incomplete = with_void(Incomplete.from_frame(frame, clusters=clusters, columns=plan.columns), plan.models)
    means = tree["learnt_means"].to_dataset()
    by_name = {str(v.attrs["name"]): v.values for v in means.values()}
    return Learnt(
        incomplete=incomplete,
        means={
            k: {name: values[place] for name, values in by_name.items()}
            for place, k in enumerate(imputations_in(tree) if by_name else ())
        },
    )


def _read_schedule(stored: Mapping[str, Any]) -> Schedule:
    stages = [*stored.get("earlier", ()), {name: stored[name] for name in ("m", "base", "sweeps")}]
    return Schedule(chains=stored["chains"], stages=tuple(Stage(**stage) for stage in stages))


def _read_events(tree: xr.DataTree) -> list[Event]:
    data = tree["events"].to_dataset()
    columns = [data[name].values for name in ("chain", "sweep", "on_target", "what", "why")]
    return [
        Event(chain=int(c), sweep=int(s), target=str(t), what=str(a), why=str(b)) for c, s, t, a, b in zip(*columns)
    ]


def _read_state(tree: xr.DataTree, resolved: Resolved, chain: int, sweep: int) -> ChainState:
    cells, samplers, steps, names = {}, {}, {}, step_names(resolved)
    for step in resolved.steps:
        data = tree[f"state/{names[step.name]}"].to_dataset()
        if data["has_cells"].values[chain]:
            for target, safe in safe_names([t.name for t in step.targets]).items():
                cells[target] = np.array(data[f"cells_{safe}"].values[chain], dtype=np.float64)
        if data["has_sampler"].values[chain]:
            arrays = {str(n)[8:]: np.array(v.values[chain]) for n, v in data.items() if str(n).startswith("sampler_")}
            samplers[step.name] = SamplerState(arrays)
        if data["steps"].values[chain]:
            steps[step.name] = int(data["steps"].values[chain])
    return ChainState(chain=chain, sweep=sweep, cells=cells, samplers=samplers, steps=steps)


def _read_leg(
    tree: xr.DataTree,
    resolved: Resolved,
    chain: int,
    length: int,
    kept: Mapping[int, Mapping[str, np.ndarray]],
    events: tuple[Event, ...],
    keep_effects: bool,
) -> Leg:
    draws, stats, effects, parameters = {}, {}, {}, {}
    chains, visits = tree["chains"].to_dataset(), tree["sample_stats"].to_dataset()
    for place, (step, safe) in enumerate(step_names(resolved).items()):
        posterior = tree[f"posterior/{safe}"].to_dataset()
        scalars = [v.values[chain, :length] for v in in_order(posterior)]
        parameters[step] = tuple(v.attrs["name"] for v in in_order(posterior))
        draws[step] = np.stack(scalars, axis=1) if scalars else np.zeros((length, 0))
        stats[step] = np.stack([visits[s].values[chain, :length, place] for s in STATS], axis=1)
        of_clusters = {v.attrs["name"]: v.values[chain, :length] for v in posterior.values() if v.ndim == 3}
        if keep_effects or of_clusters:
            effects[step] = of_clusters
    imputed, names = {}, safe_names([t.name for t in resolved.targets])
    for target in resolved.targets:
        recorded = [chains[safe] for safe in summary_names(names[target.name], target.values.recorded).values()]
        imputed[target.name] = np.stack([v.values[chain, :length] for v in recorded], axis=1)
    if not any(parameters.values()):
        return Leg(events=events, kept=kept)
    return Leg(names=parameters, draws=draws, imputed=imputed, stats=stats, effects=effects, kept=kept, events=events)


def _read_kept(tree: xr.DataTree, resolved: Resolved) -> dict[int, dict[str, np.ndarray]]:
    names = safe_names([t.name for t in resolved.targets])
    imputations = imputations_in(tree)
    none = np.zeros((len(imputations), 0))  # of a complete variable that has a model, nothing is kept
    groups = {t.name: tree[f"imputed/{names[t.name]}"].to_dataset() for t in resolved.targets if t.missing_rows.size}
    cells = {t.name: groups[t.name]["cells"].values if t.name in groups else none for t in resolved.targets}
    return {k: {name: values[place] for name, values in cells.items()} for place, k in enumerate(imputations)}
