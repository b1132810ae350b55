"""Generalised linear mixed models by maximum likelihood: the one file that knows glmm.

glmm (Lenartowicz 2026) maximises the Laplace approximation of the likelihood, or its adaptive Gauss-Hermite quadrature
with ``nodes`` points for each effect, as R's lme4 does. It reads formulas of its own; it is given columns that ours has
made. It wants an intercept among the effects of a cluster and each slope among the fixed effects; the fixed effects
are recombined where a slope is a linear combination of them, which changes nothing else. Its warnings become our
messages and errors in ``TOLD`` and ``FATAL``; ``generalised_estimates.py`` makes estimates of what it has found.
"""

from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd

from bayesimpute.analysis.rows import Problem
from bayesimpute.analysis.variance_components import NEAR
from bayesimpute.base.errors import AnalysisError
from bayesimpute.base.phrases import listed

if TYPE_CHECKING:
    from bayesimpute.analysis.model import Model

MOST_NODES = 25
LARGEST_SHAPE = 9_999.0
"""Of negative binomial counts; glmm looks for it up to 10,000."""
NAMES = MappingProxyType({"bernoulli": "binomial"})
"""What glmm calls a family otherwise."""
TOLD = MappingProxyType(
    {
        "search_limit": "the mixed model did not converge: simplify its random part",
        "nb_shape_unsettled": "the dispersion of the negative binomial did not settle: are the counts overdispersed?",
        "pirls_exhausted": "the last step of the fit did not finish, its figures are less exact: simplify the model",
        "ill_conditioned": "predictors are nearly collinear, their coefficients are hardly determined",
        "hessian_se_fallback": "the standard errors are of a simpler kind, and tend to be too small",
        "precision_limited": "the counts are too large for full precision: the variances may be off by a tenth",
        "variance_at_limit": "a variance of the random effects has no finite estimate: simplify the random part",
    }
)
FATAL = MappingProxyType(
    {
        "fit_failed": "the mixed model could not be fitted; simplify its random part, or look for collinear predictors",
        "glm_diverged": "fitted values run to the end of their range: a predictor separates the outcomes; leave it out",
        "se_unavailable": "the standard errors cannot be computed; look for predictors that are nearly collinear",
        "single_level_grouping_dropped": "there is one cluster only; leave the random effects out",
        "few_rows_for_random_effects": "there are more random effects than rows; use fewer, or a coarser cluster",
        "agq_fallback": "nodes: quadrature takes up to three effects of one grouping factor; leave it out",
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Maximum:
    """What glmm has found, in terms of the formula.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    model : Model
        How.
    fitted : glmm.Fit
        By glmm.
    back : ndarray, shape (p, p)
        From glmm's coefficients to those of the formula.
    messages : tuple of str
        What its warnings say.
    """

    problem: Problem
    model: "Model"
    fitted: Any
    back: np.ndarray
    messages: tuple[str, ...]

    @property
    def estimates(self) -> np.ndarray:
        """The coefficients, shape (p,)."""
        return self.back @ self.fitted.beta

    @property
    def covariance(self) -> np.ndarray:
        """Of the coefficients, shape (p, p)."""
        found = self.back @ self.fitted.vcov @ self.back.T
        return (found + found.T) / 2

    @cached_property
    def covariances(self) -> list[np.ndarray]:
        """The covariance matrix (q, q) of each term's effects."""
        found = []
        for term, packed in zip(self.problem.random, self.fitted.varcorr, strict=True):
            q = len(term.names)
            lower = np.zeros((q, q))
            lower.T[np.triu_indices(q)] = packed  # column by column of the lower triangle
            found.append(lower + np.tril(lower, -1).T)
        return found

    @property
    def log_errors(self) -> list[np.ndarray]:
        """Standard errors of each term's log variances, shape (q,); NaN at the boundary and near it."""
        found, start = [], 0
        for sigma in self.covariances:
            q = len(sigma)
            diagonal = start + np.cumsum([0, *range(q, 1, -1)])
            start += q * (q + 1) // 2
            with np.errstate(all="ignore"):
                errors = 2 * np.asarray(self.fitted.stddev_se)[diagonal] / np.sqrt(np.diag(sigma))
                good = np.isfinite(errors) & (errors > 0) & (errors <= NEAR) & (not self.fitted.singular)
            found.append(np.where(good, errors, np.nan))
        return found

    @property
    def dispersion(self) -> float | None:
        """Of gamma models φ in var y = φ μ², of negative binomial ones in var y = μ + φ μ²; None for others."""
        if self.model.family == "negativebinomial":
            return 1 / self.fitted.dispersion
        return float(self.fitted.dispersion) if self.model.family == "gamma" else None


def maximum(problem: Problem, model: "Model") -> Maximum:
    """Fit a model.

    Raises
    ------
    AnalysisError
        glmm does not have such random effects, or cannot fit them to these data.
    """
    import glmm

    columns, slopes, back = _columns(problem)
    random = [f"(1 {''.join(f'+ x{j} ' for j in js)}| g{k})" for k, js in enumerate(slopes)]
    formula = " + ".join(["y ~ 0", *(f"x{j}" for j in range(len(back))), *random])
    with catch_warnings():
        simplefilter("ignore")  # they are in `warnings` too
        fitted = glmm.fit(
            columns,
            formula,
            NAMES.get(model.family, model.family),
            link=model.link,
            nagq=model.nodes,
            anova_test="Wald",
        )
    return Maximum(problem=problem, model=model, fitted=fitted, back=back, messages=_judged(problem, fitted))


def _columns(problem: Problem) -> tuple[dict[str, Any], list[list[int]], np.ndarray]:
    """What glmm takes as data, the places of each term's slopes among the fixed effects, and the way back from them."""
    back, taken, slopes = np.eye(len(problem.names)), [], []
    groups = [term.group for term in problem.random]
    for term in problem.random:
        if np.ptp(term.z[:, 0]) > 0 or groups.count(term.group) > 1:
            what = f"({', '.join(term.names)} | {term.group})"
            remedy = f'write (1 + x | {term.group}), or use engine="bambi"'
            raise AnalysisError(f'{what}: engine="glmm" has correlated effects with an intercept only; {remedy}')
        slopes.append([])
        for name, z in zip(term.names[1:], term.z.T[1:], strict=True):
            place = _placed(problem.x, back, z, taken)
            if place is None:
                remedy = f'add {name} to the fixed effects, or use engine="bambi"'
                raise AnalysisError(
                    f'({name} | {term.group}): engine="glmm" takes slopes of fixed effects only; {remedy}'
                )
            slopes[-1].append(place)
    fixed = {f"x{j}": column for j, column in enumerate((problem.x @ back).T)}
    return {"y": problem.y, **fixed, **{f"g{k}": _factor(t.codes) for k, t in enumerate(problem.random)}}, slopes, back


def _placed(x: np.ndarray, back: np.ndarray, z: np.ndarray, taken: list[int]) -> int | None:
    """The place of a slope's column: ``x @ back`` is given it there, where it has none, and the place is `taken`."""
    now = x @ back
    for place in taken:
        if np.allclose(now[:, place], z):
            return place
    weights = np.linalg.lstsq(now, z, rcond=None)[0]
    if not np.allclose(now @ weights, z, rtol=0, atol=1e-8 * float(np.abs(z).max())):
        return None
    size = np.abs(weights) * np.linalg.norm(now, axis=0)
    free = [j for j in range(len(size)) if j not in taken and size[j] > 1e-8 * size.max()]
    if not free:
        return None
    place = max(free, key=lambda j: size[j])
    back[:, place] = back @ weights
    taken.append(place)
    return place


def _factor(codes: np.ndarray) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=[f"{k}" for k in range(int(codes.max()) + 1)])


def _judged(problem: Problem, fitted: Any) -> tuple[str, ...]:
    """What glmm warns of, in our words; what makes the figures useless is an error."""
    kinds = [warning["kind"] for warning in fitted.warnings]
    for kind in kinds:
        if kind in FATAL:
            raise AnalysisError(f"{problem.formula.excerpt}: {FATAL[kind]}")
    if not (np.isfinite(fitted.beta).all() and np.isfinite(fitted.vcov).all()):
        raise AnalysisError(f"{problem.formula.excerpt}: {FATAL['fit_failed']}")
    found = [TOLD[kind] for kind in kinds if kind in TOLD]
    if fitted.singular:
        found.append(
            f"singular fit: a variance of {listed(_zero(problem, fitted))} is zero or a correlation is 1 or -1"
        )
    if fitted.family == "negativebinomial" and fitted.dispersion >= LARGEST_SHAPE:
        found.append('the counts are not overdispersed: family="poisson" fits them as well')
    return tuple(found)


def _zero(problem: Problem, fitted: Any) -> list[str]:
    """The factors with a variance of zero or a correlation of ±1; all, where glmm does not say which."""
    pinned = fitted.diagnostics["pinned"]
    return [term.group for k, term in enumerate(problem.random) if not any(map(any, pinned)) or any(pinned[k])]
