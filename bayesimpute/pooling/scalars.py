"""Rubin's rules on arrays: every scalar by itself, and the total covariance of a vector.

The figures are those of R's mice (``pool.scalar``) and mitml (``testEstimates``), to the last digits; the tests hold
them against both.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import numbered
from bayesimpute.pooling.two_parts import half_width, two_sided

FEWEST_OBSERVED = 3
"""Observed-data degrees of freedom below which Barnard & Rubin's t distribution stands for nothing, if most is missing.

Its variance is to be T; that of t(2) does not exist."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PooledArrays:
    """What Rubin's rules give for k scalar estimates; every array has shape (k,).

    Parameters
    ----------
    m : int
        Number of completed datasets.
    q_bar : ndarray
        Pooled estimate Q̄, the mean of the m estimates.
    u_bar : ndarray
        Within-imputation variance Ū, the mean of the m squared standard errors.
    b : ndarray
        Between-imputation variance B, the variance (denominator m − 1) of the m estimates.
    t : ndarray
        Total variance T = Ū + (1 + 1/m) B; the standard error is its root.
    df : ndarray
        Degrees of freedom of the reference t distribution.
    riv : ndarray
        Relative increase in variance r = (1 + 1/m) B / Ū.
    lambda_ : ndarray
        Proportion of T due to the missing values, λ = (1 + 1/m) B / T.
    fmi : ndarray
        Fraction of missing information with the correction for a finite number of imputations; see :func:`rubin`.
    dfcom : ndarray
        Complete-data degrees of freedom.
    mixed : ndarray of bool
        Where the reference is the posterior mixture and not a t distribution; see :func:`rubin`.
    """

    m: int
    q_bar: np.ndarray
    u_bar: np.ndarray
    b: np.ndarray
    t: np.ndarray
    df: np.ndarray
    riv: np.ndarray
    lambda_: np.ndarray
    fmi: np.ndarray
    dfcom: np.ndarray
    mixed: np.ndarray

    @property
    def std_error(self) -> np.ndarray:
        """Root of the total variance."""
        return np.sqrt(self.t)

    @property
    def statistic(self) -> np.ndarray:
        """Q̄ / √T, the t statistic for the hypothesis that the estimand is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.q_bar / self.std_error

    @property
    def p_value(self) -> np.ndarray:
        """Two-sided p value of that hypothesis, from the t distribution with `df` degrees of freedom or the mixture."""
        from scipy.special import stdtr

        found = 2 * stdtr(self.df, -np.abs(self.statistic))
        if self.mixed.any():
            found[self.mixed] = two_sided(self.q_bar[self.mixed], *self._parts)
        return found

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Q̄ ∓ t(df) √T: the limits of the confidence intervals of the given level (between 0 and 1)."""
        half = self.half_width(level)
        return self.q_bar - half, self.q_bar + half

    def half_width(self, level: float) -> np.ndarray:
        """Half the length of these intervals."""
        from scipy.special import stdtrit

        found = stdtrit(self.df, (1 + level) / 2) * self.std_error
        if self.mixed.any():
            found[self.mixed] = half_width(level, *self._parts)
        return found

    @property
    def _parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """The scales of the mixtures, with dfcom and m."""
        within, total = self.u_bar[self.mixed], self.t[self.mixed]
        return np.sqrt(within), np.sqrt(total - within), self.dfcom[self.mixed], self.m


def rubin(
    estimates: np.ndarray, variances: np.ndarray, *, dfcom: float | np.ndarray = inf, few: bool = False
) -> PooledArrays:
    """Pool k scalar estimates from m completed datasets by Rubin's rules.

    Parameters
    ----------
    estimates, variances : array-like, shape (m, k)
        Estimates and their squared standard errors, one row per completed dataset.
    dfcom : float or array-like, shape (k,)
        Degrees of freedom that the analysis would have had without missing values, of all scalars or of each; infinite
        for large samples.
    few : bool
        Whether so few rows that the scalars are about were observed that their number says nothing of what is known.

    Returns
    -------
    PooledArrays
        With λ = (1 + 1/m) B / T, ν = (m − 1) / λ² for infinite `dfcom` (Rubin 1987, eq. 3.1.6), otherwise
        1 / (1/ν + 1/ν_obs) with ν_obs = (1 − λ) dfcom (dfcom + 1) / (dfcom + 3) (Barnard & Rubin 1999).
        `fmi` is the `fmi` of mice and the FMI of mitml, (r + 2 / (df + 3)) / (r + 1) (Rubin 1987, eq. 3.1.10), and
        not λ, which some programs report under that name.
        Where ν_obs is below 3 and λ above ½, and for `few` wherever something is missing, the posterior mixture takes
        the place of the t distribution (:mod:`bayesimpute.pooling.two_parts`), and df = 1 / (λ² / (m − 1) + (1 − λ)²
        / dfcom) are those of the nearest t distribution (Satterthwaite 1946, Biometrics Bulletin 2:110).
        Where the m estimates are equal (B = 0) nothing depends on the missing values: r, λ and `fmi` are 0 and df is
        ν_obs (infinite if `dfcom` is).

    Raises
    ------
    AnalysisError
        Fewer than two datasets, arrays of different shapes, a value that is not finite, a negative variance, or a
        `dfcom` that is not positive.
    """
    q, u = _checked(estimates, variances)
    check_dfcom(dfcom)
    m = len(q)
    # Deviations from the first dataset, so that m equal estimates have B = 0 exactly and not a rounding error.
    deviations = q - q[0]
    u_bar, b = u.mean(axis=0), deviations.var(axis=0, ddof=1)
    between = (1 + 1 / m) * b
    t = u_bar + between
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        riv = np.where(b > 0, between / u_bar, 0.0)
        lambda_ = np.where(b > 0, between / t, 0.0)
        complete = np.broadcast_to(np.asarray(dfcom, dtype=float), lambda_.shape)
        observed = _observed(lambda_, complete)
        mixed = np.isfinite(complete) & (lambda_ > 0) & (few | ((observed < FEWEST_OBSERVED) & (lambda_ > 0.5)))
        nearest = 1 / (lambda_**2 / (m - 1) + (1 - lambda_) ** 2 / complete)
        df = np.where(mixed, nearest, degrees_of_freedom(m, lambda_, dfcom=complete))
        # (r + 2 / (df + 3)) / (r + 1), written with λ = r / (r + 1) so that Ū = 0 does no harm
        fmi = np.where(b > 0, lambda_ + (1 - lambda_) * 2 / (df + 3), 0.0)
    return PooledArrays(
        m=m,
        q_bar=q[0] + deviations.mean(axis=0),
        u_bar=u_bar,
        b=b,
        t=t,
        df=df,
        riv=riv,
        lambda_=lambda_,
        fmi=fmi,
        dfcom=complete,
        mixed=mixed,
    )


def degrees_of_freedom(m: int, lambda_: np.ndarray, *, dfcom: float | np.ndarray = inf) -> np.ndarray:
    """Rubin's degrees of freedom, or Barnard & Rubin's where `dfcom` is finite; formulas in :func:`rubin`.

    Parameters
    ----------
    m : int
        Number of completed datasets.
    lambda_ : ndarray
        Proportion of the variance due to the missing values, in [0, 1]; of any shape.
    dfcom : float or ndarray of that shape
        Complete-data degrees of freedom.
    """
    complete = np.asarray(dfcom, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        large_sample = (m - 1) / np.square(lambda_)
        return np.where(np.isinf(complete), large_sample, 1 / (1 / large_sample + 1 / _observed(lambda_, complete)))


def _observed(lambda_: np.ndarray, complete: np.ndarray) -> np.ndarray:
    """Barnard & Rubin's observed-data degrees of freedom."""
    return (1 - lambda_) * complete * (complete + 1) / (complete + 3)


def total_covariance(estimates: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """T = Ū + (1 + 1/m) B of a vector (Rubin 1987, section 3.2), shape (k, k).

    Parameters
    ----------
    estimates : ndarray, shape (m, k)
        Estimates, one row per completed dataset.
    covariances : ndarray, shape (m, k, k)
        Their covariance matrices.
    """
    m = len(estimates)
    deviations = estimates - estimates[0]
    deviations = deviations - deviations.mean(axis=0)
    return covariances.mean(axis=0) + (1 + 1 / m) * deviations.T @ deviations / (m - 1)


def _checked(estimates: np.ndarray, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if q.ndim != 2 or q.shape != u.shape:
        message = f"estimates {q.shape} and variances {u.shape} must both have the shape (m, k)"
        raise AnalysisError(message)
    check_number(len(q))
    if not (np.isfinite(q).all() and np.isfinite(u).all() and (u >= 0).all()):
        bad = np.flatnonzero(~(np.isfinite(q) & np.isfinite(u) & (u >= 0)).all(axis=1)) + 1
        message = (
            f"{numbered('dataset', bad)}: an estimate or its variance is not a finite number, or the variance "
            "is negative; look at that fit before pooling"
        )
        raise AnalysisError(message)
    return q, u


def check_number(m: int) -> None:
    """Pooling needs two completed datasets or more."""
    if m < 2:
        message = (
            f"pooling needs the estimates of at least two completed datasets, got {m}: the variance between "
            "imputations cannot be seen in fewer; impute with a larger m"
        )
        raise AnalysisError(message)


def check_dfcom(dfcom: float | np.ndarray) -> None:
    """Complete-data degrees of freedom are positive."""
    given = np.asarray(dfcom)
    if given.dtype.kind not in "iuf" or not np.all(given > 0):
        message = (
            f"dfcom: the complete-data degrees of freedom must be positive, got {dfcom}; leave dfcom out if unknown"
        )
        raise AnalysisError(message)
