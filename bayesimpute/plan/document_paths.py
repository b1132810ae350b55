"""Values at places of a plan's document, which are named as problems name them: of command lines and of axes."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from bayesimpute.base.errors import InputError, PlanError, one
from bayesimpute.plan.conditional import untransformed


def set_path(document: Mapping[str, Any], path: str, text: str) -> dict[str, Any]:
    """A copy of a plan document in which the dotted `path` has the value that `text` means in TOML, else `text` itself.

    ``conditional[hiv].family`` names the entry of a list by its target or name, as problems do; names with dots inside
    stand in quotation marks or brackets: ``priors."1|school_sigma"``. ``known[+]`` is a new entry at the end of a list.

    Raises
    ------
    PlanError
        If there is no such place.
    """
    keys = [key.strip('"') for key in _KEYS.findall(path)]
    if not keys:
        raise _nowhere(path)
    return _set(dict(document), keys, _value(text), path)


_KEYS = re.compile(r'\[[^\]]*\]|"[^"]*"|[^.\[\]"]+')


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return read["value"] if set(read) == {"value"} else text


def _set(node: Any, keys: list[str], value: Any, path: str) -> Any:
    if not keys:
        return value
    head, rest = keys[0], keys[1:]
    if head == "[+]" and not rest and (isinstance(node, list) or node == {}):
        return [*node, value]
    if head.startswith("[") and isinstance(node, list):
        at = [i for i, entry in enumerate(node) if isinstance(entry, Mapping) and head[1:-1] in _called(entry)]
        if at and rest:
            entry = _set(_without_double(node[at[0]], rest), rest, value, path)
            return [*node[: at[0]], entry, *node[at[0] + 1 :]]
    elif isinstance(node, Mapping) and not head.startswith("["):
        return {**node, head: _set(node.get(head, {}), rest, value, path)}
    raise _nowhere(path)


def _called(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    """The names by which problems call an entry of a list."""
    formulas = entry.get("formulas")
    inner = formulas.get("mu") if isinstance(formulas, Mapping) else None
    lefts = [
        target_in(text) for text in (entry.get("formula"), inner) if isinstance(text, str) and "target" not in entry
    ]
    return entry.get("target"), entry.get("name"), entry.get("column"), entry.get("rule"), *lefts


def _without_double(entry: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    """``formula`` is short for ``formulas.mu``: setting one takes the place of the other."""
    if keys == ["formulas", "mu"]:
        target = {} if "target" in entry or "formula" not in entry else {"target": target_in(str(entry["formula"]))}
        return {**target, **{k: v for k, v in entry.items() if k != "formula"}}
    if keys == ["formula"] and isinstance(entry.get("formulas"), Mapping):
        return {**entry, "formulas": {k: v for k, v in entry["formulas"].items() if k != "mu"}}
    return dict(entry)


def target_in(formula: str) -> str | None:
    """The target of a formula, without a transformation; None where there is no tilde."""
    left, tilde, _ = untransformed(formula)[0].partition("~")
    return left.strip().strip("`") if tilde else None


def _nowhere(path: str) -> InputError:
    return one(
        PlanError, path, "there is no such place in the plan", "use a path such as run.m or conditional[y].family"
    )
