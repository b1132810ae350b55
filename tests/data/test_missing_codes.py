"""Codes that stand for missing values."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.cli.parser import main
from bayesimpute.data.missing_codes import without_codes


def coded() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": ["1", "2.5", ".", " n/a", "-99", None],
            "n": [1, -99, 3, 4, 5, 6],
            "t": ["a", ".", "b", "-99", "c", "a"],
            "c": pd.Categorical(["low", "n/a", "high", "low", "low", "high"]),
            "b": [True, False, True, True, False, True],
        }
    )


def test_codes_are_missing_and_what_is_left_is_of_its_kind() -> None:
    given = coded()
    found = without_codes(given, [".", "n/a", "-99"])
    np.testing.assert_array_equal(found["x"], [1, 2.5, np.nan, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(found["n"], [1, np.nan, 3, 4, 5, 6])
    assert found["t"].isna().tolist() == [False, True, False, True, False, False]
    assert list(found["c"].cat.categories) == ["high", "low"] and found["c"].isna().sum() == 1
    assert found["b"].tolist() == given["b"].tolist()
    pd.testing.assert_frame_equal(given, coded())


def test_a_number_is_a_code_as_well_as_its_text() -> None:
    pd.testing.assert_frame_equal(without_codes(coded(), [".", -99]), without_codes(coded(), [".", "-99"]))


def test_without_codes_nothing_changes() -> None:
    assert without_codes(coded(), []).equals(coded())


def test_files_are_read_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("x,y\n" + "".join(f"{k},{k % 7}\n" for k in range(30)) + ".,-99\nn/a,3\n")
    assert bi.read_data(path, missing=[".", "n/a", -99])["x"].dtype == np.float64
    words = ["--formula", "x ~ y", "--formula", "y ~ x", "--data", str(path)]
    main(["check", *words])
    assert 'if they mean missing, --missing=".,n/a"' in capsys.readouterr().out
    assert main(["check", *words, "--missing=.,n/a,-99"]) == 0
    assert "stand between numbers" not in capsys.readouterr().out
