"""Progress: silent unless on a terminal; there, a line a chain."""

import io
import re
import sys

import pytest
from looping import FORMULAS, fresh_record, prior_plan, table

import bayesimpute as bi
from bayesimpute.base.progress import Progress, lasting


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """To be called in the test itself: pytest puts its own stream in place after the fixtures."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return made


def plain(terminal: Terminal) -> list[str]:
    """What was written, line by line, without colours and cursor movements."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def test_silent_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    bi.impute(table(), prior_plan(), seed=1, progress=True)
    assert capfd.readouterr() == ("", "")


def test_silent_on_request(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    terminal = on_terminal(monkeypatch)
    bi.impute(table(), prior_plan(), seed=1, progress=False)
    assert terminal.getvalue() == "" and capfd.readouterr().out == ""


def test_one_line_a_chain_with_sweeps_time_and_divergences(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    bi.impute(table(), prior_plan(*FORMULAS, chains=3, m=3, warmup=2, sweeps=5), seed=1)
    last = plain(terminal)[-3:]
    assert len(last) == 3
    for chain, line in enumerate(last, start=1):
        assert line.startswith(f"chain {chain} ")
        assert "7/7 sweeps" in line and "left" in line and "0 divergences" in line


def test_lines_follow_legs_and_add_up_divergences(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    record = fresh_record(table(), prior_plan(warmup=2, sweeps=8))
    with Progress.over([state.sweep for state in record.states], end=record.schedule.end, show=True) as bar:
        assert bar.display is not None and len(bar.lines) == 2
        bar.moved(1, 4, 2)
        bar.moved(1, 6, 3)
        tasks = {task.fields["chain"]: task for task in bar.display.tasks}
    assert (tasks[1].completed, tasks[1].fields["divergences"], tasks[1].fields["phase"]) == (0, 0, "(compiling)")
    assert (tasks[2].completed, tasks[2].fields["divergences"], tasks[2].fields["phase"]) == (6, 5, "")
    assert tasks[1].total == 10


def test_a_silent_bar_takes_legs_too() -> None:
    bar = Progress()
    bar.moved(0, 1, 1)
    assert (bar.display, bar.lines) == (None, [])


def test_times_are_told_as_people_tell_them() -> None:
    assert [lasting(s) for s in (41.6, 600.0, 9000.0)] == ["42 s", "10 minutes", "2.5 hours"]
