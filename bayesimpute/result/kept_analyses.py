"""Estimates of analyses that took long, kept in the tree of a run so that they are not made again.

An analysis stands under ``/analyses/<number>``, its key among the attributes: formula, options and version of the
package, and a digest of the data, the plan and the imputed cells. So a result answers for its own datasets alone;
running on makes a new tree, which has none. The estimates are nested dataclasses: they are stored as JSON, and the
arrays in them as one vector of numbers, with all their digits. Nothing is a pickle.

To keep another class, add it to ``CLASSES``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from bayesimpute.analysis import Model
from bayesimpute.analysis.cross_products import CrossProducts, Effects
from bayesimpute.analysis.estimates import Estimate, Quantity, VarianceComponent
from bayesimpute.analysis.from_draws import QuantityDraws
from bayesimpute.analysis.mixed import MixedProblem
from bayesimpute.analysis.variance_posterior import VariancePosterior

GROUP = "analyses"
SLOW = 10.0
"""Seconds from which an analysis of all datasets is kept: reading and writing a file takes time, too."""
CLASSES: Mapping[str, Any] = {
    each.__name__: each
    for each in (
        CrossProducts,
        Effects,
        Estimate,
        MixedProblem,
        Quantity,
        QuantityDraws,
        VarianceComponent,
        VariancePosterior,
    )
}
"""What an estimate is made of, beside arrays, numbers and texts."""


def kept(tree: xr.DataTree, model: Model) -> tuple[Estimate, ...] | None:
    """The estimates of an analysis of the datasets of a tree; None if it has none."""
    found = [g for g in groups(tree).values() if g.attrs["asked"] == _asked(model)]
    return estimates_in(found[0]) if found and found[0].attrs["of"] == digest(tree) else None


def keep(tree: xr.DataTree, model: Model, estimates: Sequence[Estimate]) -> None:
    """Put the estimates of an analysis into a tree."""
    arrays: list[np.ndarray] = []
    text = json.dumps([_packed(each, arrays) for each in estimates]).encode()
    numbers = np.concatenate([np.zeros(0), *(array.ravel() for array in arrays)])
    variables = {"numbers": ("number", numbers), "text": ("byte", np.frombuffer(text, dtype=np.uint8))}
    attrs = {"formula": model.formula.source, "asked": _asked(model), "of": digest(tree)}
    tree[f"{GROUP}/{len(groups(tree))}"] = xr.DataTree(xr.Dataset(variables, attrs=attrs))


def groups(tree: xr.DataTree) -> Mapping[str, xr.DataTree]:
    """What is kept, by its number."""
    return tree[GROUP].children if GROUP in tree.children else {}


def estimates_in(group: xr.DataTree) -> tuple[Estimate, ...]:
    """What :func:`keep` put into a group."""
    data = group.to_dataset()
    numbers = _Numbers(data["numbers"].values)
    return tuple(_unpacked(each, numbers) for each in json.loads(data["text"].values.tobytes()))


def digest(tree: xr.DataTree) -> str:
    """Of all that completed datasets follow from: the data, the plan, the imputed cells."""
    found = hashlib.sha256(str(tree.attrs["plan"]).encode())
    for node in (tree["observed"], *tree["imputed"].subtree):
        for name, variable in sorted(node.to_dataset().variables.items(), key=lambda item: str(item[0])):
            found.update(f"{node.path}/{name} {variable.attrs.get('labels')}".encode())
            found.update(np.ascontiguousarray(variable.values).tobytes())
    return found.hexdigest()


def _asked(model: Model) -> str:
    return json.dumps([version("bayesimpute"), model.formula.source, model.options], sort_keys=True)


def _packed(value: Any, arrays: list[np.ndarray]) -> Any:
    """A value as JSON; its arrays are put to the others."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": list(value.shape)}
    if isinstance(value, xr.Dataset):  # draws
        variables = {str(n): [v.attrs["name"], _packed(v.values, arrays)] for n, v in value.data_vars.items()}
        return {"draws": variables}
    if is_dataclass(value):
        return {type(value).__name__: {f.name: _packed(getattr(value, f.name), arrays) for f in fields(value)}}
    if isinstance(value, tuple | list):
        return [_packed(each, arrays) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(value: Any, numbers: "_Numbers") -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(each, numbers) for each in value)
    if not isinstance(value, dict):
        return value
    ((name, content),) = value.items()
    if name == "array":
        return numbers.array(content)
    if name == "draws":
        return _draws({safe: (own, _unpacked(array, numbers)) for safe, (own, array) in content.items()})
    return CLASSES[name](**{field: _unpacked(each, numbers) for field, each in content.items()})


def _draws(variables: Mapping[str, tuple[str, np.ndarray]]) -> xr.Dataset:
    dims = ("chain", "draw")
    made = xr.Dataset({safe: (dims, values, {"name": name}) for safe, (name, values) in variables.items()})
    return made.assign_coords({dim: np.arange(made.sizes[dim]) for dim in dims})


class _Numbers:
    """Arrays, one after the other, from a vector."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.place = values, 0

    def array(self, shape: Sequence[int]) -> np.ndarray:
        begin, self.place = self.place, self.place + int(np.prod(shape))
        return self.values[begin : self.place].reshape(shape).copy()
