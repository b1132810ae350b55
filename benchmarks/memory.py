"""How much memory a process and its workers hold, sampled while they work.

Resident sizes are read from ``/proc`` (Linux); elsewhere :func:`resident` gives None and nothing is reported. Pages
that processes share are counted in each of them, so a sum over processes errs upwards.
"""

import ctypes
import gc
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

EVERY = 0.05
"""Seconds between two samples."""
PROCESSES = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def resident(process: int | None = None) -> int | None:
    """Bytes of a process (this one by default) that are in memory now; None where that is not known."""
    try:
        fields = (PROCESSES / str(process or os.getpid()) / "statm").read_text(encoding="ascii").split()
    except OSError:
        return None
    return int(fields[1]) * PAGE


def descendants(process: int) -> Iterator[int]:
    """The processes that a process has started, and those that these have started."""
    for listed in (PROCESSES / str(process) / "task").glob("*/children"):
        try:
            children = [int(number) for number in listed.read_text(encoding="ascii").split()]
        except OSError:  # the thread has ended
            continue
        for child in children:
            yield child
            yield from descendants(child)


def settled() -> int | None:
    """Bytes of this process after what is no longer used has gone back to the system."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    return resident()


class Peak:
    """Watches this process and its workers from a thread of its own while a ``with`` block lasts.

    Parameters
    ----------
    import_bytes : int
        What a process holds after the imports and before the data: it is taken off for every worker process, so that
        the peak is of what the workers hold of the data and of their work.
    """

    def __init__(self, import_bytes: int = 0) -> None:
        self.import_bytes = import_bytes
        self.bytes = 0
        self.workers = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Peak":
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()

    def _sample(self) -> None:
        while True:
            sizes = [size for size in map(resident, descendants(os.getpid())) if size]
            of_workers = sum(max(size - self.import_bytes, 0) for size in sizes)
            self.bytes = max(self.bytes, (resident() or 0) + of_workers)
            self.workers = max(self.workers, len(sizes))
            if self._over.wait(EVERY):
                return
