"""lme4's formulas, read into terms.

A formula is expanded by :mod:`.algebra` and written out again in one normal form, a plain sum of terms. So what reaches
formulae and bambi never depends on their precedence or their handling of parentheses, and contains nothing that
:mod:`.usage` has not let through.

Random effects keep lme4's meaning (Bates et al. 2015, Journal of Statistical Software 67(1), section 2.2): those
written together in one ``(1 + x | g)`` are correlated; ``||`` and separate parentheses make them independent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from bayesimpute.base.errors import FormulaError
from bayesimpute.formulas.algebra import Term, expand, is_bar, keyed, term_name, term_text
from bayesimpute.formulas.syntax import Call, Name, Node, Number, Operation, quote, read_formula, render
from bayesimpute.formulas.tokens import excerpt
from bayesimpute.formulas.usage import Usage, guarded, key_names, unguarded


@dataclass(frozen=True)
class Group:
    """One parenthesis of random effects.

    Attributes
    ----------
    expression : str
        The effects as a formula, with the intercept written out: ``1 + sex``, ``0 + x``.
    factor : str
        The cluster key: ``school``, or ``a:b`` for the interaction of two columns.
    correlated : bool
        Whether the effects of this group are correlated with each other; False only for what ``||`` made.
    terms : tuple of str
        The names of the effects, as bambi prints them: ``("1", "sex")``.
    keys : tuple of str
        The columns of the factor.
    trees : tuple of Term
        The effects as they were read, the intercept as the empty one.
    """

    expression: str
    factor: str
    correlated: bool
    terms: tuple[str, ...]
    keys: tuple[str, ...]
    trees: tuple[Term, ...]

    @classmethod
    def of(cls, terms: Iterable[Term], keys: tuple[str, ...], *, correlated: bool) -> "Group":
        """One parenthesis from its effects and the columns of its key."""
        trees = _normal(terms)
        names = tuple(map(term_name, trees))
        return cls(_written(trees), ":".join(keys), correlated, names, keys, trees)

    def __str__(self) -> str:
        return f"({self.expression} | {':'.join(map(quote, self.keys))})"


@dataclass(frozen=True)
class Formula:
    """A formula that has been read and found harmless; whether its names are in the data is for the plan's check.

    Attributes
    ----------
    source : str
        The formula as written.
    response : str or None
        The column on the left side.
    common : str
        The terms that all clusters share, expanded: ``1 + sex + texp + sex:texp``; ``1`` or ``0`` if there is none.
    groups : tuple of Group
        The random effects.
    terms : tuple of str
        The names of the common terms, as bambi prints them, with ``1`` for the intercept.
    common_terms : tuple of str
        The same terms as `common` writes them.
    names : frozenset of str
        All columns of the right side, those inside calls and the cluster keys included.
    needs : frozenset of str
        Those of `names` whose values are used: a column that is only ``observed()`` is not among them.
    factors : frozenset of str
        The cluster keys of the random effects.
    cluster_means : frozenset of (str, str)
        Columns and keys of every ``cluster_mean``.
    observed : frozenset of str
        Columns whose missingness indicator is used.
    trees : tuple of Term
        The common terms as they were read, the intercept as the empty one.
    offsets : tuple of Node
        What is in each ``offset()``: expressions that are added with the coefficient 1.
    systematic : frozenset of (str, str)
        Columns and keys of every ``systematic``.
    timed : frozenset of (str, str)
        Functions of a subject's visits, with the columns.
    """

    source: str
    response: str | None
    common: str
    groups: tuple[Group, ...]
    terms: tuple[str, ...]
    common_terms: tuple[str, ...]
    names: frozenset[str]
    needs: frozenset[str]
    factors: frozenset[str]
    cluster_means: frozenset[tuple[str, str]]
    observed: frozenset[str]
    trees: tuple[Term, ...]
    offsets: tuple[Node, ...] = ()
    systematic: frozenset[tuple[str, str]] = frozenset()
    timed: frozenset[tuple[str, str]] = frozenset()

    @property
    def keys(self) -> frozenset[str]:
        """The cluster keys inside calls."""
        return frozenset(key for _, key in self.cluster_means | self.systematic)

    @property
    def excerpt(self) -> str:
        """The formula for a message, cut if it is long."""
        return excerpt(self.source)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All of the right side that is calculated, without the cluster keys of the random effects."""
        grouped = (term for group in self.groups for term in group.trees)
        return (*(atom for term in (*self.trees, *grouped) for atom in term), *self.offsets)

    @property
    def whole(self) -> frozenset[str]:
        """The columns that have to have a value in every row: not those that are read where they apply only."""
        return self.needs - (guarded(self.nodes) - unguarded(self.nodes))

    @property
    def offset_columns(self) -> tuple[str, ...]:
        """The columns of a lifted formula that stand for what is in each ``offset()``."""
        return tuple(node.name for node in self.offsets if isinstance(node, Name))

    @classmethod
    def of(
        cls,
        source: str,
        response: str | None,
        common: Iterable[Term],
        groups: tuple[Group, ...],
        offsets: tuple[Node, ...] = (),
    ) -> "Formula":
        """A formula from terms that are known to be harmless."""
        trees = _normal(common)
        usage = usage_of((*trees, *(term for group in groups for term in group.trees)))
        for node in offsets:
            usage.visit(node)
        usage.needs.update(name for group in groups for name in group.keys)
        return cls(
            source=source,
            response=response,
            common=_written(trees),
            groups=groups,
            terms=tuple(map(term_name, trees)),
            common_terms=tuple(map(term_text, trees)),
            names=usage.names,
            needs=frozenset(usage.needs),
            factors=frozenset(group.factor for group in groups),
            cluster_means=frozenset(usage.cluster_means),
            observed=frozenset(usage.observed),
            trees=trees,
            offsets=offsets,
            systematic=frozenset(usage.systematic),
            timed=frozenset(usage.timed),
        )

    def __str__(self) -> str:
        left = f"{quote(self.response)} ~ " if self.response is not None else ""
        offsets = (f"offset({render(node)})" for node in self.offsets)
        return left + " + ".join([self.common, *offsets, *map(str, self.groups)])


def parse(
    source: str, *, response: Literal["required", "forbidden", "optional"] = "optional", path: str = "formula"
) -> Formula:
    """Read a formula.

    Parameters
    ----------
    source : str
        ``"popular ~ sex * texp + (1 + sex | school)"``, ``"~ x"`` or ``"x + z"``.
    response : {"required", "forbidden", "optional"}
        Whether there must be a left side.
    path : str
        Where the formula stands in the plan, for messages.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        If it cannot be read, or calls or names something that is not allowed; with every problem that could be found.
    """
    if not isinstance(source, str):  # what cannot be kept in the memory of texts that were read
        return _parse.__wrapped__(source, response, path)
    return _parse(source, response, path)


@lru_cache(maxsize=4096)
def _parse(source: str, response: str, path: str) -> Formula:
    """A text is read once: a plan's formulas are asked for by checking, resolving, suggesting and reporting."""
    left, right, tilde = read_formula(source, path)
    usage = Usage(path, "formula")
    target = _response(left, response, usage)
    if right is None:
        finding = "there is nothing on the right side" if tilde else "the formula is empty"
        usage.add(finding, "write at least 1 for the intercept")
        raise FormulaError(usage.problems)
    side = _Side(usage)
    side.read(right, adding=True)
    common, groups = side.common(), _groups(side.bars, usage)
    _intercept((*common, *(term for group in groups for term in group.trees)), usage)
    if usage.problems:
        raise FormulaError(usage.problems)
    return Formula.of(source, target, common, groups, tuple(side.offsets))


def _intercept(terms: Iterable[Term], usage: Usage) -> None:
    """A column of this name would be a second coefficient of the same name."""
    if any(isinstance(atom, Name) and term_name((atom,)) == "Intercept" for term in terms for atom in term):
        usage.add(
            '"Intercept" is what the constant of a model is called', "rename the column, or write 1 if you mean it"
        )


def usage_of(terms: Iterable[Term]) -> Usage:
    """What terms of a formula use of the data."""
    usage = Usage("formula", "formula")
    for term in terms:
        for atom in term:
            usage.visit(atom)
    return usage


def _normal(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(tuple(map(keyed, term)) for term in terms)


def _response(left: Node | None, response: str, usage: Usage) -> str | None:
    if left is None:
        if response == "required":
            usage.add("the formula has no left side", "write the target, ~ and the terms: y ~ x")
        return None
    if response == "forbidden":
        usage.add(f'the left side "{render(left)}" is not wanted here', "write the terms only: x + z")
    if isinstance(left, Name):
        return left.name
    if isinstance(left, Call) and left.function in ("observed", "dropout") and len(left.arguments) == 1:
        return render(left).replace("`", "")
    remedy = "derive a column and name it on the left of ~"
    match left:
        case Call("sqrt" | "logit" as function, (Name(name),), ()):
            remedy = f'in a plan write {quote(name)} ~ … and transform = "{function}"; for an analysis {remedy}'
    usage.add(f'the left side "{render(left)}" is not a column', remedy)
    return None


@dataclass
class _Side:
    """The terms of one side, as they are added and removed from left to right."""

    usage: Usage
    intercept: bool = True
    terms: dict[frozenset[Node], Term] = field(default_factory=dict)
    bars: list[Operation] = field(default_factory=list)
    offsets: list[Node] = field(default_factory=list)
    random: bool = True

    def read(self, node: Node, *, adding: bool) -> None:
        if isinstance(node, Operation) and node.symbols[0] in ("+", "-"):
            signs = node.symbols if node.unary else ("+", *node.symbols)
            for sign, operand in zip(signs, node.operands, strict=True):
                self.read(operand, adding=adding == (sign == "+"))
        elif isinstance(node, Number):
            self._number(node.value, adding=adding)
        elif isinstance(node, Operation) and is_bar(node):
            self._bar(node, adding=adding)
        elif isinstance(node, Call) and node.function == "offset":
            self._offset(node, adding=adding)
        elif adding:
            for term in expand(node, self.usage):
                self.terms.setdefault(frozenset(term), term)
        else:
            self._remove(node)

    def _number(self, value: float, *, adding: bool) -> None:
        if value in (0, 1):
            self.intercept = adding == (value == 1)
        else:
            self.usage.add(
                f"the number {value} is not a term", "1 is the intercept, 0 leaves it out; write I(...) to calculate"
            )

    def _bar(self, node: Operation, *, adding: bool) -> None:
        if not self.random:
            self.usage.add(f"random effects inside random effects: {render(node)}", "write each in its own parentheses")
        elif not adding:
            self.usage.add(f"random effects are removed: {render(node)}", "leave them out")
        else:
            self.bars.append(node)

    def _offset(self, node: Call, *, adding: bool) -> None:
        """What has the coefficient 1: an expression of columns, like that of a derived variable."""
        if not self.random:
            self.usage.add(f"{render(node)} inside random effects", "add it to the other terms: + offset(x)")
        elif not adding:
            self.usage.add(f"{render(node)} is removed", f"leave it out, or write offset(-({render(node)[7:-1]}))")
        elif len(node.arguments) != 1 or node.keywords:
            self.usage.add(f"{render(node)}: offset() takes one expression", "write offset(x)")
        else:
            inside = Usage(self.usage.path, "expression")
            inside.visit(node.arguments[0])
            if not inside.names and not inside.problems:
                inside.add(f"{render(node)} contains no column", "leave it out")
            self.usage.merge(inside)
            self.offsets.append(node.arguments[0])

    def _remove(self, node: Node) -> None:
        for term in expand(node, self.usage):
            if self.terms.pop(frozenset(term), None) is None:
                self.usage.add(
                    f'"- {term_name(term)}" removes a term that is not there', "remove only what was added before it"
                )

    def common(self) -> list[Term]:
        """The terms, the intercept as the empty one, first; notes what they use."""
        terms = [*([()] if self.intercept else []), *self.terms.values()]
        _record(terms, self.usage)
        return terms


def _record(terms: Iterable[Term], usage: Usage) -> None:
    """Note what the terms use; two that formulae would print alike are a problem, as it would drop one of them."""
    seen: dict[str, Term] = {}
    for term in terms:
        name = term_name(term)
        if seen.setdefault(name, term) != term:
            usage.add(f'two different terms are both called "{name}"', "compute one of them as a derived variable")
        for atom in term:
            _use(atom, usage)


def _use(atom: Name | Call, usage: Usage) -> None:
    alone = Usage(usage.path, usage.where)
    alone.visit(atom)
    alone.texts(atom)
    if not alone.names and not alone.problems:
        alone.add(f"{render(atom)} contains no column", "leave it out")
    usage.merge(alone)


def _groups(bars: Iterable[Operation], usage: Usage) -> tuple[Group, ...]:
    groups: list[Group] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    for bar in bars:
        for group in _group(bar, usage):
            groups.append(group)
            for effect in group.terms:
                if (effect, frozenset(group.keys)) in seen:
                    usage.add(
                        f"the effect {effect} by {group.factor} is there twice", "write it in one parenthesis only"
                    )
                seen.add((effect, frozenset(group.keys)))
    return tuple(groups)


def _group(bar: Operation, usage: Usage) -> list[Group]:
    if bar.symbols not in (("|",), ("||",)):
        usage.add(f"{render(bar)} has more than one bar", "write one parenthesis for each grouping factor")
        return []
    effects, factor = bar.operands
    side = _Side(usage, random=False)
    side.read(effects, adding=True)
    terms = side.common()
    if not terms and not usage.problems:
        usage.add(f"({render(bar)}) has no effects", "write at least (1 | g)")
    factors = _nested(factor, usage)
    usage.needs.update(name for keys in factors for name in keys)
    together = bar.symbols == ("|",)
    blocks = [terms] if together else [[term] for term in terms]
    return [Group.of(block, keys, correlated=together) for keys in factors for block in blocks]


def _nested(factor: Node, usage: Usage) -> list[tuple[str, ...]]:
    """``a/b`` is ``a`` and ``a:b``."""
    within: tuple[Node, ...] = (factor,)
    if isinstance(factor, Operation) and not factor.unary and set(factor.symbols) == {"/"}:
        within = factor.operands
    parts = list(map(key_names, within))
    if any(part is None for part in parts):
        usage.add(f'"{render(factor)}" is not a grouping factor', "write a column, a:b or a/b on the right of |")
        return []
    keys: list[tuple[str, ...]] = []
    for part in parts:
        keys.append(tuple(dict.fromkeys((*(keys[-1] if keys else ()), *(part or ())))))
    return keys


def _written(terms: Iterable[Term]) -> str:
    texts = list(map(term_text, terms))
    return " + ".join(texts if "1" in texts else ["0", *texts])
