"""Formulas and expressions: what they mean, the matrices they make, and that nothing in them can run code."""

import builtins
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayesimpute.base.errors import FormulaError
from bayesimpute.formulas import build, evaluate_expression, namespace, parse, parse_expression, quote

ROWS = 60


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(20)
    x, z = rng.normal(size=(2, ROWS))
    return pd.DataFrame(
        {
            "x": x,
            "z": z,
            "sex": rng.integers(0, 2, ROWS).astype(float),
            "yes": rng.random(ROWS) < 0.5,
            "marital": pd.Categorical(np.resize(["single", "married", "never married"], ROWS)),
            "urban": pd.Categorical(np.resize(["u", "v"], ROWS)[rng.permutation(ROWS)]),
            "grade": pd.Categorical(np.resize(["low", "mid", "top"], ROWS), ["low", "mid", "top"], ordered=True),
            "region": rng.integers(1, 4, ROWS),
            "school": np.arange(ROWS) // 6,
            "hgt.z": x * 2,
            "scale": np.abs(z),
        }
    )


# --- parse ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("popular ~ sex * texp + (1 + sex | school)", "popular ~ 1 + sex + texp + sex:texp + (1 + sex | school)"),
        ("~ x", "1 + x"),
        ("x + z", "1 + x + z"),
        ("y ~ 1", "y ~ 1"),
        ("y ~ 0", "y ~ 0"),
        ("y ~ 0 + x", "y ~ 0 + x"),
        ("y ~ -1 + x", "y ~ 0 + x"),
        ("y ~ x - 1", "y ~ 0 + x"),
        ("y ~ x + (z - 1)", "y ~ 0 + x + z"),
        ("y ~ x + x + x:z + z:x", "y ~ 1 + x + x:z"),
        ("a * b * c", "1 + a + b + a:b + c + a:c + b:c + a:b:c"),
        ("(a + b + c)**2 - a:b", "1 + a + b + c + a:c + b:c"),
        ("a / b", "1 + a + a:b"),
        ("(a + b) / c", "1 + a + b + a:b:c"),
        ("(a + b - b):c", "1 + a:c"),
        ("(x | g)", "1 + (1 + x | g)"),
        ("(0 + x | g)", "1 + (0 + x | g)"),
        ("(-1 + x | g)", "1 + (0 + x | g)"),
        ("(x - 1 | g)", "1 + (0 + x | g)"),
        ("(1 + x || g)", "1 + (1 | g) + (0 + x | g)"),
        ("(x * z || g)", "1 + (1 | g) + (0 + x | g) + (0 + z | g) + (0 + x:z | g)"),
        ("(1 + x | a/b)", "1 + (1 + x | a) + (1 + x | a:b)"),
        ("(1 | a/b/c)", "1 + (1 | a) + (1 | a:b) + (1 | a:b:c)"),
        ("(1 | a:b)", "1 + (1 | a:b)"),
        ("((1 | g)) + (0 + x | g)", "1 + (1 | g) + (0 + x | g)"),
        ("`hgt.z` ~ `a b` * x", "`hgt.z` ~ 1 + `a b` + x + `a b`:x"),
        ("(1 | `my school`)", "1 + (1 | `my school`)"),
        ("bs(x, df=4) + poly(x, 2, raw=True)", "1 + bs(x, df=4) + poly(x, 2, raw=True)"),
        ("C(x, Treatment('a')) + C(z, Sum) + T(x, -1)", "1 + C(x, Treatment('a')) + C(z, Sum) + T(x, -1)"),
        ("I((x+1)*2) + I(-x**2) + log(x + 1e-7)", "1 + I((x + 1) * 2) + I(-(x ** 2)) + log(x + 0.0000001)"),
        ("cluster_mean(x, a:b)", '1 + cluster_mean(x, "a:b")'),
    ],
)
def test_formulas_have_one_normal_form(source, written):
    assert str(parse(source)) == written
    again = parse(written)
    assert str(again) == written
    assert (again.terms, again.names) == (parse(source).terms, parse(source).names)


def test_groups_remember_what_was_written_together():
    (together,) = parse("(1 + sex | school)").groups
    assert (together.expression, together.factor, together.correlated, together.terms) == (
        "1 + sex",
        "school",
        True,
        ("1", "sex"),
    )
    apart = parse("(1 + sex || school)").groups
    assert [(g.expression, g.correlated) for g in apart] == [("1", False), ("0 + sex", False)]
    assert [g.keys for g in parse("(1 | a/b)").groups] == [("a",), ("a", "b")]
    assert [g.expression for g in parse("(1 | g) + (0 + x | g)").groups] == ["1", "0 + x"]


def test_columns_are_found_wherever_they_stand():
    formula = parse("y ~ log(a) + cluster_mean(b * c, s) + cluster_mean(d, s:t) + observed(q) + (1 + e | f)")
    assert formula.response == "y"
    assert formula.names == frozenset("abcdstqef")
    assert formula.needs == formula.names - {"q"}
    assert formula.observed == {"q"}
    assert formula.factors == {"f"}
    assert formula.cluster_means == {("b", "s"), ("c", "s"), ("d", "s:t")}


def test_a_left_side_is_required_or_forbidden_on_request():
    assert parse("~ x", response="forbidden").response is None
    with pytest.raises(FormulaError, match="no left side"):
        parse("~ x", response="required")
    with pytest.raises(FormulaError, match='left side "y" is not wanted'):
        parse("y ~ x", response="forbidden")


@pytest.mark.parametrize(
    "source", ["y ~ x[1]", "y ~ x{1}", "y ~ x (kg)", "y ~ Q('x (kg)')", "y ~ x)", "y ~ x.1", "y ~ x kg"]
)
def test_columns_with_brackets_are_told_to_stand_in_backticks(source):
    with pytest.raises(FormulaError, match=r"backticks.*`.+`"):
        parse(source)


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("", "empty"),
        ("y ~", "nothing on the right"),
        ("y ~ x ~ z", "2 signs ~"),
        ("y ~ x +", "ends too early"),
        ("y ~ (x", "ends too early"),
        ("y ~ x)", "not expected"),
        ("x z", "not expected"),
        ("y ~ x | g", "outside parentheses"),
        ("x:(1 | g)", "not a term"),
        ("y ~ x - (1 | g)", "removed"),
        ("(1 | g | h)", "more than one bar"),
        ("(1 + (1 | h) | g)", "inside random effects"),
        ("(0 | g)", "no effects"),
        ("(1 | g + h)", "not a grouping factor"),
        ("(1 | C(g))", "not a grouping factor"),
        ("(1 | a:b) + (1 | b:a)", "twice"),
        ("(1 + x | g) + (0 + x | g)", "effect x by g is there twice"),
        ("y ~ - x", "not there"),
        ("x + 3", "number 3"),
        ("1:x", "not a variable"),
        ("x ** z", "power z"),
        ("x ** 2", "the term itself"),
        ("x > 3", "not a term"),
        ("log(x) ~ z", "not a column"),
        ("a + b ~ z", "not a column"),
        ("I(3)", "no column"),
        ("lgo(x)", 'did you mean "log"'),
        ("log(x, z)", "takes 1"),
        ("bs(x, dff=4)", 'did you mean "df"'),
        ("bs(x, 4, df=4)", "twice"),
        ("bs(x, df=z)", "not a plain value"),
        ("poly(x, 1000000)", "too large"),
        ("Treatment('a')", "stands alone"),
        ("C(x, 3)", "not a coding"),
        ("C('x')", "not a column"),
        ('C(x, Treatment("it\'s"))', "quotation mark"),
        ("cluster_mean(x, g + h)", "not a cluster key"),
        ("observed(x + 1)", "not a column"),
        ("systematic(x + 1, g)", "not a column"),
        ("systematic(x, g + 1)", "not a cluster key"),
        ("I(a < b < c)", "more than two"),
        ("I(a & b)", "derived variable"),
        ("I(`x + 1`) + I(x + 1)", "both called"),
        ("*".join("abcdefghijklm"), "more than 1000 terms"),
        ("x" * 10_001, "10001 characters"),
    ],
)
def test_what_is_wrong_is_said(source, finding):
    with pytest.raises(FormulaError, match=finding):
        parse(source)


def test_all_problems_come_at_once_with_their_place():
    with pytest.raises(FormulaError) as caught:
        parse("y ~ lgo(x) + x + 3 + bs(x, dff=2)", path="conditional[y].formulas.mu")
    assert len(caught.value.problems) == 3
    assert {problem.path for problem in caught.value.problems} == {"conditional[y].formulas.mu"}


def test_many_terms_and_few_levels_are_no_problem(frame):
    source = " + ".join(f"I(x > {k / 1000})" for k in range(500))
    assert len(parse(source).terms) == 501
    assert build(source, frame).evaluate(frame).shape == (ROWS, 501)


# --- nothing runs ---------------------------------------------------------------------------------------------------

ATTACKS = [
    "__import__('os').system('touch pwned')",
    "eval('1')",
    "exec('import os')",
    "open('/etc/passwd')",
    "compile('1', '', 'eval')",
    "getattr(x, 'mean')",
    "globals()",
    "vars()",
    "print(x)",
    "input()",
    "breakpoint()",
    "type(x)",
    "np.log(x)",
    "np.load('f', allow_pickle=True)",
    "pd.read_pickle('f')",
    "os.system('ls')",
    "x.mean()",
    "x.__class__",
    "x.__class__.__mro__[1].__subclasses__()",
    "().__class__",
    "''.__class__",
    "x[0]",
    "x['a']",
    "[x for x in y]",
    "{x}",
    "{x + 1}",
    "{'a': x}",
    "lambda x: x",
    "(lambda: x)()",
    "x if x else z",
    "f'{x}'",
    "f\"{__import__('os')}\"",
    "x; import os",
    "import os",
    "x := 1",
    "I(x = 1)",
    "I(*x)",
    "I(**x)",
    "I(x @ z)",
    "I(lambda x: x)",
    "I(eval('x'))",
    "log(eval('x'))",
    "C(x, eval('y'))",
    "C(x, Treatment(eval('y')))",
    "C(x, contrast=open('f'))",
    "bs(x, df=eval('4'))",
    "bs(x, knots=open('f'))",
    "log(x, out=y)",
    "log(x, y)",
    "minimum(x, y, z)",
    "where(x, out=y)",
    "I('a' * 999999999)",
    "I(9**9**9**9)",
    "I(x * 'a')",
    "poly(x, 99999999)",
    "round(x, 999999999)",
    "__builtins__",
    "__x__ + y",
    "cluster_mean(eval('x'), g)",
    "cluster_mean(x, eval('g'))",
    "observed(eval('y'))",
    "(1 | eval('g'))",
    "(eval('x') | g)",
    "x\\\ny",
    "x\x00",
    "C(x)(y)",
    "`log`(x)",
    "(log)(x)",
]


def _refused(read, source) -> bool:
    """Whether `source` is refused, while anything that could run code fails."""

    def forbidden(*args, **kwargs):
        raise AssertionError("code ran")

    names = ("eval", "exec", "compile", "open", "__import__", "input", "breakpoint")
    kept = {name: getattr(builtins, name) for name in names}
    vars(builtins).update(dict.fromkeys(names, forbidden))
    try:
        read(source)
    except FormulaError:
        return True
    finally:
        vars(builtins).update(kept)
    return False


@pytest.mark.parametrize("source", ATTACKS)
def test_code_in_a_formula_is_refused(source):
    assert _refused(parse, source)


@pytest.mark.parametrize("source", ATTACKS)
def test_code_in_an_expression_is_refused(source):
    assert _refused(parse_expression, source)


@pytest.mark.parametrize(
    "source", ['__import__("os").system("id")', "y ~ __import__('os')", "y ~ np.log(x)", "y ~ log(x).mean + z"]
)
def test_python_in_a_formula_is_told_what_may_be_called(source):
    with pytest.raises(FormulaError, match="calls of its own functions"):
        parse(source)


def test_a_name_never_reaches_python(frame):
    # `log` and `frame` exist in Python, where formulae would find them, but not in the data.
    for name in ("log", "frame", "np", "ROWS", "sys"):
        with pytest.raises(FormulaError, match=f'column "{name}" is not in the data'):
            build(f"I({name})", frame)
        with pytest.raises(FormulaError, match=f'column "{name}" is not in the data'):
            build(name, frame)


def test_a_column_called_like_a_function_or_a_variable_is_the_column(frame):
    data = frame.assign(log=frame["scale"] + 1, frame=frame["x"], I=frame["z"])
    matrix = build("log(log) + scale(scale) + frame + I(I) + I(log * 2)", data).evaluate(data)
    np.testing.assert_allclose(matrix[:, 1], np.log(data["log"]))
    np.testing.assert_allclose(matrix[:, 2], (data["scale"] - data["scale"].mean()) / data["scale"].std(ddof=0))
    np.testing.assert_allclose(matrix[:, 3:], data[["frame", "I", "log"]] * [1, 1, 2])


PIECES = st.sampled_from(
    [
        "+",
        "-",
        "*",
        "/",
        ":",
        "|",
        "~",
        "(",
        ")",
        "=",
        "<",
        ">",
        ",",
        "**",
        "||",
        "==",
        "//",
        "0",
        "1",
        "2.5",
        "1e9",
        "x",
        "g",
        "`ab`",
        "'t'",
        "log(",
        "C(",
        "I(",
        "bs(",
        "cluster_mean(",
        "observed(",
        "Treatment(",
        "not",
        "and",
        "True",
        "None",
        "df=",
        ".",
        "[",
        "{",
        "__x",
        "é",
        "½",
        "²",
    ]
).map(lambda piece: f" {piece} " if piece.isalpha() else piece)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=25).map("".join)))
def test_any_text_is_read_or_refused(source):
    for read in (parse, parse_expression):
        try:
            result = read(source)
        except FormulaError:
            continue
        again = read(str(result))
        assert (str(again), again.names, again.needs) == (str(result), result.names, result.needs)


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_whatever_is_read_is_computed_or_refused(source):
    data = pd.DataFrame({"x": np.linspace(1, 2, 12), "g": np.arange(12) % 3, "ab": np.arange(12.0) ** 2})
    with suppress(FormulaError):
        matrix = build(source, data)
        assert matrix.evaluate(data).shape == (12, len(matrix.names))
    with suppress(FormulaError):
        assert evaluate_expression(source, data).shape == (12,)


@pytest.mark.parametrize("nesting", ["({})", "-{}", "log({})", "I({})", "2**{}", "not {}", "x+({})"])
def test_deep_nesting_is_refused(nesting):
    source = "x"
    for _ in range(1000):
        source = nesting.format(source) if len(source) < 9000 else source
    for read in (parse, parse_expression):
        with pytest.raises(FormulaError):
            read(source)


def test_reading_formulas_does_not_import_formulae():
    code = "import sys, bayesimpute.formulas; sys.exit('formulae' in sys.modules or 'bambi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "name", ["x", "hgt.z", "a b", "_x", "True", "lambda", "1st", "é", "__x", "²x", "x²", "a:b", ""]
)
def test_quoted_names_are_read_as_the_name(name):
    if name:
        assert parse(f"{quote(name)} ~ 1").response == name
        assert parse_expression(f"{quote(name)} + 1").names == {name}


# --- matrices -------------------------------------------------------------------------------------------------------

COMMON = [
    "1",
    "x * z",
    "0 + x",
    "x + marital",
    "0 + marital",
    "marital * urban",
    "marital * x * urban",
    "0 + marital:urban",
    "x:marital",
    "(x + z + urban)**2",
    "x / urban",
    "grade * x",
    "yes * x",
    "poly(x, 2) + bs(z, df=4)",
    "poly(x, 2):urban",
    "scale(x) + center(z) + standardize(z)",
    "scale(scale(x) + z)",
    "C(marital, Treatment('never married')) * x",
    "C(marital, Sum)",
    "T(marital, 'single') + S(urban)",
    "C(region) + I(x**2) + I(x > 0) * urban",
    "C(region, Treatment(2))",
    "`hgt.z` * x",
]


@pytest.mark.parametrize("common", COMMON)
def test_matrices_are_those_of_formulae_and_keep_their_coding(common, frame):
    from formulae import design_matrices

    theirs = design_matrices(common, frame).common.as_dataframe()
    matrix = build(common, frame)
    assert list(matrix.names) == list(theirs.columns)
    np.testing.assert_allclose(matrix.evaluate(frame), theirs.to_numpy(dtype=float), atol=1e-12)
    # On some of the rows labels and transforms stay as they were on all.
    rows = [0, 3, 9]
    np.testing.assert_allclose(matrix.evaluate(frame.iloc[rows]), theirs.to_numpy(dtype=float)[rows], atol=1e-12)
    covered = [k for _, place in matrix.terms for k in range(place.start, place.stop)]
    assert covered == list(range(len(matrix.names)))


def test_our_normal_form_means_the_same_to_bambi(frame):
    import bambi as bmb

    formula = parse("z ~ sex * x + C(marital, Treatment('single')) + (1 + x | school)")
    model = bmb.Model(str(formula), frame)
    mu = model.parameters["mu"]
    np.testing.assert_allclose(build(formula.common, frame).evaluate(frame), np.asarray(mu.design.common), atol=1e-12)
    assert set(mu.group_specific_terms) == {f"{effect}|school" for effect in formula.groups[0].terms}


def test_no_terms_make_a_matrix_without_columns(frame):
    empty = build("0", frame)
    assert (empty.names, empty.evaluate(frame).shape) == ((), (ROWS, 0))
    assert build("1", frame).names == ("Intercept",)


def test_texts_and_nullable_columns_are_taken_as_they_are_meant(frame):
    given_as = frame.assign(marital=frame["marital"].astype("str"), sex=frame["sex"].astype("Int64"))
    common = "marital * sex"
    assert build(common, given_as).names == build(common, frame).names
    np.testing.assert_array_equal(build(common, given_as).evaluate(given_as), build(common, frame).evaluate(frame))


def test_coding_does_not_depend_on_the_dtype_of_new_data(frame):
    matrix = build("C(region) + C(yes)", frame)
    imputed = frame.assign(region=frame["region"].astype(float), yes=frame["yes"].astype(float))
    assert matrix.names == ("Intercept", "C(region)[2]", "C(region)[3]", "C(yes)[True]")
    np.testing.assert_array_equal(matrix.evaluate(imputed), matrix.evaluate(frame))


def test_given_functions_see_the_names_and_are_called_anew(frame):
    seen, state = [], {"factor": 1.0}

    def cluster_mean(values, key):
        seen.append(key)
        groups = [frame[part] for part in key.split(":")]
        return state["factor"] * pd.Series(values).groupby(groups).transform("mean").to_numpy()

    extra = {"cluster_mean": cluster_mean, "observed": lambda name: np.full(ROWS, float(len(name)))}
    matrix = build("cluster_mean(x, school) + cluster_mean(x * z, school:urban) + observed(sex)", frame, extra)
    first = matrix.evaluate(frame)
    expected = frame["x"].groupby(frame["school"]).transform("mean")
    np.testing.assert_allclose(first[:, 1], expected)
    np.testing.assert_array_equal(first[:, 3], 3)
    assert set(seen) == {"school", "school:urban"}
    state["factor"] = 2.0
    np.testing.assert_allclose(matrix.evaluate(frame)[:, 1:3], 2 * first[:, 1:3])
    assert {"cluster_mean", "observed", "log", "where"} <= set(namespace(extra))


@pytest.mark.parametrize(
    ("common", "finding"),
    [
        ("nope + z", 'column "nope" is not in the data'),
        ("maritla", 'did you mean "marital"'),
        ("cluster_mean(x, school)", "cannot be computed here"),
        ("observed(x)", "cannot be computed here"),
        ("C(marital, Treatment('singel'))", 'did you mean "single"'),
        ("C(region, Treatment(7))", '"7" is not a label'),
        ("bs(x, df=1)", "too small"),
        ("I(marital + 1)", "cannot be computed"),
        ("log(marital)", "cannot be computed"),
        ("I(1 / 0 * x)", "division by zero"),
        ("(1 | school)", "random effect"),
        ("y ~ x", "left side"),
    ],
)
def test_what_cannot_be_computed_is_said(common, finding, frame, capsys):
    with pytest.raises(FormulaError, match=finding):
        build(common, frame)
    assert capsys.readouterr().out == ""


def test_new_labels_and_missing_values_are_refused(frame):
    matrix = build("x + marital", frame)
    with pytest.raises(FormulaError, match='label "widowed" is new'):
        matrix.evaluate(frame.assign(marital="widowed"))
    with pytest.raises(FormulaError, match="missing values"):
        matrix.evaluate(frame.assign(marital=pd.Categorical([None] * ROWS, ["single"])))
    with pytest.raises(FormulaError, match='column "x" is not in the data'):
        matrix.evaluate(frame.drop(columns="x"))
    with pytest.raises(FormulaError, match='column "x" has 1 missing'):
        build("x", frame.assign(x=frame["x"].where(frame.index > 0)))


def test_building_and_evaluating_leave_the_frame_alone(frame):
    before = frame.copy()
    build("scale(x) + I(z) + marital + poly(x, 2) + round(z, 1)", frame).evaluate(frame)[:] = 0
    pd.testing.assert_frame_equal(frame, before)


# --- expressions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x * z", lambda d: d.x * d.z),
        ("x / (z / 100)**2", lambda d: d.x / (d.z / 100) ** 2),
        ("-x**2", lambda d: -(d.x**2)),
        ("2**-x", lambda d: 2**-d.x),
        ("x - z - 1", lambda d: d.x - d.z - 1),
        ("x // 0.3 % 2", lambda d: d.x // 0.3 % 2),
        ("x > 0", lambda d: d.x > 0),
        ("(marital == 'single') * 2 + 1", lambda d: (d.marital == "single") * 2 + 1),
        ("marital != 'elsewhere'", lambda d: d.marital == d.marital),
        ("yes + sex", lambda d: d.yes + d.sex),
        ("where(x > z, x, z) - maximum(x, z)", lambda d: 0 * d.x),
        ("minimum(x, 0.5) + abs(z)", lambda d: np.minimum(d.x, 0.5) + abs(d.z)),
        ("round(x, 1) + floor(z)", lambda d: d.x.round(1) + np.floor(d.z)),
        ("x > 0 and not z > 0 or yes", lambda d: (d.x > 0) & ~(d.z > 0) | d.yes),
        ("(x > 0) & !(z > 0) | yes", lambda d: (d.x > 0) & ~(d.z > 0) | d.yes),
        ("`hgt.z` / 2", lambda d: d.x),
        ("exp(log(scale)) + sqrt(scale)**2", lambda d: 2 * d.scale),
        ("logit(expit(x)) + expit(z)", lambda d: d.x + 1 / (1 + np.exp(-d.z))),
    ],
)
def test_expressions_mean_what_python_means(source, python, frame):
    expression = parse_expression(source)
    result = evaluate_expression(expression, frame)
    np.testing.assert_array_equal(result, evaluate_expression(str(expression), frame))
    np.testing.assert_allclose(result, python(frame).astype(float), rtol=1e-12, atol=1e-12)
    assert result.dtype == np.float64


def test_what_follows_from_a_missing_value_is_missing():
    data = {"a": np.array([np.nan, np.nan, 1.0]), "b": np.array([0.0, 1.0, 1.0]), "c": pd.Series(["u", None, "v"])}
    missing = {
        "a > 0": [True, True, False],
        "a and b": [False, True, False],
        "a or b": [True, False, False],
        "not a": [True, True, False],
        "where(a > 0, 1, 2) + 0 * b": [True, True, False],
        "c == 'u'": [False, True, False],
        "c != c": [False, True, False],
        "a * 0": [True, True, False],
    }
    for source, expected in missing.items():
        assert np.isnan(evaluate_expression(source, data)).tolist() == expected, source


def test_division_by_zero_and_overflow_are_silent():
    data = {"x": np.array([-1.0, 0.0, 1.0])}
    np.testing.assert_array_equal(evaluate_expression("x / 0", data), [-np.inf, np.nan, np.inf])
    np.testing.assert_array_equal(evaluate_expression("9**9**9**9 + x", data), np.inf)
    assert np.isnan(evaluate_expression("log(x)", data)[0])


def test_expressions_get_cluster_means_and_indicators_from_the_caller():
    data = {"x": np.arange(4.0), "g": np.array(["a", "a", "b", "b"]), "a b": np.ones(4)}
    expression = parse_expression("x - cluster_mean(x * 2, g:h) + observed(`a b`)")
    assert expression.cluster_means == {("x", "g:h")}
    assert (expression.needs, expression.observed) == ({"x", "g", "h"}, {"a b"})
    extra = {"cluster_mean": lambda v, key: v if key == "g:h" else None, "observed": lambda n: np.full(4, n == "a b")}
    np.testing.assert_array_equal(evaluate_expression(expression, {**data, "h": data["g"]}, extra), 1 - np.arange(4.0))
    with pytest.raises(FormulaError, match="cannot be computed here"):
        evaluate_expression("cluster_mean(x, g)", data)


def test_systematic_is_of_a_column_and_a_key():
    seen = []

    def systematic(name, key):
        seen.append((name, key))
        return np.arange(2.0)

    expression = parse_expression("2 * systematic(`a b`, g:h)")
    assert expression.systematic == {("a b", "g:h")} and expression.keys == {"g:h"} and expression.masks == {"a b"}
    assert (expression.needs, expression.observed) == ({"g", "h"}, frozenset())
    data = {"a b": np.ones(2), "g": np.ones(2), "h": np.ones(2)}
    np.testing.assert_array_equal(evaluate_expression(expression, data, {"systematic": systematic}), [0, 2])
    matrix = build("0 + systematic(`a b`, g:h)", pd.DataFrame(data), {"systematic": systematic})
    np.testing.assert_array_equal(matrix.evaluate(pd.DataFrame(data)), [[0], [1]])
    assert set(seen) == {("a b", "g:h")}
    formula = parse("z ~ x + systematic(y, g)")
    assert formula.needs == {"x", "g"} and formula.names == {"x", "y", "g"} and formula.keys == {"g"}


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("", "empty"),
        ("1 + 2", "no column"),
        ("'a'", "not a calculation"),
        ("marital + 1", "is text"),
        ("marital < 'b'", "compares text"),
        ("marital == 1", "compares text"),
        ("nope", "not in the data"),
        ("scale(x)", "cannot be used in an expression"),
        ("x ~ z", "not expected"),
        ("x:z", "cannot be used in the calculation"),
        ("x + None", "cannot be calculated with"),
        ("where('a', x, z)", "not a column"),
    ],
)
def test_what_is_no_expression_is_said(source, finding, frame):
    with pytest.raises(FormulaError, match=finding):
        evaluate_expression(source, frame)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("log(x/(1-x))", "log(x / (1 - x))"),
        ("I(x / (1 + z))", "I(x / (1 + z))"),
        ("log((x+1)*2)", "log((x + 1) * 2)"),
        ("log(x / 10 + 1)", "log(x / 10 + 1)"),
        ("log((x / 10) + 1)", "log(x / 10 + 1)"),
        ("I(x - (z - 1))", "I(x - (z - 1))"),
        ("I((x - z) - 1)", "I((x - z) - 1)"),
        ("I(-x**2)", "I(-x ** 2)"),
        ("I((-x)**2)", "I((-x) ** 2)"),
        ("I(2**(x**2))", "I(2 ** (x ** 2))"),
        ("I(-(x * z))", "I(-(x * z))"),
        ("z:log(2 - (x - `x y`))", "z:log(2 - (x - x y))"),
    ],
)
def test_names_have_the_parentheses_that_are_needed(written: str, name: str) -> None:
    """What is called alike is the same; the matrix bears these names and is computed as written."""
    frame = pd.DataFrame({"x": [0.1, 0.3, 0.6], "z": [1.0, 2.0, 4.0], "x y": [0.5, 0.25, 0.2]})
    assert parse(f"y ~ {written}").terms == ("1", name)
    matrix = build(written, frame)
    assert matrix.names == ("Intercept", name)
    local = {"x": frame["x"], "z": frame["z"], "log": np.log, "I": lambda v: v, "x_y": frame["x y"]}
    expected = eval(written.replace("`x y`", "x_y").replace("z:", "z * "), local)
    np.testing.assert_allclose(matrix.evaluate(frame)[:, 1], expected, rtol=1e-14)


def test_terms_that_differ_in_parentheses_are_two() -> None:
    frame = pd.DataFrame({"x": np.array([1.0, 2.0, 5.0])})
    matrix = build("log(x / 10 + 1) + log(x / (10 + 1))", frame)
    assert matrix.names == ("Intercept", "log(x / 10 + 1)", "log(x / (10 + 1))")
    expected = [np.log(frame["x"] / 10 + 1), np.log(frame["x"] / 11)]
    np.testing.assert_allclose(matrix.evaluate(frame)[:, 1:].T, expected, rtol=1e-14)
    assert matrix.bambis == ("Intercept", "log(x / 10 + 1)", "log(x / 10 + 1)")  # of which bambi drops one
