"""A saved DataTree as the :class:`~bayesimpute.running.records.Record` that it came from, of this format or of format
1.

The schema is that of :mod:`bayesimpute.result.schema`. :func:`whole` puts back into a tree from a file what files do
not have.
"""

import json
from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.xarray_frames import dataset_to_frame, frame_to_dataset, safe_names
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.targets import Event, Resolved
from bayesimpute.result.schema import FORMAT, datasets_of, imputations_in, in_order
from bayesimpute.running.imputed_cells import packed
from bayesimpute.running.kernel import ChainState
from bayesimpute.running.records import STATS, Leg, Record, Schedule
from bayesimpute.samplers.sampler import SamplerState

_SPARES = ("spare_imputation", "spare_cells")
"""Where format 1 had the cells of imputations that are not asked for yet."""


def whole(tree: xr.DataTree, record: Record) -> xr.DataTree:
    """A tree from a file in today's format, with the completed datasets of the record that was read from it."""
    groups = {path: group for path, group in tree.to_dict().items() if not path.startswith(("/completed", "/imputed"))}
    groups = {path: group.drop_vars(_SPARES, errors="ignore") for path, group in groups.items()}
    groups["/"] = groups["/"].assign_attrs(format=FORMAT)
    groups["/observed"] = frame_to_dataset(record.incomplete.frame)  # equal, and not held twice
    return xr.DataTree.from_dict({**groups, **datasets_of(record)})


def from_tree(tree: xr.DataTree) -> Record:
    """The record that :func:`bayesimpute.result.schema.to_tree` stored."""
    attrs = tree.attrs
    plan = Plan.from_toml(attrs["plan"])
    incomplete = Incomplete.from_frame(
        dataset_to_frame(tree["observed"].to_dataset()), clusters=tuple(json.loads(attrs["clusters"]))
    )
    schedule = Schedule(**json.loads(attrs["schedule"]))
    events = _read_events(tree)
    record = Record(
        incomplete=incomplete,
        plan=_with_its_sampler(plan, events),
        seed=int(attrs["seed"]),
        schedule=schedule,
        states=(),
        legs=(),
        events=tuple(e for e in events if e.chain < 0),
        keep_effects=bool(attrs["keep_effects"]),
    )
    resolved = record.resolved
    names = safe_names([t.name for t in resolved.targets])
    sweeps = json.loads(attrs["sweeps_done"])
    kept = _read_first(tree, resolved) if int(attrs["format"]) == 1 else _read_kept(tree, resolved)
    kept = {k: packed(resolved.targets, incomplete, cells) for k, cells in kept.items()}
    states, legs = [], []
    for chain in range(schedule.chains):
        states.append(_read_state(tree, names, chain, sweeps[chain]))
        mine = {k: cells for k, cells in kept.items() if k % schedule.chains == chain}
        own = tuple(e for e in events if e.chain == chain)
        length = max(0, sweeps[chain] - schedule.base)
        legs.append(_read_leg(tree, names, chain, length, mine, own, record.keep_effects))
    return record.changed(states=tuple(states), legs=tuple(legs))


def _with_its_sampler(plan: Plan, events: Iterable[Event]) -> Plan:
    """Files from before runs said which sampler they chose: that was NUTS."""
    said = any(event.what.startswith("sampler ") for event in events)
    return plan if said or plan.run.sampler != "auto" else plan.with_run(sampler="nuts")


def _read_events(tree: xr.DataTree) -> list[Event]:
    data = tree["events"].to_dataset()
    columns = [data[name].values for name in ("chain", "sweep", "on_target", "what", "why")]
    return [
        Event(chain=int(c), sweep=int(s), target=str(t), what=str(a), why=str(b)) for c, s, t, a, b in zip(*columns)
    ]


def _read_state(tree: xr.DataTree, names: Mapping[str, str], chain: int, sweep: int) -> ChainState:
    cells, samplers, steps = {}, {}, {}
    for target, safe in names.items():
        data = tree[f"state/{safe}"].to_dataset()
        if data["has_cells"].values[chain]:
            cells[target] = np.array(data["cells"].values[chain], dtype=np.float64)
        if data["has_sampler"].values[chain]:
            arrays = {str(n)[8:]: np.array(v.values[chain]) for n, v in data.items() if str(n).startswith("sampler_")}
            samplers[target] = SamplerState(arrays)
        if data["steps"].values[chain]:
            steps[target] = int(data["steps"].values[chain])
    return ChainState(chain=chain, sweep=sweep, cells=cells, samplers=samplers, steps=steps)


def _read_leg(
    tree: xr.DataTree,
    names: Mapping[str, str],
    chain: int,
    length: int,
    kept: Mapping[int, Mapping[str, np.ndarray]],
    events: tuple[Event, ...],
    keep_effects: bool,
) -> Leg:
    draws, imputed, stats, effects, parameters = {}, {}, {}, {}, {}
    for place, (target, safe) in enumerate(names.items()):
        posterior = tree[f"posterior/{safe}"].to_dataset()
        scalars = [v.values[chain, :length] for v in in_order(posterior)]
        parameters[target] = tuple(v.attrs["name"] for v in in_order(posterior))
        draws[target] = np.stack(scalars, axis=1) if scalars else np.zeros((length, 0))
        chains, visits = tree["chains"].to_dataset(), tree["sample_stats"].to_dataset()
        imputed[target] = np.stack([chains[f"{safe}_{s}"].values[chain, :length] for s in ("mean", "sd")], axis=1)
        stats[target] = np.stack([visits[s].values[chain, :length, place] for s in STATS], axis=1)
        if keep_effects:
            effects[target] = {v.attrs["name"]: v.values[chain, :length] for v in posterior.values() if v.ndim == 3}
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


def _read_first(tree: xr.DataTree, resolved: Resolved) -> dict[int, dict[str, np.ndarray]]:
    """The cells of a tree of format 1: out of the completed datasets, and the spares out of the states."""
    completed = tree["completed"].to_dataset()
    by_name = {variable.attrs["name"]: variable.values for variable in completed.values()}
    none = np.zeros(0)
    found: dict[int, dict[str, np.ndarray]] = {
        k: {
            t.name: by_name[t.name][k][t.missing_rows].astype(float) if t.missing_rows.size else none
            for t in resolved.targets
        }
        for k in json.loads(tree.attrs["imputations_done"])
    }
    for target, safe in safe_names([t.name for t in resolved.targets]).items():
        data = tree[f"state/{safe}"].to_dataset()
        if "spare_cells" in data:
            for k, cells in zip(data["spare_imputation"].values.tolist(), data["spare_cells"].values, strict=True):
                found.setdefault(k, {})[target] = np.array(cells)
    return found
