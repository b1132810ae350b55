"""Restrictions: whether they can be read, hold where everything is observed, and can be met by the rest.

:func:`problems` looks at the plan and what is observed; :func:`unmet` looks for a start of a chain that respects all of
them, as a run does: rules that contradict each other, or that nothing can meet, show there.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from bayesimpute.base.errors import FormulaError, PlanError, Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, rows
from bayesimpute.checking.derived import closure
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import fill
from bayesimpute.designs.restricted import started
from bayesimpute.formulas import Expression, parse_expression
from bayesimpute.plan.assumptions import Adjustment
from bayesimpute.plan.conditions import condition_values
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.restrictions import Restriction, broken, expression_of

MANY = 10
"""Rows from which on a rule that all of them break is taken for a mistake in the rule."""
SEED = 20260103
"""Of the start that is looked for: a check says the same each time."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the restrictions of a plan, beside what is observed."""
    notes = Notes()
    for each in read.plan.restrictions:
        if not isinstance(each, Restriction):
            notes.add("restriction", f"{each!r} is not a Restriction", 'write Restriction(rule="births == 0")')
            continue
        expression = _read(each, notes)
        if expression is not None and _columns(each, expression, read, data, notes):
            _observed(each, expression, read, data, notes)
    return list(dict.fromkeys(notes.problems))


def unmet(plan: Plan, data: Incomplete) -> list[Problem]:
    """Restrictions of a plan without other errors that no start respects."""
    if not plan.restrictions:
        return []
    resolved, rng = resolve(plan, data), np.random.default_rng(SEED)
    try:
        cells = fill(data, resolved, rng, spread=1.0)
        started(data, resolved, rng, cells, {t.name: t.given[t.fit_rows] for t in resolved.targets})
    except PlanError as error:
        return list(error.problems)
    return []


def _read(restriction: Restriction, notes: Notes) -> Expression | None:
    texts = {"rule": restriction.rule, "where": restriction.where}
    path = restriction.path if isinstance(restriction.rule, str) else "restriction"
    right = [notes.text(f"{path}.{key}", text) for key, text in texts.items() if text is not None or key == "rule"]
    if not all(right):
        return None
    try:
        return expression_of(restriction)
    except FormulaError as error:
        notes.problems += error.problems
        return None


def _columns(restriction: Restriction, expression: Expression, read: Read, data: Incomplete, notes: Notes) -> bool:
    """Whether its columns are there, of its own row, and some of them imputed."""
    path, before = restriction.path, len(notes.problems)
    known = [*data.columns, *read.derived]
    for name in sorted(expression.names - set(known)):
        remedy = did_you_mean(name, known, "name a column of the data or a derived variable")
        notes.add(path, f'there is no column "{name}"', remedy)
    follows = closure(expression.names, read)
    inside = [expression, *(read.derived[name].expression for name in follows if name in read.derived)]
    if any(each.keys or each.timed or each.observed for each in inside):
        finding = "it looks at other rows, or at what is observed"
        notes.add(path, finding, "write it of the values of one row")
    targets = {reading.target for reading in read.conditionals}
    if len(notes.problems) == before and not set(follows) & targets:
        finding = "it reads no variable that is imputed"
        notes.problems.append(Problem(path=path, finding=finding, remedy="leave it out", severity=Severity.WARNING))
    for a in read.plan.adjustments:
        if isinstance(a, Adjustment) and a.target in follows and a.propagate is False:
            finding = f"{a.target} is adjusted after the run, when nothing is drawn that could respect a rule"
            notes.add(path, finding, "let the adjustment propagate")
    return len(notes.problems) == before or all(p.severity is Severity.WARNING for p in notes.problems[before:])


def _observed(restriction: Restriction, expression: Expression, read: Read, data: Incomplete, notes: Notes) -> None:
    """That it is a condition, and that what is observed does not break it."""
    derived = {name: definition.expression for name, definition in read.derived.items()}
    if any(name in closure(read.derived[name].use.names, read) for name in derived):
        return  # derived in a circle, which is told there
    try:
        for key, text in (("rule", restriction.rule), ("where", restriction.where)):
            if text is not None:
                values = condition_values(parse_expression(text, f"{restriction.path}.{key}"), data, derived)
                if not np.isin(values[~np.isnan(values)], (0, 1)).all():
                    remedy = f'compare it with something: "{text} > 0"'
                    notes.add(f"{restriction.path}.{key}", f"{text} is a number and no condition", remedy)
                    return
        values = condition_values(expression, data, derived)
        meant = _meant(restriction, data, derived) & ~np.isnan(values)
        wrong = broken(values)
    except FormulaError as error:
        notes.problems += error.problems
        return
    if wrong.sum() == meant.sum() >= MANY:
        finding = f"no row meets it of the {meant.sum()} in which it is known whether one does"
        notes.add(restriction.path, finding, "mend the rule: it contradicts itself, or says the opposite")
    elif wrong.any():
        where = f"{counted(int(wrong.sum()), 'row')}: {rows(data.frame, wrong.nonzero()[0])}"
        notes.add(restriction.path, f"what is observed breaks it in {where}", _mend(wrong, expression.names, data))


def _meant(restriction: Restriction, data: Incomplete, derived: Mapping[str, Expression]) -> np.ndarray:
    """The rows in which a rule has to hold, bool, shape (row,)."""
    if restriction.where is None:
        return np.ones(len(data.frame), dtype=bool)
    return condition_values(parse_expression(restriction.where), data, derived) == 1


def _mend(wrong: np.ndarray, names: Iterable[str], data: Incomplete) -> str:
    whole = all(not data.columns[name].missing[wrong].any() for name in names if name in data.columns)
    return "mend these rows, or the rule" if whole else "mend these rows, or the rule: no value of the rest meets it"
