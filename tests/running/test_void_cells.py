"""Cells where a variable does not apply: neither missing nor drawn, nothing is learnt from them, readers guard."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run

import bayesimpute as bi
from bayesimpute.base.errors import DataError, PlanError, errors
from bayesimpute.compatible.affine import is_affine
from bayesimpute.formulas import build, evaluate_expression
from bayesimpute.reporting.missing_data import missing_data

RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 3, "sweeps": 4, "steps": 1}
COST = "cost ~ age + y + (1 | g)"
GUARDED = ["y ~ insured + where_applies(cost, 0) + age", "age ~ insured + where_applies(cost, 0) + y"]


def frame(n: int = 200, seed: int = 1) -> pd.DataFrame:
    """Insured people have a cost, three in ten of which is missing; the others have none."""
    rng = np.random.default_rng(seed)
    g, age, insured = np.arange(n) % 10, rng.normal(size=n), (rng.random(n) < 0.6).astype(int)
    cost = 5 + age + rng.normal(size=10)[g] / 2 + rng.normal(size=n) / 2
    y = 1 - 2 * insured + np.where(insured == 1, cost, 0) / 2 + rng.normal(size=n)
    found = pd.DataFrame({"g": g, "age": age, "insured": insured, "cost": cost, "y": y})
    found["plan"] = np.array(["low", "mid", "high"])[rng.integers(0, 3, n)]
    for name, share in {"cost": 0.3, "y": 0.2, "age": 0.1, "plan": 0.2}.items():
        found[name] = found[name].where(rng.random(n) > share)
    found[["cost", "plan"]] = found[["cost", "plan"]].where(found["insured"] == 1)
    return found


def cost(formula: str = COST, **options: Any) -> bi.Conditional:
    return bi.Conditional.of(formula, **{"applies": "insured == 1", **options})


def plan(**options: Any) -> bi.Plan:
    return bi.Plan.of([cost(), *GUARDED], run=bi.Run(**RUN), **options)


def compatible() -> bi.Plan:
    models = [cost("cost ~ age + (1 | g)"), "age ~ insured"]
    return bi.Plan.of(models, substantive=GUARDED[:1], run=bi.Run(**RUN))


def findings(plan: bi.Plan, data: pd.DataFrame) -> dict[str, str]:
    return {p.path: p.finding for p in bi.check(plan, data)}


@pytest.mark.by_default("plan")
@pytest.mark.parametrize("made", [plan, compatible])
def test_they_stay_empty_and_nothing_is_learnt_from_them(made: Any, tmp_path: Path) -> None:
    data, the_plan = frame(), made()
    assert bi.check(the_plan, data) == []
    assert bi.Plan.from_toml(the_plan.to_toml()) == the_plan and 'applies = "insured == 1"' in the_plan.to_toml()
    run = bi.impute(data, the_plan, seed=1, progress=False, checkpoint=tmp_path / "run.nc")
    target, outside = run.record.resolved.target("cost"), (data["insured"] == 0).to_numpy()
    assert not (target.learn | target.impute)[outside].any() and target.void[outside].all()
    for each in run:
        np.testing.assert_array_equal(each["cost"].isna(), outside)
        assert not each[["y", "age"]].isna().to_numpy().any()
    gaps = int(data.loc[~outside, "cost"].isna().sum())
    assert run.incomplete.variables["cost"].n_missing == gaps == int(run.incomplete.missing["cost"].sum())
    assert f"`cost`: {gaps} of {(~outside).sum()} units" in missing_data(run, run.record.resolved)
    assert run.events["what"].str.contains(f"{outside.sum()} cells are void").any()
    assert_same_run(bi.load(tmp_path / "run.nc"), run)
    assert_same_run(bi.resume(tmp_path / "run.nc", progress=False), run)
    assert run.to_long()["cost"].isna().sum() == run.m * outside.sum()
    again = run.transform(data.iloc[:50].reset_index(drop=True), seed=2)
    assert all((each["cost"].isna().to_numpy() == outside[:50]).all() for each in again)
    with pytest.raises(bi.DataError, match="data\\[insured\\]: 50 values are missing"):
        run.transform(data.iloc[:50].assign(insured=np.nan), seed=2)


def test_what_is_said_of_void_rows_changes_no_draw() -> None:
    """The posterior is that of the rows to which it applies: the others may be anything, or be left out."""
    data = frame()
    one = bi.Plan.of([cost("cost ~ age + (1 | g)")], run=bi.Run(**RUN))
    data["age"] = data["age"].fillna(0.0)
    data = data.sort_values("insured", ascending=False, ignore_index=True)  # so that clusters have the same numbers
    moved = data.assign(age=data["age"].where(data["insured"] == 1, 50.0))
    runs = [bi.impute(each, one, seed=3, progress=False) for each in (data, moved, data[data["insured"] == 1])]
    drawn = [run.tree["imputed/cost"]["cells"].values for run in runs]
    np.testing.assert_allclose(drawn[1], drawn[0], rtol=1e-9)
    np.testing.assert_allclose(drawn[2], drawn[0], rtol=1e-9)


def test_labels_and_clusters_can_be_void() -> None:
    data = frame()
    data["size"] = np.random.default_rng(2).normal(size=10)[data["g"]]
    data["public"] = data["g"] % 2
    data.loc[(data["public"] == 0) | (data["g"] == 3), "size"] = np.nan
    models = [
        bi.Conditional.of("plan ~ age", family="categorical", applies="insured == 1"),
        bi.Conditional.of("size ~ 1", level="g", applies="public == 1"),
    ]
    run = bi.impute(data.fillna({"age": 0.0, "y": 0.0}), models, seed=1, progress=False, **RUN)
    for each in run:
        np.testing.assert_array_equal(each["plan"].isna(), data["insured"] == 0)
        np.testing.assert_array_equal(each["size"].isna(), data["public"] == 0)


def test_others_are_described_where_one_does_not_apply_everywhere() -> None:
    run = bi.impute(frame(), plan(), seed=1, progress=False)
    found = run.describe()
    assert {"age", "y"} <= set(found.means["variable"]) and "cost" not in set(found.means["variable"])
    assert any('"cost": it does not apply in' in m and "where='insured == 1'" in m for m in found.messages)
    with pytest.raises(PlanError, match=r'"cost": it does not apply in'):
        run.describe(["cost"])


def test_new_rows_have_no_values_where_they_do_not_apply() -> None:
    run = bi.impute(frame(), plan(), seed=1, progress=False)
    new = frame().head(20)
    new.loc[new["insured"] == 0, "cost"] = 3.0
    with pytest.raises(DataError, match=r'"cost" has a value where it does not apply.*empty these cells'):
        run.transform(new, seed=2)
    assert run.transform(frame().head(20), seed=2).completed(0)["cost"].isna().sum() == (new["insured"] == 0).sum()


def test_analyses_are_of_rows_that_apply_or_guard() -> None:
    run = bi.impute(frame(), plan(), seed=1, progress=False)
    n = int((frame()["insured"] == 1).sum())
    assert run.analyse("cost ~ age", where="insured == 1", progress=False).estimates[0].n_obs == n
    assert run.analyse("y ~ insured + where_applies(cost, 0)", progress=False).estimates[0].n_obs == len(frame())
    first, by_hand = run.completed(0), "y ~ insured + filled"
    found = bi.fit("y ~ insured + where_applies(cost, 0)", first).estimates
    np.testing.assert_allclose(found, bi.fit(by_hand, first.assign(filled=first["cost"].fillna(0.0))).estimates)
    whole = bi.Plan.of([cost(), *GUARDED], derived=[bi.Derived(name="paid", expression="where_applies(cost, 0)")])
    paid = bi.impute(frame(), whole, seed=1, progress=False, **RUN).estimate(variable="paid").table
    assert paid["n_missing"].max() == run.incomplete.variables["cost"].n_missing
    with pytest.raises(bi.AnalysisError, match="does not apply in some of the rows"):
        run.pool("y ~ insured + cost")
    with pytest.raises(bi.AnalysisError, match=r'"plan" .* missing.* is incomplete'):
        run.pool("y ~ plan")
    with pytest.raises(bi.DataError, match=r"does not apply in .* where='insured == 1'"):
        run.estimate(variable="cost")


@pytest.mark.parametrize(
    ("models", "path", "told"),
    [
        ([cost(applies="cost > 1")], "conditional[cost].applies", 'it reads "cost", whose own'),
        ([cost(applies="age > 1")], "conditional[cost].applies", "missing values, so that nobody knows"),
        ([cost(applies="insurd == 1")], "conditional[cost].applies", 'there is no column "insurd"'),
        ([cost(applies="insured == 0")], "conditional[cost].applies", "is observed in"),
        ([cost(applies="insured + g")], "conditional[cost].applies", "is a number and no condition"),
        ([cost(applies="insured =")], "conditional[cost].applies", ""),
        ([cost(applies=3)], "conditional[cost].applies", "3 is not a name"),
        ([cost(applies="cluster_mean(insured, g) == 1")], "conditional[cost].applies", "looks beyond the row"),
        ([cost(applies="g >= 0")], "conditional[cost].applies", "holds in every row"),
        ([cost(), "y ~ cost"], "conditional[y].formulas.mu", '"cost" does not apply in'),
        ([cost(), "y ~ observed(cost)"], "conditional[y].formulas.mu", "neither observed nor missing"),
        ([cost(), "y ~ where_applies(age, 0)"], "conditional[y].formulas.mu", '"age" applies everywhere'),
        ([cost(), "y ~ cluster_mean(cost, g)"], "conditional[y].formulas.mu", '"cost" does not apply in'),
        ([cost(), "y ~ where_applies(log(cost), 0)"], "conditional[y].formulas.mu", "log(cost) is not a column"),
    ],
)
def test_what_cannot_be(models: list[Any], path: str, told: str) -> None:
    data = frame()
    found = [p for p in bi.check(bi.Plan.of(models), data) if p.path == path]
    assert any(told in p.finding for p in found), found


def test_a_label_that_there_is_not_is_all_that_is_told_of_where_it_applies() -> None:
    data = frame().assign(insurance=lambda f: np.where(f["insured"] == 1, "private", "none"))
    (found,) = bi.check(bi.Plan.of([cost("cost ~ g", applies="insurance == 'privat'")]), data)
    assert found in errors([found]) and found.path == "conditional[cost].applies"
    assert '"insurance" has no label "privat"' in found.finding and '"private"' in found.remedy


def test_level_and_readers_elsewhere() -> None:
    data = frame()
    data["size"] = np.where(data["insured"] == 1, data["g"], np.nan)
    models = [cost(), bi.Conditional.of("size ~ 1", level="g", applies="insured == 1")]
    derived = [bi.Derived(name="log_cost", expression="log(cost)")]
    analyses = [bi.Analysis(name="all", formula="cost ~ insured"), bi.Analysis(name="y", formula="y ~ cost")]
    analyses += [bi.Analysis(name="some", formula="cost ~ age", where="insured == 1")]
    estimands = [bi.Estimand(name="mean", variable="cost")]
    found = findings(bi.Plan.of(models, derived=derived, analyses=analyses, estimands=estimands), data)
    assert "some rows of a cluster only" in found["conditional[size].applies"]
    places = ("derived[log_cost].expression", "analysis[all].formula", "analysis[y].formula", "estimand[mean]")
    assert all('"cost" does not apply in' in found[place] for place in places)
    assert "analysis[some].formula" not in found


def test_an_analysis_that_guards_is_what_the_plan_knows() -> None:
    made, analysis = plan(), "y ~ insured + where_applies(cost, 0)"
    assert bi.congenial(made, analysis, frame()) == [] == bi.congenial(compatible(), analysis, frame())
    lacking = bi.Plan.of([cost("cost ~ age"), *GUARDED])
    assert {found.term for found in bi.congenial(lacking, analysis, frame())} == {"cost"}


def test_the_guard_is_a_number_where_there_is_no_value() -> None:
    given = pd.DataFrame({"x": [1.0, np.nan, 3.0], "c": pd.Categorical(["a", None, "b"])})
    np.testing.assert_array_equal(evaluate_expression("where_applies(x, -1)", given), [1, -1, 3])
    np.testing.assert_array_equal(evaluate_expression('where_applies(c == "a", 0)', given), [1, 0, 0])
    np.testing.assert_array_equal(build("where_applies(x, 0)", given).evaluate(given)[:, 1], [1, 0, 3])


def test_a_guarded_predictor_is_linear() -> None:
    """So that its missing cells have closed-form draws in compatible plans."""
    run = bi.impute(frame(), compatible(), seed=1, progress=False)
    resolved = run.record.resolved
    assert is_affine(resolved.target("y"), "cost", resolved.derived)
    assert run.events.query("target == 'cost'")["why"].str.contains("normal").any()


def _simulated(seed: int) -> pd.DataFrame:
    """Which costs are missing goes with the outcome; of 400 people six in ten are insured."""
    rng, n = np.random.default_rng(seed), 400
    age = rng.normal(size=n)
    insured = (rng.random(n) < 0.6).astype(int)
    cost = np.where(insured == 1, 5 + age + rng.normal(size=n), np.nan)
    y = 1 - 2 * insured + np.where(insured == 1, cost, 0) / 2 + rng.normal(size=n)
    return pd.DataFrame({"age": age, "insured": insured, "cost": cost, "y": y})


def _answers(frames: list[pd.DataFrame]) -> np.ndarray:
    """Mean of the estimates over datasets: the slope of age among the insured, and what a unit of cost does to y."""
    slopes = [bi.fit("cost ~ age", f, where="insured == 1").estimates[1] for f in frames]
    effects = [bi.fit("y ~ insured + where_applies(cost, 0)", f).estimates[2] for f in frames]
    return np.array([np.mean(slopes), np.mean(effects), np.mean([f["cost"].fillna(0.0).mean() for f in frames])])


@pytest.mark.slow
def test_void_rows_are_neither_missing_nor_nothing() -> None:
    """100 samples, paired with the complete data: with `applies` no bias; taken as missing, or as 0, there is one."""
    options = {"m": 4, "chains": 1, "warmup": 20, "sweeps": 60, "steps": 1}
    ways: dict[str, list[np.ndarray]] = {"void": [], "missing": [], "nothing": []}
    for seed in range(100):
        whole = _simulated(seed)
        gone = np.random.default_rng([seed, 1]).random(len(whole)) < 0.6 / (1 + np.exp(-whole["y"]))
        data, truth = whole.assign(cost=whole["cost"].mask(gone)), _answers([whole])
        plans = {
            "void": (data, cost("cost ~ age + y")),
            "missing": (data, "cost ~ age + y"),
            "nothing": (data.assign(cost=data["cost"].where(data["insured"] == 1, 0.0)), "cost ~ age + y"),
        }
        for way, (given, model) in plans.items():
            run = bi.impute(given, [model], seed=seed, progress=False, **options)
            ways[way].append(_answers(list(run)) - truth)
    bias, error = ({way: f(np.array(found), axis=0) for way, found in ways.items()} for f in (np.mean, np.std))
    assert (np.abs(bias["void"]) < 4 * error["void"] / 10 + 0.01).all(), (bias, error)
    assert abs(bias["missing"][2]) > 1.0  # who is not insured has no cost
    assert (np.abs(bias["nothing"][:2]) > 10 * error["nothing"][:2] / 10).all(), (bias, error)


def test_values_that_stand_in_are_told_where_nothing_says_so() -> None:
    """The logarithm of a cost is 0 for those without one: as an outcome it is a value like any other."""
    derived = [
        bi.Derived(name="logged", expression="log(where_applies(cost, 1))"),
        bi.Derived(name="twice", expression="2 * logged"),
    ]
    formulas = {"outcome": "logged ~ age", "apart": "y ~ twice + age", "beside": "y ~ twice + insured"}
    analyses = [bi.Analysis(name=name, formula=text) for name, text in formulas.items()]
    analyses.append(bi.Analysis(name="right", formula="logged ~ age", where="insured == 1"))
    data = frame()
    made = plan(derived=derived, analyses=analyses)
    found = [p for p in bi.check(made, data) if "stands in" in p.finding]
    n = int((data["insured"] == 0).sum())
    assert {p.path: p.severity.value for p in found} == dict.fromkeys(
        ("analysis[outcome].formula", "analysis[apart].formula"), "warning"
    )
    assert found[0].finding == (
        f'in {n} rows "logged" has the value that stands in for "cost", which does not apply there'
    )
    assert 'where = "insured == 1"' in found[0].remedy
    run = bi.impute(data, made, seed=1, progress=False)
    assert "stands in for" in str(run.pool("logged ~ age")) and "stands in for" in str(run.pool("y ~ twice"))
    assert "stands in for" not in str(run.pool("logged ~ age", where="insured == 1"))
    assert "stands in for" not in str(run.pool("y ~ twice + insured"))


def test_the_remedy_has_a_value_where_there_is_one() -> None:
    for formula, number in {"y ~ log(cost)": 1, "y ~ I(age / cost)": 1, "y ~ sqrt(cost)": 0, "y ~ cost": 0}.items():
        found = errors(bi.check(bi.Plan.of([cost(), formula, "age ~ y"]), frame()))
        assert any(f"write where_applies(cost, {number}), beside insured" in p.remedy for p in found)
