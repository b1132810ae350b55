"""Functions of coefficients: values, delta-method covariances, and what an expression may not do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesimpute.analysis.derived_quantities import derive
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import AnalysisError
from bayesimpute.pooling import Analyses

TERMS = ("Intercept", "x", "kind[b]", "x:kind[b]", "threshold[low|high]")
FIT = Estimate(
    terms=TERMS,
    estimates=np.array([0.5, -1.2, 2.0, 0.3, 1.5]),
    covariance=np.diag([0.1, 0.2, 0.3, 0.4, 0.5]) + 0.05,
    dfcom=np.array([9.0, 20.0, 30.0, 40.0, 50.0]),
)


def test_linear_combinations_are_exact() -> None:
    got = derive(FIT, {"b of x in b": "b[x] + b[x:kind[b]]", "later": "2 * b[ x ] - b[Intercept] / 4 + 1"})
    weights = np.array([[0, 1, 0, 1, 0], [-0.25, 2, 0, 0, 0]])
    assert got.terms == ("b of x in b", "later")
    np.testing.assert_allclose(got.estimates, weights @ FIT.estimates + [0, 1], rtol=1e-14)
    np.testing.assert_allclose(got.covariance, weights @ FIT.covariance @ weights.T, rtol=1e-13)
    np.testing.assert_array_equal(got.dfcom, [20, 9])


SMOOTH = {
    "exp(b[x])": lambda b: np.exp(b[1]),
    "log(b[kind[b]]) ** 2": lambda b: np.log(b[2]) ** 2,
    "sqrt(b[kind[b]]) / b[x]": lambda b: np.sqrt(b[2]) / b[1],
    "tanh(b[x]) - -b[x] ** 3": lambda b: np.tanh(b[1]) + b[1] ** 3,
    "expit(b[Intercept] + b[x])": lambda b: 1 / (1 + np.exp(-b[0] - b[1])),
    "logit(.25 * b[Intercept])": lambda b: np.log(0.25 * b[0] / (1 - 0.25 * b[0])),
    "2 ** b[threshold[low|high]]": lambda b: 2 ** b[4],
}


@pytest.mark.parametrize("text", SMOOTH)
def test_gradients_are_those_of_differences(text: str) -> None:
    function, b, h = SMOOTH[text], FIT.estimates, 1e-6
    slope = np.array([(function(b + h * e) - function(b - h * e)) / (2 * h) for e in np.eye(5)])
    got = derive(FIT, {"q": text})
    assert got.estimates[0] == pytest.approx(function(b), rel=1e-13)
    assert got.covariance[0, 0] == pytest.approx(slope @ FIT.covariance @ slope, rel=1e-7)


def test_pooling_goes_by_the_quantity_of_each_dataset() -> None:
    fits = tuple(
        Estimate(terms=("x",), estimates=np.array([b]), covariance=np.array([[u]]))
        for b, u in ((0.1, 0.01), (0.3, 0.02), (0.2, 0.015))
    )
    pooled = Analyses(fits, chains=1).derive(odds="exp(b[x])").pool()
    odds = np.exp([0.1, 0.3, 0.2])
    within = np.mean(odds**2 * [0.01, 0.02, 0.015])
    assert pooled.terms["estimate"][0] == pytest.approx(odds.mean(), rel=1e-14)
    assert pooled.terms["std_error"][0] ** 2 == pytest.approx(within + 4 / 3 * odds.var(ddof=1), rel=1e-12)


BAD = {
    "b[z]": 'there is no coefficient "z"',
    "b[X]": 'did you mean "x"',
    "x + 1": "uses no coefficient",
    "": "an expression is needed",
    "b[x] +": "it ends too early; .*; use b\\[term\\], numbers",
    "b[x]; 1": "';' at character 7 .* has no place",
    "__import__('os') + b[x]": "cannot be used as a name",
    "__import__('os').system('true') + b[x]": "attributes and methods cannot be used",
    "b[x].real": "attributes and methods cannot be used",
    "eval('1') + b[x]": r"eval\('1'\) is not allowed",
    "(lambda: b[x])()": "is not expected",
    "[b[x] for i in (1,)]": "has no place",
    "open(b[x])": "is not allowed",
    "exp(b[x], 2)": "is not allowed",
    "x + b[x]": "x is not allowed; use b\\[term\\], .* and the functions exp, log, sqrt, tanh, expit, logit",
    "observed(b[x])": "is not allowed",
    "abs(b[x])": "is not allowed",
    "b[x] > 1": "is not allowed",
    "b[x] // 2": "is not allowed",
    "b[x] if 1 else 2": "is not expected",
    "b[x] @ b[x]": "has no place",
    "b[x] + True": "is not allowed",
    "'a' * b[x]": "is not allowed",
    "`b[z]` + b[x]": 'there is no coefficient "z"',
    "_0 + b[x]": "_0` is not allowed",
    "log(b[x])": "not a finite number",
    "1 / (b[x] - b[x])": "not a finite number",
    "9 ** 9 ** 9 ** 9 * b[x]": "not a finite number",
    "(" * 300 + "b[x]" + ")" * 300: "nested more than 100 levels",
    "b[x]" + " + b[x]" * 2000: "characters; use at most 10000",
}


@pytest.mark.parametrize("text", BAD)
def test_what_an_expression_may_not_do(text: str) -> None:
    with pytest.raises(AnalysisError, match=rf"derived\[q\]: .*{BAD[text]}"):
        derive(FIT, {"q": text})


@given(st.text(alphabet="b[x] +-*/().,0123456789exploginf_'\"=:;@", max_size=40))
def test_any_other_text_is_an_answer_or_one_error(text: str) -> None:
    try:
        got = derive(FIT, {"q": text})
    except AnalysisError as error:
        assert str(error).startswith("derived[q]: ")
    else:
        assert np.isfinite(got.estimates).all()


def test_names_of_calls_are_taken_with_any_spaces() -> None:
    fit = Estimate(terms=("log(x / (1 - x))", "z"), estimates=np.array([2.0, 1.0]), covariance=np.eye(2))
    for text in ("3 * b[log(x / (1 - x))] + b[z]", "3 * b[log(x/(1-x))] + b[ z ]"):
        assert derive(fit, {"q": text}).estimates[0] == 7.0
    with pytest.raises(AnalysisError, match=r'there is no coefficient "log\(x / 1 - x\)"'):
        derive(fit, {"q": "b[log(x / 1 - x)]"})
