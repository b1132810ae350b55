"""The estimate under other priors and at other correlations: reweighted, regressed, and refitted where needed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from selection_runs import parts, run, selecting, survey

from bayesimpute import BayesimputeError, Conditional, Plan
from bayesimpute.base.priors import Prior
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.imputed import MultiplyImputed
from bayesimpute.running.workspace import Workspace
from bayesimpute.sensitivity import refits as module
from bayesimpute.sensitivity.importance_weights import effective
from bayesimpute.sensitivity.other_priors import (
    DOUBLED,
    HALVED,
    NEEDS,
    PLAN,
    Variation,
    by_dependence,
    regression,
    reweighted,
    under_priors,
    variations,
)
from bayesimpute.sensitivity.refits import Refits, spread_priors
from bayesimpute.sensitivity.selection_draws import Correlation, Draws

ERRORS = 4.0


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    """Coefficients with priors so narrow in number that halving and doubling can be reweighted."""
    return run(selecting("b ~ x", "z + (1 | g)", priors={"x": "Normal(0, 0.5)"}), sweeps=2000)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plans that are refitted; the run itself is the null sampler's."""
    plans: list[Plan] = []

    def spy(data: Any, plan: Plan, **options: Any) -> MultiplyImputed:
        plans.append(plan)
        return original(data, plan, **options)

    original = module.impute
    monkeypatch.setattr(module, "impute", spy)
    return plans


# The estimate --------------------------------------------------------------------------------------------------------


def test_the_estimate_is_the_mean_over_all_units() -> None:
    imputed = run(selecting("y ~ x", family="heckman_gaussian"), selecting(), sweeps=40)
    frame = survey()
    for target in ("b", "y"):
        draws, _, _ = parts(imputed, target)
        assert draws.estimate.shape == (2, 40) and draws.number == 80
        # the datasets of the last sweep of both chains
        last = [completed[target].mean() for completed in imputed]
        assert draws.estimate[:, -1] == pytest.approx(last)
        assert frame[target].isna().any()


def test_labels_count_as_0_and_1() -> None:
    words = survey().assign(b=lambda d: d["b"].map({0.0: "no", 1.0: "yes"}).astype("category"))
    found = [parts(run(selecting(), sweeps=20, frame=frame))[0].estimate for frame in (survey(), words)]
    np.testing.assert_allclose(*found)


@pytest.mark.slow
def test_correlations_of_three_kinds(imputed: MultiplyImputed) -> None:
    draws, _, _ = parts(imputed)
    single = draws.correlation()
    assert isinstance(single, Correlation) and not single.linear and single.name == "rho"
    np.testing.assert_allclose(single.values, draws.named["rho"].ravel(), rtol=1e-9)
    by_unit = run(selecting(rho="x + (1 | g)"), sweeps=50)
    linear = parts(by_unit)[0].correlation()
    assert isinstance(linear, Correlation) and linear.linear and linear.name == "rho_Intercept"
    named = parts(by_unit)[0].named
    at_centre = named["rho_Intercept"] + named["rho_x"] * survey()["x"][survey()["b"].notna()].mean()
    np.testing.assert_allclose(linear.z, at_centre, rtol=1e-9)
    assert parts(run(selecting(rho="0 + x"), sweeps=20))[0].correlation() is None
    assert parts(run(selecting(family=HeckmanProbit(rho=0.3)), sweeps=20))[0].correlation() is None


# Other priors --------------------------------------------------------------------------------------------------------


def test_reweighting_gives_the_other_priors_own_moments(imputed: MultiplyImputed) -> None:
    """Draws from the prior, reweighted, are draws from the other prior."""
    draws, _, _ = parts(imputed)
    correlation = draws.correlation()
    assert correlation is not None
    prior, z = Prior.of("FisherNormal", 0.4, 0.3), correlation.z.ravel()
    ratios = correlation.log_prior(z, prior) - correlation.log_prior(z)
    found = reweighted(draws, Variation(label="", ratios=ratios, priors={}))
    law = stats.norm(0.4, 0.3)
    mean = law.expect(np.tanh)
    spread = np.sqrt(law.expect(lambda x: np.tanh(x) ** 2) - mean**2)
    # the Monte Carlo error of weighted independent draws is the SD over the root of Kish's size, and slightly more
    assert abs(found["rho"] - mean) < ERRORS * spread / np.sqrt(found["ess"])
    assert found["k_hat"] < 0.7 and found["ess"] < draws.number


@pytest.mark.slow
def test_reweighted_and_refitted_estimates_agree(imputed: MultiplyImputed) -> None:
    draws, refits, _ = parts(imputed, allowed=True)
    for variation in variations(draws, draws.correlation()):
        found = reweighted(draws, variation)
        made = refits.under(variation.priors, variation.label)
        assert made is not None
        fresh = made.estimate
        error = np.hypot(found["sd"] / np.sqrt(found["ess"]), fresh.std() / np.sqrt(effective(fresh)))
        assert abs(found["estimate"] - fresh.mean()) < ERRORS * error, variation.label


def test_the_table_of_priors_when_all_can_be_reweighted(imputed: MultiplyImputed, seen: list[Plan]) -> None:
    draws, refits, _ = parts(imputed, allowed=True)
    table = under_priors(draws, refits)
    assert table["prior"].tolist() == [
        PLAN,
        "rho ~ ScaledBeta(alpha=2.0, beta=2.0)",
        "rho ~ FisherNormal(mu=0.0, sigma=0.5)",
        HALVED,
        DOUBLED,
    ]
    assert table["how"].tolist()[:3] == ["draws", "reweighted", "reweighted"]
    assert table["estimate"].notna().all() and table["rho"].notna().all()
    assert len(seen) == (table["how"] == "refit").sum()


def test_a_large_k_hat_needs_a_refit(seen: list[Plan]) -> None:
    """With eight wide coefficients the draws from the prior cannot be those from another."""
    imputed = run(selecting("b ~ x + z + c", "x * z + c + (1 | g)"), sweeps=200)
    draws, refits, _ = parts(imputed)
    left = under_priors(draws, refits).set_index("prior")
    assert left.loc[DOUBLED, "how"] == NEEDS and np.isnan(left.loc[DOUBLED, "estimate"]) and not seen
    assert left.loc[DOUBLED, "k_hat"] > 0.5
    draws, refits, _ = parts(imputed, allowed=True)
    made = under_priors(draws, refits).set_index("prior")
    assert made.loc[DOUBLED, "how"] == "refit" and made.loc[DOUBLED, "k_hat"] == left.loc[DOUBLED, "k_hat"]
    assert np.isfinite(made.loc[DOUBLED, "estimate"])
    assert [label for label, _ in refits.done][-1] == DOUBLED and len(seen) == len(refits.done)


def test_draws_of_other_incomplete_variables_cannot_be_reweighted(seen: list[Plan]) -> None:
    imputed = run(selecting(), "y ~ x + b", sweeps=200)
    draws, refits, _ = parts(imputed)
    table = under_priors(draws, refits)
    assert (table["how"][1:] == NEEDS).all() and table["k_hat"].isna().all() and not seen


def test_a_prior_beyond_the_plans_own_needs_a_refit() -> None:
    imputed = run(selecting(priors={"rho": "Uniform(-1, 0)"}), sweeps=200)
    draws, refits, _ = parts(imputed)
    table = under_priors(draws, refits).set_index("prior")
    assert "rho ~ Uniform(lower=-1.0, upper=1.0)" in table.index
    assert (table.loc[[i for i in table.index if i.startswith("rho")], "how"] == NEEDS).all()


def test_rho_by_cluster_has_other_priors_of_its_intercept() -> None:
    imputed = run(selecting(rho="(1 | g)"), sweeps=400)
    draws, refits, _ = parts(imputed)
    table = under_priors(draws, refits).set_index("prior")
    assert table.loc["z of rho ~ Normal(mu=0.0, sigma=0.5)", "how"] == "reweighted"
    assert "z of rho ~ Normal(mu=0.0, sigma=0.75)" not in table.index  # is the plan's
    assert table.loc["z of rho ~ Normal(mu=0.0, sigma=1.0)", "how"] in ("reweighted", NEEDS)
    curve = by_dependence(draws, refits, (0.0, 0.999))
    assert curve["how"].tolist() == ["draws", "too few draws"]


@pytest.mark.parametrize("family", ["heckman_gaussian", "heckman_probit"])
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_refitted_plan_has_priors_as_much_wider(family: str, factor: float) -> None:
    target = "y" if family == "heckman_gaussian" else "b"
    conditional = selecting(
        f"{target} ~ x + c",
        "x + c + z",
        family=family,
        priors={"z": "Normal(1, 2)", "selection_c": "StudentT(3, 0, 1)"},
    )
    conditional = replace(conditional, priors={"x": "Normal(1, 2)", "selection_c": "StudentT(3, 0, 1)"})
    imputed = run(conditional, sweeps=2)
    design = Workspace(imputed.plan, imputed.incomplete).designs[target]
    priors = spread_priors(design, factor)
    assert not {"Intercept", "selection_Intercept", "sigma", "rho"} & set(priors)
    changed = run(replace(conditional, priors={**conditional.priors, **priors}), sweeps=2)
    wide = Workspace(changed.plan, changed.incomplete).designs[target]
    for before, after in zip(design.predictors, wide.predictors, strict=True):
        for name, old, new in zip(before.names, before.priors, after.priors, strict=True):
            scale = factor if name in priors else 1.0
            args = [a * scale if role in ("sigma", "b", "beta") else a for role, a in old.parameters.items()]
            assert new.name == old.name and new.args == pytest.approx(args), name
    assert {p for p in priors if not p.startswith("selection_")} == {"x", "c[q]", "c[r]"}


# Fixed correlations --------------------------------------------------------------------------------------------------


def smoother(z: np.ndarray, point: float) -> np.ndarray:
    """What local quadratic regression multiplies y by, from its normal equations; every draw is an effective one."""
    quarter, three = np.quantile(z, [0.25, 0.75])
    width = (4 / (3 * len(z))) ** 0.2 * min(z.std(), (three - quarter) / 1.349)
    w = stats.norm.pdf((z - point) / width)
    powers = np.vander(z - point, 3, increasing=True)
    return np.linalg.solve((powers.T * w) @ powers, powers.T * w)[0]


def test_local_regression_finds_a_line_and_its_spread() -> None:
    rng = np.random.default_rng(6)
    z = rng.normal(-0.5, 0.4, 4000)
    y = 2 + 3 * z + rng.normal(0, 0.5, 4000)
    local = regression(z, y, ess=4000)
    for point in (-1.3, -0.5, 0.2):
        found, weights = local(point), smoother(z, point)
        assert found["estimate"] == pytest.approx(weights @ y, rel=1e-9)
        assert abs(found["estimate"] - (2 + 3 * point)) < ERRORS * 0.5 * np.sqrt((weights**2).sum())
        size = found["ess"] * np.sqrt(2)  # Kish's, of a normal kernel
        assert abs(found["sd"] ** 2 - 0.25) < ERRORS * 0.25 * np.sqrt(2 / size)
        # of a normal quantile: sqrt(p (1 - p) / size) over the density there
        error = 0.5 * np.sqrt(0.025 * 0.975 / size) / stats.norm.pdf(1.96)
        assert abs(found["estimate"] - found["conf_low"] - 1.96 * 0.5) < ERRORS * error


def test_local_regression_follows_a_curve_but_for_its_bias() -> None:
    rng = np.random.default_rng(6)
    z = rng.normal(0, 0.6, 8000)
    y = np.sin(2 * z) + rng.normal(0, 0.1, 8000)
    local = regression(z, y, ess=8000)
    for point in (-0.8, 0.0, 0.6):
        weights = smoother(z, point)
        bias = np.abs(weights) @ np.abs(z - point) ** 3 * 8 / 6  # Taylor's remainder: the third derivative is 8 at most
        assert abs(local(point)["estimate"] - np.sin(2 * point)) < bias + ERRORS * 0.1 * np.sqrt((weights**2).sum())


def test_far_from_all_draws_nothing_is_near() -> None:
    z = np.random.default_rng(6).normal(0, 0.1, 1000)
    found = regression(z, z, ess=1000)(2.0)
    assert found["ess"] < 1 and np.isnan(found["estimate"])
    half, whole = (regression(z, z, ess=n)(0.0)["ess"] for n in (500, 1000))
    assert half < whole < 1000


def test_where_draws_are_few_the_model_is_refitted_with_rho_fixed(seen: list[Plan]) -> None:
    conditional = selecting(priors={"rho": "FisherNormal(-0.5, 0.2)", "x": "Normal(0, 2)"})
    imputed = run(conditional, sweeps=300)
    draws, refits, _ = parts(imputed)
    empty = by_dependence(draws, refits, (-0.5, 0.6))
    assert empty["how"].tolist() == ["draws", NEEDS] and np.isnan(empty["estimate"][1]) and not seen
    draws, refits, _ = parts(imputed, allowed=True)
    table = by_dependence(draws, refits, (-0.5, 0.6))
    assert table["how"].tolist() == ["draws", "refit"] and table["estimate"].notna().all()
    (plan,) = seen
    (fixed,) = plan.conditionals
    assert fixed.family == HeckmanProbit(rho=0.6) and set(fixed.priors) == {"x"}
    assert (plan.run.m, plan.run.chains, plan.run.sweeps) == (2, 2, 300) and plan.run.sampler == "prior"


def test_a_fixed_rho_is_varied_by_refits(seen: list[Plan]) -> None:
    family = HeckmanGaussian(rho=0.4)
    imputed = run(selecting("y ~ x", family=family), sweeps=200)
    draws, refits, _ = parts(imputed, "y", allowed=True)
    table = by_dependence(draws, refits, (0.0, 0.4))
    assert table["how"].tolist() == ["refit", "draws"]
    assert table["estimate"][1] == pytest.approx(draws.estimate.mean())
    assert [p.conditionals[0].family for p in seen] == [HeckmanGaussian(rho=0.0)]


def test_the_curve_of_draws_is_the_estimate_given_rho() -> None:
    """Draws whose estimate is a known function of rho."""
    draws, refits, _ = parts(run(selecting(), sweeps=2000))
    correlation = draws.correlation()
    assert correlation is not None
    rng = np.random.default_rng(8)
    line = 0.3 - 0.1 * correlation.z + rng.normal(0, 0.01, correlation.z.shape)
    known = replace(draws, estimate=line)
    table = by_dependence(known, refits, (-0.6, 0.0, 0.6))
    for row in table.to_dict("records"):
        point = np.arctanh(row["rho"])
        error = 0.01 * np.sqrt((smoother(correlation.z.ravel(), point) ** 2).sum())
        assert abs(row["estimate"] - (0.3 - 0.1 * point)) < ERRORS * error


@pytest.mark.slow
def test_refits_are_shorter_runs_with_their_own_seed(seen: list[Plan]) -> None:
    imputed = run(selecting(), sweeps=600)
    draws, refits, _ = parts(imputed, allowed=True)
    assert refits.settings == {"m": 2, "chains": 2, "warmup": 2, "sweeps": 500}
    found = [refits.under({"rho": Prior.of("FisherNormal", 0, 1)}, "again") for _ in range(2)]
    assert found[0] is not None and found[1] is not None
    np.testing.assert_array_equal(found[0].estimate, found[1].estimate)
    assert isinstance(draws, Draws) and isinstance(refits, Refits) and len(seen) == 2


def test_a_plan_that_cannot_be_refitted_says_why() -> None:
    _, refits, _ = parts(run(selecting(), sweeps=100), allowed=True)
    with pytest.raises(BayesimputeError, match="no such parameter"):
        refits.under({"nothing": Prior.of("Normal", 0, 1)}, "nothing")
    assert isinstance(refits.imputed.plan.conditionals[0], Conditional)
