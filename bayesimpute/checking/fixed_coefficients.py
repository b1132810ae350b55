"""Coefficients that are fixed, by a number or an assumption: whether there are such ones, and they can be held.

:func:`alone` looks at the plan, :func:`problems` holds it against the data.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from bayesimpute.base.errors import Problem, Severity, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.checking.derived import kinds
from bayesimpute.checking.notes import Notes
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas.algebra import term_name
from bayesimpute.formulas.syntax import Name, Node, render
from bayesimpute.formulas.terms import coded
from bayesimpute.plan.assumptions import Assumption
from bayesimpute.plan.fixed import Fixed, asked, coefficient, fixed
from bayesimpute.plan.resolving import indicated


def alone(read: Read) -> list[Problem]:
    """What is wrong with fixed coefficients whatever the data are."""
    notes = Notes()
    known = [a.name for a in read.plan.assumptions if isinstance(a, Assumption)]
    for reading in read.conditionals:
        for name, at in asked(reading.conditional).items():
            path = f'{reading.path}.priors."{name}"'
            if isinstance(at, str) and at not in known:
                remedy = did_you_mean(at, known, 'write "Normal(0, 1)", a number, or the name of an [[assumption]]')
                notes.add(path, f'"{at}" is neither a prior nor an assumption', remedy)
            elif not isinstance(at, str) and not math.isfinite(at):
                notes.add(path, f"{at!r} is not a number", "write 0.5")
        _coefficients(reading, notes)
    return notes.problems


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Fixed coefficients of what is no number, or goes on in other terms."""
    notes = Notes()
    for reading in read.conditionals:
        for each in fixed(asked(reading.conditional), reading.formulas):
            use = replace(reading.uses[each.parameter], path=f'{reading.path}.priors."{each.name}"')
            kinds(use, render(each.product), read, data, notes)
            _coded_beside(each, reading, data, notes)
        notes.problems += _untold(reading)
    return notes.problems


def _untold(reading: Reading) -> Iterator[Problem]:
    """How being observed depends on the value itself, where it is neither fixed nor believed to be something."""
    name = indicated(reading.target)
    mu = reading.formulas.get("mu")
    if name is None or mu is None or coefficient("mu", name) in reading.conditional.priors or name not in mu.terms:
        return
    finding = (
        f"how it depends on {name} itself is not told by the data but by the shape that {name}'s model gives to its "
        "distribution (Kenward 1998)"
    )
    remedy = f'fix it, priors.{name} = 0.5 or at an [[assumption]], or say what is believed: "Normal(0, 0.5)"'
    yield Problem(path=f"{reading.path}.priors", finding=finding, remedy=remedy, severity=Severity.WARNING)


def _coefficients(reading: Reading, notes: Notes) -> None:
    """Names that are no terms of the formulas."""
    terms = [coefficient(p, name) for p, f in reading.formulas.items() for name in f.terms if name != "1"]
    for name in sorted(set(asked(reading.conditional)) - set(terms)):
        finding = "what can be fixed is the coefficient of a term, and there is none of this name"
        known = f"they are {listed(terms) or 'none'}; of a label derive a variable that is 0 or 1"
        notes.add(f'{reading.path}.priors."{name}"', finding, did_you_mean(name, terms, known))


def _coded_beside(each: Fixed, reading: Reading, data: Incomplete, notes: Notes) -> None:
    """Products with a category, in which the missing main effect would be made up for by one more column."""
    for term in reading.formulas[each.parameter].trees:
        more = set(term) - set(each.term)
        if set(each.term) < set(term) and any(_labelled(atom, data) for atom in more):
            finding = f"it stands in {term_name(term)}, too, which would have one more coefficient without it"
            notes.add(f'{reading.path}.priors."{each.name}"', finding, "derive variables that are 0 or 1 in its place")


def _labelled(atom: Node, data: Incomplete) -> bool:
    column = data.columns.get(atom.name) if isinstance(atom, Name) else None
    return coded(atom) is not None or (column is not None and column.kind == "category")
