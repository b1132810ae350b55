"""The figures of the house: ``python tests/house.py [CHECKOUT]`` counts them for a checkout, its own if none is given.

Imports are those of the package's own files, also inside functions; those under ``if TYPE_CHECKING:`` never run and
are left out, and a line of their own says how many circles there are with them. An import of a name from a package
goes to the submodule of that name if there is one, else to the package's ``__init__.py``. A public name taken from the
top package by ``import bayesimpute`` is an import of its ``__init__.py``. Names that an ``__init__.py`` loads when
they are first used, by text, are no imports here. Importing a submodule also runs the ``__init__.py`` of its packages;
that is not counted, because it would make a circle of every package that gathers its own files.

A circle is a set of files of which each imports each other, directly or not. A floor is a place on the longest path of
imports, a circle being one place. Lengths of functions are from the first line of the body, the docstring left out, to
the last; nested functions count by themselves too. To count something else, add a line to :func:`figures`.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PACKAGE = "bayesimpute"
Graph = Mapping[str, set[str]]


def main(checkout: str | None = None) -> int:
    """Print the figures, one a line."""
    top = (Path(checkout) if checkout else Path(__file__).resolve().parents[1]) / PACKAGE
    if not (top / "__init__.py").is_file():
        print(f"{top} is not a package", file=sys.stderr)
        return 2
    for name, value in figures(top).items():
        print(f"{name + ':':55} {value}")
    return 0


def figures(top: Path) -> dict[str, object]:
    """What is counted, by the words for it."""
    files = {_module(path, top): path for path in sorted(top.rglob("*.py"))}
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in files.items()}
    lengths = [len(path.read_text("utf-8").splitlines()) for path in files.values()]
    bodies = [length for tree in trees.values() for length in body_lengths(tree)]
    running, typed = import_graph(trees, typed=False), import_graph(trees, typed=True)
    circles = [c for c in components(running) if len(c) > 1]
    circles_typed = [c for c in components(typed) if len(c) > 1]
    file_names = [path.name for path in files.values() if path.name != "__init__.py"]
    class_names = [node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {
        "modules at the top (without __init__, __main__)": len(
            [path for path in files.values() if path.parent == top and not path.name.startswith("__")]
        ),
        "rooms (packages at the top)": len([p for p in top.iterdir() if (p / "__init__.py").is_file()]),
        "floors (longest path of imports)": floors(running),
        "circles": len(circles),
        "files in the largest circle": max(map(len, circles), default=0),
        "circles with imports for type checkers": len(circles_typed),
        "files in the largest circle, type checkers included": max(map(len, circles_typed), default=0),
        "file names that stand more than once": _repeated(file_names),
        "class names that stand more than once": _repeated(class_names),
        "files": len(files),
        "lines": sum(lengths),
        "median lines of a file": quantile(lengths, 0.5),
        "90th percentile of lines of a file": quantile(lengths, 0.9),
        "functions": len(bodies),
        "median lines of a function body": quantile(bodies, 0.5),
        "90th percentile of lines of a function body": quantile(bodies, 0.9),
    }


def import_graph(trees: Mapping[str, ast.Module], *, typed: bool) -> dict[str, set[str]]:
    """The modules that each module imports; `typed`: also for type checkers."""
    graph = {}
    for name, tree in trees.items():
        found = {target for node in _imports(tree, typed) for target in _targets(node, trees)}
        graph[name] = found - {name}
    return graph


def components(graph: Graph) -> list[list[str]]:
    """The strongly connected components, each after those that it imports (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            at = stack.index(node)
            found.append(stack[at:])
            del stack[at:]

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def floors(graph: Graph) -> int:
    """The number of components on the longest path."""
    height: dict[str, int] = {}
    for members in components(graph):
        below = {other for node in members for other in graph[node]} - set(members)
        height |= dict.fromkeys(members, 1 + max((height[other] for other in below), default=0))
    return max(height.values(), default=0)


def body_lengths(tree: ast.Module) -> Iterator[int]:
    """The lines of every function's body without its docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def quantile(values: Sequence[int], share: float) -> int:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0


def _module(path: Path, top: Path) -> str:
    parts = path.relative_to(top.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(node: ast.AST, typed: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and not typed and _for_checkers(child.test):
            for other in child.orelse:
                yield from _imports(ast.Module([other], []), typed)
        else:
            yield from _imports(child, typed)


def _for_checkers(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(node: ast.Import | ast.ImportFrom, known: Mapping[str, object]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif node.module in known:  # the package has no relative imports
        for alias in node.names:
            inside = f"{node.module}.{alias.name}"
            yield inside if inside in known else str(node.module)


def _repeated(names: Sequence[str]) -> str:
    several = sorted((name, n) for name, n in Counter(names).items() if n > 1)
    listed = ", ".join(f"{name} {n}" for name, n in several)
    return f"{len(several)}{f' ({listed})' if listed else ''}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
