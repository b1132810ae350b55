"""A conditional or substantive model on its own, before any data: family, options, formulas, priors."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bayesimpute.base.errors import FormulaError, did_you_mean
from bayesimpute.base.priors import Prior
from bayesimpute.checking.notes import Notes, is_of
from bayesimpute.checking.readings import Reading
from bayesimpute.checking.uses import Use, formula_use, side_use
from bayesimpute.families import FAMILIES, Family, options
from bayesimpute.formulas import Formula, parse
from bayesimpute.formulas.syntax import quote
from bayesimpute.plan.conditional import Conditional, right_side
from bayesimpute.plan.fixed import fixes


def read_conditional(conditional: Conditional, path: str, notes: Notes) -> Reading | None:
    """As far as it can be understood."""
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
        family_options(family, path, notes)
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


def family_options(family: Family, path: str, notes: Notes) -> None:
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
        elif isinstance(hint, type) and not is_of(value, hint):
            notes.add(f"{path}.{f.name}", f"{value!r} is not a {f.name} of {family.name}", f"give a {hint.__name__}")
        elif "between" in f.metadata and value is not None:
            low, high = f.metadata["between"]
            if not is_of(value, float) or not low < value < high:
                finding = f"{value!r} is not a {f.name} of {family.name}"
                notes.add(f"{path}.{f.name}", finding, f"give a number between {low:g} and {high:g}, both excluded")
    if len(notes.problems) == before:  # of what is wrong by itself it cannot be told
        for conflict in family.conflicts:
            notes.add(f"{path}.{conflict.option}", conflict.finding, conflict.remedy)


def _formulas(conditional: Conditional, family: Family | None, path: str, notes: Notes) -> dict[str, Formula]:
    target, read, told = conditional.target, {}, list[Any]()
    if "mu" not in conditional.formulas:
        notes.add(path, "there is no formula for mu", f'write formula = "{quote(target)} ~ 1", with its predictors')
    selects = family.selection.parameter if family is not None and family.selection is not None else None
    for name, text in conditional.formulas.items():
        try:
            left = "optional" if name in ("mu", selects) else "forbidden"
            formula = parse(text, response=left, path=f"{path}.{name}")
        except FormulaError as error:
            if text not in told:
                notes.problems += error.problems
            told += [text, right_side(text)]
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
