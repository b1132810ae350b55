"""Lifting calls that look beyond the row, as ``cluster_mean(x, g)`` and ``observed(y)``, and ``offset()`` into columns.

The former look beyond the row, so they cannot be evaluated on part of the data, as ``scores(x)`` cannot, which knows
all labels; an offset is no term of a design matrix. As columns they are derived variables like any other: computed once
from all rows, kept up to date, and named in terms as they were written.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from bayesimpute.formulas.algebra import Term
from bayesimpute.formulas.expressions import Expression, parse_expression
from bayesimpute.formulas.functions import LIFTED
from bayesimpute.formulas.language import Formula, Group
from bayesimpute.formulas.syntax import Call, Name, Node, Operation, render, walk


def lift(node: Node) -> tuple[Node, frozenset[str]]:
    """Replace every call of a given function by the column of that name.

    Returns
    -------
    Node
        The same with columns in place of the calls: `` `cluster_mean(x, g)` ``.
    frozenset of str
        The calls, each an expression that gives the column of that name.
    """
    calls = {render(part) for part in walk(node) if isinstance(part, Call) and part.function in LIFTED}
    return _lifted(node) if calls else node, frozenset(calls)


def lift_formula(formula: Formula) -> tuple[Formula, frozenset[str]]:
    """A formula in which columns stand for the calls that look beyond the row and for offsets, and what they hold."""
    common, calls = _terms(formula.trees)
    groups = []
    for group in formula.groups:
        terms, inner = _terms(group.trees)
        groups.append(Group.of(terms, group.keys, correlated=group.correlated) if inner else group)
        calls |= inner
    written = {render(node) for node in formula.offsets if not isinstance(node, Name)}
    calls = calls.union(*(lift(node)[1] for node in formula.offsets))
    if not calls and not written:
        return formula, calls
    offsets = tuple(node if isinstance(node, Name) else Name(column_name(render(node))) for node in formula.offsets)
    return Formula.of(formula.source, formula.response, common, tuple(groups), offsets), calls | written


def lift_expression(expression: Expression) -> tuple[Expression, frozenset[str]]:
    """An expression in which columns stand for the calls that look beyond the row, and those calls."""
    tree, calls = lift(expression.tree)
    return (Expression.of(render(tree), tree, expression.path) if calls else expression), calls


def _terms(terms: Iterable[Term]) -> tuple[list[Term], frozenset[str]]:
    lifted = [[lift(atom) for atom in term] for term in terms]
    calls = frozenset().union(*(inner for term in lifted for _, inner in term))
    return [tuple(cast(Name | Call, atom) for atom, _ in term) for term in lifted], calls


def _lifted(node: Node) -> Node:
    if isinstance(node, Call) and node.function in LIFTED:
        return Name(render(node).replace("`", ""))
    if isinstance(node, Call):
        keywords = tuple((key, _lifted(value)) for key, value in node.keywords)
        return replace(node, arguments=tuple(map(_lifted, node.arguments)), keywords=keywords)
    if isinstance(node, Operation):
        return replace(node, operands=tuple(map(_lifted, node.operands)))
    return node


def lift_call(call: str) -> Expression:
    """What a column that was lifted is computed from; columns stand for the calls inside it."""
    expression = parse_expression(call, column_name(call))
    tree = expression.tree
    if isinstance(tree, Call) and tree.function in LIFTED:
        inner: Node = replace(tree, arguments=tuple(map(_lifted, tree.arguments)))
    else:
        inner = _lifted(tree)
    return expression if inner == tree else Expression.of(render(inner), inner, expression.path)


def column_name(call: str) -> str:
    """The name of the column that holds a lifted call."""
    return call.replace("`", "")
