"""Reading: every format gives the same table, and every way to be wrong gives one clear error."""

import contextlib
import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.base.errors import FileError
from bayesimpute.data.columns import encode
from bayesimpute.data.files import read_data
from bayesimpute.data.readers import parse_csv
from bayesimpute.data.writers import write_table
from bayesimpute.families import auto


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Without the superuser's rights, to which no file is closed."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def problem(path: str | Path) -> str:
    with pytest.raises(FileError) as caught:
        read_data(path)
    assert len(caught.value.problems) == 1
    return str(caught.value)


def csv(folder: Path, content: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_csv_types_and_missing_values(tmp_path: Path) -> None:
    frame = read_data(
        csv(
            tmp_path,
            'g,x,pupil,yes,gap,date\n1,0.1,None,TRUE,True,2020-01-01\n2,NA,"a, b",FALSE,,nan\n3,,NA,TRUE,False,\n',
        )
    )
    assert frame.dtypes.astype(str).to_dict() == {
        "g": "int64",
        "x": "float64",
        "pupil": "str",
        "yes": "bool",
        "gap": "boolean",
        "date": "str",
    }
    assert frame["x"].isna().tolist() == [False, True, True]
    assert frame["pupil"].iloc[:2].tolist() == ["None", "a, b"]
    assert pd.isna(frame["pupil"].iloc[2])
    assert frame["date"].isna().tolist() == [False, False, True]
    assert frame["gap"].tolist() == [True, pd.NA, False]


def test_csv_compressed_with_byte_order_mark_and_dos_lines(tmp_path: Path) -> None:
    path = tmp_path / "DATA.CSV.GZ"
    path.write_bytes(gzip.compress("\ufeffé,b\r\n1,2\r\n\r\n3,4\r\n".encode()))
    pd.testing.assert_frame_equal(read_data(path), pd.DataFrame({"é": [1, 3], "b": [2, 4]}))


def test_csv_of_one_column_keeps_blank_lines_as_missing() -> None:
    assert parse_csv("x\n1\n\n3\n", "text")["x"].isna().tolist() == [False, True, False]


def test_csv_numbers_are_read_to_the_last_bit() -> None:
    values = np.random.default_rng(1).standard_normal(1000) * 10.0 ** np.arange(-500, 500).clip(-300, 300)
    text = "x,y\n" + "".join(f"{value!r},0\n" for value in map(float, values))
    assert (parse_csv(text, "text")["x"].to_numpy() == values).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty"]),
        (b"\n\n", ["is empty or has no header"]),
        ("a,b\n1,2\n1,2,3\n", ["header has 2 fields", "line 3 has 3"]),
        ('a,b\n"x\ny",2\n1\n', ["line 4 has 1"]),
        ("a,b\n" + "1\n" * 9, ["line 2 has 1", "line 6 has 1", "and 4 more"]),
        ("a,b,a,b,c\n1,2,3,4,5\n", ['called "a", "b"', "rename"]),
        ("a;b\n1;2\n", ["';'", "commas"]),
        ("a\tb\n1\t2\n", ["'\\t'"]),
        ("name\nJos\u00e9\n".encode("latin-1"), ["not UTF-8", "0xe9", "offset 8", "convert it to UTF-8"]),
        ("a,b\n1,2\n".encode("utf-16"), ["not UTF-8", "offset 0"]),
        (b"a,b\n1,\0\n", ["zero byte at offset 6"]),
        (b'a,b\n1,"' + b"x" * 200_000, ["line", "quotation mark"]),
    ],
)
def test_csv_that_is_wrong(tmp_path: Path, content: str | bytes, words: list[str]) -> None:
    message = problem(csv(tmp_path, content))
    assert message.startswith(str(tmp_path / "data.csv"))
    for word in words:
        assert word in message


@given(st.binary(max_size=60) | st.text(alphabet='ab,"\n\r\t; 1.N\u00e9', max_size=60).map(str.encode))
def test_csv_of_any_content_is_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name, contextlib.suppress(FileError):
        assert isinstance(read_data(csv(Path(name), content)), pd.DataFrame)


@pytest.mark.parametrize("ending", ["csv.gz", "parquet", "dta", "sav", "zsav"])
def test_damaged_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"data.{ending}"
    path.write_bytes(b"this is nothing of the kind" * 20)
    message = problem(path)
    assert "cannot be read" in message
    assert f".{ending} file" in message
    path.write_bytes(b"")
    assert "is empty" in problem(path)


def test_truncated_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(3000.0), "b": 1})
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_stata(tmp_path / "x.dta", write_index=False)
    pyreadstat.write_sav(frame, str(tmp_path / "x.sav"))
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(frame.to_csv().encode()))
    for name in ("x.parquet", "x.dta", "x.sav", "x.csv.gz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        assert "cannot be read" in problem(tmp_path / name)


def test_parquet_keeps_index_and_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "c": pd.Categorical(["lo", None, "hi"], ["lo", "hi"], ordered=True),
            "s": ["x", None, "y"],
        },
        index=pd.Index(["p", "q", "r"], name="unit"),
    )
    frame.to_parquet(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(read_data(tmp_path / "x.parquet"), frame)


def test_spss_labels_and_user_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "sex": [0.0, 1.0, 1.0, 9.0],
            "score": [0.0, 5.0, 10.0, np.nan],
            "arm": ["t", "c", "t", ""],
            "day": pd.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-04"]).date,
        }
    )
    pyreadstat.write_sav(
        frame,
        str(tmp_path / "x.sav"),
        variable_value_labels={
            "sex": {0: "boy", 1: "girl", 9: "refused"},
            "score": {0: "lowest", 10: "highest"},
            "arm": {"t": "treated", "c": "control"},
        },
        missing_ranges={"sex": [9]},
    )
    read = read_data(tmp_path / "x.sav")
    assert read["sex"].cat.categories.tolist() == ["boy", "girl"]
    assert read["sex"].astype(object).where(read["sex"].notna(), None).tolist() == ["boy", "girl", "girl", None]
    assert not read["sex"].cat.ordered
    pd.testing.assert_series_equal(read["score"], frame["score"])
    assert read["arm"].iloc[:3].tolist() == ["treated", "control", "treated"]
    assert read["arm"].isna().tolist() == [False, False, False, True]
    assert pd.api.types.is_datetime64_any_dtype(read["day"].dtype)
    assert read["day"].isna().tolist() == [False, False, True, False]
    pyreadstat.write_sav(frame, str(tmp_path / "x.zsav"), compress=True)
    assert read_data(tmp_path / "x.zsav")["score"].tolist()[:3] == [0.0, 5.0, 10.0]


def test_stata_labels_and_empty_strings(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "g": pd.Categorical(["b", "a", None], ["b", "a", "unused"]),
            "part": [1, 2, 3],
            "twice": [1, 2, 1],
            "s": ["x", "", "y"],
        }
    )
    path = tmp_path / "x.dta"
    labels = {"part": {1: "lowest"}, "twice": {1: "same", 2: "same"}}
    frame.to_stata(path, write_index=False, version=118, value_labels=labels)
    read = read_data(path)
    assert read["g"].cat.categories.tolist() == ["b", "a", "unused"]
    assert read["g"].astype(object).tolist()[:2] == ["b", "a"]
    assert read["g"].isna().tolist() == [False, False, True]
    assert read["part"].tolist() == [1, 2, 3]
    assert read["twice"].tolist() == [1, 2, 1]
    assert read["s"].isna().tolist() == [False, True, False]


def test_missing_file_suggests_near_names(tmp_path: Path) -> None:
    csv(tmp_path, "a,b\n1,2\n")
    assert 'did you mean "data.csv"?' in problem(tmp_path / "dta.csv")
    assert 'did you mean "popmis"?' in problem("popmiss")
    assert "the folder" in problem(tmp_path / "nowhere" / "data.csv")
    assert "use a data set's name: popmis, " in problem(tmp_path / "qqqqqq")


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.csv", "data.csv/inside.csv", ""])
def test_impossible_path(tmp_path: Path, name: str) -> None:
    csv(tmp_path, "a,b\n1,2\n")
    assert "csv" in problem(f"{tmp_path}/{name}") or name in ("", "x" * 5000)


def test_folder_ending_and_pipe(tmp_path: Path) -> None:
    assert "this is a folder" in problem(tmp_path)
    (tmp_path / "data.xlsx").write_text("x")
    assert 'the ending ".xlsx" is not known; use one of .csv, ' in problem(tmp_path / "data.xlsx")
    (tmp_path / "run.nc").write_text("x")
    assert 'saved runs are for "bayesimpute diagnose"' in problem(tmp_path / "run.nc")
    (tmp_path / "data").write_text("x")
    assert "no ending" in problem(tmp_path / "data")
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in problem(tmp_path / "pipe.csv")


def test_file_that_may_not_be_read(folder: Path) -> None:
    path = csv(folder, "a,b\n1,2\n")
    path.chmod(0)
    closed = folder / "closed"
    closed.mkdir()
    csv(closed, "a,b\n1,2\n")
    closed.chmod(0)
    with unprivileged():
        assert "you may not read this file" in problem(path)
        assert "Permission denied" in problem(closed / "data.csv")
    closed.chmod(0o700)


def test_name_of_a_data_set(shared_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BAYESIMPUTE_DATA", str(shared_data))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "popmis").mkdir()  # a folder of that name does not hide the data set
    assert len(read_data("popmis")) == 2000


def test_levels_called_none_are_not_missing(shared_data: Path) -> None:
    assert (read_data(shared_data / "impact.csv")["pupil"] == "None").sum() == 2296


def test_the_order_of_ordinal_spss_columns_is_read(tmp_path):
    frame = pd.DataFrame(
        {"grade": [1.0, 3.0, None, 2.0], "region": [1.0, 3.0, 2.0, 2.0], "score": [1.0, 2.0, 3.0, 4.0]}
    )
    names = {1: "low", 2: "middle", 3: "high"}
    pyreadstat.write_sav(
        frame,
        str(tmp_path / "a.sav"),
        variable_value_labels={"grade": names, "region": names, "score": {1: "none"}},
        variable_measure={"grade": "ordinal", "region": "nominal", "score": "ordinal"},
    )
    read = read_data(tmp_path / "a.sav")
    assert read["grade"].dtype == pd.CategoricalDtype(["low", "middle", "high"], ordered=True)
    assert read["region"].dtype == pd.CategoricalDtype(["low", "middle", "high"], ordered=False)
    assert read["score"].dtype == "float64"
    write_table(read, tmp_path / "b.sav")
    pd.testing.assert_frame_equal(read_data(tmp_path / "b.sav"), read)
    assert auto(encode(read["grade"], "grade")).name == "ordinal"
