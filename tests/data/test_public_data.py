"""Public data sets: both ways in give the same frame, and every way to fail says what to do."""

import hashlib
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pooch
import pytest

from bayesimpute.base.errors import FileError
from bayesimpute.data import public_data
from bayesimpute.data.public_data import DATASETS, describe_datasets, load_dataset, read_raw
from bayesimpute.data.readers import read_file

NAMES = (
    "popmis",
    "popmis_complete",
    "popular_complete",
    "popNCR",
    "brandsma",
    "hiv",
    "impact",
    "popular_tutorial_MAR",
    "popular_tutorial_complete",
    "mroz87",
    "boys",
    "nhanes2",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of our own, and no folder of the user's own."""
    monkeypatch.delenv("BAYESIMPUTE_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    return tmp_path / "bayesimpute"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server whose only file is ``popmis.rda``, with other content than the true one."""
    (tmp_path / "popmis.rda").write_bytes(b"not what it was")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *args: object) -> None:
            del args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_names() -> None:
    assert list(DATASETS) == [dataset.name for dataset in DATASETS.values()]
    assert set(DATASETS) == set(NAMES)


def test_sources_are_the_published_ones(shared_data: Path) -> None:
    sources = json.loads((shared_data / "sources.json").read_text())
    for name, dataset in DATASETS.items():
        wanted = sources[name]
        assert (dataset.url, dataset.sha256, dataset.object) == (wanted["url"], wanted["sha256"], wanted["object"])
        assert dataset.csv == wanted["csv"]
        assert hashlib.sha256((shared_data / wanted["raw"]).read_bytes()).hexdigest() == dataset.sha256


@pytest.mark.parametrize("name", NAMES)
def test_published_file_equals_csv(name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYESIMPUTE_DATA", str(shared_data))
    raw = json.loads((shared_data / "sources.json").read_text())[name]["raw"]
    pd.testing.assert_frame_equal(read_raw(name, shared_data / raw), load_dataset(name), check_exact=True)


@pytest.mark.parametrize(
    ("name", "rows", "missing"),
    [
        ("popmis", 2000, {"popular": 848}),
        ("popNCR", 2000, {"extrav": 516, "sex": 496, "texp": 976, "popular": 510, "popteach": 528}),
        ("hiv", 6416, {"hiv": 1318}),
        ("impact", 11022, {}),
        ("boys", 748, {"hgt": 20, "wgt": 4, "bmi": 21, "hc": 46, "gen": 503, "phb": 503, "tv": 522, "reg": 3}),
    ],
)
def test_missing_counts(
    name: str, rows: int, missing: dict[str, int], shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAYESIMPUTE_DATA", str(shared_data))
    counts = (frame := load_dataset(name)).isna().sum()
    assert len(frame) == rows
    assert counts[counts > 0].to_dict() == missing


def test_cached_file_needs_no_network(
    cache: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    popmis = DATASETS["popmis"]
    cache.mkdir()
    shutil.copy(shared_data / "raw" / "popmis.rda", cache / f"{popmis.sha256[:12]}-popmis.rda")
    moved = replace(popmis, url="http://127.0.0.1:1/popmis.rda")
    monkeypatch.setattr(public_data, "DATASETS", {"popmis": moved})
    frame = load_dataset("popmis")
    pd.testing.assert_frame_equal(frame, read_file(shared_data / "popmis.csv"))
    assert capfd.readouterr() == ("", "")


def test_unreachable_source(cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    url = "http://127.0.0.1:1/popmis.rda"
    monkeypatch.setattr(public_data, "DATASETS", {"popmis": replace(DATASETS["popmis"], url=url)})
    with pytest.raises(FileError, match="cannot be fetched") as caught:
        load_dataset("popmis")
    assert url in str(caught.value)
    assert "put popmis.csv into a folder and set BAYESIMPUTE_DATA" in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_source_without_the_file(cache: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_data, "DATASETS", {"hiv": replace(DATASETS["hiv"], url=f"{server}/hiv.RData")})
    with pytest.raises(FileError, match="404"):
        load_dataset("hiv")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_wrong_checksum(cache: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_data, "DATASETS", {"popmis": replace(DATASETS["popmis"], url=f"{server}/popmis.rda")})
    with pytest.raises(FileError, match="another file than it did"):
        load_dataset("popmis")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_unknown_name() -> None:
    with pytest.raises(FileError, match='did you mean "popNCR"'):
        load_dataset("popncr")
    with pytest.raises(FileError, match="the names are popmis, "):
        load_dataset("zzz")


def test_folder_without_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAYESIMPUTE_DATA", str(tmp_path))
    with pytest.raises(FileError, match=r"put boys\.csv there, or unset BAYESIMPUTE_DATA"):
        load_dataset("boys")


def test_description_states_sources_licences_and_terms() -> None:
    table = describe_datasets()
    assert list(table.index) == list(DATASETS)
    assert table.map(bool).all(axis=None)
    assert "not to pass its data on" in table.loc["hiv", "note"]
