"""Observed values beside what the model draws for them: overimputation (Blackwell, Honaker & King 2017).

Of a conditional with ``where`` observed cells are drawn as if they were missing, from the model that was fitted to all
observed values, these included: how far a model is off shows, a little less than it would in values that it never saw
(``imputed.leave_out`` refits without them).
"""

import numpy as np
import pandas as pd

from bayesimpute.base.errors import InputError, did_you_mean, one
from bayesimpute.base.phrases import listed
from bayesimpute.result.result import Result, require_run


def overimputed(result: Result, target: str, *, level: float = 0.9) -> pd.DataFrame:
    """A table of the observed cells of a variable that were drawn; see ``MultiplyImputed.overimputed``."""
    require_run(result, "compare draws with observed values of")
    if not isinstance(level, int | float) or not 0 < level < 1:
        raise one(InputError, "level", f"{level!r} is no share between 0 and 1", "write level=.9")
    record = result.record
    with_draws = {t.name: t for t in record.resolved.targets if t.over is not None and t.over.any()}
    if target not in with_draws:
        remedy = did_you_mean(str(target), with_draws, f"it is there for {listed(with_draws)}")
        remedy = remedy if with_draws else 'write where = "all" in its [[conditional]]'
        raise one(InputError, "target", f"no observed cell of {target!r} was drawn", remedy)
    found = with_draws[target]
    assert found.over is not None
    mine = found.over[found.impute]
    kept = {k: cells for leg in record.legs for k, cells in leg.kept.items() if k < record.schedule.m}
    draws = np.array([np.asarray(kept[k][target], dtype=float)[mine] for k in sorted(kept)])
    rows = found.missing_rows[mine]
    observed = found.given[rows]
    table = pd.DataFrame({"observed": _shown(result, target, observed)}, index=result.incomplete.frame.index[rows])
    if result.incomplete.columns[target].kind == "category" or found.values.support.points is not None:
        return table.assign(share=(draws == observed).mean(axis=0))
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0, method="weibull")
    return table.assign(
        mean=draws.mean(axis=0),
        sd=draws.std(axis=0, ddof=1) if len(draws) > 1 else np.nan,
        low=low,
        high=high,
        covered=(observed >= low) & (observed <= high),
    )


def _shown(result: Result, target: str, values: np.ndarray) -> np.ndarray:
    """Values, or labels, as the data have them."""
    column = result.incomplete.columns[target]
    return column.decode(values).to_numpy() if column.kind == "category" else values
