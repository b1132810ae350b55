"""The design matrices of one model at some rows, kept and refreshed term by term.

Between two visits of a target other targets have been imputed, so that some of its columns have changed and others have
not: those of complete variables, and of what depends on nothing that was imputed. A :class:`Sheet` writes the columns
that read something new into the arrays that it has; arrays with news are handed out as new views, so that a sampler
that asks "is this the object that I saw last?" sees that they have changed.
"""

from collections.abc import Mapping, Set

import numpy as np

from bayesimpute.completed import Columns
from bayesimpute.design import Design

RowsByKey = Mapping[str, np.ndarray] | np.ndarray | None


class Sheet:
    """Standardised matrices by predictor and block.

    Parameters
    ----------
    design : Design
        Whose.
    rows : ndarray of int, or mapping of str to it, optional
        Which rows of the data, the same for all matrices or by their keys; all by default.
    """

    def __init__(self, design: Design, rows: RowsByKey = None) -> None:
        self._design, self._rows = design, rows
        self._arrays: dict[str, np.ndarray] = {}
        self._news: set[str] = set()

    def changed(self, names: Set[str]) -> None:
        """Take note of columns of the data that have changed."""
        self._news |= names & self._design.inputs

    def current(self, columns: Columns) -> Mapping[str, np.ndarray]:
        """The matrices on the data as they are, each (row, column); not to be written to."""
        if not self._arrays:
            self._arrays = {key: np.empty((self._size(key, columns), width)) for key, width in self._design.widths}
            self._design.refresh(self._arrays, columns, self._rows)
        elif self._news:
            news = {key: array for key, array in self._arrays.items() if self._design.reads[key] & self._news}
            self._design.refresh(news, columns, self._rows, self._news)
            self._arrays = {**self._arrays, **{key: array.view() for key, array in news.items()}}
        self._news = set()
        return self._arrays

    def _size(self, key: str, columns: Columns) -> int:
        if self._rows is None:
            return len(columns)
        return len(self._rows[key] if isinstance(self._rows, Mapping) else self._rows)
