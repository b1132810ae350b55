"""Variables of a tree as ArviZ has them: parameters of one factor together, free names, columns of plain kinds."""

from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.data.xarray_frames import safe_names
from bayesimpute.inspection.readers_graph import BRACKETS


def regrouped(data: xr.Dataset) -> xr.Dataset:
    """Parameters ``c[q]`` and ``c[r]`` as one variable ``c`` with the dim ``c_dim``; of effects none."""
    members: dict[str, list[xr.DataArray]] = {}
    for name, v in data.data_vars.items():
        full = str(v.attrs.get("name", name))
        together = v.ndim == 2 and "|" not in full and BRACKETS.search(full)
        members.setdefault(BRACKETS.sub("", full) if together else full, []).append(v)
    found: dict[Any, xr.DataArray] = {}
    for base, parts in members.items():
        if parts[0].attrs.get("name", parts[0].name) == base or not parts[0].attrs:
            found[parts[0].name] = parts[0]
            continue
        labels = [", ".join(BRACKETS.findall(str(v.attrs["name"]))) for v in parts]
        dim = f"{safe_names([base])[base]}_dim"
        values = np.stack([v.values for v in parts], axis=-1)
        coords = {**parts[0].coords, dim: labels}
        found[free(safe_names([base])[base], found)] = xr.DataArray(
            values, dims=("chain", "draw", dim), coords=coords, attrs={"name": base}
        )
    return xr.Dataset(found)


def free(name: str, taken: Any) -> str:
    """A name that is not taken."""
    return name if name not in taken else free(f"{name}_", taken)


def plain(column: Any) -> np.ndarray:
    """Numbers as they are, all else as text."""
    values = column.to_numpy()
    return values if values.dtype.kind in "iufb" else np.array([str(v) for v in values])
