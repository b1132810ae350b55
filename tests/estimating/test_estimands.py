"""Estimates from completed datasets: against Rubin's rules by hand, complete cases, MAR, and what must be refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import prior_plan, run_prior, table
from scipy.special import expit, logit
from scipy.stats import beta, t

import bayesimpute as bi
from bayesimpute import Conditional, Derived, Estimand, MultiplyImputed, Plan
from bayesimpute.base.errors import AnalysisError, BayesimputeError, DataError, PlanError
from bayesimpute.estimating.estimands import Estimates, estimate, without_selection
from bayesimpute.estimating.group_estimates import Seen
from bayesimpute.estimating.mean import PROPORTION, mean
from bayesimpute.estimating.survey import SurveyDesign
from bayesimpute.estimating.variables import Groups, Variables
from bayesimpute.families import Bernoulli, Gaussian
from bayesimpute.pooling import rubin
from bayesimpute.running.legs import run_leg

DERIVED = (
    Derived(name="d", expression="x + y"),
    Derived(name="mean_x", expression="cluster_mean(x, g)"),
    Derived(name="high", expression="where(y > 2, 1, 0)"),
)
FORMULAS = ("y ~ x + sw + r + (1 | g)", "x ~ z + sw + r + (1 | g)", "b ~ x + sw + r + (1 | g)")


def survey() -> pd.DataFrame:
    """10 sampling units in 2 regions: y, x and the yes/no b are incomplete."""
    frame = table(clusters=10, size=6)
    rng = np.random.default_rng(5)
    n = len(frame)
    frame["r"] = np.where(frame["g"] < 4, "n", "s")
    frame["sw"] = rng.uniform(0.5, 3, n)
    frame["b"] = pd.Categorical(rng.choice(["no", "yes"], n), categories=["no", "yes"])
    frame.loc[2::7, "b"] = np.nan
    frame["sex"] = rng.choice(["f", "m"], n)
    return frame


FRAME = survey()
HARD = {"weights": "sw", "strata": "r", "clusters": "g"}


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return run_prior(FRAME, *FORMULAS, derived=DERIVED, m=6, sweeps=6)


def row(found: Estimates, version: str = "imputed", **groups: Any) -> pd.Series:
    """The row of a version and a group; by default of all rows."""
    rest = found.table[found.table["version"] == version]
    for name in (c for c in rest.columns if c in ("r", "sex", "b", "high", "by_n")):
        rest = rest[rest[name].astype(str) == str(groups.get(name, "all rows"))]
    assert len(rest) == 1
    return rest.iloc[0]


def by_hand(
    frames: list[pd.DataFrame], y: Callable[[pd.DataFrame], pd.Series], domain: Callable[[pd.DataFrame], pd.Series]
) -> tuple[list[float], list[float]]:
    """Weighted means and their variances for strata r and sampling units g, by pandas."""
    estimates, variances = [], []
    for frame in frames:
        inside = domain(frame).astype(float)
        w, values = frame["sw"] * inside, y(frame).astype(float)
        estimate = (w * values).sum() / w.sum()
        totals = (w * (values - estimate) / w.sum()).groupby([frame["r"], frame["g"]]).sum()
        parts = [len(u) / (len(u) - 1) * ((u - u.mean()) ** 2).sum() for _, u in totals.groupby(level=0)]
        estimates.append(estimate)
        variances.append(sum(parts))
    return estimates, variances


def test_population_means_are_rubins_rules_on_linearised_variances(imputed: MultiplyImputed) -> None:
    found = estimate(imputed, variable="y", by="r", **HARD)
    assert list(found.table["r"].unique()) == ["all rows", "n", "s"]
    for group, dfcom in (("all rows", 8), ("n", 3), ("s", 5)):
        regions = ["n", "s"] if group == "all rows" else [group]
        frames = [f.assign(inside=f["r"].isin(regions)) for f in imputed]
        q, u = by_hand(frames, lambda f: f["y"], lambda f: f["inside"])
        pooled = rubin(np.array(q)[:, None], np.array(u)[:, None], dfcom=dfcom)
        got = row(found, r=group)
        low, high = pooled.interval(0.95)
        expected = [pooled.q_bar, pooled.std_error, pooled.df, low, high, pooled.fmi]
        names = ["estimate", "std_error", "df", "conf_low", "conf_high", "fmi"]
        np.testing.assert_allclose(got[names].astype(float), np.ravel(expected), rtol=1e-9)
        assert got["target"] == "population"
        inside = FRAME["r"].eq(group) | (group == "all rows")
        assert got["n"] == inside.sum() and got["n_missing"] == (inside & FRAME["y"].isna()).sum()


def test_a_proportion_has_its_mean_and_an_interval_on_the_logit_scale(imputed: MultiplyImputed) -> None:
    got = row(estimate(imputed, variable="b", statistic="proportion", conf_level=0.9, **HARD))
    q, u = by_hand(list(imputed), lambda f: f["b"] == "yes", lambda f: f["y"].notna())
    pooled = rubin(np.array(q)[:, None], np.array(u)[:, None], dfcom=8)
    p, se, df = pooled.q_bar[0], pooled.std_error[0], pooled.df[0]
    half = t.ppf(0.95, df) * se / (p * (1 - p))
    np.testing.assert_allclose(
        got[["estimate", "std_error", "df", "conf_low", "conf_high"]].astype(float),
        [p, se, df, expit(logit(p) - half), expit(logit(p) + half)],
        rtol=1e-9,
    )
    other = row(estimate(imputed, variable="b", statistic="proportion", value="no", conf_level=0.9, **HARD))
    assert other["estimate"] == pytest.approx(1 - p, rel=1e-9)
    assert [other["conf_low"], other["conf_high"]] == pytest.approx([1 - got["conf_high"], 1 - got["conf_low"]])


def test_a_plain_mean_of_a_complete_variable_is_the_textbook_one(imputed: MultiplyImputed) -> None:
    found = estimate(imputed, variable="z")
    got, cases, n = row(found), row(found, "complete cases"), len(FRAME)
    z = FRAME["z"]
    assert [got["estimate"], got["std_error"]] == pytest.approx([z.mean(), z.std() / np.sqrt(n)], rel=1e-12)
    assert (got["fmi"], got["n_missing"], cases["df"]) == (0, 0, n - 1)
    half = t.ppf(0.975, n - 1) * z.std() / np.sqrt(n)
    assert [cases["conf_low"], cases["conf_high"]] == pytest.approx([z.mean() - half, z.mean() + half], rel=1e-9)


def test_a_median_is_pooled_too(imputed: MultiplyImputed) -> None:
    got = row(estimate(imputed, variable="y", statistic="quantile"))
    medians = [frame["y"].median() for frame in imputed]
    assert got["estimate"] == pytest.approx(np.mean(medians), rel=1e-12)
    assert got["std_error"] ** 2 > (1 + 1 / 6) * np.var(medians, ddof=1)
    third = estimate(imputed, variable="y", statistic="quantile", probability=1 / 3, by="r")
    assert row(third)["estimate"] < got["estimate"]


def test_sample_estimates_are_the_posterior_of_these_rows(imputed: MultiplyImputed) -> None:
    found = estimate(imputed, variable="y", target="sample", weights="sw", conf_level=0.8)
    values = [np.average(frame["y"], weights=frame["sw"]) for frame in imputed]
    got = row(found)
    expected = [np.mean(values), np.std(values, ddof=1), *np.quantile(values, [0.1, 0.9])]
    names = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(got[names].astype(float), expected, rtol=1e-9)
    assert got[["df", "fmi"]].isna().all() and got["target"] == "sample"
    assert row(found, "complete cases")["target"] == "population"
    assert any("leaves out the sampling variance" in m and "not comparable" in m for m in found.messages)
    assert any("m = 6 values and rough; impute with m = 100" in m for m in found.messages)
    assert not any("sampling variance" in m for m in estimate(imputed, variable="y").messages)


def test_the_ends_of_many_datasets_are_not_rough() -> None:
    many = run_prior(FRAME, *FORMULAS, m=100, chains=2, sweeps=50, warmup=1)
    found = estimate(many, variable="y", target="sample", statistic="mean")
    assert not any("rough" in m for m in found.messages)
    known = row(estimate(many, variable="z", target="sample"))
    assert known["std_error"] == 0 and known["conf_low"] == known["conf_high"] == pytest.approx(FRAME["z"].mean())


def test_groups_may_be_imputed(imputed: MultiplyImputed) -> None:
    found = estimate(imputed, variable="z", by=["b", "sex"])
    labels = list(dict.fromkeys(zip(found.table["b"], found.table["sex"], strict=True)))
    expected = [("no", "f"), ("no", "m"), ("yes", "f"), ("yes", "m")]
    assert labels == [("all rows", "all rows"), *expected]
    for b, sex in expected:
        means = [frame.loc[(frame["b"] == b) & (frame["sex"] == sex), "z"] for frame in imputed]
        got = row(found, b=b, sex=sex)
        assert got["estimate"] == pytest.approx(np.mean([m.mean() for m in means]), rel=1e-9)
        assert got["n"] == pytest.approx(np.mean([len(m) for m in means])) and got["n_missing"] == 0
        cases = row(found, "complete cases", b=b, sex=sex)
        seen = FRAME[(FRAME["b"] == b) & (FRAME["sex"] == sex)]
        assert cases["n"] == len(seen) and cases["estimate"] == pytest.approx(seen["z"].mean(), rel=1e-9)


def test_derived_variables_are_estimated_and_make_groups(imputed: MultiplyImputed) -> None:
    found = estimate(imputed, variable="d", by="high")
    assert list(found.table["high"].unique()) == ["all rows", 0, 1]
    got, cases = row(found), row(found, "complete cases")
    assert got["estimate"] == pytest.approx(np.mean([(f["x"] + f["y"]).mean() for f in imputed]), rel=1e-9)
    both = FRAME["x"].notna() & FRAME["y"].notna()
    assert got["n_missing"] == (~both).sum() and cases["n"] == both.sum()
    assert cases["estimate"] == pytest.approx((FRAME["x"] + FRAME["y"])[both].mean(), rel=1e-9)
    share = row(estimate(imputed, variable="high", statistic="proportion"))
    assert share["estimate"] == pytest.approx(np.mean([(f["y"] > 2).mean() for f in imputed]), rel=1e-9)
    with pytest.raises(PlanError, match="other values than 0 and 1"):
        estimate(imputed, variable="d", statistic="proportion")
    with pytest.raises(PlanError, match="d: 180 groups, more than 50"):
        estimate(imputed, variable="z", by="d")


def test_what_is_observed_follows_from_the_data_alone(imputed: MultiplyImputed) -> None:
    variables = Variables(imputed)
    np.testing.assert_array_equal(variables.observed("x"), FRAME["x"].notna())
    whole = FRAME["x"].notna().groupby(FRAME["g"]).transform("all")
    np.testing.assert_array_equal(variables.observed("mean_x"), whole)
    assert variables.observed("z").all() and variables.values("z").shape == (1, 60)
    assert variables.values("y").shape == (6, 60)


def test_level_2_values_of_other_members_are_observed() -> None:
    frame = FRAME.assign(w=FRAME["w"].where(FRAME.index % 6 != 0))
    made = run_prior(frame, "y ~ w + (1 | g)", "x ~ z", "b ~ z")
    got = row(estimate(made, variable="w"), "complete cases")
    assert got["n"] == 60 and got["estimate"] == pytest.approx(FRAME["w"].mean(), rel=1e-9)


def test_labels_come_back_as_they_are() -> None:
    frame = FRAME.assign(flag=FRAME["z"] > 0, code=FRAME["g"] % 3, half=(FRAME["g"] % 2) / 2)
    made = run_prior(frame, "y ~ x", "x ~ z", "b ~ z")
    variables = Variables(made)
    assert Groups.of(["flag"], variables).labels == (("all rows",), (False,), (True,))
    assert Groups.of(["code", "half"], variables).labels[:3] == (("all rows", "all rows"), (0, 0), (0, 0.5))
    assert all(type(label[0]) is int for label in Groups.of(["code"], variables).labels[1:])
    flag = row(estimate(made, variable="flag", statistic="proportion"))
    assert flag["estimate"] == pytest.approx((FRAME["z"] > 0).mean())
    assert row(estimate(made, variable="flag"))["estimate"] == pytest.approx(flag["estimate"], rel=1e-12)
    assert row(estimate(made, variable="flag", statistic="proportion", value=False))["estimate"] == pytest.approx(
        (FRAME["z"] <= 0).mean()
    )


def test_a_group_column_never_takes_the_place_of_another() -> None:
    made = run_prior(FRAME.rename(columns={"sex": "n"}), "y ~ x", "x ~ z", "b ~ z")
    found = estimate(made, variable="z", by="n")
    assert row(found, by_n="f")["n"] == (FRAME["sex"] == "f").sum()


def test_a_cluster_without_any_observed_value_is_estimated_by_the_posterior_mixture() -> None:
    frame = FRAME.assign(y=FRAME["y"].mask(FRAME["g"] == 3), few=FRAME["y"].mask((FRAME["g"] == 3) & (FRAME["z"] > 0)))
    made = run_prior(frame, "y ~ x + (1 | g)", "x ~ z", "few ~ z + (1 | g)", m=60, sweeps=60)
    found = estimate(made, variable="y", by="g").table.set_index(["version", "g"])
    wide, usual = found.loc[("imputed", 3)], found.loc[("imputed", "all rows")]
    assert (wide["method"], usual["method"]) == ("posterior mixture", "Rubin's rules")
    assert found.loc[("complete cases", 4), "method"] == "t"
    within = np.array([f.loc[f["g"] == 3, "y"].var() for f in made]).mean() / 6
    assert (wide["conf_high"] - wide["conf_low"]) / 2 < t.ppf(0.975, 5) * np.sqrt(within) + t.ppf(0.975, 59) * np.sqrt(
        wide["std_error"] ** 2 - within
    )
    described = made.describe(["y", "few"], by="g", correlations=False)
    assert set(described.means.query("g == 3")["method"]) == {"posterior mixture"}
    assert set(described.means.query("g == 'all rows'")["method"]) == {"Rubin's rules"}


def test_a_proportion_of_none_or_all_has_an_exact_interval() -> None:
    frame = FRAME.assign(never=0.0, r=FRAME["r"])
    made = run_prior(frame.drop(columns="b"), "y ~ x", "x ~ z")
    found = estimate(made, variable="never", statistic="proportion", value=0, clusters="g")
    low = beta.ppf(0.025, 10, 1)  # Clopper & Pearson for 10 successes in 10 trials
    assert row(found)[["estimate", "std_error", "conf_low", "conf_high"]].tolist() == pytest.approx([1, 0, low, 1])
    none = estimate(made, variable="never", by="r")
    assert row(none, r="n")["std_error"] == 0
    assert any("all of its rows have the value" in m and "10 trials" in m for m in found.messages)
    one_row = frame.assign(only=(FRAME.index == 3).astype(float), g2=FRAME["g"])
    made = run_prior(one_row.drop(columns="b"), "y ~ x", "x ~ z")
    share = estimate(made, variable="only", statistic="proportion", by="r")
    high = beta.ppf(0.975, 1, (FRAME["r"] == "s").sum())
    got = row(share, r="s")
    assert [got["conf_low"], got["conf_high"]] == pytest.approx([0, high])
    assert any("r = s): none of its rows" in m for m in share.messages)


def test_what_does_not_exist_is_missing_with_a_reason() -> None:
    frame = FRAME.drop(columns="b").assign(group=["a"] + ["b"] * 58 + ["c"], light=FRAME["sw"])
    frame.loc[59, "light"] = 0.0
    frame["y"] = frame["y"].where(frame["group"] != "a")
    made = run_prior(frame, "y ~ x + light", "x ~ z")
    found = estimate(made, variable="y", by="group", weights="light", target="population")
    rest = found.table.set_index(["group", "version"])
    lonely, empty = rest.loc[("a", "imputed")], rest.loc[("c", "imputed")]
    assert np.isfinite(lonely["estimate"]) and np.isnan(lonely["std_error"]) and lonely["n"] == 1
    assert np.isnan(empty["estimate"]) and empty["n"] == 1
    assert np.isnan(rest.loc[("a", "complete cases"), "estimate"]) and rest.loc[("a", "complete cases"), "n"] == 0
    text = "\n".join(found.messages)
    assert "estimand[y] (imputed, group = a): it has no two sampling units of one stratum: no standard error" in text
    assert "estimand[y] (imputed, group = c): it has no rows with weight in 4 of 4 datasets: no estimate" in text
    assert "estimand[y] (complete cases, group = a): it has no rows with weight: no estimate" in text
    json.dumps(found.to_json_dict(), allow_nan=False)
    few = estimate(made, variable="y", statistic="quantile", probability=0.99)
    assert np.isnan(row(few)["std_error"]) and any("too few for this quantile" in m for m in few.messages)
    posterior = estimate(made, variable="y", by="group", weights="light", target="sample")
    assert any("(imputed, group = c): it has no rows with weight" in m for m in posterior.messages)


def test_single_units_and_a_forgotten_design_are_told(imputed: MultiplyImputed) -> None:
    frame = FRAME.assign(area=np.where(FRAME["g"] == 9, "lonely", FRAME["r"]), other=FRAME["sw"] ** 2)
    made = run_prior(frame, *FORMULAS)
    found = estimate(made, variable="y", weights="other", strata="area", clusters="g")
    text = "\n".join(found.messages)
    assert "strata with a single sampling unit" in text and text.count("lonely") == 1
    assert 'warning: estimand[y].weights: "other" is in no formula of conditional[y]' in text
    assert estimate(imputed, variable="y", **HARD).messages == ()


def test_derived_variables_that_are_not_finite_are_refused() -> None:
    derived = Derived(name="root", expression="where(z > 0, x, y)")
    made = run_prior(FRAME, *FORMULAS, derived=(derived,))
    variables = Variables(made)
    variables._changing["root"][0, 3] = np.nan
    with pytest.raises(DataError, match="no finite value in 1 row of completed datasets, the first in row 3"):
        variables.values("root")


@pytest.mark.slow
def test_pooled_proportions_cover_as_complete_data_do() -> None:
    """A rare yes/no variable, 40 % missing at random, imputed 20 times from its Beta posterior (uniform prior)."""
    rng, replicates, n, true = np.random.default_rng(7), 1000, 200, 0.1
    design = SurveyDesign.of(n)
    hits = np.zeros((replicates, 2))
    for r in range(replicates):
        y, seen = (rng.random(n) < true).astype(float), rng.random(n) > 0.4
        yes = y[seen].sum()
        draws = rng.beta(1 + yes, 1 + seen.sum() - yes, 20)
        completed = [np.where(seen, y, rng.random(n) < p) for p in draws]
        pooled = PROPORTION.pool([mean(c, design) for c in completed], 0.95, Seen())
        whole = PROPORTION.pool([mean(y, design)], 0.95, Seen())
        hits[r] = [answer.conf_low < true < answer.conf_high for answer in (pooled, whole)]
    # the same samples: their difference has a smaller Monte Carlo error than either coverage
    difference = hits[:, 0] - hits[:, 1]
    assert abs(difference.mean()) < 4 * difference.std(ddof=1) / np.sqrt(replicates)
    assert abs(hits[:, 0].mean() - 0.95) < 4 * np.sqrt(0.95 * 0.05 / replicates)


# Which estimands ------------------------------------------------------------------------------------------------------

ESTIMANDS = (
    Estimand(name="mean y", variable="y", by="r", **HARD),
    Estimand(name="share", variable="b", statistic="proportion", by="sex", target="sample"),
)


def test_the_plan_s_estimands_are_the_default_and_survive_saving(tmp_path: Path) -> None:
    plan = replace(prior_plan(*FORMULAS), estimands=ESTIMANDS)
    made = bi.impute(FRAME, plan, seed=1, progress=False)
    found = made.estimate()
    assert found.estimands == ESTIMANDS and list(found.table["name"].unique()) == ["mean y", "share"]
    assert set(found.table["sex"]) == {"all rows", "f", "m"} and set(found.table["r"]) == {"all rows", "n", "s"}
    made.save(tmp_path / "run.nc")
    loaded = MultiplyImputed.load(tmp_path / "run.nc")
    again = loaded.estimate()
    pd.testing.assert_frame_equal(again.table, found.table)
    assert again.messages == found.messages and again.estimands == found.estimands
    share = made.estimate("share").table
    pd.testing.assert_frame_equal(share, estimate(made, ESTIMANDS[1]).table)
    assert share["name"].unique().tolist() == ["share"]


def test_the_same_content_as_text_and_as_json(imputed: MultiplyImputed) -> None:
    found = imputed.estimate(variable="y", by="r", target="sample")
    text, plain = str(found), json.loads(json.dumps(found.to_json_dict(), allow_nan=False))
    assert "y: mean of y by r (sample)" in text and all(m in text for m in found.messages)
    assert (plain["m"], plain["conf_level"], len(plain["estimates"])) == (6, 0.95, 6)
    assert plain["messages"] == list(found.messages)
    assert plain["estimates"][0]["df"] is None and plain["estimates"][0]["n"] == 60


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "the plan has no estimand, and no variable is given"),
        ({"by": "r"}, "by without a variable"),
        ({"estimand": "share"}, 'the plan has no estimand "share"'),
        ({"estimand": ESTIMANDS[0], "variable": "y"}, "both an estimand and variable are given"),
        ({"variable": "yy"}, 'did you mean "y"'),
        ({"variable": "y", "weights": "z"}, "negative values"),
        ({"variable": "y", "statistic": "meen", "by": "rr", "target": "all"}, "3 problems"),
        ({"variable": "y", "compare": "mar"}, "nothing to compare with"),
    ],
)
def test_calls_are_refused_as_plans_are(imputed: MultiplyImputed, options: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError) as caught:
        estimate(imputed, **options)
    number = len(caught.value.problems)
    assert f"{number} problems" == words or words in str(caught.value)


@pytest.mark.parametrize("level", [0, 1, 95, -0.1, np.nan])
def test_levels_lie_between_0_and_1(imputed: MultiplyImputed, level: float) -> None:
    with pytest.raises(AnalysisError, match="conf_level"):
        estimate(imputed, variable="y", conf_level=level)


def test_one_dataset_and_a_stopped_run_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="at least two completed datasets"):
        estimate(run_prior(FRAME, *FORMULAS, m=1), variable="y")
    calls = iter(range(100))

    def stopped(*args: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return run_leg(*args)

    monkeypatch.setattr("bayesimpute.running.workers.run_leg", stopped)
    with pytest.raises(BayesimputeError):
        bi.impute(FRAME, prior_plan(*FORMULAS), seed=1, progress=False, checkpoint=tmp_path / "run.nc")
    with pytest.raises(BayesimputeError, match="stopped before all its datasets"):
        estimate(MultiplyImputed.load(tmp_path / "run.nc"), variable="y")


# Without selection ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Selecting(Gaussian):
    """A stand-in for a selection family: the gaussian family that has it as its ignorable twin."""

    def mar(self) -> Gaussian:
        return Gaussian()


def selecting(**options: Any) -> Plan:
    """A plan with the stand-in for y, and an estimand that compares."""
    own = Conditional(target="y", family=Selecting(), formulas={"mu": FORMULAS[0]}, priors={"x": "Normal(0, 1)"})
    estimands = (Estimand(name="mean y", variable="y", by="r", compare="mar", **HARD),)
    return replace(prior_plan(own, *FORMULAS[1:], **options), estimands=estimands)


def test_the_mar_answer_is_that_of_the_plan_without_selection() -> None:
    made = bi.impute(FRAME, selecting(), seed=3, progress=False)
    found = estimate(made, progress=False)
    assert list(found.table["version"]) == ["imputed", "complete cases", "MAR"] * 3
    figures = found.table.drop(columns="version").set_index(found.table["version"])
    # the stand-in is the gaussian family in all but its name: the same seed gives the same datasets
    pd.testing.assert_frame_equal(
        figures.loc["imputed"].reset_index(drop=True), figures.loc["MAR"].reset_index(drop=True)
    )
    assert any(m.startswith("warning: MAR: m = 4 datasets imputed") and "seed 3" in m for m in found.messages)


def test_a_mar_run_made_before_is_used() -> None:
    plan = selecting()
    made = bi.impute(FRAME, plan, seed=3, progress=False)
    mar = bi.impute(FRAME, without_selection(plan), seed=8, m=8, sweeps=8, progress=False)
    found = estimate(made, mar=mar)
    expected = estimate(mar, variable="y", by="r", **HARD).table
    got = found.table[found.table["version"] == "MAR"]
    columns = ["estimate", "std_error", "df", "n", "n_missing"]
    np.testing.assert_array_equal(got[columns], expected.loc[expected["version"] == "imputed", columns])
    with pytest.raises(DataError, match="made from other data"):
        estimate(made, mar=run_prior(FRAME.iloc[:54], *FORMULAS))
    with pytest.raises(DataError, match="has selection equations"):
        estimate(made, mar=made)
    with pytest.raises(PlanError, match="no estimand is compared"):
        estimate(made, variable="y", mar=mar)


def test_the_mar_run_is_as_long_as_the_run_became() -> None:
    made = bi.impute(FRAME, selecting(), seed=3, progress=False).add(2, progress=False)
    found = estimate(made, progress=False)
    assert any("MAR: m = 6 datasets" in m for m in found.messages)


HECKMAN = Conditional(
    target="b",
    family="heckman_probit",
    formulas={"mu": "b ~ x + sw + r + (1 | g)", "selection": "x + sw + r + z + (1 | g) + (1 | sex)"},
    priors={
        "x": "Normal(0, 1)",
        "1|g_sigma": "HalfNormal(1)",
        "g_corr": "LKJ(3)",
        "selection_z": "Normal(0, 2)",
        "selection_1|sex_sigma": "HalfNormal(1)",
        "rho": "Uniform(-1, 1)",
    },
)


def test_selection_equations_go_with_their_priors() -> None:
    plan = prior_plan(HECKMAN, *FORMULAS[:2])
    plan = replace(plan, estimands=(Estimand(name="p", variable="b", statistic="proportion", compare="mar"),))
    twin = without_selection(plan)
    (first, *others) = twin.conditionals
    assert first.family == Bernoulli(link="probit") and first.formulas == {"mu": HECKMAN.formulas["mu"]}
    assert list(first.priors) == ["x", "1|g_sigma"]
    assert tuple(others) == plan.conditionals[1:] and twin.estimands[0].compare == ""
    assert twin.run == plan.run and without_selection(twin) == twin
    assert bi.check(twin, FRAME) == []


def test_correlations_of_the_outcome_s_own_effects_stay() -> None:
    formulas = {**HECKMAN.formulas, "mu": "b ~ x + (1 + x | g)"}
    twin = without_selection(prior_plan(replace(HECKMAN, formulas=formulas), *FORMULAS[:2]))
    assert "g_corr" in twin.conditionals[0].priors
    fixed = Conditional(target="y", family="heckman_gaussian", formulas={"mu": "y ~ x", "sigma": "x", "selection": "z"})
    (plain,) = without_selection(prior_plan(fixed)).conditionals
    assert plain.family == "gaussian" and dict(plain.formulas) == {"mu": "y ~ x", "sigma": "x"}


def test_a_selection_family_is_compared_end_to_end() -> None:
    plan = prior_plan(HECKMAN, *FORMULAS[:2])
    made = bi.impute(FRAME, plan, seed=1, progress=False)
    found = estimate(made, variable="b", statistic="proportion", compare="mar", weights="sw", progress=False)
    assert list(found.table["version"]) == ["imputed", "complete cases", "MAR"]
    assert (found.table["estimate"].between(0, 1)).all()
