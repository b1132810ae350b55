"""What the analysis of one dataset gives: coefficients, their covariance matrix, variance components.

These are the values between the analysis of a completed dataset (:mod:`bayesimpute.analysis`, or a user's own function)
and pooling (:mod:`bayesimpute.pooling`); neither needs to know more of the other.
"""

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from bayesimpute.base.arguments import typed
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import counted
from bayesimpute.base.tables import short

if TYPE_CHECKING:
    import xarray as xr


@typed
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


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A variance, correlation, ICC or R² of one fit, with its standard error on a scale where it is nearer to normal.

    Parameters
    ----------
    kind : {"variance", "correlation", "ICC", "R2"}
        What it is.
    group : str
        The grouping factor, ``"Residual"``, or nothing.
    name : str
        As a :class:`VarianceComponent` is called; ``"Intercept~~sex"`` for a correlation.
    estimate : float
        Its value.
    scale : {"log", "fisher_z", "logit"}
        That of the standard error.
    std_error : float
        NaN at the boundary (a variance of zero, a correlation of ±1) and close to it.
    """

    kind: str
    group: str
    name: str
    estimate: float
    scale: str
    std_error: float


class Posterior(Protocol):
    """Draws of a fit's quantities, for where no standard error tells how uncertain they are."""

    def draws(self, rng: np.random.Generator) -> np.ndarray:
        """In the order of :attr:`Estimate.quantities`, shape (draw, quantity)."""
        ...


@typed
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
    dfcom : float or ndarray, shape (k,)
        Complete-data degrees of freedom, of all or of each; infinite where the analysis uses a normal reference
        distribution.
    df_note : str
        What should be said about `dfcom`: how it was found, or that there are few clusters.
    variance_components : tuple of VarianceComponent
        Those of a mixed model: per factor the variances, then the covariances; the residual variance last.
    quantities : tuple of Quantity
        Variances, correlations, ICC and R² with their standard errors.
    posterior : Posterior, optional
        Of the quantities.
    draws : xarray.Dataset, optional
        Of a Bayesian fit: every parameter along ``chain`` and ``draw``, its name in the attribute ``name``.
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
    dfcom: float | np.ndarray = inf
    df_note: str = ""
    variance_components: tuple[VarianceComponent, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    posterior: Posterior | None = field(default=None, repr=False)
    draws: "xr.Dataset | None" = None
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
        if np.shape(self.dfcom) not in ((), (k,)) or not np.all(np.asarray(self.dfcom) > 0):
            message = f"dfcom must be positive, one number or one a term, got {self.dfcom}; leave it out if unknown"
            raise AnalysisError(message)

    def __str__(self) -> str:
        table = pd.DataFrame({"term": self.terms, "estimate": self.estimates, "std_error": self.std_errors})
        parts = [table.to_string(index=False, float_format=short)]
        rows = [*self.variance_components, *(q for q in self.quantities if q.kind != "variance")]
        if rows:
            other = pd.DataFrame([(r.group, r.name, r.estimate) for r in rows], columns=["group", "name", "estimate"])
            parts.append(other.to_string(index=False, float_format=short))
        used = [] if self.n_obs is None else [f"{counted(self.n_obs, 'row')}"]
        return "\n".join([*parts, *used, *self.messages])

    @property
    def std_errors(self) -> np.ndarray:
        """Shape (k,)."""
        return np.sqrt(np.diagonal(self.covariance))
