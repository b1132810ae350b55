"""Imputed cells as they are kept: once each, in the smallest type that holds them without loss.

A chain works with floats, but what an imputation keeps of it need not be: the codes of two labels fit into one byte.
The type follows from the target and its column alone, never from the values, so that all imputations of all chains
agree on it. A family that makes whole numbers or codes of another kind is to be given its type in :func:`cell_dtype`.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from bayesimpute.base.errors import DataError, one
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.targets import Target

SINGLE = frozenset({"float32", "Float32", "float[pyarrow]"})
"""How pandas writes the types of single-precision columns."""


def cell_dtype(target: Target, column: Column) -> np.dtype:
    """The type of a target's imputed cells.

    Codes take the smallest whole numbers that have room for all labels, numbers are float64; of a single-precision
    column they are float32, for that is all that a completed column can show of them.
    """
    if target.kind != "number":
        return np.min_scalar_type(-max(len(column.labels), 2))
    return np.dtype(np.float32 if column.dtype in SINGLE else np.float64)


class Cells(Mapping[str, np.ndarray]):
    """The cells of one imputation, by target: in memory, or in files that never change.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The cells of each target.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = dict(arrays)

    def __getitem__(self, target: str) -> np.ndarray:
        return self._arrays[target]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def move(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Let go of arrays for equal ones that are elsewhere: what is read from here stays the same."""
        self._arrays = {**self._arrays, **arrays}


def packed(targets: Iterable[Target], incomplete: Incomplete, cells: Mapping[str, np.ndarray]) -> Cells:
    """The cells of each target in their type; those that have it already are not copied.

    Raises
    ------
    DataError
        If a family gave something else than codes where codes are kept.
    """
    return Cells({t.name: _packed(t, incomplete.columns[t.name], cells[t.name]) for t in targets})


def _packed(target: Target, column: Column, values: np.ndarray) -> np.ndarray:
    dtype = cell_dtype(target, column)
    if dtype.kind == "i" and values.dtype != dtype and not np.isin(values, np.arange(_labels(column))).all():
        finding = f"{target.family.name} imputed values that are no codes of its {_labels(column)} labels"
        raise one(DataError, f"data[{target.name}]", finding, "mend impute() of the family: it is to give codes from 0")
    return values.astype(dtype, copy=False)


def _labels(column: Column) -> int:
    return max(len(column.labels), 2)
