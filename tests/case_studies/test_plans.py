"""Every plan in models/ can be read, comes back from its own text, and fits its data."""

import json
from pathlib import Path

import pytest
from case_study import DATA, MODELS, data_of, plan_of

import bayesimpute as bi
from bayesimpute.base.errors import errors

NAMES = sorted(path.stem for path in MODELS.glob("*.toml"))
BRANDSMA = ("contextual", "denomination", "intercept", "predictor", "slopes")
WARNINGS = {
    "boys": ["conditional[hgt].family", "conditional[wgt].family"],  # as the file explains, and as heights are bounded
    "hiv_heckman": ["estimand[weighted prevalence].weights"],  # as the file explains
    "hiv_mar": ["estimand[weighted prevalence].weights"],
    # nine regions as clusters: the prior has a say, and it is a sensitivity analysis
    "hiv_region": ["conditional[hiv].formulas.mu", "conditional[hiv].formulas.selection"],
    "hiv_region_mar": ["conditional[hiv].formulas.mu"],
    # gender is missing only where the assessment has one of its values: missing at random, and nothing was filled in
    "popularity_compatible": ["conditional[experience_j].family", "conditional[assessment_ij].formulas.mu"],
    "popularity_tutorial": ["conditional[experience_j].family", "conditional[gender_ij].formulas.mu"],
    # normal models, as published, of what ends where a test, a survey or a career does
    **{f"brandsma_{name}": ["conditional[lpo].family"] for name in BRANDSMA},
    "brandsma_interactions": ["substantive[lpo].family"],
    "brandsma_two_slopes": ["substantive[lpo].family", "conditional[ses].family"],
    "impact": ["conditional[age].family"],
}
"""The places of the warnings that a plan is meant to have."""


def test_every_plan_has_its_data_set() -> None:
    assert sorted(DATA) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_comes_back_from_its_own_text(name: str) -> None:
    plan = plan_of(name)
    assert plan.title
    assert plan.analyses or plan.estimands
    assert bi.Plan.from_toml(plan.to_toml()) == plan


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_has_no_problem_with_its_data(name: str, public_data: Path) -> None:
    problems = bi.check(plan_of(name), data_of(name))
    assert errors(problems) == []
    assert [problem.path for problem in problems] == WARNINGS.get(name, [])


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_names_its_data_in_the_first_line(name: str) -> None:
    first = (MODELS / f"{name}.toml").read_text(encoding="utf-8").partition("\n")[0]
    assert first.startswith(f"# Data: {DATA[name]}")


def test_the_published_smoking_rows_are_logistic_regressions(shared_reference: Path, public_data: Path) -> None:
    """With the region's number as a covariate, and refusal (not consent) as the second outcome: no probit, no rho."""
    rows = next(
        case
        for case in json.loads((shared_reference / "published.json").read_text())["cases"]
        if case["id"] == "hiv_smoke"
    )
    data = bi.load_dataset("hiv").assign(refused=lambda d: d["hiv"].isna().astype(int))
    for row, outcome in zip(rows["terms"], ("hiv", "refused"), strict=True):
        frame = data[[outcome, "region", "age", "marital", "condom", "smoke"]].dropna()
        found = bi.fit(f"{outcome} ~ region + age + marital + condom + smoke", frame, family="bernoulli")
        place = found.terms.index("smoke[Smoker]")
        estimate, error = found.estimates[place], found.covariance[place, place] ** 0.5
        assert abs(estimate - row["estimate"]) < 0.002
        assert abs(estimate - 1.96 * error - row["ci_low"]) < 0.003
        assert abs(estimate + 1.96 * error - row["ci_high"]) < 0.003
