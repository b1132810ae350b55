"""A new file or store in the place of an old one, such that a kill at any moment leaves one of the two.

A file takes the place of another in one step. A folder cannot: the old one is moved aside first, under a name that
:func:`standing` knows, so that it is found where a process was killed between the two steps, and :func:`restore` puts
it back before anything is written there again.
"""

import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

_OLD = ".old"
"""Ends the name of a store that has been moved out of the way of a newer one."""
_PAUSES = (0.0, 0.1, 0.5)
"""Seconds before each attempt at removing a folder."""


def move(temporary: Path, target: Path) -> None:
    """Put `temporary` in the place of `target`; a folder has to be moved out of the way first.

    Between its two steps nothing stands at `target`: whoever is killed there leaves it to :func:`standing`.
    """
    if not target.is_dir() and not (target.exists() and temporary.is_dir()):
        temporary.replace(target)
        return
    old = temporary.with_name(f"{temporary.name}{_OLD}")
    target.rename(old)
    try:
        temporary.replace(target)
    except OSError:
        old.rename(target)
        raise
    _discard(old)


def standing(path: str | os.PathLike[str]) -> Path | None:
    """Where the file or store of a name stands; None if there is none.

    That is the path itself, unless a process was killed just when it had moved a store out of the way of a newer one:
    then what was moved.
    """
    try:
        target = Path(os.path.realpath(path))
        return target if os.path.lexists(target) else max(_moved(target), key=_age, default=None)
    except (OSError, ValueError):
        return None


def left_behind(path: str | os.PathLike[str]) -> list[Path]:
    """What is left of writings to a name whose process was killed: neither whole nor of any use."""
    try:
        target = Path(os.path.realpath(path))
        pattern = re.compile(rf"\.[0-9a-f]{{8}}-{re.escape(target.name)}")
        return sorted(found for found in target.parent.iterdir() if pattern.fullmatch(found.name))
    except (OSError, ValueError):
        return []


def restore(target: Path) -> None:
    """Undo the first step of a move whose process was killed before the second one; finish one that came further."""
    with suppress(OSError):
        moved = sorted(_moved(target), key=_age)
        if moved and not os.path.lexists(target):
            moved.pop().rename(target)
        for old in moved:
            _discard(old)


def _moved(target: Path) -> list[Path]:
    """Stores that were moved out of the way of a newer one of this name."""
    pattern = re.compile(rf"\.[0-9a-f]{{8}}-{re.escape(target.name)}{re.escape(_OLD)}")
    return [path for path in target.parent.iterdir() if pattern.fullmatch(path.name)]


def _age(store: Path) -> int:
    """When a store was written; being moved does not change it."""
    return store.stat().st_mtime_ns


def _discard(store: Path) -> None:
    """Remove what was moved out of the way, under a name that nobody takes for a whole store."""
    rest = store.with_name(store.name.removesuffix(_OLD))
    store.rename(rest)
    remove(rest)


def remove(path: Path) -> None:
    """Remove a file or a folder; what cannot be removed of a folder stays.

    Where the writing of a store failed, other threads of Zarr may still write to it for a moment.
    """
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for pause in _PAUSES:
        time.sleep(pause)
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
