"""Labels that look ordered: by the numbers in them, or as words of a usual scale.

A text has no order that anybody meant (the alphabet puts mild before none), so that one is only suggested. Labels look
ordered if they are alike but for one number or Roman numeral (``G1``, ``stage II``, ``18-24``, ``65+``), no two with
the same, or if all of them are words of one scale. Numbers without a range in more than seven labels are taken as names
(``site 12``).
"""

import re
from collections.abc import Sequence

from bayesimpute.data.columns import Column
from bayesimpute.data.said_columns import ORDERED, SaidColumn

SCALES: Sequence[Sequence[str]] = (
    ("no", "none", "never", "very mild", "mild", "moderate", "severe", "very severe", "extreme"),
    (
        *("never", "almost never", "rarely", "seldom", "occasionally", "sometimes", "often", "frequently", "usually"),
        *("very often", "almost always", "always"),
    ),
    ("very low", "low", "middle", "medium", "moderate", "average", "normal", "high", "very high"),
    ("extra small", "small", "medium", "middle", "large", "extra large"),
    ("strongly disagree", "disagree", "neither", "neutral", "undecided", "agree", "strongly agree"),
    ("very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"),
    ("very poor", "very bad", "poor", "bad", "fair", "average", "good", "very good", "excellent"),
    ("not at all", "a little", "slightly", "somewhat", "moderately", "quite a bit", "very", "very much", "extremely"),
    ("none", "one", "two", "both", "three", "four", "five"),
    ("first", "second", "third", "fourth", "fifth", "sixth", "seventh"),
    ("no education", "primary", "secondary", "tertiary", "higher"),
)
"""Words of usual scales, from the lowest to the highest."""
FEW = 7
"""Labels above which numbers are names, unless they are ranges."""
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_ROMAN = re.compile(r"\b(?:I{1,3}|IV|VI{0,3}|IX|X)\b")
_ROMANS = {text: float(k) for k, text in enumerate(["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"], 1)}
_RANGE = re.compile(r"[-–+<>≤≥/]|\b(?:to|and|or|over|under|above|below|more|less|than|older|younger)\b", re.IGNORECASE)
_BELOW = re.compile(r"^\s*(?:[<≤]|under|below|less than)", re.IGNORECASE)


def order_of_labels(column: Column) -> tuple[str, ...] | None:
    """The observed labels of a text of three or more, from the lowest to the highest; None: they do not look ordered.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesimpute.data.columns import encode
    >>> order_of_labels(encode(pd.Series(["mild", "none", "severe"]), "pain"))
    ('none', 'mild', 'severe')
    """
    if column.kind != "category" or column.ordered or column.said is not None:
        return None
    labels = [str(column.labels[int(code)]) for code in sorted(set(column.values[~column.missing]))]
    if len(labels) < 3:
        return None
    return _by_words(labels) or _by_numbers(labels)


def _by_words(labels: Sequence[str]) -> tuple[str, ...] | None:
    places = {label: label.casefold().strip().replace("_", " ") for label in labels}
    scale = next((scale for scale in SCALES if set(places.values()) <= set(scale)), None)
    if scale is None or len(set(places.values())) < len(labels):
        return None
    return tuple(sorted(labels, key=lambda label: scale.index(places[label])))


def _by_numbers(labels: Sequence[str]) -> tuple[str, ...] | None:
    ranges = sum(_RANGE.search(label) is not None for label in labels)
    if len(labels) > FEW and ranges < len(labels) / 2:
        return None
    for pattern, value in ((_NUMBER, lambda text: float(text.replace(",", "."))), (_ROMAN, _ROMANS.__getitem__)):
        found = {label: pattern.search(label) for label in labels}
        if not all(found.values()):
            continue
        rest = {_RANGE.sub("", pattern.sub("", label)).casefold().strip() for label in labels}
        numbers = {label: (value(match[0]), _BELOW.match(label) is None) for label, match in found.items() if match}
        if len({re.sub(r"\s+", " ", each) for each in rest}) == 1 and len(set(numbers.values())) == len(labels):
            return tuple(sorted(labels, key=numbers.__getitem__))
    return None


def order_told(column: Column) -> str:
    """What a plan may say of it, ``looks ordered: columns.gen = "G1 < G2 < G3"``; empty: it does not look ordered."""
    order = order_of_labels(column)
    if order is None:
        return ""
    name = column.name if re.fullmatch(r"[A-Za-z0-9_-]+", column.name) else f'"{column.name}"'
    written = SaidColumn(name=column.name, kind=ORDERED, labels=order).written
    what = f'"{written}"' if isinstance(written, str) else f"{{ {ORDERED} = {list(order)} }}"
    return f"looks ordered: columns.{name} = {what}"
