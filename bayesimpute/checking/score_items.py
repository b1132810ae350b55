"""Scores of items: what their items are, and whether models read the score or its items."""

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.base.phrases import counted, listed
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import quote
from bayesimpute.plan.options import Score


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with scores of the plan, and what their use leaves out."""
    notes = Notes()
    for score in (s for s in read.plan.scores if isinstance(s, Score) and s.name in read.derived):
        _items(score, data, notes)
        _readers(score, read, notes)
    return notes.problems


def _items(score: Score, data: Incomplete, notes: Notes) -> None:
    labels = [n for n in score.items if n in data.columns and data.columns[n].kind not in ("number", "yes/no")]
    if labels:
        finding = f"{listed(f'"{n}"' for n in labels)} {'holds' if len(labels) == 1 else 'hold'} no numbers"
        notes.add(f"score[{score.name}].items", finding, "give the items the numbers that they count")


def _readers(score: Score, read: Read, notes: Notes) -> None:
    """Models of other variables that read several of the items: their number is what a score is against."""
    for reading in read.conditionals:
        for use in reading.uses.values():
            items = [n for n in score.items if n in use.values]
            if reading.target not in score.items and len(items) > 1:
                finding = f'it reads {counted(len(items), "item")} of the score "{score.name}"'
                remedy = f"read {quote(score.name)} in their place: it follows its items in every sweep"
                warning = Problem(path=use.path, finding=finding, remedy=remedy, severity=Severity.WARNING)
                notes.problems.append(warning)
