"""SIGTERM, as batch systems send it, stops a run as Ctrl-C does: it is saved, and how to go on is told."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.interrupts import remembered, stoppable
from bayesimpute.cli.parser import main
from bayesimpute.running import legs


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """As in the foreground: jobs of the background are started with it ignored."""
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, usual)


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_run_that_is_ended_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(60, 2)), columns=["x", "y"]).mask(rng.random((60, 2)) < 0.2)
    data.to_csv(tmp_path / "data.csv", index=False)
    plain, visits = legs.visit, []

    def visit(*arguments: Any, **more: Any) -> Any:
        visits.append(1)
        if len(visits) == 30:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(*arguments, **more)

    monkeypatch.setattr("bayesimpute.running.legs.visit", visit)
    options = ["--set", "run.sweeps=4000", "--set", "run.chains=1", "--set", "run.steps=1", "--no-progress"]
    files = ["--data", str(tmp_path / "data.csv"), "--out", str(tmp_path / "run.nc"), "--seed", "1"]
    assert main(["impute", "--formula", "x ~ y", "--formula", "y ~ x", *files, *options]) == 130
    assert "Stopped; the run is saved in" in (said := capsys.readouterr().err) and "bayesimpute resume" in said
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL and len(visits) < 8000


def test_a_handler_of_the_programs_own_stays() -> None:
    def own(number: int, frame: Any) -> None:
        del number, frame

    usual = signal.signal(signal.SIGTERM, own)
    try:
        with stoppable():
            assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, usual)
    with pytest.raises(KeyboardInterrupt), remembered() as check, stoppable():
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(0.01)
        check()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # nobody would hear of it
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGINT, before)
