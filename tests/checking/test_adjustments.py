"""Assumptions and adjustments that cannot be read, or do not hold on the data: one clear problem each."""

from typing import Any

import numpy as np
import pytest
from modelling import school_frame

import bayesimpute as bi
from bayesimpute.base.errors import Severity
from bayesimpute.families import HeckmanProbit

MODELS = ("y ~ x + (1 | school)", "b ~ x")


def found(
    *adjustments: Any, assumptions: Any = (), models: tuple[Any, ...] = MODELS, substantive: tuple[Any, ...] = ()
) -> list[bi.Problem]:
    frame = school_frame().drop(columns=["c", "d"])
    frame["lab"] = np.where(frame["b"].isna(), None, np.where(frame["b"] == 1, "yes", "no"))
    frame.loc[2::7, "z"] = np.nan
    plan = bi.Plan.of(
        [*models, "lab ~ x"], adjustments=adjustments, assumptions=tuple(assumptions), substantive=substantive
    )
    return [p for p in bi.check(plan, frame) if p.path.startswith(("adjustment", "assumption"))]


def shift(text: Any = "1", target: Any = "y", **more: Any) -> bi.Adjustment:
    return bi.Adjustment(target=target, shift=text, **more)


def assumption(name: Any = "d", **more: Any) -> bi.Assumption:
    return bi.Assumption(name=name, **more)


WRONG: dict[str, tuple[tuple[Any, ...], tuple[Any, ...], str, str]] = {
    "complete": ((shift(target="x"),), (), "adjustment[x].target", '"x" is complete'),
    "no column": ((shift(target="yy"),), (), "adjustment[yy].target", 'no column "yy"'),
    "no model": ((shift(target="z"),), (), "adjustment[z].target", '"z" has no model'),
    "itself": ((shift("0.1 * y"),), (), "adjustment[y].shift", "it follows from y itself"),
    "its mean": ((shift("cluster_mean(y, school)"),), (), "adjustment[y].shift", "it follows from y itself"),
    "unknown": ((shift("delta"),), (), "adjustment[y].shift", 'no column or assumption "delta"'),
    "unimputed": ((shift("z"),), (), "adjustment[y].shift", '"z" has missing values and no model'),
    "code": ((shift('__import__("os").system("id")'),), (), "adjustment[y].shift", ""),
    "not a number": ((shift(float("nan")),), (), "adjustment[y].shift", "nan is not a number"),
    "a list": ((shift([1]),), (), "adjustment[y].shift", "[1] is not a number"),
    "scale": ((shift(scale="log"),), (), "adjustment[y].scale", "no scale 'log'"),
    "where": ((shift(where="x >"),), (), "adjustment[y].where", ""),
    "where a number": ((shift(where="x"),), (), "adjustment[y].where", "is a number and no condition"),
    "propagate": ((shift(propagate=3),), (), "adjustment[y].propagate", "3 is neither"),
    "odds of a number": ((shift(scale="logit"),), (), "adjustment[y].scale", "it has no log-odds"),
    "value of yes/no": ((shift(target="b", scale="value"),), (), "adjustment[b].scale", "would be neither"),
    "ratio of yes/no": ((shift(target="b", scale="ratio"),), (), "adjustment[b].scale", "would be neither"),
    "label of a number": ((shift(label="a"),), (), "adjustment[y].label", "has no labels"),
    "label": ((shift(target="lab", label="maybe"),), (), "adjustment[lab].label", '"maybe" is not a label'),
    "no adjustment": (({"target": "y"},), (), "adjustment", "is not an Adjustment"),
    "unused": ((shift(),), (assumption(),), "assumption[d]", "no adjustment reads it"),
    "twice": ((shift("d"),), (assumption(), assumption()), "assumption[d]", '2 assumptions are called "d"'),
    "a column's name": ((shift("x"),), (assumption("x"),), "assumption[x]", 'there is a column of the data "x"'),
    "no name": ((shift(),), (assumption("a b"),), "assumption[a b].name", "cannot stand in an expression"),
    "no value": ((shift("d"),), (assumption(value="a"),), "assumption[d].value", "'a' is not a number"),
    "both": ((shift("d"),), (assumption(value=1, prior="Normal(0, 1)"),), "assumption[d].value", "and a prior"),
    "no prior": ((shift("d"),), (assumption(prior="Normal"),), "assumption[d].prior", "is not a distribution"),
    "no mean": ((shift("d"),), (assumption(prior="Cauchy(0, 1)"),), "assumption[d].prior", "has no mean"),
    "of a matrix": ((shift("d"),), (assumption(prior="LKJ(2)"),), "assumption[d].prior", "of a matrix"),
    "by alone": ((shift("d"),), (assumption(by="school"),), "assumption[d].by", "there is none"),
    "by": ((shift("d"),), (assumption(prior="Normal(0, 1)", by="skool"),), "assumption[d].by", 'no column "skool"'),
    "correlated with nobody": (
        (shift("d"),),
        (assumption(prior="Normal(0, 1)", correlation={"e": 0.5}),),
        "assumption[d].correlation.e",
        'no other assumption "e"',
    ),
    "no correlation": (
        (shift("d + e"),),
        (assumption(prior="Normal(0, 1)", correlation={"e": 1.5}), assumption("e", prior="Normal(0, 1)")),
        "assumption[d].correlation.e",
        "1.5 is not a correlation",
    ),
    "no matrix": (
        (shift("d + e + f"),),
        (
            assumption(prior="Normal(0, 1)", correlation={"e": 0.9, "f": 0.9}),
            assumption("e", prior="Normal(0, 1)", correlation={"f": -0.9}),
            assumption("f", prior="Normal(0, 1)"),
        ),
        "assumption",
        "no correlation matrix",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_ones_are_named(case: str) -> None:
    adjustments, assumptions, path, finding = WRONG[case]
    problems = found(*adjustments, assumptions=assumptions)
    assert any(p.path == path and finding in p.finding and p.remedy for p in problems), problems


def test_right_ones_are_not() -> None:
    believed = [assumption(prior="Normal(0, 1)", correlation={"e": 0.5}), assumption("e", prior="Uniform(0, 1)")]
    right = shift("d * x + cluster_mean(x, school)", where="observed(b)"), shift("e", "b", scale="logit")
    assert not found(*right, shift("-1", "lab", label="no"), assumptions=believed)


@pytest.mark.parametrize("text", ["d * log(x - x)", "1 / 0", "d / (x - x)", "where(x > 0, log(x - x), 0)"])
def test_a_shift_that_is_no_number_in_some_row_is_told(text: str) -> None:
    """0 times an infinity at the assumption's value is none, either: it stood for missing at random."""
    (problem,) = [p for p in found(shift(text), assumptions=[assumption()]) if p.path == "adjustment[y].shift"]
    assert "is not a finite number in" in problem.finding and "missing row" in problem.finding
    assert "where(condition, shift, 0)" in problem.remedy


@pytest.mark.parametrize(
    "text", ["d * where(x > 0, log(x), 0)", "d * cluster_mean(log(exp(x)), school)", "d * (lab == 'yes')"]
)
def test_one_that_is_a_number_wherever_it_holds_is_none(text: str) -> None:
    assert not found(shift(text), shift("d * log(x)", "b", where="x > 0"), assumptions=[assumption()])


def test_in_compatible_plans_some_scales_are_refused() -> None:
    options = {"models": ("x ~ z",), "substantive": ("y ~ x + (1 | school)",)}
    (problem,) = found(shift(scale="ratio"), **options)
    assert problem.path == "adjustment[y].scale" and "substantive" in problem.finding
    assert not found(shift(scale="value"), **options)


def test_models_that_follow_should_know_who_was_observed() -> None:
    frame = school_frame()
    frame.loc[3::6, "x"] = np.nan
    plan = bi.Plan.of(["y ~ x + (1 | school)", "x ~ y", "b ~ x"], adjustments=(shift(),))
    warned = [p for p in bi.check(plan, frame) if "Tompsett" in p.remedy]
    assert [p.path for p in warned] == ["conditional[x].formulas"] and warned[0].severity is Severity.WARNING
    knows = bi.Plan.of(["y ~ x + (1 | school)", "x ~ y + observed(y)", "b ~ x"], adjustments=(shift(),))
    assert not [p for p in bi.check(knows, frame) if "Tompsett" in p.remedy]
    nobody = bi.Plan.of(["y ~ x + (1 | school)", "x ~ y", "b ~ x"], adjustments=(shift(propagate=False),))
    assert not [p for p in bi.check(nobody, frame) if "Tompsett" in p.remedy]


def test_a_document_holds_them() -> None:
    plan = bi.Plan.of(
        list(MODELS),
        adjustments=(shift("d * x", where="x > 1", propagate=False), shift(2.5, scale="value")),
        assumptions=(assumption(prior="Normal(0, 1)", correlation={"e": 0.5}), assumption("e", value=3)),
    )
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    text = 'schema = 1\n[[assumption]]\nname = "d"\ncorrelation = { e = "a" }\n[[adjustment]]\ntarget = "y"\n'
    with pytest.raises(bi.PlanError) as error:
        bi.Plan.from_toml(text)
    assert {p.path for p in error.value.problems} == {"assumption[d].correlation", "adjustment[y].shift"}


def requests(*given: Any) -> list[bi.Problem]:
    plan = bi.Plan.of(
        list(MODELS),
        assumptions=(assumption(),),
        adjustments=(shift("d"),),
        analyses=(bi.Analysis(name="main", formula="y ~ x"),),
        sensitivities=given,
    )
    return [p for p in bi.check(plan, school_frame()[["y", "x", "b", "school"]]) if p.path.startswith("sens")]


@pytest.mark.parametrize(
    ("changes", "path", "finding"),
    [
        ({"of": "mian"}, "sensitivity[s].of", 'no analysis or estimand "mian"'),
        ({"of": "y ~ (x"}, "sensitivity[s].of", ""),
        ({"over": {}}, "sensitivity[s].over", "nothing to vary"),
        ({"over": {"e": [1]}}, "sensitivity[s].over.e", "neither an assumption nor a place"),
        ({"over": {"d": "a:b"}}, "sensitivity[s].over.d", "neither a list of numbers nor a range"),
        ({"base": "mcar"}, "sensitivity[s].base", "'mcar' is not known"),
        ({"tip": "p"}, "sensitivity[s].tip", "'p' is not known"),
        ({"null": "a"}, "sensitivity[s].null", "'a' is not a number"),
        ({"name": ""}, "sensitivity[].name", ""),
        ({"term": "z"}, "sensitivity[s].term", 'the analysis has no "z"'),
        ({"of": "y ~ x", "term": "x:z"}, "sensitivity[s].term", 'the analysis has no "z"'),
    ],
)
def test_sensitivity_analyses_that_cannot_be_are_told(changes: dict[str, Any], path: str, finding: str) -> None:
    right: dict[str, Any] = {"name": "s", "of": "main", "over": {"d": "0:2:1"}}
    assert not requests(bi.Sensitivity(**right))
    problems = requests(bi.Sensitivity(**{**right, **changes}))
    assert any(p.path == path and finding in p.finding for p in problems), problems
    assert [p.finding for p in requests(*[bi.Sensitivity(**right)] * 2)] == ['2 sensitivity analyses are called "s"']


@pytest.mark.parametrize("rho", [None, "r"])
@pytest.mark.parametrize("copula", ["normal", "frank"])
def test_ends_of_an_axis_that_no_dependence_reaches_are_told(copula: str, rho: Any) -> None:
    option = "rho" if copula == "normal" else "tau"
    family = HeckmanProbit(copula=copula, **{option: rho})
    item = bi.Conditional(target="b", family=family, formulas={"mu": "b ~ x", "selection": "x + z"})
    axis = f"conditional[b].{option}" if rho is None else "r"
    assumed = [] if rho is None else [assumption("r", value=0.2)]

    def told(over: Any) -> list[bi.Problem]:
        wanted = bi.Sensitivity(name="s", of="b ~ x", over={axis: over})
        plan = bi.Plan.of([item], sensitivities=[wanted], assumptions=assumed)
        return [
            p
            for p in bi.check(plan, school_frame()[["b", "x"]].assign(z=1.0 * (np.arange(len(school_frame())) % 3)))
            if p.path.startswith("sens")
        ]

    assert not told("-0.8:0.8:0.4") and not told([0, 0.3])
    (problem,) = told("-1.2:0:0.4")
    assert problem.path == f"sensitivity[s].over.{axis}" and f"-1.2 is not a {option}" in problem.finding
