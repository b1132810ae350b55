"""Predictors of the level of clusters are as many as the clusters with a value of the target carry; keys are none."""

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import Severity
from bayesimpute.checking import check
from bayesimpute.checking.clusters import carried
from bayesimpute.formulas import parse
from bayesimpute.plan.plan import Plan
from bayesimpute.suggesting import Suggestion, suggest

ANALYSIS = "score ~ gcse + sex + age + (1 | school)"


def schools(seen: int = 6, clusters: int = 18, size: int = 12) -> pd.DataFrame:
    """As CHEM97: pupils in schools, some of which recorded the age of none; w and v are constant in schools."""
    rng = np.random.default_rng(1)
    school = np.repeat(np.arange(clusters), size)
    effects = rng.normal(size=(5, clusters))[:, school]
    frame = pd.DataFrame({"school": school, "w": effects[3], "v": effects[4]})
    frame["gcse"] = 0.5 * effects[0] + rng.normal(size=len(school))
    frame["sex"] = (rng.random(len(school)) < 0.5).astype(float)
    frame["age"] = 222 + rng.uniform(-5, 5, len(school))
    frame["score"] = 0.6 * frame["gcse"] + 0.1 * (frame["age"] - 222) + effects[1] + rng.normal(size=len(school))
    return frame.assign(age=frame["age"].where(school < seen))


def model(made: Suggestion, target: str) -> str:
    return next(c.formulas["mu"] for c in made.plan.models if c.target == target)


def means(made: Suggestion, target: str = "age") -> set[str]:
    return {name for name, _ in parse(model(made, target)).cluster_means}


def comments(made: Suggestion) -> str:
    return made.toml.replace("\n# ", " ")


@pytest.mark.parametrize("mode", ["compatible", "fcs"])
@pytest.mark.parametrize("seen", [3, 6, 12, 17])
def test_cluster_means_are_as_many_as_observed_clusters_carry(seen: int, mode: str) -> None:
    frame = schools(seen)
    made = suggest(ANALYSIS, frame, mode=mode)
    candidates = 3 if mode == "fcs" else 2
    assert len(means(made)) == min(carried(seen), candidates)
    assert not [p for p in check(made.plan, frame) if "of their level" in p.finding]
    if carried(seen) < candidates:
        assert ("carry no more" if mode == "compatible" else f"{seen} clusters of school with a value of age") in (
            comments(made)
        )


def test_what_the_analysis_has_comes_first() -> None:
    frame = schools(12)  # they carry two coefficients
    made = suggest("score ~ gcse + sex + age + w + cluster_mean(sex, school) + (1 | school)", frame, mode="fcs")
    assert means(made) == {"sex"} and " + w " in model(made, "age")
    left = "12 clusters of school with a value of age carry 2 coefficients of the level of school: "
    assert f"{left}cluster_mean(score, school), cluster_mean(gcse, school)." in comments(made)


def test_the_terms_of_its_own_analysis_stay() -> None:
    frame = schools(18).rename(columns={"score": "x", "age": "y"}).assign(y=schools(6)["age"])
    own = "y ~ x + w + v + (1 | school)"
    made = suggest(own, frame, mode="fcs")
    assert model(made, "y") == own and "cluster_mean(x, school)" in comments(made)
    (warning,) = [p for p in check(made.plan, frame) if "of their level" in p.finding]
    assert warning.severity == Severity.WARNING and "2 coefficients of their level: w, v" in warning.finding


@pytest.mark.parametrize("mode", ["compatible", "fcs"])
def test_variables_of_clusters_are_counted_too(mode: str) -> None:
    frame = schools(6)
    made = suggest("score ~ gcse + age + w + v + (1 | school)", frame, mode=mode)
    assert means(made) == set() and " + w " in model(made, "age") and " v " not in model(made, "age")
    assert "1 coefficient of the level of school" in comments(made)


def test_ages_stay_where_children_are() -> None:
    frame = schools(6, size=20)
    plan = suggest(ANALYSIS, frame, mode="fcs").plan.with_run(m=6, chains=2, warmup=20, sweeps=60)
    imputed = bi.impute(frame, plan, seed=2, workers=1, progress=False)
    ages = np.array([completed["age"] for completed in imputed])
    # The recorded ones lie within 217 and 227: a normal law of their spread, 2.9, reaches four of it beyond.
    assert ages.min() > 205 and ages.max() < 239


def test_the_key_of_a_mean_inside_a_call_is_no_covariate() -> None:
    rng = np.random.default_rng(6)
    key = np.repeat(np.arange(30), 10) * 10 + 1001
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=["y", "ses", "z"]).assign(ID=key)
    frame[["ses", "z"]] = frame[["ses", "z"]].mask(rng.random((300, 2)) < 0.2)
    analysis = "y ~ I(ses - cluster_mean(ses, ID)) + cluster_mean(ses, ID) + z + (1 | ID)"
    for mode in ("compatible", "fcs"):
        made = suggest(analysis, frame, mode=mode)
        for conditional in made.plan.conditionals:
            assert "ID" not in conditional.formulas["mu"].replace("~", "+").split(" + ")
        assert "Complete, so without a model of their own: y." in comments(made)
        assert check(made.plan, frame) == []
        assert bi.congenial(made.plan, analysis, frame) == []
    assert model(made, "z") == "z ~ y + ses + cluster_mean(y, ID) + cluster_mean(ses, ID) + (1 | ID)"


def test_check_counts_derived_variables_and_those_of_level_2() -> None:
    frame = schools(6)
    for formula in ("age ~ w + cluster_mean(sex, school) + (1 | school)", "age ~ w + I(w ** 2) + (1 | school)"):
        (found,) = [p for p in check(Plan.of([formula]), frame) if "of their level" in p.finding]
        assert "6 clusters" in found.finding and "2 coefficients" in found.finding
    assert not [p for p in check(Plan.of(["age ~ w + gcse + (1 | school)"]), frame) if "of their level" in p.finding]
