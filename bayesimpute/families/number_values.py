"""Values that are numbers: any, those between two ends, and zero or a number above it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, final

import numpy as np
from scipy.special import expit, logit

from bayesimpute.data.column_remarks import TIMES, ZEROS
from bayesimpute.data.columns import Column
from bayesimpute.families.support import Support
from bayesimpute.families.values import Values, mean_and_sd

ALIKE = 1e-9
"""Relative differences below which values are the same."""
SINGLE = frozenset({"float32", "Float32", "float[pyarrow]"})
"""How pandas writes the types of single-precision columns."""


@dataclass(frozen=True, kw_only=True)
class Numbers(Values):
    """Any number.

    Parameters
    ----------
    single : bool
        Whether the column has single precision: that is all that a completed column can show.
    """

    words: ClassVar[str] = "a number"

    single: bool = False

    @classmethod
    def accepts(cls, column: Column) -> bool:
        return column.kind == "number"

    @classmethod
    def of(cls, column: Column) -> Self:
        return cls(single=column.dtype in SINGLE)

    @property
    def support(self) -> Support:
        return Support()

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32 if self.single else np.float64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        shift = rng.uniform(-spread, spread)
        found = rng.choice(known, size)
        return found + shift * known.std() if spread else found

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return mean_and_sd(cells)

    def response(self, y: np.ndarray) -> np.ndarray:
        return y


@final
@dataclass(frozen=True, kw_only=True)
class Real(Numbers):
    """Any number."""

    name: ClassVar[str] = "number"
    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})

    @classmethod
    def suits(cls, column: Column) -> str | None:
        return "it is a number variable" if cls.accepts(column) else None


@final
@dataclass(frozen=True, kw_only=True)
class Limited(Numbers):
    """Numbers within limits, which the family knows."""

    name: ClassVar[str] = "limited"

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column


@final
@dataclass(frozen=True, kw_only=True)
class Shaped(Numbers):
    """Numbers whose family chooses a transformation, of the standardised ones."""

    name: ClassVar[str] = "shaped"
    stays: ClassVar[frozenset[str]] = frozenset({"value", "ratio"})

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    def response(self, y: np.ndarray) -> np.ndarray:
        return (y - y.mean()) / (y.std() or 1.0)


@dataclass(frozen=True, kw_only=True)
class Between(Values):
    """Numbers between two ends, which are none of them unless a subclass has them; chains start on a link's scale."""

    low: ClassVar[float]
    high: ClassVar[float]

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        inside = len(known) and (known > cls.low).all() and (known < cls.high).all()
        return bool(column.kind == "number" and inside)

    @classmethod
    def suits(cls, column: Column) -> str | None:
        del column

    @classmethod
    def of(cls, column: Column) -> Self:
        del column
        return cls()

    @property
    def support(self) -> Support:
        return Support(low=self.low, high=self.high)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return mean_and_sd(cells)


@final
@dataclass(frozen=True, kw_only=True)
class Positive(Between):
    """Numbers above zero."""

    name: ClassVar[str] = "positive"
    words: ClassVar[str] = "a positive number"
    unlike: ClassVar[str] = " that is not above zero everywhere"
    stays: ClassVar[frozenset[str]] = frozenset({"ratio"})
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = np.inf

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        return rng.choice(known, size) * np.exp(rng.uniform(-spread, spread) * np.log(known).std())

    def response(self, y: np.ndarray) -> np.ndarray:
        return np.log(y)


@final
@dataclass(frozen=True, kw_only=True)
class Proportion(Between):
    """Numbers between 0 and 1, both excluded."""

    name: ClassVar[str] = "proportion"
    words: ClassVar[str] = "a proportion (between 0 and 1, both excluded)"
    unlike: ClassVar[str] = " with values that are not between 0 and 1"
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        found = rng.choice(known, size)
        return expit(logit(found) + rng.uniform(-spread, spread) * logit(known).std()) if spread else found

    def response(self, y: np.ndarray) -> np.ndarray:
        return logit(y)


MANY, MANY_WHOLE = 20, 100
"""Different positive values, and different whole ones, above which they are amounts beside zeros, and no counts."""


@final
@dataclass(frozen=True, kw_only=True)
class Amounts(Values):
    """Zero, or a number above it."""

    name: ClassVar[str] = "amount"
    words: ClassVar[str] = "zero or a positive number"
    unlike: ClassVar[str] = " with negative values, or none above zero"
    stays: ClassVar[frozenset[str]] = frozenset({"ratio"})

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        return bool(column.kind == "number" and len(known) and (known >= 0).all() and (known > 0).any())

    @classmethod
    def suits(cls, column: Column) -> str | None:
        if not cls.accepts(column):
            return None
        values, times = np.unique(column.values[~column.missing], return_counts=True)
        share, whole = times[0] / times.sum(), bool((values == np.round(values)).all())
        if values[0] != 0 or len(values) - 1 <= (MANY_WHOLE if whole else MANY):
            return None
        often = share >= ZEROS and times[0] >= TIMES * times[1:].max()
        return f"{share:.0%} of it are zeros, and none is below" if often else None

    @classmethod
    def of(cls, column: Column) -> Self:
        del column
        return cls()

    @property
    def support(self) -> Support:
        return Support(low=0, closed=(True, False))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float64)

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        if not spread:
            return rng.choice(known, size)
        positive, shifts = known[known > 0], rng.uniform(-spread, spread, 2)
        share = np.clip((known == 0).mean(), 0.02, 0.98)
        found = rng.choice(positive, size) * np.exp(shifts[0] * np.log(positive).std())
        return np.where(rng.random(size) < expit(logit(share) + shifts[1]), 0.0, found)

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        return mean_and_sd(cells) | {"share of 0": float((cells == 0).mean()) if cells.size else np.nan}

    def response(self, y: np.ndarray) -> np.ndarray:
        """Logarithms; zeros have none."""
        return standing_in(np.log(y[y > 0]), y > 0)


def standing_in(known: np.ndarray, there: np.ndarray) -> np.ndarray:
    """What a link makes of values, where these have that; the others lie about the mean of it, with its spread.

    Where those that have it are alike, or there is one, nothing is known of a spread, and it is 1: priors whose scale
    it is would have none.

    Parameters
    ----------
    known : ndarray, shape (value that has it,)
        What the link makes of them.
    there : ndarray of bool, shape (value,)
        Which have it.

    Returns
    -------
    ndarray, shape (value,)
    """
    out, spread = np.empty(len(there)), known.std()
    spread = spread if spread > ALIKE * max(1.0, abs(known.mean())) else 1.0
    out[there] = known
    out[~there] = known.mean() + spread * (1 - 2 * (np.arange((~there).sum()) % 2))
    return out


@dataclass(frozen=True, kw_only=True)
class Share(Between):
    """Numbers between 0 and 1, of which either or both have a probability of their own."""

    atoms: ClassVar[tuple[float, ...]]
    low: ClassVar[float] = 0.0
    high: ClassVar[float] = 1.0

    @classmethod
    def accepts(cls, column: Column) -> bool:
        known = column.values[~column.missing]
        inside = (known > 0) & (known < 1)
        return bool(column.kind == "number" and inside.any() and (inside | np.isin(known, cls.atoms)).all())

    @property
    def support(self) -> Support:
        return Support(low=self.low, high=self.high, closed=(0.0 in self.atoms, 1.0 in self.atoms))

    def start(self, rng: np.random.Generator, known: np.ndarray, *, size: int, spread: float) -> np.ndarray:
        if not spread:
            return rng.choice(known, size)
        inside = known[(known > 0) & (known < 1)]
        shift = rng.uniform(-spread, spread) * logit(inside).std()
        found = expit(logit(rng.choice(inside, size)) + shift)
        for atom in self.atoms:
            share = np.clip((known == atom).mean(), 0.02, 0.98)
            found[rng.random(size) < expit(logit(share) + rng.uniform(-spread, spread))] = atom
        return found

    def summaries(self, cells: np.ndarray) -> Mapping[str, float]:
        shares = {f"share of {atom:g}": float((cells == atom).mean()) if cells.size else np.nan for atom in self.atoms}
        return mean_and_sd(cells) | shares

    def response(self, y: np.ndarray) -> np.ndarray:
        """Logits; the ends have none."""
        inside = (y > 0) & (y < 1)
        return standing_in(logit(y[inside]), inside)


@final
@dataclass(frozen=True, kw_only=True)
class ShareFromZero(Share):
    """Zero, or a proportion."""

    name: ClassVar[str] = "share from zero"
    words: ClassVar[str] = "a proportion that may be 0"
    unlike: ClassVar[str] = " that is not from 0 on and below 1 everywhere, or of 0 alone"
    atoms: ClassVar[tuple[float, ...]] = (0.0,)


@final
@dataclass(frozen=True, kw_only=True)
class ShareToOne(Share):
    """A proportion, or one."""

    name: ClassVar[str] = "share to one"
    words: ClassVar[str] = "a proportion that may be 1"
    unlike: ClassVar[str] = " that is not above 0 and up to 1 everywhere, or of 1 alone"
    atoms: ClassVar[tuple[float, ...]] = (1.0,)


@final
@dataclass(frozen=True, kw_only=True)
class ShareOfAll(Share):
    """Zero, a proportion, or one."""

    name: ClassVar[str] = "share of all"
    words: ClassVar[str] = "a proportion that may be 0 or 1"
    unlike: ClassVar[str] = " that is not from 0 to 1 everywhere, or never between"
    atoms: ClassVar[tuple[float, ...]] = (0.0, 1.0)
