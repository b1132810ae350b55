"""Lifting ``cluster_mean(x, g)`` and ``observed(y)`` out of a formula, into columns of their own.

They look beyond the row, so they cannot be evaluated on part of the data. As columns they are derived variables
like any other: computed once from all rows, kept up to date, and named in terms as they were written.
"""

from dataclasses import replace

from bayesimpute.formulas.functions import GIVEN
from bayesimpute.formulas.syntax import Call, Name, Node, Operation, read_formula, render, walk


def lift(text: str, path: str = "formula") -> tuple[str, tuple[str, ...]]:
    """Replace every call of a given function by the column of that name.

    Parameters
    ----------
    text : str
        A formula without left side and random effects, or an expression: ``1 + x + cluster_mean(x, g)``.
    path : str
        Where it stands, for messages.

    Returns
    -------
    str
        The same with columns in place of the calls: ``1 + x + `cluster_mean(x, g)```.
    tuple of str
        The calls, each an expression that gives the column of that name.
    """
    _, tree, _ = read_formula(text, path)
    if tree is None:
        return text, ()
    calls = {render(node) for node in walk(tree) if isinstance(node, Call) and node.function in GIVEN}
    return (render(_lifted(tree)), tuple(sorted(calls))) if calls else (text, ())


def _lifted(node: Node) -> Node:
    if isinstance(node, Call) and node.function in GIVEN:
        return Name(render(node).replace("`", ""))
    if isinstance(node, Call):
        keywords = tuple((key, _lifted(value)) for key, value in node.keywords)
        return replace(node, arguments=tuple(map(_lifted, node.arguments)), keywords=keywords)
    if isinstance(node, Operation):
        return replace(node, operands=tuple(map(_lifted, node.operands)))
    return node


def column_name(call: str) -> str:
    """The name of the column that holds a lifted call."""
    return call.replace("`", "")
