"""Draws from the posterior of a mixed linear model's variance components, for fits at the boundary of what is possible.

Where a variance is estimated as zero, no standard error says how large it may be; the posterior does. Priors: uniform
on the standard deviations of the effects (Gelman 2006, Bayesian Analysis 1:515), uniform on their correlation matrix,
flat on log σ and on the fixed effects, which are integrated out (the restricted likelihood).

The sampler is the affine-invariant ensemble of Goodman & Weare (2010, Comm. App. Math. Comp. Sci. 5:65): it needs no
tuning, which matters for a fallback, and the criterion costs the same for any number of rows.
"""

from dataclasses import dataclass, replace

import numpy as np

from bayesimpute.analysis.components import values
from bayesimpute.analysis.mixed import MixedProblem, covariances

STRETCH = 2.0
WALKERS = 8
"""For each parameter."""
SWEEPS, FORGOTTEN, THINNING = 400, 100, 10


@dataclass(frozen=True, eq=False)
class VariancePosterior:
    """The posterior of one fit's derived quantities.

    Parameters
    ----------
    problem : MixedProblem
        What was fitted.
    theta : ndarray
        The maximum, from where the ensemble starts.
    """

    problem: MixedProblem
    theta: np.ndarray

    def draws(self, rng: np.random.Generator) -> np.ndarray:
        """Draws of :func:`.components.values`, in their order, shape (draw, quantity)."""
        problem = replace(self.problem, reml=True)
        rows = []
        for point in self._points(problem, rng):
            theta, sigma = point[:-1], float(np.exp(point[-1]))
            beta, _, _ = problem.fixed(theta)
            root = np.linalg.cholesky(problem.covariance(theta, sigma))
            beta = beta + root @ rng.standard_normal(len(beta))
            rows.append(list(values(problem, theta, sigma**2, beta).values()))
        return np.array(rows)

    def _points(self, problem: MixedProblem, rng: np.random.Generator) -> np.ndarray:
        """(θ, log σ), shape (draw, parameter)."""
        start = np.append(self.theta, 0.5 * np.log(self.problem.fixed(self.theta)[2]))
        dim = len(start)
        ensemble = start + 0.1 * rng.standard_normal((WALKERS * dim, dim)) * np.maximum(np.abs(start), 0.5)
        density = np.array([log_density(problem, point) for point in ensemble])
        kept = []
        for sweep in range(SWEEPS):
            for half in (0, 1):
                _stretch(problem, ensemble, density, half, rng)
            if sweep >= FORGOTTEN and sweep % THINNING == 0:
                kept.append(ensemble.copy())
        return np.concatenate(kept)


def _stretch(
    problem: MixedProblem, ensemble: np.ndarray, density: np.ndarray, half: int, rng: np.random.Generator
) -> None:
    """Move each walker of one half along the line to one of the other half."""
    size, dim = len(ensemble) // 2, ensemble.shape[1]
    mine, others = np.arange(half, 2 * size, 2), np.arange(1 - half, 2 * size, 2)
    partners = ensemble[rng.choice(others, size)]
    z = ((STRETCH - 1) * rng.random(size) + 1) ** 2 / STRETCH
    proposals = partners + z[:, None] * (ensemble[mine] - partners)
    found = np.array([log_density(problem, point) for point in proposals])
    accepted = np.log(rng.random(size)) < (dim - 1) * np.log(z) + found - density[mine]
    ensemble[mine[accepted]] = proposals[accepted]
    density[mine[accepted]] = found[accepted]


def log_density(problem: MixedProblem, point: np.ndarray) -> float:
    """Of (θ, log σ), up to a constant.

    With Σ = σ² A⁻¹ Λ Λᵀ A⁻ᵀ for the q effects of a term, priors uniform on standard deviations and correlation matrix
    are Π Σ_ii^(−q/2) for Σ; the change to θ adds Π |λ_ii|^(q − i + 1) (i from 1) and σ^(q (q + 1)).
    """
    theta, log_sigma = point[:-1], float(point[-1])
    if not (np.abs(point) < 50).all():
        return -np.inf
    with np.errstate(all="ignore"):
        prior, start = 0.0, 0
        for effects, sigma in zip(
            problem.random, covariances(problem, theta, float(np.exp(2 * log_sigma))), strict=True
        ):
            q = len(effects.names)
            ends = start + np.cumsum(np.arange(1, q + 1)) - 1
            prior += float((np.arange(q, 0, -1) * np.log(np.abs(theta[ends]))).sum())
            prior += q * (q + 1) * log_sigma - q / 2 * float(np.log(np.diag(sigma)).sum())
            start += q * (q + 1) // 2
        total = prior - 0.5 * problem.criterion(theta, float(np.exp(log_sigma)))
    return total if np.isfinite(total) else -np.inf
