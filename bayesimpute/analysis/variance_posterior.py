"""Draws from the posterior of a mixed linear model's variance components, for fits at the boundary of what is possible.

Where a variance is estimated as zero, no standard error says how large it may be; the posterior does. Priors: uniform
on the standard deviations of the effects (Gelman 2006, Bayesian Analysis 1:515), uniform on their correlation matrix,
flat on log σ and on the fixed effects, which are integrated out (the restricted likelihood).

The sampler is the affine-invariant ensemble of Goodman & Weare (2010, Comm. App. Math. Comp. Sci. 5:65): it needs no
tuning, which matters for a fallback, and the criterion costs the same for any number of rows.
"""

from dataclasses import dataclass, replace

import numpy as np

from bayesimpute.analysis.mixed import MixedProblem
from bayesimpute.analysis.variance_components import values

STRETCH = 2.0
WALKERS = 8
"""For each parameter."""
SWEEPS, FORGOTTEN, THINNING = 250, 50, 10


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
        """Draws of :func:`.variance_components.values`, in their order, shape (draw, quantity)."""
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
        density = log_densities(problem, ensemble)
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
    found = log_densities(problem, proposals)
    accepted = np.log(rng.random(size)) < (dim - 1) * np.log(z) + found - density[mine]
    ensemble[mine[accepted]] = proposals[accepted]
    density[mine[accepted]] = found[accepted]


def log_densities(problem: MixedProblem, points: np.ndarray) -> np.ndarray:
    """Of each (θ, log σ), up to a constant, shape (point,).

    With Σ = σ² A⁻¹ Λ Λᵀ A⁻ᵀ for the q effects of a term, priors uniform on standard deviations and correlation matrix
    are Π Σ_ii^(−q/2) for Σ; the change to θ adds Π |λ_ii|^(q − i + 1) (i from 1) and σ^(q (q + 1)).
    """
    found = np.full(len(points), -np.inf)
    inside = (np.abs(points) < 50).all(axis=1)
    theta, log_sigma = points[inside, :-1], points[inside, -1]
    with np.errstate(all="ignore"):
        prior, start = np.zeros(len(theta)), 0
        for effects in problem.random:
            q = len(effects.names)
            lower = np.zeros((len(theta), q, q))
            lower[:, *np.tril_indices(q)] = theta[:, start : start + q * (q + 1) // 2]
            start += q * (q + 1) // 2
            root = np.linalg.solve(effects.basis, lower) * np.exp(log_sigma)[:, None, None]
            diagonal = np.abs(np.diagonal(lower, axis1=1, axis2=2))
            prior += (np.arange(q, 0, -1) * np.log(diagonal)).sum(axis=1) + q * (q + 1) * log_sigma
            prior -= q / 2 * np.log((root**2).sum(axis=2)).sum(axis=1)
        total = prior - 0.5 * problem.criteria(theta, np.exp(log_sigma))
    found[inside] = np.where(np.isfinite(total), total, -np.inf)
    return found
