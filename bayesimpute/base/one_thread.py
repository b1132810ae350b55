"""Linear algebra in one thread: sums must not depend on how many cores share them, and small matrices are no work for
several.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LIMITS: list[Any] = []
_FOUND: dict[int, Any] = {}
"""The libraries of linear algebra, by how many modules were loaded when they were looked for."""
_LIMITING = threading.Lock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra in one thread while this lasts in any thread.

    The limit belongs to the process. So it is set by the first who asks for it, and lifted by the last.
    """
    with _LIMITING:
        if not _LIMITS:
            _by_any_thread()
            _LIMITS.append(_libraries().limit(limits=1))
        _LIMITS.append(None)
    try:
        yield
    finally:
        with _LIMITING:
            _LIMITS.pop()
            if len(_LIMITS) == 1:
                _by_any_thread()
                _LIMITS.pop().restore_original_limits()


def _by_any_thread() -> None:
    """Let this thread set and lift the limit.

    From its version 3.8 threadpoolctl obeys the thread that first set a limit of OpenBLAS, and silently ignores all
    others as long as that lives: here it may be a worker's, and the locks above keep threads apart.
    """
    for library in _libraries().lib_controllers:
        forget = getattr(type(library), "clear_controlling_thread", None)
        if forget is not None:
            forget(force=True)


def _libraries() -> Any:
    """The libraries that are loaded: a look at all takes time, and new ones come with modules."""
    from threadpoolctl import ThreadpoolController

    loaded = len(sys.modules)
    if loaded not in _FOUND:
        _FOUND.clear()
        _FOUND[loaded] = ThreadpoolController()
    return _FOUND[loaded]
