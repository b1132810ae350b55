"""Each conditional's formulas, coded on a completed frame: what only their matrices show.

The frame is made as for a model's description, with a fixed seed: targets start from draws of their observed values,
and so do incomplete columns that the plan forgot, so that one omission does not hide what else is wrong with a formula.
"""

from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

import numpy as np
import pandas as pd

from bayesimpute.base.errors import FormulaError, PlanError, Problem, Severity, errors
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.checking import clusters, collinearity, drawn_beyond, exclusions
from bayesimpute.checking import prior_roles as priors
from bayesimpute.checking.broken_rules import problems as of_restrictions
from bayesimpute.checking.cluster_level import problems as of_cluster_level
from bayesimpute.checking.derived import calls_computable, computable
from bayesimpute.checking.ignored_rows import problems as of_ignored_rows
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.partly_known import problems as of_known_cells
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.separation import of_outcome, of_selection
from bayesimpute.checking.substantive import substantive as is_substantive
from bayesimpute.checking.target_columns import filled, settled, suitable
from bayesimpute.checking.timing import lags_without_value, visits_usable
from bayesimpute.checking.uses import Use
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed, fill
from bayesimpute.designs.restricted import started
from bayesimpute.designs.sheets import IMPUTED_ELSEWHERE
from bayesimpute.formulas import Formula, Matrix, build, quote
from bayesimpute.formulas.algebra import Term
from bayesimpute.formulas.language import usage_of
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived, Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Resolved, Target

FAR = 2.0
"""Standard deviations from zero at which a slope that goes with no intercept is about a place far off."""
SEED = 20260102
"""Of the completed frame: a check says the same each time."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with the matrices of all formulas that can be coded."""
    notes = Notes()
    resolved = resolve(_sound(read, data), data)
    resolved = replace(resolved, filled={**resolved.filled, **_draws(resolved, data)})
    completed = Completed(data, resolved, _start(data, resolved))
    _numbers(read, resolved, completed, data, notes)
    readings = {reading.target: reading for reading in read.conditionals}
    imputed = {target.name: target.imputed_row for target in resolved.targets}
    for target in resolved.targets:
        target = replace(target, learn=target.seen)  # what can be learnt is where it is observed
        _Model(readings[target.name], target, read, data, completed, imputed, notes, resolved).check()
    return notes.problems


def _start(data: Incomplete, resolved: Resolved) -> dict[str, np.ndarray]:
    """A fill of what is missing, which respects the restrictions as that of a chain does."""
    rng = np.random.default_rng(SEED)
    cells = fill(data, resolved, rng, spread=0.0)
    with suppress(PlanError):  # that nothing respects them is told by itself
        return started(data, resolved, rng, cells, {t.name: t.given[t.fit_rows] for t in resolved.targets})
    return cells


def _sound(read: Read, data: Incomplete) -> Plan:
    """The part of a plan that can be built."""
    derived = _derived(read, data)
    conditionals: list[Conditional] = []
    substantive: list[Conditional] = []
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        uses = {name: use for name, use in reading.uses.items() if not lags_without_value(use, reading)}
        codable = [name for name, use in uses.items() if _codable(use, derived, read, data)]
        formulas = {name: reading.conditional.formulas[name] for name in codable}
        if column is None or not suitable(column) or reading.target in read.derived or not formulas:
            continue
        level = reading.level
        if level is not None and (not _keyed(level, data) or data.disagreements(reading.target, level)):
            continue
        family = reading.family if settled(reading, column) is not None and reading.family is not None else "auto"
        settled_there = {"family": family, "formulas": formulas, "level": level, "priors": reading.priors}
        made = replace(reading.conditional, where=None, **settled_there)
        (substantive if is_substantive(reading) else conditionals).append(made)
    kept = tuple(
        Derived(name=d.name, expression=d.expression.source) for d in read.derived.values() if d.name in derived
    )
    run = Run(ignore=None if errors(of_ignored_rows(read, data)) else getattr(read.plan.run, "ignore", None))
    return Plan(
        conditionals=tuple(conditionals),
        substantive=tuple(substantive),
        derived=kept,
        time=read.plan.time,
        run=run,
        restrictions=() if errors(of_restrictions(read, data)) else read.plan.restrictions,
        known=() if errors(of_known_cells(read, data)) else read.plan.known,
    )


def _derived(read: Read, data: Incomplete) -> frozenset[str]:
    """The derived variables that can be computed, those that they depend on included."""
    inside = {name: definition.use.names & read.derived.keys() for name, definition in read.derived.items()}
    order, good = TopologicalSorter(inside), set[str]()
    with suppress(CycleError):  # what is in a circle or behind one never gets ready
        order.prepare()
    while ready := order.get_ready():
        for name in ready:
            definition = read.derived[name]
            if computable(definition, read, data) and _codable(definition.use, good, read, data):
                good.add(name)
        order.done(*ready)
    return frozenset(good)


def _codable(use: Use, derived: Set[str], read: Read, data: Incomplete) -> bool:
    known = all(name in derived if name in read.derived else name in data.columns for name in use.names)
    values = [data.columns[name] for name in use.values if name in data.columns]
    return (
        known
        and all(_keyed(key, data) for key in use.keys)
        and use.masks <= set(data.columns)
        and (not use.timed or visits_usable(read.plan.time, data))
        and calls_computable(use, read, data)
        and all(column.kind in ("number", "yes/no", "category") and not column.missing.all() for column in values)
        and not any(column.kind == "category" and collinearity.crowded(column) for column in values)
    )


def _keyed(key: str, data: Incomplete) -> bool:
    return all(name in data.columns for name in key_columns(key, data.columns)) and clusters.usable(key, data)


def _draws(resolved: Resolved, data: Incomplete) -> dict[str, np.ndarray]:
    """Incomplete columns that nothing imputes, with draws from their observed values; one a cluster at level 2."""
    rng = np.random.default_rng(SEED)
    done = {t.name for t in resolved.targets} | {d.name for d in resolved.derived}
    found = {}
    for name, variable in data.variables.items():
        values = np.array(resolved.filled.get(name, filled(data, name)), dtype=np.float64)
        gaps = np.isnan(values)
        if name not in done and gaps.any() and not gaps.all():
            drawn = rng.choice(values[~gaps], len(values))
            codes = np.arange(len(values)) if variable.level is None else data.codes(variable.level)
            values[gaps] = drawn[codes[gaps]]
            found[name] = values
    return found


def _numbers(read: Read, resolved: Resolved, completed: Completed, data: Incomplete, notes: Notes) -> None:
    """Derived variables that are not numbers in some row: divisions by zero, roots of negative numbers."""
    for column in resolved.derived:
        values = completed.values[column.name]
        wrong = ~np.isfinite(values)
        inputs = [completed.values[n] for n in column.expression.needs if n in completed.values]
        wrong &= np.all([np.isfinite(v) for v in inputs], axis=0) if inputs else True
        if column.name in read.derived and wrong.any():
            finding = f"it has no finite value in {counted(int(wrong.sum()), 'row')}, {first_row(data.frame, wrong)}"
            notes.add(read.derived[column.name].path, finding, "mend these rows, or write where(condition, x, y)")


@dataclass(frozen=True, eq=False)
class _Model:
    """One target's formulas on its completed rows."""

    reading: Reading
    target: Target
    read: Read
    data: Incomplete
    completed: Completed
    imputed: Mapping[str, np.ndarray]
    notes: Notes
    resolved: Resolved

    def check(self) -> None:
        coded: dict[str, priors.Coded] = {}
        frame, parameters = self.completed.frame, {p.name: p for p in self.target.family.parameters}
        self.notes.problems += exclusions.target_problems(self.target, self.reading.path)
        for name, formula in self.target.formulas.items():
            path = f"{self.reading.path}.formulas.{name}"
            rows = self.target.rows_of(parameters[name]) if name in parameters else self.target.fit_rows
            fit = frame.iloc[rows].reset_index(drop=True)
            known = self.columns(formula, rows, path)
            for column in set(formula.offset_columns) - known:
                self.finite(self.completed.values[column], column, path)
            common = self.code(formula.trees, fit, rows, path, known)
            if common is not None and name in parameters and parameters[name].intercept is None:
                common = common.without_intercept()
            groups = [(g, self.code(g.trees, fit, rows, path, known)) for g in formula.groups]
            if common is not None:
                self.counts(common, len(rows), path)
                self.notes.problems += of_cluster_level(common, rows, self.target, self.completed, self.data, path)
                self.separation(name, common, fit, path)
            for group, matrix in groups:
                self.group(group.factor, matrix, path)
                self.origin(group.factor, matrix, fit, path)
            if common is not None and all(matrix is not None for _, matrix in groups):
                coded[name] = priors.Coded(common=common, groups=[(g, m) for g, m in groups if m is not None])
            self.level(formula, path)
        self.priors(coded)

    def separation(self, name: str, common: Matrix, fit: pd.DataFrame, path: str) -> None:
        selects = self.target.family.selection
        if selects is not None and name == selects.parameter:
            self.notes.problems += of_selection(common.evaluate(fit), common, self.target, path)
        elif name == self.target.family.parameters[0].name and len(fit) == len(self.target.fit_rows):
            self.notes.problems += of_outcome(common.evaluate(fit), common, self.target, path)

    def columns(self, formula: Formula, rows: np.ndarray, path: str) -> frozenset[str]:
        """Data columns without variation or with new labels; returns their names, so that nothing is said twice."""
        said = set()
        for name in sorted(formula.names & set(self.data.columns) - self.keys(formula)):
            found = collinearity.column_problems(self.data.columns[name], self.target, rows, path)
            self.notes.problems += found
            said |= {name} if found else set()
        return frozenset(said)

    @staticmethod
    def keys(formula: Formula) -> set[str]:
        """Columns that are grouping factors and nothing else."""
        factors = {name for group in formula.groups for name in group.keys}
        return factors - usage_of((*formula.trees, *(term for g in formula.groups for term in g.trees))).names

    def code(
        self, terms: tuple[Term, ...], fit: pd.DataFrame, fitted: np.ndarray, path: str, known: frozenset[str]
    ) -> Matrix | None:
        """The matrix of some terms, after noting what is wrong with its columns."""
        try:
            matrix = build(terms, fit, path=path)
        except FormulaError as error:
            self.notes.problems += [p for p in error.problems if p not in self.notes.problems]
            return None
        try:
            everywhere = matrix.evaluate(self.completed.frame)
        except FormulaError as error:
            self.notes.problems += [] if known else error.problems
            everywhere = matrix.evaluate(fit)
        apart = not self.target.impute.any() and not self.target.observed.all()  # rows outside of a risk set
        if apart and len(everywhere) == len(self.data.frame):
            everywhere[~self.target.observed[self.target.unit_of_row]] = 0.0
        before = len(self.notes.problems)
        for k, name in enumerate(matrix.names):
            self.finite(everywhere[:, k], name, path, matrix.reads(k))
        if len(self.notes.problems) == before:
            self.notes.problems += drawn_beyond.matrix_problems(matrix, self.resolved, self.completed, path)
        rows = fitted if len(everywhere) == len(self.data.frame) else slice(None)
        self.notes.problems += collinearity.matrix_problems(everywhere[rows], matrix, self.target, path, known)
        return matrix

    def finite(self, values: np.ndarray, name: str, path: str, names: frozenset[str] = frozenset()) -> None:
        wrong = ~np.isfinite(values)
        drawn = [rows for target, rows in self.imputed.items() if target in names]
        if wrong.any() and drawn and len(wrong) == len(self.data.frame) and np.any(drawn, axis=0)[wrong].all():
            number = counted(int(wrong.sum()), "row")
            finding = f"{name} is not a finite number with values that may be imputed, as in {number} of a first fill"
            self.notes.add(path, finding, IMPUTED_ELSEWHERE)
        elif wrong.any():
            where = f", {first_row(self.data.frame, wrong)}" if len(wrong) == len(self.data.frame) else ""
            finding = f"{name} is not a finite number in {counted(int(wrong.sum()), 'row')}{where}"
            self.notes.add(path, finding, "mend these rows, or derive a variable with where(condition, x, y)")

    def counts(self, common: Matrix, n: int, path: str) -> None:
        width, level = len(common.names), self.target.level
        which = "observed" if n == len(self.target.fit_rows) else "fitted"
        if level is None and width >= n:
            finding = f"it has {counted(width, 'coefficient')} for {counted(n, f'{which} row')}"
            self.notes.add(path, finding, "use fewer predictors, or merge labels")
        elif level is not None and n < width + 2:
            finding = (
                f'it has {counted(width, "coefficient")} for {counted(n, "cluster")} of "{level}" with observed values'
            )
            self.notes.add(path, finding, f"use at most {max(n - 2, 1)} coefficients")

    def group(self, factor: str, matrix: Matrix | None, path: str) -> None:
        codes = self.data.codes(factor)[self.target.rows]
        units, all_clusters = len(codes), len(np.unique(codes))
        clusters_seen = len(np.unique(codes[self.target.seen]))
        if self.target.level is not None and all_clusters == units:
            finding = f'random effects by "{factor}" of a target of level "{self.target.level}": one row a cluster'
            self.notes.add(path, finding, "leave them out; use a coarser key, or none")
        elif matrix is not None and all_clusters > 1 and len(matrix.names) >= clusters_seen:
            effects = f'{len(matrix.names)} random effects by "{factor}"'
            finding = f"{effects}, which has {counted(clusters_seen, 'cluster')} with observed values"
            self.notes.add(path, finding, "use fewer random effects than clusters")

    def origin(self, factor: str, matrix: Matrix | None, fit: pd.DataFrame, path: str) -> None:
        """Slopes without an intercept that goes with them: they say that clusters differ least where x is zero."""
        if matrix is None or "Intercept" in matrix.names:
            return
        columns = matrix.evaluate(fit)
        for (name, place), factors in zip(matrix.terms, matrix.parts, strict=True):
            middle, spread = columns[:, place].mean(), columns[:, place].std()
            if all(f.kind == "numeric" for f, _ in factors) and abs(middle) > FAR * spread > 0:
                finding = (
                    f'the effects of {name} by "{factor}" do not go with those of an intercept, so clusters differ '
                    f"least where {name} is zero, which is far off: mean {middle:.3g}, standard deviation {spread:.3g}"
                )
                centred = f", or center({name})" if len(factors) == 1 else ""  # of a product there is no such thing
                remedy = f"write (1 + {name} | {factor}){centred}"
                self.notes.problems.append(
                    Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING)
                )

    def level(self, formula: Formula, path: str) -> None:
        """Predictors of a level-2 target that are not constant within its clusters."""
        if self.target.level is None:
            return
        first = self.target.rows[self.target.unit_of_row]
        for name in sorted(formula.names - self.keys(formula)):
            values = self.completed.values[name]
            if not np.array_equal(values, values[first], equal_nan=True):
                finding = f'"{name}" is not constant within "{self.target.level}", the level of {self.target.name}'
                self.notes.add(path, finding, self.mean(name))

    def mean(self, name: str) -> str:
        column, level = self.data.columns.get(name), self.target.level
        if name not in self.data.columns and name not in self.read.derived:
            return f'take the mean by "{level}"'
        inside = f'{quote(name)} == "{column.labels[-1]}"' if column is not None and column.labels else quote(name)
        return f"write cluster_mean({inside}, {level})"

    def priors(self, coded: Mapping[str, priors.Coded]) -> None:
        """Names of priors: known only if every formula could be coded."""
        family = self.reading.family or settled(self.reading, self.data.columns[self.target.name])
        whole = set(coded) == set(self.reading.conditional.formulas) and not self.reading.broken_family
        if family is not None and whole:
            bound = family.bind(self.data.columns[self.target.name])
            if self.target.empty is not None and bound.selection is not None:
                bound = bound.selection.in_doubt
            known = priors.roles(bound, coded)
            priors.problems(self.reading.priors, known, f"{self.reading.path}.priors", self.notes)
