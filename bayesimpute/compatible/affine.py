"""Whether a model's mean is an affine function of a variable, given everything else: read off the formulas.

Only what is certain counts: sums, products with what does not follow from the variable, and the transformations whose
numbers are frozen (``center``, ``scale``, ``standardize``, ``I``). Random slopes, interactions and cluster means are of
this kind; powers, ``log``, ``where``, ``poly`` and comparisons are not.
"""

from collections.abc import Iterable, Mapping

from bayesimpute.formulas import Formula
from bayesimpute.formulas.syntax import Call, Name, Node, Number, Operation, read_formula
from bayesimpute.formulas.terms import names_in
from bayesimpute.plan import who_reads
from bayesimpute.plan.targets import DerivedColumn, Target

CONSTANT, AFFINE, OTHER = 0, 1, 2
_FROZEN = ("center", "scale", "standardize", "I")


def is_affine(target: Target, name: str, derived: Iterable[DerivedColumn], *, elsewhere: int = CONSTANT) -> bool:
    """Whether the linear predictors of a target's model are affine in a variable.

    Parameters
    ----------
    target : Target
        Whose model it is.
    name : str
        The variable.
    derived : iterable of DerivedColumn
        In dependency order; what follows from the variable counts.
    elsewhere : int
        The degree that predictors of other parameters than mu may have: by default they do not follow from it.
    """
    degrees = {name: AFFINE}
    for column in derived:
        degrees[column.name] = degree(column.expression.tree, degrees)
    if any(degrees.get(column, CONSTANT) > CONSTANT for column in target.side.values()):
        return False
    allowed = {parameter: AFFINE if parameter == "mu" else elsewhere for parameter in target.formulas}
    found = (_formula(formula, degrees) <= allowed[parameter] for parameter, formula in target.formulas.items())
    shift, move = (degrees.get(column or "", CONSTANT) for column in (target.shift, target.move))
    return all(found) and shift <= AFFINE and move == CONSTANT


def beside(target: Target, name: str, derived: Iterable[DerivedColumn]) -> frozenset[str]:
    """The other columns in the terms of a target's model that follow from a variable.

    Where the mean is affine in the variable, its derivative follows from no other columns than these.
    """
    inside, degrees = {column.name: column.expression.needs for column in derived}, {name: AFFINE}
    for column in derived:
        degrees[column.name] = degree(column.expression.tree, degrees)
    terms = [term for formula in target.formulas.values() for term in _all_terms(formula)]
    terms += [] if target.shift is None else [Name(target.shift)]
    found = [names_in(term) for term in terms if degree(term, degrees) > CONSTANT]
    return frozenset(who_reads.closure(frozenset().union(*found), inside)) - {name}


def _formula(formula: Formula, degrees: Mapping[str, int]) -> int:
    return max((degree(term, degrees) for term in _all_terms(formula)), default=CONSTANT)


def _all_terms(formula: Formula) -> list[Node]:
    """Those that all clusters share, random ones and offsets."""
    texts = formula.common, *(group.expression for group in formula.groups)
    return [*formula.offsets, *(term for text in texts for term in _terms(text))]


def _terms(text: str) -> list[Node]:
    _, tree, _ = read_formula(text, "formula")
    if tree is None:
        return []
    return list(tree.operands) if isinstance(tree, Operation) and set(tree.symbols) == {"+"} else [tree]


def degree(node: Node, degrees: Mapping[str, int]) -> int:
    """0: it does not follow from the variable; 1: it is affine in it; 2: anything else."""
    match node:
        case Name(name):
            return degrees.get(name, CONSTANT)
        case Call(function, arguments, keywords):
            inner = [degree(part, degrees) for part in (*arguments, *(value for _, value in keywords))]
            linear = function in (*_FROZEN, "cluster_mean", "lag", "where_applies")  # a cell that is drawn applies
            return max(inner) if linear or max(inner) == CONSTANT else OTHER
        case Operation():
            return _operation(node, [degree(operand, degrees) for operand in node.operands])
        case _:
            return CONSTANT


def _operation(node: Operation, inner: list[int]) -> int:
    if max(inner) == CONSTANT:
        return CONSTANT
    symbols = set(node.symbols)
    if symbols <= {"+", "-"}:
        return max(inner)
    if symbols <= {"*", "/", ":"}:
        divided = any(s == "/" and d > CONSTANT for s, d in zip(node.symbols, inner[1:], strict=True))
        return OTHER if divided or sum(inner) > AFFINE else AFFINE
    if symbols == {"**"} and node.operands[1] == Number(1):
        return inner[0]
    return OTHER
