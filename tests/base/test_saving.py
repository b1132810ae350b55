"""Writing: what was there is never harmed, what is written comes back, and the same frame gives the same bytes."""

import contextlib
import errno
import os
import re
import resource
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.errors import FileError
from bayesimpute.base.saving import atomic
from bayesimpute.data.files import read_data
from bayesimpute.data.writers import write_table


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Without the superuser's rights, to which no place is closed."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            ".imp": [0, 0, 1, 1],
            ".id": ["a", "b", "a", "b"],
            "class": pd.array([1, None, 2, 3], dtype="Int64"),
            "x": [0.1, np.nan, 1 / 3, -1e300],
            "c": pd.Categorical(["lo", None, "hi", "lo"], ["lo", "hi"]),
            "level": pd.Categorical([1, 2, 1, 2]),
            "yes": [True, False, True, True],
            "gap": pd.array([True, None, False, True], dtype="boolean"),
            "s": ["x", None, "é", "NA "],
        }
    )


@pytest.mark.parametrize("ending", ["csv", "parquet", "dta", "sav"])
def test_same_frame_same_bytes_and_nothing_else_left(tmp_path: Path, frame: pd.DataFrame, ending: str) -> None:
    before = frame.copy(deep=True)
    write_table(frame, tmp_path / f"a.{ending}")
    write_table(frame.set_index(pd.Index([9, 8, 7, 6])), tmp_path / f"b.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{ending}", f"b.{ending}"]
    pd.testing.assert_frame_equal(frame, before)


def test_parquet_comes_back_as_it_was(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_table(frame, tmp_path / "x.parquet")
    as_was = frame.astype({"level": "int64"})  # Parquet's categories are text
    pd.testing.assert_frame_equal(read_data(tmp_path / "x.parquet"), as_was)


def test_csv_comes_back(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_table(frame, tmp_path / "x.csv")
    read = read_data(tmp_path / "x.csv")
    assert list(read) == list(frame)
    assert (read["x"].dropna() == frame["x"].dropna()).all()
    assert read.isna().to_numpy().tolist() == frame.isna().to_numpy().tolist()
    assert read["gap"].tolist() == [True, pd.NA, False, True]


def test_stata_holds_what_it_can(tmp_path: Path, frame: pd.DataFrame) -> None:
    write_table(frame, tmp_path / "x.dta")
    read = read_data(tmp_path / "x.dta")
    assert list(read) == ["_imp", "_id", "_class", "x", "c", "level", "yes", "gap", "s"]
    assert (read["x"].dropna() == frame["x"].dropna()).all()
    assert read["c"].cat.categories.tolist() == ["lo", "hi"]
    assert read["level"].astype(str).tolist() == ["1", "2", "1", "2"]
    assert read["yes"].tolist() == [1, 0, 1, 1]
    np.testing.assert_array_equal(read["gap"].to_numpy(), [1, np.nan, 0, 1])
    np.testing.assert_array_equal(read["_class"].to_numpy(), [1, np.nan, 2, 3])
    assert read.isna().to_numpy().tolist() == frame.isna().to_numpy().tolist()
    assert read["s"].iloc[2] == "é"


def test_spss_holds_what_it_can(tmp_path: Path, frame: pd.DataFrame) -> None:
    odd = frame.assign(X=1, All=2, when=pd.Timestamp("2020-01-01T10:00"), big=[2**60, 1, 2, 3], _1=0)
    odd["é" * 40] = odd["é" * 41] = 0.5
    write_table(odd, tmp_path / "x.sav")
    assert (tmp_path / "x.sav").read_bytes()[92:109] == b"01 Jan 0000:00:00"  # when it was made is no part of it
    read = read_data(tmp_path / "x.sav")
    plain = ["Imputation_", "id", "class", "x", "c", "level", "yes", "gap", "s"]
    assert list(read) == [*plain, "X_1", "v_All", "when", "big", "v_1", "é" * 32, "é" * 31 + "_1"]
    assert (read["x"].dropna() == frame["x"].dropna()).all()
    assert read["c"].cat.categories.tolist() == ["lo", "hi"]
    assert read["c"].tolist()[2:] == frame["c"].astype(object).tolist()[2:]
    assert read["level"].astype(str).tolist() == ["1", "2", "1", "2"]
    np.testing.assert_array_equal(read["gap"].to_numpy(), [1, np.nan, 0, 1])
    assert read[plain].isna().to_numpy().tolist() == frame.isna().to_numpy().tolist()
    assert read["when"].iloc[0] == pd.Timestamp("2020-01-01T10:00") and read["big"].iloc[0] == str(2**60)


def test_stata_odd_columns(tmp_path: Path) -> None:
    odd = pd.DataFrame(
        {
            "a b": [2**31, 1],
            "a.b": [2**60, 1],
            "1": pd.to_datetime(["2020-01-01", None]),
            "when": pd.to_datetime(["2020-01-01T12:00+02:00", None], utc=True).tz_convert("Europe/Paris"),
            "x" * 40: ["é" * 2000, "short"],
            "x" * 40 + "y": np.array([0.5, 1], dtype="float32"),
            "mixed": [1, "a"],
            "none": [None, None],
            "empty": pd.array([None, None], dtype="Int64"),
            "u": np.array([1, 2], dtype="uint64"),
        }
    )
    write_table(odd, tmp_path / "x.dta")
    read = read_data(tmp_path / "x.dta")
    assert list(read) == ["a_b", "a_b_1", "_1", "when", "x" * 32, "x" * 30 + "_1", "mixed", "none", "empty", "u"]
    assert read["a_b"].tolist() == [2**31, 1]
    assert read["a_b_1"].tolist() == [str(2**60), "1"]
    assert read["_1"].iloc[0] == pd.Timestamp("2020-01-01")
    assert read["when"].iloc[0] == pd.Timestamp("2020-01-01T10:00")
    assert read["x" * 32].tolist() == ["é" * 2000, "short"]
    assert read["mixed"].tolist() == ["1", "a"]
    assert read[["none", "empty"]].isna().all(axis=None)


@pytest.mark.parametrize("ending", ["csv", "parquet", "dta", "sav"])
def test_empty_frame_and_duplicate_names(tmp_path: Path, frame: pd.DataFrame, ending: str) -> None:
    write_table(frame.iloc[:0], tmp_path / f"none.{ending}")
    assert read_data(tmp_path / f"none.{ending}").shape == (0, frame.shape[1])
    with pytest.raises(FileError, match='more than one column is called "x"'):
        write_table(pd.concat([frame, frame[["x"]]], axis=1), tmp_path / f"twice.{ending}")
    assert not (tmp_path / f"twice.{ending}").exists()


@pytest.mark.parametrize(("ending", "value"), [("dta", np.inf), ("parquet", {1, "a"})])
def test_what_the_format_cannot_hold(tmp_path: Path, ending: str, value: object) -> None:
    with pytest.raises(FileError, match="this table cannot be written as"):
        write_table(pd.DataFrame({"x": [value]}), tmp_path / f"x.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_existing_file_needs_force(tmp_path: Path, frame: pd.DataFrame) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(FileError, match="exists already"):
        write_table(frame, path)
    assert path.read_text() == "mine"
    write_table(frame, path, force=True)
    assert len(read_data(path)) == len(frame)


def test_targets_that_are_refused(tmp_path: Path, frame: pd.DataFrame) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "keep").touch()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, words in {
        "x.xlsx": r'ending "\.xlsx" is not known; use one of \.csv, \.parquet, \.dta',
        "x": "no ending",
        "nowhere/x.csv": 'nowhere" is not there',
        "folder.csv": "this is a folder",
        "pipe.csv": "not a regular file",
        "a\0.csv": "zero byte",
        f"{'x' * 300}.csv": "File name too long",
    }.items():
        with pytest.raises(FileError, match=words):
            write_table(frame, f"{tmp_path}/{name}", force=True)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder.csv", "keep", "pipe.csv"]


def test_places_where_one_may_not_write(frame: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mine.csv").write_text("mine")
        (folder / "mine.csv").chmod(0o444)
        folder.chmod(0o777)
        with unprivileged(), pytest.raises(FileError, match="you may not write to this file"):
            write_table(frame, folder / "mine.csv", force=True)
        folder.chmod(0o555)
        with unprivileged(), pytest.raises(FileError, match=r"cannot be written \(Permission denied\)"):
            write_table(frame, folder / "x.csv")
        folder.chmod(0o755)
        assert [path.read_text() for path in folder.iterdir()] == ["mine"]


@pytest.mark.parametrize("ending", ["csv", "parquet", "dta", "sav"])
def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    path.write_text("mine")
    large = pd.DataFrame({"x": np.random.default_rng(0).standard_normal(40_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # the nearest thing to a full disk that a test may cause
    try:
        said = "Unable to write data: is the disk full?" if ending == "sav" else os.strerror(errno.EFBIG)
        with pytest.raises(FileError, match=re.escape(f"cannot be written ({said})")):
            write_table(large, path, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_no_space_is_said_in_the_systems_words(tmp_path: Path) -> None:
    with (
        pytest.raises(FileError, match=r"cannot be written \(No space left on device\)"),
        atomic(tmp_path / "x") as temporary,
    ):
        temporary.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))
    assert list(tmp_path.iterdir()) == []


def test_interruption_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    path.write_text("mine")
    with pytest.raises(KeyboardInterrupt), atomic(path, force=True) as temporary:
        temporary.write_text("half")
        assert temporary.suffix == ".nc"
        raise KeyboardInterrupt
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.nc"
    with pytest.raises(FileError, match="exists already"), atomic(path) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_link_is_followed_and_rights_are_the_usual(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with atomic(tmp_path / "link.txt", force=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "real.txt").stat().st_mode) == 0o666 & ~umask


def test_store_replaces_store_only(tmp_path: Path) -> None:
    target = tmp_path / "x.zarr"
    for content in ("one", "two"):
        with atomic(target, force=content == "two") as temporary:
            temporary.mkdir()
            (temporary / "zarr.json").write_text(content)
    assert (target / "zarr.json").read_text() == "two"
    with atomic(target, force=True) as temporary:
        temporary.write_text("a file now")
    assert target.read_text() == "a file now"
    with atomic(target, force=True) as temporary:
        temporary.mkdir()
        (temporary / "zarr.json").touch()
    assert target.is_dir()
    assert list(tmp_path.iterdir()) == [target]
