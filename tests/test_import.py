"""What loads when: importing the package loads nothing heavy, and every public name is there when asked for."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import bayesimpute

HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "xarray",
    "pymc",
    "pytensor",
    "bambi",
    "arviz",
    "matplotlib",
    "statsmodels",
    "rich",
)


def loaded(code: str) -> set[str]:
    """The top-level packages that are loaded after some code has run in a fresh interpreter."""
    script = f"import json, sys\n{code}\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("code", ["import bayesimpute", "import bayesimpute.cli.parser"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert loaded(code) & set(HEAVY) == set()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import contextlib, io, bayesimpute.cli.parser as cli\nwith contextlib.redirect_stdout(io.StringIO()) as out:\n"
    )
    code += "    assert cli.main(['--help']) == 0 and 'impute' in out.getvalue()"
    assert loaded(code) & set(HEAVY) == set()


def test_a_plan_is_made_checked_and_written_without_the_samplers() -> None:
    code = """
import pandas as pd, bayesimpute as bi
frame = pd.DataFrame({"y": [1.0, 2.0, 2.5, None, 4.0, 3.0], "x": [1.0, 2.0, 3.0, 4.0, 6.0, 5.0]})
plan = bi.Plan.of(["y ~ x"])
assert bi.check(plan, frame) == [] and bi.Plan.from_toml(plan.to_toml()) == plan
made = bi.suggest("y ~ x", frame)
assert bi.congenial(made.plan, "y ~ x", frame) == []"""
    assert loaded(code) & {"pymc", "pytensor", "bambi", "arviz", "matplotlib", "statsmodels"} == set()


@pytest.mark.parametrize("name", bayesimpute.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(bayesimpute, name)
    assert value is getattr(bayesimpute, name)
    assert isinstance(value, str) or value.__doc__ or isinstance(value, dict)


def test_public_names_are_listed_once_and_alike_for_people_and_type_checkers() -> None:
    tree = ast.parse(Path(bayesimpute.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    homes = {
        statement.module.removeprefix("bayesimpute."): tuple(alias.name for alias in statement.names)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
    }
    assert homes == bayesimpute._HOMES
    named = [name for names in homes.values() for name in names]
    assert sorted([*named, "load", "__version__"]) == sorted(bayesimpute.__all__)
    assert {name for name in dir(bayesimpute) if not name.startswith("_")} == set(bayesimpute.__all__) - {"__version__"}


def test_check_is_the_function_whatever_else_is_loaded() -> None:
    code = """
import bayesimpute as bi, bayesimpute.checking.plan_alone
assert bi.check.__name__ == "check" and callable(bi.check)
from bayesimpute import check
assert check is bi.check"""
    loaded(code)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'imputee'"):
        bayesimpute.imputee  # noqa: B018
