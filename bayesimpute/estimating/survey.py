"""Survey estimates on arrays: weighted statistics of a domain, with variances linearised for the design.

An estimate θ̂ made of weighted totals has, to first order, the variance of the total of its influence values u_i (Taylor
linearisation: Binder 1983, Int Stat Review 51:279; Särndal, Swensson & Wretman 1992, section 5.5). For the mean of a
domain D, u_i = w_i (y_i − θ̂) / Σ_D w, and zero outside D, so that the random size of D counts. With u_hc the sum over
sampling unit c of stratum h, of which there are n_h, the units taken as drawn with replacement,

    var = Σ_h n_h / (n_h − 1) Σ_c (u_hc − ū_h)²

Without sampling units every row is one; without weights the variance of a mean is s²/n exactly. What a unit's rows have
in common needs no model: only the totals of the units are used.

The statistics stand in files of their own, such as ``mean.py``. Their influence values are all that
:meth:`SurveyDesign.estimated` needs.
"""

from dataclasses import dataclass
from math import nan

import numpy as np

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
    simple : bool
        Whether the rows were drawn one by one, without weights.
    """

    estimate: float
    variance: float
    df: int
    units: int
    rows: int
    simple: bool


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
    simple : bool
        Whether there are neither weights nor strata nor sampling units of several rows.
    """

    weights: np.ndarray
    units: np.ndarray
    strata: np.ndarray
    simple: bool

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
            simple=weights is None and strata is None and clusters is None,
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

    def inside(self, domain: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a domain, all by default, and those of them with weight."""
        domain = np.ones(len(self.weights), dtype=bool) if domain is None else domain
        return domain, domain & (self.weights > 0)

    def shares(self, domain: np.ndarray) -> np.ndarray:
        """The shares of the rows of a domain in its weight, zero outside."""
        weights = np.where(domain, self.weights, 0.0)
        return weights / weights.sum()

    def centred(self, y: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The shares of the weights and the deviations from the weighted mean, both zero outside.

        From a value of the domain first, so that equal values have no deviations, exactly.
        """
        shares = self.shares(inside)
        deviations = np.where(inside, y - y[np.argmax(inside)], 0.0)
        return shares, np.where(inside, deviations - shares @ deviations, 0.0)

    def estimated(
        self, domain: np.ndarray, estimate: float = nan, influence: np.ndarray | None = None, *, factor: float = 1.0
    ) -> Estimated:
        """An estimate with the variance that its influence values give, times a factor; without them it has none."""
        units, df = self.counts(domain)
        variance = nan if influence is None or df == 0 else factor * self.variance(influence)
        rows = int(domain.sum())
        return Estimated(estimate=estimate, variance=variance, df=df, units=units, rows=rows, simple=self.simple)
