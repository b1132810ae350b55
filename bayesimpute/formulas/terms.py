"""Terms taken apart: the variables of ``iqv:cluster_mean(ses, sch)``, what they are made of, and others in their place.

A term is a tuple of trees, its *atoms*: columns and calls. What reverses a model of interest, or holds two models
against each other, works on these and never on texts.

To let another call count as the column inside it, add it to ``LOCATION``.
"""

from collections.abc import Iterable

from bayesimpute.formulas.algebra import Term, expand, term_text
from bayesimpute.formulas.language import Formula
from bayesimpute.formulas.syntax import Call, Name, Node, Operation, quote, read_formula
from bayesimpute.formulas.usage import Usage, mean_key

Atom = Name | Call
"""A column or a call."""
LOCATION = ("center", "scale", "standardize")
"""Calls that only shift and stretch a column: a model with them is the same model."""
CODINGS = ("C", "T", "S")
"""Calls that make a category of a column."""
READ = {"observed": 0, "systematic": 0, "cluster_mean": 1, **dict.fromkeys(CODINGS, 1)}
"""Calls whose further arguments are no values: keys, codings such as ``Sum``."""


def split(text: str) -> Term:
    """The atoms of one term that was written as text; none for the intercept."""
    _, tree, _ = read_formula(text, "formula")
    terms = [] if tree is None or text in ("0", "1") else expand(tree, Usage("formula", "formula"))
    return terms[0] if terms else ()


def common_terms(formula: Formula) -> list[Term]:
    """The terms that all clusters share, without the intercept."""
    return [term for term in formula.trees if term]


def random_terms(formula: Formula) -> list[tuple[str, Term]]:
    """Cluster key and term of every random effect; the empty term is the random intercept."""
    return list(dict.fromkeys((group.factor, term) for group in formula.groups for term in group.trees))


def names_in(node: Node) -> frozenset[str]:
    """The columns whose values an atom is made of; the keys of cluster means, however deep, are not among them."""
    if isinstance(node, Name):
        return frozenset({node.name})
    if isinstance(node, Call):
        read = node.arguments[: READ.get(node.function, len(node.arguments))]
        return term_names((*read, *(value for _, value in node.keywords)))
    return term_names(node.operands) if isinstance(node, Operation) else frozenset()


def term_names(term: Iterable[Node]) -> frozenset[str]:
    """The columns whose values a term is made of."""
    return frozenset().union(*map(names_in, term))


def mean_by(node: Node) -> str | None:
    """The cluster key of a cluster mean; None for anything else."""
    if isinstance(node, Call) and node.function == "cluster_mean":
        return ":".join(mean_key(node.arguments[1]) or ())
    return None


def deviates(node: Node) -> str | None:
    """The column in ``I(x - cluster_mean(x, g))``, which with the mean itself says what x and the mean say."""
    match node:
        case Call("I", (Operation(("-",), (Name(name), Call("cluster_mean", (Name(same), _)))),)) if name == same:
            return name
    return None


def bare(atom: Atom) -> Atom:
    """The column inside ``center(x)``, ``scale(x)`` and ``I(x)``; anything else as it is."""
    if isinstance(atom, Call) and atom.function in (*LOCATION, "I") and len(atom.arguments) == 1:
        inner = atom.arguments[0]
        return inner if isinstance(inner, Name) else atom
    return atom


def coded(node: Node) -> str | None:
    """The column that ``C(x)`` and its like make a category of."""
    inner = node.arguments[0] if isinstance(node, Call) and node.function in CODINGS else None
    return inner.name if isinstance(inner, Name) else None


def written(term: Term) -> str:
    """A term as a formula writes it."""
    return term_text(term)


def key_text(key: str, columns: Iterable[str]) -> str:
    """A cluster key as a formula writes it: ``school``, ``school:class``."""
    parts = (key,) if key in set(columns) else tuple(key.split(":"))
    return ":".join(map(quote, parts))
