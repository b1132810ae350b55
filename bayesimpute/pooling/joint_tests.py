"""Tests of several parameters at once, on arrays: D1 to D4 of the literature, with the figures of R's mitml.

Each compares a model with a smaller one, within which k parameters are zero (or k restrictions hold):

* :func:`d1` from estimates and covariance matrices, the most powerful where B is proportional to Ū (Li, Raghunathan &
  Rubin 1991, JASA 86:1065; with finite complete-data degrees of freedom Reiter 2007, Biometrika 94:502);
* :func:`d2` from the m test statistics alone (Li, Meng, Raghunathan & Rubin 1991, Statistica Sinica 1:65);
* :func:`d3` from likelihood ratios and those at the averaged parameters (Meng & Rubin 1992, Biometrika 79:103);
* :func:`d4` from likelihood ratios and that of the stacked data (Chan & Meng 2022, Statistica Sinica 32:1489).
"""

from dataclasses import dataclass
from math import inf, isinf

import numpy as np

from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import numbered
from bayesimpute.base.tables import p_value
from bayesimpute.pooling.scalars import check_dfcom, check_number, degrees_of_freedom


@dataclass(frozen=True, kw_only=True)
class PooledTest:
    """One test of k parameters at once.

    Parameters
    ----------
    method : str
        "D1", "D2", "D3" or "D4".
    statistic : float
        The F statistic.
    df1 : int
        Its numerator's degrees of freedom, k.
    df2 : float
        Its denominator's.
    riv : float
        Relative increase in variance due to the missing values, averaged over the k parameters.
    """

    method: str
    statistic: float
    df1: int
    df2: float
    riv: float

    @property
    def p_value(self) -> float:
        """P(F(df1, df2) > statistic)."""
        from scipy.special import chdtrc, fdtrc

        statistic = max(self.statistic, 0.0)  # D2 to D4 may be below zero; that is no evidence at all
        if isinf(self.df2):
            return float(chdtrc(self.df1, self.df1 * statistic))
        return float(fdtrc(self.df1, self.df2, statistic))

    def to_json_dict(self) -> dict[str, str | float | None]:
        """Plain values for ``json.dumps``; infinite degrees of freedom are None."""
        df2 = None if isinf(self.df2) else self.df2
        figures = {"statistic": self.statistic, "df1": self.df1, "df2": df2, "p_value": self.p_value, "riv": self.riv}
        return {"method": self.method, **figures}

    def __str__(self) -> str:
        p = p_value(self.p_value)
        p = p if p.startswith("<") else f"= {p}"
        return (
            f"{self.method}: F({self.df1}, {self.df2:.4g}) = {self.statistic:.4g}, p {p}; relative "
            f"increase in variance {self.riv:.4g}"
        )


def d1(estimates: np.ndarray, covariances: np.ndarray, *, dfcom: float = inf) -> PooledTest:
    """The multivariate Wald test that k parameters are all zero.

    Parameters
    ----------
    estimates : array-like, shape (m, k)
        The parameters that are tested, less what they are under the hypothesis.
    covariances : array-like, shape (m, k, k)
        Their covariance matrices.
    dfcom : float
        Complete-data degrees of freedom; infinite for large samples.

    Returns
    -------
    PooledTest
        F = Q̄ᵀ Ū⁻¹ Q̄ / (k (1 + r)) with r = (1 + 1/m) tr(B Ū⁻¹) / k.

    Raises
    ------
    AnalysisError
        Fewer than two datasets, shapes that do not match, values that are not finite, a covariance matrix that is not
        positive definite, or a `dfcom` that is not positive.
    """
    q, u = _checked(estimates, covariances)
    check_dfcom(dfcom)
    m, k = q.shape
    u_bar, q_bar = u.mean(axis=0), q.mean(axis=0)
    deviations = q - q[0]
    b = np.atleast_2d(np.cov(deviations, rowvar=False))
    riv = (1 + 1 / m) * float(np.trace(np.linalg.solve(u_bar, b))) / k
    statistic = float(q_bar @ np.linalg.solve(u_bar, q_bar)) / (k * (1 + riv))
    df2 = _large_sample(m, k, riv) if isinf(dfcom) else _reiter(m, k, riv, dfcom)
    return PooledTest(method="D1", statistic=statistic, df1=k, df2=df2, riv=riv)


def d2(statistics: np.ndarray, k: int) -> PooledTest:
    """The test from m chi-squared statistics alone, Wald's or likelihood ratios: coarse, but it needs nothing else.

    Parameters
    ----------
    statistics : array-like, shape (m,)
        The test statistic in each dataset, each with k degrees of freedom.
    k : int
        Number of parameters that are tested.

    Returns
    -------
    PooledTest
        With r = (1 + 1/m) var(√statistics).

    Raises
    ------
    AnalysisError
        Fewer than two datasets, `k` below 1, or a statistic that is negative or not finite.
    """
    d = np.asarray(statistics, dtype=float)
    _check_statistics(d, "statistics")
    _check_k(k)
    m = len(d)
    riv = (1 + 1 / m) * float(np.sqrt(np.maximum(d, 0)).var(ddof=1))
    statistic = (float(d.mean()) / k - (m + 1) / (m - 1) * riv) / (1 + riv)
    df2 = k ** (-3 / m) * (m - 1) * (1 + 1 / riv) ** 2 if riv > 0 else inf
    return PooledTest(method="D2", statistic=statistic, df1=k, df2=df2, riv=riv)


def d3(ratios: np.ndarray, at_average: np.ndarray, k: int) -> PooledTest:
    """The likelihood-ratio test of Meng & Rubin.

    Parameters
    ----------
    ratios : array-like, shape (m,)
        Twice the difference of the two models' log-likelihoods in each dataset, each at its own estimates.
    at_average : array-like, shape (m,)
        The same with both models' parameters at their averages over the datasets.
    k : int
        Number of parameters that are tested.

    Returns
    -------
    PooledTest
        With r = (m + 1) / (k (m − 1)) · (mean of `ratios` − mean of `at_average`).

    Raises
    ------
    AnalysisError
        Fewer than two datasets, arrays of different lengths, `k` below 1, or a value that is not finite.
    """
    d, average = np.asarray(ratios, dtype=float), np.asarray(at_average, dtype=float)
    _check_statistics(d, "likelihood ratios")
    _check_k(k)
    if average.shape != d.shape or not np.isfinite(average).all():
        raise AnalysisError(f"at_average: {len(d)} finite numbers are needed, one for each dataset, got {at_average!r}")
    m, pooled = len(d), float(average.mean())
    riv = max((m + 1) / (k * (m - 1)) * (float(d.mean()) - pooled), 0.0)
    return PooledTest(method="D3", statistic=pooled / (k * (1 + riv)), df1=k, df2=_large_sample(m, k, riv), riv=riv)


def d4(ratios: np.ndarray, stacked: float, k: int) -> PooledTest:
    """The likelihood-ratio test of Chan & Meng, from the stacked data; it does not depend on the parametrisation.

    Parameters
    ----------
    ratios : array-like, shape (m,)
        Twice the difference of the two models' log-likelihoods in each dataset, each at its own estimates.
    stacked : float
        The same for the m datasets stacked into one, divided by m.
    k : int
        Number of parameters that are tested.

    Returns
    -------
    PooledTest
        With r = (m + 1) / (k (m − 1)) · (mean of `ratios` − `stacked`), not below 0.

    Raises
    ------
    AnalysisError
        Fewer than two datasets, `k` below 1, or a value that is not finite.
    """
    d = np.asarray(ratios, dtype=float)
    _check_statistics(d, "likelihood ratios")
    _check_k(k)
    if not np.isfinite(stacked):
        raise AnalysisError(f"stacked: a finite likelihood ratio of the stacked data is needed, got {stacked}")
    m = len(d)
    riv = max((m + 1) / (k * (m - 1)) * (float(d.mean()) - float(stacked)), 0.0)
    df2 = k * (m - 1) * (1 + 1 / riv) ** 2 if riv > 0 else inf
    return PooledTest(method="D4", statistic=float(stacked) / (k * (1 + riv)), df1=k, df2=df2, riv=riv)


def _large_sample(m: int, k: int, riv: float) -> float:
    """Denominator degrees of freedom of Li, Raghunathan & Rubin (1991)."""
    if riv <= 0:
        return inf
    t = k * (m - 1)
    if t > 4:
        return 4 + (t - 4) * (1 + (1 - 2 / t) / riv) ** 2
    return t * (1 + 1 / k) * (1 + 1 / riv) ** 2 / 2


def _reiter(m: int, k: int, riv: float, dfcom: float) -> float:
    """Denominator degrees of freedom of Reiter (2007).

    His approximation needs k (m - 1) > 4. Where there are fewer, the large-sample ones are (k + 1) / 2 times Rubin's:
    here they are as many times those of Barnard & Rubin, and not above `dfcom`.
    """
    t = k * (m - 1)
    if t <= 4:
        scalar = float(degrees_of_freedom(m, np.asarray(riv / (1 + riv)), dfcom=dfcom))
        return min((k + 1) / 2 * scalar, dfcom)
    a = riv * t / (t - 2)
    v = (dfcom + 1) / (dfcom + 3) * dfcom
    c0, c1, c2 = 1 / (t - 4), v - 2 * (1 + a), v - 4 * (1 + a)
    z = 1 / c2 + c0 * (a**2 * c1 / ((1 + a) ** 2 * c2))
    z += c0 * (8 * a**2 * c1 / ((1 + a) * c2**2) + 4 * a**2 / ((1 + a) * c2))
    z += c0 * (4 * a**2 / (c2 * c1) + 16 * a**2 * c1 / c2**3) + c0 * (8 * a**2 / c2**2)
    return 4 + 1 / z


def _checked(estimates: np.ndarray, covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q, u = np.asarray(estimates, dtype=float), np.asarray(covariances, dtype=float)
    if q.ndim != 2 or not q.shape[1] or u.shape != (*q.shape, q.shape[1]):
        raise AnalysisError(f"estimates {q.shape} and covariances {u.shape} must have the shapes (m, k) and (m, k, k)")
    check_number(len(q))
    bad = [str(i + 1) for i in range(len(q)) if not (np.isfinite(q[i]).all() and _positive_definite(u[i]))]
    if bad:
        message = (
            f"{numbered('dataset', bad)}: the estimates are not finite or their covariance matrix is not positive "
            "definite; look at that fit before pooling"
        )
        raise AnalysisError(message)
    return q, u


def _positive_definite(matrix: np.ndarray) -> bool:
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=1e-6):
        return False
    return bool(np.linalg.eigvalsh(matrix).min() > 0)


def _check_statistics(values: np.ndarray, what: str) -> None:
    if values.ndim != 1:
        raise AnalysisError(f"{what}: one number for each dataset is needed, got the shape {values.shape}")
    check_number(len(values))
    # a likelihood ratio of nested models is not negative, but a maximum found by iteration is only so good
    bad = [str(i + 1) for i, value in enumerate(values) if not (np.isfinite(value) and value > -1e-6)]
    if bad:
        message = (
            f"{what}: those of {numbered('dataset', bad)} are negative or not finite; are the models nested, the "
            "larger one first, and did both fits converge?"
        )
        raise AnalysisError(message)


def _check_k(k: int) -> None:
    if k < 1 or int(k) != k:
        raise AnalysisError(f"k: at least one parameter must be tested, got {k}; the two models are the same")
