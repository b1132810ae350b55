"""Coefficients that are not estimated: fixed at a number, or at what an assumption says.

A fixed coefficient is no prior without spread, which samplers would have to take care of, but an offset: its term
leaves the matrix, and the coefficient times the term, at its current values, is added to the linear predictor. So every
sampler and every compatible draw takes it exactly. Beside an intercept the term is taken about the mean of its observed
values, where the priors of intercepts hold, whatever the units; the intercept is the linear predictor there.

The coefficient of y in the model of ``observed(y)`` is what the data cannot tell (Diggle & Kenward 1994, Appl Stat
43:49; Kenward 1998, Stat Med 17:2723): fixed at 0 it says missing at random.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesimpute.base.distributions import DISTRIBUTIONS
from bayesimpute.base.errors import FormulaError
from bayesimpute.base.priors import Prior
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Formula, evaluate_expression, parse, parse_expression
from bayesimpute.formulas.algebra import Term
from bayesimpute.formulas.expressions import Expression
from bayesimpute.formulas.lift import lift_formula
from bayesimpute.formulas.syntax import Name, Node, Number, Operation, render
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived
from bayesimpute.plan.targets import Event


@dataclass(frozen=True, kw_only=True)
class ReadFormulas:
    """The formulas of a model with lifted calls, by parameter; the calls; and what is fixed, as events."""

    formulas: Mapping[str, Formula]
    calls: frozenset[str]
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A coefficient that is fixed.

    Parameters
    ----------
    name : str
        The coefficient, as posteriors name it.
    at : float or str
        The number, or the name of an assumption.
    parameter : str
        In whose formula its term stands.
    term : Term
        The term.
    """

    name: str
    at: float | str
    parameter: str
    term: Term

    @property
    def product(self) -> Node:
        """The term as a calculation."""
        parts: tuple[Node, ...] = self.term
        return parts[0] if len(parts) == 1 else Operation(("*",) * (len(parts) - 1), parts)

    def offset(self, middle: float) -> Node:
        """What is added to the linear predictor: the coefficient times the term about a number."""
        sign = "-" if middle > 0 else "+"
        about = Operation((sign,), (self.product, Number(abs(middle)))) if middle else self.product
        return Operation(("*",), (Name(self.at) if isinstance(self.at, str) else Number(float(self.at)), about))


def read_formulas(
    conditional: Conditional, path: str, derived: Iterable[Derived], incomplete: Incomplete
) -> ReadFormulas:
    """The formulas of a model, with offsets in the place of coefficients that are fixed."""
    plain = {
        parameter: parse(text, response="optional", path=f"{path}.formulas.{parameter}")
        for parameter, text in conditional.formulas.items()
    }
    held = fixed(asked(conditional), plain)
    middles = {each.name: middle(each, plain[each.parameter], derived, incomplete) for each in held}
    read, calls = {}, frozenset[str]()
    for parameter, formula in plain.items():
        mine = [each for each in held if each.parameter == parameter]
        read[parameter], found = lift_formula(with_fixed(formula, mine, middles))
        calls |= found
    return ReadFormulas(formulas=read, calls=calls, events=tuple(told(conditional.target, held, middles)))


def asked(conditional: Conditional) -> dict[str, float | str]:
    """What stands among the priors of a model and is none: numbers, and names."""
    return {k: v for k, v in conditional.priors.items() if not isinstance(v, Prior) and fixes(v)}


def fixes(given: object) -> bool:
    """Whether what is given as a prior fixes a coefficient: a number, or what may be the name of an assumption."""
    if isinstance(given, str):
        return given.isidentifier() and given not in DISTRIBUTIONS
    return isinstance(given, int | float) and not isinstance(given, bool)


def assumed_in(models: Iterable[Conditional]) -> frozenset[str]:
    """The names at which coefficients of some models are fixed."""
    return frozenset(v for model in models for v in asked(model).values() if isinstance(v, str))


def coefficient(parameter: str, term: str) -> str:
    """The name of a coefficient; those of ``mu`` stand alone."""
    return term if parameter == "mu" else f"{parameter}_{term}"


def fixed(given: Mapping[str, float | str], formulas: Mapping[str, Formula]) -> list[Fixed]:
    """The coefficients of some formulas that are fixed; names of other parameters are left out."""
    return [
        Fixed(name=name, at=given[name], parameter=parameter, term=tree)
        for parameter, formula in formulas.items()
        for tree, term in zip(formula.trees, formula.terms, strict=True)
        if tree and (name := coefficient(parameter, term)) in given
    ]


def with_fixed(formula: Formula, mine: Iterable[Fixed], middles: Mapping[str, float]) -> Formula:
    """A formula whose fixed terms are offsets; `middles` are where its intercept is, by coefficient."""
    found = {each.term: each.offset(middles[each.name]) for each in mine}
    if not found:
        return formula
    kept = [tree for tree in formula.trees if tree not in found]
    offsets = (*formula.offsets, *found.values())
    return Formula.of(formula.source, formula.response, kept, formula.groups, offsets)


def middle(each: Fixed, formula: Formula, derived: Iterable[Derived], incomplete: Incomplete) -> float:
    """The mean of a term where it is known, to three digits; 0 where no intercept takes up the rest."""
    if () not in formula.trees:
        return 0.0
    expressions = {d.name: parse_expression(d.expression, f"derived[{d.name}].expression") for d in derived}
    found = known_values(parse_expression(render(each.product)), expressions, incomplete)
    known = found[np.isfinite(found)]
    return float(f"{known.mean():.3g}") if known.size else 0.0


def told(target: str, all_fixed: Iterable[Fixed], middles: Mapping[str, float]) -> list[Event]:
    """What is fixed, as events."""
    found = []
    for each in all_fixed:
        about = f"; the intercept is that at {render(each.product)} = {middles[each.name]:g}" * bool(middles[each.name])
        what = f"the coefficient of {each.name} is fixed at {each.at}{about}"
        why = "an assumption, which the data do not tell" if isinstance(each.at, str) else "the plan says so"
        found.append(Event(target=target, what=what, why=why))
    return found


def known_values(expression: Expression, derived: Mapping[str, Expression], incomplete: Incomplete) -> np.ndarray:
    """An expression where everything in it is known, NaN elsewhere; for cluster means and lags stand the values."""
    columns = {}
    for name in expression.names:
        inside = name not in incomplete.columns and name in derived
        columns[name] = known_values(derived[name], derived, incomplete) if inside else _read(incomplete.columns[name])
    seen = {name: (~column.missing).astype(float) for name, column in incomplete.columns.items()}
    extra = {
        "cluster_mean": lambda values, key: values,
        "observed": lambda name: seen[name],
        "systematic": lambda name, key: 1 - seen[name],
        "lag": lambda values: values,
        "since_dropout": lambda name: 1 - seen[name],
        "dropout": lambda name: 1 - seen[name],
    }
    columns = columns or {"row": np.arange(len(incomplete.frame))}  # which a number needs for its length
    texts = [incomplete.columns[name].missing for name, each in columns.items() if isinstance(each, pd.Series)]
    try:
        found = evaluate_expression(expression, columns, extra)
    except FormulaError:
        return np.full(len(incomplete.frame), np.nan)
    return np.where(np.any(texts, axis=0), np.nan, found) if texts else found


def _read(column: Column) -> np.ndarray | pd.Series:
    """A column as expressions read it: labels as such."""
    return column.labelled(column.values) if column.kind == "category" else column.values
