"""What the user wants to analyse: formulas read, problems found, and one most general model for each outcome.

Everything that can be wrong with an analysis is looked for here, all at once. What only the data show (a column that is
not there, a calculation with text, more random effects than clusters) is found by the plan's own check of the
analysis as if it were a model of the plan.

To accept another way of writing an analysis, extend ``_one``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesimpute.base.errors import InputError, PlanError, Problem, errors, one
from bayesimpute.base.phrases import listed
from bayesimpute.checking import check
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import FAMILIES, Bernoulli, auto
from bayesimpute.formulas import Formula, parse, quote
from bayesimpute.formulas.terms import bare, coded, common_terms, random_terms, written
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis
from bayesimpute.plan.plan import Plan


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """One analysis.

    Attributes
    ----------
    path : str
        What problems call it: ``analysis``, or ``analysis[2]`` if there are several.
    formula : Formula
        Of its mean.
    model : Conditional
        The same as a model of a plan.
    others : tuple of Formula
        Of its other parameters: residual standard deviation, selection.
    analysis : Analysis or None
        As given, if it was given so.
    """

    path: str
    formula: Formula
    model: Conditional
    others: tuple[Formula, ...] = ()
    analysis: Analysis | None = None

    @property
    def outcome(self) -> str:
        """Its left side."""
        return self.model.target

    @property
    def keys(self) -> tuple[str, ...]:
        """The cluster keys of random effects and cluster means."""
        formulas = (self.formula, *self.others)
        found = [group.factor for f in formulas for group in f.groups]
        return tuple(dict.fromkeys([*found, *sorted(key for f in formulas for key in f.keys)]))

    @property
    def needs(self) -> frozenset[str]:
        """All columns whose values it uses, the outcome left out."""
        return frozenset().union(self.formula.needs, *(f.needs for f in self.others)) - {self.outcome}


def read_asked(given: Any, mode: str) -> tuple[list[Asked], list[Problem]]:
    """The analyses that can be read, and what is wrong with the others."""
    items = [given] if isinstance(given, str | Conditional | Analysis) or not isinstance(given, Iterable) else [*given]
    found, problems = [], []
    for k, item in enumerate(items):
        path = "analysis" if len(items) == 1 else f"analysis[{k + 1}]"
        try:
            found.append(_one(item, path, mode))
        except InputError as error:
            problems += error.problems
    if not items:
        problems.append(Problem(path="analysis", finding="there is no analysis", remedy='write "y ~ x + (1 | g)"'))
    return found, problems


def _one(given: Any, path: str, mode: str) -> Asked:
    if isinstance(given, Analysis):
        formula = parse(given.formula, response="required", path=path)
        family = _family(given, path, mode)
        model = Conditional(target=str(formula.response), family=family, formulas={"mu": given.formula})
        return Asked(path=path, formula=formula, model=model, analysis=given)
    if isinstance(given, Conditional):
        formula = parse(given.formulas.get("mu", ""), response="required", path=path)
        pairs = [(name, text) for name, text in given.formulas.items() if name != "mu"]
        others = tuple(parse(text, path=f"{path}.formulas.{name}") for name, text in pairs)
        return Asked(path=path, formula=formula, model=replace(given, target=str(formula.response)), others=others)
    formula = parse(given, response="required", path=path)
    return Asked(path=path, formula=formula, model=Conditional(target=str(formula.response), formulas={"mu": given}))


def _family(analysis: Analysis, path: str, mode: str) -> Any:
    """The family of a plan's model that an analysis is; in chained equations its outcome's own will do."""
    if analysis.family == "bernoulli" and analysis.link in (None, "logit", "probit"):
        return FAMILIES["bernoulli"]() if analysis.link is None else Bernoulli(link=analysis.link)
    if analysis.family in FAMILIES and analysis.family != "bernoulli":
        return analysis.family
    if mode != "compatible":
        return "auto"
    link = f" with link {analysis.link}" if analysis.link else ""
    remedy = 'use mode "fcs", or one of the families gaussian, student_t and bernoulli (logit, probit)'
    finding = f"no model of a plan has the family {analysis.family}{link}"
    raise one(PlanError, f"{path}.family", finding, remedy)


def problems_with_data(asked: Iterable[Asked], data: Incomplete, mode: str) -> list[Problem]:
    """What is wrong with analyses of these data."""
    asked = list(asked)
    found = [problem for a in asked for problem in _in_data(a, data, mode)]
    plain = {c for a in asked for c in (*a.needs, a.outcome) if c in data.columns}
    keys = {part for a in asked for key in a.keys for part in (key, *key.split(":"))}
    used = plain - keys
    if asked and not found and not any(data.columns[name].missing.any() for name in used):
        finding = f"nothing that it uses has missing values: {listed(sorted(used))}"
        found.append(Problem(path="analysis", finding=finding, remedy="fit it to the data as they are"))
    found += [p for a in asked for p in _coded(a, data)]
    return list(dict.fromkeys([*found, *_circles(asked)]))


def _in_data(asked: Asked, data: Incomplete, mode: str) -> list[Problem]:
    """Problems of the analysis as a model of the plan, with its incomplete covariates as targets of simple ones."""
    outcome = asked.outcome
    incomplete = [n for n in _covariates(asked, data) if np.isnan(data.deductive(n)[0]).any()]
    simple = tuple(Conditional.of(f"{quote(n)} ~ 1") for n in incomplete)
    complete = outcome in data.columns and not data.columns[outcome].missing.any()
    useless = complete and not incomplete  # then its matrices need not be looked at
    plan = Plan(conditionals=(asked.model,)) if useless else Plan(conditionals=simple, substantive=(asked.model,))
    found, place = errors(check(plan.saying(data.said), data.frame)), plan.path(asked.model)
    kept = [p for p in found if p.path.startswith((place, "data", "clusters"))]
    if complete and mode != "compatible":  # then it is only a predictor
        kept = [p for p in kept if p.path not in (place, f"{place}.family")]
    places = tuple(f"conditional[{n}]" for n in incomplete)
    targets = [replace(p, path=asked.path) for p in found if p.path.startswith(places)]
    return [*(replace(p, path=_renamed(p.path, place, asked.path)) for p in kept), *targets]


def _covariates(asked: Asked, data: Incomplete) -> list[str]:
    keys = {part for key in asked.keys for part in (key, *key.split(":"))}
    return [n for n in sorted(asked.needs - keys) if n in data.columns]


def _renamed(path: str, place: str, new: str) -> str:
    return new + path.removeprefix(place).replace(".formulas.mu", "") if path.startswith(place) else path


def _coded(asked: Asked, data: Incomplete) -> list[Problem]:
    """Incomplete numbers that the analysis makes categories of."""
    inside = {coded(atom) for term in common_terms(asked.formula) for atom in term}
    found = []
    for name in _covariates(asked, data):
        if name in inside and _number(data.columns[name]) and np.isnan(data.deductive(name)[0]).any():
            finding = f'C({name}) makes a category of "{name}", whose missing values can only be imputed as numbers'
            remedy = f"write {quote(name)} as a number, merge its labels into two, or leave it out of the analysis"
            found.append(Problem(path=asked.path, finding=finding, remedy=remedy))
    return found


def _number(column: Column) -> bool:
    """Whether a column can be imputed, but not from the family of few values that "auto" stands for."""
    values = auto(column).values
    return values.accepts(column) and values.of(column).support.points is None


def _circles(asked: Iterable[Asked]) -> list[Problem]:
    """Outcomes that explain each other: no joint model has both analyses as its conditionals."""
    reads: dict[str, set[str]] = {}
    for a in asked:
        reads.setdefault(a.outcome, set()).update(a.needs)
    for _ in reads:
        for y, names in reads.items():
            reads[y] = names | {n for other in names & set(reads) for n in reads[other]}
    circle = sorted(y for y, names in reads.items() if y in names)
    if len(circle) < 2:
        return []
    finding = f"{' and '.join(circle)} are the outcome of one analysis and explain the other's in a circle"
    return [Problem(path="analysis", finding=finding, remedy="make a plan for each of these analyses")]


def most_general(asked: Iterable[Asked]) -> dict[str, Conditional]:
    """One model for each outcome, with the terms and random effects of all its analyses.

    Raises
    ------
    PlanError
        If the analyses of one outcome have different families.
    """
    by: dict[str, list[Asked]] = {}
    for a in asked:
        by.setdefault(a.outcome, []).append(a)
    return {outcome: _union(outcome, group) for outcome, group in by.items()}


def _union(outcome: str, group: list[Asked]) -> Conditional:
    families = {str(a.model.family) for a in group} - {"auto"}
    if len(families) > 1:
        finding = f'the analyses of "{outcome}" have different families: {", ".join(sorted(families))}'
        raise PlanError([Problem(path="analysis", finding=finding, remedy="make a plan for each of them")])
    models = [a.model for a in group]
    family = next((m.family for m in models if m.family != "auto"), "auto")
    wanted = {k for a in group for k in _parts(a.formula)}
    for a in group:
        if wanted <= _parts(a.formula):
            return replace(a.model, family=family)
    return replace(models[0], family=family, formulas={**models[0].formulas, "mu": _joined(outcome, group)})


def _parts(formula: Formula) -> set[object]:
    terms = {frozenset(map(bare, term)) for term in common_terms(formula)}
    return {*terms, *((key, frozenset(map(bare, term))) for key, term in random_terms(formula))}


def _joined(outcome: str, group: list[Asked]) -> str:
    terms = {frozenset(t): written(t) for a in group for t in common_terms(a.formula)}
    effects: dict[str, dict[frozenset[Any], str]] = {}
    for a in group:
        for key, term in random_terms(a.formula):
            effects.setdefault(key, {})[frozenset(term)] = written(term)
    by_key = [f"({_effects(found.values())} | {_key(key)})" for key, found in effects.items()]
    none = [] if any("1" in a.formula.terms for a in group) else ["0"]
    return f"{quote(outcome)} ~ {' + '.join([*none, *terms.values(), *by_key]) or '1'}"


def _effects(texts: Iterable[str]) -> str:
    texts = list(texts)
    return " + ".join(["1", *(t for t in texts if t != "1")] if "1" in texts else ["0", *texts])


def _key(key: str) -> str:
    return ":".join(map(quote, key.split(":")))
