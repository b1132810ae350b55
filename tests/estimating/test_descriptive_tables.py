"""Descriptives of completed datasets: against R, closed forms and ``estimate``, and what is refused or left out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import run_prior, table
from scipy.special import expit, logit
from scipy.stats import beta, t

import bayesimpute as bi
from bayesimpute import Derived, Descriptives, MultiplyImputed, descriptives
from bayesimpute.base.errors import AnalysisError, PlanError
from bayesimpute.checking.estimand_problems import STATISTICS, Asks
from bayesimpute.cli.parser import main
from bayesimpute.estimating.correlation import CORRELATION, correlation
from bayesimpute.estimating.estimand_rows import BY_NAME
from bayesimpute.estimating.group_estimates import Seen
from bayesimpute.estimating.standard_deviation import STANDARD_DEVIATION, standard_deviation
from bayesimpute.estimating.survey import SurveyDesign

FIGURES = ["estimate", "std_error", "df", "conf_low", "conf_high", "riv", "fmi"]
Y = np.array([2.1, 3.4, 1.9, 5.2, 4.4, 3.1, 6.0, 2.7])
X = np.array([[1.0, 2.5, 0.7, 3.9, 2.2, 1.8, *ends] for ends in ([5.1, 1.4], [3.6, 2.3], [4.4, 0.2])])
"""Three completed datasets of eight rows, the last two imputed."""


def survey() -> pd.DataFrame:
    """60 rows: y, x and the category b are incomplete and imputed, left is incomplete and is not."""
    frame = table(clusters=10, size=6)
    rng = np.random.default_rng(5)
    n = len(frame)
    frame["b"] = pd.Categorical(rng.choice(["no", "yes"], n), categories=["no", "yes"])
    frame.loc[2::7, "b"] = np.nan
    frame["sw"] = rng.uniform(0.5, 3, n)
    frame["flag"] = frame["z"] > 0
    frame["c"] = pd.Categorical(rng.choice(["u", "v", "w"], n), categories=["u", "v", "w", "never"])
    frame["left"] = frame["z"].where(frame["z"] > -1)
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) % 2, unit="D")
    return frame


FRAME = survey()
FORMULAS = ("y ~ x + sw + (1 | g)", "x ~ z + sw", "b ~ z + sw")
DERIVED = (
    Derived(name="high", expression="where(y > 2, 1, 0)"),
    Derived(name="twice", expression="2 * y"),
    Derived(name="split", expression="where(z > 0, 1, 2)"),
)


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run_prior(FRAME, *FORMULAS, derived=DERIVED, m=6, sweeps=6)


@pytest.fixture(scope="module")
def small() -> MultiplyImputed:
    """The eight rows, completed as above."""
    frame = pd.DataFrame({"x": np.where(np.arange(8) < 6, X[0], np.nan), "y": Y})
    return holding(run_prior(frame, "x ~ y", m=3, chains=3), x=X)


def holding(made: MultiplyImputed, **values: np.ndarray) -> MultiplyImputed:
    """The same run with other completed values, shape (imputation, unit)."""
    dataset = made.tree["completed"].to_dataset()
    for name, array in values.items():
        dataset[name] = (("imputation", "unit"), array, dataset[name].attrs)
    tree = made.tree.copy()
    tree["completed"].dataset = dataset
    return MultiplyImputed(tree)


def row(table: pd.DataFrame, **wanted: Any) -> pd.Series:
    """The one row with these values; of all rows, unless a group is named."""
    for name, value in wanted.items():
        table = table[table[name].astype(str) == str(value)]
    for name in set(table.columns) & {"b", "c", "flag", "day", "g"} - set(wanted):
        table = table[table[name].astype(str) == "all rows"]
    assert len(table) == 1
    return table.iloc[0]


def figures(row: pd.Series) -> list[float]:
    return row[FIGURES].astype(float).tolist()


# Against R and closed forms -------------------------------------------------------------------------------------------


def test_means_are_pooled_as_by_mitml(small: MultiplyImputed) -> None:
    """R: testEstimates(qhat, uhat, df.com = 7) of mitml 0.4-4, with the means and s^2 / 8."""
    got = figures(row(descriptives(small).means, variable="x"))
    expected = [2.22083333333333, 0.508296739510323, 5.09772644674732, 0.921713207700486, 3.51995345896618]
    np.testing.assert_allclose(got, [*expected, 0.0823281280844478, 0.304261733875233], rtol=1e-10)


def test_standard_deviations_are_pooled_as_logarithms_by_mitml(small: MultiplyImputed) -> None:
    """R: testEstimates of log(sd(x)) with (mean((x - mean(x))^4) / m2^2 - 1) / (4 * 7), df.com = 7."""
    got = row(descriptives(small).sds, variable="x")
    error, mean = 0.2770227239162, 1.37051037578899
    expected = [mean, mean * error, 2.15303872930861, np.exp(-0.808118626462835), np.exp(1.42050843836906)]
    np.testing.assert_allclose(figures(got), [*expected, 0.942094880093732, 0.684938413623004], rtol=1e-8)


def test_correlations_are_pooled_as_fishers_z_by_mitml(small: MultiplyImputed) -> None:
    """R: testEstimates of atanh(cor(x, y)) with 1 / 5, without df.com."""
    got = row(descriptives(small).correlations, variable="x", other="y")
    r = np.tanh(1.71219612439364)
    limits = np.tanh([0.634911831195383, 2.78948041759189])
    expected = [r, 0.524757100625893 * (1 - r**2), 26.697223150944, *limits, 0.376850073286466, 0.322617869513126]
    np.testing.assert_allclose(figures(got), expected, rtol=1e-10)


def test_equal_datasets_are_complete_data(small: MultiplyImputed) -> None:
    """R: cor.test(x, y); quantile(y, type = 2)."""
    found = descriptives(holding(small, x=X[[0, 0, 0]]))
    df = 7 * 8 / 10  # Barnard & Rubin: dfcom (dfcom + 1) / (dfcom + 3)
    for name, values in (("x", X[0]), ("y", Y)):
        error = values.std(ddof=1) / np.sqrt(8)
        limits = values.mean() + t.ppf([0.025, 0.975], df) * error
        expected = [values.mean(), error, df, *limits, 0, 0]
        np.testing.assert_allclose(figures(row(found.means, variable=name)), expected, rtol=1e-12)
        assert row(found.sds, variable=name)["estimate"] == pytest.approx(values.std(ddof=1), rel=1e-12)
        assert row(found.sds, variable=name)[["riv", "fmi"]].tolist() == [0, 0]
    quartiles = found.quantiles[found.quantiles["variable"] == "y"]
    assert quartiles["probability"].tolist() == [0.25, 0.5, 0.75]
    np.testing.assert_allclose(quartiles["estimate"].astype(float), [2.40, 3.25, 4.80], rtol=1e-12)
    assert quartiles["fmi"].iloc[1] == 0 and quartiles["std_error"].isna().tolist() == [True, False, True]
    assert "quantiles[y, 0.25]: its rows are too few for this quantile: no standard error" in found.messages
    got = row(found.correlations)
    expected = [0.962196338722395, np.inf, 0.799845883481989, 0.993346710199312, 0, 0]
    np.testing.assert_allclose(np.delete(figures(got), 1), expected, rtol=1e-10)


def test_two_datasets_by_hand() -> None:
    """Rubin's rules for a proportion: Q and U as they stand in the textbook, the interval on the logit scale."""
    frame = pd.DataFrame({"b": [1.0, 0, 1, 1, 0, 1, 0, 0, np.nan, np.nan], "z": np.arange(10.0)})
    whole = [[1, 0, 1, 1, 0, 1, 0, 0, 1, 1], [1, 0, 1, 1, 0, 1, 0, 0, 0, 1]]
    found = descriptives(holding(run_prior(frame, "b ~ z", m=2), b=np.array(whole)), "b", conf_level=0.9)
    p, within, between = (0.6 + 0.5) / 2, (0.6 * 0.4 / 9 + 0.5 * 0.5 / 9) / 2, 0.1**2 / 2
    total = within + 1.5 * between
    lam = 1.5 * between / total
    df = 1 / (lam**2 + 1 / ((1 - lam) * 9 * 10 / 12))
    half = t.ppf(0.95, df) * np.sqrt(total) / (p * (1 - p))
    riv = 1.5 * between / within
    limits = expit(logit(p) + np.array([-half, half]))
    expected = [p, np.sqrt(total), df, *limits, riv, (riv + 2 / (df + 3)) / (riv + 1)]
    one = row(found.frequencies, variable="b", value=1)
    np.testing.assert_allclose(figures(one), expected, rtol=1e-10)
    np.testing.assert_allclose(figures(row(found.means, variable="b")), expected, rtol=1e-10)
    assert (one["count"], one["n_observed"], one["n_missing"]) == (pytest.approx(5.5), 8, 2)
    zero = row(found.frequencies, variable="b", value=0)
    assert zero["conf_low"] == pytest.approx(1 - one["conf_high"]) and zero["count"] == pytest.approx(4.5)


def test_the_order_of_the_datasets_does_not_matter(imputed: MultiplyImputed) -> None:
    dataset = imputed.tree["completed"].to_dataset()
    turned = holding(imputed, **{str(name): dataset[name].values[::-1] for name in dataset})
    options: dict[str, Any] = {"by": "flag", "weights": "sw", "cross": [("b", "c")]}
    one, other = descriptives(imputed, **options), descriptives(turned, **options)
    for title, frame in one.tables.items():
        pd.testing.assert_frame_equal(frame, other.tables[title], rtol=1e-9, atol=1e-12)
    assert len(one.tables) == 6 and one.messages == other.messages


# Weights and groups ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "sw"])
def test_figures_are_those_of_estimate(imputed: MultiplyImputed, weights: str | None) -> None:
    found = descriptives(imputed, ["y", "high", "b"], by="c", weights=weights, quantiles=[0.3])
    cases = [
        (found.means, {"variable": "y"}, {"variable": "y"}),
        (found.quantiles, {"variable": "y"}, {"variable": "y", "statistic": "quantile", "probability": 0.3}),
        (found.means, {"variable": "high"}, {"variable": "high", "statistic": "proportion"}),
        (
            found.frequencies,
            {"variable": "b", "value": "no"},
            {"variable": "b", "statistic": "proportion", "value": "no"},
        ),
    ]
    for frame, what, asked in cases:
        expected = imputed.estimate(by="c", weights=weights, **asked).table
        for group in ("all rows", "u", "v", "w"):
            got, same = row(frame, c=group, **what), row(expected, c=group, version="imputed")
            names = [name for name in FIGURES if name != "riv"]
            # together and one by one: the sums may be added in another order
            np.testing.assert_allclose(got[names].astype(float), same[names].astype(float), rtol=1e-12)
            counts = got[["n_observed", "n_missing"]].astype(float)
            np.testing.assert_allclose(counts, [same["n"] - same["n_missing"], same["n_missing"]], rtol=1e-12)


def test_what_estimands_may_ask_for_is_what_a_statistic_reads() -> None:
    assert {name: BY_NAME[name].reads for name in STATISTICS} == {name: asks.reads for name, asks in STATISTICS.items()}


def test_a_line_lets_estimands_ask_for_a_statistic_of_the_tables(
    imputed: MultiplyImputed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By groups, with weights, from complete cases and as a posterior of these rows, without a word of code."""
    monkeypatch.setitem(STATISTICS, "standard deviation", Asks(kinds=("number",)))
    expected = descriptives(imputed, "y", by="c", weights="sw").sds
    found = imputed.estimate(variable="y", statistic="standard deviation", by="c", weights="sw").table
    names = [name for name in FIGURES if name != "riv"]
    for group in ("all rows", "u", "v", "w"):
        got, same = (row(table, c=group, **what) for table, what in ((found, {"version": "imputed"}), (expected, {})))
        np.testing.assert_array_equal(got[names].astype(float), same[names].astype(float))
    plain = imputed.estimate(variable="y", statistic="standard deviation", target="sample").table
    y, cases = FRAME["y"].dropna(), row(plain, version="complete cases")
    n, ratio = len(y), (y - y.mean()).pow(4).mean() / (y - y.mean()).pow(2).mean() ** 2
    error = np.sqrt((ratio - 1) / (4 * n) * 60 / 59)  # the observed rows are a domain of all 60
    limits = y.std() * np.exp(t.ppf([0.025, 0.975], n - 1) * error)
    np.testing.assert_allclose(
        cases[["estimate", "conf_low", "conf_high"]].astype(float), [y.std(), *limits], rtol=1e-9
    )
    posterior = row(plain, version="imputed")
    assert posterior["estimate"] == pytest.approx(np.mean([frame["y"].std() for frame in imputed]), rel=1e-9)
    with pytest.raises(PlanError, match='"b" is a category variable, which has no standard deviation'):
        imputed.estimate(variable="b", statistic="standard deviation")


def test_weighted_spreads_are_those_of_numpy(imputed: MultiplyImputed) -> None:
    found = descriptives(imputed, ["z", "w"], weights="sw")
    w, n = FRAME["sw"], len(FRAME)
    both = np.cov(FRAME["z"], FRAME["w"], aweights=w, ddof=0)
    assert row(found.sds, variable="z")["estimate"] == pytest.approx(np.sqrt(both[0, 0] * n / (n - 1)), rel=1e-12)
    got = row(found.correlations)
    assert got["estimate"] == pytest.approx(both[0, 1] / np.sqrt(both[0, 0] * both[1, 1]), rel=1e-12)
    assert got["df"] == pytest.approx(59 * 60 / 62) and got["fmi"] == 0


def test_equal_weights_change_the_variances_of_correlations_alone() -> None:
    made = run_prior(FRAME.assign(same=3.0), *FORMULAS)
    one, other = descriptives(made, ["y", "x"]), descriptives(made, ["y", "x"], weights="same")
    for title in ("Means", "Standard deviations"):
        pd.testing.assert_frame_equal(one.tables[title], other.tables[title], rtol=1e-12)
    got, plain = row(other.correlations), row(one.correlations)
    assert got["estimate"] == pytest.approx(plain["estimate"], rel=1e-12)
    assert got["std_error"] != plain["std_error"]


def test_groups_may_be_imputed(imputed: MultiplyImputed) -> None:
    found = descriptives(imputed, ["z", "y"], by=["b"])
    assert list(dict.fromkeys(found.means["b"])) == ["all rows", "no", "yes"]
    for label in ("no", "yes"):
        frames = [frame[frame["b"] == label] for frame in imputed]
        z, y, pair = (
            row(f, variable=v, b=label) for f, v in ((found.means, "z"), (found.sds, "y"), (found.means, "y"))
        )
        assert z["estimate"] == pytest.approx(np.mean([f["z"].mean() for f in frames]), rel=1e-10)
        assert y["estimate"] == pytest.approx(np.mean([f["y"].std() for f in frames]), rel=1e-10)
        gaps = FRAME["y"].isna()
        assert pair["n_missing"] == pytest.approx(np.mean([gaps[f.index].sum() for f in frames]))
        assert pair["n_observed"] + pair["n_missing"] == pytest.approx(np.mean([len(f) for f in frames]))
        z_scores = [np.arctanh(f["z"].corr(f["y"])) for f in frames]
        got = row(found.correlations, b=label)
        assert got["estimate"] == pytest.approx(np.tanh(np.mean(z_scores)), rel=1e-10)


def test_frequencies_count_labels(imputed: MultiplyImputed) -> None:
    found = descriptives(imputed, ["b", "flag", "c", "high"]).frequencies
    assert found.groupby("variable")["count"].sum().tolist() == [60] * 4
    np.testing.assert_allclose(found.groupby("variable")["estimate"].sum().astype(float), 1, rtol=1e-12)
    yes = row(found, variable="b", value="yes")
    assert yes["count"] == pytest.approx(np.mean([(frame["b"] == "yes").sum() for frame in imputed]))
    assert yes["n_missing"] == FRAME["b"].isna().sum() and 0 < yes["fmi"] < 1
    assert found.loc[found["variable"] == "flag", "value"].tolist() == [False, True]
    assert found.loc[found["variable"] == "high", "value"].tolist() == [0, 1]
    never = row(found, variable="c", value="never")
    assert (never["count"], never["estimate"]) == (0, 0)
    assert never["conf_high"] == pytest.approx(beta.ppf(0.975, 1, 60))


def test_each_kind_has_its_tables(imputed: MultiplyImputed) -> None:
    found = descriptives(imputed, ["y", "flag", "high", "b", "c", "split"])
    tables = {title: list(dict.fromkeys(frame["variable"])) for title, frame in found.tables.items()}
    assert tables == {
        "Means": ["y", "flag", "high", "split"],
        "Standard deviations": ["y", "split"],
        "Quantiles": ["y", "split"],
        "Correlations": ["y", "flag", "high", "b"],
        "Frequencies: mean counts and proportions": ["flag", "high", "b", "c"],
    }
    pairs = found.correlations[["variable", "other"]].apply(tuple, axis=1).tolist()
    assert len(pairs) == 10 and ("high", "b") in pairs
    r = [frame["y"].corr((frame["b"] == "yes").astype(float)) for frame in imputed]
    got = row(found.correlations, variable="y", other="b")
    assert got["estimate"] == pytest.approx(np.tanh(np.mean(np.arctanh(r))), rel=1e-9)


def test_what_is_not_wanted_is_not_there(imputed: MultiplyImputed) -> None:
    found = descriptives(imputed, ["y", "z"], correlations=False, quantiles=())
    assert list(found.tables) == ["Means", "Standard deviations"]
    assert list(descriptives(imputed, [], cross=[("b", "c")]).tables) == ["Cross tables: mean counts and proportions"]
    assert descriptives(imputed, "y", quantiles=0.5).quantiles["probability"].tolist() == [0.5]


@pytest.mark.parametrize("weights", [None, "sw"])
def test_cross_tables_are_means_of_cross_tables(imputed: MultiplyImputed, weights: str | None) -> None:
    found = descriptives(imputed, [], cross=[("b", "c"), ("flag", "split")], weights=weights, by="high").cross
    found = found[found["high"].astype(str) == "all rows"]
    for cell in found[found["variable"] == "b"].to_dict("records"):
        counts, rows, totals = [], [], []
        for frame in imputed:
            w = frame["sw"] if weights else pd.Series(1.0, frame.index)
            inside, both = (
                frame["b"] == cell["value"],
                (frame["b"] == cell["value"]) & (frame["c"] == cell["other_value"]),
            )
            counts.append(both.sum())
            rows.append(w[both].sum() / w[inside].sum())
            totals.append(w[both].sum() / w.sum())
        expected = [np.mean(counts), np.mean(rows), np.mean(totals)]
        got = [cell["count"], cell["row_proportion"], cell["total_proportion"]]
        assert got == pytest.approx(expected, rel=1e-12)
        assert (cell["n_observed"], cell["n_missing"]) == (FRAME["b"].notna().sum(), FRAME["b"].isna().sum())
    cells = found[found["variable"] == "flag"][["value", "other_value", "count"]]
    ones = int((FRAME["z"] > 0).sum())
    assert cells.to_numpy().tolist() == [[False, 1, 0], [False, 2, 60 - ones], [True, 1, ones], [True, 2, 0]]


def test_a_group_column_never_takes_the_place_of_another() -> None:
    made = run_prior(FRAME.rename(columns={"c": "value"}), *FORMULAS)
    found = descriptives(made, "flag", by="value")
    assert set(found.frequencies["by_value"]) == {"all rows", "u", "v", "w"}
    assert set(found.frequencies["value"]) == {False, True}


# What has no interval -------------------------------------------------------------------------------------------------


def test_a_proportion_of_none_has_an_interval_only_if_nothing_is_imputed() -> None:
    rng = np.random.default_rng(1)
    b = np.where(np.arange(30) < 10, 0.0, rng.integers(0, 2, 30))
    frame = pd.DataFrame({"b": np.where(np.arange(30) % 5 == 0, np.nan, b), "z": rng.normal(size=30)})
    frame["never"], frame["half"] = 0.0, np.where(np.arange(30) < 10, "first", "rest")
    frame["seen"] = np.where(np.arange(30) < 10, "a", np.where(np.arange(30) % 5 == 0, "b", "c"))
    made = run_prior(frame, "b ~ z", m=4)
    whole = np.where(frame["b"].isna(), 0.0, frame["b"]) + np.zeros((4, 1))
    once = whole.copy()
    once[2, 0] = 1
    certain = descriptives(made, "never", by="half")
    got = row(certain.frequencies[certain.frequencies["half"] == "first"], value=1)
    assert [got["estimate"], got["conf_low"], got["conf_high"]] == pytest.approx([0, 0, beta.ppf(0.975, 1, 10)])
    for values, datasets, mean in ((whole, 4, 0), (once, 3, 0.025)):
        found = descriptives(holding(made, b=values), "b", by="half")
        got = row(found.frequencies[found.frequencies["half"] == "first"], value=1)
        assert got["estimate"] == pytest.approx(mean) and got[FIGURES[1:]].isna().all()
        why = f"some of its rows are imputed, and it is 0 or 1, which has no variance, in {datasets} of 4 datasets"
        assert f"frequencies[b, 1] (half = first): {why}: no interval" in found.messages
        assert row(found.frequencies[found.frequencies["half"] == "all rows"], value=1)[FIGURES].notna().all()


def test_what_does_not_exist_is_missing_with_a_reason(imputed: MultiplyImputed) -> None:
    frame = FRAME.assign(one=7.5, k=["a", "b", "b", *["c"] * 3, *["d"] * 54], light=FRAME["sw"])
    frame.loc[0, "light"] = 0.0
    made = run_prior(frame, *(f"{formula} + light" for formula in FORMULAS), derived=DERIVED)
    found = descriptives(made, ["y", "z", "one", "twice"], by="k")
    text = "\n".join(found.messages)
    alone, pair = (found.sds[found.sds["k"] == k].set_index("variable") for k in "ab")
    assert alone.loc["z", FIGURES].isna().all() and pair.loc["z", "estimate"] > 0
    assert "means[z] (k = a): it has no two sampling units of one stratum: no standard error" in text
    assert "sds[z] (k = a): it has fewer than two rows with weight in 4 of 4 datasets: no estimate" in text
    assert "sds[z] (k = b): its values are all equally far from their mean in 4 of 4 datasets: no interval" in text
    assert "sds[one]: all its values are equal in 4 of 4 datasets: no interval" in text
    assert "correlations[z, one]: one of the two has a single value in 4 of 4 datasets: no estimate" in text
    assert "correlations[y, twice]: it is 1 or -1 in 4 of 4 datasets: no interval" in text
    assert "correlations[y, z] (k = c): it has three rows or fewer in 4 of 4 datasets: no interval" in text
    same = found.correlations[found.correlations["k"] == "all rows"].set_index(["variable", "other"])
    assert same.loc[("y", "twice"), "estimate"] == pytest.approx(1, abs=1e-12)
    assert np.isnan(same.loc[("y", "twice"), "conf_low"]) and np.isnan(same.loc[("y", "one"), "estimate"])
    empty = descriptives(made, "flag", by="k", weights="light", cross=[("flag", "c")])
    assert (
        "cross[flag, c, True] (k = a): it has no rows with weight in 4 of 4 datasets: no row proportion"
        in empty.messages
    )
    json.dumps(found.to_json_dict(), allow_nan=False)
    json.dumps(empty.to_json_dict(), allow_nan=False)


# What is asked for ----------------------------------------------------------------------------------------------------


def test_by_default_all_that_can_be_described(imputed: MultiplyImputed) -> None:
    found = descriptives(imputed, by="c", weights="sw", correlations=False)
    described = {name for frame in found.tables.values() for name in frame["variable"]}
    assert described == {"y", "x", "z", "w", "b", "flag", "high", "twice", "split"}
    assert [message for message in found.messages if "not described" in message] == [
        f'warning: not described: "left" has {int(FRAME["left"].isna().sum())} missing values and no conditional: they '
        "stay missing; add a conditional for left",
        'warning: not described: "day" is a date variable, which has no mean; use another variable',
    ]
    assert descriptives(imputed, "g").means["estimate"].tolist() == pytest.approx([FRAME["g"].mean()], rel=1e-12)


@pytest.mark.parametrize(
    ("variables", "options", "path", "words"),
    [
        ("yy", {}, "variables", 'there is no column "yy"; did you mean "y"?'),
        (["y", "left"], {}, "variables", '"left" has 12 missing values and no conditional: they stay missing; add a '),
        ("y", {"by": "left"}, "by", '"left" has 12 missing values and no conditional'),
        ("y", {"by": ["c", "nosuch"]}, "by", 'there is no column "nosuch"'),
        ("y", {"by": "x"}, "by", '"x" is imputed as a continuous variable'),
        ("flag", {"by": "flag"}, "by", '"flag" is the variable itself'),
        ("y", {"by": ["c", "c"]}, "by", '"c" is there 2 times'),
        ("y", {"by": 5}, "by", "is not a list of names"),
        ("y", {"weights": "left"}, "weights", '"left" is missing in 12 rows, the first in row'),
        ("y", {"weights": "sww"}, "weights", 'did you mean "sw"?'),
        ("y", {"weights": "z"}, "weights", "negative values"),
        ("y", {"weights": "high"}, "weights", '"high" is a derived variable, and weights must be known'),
        ("y", {"weights": 3}, "weights", "3 is not a name"),
        (["y", "z", "y"], {}, "variables", '"y" is there 2 times; name it once'),
        (5, {}, "variables", "5 is not a name"),
        ("", {}, "variables", "'' is not a name"),
        ("day", {}, "variables", '"day" is a date variable'),
        ("y", {"quantiles": [0.5, 1]}, "quantiles", "1 is not a number between 0 and 1"),
        ("y", {"quantiles": "a"}, "quantiles", "'a' is not a number between 0 and 1"),
        ("y", {"cross": [("b", "left")]}, "cross", '"left" has 12 missing values and no conditional'),
        ("y", {"cross": [("b", "cc")]}, "cross", 'there is no column "cc"'),
        ("y", {"cross": [("b", "b")]}, "cross", '"b" is crossed with itself'),
        ("y", {"cross": [("b", 5)]}, "cross", "5 is not a name"),
        ("y", {"cross": ("b", "c")}, "cross", "'b' is not a pair of variables; write cross="),
        ("y", {"cross": [("b", "c", "z")]}, "cross", "is not a pair of variables"),
        ("y", {"cross": [("b", "c")], "by": "c"}, "cross", '"c" is in by too'),
        ("y", {"cross": [("c", "z")]}, "cross", "z: 60 groups, more than 50"),
        ("y", {"cross": [("c", "twice")]}, "cross", "more than 50; derive a variable with wider groups"),
        ("y", {"by": "twice"}, "by", "more than 50; derive a variable with wider groups"),
    ],
)
def test_what_cannot_be_described_is_refused(
    imputed: MultiplyImputed, variables: Any, options: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(PlanError) as caught:
        descriptives(imputed, variables, **options)
    problems = [p for p in caught.value.problems if p.severity == "error"]
    assert {p.path for p in problems} == {path} and words in str(problems[0])


def test_every_problem_is_told_at_once(imputed: MultiplyImputed) -> None:
    with pytest.raises(PlanError) as caught:
        descriptives(imputed, ["yy", "left"], by="nosuch", weights="sv", quantiles=[2], cross=[("b", "cc")])
    assert [p.path for p in caught.value.problems] == ["by", "weights", "variables", "variables", "quantiles", "cross"]


def test_many_labels_are_refused_or_left_out() -> None:
    made = run_prior(FRAME.assign(name=[f"person {i}" for i in range(60)]), *FORMULAS)
    with pytest.raises(PlanError, match='"name" has 60 labels, more than 50'):
        descriptives(made, "name")
    found = descriptives(made, correlations=False)
    assert any('not described: "name" has 60 labels' in message for message in found.messages)


def test_weights_that_the_imputations_do_not_know_are_told() -> None:
    made = run_prior(FRAME, "y ~ x", "x ~ z", "b ~ z")
    found = descriptives(made, "y", weights="sw")
    assert [m for m in found.messages if m.startswith('warning: weights: "sw" is in no formula of conditional[y]')]


def test_few_datasets_and_wrong_levels_are_refused(imputed: MultiplyImputed) -> None:
    with pytest.raises(AnalysisError, match="at least two completed datasets"):
        descriptives(run_prior(FRAME, *FORMULAS, m=1))
    with pytest.raises(AnalysisError, match="conf_level"):
        descriptives(imputed, conf_level=95)


# Text, JSON and the command line --------------------------------------------------------------------------------------


def test_the_same_content_as_text_and_as_json(imputed: MultiplyImputed) -> None:
    found = imputed.describe(["y", "b"], by="flag", cross=[("b", "c")], conf_level=0.9)
    assert isinstance(found, Descriptives)
    text, plain = str(found), json.loads(json.dumps(found.to_json_dict(), allow_nan=False))
    assert text.startswith("Descriptives of m = 6 completed datasets by flag (90 % intervals)\n\nMeans\n")
    assert all(title in text for title in found.tables) and len(found.tables) == 6
    assert (plain["m"], plain["conf_level"], plain["by"], plain["weights"]) == (6, 0.9, ["flag"], None)
    first = plain["means"][0]
    assert list(first) == ["variable", "flag", "n_observed", "n_missing", *FIGURES, "method"]
    assert first["estimate"] == row(found.means, variable="y")["estimate"] and first["n_observed"] == 45
    assert plain["means"][1]["flag"] is False and plain["frequencies"][0]["value"] == "no"
    complete = descriptives(imputed, ["z", "w"]).to_json_dict()
    assert complete["correlations"][0]["df"] is None  # it is infinite


def test_dates_are_texts_in_json(imputed: MultiplyImputed) -> None:
    for found in (imputed.describe("y", by="day"), imputed.estimate(variable="y", by="day")):
        assert "2024-01-02 00:00:00" in json.dumps(found.to_json_dict(), allow_nan=False)


@pytest.fixture(scope="module")
def saved(imputed: MultiplyImputed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "run.nc"
    imputed.save(path)
    return path


def test_the_command_line_prints_the_tables(
    saved: Path, imputed: MultiplyImputed, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--by", "flag", "--weights", "sw", "--cross", "b", "c", "--cross", "c", "high", "--conf-level", "0.8"]
    found = imputed.describe(["y", "b"], by="flag", weights="sw", cross=[("b", "c"), ("c", "high")], conf_level=0.8)
    assert main(["pool", str(saved), "--describe", "y", "b", *words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads(json.dumps(found.to_json_dict())) and "have not converged" in err
    assert main(["pool", str(saved), "--describe", "y", "b", *words]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(found.title) and all(f"\n{title}\n" in out for title in found.tables)
    assert len(found.messages) > 0 and all(message in out for message in found.messages)
    assert main(["pool", str(saved), "--describe", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(imputed.describe().to_json_dict()))


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["--describe", "y", "--formula", "y ~ x"], ["error: --formula: this does not go with --describe; leave one"]),
        (
            ["--describe", "--family", "gaussian", "--dfcom", "3"],
            ["error: --family: this does", "error: --dfcom: this"],
        ),
        (["--describe", "--html", "--allow-failures"], ["error: --allow-failures: this", "error: --html: this does"]),
        (["--by", "c", "--cross", "b", "c"], ["error: --by: this goes with --describe; add", "error: --cross: this"]),
        (["--formula", "y ~ x", "--weights", "sw"], ["error: --weights: this goes with --describe; add --describe"]),
        (["--describe", "yy"], ['error: variables: there is no column "yy"; did you mean "y"?']),
    ],
)
def test_the_command_line_refuses(
    saved: Path, capsys: pytest.CaptureFixture[str], words: list[str], lines: list[str]
) -> None:
    assert main(["pool", str(saved), *words]) == 1
    out, err = capsys.readouterr()
    assert not out and [a.startswith(b) for a, b in zip(err.splitlines(), lines, strict=True)] == [True] * len(lines)


# Inference ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pooled_spreads_cover_as_complete_data_do() -> None:
    """Bivariate normal, r = .5, 30 % of y missing at random given x, imputed ten times from its posterior given x."""
    rng, replicates, n, m = np.random.default_rng(3), 300, 80, 10
    design = SurveyDesign.of(n)
    hits = np.zeros((replicates, 2, 2))
    for k in range(replicates):
        x = rng.normal(size=n)
        y = 0.5 * x + np.sqrt(0.75) * rng.normal(size=n)
        seen = rng.random(n) > expit(x - 1)
        columns = np.column_stack([np.ones(n), x])
        inverse = np.linalg.inv(columns[seen].T @ columns[seen])
        fitted = inverse @ columns[seen].T @ y[seen]
        rest = np.sum((y[seen] - columns[seen] @ fitted) ** 2)
        completed = []
        for _ in range(m):
            sigma = np.sqrt(rest / rng.chisquare(seen.sum() - 2))
            drawn = fitted + sigma * np.linalg.cholesky(inverse) @ rng.normal(size=2)
            completed.append(np.where(seen, y, columns @ drawn + sigma * rng.normal(size=n)))
        for i, tables in enumerate(([y, y], completed)):
            sds = STANDARD_DEVIATION.pool([standard_deviation(each, design) for each in tables], 0.95, Seen())
            r = CORRELATION.pool([correlation(x, each, design) for each in tables], 0.95, Seen())
            hits[k, i] = sds.conf_low < 1 < sds.conf_high, r.conf_low < 0.5 < r.conf_high
    # the same samples: their difference has a smaller Monte Carlo error than either coverage
    difference = hits[:, 1] - hits[:, 0]
    assert (np.abs(difference.mean(axis=0)) < 4 * difference.std(axis=0, ddof=1) / np.sqrt(replicates)).all()
    assert abs(hits[:, 1, 1].mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replicates)


def test_the_public_name_is_the_function() -> None:
    assert callable(bi.descriptives) and bi.descriptives is descriptives
