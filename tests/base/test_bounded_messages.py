"""Messages about 300 columns, labels, terms, datasets or problems have the length of a paragraph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.analysis.derived_quantities import _read
from bayesimpute.analysis.estimates import Estimate
from bayesimpute.analysis.fitting import Failure, told
from bayesimpute.base.errors import BayesimputeError, did_you_mean
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.data.other_rows import _as_before
from bayesimpute.pooling.model_tests import _check_nested

N = 300
NAMES = [f"variable_{k}" for k in range(N)]
RNG = np.random.default_rng(1)
FRAME = pd.DataFrame(RNG.normal(size=(40, N)), columns=NAMES)
GAPS = FRAME.mask(RNG.random(FRAME.shape) < 0.3)
FORMULA = f"variable_0 ~ {' + '.join(NAMES[1:])}"
LABELS = pd.DataFrame({"y": RNG.normal(size=N), "c": [f"label {k}" for k in range(N)]})


def estimate(names: list[str]) -> Estimate:
    return Estimate(terms=tuple(names), estimates=np.ones(len(names)), covariance=np.eye(len(names)), dfcom=9.0)


def other_labels() -> str:
    known, new = (Incomplete.from_frame(LABELS.assign(c=LABELS["c"] + mark)).columns["c"] for mark in ("", "!"))
    return str(_as_before(new, known, values=True)[1][0])


def different(k: int) -> Estimate:
    return estimate([f"{name} {k % 100}" for name in NAMES])


ERRORS: dict[str, Callable[[], Any]] = {
    "no complete row": lambda: bi.fit(FORMULA, GAPS),
    "unknown columns": lambda: bi.fit(FORMULA, FRAME[["variable_0"]]),
    "formula of a logistic model": lambda: bi.fit(FORMULA, FRAME, family="bernoulli"),
    "too many coefficients": lambda: bi.fit(FORMULA, FRAME),
    "columns of one value": lambda: bi.fit(FORMULA, pd.DataFrame(np.ones((400, N)), columns=NAMES)),
    "no numbers": lambda: bi.fit(FORMULA, FRAME.map(str)),
    "term of a derived quantity": lambda: _read("b[nothing like it]", NAMES, "d"),
    "terms of a comparison": lambda: bi.compare(
        {"one": pd.DataFrame({"term": range(N), "estimate": np.nan, "std_error": 1})}
    ),
    "terms that stand twice": lambda: bi.compare(
        one=pd.DataFrame({"term": NAMES * 2, "estimate": 1.0, "std_error": 1.0})
    ),
    "reference of many": lambda: bi.compare({name: {"a": 1.0} for name in NAMES[:60]}, reference="other"),
    "terms that differ": lambda: bi.pool([estimate(NAMES), estimate(NAMES), *map(different, range(20))]),
    "models that are not nested": lambda: _check_nested(
        *(bi.Analyses((e,), chains=None) for e in map(estimate, (["a"], NAMES)))
    ),
    "a frame of numbers": lambda: Incomplete.from_frame(pd.DataFrame(np.zeros((3, N)))),
    "nothing incomplete": lambda: bi.suggest(" + ".join(["variable_0 ~ 1", *NAMES[1:60]]), FRAME),
    "problems of a plan": lambda: bi.impute(FRAME, [f"{name} ~ nothing" for name in NAMES[:40]], seed=1),
    "gaps of a key": lambda: Incomplete.from_frame(pd.DataFrame({"g": [None] * N, "x": 1.0}), clusters=["g"]),
}
LINES: dict[str, Callable[[], Any]] = {
    "unknown names": lambda: bi.check(
        bi.Plan.of([" + ".join(["variable_0 ~ w0", *(f"w{k}" for k in range(59))])]), GAPS
    ),
    "names without a model": lambda: [
        p for p in bi.check(bi.Plan.of([FORMULA]), GAPS) if "no conditional" in p.finding or "no column" in p.finding
    ],
    "unknown names of an analysis": lambda: bi.check(
        bi.Plan(analyses=(bi.Analysis(name="a", formula=FORMULA),)), LABELS[["y"]]
    ),
}
TEXTS: dict[str, Callable[[], str]] = {
    "errors of datasets": lambda: told([Failure(k, f"another one {k}") for k in range(N)]),
    "new labels": other_labels,
    "incomplete columns": lambda: str(bi.check(bi.Plan(), GAPS)[0]),
    "a label that is not there": lambda: str(bi.check(bi.Plan.of(['y ~ C(c, Treatment("nothing"))']), LABELS)[0]),
    "description": lambda: "\n".join(bi.describe(LABELS.assign(c=[*map(str, range(290)), *"abcdefghij"])).told),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS.keys())
def test_errors_are_a_paragraph(call: Callable[[], Any]) -> None:
    with pytest.raises(BayesimputeError) as caught:
        call()
    lines = str(caught.value).splitlines()
    assert len(lines) <= 21 and max(map(len, lines)) <= 900, caught.value


@pytest.mark.parametrize("call", LINES.values(), ids=LINES.keys())
def test_many_names_with_one_problem_are_one_line(call: Callable[[], Any]) -> None:
    (line,) = map(str, call())
    assert " more have " in line or " more;" in line
    assert len(line) < 250


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_texts_are_a_paragraph(text: Callable[[], str]) -> None:
    assert 0 < len(text()) <= 600


def test_what_a_suggested_plan_says_of_the_columns_left_out_is_bounded() -> None:
    toml = bi.suggest("variable_0 ~ variable_1", GAPS.iloc[:, :60]).toml
    assert "more." in toml and len(toml) < 4000


def test_near_names_are_told_of_many_unknown_ones() -> None:
    typed = [f"variabel_{k}" for k in range(10, 30)]
    (problem,) = [
        p for p in bi.check(bi.Plan.of([f"variable_0 ~ {' + '.join(typed)}"]), GAPS) if "columns" in p.finding
    ]
    assert "did you mean 'variable_10', 'variable_11', " in problem.remedy and "right file?" in problem.remedy


def test_a_remedy_with_known_names_is_told_by_the_nearest() -> None:
    assert did_you_mean("variable_29x", NAMES, "") == 'did you mean "variable_29"?'
