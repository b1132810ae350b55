"""Chained equations beside a selection model: whether the other models know who was selected.

Let y have a selection model and x be one of its covariates, imputed by a conditional of its own that reads y. Given y
and z, x goes with who was selected, as selection depends on x, too: without ``observed(y)`` in the model of x the
imputed x have it wrong, and with them the correlation of the two equations. (A variable that y does not read needs
nothing: its model is the next factor of a joint law, and selection does not depend on it.) In a plan whose selection
model is a substantive one nothing needs it either: its density multiplies into the draws of x.

To say more about what stands beside a selection model, add to :func:`problems`.
"""

from collections.abc import Iterator

import numpy as np

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.checking.derived import closure, values_read
from bayesimpute.checking.readings import Read, Reading
from bayesimpute.checking.target_columns import filled
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import quote

COMPATIBLE = "make the selection model a [[substantive]] one, whose density multiplies into the draws of {}"


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Warnings of models that should know who was selected, and do not or cannot."""
    incomplete = [r for r in read.conditionals if r.target in data.columns and np.isnan(filled(data, r.target)).any()]
    pairs = ((y, x) for y in incomplete if _selects(y) for x in incomplete if x is not y and _beside(x, y, read))
    return [problem for y, x in pairs for problem in _unaware(x, y, read, data)]


def _selects(reading: Reading) -> bool:
    return reading.family is not None and reading.family.selection is not None


def _beside(x: Reading, y: Reading, read: Read) -> bool:
    """Whether y reads x and its density does not multiply into the draws of x."""
    multiplied = read.plan.substantive and y.target not in values_read(x, read)
    return x.target in values_read(y, read) and not multiplied


def _unaware(x: Reading, y: Reading, read: Read, data: Incomplete) -> Iterator[Problem]:
    """What is wrong with a model of x beside the selection model of y."""
    seen = ~data.columns[y.target].missing
    where = seen[~np.isnan(filled(data, x.target))]
    indicator = f"observed({quote(y.target)})"
    if len(np.unique(where)) == 1:
        finding = (
            f'"{x.target}" is never observed where "{y.target}" is {"missing" if where[0] else "observed"}, so that '
            f"nothing tells how it goes with {indicator}: it is imputed as if it did not"
        )
        yield _warning(x, finding, COMPATIBLE.format(x.target))
    elif y.target not in indicators(x, read) and not _responses(y) & values_read(x, read):
        finding = (
            f'"{y.target}" has a selection model, and the model of {x.target} does not know who was selected: '
            f"that biases the correlation of {y.target}'s two equations"
        )
        yield _warning(x, finding, f"add {indicator}, or {COMPATIBLE.format(x.target)}")


def indicators(reading: Reading, read: Read) -> frozenset[str]:
    """The columns whose missingness a model reads, directly or through derived variables."""
    uses = [*reading.uses.values()]
    behind = closure((name for use in uses for name in use.names), read)
    uses += [read.derived[name].use for name in behind if name in read.derived]
    return frozenset(name for use in uses for name in use.observed)


def _responses(y: Reading) -> set[str]:
    """The column that says who was selected, if the selection formula names one."""
    assert y.family is not None and y.family.selection is not None
    formula = y.formulas.get(y.family.selection.parameter)
    return set() if formula is None or formula.response in (None, y.target) else {str(formula.response)}


def _warning(reading: Reading, finding: str, remedy: str) -> Problem:
    return Problem(path=f"{reading.path}.formulas", finding=finding, remedy=remedy, severity=Severity.WARNING)
