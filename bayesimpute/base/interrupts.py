"""Ctrl-C that is neither lost nor harmful.

Python raises KeyboardInterrupt wherever the main thread happens to be. In compiled code that is a SystemError or a
segmentation fault, in the callback of a weak reference it is printed and forgotten, and a file that is half written it
leaves open. So while a run lasts Ctrl-C is only :func:`remembered`, and asked for where it can do no harm; and compiled
work is done :func:`aside`, while the main thread waits.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from typing import Any

PATIENCE = 0.1
"""Seconds between two questions whether Ctrl-C was pressed."""


class _Remembering:
    """A handler of the signal that does nothing but remember it."""

    def __init__(self) -> None:
        self.pressed = False

    def __call__(self, number: int, frame: Any) -> None:
        self.pressed = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt


@contextmanager
def remembered() -> Iterator[Callable[[], None]]:
    """Remember Ctrl-C while this lasts, and raise KeyboardInterrupt when asked, at the latest at the end.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if there was one. Outside of the main thread, or where the program handles the signal
        itself, it does nothing. Within another such block it is that one's, which raises at its end.
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():
        yield _Remembering().check
    elif isinstance(usual, _Remembering):
        yield usual.check
    elif usual is not signal.default_int_handler:
        yield _Remembering().check
    else:
        remembering = _Remembering()
        signal.signal(signal.SIGINT, remembering)
        try:
            yield remembering.check
        finally:
            signal.signal(signal.SIGINT, usual)
        remembering.check()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM, which ends a program, be Ctrl-C while this lasts: what is saved then, and said, is the same.

    Where Ctrl-C is ignored, as in jobs of a shell's background, SIGTERM ends the program as ever.
    """
    usual, pressed = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    heard = pressed is signal.default_int_handler or isinstance(pressed, _Remembering)
    if threading.current_thread() is not threading.main_thread() or usual is not signal.SIG_DFL or not heard:
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def aside[T](work: Callable[..., T], *arguments: Any) -> Future[T]:
    """Do work in the one thread that is kept for it, for the main thread gets the signals; of another thread, at once.

    It is the same thread every time, so that what is compiled for a thread is there the next time.
    """
    if threading.current_thread() is threading.main_thread():
        return _side(os.getpid()).submit(work, *arguments)
    future: Future[T] = Future()
    future.set_result(work(*arguments))
    return future


@cache
def _side(process: int) -> ThreadPoolExecutor:
    """The thread of a process: one that was forked has none of its parent's."""
    del process
    return ThreadPoolExecutor(1, thread_name_prefix="bayesimpute")


def first_done[T](futures: Iterable[Future[T]], check: Callable[[], None]) -> tuple[set[Future[T]], set[Future[T]]]:
    """Wait until some of the futures are done; `check` is called meanwhile and may raise.

    Returns
    -------
    set, set
        Those that are done, and the others.
    """
    futures = set(futures)
    while True:
        check()
        done, others = wait(futures, timeout=PATIENCE, return_when=FIRST_COMPLETED)
        if done:
            return done, others
