"""What of an analysis the imputations ignore: each rule, and that nothing is said of plans that ignore nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.errors import FormulaError, PlanError, Severity
from bayesimpute.checking import check
from bayesimpute.checking.congeniality import Ignored, congenial, of_plan
from bayesimpute.cli.parser import main
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Analysis, Derived, Score
from bayesimpute.plan.plan import Plan

ANALYSIS = "y ~ x * w + z + (1 + x | g)"


def ignored(formulas: list[str], analysis: str, data: pd.DataFrame | None = None, **parts: object) -> list[Ignored]:
    return congenial(Plan.of(formulas, **parts), analysis, data)


def terms(found: list[Ignored]) -> set[tuple[str, str]]:
    return {(i.variable, i.term) for i in found}


@pytest.fixture
def data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(12), 5)
    frame = pd.DataFrame(rng.normal(size=(60, 4)), columns=["y", "x", "w", "z"]).assign(
        g=g, school=rng.normal(size=12)[g]
    )
    frame["kind"] = np.where(rng.random(60) < 0.5, "a", "b")
    return frame.mask(rng.random(frame.shape) < 0.1).assign(g=g, w=frame["w"], kind=frame["kind"])


def test_who_reads_what_the_outcome_is_derived_from_reads_the_outcome() -> None:
    parts = [Derived(name="any", expression="y > 0")]
    assert ("x", "x") not in terms(ignored(["y ~ x", "x ~ y"], "any ~ x", derived=parts))
    assert ("x", "x") in terms(ignored(["y ~ x", "x ~ z"], "any ~ x", derived=parts))


# The outcome ---------------------------------------------------------------------------------------------------------


def test_the_analysis_itself_ignores_nothing() -> None:
    assert ignored([ANALYSIS], ANALYSIS) == []


def test_a_larger_model_ignores_nothing() -> None:
    assert ignored(["y ~ x * w * z + (1 + x + z | g) + (1 | h)"], ANALYSIS) == []


@pytest.mark.parametrize(
    ("model", "term", "finding", "bias"),
    [
        ("y ~ x + w + z + (1 + x | g)", "x:w", "the model of y lacks x:w", "coefficient of x:w is biased towards 0"),
        ("y ~ x * w + (1 + x | g)", "z", "the model of y lacks z", "coefficient of z is biased towards 0"),
        ("y ~ x * w + z + (1 | g)", "x|g", "no random slopes of x by g", "the slope variance is biased towards 0"),
        ("y ~ x * w + z + (0 + x | g)", "1|g", "no random intercepts by g", "variance between g is biased towards 0"),
    ],
)
def test_terms_that_the_outcomes_model_lacks(model: str, term: str, finding: str, bias: str) -> None:
    (found,) = ignored([model], ANALYSIS)
    assert (found.variable, found.term, found.place) == ("y", term, "conditional[y].formulas.mu")
    assert finding in found.finding and bias in found.bias
    assert str(found) == f"{found.place}: {found.finding}; {found.bias}"


def test_the_same_model_in_other_words_ignores_nothing() -> None:
    assert ignored(["y ~ poly(x, 2) + C(w) + (1 + center(z) | b:a)"], "y ~ x + I(x**2) + C(w) + (1 + z | a:b)") == []
    assert ignored(["y ~ center(x) + scale(z)"], "y ~ x + z") == []
    assert terms(ignored(["y ~ poly(x, 2)"], "y ~ x + I(x**3)")) == {("y", "I(x ** 3)")}
    assert terms(ignored(["y ~ x"], "y ~ log(x)")) == {("y", "log(x)")}


def test_a_number_is_not_the_category_made_of_it(data: pd.DataFrame) -> None:
    assert terms(ignored(["y ~ w"], "y ~ C(w)", data)) == {("y", "C(w)")}
    assert ignored(["y ~ kind"], "y ~ C(kind)", data) == []


def test_a_missing_cluster_mean_is_told() -> None:
    assert terms(ignored(["y ~ x + (1 | g)"], "y ~ x + cluster_mean(x, g) + (1 | g)")) == {("y", "cluster_mean(x, g)")}


# Covariates in chained equations -------------------------------------------------------------------------------------


def test_keys_of_the_same_clusters_are_the_same(data: pd.DataFrame) -> None:
    """Families numbered through in towns: ``town/g`` has those of g."""
    data = data.assign(town=data["g"] // 3)
    formulas = ["y ~ x + (1 | town/g)", "x ~ y + (1 | town/g)"]
    assert not ignored(formulas, "y ~ x + (1 | g)", data)
    assert {("y", "1|g"), ("x", "1|g")} <= terms(ignored(formulas, "y ~ x + (1 | g)"))
    again = data.assign(g=data["g"] % 3)  # numbered anew in each town
    assert ("y", "1|g") in terms(ignored(formulas, "y ~ x + (1 | g)", again))


def test_the_reversed_analysis_ignores_nothing() -> None:
    assert ignored(["y ~ x * w + (1 | g)", "x ~ y * w + (1 | g)"], "y ~ x * w + (1 | g)") == []


@pytest.mark.parametrize(
    ("model", "term", "finding", "bias"),
    [
        ("x ~ w + (1 | g)", "x", "leaves out the outcome y", "the coefficient of x is biased towards 0"),
        ("x ~ y + (1 | g)", "w", "leaves out w", "the coefficients of x and w are biased"),
        ("x ~ y + w", "1|g", "neither them nor the cluster mean of y", "the variance between g is biased"),
    ],
)
def test_what_a_covariates_model_leaves_out(model: str, term: str, finding: str, bias: str) -> None:
    (found,) = ignored([model], "y ~ x + w + (1 | g)")
    assert (found.variable, found.term, found.place) == ("x", term, "conditional[x].formulas.mu")
    assert finding in found.finding and bias in found.bias


def test_the_cluster_mean_of_the_outcome_stands_for_random_intercepts() -> None:
    assert ignored(["x ~ y + w + cluster_mean(y, g)"], "y ~ x + w + (1 | g)") == []


def test_interactions_must_be_reversed() -> None:
    (found,) = ignored(["x ~ y + w + z"], "y ~ x * w + z")
    assert found.term == "x:w" and "would need y:w" in found.finding
    (found,) = ignored(["z ~ y + x + w"], "y ~ x * w + z")
    assert found.term == "x:w" and "would need x:w" in found.finding
    assert ignored(["b ~ cluster_mean(x * y, g)"], "y ~ x * b") == []


@pytest.mark.parametrize("term", ["I(x ** 2)", "poly(x, 2)", "log(x)"])
def test_no_reversed_model_is_implied_by_functions_of_a_covariate(term: str) -> None:
    (found,) = ignored(["x ~ y"], f"y ~ {term}")
    assert found.term == term and "linear in y" in found.finding and "substantive" in found.bias


def test_no_reversed_model_is_implied_by_random_slopes() -> None:
    analysis = "y ~ x + w + (1 + x | g)"
    (found,) = ignored(["x ~ y + w + (1 + center(y) | g)"], analysis)
    assert found.term == "x|g" and "not what those of x in the analysis imply" in found.finding
    assert "biased downward" in found.bias
    (found,) = ignored(["x ~ y + w + (1 | g)"], analysis)
    assert found.term == "x|g" and "knows nothing of them" in found.finding and "towards 0" in found.bias
    (found,) = ignored(["w ~ y + x + (1 | g)"], analysis)
    assert found.term == "x|g" and "the model of w has not" in found.finding


def test_level_2_covariates_need_no_random_effects(data: pd.DataFrame) -> None:
    formula, analysis = "school ~ cluster_mean(y, g) + cluster_mean(x, g)", "y ~ x + school + (1 + x | g)"
    level_2 = Conditional.of(formula, level="g")
    assert congenial(Plan.of([level_2]), analysis) == []
    assert {i.term for i in congenial(Plan.of([formula]), analysis)} == {"x|g"}
    models = [formula, "y ~ x + school + (1 + x | g)", Conditional.of("x ~ y + school + (1 | g)")]
    assert terms(congenial(Plan.of(models), analysis, data)) == {("x", "x|g")}


def test_what_is_the_same_in_all_clusters_need_not_be_in_the_model_of_what_belongs_to_them(data: pd.DataFrame) -> None:
    """Measured at the same visits all clusters have the same mean: only an unbalanced variable tells them apart."""
    school, analysis = Conditional.of("school ~ cluster_mean(y, g)", level="g"), "y ~ visit + school + (1 | g)"
    data = data.assign(school=data["school"].where(data["g"] != 3))
    for visit, left_out in (("balanced", set()), ("not", {("school", "visit")})):
        visits = np.tile(np.arange(5.0), 12)
        visits[0] += visit == "not"
        found = ignored([analysis, school], analysis, data.assign(visit=visits))
        assert terms(found) == left_out
    kinds, analysis = data.assign(kind=np.tile(list("abcab"), 12)), "y ~ kind + school + (1 | g)"
    assert ignored([analysis, school], analysis, kinds) == []


# Substantive models --------------------------------------------------------------------------------------------------


def test_substantive_models_multiply_into_the_draws_of_covariates() -> None:
    analysis = "y ~ poly(x, 2) * w + z + (1 + x | g)"
    assert ignored(["x ~ w + (1 | g)", "w ~ x + (1 | g)"], analysis, substantive=analysis) == []


def test_a_smaller_substantive_model_ignores_the_rest() -> None:
    found = ignored(["x ~ w"], "y ~ x * w + (1 | g)", substantive="y ~ x + w")
    assert terms(found) == {("y", "x:w"), ("y", "1|g")}
    assert {i.place for i in found} == {"substantive[y].formulas.mu"}


def test_auxiliary_models_bring_their_target_into_the_draws() -> None:
    plan = Plan.of(["x ~ 1", "a ~ y + x"], substantive="y ~ x")
    assert congenial(plan, "y ~ x + a") == []
    assert congenial(plan, "a ~ x + y") == []
    assert {i.term for i in congenial(plan, "y ~ x + I(a ** 2)")} == {"I(a ** 2)"}


# With data -----------------------------------------------------------------------------------------------------------


def test_with_data_only_incomplete_variables_count(data: pd.DataFrame) -> None:
    assert ignored(["w ~ z", "y ~ w"], "y ~ w", data) == []
    assert terms(ignored(["w ~ z", "y ~ w"], "y ~ w")) == {("w", "w")}


def test_variables_that_nothing_imputes_cost_rows(data: pd.DataFrame) -> None:
    (found,) = ignored(["y ~ x + w"], "y ~ x + w", data)
    assert found.variable == "x" and "no model imputes them" in found.finding and "complete rows" in found.bias
    derived = (Derived(name="x", expression="w + 1"),)
    assert congenial(Plan.of(["y ~ x + w"], derived=derived), "y ~ x + w", data) == []


def test_what_members_of_a_cluster_know_is_not_imputed() -> None:
    frame = pd.DataFrame({"g": [1, 1, 2, 2], "w": [1.0, None, 2.0, 2.0], "y": [1.0, 2.0, None, 3.0]})
    plan = Plan.of(["y ~ w + (1 | g)", Conditional.of("w ~ 1", level="g")])
    assert congenial(plan, "y ~ w + (1 | g)", frame) == []
    assert congenial(plan, "y ~ w + (1 | g)") != []


def test_derived_variables_are_what_they_are_computed_from() -> None:
    derived = [Derived(name="xw", expression="x * w"), Derived(name="yw", expression="y * w")]
    analysis = "y ~ x + w + xw"
    assert congenial(Plan.of(["y ~ x * w", "x ~ y + w + yw"], derived=derived), analysis) == []
    (found,) = congenial(Plan.of(["x ~ y + w"], derived=derived), analysis)
    assert found.term == "xw" and "would need y:w" in found.finding
    square = [Derived(name="xx", expression="half * 2"), Derived(name="half", expression="x ** 2 / 2")]
    (found,) = congenial(Plan.of(["x ~ y"], derived=square), "y ~ x + xx")
    assert "linear in y" in found.finding
    broken = [
        Derived(name="a", expression="b + 1"),
        Derived(name="b", expression="a"),
        Derived(name="c", expression="("),
    ]
    assert congenial(Plan.of(["y ~ a + c"], derived=broken), "y ~ a + c") == []


# Inputs and the command line -----------------------------------------------------------------------------------------


def test_an_analysis_may_be_given_in_any_form() -> None:
    plan = Plan.of(["y ~ z"])
    found = congenial(plan, "y ~ x")
    assert found and found == congenial(plan, Analysis(name="main", formula="y ~ x"))
    assert found == congenial(plan, Conditional.of("y ~ x"))


def test_bad_input_is_refused_in_words() -> None:
    with pytest.raises(FormulaError, match="analysis"):
        congenial(Plan(), "y ~ system(1)")
    with pytest.raises(PlanError, match="not a plan"):
        congenial("y ~ x", "y ~ x")  # type: ignore[arg-type]


def test_formulas_of_the_plan_that_cannot_be_read_are_for_check() -> None:
    assert {i.term for i in congenial(Plan.of(["y ~ x +"]), "y ~ x")} == {"x"}


def test_a_plan_is_held_against_all_that_it_names() -> None:
    plan = Plan.of(["x ~ w"], substantive="y ~ x", analyses=[Analysis(name="main", formula="y ~ x + w")])
    assert [(place, i.term) for place, i in of_plan(plan)] == [("analysis[main]", "w")]


PLAN = """
[[conditional]]
formula = "y ~ x + (1 | g)"
[[conditional]]
formula = "x ~ y + (1 | g)"
[[analysis]]
name = "main"
formula = "y ~ x + w + (1 | g)"
"""


def test_check_tells_what_is_ignored(
    tmp_path: Path, data: pd.DataFrame, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data.to_csv("data.csv", index=False)
    Path("plan.toml").write_text(PLAN)
    assert main(["check", "plan.toml", "--data", "data.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if line.startswith("information: ")]
    assert [line.split(" is ignored")[0] for line in told] == ["information: analysis[main]"] * 2
    assert lines[0] == "No problems." and "the model of y lacks w" in told[0]
    assert main(["check", "plan.toml", "--data", "data.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problems"] == []
    assert [(f["analysis"], f["variable"], f["term"]) for f in found["ignored"]] == [
        ("analysis[main]", "y", "w"),
        ("analysis[main]", "x", "w"),
    ]


def test_outcomes_that_are_imputed_apart() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["y1", "y2", "x"])
    frame = frame.mask(rng.random(frame.shape) < [0.3, 0.3, 0.0])
    analyses = tuple(Analysis(name=y, formula=f"{y} ~ x") for y in ("y1", "y2"))
    apart = Plan.of(["y1 ~ x", "y2 ~ x"], analyses=analyses)
    (one,) = congenial(apart, analyses[0], frame)
    assert (one.variable, one.term) == ("y1", "y2") and "the outcome of another analysis" in one.finding
    found = check(apart, frame)
    assert [(p.path, p.severity) for p in found] == [
        ("conditional[y1].formulas.mu", Severity.WARNING),
        ("conditional[y2].formulas.mu", Severity.WARNING),
    ]
    assert "add y2 to the formula of y1" in found[0].remedy
    one_way = Plan.of(["y1 ~ x", "y2 ~ x + y1"], analyses=analyses)
    assert [p.path for p in check(one_way, frame)] == ["conditional[y1].formulas.mu"]
    models = {y: Conditional.of(f) for y, f in {"y1": "y1 ~ x", "y2": "y2 ~ x", "both": "y2 ~ x + y1"}.items()}
    substantive = Plan(substantive=(models["y1"], models["y2"]))
    assert len(check(substantive, frame)) == 2 and "the other way round" in check(substantive, frame)[0].remedy
    assert check(Plan(substantive=(models["y1"], models["both"]), analyses=analyses), frame) == []
    assert check(Plan.of(["y1 ~ x", "y2 ~ x"], analyses=analyses[:1]), frame) == []


# Functions of a covariate in which its own model is linear ----------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "analysis"),
    [
        (Conditional.of("log(x) ~ y + z"), "y ~ log(x) + z"),
        (Conditional.of("x ~ y + z", family="lognormal"), "y ~ I(2 * log(x) - z) + z"),
        (Conditional.of("x ~ y + z", transform="logit"), "y ~ log(x / (1 - x)) + z"),
        (Conditional.of("x ~ y + z", transform="logit"), "y ~ logit(x) + z"),
        (Conditional.of("x ~ y + z", transform="sqrt"), "y ~ sqrt(x) + z"),
        (Conditional.of("x ~ y + z", transform="sqrt"), "y ~ I(x**0.5) + z"),
        (Conditional.of("x ~ y + z"), "y ~ I(x + z)"),
        (Conditional.of("x ~ y + z"), "y ~ I((z - x) / 2)"),
        (Conditional.of("x ~ y + z"), "y ~ days(x - z)"),
    ],
)
def test_what_the_model_of_a_covariate_is_linear_in_is_no_curve(model: Conditional, analysis: str) -> None:
    assert ignored([analysis, model, "z ~ x + y"], analysis) == []


@pytest.mark.parametrize(
    ("model", "analysis", "term"),
    [
        (Conditional.of("x ~ y + z"), "y ~ log(x) + z", "log(x)"),
        (Conditional.of("x ~ y + z", transform="sqrt"), "y ~ log(x) + z", "log(x)"),
        (Conditional.of("log(x) ~ y + z"), "y ~ log(x + 1) + z", "log(x + 1)"),
        (Conditional.of("log(x) ~ y + z"), "y ~ log(x) + x + z", "log(x)"),
        (Conditional.of("x ~ y + z"), "y ~ I(z / x) + z", "I(z / x)"),
        (Conditional.of("x ~ y + z"), "y ~ I(x**2 + z) + z", "I(x ** 2 + z)"),
    ],
)
def test_other_functions_of_it_are(model: Conditional, analysis: str, term: str) -> None:
    (found,) = [i for i in ignored([analysis, model], analysis) if i.variable == "x"]
    assert found.term.replace("(x ** 2)", "x ** 2") == term and "flattened" in found.bias


def test_a_score_is_linear_in_its_items() -> None:
    scores = [Score(name="pain", items=("p1", "p2", "p3"), score="mean")]
    models = [f"p{k} ~ y + age + {' + '.join(f'p{j}' for j in (1, 2, 3) if j != k)}" for k in (1, 2, 3)]
    assert ignored(["y ~ pain + age", *models], "y ~ pain + age", scores=scores) == []
    found = ignored(["y ~ log(pain) + age", *models], "y ~ log(pain) + age", scores=scores)
    assert {i.variable for i in found} == {"p1", "p2", "p3"}
