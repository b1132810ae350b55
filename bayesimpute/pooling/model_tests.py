"""Tests of one analysis against another: D1 to D4 with labels."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError, did_you_mean
from bayesimpute.base.phrases import listed
from bayesimpute.pooling.joint_tests import PooledTest, d1, d2, d3, d4
from bayesimpute.pooling.scalars import check_dfcom

if TYPE_CHECKING:
    import pandas as pd

    from bayesimpute.analysis import Model


class Analysed(Protocol):
    """What a test reads of :class:`bayesimpute.pooling.analyses.Analyses`."""

    @property
    def estimates(self) -> tuple[Estimate, ...]: ...
    @property
    def failures(self) -> Sequence[object]: ...
    @property
    def model(self) -> "Model | None": ...
    @property
    def frames(self) -> "Iterable[pd.DataFrame] | None": ...
    def __len__(self) -> int: ...


METHODS = ("D1", "D2", "D3", "D4")
USES = ("wald", "likelihood", "score")


def model_test(
    larger: "Analysed", smaller: "Analysed", *, method: str = "D1", use: str = "wald", dfcom: float | None = None
) -> PooledTest:
    """Test a model against a smaller one, fitted to the same completed datasets.

    Parameters
    ----------
    larger, smaller : Analyses
        The smaller model's terms and variance components are among those of the larger one.
    method : {"D1", "D2", "D3", "D4"}
        The multivariate Wald test, the pooling of m test statistics, or the likelihood-ratio tests of Meng & Rubin
        (D3) and of Chan & Meng (D4). Only the latter, and D2 of likelihoods, test variance components; a variance of
        zero is at the boundary, where these tests are conservative.
    use : {"wald", "likelihood", "score"}
        For D2: the statistic of each dataset.
    dfcom : float, optional
        For D1: complete-data degrees of freedom; by default what the fits say (the smallest).

    Returns
    -------
    PooledTest
        For models fitted by restricted maximum likelihood, tests of likelihoods refit both by maximum likelihood.

    Raises
    ------
    AnalysisError
        The models are not nested, not of the same datasets, or have no likelihood; unknown options.
    """
    if not isinstance(getattr(smaller, "estimates", None), tuple):
        kind = type(smaller).__name__
        raise AnalysisError(
            f"the smaller model: got {kind}, not an analysis; give what imputed.analyse(formula) returns"
        )
    _check_options(method, use, dfcom)
    _check_nested(larger, smaller)
    if method == "D1" or (method == "D2" and use == "wald"):
        return wald_test(_tested(larger, smaller), method=method, dfcom=dfcom)
    if method == "D2" and use == "score":
        return _score_test(larger, smaller)
    return _likelihood_test(larger, smaller, method)


def wald_test(estimates: Sequence[Estimate], *, method: str = "D1", dfcom: float | None = None) -> PooledTest:
    """Test that all terms of some estimates are zero, by D1 or by D2 of the m Wald statistics."""
    if method not in ("D1", "D2"):
        raise AnalysisError(f'method: "{method}" does not test constraints; use "D1" or "D2"')
    if method == "D2" and dfcom is not None:
        raise AnalysisError("dfcom: D2 does not use complete-data degrees of freedom; leave it out")
    q = np.array([e.estimates for e in estimates])
    u = np.array([e.covariance for e in estimates])
    if method == "D1":
        smallest = min(float(np.min(e.dfcom)) for e in estimates)
        return d1(q, u, dfcom=smallest if dfcom is None else dfcom)
    d1(q, u)  # for its checks
    return d2(np.einsum("mi,mi->m", q, np.linalg.solve(u, q[..., None])[..., 0]), q.shape[1])


def _tested(larger: "Analysed", smaller: "Analysed") -> list[Estimate]:
    """The terms of the larger model that the smaller one lacks."""
    first, kept = larger.estimates[0], smaller.estimates[0].terms
    places = [j for j, term in enumerate(first.terms) if term not in kept]
    if not places:
        raise AnalysisError('the models have the same terms; test variance components by method="D3" or "D4"')
    return [
        Estimate(
            terms=tuple(first.terms[j] for j in places),
            estimates=e.estimates[places],
            covariance=e.covariance[np.ix_(places, places)],
            dfcom=e.dfcom if np.ndim(e.dfcom) == 0 else np.asarray(e.dfcom)[places],
        )
        for e in larger.estimates
    ]


def _score_test(larger: "Analysed", smaller: "Analysed") -> PooledTest:
    from bayesimpute.analysis.likelihood import score_statistic

    (big, small), frames = _with_data(larger, smaller)
    statistics = [score_statistic(big, small, frame) for frame in frames]
    return d2(np.array(statistics), len(_tested(larger, smaller)[0].terms))


def _likelihood_test(larger: "Analysed", smaller: "Analysed", method: str) -> PooledTest:
    from bayesimpute.analysis.likelihood import likelihood, ratios, stacked

    models, frames = _with_data(larger, smaller)
    big, small = ([likelihood(model, frame) for frame in frames] for model in models)
    k = len(big[0].parameters) - len(small[0].parameters)
    own, average = ratios(big, small)
    if method == "D2":
        return d2(own, k)
    if method == "D3":
        return d3(own, average, k)
    return d4(own, 2 * (stacked(models[0], frames) - stacked(models[1], frames)), k)


def _with_data(larger: "Analysed", smaller: "Analysed") -> "tuple[tuple[Model, Model], list[pd.DataFrame]]":
    if larger.model is None or smaller.model is None or larger.frames is None:
        message = 'tests of likelihoods and scores need analyses by formula; use method="D1", or "D2" of Wald tests'
        raise AnalysisError(message)
    if larger.failures or smaller.failures:
        raise AnalysisError('some datasets could not be analysed; use method="D1", or "D2" of Wald tests')
    return (larger.model, smaller.model), list(larger.frames)


def _check_options(method: str, use: str, dfcom: float | None) -> None:
    for name, value, known in (("method", method, METHODS), ("use", use, USES)):
        if value not in known:
            remedy = did_you_mean(str(value), known, f"choose one of {', '.join(known)}")
            raise AnalysisError(f'{name}: there is no "{value}"; {remedy}')
    if use != "wald" and method != "D2":
        raise AnalysisError(f'use: "{use}" goes with method="D2"; leave it out')
    if dfcom is not None and method != "D1":
        raise AnalysisError(f"dfcom: {method} does not use complete-data degrees of freedom; leave it out")
    if dfcom is not None:
        check_dfcom(dfcom)


def _check_nested(larger: "Analysed", smaller: "Analysed") -> None:
    """Same datasets, same outcome and family, and nothing in the smaller model that the larger one lacks."""
    if len(larger) != len(smaller):
        raise AnalysisError(
            f"the models were fitted to {len(larger)} and {len(smaller)} datasets; fit both to the same"
        )
    if larger.frames is not smaller.frames:
        raise AnalysisError("the models come from different runs; fit both to the same completed datasets")
    found = []
    if larger.model is not None and smaller.model is not None:
        a, b = larger.model, smaller.model
        pairs = {"outcome": (a.formula.response, b.formula.response), "family": (a.family, b.family)}
        pairs["link"] = (a.link, b.link)
        found += [f"their {name}s are {x} and {y}" for name, (x, y) in pairs.items() if x != y]
    big, small = larger.estimates[0], smaller.estimates[0]
    extra = [term for term in small.terms if term not in big.terms]
    names = [{f"{c.name} | {c.group}" for c in each.variance_components} for each in (big, small)]
    extra += sorted(names[1] - names[0])
    if extra:
        found.append(f"only the smaller one has {listed(extra)}")
    if set(small.terms) == set(big.terms) and names[0] == names[1]:
        found.append("they have the same parameters")
    if big.n_obs != small.n_obs:
        found.append(f"they use {big.n_obs} and {small.n_obs} rows")
    if found:
        message = (
            f"the models are not nested: {'; '.join(found)}; give the larger one first, with all terms of the other"
        )
        raise AnalysisError(message)
