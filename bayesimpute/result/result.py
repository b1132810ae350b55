"""What a run gives, before anything is done with it: the m datasets, the draws, the events, and the file of it all.

A :class:`Result` is a thin layer over one ``xarray.DataTree`` (schema: :mod:`bayesimpute.result.schema`); calling FCS
chains ``chain`` and sweeps ``draw`` makes all of ArviZ work on it. A saved file needs no other input. What is done with
a result (analysing, pooling, running on) is :class:`bayesimpute.imputed.MultiplyImputed`, the class that users meet.
"""

import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import BayesimputeError, DataError, FileError, InputError, PlanError, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.said_columns import for_analyses
from bayesimpute.data.xarray_frames import safe_names
from bayesimpute.plan.plan import Plan
from bayesimpute.result import kept_analyses
from bayesimpute.result.reading import from_tree
from bayesimpute.result.rounded import rounded, to_whole
from bayesimpute.result.schema import FORMAT, completed_of, in_order, to_tree
from bayesimpute.result.store import damaged, read_tree, write_tree
from bayesimpute.running.records import Record


@typed
class Result:
    """Completed datasets and the chains that they came from.

    Parameters
    ----------
    tree : xarray.DataTree
        As :mod:`bayesimpute.result.schema` describes it.
    """

    def __init__(self, tree: xr.DataTree) -> None:
        self.tree = tree

    @classmethod
    def of(cls, record: Record) -> Self:
        """From what a run has produced."""
        made = cls(to_tree(record))
        made.__dict__["record"] = record
        return made

    @classmethod
    def over(cls, other: "Result") -> Self:
        """The same run, as a result of this class."""
        made = cls(other.tree)
        made.__dict__["record"] = other.record
        return made

    @cached_property
    def record(self) -> Record:
        """The run, as the loop knows it."""
        return from_tree(self.tree)

    @property
    def of_new_rows(self) -> bool:
        """Whether these are rows that were imputed by the draws of a run, and no run."""
        return "learnt" in self.tree.children

    @cached_property
    def incomplete(self) -> Incomplete:
        """The data as they were given."""
        return self.record.incomplete

    @cached_property
    def plan(self) -> Plan:
        """The plan, with the run settings that were used."""
        return self.record.plan  # of a run in memory: a family of the user's own cannot be read from TOML

    @property
    def m(self) -> int:
        """Number of completed datasets."""
        return int(json.loads(self.tree.attrs["schedule"])["m"])

    @cached_property
    def _done(self) -> frozenset[int]:
        return frozenset(json.loads(self.tree.attrs["imputations_done"]))

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.tree.attrs["seed"])

    @property
    def targets(self) -> tuple[str, ...]:
        """The variables that were imputed from a model, in their visit sequence."""
        return tuple(self._targets)

    @cached_property
    def _targets(self) -> dict[str, str]:
        """The safe name of the step that draws each."""
        steps = dict(json.loads(self.tree.attrs["steps"]))
        names = safe_names(steps)
        return {target: names[step] for step, targets in steps.items() for target in targets}

    @property
    def events(self) -> pd.DataFrame:
        """Everything that was done automatically: chain, sweep, target, what, why."""
        data = self.tree["events"].to_dataset()
        names = {"chain": "chain", "sweep": "sweep", "on_target": "target", "what": "what", "why": "why"}
        table = pd.DataFrame({name: data[stored].values for stored, name in names.items()})
        return table.astype({"target": "str", "what": "str", "why": "str"})

    def completed(self, k: int, *, round: bool = False) -> Any:
        """Completed dataset k, from 0, with the columns, types and row labels of the data (derived columns at the end).

        It is a DataFrame of the kind that was given: of Polars if the data were. A result that was loaded gives
        pandas', which others take: ``polars.from_pandas(imputed.completed(0))``.

        Parameters
        ----------
        k : int
            Which one.
        round : bool
            Whether imputed values of columns of whole numbers are rounded (:mod:`bayesimpute.result.rounded`): here
            only, and to whole numbers that the family, what is known of a cell and the restrictions allow; a cell that
            none is near of stays as it is, with a warning. Derived columns are what followed from the values before.

        Raises
        ------
        InputError
            If a column is to be rounded that has two values.
        IndexError
            If there is no such dataset.
        BayesimputeError
            If it is not there yet, because the run was stopped before.
        """
        unrounded: Counter[str] = Counter()
        frame = self._frame(k, self._rounded(round), unrounded)
        _warn_of(unrounded)
        return self._as_given(frame)

    def _rounded(self, wanted: bool) -> frozenset[str]:
        record = self.record
        data = record.incomplete if record.learnt is None else record.learnt.incomplete
        return rounded(record.resolved, data) if wanted else frozenset()

    def _frame(
        self,
        k: int,
        whole: frozenset[str] = frozenset(),
        unrounded: "Counter[str] | None" = None,
        of: xr.Dataset | None = None,
    ) -> pd.DataFrame:
        """Completed dataset k with some columns rounded; the cells of them that could not be are counted."""
        if not 0 <= k < self.m:
            raise IndexError(f"completed({k}): there are {self.m} completed datasets, 0 to {self.m - 1}")
        if k not in self._done:
            finding = f"completed({k}): {len(self._done)} of {self.m} completed datasets are there"
            raise BayesimputeError(f"{finding}, for the run was stopped before its end; go on with bayesimpute.resume")
        frame = self.incomplete.frame.copy()
        shown = in_order(self.to_xarray() if of is None else of)
        completed = {variable.attrs["name"]: variable[k].values.astype(float) for variable in shown}
        if whole:
            found, left = to_whole(self.incomplete, self.record.resolved, completed, whole)
            completed |= found
            if unrounded is not None:
                unrounded.update(left)
        for name, values in completed.items():
            column = self.incomplete.columns.get(name) or Column(name=name, kind="number", values=values)
            frame[name] = column.decode(values, frame.index, given=frame.get(name))
        return frame

    def _as_given(self, frame: pd.DataFrame, copies: int = 1) -> Any:
        given = self.incomplete.given
        return frame if given is None else given.like(frame, copies=copies, redrawn=self._redrawn)

    @cached_property
    def _redrawn(self) -> frozenset[str]:
        """The columns of which cells are drawn that are not empty: they hold a limit, or are drawn for checks."""
        columns = self.incomplete.columns
        limited = {t.name for t in self.record.resolved.targets if columns[t.name].limits is not None}
        return self._over | limited

    @cached_property
    def _over(self) -> frozenset[str]:
        """The columns of which observed cells are drawn, for checks."""
        wanted = {c.target for c in self.plan.models if c.where is not None}  # so that few runs have to be settled
        found = (t for t in self.record.resolved.targets if t.name in wanted) if wanted else ()
        return frozenset(t.name for t in found if t.over is not None and t.over.any())

    def __iter__(self) -> Iterator[Any]:
        return (self.completed(k) for k in range(self.m))

    @cached_property
    def in_pandas(self) -> Iterable[pd.DataFrame]:
        """The completed datasets as analyses read them; the same object for all who ask.

        They are pandas' frames, whatever the data were, and have labels in the order that the plan says. What was
        observed is in them as it was, and not what was drawn of it for checks.
        """
        plain = self.incomplete.given is None and not self.incomplete.said and not self._over
        return self if plain else _InPandas(self._analysed, self.m, self.void)

    @property
    def as_observed(self) -> Iterable[Any]:
        """The completed datasets as functions of the user's read them: of the kind that was given, otherwise as above.

        Those of :meth:`completed` have the draws of observed cells.
        """

        def make(k: int) -> Any:
            return self._as_given(self._frame(k, of=self.analysed))

        return _InPandas(make, self.m, self.void) if self._over else self

    @cached_property
    def analysed(self) -> xr.Dataset:
        """What analyses read of completed variables, (imputation, unit): :meth:`to_xarray` with what was observed."""
        return completed_of(self.record, shown=False) if self._over else self.to_xarray()

    @property
    def void(self) -> frozenset[str]:
        """The columns that do not apply everywhere, and are empty where they do not."""
        return frozenset(name for name, column in self.incomplete.columns.items() if column.void is not None)

    def _analysed(self, k: int) -> pd.DataFrame:
        return for_analyses(self._frame(k, of=self.analysed), self.incomplete.columns)

    def __len__(self) -> int:
        return self.m

    def to_long(self, *, include_incomplete: bool = False, round: bool = False) -> Any:
        """All datasets under each other, as mice's ``complete("long")``.

        Parameters
        ----------
        include_incomplete : bool
            Whether the incomplete data come first, as imputation 0: without values in all cells that are drawn, those
            that hold a limit such as ``<0.5`` and observed ones of ``where`` among them. So R's ``mice::as.mids`` has
            numbers, and takes the draws.
        round : bool
            As for :meth:`completed`.

        Returns
        -------
        DataFrame
            ``.imp`` (1 to m) and ``.id`` (row number from 1) first, then the columns of the data; row labels kept. Of
            the kind that was given.

        Raises
        ------
        DataError
            If the data have a column ``.imp`` or ``.id``.
        """
        columns = {*self.incomplete.frame, *(derived.name for derived in self.plan.computed)}
        taken = [f'"{name}"' for name in (".imp", ".id") if name in columns]
        if taken:
            finding = f"there is a column called {' and '.join(taken)} already"
            raise one(DataError, "data", finding, "rename it before the data are imputed")
        whole = self._rounded(round)
        unrounded: Counter[str] = Counter()
        frames = [self._frame(k, whole, unrounded) for k in range(self.m)]
        _warn_of(unrounded)
        if include_incomplete:
            frames = [self._undrawn().reindex(columns=frames[0].columns), *frames]
        first = 0 if include_incomplete else 1
        numbered = []
        for k, frame in enumerate(frames, start=first):
            numbered.append(frame)
            frame.insert(0, ".imp", k)
            frame.insert(1, ".id", np.arange(1, len(frame) + 1))
        return self._as_given(pd.concat(numbered), copies=len(numbered))

    def _undrawn(self) -> pd.DataFrame:
        """The data as they were given, without values in the cells that are drawn."""
        frame = self.incomplete.frame.copy()
        for name in self._redrawn:
            target, column = self.record.resolved.target(name), self.incomplete.columns[name]
            drawn = target.impute[target.unit_of_row]
            frame[name] = column.decode(np.where(drawn, np.nan, column.values), frame.index)
        return frame

    def to_xarray(self) -> xr.Dataset:
        """The completed variables along ``imputation`` and ``unit``: numbers as floats, labels as codes.

        They are put together when they are read: ``.isel(imputation=k)`` costs one dataset, ``.values`` all of them.
        """
        return self.tree["completed"].to_dataset()

    def draws(self, target: str) -> xr.Dataset:
        """The draws of one conditional model's parameters as the tree holds them, (chain, draw), and effects.

        Raises
        ------
        KeyError
            If the variable was not imputed from a model.
        """
        if target not in self._targets:
            raise KeyError(f'"{target}" was not imputed from a model; the targets are {listed(self.targets, 12)}')
        return self.tree[f"posterior/{self._targets[target]}"].to_dataset()

    def visits_of(self, target: str) -> xr.Dataset:
        """How the visits of the step that draws a variable went, (chain, draw)."""
        return self.tree["sample_stats"].to_dataset().sel(step=self._targets[target], drop=True)

    def summaries_of(self, target: str) -> dict[str, xr.DataArray]:
        """The summaries of a variable's imputed values by what they are called, such as mean, (chain, draw)."""
        found = self.tree["chains"].to_dataset().values()
        return {str(v.attrs["statistic"]): v for v in found if v.attrs["target"] == target}

    def kept_at_visits(self, target: str) -> xr.Dataset | None:
        """What its model said of observed values at each visit, (chain, draw, …); None if that was not asked for."""
        groups = self.tree["at_visits"].children if "at_visits" in self.tree.children else {}
        safe = self._targets[target]
        return groups[safe].to_dataset() if safe in groups else None

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write everything to one netCDF file (``.nc``) or Zarr store (``.zarr``), in one step.

        The completed datasets are not written out: they follow from the data and the imputed cells.

        Raises
        ------
        FileError
            If the path exists and not `force`, has another ending, or cannot be written.
        """
        write_tree(self.tree, path, force=force)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileError
            If the file is not there, is not such a file, is truncated, or has another format.
        """
        tree = _checked(read_tree(path), path)
        try:
            record = from_tree(tree)
            for group in kept_analyses.groups(tree).values():
                kept_analyses.estimates_in(group)
        except PlanError:  # a family of the user's own cannot be read from TOML
            return cls(tree)
        except Exception as error:
            raise damaged(path) from error
        made = cls.of(record)
        made.tree.attrs["versions"] = tree.attrs["versions"]  # of the programs that made it
        if kept_analyses.GROUP in tree.children:
            made.tree[kept_analyses.GROUP] = tree[kept_analyses.GROUP]
        return made

    def __repr__(self) -> str:
        done = len(self._done)
        rows = self.tree["observed"].attrs["rows"]
        schedule = json.loads(self.tree.attrs["schedule"])
        return (
            f"<MultiplyImputed: {done} of {self.m} completed datasets of {rows} units; "
            f"targets {listed(self.targets) or 'none'}; "
            f"{schedule['chains']} chains of {schedule['base']} + {schedule['sweeps']} sweeps; seed {self.seed}>"
        )


@dataclass(frozen=True, eq=False)
class _InPandas:
    """What makes completed datasets, one after the other."""

    make: Callable[[int], pd.DataFrame]
    m: int
    void: frozenset[str]

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return map(self.make, range(self.m))


def _warn_of(unrounded: "Counter[str]") -> None:
    """Say which cells could not be rounded."""
    if unrounded:
        cells = listed(f"{counted(number, 'cell')} of {name}" for name, number in unrounded.items())
        finding = "a whole number beside them breaks a restriction, or what is known of them"
        warnings.warn(f"round: {cells} stayed as drawn: {finding}", stacklevel=3)


def require_run(result: Result, verb: str) -> None:
    """Stop where rows that were imputed by the draws of a run are taken for a run.

    Raises
    ------
    InputError
        That says what to do with the run instead.
    """
    if result.of_new_rows:
        finding = f"these rows were imputed by the draws of a finished run, and have no chains of their own to {verb}"
        raise one(InputError, verb, finding, f"{verb} that run, the one whose transform() made them")


def _checked(tree: xr.DataTree, path: str | os.PathLike[str]) -> xr.DataTree:
    version = tree.attrs.get("format")
    if version is None or "plan" not in tree.attrs:
        raise one(FileError, str(path), "it is not a saved imputation", "give a file that bayesimpute wrote")
    if not isinstance(version, int | np.integer) or not _sane(tree.attrs.get("schedule")):
        raise damaged(path)
    if version != FORMAT:
        finding = f"it has format {version}, this version of bayesimpute reads {FORMAT}"
        raise one(FileError, str(path), finding, "use the version that wrote it, or make the file again")
    return tree


def _sane(schedule: object) -> bool:
    """Whether a schedule can be read, and its numbers are such as a run may have."""
    try:
        return isinstance(json.loads(str(schedule), parse_int=_count, parse_float=_count), dict)
    except (ValueError, RecursionError):
        return False


def _count(text: str) -> int:
    if len(text) > 7 or not text.isdigit():
        raise ValueError(text)
    return int(text)
