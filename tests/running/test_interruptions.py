"""Runs in a process of their own that are killed or stopped, and go on to the same arrays."""

import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from looping import FORMULAS, assert_same_run, prior_plan, run_prior, table

import bayesimpute as bi
from bayesimpute import FileError, MultiplyImputed
from bayesimpute.base.interrupts import remembered

pytestmark = pytest.mark.long(35)

RUN = {"m": 4, "chains": 2, "warmup": 20, "sweeps": 400}
SCRIPT = """
import signal
import sys
import time

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs are started with it ignored
from looping import FORMULAS, prior_plan, table
import bayesimpute as bi
from bayesimpute.result import run as running
from bayesimpute.running import fcs

fcs._leg_length, running.CHECKPOINT_SECONDS = lambda made, seconds: 5, 0.05  # many checkpoints
write = running._Checkpoint.write


def slowly(keeper, record):
    # not done before the test has looked: so few sweeps may take no longer than reading a checkpoint
    write(keeper, record)
    time.sleep(0.1)


running._Checkpoint.write = slowly

if __name__ == "__main__":
    path, workers, run = sys.argv[1], int(sys.argv[2]), eval(sys.argv[3])
    print("ready", flush=True)
    try:
        bi.impute(table(), prior_plan(*FORMULAS, **run), seed=1, checkpoint=path, workers=workers)
    except bi.Interrupted as error:
        print(error)
        sys.exit(130)
"""


@pytest.fixture(scope="module")
def whole() -> MultiplyImputed:
    return run_prior(table(), *FORMULAS, **RUN)


def start(folder: Path, workers: int = 1, ending: str = "nc") -> tuple[subprocess.Popen, Path]:
    """A run in a session of its own, as Ctrl-C on a terminal goes to all processes of the command."""
    script, path = folder / "script.py", folder / f"run.{ending}"
    script.write_text(SCRIPT)
    search = os.pathsep.join(str(p) for p in Path(__file__).parents[1:3])
    process = subprocess.Popen(
        [sys.executable, str(script), str(path), str(workers), repr(RUN)],
        env={**os.environ, "PYTHONPATH": search},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return process, path


def wait_until(process: subprocess.Popen, reached: Callable[[], bool]) -> None:
    """Looked at twenty times a second: reading a checkpoint takes longer than writing one."""
    deadline = time.monotonic() + 120
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sweeps(path: Path) -> int:
    """How far the checkpoint is, -1 without one."""
    with suppress(FileError):  # it may be replaced while it is read
        return sum(state.sweep for state in MultiplyImputed.load(path).record.states)
    return -1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("least", "ending"),
    [
        pytest.param(0, "nc", id="at once"),
        pytest.param(1, "nc", id="early", marks=pytest.mark.slow),
        pytest.param(80, "nc", id="later", marks=pytest.mark.slow),
        pytest.param(0, "zarr", id="at once, a store", marks=pytest.mark.slow),
        pytest.param(5, "zarr", id="early, a store", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_resumes_to_equal_arrays(whole: MultiplyImputed, tmp_path: Path, least: int, ending: str) -> None:
    process, path = start(tmp_path, ending=ending)
    try:
        wait_until(process, path.exists if least == 0 else lambda: sweeps(path) >= least)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    done = sweeps(path)
    assert least <= done < 2 * (RUN["warmup"] + RUN["sweeps"])
    assert_same_run(bi.resume(path, data=table(), progress=False), whole)
    assert_same_run(MultiplyImputed.load(path), whole)


# the default suite has stops in faults/test_interrupts.py, test_fcs.py and test_cli.py
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_saves_and_says_how_to_go_on(whole: MultiplyImputed, tmp_path: Path, workers: int) -> None:
    process, path = start(tmp_path, workers)
    try:
        wait_until(process, lambda: sweeps(path) >= 1)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, err
    assert err == ""
    assert f"the run is saved in {path}. Go on with: bayesimpute resume {path}" in out
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    assert 1 <= sweeps(path) < 2 * (RUN["warmup"] + RUN["sweeps"])
    assert_same_run(bi.resume(path, progress=False), whole)


@pytest.fixture
def usual_ctrl_c() -> Iterator[None]:
    """As in a terminal: programs that a shell started in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_ctrl_c")
def test_a_ctrl_c_is_raised_when_it_is_asked_for() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), remembered() as check:
        check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
        with remembered() as inner, pytest.raises(KeyboardInterrupt):
            inner()
        check()
        pytest.fail("nothing was raised")
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("usual_ctrl_c")
def test_a_ctrl_c_that_nobody_asks_for_is_raised_at_the_end() -> None:
    reached = []
    with pytest.raises(KeyboardInterrupt), remembered():
        with remembered():
            signal.raise_signal(signal.SIGINT)
        reached.append("the end of the outer one")
    assert reached


@pytest.mark.usefixtures("usual_ctrl_c")
def test_a_ctrl_c_in_the_callback_of_a_weak_reference_is_remembered() -> None:
    class Thing:
        pass

    with pytest.raises(KeyboardInterrupt), remembered():
        thing = Thing()
        watch = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
        del thing  # here Python would print the exception and go on
        assert watch() is None


def test_the_plan_of_the_script_is_that_of_the_test(whole: MultiplyImputed) -> None:
    assert whole.plan == prior_plan(*FORMULAS, **RUN)
