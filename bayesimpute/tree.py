"""The DataTree of a run: its schema, and the way back to a :class:`~bayesimpute.records.Record`.

| group | dims | holds |
|---|---|---|
| ``/observed`` | unit | the incomplete data as given |
| ``/missing`` | unit | bool per variable |
| ``/completed`` | imputation, unit | the incomplete and derived variables of the m datasets, as floats or codes |
| ``/posterior/<target>`` | chain, draw, … | the scalar parameters after warm-up; effects on request |
| ``/chains`` | chain, draw | mean and sd of each target's imputed values |
| ``/sample_stats`` | chain, draw, target | how each visit went |
| ``/events`` | event | automatic actions |
| ``/state/<target>`` | chain, … | cells and sampler state |

A chain that has not come as far as others has NaN in its last draws. The attributes carry everything else that a
saved run needs.
"""

import importlib.metadata
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.completed import Completed
from bayesimpute.incomplete import Incomplete
from bayesimpute.kernel import ChainState
from bayesimpute.plan import Plan
from bayesimpute.records import STATS, Leg, Record, Schedule
from bayesimpute.samplers.base import SamplerState
from bayesimpute.storage import dataset_to_frame, frame_to_dataset, safe_names
from bayesimpute.targets import Event, Resolved, resolve

FORMAT = 1
"""Of the schema; a file of a newer one is refused."""
LIBRARIES = ("bayesimpute", "pymc", "pytensor", "bambi", "numpy", "xarray")


def to_tree(record: Record) -> xr.DataTree:
    """A record as a DataTree."""
    resolved = resolve(record.plan, record.incomplete)
    names = safe_names([t.name for t in resolved.targets])
    groups = {
        "/": xr.Dataset(attrs=_attributes(record)),
        "/observed": frame_to_dataset(record.incomplete.frame),
        "/missing": _missing(record.incomplete),
        "/completed": _completed(record, resolved),
        "/chains": _chains(record, names),
        "/sample_stats": _sample_stats(record, names),
        "/events": _events(record),
    }
    for target, safe in names.items():
        groups[f"/posterior/{safe}"] = _posterior(record, target)
        groups[f"/state/{safe}"] = _state(record, target)
    return xr.DataTree.from_dict(groups)


def from_tree(tree: xr.DataTree) -> Record:
    """The record that :func:`to_tree` stored."""
    attrs = tree.attrs
    plan = Plan.from_toml(attrs["plan"])
    incomplete = Incomplete.from_frame(
        dataset_to_frame(tree["observed"].to_dataset()), clusters=tuple(json.loads(attrs["clusters"]))
    )
    schedule = Schedule(**json.loads(attrs["schedule"]))
    resolved = resolve(plan, incomplete)
    names = safe_names([t.name for t in resolved.targets])
    events = _read_events(tree)
    sweeps = json.loads(attrs["sweeps_done"])
    effects = bool(attrs["keep_effects"])
    kept = _read_kept(tree, resolved, json.loads(attrs["imputations_done"]))
    for k, cells in _read_spares(tree, names).items():
        kept[k] = cells
    states, legs = [], []
    for chain in range(schedule.chains):
        states.append(_read_state(tree, names, chain, sweeps[chain]))
        mine = {k: cells for k, cells in kept.items() if k % schedule.chains == chain}
        own = tuple(e for e in events if e.chain == chain)
        legs.append(_read_leg(tree, names, chain, max(0, sweeps[chain] - schedule.base), mine, own, effects))
    return Record(
        incomplete=incomplete,
        plan=_with_its_sampler(plan, events),
        seed=int(attrs["seed"]),
        schedule=schedule,
        states=tuple(states),
        legs=tuple(legs),
        events=tuple(e for e in events if e.chain < 0),
        keep_effects=effects,
    )


def _with_its_sampler(plan: Plan, events: Iterable[Event]) -> Plan:
    """Files from before runs said which sampler they chose: that was NUTS."""
    said = any(event.what.startswith("sampler ") for event in events)
    return plan if said or plan.run.sampler != "auto" else plan.with_run(sampler="nuts")


def _attributes(record: Record) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "plan": record.plan.to_toml(),
        "seed": str(record.seed),
        "clusters": json.dumps(list(record.incomplete.clusters)),
        "schedule": json.dumps(asdict(record.schedule)),
        "sweeps_done": json.dumps([state.sweep for state in record.states]),
        "imputations_done": json.dumps(sorted(k for k in _kept(record) if k < record.schedule.m)),
        "keep_effects": int(record.keep_effects),
        "versions": json.dumps(_versions()),
    }


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in LIBRARIES}}


def _kept(record: Record) -> dict[int, Mapping[str, np.ndarray]]:
    return {k: cells for leg in record.legs for k, cells in leg.kept.items()}


def _missing(incomplete: Incomplete) -> xr.Dataset:
    names = safe_names(incomplete.columns)
    return xr.Dataset({names[n]: ("unit", c.missing, {"name": n}) for n, c in incomplete.columns.items()})


def _completed(record: Record, resolved: Resolved) -> xr.Dataset:
    kept = {k: cells for k, cells in _kept(record).items() if k < record.schedule.m}
    changing = [t.name for t in resolved.targets if t.missing_rows.size] + [d.name for d in resolved.derived]
    wanted = dict.fromkeys([*changing, *resolved.filled, *(d.name for d in record.plan.derived)])
    wanted = [n for n in wanted if n in record.incomplete.columns or any(d.name == n for d in record.plan.derived)]
    names = safe_names(wanted)
    whole = {t.name for t in resolved.targets if t.kind == "binary"}
    data = {n: np.full((record.schedule.m, len(record.incomplete.frame)), np.nan) for n in wanted}
    for k, cells in kept.items():
        completed = Completed(record.incomplete, resolved, cells)
        for name in wanted:
            data[name][k] = completed.values.get(name, resolved.filled.get(name))
    done = len(kept) == record.schedule.m
    made = {n: x.astype(np.int8) if done and n in whole and not np.isnan(x).any() else x for n, x in data.items()}
    variables = {names[n]: (("imputation", "unit"), x, {"name": n}) for n, x in made.items()}
    return _ordered(xr.Dataset(variables), variables)


def _ordered(dataset: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """With the order of its variables in an attribute: a Zarr store does not keep it."""
    return dataset.assign_attrs(order=json.dumps(list(names)))


def in_order(dataset: xr.Dataset) -> list[xr.DataArray]:
    """The variables whose order was kept, in that order."""
    return [dataset[name] for name in json.loads(dataset.attrs["order"])]


def _padded(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Arrays of shape (draw, …) with different numbers of draws as one of shape (chain, draw, …), NaN at the end."""
    arrays = list(arrays)
    longest = max(len(a) for a in arrays)
    return np.stack(
        [np.pad(a, [(0, longest - len(a)), *[(0, 0)] * (a.ndim - 1)], constant_values=np.nan) for a in arrays]
    )


def _by_chain(record: Record, part: str, target: str, width: int) -> np.ndarray:
    return _padded(getattr(leg, part).get(target, np.zeros((0, width))) for leg in record.legs)


def _posterior(record: Record, target: str) -> xr.Dataset:
    names = next((leg.names[target] for leg in record.legs if target in leg.names), ())
    draws = _by_chain(record, "draws", target, len(names))
    effects = next((leg.effects[target] for leg in record.legs if target in leg.effects), {})
    safe = safe_names([*names, *effects])
    scalars: dict[str, Any] = {safe[n]: (("chain", "draw"), draws[:, :, i], {"name": n}) for i, n in enumerate(names)}
    dataset = _ordered(_with_coordinates(xr.Dataset(scalars), draws), scalars)
    for name, example in effects.items():
        none = {name: np.zeros((0, example.shape[1]))}
        values = _padded(leg.effects.get(target, none)[name] for leg in record.legs)
        factor = name.rsplit("|", 1)[1]
        dim = safe_names([factor])[factor]
        dim = f"{dim}_cluster" if dim in safe.values() else dim
        dataset[safe[name]] = (("chain", "draw", dim), values, {"name": name})
        dataset = dataset.assign_coords({dim: _labels(record.incomplete, factor)})
    return dataset


def _labels(incomplete: Incomplete, factor: str) -> np.ndarray:
    """The clusters in the order of their codes: whole numbers as they are, everything else as text."""
    labels = incomplete.labels(factor)
    if all(isinstance(label, int) and not isinstance(label, bool) for label in labels):
        return np.array(labels)
    return np.array([str(label) for label in labels], dtype=object)


def _with_coordinates(dataset: xr.Dataset, draws: np.ndarray) -> xr.Dataset:
    return dataset.assign_coords(chain=np.arange(draws.shape[0]), draw=np.arange(draws.shape[1]))


def _chains(record: Record, names: Mapping[str, str]) -> xr.Dataset:
    variables = {}
    draws = np.zeros((record.schedule.chains, 0))
    for target, safe in names.items():
        draws = _by_chain(record, "imputed", target, 2)
        for i, statistic in enumerate(("mean", "sd")):
            attrs = {"target": target, "statistic": statistic}
            variables[f"{safe}_{statistic}"] = (("chain", "draw"), draws[:, :, i], attrs)
    return _with_coordinates(xr.Dataset(variables), draws)


def _sample_stats(record: Record, names: Mapping[str, str]) -> xr.Dataset:
    if not names:
        return xr.Dataset()
    stats = np.stack([_by_chain(record, "stats", target, len(STATS)) for target in names], axis=2)
    dims = ("chain", "draw", "target")
    dataset = xr.Dataset({name: (dims, stats[..., i]) for i, name in enumerate(STATS)})
    return _with_coordinates(dataset, stats).assign_coords(target=np.array(list(names.values()), dtype=object))


def _events(record: Record) -> xr.Dataset:
    events = [*record.events, *(e for leg in record.legs for e in leg.events)]
    numbers = {
        key: ("event", np.array([getattr(e, key) for e in events], dtype=np.int64)) for key in ("chain", "sweep")
    }
    texts = {
        key: ("event", np.array([getattr(e, key) for e in events], dtype=object)) for key in ("target", "what", "why")
    }
    return xr.Dataset({**numbers, **{f"on_{k}" if k == "target" else k: v for k, v in texts.items()}})


def _read_events(tree: xr.DataTree) -> list[Event]:
    data = tree["events"].to_dataset()
    columns = [data[name].values for name in ("chain", "sweep", "on_target", "what", "why")]
    return [
        Event(chain=int(c), sweep=int(s), target=str(t), what=str(a), why=str(b)) for c, s, t, a, b in zip(*columns)
    ]


def _state(record: Record, target: str) -> xr.Dataset:
    variables: dict[str, Any] = {}
    begun = [state for state in record.states if target in state.cells]
    if begun:
        width = len(begun[0].cells[target])
        cells = [state.cells.get(target, np.full(width, np.nan)) for state in record.states]
        variables["cells"] = (("chain", "missing_unit"), np.stack(cells))
    spares = {k: cells[target] for k, cells in sorted(_kept(record).items()) if k >= record.schedule.m}
    if spares:
        variables["spare_imputation"] = ("spare", np.array(list(spares)))
        variables["spare_cells"] = (("spare", "missing_unit"), np.stack(list(spares.values())))
    variables["steps"] = ("chain", np.array([state.steps.get(target, 0) for state in record.states]))
    ready = [state.samplers[target] for state in record.states if target in state.samplers]
    for name in ready[0].arrays if ready else ():
        shape = ready[0].arrays[name].shape
        blank = SamplerState({name: np.full(shape, np.nan)})
        rows = [np.asarray(s.samplers.get(target, blank).arrays[name], dtype=float) for s in record.states]
        variables[f"sampler_{name}"] = (("chain", *(f"{name}_{i}" for i in range(len(shape)))), np.stack(rows))
    variables["has_cells"] = ("chain", np.array([target in state.cells for state in record.states]))
    variables["has_sampler"] = ("chain", np.array([target in state.samplers for state in record.states]))
    return xr.Dataset(variables)


def _read_state(tree: xr.DataTree, names: Mapping[str, str], chain: int, sweep: int) -> ChainState:
    cells, samplers, steps = {}, {}, {}
    for target, safe in names.items():
        data = tree[f"state/{safe}"].to_dataset()
        if data["has_cells"].values[chain]:
            cells[target] = np.array(data["cells"].values[chain])
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


def _read_kept(tree: xr.DataTree, resolved: Resolved, done: Iterable[int]) -> dict[int, dict[str, np.ndarray]]:
    completed = tree["completed"].to_dataset()
    by_name = {variable.attrs["name"]: variable for variable in completed.values()}
    none = np.zeros(0)  # of a complete variable that has a model, nothing is stored m times
    return {
        k: {
            t.name: by_name[t.name].values[k][t.missing_rows].astype(float) if t.missing_rows.size else none
            for t in resolved.targets
        }
        for k in done
    }


def _read_spares(tree: xr.DataTree, names: Mapping[str, str]) -> dict[int, dict[str, np.ndarray]]:
    found: dict[int, dict[str, np.ndarray]] = {}
    for target, safe in names.items():
        data = tree[f"state/{safe}"].to_dataset()
        if "spare_cells" in data:
            for k, cells in zip(data["spare_imputation"].values.tolist(), data["spare_cells"].values, strict=True):
                found.setdefault(k, {})[target] = np.array(cells)
    return found
