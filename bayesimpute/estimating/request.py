"""What is to be described, held against the data: every problem at once, before anything is computed.

What an estimand may ask for, descriptives may: the checks are those of :mod:`bayesimpute.checking.estimand_problems`,
told under the names of the arguments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bayesimpute.base.errors import PlanError, Problem, Severity, errors
from bayesimpute.checking import estimand_problems as checks
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.plan_alone import read_plan
from bayesimpute.checking.readings import Read
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.estimating.variables import where_void
from bayesimpute.result.result import Result


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be described: the arguments of :func:`.descriptive_tables.descriptives`, checked."""

    variables: tuple[str, ...]
    by: tuple[str, ...]
    weights: str | None
    quantiles: tuple[float, ...]
    cross: tuple[tuple[str, str], ...]


def read_request(
    imputed: Result, variables: Any, *, by: Any, weights: Any, quantiles: Any, cross: Any
) -> tuple[Request, list[str]]:
    """What is to be described, and what the reader should know of it.

    Raises
    ------
    PlanError
        With every problem.
    """
    asking = _Asking(read=read_plan(imputed.plan)[0], data=imputed.incomplete, by=tuple(_listed(by)), weights=weights)
    quantiles, cross, messages = _listed(quantiles), _listed(cross), []
    problems = asking.variable()
    if variables is None:
        chosen, messages = asking.suitable([n for pair in (by, weights) for n in _listed(pair)])
    else:
        chosen = _listed(variables)
        problems += _twice(chosen)
    for name in chosen:
        problems += asking.variable(name)
    notes = Notes()
    for probability in quantiles:
        checks.is_probability(probability, "quantiles", notes)
    problems += notes.problems
    for pair in cross:
        problems += asking.pair(pair)
    problems = list(dict.fromkeys(problems))
    if errors(problems):
        raise PlanError(problems)
    request = Request(
        variables=tuple(chosen),
        by=asking.by,
        weights=weights,
        quantiles=tuple(dict.fromkeys(map(float, quantiles))),
        cross=tuple((first, second) for first, second in cross),
    )
    return request, messages + [f"{problem.severity}: {problem}" for problem in problems]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asking:
    """Checks of names with the same groups and weights."""

    read: Read
    data: Incomplete
    by: tuple[Any, ...]
    weights: Any

    def variable(self, *names: Any) -> list[Problem]:
        """What is wrong with a variable, also with its groups and weights; without a name with these alone."""
        held = checks.Held(self.read, self.data)
        name = next(iter(names), "")
        if names:
            held.notes.text("variables", name)
        if self.weights is not None:
            held.notes.text("weights", self.weights)
        checks.group_names(self.by, name, "by", held.notes)
        column = self.data.columns.get(name) if isinstance(name, str) else None
        labels = column.labels if column is not None and column.kind == "category" else ()
        held.variable(name, "proportion" if labels else "mean", "variables")
        if column is not None and column.void is not None:
            finding, remedy = where_void(column, self.read.plan)
            held.notes.add("variables", f'"{name}": {finding}', remedy)
        held.groups(self.by, "by")
        held.design("weights", self.weights, name, "weights")
        if len(labels) > checks.MAX_GROUPS:
            finding = f'"{name}" has {len(labels)} labels, more than {checks.MAX_GROUPS}'
            held.notes.add("variables", finding, "leave it out, or merge labels before the data are imputed")
        return held.notes.problems

    def pair(self, pair: Any) -> list[Problem]:
        """What is wrong with the variables of a cross table."""
        names, held = _listed(pair), checks.Held(self.read, self.data)
        notes = held.notes
        if isinstance(pair, str) or len(names) != 2:
            notes.add("cross", f"{pair!r} is not a pair of variables", 'write cross=[("sex", "region")]')
            return notes.problems
        if names[0] == names[1]:
            notes.add("cross", f'"{names[0]}" is crossed with itself', "cross two variables")
        for name in names:
            if not notes.text("cross", name):
                continue
            if name in self.by:
                finding = f'"{name}" is in by too: it is the same in all rows of a group'
                notes.add("cross", finding, "leave it out of one of the two")
            held.groups((name,), "cross")
            held.design("weights", self.weights, name, "weights")
        return notes.problems

    def suitable(self, taken: Sequence[Any]) -> tuple[list[str], list[str]]:
        """What can be described by default, and a message on what cannot.

        Cluster keys are names of clusters rather than variables, and are left out like groups and weights.
        """
        keys = {part for key in self.data.clusters for part in key_columns(key, self.data.columns)}
        names = [*self.data.columns, *(name for name in self.read.derived if name not in self.data.columns)]
        names = [name for name in names if name not in keys and name not in taken]
        left = {n: found for n in names if (found := [p for p in errors(self.variable(n)) if p.path == "variables"])}
        messages = [
            f"{Severity.WARNING}: not described: {p.finding}; {p.remedy}" for found in left.values() for p in found
        ]
        return [name for name in names if name not in left], messages


def _listed(given: Any) -> list[Any]:
    """One value or several as a list; None is none."""
    if given is None:
        return []
    return [given] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)


def _twice(names: Sequence[Any]) -> list[Problem]:
    again = dict.fromkeys(name for name in names if isinstance(name, str) and names.count(name) > 1)
    return [
        Problem(path="variables", finding=f'"{name}" is there {names.count(name)} times', remedy="name it once")
        for name in again
    ]
