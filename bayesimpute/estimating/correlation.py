"""The correlation, pooled as Fisher's z."""

from collections.abc import Sequence
from math import inf

import numpy as np

from bayesimpute.estimating.group_estimates import Answer, Seen, answer, arrays, combined, flawed
from bayesimpute.estimating.statistic import Statistic
from bayesimpute.estimating.survey import EQUAL, Estimated, SurveyDesign


def correlation(x: np.ndarray, y: np.ndarray, design: SurveyDesign, *, domain: np.ndarray | None = None) -> Estimated:
    """The weighted correlation r of two variables in a domain.

    With both in standard units it has the influence values w_i (x_i y_i − r (x_i² + y_i²) / 2) / Σ w, which hold for
    any distribution.

    NaN if one of the two has a single value.
    """
    domain, inside = design.inside(domain)
    if not inside.any():
        return design.estimated(domain)
    shares, x = design.centred(x, inside)
    _, y = design.centred(y, inside)
    spreads = np.sqrt(shares @ x**2), np.sqrt(shares @ y**2)
    if not min(spreads) > 0:
        return design.estimated(domain)
    x, y = x / spreads[0], y / spreads[1]
    r = float(np.clip(shares @ (x * y), -1, 1))
    return design.estimated(domain, r, shares * (x * y - r * (x**2 + y**2) / 2))


def pooled(found: Sequence[Estimated], level: float, seen: Seen) -> Answer:
    """Rubin's rules for z = artanh r; the estimate is tanh of the mean z.

    In a simple random sample z has the variance 1 / (n − 3), which is known, so that its complete-data degrees of
    freedom are infinite; otherwise the linearised one.
    """
    r, variances = arrays(found)
    rows, simple = np.array([e.rows for e in found]), all(e.simple for e in found)
    lacking = flawed(
        r,
        (np.isnan(r), "one of the two has a single value"),
        (1 - np.abs(r) < EQUAL, "it is 1 or -1"),
        ((rows < 4) & simple, "it has three rows or fewer"),
    )
    if lacking is not None:
        return lacking
    if simple:
        z = combined(np.arctanh(r), 1 / (rows - 3), inf, seen)
    else:
        z = combined(np.arctanh(r), variances / (1 - r**2) ** 2, min(e.df for e in found), seen)
    estimate = float(np.tanh(z.q_bar[0]))
    return answer(z, level, estimate=estimate, slope=1 - estimate**2, back=np.tanh)


CORRELATION = Statistic(
    name="correlation",
    title="Correlations",
    columns=("variable", "other"),
    kinds=("number", "binary", "two labels"),
    of=correlation,
    pool=pooled,
)
