"""Survey estimates on arrays: weighted statistics of a domain, with variances linearised for the design.

An estimate θ̂ made of weighted totals has, to first order, the variance of the total of its influence values u_i (Taylor
linearisation: Binder 1983, Int Stat Review 51:279; Särndal, Swensson & Wretman 1992, section 5.5). For the mean of a
domain D, u_i = w_i (y_i − θ̂) / Σ_D w, and zero outside D, so that the random size of D counts. With u_hc the sum over
sampling unit c of stratum h, of which there are n_h, the units taken as drawn with replacement,

    var = Σ_h n_h / (n_h − 1) Σ_c (u_hc − ū_h)²

Without sampling units every row is one; without weights the variance of a mean is s²/n exactly. What a unit's rows have
in common needs no model: only the totals of the units are used.

To add a statistic, write a function like :func:`mean` that returns an :class:`Estimated`; its influence values are all
that :meth:`SurveyDesign.variance` needs.
"""

from dataclasses import dataclass
from math import nan

import numpy as np

WOODRUFF_LEVEL = 0.95
"""Of the interval whose width gives the standard error of a quantile."""
EQUAL = 1e-9
"""Shares of the weights that differ by less are equal: they are sums in floating point."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimated:
    """One estimate from one complete table.

    Parameters
    ----------
    estimate, variance : float
        NaN where they are not defined.
    df : int
        Degrees of freedom: sampling units less strata, counted where the domain has rows.
    units : int
        Those sampling units.
    rows : int
        Rows of the domain.
    """

    estimate: float
    variance: float
    df: int
    units: int
    rows: int


@dataclass(frozen=True, kw_only=True, eq=False)
class SurveyDesign:
    """How the rows were drawn; made by :meth:`of`.

    Parameters
    ----------
    weights : ndarray, shape (row,)
        Not negative; only their proportions matter.
    units : ndarray of int, shape (row,)
        The sampling unit of each row.
    strata : ndarray of int, shape (unit,)
        The stratum of each sampling unit.
    """

    weights: np.ndarray
    units: np.ndarray
    strata: np.ndarray

    @classmethod
    def of(
        cls,
        n: int,
        *,
        weights: np.ndarray | None = None,
        strata: np.ndarray | None = None,
        clusters: np.ndarray | None = None,
    ) -> "SurveyDesign":
        """The design of n rows.

        Parameters
        ----------
        n : int
            Rows.
        weights, strata, clusters : ndarray, shape (row,), optional
            Weights, and the codes of strata and sampling units. Units are nested in strata: those with the same code
            in two strata are two units.
        """
        stratum = np.zeros(n, dtype=np.int64) if strata is None else np.unique(strata, return_inverse=True)[1]
        unit = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
        _, first, units = np.unique(stratum * (unit.max(initial=0) + 1) + unit, return_index=True, return_inverse=True)
        return cls(
            weights=np.ones(n) if weights is None else np.asarray(weights, dtype=float),
            units=units,
            strata=stratum[first],
        )

    @property
    def single(self) -> np.ndarray:
        """The strata with one sampling unit."""
        return np.flatnonzero(np.bincount(self.strata) == 1)

    def variance(self, influence: np.ndarray) -> float:
        """The variance of the total of influence values of shape (row,), zero outside of the domain.

        A stratum with one unit is centred at the mean of all units in place of its own: too large a variance rather
        than too small a one. NaN if there is only one unit.
        """
        totals = np.bincount(self.units, influence, len(self.strata))
        if len(totals) < 2:
            return nan
        sizes = np.bincount(self.strata)[self.strata]
        means = np.bincount(self.strata, totals)[self.strata] / sizes
        deviations = totals - np.where(sizes == 1, totals.mean(), means)
        return float(np.sum(sizes / np.maximum(sizes - 1, 1) * deviations**2))

    def counts(self, domain: np.ndarray) -> tuple[int, int]:
        """Sampling units with a row of positive weight in a domain, and those units less their strata."""
        units = np.flatnonzero(np.bincount(self.units[domain & (self.weights > 0)]))
        return len(units), len(units) - int(np.count_nonzero(np.bincount(self.strata[units])))


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
    domain = np.ones(len(y), dtype=bool) if domain is None else domain
    units, df = design.counts(domain)
    rows = int(domain.sum())
    if units == 0:
        return Estimated(estimate=nan, variance=nan, df=0, units=0, rows=rows)
    weights = np.where(domain, design.weights, 0.0)
    shares = weights / weights.sum()
    first = y[np.argmax(weights > 0)]
    # deviations from a value of the domain, so that equal values have that mean and no variance, exactly
    estimate = float(first + shares @ np.where(domain, y - first, 0.0))
    variance = design.variance(shares * np.where(domain, y - estimate, 0.0)) if df > 0 else nan
    return Estimated(estimate=estimate, variance=variance, df=df, units=units, rows=rows)


def standard_deviation(y: np.ndarray, design: SurveyDesign, *, domain: np.ndarray | None = None) -> Estimated:
    """The weighted standard deviation of a domain, s = √(n / (n − 1) Σ w (y − ȳ)² / Σ w) for n rows with weight.

    It is the root of what ``svyvar`` of R's survey gives, and without weights the usual one. With m₂ the weighted
    mean of (y − ȳ)², log s has the influence values w_i ((y_i − ȳ)² / m₂ − 1) / (2 Σ w), which hold for any
    distribution; without weights its variance is (m₄ / m₂² − 1) / (4 (n − 1)). That of s is s² times as large.

    Parameters
    ----------
    y, design, domain
        As for :func:`mean`.

    Returns
    -------
    Estimated
        NaN if the domain has fewer than two rows with weight; without a variance if all values are equally far from
        their mean, as any two are.
    """
    domain = np.ones(len(y), dtype=bool) if domain is None else domain
    units, df = design.counts(domain)
    inside = domain & (design.weights > 0)
    rows, n = int(domain.sum()), int(inside.sum())
    if n < 2:
        return Estimated(estimate=nan, variance=nan, df=df, units=units, rows=rows)
    shares, deviations = _centred(y, design, inside)
    second = float(shares @ deviations**2)
    estimate, variance = float(np.sqrt(n / (n - 1) * second)), nan
    if df > 0 and second > 0:
        relative = np.where(inside, deviations**2 / second, 1.0)
        if np.ptp(relative[inside]) > EQUAL:
            variance = second * n / (n - 1) * design.variance(shares * (relative - 1) / 2)
    return Estimated(estimate=estimate, variance=variance, df=df, units=units, rows=rows)


def correlation(x: np.ndarray, y: np.ndarray, design: SurveyDesign, *, domain: np.ndarray | None = None) -> Estimated:
    """The weighted correlation r of two variables in a domain.

    With both in standard units it has the influence values w_i (x_i y_i − r (x_i² + y_i²) / 2) / Σ w, which hold for
    any distribution.

    Parameters
    ----------
    x, y : ndarray, shape (row,)
        Values; outside of the domain they may be missing.
    design, domain
        As for :func:`mean`.

    Returns
    -------
    Estimated
        NaN if one of the two has a single value.
    """
    domain = np.ones(len(y), dtype=bool) if domain is None else domain
    units, df = design.counts(domain)
    inside, rows = domain & (design.weights > 0), int(domain.sum())
    nothing = Estimated(estimate=nan, variance=nan, df=df, units=units, rows=rows)
    if not inside.any():
        return nothing
    shares, x = _centred(x, design, inside)
    _, y = _centred(y, design, inside)
    spreads = np.sqrt(shares @ x**2), np.sqrt(shares @ y**2)
    if not min(spreads) > 0:
        return nothing
    x, y = x / spreads[0], y / spreads[1]
    r = float(np.clip(shares @ (x * y), -1, 1))
    influence = shares * (x * y - r * (x**2 + y**2) / 2)
    variance = design.variance(influence) if df > 0 else nan
    return Estimated(estimate=r, variance=variance, df=df, units=units, rows=rows)


def quantile(y: np.ndarray, probability: float, *, design: SurveyDesign, domain: np.ndarray | None = None) -> Estimated:
    """The weighted quantile of a domain, with the standard error of Woodruff (1952, JASA 47:635).

    The quantile is the smallest value at which the weighted distribution function F reaches the probability p; where
    F equals p there, the midpoint between it and the next value (so that the median of 1, 2, 3, 4 is 2.5). The limits
    p ∓ t se(F) of a 95 % interval for F at the quantile are turned into values in the same way, and the standard error
    is the width between them over 2 t. Of a value that several rows share, F is taken just before it or at it,
    whichever has the larger se: at the largest value F is 1 and would have none.

    Parameters
    ----------
    y, design, domain
        As for :func:`mean`.
    probability : float
        p, between 0 and 1.

    Returns
    -------
    Estimated
        Without a variance where p ∓ t se(F) reaches beyond (0, 1): the rows are too few for this probability.
    """
    domain = np.ones(len(y), dtype=bool) if domain is None else domain
    inside = domain & (design.weights > 0)
    units, df = design.counts(domain)
    rows = int(domain.sum())
    if units == 0:
        return Estimated(estimate=nan, variance=nan, df=0, units=0, rows=rows)
    order = np.argsort(y[inside], kind="stable")
    values = y[inside][order]
    shares = np.cumsum(design.weights[inside][order])
    shares = shares / shares[-1]
    estimate = _reaches(values, shares, probability)
    variance = nan
    if df > 0:
        below = [mean(side.astype(float), design, domain=domain).variance for side in (y <= estimate, y < estimate)]
        variance = _woodruff(values, shares, probability, float(np.sqrt(max(below))), df)
    return Estimated(estimate=estimate, variance=variance, df=df, units=units, rows=rows)


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


def _centred(y: np.ndarray, design: SurveyDesign, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shares of the weights and the deviations from the weighted mean, both zero outside.

    From a value of the domain first, so that equal values have no deviations, exactly.
    """
    weights = np.where(inside, design.weights, 0.0)
    shares = weights / weights.sum()
    deviations = np.where(inside, y - y[np.argmax(inside)], 0.0)
    return shares, np.where(inside, deviations - shares @ deviations, 0.0)
