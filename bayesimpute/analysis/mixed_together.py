"""Mixed linear models of many datasets that differ in their outcomes, fitted together.

A sensitivity analysis fits one model to the same m datasets again and again, with outcomes that are shifted. Then X
and Z stay, and their cross-products; what is new of a dataset is Xᵀy, Zᵀy and yᵀy. The criterion of
:mod:`bayesimpute.analysis.mixed` is evaluated for all datasets at once, and its minimum is near to where it was: each
dataset's search is Newton's from the θ of its first outcome. So a fit depends on the dataset, its first outcome and
its outcome, and on no other fit.

What does not end at a minimum within the parameters, but at a standard deviation near zero, is searched for as any
other fit (:func:`.mixed.minimum`); where there is one standard deviation, a look at all sizes tells whether it is
zero. There is one grouping factor; of several the first factor's effects would have to be eliminated for each dataset
by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import pi

import numpy as np

from bayesimpute.analysis.cross_products import CrossProducts, Matrices, RandomTerm
from bayesimpute.analysis.mixed import SINGULAR, STEEPEST, MixedProblem, effects_of, minimum

STEP = 1e-4
"""Of central differences in θ."""
LONGEST = 0.5
"""Change of θ in one step."""
STEPS = 20
WIDTHS = (100 * SINGULAR, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0)
"""Relative standard deviations at which a criterion is looked at, the first being the smallest that is not zero."""
AT_ONCE = 2_000_000
"""Cross-products of clusters that are held in one array."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The criterion's minimum for one dataset and outcome."""

    problem: MixedProblem
    theta: np.ndarray


class MixedTogether:
    """The models of some datasets, of one shape.

    Parameters
    ----------
    problems : sequence of (ndarray, ndarray, sequence of RandomTerm)
        Of each dataset its first outcome, X and random effects.
    reml : bool
        As for :func:`.mixed.solve`.
    """

    def __init__(self, problems: Sequence[tuple[np.ndarray, np.ndarray, Sequence[RandomTerm]]], *, reml: bool) -> None:
        self._matrices, self._first = list[Matrices](), list[Fit]()
        for y, x, random in problems:
            terms = list(zip(random, effects_of(random, len(x)), strict=True))
            matrices = Matrices.of(x, terms)
            reduced = matrices.with_outcome(y)
            effects = tuple(effects for _, effects in terms)
            problem = MixedProblem(n=len(x), p=x.shape[1], random=effects, reml=reml, reduced=reduced)
            self._matrices.append(matrices)
            self._first.append(Fit(problem, minimum(problem)[0]))

    def fits(self, outcomes: Sequence[np.ndarray]) -> list[Fit]:
        """With other outcomes, one a dataset."""
        problems = []
        for matrices, first, y in zip(self._matrices, self._first, outcomes, strict=True):
            reduced = matrices.other_outcome(first.problem.reduced, y)
            problems.append(replace(first.problem, reduced=reduced))
        size = max(1, AT_ONCE // problems[0].reduced.across.size)
        found = list[Fit]()
        for start in range(0, len(problems), size):
            part = slice(start, start + size)
            found += _together(problems[part], [fit.theta for fit in self._first[part]])
        return found


def _together(problems: Sequence[MixedProblem], starts: Sequence[np.ndarray]) -> list[Fit]:
    one = problems[0]
    if len(one.factors) > 1:
        return [Fit(problem, minimum(problem)[0]) for problem in problems]
    criteria = Criteria.of(problems)
    theta, found = newton(criteria, np.array(starts))
    found &= np.abs(theta[:, one.diagonal]).min(axis=1) >= 100 * SINGULAR
    if theta.shape[1] == 1 and not found.all():
        nothing = without_variance(criteria) & ~found
        theta[nothing], found = 0.0, found | nothing
    return [Fit(p, t if good else minimum(p)[0]) for p, t, good in zip(problems, theta, found, strict=True)]


@dataclass(frozen=True, eq=False)
class Criteria:
    """The deviances of problems of one shape with one factor, all at once.

    Parameters
    ----------
    problems : sequence of MixedProblem
        Whose they are.
    inner, across, rest : ndarray, shapes (problem, J, q, q), (problem, J, q, K) and (problem, K, K)
        Their cross-products.
    """

    problems: Sequence[MixedProblem]
    inner: np.ndarray
    across: np.ndarray
    rest: np.ndarray

    @classmethod
    def of(cls, problems: Sequence[MixedProblem]) -> "Criteria":
        """Stacked."""
        each: list[CrossProducts] = [p.reduced for p in problems]
        return cls(problems, *(np.stack([getattr(r, name) for r in each]) for name in ("inner", "across", "rest")))

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """The deviance (``mixed.py``) of each at its θ, shape (problem,); NaN where there is none."""
        one = self.problems[0]
        q, p, n = self.inner.shape[-1], one.p, one.n
        scale = np.zeros((len(theta), 1, q, q))
        for value, (_, i, j) in zip(theta.T, one.places, strict=True):
            scale[:, 0, i, j] = value
        turned = scale.swapaxes(2, 3)
        root = cholesky(turned @ self.inner @ scale + np.eye(q))
        v = turned @ self.across
        for i in range(q):  # forward substitution, all clusters at once
            for j in range(i):
                v[:, :, i] -= root[:, :, i, j, None] * v[:, :, j]
            v[:, :, i] /= root[:, :, i, i, None]
        flat = v.reshape(len(v), -1, v.shape[-1])
        lower = cholesky(self.rest - flat.swapaxes(1, 2) @ flat)
        log_det = 2 * np.log(np.diagonal(root, axis1=2, axis2=3)).sum(axis=(1, 2))
        diagonal, df = np.diagonal(lower, axis1=1, axis2=2), n - p * one.reml
        if one.reml:
            log_det = log_det + 2 * np.log(diagonal[:, :-1]).sum(axis=1)
        return log_det + df * (1 + np.log(2 * pi * diagonal[:, -1] ** 2 / df))


def cholesky(matrices: np.ndarray) -> np.ndarray:
    """Lower factors of small matrices, shape (…, k, k), column by column for all at once; NaN where there is none."""
    lower = np.zeros_like(matrices)
    for j in range(matrices.shape[-1]):
        done = lower[..., :j]
        column = matrices[..., j:, j] - np.einsum("...il,...l->...i", done[..., j:, :], done[..., j, :])
        lower[..., j:, j] = column / np.sqrt(column[..., :1])
    return lower


@np.errstate(all="ignore")
def newton(criteria: Criteria, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each criterion is flat, from a start near it, (problem, θ), and for which that is so.

    Steps have a longest length, which falls to a quarter where a step does not descend.
    """
    value, longest = criteria(theta), np.full(len(theta), LONGEST)
    best, done = theta, np.zeros(len(theta), dtype=bool)
    for _ in range(STEPS):
        slope, curvature = _derivatives(criteria, theta, value)
        usable = np.isfinite(curvature).all(axis=(1, 2)) & np.isfinite(slope).all(axis=1) & np.isfinite(value)
        curvature[~usable], slope[~usable] = np.eye(theta.shape[1]), 0.0
        size, directions = np.linalg.eigh(curvature)
        along = np.einsum("wji,wj->wi", directions, slope) / np.maximum(np.abs(size), 1e-8)
        step = -np.einsum("wij,wj->wi", directions, along)
        length = np.abs(step).max(axis=1)
        flat = usable & (np.abs(slope).max(axis=1) < STEEPEST / 20) & (size[:, 0] > 0) & (length < LONGEST)
        best = np.where((flat & ~done)[:, None], theta + step, best)
        done |= flat
        if (done | ~usable).all():
            break
        step *= np.minimum(1.0, longest / np.maximum(length, 1e-300))[:, None]
        now = criteria(theta + step)
        descends = now <= value + STEEPEST**2
        longest[~descends] = np.minimum(longest, length)[~descends] / 4
        theta = np.where(descends[:, None], theta + step, theta)
        value = np.where(descends, now, value)
    return best, done


@np.errstate(all="ignore")
def without_variance(criteria: Criteria) -> np.ndarray:
    """Of one effect a cluster: whether the criterion is smallest at a variance of zero, bool, shape (problem,).

    It depends on θ² alone. Zero is the minimum where the criterion is larger at all of :data:`WIDTHS`.
    """
    problems = len(criteria.inner)
    at_zero = criteria(np.zeros((problems, 1)))
    beyond = np.array([criteria(np.full((problems, 1), width)) for width in WIDTHS])
    return np.isfinite(at_zero) & (beyond > at_zero).all(axis=0)


def _derivatives(criteria: Criteria, theta: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivatives by differences, (problem, θ) and (problem, θ, θ)."""
    k = theta.shape[1]
    moves = STEP * np.eye(k)
    up, down = (np.stack([criteria(theta + sign * d) for d in moves], axis=1) for sign in (1, -1))
    slope, second = (up - down) / (2 * STEP), np.empty((len(theta), k, k))
    for i in range(k):
        second[:, i, i] = (up[:, i] - 2 * value + down[:, i]) / STEP**2
        for j in range(i):
            both = criteria(theta + moves[i] + moves[j])
            second[:, i, j] = second[:, j, i] = (both - up[:, i] - up[:, j] + value) / STEP**2
    return slope, second
