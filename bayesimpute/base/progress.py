"""Progress of long work, silent unless on a terminal: one line a chain of a run, one bar for everything else."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Progress:
    """Lines on a terminal, or nothing.

    Parameters
    ----------
    display : rich.progress.Progress or None
        Where to draw.
    lines : list
        The display's task of each chain.
    """

    def __init__(self, display: Any = None, lines: list[Any] | None = None) -> None:
        self.display, self.lines = display, lines or []
        self.divergences = [0] * len(self.lines)

    @classmethod
    @contextmanager
    def over(cls, sweeps: Sequence[int], *, end: int, show: bool) -> Iterator["Progress"]:
        """Lines for the chains of a run, while it lasts: `sweeps` each chain has made, `end` is the last one."""
        if not show or not sys.stderr.isatty():
            yield cls()
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Display

        columns = (
            TextColumn("chain {task.fields[chain]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("sweeps,"),
            TimeElapsedColumn(),
            TextColumn("gone,"),
            TimeRemainingColumn(),
            TextColumn("left, {task.fields[divergences]} divergences {task.fields[phase]}"),
        )
        with Display(*columns, console=Console(stderr=True), speed_estimate_period=120) as display:
            lines = [
                display.add_task("", total=end, completed=made, chain=chain, divergences=0, phase="(compiling)")
                for chain, made in enumerate(sweeps, start=1)
            ]
            yield cls(display, lines)

    def until(self, end: int) -> None:
        """The chains are to come to this sweep."""
        for line in self.lines:
            self.display.update(line, total=end)

    def moved(self, chain: int, sweep: int, divergences: int) -> None:
        """A chain has come to a sweep, with so many divergences more."""
        if self.display is None:
            return
        self.divergences[chain] += divergences
        self.display.update(self.lines[chain], completed=sweep, divergences=self.divergences[chain], phase="")


def lasting(seconds: float) -> str:
    """A time as people say it: ``40 s``, ``7 minutes``, ``2.5 hours``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def counted[Item](items: Iterable[Item], *, total: int | None, show: bool, what: str) -> Iterator[Item]:
    """The items, with a bar that counts them and says how long the rest will take."""
    if not show or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description=what, total=total, console=Console(stderr=True), transient=True)
