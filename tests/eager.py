"""The completed datasets as arrays of all imputations, as they were in files of format 1."""

import numpy as np
import xarray as xr

from bayesimpute import MultiplyImputed
from bayesimpute.data.xarray_frames import safe_names
from bayesimpute.designs.completed import Completed
from bayesimpute.plan.resolving import resolve
from bayesimpute.running.records import Record


def eager(record: Record) -> dict[str, np.ndarray]:
    """By the writer of format 1: what is imputed, derived or filled, of shape (imputation, unit)."""
    resolved = resolve(record.plan, record.incomplete)
    kept = {k: c for leg in record.legs for k, c in leg.kept.items() if k < record.schedule.m}
    changing = [t.name for t in resolved.targets if t.missing_rows.size] + [d.name for d in resolved.derived]
    wanted = dict.fromkeys([*changing, *resolved.filled])
    wanted = [n for n in wanted if n in record.incomplete.columns or any(d.name == n for d in record.plan.derived)]
    data = {n: np.full((record.schedule.m, len(record.incomplete.frame)), np.nan) for n in wanted}
    for k, cells in kept.items():
        completed = Completed(record.incomplete, resolved, {n: c.astype(float) for n, c in cells.items()})
        for name in wanted:
            data[name][k] = completed.values.get(name, resolved.filled.get(name))
    binary = {t.name for t in resolved.targets if t.kind == "binary"} if len(kept) == record.schedule.m else set()
    return {n: x.astype(np.int8) if n in binary else x for n, x in data.items()}


def first_format(imputed: MultiplyImputed) -> xr.DataTree:
    """The tree of a run as format 1 had it: whole columns in /completed, the spares with the states."""
    record = imputed.record
    columns = eager(record)
    names = safe_names(columns)
    groups = {p: g.copy() for p, g in imputed.tree.to_dict().items() if not p.startswith(("/imputed", "/completed"))}
    variables = {names[n]: (("imputation", "unit"), x, {"name": n}) for n, x in columns.items()}
    groups["/completed"] = xr.Dataset(variables, attrs={"order": imputed.tree["completed"].attrs["order"]})
    kept = {k: c for leg in record.legs for k, c in leg.kept.items() if k >= record.schedule.m}
    targets = resolve(record.plan, record.incomplete).targets
    for target, safe in safe_names([t.name for t in targets]).items():
        state = groups[f"/state/{safe}"]
        state["cells"] = state["cells"].astype(float)
        if kept:
            state["spare_imputation"] = ("spare", np.array(sorted(kept)))
            state["spare_cells"] = (
                ("spare", "missing_unit"),
                np.stack([kept[k][target].astype(float) for k in sorted(kept)]),
            )
    groups["/"] = groups["/"].assign_attrs(format=1)
    return xr.DataTree.from_dict(groups)
