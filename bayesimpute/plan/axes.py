"""What a sensitivity analysis goes over: named assumptions, or any number of the plan by its dotted path."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

from bayesimpute.base.errors import InputError, PlanError, Problem, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.families.copulas import COPULAS, NORMAL
from bayesimpute.families.family import changed
from bayesimpute.plan import held_options
from bayesimpute.plan.adjusted import expression_of
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.document import as_document, read_document
from bayesimpute.plan.document_paths import set_path
from bayesimpute.plan.fixed import asked
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import indicated

MOST = 10_000
"""Points of a grid."""
DEPENDENCE = ("rho", "tau")
"""The last names of paths whose 0 is missing at random."""


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One thing that is varied.

    Parameters
    ----------
    name : str
        An assumption, or a path of the plan such as ``conditional[hiv].rho``.
    values : tuple of float
        Ascending.
    origin : float or None
        Where it says missing at random; None: nowhere.
    """

    name: str
    values: tuple[float, ...]
    origin: float | None

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self.values[0], self.values[-1]


@dataclass(frozen=True)
class Grid:
    """All combinations of the values of some axes."""

    axes: tuple[Axis, ...]

    @cached_property
    def points(self) -> tuple[dict[str, float], ...]:
        """In the order of the last axis."""
        names = [axis.name for axis in self.axes]
        return tuple(dict(zip(names, values, strict=True)) for values in product(*(a.values for a in self.axes)))

    @property
    def origin(self) -> dict[str, float] | None:
        """Where all axes say missing at random; None: one of them says so nowhere."""
        found = {axis.name: axis.origin for axis in self.axes}
        return None if None in found.values() else {name: float(v) for name, v in found.items() if v is not None}


def grid_of(over: Mapping[str, Any], plan: Plan) -> Grid:
    """The grid that is asked for, by axis a list of numbers or ``"start:stop:step"``.

    Raises
    ------
    InputError
        With everything that is wrong with it.
    """
    problems: list[Problem] = []
    axes = []
    if not isinstance(over, Mapping):
        finding = f"{over!r} is not a table of grids"
        raise InputError([Problem(path="over", finding=finding, remedy='write over={"delta": "-5:5:1"}')])
    if not over:
        finding = "there is nothing to vary"
        problems.append(Problem(path="over", finding=finding, remedy='name an assumption: over={"delta": "-5:5:1"}'))
    for name, given in ((str(name), given) for name, given in over.items()):
        values = _values(f"over.{name}", given, problems)
        problem = _place(name, plan)
        problems += [problem] if problem is not None else []
        if values and problem is None:
            axes.append(Axis(name=name, values=values, origin=_origin(name, plan)))
    if math.prod(len(axis.values) for axis in axes) > MOST:
        finding = f"{math.prod(len(axis.values) for axis in axes)} points"
        problems.append(Problem(path="over", finding=finding, remedy=f"give at most {MOST}"))
    if problems:
        raise InputError(problems)
    return Grid(tuple(axes))


def _values(path: str, given: Any, problems: list[Problem]) -> tuple[float, ...]:
    try:
        numbers = _range(given) if isinstance(given, str) else [float(v) for v in given]
    except (TypeError, ValueError, OverflowError):
        numbers = []
    if (
        not isinstance(given, str)
        and numbers
        and any(isinstance(v, bool) or type(v).__name__ == "bool_" for v in given)
    ):
        finding = f"{given!r} has yes or no in it, and an axis is of numbers"
        problems.append(Problem(path=path, finding=finding, remedy="write [0, 1]"))
        return ()
    if len(set(numbers)) < len(numbers):
        twice = sorted({v for v in numbers if numbers.count(v) > 1})
        finding = f"{listed(f'{v:g}' for v in twice)} is there more than once"
        problems.append(Problem(path=path, finding=finding, remedy="name each value once"))
        return ()
    if numbers and all(map(math.isfinite, numbers)):
        return tuple(sorted(numbers))
    finding = f"{given!r} is neither a list of numbers nor a range that goes up, in at most {MOST} steps"
    problems.append(Problem(path=path, finding=finding, remedy='write [0, 1, 2] or "-5:10:0.5" (start:stop:step)'))
    return ()


def _range(text: str) -> list[float]:
    start, stop, step = map(float, text.split(":"))
    n = math.floor((stop - start) / step + 1e-9) if step > 0 else -1
    if n < 0 or n > MOST:
        raise ValueError(text)
    return [round(start + k * step, 12) for k in range(n + 1)]


def _place(name: str, plan: Plan) -> Problem | None:
    known = [a.name for a in plan.assumptions]
    if name in known:
        return None
    try:
        if not any(mark in name for mark in ".["):
            raise PlanError([])
        at(plan, {name: 0.0})
    except PlanError as error:
        remedy = did_you_mean(
            name, known, f"the assumptions are {listed(known) or 'none'}; a path is conditional[y].rho"
        )
        if error.problems and "no such place" not in error.problems[0].finding:
            return None  # the path is there; 0 may not fit
        return Problem(
            path=f"over.{name}", finding="it is neither an assumption nor a place in the plan", remedy=remedy
        )
    return None


def _origin(name: str, plan: Plan) -> float | None:
    if name not in {a.name for a in plan.assumptions}:
        return 0.0 if name.rpartition(".")[2] in DEPENDENCE else None
    if any(name in asked(model).values() and not _of_being_observed(name, model) for model in plan.models):
        return None
    scales = {a.scale for a in plan.adjustments if name in expression_of(a).names}
    return 1.0 if scales == {"ratio"} else None if "ratio" in scales else 0.0


def _of_being_observed(name: str, model: Conditional) -> bool:
    """Whether an assumption is the coefficient of y in the model of ``observed(y)`` and of nothing else in it."""
    about = indicated(model.target)
    return all(coefficient == about for coefficient, at in asked(model).items() if at == name)


def at(plan: Plan, point: Mapping[str, float]) -> Plan:
    """The plan at a point.

    Raises
    ------
    PlanError
        If it is none there.
    """
    known = {a.name for a in plan.assumptions}
    assumptions = tuple(_fixed(a, point) for a in plan.assumptions)
    paths = {name: value for name, value in point.items() if name not in known}
    if paths:
        document: Any = as_document(plan)
        for path, value in paths.items():
            document = _held(set_path(document, path, repr(float(value))))
        found, problems = read_document(document)
        if problems:
            raise PlanError(problems)
        plan = Plan(**found)
    return replace(plan, assumptions=assumptions).with_models(lambda model: _unbound(model, point))


def _held(document: dict[str, Any]) -> dict[str, Any]:
    """The document without priors and formulas of a dependence that is held at a value.

    A copula that has 0 as its limit only is there the normal one: at 0 they are the same.
    """
    for section in ("conditional", "substantive"):
        for model in document.get(section, []):
            if any(name in model for name in DEPENDENCE):
                for part in ("priors", "formulas"):
                    model[part] = {k: v for k, v in model.get(part, {}).items() if k not in DEPENDENCE}
            if model.get("tau") == 0 and _limit_only(model.get("copula")):
                del model["copula"]
    return document


def _unbound(model: Conditional, point: Mapping[str, float]) -> Conditional:
    """The same of a model whose tau is an assumption that is 0 at a point."""
    tau = held_options.named(model).get("tau")
    if point.get(str(tau)) != 0 or not _limit_only(getattr(model.family, "copula", None)):
        return model
    return replace(model, family=changed(model.family, copula=NORMAL))


def _limit_only(copula: Any) -> bool:
    """Whether a copula of this name has a tau of 0 as its limit only."""
    known = COPULAS.get(str(copula))
    return known is not None and not known.at_zero


def _fixed(assumption: Assumption, point: Mapping[str, float]) -> Assumption:
    if assumption.name not in point:
        return assumption
    return Assumption(name=assumption.name, value=float(point[assumption.name]))


def without(plan: Plan, names: Sequence[str]) -> Plan:
    """The plan whose assumptions with a prior are not correlated with those that are varied."""
    kept = [
        replace(a, correlation={k: v for k, v in a.correlation.items() if k not in names}) for a in plan.assumptions
    ]
    return replace(plan, assumptions=tuple(kept))
