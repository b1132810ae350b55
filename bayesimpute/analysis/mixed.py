"""Mixed linear models by (restricted) maximum likelihood, for the analysis of completed datasets.

statsmodels' MixedLM takes 0.16 s on 1,152 rows, stops short of the maximum on random-slope data that lme4 fits, and has
no correlated effects of more than one factor. This fitter maximises the profiled (RE)ML criterion of lme4 (Bates,
Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1), section 3) on cross-products, so that an evaluation costs the same
however many rows there are. The effects of the factor with most clusters are eliminated cluster by cluster, those of
further factors, nested or crossed, by one dense Cholesky factor.

glmm, by which generalised linear mixed models go (``generalised_mixed.py``), fits linear ones too, in a tenth of the
time and to the same figures: on ten completed popmis data, crossed factors and fits at the boundary, coefficients to
1e-5 standard errors, deviances to 1e-9, Satterthwaite's degrees of freedom to 3e-4, and the same fits singular.
It cannot take this fitter's place. It has no independent effects of one factor, no effects without an intercept and no
slopes beside the fixed effects; it fails where an outcome's mean is some 1e8 times its standard deviation;
and it gives the criterion at its maximum alone, where the standard errors of variances, correlations, ICC and R²
(``variance_components.py``), the posterior at the boundary (``variance_posterior.py``) and D3 (``likelihood.py``) need
it anywhere. What it could replace is the search, :func:`minimum`, for some structures; two searches would be more to
keep, not less.

:func:`solve` takes arrays; ``linear.py`` makes them from a formula and a frame, ``variance_components.py`` says what
the variance components are and how certain. To add a structure of random effects, write its relative Cholesky factor Λ
in :meth:`MixedProblem.lambdas`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log, pi
from typing import Any

import numpy as np

from bayesimpute.analysis.cross_products import CrossProducts, Effects, RandomTerm, cross_products, in_order
from bayesimpute.analysis.estimates import VarianceComponent
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import listed

SINGULAR = 1e-4  # a relative standard deviation below this counts as zero, as in lme4's isSingular
LARGEST = 1e5  # a relative standard deviation above this means that there is no residual variance
STEEPEST = 2e-3  # the slope of the deviance that still counts as flat, as in lme4's check.conv.grad


def solve(
    y: np.ndarray, x: np.ndarray, random: Sequence[RandomTerm], *, reml: bool
) -> tuple["MixedProblem", np.ndarray, tuple[str, ...]]:
    """Fit y = X β + Σ Z b + ε by (restricted) maximum likelihood, b ~ N(0, σ² Λ Λᵀ) independent between clusters.

    Parameters
    ----------
    y : ndarray, shape (unit,)
        The outcome.
    x : ndarray, shape (unit, p)
        Design matrix of the fixed effects, of full column rank.
    random : sequence of RandomTerm
        The random effects; terms of one factor are independent of each other, those within a term correlated.
    reml : bool
        Restricted maximum likelihood, as lme4's default, or maximum likelihood.

    Returns
    -------
    MixedProblem, ndarray
        The problem, and the elements θ of Λ where its criterion is smallest; :meth:`MixedProblem.fixed` and
        :func:`variance_components` make the estimates of them.
    tuple of str
        A fit at the boundary (a variance of zero, a correlation of ±1) and one without convergence are told here.

    Raises
    ------
    AnalysisError
        One cluster only, not fewer random effects than rows, no residual variance, or factors with too many clusters.
    """
    _check_random(len(y), random)
    problem = MixedProblem.of(y=y, x=x, random=random, reml=reml)
    theta, converged = minimum(problem)
    return problem, theta, _judge(problem, theta, converged)


def _check_random(n: int, random: Sequence[RandomTerm]) -> None:
    for term in random:
        clusters, q = int(term.codes.max()) + 1, len(term.names)
        if clusters < 2:
            message = (
                f"({', '.join(term.names)} | {term.group}): there is one cluster only; leave the random effects out"
            )
            raise AnalysisError(message)
        if clusters * q >= n:
            message = (
                f"({', '.join(term.names)} | {term.group}): {clusters * q} random effects for {n} rows cannot be told "
                "from the residuals; use fewer random effects or a coarser cluster"
            )
            raise AnalysisError(message)


@dataclass(frozen=True, kw_only=True, eq=False)
class MixedProblem:
    """A mixed linear model reduced to cross-products, and its profiled criterion; the rows are not kept.

    The columns of X and of each Z are orthonormalised and y is replaced by its scaled least-squares residual, so that
    neither units nor origins of the variables matter to the optimiser; results are on the original scale.

    Parameters
    ----------
    n, p : int
        Numbers of rows and of fixed effects.
    random : tuple of Effects
        The random effects.
    reml : bool
        Whether the likelihood is the restricted one.
    reduced : CrossProducts
        The cross-products that the criterion needs.
    """

    n: int
    p: int
    random: tuple[Effects, ...]
    reml: bool
    reduced: "CrossProducts"

    @classmethod
    def of(cls, *, y: np.ndarray, x: np.ndarray, random: Sequence[RandomTerm], reml: bool) -> "MixedProblem":
        """From arrays, as for :func:`solve`."""
        n, p = x.shape
        effects = effects_of(random, n)
        reduced = cross_products(y, x, list(zip(random, effects, strict=True)))
        return cls(n=n, p=p, random=effects, reml=reml, reduced=reduced)

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors; first the one with most random effects, whose block is eliminated by cluster."""
        return in_order(self.random)

    @cached_property
    def places(self) -> tuple[tuple[int, int, int], ...]:
        """Of each element of θ: its factor, row and column in that factor's relative Cholesky factor Λ."""
        places, filled = [], dict.fromkeys(self.factors, 0)
        for term in self.random:
            start, q = filled[term.group], len(term.names)
            places += [(self.factors.index(term.group), start + i, start + j) for i in range(q) for j in range(i + 1)]
            filled[term.group] += q
        return tuple(places)

    @property
    def diagonal(self) -> np.ndarray:
        """Bool, shape of θ: which elements are on the diagonal of a Λ; their sign means nothing."""
        return np.array([i == j for _, i, j in self.places])

    def lambdas(self, theta: np.ndarray) -> list[np.ndarray]:
        """Λ per factor, lower triangular, in the orthonormalised basis."""
        widths = [sum(len(t.names) for t in self.random if t.group == factor) for factor in self.factors]
        matrices = [np.zeros((q, q)) for q in widths]
        for value, (factor, i, j) in zip(theta, self.places, strict=True):
            matrices[factor][i, j] = value
        return matrices

    def deviance(self, theta: np.ndarray) -> float:
        """−2 log (restricted) likelihood, profiled over β and σ², up to a constant (Bates et al. 2015, section 3)."""
        try:
            log_det, lower = self.reduced.factorise(self.lambdas(theta))
        except np.linalg.LinAlgError:  # no residual variance is left, to rounding
            return inf
        p = self.p
        r = lower[-1, -1]
        if self.reml:
            df = self.n - p
            log_det += 2 * np.log(np.diagonal(lower)[-p - 1 : -1]).sum()
        else:
            df = self.n
        return log_det + df * (1 + log(2 * pi * r * r / df))

    def criterion(self, theta: np.ndarray, sigma: float) -> float:
        """−2 log (restricted) likelihood of the data at θ and σ, profiled over β only; without a constant in REML."""
        try:
            log_det, lower = self.reduced.factorise(self.lambdas(theta))
        except np.linalg.LinAlgError:
            return inf
        if self.reml:
            log_det += 2 * np.log(np.diagonal(lower)[-self.p - 1 : -1]).sum()
        residual = (lower[-1, -1] * self.reduced.scale / sigma) ** 2
        return log_det + (self.n - self.p * self.reml) * log(2 * pi * sigma * sigma) + residual

    def criteria(self, thetas: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
        """:meth:`criterion` at many points at once, shapes (point, θ) and (point,); fast for one grouping factor."""
        if len(self.factors) > 1:
            return np.array([self.criterion(theta, float(s)) for theta, s in zip(thetas, sigmas, strict=True)])
        lambdas = np.array([self.lambdas(theta)[0] for theta in thetas]).reshape(len(thetas), *[len(self._first)] * 2)
        try:
            with np.errstate(all="ignore"):
                log_det, lower = self.reduced.factorise_many(lambdas)
        except np.linalg.LinAlgError:  # at one of them
            return np.array([self.criterion(theta, float(s)) for theta, s in zip(thetas, sigmas, strict=True)])
        diagonal = np.diagonal(lower, axis1=1, axis2=2)
        if self.reml:
            log_det = log_det + 2 * np.log(diagonal[:, -self.p - 1 : -1]).sum(axis=1)
        residual = (diagonal[:, -1] * self.reduced.scale / sigmas) ** 2
        return log_det + (self.n - self.p * self.reml) * np.log(2 * pi * sigmas**2) + residual

    @property
    def _first(self) -> list[str]:
        return [name for effects in self.random if effects.group == self.factors[0] for name in effects.names]

    def covariance(self, theta: np.ndarray, sigma: float) -> np.ndarray:
        """Of β̂ at θ and σ, shape (p, p)."""
        _, covariance, sigma2 = self.fixed(theta)
        return covariance * (sigma * sigma / sigma2)

    def fixed(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """β̂ (p,), its covariance (p, p) and σ̂² at θ."""
        _, lower = self.reduced.factorise(self.lambdas(theta))
        p = self.p
        sigma2 = float(lower[-1, -1] ** 2) / (self.n - p * self.reml) * self.reduced.scale**2
        # L_X Lᵀ_X is the information about β in the orthonormal basis; `back` leads from there to the columns of X.
        root, right = lower[-p - 1 : -1, -p - 1 : -1], lower[-1, -p - 1 : -1]
        back = np.linalg.solve(self.reduced.r_x, np.linalg.inv(root).T)
        beta = self.reduced.beta + self.reduced.scale * back @ right
        return beta, sigma2 * back @ back.T, sigma2


def effects_of(random: Sequence[RandomTerm], n: int) -> tuple[Effects, ...]:
    """The random effects of n rows without their data."""
    return tuple(
        Effects(
            group=term.group,
            names=term.names,
            clusters=int(term.codes.max()) + 1,
            basis=np.linalg.qr(term.z, mode="r") / np.sqrt(n),
        )
        for term in random
    )


def minimum(problem: MixedProblem) -> tuple[np.ndarray, bool]:
    """θ of the smallest deviance, and whether it is a minimum.

    θ is not bounded: the deviance does not depend on the sign of a column of Λ, and a bound at zero makes false minima
    where a column would have to change its sign. A column of zeros is a stationary point, minimum or not, so a
    search that ends at a zero is repeated from another start and the better one counts.
    """
    from scipy.optimize import minimize

    diagonal = problem.diagonal

    @np.errstate(all="ignore")
    def search(start: np.ndarray) -> Any:
        options = {"ftol": 1e-13, "gtol": STEEPEST / 10, "maxiter": 500, "maxfun": 100_000}
        return minimize(problem.deviance, start, method="L-BFGS-B", jac="3-point", options=options)

    def flat(result: Any) -> bool:
        return float(np.abs(result.jac).max()) < STEEPEST

    best = search(np.where(diagonal, 1.0, 0.0))
    if not flat(best) or np.abs(best.x[diagonal]).min() < 100 * SINGULAR:
        best = min(best, search(np.where(diagonal, 0.2, 0.0)), key=lambda result: result.fun)
    if not flat(best):
        tight = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2000 * len(diagonal), "maxfev": 2000 * len(diagonal)}
        simplex = minimize(problem.deviance, best.x, method="Nelder-Mead", options=tight)
        best = min(best, search(simplex.x), key=lambda result: result.fun)
    return _without_traces(problem, best.x, float(best.fun)), flat(best)


def _without_traces(problem: MixedProblem, theta: np.ndarray, deviance: float) -> np.ndarray:
    """θ with the relative standard deviations that the search left just above zero set to it, if the fit is as good."""
    zero = np.where(problem.diagonal & (np.abs(theta) < 100 * SINGULAR), 0.0, theta)
    return zero if problem.deviance(zero) <= deviance + STEEPEST**2 else theta


def _judge(problem: MixedProblem, theta: np.ndarray, converged: bool) -> tuple[str, ...]:
    if float(np.abs(theta).max()) > LARGEST:
        message = (
            "the random effects explain the outcome entirely: no residual variance is left; use fewer random effects"
        )
        raise AnalysisError(message)
    found: tuple[str, ...] = () if converged else ("the mixed model did not converge: simplify its random part",)
    zeros = {
        problem.factors[place[0]]
        for place, value, diagonal in zip(problem.places, theta, problem.diagonal, strict=True)
        if diagonal and abs(value) < SINGULAR
    }
    singular = f"singular fit: a variance of {listed(sorted(zeros))} is zero or a correlation is 1 or -1"
    return (*found, singular) if zeros else found


def covariances(problem: MixedProblem, theta: np.ndarray, sigma2: float) -> list[np.ndarray]:
    """The covariance matrix (q, q) of each term's effects, on the scale of the columns of Z."""
    found, start = [], 0
    for effects in problem.random:
        q = len(effects.names)
        root = np.zeros((q, q))
        root[np.tril_indices(q)] = theta[start : start + q * (q + 1) // 2]
        start += q * (q + 1) // 2
        root = np.linalg.solve(effects.basis, root) * np.sqrt(sigma2)
        found.append(root @ root.T)
    return found


def variance_components(problem: MixedProblem, theta: np.ndarray) -> tuple[VarianceComponent, ...]:
    """Per factor the variances, then the covariances; the residual's last."""
    _, _, sigma2 = problem.fixed(theta)
    variances: dict[str, list[VarianceComponent]] = {}
    products: dict[str, list[VarianceComponent]] = {}
    for effects, sigma in zip(problem.random, covariances(problem, theta, sigma2), strict=True):
        group, names = effects.group, effects.names
        variances.setdefault(group, []).extend(
            VarianceComponent(group=group, name=a, estimate=float(sigma[i, i])) for i, a in enumerate(names)
        )
        products.setdefault(group, []).extend(
            VarianceComponent(group=group, name=f"{names[i]}~~{names[j]}", estimate=float(sigma[i, j]))
            for i in range(len(names))
            for j in range(i + 1, len(names))
        )
    listed = [component for group in variances for component in variances[group] + products[group]]
    return (*listed, VarianceComponent(group="Residual", name="Residual", estimate=sigma2))
