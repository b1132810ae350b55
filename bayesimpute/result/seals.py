"""Whether a saved file is to the last bit what was written.

HDF5 and Zarr read what they find: a flipped bit among the numbers is another number, and the lost file of a chunk a
chunk of zeros. So a netCDF file ends in a digest of all that comes before it, behind the end that HDF5 knows of, and
the attributes of a Zarr store have one of all of its files. A store that asks for a codec that is never written is not
read at all: some versions of Zarr run code that a codec finds among the numbers.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MARK = b"\nsha256:"
"""Begins the last line of a netCDF file, whose digest follows."""
_SIZE = len(MARK) + 64
_BLOCK = 1 << 20
CODECS = frozenset({"bytes", "vlen-utf8", "zstd"})
"""Of Zarr: those of the arrays that are written here."""
_ROOT = "zarr.json"
ATTRIBUTE = "sha256"
"""Of the root of a Zarr store: the digest."""

Identity = tuple[int, int]
"""The device of a file and its number there: what two names of one file have in common."""


def seal(content: memoryview) -> bytes:
    """The last line of a netCDF file of this content."""
    return MARK + hashlib.sha256(content).hexdigest().encode()


def file_is_whole(path: Path) -> bool:
    """Whether a netCDF file is as it was written."""
    with path.open("rb") as file:
        left = path.stat().st_size - _SIZE
        found = hashlib.sha256()
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            found.update(block)
            left -= len(block)
        return left == 0 and file.read() == MARK + found.hexdigest().encode()


def seal_store(store: Path, known: Mapping[Identity, str]) -> dict[Identity, str]:
    """Put a digest of all files of a Zarr store into its attributes.

    Parameters
    ----------
    store : Path
        The folder.
    known : mapping
        The digests of files that have a second name in it, and need not be read again.

    Returns
    -------
    dict
        The digests of its files.
    """
    digests = {place: known.get(_identity(place)) or _digest(place) for place in _files(store)}
    root = json.loads((store / _ROOT).read_bytes())
    root["attributes"].pop(ATTRIBUTE, None)  # of the file that the tree was read from
    root["attributes"][ATTRIBUTE] = _of_all(store, root, digests)
    (store / _ROOT).write_text(json.dumps(root))
    return {_identity(place): digest for place, digest in digests.items()}


def store_is_whole(store: Path) -> bool:
    """Whether a Zarr store is as it was written."""
    root = json.loads((store / _ROOT).read_bytes())
    given = root["attributes"].pop(ATTRIBUTE)
    return given == _of_all(store, root, {place: _digest(place) for place in _files(store)})


def strange_codecs(store: Path) -> list[str]:
    """The codecs that a store asks for and that are never written here."""
    asked = (codec for place in _files(store) if place.name == _ROOT for codec in _codecs(place))
    return sorted({str(codec["name"] if isinstance(codec, dict) else codec) for codec in asked} - CODECS)


def _codecs(place: Path) -> list[Any]:
    return json.loads(place.read_bytes()).get("codecs", [])


def _files(store: Path) -> Iterator[Path]:
    """All files but the one that has the digest; a link or a device among them is none that was written."""
    for place in sorted(store.rglob("*")):
        if place.is_symlink() or not (place.is_file() or place.is_dir()):
            raise ValueError(f"{place.name} is not a regular file")
        if place.is_file() and place != store / _ROOT:
            yield place


def _of_all(store: Path, root: dict[str, Any], digests: Mapping[Path, str]) -> str:
    listed = {place.relative_to(store).as_posix(): digest for place, digest in digests.items()}
    return hashlib.sha256(json.dumps([root, listed], sort_keys=True).encode()).hexdigest()


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(place: Path) -> Identity:
    found = place.stat()
    return found.st_dev, found.st_ino
