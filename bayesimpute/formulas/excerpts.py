"""Some rows of a table as formulae asks for them: numbers as arrays, labels as Series, without the cost of a frame."""

from collections.abc import Iterator
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd


class Table(Protocol):
    """What evaluating a matrix asks of data: columns by name, and their index; a data frame will do."""

    @property
    def index(self) -> pd.Index:
        """The row labels."""
        ...

    def __getitem__(self, name: str) -> pd.Series: ...
    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...


class Excerpt:
    """Some rows of the columns of a frame as formulae asks for them, without the cost of a frame.

    Numbers are arrays, for arithmetic with a Series costs more than that of a few thousand numbers; not so `by_name`,
    where functions ask for the names of columns.
    """

    def __init__(
        self, frame: "pd.DataFrame | Table", rows: np.ndarray | slice | None, size: int, *, by_name: bool
    ) -> None:
        self.frame, self.rows, self.by_name = frame, rows, by_name
        self.shape = (size, 0)

    @property
    def index(self) -> pd.Index:
        return self.frame.index if self.rows is None else self.frame.index[self.rows]

    def __getitem__(self, name: str) -> pd.Series | np.ndarray:
        if self.by_name or as_formulae_takes(cast(pd.Series, self.frame[name])).dtype != np.float64:
            return self.series(name)
        return self.numbers(name)

    def series(self, name: str) -> pd.Series:
        """A column."""
        column = as_formulae_takes(cast(pd.Series, self.frame[name]))
        return column if self.rows is None else column.iloc[self.rows]

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers."""
        values = getattr(self.frame, "numbers", {}).get(name)
        if values is None:
            values = as_formulae_takes(cast(pd.Series, self.frame[name])).to_numpy(dtype=np.float64)
        return values if self.rows is None else values[self.rows]


class AsSeries:
    """The same with every column as a Series: what makes categories asks for their labels."""

    def __init__(self, data: Excerpt) -> None:
        self.data, self.shape = data, data.shape

    def __getitem__(self, name: str) -> pd.Series:
        return self.data.series(name)


def as_formulae_takes(column: pd.Series) -> pd.Series:
    """A column as formulae takes it: floats, yes/no values, or categories."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fb":
        return column
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float64)
    return column.astype("category")


def used(column: Any) -> Any:
    """A column without the labels of an order that it does not have: formulae would make columns of zeros for them."""
    ordered = isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered
    return column.cat.remove_unused_categories() if ordered else column


def used_labels(frame: pd.DataFrame) -> pd.DataFrame:
    """The same of all columns of a frame."""
    ordered = (name for name, dtype in frame.dtypes.items() if getattr(dtype, "ordered", False))
    return frame.assign(**{str(name): used(frame[name]) for name in ordered})
