"""Plans as TOML: everything that fits is read, everything that does not is reported at its place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.base.distributions import DISTRIBUTIONS
from bayesimpute.base.errors import InputError, PlanError, Problem
from bayesimpute.base.priors import Prior
from bayesimpute.families import FAMILIES, Bernoulli, HeckmanProbit
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.document import as_document, write
from bayesimpute.plan.document import read as read_fields
from bayesimpute.plan.document_paths import set_path
from bayesimpute.plan.options import Analysis, Derived, Estimand, Run
from bayesimpute.plan.plan import Plan


def read(text: str) -> tuple[Plan, list[Problem]]:
    """The plan that a document describes, as far as it can be read, and what does not fit."""
    fields, problems = read_fields(text)
    return Plan(**fields), problems


DOCUMENT = """
schema = 1
title  = "Pupil popularity"
[run]
m = 20
chains = 4
warmup = 100
sweeps = 500
steps = "auto"
visit_sequence = ["popular", "sex"]
sampler = "auto"
[[conditional]]
target  = "popular"
family  = "gaussian"
formula = "popular ~ sex * texp + (1 + sex | school)"
formulas.sigma = "(1 | school)"
priors."sex" = "Normal(0, 2)"
[[conditional]]
formula = "`a b` ~ popular"
family = "bernoulli"
link = "probit"
level = "school"
[[derived]]
name = "sex_texp"
expression = "sex * texp"
[[analysis]]
name    = "main"
formula = "popular ~ sex * texp + (1 + sex | school)"
[[estimand]]
name = "girls"
variable = "sex"
statistic = "proportion"
value = 1
by = "school"
weights = "sw"
strata = "stratum"
clusters = "psu"
compare = "mar"
[[estimand]]
name = "third"
variable = "popular"
statistic = "quantile"
probability = 0.75
by = ["school", "sex"]
target = "sample"
"""


def test_the_documented_schema_is_read() -> None:
    plan, problems = read(DOCUMENT)
    assert problems == []
    assert plan.run == Run(visit_sequence=("popular", "sex"))
    assert plan.title == "Pupil popularity"
    assert plan.conditionals == (
        Conditional(
            target="popular",
            family="gaussian",
            formulas={"mu": "popular ~ sex * texp + (1 + sex | school)", "sigma": "(1 | school)"},
            priors={"sex": Prior.of("Normal", 0, 2)},
        ),
        Conditional(target="a b", family=Bernoulli(link="probit"), formulas={"mu": "`a b` ~ popular"}, level="school"),
    )
    assert plan.derived == (Derived(name="sex_texp", expression="sex * texp"),)
    assert plan.analyses == (Analysis(name="main", formula="popular ~ sex * texp + (1 + sex | school)"),)
    design = {"weights": "sw", "strata": "stratum", "clusters": "psu"}
    proportion = Estimand(
        name="girls", variable="sex", statistic="proportion", value=1, by=("school",), **design, compare="mar"
    )
    third = {"statistic": "quantile", "probability": 0.75, "by": ("school", "sex"), "target": "sample"}
    assert plan.estimands == (proportion, Estimand(name="third", variable="popular", **third))


def test_what_is_written_is_read_again() -> None:
    plan = Plan.from_toml(DOCUMENT)
    assert Plan.from_toml(plan.to_toml()) == plan
    assert write(Plan.from_toml(plan.to_toml())) == plan.to_toml()


PROBLEMS: dict[str, tuple[str, str, str, str]] = {
    "not TOML": ("[run", "plan", "the TOML cannot be read", "mend"),
    "no line": ("m = = 3", "plan", "line 1", "mend"),
    "digits": ("m = " + "9" * 5000, "plan", "the TOML cannot be read", "mend"),
    "newer": ("schema = 2", "schema", "schema 2, this version reads 1", "update bayesimpute"),
    "schema a text": ('schema = "1"', "schema", "schema '1'", "schema = 1"),
    "schema true": ("schema = true", "schema", "schema True", "schema = 1"),
    "title": ("title = 3", "title", "3 is not a text", "quotes"),
    "key": ("sed = 3", "sed", 'unknown key "sed"', "use one of schema"),
    "near key": ("conditionals = 3", "conditionals", 'unknown key "conditionals"', '"conditional"?'),
    "run key": ("[run]\nsweep = 3", "run.sweep", 'unknown key "sweep"', 'did you mean "sweeps"?'),
    "run no table": ("run = 3", "run", "3 is not a table", "[run]"),
    "conditional no list": ("[conditional]\ntarget = 'y'", "conditional", "not a list of tables", "[[conditional]]"),
    "conditional key": (
        '[[conditional]]\nformula = "y ~ x"\nfamly = "x"',
        "conditional[y].famly",
        "unknown",
        '"family"?',
    ),
    "option of another family": (
        '[[conditional]]\nformula = "y ~ x"\nfamily = "gaussian"\nlink = "logit"',
        "conditional[y].link",
        'unknown key "link"',
        "use one of",
    ),
    "no target": ('[[conditional]]\nfamily = "gaussian"', "conditional[?].target", "missing", 'target = "y"'),
    "target a number": (
        '[[conditional]]\ntarget = 3\nformula = "y ~ x"',
        "conditional[3].target",
        "missing",
        "target =",
    ),
    "formula a number": ('[[conditional]]\ntarget = "y"\nformula = 3', "conditional[y].formula", "3 is not", "quotes"),
    "two formulas": (
        '[[conditional]]\ntarget = "y"\nformula = "y ~ x"\nformulas.mu = "y ~ z"',
        "conditional[y].formula",
        "formula and formulas.mu are the same",
        "one of them",
    ),
    "formulas a text": (
        '[[conditional]]\ntarget = "y"\nformulas = "y ~ x"',
        "conditional[y].formulas",
        "table",
        "[cond",
    ),
    "sigma a number": (
        '[[conditional]]\ntarget = "y"\nformulas.sigma = 1',
        "conditional[y].formulas.sigma",
        "1",
        "quotes",
    ),
    "prior": (
        '[[conditional]]\nformula = "y ~ x"\npriors.x = "Nrmal(0, 1)"',
        'conditional[y].priors."x"',
        'unknown prior "Nrmal"',
        '"Normal"?',
    ),
    "prior parameters": (
        '[[conditional]]\nformula = "y ~ x"\npriors.x = "Normal(0, 0)"',
        'conditional[y].priors."x"',
        "sigma is 0, not above zero",
        "proper",
    ),
    "prior a list": (
        '[[conditional]]\nformula = "y ~ x"\npriors.x = [2]',
        "conditional[y].priors.x",
        "[2] is not",
        "quotes",
    ),
    "derived": ('[[derived]]\nname = "d"', "derived[d].expression", "a text is needed", "expression ="),
    "derived key": (
        '[[derived]]\nname = "d"\nexpression = "a"\nfoo = 1',
        "derived[d].foo",
        "unknown",
        "name, expression",
    ),
    "analysis": ('[[analysis]]\nformula = "y ~ x"', "analysis[?].name", "a text is needed", "name ="),
    "analysis family": (
        '[[analysis]]\nname = "m"\nformula = "y ~ x"\nfamily = 3',
        "analysis[m].family",
        "3 is not a text",
        "quotes",
    ),
    "estimand no list": ("[estimand]\nname = 'e'", "estimand", "not a list of tables", "[[estimand]]"),
    "estimand name": ('[[estimand]]\nvariable = "y"', "estimand[?].name", "a text is needed", "name ="),
    "estimand variable": ('[[estimand]]\nname = "e"', "estimand[e].variable", "a text is needed", "variable ="),
    "estimand key": (
        '[[estimand]]\nname = "e"\nvariable = "y"\nweight = "w"',
        "estimand[e].weight",
        "unknown",
        '"weights"?',
    ),
    "estimand weights": (
        '[[estimand]]\nname = "e"\nvariable = "y"\nweights = 1',
        "estimand[e].weights",
        "1 is not a text",
        "weights =",
    ),
    "estimand by": (
        '[[estimand]]\nname = "e"\nvariable = "y"\nby = [1]',
        "estimand[e].by",
        "[1] is not a name or a list of names",
        "by =",
    ),
    "estimand value": (
        '[[estimand]]\nname = "e"\nvariable = "y"\nvalue = [1]',
        "estimand[e].value",
        "[1] is not a label or a number",
        "value =",
    ),
    "estimand probability": (
        '[[estimand]]\nname = "e"\nvariable = "y"\nprobability = true',
        "estimand[e].probability",
        "True is not a number",
        "0.5",
    ),
    "estimand probability text": (
        '[[estimand]]\nname = "e"\nvariable = "y"\nprobability = "half"',
        "estimand[e].probability",
        "'half' is not a number",
        "0.5",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_each_problem_of_a_document_has_its_place(case: str) -> None:
    text, path, finding, remedy = PROBLEMS[case]
    with pytest.raises(PlanError) as caught:
        Plan.from_toml(text)
    found = [p for p in caught.value.problems if p.path == path and finding in p.finding]
    assert len(found) == 1, str(caught.value)
    assert remedy in found[0].remedy


def test_the_rest_of_a_document_is_still_read() -> None:
    plan, problems = read('sed = 1\n[run]\nm = 7\nx = 1\n[[conditional]]\nformula = "y ~ x"\npriors.x = "N(0)"')
    assert {p.path for p in problems} == {"sed", "run.x", 'conditional[y].priors."x"'}
    assert plan.run.m == 7
    assert plan.conditionals[0].target == "y"


def test_a_document_that_is_no_text_is_refused() -> None:
    with pytest.raises(PlanError, match="the TOML cannot be read"):
        Plan.from_toml(b"m = 3")  # type: ignore[arg-type]
    for name in ("plan.toml", Path("plan.toml")):
        with pytest.raises(PlanError, match=r"no text of a plan.*read_text\(\)"):
            Plan.from_toml(name)  # type: ignore[arg-type]


def test_a_plan_that_holds_what_toml_cannot_is_refused() -> None:
    with pytest.raises(PlanError, match="cannot be written as TOML"):
        Plan(run=Run(m=object())).to_toml()  # type: ignore[arg-type]


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
POSITIVE = st.floats(0.1, 1e6)


@st.composite
def priors(draw: st.DrawFn) -> Prior:
    name = draw(st.sampled_from(sorted(DISTRIBUTIONS)))
    if name.endswith("Uniform"):  # its ends have an order
        lower = draw(st.floats(-1e6, 1e6))
        return Prior.of(name, lower, lower + draw(st.floats(1, 9)))
    return Prior.of(name, *(draw(POSITIVE) for _ in DISTRIBUTIONS[name].parameters))


CONDITIONALS = st.builds(
    Conditional,
    target=PLAIN,
    family=st.one_of(st.just("auto"), st.sampled_from(sorted(FAMILIES)), st.just(Bernoulli(link="probit"))),
    formulas=st.dictionaries(st.sampled_from(["mu", "sigma"]), PLAIN, max_size=2),
    level=st.one_of(st.none(), PLAIN),
    priors=st.dictionaries(PLAIN, priors(), max_size=3),
)
NAMES = st.one_of(st.none(), PLAIN)
ESTIMANDS = st.builds(
    Estimand,
    name=PLAIN,
    variable=PLAIN,
    statistic=PLAIN,
    value=st.one_of(st.none(), PLAIN, st.integers(-9, 9), st.floats(-9, 9), st.booleans()),
    probability=st.floats(0, 1),
    by=st.one_of(st.none(), PLAIN, st.lists(PLAIN, max_size=3)),
    weights=NAMES,
    strata=NAMES,
    clusters=NAMES,
    target=PLAIN,
    compare=st.one_of(st.just(""), PLAIN),
)
PLANS = st.builds(
    Plan,
    conditionals=st.lists(CONDITIONALS, max_size=3),
    derived=st.lists(st.builds(Derived, name=PLAIN, expression=PLAIN), max_size=2),
    analyses=st.lists(st.builds(Analysis, name=PLAIN, formula=PLAIN, family=PLAIN), max_size=2),
    estimands=st.lists(ESTIMANDS, max_size=2),
    title=st.one_of(st.just(""), PLAIN),
    run=st.builds(
        Run,
        m=st.integers(1, 99),
        steps=st.one_of(st.just("auto"), st.integers(1, 9)),
        visit_sequence=st.one_of(st.none(), st.lists(PLAIN, max_size=3).map(tuple)),
    ),
)


@given(plan=PLANS)
def test_any_plan_equals_what_comes_back_from_its_document(plan: Plan) -> None:
    assert Plan.from_toml(plan.to_toml()) == plan


@given(text=st.text(max_size=40))
def test_any_text_is_a_plan_or_an_input_error(text: str) -> None:
    try:
        assert isinstance(Plan.from_toml(text), Plan)
    except InputError as error:
        assert error.problems


def changed(path: str, text: str) -> Plan:
    import tomllib

    from bayesimpute.plan.document import read_document

    document = tomllib.loads(DOCUMENT)
    before = tomllib.loads(DOCUMENT)
    fields, problems = read_document(set_path(document, path, text))
    assert document == before
    assert problems == []
    return Plan(**fields)


def test_a_setting_is_changed_by_its_path() -> None:
    assert changed("run.m", "50").run.m == 50
    assert changed("run.steps", "3").run.steps == 3
    assert changed("run.steps", "auto").run.steps == "auto"
    assert changed("title", "A new title").title == "A new title"
    assert changed("run.visit_sequence", '["sex"]').run.visit_sequence == ("sex",)
    assert changed("conditional[popular].family", "student_t").conditionals[0].family == "student_t"
    assert changed("derived[sex_texp].expression", "sex").derived[0].expression == "sex"
    assert changed("estimand[girls].by", '["sex"]').estimands[0].by == ("sex",)


def test_an_entry_is_found_by_the_left_side_of_its_formula() -> None:
    assert changed("conditional[a b].link", "logit").conditionals[1].family == "bernoulli"


def test_names_with_dots_and_bars_are_quoted() -> None:
    plan = changed('conditional[popular].priors."1|school_sigma"', "HalfNormal(2)")
    assert plan.conditionals[0].priors["1|school_sigma"] == Prior.of("HalfNormal", 2)
    document = {"conditional": [{"target": "hgt.z", "formula": "`hgt.z` ~ x"}]}
    assert set_path(document, "conditional[hgt.z].family", "gaussian")["conditional"][0]["family"] == "gaussian"


def test_formula_and_formulas_mu_are_one_place() -> None:
    assert changed("conditional[popular].formulas.mu", "popular ~ 1").conditionals[0].formulas["mu"] == "popular ~ 1"
    assert changed("conditional[a b].formulas.mu", "`a b` ~ 1").conditionals[1].formulas["mu"] == "`a b` ~ 1"
    document = as_document(changed("run.m", "3"))
    again = set_path(document, "conditional[popular].formula", "popular ~ 1")
    assert again["conditional"][0]["formulas"] == {"sigma": "(1 | school)"}


@pytest.mark.parametrize("path", ["", "conditional[none].family", "conditional[popular]", "run.m.x", "title[0]", "..."])
def test_a_place_that_is_not_there_is_refused(path: str) -> None:
    import tomllib

    with pytest.raises(PlanError, match="no such place"):
        set_path(tomllib.loads(DOCUMENT), path, "3")


def test_options_of_selection_families_stand_beside_the_family() -> None:
    text = """
    [[conditional]]
    target = "hiv"
    family = "heckman_probit"
    rho = -0.5
    joint = false
    systematic = "selected"
    formulas.mu = "hiv ~ age"
    formulas.selection = "consent ~ age + (1 | interviewer)"
    """
    plan = Plan.from_toml(text)
    (conditional,) = plan.conditionals
    assert conditional.family == HeckmanProbit(rho=-0.5, joint=False, systematic="selected")
    assert Plan.from_toml(plan.to_toml()) == plan
    default = Plan.from_toml(
        text.replace("rho = -0.5", "").replace("joint = false", "").replace('systematic = "selected"', "")
    )
    assert default.conditionals[0].family == "heckman_probit"
    assert Plan.from_toml(default.to_toml()) == default
