"""The study of every file: the holes it makes, what it finds in a short run, and its tables."""

from pathlib import Path
from typing import Any

import any_file
import numpy as np
import pandas as pd
import pytest


def school(clusters: int = 30, size: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(clusters), size)
    x = rng.normal(size=clusters)[g] + rng.normal(size=len(g))
    kind, texp = np.where(x + rng.normal(size=len(g)) > 0, "a", "b"), rng.integers(2, 25, clusters)[g]
    return pd.DataFrame({"school": g, "teachpop": x, "kind": kind, "texp": texp, "y": 2 * x})


def test_holes_follow_the_driver_and_take_whole_clusters() -> None:
    data = school(300, 30)
    holes = any_file.with_holes(data, "popmis")
    assert not holes[["school", "teachpop"]].isna().to_numpy().any()
    gone = holes["y"].isna()
    assert gone.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / len(data)))
    assert data.loc[gone, "teachpop"].mean() > data["teachpop"].mean() + 0.5
    absent = holes["texp"].isna().groupby(holes["school"]).mean()
    assert set(absent) == {0.0, 1.0} and absent.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 300))
    assert (holes.eq(data) | holes.isna()).to_numpy().all()


def test_a_short_run_has_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    school(8).drop(columns="texp").to_csv(tmp_path / "popmis.csv", index=False)
    monkeypatch.setitem(any_file.ANALYSES, "popmis", [("y ~ kind", {})])
    monkeypatch.delitem(any_file.COMPLETE, "popmis")
    few = {"m": 4, "chains": 2, "warmup": 2, "sweeps": 4, "steps": 1}
    rows = [r for holes in (False, True) for r in any_file.replicate(str(tmp_path), "popmis", holes, few)]
    found = pd.DataFrame(rows)
    assert found.loc[found["holes"] == 0, "note"].str.contains("no missing values").all()
    (line,) = any_file.table(found).query("holes > 0").to_dict("records")
    assert line["outside"] == 0 and np.isfinite(line["means_errors"]) and np.isfinite(line["slopes_errors"])
    true = found[found["what"] == "coefficient"].set_index("label")["truth"]
    assert true["kind[b]"] < 0


def distance(what: str, holes: float, **numbers: Any) -> dict[str, Any]:
    return any_file.row(what, "y ~ x", **numbers) | {"data": "d", "holes": holes}


def test_distances_are_from_the_truth_or_from_the_run_without_holes() -> None:
    rows = [
        distance("mean", 0.3, value=3.0, error=0.5, open=0.2, truth=2.0),
        distance("coefficient", 0.0, label="x", value=1.0, error=0.3, open=0.0),
        distance("coefficient", 0.3, label="x", value=1.6, error=0.3, open=0.2),
    ]
    found = any_file.compared(pd.DataFrame(rows))
    assert found["z"].tolist() == pytest.approx([5.0, np.nan, 3.0], nan_ok=True)
    assert found["errors"].tolist() == pytest.approx([2.0, np.nan, 2.0], nan_ok=True)
    assert any_file.suspects(pd.DataFrame(rows))["what"].tolist() == ["mean"]
    short = any_file.spread(pd.DataFrame(rows)).set_index("of")
    assert short["number"].to_dict() == {"coefficients": 1, "means and shares": 1}
    assert short["z_above_3.5"].to_dict() == {"coefficients": 0, "means and shares": 1}


def test_what_a_column_cannot_be_is_counted() -> None:
    given = pd.Series(["a", "b", None, None], name="k")
    frames = [pd.DataFrame({"k": ["a", "b", "c", "a"]}), pd.DataFrame({"k": ["a", "b", "b", "d"]})]
    ((what, told),) = any_file.cells(None, "k", given, frames)  # type: ignore[arg-type]
    assert (what, told["label"], told["value"]) == ("cells", "outside", 2)


def test_a_folder_without_files_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="there are no CSV files"):
        any_file.main(["--data", str(tmp_path)])
