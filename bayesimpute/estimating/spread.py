"""Pooling on the scale on which an estimate is nearly normal: standard deviations, correlations, proportions.

Each takes the estimates of one group from the m tables and returns an
:class:`~bayesimpute.estimating.group_estimates.Answer`. Where a table has no estimate, or none on that scale, there is
no interval, and a note says why.
"""

from collections.abc import Callable, Sequence
from math import inf

import numpy as np

from bayesimpute.estimating.group_estimates import Answer, population
from bayesimpute.estimating.survey import EQUAL, Estimated
from bayesimpute.pooling import PooledArrays, rubin


def standard_deviation(found: Sequence[Estimated], level: float) -> Answer:
    """Rubin's rules for log s; the estimate is the arithmetic mean of the m standard deviations."""
    s, variances = _arrays(found)
    for wrong, why in (
        (np.isnan(s), "it has fewer than two rows with weight"),
        (s == 0, "all its values are equal"),
        (np.isnan(variances), "its values are all equally far from their mean"),
    ):
        if wrong.any():
            return _without(s, wrong, why)
    pooled = _rubin(np.log(s), variances / s**2, min(e.df for e in found))
    estimate = _mean(s)
    return _back(pooled, level, np.exp, estimate, slope=estimate)


def correlation(found: Sequence[Estimated], level: float, *, weighted: bool) -> Answer:
    """Rubin's rules for z = artanh r; the estimate is tanh of the mean z.

    Without weights z has the variance 1 / (n − 3), which is known, so that its complete-data degrees of freedom are
    infinite; with weights the linearised one.
    """
    r, variances = _arrays(found)
    rows = np.array([e.rows for e in found])
    for wrong, why in (
        (np.isnan(r), "one of the two has a single value"),
        (1 - np.abs(r) < EQUAL, "it is 1 or -1"),
        ((rows < 4) & (not weighted), "it has three rows or fewer"),
    ):
        if wrong.any():
            return _without(r, wrong, why)
    if weighted:
        pooled = _rubin(np.arctanh(r), variances / (1 - r**2) ** 2, min(e.df for e in found))
    else:
        pooled = _rubin(np.arctanh(r), 1 / (rows - 3), inf)
    estimate = float(np.tanh(pooled.q_bar[0]))
    return _back(pooled, level, np.tanh, estimate, slope=1 - estimate**2)


def proportion(found: Sequence[Estimated], level: float, *, known: bool) -> Answer:
    """A proportion as ``estimate`` gives it, but without an interval where imputed rows are all or none of a kind.

    A proportion of 0 or 1 has no variance within its table, and the exact binomial interval for as many trials as rows
    is right only if all these rows are `known`: otherwise either interval would be too narrow.
    """
    p, _ = _arrays(found)
    extreme = (p == 0) | (p == 1)
    if known or np.isnan(p).any() or not extreme.any():
        return population(found, level, proportion=True)
    return _without(p, extreme, "some of its rows are imputed, and it is 0 or 1, which has no variance,")


def _arrays(found: Sequence[Estimated]) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and variances, shape (dataset,)."""
    return np.array([e.estimate for e in found]), np.array([e.variance for e in found])


def _rubin(estimates: np.ndarray, variances: np.ndarray, dfcom: float) -> PooledArrays:
    return rubin(estimates[:, np.newaxis], variances[:, np.newaxis], dfcom=dfcom)


def _back(
    pooled: PooledArrays, level: float, back: Callable[[np.ndarray], np.ndarray], estimate: float, *, slope: float
) -> Answer:
    """Limits transformed back; the standard error by the delta method, with the slope of `back` at the estimate."""
    with np.errstate(over="ignore"):  # with hardly a degree of freedom the upper limit is infinite
        low, high = (float(back(limit)[0]) for limit in pooled.interval(level))
    return Answer(
        estimate=estimate,
        std_error=slope * float(pooled.std_error[0]),
        df=float(pooled.df[0]),
        conf_low=low,
        conf_high=high,
        riv=float(pooled.riv[0]),
        fmi=float(pooled.fmi[0]),
    )


def _without(estimates: np.ndarray, wrong: np.ndarray, why: str) -> Answer:
    """The mean alone, if there is one, and why there is no more."""
    mean = _mean(estimates)
    lacking = "estimate" if np.isnan(mean) else "interval"
    return Answer(estimate=mean, note=f"{why} in {int(wrong.sum())} of {len(wrong)} datasets: no {lacking}")


def _mean(values: np.ndarray) -> float:
    """From the first on, so that the mean of equal values is that value exactly."""
    return float(values[0] + (values - values[0]).mean())
