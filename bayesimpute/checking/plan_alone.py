"""A plan on its own, before any data: what of it can be understood, and what cannot.

Plans made in Python may hold anything, so every field is looked at here, once. What passes is a :class:`Read` with
texts where texts belong and formulas that parse; the later passes look at nothing else.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bayesimpute.base.errors import FormulaError, Problem, did_you_mean, is_text
from bayesimpute.checking.conditional_alone import read_conditional
from bayesimpute.checking.notes import Notes, finite, twice
from bayesimpute.checking.readings import Definition, Read, Reading, Shifted
from bayesimpute.checking.uses import expression_use
from bayesimpute.formulas import Formula, parse, parse_expression
from bayesimpute.formulas.syntax import quote
from bayesimpute.plan import held_options
from bayesimpute.plan.adjusted import expression_of
from bayesimpute.plan.assumptions import SCALES, Adjustment, Assumption
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis, Derived, Score, Time
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.scores import derived_of


def read_plan(plan: Plan) -> tuple[Read, list[Problem]]:
    """What of a plan can be understood, and what is wrong with it whatever the data are."""
    notes = Notes()
    models = [(plan.path(c), _settled(c, plan.assumptions)) for c in plan.models]
    readings = [r for path, c in models if (r := read_conditional(c, path, notes)) is not None]
    _doubled(readings, notes)
    derived: dict[str, Definition] = {}
    scores = (_score(s, notes) for s in plan.scores)
    for definition in (*(_derived(d, notes) for d in plan.derived), *scores):
        if definition is not None and definition.name in derived:
            notes.add(definition.path, f'"{definition.name}" is derived more than once', "keep one")
        elif definition is not None:
            derived[definition.name] = definition
    analyses = {a.name: f for a in plan.analyses if (f := _analysis(a, notes)) is not None}
    for name in twice(str(a.name) for a in plan.analyses if isinstance(a, Analysis)):
        notes.add(f"analysis[{name}]", f'two analyses are called "{name}"', "give each its own name")
    distinct = {r.target: r for r in reversed(readings)}
    kept = tuple(reversed(distinct.values()))
    uses = [*(u for r in readings for u in r.uses.values()), *(d.use for d in derived.values())]
    shifts = tuple(s for a in plan.adjustments if (s := _adjustment(a, notes)) is not None)
    uses += [s.use for s in shifts]
    keys = [key for use in uses for key in use.keys] + [r.level for r in readings if r.level is not None]
    keys += [key for r in readings if r.family is not None for key in r.family.keys.values()]
    keys += [a.by for a in plan.assumptions if isinstance(a, Assumption) and isinstance(a.by, str) and a.by]
    keys += [plan.time.subject] if isinstance(plan.time, Time) and isinstance(plan.time.subject, str) else []
    read = Read(
        plan=plan,
        conditionals=kept,
        derived=derived,
        shifts=shifts,
        analyses=analyses,
        keys=tuple(dict.fromkeys(keys)),
    )
    return read, notes.problems


def _settled(model: Any, assumptions: Any) -> Any:
    """A model with numbers for the assumptions among its family's options."""
    return held_options.settled(model, assumptions) if isinstance(model, Conditional) else model


def _doubled(readings: Iterable[Reading], notes: Notes) -> None:
    """Variables with more than one model."""
    paths: dict[str, list[str]] = {}
    for r in readings:
        paths.setdefault(r.target, []).append(r.path)
    for name, found in paths.items():
        kinds = [path.partition("[")[0] for path in found]
        if len(found) == 1:
            continue
        if kinds.count("substantive") > 1:
            remedy = "keep one: a joint analysis has one model for each outcome; put the terms of both into it"
            notes.add(found[0], f'"{name}" is the outcome of {kinds.count("substantive")} substantive models', remedy)
        elif "substantive" in kinds:
            remedy = "leave the conditional out: the substantive model is what its missing values are drawn from"
            notes.add(found[-1], f'"{name}" is the outcome of a substantive model too', remedy)
        else:
            notes.add(found[0], f'"{name}" has more than one conditional', "keep one")


def _derived(derived: Derived, notes: Notes) -> Definition | None:
    if not isinstance(derived, Derived):
        notes.add("derived", f"{derived!r} is not a Derived", 'write Derived(name="z", expression="x * y")')
        return None
    name = derived.name
    path = f"derived[{name}]"
    if not notes.text(f"{path}.name", name):
        return None
    if "`" in name or "\n" in name:
        notes.add(f"{path}.name", f"{name!r} cannot be written in a formula", "use letters, digits and _")
    if not is_text(name):
        notes.add(f"{path}.name", f"{name!r} holds half a character, which no file can store", "use letters and digits")
        return None
    path = f"{path}.expression"
    try:
        expression = parse_expression(derived.expression, path)
        return Definition(name=name, path=path, expression=expression, use=expression_use(expression, path))
    except FormulaError as error:
        notes.problems += error.problems
        return None


def _score(score: Score, notes: Notes) -> Definition | None:
    if not isinstance(score, Score):
        notes.add("score", f"{score!r} is not a Score", 'write Score(name="pain", items=("p1", "p2"))')
        return None
    path = f"score[{score.name}]"
    before = len(notes.problems)
    items = score.items if isinstance(score.items, tuple) else ()
    if not items or not all(isinstance(item, str) and item.strip() for item in items):
        notes.add(f"{path}.items", f"{score.items!r} is not a list of columns", 'write items = ["p1", "p2"]')
    elif len(items) == 1:
        notes.add(f"{path}.items", "it has one item", f"name all items, or read {quote(items[0])} itself")
    elif doubled := twice(items):
        notes.add(f"{path}.items", f'"{doubled[0]}" stands in it twice', "name each item once")
    if score.score not in ("sum", "mean"):
        remedy = did_you_mean(str(score.score), ("sum", "mean"), 'write "sum" or "mean"')
        notes.add(f"{path}.score", f"{score.score!r} is no score", remedy)
    if len(notes.problems) > before:
        return None
    made = _derived(derived_of(score), notes)
    return None if made is None else replace(made, path=f"{path}.items", use=replace(made.use, path=f"{path}.items"))


def _adjustment(adjustment: Adjustment, notes: Notes) -> Shifted | None:
    if not isinstance(adjustment, Adjustment):
        notes.add("adjustment", f"{adjustment!r} is not an Adjustment", 'write Adjustment(target="y", shift="1")')
        return None
    path = f"adjustment[{adjustment.target}]"
    given = {"target": adjustment.target, "label": adjustment.label, "where": adjustment.where}
    right = [notes.text(f"{path}.{name}", text) for name, text in given.items() if text is not None or name == "target"]
    if not isinstance(adjustment.scale, str) or adjustment.scale not in SCALES:
        remedy = did_you_mean(str(adjustment.scale), SCALES, f"use one of {', '.join(SCALES)}")
        notes.add(f"{path}.scale", f"there is no scale {adjustment.scale!r}", remedy)
        right.append(False)
    if adjustment.propagate is not None and not isinstance(adjustment.propagate, bool):
        notes.add(f"{path}.propagate", f"{adjustment.propagate!r} is neither true nor false", "write true or false")
    shift = adjustment.shift
    if not isinstance(shift, str) and not finite(shift):
        notes.add(f"{path}.shift", f"{shift!r} is not a number or an expression", 'write 1.5 or "delta * x"')
        right.append(False)
    if not all(right):
        return None
    try:
        expression = expression_of(adjustment)
        use = expression_use(expression, f"{path}.shift")
        return Shifted(adjustment=adjustment, path=path, expression=expression, use=use)
    except FormulaError as error:
        notes.problems += error.problems
        return None


def _analysis(analysis: Analysis, notes: Notes) -> Formula | None:
    from bayesimpute.analysis.fitters import complaints

    if not isinstance(analysis, Analysis):
        notes.add("analysis", f"{analysis!r} is not an Analysis", 'write Analysis(name="main", formula="y ~ x")')
        return None
    path = f"analysis[{analysis.name}]"
    if not notes.text(f"{path}.name", analysis.name):
        return None
    try:
        formula = parse(analysis.formula, response="required", path=f"{path}.formula")
    except FormulaError as error:
        notes.problems += error.problems
        return None
    for name, finding, remedy in complaints(formula, analysis.options):
        notes.add(f"{path}.{name}", finding, remedy)
    return formula
