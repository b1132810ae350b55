"""The quantile, pooled as it is."""

from dataclasses import replace
from math import nan

import numpy as np

from bayesimpute.estimating.group_estimates import population
from bayesimpute.estimating.mean import mean
from bayesimpute.estimating.statistic import Statistic
from bayesimpute.estimating.survey import EQUAL, Estimated, SurveyDesign

WOODRUFF_LEVEL = 0.95
"""Of the interval whose width gives the standard error of a quantile."""


def quantile(y: np.ndarray, probability: float, *, design: SurveyDesign, domain: np.ndarray | None = None) -> Estimated:
    """The weighted quantile of a domain, with the standard error of Woodruff (1952, JASA 47:635).

    The quantile is the smallest value at which the weighted distribution function F reaches the probability p; where
    F equals p there, the midpoint between it and the next value (so that the median of 1, 2, 3, 4 is 2.5). The limits
    p ∓ t se(F) of a 95 % interval for F at the quantile are turned into values in the same way, and the standard error
    is the width between them over 2 t. Of a value that several rows share, F is taken just before it or at it,
    whichever has the larger se: at the largest value F is 1 and would have none.

    It has no variance where p ∓ t se(F) reaches beyond (0, 1): the rows are too few for this probability.
    """
    domain, inside = design.inside(domain)
    if not inside.any():
        return design.estimated(domain)
    order = np.argsort(y[inside], kind="stable")
    values, shares = y[inside][order], np.cumsum(design.weights[inside][order])
    shares = shares / shares[-1]
    found = design.estimated(domain, _reaches(values, shares, probability))
    if found.df == 0:
        return found
    sides = (y <= found.estimate, y < found.estimate)
    below = [mean(side.astype(float), design, domain=domain).variance for side in sides]
    std_error = float(np.sqrt(max(below)))
    return replace(found, variance=_woodruff(values, shares, probability, std_error, found.df))


def _woodruff(values: np.ndarray, shares: np.ndarray, probability: float, std_error: float, df: int) -> float:
    from scipy.special import stdtrit

    t = float(stdtrit(df, (1 + WOODRUFF_LEVEL) / 2))
    low, high = probability - t * std_error, probability + t * std_error
    if low <= 0 or high >= 1:
        return nan
    return ((_reaches(values, shares, high) - _reaches(values, shares, low)) / (2 * t)) ** 2


def _reaches(values: np.ndarray, shares: np.ndarray, probability: float) -> float:
    """Where the distribution function, given by sorted values and cumulated shares, reaches a probability."""
    place = min(int(np.searchsorted(shares, probability - EQUAL)), len(values) - 1)
    following = min(place + 1, len(values) - 1)
    if abs(shares[place] - probability) < EQUAL:
        return float((values[place] + values[following]) / 2)
    return float(values[place])


QUANTILE = Statistic(
    name="quantile",
    title="Quantiles",
    columns=("variable", "probability"),
    kinds=("number",),
    reads="probability",
    of=quantile,
    pool=population,
)
