"""What is told of a column before it is imputed: texts between numbers, codes among them, shapes that are not normal.

Each is a pure function of the observed values. ``describe`` tells it of all columns, ``check`` of those that a plan
uses and ``suggest`` beside the model.

Skewness counts where it is above 1 by four of its standard errors, sqrt(6 / n); the lowest or highest value if it is
at least 5 % (zero: 10 %) of all, and five times as frequent as any other. Of 600 normal samples of 20, 100 and 2,000
values each no more than two raise an alarm. A code is a value such as -99 or 999 that occurs twice or more, further
from all others than they are from each other. Where no other value is below zero -99 is one, however far, and -9 if it
is five times as far as neighbours among the lower half of the others (``tests/data/test_column_remarks.py``).
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete

FEWEST = 20
"""Observed values below which nothing is said of a shape."""
SKEWNESS, ERRORS = 1.0, 4.0
ZEROS, AT_END, TIMES = 0.10, 0.05, 5
FEW_VALUES = 5
"""Different values up to which whole numbers may be labels."""
REMEDY = (
    "a normal model keeps means and variances, but draws values that {name} never has: do not report shares, quantiles "
    "or extremes of it{instead}"
)
DERIVED = '; or write family = "skewed"; or impute a column of its own, {column}, and let {{name}} follow ([[derived]])'
COUNTED = '; if it counts something, write family = "negative_binomial"; else family = "skewed"'
_CODE = re.compile(r"-?(9+[78]?|8+|7+)")
_FEWEST_OTHERS = 5


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a normal model has not of observed values, in words, and what can be done instead."""

    finding: str
    instead: str = ""


def remarks(column: Column) -> list[Problem]:
    """Warnings of values that may mean missing."""
    texts, codes = between_numbers(column) or (), codes_among(column)
    if texts:
        finding = (
            f'"{column.name}" is a text because {listed(map(repr, texts))} stand{"s" * (len(texts) == 1)} '
            "between numbers"
        )
    elif codes:
        cells = int(np.isin(column.values, codes).sum())
        shown = listed(f"{code:g}" for code in codes)
        finding = f'"{column.name}" is {shown} in {counted(cells, "row")}, far from all its other values'
    else:
        return []
    given = ",".join(texts[:5] or [f"{code:g}" for code in codes])
    python = ", ".join([repr(text) for text in texts[:5]] or [f"{code:g}" for code in codes])
    remedy = (
        f'if {"they mean" if len(texts or codes) > 1 else "it means"} missing, --missing="{given}" '
        f"(read_data(…, missing=[{python}]) in Python), which holds for all columns"
    )
    return [_warning(column.name, finding, remedy)]


def between_numbers(column: Column) -> tuple[str, ...] | None:
    """The texts that make a text of a column of numbers, such as a dot; None: it is no column of numbers.

    It is one if most of its values are numbers, at least five of them different: ``1, 2, 3+`` are labels.
    """
    if column.kind != "category" or column.dtype.startswith("category") or column.said is not None:
        return None
    number = np.array([_is_number(label) for label in column.labels], dtype=bool)
    cells = column.values[~column.missing].astype(np.int64)
    if number.sum() < max(5, (~number).sum()) or number[cells].mean() <= 0.5:
        return None
    return tuple(label for label, is_number in zip(column.labels, number, strict=True) if not is_number)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def codes_among(column: Column) -> tuple[float, ...]:
    """The numbers of a column that look like codes for missing values: see above."""
    seen = column.values[~column.missing]
    if column.called != "number" or not len(seen) or not any(map(_looks, (seen.min(), seen.max()))):
        return ()
    distinct, counts = np.unique(seen, return_counts=True)
    below = _at_start(distinct, counts)
    above = _at_start(distinct[len(below) :][::-1], counts[len(below) :][::-1])
    return (*below, *above)


def _looks(value: float) -> bool:
    return _CODE.fullmatch(f"{value:.12g}") is not None


def _at_start(values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
    """The codes that different values begin with, in ascending or descending order."""
    found = 0
    for k in range(1, len(values) - 1):
        if not _looks(values[k - 1]):
            break
        if counts[:k].max() > 1 and counts[k:].sum() >= _FEWEST_OTHERS and _apart(values[:k], values[k:]):
            found = k
    return tuple(values[:found].tolist())


def _apart(codes: np.ndarray, others: np.ndarray) -> bool:
    gap, width = abs(codes[-1] - others[0]), abs(others[-1] - others[0])
    if codes[0] < 0 <= others.min():
        near = float(np.diff(others[: len(others) // 2 + 1]).max())
        return codes.max() <= -10 or gap > min(width, TIMES * near)
    small = 0 < codes.max() < 10  # 9 beside 1 and 2, but not beside counts
    return gap > width and not (small and len(others) > 2)


def not_normal(data: Incomplete, name: str) -> Problem | None:
    """A warning of what a normal model would draw that a column of numbers never is: see :func:`shape`."""
    found = shape(of_units(data, name)) if data.columns[name].called == "number" else None
    if found is None:
        return None
    remedy = REMEDY.format(name=name, instead=found.instead.format(name=name))
    return _warning(name, f'of the observed values of "{name}" {found.finding}', remedy)


def shape(values: np.ndarray) -> Shape | None:
    """What a normal model has not of observed values, shape (unit,); None: nothing that can be told.

    Examples
    --------
    >>> import numpy as np
    >>> shape(np.concatenate([np.zeros(30), np.arange(70) + 1.0])).finding
    '30% are 0, and none is below'
    """
    if len(values) < FEWEST:
        return None
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= 2:  # yes or no
        return None
    for end, told in ((0, "none is below"), (-1, "none is above")):
        count, others = counts[end], np.delete(counts, end).max()
        if count >= (ZEROS if distinct[end] == 0 else AT_END) * len(values) and count >= TIMES * others:
            zeros, limits = end == distinct[0] == 0, f"{distinct[0]:g}, inf" if end == 0 else f"-inf, {distinct[-1]:g}"
            family = '"semicontinuous"' if zeros else f'"bounded", limits = [{limits}], at_limits = "censored"'
            instead = f"; or write family = {family}"
            return Shape(finding=f"{count / len(values):.0%} are {distinct[end]:g}, and {told}", instead=instead)
    found = skewness(values)
    if abs(found) > SKEWNESS + ERRORS * np.sqrt(6 / len(values)):
        logarithm = found > 0 and distinct[0] > 0
        column = "such as its logarithm" if logarithm else "such as a power or logarithm of it"
        if found > 0 and distinct[0] >= 0 and (distinct == np.round(distinct)).all():
            return Shape(finding=f"the skewness is {found:.1f}", instead=COUNTED)
        return Shape(finding=f"the skewness is {found:.1f}", instead=DERIVED.format(column=column))
    if len(distinct) <= FEW_VALUES and np.all(distinct == np.round(distinct)):
        merged = "; or, if they are labels, merge them into two, as no family has more of them yet"
        return Shape(finding=f"only {len(distinct)} are different, all of them whole", instead=merged)
    return None


def skewness(values: np.ndarray) -> float:
    """The third standardised moment; NaN where nothing varies."""
    largest = np.abs(values).max(initial=0.0)
    if largest == 0 or np.ptp(values) == 0:
        return np.nan
    around = values / largest  # whose cubes are numbers
    around = around - around.mean()
    return float((around**3).mean() / around.std() ** 3)


def of_units(data: Incomplete, name: str) -> np.ndarray:
    """The observed values: of a variable of clusters one for each."""
    column, level = data.columns[name], data.variables[name].level
    seen = ~column.missing
    if level is None:
        return column.values[seen]
    return column.values[seen][np.unique(data.codes(level)[seen], return_index=True)[1]]


def _warning(name: str, finding: str, remedy: str) -> Problem:
    return Problem(path=f"data[{name}]", finding=finding, remedy=remedy, severity=Severity.WARNING)
