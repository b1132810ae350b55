"""Trees on disk: one netCDF file, or a Zarr store that grows.

Both are written beside their place and moved there (:func:`bayesimpute.base.saving.atomic`), so that a kill at any
moment leaves the whole file of before or the whole one of now. For a netCDF file that means writing everything again.
Of a Zarr store most files never change once they are there: the data, the masks, and the cells of an imputation, which
are a file of their own for each target. A :class:`Checkpoint` therefore gives them a second name in the new store (a
hard link) and writes only what is new or small; where the file system has no hard links they are copied.

Cells are stored as they are, without compression: the digits of random draws do not compress, and a file that is
nothing but the numbers can be mapped into memory. That is what a run that grows a Zarr store holds instead of cells
that are in it: the system reads them when they are needed and forgets them when memory is short, and a mapped file can
be read to the end even if it is replaced or deleted.
"""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from bayesimpute.base.errors import FileError, InputError, one
from bayesimpute.base.interrupts import remembered
from bayesimpute.base.phrases import listed
from bayesimpute.base.replacing import left_behind, remove, standing
from bayesimpute.base.saving import atomic, reason
from bayesimpute.result.schema import imputations_in, to_tree
from bayesimpute.result.seals import Identity, file_is_whole, seal, seal_store, store_is_whole, strange_codecs
from bayesimpute.running.imputed_cells import Cells
from bayesimpute.running.records import Record

UNCHANGING = ("observed", "missing")
"""Groups that stay as they are for a whole run."""
STACKS = ("cells", "before")
"""Variables of imputed cells: an imputation's part of them never changes once it is there."""


def write_tree(tree: xr.DataTree, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a tree, without what follows from the rest of it, to ``.nc`` or ``.zarr``.

    Raises
    ------
    FileError
        If the path exists and not `force`, has another ending, or cannot be written.
    """
    _write(tree, path, force, None)


def read_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a tree into memory.

    Raises
    ------
    FileError
        If there is no such file, it cannot be read, or it is damaged.
    """
    path = Path(path)
    place = standing(path)
    if place is None:
        raise _not_there(path)
    try:
        if place.is_dir():
            return _read_store(place, path)
        return _read_netcdf(place, path)
    except FileError:
        raise
    except PermissionError as error:
        raise one(FileError, str(path), f"it cannot be read ({reason(error)})", "check its permissions") from error
    except Exception as error:
        raise damaged(path) from error


def _not_there(path: Path) -> InputError:
    left = left_behind(path)
    if not left:
        return one(FileError, str(path), "there is no such file", "check the name")
    finding = (
        f"there is no such file, only what a run left that was killed while it wrote it for the first time ({left[0]})"
    )
    return one(FileError, str(path), finding, "check the name, or start the run again")


def _read_netcdf(place: Path, path: Path) -> xr.DataTree:
    if not file_is_whole(place):
        raise damaged(path)
    from bayesimpute.result.netcdf_files import read

    return read(place)


def _read_store(place: Path, path: Path) -> xr.DataTree:
    if strange := strange_codecs(place):
        finding = f"it asks for {listed(strange, 3)}, which bayesimpute never writes"
        raise one(FileError, str(path), finding, "do not open it with other programs either: it may run code")
    if not store_is_whole(place):
        raise damaged(path)
    with xr.open_datatree(place, engine="zarr", consolidated=False, zarr_format=3) as tree:
        return tree.load()


def damaged(path: str | os.PathLike[str]) -> InputError:
    """The error for a file that makes no sense."""
    remedy = "make it again, or resume from the checkpoint"
    return one(FileError, str(path), "it is damaged or was changed, or is not a saved imputation", remedy)


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A store as it was left: which folder it is, where each imputation is, how they were numbered, files' digests."""

    store: Path
    identity: tuple[int, int]
    places: Mapping[int, int]
    numbering: tuple[int, int]
    digests: Mapping[Identity, str]

    @classmethod
    def of(cls, store: Path, tree: xr.DataTree, record: Record, digests: Mapping[Identity, str]) -> "_Written":
        """A store that has just been written."""
        places = {k: place for place, k in enumerate(imputations_in(tree))}
        numbering = _numbering(record)
        return cls(store=store, identity=_identity(store), places=places, numbering=numbering, digests=digests)

    def serves(self, record: Record) -> bool:
        """Whether the folder is still the one that was left, and its imputations bear the numbers that they have."""
        try:
            return _identity(self.store) == self.identity and self.numbering == _numbering(record)
        except OSError:
            return False


class Checkpoint:
    """The file of one run, written again and again as the run goes on.

    Parameters
    ----------
    path : path
        ``.nc`` or ``.zarr``; what is there is replaced.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._last: _Written | None = None
        self._begun = False

    def write(self, record: Record) -> None:
        """Put the run as far as it has come in the place of what was written before.

        Cells that are in a Zarr store afterwards are no longer held in memory.

        Raises
        ------
        FileError
            As :func:`write_tree`; the file is as it was before.
        """
        last = self._last if self._last is not None and self._last.serves(record) else None
        tree = to_tree(record)
        if not self._begun:  # nobody else writes to the checkpoint of this run
            for left in left_behind(self.path):
                remove(left)
            self._begun = True
        digests = _write(tree, self.path, True, last)
        if self.path.suffix == ".zarr":
            self._last = _Written.of(Path(os.path.realpath(self.path)), tree, record, digests)
            if os.name == "posix":  # elsewhere a file that is mapped cannot be replaced
                _move_cells(record, tree, self._last, {} if last is None else last.places)


def _numbering(record: Record) -> tuple[int, int]:
    """What says at which sweeps imputations are taken; it changes where a stage thins those that are there."""
    return record.schedule.base, record.schedule.thin


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _write(
    tree: xr.DataTree, path: str | os.PathLike[str], force: bool, last: _Written | None
) -> Mapping[Identity, str]:
    """Write a tree, held together where Ctrl-C comes; of a Zarr store, give the digests of its files."""
    tree = tree.filter(lambda node: node.path != "/completed") if "completed" in tree.children else tree
    with remembered(), atomic(path, force=force) as temporary:
        if temporary.suffix == ".zarr":
            _write_zarr(tree, temporary, last)
            return seal_store(temporary, {} if last is None else last.digests)
        if temporary.suffix != ".nc":
            raise one(FileError, str(path), f'unknown ending "{temporary.suffix}"', "use .nc or .zarr")
        _write_netcdf(tree, temporary)
        return {}


def _write_netcdf(tree: xr.DataTree, path: Path) -> None:
    from bayesimpute.result.netcdf_files import written

    content = written(tree)
    with path.open("xb") as file:
        file.write(content)
        file.write(seal(content))


def _write_zarr(tree: xr.DataTree, store: Path, last: _Written | None) -> None:
    groups = {name: group for name, group in tree.to_dict().items() if last is None or name[1:] not in UNCHANGING}
    imputed = [name[1:] for name in groups if name.startswith("/imputed/")]
    stacks = [(group, name) for group in imputed for name in STACKS if name in groups[f"/{group}"]]
    rows = [] if last is None else [f"{group}/row" for group in imputed]
    for group in imputed:
        groups[f"/{group}"] = groups[f"/{group}"].drop_vars([*STACKS, *(["row"] if rows else [])], errors="ignore")
    xr.DataTree.from_dict(groups).to_zarr(store, mode="w", consolidated=False, zarr_format=3)
    if last is not None:
        for name in (*UNCHANGING, *rows):
            shutil.copytree(last.store / name, store / name, copy_function=_link, dirs_exist_ok=True)
    for group, name in stacks:
        _write_stack(tree[group].to_dataset()[name], imputations_in(tree), store, group, last)


def _write_stack(cells: xr.DataArray, imputations: list[int], store: Path, group: str, last: _Written | None) -> None:
    """An array with a chunk for each imputation, of which only those are written that the last store does not have."""
    import zarr

    name = str(cells.name)
    array = zarr.open_group(store / group, mode="r+").create_array(
        name,
        shape=cells.shape,
        chunks=(1, cells.shape[1]),
        dtype=cells.dtype,
        fill_value=0,
        compressors=None,
        dimension_names=tuple(map(str, cells.dims)),
        attributes=dict(cells.attrs),
        config={"write_empty_chunks": True},  # else cells that are all zero have no file
    )
    for place, k in enumerate(imputations):
        if last is None or k not in last.places:
            array[place] = np.asarray(cells[place].values)
        else:
            chunk = store / group / name / "c" / str(place) / "0"
            chunk.parent.mkdir(parents=True)
            _link(_chunk(last, group, name, k), chunk)


def _move_cells(record: Record, tree: xr.DataTree, written: _Written, before: Mapping[int, int]) -> None:
    """Have the cells that are new in a store read from its files."""
    for leg in record.legs:
        for name, stack in (("cells", leg.kept), ("before", {k: made.before for k, made in leg.made.items()})):
            groups = [group for group in tree["imputed"].children.values() if name in group]
            for k, cells in stack.items():
                if k not in before and isinstance(cells, Cells):
                    with suppress(OSError, ValueError):  # then they stay in memory
                        chunks = {str(g.attrs["name"]): _chunk(written, g.path, name, k) for g in groups}
                        cells.move({target: _mapped(chunk, cells[target]) for target, chunk in chunks.items()})


def _mapped(chunk: Path, cells: np.ndarray) -> np.ndarray:
    return np.asarray(np.memmap(chunk, dtype=cells.dtype.newbyteorder("<"), mode="r", shape=cells.shape))


def _chunk(written: _Written, group: str, name: str, k: int) -> Path:
    """The file of an imputation's cells of a target."""
    return written.store / group.strip("/") / name / "c" / str(written.places[k]) / "0"


def _link(source: str | os.PathLike[str], place: str | os.PathLike[str]) -> None:
    """A second name for a file that nobody will change."""
    try:
        os.link(source, place)
    except OSError:  # this file system has none, or not so many of one file
        shutil.copyfile(source, place)
