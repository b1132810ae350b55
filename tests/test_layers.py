"""The house: module-level imports go up the list only, every dependency has one seam, nothing heavy loads at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "bayesimpute"
HOUSE = (
    "outcome",
    "saving",
    "columns",
    "priors",
    "formulas",
    "incomplete",
    "files",
    "simulate",
    "datasets",
    "families",
    "plan",
    "document",
    "dependence",
    "targets",
    "cluster_means",
    "completed",
    "check",
    "congenial",
    "suggesting",
    "pilot",
    "representative",
    "design",
    "sheets",
    "compatible",
    "describe",
    "products",
    "graph",
    "samplers",
    "kernel",
    "records",
    "legs",
    "crew",
    "storage",
    "tree",
    "imputed",
    "progress",
    "interrupts",
    "fcs",
    "estimates",
    "analysis",
    "pooling",
    "tables",
    "comparing",
    "reasons",
    "diagnostics",
    "survey",
    "domains",
    "answers",
    "estimands",
    "descriptives",
    "identification",
    "reporting",
    "canvas",
    "plots",
    "forest",
    "inputs",
    "demo",
    "commands",
    "cli",
    "__main__",
)
"""From the ground up; a package is one floor."""
SEAMS = {
    "bambi": ("describe",),
    "formulae": ("formulas",),
    "pymc": ("graph", "samplers.nuts", "families"),
    "pytensor": ("products", "graph", "samplers.nuts", "families"),
    "statsmodels": ("analysis",),
    "matplotlib": ("canvas", "plots"),
    "arviz": ("diagnostics", "plots"),
    "arviz_stats": ("diagnostics", "identification.weights"),
    "arviz_plots": ("plots",),
    "pooch": ("datasets",),
    "pyreadr": ("datasets",),
    "pyreadstat": ("datasets", "files"),
    "rich": ("progress", "tables"),
    "tomli_w": ("document",),
    "threadpoolctl": ("legs",),
}
"""Who may import what, inside functions too."""
HEAVY = {*SEAMS, "scipy.stats", "scipy.optimize", "distributed", "dask"}
"""What no module loads when it is imported."""

MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def floor(module: str) -> str:
    return module.split(".")[0]


def imports(tree: ast.AST, *, everywhere: bool) -> Iterator[str]:
    """Dotted names that are imported: by functions too if `everywhere`; never what is for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node, everywhere=everywhere)


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def test_every_module_has_its_place_in_the_house() -> None:
    floors = {floor(module) for module in MODULES} - {"__init__"}
    assert floors == set(HOUSE)
    assert len(HOUSE) == len(set(HOUSE))


@pytest.mark.parametrize("module", [m for m in MODULES if m != "__init__"])
def test_module_level_imports_go_up_the_list(module: str) -> None:
    here = HOUSE.index(floor(module))
    for name in imports(parsed(module), everywhere=False):
        package, _, rest = name.partition(".")
        if package != "bayesimpute":
            continue
        above = floor(rest)
        assert above in HOUSE, f"{module} imports {name}: the public names are for users"
        assert HOUSE.index(above) <= here, f"{module} imports {name}, which is further down the list"


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    names = list(imports(parsed("__init__"), everywhere=True))
    assert [name for name in names if name.startswith("bayesimpute")] == []


@pytest.mark.parametrize("module", list(MODULES))
def test_every_dependency_has_its_seam(module: str) -> None:
    for name in imports(parsed(module), everywhere=True):
        allowed = SEAMS.get(name.split(".")[0])
        if allowed is not None:
            places = {module, floor(module)}
            assert places & set(allowed), f"{module} imports {name}, which is for {', '.join(allowed)}"


@pytest.mark.parametrize("module", list(MODULES))
def test_nothing_heavy_loads_with_a_module(module: str) -> None:
    names = list(imports(parsed(module), everywhere=False))
    heavy = [n for n in names if n.split(".")[0] in HEAVY or any(n == h or n.startswith(f"{h}.") for h in HEAVY)]
    assert heavy == []


def test_the_rules_see_what_they_forbid() -> None:
    tree = ast.parse(
        "from typing import TYPE_CHECKING\nimport a.b\nif TYPE_CHECKING:\n    import unseen\n"
        "class C:\n    from c import d\ndef f():\n    import inner\n"
    )
    outer = ["typing.TYPE_CHECKING", "a.b", "c.d"]
    assert list(imports(tree, everywhere=False)) == outer
    assert list(imports(tree, everywhere=True)) == [*outer, "inner"]
