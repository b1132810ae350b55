"""What the command line is given: a plan or formulas, overrides, data, places to write to; and every problem of them.

Reading goes on past mistakes, so that all problems of the plan, the data and the outputs can be told at once.
"""

import argparse
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesimpute.base.errors import FileError, InputError, PlanError, Problem, one
from bayesimpute.base.saving import atomic, ending, reason, unknown_ending
from bayesimpute.checking import check
from bayesimpute.data.files import read_data
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.sidecar import joined, unread
from bayesimpute.plan.conditional import untransformed
from bayesimpute.plan.document import read, read_document
from bayesimpute.plan.document_paths import set_path
from bayesimpute.plan.known_cells import read_by
from bayesimpute.plan.options import settings
from bayesimpute.plan.plan import Plan

if TYPE_CHECKING:
    from bayesimpute.suggesting import Suggestion

SAVED: Mapping[str, object] = MappingProxyType({".nc": "netCDF", ".zarr": "Zarr"})
"""The endings of saved runs."""


def read_inputs(
    plan_file: str | None,
    formulas: Sequence[str] | None,
    settings: Sequence[tuple[str, str]],
    *,
    data: str,
    missing: Sequence[str] = (),
    beside: str | None = None,
) -> tuple[Plan, pd.DataFrame | None, list[Problem]]:
    """The plan, the data, and every problem of both.

    Parameters
    ----------
    plan_file : str or None
        A TOML file.
    formulas : sequence of str or None
        What there is instead: one a target.
    settings : sequence of (str, str)
        Overrides: dotted paths in the plan, and values as TOML has them.
    data : str
        A data file, or a data set's name.
    missing : sequence of str
        Codes in it that stand for missing values.
    beside : str or None
        A file with columns of what is known of cells.

    Returns
    -------
    Plan, DataFrame or None, list of Problem
        As far as the plan can be read; None for data that cannot be.
    """
    plan, problems = _read_plan(plan_file, formulas, settings)
    try:
        frame = _with_sidecar(read_data(data, missing=missing), beside, plan, missing)
    except InputError as error:
        return plan, None, [*problems, *error.problems]
    found = check(plan, frame)
    if problems and not plan.models:  # what cannot be read would have been a model
        found = [p for p in found if p.path != "conditional"]
    return plan, frame, list(dict.fromkeys([*problems, *found]))


def read_suggested(
    clusters: Sequence[str],
    settings: Sequence[tuple[str, str]],
    *,
    data: str,
    missing: Sequence[str] = (),
    beside: str | None = None,
) -> tuple["Suggestion", pd.DataFrame | None, list[Problem]]:
    """The plan that follows from the data alone, with the overrides: as :func:`read_inputs`.

    What the overrides say of columns and cells holds before the plan is made. Of complete data the plan is empty.
    """
    from bayesimpute.suggesting import Suggestion, suggest

    made = Suggestion(plan=Plan(), toml="")
    said, problems = _overridden({}, [each for each in settings if each[0].startswith(("columns", "known"))])
    if problems:
        return made, None, problems
    try:
        frame = read_data(data, missing=missing)
        incomplete = Incomplete.from_frame(frame, clusters=clusters, columns=said.columns)
        if not incomplete.missing.to_numpy().any():
            return made, frame, []
        made = suggest(None, incomplete, known=said.known)
        frame = _with_sidecar(frame, beside, said, missing)
    except InputError as error:
        return made, None, list(error.problems)
    rest = [each for each in settings if not each[0].startswith("known")]
    plan, problems = _overridden(tomllib.loads(made.toml), rest)
    return replace(made, plan=plan), frame, list(dict.fromkeys([*problems, *check(plan, frame)]))


def _with_sidecar(frame: pd.DataFrame, beside: str | None, plan: Plan, missing: Sequence[str]) -> pd.DataFrame:
    """The data with the columns of another file, which say what is known of cells.

    Raises
    ------
    InputError
        The file cannot be read or has other rows, or nothing reads a column of it.
    """
    if beside is None:
        return frame
    both = joined(frame, read_data(beside, missing=missing), by_place=True)
    problems = unread(frame, both, read_by(plan.known))
    if problems:
        raise PlanError(problems)
    return both


def said(settings: Sequence[tuple[str, str]]) -> Plan:
    """What columns are and what is known of cells, by the overrides that say it.

    Raises
    ------
    PlanError
        With everything that is wrong with them.
    """
    plan, problems = _overridden({}, settings)
    if problems:
        raise PlanError(problems)
    return plan


def _overridden(document: dict[str, Any], settings: Sequence[tuple[str, str]]) -> tuple[Plan, list[Problem]]:
    """The plan of a document with the overrides, as far as it can be read, and what is wrong with it."""
    problems: list[Problem] = []
    for path, value in settings:
        try:
            document = set_path(document, path, value)
        except InputError as error:
            problems += error.problems
    plan, found = _made(*read_document(document))
    return plan, [*problems, *found]


def _read_plan(
    plan_file: str | None, formulas: Sequence[str] | None, settings: Sequence[tuple[str, str]]
) -> tuple[Plan, list[Problem]]:
    """The plan as far as it can be read, with the overrides, and what is wrong with it."""
    if formulas is not None:
        document: dict[str, Any] = {"conditional": [_conditional(formula) for formula in formulas]}
    else:
        try:
            text = read_text(Path(str(plan_file)))
        except InputError as error:
            return Plan(), list(error.problems)
        if not settings:
            return _made(*read(text))
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError):
            return _made(*read(text))
    return _overridden(document, settings)


def _made(fields: Mapping[str, Any], problems: list[Problem]) -> tuple[Plan, list[Problem]]:
    return Plan(**fields), problems


def _conditional(formula: str) -> dict[str, str]:
    """A formula as it stands in a plan document; the target is named so that overrides can name it."""
    target = untransformed(formula)[0].partition("~")[0].strip().strip("`")
    return {"target": target, "formula": formula} if "~" in formula and target else {"formula": formula}


def read_text(path: Path) -> str:
    """The text of a plan file.

    Raises
    ------
    FileError
        It is not there, not readable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        finding = f"the file is not UTF-8: byte {error.object[error.start]:#04x} at offset {error.start}"
        raise one(FileError, str(path), finding, "convert it to UTF-8") from error
    except (OSError, ValueError) as error:
        remedy = "give a TOML file, or formulas with --formula"
        raise one(FileError, str(path), f"it cannot be read ({reason(error)})", remedy) from error


def given_settings(arguments: argparse.Namespace, cls: type) -> dict[str, Any]:
    """What the command line says of the settings of a part of a plan."""
    values = {f.name: getattr(arguments, f.name) for f in settings(cls)}
    return {name: value for name, value in values.items() if value is not None}


def option_of(setting: Field[Any]) -> str:
    """What the command line calls a setting."""
    return f"--{setting.metadata['flag'] or setting.name}"


def writable(paths: Iterable[Path], *, force: bool, known: Mapping[str, object] = SAVED) -> list[Problem]:
    """Why files cannot be written, found out by writing beside them, before any work is done.

    Parameters
    ----------
    paths : iterable of Path
        The files.
    force : bool
        Whether files that are there may be replaced.
    known : mapping
        Its keys are the endings that are allowed.
    """
    problems: list[Problem] = []
    for path in paths:
        if ending(path, known) is None:
            more = '; "bayesimpute export" then writes the datasets to other files' if known is SAVED else ""
            problems += unknown_ending(path, known, more).problems
            continue
        try:
            with atomic(path, force=force) as temporary:
                temporary.touch()
                raise _Enough
        except _Enough:
            pass
        except FileError as error:
            problems += error.problems
    return problems


class _Enough(Exception):
    """Ends an attempt to write without leaving a file."""
