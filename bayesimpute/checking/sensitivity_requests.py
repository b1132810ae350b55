"""The sensitivity analyses of a plan: whether what they are of and what they vary is there."""

from collections import Counter

from bayesimpute.base.errors import FormulaError, InputError, PlanError, Problem, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.checking.conditional_alone import family_options
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.families import Family
from bayesimpute.formulas import parse
from bayesimpute.plan import held_options
from bayesimpute.plan.assumptions import BASES, TIPS, Sensitivity
from bayesimpute.plan.axes import Grid, at, grid_of
from bayesimpute.plan.options import Analysis, Estimand
from bayesimpute.plan.plan import Plan


def alone(read: Read) -> list[Problem]:
    """What is wrong with them, whatever the data are."""
    notes, plan = Notes(), read.plan
    known = [str(given.name) for given in (*plan.analyses, *plan.estimands) if isinstance(given, Analysis | Estimand)]
    for s in plan.sensitivities:
        if not isinstance(s, Sensitivity):
            finding = f"{s!r} is not a Sensitivity"
            notes.add("sensitivity", finding, 'write Sensitivity(name="tipping", of="main", over={"delta": "0:5:1"})')
            continue
        path = f"sensitivity[{s.name}]"
        if not notes.text(f"{path}.name", s.name) or not notes.text(f"{path}.of", s.of):
            continue
        _of(s, path, known, read, notes)
        for part, given, choices in (("base", s.base, BASES), ("tip", s.tip, TIPS)):
            if not isinstance(given, str) or given not in choices:
                remedy = did_you_mean(str(given), choices, f"use {listed(f'"{c}"' for c in choices)}")
                notes.add(f"{path}.{part}", f"{given!r} is not known", remedy)
        if s.null is not None and (isinstance(s.null, bool) or not isinstance(s.null, int | float)):
            notes.add(f"{path}.null", f"{s.null!r} is not a number", "write null = 0")
        try:
            _at_ends(grid_of(s.over, plan), plan, path, notes)
        except InputError as error:
            for p in error.problems:
                notes.add(f"{path}.{p.path}", p.finding, p.remedy)
    names = Counter(str(s.name) for s in plan.sensitivities if isinstance(s, Sensitivity))
    for name in (name for name, times in names.items() if times > 1):
        finding = f'{names[name]} sensitivity analyses are called "{name}"'
        notes.add(f"sensitivity[{name}]", finding, "give each its own name")
    return notes.problems


def _at_ends(grid: Grid, plan: Plan, path: str, notes: Notes) -> None:
    """What a family's option may not be at the first or the last value of an axis."""
    for axis in grid.axes:
        own = Notes()
        for value in dict.fromkeys(axis.ends):
            try:
                there = at(plan, {axis.name: value})
            except PlanError as error:
                own.problems += error.problems
                continue
            for before, model in zip(plan.models, there.models, strict=True):
                family = held_options.settled(model, there.assumptions).family
                if isinstance(family, Family) and family != held_options.settled(before, plan.assumptions).family:
                    family_options(family, f"{path}.over", own)
        for p in own.problems:
            notes.add(f"{path}.over.{axis.name}", p.finding, p.remedy)


def _of(s: Sensitivity, path: str, known: list[str], read: Read, notes: Notes) -> None:
    formula = read.analyses.get(s.of)
    if s.of not in known and "~" not in s.of:
        remedy = did_you_mean(s.of, known, f"they are {listed(known) or 'none'}; or write a formula")
        notes.add(f"{path}.of", f'the plan has no analysis or estimand "{s.of}"', remedy)
        return
    if s.of not in known:
        try:
            formula = parse(s.of, response="required", path=f"{path}.of")
        except FormulaError as error:
            notes.problems += error.problems
    if formula is not None and isinstance(s.term, str):
        parts = (part.strip() for part in s.term.split(":"))
        for name in (name for name in parts if name.isidentifier() and name not in {*formula.names, "Intercept"}):
            remedy = did_you_mean(name, formula.terms, f"its terms are {listed(formula.terms)}")
            notes.add(f"{path}.term", f'the analysis has no "{name}"', remedy)
