"""Where variables do not apply: whether that can be told, and whether whoever reads them says what they have there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.errors import FormulaError, Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, first_row, listed
from bayesimpute.checking.conditions_held import APPLIES, no_labels
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Expression, Formula, evaluate_expression, parse_expression, quote
from bayesimpute.formulas.syntax import Call, Node, Operation, walk
from bayesimpute.formulas.terms import names_in
from bayesimpute.formulas.usage import guarded, unguarded
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.void_cells import condition, series_of, void_rows


@dataclass(frozen=True, kw_only=True)
class _Void:
    """Where a variable does not apply."""

    reading: Reading
    rows: np.ndarray
    expression: Expression

    def guard(self, trees: Iterable[Node] = ()) -> str:
        """What a formula may read of it, and beside what; 1 inside of functions that have no value at 0."""
        name = quote(self.reading.target)
        number = 1 if any(_undefined_at_0(node, self.reading.target) for tree in trees for node in walk(tree)) else 0
        return f"write where_applies({name}, {number}), beside {listed(sorted(self.expression.names))}"

    def told(self) -> str:
        """What it is, in words."""
        where = f'applies = "{self.expression.source}"'
        return f'"{self.reading.target}" does not apply in {counted(int(self.rows.sum()), "row")} ({where})'


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with what is said of where variables apply, and with formulas that read these."""
    notes, found = Notes(), dict[str, _Void]()
    for reading in read.conditionals:
        void = None if reading.conditional.applies is None else _void(reading, data, notes)
        if void is not None:
            found[reading.target] = void
    for path, trees, masks in _trees(read):
        for name in sorted(unguarded(trees) & found.keys()):
            notes.add(path, found[name].told(), found[name].guard(trees))
        for name in sorted(masks & found.keys()):
            notes.add(path, f"{found[name].told()}: there it is neither observed nor missing", "leave it out")
        _needless(path, guarded(trees), found, data, notes)
    for reading in read.conditionals:
        for use in reading.side.values():
            for name in sorted(use.values & found.keys()):
                remedy = f"derive a variable: where_applies({quote(name)}, 0)"
                notes.add(use.path, found[name].told(), remedy)
    _analyses(read, data, found, notes)
    _estimands(read, found, notes)
    return notes.problems


def _undefined_at_0(node: Node, name: str) -> bool:
    """Whether it is a logarithm or a ratio that has no value where a column is 0."""
    match node:
        case Call(function, (inner, *_)) if function in ("log", "log2", "log10", "logit"):
            return name in names_in(inner)
        case Operation(symbols, operands) if "/" in symbols:
            return any(s == "/" and name in names_in(o) for s, o in zip(symbols, operands[1:], strict=False))
    return False


def _void(reading: Reading, data: Incomplete, notes: Notes) -> _Void | None:
    path, column = f"{reading.path}{APPLIES}", data.columns.get(reading.target)
    if column is None or not notes.text(path, reading.conditional.applies):
        return None
    try:
        expression = parse_expression(str(reading.conditional.applies), path)
    except FormulaError as error:
        notes.problems += error.problems
        return None
    if not _readable(expression, reading.target, data, path, notes) or any(no_labels(expression.tree, path, data)):
        return None  # labels that there are not are told with those of other conditions
    try:
        values = evaluate_expression(expression, {n: series_of(data.columns[n]) for n in expression.names})
        rows = ~condition(expression, data.columns)
    except FormulaError as error:
        notes.problems += error.problems
        return None
    if not np.isin(values, (0, 1)).all():
        remedy = f'compare it with something: applies = "{expression.source} > 0"'
        notes.add(path, f"{expression.source} is a number and no condition", remedy)
        return None
    _held(reading, rows, data, path, notes)
    if not rows.any():
        finding = f"{expression.source} holds in every row"
        warning = Problem(path=path, finding=finding, remedy="leave it out", severity=Severity.WARNING)
        notes.problems.append(warning)
        return None
    return _Void(reading=reading, rows=rows, expression=expression)


def _readable(expression: Expression, target: str, data: Incomplete, path: str, notes: Notes) -> bool:
    """Whether a condition reads complete columns of the data only, row by row."""
    before = len(notes.problems)
    if target in expression.names:
        notes.add(path, f'it reads "{target}", whose own cells it is about', "write it with other columns")
    if expression.keys or expression.masks or expression.timed:
        notes.add(path, f"{expression.source} looks beyond the row", "write it with columns alone")
    for name in sorted(expression.names - {target}):
        if name not in data.columns:
            remedy = did_you_mean(name, data.columns, "name a column of the data")
            notes.add(path, f'there is no column "{name}" in the data', remedy)
        elif data.columns[name].missing.any():
            number = counted(int(data.columns[name].missing.sum()), "missing value")
            remedy = "write it with columns that are complete, or complete this one before: where it applies is known"
            notes.add(path, f'"{name}" has {number}, so that nobody knows whether "{target}" applies there', remedy)
        elif data.columns[name].kind not in ("number", "yes/no", "category"):
            notes.add(path, f'"{name}" is no column of numbers or labels', "write it with such columns")
    return len(notes.problems) == before


def _held(reading: Reading, rows: np.ndarray, data: Incomplete, path: str, notes: Notes) -> None:
    """The condition against the values of the variable, its level and its family."""
    name, column = reading.target, data.columns[reading.target]
    wrong = rows & ~column.missing
    if wrong.any():
        finding = (
            f'"{name}" is observed in {counted(int(wrong.sum()), "row")} where it does not apply, '
            f"{first_row(data.frame, wrong)}"
        )
        notes.add(path, finding, "empty these cells, or mend the condition")
    if rows.all():
        notes.add(path, "it holds in no row", "leave the conditional out, or mend the condition")
    level = reading.level or data.variables[name].level
    if level is not None and level in data.clusters:
        codes = data.codes(level)
        mixed = np.bincount(codes, weights=rows) % np.bincount(codes) != 0
        if mixed.any():
            finding = f'"{name}" is of level "{level}", and it applies to some rows of a cluster only'
            notes.add(
                path, f"{finding}, {first_row(data.frame, mixed[codes])}", "write it with columns of the clusters"
            )
    if reading.family is not None and reading.family.selection is not None:
        finding = f"{reading.family.name} models who is observed, and who has no value is neither observed nor missing"
        notes.add(path, finding, "impute the rows to which it applies alone, or take a family without selection")


def _trees(read: Read) -> Iterable[tuple[str, tuple, frozenset[str]]]:
    """What is calculated anywhere in a plan, with the columns of whose cells it is used which are observed."""
    for reading in read.conditionals:
        for name, formula in reading.formulas.items():
            use = reading.uses[name]
            yield use.path, formula.nodes, use.masks
    for definition in read.derived.values():
        yield definition.path, (definition.expression.tree,), definition.use.masks
    for shift in read.shifts:
        yield shift.path, (shift.expression.tree,), shift.use.masks


def _needless(path: str, names: frozenset[str], void: Mapping[str, _Void], data: Incomplete, notes: Notes) -> None:
    for name in sorted(names & data.columns.keys() - void.keys()):
        finding = f'where_applies({quote(name)}, …): "{name}" applies everywhere'
        remedy = f'say in its conditional where it does: applies = "x == 1"; or read {quote(name)} itself'
        notes.add(path, finding, remedy)


def _analyses(read: Read, data: Incomplete, void: Mapping[str, _Void], notes: Notes) -> None:
    where = {a.name: a.where for a in read.plan.analyses if isinstance(a, Analysis) and isinstance(a.name, str)}
    for name, formula in read.analyses.items():
        rows = _analysed(where.get(name), data)
        for each in sorted((unguarded(formula.nodes) | {str(formula.response)}) & void.keys()):
            if (void[each].rows & rows).any():
                condition = f'analyse where it applies: where = "{void[each].expression.source}"'
                remedy = condition if each == formula.response else f"{condition}; or {void[each].guard(formula.nodes)}"
                notes.add(f"analysis[{name}].formula", void[each].told(), remedy)
        _needless(f"analysis[{name}].formula", guarded(formula.nodes), void, data, notes)
        for finding, remedy in standing_in(read.plan, formula, where.get(name), data):
            path, warning = f"analysis[{name}].formula", Severity.WARNING
            notes.problems.append(Problem(path=path, finding=finding, remedy=remedy, severity=warning))


def stand_ins(plan: Plan) -> dict[str, str]:
    """The derived variables that have a given value where another does not apply, and that other."""
    models = (model for model in plan.models if isinstance(model, Conditional))
    void = {model.target for model in models if model.applies is not None}
    found: dict[str, str] = {}
    for each in plan.computed if void else ():
        try:
            tree = parse_expression(each.expression).tree
        except (FormulaError, TypeError):  # told where it is read
            continue
        mine = sorted(guarded((tree,)) & void) or [found[n] for n in sorted(names_in(tree)) if n in found]
        found |= {str(each.name): mine[0]} if mine else {}
    return found


def standing_in(plan: Plan, formula: Formula, where: str | None, data: Incomplete) -> list[tuple[str, str]]:
    """What an analysis has of values that stand in for a variable that does not apply: findings and remedies.

    As predictors they are of no consequence beside what says where the variable applies.
    """
    told = []
    for name, target in stand_ins(plan).items():
        model = next(m for m in plan.models if isinstance(m, Conditional) and m.target == target)
        void = void_rows(model, data.columns)
        if void is None or name not in {formula.response, *formula.needs}:
            continue
        beside = parse_expression(str(model.applies)).names & formula.needs
        rows = void & _analysed(where, data)
        if rows.any() and (name == formula.response or not beside):
            finding = f'in {counted(int(rows.sum()), "row")} "{name}" has the value that stands in for "{target}"'
            remedy = f'if that is no value of theirs, analyse where it applies: where = "{model.applies}"'
            told.append((f"{finding}, which does not apply there", remedy))
    return told


def _analysed(where: str | None, data: Incomplete) -> np.ndarray:
    """The rows that an analysis is sure to have."""
    every = np.ones(len(data.frame), dtype=bool)
    try:
        expression = None if where is None else parse_expression(where, "where")
        return every if expression is None else condition(expression, data.columns)
    except (FormulaError, KeyError):  # told elsewhere, or a derived variable
        return ~every


def _estimands(read: Read, void: Mapping[str, _Void], notes: Notes) -> None:
    for estimand in read.plan.estimands:
        by = getattr(estimand, "by", ())
        for name in (getattr(estimand, "variable", None), *(by if isinstance(by, tuple) else ())):
            if isinstance(name, str) and name in void:
                analysis = f'formula {quote(name)} ~ 1, where = "{void[name].expression.source}"'
                remedy = f"derive a variable, where_applies({quote(name)}, 0), or analyse it: {analysis}"
                notes.add(f"estimand[{estimand.name}]", void[name].told(), remedy)
