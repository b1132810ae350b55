"""Imputed cells as they are kept: once each, in the smallest type that holds them without loss.

A chain works with floats, but what an imputation keeps of it need not be: the codes of two labels fit into one byte.
The type follows from the target and its column alone, never from the values, so that all imputations of all chains
agree on it.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from bayesimpute.base.errors import DataError, one
from bayesimpute.plan.targets import Target


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


def packed(targets: Iterable[Target], cells: Mapping[str, np.ndarray]) -> Cells:
    """The cells of each target in their type; those that have it already are not copied.

    Raises
    ------
    DataError
        If a family gave something else than whole numbers, or codes, where these are kept.
    """
    return Cells({t.name: _packed(t, cells[t.name]) for t in targets})


def _packed(target: Target, values: np.ndarray) -> np.ndarray:
    dtype, support = target.values.dtype, target.values.support
    if support.whole and values.dtype != dtype and not support.contains(values).all():
        finding = f"{target.family.name} imputed values that are no {support}"
        raise one(DataError, f"data[{target.name}]", finding, "mend impute() of the family: it is to give such values")
    return values.astype(dtype, copy=False)
