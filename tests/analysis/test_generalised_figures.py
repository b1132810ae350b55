"""Generalised linear mixed models against R's lme4 and glmmTMB.

``reference.json`` has their figures. glmmTMB maximises the same criterion to more digits than lme4. Where a link is not
canonical, lme4's Laplace approximation takes the expected information instead of the observed one (with it our
likelihood at lme4's estimates is lme4's), and its gamma models have other variances than glmmTMB and quadrature with 25
nodes: there lme4 is no reference.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import clustered
import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.analysis.estimates import Estimate

FIGURES: Mapping[str, Any] = json.loads(Path(__file__).with_name("reference.json").read_text())["figures"]
TOENAIL, PLAIN, SLOPES = "severe ~ active * time + (1 | g)", "{} ~ x + w + (1 | g)", "{} ~ x + w + (1 + x | g)"
PROGNOSIS = "mort ~ decades + motor_score + pupil + ct + hypox + hypots + tsah + edh + (1 | name)"
CROSSED = "{} ~ x + (1 | person) + (1 | item)"
FITS: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "toenail": ("toenail", TOENAIL, {"family": "bernoulli"}),
    "toenail, 21 nodes": ("toenail", TOENAIL, {"family": "bernoulli", "nodes": 21}),
    "toenail, probit": ("toenail", TOENAIL, {"family": "bernoulli", "link": "probit"}),
    "impact": ("impact", PROGNOSIS, {"family": "bernoulli"}),
    "binary": ("clusters", PLAIN.format("binary"), {"family": "bernoulli"}),
    "binary, 9 nodes": ("clusters", PLAIN.format("binary"), {"family": "bernoulli", "nodes": 9}),
    "binary, probit": ("clusters", PLAIN.format("binary"), {"family": "bernoulli", "link": "probit"}),
    "binary, cloglog": ("clusters", PLAIN.format("binary"), {"family": "bernoulli", "link": "cloglog"}),
    "binary, slopes": ("clusters", SLOPES.format("binary"), {"family": "bernoulli"}),
    "count": ("clusters", PLAIN.format("count"), {"family": "poisson"}),
    "count, 9 nodes": ("clusters", PLAIN.format("count"), {"family": "poisson", "nodes": 9}),
    "count, slopes": ("clusters", SLOPES.format("count"), {"family": "poisson"}),
    "spread": ("clusters", PLAIN.format("spread"), {"family": "negativebinomial"}),
    "positive": ("clusters", PLAIN.format("positive"), {"family": "gamma"}),
    "right, crossed": ("crossed", CROSSED.format("right"), {"family": "bernoulli"}),
    "errors, crossed": ("crossed", CROSSED.format("errors"), {"family": "poisson"}),
    "yes, alike": ("alike", "yes ~ x + (1 | g)", {"family": "bernoulli"}),
    "count, alike": ("alike", "count ~ x + (1 | g)", {"family": "poisson"}),
}
LME4 = [name for name in FITS if name not in ("toenail, probit", "binary, probit", "binary, cloglog", "positive")]
TMB = [name.removesuffix(", tmb") for name in FIGURES if name.endswith(", tmb")]


@cache
def frame_of(name: str, folder: Path | None) -> pd.DataFrame:
    return clustered.MADE[name]() if folder is None else clustered.READ[name](folder)


@pytest.fixture
def fitted(request: pytest.FixtureRequest) -> Any:
    def fit(name: str) -> Estimate:
        data, formula, options = FITS[name]
        folder = None if data in clustered.MADE else request.getfixturevalue("shared_data")
        return bi.fit(formula, frame_of(data, folder), **options)

    return fit


def away(found: Estimate, expected: Mapping[str, Any]) -> np.ndarray:
    """Differences of the estimates in standard errors."""
    return np.abs(found.estimates - expected["estimates"]) / np.sqrt(np.diag(expected["covariance"]))


def packed(expected: Mapping[str, Any]) -> np.ndarray:
    """R's covariance matrices as we list them: of each factor the variances, then the covariances."""
    matrices = [np.atleast_2d(s) for s in expected["variances"].values()]
    return np.concatenate([np.append(np.diag(s), s[np.triu_indices(len(s), 1)]) for s in matrices])


def components(found: Estimate) -> np.ndarray:
    return np.array([c.estimate for c in found.variance_components if c.name != "Dispersion"])


@pytest.mark.parametrize("name", LME4)
def test_the_figures_are_those_of_lme4(name: str, fitted: Any) -> None:
    found, expected = fitted(name), FIGURES[name]
    canonical = 0.25 if name == "spread" else 0.02  # the intercept of glmer.nb moves with the expected information
    assert away(found, expected).max() < canonical
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diag(expected["covariance"])), rtol=0.035)
    np.testing.assert_allclose(components(found), packed(expected), rtol=0.01, atol=1e-6)
    assert bool(expected["singular"]) == any("singular fit" in message for message in found.messages)


@pytest.mark.parametrize("name", [name for name in LME4 if "nodes" in name or name == "impact"])
def test_the_exact_figures_are_those_of_lme4_to_the_fourth_digit(name: str, fitted: Any) -> None:
    found, expected = fitted(name), FIGURES[name]
    assert away(found, expected).max() < 2e-4
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diag(expected["covariance"])), rtol=5e-4)
    np.testing.assert_allclose(components(found), packed(expected), rtol=1e-4)


@pytest.mark.parametrize("name", TMB)
def test_the_figures_are_those_of_glmmtmb(name: str, fitted: Any) -> None:
    found, expected = fitted(name), FIGURES[f"{name}, tmb"]
    assert away(found, expected).max() < 5e-4
    np.testing.assert_allclose(found.std_errors, np.sqrt(np.diag(expected["covariance"])), rtol=1e-4)
    np.testing.assert_allclose(components(found), packed(expected), rtol=2e-4)
    errors = np.array([q.std_error for q in found.quantities if q.kind == "variance"])
    of_deviations = np.atleast_1d(expected["theta_errors"])[: len(errors)]  # of their logarithms; then correlations
    np.testing.assert_allclose(errors, 2 * of_deviations, rtol=1e-3)


def test_dispersions_are_those_of_glmmtmb(fitted: Any) -> None:
    counts, positive = ({c.name: c.estimate for c in fitted(n).variance_components} for n in ("spread", "positive"))
    assert counts["Dispersion"] == pytest.approx(1 / FIGURES["spread, tmb"]["shape"], rel=1e-4)
    assert positive["Dispersion"] == pytest.approx(FIGURES["positive, tmb"]["shape"] ** 2, rel=1e-4)


def test_the_latent_icc_of_a_binary_outcome(fitted: Any) -> None:
    found = {(q.kind, q.group): q for q in fitted("toenail, 21 nodes").quantities}
    variance, icc = found["variance", "g"], found["ICC", "g"]
    assert icc.estimate == pytest.approx(variance.estimate / (variance.estimate + np.pi**2 / 3))
    assert (icc.scale, icc.std_error) == ("logit", variance.std_error)
    probit = {q.kind: q.estimate for q in fitted("toenail, probit").quantities}
    assert probit["ICC"] == pytest.approx(probit["variance"] / (probit["variance"] + 1))
    crossed = [q for q in fitted("right, crossed").quantities if q.kind == "ICC"]
    assert [q.group for q in crossed] == ["person", "item"]
    assert all(np.isnan(q.std_error) for q in crossed)


def test_no_standard_error_at_the_boundary(fitted: Any) -> None:
    found = fitted("count, alike")
    assert components(found) == 0
    assert all(np.isnan(q.std_error) for q in found.quantities)
    assert found.messages == ("singular fit: a variance of g is zero or a correlation is 1 or -1",)
