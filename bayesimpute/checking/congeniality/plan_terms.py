"""An analysis held against a plan: what each model of the plan has, and how it hangs together with the others."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import DataError, InputError
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Formula, parse, parse_expression
from bayesimpute.formulas.syntax import Call, Name, Node, Number, Operation, substituted, walk
from bayesimpute.formulas.terms import Atom, bare, coded, common_terms, random_terms, term_names, written
from bayesimpute.plan import who_reads
from bayesimpute.plan.conditional import Conditional, family_name
from bayesimpute.plan.plan import Plan

Effect = tuple[str, frozenset[Atom]]
"""A random effect: cluster key and term, the empty one for intercepts."""
DEEPEST, LARGEST = 20, 1000
"""Derived variables are followed so far, and to calculations of so many pieces."""


@typed
@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A term of an analysis that the imputations of a variable do not know.

    Attributes
    ----------
    variable : str
        The imputed variable.
    term : str
        The term of the analysis: ``sex:texp``, ``(1 + sex | school)``'s slope as ``sex|school``.
    place : str
        Where in the plan its model stands.
    finding : str
        What is ignored.
    bias : str
        What that does to the analysis.
    """

    variable: str
    term: str
    place: str
    finding: str
    bias: str

    def __str__(self) -> str:
        return f"{self.place}: {self.finding}; {self.bias}"


class Model:
    """A model of the plan, as far as it can be read."""

    def __init__(self, plan: Plan, conditional: Conditional, derived: Mapping[str, Node]) -> None:
        self.place = f"{plan.path(conditional)}.formulas.mu"
        self.target = conditional.target
        self.level = conditional.level
        self.family = family_name(conditional.family)
        self.applies = _where(conditional)
        formula = readable(conditional.formulas.get("mu"))
        self.terms = [plain_term(t, derived) for t in common_terms(formula)] if formula else []
        self.effects = effects(formula, derived) if formula else set()

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns of its common terms."""
        return frozenset().union(*map(term_names, self.terms))

    def together(self, names: Iterable[str]) -> bool:
        """Whether some term has all these columns, in an interaction or in a product inside a cluster mean."""
        wanted = set(names)
        return any(wanted <= term_names(term) for term in self.terms)


def readable(text: object) -> Formula | None:
    """A formula, or nothing: what is wrong with it is for check to say."""
    try:
        return parse(text) if isinstance(text, str) else None
    except InputError:
        return None


def effects(formula: Formula, derived: Mapping[str, Node]) -> set[Effect]:
    """The random effects: cluster key and term."""
    return {(plain_key(key), plain_term(term, derived)) for key, term in random_terms(formula)}


def plain_term(term: Iterable[Atom], derived: Mapping[str, Node]) -> frozenset[Atom]:
    """A term without what only names, shifts or stretches: ``sex:texp`` for a derived variable ``sex * texp``."""
    return frozenset(bare(new) for atom in term for new in _defined(atom, derived))


def _defined(atom: Atom, derived: Mapping[str, Node]) -> Iterator[Atom]:
    node = _everywhere(substituted(atom, derived))
    product = isinstance(node, Operation) and not node.unary and set(node.symbols) == {"*"}
    for part in node.operands if isinstance(node, Operation) and product else (node,):
        yield part if isinstance(part, Name | Call) else Call("I", (part,))


def _everywhere(node: Node) -> Node:
    """A column that is read where it applies is that column: elsewhere nothing is imputed."""
    match node:
        case Call("where_applies", (Name() as column, *_)):
            return column
    return node


def _where(conditional: Conditional) -> frozenset[str]:
    try:
        return parse_expression(str(conditional.applies)).names if conditional.applies is not None else frozenset()
    except InputError:  # what check reports
        return frozenset()


def definitions(plan: Plan) -> dict[str, Node]:
    """The derived variables of a plan that can be read, as calculations with columns of the data."""
    found: dict[str, Node] = {}
    for d in plan.computed:
        try:
            found[d.name] = parse_expression(d.expression).tree
        except InputError:  # what check reports
            continue
    for name in list(found):  # a derived variable may use others; circles and towers are left as they are
        for _ in range(DEEPEST):
            inner = {part.name for part in walk(found[name]) if isinstance(part, Name)} & set(found) - {name}
            new = substituted(found[name], {n: found[n] for n in inner})
            if not inner or sum(1 for _ in walk(new)) > LARGEST:
                break
            found[name] = new
    return found


def plain_key(key: str) -> str:
    """``a:b`` and ``b:a`` are the same clusters."""
    return ":".join(sorted(key.split(":")))


class Held:
    """An analysis held against a plan."""

    def __init__(self, plan: Plan, formula: Formula, data: Incomplete | None) -> None:
        self.plan, self.formula, self.data = plan, formula, data
        self.y = str(formula.response)
        self.derived = definitions(plan)
        self.terms = [plain_term(t, self.derived) for t in common_terms(formula)]
        self.effects = sorted(effects(formula, self.derived), key=lambda e: (e[0], self.effect_name(e)))
        self.models = {c.target: Model(plan, c, self.derived) for c in reversed(plan.models)}
        keys = {part for key, _ in self.effects for part in key.split(":")}
        self.covariates = sorted({n for t in self.terms for n in term_names(t)} - keys - {self.y})
        self.covariates += sorted({n for _, t in self.effects for n in term_names(t)} - {*self.covariates, self.y})

    def imputed(self, name: str) -> bool:
        if name not in self.models:
            return False
        return self.data is None or name not in self.data.columns or self.missing(name)

    def missing(self, name: str) -> bool:
        """Whether there is something to impute once members of a cluster have filled each other in."""
        assert self.data is not None
        gaps = self.data.columns[name].gaps
        if gaps.any() and name in self.models and (level := self.level(name)):
            return bool((np.isnan(self.data.deductive(name, key=level)[0]) & gaps).any())
        return bool(gaps.any())

    def level(self, name: str) -> str | None:
        """The cluster key of a level-2 variable: as its model says, or as the data show for the analysis' keys."""
        model = self.models.get(name)
        if model is not None and model.level is not None:
            return model.level
        if self.data is None or name not in self.data.columns:
            return None
        for key in dict.fromkeys([*(g.factor for g in self.formula.groups), *self.data.clusters]):
            if self.fixed(name, key):
                return key
        return None

    def fixed(self, name: str, key: str) -> bool:
        assert self.data is not None
        try:
            return name not in key.split(":") and not self.data.disagreements(name, key)
        except DataError:
            return False

    def has_effect(self, model: Model, effect: Effect) -> bool:
        """Whether a model has a random effect, by this key or by another one of the same clusters: ``popu:gen`` where
        each gen is of one popu.
        """
        key, term = effect
        return effect in model.effects or any(t == term and self._same_clusters(k, key) for k, t in model.effects)

    def _same_clusters(self, one: str, other: str) -> bool:
        if self.data is None:
            return False
        try:
            a, b = (self.data.codes(key).astype(np.int64) for key in (one, other))
        except DataError:
            return False
        return len(np.unique(a * (b.max() + 1) + b)) == len(np.unique(a)) == len(np.unique(b))

    def balanced(self, name: str, key: str | None) -> bool:
        """Whether a complete variable is the same on average in all clusters of a key: it tells them nothing apart."""
        if key is None or self.data is None or name not in self.data.columns or self.missing(name):
            return False
        column = self.data.columns[name]
        if column.kind not in ("number", "yes/no", "category"):
            return False
        values = column.values[:, None]
        values = (values == np.arange(len(column.labels))).astype(float) if column.kind == "category" else values
        codes = self.data.codes(key)
        sums = np.array([np.bincount(codes, each) for each in values.T])
        means = sums / np.bincount(codes)
        return bool((np.ptp(means, axis=1) <= 1e-9 * np.ptp(values, axis=0)).all())

    def stays_missing(self, name: str) -> bool:
        """Whether a variable has missing values and no model, known only with data."""
        if self.data is None or name not in self.data.columns or name in self.models:
            return False
        return name not in {d.name for d in self.plan.computed} and self.missing(name)

    def multiplied(self, x: str) -> bool:
        """Whether the density of y's model multiplies into the draws of x."""
        if not self.plan.substantive or self.y not in self.models or self.y in self.reached.get(x, ()):
            return False
        return any(s.target == self.y for s in self.plan.substantive) or x in self.models[self.y].names

    def through_factors(self, name: str) -> frozenset[str]:
        """Variables on which the draws of `name` depend because their models, multiplied into its draws, read it."""
        if not self.plan.substantive:
            return frozenset()
        readers = [m for m in self.models.values() if m.target != name and name in m.names]
        one_way = [m for m in readers if m.target not in self.reached.get(name, ())]
        return frozenset().union(*({m.target, *m.names} for m in one_way)) - {name}

    @cached_property
    def reached(self) -> dict[str, frozenset[str]]:
        """For each variable with a model those that it reads, directly or through other models."""
        return who_reads.reached({name: model.names for name, model in self.models.items()})

    def has(self, model: Model, term: frozenset[Atom]) -> bool:
        """Whether a model has a term, or a polynomial that contains it, or the category that a column is."""
        if term in model.terms:
            return True
        if len(term) != 1:
            return any(self.same_category(term) == self.same_category(other) for other in model.terms)
        (atom,) = term
        return any(
            _contains(other, atom) or self.category(other, atom) for t in model.terms if len(t) == 1 for other in t
        )

    def same_category(self, term: Iterable[Atom]) -> frozenset[object]:
        """A term in which ``C(x)`` is ``x`` where the column is a category anyway."""
        return frozenset(Name(name) if (name := coded(a)) is not None and self.is_category(name) else a for a in term)

    def category(self, one: Atom, other: Atom) -> bool:
        # C(x) in the model has more than the analysis' x, and as much where the column is a category
        inside = coded(one)
        return (inside is not None and inside in {coded(other), getattr(other, "name", None)}) or (
            self.same_category([one]) == self.same_category([other])
        )

    def is_category(self, name: str) -> bool:
        column = None if self.data is None else self.data.columns.get(name)
        return column is not None and column.kind == "category"

    def name(self, term: Iterable[Atom]) -> str:
        """A term as the analysis writes it."""
        wanted = frozenset(term)
        for original in (*common_terms(self.formula), *(t for _, t in random_terms(self.formula))):
            if plain_term(original, self.derived) == wanted:
                return written(original)
        return ":".join(sorted(written((atom,)) for atom in wanted))

    def effect_name(self, effect: Effect) -> str:
        key, term = effect
        return f"{self.name(term) if term else 1}|{key}"


def _contains(one: Node, other: Node) -> bool:
    """Whether the polynomial `one` has `other`, the column itself or a power of it, among its columns."""
    if not isinstance(one, Call) or one.function != "poly" or not isinstance(one.arguments[0], Name):
        return False
    degrees = [
        a for a in (*one.arguments[1:2], *(v for k, v in one.keywords if k == "degree")) if isinstance(a, Number)
    ]
    highest = degrees[0].value if degrees else 1
    return _power(other, one.arguments[0]) <= highest


def _power(node: Node, column: Node) -> float:
    """The power of a column that an atom is; infinity if it is something else."""
    if node == column:
        return 1.0
    if isinstance(node, Call) and node.function == "poly" and node.arguments[0] == column:
        degrees = [a.value for a in node.arguments[1:2] if isinstance(a, Number)]
        return float(degrees[0]) if degrees else 1.0
    inner = node.arguments[0] if isinstance(node, Call) and node.function == "I" else None
    if isinstance(inner, Operation) and inner.symbols == ("**",) and inner.operands[0] == column:
        exponent = inner.operands[1]
        if isinstance(exponent, Number) and float(exponent.value).is_integer() and exponent.value >= 1:
            return float(exponent.value)
    return float("inf")
