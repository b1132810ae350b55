"""Selection models: what their identification rests on, and whether the data have anyone who was not selected.

A selection model is identified by an *exclusion restriction*: something that moves selection and not the outcome.
A variable of the selection formula that does not occur in the outcome's formula is one; so is a random effect, such as
the interviewer's. Terms made of variables that the outcome's formula has too (a square, an interaction) identify only
through the shape of the normal distribution (Puhani 2000, J Economic Surveys 14:53).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bayesimpute.base.errors import Problem, Severity, did_you_mean
from bayesimpute.base.phrases import counted, first_row, listed
from bayesimpute.checking.derived import values_read
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import Formula, quote
from bayesimpute.formulas.language import usage_of
from bayesimpute.plan.targets import Target


@dataclass(frozen=True, kw_only=True)
class Exclusions:
    """What the selection formula has beyond the outcome's.

    Parameters
    ----------
    terms : tuple of str
        Common terms with a variable that the outcome's formula does not have.
    effects : tuple of str
        Random effects, as ``1|interviewer``, by a key or of a variable that it does not have.
    shapes : tuple of str
        Terms and effects that are new only as functions of variables that it has.
    """

    terms: tuple[str, ...]
    effects: tuple[str, ...]
    shapes: tuple[str, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Terms and effects that restrict."""
        return (*self.terms, *self.effects)


def exclusions(outcome: Formula, selection: Formula) -> Exclusions:
    """What moves selection and not the outcome, by the formulas."""
    terms, effects, shapes = [], [], []
    for name, tree in zip(selection.terms, selection.trees, strict=True):
        if name not in outcome.terms:
            (terms if usage_of([tree]).names - outcome.names else shapes).append(name)
    mine = {(effect, group.factor) for group in outcome.groups for effect in group.terms}
    for group in selection.groups:
        for effect, tree in zip(group.terms, group.trees, strict=True):
            if (effect, group.factor) not in mine:
                names = {*group.keys, *usage_of([tree]).names}
                (effects if names - outcome.names else shapes).append(f"{effect}|{group.factor}")
    return Exclusions(terms=tuple(terms), effects=tuple(effects), shapes=tuple(shapes))


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """What is wrong with selection models, and what they rest on."""
    notes = Notes()
    selecting = {r.target: r for r in read.conditionals if r.family is not None and r.family.selection is not None}
    for reading in selecting.values():
        family, column = reading.family, data.columns.get(reading.target)
        if family is None or family.selection is None or column is None or not column.missing.any():
            continue
        name = family.selection.parameter
        if name in reading.formulas:
            _indicator(reading, name, data, notes)
            if "mu" in reading.formulas and getattr(family, "held", None) is None:  # what is fixed need not be learnt
                _rests_on(reading, name, notes)
    for one, other in _mutual(selecting, read):
        finding = f"the selection models of {one} and {other} have each other in their formulas"
        remedy = f"leave one of them out of the other's formulas (observed({quote(other)}) may stay)"
        notes.add(f"{selecting[one].path}.formulas", finding, remedy)
    return notes.problems


def _indicator(reading: Reading, name: str, data: Incomplete, notes: Notes) -> None:
    """The left side of the selection formula: who was selected, which must be whose value is observed."""
    response, path = reading.formulas[name].response, f"{reading.path}.formulas.{name}"
    if response is None or response == reading.target:
        return
    if response not in data.columns:
        remedy = did_you_mean(response, data.columns, "leave the left side out")
        notes.add(path, f'the left side "{response}" is not in the data', remedy)
        return
    column, missing = data.columns[response], data.columns[reading.target].missing
    values = column.values
    if column.missing.any() or len(np.unique(values)) > 2 or not np.isin(values, (0.0, 1.0)).all():
        finding = f'the left side "{response}" is not a complete column of 0 (not selected) and 1 (selected)'
        notes.add(path, finding, "name such a column, or leave the left side out")
        return
    selected = values == 1
    for wrong, what in ((~missing & ~selected, "observed"), (missing & selected, "missing")):
        if wrong.any():
            where = f"{counted(int(wrong.sum()), 'row')} where {response} is {int(selected[wrong][0])}"
            finding = f'"{reading.target}" is {what} in {where}, {first_row(data.frame, wrong)}'
            notes.add(path, finding, f"mend {response}, or leave the left side out")


def _rests_on(reading: Reading, name: str, notes: Notes) -> None:
    found = exclusions(reading.formulas["mu"], reading.formulas[name])
    if found.variables:
        return
    shapes = f" and on the shape of {listed(found.shapes)}" if found.shapes else ""
    finding = (
        "it has no exclusion variable: nothing moves selection that does not move the outcome, "
        f"so that the correlation rests on the normal distribution alone{shapes}"
    )
    remedy = "add what moves selection only (who interviewed, the mode of contact), or fix rho and vary it"
    notes.problems.append(
        Problem(path=f"{reading.path}.formulas.{name}", finding=finding, remedy=remedy, severity=Severity.WARNING)
    )


def _mutual(selecting: dict[str, Reading], read: Read) -> Iterator[tuple[str, str]]:
    reads = {name: values_read(reading, read) for name, reading in selecting.items()}
    return ((a, b) for a, b in combinations(selecting, 2) if b in reads[a] and a in reads[b])


def target_problems(target: Target, path: str) -> list[Problem]:
    """A target none of whose units was selected out one by one."""
    family, doubtful = target.family, 0 if target.empty_of is None else (target.empty_of >= 0).sum()
    if family.selection is None or len(target.model_rows) > len(target.fit_rows) + doubtful:
        return []
    finding = "all its missing values are in clusters without any observed value: nobody was selected out one by one"
    other = f'use the family {family.selection.ignorable.name}, or systematic = "selected"'
    return [Problem(path=path, finding=finding, remedy=other)]
