"""The completed datasets as arrays of all imputations: what is put together on demand must equal them."""

import numpy as np

from bayesimpute.designs.completed import Completed
from bayesimpute.plan.resolving import resolve
from bayesimpute.running.records import Record


def eager(record: Record) -> dict[str, np.ndarray]:
    """What is imputed, derived or filled, of shape (imputation, unit)."""
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
    whole = {t.name for t in resolved.targets if t.values.support.whole} if len(kept) == record.schedule.m else set()
    return {n: x.astype(np.int8) if n in whole else x for n, x in data.items()}
