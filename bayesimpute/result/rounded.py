"""Whole numbers in completed datasets, for who must have them: rounded as they go out, never in the chain.

Rounding while chains run would feed back: models would learn from the rounded values. At the end it changes means and
variances little where a column has many values, and is no remedy where it has two: rounded normal draws of a yes/no
variable have a biased share (Horton, Lipsitz & Parzen 2003, The American Statistician 57:229).
"""

import numpy as np

from bayesimpute.base.errors import InputError, Problem
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.plan.targets import Resolved, Target


def rounded(resolved: Resolved, incomplete: Incomplete) -> frozenset[str]:
    """The imputed columns whose observed values are all whole, and whose models draw decimals.

    `incomplete` are the data that the models were learnt from.

    Raises
    ------
    InputError
        If one of them has two values.
    """
    decimals = [t for t in resolved.targets if t.missing_rows.size and not t.values.support.whole]
    found = [t for t in decimals if _whole(t, incomplete)]
    problems = []
    for t in found:
        values = np.unique(_known(t, incomplete))
        if len(values) == 2:
            finding = (
                f'"{t.name}" has two values, {values[0]:g} and {values[1]:g}, and is imputed by {t.family.name}: the '
                "share of rounded draws is biased (Horton, Lipsitz & Parzen 2003)"
            )
            family = "bernoulli" if np.array_equal(values, (0, 1)) else "ordinal"
            remedy = f'impute it by family = "{family}", which draws these two values; or take it as it is, round=False'
            problems.append(Problem(path="round", finding=finding, remedy=remedy))
    if problems:
        raise InputError(problems)
    return frozenset(t.name for t in found)


def to_whole(values: np.ndarray) -> np.ndarray:
    """Values rounded to whole numbers, without a negative zero."""
    return np.round(values) + 0.0


def _known(target: Target, incomplete: Incomplete) -> np.ndarray:
    values = incomplete.columns[target.name].values
    return values[~np.isnan(values)]


def _whole(target: Target, incomplete: Incomplete) -> bool:
    known = _known(target, incomplete)
    return incomplete.columns[target.name].called == "number" and bool(np.all(known == np.round(known)))
