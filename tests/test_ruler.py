"""The ruler measures what there is, and sees one byte; the figures of the house are right for a small one."""

import shutil
import tomllib
from pathlib import Path

import house
import pytest
import ruler
from ruler_works.plans import PLANS
from ruler_works.running import CASES

import bayesimpute as bi
from bayesimpute.samplers import SAMPLERS

MODELS = Path(__file__).resolve().parents[1] / "models"


def documents() -> list[dict]:
    return [tomllib.loads(text) for _, text in PLANS.values()]


def models() -> list[dict]:
    return [m for d in documents() for kind in ("conditional", "substantive") for m in d.get(kind, ())]


def test_every_plan_can_be_read() -> None:
    assert all(bi.Plan.from_toml(text) for _, text in PLANS.values())


def test_every_family_and_sampler_is_measured() -> None:
    automatic = {"gaussian", "bernoulli"}  # what a variable gets that says nothing
    assert {m["family"] for m in models() if "family" in m} | automatic == set(bi.FAMILIES)
    assert {d["run"]["sampler"] for d in documents()} == {"auto", *SAMPLERS}
    assert {m["link"] for m in models() if "link" in m} == {"logit", "probit"}


def test_every_plan_of_the_case_studies_has_its_data() -> None:
    assert set(CASES) == {path.stem for path in MODELS.glob("*.toml")}


@pytest.fixture
def measured(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a", tmp_path / "b"
    for work in ("plan/one", "ask/two"):
        (a / work).mkdir(parents=True)
        (a / work / "table.csv").write_text("x,y\n1,2.5\n3,4.5\n")
    shutil.copytree(a, b)
    return a, b


def test_equal_folders_are_equal(measured: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    assert ruler.main([str(folder) for folder in measured]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 2 works are equal"


def test_one_byte_is_seen(measured: tuple[Path, Path], capsys: pytest.CaptureFixture) -> None:
    (measured[1] / "plan/one/table.csv").write_text("x,y\n1,2.5\n3,4.6\n")
    assert ruler.main([str(folder) for folder in measured]) == 1
    told = capsys.readouterr().out
    assert "different  plan/one\n    table.csv, line 3\n      first:  3,4.5\n      second: 3,4.6\n" in told
    assert "equal      ask/two" in told
    assert ruler.main([*map(str, measured), "--only", "ask"]) == 0


def test_a_work_that_is_not_there_or_failed_is_no_equality(measured: tuple[Path, Path]) -> None:
    for folder in measured:
        (folder / "ask/two/failed.txt").write_text("ValueError: no\n")
    assert ruler.main([*map(str, measured), "--only", "ask"]) == 1
    shutil.rmtree(measured[1] / "plan/one")
    assert ruler.main([*map(str, measured), "--only", "plan"]) == 1
    assert ruler.main([*map(str, measured), "--only", "nothing"]) == 1


def test_the_figures_of_a_small_house(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "low.py": "class A:\n    pass\n",
        "mid.py": "from typing import TYPE_CHECKING\nfrom bayesimpute import low\n"
        "if TYPE_CHECKING:\n    import bayesimpute.top\n",
        "top.py": "def f():\n    '''Say.'''\n    from bayesimpute.mid import x\n    return x\n",
        "room/__init__.py": "",
        "room/low.py": "from bayesimpute.room.other import y\nclass A:\n    pass\n",
        "room/other.py": "def g():\n    import bayesimpute.room.low\n",
    }
    for name, text in files.items():
        path = tmp_path / "bayesimpute" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = house.figures(tmp_path / "bayesimpute")
    assert found["modules at the top (without __init__, __main__)"] == 3
    assert found["rooms (packages at the top)"] == 1
    assert found["floors (longest path of imports)"] == 3
    assert (found["circles"], found["files in the largest circle"]) == (1, 2)
    assert found["circles with imports for type checkers"] == 2
    assert found["file names that stand more than once"] == "1 (low.py 2)"
    assert found["class names that stand more than once"] == "1 (A 2)"
    assert found["90th percentile of lines of a function body"] == 2
