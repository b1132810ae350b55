"""netCDF files whose parts are opened once.

h5netcdf asks for the same variable by its path again and again, and HDF5 would look for it anew each time.

A file for reading is looked through first: one that was changed on purpose may lead a reader in circles or out of the
file, or ask for absurd amounts of memory.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import xarray as xr
from xarray.backends import H5NetCDFStore

DEEPEST, WIDEST = 20, 2**20
"""Groups within groups, and bytes of one value, that a file may have."""


def read(path: Path) -> xr.DataTree:
    """The tree in a file, in memory.

    Raises
    ------
    ValueError
        If its groups go in a circle, it has links, or values of an absurd size.
    """
    with _opened(path, "r") as (file, root):
        _walk(file, set())
        return xr.DataTree.from_dict({group: _loaded(root, group) for group in _groups(root)})


def written(tree: xr.DataTree) -> memoryview:
    """A file that holds a tree, in memory: HDF5 does not survive a full disk, which Python tells as an error."""
    content = io.BytesIO()
    with _opened(content, "w", track_order=True) as (_, root):
        for node in tree.subtree:
            data = node.to_dataset(inherit=node is tree)
            data.dump_to_store(H5NetCDFStore(root, group=node.path, mode="w"))
    return content.getbuffer()


@contextmanager
def _opened(place: Path | io.BytesIO, mode: str, **options: Any) -> Iterator[tuple[h5py.File, h5netcdf.File]]:
    with _Remembering(place, mode, **options) as file, h5netcdf.File(file, mode, decode_vlen_strings=True) as root:
        yield file, root


class _Remembering(h5py.File):
    """A file that knows what it has opened by its path, as long as that is there."""

    def __init__(self, place: Path | io.BytesIO, mode: str, **options: Any) -> None:
        super().__init__(place, mode, **options)
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):  # a reference
            return super().__getitem__(name)
        if name not in self._known or not _linked(self._known[name]):
            self._known[name] = super().__getitem__(name)
        return self._known[name]


def _linked(item: Any) -> bool:
    """Whether an open part is still in the file: what was deleted has no link, and another may have its name."""
    return h5py.h5o.get_info(item.id).rc > 0  # pyright: ignore[reportAttributeAccessIssue]


def _loaded(root: h5netcdf.File, group: str) -> xr.Dataset:
    return xr.open_dataset(H5NetCDFStore(root, group=group)).load()


def _groups(group: h5netcdf.File | h5netcdf.Group) -> Iterator[str]:
    """The paths of a group and all within it."""
    yield group.name
    for child in group.groups.values():
        yield from _groups(child)


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
