"""A PyMC model as a Mermaid flowchart: text that Markdown renderers and notebooks draw.

PyMC's own writer takes variables' names for Mermaid's identifiers, which ``1|school`` is not; here identifiers are
numbers and names stand in quoted labels.
"""

from collections.abc import Iterator
from typing import Any

SHAPES = {"data": '[("{}")]', "observed": '[["{}"]]', "free": '(["{}"])', "follows": '["{}"]'}
"""Data containers, observed variables, free ones, and what follows from others."""


def mermaid(model: Any) -> str:
    """The graph of a model: variables with their distributions in plates by dims, and an arrow to what reads them."""
    from pymc.model_graph import ModelGraph

    names = list(model.named_vars)
    ids = {name: f"v{k}" for k, name in enumerate(names)}
    plates: dict[str, list[str]] = {}
    for name in names:
        plates.setdefault(_plate(model, name), []).append(name)
    lines = ["flowchart TD"]
    for k, (plate, members) in enumerate(plates.items()):
        nodes = [ids[name] + _node(model, name) for name in members]
        lines += _within(f"p{k}", plate, nodes) if plate else [f"    {node}" for node in nodes]
    parents = ModelGraph(model).make_compute_graph()
    children = [name for name in names if _kind(model, name) != "data"]  # PyMC counts what is observed among them
    lines += [f"    {ids[parent]} --> {ids[child]}" for child in children for parent in sorted(parents.get(child, ()))]
    return "\n".join(lines)


def _within(key: str, plate: str, nodes: list[str]) -> Iterator[str]:
    yield f'    subgraph {key}["{_quoted(plate)}"]'
    yield from (f"        {node}" for node in nodes)
    yield "    end"


def _plate(model: Any, name: str) -> str:
    dims = model.named_vars_to_dims.get(name, ())
    return " x ".join(f"{dim} ({len(model.coords[dim])})" for dim in dims if model.coords.get(dim) is not None)


def _node(model: Any, name: str) -> str:
    kind = _kind(model, name)
    law = f" ~ {_law(model[name])}" if kind in ("observed", "free") else ""
    return SHAPES[kind].format(_quoted(name + law))


def _kind(model: Any, name: str) -> str:
    variable, kinds = model[name], {"observed": model.observed_RVs, "free": model.free_RVs}
    kinds["follows"] = model.deterministics
    return next((kind for kind, members in kinds.items() if variable in members), "data")


def _law(variable: Any) -> str:
    op = variable.owner.op
    return str(getattr(op, "_print_name", (type(op).__name__,))[0])


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
