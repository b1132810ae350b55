"""The mean, and the proportion of a value, which is the mean of zeros and ones.

Both are pooled as they are. The interval of a proportion, and so of the mean of a binary variable, is symmetric on the
logit scale.
"""

from collections.abc import Sequence

import numpy as np

from bayesimpute.estimating.group_estimates import (
    EXACT,
    Answer,
    Seen,
    answer,
    arrays,
    combined,
    flawed,
    population,
    unpooled,
)
from bayesimpute.estimating.statistic import Statistic
from bayesimpute.estimating.survey import Estimated, SurveyDesign


def mean(y: np.ndarray, design: SurveyDesign, *, domain: np.ndarray | None = None) -> Estimated:
    """The weighted mean of a domain, Σ w y / Σ w; of 0/1 values a proportion.

    Parameters
    ----------
    y : ndarray, shape (row,)
        Values; outside of the domain they may be missing.
    design : SurveyDesign
        Of all rows.
    domain : ndarray of bool, shape (row,), optional
        The rows that it is about; all by default.

    Returns
    -------
    Estimated
        NaN if the domain has no weight; without a variance if it has no degrees of freedom.
    """
    domain, inside = design.inside(domain)
    if not inside.any():
        return design.estimated(domain)
    shares, first = design.shares(domain), y[np.argmax(inside)]
    # deviations from a value of the domain, so that equal values have that mean and no variance, exactly
    estimate = float(first + shares @ np.where(domain, y - first, 0.0))
    return design.estimated(domain, estimate, shares * np.where(domain, y - estimate, 0.0))


def proportion(y: np.ndarray, value: float, *, design: SurveyDesign, domain: np.ndarray | None = None) -> Estimated:
    """The weighted proportion of a value in a domain; the parameters are those of :func:`mean`."""
    return mean((y == value).astype(float), design, domain=domain)


def pooled_proportion(found: Sequence[Estimated], level: float, seen: Seen) -> Answer:
    """The arithmetic mean p of the m proportions; its interval is described at :func:`.estimands.estimate`.

    A proportion of 0 or 1 has no variance within its table, and the exact binomial interval for as many trials as
    sampling units is right only if all these rows are `seen`: otherwise either interval would be too narrow.
    """
    from scipy.special import expit, logit

    p, variances = arrays(found)
    extreme = ((p == 0) | (p == 1)) & (not seen.all) & ~np.isnan(p).any()
    why = "some of its rows are imputed, and it is 0 or 1, which has no variance,"
    lacking = flawed(p, (extreme, why)) or unpooled(found) or _exact(found, level)
    if lacking is not None:
        return lacking
    share = combined(p, variances, min(e.df for e in found), seen)
    centre, half = logit(share.q_bar), share.half_width(level) / (share.q_bar * (1 - share.q_bar))
    return answer(share, level, limits=(expit(centre - half), expit(centre + half)))


def _exact(found: Sequence[Estimated], level: float) -> Answer | None:
    """A proportion of 0 or 1 throughout has no variance: Clopper & Pearson (1934), sampling units as trials."""
    values = {e.estimate for e in found}
    if not (values == {0.0} or values == {1.0}):
        return None
    units, estimate = min(e.units for e in found), values.pop()
    bound = ((1 - level) / 2) ** (1 / units)
    low, high = (bound, 1.0) if estimate else (0.0, 1 - bound)
    note = f"{'all' if estimate else 'none'} of its rows have the value: exact binomial interval for {units} trials"
    df = float(min(e.df for e in found))
    return Answer(estimate=estimate, std_error=0.0, df=df, conf_low=low, conf_high=high, method=EXACT, note=note)


def _count(y: np.ndarray, value: float, *, design: SurveyDesign, domain: np.ndarray) -> int:
    """The rows of a domain that have a value, without weights."""
    return int((domain & (y == value)).sum())


MEAN = Statistic(
    name="mean",
    title="Means",
    columns=("variable",),
    kinds=("number", "binary"),
    of=mean,
    pool=population,
    binary=pooled_proportion,
)
PROPORTION = Statistic(
    name="proportion",
    title="Frequencies: mean counts and proportions",
    columns=("variable", "value"),
    kinds=("binary", "two labels", "category"),
    reads="value",
    of=proportion,
    pool=pooled_proportion,
    count=_count,
)
