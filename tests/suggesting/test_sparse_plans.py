"""The sparse default: who predicts whom from the data alone, what never does, and runs by such a plan."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from keys_of_files import KEYS

import bayesimpute as bi
from bayesimpute.base.errors import errors
from bayesimpute.cli.parser import main
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.formulas import parse
from bayesimpute.plan.plan import Plan
from bayesimpute.suggesting import sparse_plans
from bayesimpute.suggesting.never_predictors import never
from bayesimpute.suggesting.sparse_rule import SparseRule, chosen
from bayesimpute.suggesting.variable_roles import Scene, look


def school(n: int = 600, seed: int = 1) -> pd.DataFrame:
    """Pupils in 30 schools like those of the Junior School Project, and columns that predict nothing."""
    rng = np.random.default_rng(seed)
    g = np.sort(rng.integers(0, 30, n))
    u, f, size = rng.normal(size=30), rng.normal(size=n), rng.normal(size=30)
    maths = 25 + 5 * (f + 0.7 * u[g] + 0.6 * rng.normal(size=n))
    data = pd.DataFrame(
        {
            "school": [f"s{k}" for k in g],
            "id": rng.permutation(n) + 1000,
            "pupil": np.concatenate([rng.permutation(k) + 1 for k in np.bincount(g, minlength=30)]),
            "english": 50 + 9 * (f + 0.7 * u[g] + 0.6 * rng.normal(size=n)),
            "maths": maths,
            "ability": pd.Categorical.from_codes(np.digitize(f, [-1, 1]), ["low", "mid", "high"], ordered=True),
            "sex": np.where(rng.random(n) < 0.5, "girl", "boy"),
            "noise": rng.normal(size=n),
            "size": (size + 0.7 * u)[g],
            "code": (rng.permutation(30) + 700)[g],
            "const": 1,
            "comment": [f"text {k}" for k in range(n)],
            "sw": rng.uniform(0.5, 2, n),
        }
    )
    gone = {name: rng.random(n) < 0.2 for name in ("english", "maths", "ability", "sex", "comment")}
    data["cents"] = 100 * data["english"]
    data["refused"] = gone["maths"].astype(int)
    for name, rows in gone.items():
        data.loc[rows, name] = None
    data["log_maths"] = np.log(data["maths"])
    data.loc[data["school"].isin(["s3", "s4"]), "size"] = np.nan
    return data


@pytest.fixture(scope="module")
def pupils() -> pd.DataFrame:
    return school()


def predictors(made: bi.Suggestion, target: str) -> set[str]:
    model = next(c for c in made.plan.conditionals if c.target == target)
    formula = parse(model.formulas["mu"], response="required")
    return set(formula.needs) - {target}


RULE: dict[str, tuple[dict[str, float], dict[str, Any], tuple[str, ...]]] = {
    "strongest first": ({"a": 0.2, "b": 0.3}, {}, ("b", "a")),
    "at the bound": ({"a": 0.1, "b": 0.099999}, {}, ("a",)),
    "ties in the order of the data": ({"b": 0.3, "a": 0.3}, {}, ("b", "a")),
    "the strongest few": ({"a": 0.2, "b": 0.3, "c": 0.4}, {"most": 2}, ("c", "b")),
    "another bound": ({"a": 0.2, "b": 0.3}, {"least": 0.25}, ("b",)),
    "everything": ({"a": 0.0, "b": 0.3}, {"least": 0.0}, ("b", "a")),
    "always in, though weak": ({"w": 0.01, "b": 0.3}, {"always": ["w"]}, ("w", "b")),
    "always in, though many": ({"w": 0.01, "v": 0.0, "b": 0.3}, {"always": ["w", "v"], "most": 1}, ("w", "v")),
    "always in fill up": ({"w": 0.01, "b": 0.3, "c": 0.4}, {"always": ["w"], "most": 2}, ("w", "c")),
    "a copy of a stronger one": ({"x": 0.4, "x2": 0.5, "b": 0.3}, {}, ("x2", "b")),
    "a copy takes no place": ({"x": 0.4, "x2": 0.5, "b": 0.3}, {"most": 2}, ("x2", "b")),
}


@pytest.mark.parametrize("case", RULE)
def test_the_rule(case: str) -> None:
    strengths, settings, expected = RULE[case]
    rule = SparseRule(**{k: v for k, v in settings.items() if k != "always"})
    found = chosen(strengths, rule, always=settings.get("always", ()), repeats=lambda a, b: {a, b} == {"x", "x2"})
    assert found.kept == expected


def test_what_matters_is_in_and_symmetric(pupils: pd.DataFrame) -> None:
    made = bi.suggest(None, pupils, clusters="school")
    assert [c.target for c in made.plan.conditionals] == [
        "english", "maths", "ability", "sex", "size", "log_maths",
    ]  # fmt: skip
    assert predictors(made, "english") >= {"maths", "ability", "size"}
    assert predictors(made, "ability") >= {"maths", "english"}
    assert "noise" not in set().union(*(predictors(made, t) for t in ("english", "maths", "ability")))
    maths = next(c for c in made.plan.conditionals if c.target == "maths").formulas["mu"]
    assert "cluster_mean(english, school)" in maths and "(1 | school)" in maths
    size = next(c for c in made.plan.conditionals if c.target == "size")
    assert size.level == "school" and "cluster_mean(maths, school)" in size.formulas["mu"]
    assert made.plan == Plan.from_toml(made.toml) and not errors(bi.check(made.plan, pupils))


def test_who_says_what_is_missing_predicts_and_is_predicted() -> None:
    """A variable that is associated with the gaps of another only: each stands in the other's model."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 500))
    data = pd.DataFrame({"x": np.where(rng.random(500) < 0.1, np.nan, x), "y": np.where(x > 0.8, np.nan, y)})
    made = bi.suggest(None, data, least=0.2)
    assert predictors(made, "y") == {"x"} and predictors(made, "x") == {"y"}
    assert "by what is missing" in made.toml


def test_what_never_predicts_is_told(pupils: pd.DataFrame) -> None:
    made = bi.suggest(None, pupils, clusters="school")
    used = set().union(*(predictors(made, c.target) for c in made.plan.conditionals))
    reasons = {e.target: e.why for e in made.events if e.what == "it predicts nothing"}
    assert reasons == {
        "id": "an identifier: no value occurs twice",
        "pupil": "a running number within school",
        "code": "an identifier: no value occurs twice among clusters of school",
        "const": "constant: all 600 values are 1",
        "sw": "survey weights, by its name",
        "refused": "it is the missingness of maths, log_maths",
    }
    assert not used & {*reasons, "comment"}
    left = {e.target: e.why for e in made.events if e.what == "it is not imputed"}
    assert left == {"comment": "an identifier: no value occurs twice"}
    for name, why in reasons.items():
        assert f"# - {name}: {why}" in made.toml


def test_copies_and_what_was_computed_predict_one_way(pupils: pd.DataFrame) -> None:
    """A copy predicts neither its original nor beside it; a logarithm not what it was made of."""
    made = bi.suggest(None, pupils, clusters="school")
    assert "cents" not in predictors(made, "english")
    assert all(len({"english", "cents"} & predictors(made, t)) < 2 for t in ("maths", "ability", "size"))
    assert "log_maths" not in predictors(made, "maths")
    why = {e.what: e.why for e in made.events if e.target == "english"}
    assert why["cents does not predict it"] == "a copy of english"


def test_where_a_variable_may_not_apply_and_what_copies_lose_is_told() -> None:
    rng = np.random.default_rng(3)
    sex, kilos = np.arange(300) % 2, rng.normal(70, 10, 300)
    data = pd.DataFrame({"sex": np.where(sex == 1, "f", "m"), "kilos": kilos, "pounds": 2.2 * kilos, "age": kilos - 20})
    data["births"] = np.where((sex == 1) & (np.arange(300) % 10 != 1), rng.poisson(2, 300), np.nan)
    data.loc[::9, ["kilos", "pounds"]] = np.nan
    made = bi.suggest(None, data)
    events = made.events
    (found,) = (e for e in events if "rows of one kind" in e.what)
    assert "It is observed in rows of one kind only" in made.toml
    assert found.target == "births" and found.why.endswith("applies = \"sex == 'f'\"")
    copies = [
        e for e in events if e.why.startswith("a copy of") and {e.target, e.what.split()[0]} == {"kilos", "pounds"}
    ]
    assert len(copies) == 2 and all("[[derived]]" in e.why for e in copies)


def test_an_index_does_not_predict_its_parts() -> None:
    rng = np.random.default_rng(2)
    height, weight = rng.normal(170, 10, 400), rng.normal(70, 12, 400)
    data = pd.DataFrame({"height": height, "weight": weight, "age": 0.3 * height + rng.normal(0, 5, 400)})
    data.loc[:40, "height"] = np.nan
    data.loc[30:90, "weight"] = np.nan
    data["bmi"] = (data["weight"] / (data["height"] / 100) ** 2).round(1)
    made = bi.suggest(None, data, least=0)
    assert predictors(made, "height") == {"weight", "age"}
    assert predictors(made, "weight") == {"height", "age"}
    assert predictors(made, "bmi") == {"height", "weight", "age"}


def test_rows_in_another_order_and_other_units_change_nothing(pupils: pd.DataFrame) -> None:
    plan = bi.suggest(None, pupils, clusters="school").plan
    other = pupils.sample(frac=1, random_state=1).reset_index(drop=True)
    other[["english", "maths", "noise", "size"]] *= 10
    assert bi.suggest(None, other, clusters="school").plan == plan


def test_without_clusters_it_is_ordinary_chained_equations(pupils: pd.DataFrame) -> None:
    made = bi.suggest(None, pupils.loc[:, ["english", "maths", "sex", "noise"]])
    assert {c.target: c.formulas["mu"] for c in made.plan.conditionals} == {
        "english": "english ~ maths",
        "maths": "maths ~ english",
        "sex": "sex ~ 1",
    }


def test_include_exclude_and_the_variables_of_an_analysis(pupils: pd.DataFrame) -> None:
    made = bi.suggest(None, pupils, clusters="school", include=["noise", "pupil"], exclude="maths", most=3)
    assert {"noise", "pupil"} <= predictors(made, "english") and "maths" not in predictors(made, "english")
    assert "maths" in [c.target for c in made.plan.conditionals]
    named = bi.suggest("english ~ sex + noise + (1 | school)", pupils, mode="sparse")
    assert all({"english", "sex", "noise"} - {t} <= predictors(named, t) for t in ("maths", "ability", "english"))
    assert named.plan.analyses[0].formula == "english ~ sex + noise + (1 | school)"


def test_amounts_and_counts_predict_by_logarithms_up_to_the_largest_observed(pupils: pd.DataFrame) -> None:
    """But for those of a named analysis; of a complete one the models know no other values, either."""
    rng, data = np.random.default_rng(3), pupils.copy()
    data["cost"] = np.where(
        rng.random(len(data)) < 0.3, 0.0, np.exp(data["maths"].fillna(25) / 9 + rng.normal(2, 1, len(data)))
    )
    data["visits"] = rng.poisson(np.exp(np.minimum(data["maths"].fillna(25), 60) / 9 - 3))
    data.loc[::9, ["cost", "visits"]] = np.nan
    made = {c.target: c.formulas["mu"] for c in bi.suggest(None, data, clusters="school").plan.conditionals}
    assert f"log(1 + minimum(visits, {data['visits'].max():.0f}))" in made["cost"]
    assert f"log(1 + minimum(cost, {data['cost'].max():.17g}) / " in made["visits"]
    named = bi.suggest("english ~ cost + (1 | school)", data, mode="sparse")
    asked = {c.target: c.formulas["mu"] for c in named.plan.conditionals}
    assert " cost" in asked["english"] and "minimum(cost" not in asked["english"]


def test_families_have_their_reasons(pupils: pd.DataFrame) -> None:
    text = str(bi.suggest(None, pupils, clusters="school"))
    assert 'family = "ordinal"  # ordered category -> ordinal' in text
    assert 'family = "gaussian"  # number -> gaussian' in text
    assert "# binary -> bernoulli" in str(bi.suggest("english ~ sex + (1 | school)", pupils))
    few = pd.DataFrame({"den": [1.0, 2, 3, np.nan] * 20, "x": np.arange(80.0) / 7})
    assert '# 3 whole numbers -> ordinal; if they name groups: columns.den = "labels"' in str(bi.suggest(None, few))


def scene(column: Any, keys: tuple[str, ...] = ("g",), clusters: int = 20) -> Scene:
    data = pd.DataFrame({"g": np.arange(len(column)) % clusters, "v": column})
    return Scene(data=look(data, keys), models={})


WHOLE = np.random.default_rng(5).integers(0, 100, 400).astype(float)
COLUMNS: dict[str, tuple[Any, str | None]] = {
    "numbers with ties": (WHOLE, None),
    "numbers with fractions, none twice": (np.random.default_rng(5).normal(size=400), None),
    "whole, none twice": (np.arange(400) * 3 + 10_000, "an identifier: no value occurs twice"),
    "an incomplete identifier": (np.r_[np.arange(399) + 10.0, np.nan], "an identifier: no value occurs twice"),
    "a rare amount with gaps": (np.r_[np.arange(30.0) ** 3 * 911, np.nan], None),
    "texts, none twice": ([f"t{k}" for k in range(400)], "an identifier: no value occurs twice"),
    "many texts": ([f"t{k % 50}" for k in range(400)], "free text or names: 50 different ones"),
    "few texts": ([f"t{k % 5}" for k in range(400)], None),
    "a running number": (np.arange(400) // 20 + 1, "a running number within g"),
    "an incomplete running number": (
        np.where(np.random.default_rng(5).random(400) < 0.3, np.nan, np.arange(400) // 20 + 1),
        "a running number within g",
    ),
    "an incomplete count, mostly missing": (np.where(np.arange(400) < 40, np.arange(400) // 20 * 7, np.nan), None),
    "visits": (np.arange(200) // 20 + 1, None),
    "persons in clusters": (np.arange(400) % 40, "an identifier: each of its 40 values occurs in one g only"),
    "one value": (np.ones(400), "constant: all 400 values are 1"),
    "nothing": (np.full(400, np.nan), "wholly missing"),
    "dates": (pd.date_range("2020-01-01", periods=400), None),
    "texts of dates": (
        pd.date_range("2020-01-01", periods=400).strftime("%Y-%m-%d"),
        'a date: write columns.v = "date"',
    ),
    "limits between numbers": (["<0.5", *map(str, range(60)), *map(str, range(60))], "a text because '<0.5'"),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_the_table_of_columns(case: str) -> None:
    column, expected = COLUMNS[case]
    found = never(scene(column), "v")
    assert (found is None) if expected is None else str(found).startswith(expected)


def test_a_running_number_with_gaps_is_not_imputed(pupils: pd.DataFrame) -> None:
    data = pupils.assign(pupil=pupils["pupil"].where(np.random.default_rng(3).random(len(pupils)) > 0.3))
    made = bi.suggest(None, data, clusters="school")
    assert "pupil" not in {c.target for c in made.plan.conditionals}
    assert {e.target: e.why for e in made.events if e.what == "it is not imputed"}["pupil"] == (
        "a running number within school"
    )


def test_what_is_said_of_a_column_comes_first() -> None:
    income = np.random.default_rng(1).choice(40_000, 50, replace=False)
    data = pd.DataFrame({"income": income, "y": np.r_[np.nan, np.sqrt(income[1:] + 0.5)]})
    told = Incomplete.from_frame(data, columns={"income": "number"})
    assert predictors(bi.suggest(None, told), "y") == {"income"}
    assert predictors(bi.suggest(None, data, include="income"), "y") == {"income"}
    assert "income: an identifier" in str(bi.suggest(None, data))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"clusters": "scool"}, 'there is no column "scool"'),
    "key with gaps": ({"clusters": "maths"}, "this cluster key has"),
    "key of one cluster": ({"clusters": "const"}, "has only one cluster"),
    "key of rows": ({"clusters": "id"}, 'every cluster of "id" has one row'),
    "key of numbers": ({"clusters": "noise"}, "continuous variable"),
    "least above one": ({"least": 1.1}, "least: 1.1 is no association"),
    "least below zero": ({"least": -0.1}, "least: -0.1 is no association"),
    "no predictors": ({"most": 0}, "most: 0 is no number"),
    "most in halves": ({"most": 2.5}, "most: 2.5"),
    "unknown include": ({"include": "math"}, 'include: there is no column "math"; did you mean "maths"'),
    "unknown exclude": ({"exclude": ["math"]}, 'exclude: there is no column "math"; did you mean "maths"'),
    "both": ({"include": ["sex"], "exclude": ["sex"]}, 'include: "sex" is excluded, too'),
    "include of a constant": ({"include": "const"}, 'include: "const" can predict nothing: constant'),
    "include of free text": ({"include": "comment"}, 'include: "comment" can predict nothing'),
    "auxiliary": ({"auxiliary": "auto"}, 'auxiliary: mode "sparse" has no such setting'),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_of_the_sparse_default_is_one_clear_error(pupils: pd.DataFrame, case: str) -> None:
    options, finding = BAD[case]
    with pytest.raises(bi.InputError) as caught:
        bi.suggest(None, pupils, **options)
    assert finding in str(caught.value) and len(caught.value.problems) == 1


def test_nothing_to_impute_is_an_error(pupils: pd.DataFrame) -> None:
    for function in (lambda data: bi.suggest(None, data), lambda data: bi.impute(data, seed=1)):
        with pytest.raises(bi.DataError, match="There are no missing values"):
            function(pupils.loc[:, ["id", "noise"]])
    with pytest.raises(bi.InputError, match="nothing that is incomplete can be imputed: comment"):
        bi.suggest(None, pupils.loc[:, ["noise", "comment"]])
    with pytest.raises(bi.InputError, match="there is a plan, whose formulas name the clusters"):
        bi.impute(pupils, "maths ~ noise", cluster="school", seed=1)
    with pytest.raises(bi.InputError, match='least: mode "compatible" has no such setting'):
        bi.suggest("maths ~ sex", pupils, least=0.2)


RUN: dict[str, Any] = {"m": 2, "chains": 2, "warmup": 2, "sweeps": 3, "steps": 1}


def test_one_call_imputes_by_exactly_that_plan(pupils: pd.DataFrame) -> None:
    data = pupils.loc[:, ["school", "id", "english", "maths", "comment"]]
    made = bi.suggest(None, data, clusters="school")
    one = bi.impute(data, cluster="school", seed=1, progress=False, **RUN)
    assert one.plan == made.plan.with_run(**RUN)
    told = {(row["target"], row["why"]) for row in one.events.to_dict("records")}
    assert {(e.target, e.why) for e in made.events} <= told
    done: Any = one.completed(0)
    assert not done[["english", "maths"]].isna().any().any()
    assert done["comment"].isna().equals(data["comment"].isna())
    pd.testing.assert_frame_equal(bi.impute(data, made, seed=1, progress=False, **RUN).completed(0), done)


def test_the_command_line_imputes_without_a_plan(
    pupils: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pupils[["school", "id", "english", "maths"]].to_csv("d.csv", index=False)
    few = [f"--set=run.{name}={value}" for name, value in RUN.items()]
    common = ["impute", "--data", "d.csv", "--seed", "1", "--no-progress", *few]
    assert main([*common, "--cluster", "school", "--out", "a.nc"]) == 3
    assert "- id: it predicts nothing (an identifier: no value occurs twice)" in capsys.readouterr().out
    assert main(["suggest", "--data", "d.csv", "--cluster", "school", "--least", ".1", "--most", "15"]) == 0
    (tmp_path / "plan.toml").write_text(plan := capsys.readouterr().out, encoding="utf-8")
    assert bi.load(tmp_path / "a.nc").plan == Plan.from_toml(plan).with_run(**RUN)
    assert main([*common, "--cluster", "shool", "--out", "c.nc"]) == 1
    assert 'there is no column "shool"; did you mean "school"?' in capsys.readouterr().err
    assert main([*common, "plan.toml", "--cluster", "school", "--out", "c.nc"]) == 1
    assert "there is a plan, whose formulas name the clusters" in capsys.readouterr().err
    assert main(["suggest", "--data", "d.csv", "--include", "id", "--exclude", "maths"]) == 0
    assert "maths" not in next(t for t in capsys.readouterr().out.splitlines() if t.startswith('formula = "english'))


def read(path: Path, holes: float) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """A public data set, with more cells missing if asked."""
    data, key = bi.read_data(path), KEYS.get(path.stem)
    rng = np.random.default_rng(1)
    for name in data.columns:
        if name != key and holes:
            data.loc[rng.random(len(data)) < holes, name] = None if data[name].dtype == object else np.nan
    return data, (key,) if key else ()


def every(folder: Path, holes: float, then: Callable[[Any, pd.DataFrame, tuple[str, ...]], None]) -> int:
    done = 0
    for path in sorted(folder.glob("*.csv")):
        data, keys = read(path, holes)
        if data.isna().to_numpy().any():
            done += 1
            then(bi.suggest(None, data, clusters=keys), data, keys)
    return done


@pytest.mark.by_default("0")
@pytest.mark.parametrize("holes", [0, 0.3])
def test_every_data_set_gives_a_plan_that_passes(shared_data: Path, holes: float) -> None:
    def passes(made: bi.Suggestion, data: pd.DataFrame, keys: tuple[str, ...]) -> None:
        assert not errors(bi.check(made.plan, data))
        assert Plan.from_toml(made.toml) == made.plan

    assert every(shared_data, holes, passes) > 5


@pytest.mark.slow
@pytest.mark.parametrize("holes", [0, 0.3])
def test_every_data_set_runs_to_its_end(shared_data: Path, holes: float) -> None:
    """With holes in ``mroz87`` wage, hours and what is made of their product have gaps apart, and nothing runs away."""

    def runs(made: bi.Suggestion, data: pd.DataFrame, keys: tuple[str, ...]) -> None:
        done = bi.impute(data, made, seed=1, progress=False, **RUN).completed(1)
        left = {e.target for e in made.events if e.what == "it is not imputed"}
        assert not done[[c for c in data.columns if c not in left]].isna().any().any()

    assert every(shared_data, holes, runs) > 5


def test_a_plan_of_very_many_cells_runs_shorter_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bi.suggest(None, school(), clusters="school").plan.run == bi.Run()
    monkeypatch.setattr(sparse_plans, "VERY_MANY", 1000)
    made = bi.suggest(None, school(), clusters="school")
    assert (made.plan.run.warmup, made.plan.run.sweeps) == (30, 60)
    assert Plan.from_toml(made.toml) == made.plan and "`extend` makes more" in made.toml
