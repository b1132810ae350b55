"""The algebra of terms: what ``a * b``, ``a / b`` and ``(a + b)**2`` stand for.

As in Wilkinson and Rogers (1973, Applied Statistics 22:392), in the order that formulae uses. A term is a tuple of
variables; the empty one is the intercept. An interaction is the same whatever the order of its variables.

To add an operator, give it a meaning in :func:`expand` or ``_combine``.
"""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from bayesimpute.formulas.syntax import Call, Constant, Name, Node, Number, Operation, Text, render
from bayesimpute.formulas.usage import Usage, key_names

Term = tuple[Name | Call, ...]

MOST_TERMS = 1000
MOST_FACTORS = 10
"""Variables in one interaction; coding the categories of one takes a time that doubles with each."""


def expand(node: Node, usage: Usage) -> list[Term]:
    """The terms that a tree without numbers stands for, in formulae's order; problems go to `usage`."""
    match node:
        case Name() | Call():
            return [(node,)]
        case Operation(("**",), (base, exponent)):
            return _power(expand(base, usage), exponent, usage)
        case Operation(symbols, operands) if not node.unary and set(symbols) <= {"+", "-", "*", "/", ":"}:
            terms = expand(operands[0], usage)
            for symbol, operand in zip(symbols, operands[1:], strict=True):
                terms = _few(_combine(symbol, terms, expand(operand, usage)), usage)
            return terms
        case Number() | Text() | Constant():
            usage.add(f"{render(node)} is not a variable", "combine columns and functions of columns")
        case _:
            usage.add(f"{render(node)} is not a term", _remedy(node))
    return []


def _remedy(node: Node) -> str:
    if is_bar(node):
        return "add random effects in parentheses of their own: ... + (1 + x | g)"
    return "write I(...) around a calculation or comparison of columns"


def _combine(symbol: str, left: list[Term], right: list[Term]) -> list[Term]:
    if symbol == "+":
        return _distinct([*left, *right])
    if symbol == "-":
        removed = set(map(frozenset, right))
        return [term for term in left if frozenset(term) not in removed]
    if symbol == "/":
        whole = tuple(dict.fromkeys(atom for term in left for atom in term))
        return _distinct([*left, *(_join(whole, term) for term in right)])
    # More than the limit need not be made to be refused.
    products = [_join(a, b) for a in left[: MOST_TERMS + 1] for b in right[: MOST_TERMS + 1]]
    return _distinct(products if symbol == ":" else [*left, *right, *products])


def _power(terms: list[Term], exponent: Node, usage: Usage) -> list[Term]:
    if not (isinstance(exponent, Number) and isinstance(exponent.value, int) and exponent.value >= 1):
        usage.add(
            f"the power {render(exponent)} is not a whole number from 1", "write (a + b)**2, or I(x**2) to calculate"
        )
        return terms
    if len(terms) == 1 and exponent.value > 1:
        usage.add(
            f"{term_name(terms[0])}**{exponent.value} is the term itself",
            f"write I({term_name(terms[0])}**{exponent.value})",
        )
    found = list(terms)
    for size in range(2, min(exponent.value, len(terms), MOST_FACTORS + 1) + 1):
        for chosen in combinations(terms, size):
            found.append(_join(*chosen))
            if len(found) > 2 * MOST_TERMS:
                return _few(found, usage)
    return _few(_distinct(found), usage)


def _join(*terms: Term) -> Term:
    return tuple(dict.fromkeys(atom for term in terms for atom in term))


def _distinct(terms: Iterable[Term]) -> list[Term]:
    found: dict[frozenset[Node], Term] = {}
    for term in terms:
        found.setdefault(frozenset(term), term)
    return list(found.values())


def _few(terms: list[Term], usage: Usage) -> list[Term]:
    if len(terms) > MOST_TERMS:
        usage.add(f"the formula has more than {MOST_TERMS} terms", "use fewer interactions")
    if any(len(term) > MOST_FACTORS for term in terms):
        usage.add(f"an interaction of more than {MOST_FACTORS} variables", "use smaller interactions")
    return [term for term in terms[:MOST_TERMS] if len(term) <= MOST_FACTORS]


def is_bar(node: Node) -> bool:
    """Whether a tree is what stands in a parenthesis of random effects."""
    return isinstance(node, Operation) and any(symbol in ("|", "||") for symbol in node.symbols)


def term_name(term: Term) -> str:
    """The name under which its coefficient is printed; ``1`` for the intercept."""
    return ":".join(render(keyed(atom), faithful=False) for atom in term) or "1"


def bambi_name(term: Term) -> str:
    """The name that formulae and bambi print, which lacks parentheses inside of calls."""
    return ":".join(render(keyed(atom), bambis=True) for atom in term) or "1"


def term_text(term: Term) -> str:
    """A term in its normal form, which formulae can read."""
    return ":".join(render(keyed(atom)) for atom in term) or "1"


def keyed(node: Node) -> Any:
    """The tree with interacting keys as texts, ``cluster_mean(x, "a:b")``: formulae has no ``:`` inside calls."""
    if isinstance(node, Call):
        arguments = tuple(map(keyed, node.arguments))
        if (
            node.function in ("cluster_mean", "systematic")
            and len(arguments) == 2
            and isinstance(arguments[1], Operation)
        ):
            keys = key_names(node.arguments[1])
            arguments = (arguments[0], Text(":".join(keys), '"')) if keys else arguments
        return Call(node.function, arguments, tuple((key, keyed(value)) for key, value in node.keywords))
    if isinstance(node, Operation):
        return Operation(node.symbols, tuple(map(keyed, node.operands)))
    return node
