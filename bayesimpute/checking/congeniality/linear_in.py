"""Which functions of a covariate an analysis may have without bending what its own model says.

A linear model of x given y and the rest is reversed by a linear model of y given x. Of x itself that are sums with it,
such as a score of items or ``I(x + z)``; of a family that is normal in a function of x it is that one: ``log(x)`` of
a lognormal x. It is exact as long as the analysis has x in that function only.
"""

from collections.abc import Mapping

from bayesimpute.formulas.syntax import Call, Name, Node, Number, Operation, walk
from bayesimpute.formulas.terms import LOCATION
from bayesimpute.plan.conditional import TRANSFORMS

SAME = ("I", "days", "scores", "where_applies", *LOCATION)
"""Functions whose value is linear in their first argument, where it has one."""
LOGS = ("log", "log2", "log10")
LOGIT, SQRT = "logit", "sqrt"
FUNCTION_OF: Mapping[str, str] = {family: transform for transform, family in TRANSFORMS.items()}
"""The function of a variable in which a family is normal."""


def straight(node: Node, x: str, family: str) -> bool:
    """Whether an atom of the analysis is linear in what the model of x is linear for."""
    return _linear(node, x, FUNCTION_OF.get(family))


def plain(node: Node, x: str) -> bool:
    """Whether an atom is linear in x itself."""
    return _linear(node, x, None)


def _linear(node: Node, x: str, of: str | None) -> bool:
    """Whether it is a sum with numbers times x, or times the function of x; without x anything is."""
    if not _has(node, x):
        return True
    if of is None and node == Name(x):
        return True
    if of is not None and _is(node, x, of):
        return True
    match node:
        case Call(function, (first, *others), ()) if function in SAME:
            return _linear(first, x, of) and not any(_has(other, x) for other in others)
        case Operation(("-" | "+",), (operand,)):
            return _linear(operand, x, of)
        case Operation(symbols, operands) if set(symbols) <= {"+", "-"}:
            return all(_linear(operand, x, of) for operand in operands)
        case Operation(symbols, operands) if set(symbols) <= {"*", "/"}:
            inside = [k for k, operand in enumerate(operands) if _has(operand, x)]
            over = len(inside) == 1 and (inside[0] == 0 or symbols[inside[0] - 1] == "*")
            numbers = all(isinstance(operand, Number) for k, operand in enumerate(operands) if k not in inside)
            return over and numbers and _linear(operands[inside[0]], x, of)
    return False


def _is(node: Node, x: str, of: str) -> bool:
    """Whether it is that function of x, in one of the ways to write it."""
    match node:
        case Call(function, (inner,), ()) if _column(inner) == x:
            return function in LOGS if of == "log" else function == of
        case Call("log", (Operation(("/",), (above, Operation(("-",), (Number(1), below)))),), ()) if of == LOGIT:
            return _column(above) == x == _column(below)
        case Operation(("**",), (base, Number(0.5))) if of == SQRT:
            return _column(base) == x
    return False


def _column(node: Node) -> str | None:
    match node:
        case Call("where_applies", (Name(name), *_)) | Name(name):
            return name
    return None


def _has(node: Node, x: str) -> bool:
    return any(isinstance(part, Name) and part.name == x for part in walk(node))
