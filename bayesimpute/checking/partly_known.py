"""What a plan knows of missing cells, held against the data: whether it can be, and whether it can be drawn from.

It is settled on rows as the run does it (:mod:`bayesimpute.plan.known_cells`); only what passes here gets there.
"""

from collections.abc import Iterator

import numpy as np

from bayesimpute.base.errors import Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, listed, rows
from bayesimpute.checking.notes import Notes, finite
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import filled, settled
from bayesimpute.data.columns import Column
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.families import FAMILIES, Family
from bayesimpute.families.known_in_part import can_be_among
from bayesimpute.families.label_values import MOST_LABELS
from bayesimpute.plan.assumptions import Adjustment
from bayesimpute.plan.known_cells import Known, allowed, labels_in, limits_of, names_of
from bayesimpute.plan.void_cells import void_rows

MEND = "mend the data, or leave it out"


def path_of(known: Known) -> str:
    """What problems call it."""
    return f"known[{known.column}]"


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with what a plan knows of cells, columns of censored numbers included."""
    notes, sound = Notes(), []
    for each in read.plan.known:
        before = len(notes.problems)
        if not isinstance(each, Known):
            notes.add("known", f"{each!r} is not a Known", 'write Known(column="y", between=("low", "high"))')
            continue
        if _said(each, notes) and _columns(each, read, data, notes):
            _names(each, data, notes)
        if len(notes.problems) == before:
            sound.append(each)
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        mine = [each for each in sound if each.column == reading.target]
        if column is not None and (mine or column.limits is not None) and column.missing.any():
            _of_target(reading, column, mine, read, data, notes)
    return list(dict.fromkeys(notes.problems))


def _said(known: Known, notes: Notes) -> bool:
    """Whether it says something that can be read."""
    if not notes.text("known.column", known.column):
        return False
    path = path_of(known)
    if (known.between is None) == (known.among is None):
        what = "it says nothing" if known.between is None else "it says both between and among"
        notes.add(path, what, 'write between = ["low", "high"], or among = "set"')
        return False
    if known.among is not None:
        return notes.text(f"{path}.among", known.among)
    ends = known.between
    if not isinstance(ends, tuple | list) or len(ends) != 2 or not all(map(_end, ends)):
        notes.add(f"{path}.between", f"{ends!r} are not two ends", 'write between = ["low", "high"] or [0, inf]')
        return False
    low, high = ends
    if not isinstance(low, str) and not isinstance(high, str) and low > high:
        finding = f"the lower end {low:g} is above the upper end {high:g}"
        notes.add(f"{path}.between", finding, "write the lower end first")
        return False
    return True


def _end(given: object) -> bool:
    return isinstance(given, str) or finite(given) or given in (np.inf, -np.inf)


def _columns(known: Known, read: Read, data: Incomplete, notes: Notes) -> bool:
    """Whether its columns are there, and say what they have to say."""
    path, before = path_of(known), len(notes.problems)
    models = [reading.target for reading in read.conditionals]
    if known.column not in data.columns:
        remedy = did_you_mean(known.column, models or data.columns, "name a column of the data")
        notes.add(f"{path}.column", f'there is no column "{known.column}"', remedy)
        return False
    if not data.columns[known.column].missing.any():
        finding, remedy = f'"{known.column}" has no missing cells, of which it could tell', "leave it out"
        notes.problems.append(Problem(path=path, finding=finding, remedy=remedy, severity=Severity.WARNING))
    elif known.column not in models:
        notes.add(path, f'"{known.column}" has no model to be drawn from', "add a conditional, or leave it out")
    for name in known.reads:
        column = data.columns.get(name)
        if column is None:
            notes.add(path, f'there is no column "{name}"', did_you_mean(name, data.columns, "name a column"))
        elif name == known.column or name in models:
            notes.add(path, f'"{name}" is imputed itself', "name a column that is as it is before the run")
        elif known.between is not None and column.kind not in ("number", "yes/no"):
            notes.add(path, f'"{name}" is no column of numbers', "name a column of numbers, empty where it is open")
        elif known.among is not None and column.kind not in ("category", "number"):
            notes.add(path, f'"{name}" is no column of texts', 'name one of sets of labels, such as "II|III"')
    return len(notes.problems) == before


def _names(known: Known, data: Incomplete, notes: Notes) -> None:
    """Labels in sets that the column does not have."""
    if known.among is None:
        return
    column, sets = data.columns[known.column], data.columns[known.among]
    texts = map(str, sets.labels) if sets.kind == "category" else (f"{v:g}" for v in sets.values[~sets.missing])
    values = range(len(column.labels)) if column.kind == "category" else np.unique(column.values[~column.missing])
    if len(values) > MOST_LABELS:  # it has none, which is told with its family
        return
    names = [name for value in values for name in sorted(names_of(column, float(value)))]
    for label in sorted(frozenset().union(*map(labels_in, texts)) - set(names)):
        remedy = did_you_mean(label, names, f"its labels are {listed(names)}")
        notes.add(f"{path_of(known)}.among", f'"{label}" is not a label of "{known.column}"', remedy)


def _of_target(reading: Reading, column: Column, mine: list[Known], read: Read, data: Incomplete, notes: Notes) -> None:
    """Whether its family can draw what is known, and anything is left to draw."""
    family = settled(reading, column)
    if family is None:
        return
    path = path_of(mine[0]) if mine else f"columns[{column.name}]"
    points = family.values_of(column).support.points
    refusals = list(_refused(family, column, mine, points))
    for finding, remedy in refusals:
        notes.add(path, finding, remedy)
    shifted = [a for a in read.plan.adjustments if isinstance(a, Adjustment) and a.target == column.name]
    for adjustment in shifted:
        plain = adjustment.scale == "logit" and family.parameters[0].link == "logit"
        if adjustment.scale != "predictor" and not plain:
            finding = "what is known of its cells would not hold of shifted ones"
            notes.add(f"adjustment[{column.name}].scale", finding, 'use scale = "predictor", which shifts their law')
    if not refusals:
        _possible(path, reading, family, column, mine, points, data, notes)


def _refused(family: Family, column: Column, mine: list[Known], points: np.ndarray | None) -> Iterator[tuple[str, str]]:
    """What the family of a variable cannot do, and what to do then."""
    ends = column.limits is not None or any(each.between is not None for each in mine)
    if any(each.among is not None for each in mine) and (points is None or not can_be_among(family)):
        yield f"{family.name} draws no value among some labels", f"that can {listed(_able('among'))}; numbers: between"
    if not ends:
        return
    if column.kind != "number":
        yield f'"{column.name}" has labels, which lie between no numbers', 'name the possible ones: among = "set"'
    elif points is not None and not can_be_among(family):
        yield f"{family.name} draws no value that is known in part", f"that can {listed(_able('among'))}"
    elif points is None and not family.drawn_between:
        which = f"that can {listed(_able('between'), 8)}"
        yield f"{family.name} draws no value that is known to lie between two numbers", which


def _able(what: str) -> list[str]:
    """The families that can draw what is known in part."""
    if what == "between":
        return [name for name, family in FAMILIES.items() if family.drawn_between]
    return ["bernoulli", "ordinal", "categorical"]


def _possible(
    path: str,
    reading: Reading,
    family: Family,
    column: Column,
    mine: list[Known],
    points: np.ndarray | None,
    data: Incomplete,
    notes: Notes,
) -> None:
    """Rows in which nothing is possible, or something else than what is observed."""
    low, high = limits_of(mine, column, data)
    values = filled(data, column.name, reading.level)
    void, support = void_rows(reading.conditional, data.columns), family.values_of(column).support
    gone = np.isnan(values) if void is None else np.isnan(values) & ~void
    side = {role: data.columns[n].values for role, use in reading.side.items() for n in use.values if n in data.columns}
    least, most = family.ends(side)
    crossed = low > high
    both = np.isfinite(low) & np.isfinite(high)
    remedy = "write the lower end first" if (low > high)[both].all() else MEND
    _tell(notes, path, crossed, "the lower end is above the upper end", data, remedy)
    beyond = ~crossed & gone & ((high < np.maximum(least, support.low)) | (low > np.minimum(most, support.high)))
    if support.whole and points is None:
        first, last = np.ceil(np.maximum(low, least)), np.floor(np.minimum(high, most))
        beyond |= ~crossed & gone & (first > last)
    at_low, at_high = (closed or points is not None for closed in support.closed)
    beyond |= ~crossed & gone & (((high <= support.low) & (not at_low)) | ((low >= support.high) & (not at_high)))
    _tell(notes, path, beyond, f"no value of the family {family.name} is possible", data)
    with np.errstate(invalid="ignore"):
        against = (values < low) | (values > high)
    if points is not None:
        possible = (points >= low[:, None]) & (points <= high[:, None])
        for each in (each for each in mine if each.among is not None):
            possible &= allowed(column, family.values_of(column), data.columns[str(each.among)])
        none = ~possible.any(axis=1) & ~crossed & ~beyond
        _tell(notes, path, none, "none of the values that are observed somewhere is possible", data)
        places = np.minimum(np.searchsorted(points, np.where(gone, points[0], values)), len(points) - 1)
        against = ~possible[np.arange(len(values)), places] & ~none
    _tell(notes, path, against & ~gone & ~crossed, f'the observed "{column.name}" is not what is known of it', data)


def _tell(notes: Notes, path: str, where: np.ndarray, finding: str, data: Incomplete, remedy: str = MEND) -> None:
    if where.any():
        places = f"{counted(int(where.sum()), 'row')}: {rows(data.frame, where.nonzero()[0])}"
        notes.add(path, f"{finding} in {places}", remedy)
