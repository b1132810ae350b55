"""What the estimates of a group from m tables come to: one :class:`Answer`, or a note that says why there is none.

:func:`population` pools a statistic as it is, and :func:`sample` takes the m estimates as draws. A statistic that is
pooled on another scale makes its answer of :func:`combined` and :func:`answer` in its own file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np

from bayesimpute.estimating.survey import Estimated
from bayesimpute.pooling import PooledArrays, rubin

FIGURES = ("estimate", "std_error", "df", "conf_low", "conf_high", "riv", "fmi", "method")
HANDFUL = 5
"""Observed degrees of freedom (sampling units less strata) below which, and below half of all, no answer rests on them.
"""
RUBIN, MIXTURE, QUANTILES, EXACT = "Rubin's rules", "posterior mixture", "posterior quantiles", "exact binomial"
SINGLE = "t"
"""How an interval was made; the last of a single table, such as that of the complete cases."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the estimates of a group come to; NaN where something does not exist, and a note that says why."""

    estimate: float
    std_error: float = nan
    df: float = nan
    conf_low: float = nan
    conf_high: float = nan
    riv: float = nan
    fmi: float = nan
    method: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What of the rows of a group was observed: whether `all` of them, and the degrees of freedom that these have."""

    all: bool = True
    df: float = inf

    def few(self, dfcom: float) -> bool:
        """Whether it is a handful, of `dfcom` degrees of freedom."""
        return self.df < min(HANDFUL, dfcom / 2)


def arrays(found: Sequence[Estimated]) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and variances, shape (dataset,)."""
    return np.array([e.estimate for e in found]), np.array([e.variance for e in found])


def combined(estimates: np.ndarray, variances: np.ndarray, dfcom: float, seen: Seen) -> PooledArrays:
    """Rubin's rules for one scalar, or the mixture where few rows were observed; a single table keeps what it has."""
    if len(estimates) > 1:
        return rubin(estimates[:, np.newaxis], variances[:, np.newaxis], dfcom=dfcom, few=seen.few(dfcom))
    none, df = np.array([nan]), np.array([float(dfcom)])
    return PooledArrays(
        m=1,
        q_bar=estimates,
        u_bar=variances,
        b=none,
        t=variances,
        df=df,
        riv=none,
        lambda_=none,
        fmi=none,
        dfcom=df,
        mixed=np.array([False]),
    )


def answer(
    pooled: PooledArrays,
    level: float,
    *,
    estimate: float | None = None,
    slope: float = 1.0,
    back: Callable[[np.ndarray], np.ndarray] = np.asarray,
    limits: tuple[np.ndarray, np.ndarray] | None = None,
) -> Answer:
    """Figures on the user's scale, to which `back` leads from that of pooling.

    The standard error is multiplied with the slope of `back` at the `estimate` (delta method); `limits` are those of an
    interval that is made otherwise.
    """
    with np.errstate(over="ignore"):  # with hardly a degree of freedom an upper limit may be infinite
        low, high = limits or map(back, pooled.interval(level))
    return Answer(
        estimate=float(pooled.q_bar[0]) if estimate is None else estimate,
        std_error=slope * float(pooled.std_error[0]),
        df=float(pooled.df[0]),
        conf_low=float(low[0]),
        conf_high=float(high[0]),
        riv=float(pooled.riv[0]),
        fmi=float(pooled.fmi[0]),
        method=SINGLE if pooled.m == 1 else MIXTURE if pooled.mixed[0] else RUBIN,
    )


def population(found: Sequence[Estimated], level: float, seen: Seen) -> Answer:
    """Rubin's rules for a statistic as it is."""
    return unpooled(found) or answer(combined(*arrays(found), min(e.df for e in found), seen), level)


def sample(found: Sequence[Estimated], level: float, seen: Seen) -> Answer:
    """Mean, standard deviation and quantiles of the m estimates: the posterior of what these rows amount to."""
    values, _ = arrays(found)
    if np.isnan(values).any():
        return _empty(values)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    spread = float(np.std(values - values[0], ddof=1))
    return Answer(
        estimate=float(values.mean()),
        std_error=spread,
        conf_low=float(low),
        conf_high=float(high),
        method=QUANTILES,
    )


def unpooled(found: Sequence[Estimated]) -> Answer | None:
    """The answer where some table has no estimate, or no variance."""
    estimates, variances = arrays(found)
    if np.isnan(estimates).any():
        return _empty(estimates)
    if not np.isnan(variances).any():
        return None
    lonely = min(e.df for e in found) < 1
    note = "it has no two sampling units of one stratum" if lonely else "its rows are too few for this quantile"
    return Answer(estimate=float(np.mean(estimates)), note=f"{note}: no standard error")


def flawed(estimates: np.ndarray, *flaws: tuple[np.ndarray, str]) -> Answer | None:
    """The answer where some table has a flaw: the mean alone, if there is one, and why there is no more."""
    for wrong, why in flaws:
        if wrong.any():
            mean = mean_of(estimates)
            lacking = "estimate" if np.isnan(mean) else "interval"
            return Answer(estimate=mean, note=f"{why} in {int(wrong.sum())} of {len(wrong)} datasets: no {lacking}")
    return None


def mean_of(values: np.ndarray) -> float:
    """From the first on, so that the mean of equal values is that value exactly."""
    return float(values[0] + (values - values[0]).mean())


def _empty(estimates: np.ndarray) -> Answer:
    where = f" in {int(np.isnan(estimates).sum())} of {len(estimates)} datasets" if len(estimates) > 1 else ""
    return Answer(estimate=nan, note=f"it has no rows with weight{where}: no estimate")
