"""Estimands of a plan and of a call: every kind of bad input at its place, and a design that the imputation forgot."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bayesimpute.base.errors import Problem, Severity
from bayesimpute.checking import check
from bayesimpute.checking.estimand_problems import code_of
from bayesimpute.data.columns import encode
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Derived, Estimand
from bayesimpute.plan.plan import Plan


def make_frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    n = 60
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "b": rng.integers(0, 2, n).astype(float),
            "x": rng.normal(size=n),
            "region": np.repeat(list("abcdef"), 10),
            "psu": np.repeat(np.arange(12), 5),
            "sex": rng.choice(["f", "m"], n),
            "count": rng.integers(0, 4, n).astype(float),
            "hole": rng.normal(size=n),
            "text": rng.choice(["p", "q", "r"], n),
            "day": pd.date_range("2024-01-01", periods=n),
            "flag": rng.random(n) < 0.5,
            "row": np.arange(n),
            "sw": rng.uniform(0.5, 2, n),
            "bad": rng.uniform(-1, 2, n),
            "zero": 0.0,
        }
    )
    for k, name in enumerate(["y", "b", "count", "hole"]):
        frame.loc[k::7, name] = np.nan
    frame.loc[3, "bad"] = -1.0
    return frame


FRAME = make_frame()
DESIGN = "sw + region + (1 | psu)"


def plan(*estimands: Any, **options: Any) -> Plan:
    formulas = [f"y ~ x + {DESIGN}", f"b ~ x + {DESIGN}", f"count ~ x + {DESIGN}"]
    return Plan.of(formulas, estimands=estimands, derived=(Derived(name="d", expression="y * x"),), **options)


def asked(**options: Any) -> Plan:
    return plan(Estimand(**{"name": "e", "variable": "y", **options}))


def found(plan: Plan) -> list[Problem]:
    return [p for p in check(plan, FRAME) if p.path.startswith("estimand")]


PROBLEMS: dict[str, tuple[Plan, str, str, str]] = {
    "no estimand": (plan(5), "estimand", "5 is not an Estimand", "Estimand("),
    "name": (asked(name=3), "estimand[3].name", "3 is not a name", "text"),
    "twice": (plan(*[Estimand(name="e", variable=v) for v in "yb"]), "estimand[e]", "2 estimands", "own name"),
    "variable unknown": (asked(variable="yy"), "estimand[e].variable", 'no column "yy"', '"y"?'),
    "variable a number": (asked(variable=3), "estimand[e].variable", "3 is not a name", "text"),
    "variable not imputed": (asked(variable="hole"), "estimand[e].variable", "missing values and no cond", "add a"),
    "statistic": (asked(statistic="meen"), "estimand[e].statistic", 'no statistic "meen"', '"mean"?'),
    "statistic a number": (asked(statistic=3), "estimand[e].statistic", 'no statistic "3"', "mean or proportion or"),
    "target": (asked(target="popul"), "estimand[e].target", 'no target "popul"', '"population"?'),
    "target empty": (asked(target=""), "estimand[e].target", 'no target ""', "population or sample"),
    "compare": (asked(compare="mnar"), "estimand[e].compare", 'no compare "mnar"', '"mar"?'),
    "nothing to compare": (asked(compare="mar"), "estimand[e].compare", "no family of the plan", "leave compare out"),
    "mean of text": (asked(variable="text"), "estimand[e].variable", "category variable, which has no mean", "propo"),
    "mean of dates": (asked(variable="day"), "estimand[e].variable", "date variable", "another variable"),
    "proportion of dates": (asked(variable="day", statistic="proportion"), "estimand[e].variable", "date", "another"),
    "quantile of yes/no": (asked(variable="flag", statistic="quantile"), "estimand[e].variable", "no quantile", "prop"),
    "value needed": (asked(variable="text", statistic="proportion"), "estimand[e].value", "two values", "p, q, r"),
    "value of numbers": (asked(variable="row", statistic="proportion"), "estimand[e].value", "two values", " more"),
    "value unknown": (
        asked(variable="sex", statistic="proportion", value="F"),
        "estimand[e].value",
        '"F" is not a value',
        '"f"?',
    ),
    "value no number": (
        asked(variable="b", statistic="proportion", value=2),
        "estimand[e].value",
        '"2"',
        "it has 0, 1",
    ),
    "value of a mean": (asked(value=1), "estimand[e].value", "a mean has none", "leave it out"),
    "value a list": (
        asked(variable="b", statistic="proportion", value=[1]),
        "estimand[e].value",
        "[1] is neither",
        "one value",
    ),
    "value of a derived": (
        asked(variable="d", statistic="proportion", value="high"),
        "estimand[e].value",
        '"high" is not a number',
        "number",
    ),
    "probability": (asked(statistic="quantile", probability=50), "estimand[e].probability", "50 is not", "median"),
    "probability NaN": (asked(statistic="quantile", probability=np.nan), "estimand[e].probability", "nan", "median"),
    "probability text": (asked(statistic="quantile", probability="a"), "estimand[e].probability", "'a'", "median"),
    "probability of a mean": (asked(probability=0.9), "estimand[e].probability", "a mean has none", "quantile"),
    "by unknown": (asked(by="regio"), "estimand[e].by", 'no column "regio"', '"region"?'),
    "by a number": (asked(by=(3,)), "estimand[e].by", "not a list of names", "by ="),
    "by no list": (asked(by=3), "estimand[e].by", "3 is not a list", "by ="),
    "by twice": (asked(by=["region", "region"]), "estimand[e].by", "2 times", "once"),
    "by itself": (asked(by="y"), "estimand[e].by", "the variable itself", "another"),
    "by many": (asked(by="row"), "estimand[e].by", "60 groups, more than 50", "fewer"),
    "by many together": (asked(by=["row", "sex"]), "estimand[e].by", "row and sex: 60 groups", "fewer"),
    "by not imputed": (asked(by="hole"), "estimand[e].by", "missing values and no conditional", "add a"),
    "by imputed numbers": (asked(by="count"), "estimand[e].by", "imputed as a continuous", "derive the groups"),
    "weights unknown": (asked(weights="sww"), "estimand[e].weights", 'no column "sww"', '"sw"?'),
    "weights a number": (asked(weights=2), "estimand[e].weights", "2 is not a name", "text"),
    "weights negative": (asked(weights="bad"), "estimand[e].weights", "negative values, the first in row", "0 or more"),
    "weights missing": (asked(weights="hole"), "estimand[e].weights", "missing in 9 rows, the first in row 3", "fill"),
    "weights zero": (asked(weights="zero"), "estimand[e].weights", "zero in all rows", "above zero"),
    "weights text": (asked(weights="region"), "estimand[e].weights", "a category variable", "numbers"),
    "weights derived": (asked(weights="d"), "estimand[e].weights", "derived variable", "column of the data"),
    "strata unknown": (asked(strata="regions"), "estimand[e].strata", "no column", '"region"?'),
    "strata missing": (asked(strata="hole"), "estimand[e].strata", "missing in 9 rows", "leave these rows out"),
    "clusters missing": (asked(clusters="hole"), "estimand[e].clusters", "missing in 9 rows", "leave these rows out"),
    "clusters unknown": (asked(clusters="psuu"), "estimand[e].clusters", "no column", '"psu"?'),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_each_problem_has_its_place(case: str) -> None:
    given, path, finding, remedy = PROBLEMS[case]
    hits = [p for p in found(given) if p.path == path and finding in p.finding and remedy in p.remedy]
    assert len(hits) == 1 and hits[0].severity is Severity.ERROR, "\n".join(map(str, check(given, FRAME)))


def test_all_problems_are_told_at_once() -> None:
    given = asked(statistic="meen", weights="bad", by="regio", target="all", strata="hole")
    paths = {f"estimand[e].{part}" for part in ("statistic", "weights", "by", "target", "strata")}
    assert {p.path for p in found(given)} >= paths


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"by": ["region", "sex"], "weights": "sw", "strata": "region", "clusters": "psu"},
        {"variable": "b", "statistic": "proportion"},
        {"variable": "b"},
        {"variable": "b", "statistic": "proportion", "value": "0"},
        {"variable": "sex", "statistic": "proportion", "by": "b", "target": "sample"},
        {"variable": "flag", "statistic": "proportion", "value": False},
        {"variable": "text", "statistic": "proportion", "value": "q"},
        {"variable": "d", "statistic": "quantile", "probability": 0.9, "weights": "sw"},
        {"variable": "x", "statistic": "quantile", "by": "flag"},
    ],
)
def test_sound_estimands_have_no_problems(options: dict[str, Any]) -> None:
    assert found(asked(**options)) == []


def warnings(given: Plan) -> list[Problem]:
    problems = found(given)
    assert all(p.severity is Severity.WARNING for p in problems)
    return problems


@pytest.mark.parametrize("variable", ["y", "d"])
def test_a_design_that_the_imputation_forgot_is_a_warning(variable: str) -> None:
    given = asked(variable=variable, weights="sw", strata="region", clusters="psu")
    given = replace(given, conditionals=(Conditional.of("y ~ x"), *given.conditionals[1:]))
    problems = warnings(given)
    assert [p.path for p in problems] == [f"estimand[e].{part}" for part in ("weights", "strata", "clusters")]
    assert '"sw" is in no formula of conditional[y], which imputes y' in problems[0].finding
    assert "biased" in problems[0].remedy


@pytest.mark.parametrize(
    ("formula", "part", "column"),
    [
        ("y ~ np.log(sw)", "weights", "sw"),
        ("y ~ bs(sw, df=4)", "weights", "sw"),
        ("y ~ light", "weights", "sw"),
        ("y ~ x + (1 | psu)", "clusters", "psu"),
        ("y ~ x + (1 | region:psu)", "clusters", "psu"),
        ("y ~ cluster_mean(x, psu)", "clusters", "psu"),
        ("y ~ C(region)", "strata", "region"),
    ],
)
def test_the_design_counts_however_it_is_in_the_model(formula: str, part: str, column: str) -> None:
    given = asked(**{part: column})
    light = (*given.derived, Derived(name="light", expression="1 / sw"))
    formula = formula.replace("np.", "")
    conditionals = (Conditional.of(formula), *given.conditionals[1:])
    assert warnings(replace(given, conditionals=conditionals, derived=light)) == []


def test_a_formula_of_another_parameter_counts() -> None:
    given = asked(weights="sw")
    own = Conditional(target="y", family="gaussian", formulas={"mu": "y ~ x", "sigma": "sw"})
    assert warnings(replace(given, conditionals=(own, *given.conditionals[1:]))) == []


def test_complete_variables_need_no_design_in_a_model() -> None:
    given = asked(variable="x", weights="sw", clusters="psu")
    conditionals = tuple(Conditional.of(f"{name} ~ x") for name in ("y", "b", "count"))
    assert warnings(replace(given, conditionals=conditionals)) == []


def test_an_exact_value_of_a_continuous_imputation_is_a_warning() -> None:
    (problem,) = warnings(asked(variable="count", statistic="proportion", value=2))
    assert "imputed as a continuous variable" in problem.finding and "derive" in problem.remedy


def test_a_family_that_cannot_be_read_is_not_said_to_be_ordinary() -> None:
    given = asked(compare="mar")
    broken = Conditional.of("y ~ x", family="heckmann_gaussian")
    assert found(replace(given, conditionals=(broken, *given.conditionals[1:]))) == []


def test_values_are_found_by_their_type_and_then_by_their_text() -> None:
    numbers = encode(pd.Series([0.0, 1.0, 2.5, np.nan]), "n")
    assert [code_of(v, numbers) for v in (1, "2.5", True, 3, "x", np.nan)] == [1, 2.5, 1, None, None, None]
    yes_no = encode(pd.Series([True, False]), "f")
    assert [code_of(v, yes_no) for v in (True, "yes", "No", 0, "maybe")] == [1, 1, 0, 0, None]
    labels = encode(pd.Series(pd.Categorical([1, "1", "a"], categories=["1", 1, "a"])), "c")
    assert [code_of(v, labels) for v in (1, "1", "a", "b")] == [1, 0, 2, None]
