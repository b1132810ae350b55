"""Data files out: atomic replacement, and tables as CSV, Parquet, Stata or SPSS.

Everything that the package saves goes through :func:`atomic`: a temporary file in the same folder, then one
replacement, so that neither a full disk nor a kill can leave half a file or harm the one that was there. The same frame
always gives the same bytes (hence the fixed time stamp in Stata files).

To support another format, write a function of frame and path and add it to ``WRITERS``.
"""

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bayesimpute.base.errors import FileError, InputError, one
from bayesimpute.base.replacing import move, remove, restore


@contextmanager
def atomic(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`; when the block ends well, it becomes `path` in one step.

    The block may write a file, or a folder that is a Zarr store. If it fails in any way, what it wrote is removed
    and whatever stood at `path` is as before. Links are followed. A folder that is not a Zarr store, a device or a
    pipe is never replaced, also not with `force`.

    Yields
    ------
    Path
        Where to write; it keeps the ending of `path`, which many writers go by.

    Raises
    ------
    FileError
        `path` exists and not `force`; its folder is missing; writing failed (permission, full disk).
    """
    if "\0" in str(path):
        raise one(FileError, repr(str(path)), "a file name cannot contain a zero byte", "choose another name")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise one(FileError, str(path), "a file name cannot contain half a character", "choose another name") from None
    target = Path(os.path.realpath(path))  # unlike Path.resolve, leaves a circle of links to the checks below
    restore(target)
    _check_target(target, str(path), force=force)
    temporary = target.with_name(f".{secrets.token_hex(4)}-{target.name}")
    try:
        yield temporary
        _check_target(target, str(path), force=force)
        move(temporary, target)
    except OSError as error:
        remedy = "make room, or write to a folder where you may write"
        raise one(FileError, str(path), f"cannot be written ({reason(error)})", remedy) from error
    finally:
        with suppress(OSError):
            remove(temporary)


def _check_target(target: Path, given: str, *, force: bool) -> None:
    """Refuse what may not be replaced, before anything is written."""
    if not is_folder(target.parent):
        raise one(FileError, given, f'the folder "{target.parent}" is not there', "make it, or write somewhere else")
    if not os.path.lexists(target):
        return
    mode = target.lstat().st_mode
    store = any(is_file(target / mark) for mark in ("zarr.json", ".zgroup"))
    if stat.S_ISDIR(mode) and not store:
        raise one(FileError, given, "this is a folder", "give the name of a file in it")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise one(FileError, given, "this is not a regular file", "choose another name")
    if not force:
        raise one(
            FileError, given, "the file exists already", "choose another name, or overwrite it with force / --force"
        )
    if not os.access(target, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise one(FileError, given, "you may not write to this file", "change its permissions, or choose another name")


def is_file(path: Path) -> bool:
    """Whether there is a regular file, False also for a path that cannot be (too long, out of reach)."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder, False also for a path that cannot be."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def ending(path: Path, known: Mapping[str, object]) -> str | None:
    """Which of the `known` endings the file name has, in small or capital letters."""
    return next((suffix for suffix in known if path.name.lower().endswith(suffix)), None)


def unknown_ending(path: Path, known: Mapping[str, object], more: str = "") -> InputError:
    """The error for a file name with none of the `known` endings; `more` is what else can be done."""
    found = f'the ending "{path.suffix}" is not known' if path.suffix else "the file name has no ending"
    return one(FileError, str(path), found, f"use one of {', '.join(known)}{more}")


def reason(error: Exception) -> str:
    """What the operating system said, without paths and numbers."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else first_line(error)


def first_line(error: Exception) -> str:
    """The first line of an exception's text, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
