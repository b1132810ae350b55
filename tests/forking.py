"""Work in a forked process, which may be killed, be stopped or crash without harm to the tests.

What is imported, compiled and cached here is there too, so that a trial takes no longer than its work.
"""

import ctypes
import io
import os
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 300.0
"""Seconds; a process that takes longer hangs."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a process ended: its exit code, minus the signal that it died of, and what it said."""

    code: int
    said: str


@dataclass(frozen=True, kw_only=True)
class Forked:
    """A process under way, and the file where it puts what it says."""

    pid: int
    output: Path

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def running(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def ended(self) -> Ended:
        deadline = time.monotonic() + PATIENCE
        while self.running():
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(0.002)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        said = self.output.read_text() if self.output.exists() else ""
        self.output.unlink(missing_ok=True)
        return Ended(code=code, said=said)


def forked(work: Callable[[], int], output: Path) -> Forked:
    """Start work in a process of its own; what it returns is the exit code, and an exception 99."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads that wait for work do no harm
        pid = os.fork()
    if pid:
        return Forked(pid=pid, output=output)
    code, said = 99, io.StringIO()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs are started with it ignored
        with redirect_stdout(said), redirect_stderr(said):
            code = work()
    except BaseException:
        import traceback

        said.write(traceback.format_exc())
    finally:
        output.write_text(said.getvalue())
        ctypes.CDLL(None).exit(code)  # Python does not end, but the libraries do: HDF5 has crashed there
