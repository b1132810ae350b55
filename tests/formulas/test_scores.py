"""``scores(x)``: 1 to K of ordered labels, in models, derived variables, cluster means, compatible plans, analyses."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.base.errors import FormulaError
from bayesimpute.formulas import build, evaluate_expression

LABELS = ["poor", "fair", "good", "best"]
RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 2, "sweeps": 2, "steps": 1, "sampler": "prior"}


def graded(values: list[Any], *, ordered: bool = True) -> pd.Series:
    return pd.Series(pd.Categorical(values, LABELS, ordered=ordered))


def frame() -> pd.DataFrame:
    """Nobody is "fair": a score is a label's place among all."""
    rng, n = np.random.default_rng(4), 120
    found = pd.DataFrame({"x": rng.normal(size=n), "g": np.arange(n) % 10})
    found["grade"] = np.array(["poor", "good", "best"])[rng.integers(0, 3, n)]
    score = np.select([found["grade"] == "poor", found["grade"] == "good"], [1.0, 3.0], 4.0)
    found["y"] = np.where(rng.random(n) > 0.2, score + 0.1 * rng.normal(size=n), np.nan)
    found["grade"] = found["grade"].where(rng.random(n) > 0.2)
    return found


COLUMNS = {"grade": " < ".join(LABELS)}


def test_a_score_is_the_place_of_a_label() -> None:
    given = {"g": graded(["good", None, "poor", "best"])}
    np.testing.assert_array_equal(evaluate_expression("scores(g) - 1", given), [2, np.nan, 0, 3])


@pytest.mark.parametrize(
    ("column", "told"),
    [(graded(["good", "poor"], ordered=False), "have no order"), (pd.Series([1.0, 2.0]), "is a number")],
)
def test_what_has_no_order_has_no_scores(column: pd.Series, told: str) -> None:
    with pytest.raises(FormulaError, match=told):
        evaluate_expression("scores(g)", {"g": column})


def test_a_matrix_has_the_same_scores_on_few_rows() -> None:
    whole = pd.DataFrame({"g": graded(["good", "poor", "best"])})
    made = build("scores(g)", whole)
    assert made.names == ("Intercept", "scores(g)")
    np.testing.assert_array_equal(made.evaluate(whole.iloc[2:])[:, 1], [4])
    assert build("scores(g)", whole.iloc[2:]).evaluate(whole)[:, 1].tolist() == [3, 1, 4]
    np.testing.assert_allclose(build("center(scores(g))", whole).evaluate(whole)[:, 1], np.array([3, 1, 4]) - 8 / 3)
    with pytest.raises(FormulaError, match="no order"):
        build("scores(g)", pd.DataFrame({"g": graded(["good", "poor"], ordered=False)}))


def test_models_derived_variables_means_and_analyses_read_them() -> None:
    formulas = ["y ~ scores(grade) + x + cluster_mean(scores(grade), g) + (1 + scores(grade) | g)", "grade ~ x + y"]
    derived = (bi.Derived(name="twice", expression="2 * scores(grade)"),)
    plan = bi.Plan.of(formulas, columns=COLUMNS, derived=derived, run=bi.Run(**RUN))
    assert not [p for p in bi.check(plan, frame()) if p.severity.value == "error"]
    made = bi.impute(frame(), plan, seed=1, progress=False)
    names = [v.attrs["name"] for v in made.draws("y").data_vars.values()]
    assert names[1:4] == ["scores(grade)", "x", "cluster_mean(scores(grade), g)"]
    place = {label: k for k, label in enumerate(LABELS, start=1)}
    for each in made:
        assert list(each["twice"]) == [2 * place[label] for label in each["grade"]]
    pooled = made.pool("y ~ scores(grade)").terms
    assert pooled["term"].tolist() == ["Intercept", "scores(grade)"]
    plain = np.mean([np.polyfit(each["grade"].map(place), each["y"], 1)[0] for each in made])
    assert list(pooled["estimate"])[1] == pytest.approx(plain)


def test_a_compatible_plan_draws_labels_given_the_model_that_reads_their_scores() -> None:
    """Missing labels follow from y, which is their score and little else."""
    plan = bi.Plan.of(["grade ~ x"], substantive=["y ~ scores(grade)"], columns=COLUMNS)
    run = {"m": 2, "chains": 1, "warmup": 30, "sweeps": 10, "steps": 5, "sampler": "gibbs"}
    data = frame().drop(columns="g")
    made = bi.impute(data, plan, seed=1, progress=False, **run)
    known = (data["grade"].isna() & data["y"].notna()).to_numpy()
    nearest = np.array(["poor", "good", "best"])[np.abs(data["y"].to_numpy()[:, None] - [1, 3, 4]).argmin(axis=1)]
    for each in made:
        assert np.mean((each["grade"].to_numpy() == nearest)[known]) > 0.95


def test_what_is_wrong_is_told() -> None:
    def found(formula: str, **columns: str) -> list[str]:
        return [str(p) for p in bi.check(bi.Plan.of([formula, "grade ~ x"], columns=columns), frame())]

    assert any("the labels of grade have no order" in p for p in found("y ~ scores(grade)"))
    assert any("the labels of grade have no order" in p for p in found("y ~ scores(grade)", grade="labels"))
    assert any("x is a number" in p for p in found("y ~ scores(x)"))
    assert any(
        '"grade" has' in p for p in map(str, bi.check(bi.Plan.of(["y ~ scores(grade)"]).saying(COLUMNS), frame()))
    )
