"""What is told of a column before it is imputed: texts between numbers, codes among them, shapes that are not normal.

Each is a pure function of the observed values. ``describe`` tells it of all columns, ``check`` of those that a plan
uses and ``suggest`` beside the model.

Skewness is that of the residuals of a quick least-squares fit on the predictors of a variable, for raw skewness
misleads: a variable may be skewed because these are, or only given them. It counts where it is above 1 and above four
of its standard errors, sqrt(6 / n); the remedy is lognormal where that of the logarithms is at most half. The lowest or
highest value counts if it is at least 5 % (zero: 10 %) of all, and five times as frequent as any other; or if it is
further from all others than they are from each other. Draws count that would lie beyond all values, 2 % of them
and three times what chance has. Of 600 normal samples of 20, 100 and 2,000 values each no more
than two raise an alarm. A code is a value such as -99 or 999 that occurs twice or more, further
from all others than they are from each other. Where no other value is below zero -99 is one, however far, and -9 if it
is five times as far as neighbours among the lower half of the others (``tests/data/test_column_remarks.py``).
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.censored_texts import is_marked
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.label_orders import order_told

FEWEST = 20
"""Observed values below which nothing is said of a shape."""
SKEWNESS, ERRORS = 1.0, 4.0
ZEROS, AT_END, TIMES = 0.10, 0.05, 5
HALF = 0.5
"""Of the skewness, that of the logarithms at most where these are the remedy."""
BY_FAR = 3
"""Ranges of all others by which one value stands apart."""
BEYOND, CHANCE = 0.02, 6
"""The share of draws beyond the observed values that is told; of n normal values 2 / (n + 1) are expected there."""
ROUNDING = 1e-9
EACH = 5
"""Observed values for each predictor, from which on residuals are looked at."""
MOSTLY, MOST_LABELS = 0.2, 30
"""The share of gaps below which a column is a predictor here, and labels that it may have."""
FEW_VALUES = 5
"""Different values up to which whole numbers may be labels."""
REMEDY = (
    "a normal model keeps means and variances, but draws values that {name} never has: do not report shares, quantiles "
    "or extremes of it{instead}"
)
BY_LAW = (
    "what is beyond a limit is drawn from the tail of a normal law, which these values do not have: means, spreads and "
    "slopes are wrong, not only shares and extremes{instead}"
)
"""Of columns with limits of detection: nothing is observed there that could correct the law."""
DERIVED = '; or write family = "skewed"; or impute a column of its own, {column}, and let {{name}} follow ([[derived]])'
LOGS = '; or write family = "lognormal", and let it predict other variables by its logarithm'
"""As it is, a large draw makes large ones of others, and these a larger one of it."""
COUNTED = '; if it counts something, write family = "negative_binomial"; else family = "skewed"'
_CODE = re.compile(r"-?(9+[78]?|8+|7+)")
_FEWEST_OTHERS = 5
LIMITS = "they are limits between which a number lies"


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
    signed = [text for text in texts if text.strip()[:1] in ("<", ">", "≤", "≥") and not is_marked(text)]
    if signed:
        remedy = (
            'if that is beyond a limit of detection, write this limit in its place, such as "<0.5", and '
            f"{said_censored(column.name)}: what is not detected is not missing at random"
        )
        return [_warning(column.name, finding, remedy)]
    marks = [text for text in texts if is_marked(text)]
    if texts and len(marks) == len(texts):
        return [_warning(column.name, finding, f"{LIMITS}: {said_censored(column.name)}")]
    given = ",".join(texts[:5] or [f"{code:g}" for code in codes])
    python = ", ".join([repr(text) for text in texts[:5]] or [f"{code:g}" for code in codes])
    remedy = (
        f'if {"they mean" if len(texts or codes) > 1 else "it means"} missing, --missing="{given}" '
        f"(read_data(…, missing=[{python}]) in Python), which holds for all columns"
    )
    remedy += f"; then, as others are limits, {said_censored(column.name)}" * bool(marks)
    return [_warning(column.name, finding, remedy)]


def looks_ordered(column: Column) -> Problem | None:
    """That the labels of a text seem to have an order, and how to say so."""
    order = order_told(column)
    if not order:
        return None
    remedy = f"if they are, write {order.partition(': ')[2]}; else it is imputed as labels in no order"
    return _warning(column.name, f'the labels of "{column.name}" look ordered', remedy)


def said_censored(name: str) -> str:
    """What to write of a column of numbers and limits."""
    return f'write columns.{name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else repr(name)} = "censored number"'


def limits_among(column: Column) -> bool:
    """Whether a column is one of numbers but for limits such as ``<0.5``."""
    return any(map(is_marked, between_numbers(column) or ()))


def between_numbers(column: Column) -> tuple[str, ...] | None:
    """The texts that make a text of a column of numbers, such as a dot; None: it is no column of numbers.

    It is one if most of its values are numbers or limits such as ``<0.5``, and at least five numbers are different:
    ``1, 2, 3+`` are labels.
    """
    if column.kind != "category" or column.dtype.startswith("category") or column.said is not None:
        return None
    number = np.array([_is_number(label) for label in column.labels], dtype=bool)
    like = number | np.array([is_marked(str(label)) for label in column.labels], dtype=bool)
    cells = column.values[~column.missing].astype(np.int64)
    if number.sum() < max(5, (~like).sum()) or like[cells].mean() <= 0.5:
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


def not_normal(data: Incomplete, name: str, predictors: Iterable[str] | None = None) -> Problem | None:
    """A warning of what a normal model would draw that a column of numbers never is: see :func:`shape`.

    `predictors` are the columns in its formula, by default those of numbers that are mostly observed.
    """
    if data.columns[name].called != "number":
        return None
    rows = unit_rows_of(data, name)
    names = _others(data, name) if predictors is None else [n for n in predictors if n in data.columns and n != name]
    found = shape(data.columns[name].values[rows], matrix(data, names, rows))
    if found is None:
        return None
    text = REMEDY if data.columns[name].limits is None else BY_LAW
    remedy = text.format(name=name, instead=found.instead.format(name=name))
    return _warning(name, f'of the observed values of "{name}" {found.finding}', remedy)


def shape(values: np.ndarray, x: np.ndarray | None = None) -> Shape | None:
    """What a normal model has not of observed values, shape (unit,); None: nothing that can be told.

    Skewness is that of the residuals of a least-squares fit on predictors `x`, (unit, column), if there are rows enough
    for it: a skewed variable may be normal given these, and one that is not skewed need not be.

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
    whole = bool((distinct == np.round(distinct)).all())
    told = piled(distinct, counts) or apart(distinct, counts)
    if told is not None:
        return told
    values, x = complete(values, x)
    told = _skewed(values, x, whole=whole)
    if told is not None:
        return told
    if distinct[0] > 0 and distinct[-1] < 1:
        return Shape(finding="all are between 0 and 1", instead='; or write family = "beta", or transform = "logit"')
    if len(distinct) <= FEW_VALUES and whole:
        merged = '; or, if they are labels, write columns.{name} = "ordered", or "labels"'
        return Shape(finding=f"only {len(distinct)} are different, all of them whole", instead=merged)
    return _beyond(values, x)


def _beyond(values: np.ndarray, x: np.ndarray | None) -> Shape | None:
    """That draws would lie where no value is: more of them than so many normal values would have beyond them."""
    largest = np.abs(values).max(initial=0.0) or 1.0  # whose squares are numbers
    values, fitted = values / largest, regressed(values, x) / largest
    scale = (values - fitted).std() or 1.0
    share = float(np.mean(ndtr((values.min() - fitted) / scale) + ndtr((fitted - values.max()) / scale)))
    if share < max(BEYOND, CHANCE / (len(values) + 1)):
        return None
    finding = f"{share:.0%} of a normal model's draws would lie beyond all of them"
    ends = f"[{values.min() * largest:g}, {values.max() * largest:g}]"
    bounded = f'family = "bounded" with the limits that it cannot pass, such as limits = {ends}'
    return Shape(
        finding=finding, instead=f'; or write {bounded}, or "pmm", which draws observed values (chained equations)'
    )


def piled(distinct: np.ndarray, counts: np.ndarray) -> Shape | None:
    """Ends that are much more frequent than any value between them; one alone more than the other end, too."""
    ends = [end for end in (0, -1) if _often(distinct, counts, end, counts[1:-1].max(initial=0))]
    if len(ends) == 1:
        ends = [end for end in ends if counts[end] >= TIMES * np.delete(counts, end).max()]
    if not ends:
        return None
    low = f"{distinct[0]:g}" if 0 in ends else "-inf"
    high = f"{distinct[-1]:g}" if -1 in ends else "inf"
    zeros = ends == [0] and distinct[0] == 0
    family = '"semicontinuous"' if zeros else f'"bounded", limits = [{low}, {high}], at_limits = "censored"'
    told = {0: "none is below", -1: "none is above"}
    findings = [f"{counts[end] / counts.sum():.0%} are {distinct[end]:g}, and {told[end]}" for end in ends]
    return Shape(finding="; ".join(findings), instead=f"; or write family = {family}{_of_shares(distinct)}")


def _often(distinct: np.ndarray, counts: np.ndarray, end: int, others: int) -> bool:
    return counts[end] >= max((ZEROS if distinct[end] == 0 else AT_END) * counts.sum(), TIMES * others)


def _of_shares(distinct: np.ndarray) -> str:
    """The family of proportions of which some are 0 or 1, where they are such."""
    ends = "".join(f"{name}_" for name, place, end in (("zero", 0, 0), ("one", -1, 1)) if distinct[place] == end)
    return f', or "{ends}inflated_beta"' if ends and distinct[0] >= 0 and distinct[-1] <= 1 else ""


def _skewed(values: np.ndarray, x: np.ndarray | None, *, whole: bool) -> Shape | None:
    fitted, positive = regressed(values, x), values.min() > 0
    found, of = skewness(values - fitted), "the skewness of residuals" if np.ptp(fitted) else "the skewness"
    if not abs(found) > max(SKEWNESS, ERRORS * np.sqrt(6 / len(values))):
        return None
    if found > 0 and whole and values.min() >= 0:
        return Shape(finding=f"{of} is {found:.1f}", instead=COUNTED)
    if found > 0 and positive and abs(_of_logs(values, x)) <= HALF * found:
        return Shape(finding=f"{of} is {found:.1f}", instead=LOGS)
    column = "such as its logarithm" if found > 0 and positive else "such as a power or logarithm of it"
    return Shape(finding=f"{of} is {found:.1f}", instead=DERIVED.format(column=column))


def apart(distinct: np.ndarray, counts: np.ndarray) -> Shape | None:
    """An end that is further from the other values than these are from each other, so that it may mean missing.

    Of positive numbers by their ratios, too, and one that occurs once only if it is so by far: the largest of skewed
    ones stands apart otherwise.
    """
    scales = [distinct, *([np.log(distinct)] if distinct[0] > 0 else [])]
    for end, others in ((0, slice(1, None)), (-1, slice(None, -1))):
        least = 1 if counts[end] > 1 else BY_FAR
        far = (np.abs(v[end] - v[others]).min() > least * np.ptp(v[others]) for v in scales)
        if len(distinct) - 1 > FEW_VALUES and all(far):
            share = f"{counts[end] / counts.sum():.0%}"
            instead = f"; if {distinct[end]:g} is a code for missing, make it missing"
            return Shape(finding=f"{distinct[end]:g} ({share}) stands apart from all others", instead=instead)
    return None


def complete(values: np.ndarray, x: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows in which all predictors are observed; all rows, with means in the gaps, where these are few."""
    if x is None or not x.shape[1]:
        return values, x
    whole = ~np.isnan(x).any(axis=1)
    if whole.mean() >= HALF:
        return values[whole], x[whole]
    return values, np.where(np.isnan(x), np.nanmean(x, axis=0), x)


def regressed(values: np.ndarray, x: np.ndarray | None) -> np.ndarray:
    """What a least-squares fit says of values, shape (unit,): their mean where there are too few for the columns.

    Or where it leaves nothing but rounding: a column has copies among the others.
    """
    mean = np.full(len(values), values.mean())
    if x is None or not x.shape[1] or len(values) < EACH * (x.shape[1] + 1):
        return mean
    x = x / np.where((top := np.abs(x).max(axis=0)) > 0, top, 1.0)  # whose squares are numbers
    z = (x - x.mean(axis=0)) / np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    largest = np.abs(values).max(initial=0.0) or 1.0
    y = values / largest
    fitted = y.mean() + z @ np.linalg.lstsq(z, y - y.mean(), rcond=None)[0]
    return fitted * largest if (y - fitted).std() > ROUNDING * y.std() else mean


def _of_logs(values: np.ndarray, x: np.ndarray | None) -> float:
    logs = np.log(values)
    return skewness(logs - regressed(logs, x))


def matrix(data: Incomplete, names: Iterable[str], rows: np.ndarray) -> np.ndarray:
    """Columns as predictors at some rows, (row, column): labels as indicators, NaN in gaps."""
    found = []
    for name in names:
        column = data.columns[name]
        values = column.values[rows]
        known = ~np.isnan(values)
        if column.kind in ("number", "yes/no") and known.any():
            found.append(values)
        elif column.kind == "category" and len(labels := np.unique(values[known])) <= MOST_LABELS:
            found += [np.where(known, values == label, np.nan) for label in labels[1:]]
    return np.column_stack(found) if found else np.zeros((len(rows), 0))


def _others(data: Incomplete, name: str) -> list[str]:
    """Columns of numbers that are mostly observed, cluster keys left out."""
    keys = {part for key in data.clusters for part in (key, *key.split(":"))}
    return [
        n
        for n, c in data.columns.items()
        if n != name and n not in keys and c.kind in ("number", "yes/no") and c.missing.mean() < MOSTLY
    ]


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
    return data.columns[name].values[unit_rows_of(data, name)]


def unit_rows_of(data: Incomplete, name: str) -> np.ndarray:
    """The rows in which a column is observed: of a variable of clusters one for each."""
    level, seen = data.variables[name].level, np.flatnonzero(~data.columns[name].missing)
    return seen if level is None else seen[np.unique(data.codes(level)[seen], return_index=True)[1]]


def _warning(name: str, finding: str, remedy: str) -> Problem:
    return Problem(path=f"data[{name}]", finding=finding, remedy=remedy, severity=Severity.WARNING)
