"""The standard deviation, pooled as its logarithm."""

from collections.abc import Sequence

import numpy as np

from bayesimpute.estimating.group_estimates import Answer, Seen, answer, arrays, combined, flawed, mean_of
from bayesimpute.estimating.statistic import Statistic
from bayesimpute.estimating.survey import EQUAL, Estimated, SurveyDesign


def standard_deviation(y: np.ndarray, design: SurveyDesign, *, domain: np.ndarray | None = None) -> Estimated:
    """The weighted standard deviation of a domain, s = √(n / (n − 1) Σ w (y − ȳ)² / Σ w) for n rows with weight.

    It is the root of what ``svyvar`` of R's survey gives, and without weights the usual one. With m₂ the weighted
    mean of (y − ȳ)², log s has the influence values w_i ((y_i − ȳ)² / m₂ − 1) / (2 Σ w), which hold for any
    distribution; without weights its variance is (m₄ / m₂² − 1) / (4 (n − 1)). That of s is s² times as large.

    NaN if the domain has fewer than two rows with weight; without a variance if all values are equally far from their
    mean, as any two are.
    """
    domain, inside = design.inside(domain)
    n = int(inside.sum())
    if n < 2:
        return design.estimated(domain)
    shares, deviations = design.centred(y, inside)
    second = float(shares @ deviations**2)
    estimate, influence = float(np.sqrt(n / (n - 1) * second)), None
    if second > 0:
        relative = np.where(inside, deviations**2 / second, 1.0)
        if np.ptp(relative[inside]) > EQUAL:
            influence = shares * (relative - 1) / 2
    return design.estimated(domain, estimate, influence, factor=second * n / (n - 1))


def pooled(found: Sequence[Estimated], level: float, seen: Seen) -> Answer:
    """Rubin's rules for log s; the estimate is the arithmetic mean of the m standard deviations."""
    s, variances = arrays(found)
    lacking = flawed(
        s,
        (np.isnan(s), "it has fewer than two rows with weight"),
        (s == 0, "all its values are equal"),
        (np.isnan(variances), "its values are all equally far from their mean"),
    )
    if lacking is not None:
        return lacking
    logarithm, estimate = combined(np.log(s), variances / s**2, min(e.df for e in found), seen), mean_of(s)
    return answer(logarithm, level, estimate=estimate, slope=estimate, back=np.exp)


STANDARD_DEVIATION = Statistic(
    name="standard deviation",
    title="Standard deviations",
    columns=("variable",),
    kinds=("number",),
    of=standard_deviation,
    pool=pooled,
)
