"""Damaged and hostile files: none gives numbers, none runs code, each ends in one error that names it."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from looping import assert_same_run, run_prior, table

from bayesimpute import FileError, MultiplyImputed

HARMS = ("flipped", "zeroed", "truncated")


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run_prior(table(), m=2)


def files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def harm(content: bytes, how: str, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(content)))
    if how == "flipped":
        return content[:place] + bytes([content[place] ^ (1 << int(rng.integers(8)))]) + content[place + 1 :]
    if how == "zeroed":
        return content[:place] + bytes(len(content[place : place + 512])) + content[place + 512 :]
    return content[:place]


def trials(path: Path, number: int) -> Counter[str]:
    """Damage a saved run many times, each time in another way."""
    rng, outcomes = np.random.default_rng(1), Counter[str]()
    for trial in range(number):
        how = HARMS[trial % 3]
        file = files(path)[int(rng.integers(len(files(path))))]
        content = file.read_bytes()
        file.write_bytes(harmed := harm(content, how, rng))
        if path.is_dir() and trial % 10 == 9:
            file.unlink()
        if harmed == content and file.exists():
            outcomes["not harmed"] += 1
            continue
        how = how if file.exists() else "removed"
        try:
            MultiplyImputed.load(path)
            outcomes[f"read: {how} {file.name}"] += 1
        except FileError as error:
            outcomes[how if str(path) in str(error) and len(error.problems) == 1 else str(error)] += 1
        file.write_bytes(content)
    return outcomes


@pytest.mark.parametrize(
    ("ending", "number"),
    [("nc", 24), ("zarr", 24), *(pytest.param(e, 1000, marks=pytest.mark.slow) for e in ("nc", "zarr"))],
)
def test_no_damaged_file_gives_numbers(
    imputed: MultiplyImputed, tmp_path: Path, record_property: Callable[[str, object], None], ending: str, number: int
) -> None:
    path = tmp_path / f"run.{ending}"
    imputed.save(path)
    outcomes = trials(path, number)
    assert set(outcomes) <= {*HARMS, "removed", "not harmed"} and outcomes.total() == number, outcomes
    assert all(outcomes[how] > number / 5 for how in HARMS), outcomes
    assert_same_run(MultiplyImputed.load(path), imputed)
    record_property("tried", f"damages of a .{ending} run, all refused: {dict(outcomes)}")


@pytest.mark.by_default("pickle")
@pytest.mark.parametrize("codec", ["pickle", "numcodecs.pickle", "json2"])
def test_a_store_with_a_codec_that_is_never_written_is_not_read(
    imputed: MultiplyImputed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    path = tmp_path / "run.zarr"
    imputed.save(path)
    place = next(p for p in files(path) if p.name == "zarr.json" and b'"codecs"' in p.read_bytes())
    described = json.loads(place.read_bytes())
    described["codecs"][0] = {"name": codec, "configuration": {}}
    place.write_text(json.dumps(described))
    monkeypatch.setattr("xarray.open_datatree", lambda *a, **k: pytest.fail("it was opened"))
    with pytest.raises(FileError, match=f"run.zarr: it asks for {codec}, which bayesimpute never writes"):
        MultiplyImputed.load(path)
