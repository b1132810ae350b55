"""What was missing: units, clusters, and each incomplete variable."""

from typing import TYPE_CHECKING

import numpy as np

from bayesimpute.base.phrases import counted
from bayesimpute.data.incomplete import Incomplete, Variable
from bayesimpute.reporting.wording import bullets, code, share

if TYPE_CHECKING:
    from bayesimpute.plan.targets import Resolved
    from bayesimpute.result.result import Result


def missing_data(imputed: "Result", resolved: "Resolved") -> str:
    """A paragraph on the data, and a line for each incomplete variable."""
    incomplete = imputed.incomplete
    bounds = says_what_is_known(resolved)
    mask = incomplete.missing.drop(columns=[*bounds]).to_numpy()
    gaps = [v for v in incomplete.variables.values() if v.n_missing and v.name not in bounds]
    complete = int((~mask.any(axis=1)).sum())
    return "\n\n".join(
        [
            f"The data have {_size(incomplete)}. Of {counted(mask.shape[1], 'variable')} {len(gaps)} had missing "
            f"values; {share(complete, len(mask), 'units')} were observed in full, and "
            f"{share(int(mask.sum()), mask.size, 'cells')} were missing:",
            bullets(_variable(variable, incomplete, resolved) for variable in gaps),
        ]
    )


def says_what_is_known(resolved: "Resolved") -> frozenset[str]:
    """The columns that say what is known of others, which are no variables: their empty cells are open ends."""
    targets = {target.name for target in resolved.targets}
    return frozenset(name for each in resolved.known for name in each.reads) - targets


def _size(incomplete: Incomplete) -> str:
    clusters = [f"{counted(incomplete.n_clusters(key), 'cluster')} of {code(key)}" for key in incomplete.clusters]
    units = counted(len(incomplete.frame), "unit")
    return f"{units} in {' and '.join(clusters)}" if clusters else f"{units} without clusters"


def _variable(variable: Variable, incomplete: Incomplete, resolved: "Resolved") -> str:
    name = variable.name
    parts = [f"{code(name)}: {share(variable.n_missing, variable.n_missing + variable.n_observed, 'units')}"]
    for key in incomplete.clusters if variable.level is None else [variable.level]:
        column, codes, clusters = incomplete.columns[name], incomplete.codes(key), incomplete.n_clusters(key)
        empty = len(np.setdiff1d(codes[column.gaps], codes[~column.missing]))
        if empty:
            parts.append(f"all values in {empty} of {counted(clusters, 'cluster')} of {code(key)}")
    if variable.level is not None:
        parts.append(f"it is constant within clusters of {code(variable.level)}")
    left = any(event.target == name and event.what == "left missing" for event in resolved.events)
    return "; ".join([*parts, *["left missing, for no model imputes it"] * left])
