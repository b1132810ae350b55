"""Analyses side by side: the figures are those of the analyses, and everything that is wrong is told at once."""

import json
from math import inf
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import FORMULAS, run_prior, table
from scipy.stats import norm, t

import bayesimpute as bi
from bayesimpute import Comparison, InputError, compare
from bayesimpute.pooling import Estimate, Pooled, pool

FIGURES = ["estimate", "std_error", "conf_low", "conf_high", "fmi"]
TRUTH = {"x": 1.0, "somewhere else": 3.0}


def estimate(first: float, *, dfcom: Any = inf, terms: tuple[str, str] = ("Intercept", "x")) -> Estimate:
    return Estimate(
        terms=terms, estimates=np.array([first, 2.0]), covariance=np.diag([0.04, 0.01]), dfcom=dfcom, messages=("few",)
    )


@pytest.fixture(scope="module")
def pooled() -> Pooled:
    return pool([estimate(q) for q in (1.0, 1.3, 0.8)])


@pytest.fixture(scope="module")
def compared(pooled: Pooled) -> Comparison:
    return compare({"complete cases": estimate(0.5, dfcom=12)}, imputed=pooled, truth=TRUTH, reference="imputed")


def rows(found: Comparison, name: str) -> pd.DataFrame:
    return found.table[found.table["analysis"] == name].set_index("term")


def test_pooled_figures_are_taken_over(compared: Comparison, pooled: Pooled) -> None:
    expected = pooled.terms.set_index("term")[FIGURES]
    pd.testing.assert_frame_equal(rows(compared, "imputed")[FIGURES], expected)
    assert compared.analyses == ("complete cases", "imputed", "truth")
    assert compared.terms == ("Intercept", "x", "somewhere else")
    assert list(compared.table.columns) == ["analysis", "term", *FIGURES, "difference"]


@pytest.mark.parametrize(("dfcom", "quantile"), [(12, t(12).ppf), (inf, norm.ppf)])
def test_one_dataset_has_the_interval_of_its_degrees_of_freedom(dfcom: float, quantile: Any) -> None:
    found = rows(compare(one=estimate(0.5, dfcom=dfcom), conf_level=0.9), "one")
    half = quantile(0.95) * np.array([0.2, 0.1])
    np.testing.assert_allclose(found["conf_low"], np.array([0.5, 2]) - half, rtol=1e-12)
    np.testing.assert_allclose(found["conf_high"], np.array([0.5, 2]) + half, rtol=1e-12)
    np.testing.assert_allclose(found["std_error"], [0.2, 0.1], rtol=1e-15)
    assert found["fmi"].isna().all()


def test_degrees_of_freedom_may_differ_between_terms() -> None:
    found = rows(compare(one=estimate(0.5, dfcom=np.array([3.0, inf]))), "one")
    half = [t(3).ppf(0.975) * 0.2, norm.ppf(0.975) * 0.1]
    np.testing.assert_allclose(found["conf_high"] - found["estimate"], half, rtol=1e-12)


def test_a_frame_keeps_its_limits_or_gets_those_of_its_df() -> None:
    frame = pd.DataFrame({"term": ["a", "b"], "estimate": pd.array([1, 2], dtype="Int64"), "std_error": [0.5, None]})
    limits = frame.assign(conf_low=[-9.0, None], conf_high=[9.0, None], fmi=[0.25, 0.5])
    found = compare(normal=frame, t=frame.assign(df=[4, None]), given=limits)
    assert rows(found, "given").loc["a", FIGURES].tolist() == [1, 0.5, -9, 9, 0.25]
    assert rows(found, "normal").loc["a", "conf_low"] == pytest.approx(1 - 0.5 * norm.ppf(0.975), rel=1e-12)
    assert rows(found, "t").loc["a", "conf_low"] == pytest.approx(1 - 0.5 * t(4).ppf(0.975), rel=1e-12)
    assert rows(found, "t").loc["b", ["std_error", "conf_low", "conf_high"]].isna().all()


def test_differences_are_in_standard_errors_of_the_reference(compared: Comparison, pooled: Pooled) -> None:
    own = pooled.terms.set_index("term")
    found = compared.table.set_index(["analysis", "term"])["difference"]
    assert found["complete cases", "Intercept"] == pytest.approx(
        (0.5 - own.loc["Intercept", "estimate"]) / own.loc["Intercept", "std_error"], rel=1e-14
    )
    assert found["truth", "x"] == pytest.approx((1 - 2) / own.loc["x", "std_error"], rel=1e-14)
    assert found["imputed"].tolist() == [0, 0] and np.isnan(found["truth", "somewhere else"])


def test_a_reference_without_a_standard_error_gives_no_difference() -> None:
    frame = pd.DataFrame({"term": ["a", "b"], "estimate": [1.0, 2.0], "std_error": [0.0, np.nan]})
    assert compare(frame=frame, reference="frame").table["difference"].isna().all()


def test_wide_has_a_row_a_term_and_leaves_cells_empty(compared: Comparison, pooled: Pooled) -> None:
    wide = compared.wide()
    assert list(wide.index) == list(compared.terms) and wide.columns.names == ["analysis", "figure"]
    assert list(wide["truth"].columns) == ["estimate", "difference"]
    assert "fmi" not in wide["complete cases"] and "fmi" in wide["imputed"]
    assert wide.loc["somewhere else", "imputed"].isna().all() and np.isnan(wide.loc["Intercept", ("truth", "estimate")])
    np.testing.assert_array_equal(wide["imputed"]["estimate"][:2], pooled.terms["estimate"])
    stacked = wide.stack("analysis", future_stack=True)["estimate"].dropna()
    assert len(stacked) == len(compared.table)


def test_what_is_printed_is_grouped_by_term(compared: Comparison, pooled: Pooled) -> None:
    lines = str(compared).splitlines()
    assert lines[0] == "3 analyses (95 % intervals)" and lines[1].split() == [
        "term",
        "analysis",
        *FIGURES,
        "difference",
    ]
    assert lines[2].split()[:4] == ["Intercept", "complete", "cases", "0.5000"]
    assert lines[3].split()[:2] == ["imputed", f"{pooled.terms['estimate'][0]:.3f}"]
    assert "nan" not in str(compared).lower()
    assert lines[-3] == "Difference: from the estimate of imputed, in standard errors of imputed."
    assert lines[-2:] == ["complete cases: few", f"imputed: {pooled.messages[0]}"]


def test_latex_and_html_have_a_row_an_analysis_and_term(compared: Comparison) -> None:
    text = compared.to_latex(caption="Side by side", label="tab:side", digits=2)
    assert text.count(r" \\") == 1 + len(compared.table) and text.count(r"\addlinespace") == 2
    assert r"Intercept & complete cases & 0.50 & 0.20" in text and r"95 \% low" in text
    page = compared.to_html(digits=2)
    assert page.count("<tr>") == 1 + len(compared.table) and "in standard errors of imputed." in page


def test_json_has_no_nan(compared: Comparison) -> None:
    found = json.loads(json.dumps(compared.to_json_dict(), allow_nan=False))
    assert (found["conf_level"], found["reference"], len(found["rows"])) == (0.95, "imputed", len(compared.table))
    last = found["rows"][-1]
    assert (last["analysis"], last["term"], last["estimate"]) == ("truth", "somewhere else", 3.0)
    assert (last["std_error"], last["difference"]) == (None, None)


def test_the_level_is_that_of_the_pooled_analyses() -> None:
    fits = [estimate(q) for q in (1.0, 1.3, 0.8)]
    ninety = pool(fits, conf_level=0.9)
    assert compare(imputed=ninety, one=fits[0]).conf_level == 0.9
    with pytest.raises(InputError, match=r"compare\[b\]: its intervals have the level 0.95, others 0.9; pool it with"):
        compare(a=ninety, b=pool(fits))
    with pytest.raises(InputError, match=r"compare\[a\]: its intervals have the level 0.9, others 0.8"):
        compare(a=ninety, conf_level=0.8)


def test_names_that_are_options_stand_in_the_mapping(pooled: Pooled) -> None:
    assert compare({"reference": pooled, "conf_level": TRUTH}).analyses == ("reference", "conf_level")


def test_everything_that_is_wrong_is_told_at_once(pooled: Pooled) -> None:
    frame = pd.DataFrame({"term": ["a", "a"], "estimate": [1.0, inf], "std_error": [-1.0, 1.0]})
    given: dict[Any, Any] = {
        "again": pooled,
        "list": [1, 2],
        7: {"a": 1.0},
        "empty": {},
        "words": {"a": "one", 5: 2.0},
        "lacks": frame[["term"]],
        "half": frame.assign(conf_low=0.0),
        "texts": frame.assign(std_error="much"),
        "twice": frame,
    }
    with pytest.raises(InputError) as caught:
        compare(given, again=pooled, reference="pooled", conf_level=1.5)
    found = [str(problem) for problem in caught.value.problems]
    expected = [
        "compare[again]: two analyses have this name",
        "conf_level: 1.5 is not between 0 and 1",
        "compare[list]: list is no analysis that can be compared",
        "compare[7]: the name 7 is not a text",
        "compare[empty]: it has no terms",
        "compare[words]: the terms 5 are not texts",
        "compare[words]: the estimates of a are not finite numbers",
        "compare[lacks]: the frame has no column estimate and std_error",
        "compare[half]: the frame has conf_low and not the other limit",
        "compare[texts]: std_error has values that are not numbers",
        "compare[twice]: the terms a stand there more than once",
        "compare[twice]: the estimates of a are not finite numbers",
        "compare[twice]: it has negative standard errors",
        'reference: no analysis is called "pooled"',
    ]
    assert len(found) == len(expected)
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(f"{start}; "), problem


def test_nothing_to_compare_and_a_truth_as_reference() -> None:
    with pytest.raises(InputError, match="compare: there is no analysis"):
        compare()
    with pytest.raises(InputError, match='"truth" has no standard errors'):
        compare(truth=TRUTH, reference="truth")


def test_a_run_beside_its_complete_cases() -> None:
    frame = table()
    imputed = run_prior(frame, *FORMULAS, m=4)
    analyses = imputed.analyse("y ~ z")
    found = compare({"complete cases": bi.fit("y ~ z", frame.dropna()), "imputed": analyses.pool()})
    assert found.wide().shape[0] == 2 and found.wide().notna().all(axis=None)
    with pytest.raises(InputError, match=r"Analyses is no analysis that can be compared; pool it first, with \.pool"):
        compare(imputed=analyses)
