"""A plan on its own, before any data: what of it can be understood, and what cannot.

Plans made in Python may hold anything, so every field is looked at here, once. What passes is a :class:`Read` with
texts where texts belong and formulas that parse; the later passes look at nothing else.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bayesimpute.base.errors import FormulaError, Problem, did_you_mean, is_text
from bayesimpute.base.priors import Prior
from bayesimpute.checking.uses import Use, expression_use, formula_use, side_use
from bayesimpute.families import FAMILIES, Family, options
from bayesimpute.formulas import Expression, Formula, parse, parse_expression
from bayesimpute.formulas.syntax import quote
from bayesimpute.plan import held_options
from bayesimpute.plan.adjusted import expression_of
from bayesimpute.plan.assumptions import SCALES, Adjustment, Assumption
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.fixed import fixes
from bayesimpute.plan.options import Analysis, Derived, Score, Time
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.scores import derived_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A conditional as far as it can be understood.

    Attributes
    ----------
    conditional : Conditional
        As given.
    target : str
        Its name.
    path : str
        ``conditional[target]`` or ``substantive[target]``.
    family : Family or None
        None if it is "auto" or cannot be used.
    broken_family : bool
        Whether the family cannot be used.
    formulas : mapping of str to Formula
        Those that can be read, by parameter.
    uses : mapping of str to Use
        The same formulas.
    side : mapping of str to Use
        The columns that the family reads, by role.
    level : str or None
        As given, if it is a text.
    priors : mapping of str to Prior
        Those that can be read.
    """

    conditional: Conditional
    target: str
    path: str
    family: Family | None
    broken_family: bool
    formulas: Mapping[str, Formula]
    uses: Mapping[str, Use]
    side: Mapping[str, Use]
    level: str | None
    priors: Mapping[str, Prior]


@dataclass(frozen=True, kw_only=True, eq=False)
class Definition:
    """A derived variable that can be read."""

    name: str
    path: str
    expression: Expression
    use: Use


@dataclass(frozen=True, kw_only=True, eq=False)
class Shifted:
    """An adjustment that can be read."""

    adjustment: Adjustment
    path: str
    expression: Expression
    use: Use


@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """What of a plan can be understood."""

    plan: Plan
    conditionals: tuple[Reading, ...]
    derived: Mapping[str, Definition]
    shifts: tuple[Shifted, ...]
    analyses: Mapping[str, Formula]
    keys: tuple[str, ...]

    @property
    def targets(self) -> frozenset[str]:
        """The names of all targets."""
        return frozenset(r.target for r in self.conditionals)

    @property
    def uses(self) -> Iterator[Use]:
        """Of all formulas, families and expressions."""
        yield from (use for r in self.conditionals for use in (*r.uses.values(), *r.side.values()))
        yield from (d.use for d in self.derived.values())


def read_plan(plan: Plan) -> tuple[Read, list[Problem]]:
    """What of a plan can be understood, and what is wrong with it whatever the data are."""
    notes = Notes()
    models = [(plan.path(c), _settled(c, plan.assumptions)) for c in plan.models]
    readings = [r for path, c in models if (r := _conditional(c, path, notes)) is not None]
    _doubled(readings, notes)
    derived: dict[str, Definition] = {}
    scores = (_score(s, notes) for s in plan.scores)
    for definition in (*(_derived(d, notes) for d in plan.derived), *scores):
        if definition is not None and definition.name in derived:
            notes.add(definition.path, f'"{definition.name}" is derived more than once', "keep one")
        elif definition is not None:
            derived[definition.name] = definition
    analyses = {a.name: f for a in plan.analyses if (f := _analysis(a, notes)) is not None}
    for name in _twice(str(a.name) for a in plan.analyses if isinstance(a, Analysis)):
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


class Notes:
    """Problems as they are found."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, path: str, finding: str, remedy: str) -> None:
        """Note one."""
        self.problems.append(Problem(path=path, finding=finding, remedy=remedy))

    def text(self, path: str, value: Any) -> bool:
        """Whether a value is a text with something in it; otherwise it is a problem."""
        if isinstance(value, str) and value.strip():
            return True
        self.add(path, f"{value!r} is not a name", "write a text")
        return False


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


def _conditional(conditional: Conditional, path: str, notes: Notes) -> Reading | None:
    if not isinstance(conditional, Conditional):
        section = path.partition("[")[0]
        notes.add(section, f"{conditional!r} is not a Conditional", 'write Conditional.of("y ~ x")')
        return None
    if not notes.text(f"{path}.target", conditional.target):
        return None
    before = len(notes.problems)
    family = _family(conditional.family, path, notes)
    broken = len(notes.problems) > before
    for role, column in family.named_columns.items() if family is not None and not broken else ():
        if conditional.side.get(role) != column:
            finding = f'the side column is "{conditional.side.get(role)}", and an option names "{column}"'
            notes.add(f"{path}.side.{role}", finding, "name one of them")
    level = conditional.level
    if level is not None and not notes.text(f"{path}.level", level):
        level = None
    formulas = _formulas(conditional, family, f"{path}.formulas", notes)
    return Reading(
        conditional=conditional,
        target=conditional.target,
        path=path,
        family=None if broken else family,
        broken_family=broken,
        formulas=formulas,
        uses={name: formula_use(f, f"{path}.formulas.{name}") for name, f in formulas.items()},
        side=_side(conditional.side, () if family is None else family.reads, f"{path}.side", notes),
        level=level,
        priors=_priors(conditional.priors, f"{path}.priors", notes),
    )


def _side(given: Mapping[str, Any], roles: Sequence[str], path: str, notes: Notes) -> dict[str, Use]:
    """The side columns with a role that the family has."""
    found = {}
    for role, column in given.items():
        if role not in roles:
            known = f"it reads {', '.join(roles)}" if roles else "leave it out: it reads none"
            notes.add(f"{path}.{role}", f'the family reads no column "{role}"', did_you_mean(role, roles, known))
        elif notes.text(f"{path}.{role}", column):
            found[role] = side_use(column, f"{path}.{role}")
    return found


def _family(family: Any, path: str, notes: Notes) -> Family | None:
    if isinstance(family, Family):
        _options(family, path, notes)
        return family
    if isinstance(family, str) and family == "auto":
        return None
    if isinstance(family, str) and family in FAMILIES:
        return FAMILIES[family]()
    known, tried = ["auto", *FAMILIES], str(family).lower().replace("_", " ").replace("-", " ")
    meant = next((name for name, cls in FAMILIES.items() if tried in cls.called), str(family))
    remedy = did_you_mean(meant, known, f"use one of {', '.join(known)}")
    notes.add(f"{path}.family", f'there is no family "{family}"', remedy)
    return None


def _options(family: Family, path: str, notes: Notes) -> None:
    """A family's own options, held against the types of its fields."""
    try:
        hints = get_type_hints(type(family))
    except NameError:  # a class made inside a function, whose names are gone
        return
    before = len(notes.problems)
    for f in options(family):
        value, hint = getattr(family, f.name), hints.get(f.name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            known = list(map(str, get_args(hint)))
            remedy = did_you_mean(str(value), known, f"use one of {', '.join(known)}")
            notes.add(f"{path}.{f.name}", f"{value!r} is not a {f.name} of {family.name}", remedy)
        elif isinstance(hint, type) and not _is(value, hint):
            notes.add(f"{path}.{f.name}", f"{value!r} is not a {f.name} of {family.name}", f"give a {hint.__name__}")
        elif "between" in f.metadata and value is not None:
            low, high = f.metadata["between"]
            if not _is(value, float) or not low < value < high:
                finding = f"{value!r} is not a {f.name} of {family.name}"
                notes.add(f"{path}.{f.name}", finding, f"give a number between {low:g} and {high:g}, both excluded")
    if len(notes.problems) == before:  # of what is wrong by itself it cannot be told
        for conflict in family.conflicts:
            notes.add(f"{path}.{conflict.option}", conflict.finding, conflict.remedy)


def _is(value: Any, wanted: type) -> bool:
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, int | float) if wanted is float else isinstance(value, wanted)


def finite(value: Any) -> bool:
    """Whether it is a finite number; a whole number may be beyond all floats."""
    try:
        return _is(value, float) and math.isfinite(value)
    except OverflowError:
        return False


def _formulas(conditional: Conditional, family: Family | None, path: str, notes: Notes) -> dict[str, Formula]:
    target, read = conditional.target, {}
    if "mu" not in conditional.formulas:
        notes.add(path, "there is no formula for mu", f'write formula = "{quote(target)} ~ 1", with its predictors')
    selects = family.selection.parameter if family is not None and family.selection is not None else None
    for name, text in conditional.formulas.items():
        try:
            left = "optional" if name in ("mu", selects) else "forbidden"
            formula = parse(text, response=left, path=f"{path}.{name}")
        except FormulaError as error:
            notes.problems += error.problems
            continue
        read[name] = formula
        if name == "mu" and formula.response not in (None, target):
            finding = f'the left side is "{formula.response}", the target "{target}"'
            notes.add(f"{path}.{name}", finding, f"write {quote(target)} ~ ...")
    if family is not None and not family.undecided:
        parameter_problems(family, conditional.formulas, path, notes)
    return read


def parameter_problems(family: Family, formulas: Mapping[str, Any], path: str, notes: Notes) -> None:
    """Formulas of parameters that a family does not have, and parameters without formula and default."""
    known = [p.name for p in family.parameters]
    own = [f.name for f in options(family)]
    for name in formulas:
        if name not in known and name in own:
            finding = f"{name} has a formula, and is fixed at {getattr(family, name)!r} too"
            notes.add(f"{path}.{name}", finding, "leave one of the two out")
        elif name not in known:
            remedy = did_you_mean(str(name), known, f"it has {', '.join(known)}")
            notes.add(f"{path}.{name}", f'the family {family.name} has no parameter "{name}"', remedy)
    for p in family.parameters:
        if p.prior is None and p.name not in formulas and p.name != "mu":
            remedy = f'write formulas.{p.name} = "x + z": it says what moves whether the target is observed'
            notes.add(path, f"there is no formula for {p.name}, which has no default", remedy)
        if p.support == "ordered" and p.name in formulas:
            remedy = "leave it out: what moves them all together is the formula of mu"
            notes.add(f"{path}.{p.name}", f"{p.name} are ascending numbers, which have no formula", remedy)


def _priors(priors: Mapping[str, Any], path: str, notes: Notes) -> dict[str, Prior]:
    found = {}
    for name, given in priors.items():
        if fixes(given):
            continue
        place = f'{path}."{name}"'
        try:
            prior = Prior.parse(given, place)
        except FormulaError as error:
            notes.problems += error.problems
            continue
        finding = prior.impossible()
        if finding:
            notes.add(place, f"{prior}: {finding}", "give a proper distribution")
        else:
            found[name] = prior
    return found


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
    elif twice := _twice(items):
        notes.add(f"{path}.items", f'"{twice[0]}" stands in it twice', "name each item once")
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


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    found = [name for name in names if name in seen or seen.add(name)]
    return list(dict.fromkeys(found))
