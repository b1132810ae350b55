"""Numbers of which a normal model draws what they never are: skewed ones, those with many zeros, those at a limit.

A pure function of the observed values; its thresholds are above what many normal samples show. Skewness counts where
it is above 1 by four of its standard errors, sqrt(6 / n): of normal samples of 20 to 2,000 values about one in 10,000
(``tests/checking/test_normal_shape.py`` counts). A value is a spike if it is at least 5 % (zero: 10 %) of all, and five
times as frequent as any other.
"""

import numpy as np

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.checking.plan_alone import Read
from bayesimpute.checking.target_columns import settled
from bayesimpute.data.incomplete import Incomplete

FEWEST = 20
"""Observed values below which nothing is said."""
SKEWNESS, ERRORS = 1.0, 4.0
ZEROS, AT_END, TIMES = 0.10, 0.05, 5
REMEDY = (
    "a normal model keeps means and variances, but draws values that {name} never has: do not report shares, quantiles "
    "or extremes of it; or impute a column of its own, such as its logarithm, and let {name} follow ([[derived]])"
)


def shape(values: np.ndarray) -> str | None:
    """What a normal model has not of observed values, shape (unit,), in words; None: nothing that can be told.

    Examples
    --------
    >>> import numpy as np
    >>> shape(np.concatenate([np.zeros(30), np.arange(70) + 1.0]))
    '30% are 0, and none is below'
    """
    if len(values) < FEWEST:
        return None
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= 2:  # yes or no
        return None
    low, high = distinct[0], distinct[-1]
    for value, least, told in ((low, AT_END, "none is below"), (high, AT_END, "none is above")):
        count = int(counts[distinct == value][0])
        others = int(counts[distinct != value].max())
        if count >= (ZEROS if value == 0 else least) * len(values) and count >= TIMES * others:
            return f"{count / len(values):.0%} are {value:g}, and {told}"
    around = values / np.abs(values).max()  # whose cubes are numbers
    around = around - around.mean()
    skewness = float((around**3).mean() / around.std() ** 3)
    if abs(skewness) > SKEWNESS + ERRORS * np.sqrt(6 / len(values)):
        return f"their skewness is {skewness:.1f}"
    return None


def problems(read: Read, data: Incomplete) -> list[Problem]:
    """Warnings of incomplete targets with a normal model."""
    found = []
    for reading in read.conditionals:
        column = data.columns.get(reading.target)
        if column is None or not column.missing.any():
            continue
        family = settled(reading, column)
        finding = shape(_of_units(data, reading.target)) if family is not None and family.normal else None
        if finding is not None:
            text = f'of the observed values of "{reading.target}" {finding}'
            remedy = REMEDY.format(name=reading.target)
            found.append(Problem(path=f"{reading.path}.family", finding=text, remedy=remedy, severity=Severity.WARNING))
    return found


def _of_units(data: Incomplete, name: str) -> np.ndarray:
    """The observed values: of a variable of clusters one for each."""
    column, level = data.columns[name], data.variables[name].level
    seen = ~column.missing
    if level is None:
        return column.values[seen]
    return column.values[seen][np.unique(data.codes(level)[seen], return_index=True)[1]]
