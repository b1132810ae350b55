"""No test compares floats that come by two ways by ``==``: another processor rounds another way."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROUNDED = {"mean", "std", "var", "average", "exp", "log", "sqrt", "median"}
"""Functions whose last bits are the processor's."""
SAFE = {"round", "int", "len", "allclose"}


def rounded(node: ast.AST) -> bool:
    """Whether a value has last bits that depend on the processor, as far as its text shows."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in SAFE:
            return False
        case ast.Call(func=ast.Attribute(attr=name)) if name in ROUNDED | SAFE:
            return name in ROUNDED
        case ast.JoinedStr():
            return False
        case ast.BinOp(op=ast.Div()):
            return not any(isinstance(part, ast.JoinedStr | ast.Constant) and _text(part) for part in ast.walk(node))
    return any(map(rounded, ast.iter_child_nodes(node)))


def _text(node: ast.expr) -> bool:
    """A path is divided by texts."""
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def found_in(source: str) -> list[str]:
    """Comparisons by ``==`` of what is rounded."""
    asserts = [node.test for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    compared = [node for test in asserts for node in ast.walk(test) if isinstance(node, ast.Compare)]
    equal = [node for node in compared if any(isinstance(op, ast.Eq) for op in node.ops)]
    exact = [node for node in equal if "approx(" not in ast.unparse(node)]
    return [ast.unparse(node) for node in exact if any(map(rounded, (node.left, *node.comparators)))]


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("assert table['truth'].mean() == y[rows].mean()", True),
        ("assert share == hits / n", True),
        ("assert (x == np.log(y)).all()", True),
        ("assert share == pytest.approx(hits / n)", False),
        ("assert (folder / 'a.txt').read_text() == 'a'", False),
        ("assert round(x.mean(), 2) == 0.5", False),
    ],
)
def test_what_is_found(line: str, bad: bool) -> None:
    assert bool(found_in(line)) == bad


def test_floats_of_two_ways_are_compared_with_a_tolerance() -> None:
    found = {path.name: found_in(path.read_text()) for path in sorted(TESTS.rglob("*.py"))}
    assert {name: lines for name, lines in found.items() if lines} == {}
