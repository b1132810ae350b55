"""Observed cells that are drawn, too: no model sees the draws, completed datasets hold them, a table compares them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import table

import bayesimpute as bi
from bayesimpute import Conditional, Derived, Known, Plan, Restriction, Run
from bayesimpute.base.errors import errors
from bayesimpute.running import kernel

SHORT: Any = {"m": 4, "chains": 2, "warmup": 5, "sweeps": 6, "steps": 2}
HELD = "the completed datasets hold the draws, analyses read what was observed"
MODELS = ("y ~ x + (1 | g)", "x ~ y + (1 | g)")


def imputed(where: Any, frame: Any = None, **options: Any) -> bi.MultiplyImputed:
    run = Run(**{**SHORT, **options.pop("run", {})})
    plan = Plan.of([Conditional.of(MODELS[0], where=where), MODELS[1]], run=run, **options)
    return bi.impute(table() if frame is None else frame, plan, seed=1, progress=False)


@pytest.mark.parametrize("where", ["all", "z > 0"])
def test_no_model_sees_the_draws_and_datasets_hold_them(where: str) -> None:
    frame: Any = table().assign(copy=lambda f: f["y"])
    made = imputed(where, frame, derived=[Derived(name="twice", expression="2 * y")])
    seen = frame["y"].notna() & ((frame["z"] > 0) | (where == "all"))
    for k in range(4):
        done = made.completed(k)
        assert (done["y"][seen] != frame["y"][seen]).all()
        np.testing.assert_array_equal(done["y"][frame["y"].notna() & ~seen], frame["y"][frame["y"].notna() & ~seen])
        np.testing.assert_allclose(done["twice"], 2 * done["y"])
    (target,) = (t for t in made.record.resolved.targets if t.name == "y")
    np.testing.assert_array_equal(target.learn, frame["y"].notna())
    assert not target.learns_imputed
    assert f"{int(seen.sum())} observed cells drawn, too: {HELD}" in made.events["what"].tolist()


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_analyses_read_what_was_observed(kind: str) -> None:
    """Draws of observed y know nothing of what its model leaves out: a coefficient of the analysis would vanish."""
    frame: Any = table().assign(v=lambda f: f["y"].fillna(0.0) + 0.1 * f["z"])  # not in the model of y
    given = frame if kind == "pandas" else pytest.importorskip("polars").from_pandas(frame)
    made = imputed("all", given, derived=[Derived(name="twice", expression="2 * y")])
    seen, rows = frame["y"].notna().to_numpy(), []
    for read in (made.in_pandas, made.as_observed):
        for k, done in enumerate(read):
            y, drawn = (np.asarray(each["y"], dtype=float) for each in (done, made.completed(k)))
            np.testing.assert_array_equal(y, np.where(seen, frame["y"], drawn))
            np.testing.assert_allclose(np.asarray(done["twice"]), 2 * y)
            rows.append(y)
    assert type(next(iter(made.as_observed))) is type(made.completed(0))
    means = np.array(rows[:4]).mean(axis=1)
    assert made.estimate(variable="y", statistic="mean").table["estimate"].iloc[0] == pytest.approx(means.mean())
    assert made.analyse("y ~ 1").pool().terms["estimate"][0] == pytest.approx(means.mean())
    own = made.analyse(lambda each: ({"m": float(np.asarray(each["y"]).mean())}, np.eye(1))).pool()
    assert own.terms["estimate"][0] == pytest.approx(means.mean())


def test_other_models_are_fitted_to_what_was_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, plain, seen = table(), kernel.visit, []

    def visit(bench: Any, *arguments: Any, **more: Any) -> Any:
        found = plain(bench, *arguments, **more)
        seen.append(bench.completed.values["y"][frame["y"].notna()].copy())
        return found

    monkeypatch.setattr("bayesimpute.running.legs.visit", visit)
    imputed("all")
    assert len(seen) > 20
    for values in seen:
        np.testing.assert_array_equal(values, frame["y"].dropna())


def test_the_table_compares_and_intervals_cover() -> None:
    rng = np.random.default_rng(3)
    frame: Any = pd.DataFrame({"x": rng.normal(size=300), "g": np.arange(300) % 10}, index=np.arange(300) + 1000)
    frame["y"] = 2 + frame["x"] + rng.normal(size=300)
    frame.loc[frame.index % 7 == 0, "y"] = np.nan
    plan = Plan.of([Conditional.of("y ~ x", where="all")], run=Run(m=100, chains=4, warmup=10, sweeps=25))
    made = bi.impute(frame, plan, seed=1, progress=False)
    found = made.overimputed("y")
    np.testing.assert_array_equal(found.index, frame.index[frame["y"].notna()])
    np.testing.assert_array_equal(found["observed"], frame["y"].dropna())
    assert abs(found["covered"].mean() - 0.9) < 4 * np.sqrt(0.09 / len(found))
    assert np.corrcoef(found["mean"], frame["x"][frame["y"].notna()])[0, 1] > 0.99
    assert 0.9 < float(np.mean(found["sd"])) < 1.1


def test_it_goes_with_the_plan_a_saved_run_and_other_things_known(tmp_path: Any) -> None:
    plan = Plan.of([Conditional.of(MODELS[0], where="z > 0"), MODELS[1]])
    assert Plan.from_toml(plan.to_toml()) == plan
    frame = table().assign(high=lambda f: np.where(f["y"].isna(), 3.0, np.nan))
    more = {"known": [Known(column="y", between=("", "high"))], "restrictions": [Restriction(rule="x > -50")]}
    made = imputed("all", frame, **more)
    gaps = frame["y"].isna()
    made.save(tmp_path / "run.nc")
    longer, again = made.add(2), bi.load(tmp_path / "run.nc").add(2)
    for k in range(6):
        pd.testing.assert_frame_equal(longer.completed(k), again.completed(k))
        assert (longer.completed(k)["y"][gaps] <= 3).all()
    assert (longer.completed(0)["y"][~gaps] > 3).any()
    pd.testing.assert_frame_equal(longer.overimputed("y"), again.overimputed("y"))
    new = made.transform(frame)
    np.testing.assert_array_equal(new.completed(0)["y"][~gaps], frame["y"][~gaps])
    assert "imputed for 10" in bi.report(made)


def test_labels_and_variables_of_clusters() -> None:
    frame: Any = table().assign(b=lambda f: np.where(f["z"] > 0, "no", "yes"))
    frame.loc[::6, "b"] = None
    frame.loc[frame["g"] == 2, "w"] = np.nan
    models = [Conditional.of("b ~ x", family="bernoulli", where="all"), Conditional.of("w ~ 1", where="g < 4"), *MODELS]
    made = bi.impute(frame, Plan.of(models, run=Run(**SHORT)), seed=1, progress=False)
    found = made.overimputed("b")
    assert set(found["observed"]) == {"no", "yes"} and found["share"].between(0, 1).all()
    clusters = made.overimputed("w")
    assert len(clusters) == 3 and made.completed(0).groupby("g")["w"].nunique().max() == 1
    assert (made.completed(0)["w"][frame["g"] == 1] != frame["w"][frame["g"] == 1]).all()
    with pytest.raises(bi.InputError, match="no observed cell of 'x' was drawn"):
        made.overimputed("x")


@pytest.mark.parametrize(
    ("where", "finding"),
    [
        (3, "3 is not a condition"),
        ("z", "is a number and no condition"),
        ("x > 0", "it is not known whether x > 0 in 8 rows"),
        ("nothing > 0", 'column "nothing" is not in the data'),
        ("cluster_mean(z, g) > 0", "looks at other rows"),
    ],
)
def test_what_it_cannot_be(where: Any, finding: str) -> None:
    found = bi.check(Plan.of([Conditional.of(MODELS[0], where=where), MODELS[1]]), table())
    assert any(finding in p.finding for p in errors(found)), found


def test_what_it_does_not_go_with() -> None:
    frame = table()

    def found(*models: Any, **options: Any) -> str:
        return " ".join(p.finding for p in errors(bi.check(Plan.of(list(models), **options), frame)))

    assert "given the models that read them" in found(Conditional.of("x ~ 1", where="all"), substantive=["y ~ x"])
    assert "would find the value itself" in found(Conditional.of("y ~ z", family="pmm", where="all"))
    adjusted = {"adjustments": [bi.Adjustment(target="y", shift=1)]}
    assert "it is adjusted where it is missing" in found(Conditional.of("y ~ z", where="all"), **adjusted)
    assert "has no missing values" in found(Conditional.of("z ~ x", where="all"), *MODELS)
