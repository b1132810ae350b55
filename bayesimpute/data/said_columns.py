"""What a user says of columns: the order of labels, that numbers are labels, that a number is no more than that.

A file of texts has no ordered type, and 1, 2, 3 may be labels. What is said holds wherever the column is read: as a
target, as a predictor, in analyses. It is said once, where the data come in (``Incomplete.from_frame``), and
taken back where values go out: completed columns have the type that was given.

To take another kind, add a line to :data:`KINDS` and the case to :func:`as_said`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base.errors import InputError, Problem, Severity, did_you_mean, one
from bayesimpute.base.phrases import counted, listed
from bayesimpute.data.censored_texts import numbers_and_limits, read_censored
from bayesimpute.data.columns import Column
from bayesimpute.data.dates import dates_of, days_of_labels, is_date

ORDERED, LABELS, NUMBER, CENSORED, DATE = "ordered", "labels", "number", "censored number", "date"
KINDS: Mapping[str, str] = {
    ORDERED: "labels in an order, of numbers theirs, of texts to be written out",
    LABELS: "labels in no order, of which the first is the reference",
    NUMBER: "a number, whatever few values it has",
    CENSORED: "numbers and limits: <0.5 is known to lie below .5, >200 above 200",
    DATE: "a date or time, written as ISO 8601 has it: 2024-03-01",
}
SIGNS: Mapping[str, str] = {ORDERED: " < ", LABELS: " | "}
"""What stands between the labels of an order that is written out, and of one without."""
EXAMPLE = '"low < middle < high", "west | south | east", "ordered", "labels", "number", "censored number" or "date"'


@dataclass(frozen=True, kw_only=True)
class SaidColumn:
    """What is said of one column.

    Parameters
    ----------
    name : str
        The column.
    kind : str
        A key of :data:`KINDS`; anything else is reported by ``check``.
    labels : tuple of str
        In their order, the first of which is the reference; empty: those of the data.
    """

    name: str
    kind: str
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, given: Any) -> "SaidColumn":
        """From what stands in a plan: ``"a < b"``, ``"a | b"``, a kind, or ``{"ordered": ["a", "b"]}``."""
        if isinstance(given, SaidColumn):
            return given
        if isinstance(given, Mapping) and len(given) == 1:
            ((kind, labels),) = given.items()
            if isinstance(labels, list | tuple):
                return cls(name=name, kind=str(kind), labels=tuple(map(str, labels)))
        if not isinstance(given, str):
            return cls(name=name, kind=str(given))
        for kind, sign in SIGNS.items():
            if sign in given:
                return cls(name=name, kind=kind, labels=tuple(label.strip() for label in given.split(sign)))
        return cls(name=name, kind=given.strip())

    @property
    def written(self) -> str | dict[str, list[str]]:
        """As a plan has it: a text, or a table where a text would be read as something else."""
        if not self.labels:
            return self.kind
        text = SIGNS.get(self.kind, "").join(self.labels)
        return text if SaidColumn.of(self.name, text) == self else {self.kind: list(self.labels)}

    @property
    def path(self) -> str:
        """What problems call it."""
        return f"columns[{self.name}]"


def said_of(given: Any) -> tuple[SaidColumn, ...]:
    """What is said of all columns, from a mapping by name or from what this function has made."""
    if isinstance(given, Mapping):
        return tuple(SaidColumn.of(str(name), each) for name, each in given.items())
    if isinstance(given, list | tuple) and all(isinstance(each, SaidColumn) for each in given):
        return tuple(given)
    raise one(InputError, "columns", f"{given!r} is not a mapping", 'write {"gen": "G1 < G2", "den": "labels"}')


def alone(said: SaidColumn) -> Problem | None:
    """What is wrong with it whatever the data are."""
    if said.kind not in KINDS:
        signs = f'"{said.kind}" is no kind of column'
        tight = any(sign.strip() in said.kind for sign in SIGNS.values())
        remedy = "put spaces around < and |" if tight else did_you_mean(said.kind, KINDS, f"write {EXAMPLE}")
        return Problem(path=said.path, finding=signs, remedy=remedy)
    twice = [label for k, label in enumerate(said.labels) if label in said.labels[:k]]
    if said.kind in (NUMBER, CENSORED, DATE) and said.labels:
        what = DATE if said.kind == DATE else NUMBER
        return Problem(path=said.path, finding=f"a {what} has no labels", remedy=f"write {EXAMPLE}")
    if twice or "" in said.labels:
        finding = f'"{twice[0]}" stands in it twice' if twice else "a label of it is empty"
        return Problem(path=said.path, finding=finding, remedy="name each label once")
    if len(said.labels) == 1:
        return Problem(path=said.path, finding="it has one label", remedy="name all labels of the column")
    return None


def as_said(column: Column, said: SaidColumn) -> Column | Problem:
    """A column as it is said to be, or why it cannot be.

    Labels are compared as texts: those of 1 and 1.0 are ``1``.
    """
    wrong = alone(said)
    if wrong is not None:
        return wrong
    if said.kind == CENSORED:
        return _censored(column, said)
    if said.kind == DATE:
        return _dated(column, said)
    if column.called in ("date", "mixed"):
        finding = f"it holds {'dates' if column.called == 'date' else 'values of different types'}"
        remedy = (
            f'say that: columns.{said.name} = "date"' if column.called == "date" else "make texts or numbers of them"
        )
        return Problem(path=said.path, finding=finding, remedy=remedy)
    if said.kind == NUMBER:
        if column.kind != "number":
            what = "yes/no values" if column.kind == "yes/no" else "labels"
            return Problem(path=said.path, finding=f"it holds {what}, not numbers", remedy="make numbers of them")
        return replace(column, said=NUMBER)
    there = _texts(column)
    if not said.labels and said.kind == ORDERED and column.kind == "category" and "category" not in column.dtype:
        order = " < ".join(list(there)[:6])
        remedy = f'write it: columns.{said.name} = "{order}", from the lowest to the highest'
        return Problem(path=said.path, finding="a text has no order of its own", remedy=remedy)
    labels = said.labels or tuple(there)
    left = [text for text, value in there.items() if text not in labels and np.any(column.values == value)]
    if left:
        shown = listed(f'"{text}"' for text in left)
        finding = f"{shown} of the data {'is' if len(left) == 1 else 'are'} not in it"
        otherwise = f"put it where it belongs; the labels are {listed(there)}"
        strange = [label for label in labels if label not in there]
        return Problem(path=said.path, finding=finding, remedy=_mend(left, strange, otherwise))
    column, there = _with_more(column, there, labels)
    back = np.array([there.get(label, np.nan) for label in labels])
    codes = np.full(len(column.values), np.nan)
    for code, value in enumerate(back):
        codes[column.values == value] = code
    kept = tuple(_label(column, value, text) for value, text in zip(back, labels, strict=True))
    return replace(column, kind="category", values=codes, labels=kept, said=said.kind, was=column, back=back)


def _with_more(column: Column, there: dict[str, float], labels: Iterable[str]) -> tuple[Column, dict[str, float]]:
    """A column with labels that it has not and its type can hold, and what stands for each in it.

    A type of categories holds its own and no others.
    """
    more = [label for label in labels if label not in there]
    if column.kind == "category" and "category" not in column.dtype:
        first = len(column.labels)
        found = {label: float(first + k) for k, label in enumerate(more)}
        return replace(column, labels=(*column.labels, *more)), there | found
    if column.kind == "number":
        return column, there | {label: value for label in more if (value := _new_number(column, label)) is not None}
    return column, there


def _new_number(column: Column, text: str) -> float | None:
    """The number that a text is, if it is a finite one that a column of numbers can hold and has not yet."""
    try:
        value = float(text)
    except ValueError:
        return None
    held = np.isfinite(value) and (not column.integral or value == round(value))
    return value if held and not np.any(column.values == value) else None


def _mend(left: Iterable[str], strange: Iterable[str], otherwise: str) -> str:
    """What to do about labels of the data that an order does not name, where it names others that are near."""
    near = {name: text for text in left for name in strange if name.casefold() == text.casefold()}
    return f"write {listed(f'"{text}" for "{name}"' for name, text in near.items())}" if near else otherwise


def _censored(column: Column, said: SaidColumn) -> Column | Problem:
    """A column of numbers, of which those that stand as a limit are missing and known in part."""
    if column.kind == "number" and column.dates is None:
        return replace(column, said=CENSORED)
    if column.kind not in ("category", "mixed"):
        what = "dates" if column.called == "date" else "yes/no values"
        return Problem(path=said.path, finding=f"it holds {what}, not numbers", remedy="make numbers of them")
    texts = tuple(map(str, column.labels))
    seen = column.values[~column.missing].astype(np.int64)
    wrong = [text for k, text in enumerate(texts) if read_censored(text) is None and np.any(seen == k)]
    if wrong:
        finding = f"{listed(map(repr, wrong))} {'is' if len(wrong) == 1 else 'are'} no number and no limit such as <0.5"
        return Problem(path=said.path, finding=finding, remedy="mend them, or make them missing")
    values, limits = numbers_and_limits(column.values, texts)
    return Column(name=column.name, kind="number", values=values, said=CENSORED, limits=limits)


def _dated(column: Column, said: SaidColumn) -> Column | Problem:
    """A column of texts or of Python's dates as days; one of a type of dates is that already."""
    if column.dates is not None:
        return replace(column, said=DATE)
    labels = column.labels if column.kind == "date" else ()
    days = days_of_labels(labels) if labels else None
    if days is None:
        wrong = {code for code, label in enumerate(column.labels) if not is_date(label)}
        rows = np.flatnonzero(np.isin(column.values, list(wrong)))
        texts = listed(repr(str(label)) for code, label in enumerate(column.labels) if code in wrong)
        finding = f"{texts} in {counted(len(rows), 'row')} ({listed(rows)}; counted from 0)" if wrong else "its values"
        finding += " are no dates, or have time zones" if len(wrong) != 1 else " is no date, or has a time zone"
        remedy = "write all of them as 2024-03-01 or 2024-03-01T10:30, or make a column of a type of dates of it"
        return Problem(path=said.path, finding=finding, remedy=remedy)
    values = np.append(days, np.nan)[np.where(column.missing, -1, column.values).astype(np.int64)]
    style = "text" if isinstance(next(iter(labels)), str) else "date"
    written = dates_of(values, labels, style)
    return replace(column, kind="number", values=values, labels=(), said=DATE, dates=written)


def unused(column: Column, said: SaidColumn) -> Problem | None:
    """A warning of labels that are nowhere observed, which is as they say; often they are misspelt."""
    seen = set(column.values[~column.missing].tolist())
    none = [label for code, label in enumerate(said.labels) if code not in seen]
    if not none or column.said is None:
        return None
    finding = f"{counted(len(none), 'label')} that nobody has: {listed(none)}"
    remedy = "nothing to do, unless it is misspelt; no missing value is imputed as one that is nowhere observed, unless"
    remedy += ' its model has labels = "all"'
    return Problem(path=said.path, finding=finding, remedy=remedy, severity=Severity.WARNING)


def applied(
    columns: Mapping[str, Column], said: Iterable[SaidColumn]
) -> tuple[dict[str, Column], list[Problem], list[Problem]]:
    """The columns as they are said to be, what is wrong with what is said, and warnings.

    A column that is not there is an error; one whose description is wrong stays what it is by itself.
    """
    found, errors, warnings = dict(columns), [], []
    for each in said:
        if each.name not in columns:
            remedy = did_you_mean(each.name, columns, "name a column of the data")
            errors.append(Problem(path=each.path, finding=f'there is no column "{each.name}"', remedy=remedy))
            continue
        made = as_said(columns[each.name], each)
        if isinstance(made, Problem):
            errors.append(made)
            continue
        found[each.name] = made
        note = unused(made, each)
        warnings += [] if note is None else [note]
    return found, errors, warnings


def for_analyses(frame: pd.DataFrame, columns: Mapping[str, Column]) -> pd.DataFrame:
    """A completed dataset with labels in the order that was said, whose first is the reference of analyses."""
    dated = [n for n, column in columns.items() if column.dates is not None and column.said == DATE and n in frame]
    frame = frame.assign(**{name: pd.to_datetime(frame[name], format="ISO8601") for name in dated}) if dated else frame
    told = {name: column for name, column in columns.items() if column.was is not None and name in frame}
    if not told:
        return frame
    return frame.assign(**{name: column.arranged_as(frame[name]) for name, column in told.items()})


def _texts(column: Column) -> dict[str, float]:
    """The observed values of a column, or its labels, as texts, with what stands for each in it, ascending."""
    if column.kind == "category":
        return {str(label): float(code) for code, label in enumerate(column.labels)}
    values = np.unique(column.values[~column.missing])
    if column.kind == "yes/no":
        return {str(bool(value)): float(value) for value in values}
    return {f"{value:.15g}": float(value) for value in values}


def _label(column: Column, value: float, text: str) -> Any:
    if column.kind == "category" and not np.isnan(value):
        return column.labels[int(value)]
    return text
