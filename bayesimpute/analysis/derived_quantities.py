"""Quantities derived from the coefficients of an analysis, with delta-method covariances.

``"b[texp] + 5 * b[sex:texp]"``: ``b[…]`` is a coefficient by its name, the rest is arithmetic and the functions of
``FUNCTIONS``. An expression is read into a tree of allowed nodes and never run as Python. Gradients are exact to
rounding: the derivative of f is Im f(b + ih) / h for a step h so small that it changes nothing else (Squire & Trapp
1998, SIAM Review 40:110), which is why every function here must be one of a complex variable.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError, did_you_mean

STEP = 1e-30
FUNCTIONS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "exp": np.exp,
        "log": np.log,
        "sqrt": np.sqrt,
        "tanh": np.tanh,
        "expit": lambda v: 1 / (1 + np.exp(-v)),
        "logit": lambda v: np.log(v / (1 - v)),
    }
)
OPERATORS: Mapping[type, Callable[..., Any]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
        ast.USub: operator.neg,
        ast.UAdd: operator.pos,
    }
)
LONGEST = 2000
_COEFFICIENT = re.compile(r"\bb\[((?:[^\[\]]|\[[^\[\]]*\])+)\]")
Tree = Callable[[np.ndarray], Any]


def derive(estimate: Estimate, expressions: Mapping[str, str]) -> Estimate:
    """The same fit with other terms: functions of its coefficients.

    Parameters
    ----------
    estimate : Estimate
        A fit.
    expressions : mapping of str to str
        Expressions by the name of the new term.

    Returns
    -------
    Estimate
        Values g(b) with the covariance G U Gᵀ, G the gradients; variance components as they are. Complete-data degrees
        of freedom that differ between terms become the smallest of those used.

    Raises
    ------
    AnalysisError
        An expression that cannot be read, names what is no coefficient, or is not finite at the estimates.
    """
    if not expressions:
        raise AnalysisError("derived: no expression is given; write one like b[texp] + 5 * b[sex:texp]")
    trees, used = zip(*(read(text, estimate.terms, name) for name, text in expressions.items()), strict=True)
    b = np.asarray(estimate.estimates, dtype=float)
    values = np.array([_value(tree, b, name) for name, tree in zip(expressions, trees, strict=True)])
    gradients = np.array([_gradient(tree, b) for tree in trees])
    dfcom = estimate.dfcom
    if np.shape(dfcom):
        dfcom = np.array([min(np.asarray(dfcom)[list(places)], default=np.inf) for places in used])
    return replace(
        estimate,
        terms=tuple(expressions),
        estimates=values,
        covariance=gradients @ np.asarray(estimate.covariance) @ gradients.T,
        dfcom=dfcom,
    )


def read(text: str, terms: Sequence[str], name: str) -> tuple[Tree, frozenset[int]]:
    """A function of the coefficients, and the places of those that it uses."""
    place = f"derived[{name}]"
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise AnalysisError(f"{place}: an expression is needed; write one like b[texp] + 5 * b[sex:texp]")
    used: list[int] = []

    def coefficient(match: re.Match[str]) -> str:
        term = match[1].strip()
        if term not in terms:
            remedy = did_you_mean(term, terms, f"the terms are {', '.join(terms)}")
            raise AnalysisError(f'{place}: there is no coefficient "{term}"; {remedy}')
        used.append(list(terms).index(term))
        return f"_{used[-1]}"

    plain = _COEFFICIENT.sub(coefficient, text)
    if not used:
        raise AnalysisError(f"{place}: {text} uses no coefficient; write b[name of the term]")
    if "_" in _COEFFICIENT.sub("", text):  # names that stand for coefficients below start with it
        raise AnalysisError(f'{place}: "_" is not allowed outside of b[…]; use numbers, + - * / ** and functions')
    try:
        body = ast.parse(plain.strip(), mode="eval").body
        return _compiled(body, place), frozenset(used)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise AnalysisError(
            f"{place}: {text} cannot be read; use b[term], numbers, + - * / **, and functions"
        ) from error


def _compiled(node: ast.AST, place: str) -> Tree:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        number = float(node.value)
        return lambda b: number
    if isinstance(node, ast.Name) and re.fullmatch(r"_\d+", node.id):
        index = int(node.id[1:])
        return lambda b: b[index]
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        sign, inner = OPERATORS[type(node.op)], _compiled(node.operand, place)
        return lambda b: sign(inner(b))
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        both, left, right = OPERATORS[type(node.op)], _compiled(node.left, place), _compiled(node.right, place)
        return lambda b: both(left(b), right(b))
    if isinstance(node, ast.Call) and _is_known(node):
        function, argument = FUNCTIONS[ast.unparse(node.func)], _compiled(node.args[0], place)
        return lambda b: function(argument(b))
    found = ast.unparse(node)
    raise AnalysisError(
        f"{place}: {found} is not allowed; use b[term], numbers, + - * / ** and the functions {', '.join(FUNCTIONS)}"
    )


def _is_known(node: ast.Call) -> bool:
    return ast.unparse(node.func) in FUNCTIONS and len(node.args) == 1 and not node.keywords


@np.errstate(all="ignore")
def _value(tree: Tree, b: np.ndarray, name: str) -> float:
    try:
        value = complex(tree(b.astype(complex)))
    except (ZeroDivisionError, OverflowError):
        value = complex("nan")
    if not np.isfinite(value) or abs(value.imag) > 1e-12 * max(abs(value.real), 1e-300):
        raise AnalysisError(f"derived[{name}]: it is not a finite number at the estimates; look at its expression")
    return value.real


@np.errstate(all="ignore")
def _gradient(tree: Tree, b: np.ndarray) -> np.ndarray:
    moved = b + 1j * STEP * np.eye(len(b))
    return np.array([complex(tree(row)).imag / STEP for row in moved])
