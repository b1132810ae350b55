"""What models said of the observed values at each visit, as groups of the tree: ``/at_visits/<step>``."""

from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from bayesimpute.running.records import Record


def visit_groups(record: Record, names: Mapping[str, str]) -> dict[str, xr.Dataset]:
    """The groups of the steps that were asked for; `names` are the safe ones."""
    return {f"/at_visits/{names[step]}": _group(record, step) for step in record.keep}


def _group(record: Record, step: str) -> xr.Dataset:
    """Chains that have not come as far as others have NaN in their last draws."""
    chains = [leg.at_visits.get(step, {}) for leg in record.legs]
    first = next(filter(None, chains), {})
    variables = {}
    for name, example in first.items():
        dims = [f"{name}_{i}" for i in range(example.ndim - 1)]
        none = np.zeros((0, *example.shape[1:]), dtype=example.dtype)
        variables[name] = (("chain", "draw", *dims), padded([chain.get(name, none) for chain in chains]))
    return xr.Dataset(variables, attrs={"name": step})


def padded(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Arrays of shape (draw, …) with different numbers of draws as one of shape (chain, draw, …), NaN at the end."""
    arrays = list(arrays)
    longest = max(len(a) for a in arrays)
    return np.stack(
        [np.pad(a, [(0, longest - len(a)), *[(0, 0)] * (a.ndim - 1)], constant_values=np.nan) for a in arrays]
    )


def read_visits(tree: xr.DataTree, chain: int, length: int) -> dict[str, dict[str, np.ndarray]]:
    """What :func:`visit_groups` stored of a chain, by step."""
    if "at_visits" not in tree.children or not length:
        return {}
    groups = [child.to_dataset() for child in tree["at_visits"].children.values()]
    return {
        str(group.attrs["name"]): {str(name): v.values[chain, :length] for name, v in group.data_vars.items()}
        for group in groups
    }
