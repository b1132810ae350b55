"""Values that are whole numbers from zero on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np

from bayesimpute.data.columns import Column
from bayesimpute.families.support import Support
from bayesimpute.families.values import Values, mean_and_sd

MANY_ZEROS = 0.2
"""Of the values: from this share on, where no other value is more frequent, whole numbers are taken as counts."""


class Whole(Values):
    """Whole numbers from zero on."""

    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        return bool(column.kind == "number" and len(known) and (known >= 0).all() and (known == np.round(known)).all())

    @classmethod
    def of(cls, column: Column) -> Self:
        del column
        return cls()

    @property
    def support(self) -> Support:
        return Support(low=0, whole=True)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        found = rng.choice(known, size)
        return np.floor(found * np.exp(rng.uniform(-spread, spread)) + rng.random(size)) if spread else found

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return mean_and_sd(cells)


@final
@dataclass(frozen=True, kw_only=True)
class Counts(Whole):
    """Numbers of events."""

    name: ClassVar[str] = "counts"
    words: ClassVar[str] = "a count (whole numbers from 0 on)"
    unlike: ClassVar[str] = " with negative values or values that are not whole"

    @classmethod
    def suits(cls, column: Column) -> str | None:
        if not cls.accepts(column):
            return None
        values, times = np.unique(column.values[~column.missing], return_counts=True)
        share = times[0] / times.sum()
        if values[0] != 0 or times[0] < times.max() or share < MANY_ZEROS:
            return None
        return f"it has whole numbers, {share:.0%} of them zeros"

    def response(self, y: np.ndarray) -> np.ndarray:
        return y.astype(np.int64)


@final
@dataclass(frozen=True, kw_only=True)
class Successes(Whole):
    """Of a number of trials."""

    name: ClassVar[str] = "successes"
    words: ClassVar[str] = "a number of successes (whole numbers from 0 on)"
    unlike: ClassVar[str] = " with negative values or values that are not whole"

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    def response(self, y: np.ndarray) -> np.ndarray:
        return (y > 0).astype(int)  # bambi's priors of a yes or no do not depend on it
