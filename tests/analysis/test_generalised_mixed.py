"""What the engine takes and refuses, its likelihood at any parameters, and the way to pooled figures."""

from itertools import pairwise
from typing import Any

import clustered
import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.analysis import Model, analyse, fit
from bayesimpute.analysis.fitters import model_of
from bayesimpute.analysis.integrated_likelihood import LAWS
from bayesimpute.analysis.likelihood import Likelihood, likelihood
from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling.analyses import Analyses

PLAIN, SLOPES = "{} ~ x + w + (1 | g)", "{} ~ x + w + (1 + x | g)"
OUTCOMES = {"bernoulli": "binary", "poisson": "count", "negativebinomial": "spread", "gamma": "positive"}
LOGIT = {"family": "bernoulli"}


@pytest.fixture(scope="module")
def clusters() -> pd.DataFrame:
    return clustered.clusters().assign(sex=lambda d: np.where(d["x"] > 0.3, "girl", "boy"))


def at_maximum(formula: str, frame: pd.DataFrame, **options: Any) -> Likelihood:
    return likelihood(model_of(formula, **options), frame)


# -- the likelihood ------------------------------------------------------------------------------------------------


@pytest.mark.by_default("*-7-*(1 + x | g)", "poisson-*-1-*(1 + x | g)")
@pytest.mark.parametrize("formula", [PLAIN, SLOPES])
@pytest.mark.parametrize("nodes", [1, 7])
@pytest.mark.parametrize(("family", "link"), [law for law in LAWS if law != ("gamma", "inverse")])
def test_the_likelihood_is_that_which_was_maximised(
    clusters: pd.DataFrame, family: str, link: str, nodes: int, formula: str
) -> None:
    found = at_maximum(formula.format(OUTCOMES[family]), clusters, family=family, link=link, nodes=nodes)
    assert found.at(found.parameters) == pytest.approx(found.value, abs=1e-4)
    for j, size in enumerate(np.maximum(np.abs(found.parameters), 0.1)):
        for step in (-0.02 * size, 0.02 * size):
            moved = found.parameters.copy()
            moved[j] += step
            assert found.at(moved) < found.value + 1e-6


@pytest.mark.parametrize(("family", "link"), LAWS)
def test_the_derivatives_of_the_laws(family: str, link: str) -> None:
    law = LAWS[family, link]
    y = np.array([0.0, 1.0, 0.0, 1.0]) if family == "bernoulli" else np.array([1.0, 2.0, 5.0, 1.0])
    eta, step = np.array([0.3, 0.8, 1.7, 0.05]), 1e-5
    (high, steep, _), (low, flat, _) = law(y, eta + step, 0.7), law(y, eta - step, 0.7)
    _, slope, curvature = law(y, eta, 0.7)
    np.testing.assert_allclose((high - low) / (2 * step), slope, rtol=1e-6)
    np.testing.assert_allclose((flat - steep) / (2 * step), curvature, rtol=1e-6)


def test_a_mean_that_cannot_be_has_no_likelihood(clusters: pd.DataFrame) -> None:
    found = at_maximum("positive ~ x + (1 | g)", clusters, family="gamma", link="inverse")
    assert found.at(np.array([-1.0, 0.0, 0.1, 0.5])) == -np.inf


def test_more_nodes_come_to_rest(clusters: pd.DataFrame) -> None:
    values = [at_maximum(PLAIN.format("binary"), clusters, **LOGIT, nodes=k).value for k in (1, 5, 9, 25)]
    steps = np.abs(np.diff(values))
    assert all(a > 5 * b for a, b in pairwise(steps)) and steps[-1] < 1e-4


# -- what it takes -------------------------------------------------------------------------------------------------


def test_overdispersed_counts_without_random_effects(clusters: pd.DataFrame) -> None:
    from statsmodels.discrete.discrete_model import NegativeBinomial

    found = fit("spread ~ x + w", clusters, family="negativebinomial")
    x = np.column_stack([np.ones(len(clusters)), clusters["x"], clusters["w"]])
    expected = NegativeBinomial(clusters["spread"].to_numpy(), x).fit(disp=False, gtol=1e-8, method="bfgs", maxiter=500)
    np.testing.assert_allclose(found.estimates, expected.params[:3], atol=1e-4)
    np.testing.assert_allclose(found.std_errors, expected.bse[:3], rtol=0.05)  # ours are those of R's glm.nb
    assert found.variance_components[0].estimate == pytest.approx(expected.params[3], rel=1e-3)
    assert found.dfcom == len(clusters) - 3


def test_slopes_may_be_combinations_of_fixed_effects(clusters: pd.DataFrame) -> None:
    frame = clusters.assign(z=3 + 2 * clusters["x"] - clusters["w"], late=clusters["x"] + 2000)
    other = fit("binary ~ x + w + (1 + z | g)", frame, **LOGIT)
    same = fit("binary ~ z + w + (1 + z | g)", frame, **LOGIT)
    assert other.estimates[1] == pytest.approx(2 * same.estimates[1], abs=1e-4)
    np.testing.assert_allclose(other.std_errors[1], 2 * same.std_errors[1], rtol=1e-3)
    for a, b in zip(other.variance_components, same.variance_components, strict=True):
        assert (a.name, a.estimate) == (b.name, pytest.approx(b.estimate, rel=1e-3, abs=1e-4))
    far = fit("binary ~ late + w + (1 + late | g)", frame, **LOGIT)
    near = fit(SLOPES.format("binary"), frame, **LOGIT)
    assert far.estimates[1:] == pytest.approx(near.estimates[1:], abs=1e-3)
    assert far.variance_components[1].estimate == pytest.approx(near.variance_components[1].estimate, rel=1e-3)


def test_categories_nested_factors_and_labels(clusters: pd.DataFrame) -> None:
    frame = clusters.assign(g=[f"a:b|{k}~" for k in clusters["g"]], h=np.arange(len(clusters)) % 3)
    found = fit("count ~ sex * x + (1 + sex | g)", frame, family="poisson")
    assert found.terms == ("Intercept", "sex[girl]", "x", "sex[girl]:x")
    assert [(c.group, c.name) for c in found.variance_components] == [
        ("g", "Intercept"), ("g", "sex[girl]"), ("g", "Intercept~~sex[girl]"),
    ]  # fmt: skip
    nested = fit("count ~ x + (1 | g/h)", frame, family="poisson")
    assert [c.group for c in nested.variance_components] == ["g", "g:h"]
    again = fit("count ~ x + (1 | g/h)", frame.sample(frac=1, random_state=1), family="poisson")
    np.testing.assert_allclose(again.estimates, nested.estimates, rtol=1e-5)


def test_degrees_of_freedom(clusters: pd.DataFrame) -> None:
    plain = fit("binary ~ x + w + (1 | g)", clusters, **LOGIT)
    assert plain.dfcom == np.inf and plain.df_note == ""
    by_level = fit("binary ~ x + w + (1 | g)", clusters, **LOGIT, df="between-within")
    np.testing.assert_array_equal(by_level.dfcom, [58, 659, 58])
    few = fit("binary ~ x + (1 | g)", clusters[clusters["g"] < 30], **LOGIT)
    assert few.df_note == '30 clusters of g are few for normal intervals: consider df="between-within"'


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "independent": ("binary ~ x + (1 + x || g)", LOGIT, "correlated effects of a grouping factor only"),
    "no intercept": ("binary ~ x + (0 + x | g)", LOGIT, r"\(x \| g\): .*with an intercept only"),
    "no fixed effect": ("binary ~ w + (1 + x | g)", LOGIT, "add x to the fixed effects"),
    "one cluster": ("binary ~ x + (1 | one)", LOGIT, "there is one cluster only"),
    "too many": ("binary ~ x + (1 + x | row)", LOGIT, "more random effects than rows"),
    "separated": ("apart ~ x + (1 | g)", LOGIT, "a predictor separates the outcomes"),
    "even nodes": (PLAIN.format("binary"), LOGIT | {"nodes": 4}, "nodes: 4 is no odd number"),
    "too many nodes": (PLAIN.format("binary"), LOGIT | {"nodes": 27}, "nodes: 27 is no odd number .* to 25"),
    "nodes of two": ("binary ~ x + (1 | g) + (1 | h)", LOGIT | {"nodes": 5}, "nodes: .*one grouping factor"),
    "nodes of four effects": ("count ~ x * h + (1 + x * h | g)", {"family": "poisson", "nodes": 5}, "up to three"),
    "nodes of linear": ("x ~ w + (1 | g)", {"nodes": 5}, "nodes: quadrature is for"),
    "plain": ("binary ~ x", LOGIT | {"engine": "glmm"}, 'engine: .*"statsmodels" fits it'),
    "linear": ("x ~ w + (1 | g)", {"engine": "glmm"}, 'engine: .*"statsmodels" fits it'),
    "statsmodels": (PLAIN.format("binary"), LOGIT | {"engine": "statsmodels"}, 'engine: .*"glmm" fits it'),
    "satterthwaite": (PLAIN.format("binary"), LOGIT | {"df": "satterthwaite"}, "df: .*linear mixed models"),
    "reml": (PLAIN.format("binary"), LOGIT | {"reml": False}, "reml: .*linear mixed models"),
    "marginal": (PLAIN.format("binary"), LOGIT | {"effects": "marginal"}, "effects: .*without random effects"),
    "cluster": (PLAIN.format("binary"), LOGIT | {"covariance": "HC0"}, "covariance: "),
    "counts": (PLAIN.format("positive"), {"family": "negativebinomial"}, "must be counts"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_it_cannot_do_is_told(clusters: pd.DataFrame, name: str) -> None:
    formula, options, text = BAD[name]
    row = np.arange(len(clusters))
    frame = clusters.assign(one=1, row=row, h=row % 5, apart=(clusters["x"] > 0).astype(int))
    with pytest.raises(AnalysisError, match=text):
        fit(formula, frame, **options)


def test_counts_that_are_not_overdispersed(clusters: pd.DataFrame) -> None:
    even = clusters.assign(even=2 + np.arange(len(clusters)) % 2)
    found = fit("even ~ x + (1 | g)", even, family="negativebinomial")
    assert 'the counts are not overdispersed: family="poisson" fits them as well' in found.messages


# -- pooling -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def completed(clusters: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    """The data with a fifth of x and of the outcomes drawn anew, m times."""
    rng = np.random.default_rng(3)
    frames = []
    for _ in range(3):
        gone = rng.random(len(clusters)) < 0.2
        drawn = clusters["x"].where(~gone, 0.6 * clusters["x"] + 0.8 * rng.normal(size=len(clusters)))
        frames.append(clusters.assign(x=drawn))
    return tuple(frames)


def analyses(frames: tuple[pd.DataFrame, ...], formula: str, **options: Any) -> Analyses:
    model: Model = model_of(formula, **options)
    return Analyses(tuple(analyse(frames, formula, **options)), 1, model=model, frames=frames)


@pytest.mark.parametrize("family", OUTCOMES)
def test_pooled_figures(completed: tuple[pd.DataFrame, ...], family: str) -> None:
    found = analyses(completed, PLAIN.format(OUTCOMES[family]), family=family)
    pooled = found.pool()
    singles = [fit(PLAIN.format(OUTCOMES[family]), frame, family=family) for frame in completed]
    np.testing.assert_allclose(pooled.terms["estimate"], np.mean([s.estimates for s in singles], axis=0))
    first = pooled.variance_components.iloc[0]
    assert first["method"] == "log scale"
    assert 0 < first["conf_low"] < first["estimate"] < first["conf_high"]
    derived = found.derive({"ratio": "exp(b[x])"}).pool().terms
    assert derived["estimate"][0] == pytest.approx(np.mean([np.exp(s.estimates[1]) for s in singles]))


@pytest.mark.by_default("negativebinomial")
@pytest.mark.parametrize("family", OUTCOMES)
def test_all_tests_of_models_are_there_and_alike(completed: tuple[pd.DataFrame, ...], family: str) -> None:
    larger, smaller = (
        analyses(completed, f"{OUTCOMES[family]} ~ {right} + (1 | g)", family=family) for right in ("x + w", "x")
    )
    tests = [larger.test(smaller, method=method) for method in ("D1", "D3", "D4")]
    tests.append(larger.test(smaller, method="D2", use="likelihood"))
    assert all(test.df1 == 1 for test in tests)
    wald, *ratios = (test.statistic for test in tests)
    assert max(ratios) == pytest.approx(min(ratios), rel=0.1, abs=0.1)
    assert wald == pytest.approx(ratios[0], rel=0.2, abs=0.1)


def test_variance_components_are_tested_by_likelihoods(completed: tuple[pd.DataFrame, ...]) -> None:
    larger, smaller = (analyses(completed, text.format("count"), family="poisson") for text in (SLOPES, PLAIN))
    third, fourth = larger.test(smaller, method="D3"), larger.test(smaller, method="D4")
    assert third.df1 == fourth.df1 == 2
    assert third.p_value < 1e-6 and fourth.p_value < 1e-6
    assert third.statistic == pytest.approx(fourth.statistic, rel=0.1)


def test_without_intervals_components_are_pooled_all_the_same(completed: tuple[pd.DataFrame, ...]) -> None:
    pooled = analyses(completed, SLOPES.format("binary"), **LOGIT).pool()
    correlation = pooled.quantities.set_index("name").loc["Intercept~~x"]
    assert -1 < correlation["estimate"] < 1 and correlation["method"] == "" and np.isnan(correlation["conf_low"])


# -- plans ---------------------------------------------------------------------------------------------------------

PLAN = """
schema = 1
[[conditional]]
formula = "x ~ binary + w + (1 | g)"
[[analysis]]
name = "main"
formula = "binary ~ x + w + (1 | g)"
family = "bernoulli"
nodes = 9
"""


def test_a_plan_has_the_option(clusters: pd.DataFrame) -> None:
    plan = bi.Plan.from_toml(PLAN)
    (analysis,) = plan.analyses
    assert (analysis.engine, analysis.nodes) == (None, 9)
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    assert not [p for p in bi.check(plan, clusters) if "analysis" in p.path]
    bad = bi.Plan.from_toml(PLAN.replace("nodes = 9", "nodes = 8"))
    assert [p.path for p in bi.check(bad, clusters) if "analysis" in p.path] == ["analysis[main].nodes"]
    with pytest.raises(bi.PlanError, match=r"nodes.*whole number"):
        bi.Plan.from_toml(PLAN.replace("nodes = 9", 'nodes = "9"'))
