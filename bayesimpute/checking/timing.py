"""Rows as visits: whether the plan's subjects and times are such, and what needs them.

:func:`visits_usable` says whether visits can be computed at all.
"""

import numpy as np

from bayesimpute.base.errors import DataError, Problem, did_you_mean
from bayesimpute.base.phrases import counted, first_row
from bayesimpute.checking.names import key_columns
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.uses import Use
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.subject_visits import Visits
from bayesimpute.plan.options import Time
from bayesimpute.plan.resolving import indicated

EXAMPLE = 'write [time] with subject = "id" and order = "week"'


def visits_usable(time: object, data: Incomplete) -> bool:
    """Whether there are visits."""
    column = data.columns.get(time.order) if isinstance(time, Time) and isinstance(time.order, str) else None
    if column is None or column.kind not in ("number", "yes/no") or column.missing.any():
        return False
    try:
        data.n_clusters(time.subject)  # type: ignore[union-attr]
    except (DataError, TypeError):
        return False
    return True


def lags_without_value(use: Use, reading: Reading) -> list[str]:
    """The columns whose lag a formula reads at rows where there is none: at the first visits."""
    at_risk = reading.target.startswith("dropout(")  # its rows begin with the second visits
    return [] if at_risk else sorted(name for function, name in use.timed if function == "lag")


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with a plan's time on the data, and with what reads it."""
    notes, time = Notes(), read.plan.time
    if time is None:
        _unordered(read, notes)
        return notes.problems
    if not isinstance(time, Time):
        notes.add("time", f"{time!r} is not a Time", 'give Time(subject="id", order="week")')
        return notes.problems
    _columns(time, data, notes)
    if visits_usable(time, data):
        visits = Visits.of(data, time.subject, time.order)
        if visits.ties.any():
            finding = f"two rows of a subject are at one time, {first_row(data.frame, visits.ties)}"
            notes.add("time.order", finding, "leave one out, or name a column that tells them apart")
        _first_visits(read, visits, notes)
        _never_seen(read, data, visits, notes)
        _gaps(read, data, visits, notes)
    return notes.problems


def _unordered(read: Read, notes: Notes) -> None:
    uses = [*read.uses, *(shifted.use for shifted in read.shifts)]
    for use in (use for use in uses if use.timed):
        function, name = sorted(use.timed)[0]
        notes.add(use.path, f"{function}({name}) needs to know which rows follow each other", EXAMPLE)
    for reading in read.conditionals:
        if reading.target.startswith("dropout(") and indicated(reading.target):
            notes.add(reading.path, f"{reading.target} needs to know which rows follow each other", EXAMPLE)


def _columns(time: Time, data: Incomplete, notes: Notes) -> None:
    for role, given in (("subject", time.subject), ("order", time.order)):
        if not notes.text(f"time.{role}", given):
            continue
        for name in key_columns(given, data.columns) if role == "subject" else (given,):
            if name not in data.columns:
                remedy = did_you_mean(name, data.columns, "name a column of the data")
                notes.add(f"time.{role}", f'there is no column "{name}"', remedy)
    column = data.columns.get(time.order) if isinstance(time.order, str) else None
    if column is not None and column.kind not in ("number", "yes/no"):
        notes.add("time.order", f'"{time.order}" is not a column of numbers', "name one that says when")
    elif column is not None and column.missing.any():
        finding = f'"{time.order}" has {counted(int(column.missing.sum()), "missing value")}'
        notes.add("time.order", finding, "give all of them, or leave these rows out")


def _first_visits(read: Read, visits: Visits, notes: Notes) -> None:
    rows = counted(int((visits.before < 0).sum()), "row")
    for reading in read.conditionals:
        for use in reading.uses.values():
            for name in lags_without_value(use, reading):
                finding = f"lag({name}) has no value at the first visits, {rows}"
                remedy = f"derive a variable, where(condition, x, lag({name})), that says what stands there"
                notes.add(use.path, finding, remedy)


def _never_seen(read: Read, data: Incomplete, visits: Visits, notes: Notes) -> None:
    """Of them no time since dropout is known."""
    uses = [*read.uses, *(shifted.use for shifted in read.shifts)]
    for use in uses:
        guarded = any(name for name in use.systematic)
        for name in sorted({n for f, n in use.timed if f == "since_dropout" and n in data.columns}):
            never = np.isnan(visits.since_dropout(~data.columns[name].missing))
            if never.any() and not guarded:
                count = counted(len(np.unique(visits.codes[never])), "subject")
                finding = f"{count} have no observed {name}, since which time could be counted"
                remedy = f"say what holds there: where(systematic({name}, {visits.subject}), 1, since_dropout({name}))"
                notes.add(use.path, finding, remedy)


def _gaps(read: Read, data: Incomplete, visits: Visits, notes: Notes) -> None:
    """Shifts of which it is not said whether they hold for gaps before dropout, too."""
    for shifted in read.shifts:
        name, said = shifted.adjustment.target, shifted.adjustment.where is not None
        if said or name not in data.columns or any(n == name for _, n in shifted.use.timed):
            continue
        seen = ~data.columns[name].missing
        gaps = ~seen & ~(np.nan_to_num(visits.since_dropout(seen), nan=1.0) > 0)
        if gaps.any():
            finding = f'"{name}" has {counted(int(gaps.sum()), "missing value")} before a later observed one'
            remedy = f'say where: where = "since_dropout({name}) > 0", or "observed({name}) == 0" for all'
            notes.add(f"{shifted.path}.where", finding, remedy)
