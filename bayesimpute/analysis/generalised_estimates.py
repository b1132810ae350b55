"""What the analysis of a dataset by a generalised linear mixed model gives, and the model's likelihood for tests."""

from collections.abc import Callable, Iterator, Sequence
from math import inf, pi
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from bayesimpute.analysis.estimates import Estimate, Quantity, VarianceComponent
from bayesimpute.analysis.generalised_mixed import Maximum, maximum
from bayesimpute.analysis.integrated_likelihood import LAWS, Marginal
from bayesimpute.analysis.mixed import RandomTerm
from bayesimpute.analysis.rows import Problem
from bayesimpute.analysis.variance_components import between_within
from bayesimpute.base.phrases import counted

if TYPE_CHECKING:
    from bayesimpute.analysis.model import Model

FEW = 40
"""Clusters below which the normal distribution is known to give too short intervals (Maas & Hox 2005)."""
LATENT = MappingProxyType({"logit": pi**2 / 3, "probit": 1.0, "cloglog": pi**2 / 6})
"""The residual variance of a binary outcome on the latent scale (Nakagawa & Schielzeth 2010, Biol. Rev. 85:935)."""


def fit_generalised_mixed(problem: Problem, model: "Model") -> Estimate:
    """A regression of probabilities, counts or positive numbers with random effects; overdispersed counts without too.

    Returns
    -------
    Estimate
        Standard errors are those of the observed information about all parameters. Variances have theirs on the log
        scale, but not where they are estimated as zero or nearly so; glmm has none for correlations. `dfcom` is
        infinite, n − k without random effects, or by `model.df`.
    """
    found = maximum(problem, model)
    return Estimate(
        terms=problem.names,
        estimates=found.estimates,
        covariance=found.covariance,
        dfcom=_dfcom(problem, model),
        df_note=_note(problem, model),
        variance_components=tuple(_components(found)),
        quantities=tuple(_quantities(found)),
        n_obs=problem.n,
        messages=problem.messages + found.messages,
    )


def likelihood_parts(found: Maximum) -> tuple[np.ndarray, Callable[[np.ndarray], float]]:
    """The parameters at the maximum (coefficients, variances and covariances, dispersion), and the log-likelihood."""
    problem, model, p = found.problem, found.model, len(found.estimates)
    law = LAWS[model.family, model.link]
    marginal = Marginal(y=problem.y, random=problem.random, law=law, nodes=model.nodes)
    extra = [] if found.dispersion is None else [found.dispersion]
    parts = [sigma[np.tril_indices(len(sigma))] for sigma in found.covariances]

    def at(parameters: np.ndarray) -> float:
        rest, sigmas = parameters[p:], []
        for term in problem.random:
            q = len(term.names)
            lower = np.zeros((q, q))
            lower[np.tril_indices(q)] = rest[: q * (q + 1) // 2]
            sigmas.append(lower + np.tril(lower, -1).T)
            rest = rest[q * (q + 1) // 2 :]
        return marginal(problem.x @ parameters[:p], sigmas, *map(float, rest))

    return np.concatenate([found.estimates, *parts, extra]), at


def _dfcom(problem: Problem, model: "Model") -> float | np.ndarray:
    if not problem.random:
        return float(problem.n - len(problem.names))
    return between_within(problem) if model.df == "between-within" else inf


def _note(problem: Problem, model: "Model") -> str:
    if model.df == "between-within":
        return "between and within clusters"
    few = [f"{counted(n, 'cluster')} of {group}" for group, n in _counts(problem.random).items() if n < FEW]
    return f'{" and ".join(few)} are few for normal intervals: consider df="between-within"' if few else ""


def _counts(random: Sequence[RandomTerm]) -> dict[str, int]:
    return {term.group: int(term.codes.max()) + 1 for term in random}


def _components(found: Maximum) -> Iterator[VarianceComponent]:
    """Per factor the variances, then the covariances; the dispersion last."""
    for term, sigma in zip(found.problem.random, found.covariances, strict=True):
        names, q = term.names, len(term.names)
        for i in range(q):
            yield VarianceComponent(group=term.group, name=names[i], estimate=float(sigma[i, i]))
        for i, j in zip(*np.triu_indices(q, 1)):
            yield VarianceComponent(group=term.group, name=f"{names[i]}~~{names[j]}", estimate=float(sigma[i, j]))
    if found.dispersion is not None:
        yield VarianceComponent(group="Residual", name="Dispersion", estimate=found.dispersion)


def _quantities(found: Maximum) -> Iterator[Quantity]:
    """Variances, correlations, and for binary outcomes the ICC on the latent scale."""
    terms = list(zip(found.problem.random, found.covariances, found.log_errors, strict=True))
    for term, sigma, errors in terms:
        names, sd = term.names, np.sqrt(np.diag(sigma))
        for i, name in enumerate(names):
            yield _quantity("variance", term.group, name, float(sigma[i, i]), "log", float(errors[i]))
            for j in range(i):
                both = f"{names[j]}~~{name}"
                with np.errstate(all="ignore"):
                    yield _quantity("correlation", term.group, both, float(sigma[i, j] / (sd[i] * sd[j])), "fisher_z")
    if found.model.family != "bernoulli" or not terms:
        return
    shares = [float(np.trace(sigma @ (term.z.T @ term.z) / len(term.z))) for term, sigma, _ in terms]
    total = sum(shares) + LATENT[found.model.link]
    alone = len(shares) == 1 and len(terms[0][1]) == 1  # then its logit is the log variance less a constant
    for (term, _, errors), share in zip(terms, shares, strict=True):
        yield _quantity("ICC", term.group, "ICC", share / total, "logit", float(errors[0]) if alone else np.nan)


def _quantity(kind: str, group: str, name: str, estimate: float, scale: str, error: float = np.nan) -> Quantity:
    return Quantity(kind=kind, group=group, name=name, estimate=estimate, scale=scale, std_error=error)
