"""Arrays of all imputations that are put together when they are read: what xarray sees of cells that are kept once.

The m completed datasets differ in the imputed cells only, so nothing else is held m times. ``/completed`` of the tree
has variables of shape (imputation, unit), of which reading imputation k builds k and no other: ``.isel(imputation=k)``
and ``variable[k]`` stay within one dataset, ``.values`` makes all m. Nothing is cached but the derived variables of the
dataset read last. ``.load()`` makes ordinary arrays, and so does writing into a variable (``variable[k, 3] = 0``);
what is written into the array that ``.values`` gave goes nowhere.

xarray knows such arrays from its file formats: a ``BackendArray`` says how to read, ``LazilyIndexedArray`` puts
reading off until a value is asked for, ``CopyOnWriteArray`` takes what is written. To show another thing by imputation,
write a :class:`Source`.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core.indexing import (
    CopyOnWriteArray,
    ExplicitIndexer,
    IndexingSupport,
    LazilyIndexedArray,
    explicit_indexing_adapter,
)

from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed, unfolded
from bayesimpute.plan.targets import Resolved, Target

Kept = Mapping[int, Mapping[str, np.ndarray]]
"""The cells of each target, by imputation."""


class Source(Protocol):
    """Where rows come from."""

    def row(self, name: str, place: int) -> np.ndarray:
        """What a variable holds at a place along ``imputation``; the caller changes nothing in it."""
        ...


class _Rows(BackendArray):
    """An array of shape (imputation, …) that asks its source for the rows that are read, one after the other."""

    def __init__(self, source: Source, name: str, shape: tuple[int, int], dtype: np.dtype) -> None:
        self.source, self.name, self.shape, self.dtype = source, name, shape, dtype

    def __getitem__(self, key: ExplicitIndexer) -> np.ndarray:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        wanted, within = np.arange(self.shape[0])[key[0]], key[1]
        if wanted.ndim == 0:
            return np.array(self.source.row(self.name, int(wanted))[within], dtype=self.dtype)
        rows = np.empty((len(wanted), *np.arange(self.shape[1])[within].shape), dtype=self.dtype)
        for i, place in enumerate(wanted.tolist()):
            rows[i] = self.source.row(self.name, place)[within]
        return rows

    def __deepcopy__(self, memo: object) -> "_Rows":
        return self  # it cannot be changed


def _variable(source: Source, name: str, dims: tuple[str, str], shape: tuple[int, int], dtype: Any) -> xr.Variable:
    rows: Any = LazilyIndexedArray(_Rows(source, name, shape, np.dtype(dtype)))
    return xr.Variable(dims, CopyOnWriteArray(rows), {"name": name})


class Stack:
    """The cells of imputations on top of each other.

    Parameters
    ----------
    kept : mapping of int to mapping of str to ndarray
        The cells of each target, by imputation.
    """

    def __init__(self, kept: Kept) -> None:
        self.kept, self.imputations = kept, sorted(kept)

    def row(self, name: str, place: int) -> np.ndarray:
        """The cells of a target."""
        return self.kept[self.imputations[place]][name]

    def variable(self, target: Target, dtype: np.dtype | None = None) -> xr.Variable:
        """The cells of a target, (imputation, cell); those of an imputation are read without those of others."""
        shape = (len(self.imputations), len(target.missing_rows))
        return _variable(self, target.name, ("imputation", "cell"), shape, dtype or target.values.dtype)


class Datasets:
    """The completed datasets, from the data and the cells.

    Parameters
    ----------
    incomplete : Incomplete
        The data.
    resolved : Resolved
        The plan of the run, settled on the data.
    kept : mapping of int to mapping of str to ndarray
        The cells of each target, by imputation. Of an imputation that is not there all values are NaN.
    m : int
        How many datasets there are to be.
    means : mapping of int to mapping of str to ndarray, shape (unit,)
        By imputation the cluster means that do not follow from these data.
    shown : bool
        Whether draws of observed cells are in the place of what was observed.
    """

    def __init__(
        self, incomplete: Incomplete, resolved: Resolved, kept: Kept, m: int, means: Kept, *, shown: bool = True
    ) -> None:
        self.shown = shown
        self.incomplete, self.resolved, self.m, self.means = incomplete, resolved, m, means
        self.kept = {k: cells for k, cells in kept.items() if k < m}
        self._latest: tuple[int, dict[str, np.ndarray]] = (-1, {})

    def __getstate__(self) -> dict[str, Any]:
        left_out = {"_imputed", "_computed"}  # made again from the rest
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return {**state, "_latest": (-1, {})}

    @cached_property
    def _imputed(self) -> dict[str, Target]:
        return {t.name: t for t in self.resolved.targets if t.missing_rows.size}

    @cached_property
    def _computed(self) -> frozenset[str]:
        return frozenset(column.name for column in self.resolved.derived)

    def names(self) -> tuple[str, ...]:
        """What may differ from the data as given: imputed, derived and filled variables."""
        shown = {*self.incomplete.columns, *(d.name for d in self.resolved.derived if d.named)}
        derived = [d.name for d in self.resolved.derived]
        return tuple(n for n in dict.fromkeys([*self._imputed, *derived, *self.resolved.filled]) if n in shown)

    def variable(self, name: str) -> xr.Variable:
        """A variable of all datasets, (imputation, unit): of its values' type if all are there, else float64."""
        finished = len(self.kept) == self.m
        whole = (t for t in self.resolved.targets if finished and not t.void.any())  # what is void is no whole number
        types = {t.name: t.values.shown for t in whole}
        shape = (self.m, len(self.incomplete.frame))
        return _variable(self, name, ("imputation", "unit"), shape, types.get(name, np.float64))

    def row(self, name: str, place: int) -> np.ndarray:
        """A variable of one dataset."""
        if place not in self.kept:
            return np.full(len(self.incomplete.frame), np.nan)
        if name in self._computed:
            return self._derived(place)[name]
        filled = self.resolved.filled.get(name)
        if name not in self._imputed:
            return np.asarray(filled)
        values = self.incomplete.columns[name].values if filled is None else filled
        found = unfolded(self._imputed[name], values, self.kept[place][name])
        over = self._imputed[name].over
        return found if self.shown or over is None else np.where(over[self._imputed[name].unit_of_row], values, found)

    def _derived(self, k: int) -> Mapping[str, np.ndarray]:
        place, values = self._latest
        if place != k:
            resolved = self.resolved.holding(self.means.get(k, {}))
            completed = Completed(self.incomplete, resolved, self.kept[k], shown=self.shown)
            values = {name: completed.values[name] for name in self.names() if name in self._computed}
            self._latest = (k, values)
        return values
