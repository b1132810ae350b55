"""Analyses of runs whose outcomes alone differ: the same estimates as when each is made anew."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.analysis import mixed_together
from bayesimpute.analysis.other_outcomes import OtherOutcomes
from bayesimpute.plan.options import Analysis
from bayesimpute.pooling import analyses_of
from bayesimpute.sensitivity import analysing_again
from bayesimpute.sensitivity.analysing_again import AnalysingAgain

SETTINGS = {"m": 4, "chains": 2, "warmup": 10, "sweeps": 10, "sampler": "prior"}
SETTLED = 1e-5
"""Of estimates in standard errors, and of standard errors: what the slope at which a search may end leaves open."""


@cache
def made() -> bi.MultiplyImputed:
    """Draws from priors: imputations that differ wildly."""
    rng = np.random.default_rng(3)
    n, g = 300, np.repeat(np.arange(20), 15)
    arm, x = np.tile([0.0, 1.0], n // 2), rng.normal(size=n)
    u, v = rng.normal(0, 0.7, 20)[g], rng.normal(0, 0.4, 20)[g]
    frame = pd.DataFrame({"g": g, "h": rng.integers(0, 5, n), "arm": arm, "x": x})
    frame["y"] = 1 + 0.5 * arm + (0.4 + v) * x + u + rng.normal(size=n)
    frame["b"] = rng.random(n) < expit(0.5 * arm + 0.4 * x)
    frame["k"] = frame["y"].round().astype(int) + 10
    for name in ("y", "b", "k"):
        frame[name] = frame[name].mask(rng.random(n) < 0.2)
    plan = bi.Plan.of(["y ~ arm", bi.Conditional.of("b ~ arm", family="bernoulli"), "k ~ arm"])
    return bi.impute(frame, plan.with_run(**SETTINGS), seed=4, progress=False)


def shifted(delta: float) -> bi.MultiplyImputed:
    shifts = [bi.Adjustment(target=name, shift=f"{delta} * arm") for name in ("y", "k", "b")]
    return made().adjusted(*shifts)


ANALYSES: dict[str, tuple[str, dict[str, Any]]] = {
    "intercepts": ("y ~ arm + x + (1 | g)", {}),
    "slopes": ("y ~ arm + x + (1 + x | g)", {}),
    "independent slopes": ("y ~ arm + x + (1 | g) + (0 + x | g)", {"reml": False}),
    "degrees of freedom": ("y ~ arm * x + (1 | g)", {"df": "satterthwaite"}),
    "between and within": ("y ~ arm * x + (1 | g)", {"df": "between-within"}),
    "crossed": ("y ~ arm + (1 | g) + (1 | h)", {}),
    "no variance between": ("y ~ arm + (1 | h)", {}),
    "least squares": ("y ~ arm + x", {}),
    "robust": ("y ~ arm + x", {"covariance": "cluster", "cluster": "g"}),
    "whole numbers": ("k ~ arm + x + (1 | g)", {}),
    "yes/no": ("b ~ arm + x", {"family": "bernoulli"}),
    "yes/no, mixed": ("b ~ arm + (1 | g)", {"family": "bernoulli"}),
}


@pytest.mark.by_default("slopes", "least squares", "yes/no, mixed")
@pytest.mark.parametrize("case", ANALYSES)
def test_estimates_are_those_of_fits_made_anew(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formula, options = ANALYSES[case]
    again = AnalysingAgain(formula, Analysis(name="a", formula=formula, **options), 1)
    asked: list[OtherOutcomes] = []
    estimates = OtherOutcomes.estimates
    monkeypatch.setattr(OtherOutcomes, "estimates", lambda self, y: asked.append(self) or estimates(self, y))
    for delta in (0.0, -3.0, 1.5):
        run = shifted(delta)
        found = again.of(run)
        anew = analyses_of(run.in_pandas, formula, chains=2, total=4, **options)
        for a, b in zip(found.estimates, anew.estimates, strict=True):
            assert a.terms == b.terms
            assert (np.abs(a.estimates - b.estimates) / b.std_errors).max() < SETTLED
            np.testing.assert_allclose(a.std_errors, b.std_errors, rtol=SETTLED)
            np.testing.assert_allclose(a.dfcom, b.dfcom, rtol=100 * SETTLED)  # from second differences
    assert len(set(asked)) == 1 and len(asked) == 3


def test_a_variance_of_zero_is_seen_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    formula, _ = ANALYSES["no variance between"]
    again = AnalysingAgain(formula, Analysis(name="a", formula=formula), 1)
    again.of(shifted(0.0))
    searched: list[Any] = []
    search = mixed_together.minimum
    monkeypatch.setattr(mixed_together, "minimum", lambda problem: searched.append(problem) or search(problem))
    found = again.of(shifted(-3.0)).estimates
    anew = analyses_of(shifted(-3.0).in_pandas, formula, chains=2, total=4).estimates
    at_zero = ["singular fit" in " ".join(each.messages) for each in anew]
    assert any(at_zero) and len(searched) <= len(at_zero) - sum(at_zero)
    for a, b in zip(found, anew, strict=True):
        np.testing.assert_allclose(a.estimates, b.estimates, rtol=SETTLED)


def test_a_fit_does_not_depend_on_which_others_came_before() -> None:
    formula = ANALYSES["slopes"][0]
    one, other = (AnalysingAgain(formula, Analysis(name="a", formula=formula), 1) for _ in range(2))
    for delta in (0.0, -3.0):
        one.of(shifted(delta))
    other.of(shifted(0.0))
    for a, b in zip(one.of(shifted(1.5)).estimates, other.of(shifted(1.5)).estimates, strict=True):
        np.testing.assert_array_equal(a.estimates, b.estimates)


def test_datasets_are_fitted_in_parts_where_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    formula = ANALYSES["slopes"][0]
    once = AnalysingAgain(formula, Analysis(name="a", formula=formula), 1).of(shifted(0.0))
    monkeypatch.setattr(mixed_together, "AT_ONCE", 1)
    parts = AnalysingAgain(formula, Analysis(name="a", formula=formula), 1).of(shifted(0.0))
    for a, b in zip(once.estimates, parts.estimates, strict=True):
        np.testing.assert_allclose(a.estimates, b.estimates, rtol=1e-9)


@pytest.mark.parametrize("formula", ["x ~ y + arm", "y ~ k + (1 | g)", "y ~ arm + I(y > 0)"])
def test_what_changes_more_than_the_outcome_is_analysed_anew(formula: str) -> None:
    again = AnalysingAgain(formula, Analysis(name="a", formula=formula), 1)
    for delta in (0.0, 2.0):
        run = shifted(delta)
        found, anew = again.of(run), analyses_of(run.in_pandas, formula, chains=2, total=4)
        for a, b in zip(found.estimates, anew.estimates, strict=True):
            np.testing.assert_allclose(a.estimates, b.estimates, rtol=1e-7, atol=1e-9)


def test_large_data_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysing_again, "MOST_CELLS", 100)
    monkeypatch.setattr(OtherOutcomes, "__init__", lambda *_: pytest.fail("all datasets were held"))
    formula = ANALYSES["least squares"][0]
    assert len(AnalysingAgain(formula, Analysis(name="a", formula=formula), 1).of(shifted(1.0))) == 4


def test_what_is_wrong_is_told_as_ever() -> None:
    formula = "y ~ arm + I(arm * 2)"
    with pytest.raises(bi.AnalysisError, match=r"datasets 1-4: .* linear combination"):
        AnalysingAgain(formula, Analysis(name="a", formula=formula), 1).of(shifted(0.0))
