"""Sensitivity analyses: the answer over a grid of assumptions, where it tips, and what the assumptions amount to."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import InputError, PlanError, Problem, did_you_mean, one
from bayesimpute.base.phrases import listed
from bayesimpute.base.progress import counted, lasting
from bayesimpute.base.tables import say, short
from bayesimpute.estimating.estimands import without_selection
from bayesimpute.plan.adjusted import expression_of
from bayesimpute.plan.assumptions import BASES, TIPS, Adjustment, Assumption, Sensitivity
from bayesimpute.plan.axes import Grid, at, grid_of
from bayesimpute.plan.options import AnalysisOptions, Estimand, settings
from bayesimpute.plan.plan import Plan
from bayesimpute.result.result import Result, require_run
from bayesimpute.running.workers import require_one
from bayesimpute.sensitivity import assumed_shifts, prior_share
from bayesimpute.sensitivity.answers import Answering, Asked, Line, asked, checked, chosen
from bayesimpute.sensitivity.beliefs import believed, conclusion_holds
from bayesimpute.sensitivity.points import Points
from bayesimpute.sensitivity.sensitivities import DIFFERENCE, Sensitivities
from bayesimpute.sensitivity.tipping import Tip, conclusion, margin, tips

ANNOUNCED = 10.0
"""Seconds from which runs that are to come are announced."""


def sensitivity(
    result: Result,
    of: Any = None,
    *,
    term: str | None = None,
    over: Mapping[str, Any] | None = None,
    adjustments: Sequence[Adjustment] = (),
    base: str = "",
    tip: str = "interval",
    null: float | None = None,
    conf_level: float = 0.95,
    by: str | Sequence[str] | None = None,
    refit: bool = True,
    seed: int | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    progress: bool = True,
    **options: Any,
) -> Sensitivities:
    """Answers over a grid of assumptions; parameters and errors are those of ``MultiplyImputed.sensitivity``."""
    require_run(result, "vary")
    if not result.record.finished or result.m < 2:
        finding = "it was stopped before its end" if not result.record.finished else "it has one completed dataset"
        raise one(InputError, "run", finding, "go on with bayesimpute.resume, or impute with a larger m")
    require_one(executor, workers)
    _choices(base, tip, null, conf_level)
    _options(options)
    groups = (by,) if isinstance(by, str) else tuple(by or ())
    _groups(groups, result)
    wanted = _requests(result, of, term=term, over=over, base=base, tip=tip, null=null)
    found = []
    for request, subject in wanted:
        plan = _plan(result.plan, adjustments, request.over)
        name, what = asked(subject, plan, options)
        checked(what, result)
        _there(request, plan)
        points = Points(
            result=result,
            plan=plan,
            base=request.base,
            refit=refit,
            seed=result.seed if seed is None else seed,
            workers=workers,
            executor=executor,
        )
        work = _Work(replace(request, name=request.name or name), what, points, conf_level, groups, workers or 1)
        found.append(work.done(progress))
    return _joined(found, conf_level, identity(result))


def identity(result: Result) -> dict[str, Any]:
    """What tells a run from others: its seed, size and targets."""
    return {"seed": result.seed, "m": result.m, "rows": len(result.incomplete.frame), "targets": list(result.targets)}


def _options(given: Mapping[str, Any]) -> None:
    """Stop where an option is none of a formula's."""
    known = [*(f.name for f in settings(AnalysisOptions)), "adjustments", "over", "term", "base", "tip", "null", "by"]
    wrong = [name for name in given if name not in known]
    if wrong:
        finding = "there is no such argument"
        found = {name: did_you_mean(name, known, "leave it out") for name in wrong}
        raise InputError([Problem(path=name, finding=finding, remedy=remedy) for name, remedy in found.items()])


def _groups(by: Sequence[Any], result: Result) -> None:
    """Stop where a group is no complete column of the data."""
    columns, problems = result.incomplete.columns, []
    for name in by:
        if not isinstance(name, str) or name not in columns:
            remedy = did_you_mean(str(name), columns, "name a column of the data")
            problems.append(Problem(path="by", finding=f'there is no column "{name}"', remedy=remedy))
        elif columns[name].missing.any():
            finding = f'"{name}" has missing values: who is in which group would differ between imputations'
            problems.append(Problem(path="by", finding=finding, remedy="group by a complete column"))
    if problems:
        raise InputError(problems)


def _requests(result: Result, of: Any, **settings: Any) -> list[tuple[Sensitivity, Any]]:
    """What is to be done, and what of."""
    own = {s.name: s for s in result.plan.sensitivities}
    if settings["over"] is None:
        found = list(own.values()) if of is None else [own[of]] if isinstance(of, str) and of in own else []
        if not found:
            if own and isinstance(of, str):
                remedy = did_you_mean(of, own, f"they are {listed(own)}")
                raise one(InputError, "name", f'the plan has no sensitivity analysis "{of}"', remedy)
            finding = "it is not said what is varied, and the plan has no [[sensitivity]]"
            raise one(InputError, "over", finding, 'say it by over={"delta": "-5:5:1"}, or --over delta=-5:5:1')
        return [(s, s.of) for s in found]
    over = dict(settings.pop("over") or {})
    return [(Sensitivity(name="", of="", over=over, **settings), of)]


def _plan(plan: Plan, adjustments: Sequence[Adjustment], over: Mapping[str, Any]) -> Plan:
    """The plan with what is varied; names that stand in a shift and nowhere else are assumptions."""
    more = [replace(a, propagate=False) if a.propagate is None else a for a in adjustments]
    read = frozenset[str]().union(*(expression_of(a).names for a in more))
    known = {a.name for a in plan.assumptions}
    new = [Assumption(name=name) for name in over if name in read and name not in known]
    return replace(plan, assumptions=(*plan.assumptions, *new), adjustments=(*plan.adjustments, *more))


def _there(request: Sensitivity, plan: Plan) -> None:
    """Stop where what is varied belongs to the selection models that base = "mar" takes away."""
    if request.base == "" or not isinstance(request.over, Mapping):
        return
    left = without_selection(plan)
    named, kept = ({a.name for a in each.assumptions} for each in (plan, left))
    gone = [name for name in request.over if name in named - kept]
    for name in (name for name in request.over if name not in named):
        try:
            at(plan, {name: 0.5})
        except PlanError:
            continue  # which is told with the grid
        try:
            at(left, {name: 0.5})
        except PlanError:
            gone.append(name)
    finding = 'it belongs to the selection models, which base = "mar" takes away'
    remedy = "leave base out: the differences are then from its value that says missing at random"
    if gone:
        raise InputError([Problem(path=f"over.{name}", finding=finding, remedy=remedy) for name in gone])


def _choices(base: Any, tip: Any, null: Any, level: Any) -> None:
    problems = []
    for path, given, known in (("base", base, BASES), ("tip", tip, TIPS)):
        if given not in known:
            remedy = did_you_mean(str(given), known, f"use {listed(f'"{k}"' for k in known)}")
            problems.append(Problem(path=path, finding=f"{given!r} is not known", remedy=remedy))
    if null is not None and (isinstance(null, bool) or not isinstance(null, int | float) or not np.isfinite(null)):
        problems.append(Problem(path="null", finding=f"{null!r} is not a number", remedy="give 0"))
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        problems.append(Problem(path="conf_level", finding=f"{level!r} is not between 0 and 1", remedy="give 0.95"))
    if problems:
        raise InputError(problems)


@dataclass(eq=False)
class _Work:
    """One sensitivity analysis."""

    request: Sensitivity
    what: Asked
    points: Points
    level: float
    groups: tuple[str, ...]
    workers: int

    def __post_init__(self) -> None:
        self.grid: Grid = grid_of(self.request.over, self.points.plan)
        self._lines: dict[tuple[tuple[str, float], ...], list[Line] | None] = {}
        self._answering = Answering(self.what, self.request.term, self.level, self.workers)

    def lines(self, point: Mapping[str, float]) -> list[Line] | None:
        """The figures at a point; None where it needs a refit."""
        key = tuple(sorted(point.items()))
        if key not in self._lines:
            _, run = self.points.at(point)
            self._lines[key] = None if run is None else self._answering.lines(run)
        return self._lines[key]

    def done(self, progress: bool) -> "_Done":
        origin = self.grid.origin
        every = [*self.grid.points] if origin is None else [origin, *(p for p in self.grid.points if p != origin)]
        reruns, begun = [p for p in every if self.points.how(p) == "rerun"], time.monotonic()
        for point in counted(iter(every), total=len(every), show=progress, what="points"):
            self.lines(point)
            if progress and len(reruns) > 2 and point in reruns[:2]:
                self._forecast(len(reruns) - 2, time.monotonic() - begun, last=point is reruns[1])
                begun = time.monotonic()
        reference = None if origin is None else self.lines(origin)
        table = [row for point in self.grid.points for row in self._rows(point, reference)]
        return _Done(
            request=self.request,
            grid=self.grid,
            table=table,
            tips=list(self._tips()),
            assumed=[row for point in self.grid.points for row in self._assumed(point)],
            messages=list(self._messages()),
            beliefs=believed(self.grid, self.points.plan.assumptions),
        )

    def _forecast(self, rest: int, seconds: float, *, last: bool) -> None:
        """How long the runs to come will take: as long as the second, for the first may have compiled."""
        if last and rest * seconds > ANNOUNCED:
            many = f"{rest} more point{'s' * (rest > 1)}"
            say(f"{self.request.name}: {many} are run again, which will take about {lasting(rest * seconds)}")

    def _rows(self, point: Mapping[str, float], reference: list[Line] | None) -> Iterable[dict[str, Any]]:
        first = {"name": self.request.name, **point}
        found, how = self.lines(point), self.points.how(point)
        if found is None:
            yield {**first, "how": how}
            return
        mar = {tuple(line.label.items()): line for line in reference or []}
        for line in found:
            other = mar.get(tuple(line.label.items()))
            gap = (np.nan, np.nan) if other is None else line.difference(other)
            yield {**first, **line.label, "how": how, **line.figures(), **dict(zip(DIFFERENCE, gap, strict=True))}

    @property
    def null(self) -> float | None:
        """The value that means nothing: of a mean or a share there is none, unless it is said."""
        own = self.request.null
        return 0.0 if own is None and not isinstance(self.what, Estimand) else own

    def _tips(self) -> Iterable[dict[str, Any]]:
        if self.null is None:
            return
        holds, message = self._holds()
        if len(self.grid.axes) == 2 and np.isfinite(holds):
            names = " x ".join(axis.name for axis in self.grid.axes)
            first = {"name": self.request.name, "term": self.request.term or "", "axis": names}
            yield {**first, "criterion": self.request.tip, "probability": holds, "message": message}
        for row in self._one_way():
            yield {**row, "probability": holds} if np.isfinite(holds) else row

    def _holds(self) -> tuple[float, str]:
        """The prior probability that the conclusion holds, where the plan has priors of all that is varied."""
        start, null = self.grid.origin, self.null
        origin = None if start is None else self.lines(start)
        if null is None or origin is None or (line := chosen(origin)) is None:
            return np.nan, ""
        held = margin(line.answer, self.request.tip, null)

        def at(point: Mapping[str, float]) -> float:
            found = self.lines(point)
            mine = None if found is None else chosen(found)
            return np.nan if mine is None else held(mine.answer)

        words = conclusion(line.answer, self.request.tip, null)
        return conclusion_holds(self.grid, self.points.plan.assumptions, at, held(line.answer), words)

    def _one_way(self) -> Iterable[dict[str, Any]]:
        axis, start = self.grid.axes[0], self.grid.origin
        null = self.null
        if len(self.grid.axes) != 1 or start is None or null is None:
            return
        origin = self.lines(start)
        if origin is None or (first := chosen(origin)) is None:
            return

        def at(value: float) -> Line | None:
            found = self.lines({axis.name: value})
            return None if found is None else chosen(found)

        cheap = self.points.how({axis.name: axis.values[0]}) == "applied"
        for tip in tips(axis, at, criterion=self.request.tip, null=null, cheap=cheap):
            yield {
                "name": self.request.name,
                "term": first.label.get("term", ""),
                "axis": axis.name,
                "direction": tip.direction,
                "criterion": self.request.tip,
                "tip": tip.tip,
                "mc_error": tip.mc_error,
                "missing_minus_observed": self._gap(axis.name, tip),
                "message": tip.message,
            }

    def _gap(self, axis: str, tip: Tip) -> float:
        """Of the first adjusted target, at a tip."""
        if np.isnan(tip.tip):
            return np.nan
        rows = list(self._assumed({axis: tip.tip}, ()))
        return rows[0]["missing_minus_observed"] if rows else np.nan

    def _assumed(self, point: Mapping[str, float], by: Sequence[str] | None = None) -> Iterable[dict[str, Any]]:
        _, run = self.points.at(point)
        if run is None:
            return
        reference = None if self.grid.origin is None else self.points.at(self.grid.origin)[1]
        for row in assumed_shifts.rows(run, reference, self.groups if by is None else by):
            yield {"name": self.request.name, **point, **row}

    def _messages(self) -> Iterable[str]:
        name = self.request.name
        if said := self._holds()[1]:
            yield f"{name}: {said}"
        if self.grid.origin is None:
            yield f"{name}: along {listed(a.name for a in self.grid.axes)} no value says missing at random"
        hows = {self.points.how(point) for point in self.grid.points}
        if "needs a refit" in hows:
            yield f"{name}: some points need a refit; give refit=True"
        if said := self._share():
            yield f"{name}: {said}"
        yield from self._slope()

    def _share(self) -> str | None:
        """What the priors of assumptions that are not varied make of the variance, where the axes begin."""
        names = prior_share.drawn(self.points.plan, (axis.name for axis in self.grid.axes))
        point = self.grid.origin or self.grid.points[0]
        if not names:
            return None
        found = prior_share.rows(self.points, point, self._answering)
        return prior_share.told(found or [], names)

    def _slope(self) -> Iterable[str]:
        """For the quick reader: the slope at missing at random, and the shift that is worth one standard error."""
        axis = self.grid.axes[0]
        if len(self.grid.axes) != 1 or axis.origin is None:
            return
        below = [v for v in axis.values if v < axis.origin][-1:]
        above = [v for v in axis.values if v > axis.origin][:1]
        found = {v: self.lines({axis.name: v}) for v in (*below, axis.origin, *above)}
        lines = {v: chosen(each) for v, each in found.items() if each is not None}
        answers = {v: line.answer for v, line in lines.items() if line is not None}
        if len(answers) < len(found) or len(answers) < 2:
            return
        slope = slope_at(axis.origin, {v: answer.estimate for v, answer in answers.items()})
        worth = answers[axis.origin].std_error / abs(slope) if slope else np.inf
        end = next(iter((*below, *above)))
        where = "at missing at random" if below and above else f"from missing at random to {axis.name} = {end:g}"
        yield (
            f"{self.request.name}: {where} the estimate changes by {short(slope)} for each unit of {axis.name}; "
            f"{short(worth)} is worth one standard error"
        )


def slope_at(origin: float, curve: Mapping[float, float]) -> float:
    """The slope of a curve that is known at a place and beside it: of the parabola through three points, or of a line.

    Parameters
    ----------
    origin : float
        Where.
    curve : mapping of float to float
        Values there, and at one or two other places, one on either side.
    """
    slopes = {v - origin: (value - curve[origin]) / (v - origin) for v, value in curve.items() if v != origin}
    if len(slopes) == 1:
        return next(iter(slopes.values()))
    (low, before), (high, after) = sorted(slopes.items())
    return (before * high - after * low) / (high - low)


@dataclass(frozen=True, kw_only=True)
class _Done:
    request: Sensitivity
    grid: Grid
    table: list[dict[str, Any]]
    tips: list[dict[str, Any]]
    assumed: list[dict[str, Any]]
    messages: list[str]
    beliefs: np.ndarray | None


def _joined(found: Sequence[_Done], level: float, run: Mapping[str, Any]) -> Sensitivities:
    axes = list(dict.fromkeys(axis.name for each in found for axis in each.grid.axes))

    def table(rows: list[dict[str, Any]]) -> pd.DataFrame:
        """Axes first, also those that not all analyses have."""
        frame: Any = pd.DataFrame(rows)
        first = [name for name in ("name", *axes) if name in frame]
        return frame[[*first, *(name for name in frame if name not in first)]]

    return Sensitivities(
        table=table([row for each in found for row in each.table]),
        tips=pd.DataFrame([row for each in found for row in each.tips]),
        assumed=table([row for each in found for row in each.assumed]),
        run=run,
        axes={each.request.name: tuple(axis.name for axis in each.grid.axes) for each in found},
        origins={each.request.name: each.grid.origin for each in found if each.grid.origin is not None},
        conf_level=level,
        messages=tuple(dict.fromkeys(m for each in found for m in each.messages)),
        beliefs={each.request.name: each.beliefs for each in found if each.beliefs is not None},
    )
