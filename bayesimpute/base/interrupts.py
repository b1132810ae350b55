"""Ctrl-C that is not lost.

Python raises KeyboardInterrupt wherever the main thread happens to be. In the callback of a weak reference, which any
line may set off, it is printed and forgotten, and the run would go on to its end.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def remembered() -> Iterator[Callable[[], None]]:
    """Remember Ctrl-C while this lasts.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if there was one. Outside of the main thread, or where the program handles the signal
        itself, it does nothing.
    """
    pressed = threading.Event()

    def handle(number: int, frame: Any) -> None:
        pressed.set()
        signal.default_int_handler(number, frame)

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, handle)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
