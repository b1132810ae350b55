"""The house: rooms import rooms above them only, no circles, one seam a dependency, nothing heavy loads at once."""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from bayesimpute import _HOMES

PACKAGE = Path(__file__).resolve().parents[1] / "bayesimpute"
ROOMS = (
    "base",
    "data",
    "formulas",
    "numerics",
    "families",
    "plan",
    "designs",
    "samplers",
    "compatible",
    "analysis",
    "checking",
    "running",
    "result",
    "pooling",
    "diagnosis",
    "estimating",
    "sensitivity",
    "inspection",
    "suggesting",
    "reporting",
    "plotting",
    "imputed",
    "imputer",
    "cli",
    "__main__",
)
"""From the ground up: a room imports from rooms above it in this list, in functions and for type checkers too."""
SEAMS = {
    "bambi": ("designs.automatic_priors", "inspection"),
    "formulae": ("formulas",),
    "pymc": ("designs.graph", "samplers.nuts", "families", "numerics.normal_cdf", "inspection"),
    "pytensor": (
        "designs.matrix_vector",
        "designs.graph",
        "samplers.nuts",
        "families",
        "numerics.normal_cdf",
        "numerics.plain_normal_cdf",
        "base.cutpoints",  # the density of a prior that PyMC has not
        "inspection",
    ),
    "statsmodels": ("analysis",),
    "glmm": ("analysis.generalised_mixed",),
    "matplotlib": ("plotting",),
    "arviz": (),  # it loads pyplot; its parts are to be had without
    "arviz_stats": ("numerics.chains", "sensitivity.importance_weights", "inspection.comparing"),
    "arviz_plots": ("plotting",),
    "pooch": ("data.public_data",),
    "pyreadr": ("data.public_data",),
    "pyreadstat": ("data.public_data", "data.readers", "data.writers"),
    "rich": ("base.progress", "base.tables"),
    "tomli_w": ("plan.document",),
    "loky": ("base.processes",),
    "threadpoolctl": ("base.one_thread",),
    "zarr": ("result.store",),
    "narwhals": ("data.arrow_frames",),
}
"""Who may import what, inside functions too."""
HEAVY = {*SEAMS, "scipy.stats", "scipy.optimize", "distributed", "dask"}
"""What no module loads when it is imported."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room(module: str) -> str:
    return module.split(".")[0]


def imports(tree: ast.AST, *, everywhere: bool) -> Iterator[str]:
    """Dotted names that are imported: by functions and for type checkers too if `everywhere`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not everywhere:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node, everywhere=everywhere)


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imported(module: str) -> set[str]:
    """The modules of the package that a module names in its imports, anywhere in it."""
    found = set()
    for name in imports(parsed(module), everywhere=True):
        package, _, rest = name.partition(".")
        if package != "bayesimpute":
            continue
        assert room(rest) in ROOMS, f"{module} imports {name}: the public names are for users"
        while rest not in MODULES:
            rest = rest.rpartition(".")[0]
        found.add(rest)
    return found - {module}


INNER = [module for module in MODULES if module != "__init__"]


def homes(module: str) -> set[str]:
    """The folder in which a module stands, all the way up."""
    parts = module.split(".")
    return {".".join(parts[:k]) for k in range(1, len(parts))}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A circle of imports, empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_every_room_is_in_the_list_and_nothing_else_stands_at_the_top() -> None:
    assert {room(module) for module in MODULES} - {"__init__"} == set(ROOMS)
    assert not twice(ROOMS)
    at_the_top = {path.stem for path in PACKAGE.glob("*.py")}
    assert at_the_top == {"__init__", "__main__", "imputed", "imputer"}


@pytest.mark.parametrize("module", INNER)
def test_imports_go_up_the_list(module: str) -> None:
    here = ROOMS.index(room(module))
    below = sorted(name for name in imported(module) if ROOMS.index(room(name)) > here)
    assert not below, f"{module} imports {', '.join(below)}, further down the list of rooms"


def test_no_files_import_each_other_in_a_circle() -> None:
    """A package's ``__init__`` hands on what is inside; a file inside that takes another from there closes a circle."""
    assert circle({module: imported(module) for module in INNER}) == []


def test_no_two_files_or_folders_bear_one_name() -> None:
    names = [module.split(".")[-1] for module in MODULES if module not in ("__init__", "__main__")]
    own = {"plan", "result", "diagnosis"}  # rooms that hold a file of their name, for their main noun
    assert set(twice(names)) == own


def test_no_room_bears_the_name_of_a_public_function() -> None:
    import bayesimpute

    assert not {room(module) for module in MODULES} & set(bayesimpute.__all__)


def test_the_package_itself_imports_nothing_of_its_own() -> None:
    names = list(imports(parsed("__init__"), everywhere=False))
    assert [name for name in names if name.startswith("bayesimpute")] == []


@pytest.mark.parametrize("module", list(MODULES))
def test_every_dependency_has_its_seam(module: str) -> None:
    for name in imports(parsed(module), everywhere=True):
        allowed = SEAMS.get(name.split(".")[0])
        if allowed is not None:
            assert ({module} | homes(module)) & set(allowed), f"{module} imports {name}, for {', '.join(allowed)}"


@pytest.mark.parametrize("module", list(MODULES))
def test_nothing_heavy_loads_with_a_module(module: str) -> None:
    names = list(imports(parsed(module), everywhere=False))
    heavy = [n for n in names if n.split(".")[0] in HEAVY or any(n == h or n.startswith(f"{h}.") for h in HEAVY)]
    assert heavy == []


def test_the_rules_see_what_they_forbid() -> None:
    tree = ast.parse(
        "from typing import TYPE_CHECKING\nimport a.b\nif TYPE_CHECKING:\n    import typed\n"
        "class C:\n    from c import d\ndef f():\n    import inner\n"
    )
    outer = ["typing.TYPE_CHECKING", "a.b", "c.d"]
    assert list(imports(tree, everywhere=False)) == outer
    assert sorted(imports(tree, everywhere=True)) == sorted([*outer, "typed", "inner"])
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []
    assert circle({"a": {"b"}, "b": {"c"}}) == []
    assert room("a.b.c") == "a" and homes("a.b.c") == {"a", "a.b"}


@pytest.mark.parametrize("module", list(MODULES))
def test_files_that_a_text_names_are_there(module: str) -> None:
    """Of the same folder, of one above, or as a path in the package: ``rows.py``, ``gibbs/binary.py``, :mod:`.rows`."""
    path = MODULES[module]
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"``([\w/]+\.py)``", text)
    named += [f"{stem}.py" for stem in re.findall(r":\w+:`~?\.(\w+)(?:\.\w+)*`", text)]
    places = [folder / name for name in named for folder in path.parents if PACKAGE.parent in (folder, *folder.parents)]
    there = {place.name for place in places if place.exists() or place.with_suffix("").is_dir()}
    assert not [name for name in named if Path(name).name not in there]
    dotted = re.findall(r"`~?bayesimpute\.([\w.]+)`", text)
    public = {name for names in _HOMES.values() for name in names}
    assert not [name for name in dotted if room(name) not in {*ROOMS, *public, "load"}]
