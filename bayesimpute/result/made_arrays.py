"""What the imputations were made of, as groups of the tree: ``/imputations/<step>``, beside ``/imputed/<target>``.

Of each imputation the group of a step holds the draw of its model (``draw_<name>``: coefficients by parameter, of each
block of group-specific effects the effects, ``_sd``, ``_corr`` and ``_root``, all on the standardised scale), where the
random numbers stood (``generator``), and, where another step saw it before the step was visited, the draw of the sweep
before (``before_<name>``). Cells of the sweep before that were seen so are beside the cells themselves
(``/imputed/<target>/before``). :func:`bayesimpute.running.made_of.redrawn` says what for.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.designs.design import Draw
from bayesimpute.running.imputed_cells import Cells
from bayesimpute.running.made_of import Made
from bayesimpute.running.records import Record

DRAW, BEFORE = "draw_", "before_"


def made_groups(record: Record, names: Mapping[str, str]) -> dict[str, xr.Dataset]:
    """The groups; `names` are the safe ones of the steps."""
    found = {k: each for leg in record.legs for k, each in leg.made.items()}
    numbers = sorted(found)
    groups = {"/imputations": xr.Dataset(coords={"imputation": np.array(numbers, dtype=np.int64)})}
    for step, safe in names.items():
        groups[f"/imputations/{safe}"] = _group(step, [found[k] for k in numbers])
    return groups


def _group(name: str, made: Sequence[Made]) -> xr.Dataset:
    variables: dict[str, Any] = {}
    if made:
        variables |= _stacked(DRAW, [each.draws[name] for each in made])
        variables["generator"] = (("imputation", "word"), np.stack([each.generators[name] for each in made]))
        if all(name in each.others for each in made):
            variables |= _stacked(BEFORE, [each.others[name] for each in made])
    return xr.Dataset(variables, attrs={"name": name})


def _stacked(prefix: str, draws: Iterable[Draw]) -> dict[str, Any]:
    """The arrays of draws on top of each other; each has dims of its own."""
    draws = list(draws)
    found = {}
    for key, first in draws[0].items():
        dims = [f"{key}_{i}" for i in range(np.ndim(first))]
        found[f"{prefix}{key}"] = (("imputation", *dims), np.stack([draw[key] for draw in draws]))
    return found


def read_made(tree: xr.DataTree, names: Mapping[str, str]) -> dict[int, Made]:
    """What :func:`made_groups` stored, by imputation."""
    groups = {step: tree[f"imputations/{safe}"].to_dataset() for step, safe in names.items()}
    folders = {str(g.attrs["name"]): g.to_dataset() for g in tree["imputed"].children.values()}
    cells = {name: folder["before"].values for name, folder in folders.items() if "before" in folder}
    found = {}
    for place, k in enumerate(tree["imputations"].to_dataset()["imputation"].values.tolist()):
        each = {name: group.isel(imputation=place) for name, group in groups.items()}
        found[k] = Made(
            draws={name: _draw(group, DRAW) for name, group in each.items()},
            generators={name: group["generator"].values for name, group in each.items()},
            before=Cells({name: values[place] for name, values in cells.items()}),
            others={name: draw for name, group in each.items() if (draw := _draw(group, BEFORE))},
        )
    return found


def _draw(group: xr.Dataset, prefix: str) -> Draw:
    return {str(n).removeprefix(prefix): v.values for n, v in group.data_vars.items() if str(n).startswith(prefix)}
