"""What follows from the variance components of a mixed linear model, with its uncertainty, and degrees of freedom.

Variances, correlations, ICC and R² are uncertain in a skewed way. Each is given with a standard error on a scale where
it is nearer to normal (log, Fisher's z, logit), from the curvature of the criterion in (θ, log σ) and the delta
method. There is none at the boundary, nor so near to it that the scale would not help; pooling then goes by posterior
draws (``variance_posterior.py``).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np

from bayesimpute.analysis.estimates import Quantity
from bayesimpute.analysis.mixed import SINGULAR, MixedProblem, covariances
from bayesimpute.analysis.rows import Problem

NEAR = 1.0
"""Standard error on the transformed scale above which a quantity is too near its boundary for a normal distribution."""
STEP = 1e-3
"""Of central differences, relative to a parameter or to a tenth, whichever is larger."""
SCALES: Mapping[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = MappingProxyType(
    {
        "variance": ("log", np.log),
        "correlation": ("fisher_z", np.arctanh),
        "ICC": ("logit", lambda v: np.log(v) - np.log1p(-v)),
        "R2": ("logit", lambda v: np.log(v) - np.log1p(-v)),
    }
)
Key = tuple[str, str, str]


def values(problem: MixedProblem, theta: np.ndarray, sigma2: float, beta: np.ndarray) -> dict[Key, float]:
    """Everything that is derived, by kind, group and name.

    ICC is a factor's share of the variance that the fixed effects leave, random slopes averaged over the rows; R² are
    those of Nakagawa, Johnson & Schielzeth (2017, J. R. Soc. Interface 14:20170213), with random slopes (Johnson 2014).
    """
    found: dict[Key, float] = {}
    shares: dict[str, float] = {}
    for effects, sigma in zip(problem.random, covariances(problem, theta, sigma2), strict=True):
        sd = np.sqrt(np.diag(sigma))
        for i, name in enumerate(effects.names):
            found["variance", effects.group, name] = float(sigma[i, i])
            for j in range(i):
                both = f"{effects.names[j]}~~{name}"
                found["correlation", effects.group, both] = float(sigma[i, j] / (sd[i] * sd[j]))
        mean = float(np.trace(sigma @ effects.basis.T @ effects.basis))
        shares[effects.group] = shares.get(effects.group, 0.0) + mean
    found["variance", "Residual", "Residual"] = sigma2
    fixed, random = float(beta @ problem.reduced.spread @ beta), sum(shares.values())
    for group, share in shares.items():
        found["ICC", group, "ICC"] = share / (random + sigma2)
    if fixed > 0:
        found["R2", "", "R2 marginal"] = fixed / (fixed + random + sigma2)
        found["R2", "", "R2 conditional"] = (fixed + random) / (fixed + random + sigma2)
    return found


def transformed(found: Mapping[Key, float]) -> np.ndarray:
    """The values on their scales, shape (quantity,)."""
    with np.errstate(all="ignore"):
        return np.array([float(SCALES[kind][1](np.asarray(v))) for (kind, _, _), v in found.items()])


@dataclass(frozen=True, eq=False)
class Curvature:
    """The criterion about its minimum, in the parameters (θ, log σ) that are not at a boundary."""

    problem: MixedProblem
    theta: np.ndarray

    @cached_property
    def fitted(self) -> tuple[np.ndarray, np.ndarray, float]:
        """β̂, its covariance and σ̂²."""
        return self.problem.fixed(self.theta)

    @cached_property
    def at(self) -> np.ndarray:
        """(θ, log σ)."""
        return np.append(self.theta, 0.5 * np.log(self.fitted[2]))

    @cached_property
    def free(self) -> np.ndarray:
        """The places in it that are not zero variances."""
        zero = {
            (factor, column)
            for (factor, row, column), value in zip(self.problem.places, self.theta, strict=True)
            if row == column and abs(value) < SINGULAR
        }
        kept = [k for k, (factor, _, column) in enumerate(self.problem.places) if (factor, column) not in zero]
        return np.array([*kept, len(self.theta)])

    def moved(self, change: np.ndarray) -> np.ndarray:
        """(θ, log σ) with a change of the free ones."""
        point = self.at.copy()
        point[self.free] += change
        return point

    @cached_property
    def steps(self) -> np.ndarray:
        """Of the differences, shape (free,)."""
        return STEP * np.maximum(np.abs(self.at[self.free]), 0.1)

    @cached_property
    def covariance(self) -> np.ndarray:
        """Of the free parameters: twice the inverse of the criterion's second derivatives; (free, free)."""
        h, k = self.steps, len(self.free)
        moves = np.diag(h)

        def criterion(change: np.ndarray) -> float:
            point = self.moved(change)
            return self.problem.criterion(point[:-1], float(np.exp(point[-1])))

        middle = criterion(np.zeros(k))
        second = np.empty((k, k))
        for i in range(k):
            second[i, i] = (criterion(moves[i]) - 2 * middle + criterion(-moves[i])) / h[i] ** 2
            for j in range(i):
                mixed = criterion(moves[i] + moves[j]) - criterion(moves[i] - moves[j])
                mixed += criterion(-moves[i] - moves[j]) - criterion(moves[j] - moves[i])
                second[i, j] = second[j, i] = mixed / (4 * h[i] * h[j])
        size, directions = np.linalg.eigh(second)
        keep = size > 1e-8 * size.max()  # as lmerTest does where the minimum is flat
        return 2 * (directions[:, keep] / size[keep]) @ directions[:, keep].T

    def gradient(self, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Derivatives of a vector function of (θ, log σ) with respect to the free ones, shape (value, free)."""
        moves = np.diag(self.steps)
        columns = [(function(self.moved(d)) - function(self.moved(-d))) / (2 * s) for d, s in zip(moves, self.steps)]
        return np.column_stack(columns)


def quantities(curvature: Curvature) -> tuple[Quantity, ...]:
    """Variances, correlations, ICC and R² with their standard errors; NaN at the boundary or near to it."""
    problem = curvature.problem
    beta, covariance, sigma2 = curvature.fitted
    found = values(problem, curvature.theta, sigma2, beta)

    def of_variances(point: np.ndarray) -> np.ndarray:
        return transformed(values(problem, point[:-1], float(np.exp(2 * point[-1])), beta))

    slope_beta = np.zeros((len(found), len(beta)))
    for j in range(len(beta)):
        step = np.zeros(len(beta))
        step[j] = STEP * max(float(np.sqrt(covariance[j, j])), 1e-300)
        high, low = (transformed(values(problem, curvature.theta, sigma2, beta + d)) for d in (step, -step))
        with np.errstate(all="ignore"):
            slope_beta[:, j] = (high - low) / (2 * step[j])
    with np.errstate(all="ignore"):
        slope = curvature.gradient(of_variances)
        variance = ((slope @ curvature.covariance) * slope).sum(axis=1)
        variance = variance + ((slope_beta @ covariance) * slope_beta).sum(axis=1)
        errors = np.sqrt(variance)
    errors = _inside(list(found), errors, singular=len(curvature.free) <= len(curvature.theta))
    return tuple(
        Quantity(kind=kind, group=group, name=name, estimate=value, scale=SCALES[kind][0], std_error=float(error))
        for ((kind, group, name), value), error in zip(found.items(), errors, strict=True)
    )


def _inside(keys: list[Key], errors: np.ndarray, *, singular: bool) -> np.ndarray:
    """The standard errors, NaN where the fit is at a boundary or near it: all that depends on such a variance."""
    with np.errstate(invalid="ignore"):
        good = np.isfinite(errors) & (errors <= NEAR) & (errors > 0)
    residual = np.array([group == "Residual" for _, group, _ in keys])
    variances = np.array([kind == "variance" for kind, _, _ in keys])
    if singular or not good[variances].all():
        good &= variances
    return np.where(good & (residual | (not singular)), errors, np.nan)


def satterthwaite(curvature: Curvature) -> np.ndarray:
    """Degrees of freedom of each fixed effect, shape (p,).

    2 C² / (gᵀ V g), with C the variance of the estimate, g its gradient in the variance parameters and V their
    covariance (Satterthwaite 1946; as R's lmerTest: Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13)).
    """

    def variances(point: np.ndarray) -> np.ndarray:
        return np.diag(curvature.problem.covariance(point[:-1], float(np.exp(point[-1]))))

    slope = curvature.gradient(variances)
    spread = ((slope @ curvature.covariance) * slope).sum(axis=1)
    return 2 * np.diag(curvature.fitted[1]) ** 2 / spread


def between_within(problem: Problem) -> np.ndarray:
    """Degrees of freedom of each fixed effect by the level at which its column varies, shape (p,).

    Columns that are constant within the clusters have clusters less the rank of all such columns; the others rows
    less clusters less the rank that they add (Schluchter & Elashoff 1990, J. Stat. Comput. Simul. 37:69). Of several
    factors, the coarsest within which a column is constant counts.
    """
    factors = {term.group: term.codes for term in problem.random}
    clusters = {group: int(codes.max()) + 1 for group, codes in factors.items()}
    order = sorted(factors, key=lambda group: clusters[group])
    level = np.array([_level(column, [factors[g] for g in order]) for column in problem.x.T])
    sizes = [clusters[g] for g in order] + [problem.n]
    df = np.empty(len(level))
    for k, size in enumerate(sizes):
        rank = int((level == k).sum())
        below = sizes[k - 1] if k else 0
        df[level == k] = max(size - below - rank, 1)
    return df


def _level(column: np.ndarray, factors: list[np.ndarray]) -> int:
    """The first of the factors within whose clusters a column is constant, else their number."""
    for k, codes in enumerate(factors):
        first = np.empty(int(codes.max()) + 1)
        first[codes[::-1]] = column[::-1]
        if np.allclose(first[codes], column, rtol=1e-12, atol=1e-12):
            return k
    return len(factors)
