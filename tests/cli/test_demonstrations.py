"""The demonstration ends well whatever its seed: about two minutes each."""

from pathlib import Path

import pytest

import bayesimpute as bi
from bayesimpute.cli.parser import main


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_the_demonstration_ends_well(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--out", "demo", "--seed", str(seed), "--no-progress"]) == 0
    out, err = capsys.readouterr()
    assert "Selection model: The chains have converged." in out and err == ""
    assert "do not use" not in out.lower()
    assert bi.load("demo/mar.nc").diagnose().converged is True
