"""What is wrong with what is asked of :func:`~bayesimpute.suggest` beside the analyses."""

from collections.abc import Iterable, Mapping, Sequence

from bayesimpute.base.errors import InputError, PlanError, Problem, did_you_mean, one
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse
from bayesimpute.plan.conditional import Conditional
from bayesimpute.suggesting import sparse_plans
from bayesimpute.suggesting.asked import Asked
from bayesimpute.suggesting.variable_roles import Scene

MODES = ("compatible", "fcs", "sparse")


def as_tuple(given: Sequence[str] | str, path: str) -> tuple[str, ...]:
    """Names that were given, one or several."""
    return tuple(as_names(given, path))


def of_other_modes(mode: str, auxiliary: object, said: Sequence[str]) -> list[Problem]:
    """Settings of another mode than that which is asked for."""
    others = said if mode in MODES and mode != "sparse" else []
    found = [
        Problem(path=name, finding=f'mode "{mode}" has no such setting', remedy='use mode "sparse", or leave it out')
        for name in others
    ]
    if mode == "sparse" and auxiliary is not None:
        remedy = "name variables that are always in with include: all others are looked at anyway"
        found.append(Problem(path="auxiliary", finding='mode "sparse" has no such setting', remedy=remedy))
    return found


def unknown_mode(mode: object) -> list[Problem]:
    """A mode that there is not."""
    if mode in MODES:
        return []
    remedy = did_you_mean(str(mode), MODES, f"use {', '.join(MODES[:-1])} or {MODES[-1]}")
    return [Problem(path="mode", finding=f'there is no mode "{mode}"', remedy=remedy)]


def unfit_keys(data: Incomplete, keys: Iterable[str]) -> list[Problem]:
    """Keys of the user's that cannot be used; those of formulas are reported there."""
    found: list[Problem] = []
    for key in dict.fromkeys(keys):
        if key not in data.clusters:
            try:
                data.n_clusters(key)
            except InputError as error:
                found += error.problems
    return found


def as_names(given: Sequence[str] | str, path: str) -> list[str]:
    """Names that were given, one or several, each once."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable) or not all(isinstance(name, str) for name in given):
        raise one(PlanError, path, f"{given!r} is not a list of columns", 'write ["a", "b"]')
    return list(dict.fromkeys(given))


def unknown_columns(named: Iterable[str], data: Incomplete) -> list[Problem]:
    """Auxiliary variables that are no columns."""
    remedy = 'name columns of the data, or write "auto"'
    return [
        Problem(
            path="auxiliary", finding=f'there is no column "{name}"', remedy=did_you_mean(name, data.columns, remedy)
        )
        for name in named
        if name not in data.columns
    ]


def all_the_same(asked: Sequence[Asked], scene: Scene) -> list[Problem]:
    """Incomplete variables of analyses that other members of their clusters would fill in, all with one value."""
    names = sparse_plans.analysed((n for a in asked for n in (a.outcome, *a.needs)), scene)
    gaps = [n for n in names if scene.data.variables[n].n_missing and not scene.missing(n) and not scene.imputable(n)]
    remedy = "leave it out, or fill it in by hand"
    return [
        Problem(path="analysis", finding=f'all observed values of "{name}" are the same', remedy=remedy)
        for name in gaps
    ]


def read_selections(general: Mapping[str, Conditional], auxiliary: object, mode: str) -> list[Problem]:
    """A selection model is an outcome whose missing values no other model reads."""
    selected = [y for y, c in general.items() if "selection" in c.formulas]
    if not selected or mode == "fcs":
        return []
    found = [("auxiliary", "the models of auxiliary variables would read it")] if auxiliary is not None else []
    readers = [(y, z) for y in selected for z, c in general.items() if z != y and y in parse(c.formulas["mu"]).needs]
    found += [("analysis", f'the analysis of "{z}" reads its missing values') for _, z in readers]
    remedy = 'leave them out, or use mode "fcs"'
    return [
        Problem(path=path, finding=f'"{selected[0]}" has a selection model, and {what}', remedy=remedy)
        for path, what in found
    ]
