"""A netCDF file for reading: looked through before anything is read, and each of its parts is opened once.

A file that was changed on purpose may lead a reader in circles or out of the file, or ask for absurd amounts of memory.
h5netcdf asks for the same variable by its path some fifty times, and HDF5 would look for it anew each time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5netcdf
import h5py

DEEPEST, WIDEST = 20, 2**20
"""Groups within groups, and bytes of one value, that a file may have."""


@contextmanager
def opened(path: Path) -> Iterator[h5netcdf.File]:
    """A file that is open while this lasts.

    Raises
    ------
    ValueError
        If its groups go in a circle, it has links, or values of an absurd size.
    """
    with _Remembering(path, "r") as file:
        _walk(file, set())
        with h5netcdf.File(file, "r", decode_vlen_strings=True) as root:
            yield root


def groups(group: h5netcdf.File | h5netcdf.Group) -> Iterator[str]:
    """The paths of a group and all within it."""
    yield group.name
    for child in group.groups.values():
        yield from groups(child)


class _Remembering(h5py.File):
    """A file that is not written to, which knows what it has opened by its path."""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._opened: dict[str, Any] = {}

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):  # a reference
            return super().__getitem__(name)
        if name not in self._opened:
            self._opened[name] = super().__getitem__(name)
        return self._opened[name]


def _walk(group: Any, above: set[int]) -> None:
    """Fail on what would lead a reader in circles or out of the file, and on values of an absurd size."""
    here = h5py.h5o.get_info(group.id).addr  # pyright: ignore[reportAttributeAccessIssue]
    if here in above or len(above) > DEEPEST:
        raise ValueError("its groups go in a circle")
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError("it has links")
        item = group[name]
        if isinstance(item, h5py.Group):
            _walk(item, {*above, here})
        elif isinstance(item, h5py.Dataset) and item.dtype.itemsize > WIDEST:
            raise ValueError("it has values of an absurd size")
