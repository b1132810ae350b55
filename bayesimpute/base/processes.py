"""Processes that share work, without a condition on the script that starts them.

A process that is spawned imports the script of the user again, and a script that does not stand under
``if __name__ == "__main__":`` would start everything anew in it. loky's processes do not import it: what they need
of it is sent to them.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any


@contextmanager
def processes(
    workers: int, start: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[Executor]:
    """So many processes, each of which calls `start` first; what is under way is ended when the block is left."""
    from loky import ProcessPoolExecutor

    pool = ProcessPoolExecutor(workers, initializer=start, initargs=arguments)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, kill_workers=True)
