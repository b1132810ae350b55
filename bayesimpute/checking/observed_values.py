"""Observed values that would not come back as they were given: refused, with what to do."""

import numpy as np
import pandas as pd

from bayesimpute.base.errors import Problem
from bayesimpute.base.phrases import first_row
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.xarray_frames import lost

WHOLE = 2**53
"""Below it every whole number is a float; the next one becomes this one."""


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What a result could not hold, and what imputed values beside them would round."""
    notes = Notes()
    index = data.frame.index
    for level in range(index.nlevels):
        _kept(pd.Series(index.get_level_values(level).array), "data.index", "these row labels", notes)
    for name, series in data.frame.items():
        _kept(series, f"data[{name}]", "this column", notes)
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        if column is not None and column.kind == "number" and column.missing.any():
            _rounded(column, reading.path, data, notes)
    return notes.problems


def _kept(series: pd.Series, path: str, what: str, notes: Notes) -> None:
    found = lost(series)
    if found is not None:
        remedy = f"make them texts or numbers, or leave {what} out and join it to the completed datasets afterwards"
        notes.add(path, f"a result cannot hold {found}", remedy)


def _rounded(column: Column, path: str, data: Incomplete, notes: Notes) -> None:
    name = column.name
    floats = f'make it floats: frame[{name!r}] = frame[{name!r}].astype("float64")'
    floats = floats if data.given is None else "cast it to floats"
    beyond = np.abs(np.nan_to_num(column.values)) >= WHOLE
    if column.dtype.startswith("decimal"):
        notes.add(path, f'"{name}" is of the type {column.dtype}, which cannot hold imputed values', floats)
    elif column.integral and beyond.any():
        finding = f'"{name}" holds whole numbers beyond 2^53, {first_row(data.frame, beyond)}: floats would round them'
        notes.add(path, finding, "subtract a constant first; an identifier is not to be imputed")
