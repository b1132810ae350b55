"""The design matrices of one model at some rows, kept and refreshed term by term.

Between two visits of a target other targets have been imputed, so that some of its columns have changed and others have
not: those of complete variables, and of what depends on nothing that was imputed. A :class:`Sheet` writes the columns
that read something new into the arrays that it has; arrays with news are handed out as new views, so that a sampler
that asks "is this the object that I saw last?" sees that they have changed.

Of large data nothing is kept: :class:`LargeData` makes the matrices when they are asked for, in pieces of rows for
whoever can do with these. That is as fast, for a piece stays in the cache, and the memory that it takes does not grow
with the number of targets.
"""

from collections.abc import Iterator, Mapping, Set

import numpy as np

from bayesimpute.base.errors import PlanError, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.designs.completed import Columns, Completed
from bayesimpute.designs.design import Design
from bayesimpute.designs.placement import Placement
from bayesimpute.numerics.gathering import put_column

RowsByKey = Mapping[str, np.ndarray] | np.ndarray | None

LARGE = 200_000
"""Numbers in the matrices of one model from which on they are not kept."""
PIECE = 32_768
"""Rows of a piece."""
SAMPLE = 5_000
"""Rows of a sample."""
MANY = 120
"""Clusters from which on a sample has whole ones."""
LEAST = 60
"""Clusters that it has then, if its rows are fewer than SAMPLE or more."""
SEED = 20260103
"""Of the choice of these clusters, whatever the user's seed."""
IMPUTED_ELSEWHERE = (
    'say where values cannot be: a family or limits, such as family = "bounded", or a [[restriction]]; or derive a '
    "variable with where(condition, x, y)"
)
"""The remedy for predictors that are no numbers with imputed values."""


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
            self._look(self._arrays)
        elif self._news:
            news = {key: array for key, array in self._arrays.items() if self._design.reads[key] & self._news}
            self._design.refresh(news, columns, self._rows, self._news)
            self._look(news)
            self._arrays = {**self._arrays, **{key: array.view() for key, array in news.items()}}
        self._news = set()
        return self._arrays

    def _look(self, arrays: Mapping[str, np.ndarray]) -> None:
        if self._rows is not None:  # of all rows there may be some where the variable does not apply
            require_finite(self._design, arrays)

    def _size(self, key: str, columns: Columns) -> int:
        if self._rows is None:
            return len(columns)
        return len(self._rows[key] if isinstance(self._rows, Mapping) else self._rows)


def is_large(placement: Placement) -> bool:
    """Whether the matrices of a model are too large to be kept; they must be needed at the same rows."""
    design, rows = placement.design, placement.fitted_rows
    return design.family.selection is None and sum(len(rows[key]) * width for key, width in design.widths) > LARGE


class LargeData(Mapping[str, np.ndarray]):
    """What the containers of a model's graph hold, made when it is asked for.

    It is about the data as they were when it was made, and of no use when they have changed.

    Parameters
    ----------
    placement : Placement
        Of the model.
    completed : Completed
        The data.
    chosen : ndarray of int, optional
        Which of the fitted rows; all by default.
    """

    def __init__(self, placement: Placement, completed: Completed, chosen: np.ndarray | None = None) -> None:
        self.placement, self._completed, self._chosen = placement, completed, chosen

    @property
    def design(self) -> Design:
        """Of the model; of a sample of clusters, with as many as it has."""
        return self.placement.design

    def __getitem__(self, name: str) -> np.ndarray:
        if name == "y_data":
            y = self.placement.response(self._completed.unmoved(self.design.name))
            return y if self._chosen is None else y[self._chosen]
        if name.startswith("codes_"):
            codes = self.placement.fitted_codes[name]
            return codes if self._chosen is None else codes[self._chosen]
        if name.startswith("side_"):
            side = self.placement.side(self._completed.values)[name]
            return side if self._chosen is None else side[self._chosen]
        return self._matrices(slice(None), {name.removeprefix("X_")})[name]

    @property
    def is_sample(self) -> bool:
        """Whether these are not all the fitted rows."""
        return self._chosen is not None

    def sample(self) -> "LargeData":
        """The same of some clusters, drawn from those of the key that has the most; of some rows where they are few.

        What holds for the clusters of a sample holds for the others: how many transitions a sampler needs to forget,
        and roughly where its parameters are. Whoever wants to know that need not look at all rows.
        """
        rng, n = np.random.default_rng(SEED), len(self["y_data"])
        block = max(self.design.blocks, key=lambda b: b.size, default=None)
        if block is None or block.size < MANY:
            return LargeData(self.placement, self._completed, np.sort(rng.permutation(n)[:SAMPLE]))
        codes = self.placement.fitted_codes[f"codes_{block.key}"]
        order = rng.permutation(block.size)
        enough = int(np.searchsorted(np.cumsum(np.bincount(codes, minlength=block.size)[order]), SAMPLE)) + 1
        taken = order[: max(enough, LEAST)]
        part = self.placement.of_clusters(block.factor, taken)
        return LargeData(part, self._completed, np.flatnonzero(part.fitted_codes[f"codes_{block.key}"] >= 0))

    def __iter__(self) -> Iterator[str]:
        yield from (f"X_{key}" for key, _ in self._widths)
        yield from self.placement.fitted_codes
        yield from self._side
        yield "y_data"

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def pieces(self) -> Iterator[tuple[slice, Mapping[str, np.ndarray]]]:
        """The matrices and codes at some rows after the other, of a model whose matrices are needed at the same rows.

        Yields
        ------
        slice, mapping of str to ndarray
            Which of the fitted rows; what the containers hold there.
        """
        y = self["y_data"]
        for low in range(0, len(y), PIECE):
            part = slice(low, min(low + PIECE, len(y)))
            held = {name: self[name][part] for name in (*self.placement.fitted_codes, *self._side)}
            yield part, {**self._matrices(part), **held, "y_data": y[part]}

    def _matrices(self, part: slice, keys: Set[str] | None = None) -> dict[str, np.ndarray]:
        rows = {key: self._rows(key)[part] for key, _ in self._widths}
        wanted = [(key, width) for key, width in self._widths if keys is None or key in keys]
        made = {key: np.empty((len(rows[key]), width)) for key, width in wanted}
        self.design.refresh(made, self._completed.columns, rows, put=put_column)
        require_finite(self.design, made)
        return {f"X_{key}": matrix for key, matrix in made.items()}

    @property
    def _side(self) -> list[str]:
        return [f"side_{role}" for role in self.design.side]

    @property
    def _widths(self) -> list[tuple[str, int]]:
        return [(key, width) for key, width in self.design.widths if key in self.design.fitted_keys]

    def _rows(self, key: str) -> np.ndarray:
        rows = self.placement.fitted_rows[key]
        return rows if self._chosen is None else rows[self._chosen]


def at_rows(design: Design, columns: Columns, rows: np.ndarray) -> dict[str, np.ndarray]:
    """All matrices of a model of large data at some rows, which nobody keeps."""
    made = {key: np.empty((len(rows), width)) for key, width in design.widths}
    design.refresh(made, columns, rows, put=put_column)
    require_finite(design, made)
    return made


def require_finite(design: Design, arrays: Mapping[str, np.ndarray]) -> None:
    """Stop where a predictor is no number, as the logarithm of a count that was imputed as 0.

    Samplers would not come back from it: a draw given an infinite predictor may be rejected for ever.
    """
    for key, array in arrays.items():
        with np.errstate(invalid="ignore"):
            fine = np.isfinite(array.sum())
        if not fine and not np.isfinite(array).all():
            columns = (~np.isfinite(array)).any(axis=0)
            name = listed(dict.fromkeys(n for n, wrong in zip(design.columns_of(key), columns, strict=True) if wrong))
            many = counted(int((~np.isfinite(array)).any(axis=1).sum()), "row")
            finding = f"{name} is not a finite number with the values that were imputed, in {many}"
            raise one(PlanError, design.path, finding, IMPUTED_ELSEWHERE)


def pieces(data: Mapping[str, np.ndarray]) -> Iterator[tuple[slice, Mapping[str, np.ndarray]]]:
    """The rows of what a graph's containers hold, of large data piece by piece."""
    if isinstance(data, LargeData):
        yield from data.pieces()
    else:
        yield slice(0, len(data["y_data"])), data
