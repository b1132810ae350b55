"""What the analysis of one dataset gives: coefficients, their covariance matrix, variance components.

These are the values between the analysis of a completed dataset (:mod:`bayesimpute.analysis`, or a user's own function)
and pooling (:mod:`bayesimpute.pooling`); neither needs to know more of the other.
"""

from dataclasses import dataclass
from math import inf

import numpy as np

from bayesimpute.outcome import AnalysisError


@dataclass(frozen=True, kw_only=True)
class VarianceComponent:
    """A variance or covariance of a mixed model.

    Parameters
    ----------
    group : str
        The grouping factor (``"school"``, ``"a:b"``), or ``"Residual"``.
    name : str
        The effect for a variance (``"Intercept"``, ``"sex"``), ``"Intercept~~sex"`` for a covariance, ``"Residual"``.
    estimate : float
        Its value, on the variance scale.
    """

    group: str
    name: str
    estimate: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Estimate:
    """What the analysis of one dataset gives.

    Parameters
    ----------
    terms : tuple of str
        Names of the k coefficients.
    estimates : ndarray, shape (k,)
        The coefficients.
    covariance : ndarray, shape (k, k)
        Their sampling covariance matrix.
    dfcom : float
        Complete-data degrees of freedom; infinite where the analysis uses a normal reference distribution.
    variance_components : tuple of VarianceComponent
        Those of a mixed model: per factor the variances, then the covariances; the residual variance last.
    n_obs : int, optional
        Number of rows used.
    messages : tuple of str
        What the reader of the result should know: no convergence, singular fit, rows left out.

    Raises
    ------
    AnalysisError
        The shapes do not agree, or `dfcom` is not positive.
    """

    terms: tuple[str, ...]
    estimates: np.ndarray
    covariance: np.ndarray
    dfcom: float = inf
    variance_components: tuple[VarianceComponent, ...] = ()
    n_obs: int | None = None
    messages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        k = len(self.terms)
        if np.shape(self.estimates) != (k,) or np.shape(self.covariance) != (k, k):
            message = (
                f"{k} terms need estimates of shape ({k},) and a covariance matrix of shape ({k}, {k}), got "
                f"{np.shape(self.estimates)} and {np.shape(self.covariance)}"
            )
            raise AnalysisError(message)
        if not self.dfcom > 0:
            message = f"dfcom must be positive, got {self.dfcom}; leave it out if it is unknown"
            raise AnalysisError(message)

    @property
    def std_errors(self) -> np.ndarray:
        """Shape (k,)."""
        return np.sqrt(np.diagonal(self.covariance))
