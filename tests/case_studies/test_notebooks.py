"""The notebooks were executed as they stand, and still run from top to bottom.

``python tests/case_studies/test_notebooks.py popmis …`` executes notebooks and writes their output into them.
"""

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
SECONDS = 3600
STUDIES = {
    "calibration": ("calibration.csv", "rare_outcomes.csv"),
    "compatible_study": ("compatible.csv",),
    "munoz_study": ("munoz.csv", "munoz-small.csv"),
}
"""Files of `.study` that notebooks read."""


def _cells(path: Path) -> list[Any]:
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_notebook_for_each_case_study() -> None:
    assert NAMES == [
        "bayesian_analysts",
        "brandsma",
        "calibration",
        "compatible_study",
        "hiv_heckman",
        "impact",
        "mnar_workbench",
        "munoz_study",
        "popmis",
        "popncr",
        "popularity_compatible",
        "popularity_tutorial",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_was_executed_from_top_to_bottom_without_complaint(path: Path) -> None:
    cells = _cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)
    assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text(encoding="utf-8"))


def executed(path: Path, data: Path) -> Any:
    """A notebook after a run of all its cells on the data sets of a folder."""
    from nbclient import NotebookClient

    os.environ["BAYESIMPUTE_DATA"] = str(data)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}}).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when each cell began and ended
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_a_notebook_runs(path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = path.parents[1] / ".study"
    absent = [name for name in STUDIES.get(path.stem, ()) if not (rows / name).exists()]
    if absent:
        pytest.skip(f"its rows take hours, see its text for the command: {', '.join(absent)}")
    monkeypatch.setenv("BAYESIMPUTE_DATA", str(shared_data))
    notebook = executed(path, shared_data)
    errors = [o for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == "error"]
    assert not errors


if __name__ == "__main__":
    for name in sys.argv[1:]:
        place = next(path for path in NOTEBOOKS if path.stem == name)
        nbformat.write(executed(place, place.parents[2] / "shared" / "data"), place)
