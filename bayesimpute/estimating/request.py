"""What is to be described, held against the data: every problem at once, before anything is computed.

What an estimand may ask for, descriptives may: the checks are those of :mod:`bayesimpute.checking.estimand_problems`,
told under the names of the arguments.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bayesimpute.base.errors import PlanError, Problem, Severity, errors
from bayesimpute.checking import estimand_problems as checks
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.plan_alone import Notes, Read, read_plan
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.options import Estimand
from bayesimpute.result.result import Result

NAME = "descriptives"
"""What the estimands are called that are checked on the way."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be described.

    Parameters
    ----------
    variables, by : tuple of str
        Columns of the data and derived variables.
    weights : str or None
        A column.
    quantiles : tuple of float
        Probabilities.
    cross : tuple of (str, str)
        The pairs of the cross tables: rows, columns.
    """

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
    checking = _Checking(imputed, by, weights)
    quantiles, cross = _listed(quantiles), _listed(cross)
    problems = checking.problems(["by", "weights"])
    if variables is None:
        chosen, messages = checking.suitable([n for pair in (by, weights) for n in _listed(pair)])
    else:
        chosen, messages = _listed(variables), []
        problems += _twice(chosen)
    for name in chosen:
        problems += checking.variable(name)
    for probability in quantiles:
        found = checking.problems(["probability"], statistic="quantile", probability=probability)
        problems += [replace(problem, path="quantiles") for problem in found]
    for pair in cross:
        problems += checking.pair(pair)
    problems = list(dict.fromkeys(problems))
    if errors(problems):
        raise PlanError(problems)
    messages += [f"{problem.severity}: {problem}" for problem in problems]
    request = Request(
        variables=tuple(chosen),
        by=checking.by,
        weights=weights,
        quantiles=tuple(dict.fromkeys(map(float, quantiles))),
        cross=tuple((first, second) for first, second in cross),
    )
    return request, messages


class _Checking:
    """Checks of names with the same groups and weights."""

    def __init__(self, imputed: Result, by: Any, weights: Any) -> None:
        self.read: Read = read_plan(imputed.plan)[0]
        self.data: Incomplete = imputed.incomplete
        self.by = tuple(_listed(by))
        self.weights = weights

    def problems(self, parts: Sequence[str], **fields: Any) -> list[Problem]:
        """What is wrong with some parts of an estimand, in their own names."""
        estimand = Estimand(name=NAME, **{"variable": "", "by": self.by, "weights": self.weights, **fields})
        asked = replace(self.read, plan=replace(self.read.plan, estimands=(estimand,)))
        prefix = f"estimand[{NAME}]."
        found = [*checks.alone(asked), *checks.problems(asked, self.data)]
        told = [replace(problem, path=problem.path.removeprefix(prefix)) for problem in found]
        return [problem for problem in told if problem.path in parts]

    def variable(self, name: Any) -> list[Problem]:
        """What is wrong with a variable, also with its groups and weights."""
        column = self.data.columns.get(name) if isinstance(name, str) else None
        labels = column.labels if column is not None and column.kind == "category" else ()
        fields = {"statistic": "proportion", "value": labels[0]} if labels else {}
        found = self.problems(["variable", "by", "weights"], variable=name, **fields)
        found = [replace(p, path="variables") if p.path == "variable" else p for p in found]
        if len(labels) > checks.MAX_GROUPS:
            finding = f'"{name}" has {len(labels)} labels, more than {checks.MAX_GROUPS}'
            remedy = "leave it out, or merge labels before the data are imputed"
            found.append(Problem(path="variables", finding=finding, remedy=remedy))
        return found

    def pair(self, pair: Any) -> list[Problem]:
        """What is wrong with the variables of a cross table."""
        names = _listed(pair)
        notes = Notes()
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
            notes.problems += [replace(p, path="cross") for p in self.problems(["by"], by=(name,))]
            notes.problems += self.problems(["weights"], variable=name)
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
