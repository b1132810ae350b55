"""Scores of items: derived, read by other models in place of the items, never by the models of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run

import bayesimpute as bi
from bayesimpute.cli.parser import main

RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 2, "sweeps": 2, "steps": 1, "sampler": "prior"}


def complete(n: int = 200, items: int = 4, seed: int = 3) -> pd.DataFrame:
    """Items of a trait, each one of 0 to 10; y follows the trait."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    trait = rng.normal(size=n) + x / 2
    found = pd.DataFrame({"x": x, "y": trait + rng.normal(size=n), "other": rng.normal(size=n) + trait / 2})
    for k in range(items):
        found[f"p{k}"] = np.clip(np.round(5 + 1.5 * (trait + rng.normal(size=n))), 0, 10)
    return found


def frame(n: int = 200, items: int = 4, seed: int = 3) -> pd.DataFrame:
    """Fewer items are answered where y is high."""
    found, rng = complete(n, items, seed), np.random.default_rng([seed, 1])
    gone = rng.random((n, items)) < 0.3 / (1 + np.exp(-found["y"].to_numpy()[:, None]))
    names = [f"p{k}" for k in range(items)]
    found[names] = found[names].mask(gone)
    found["other"] = found["other"].where(rng.random(n) > 0.1)
    return found


ITEMS = ("p0", "p1", "p2", "p3")
PAIN = bi.Score(name="pain", items=ITEMS)


def plan(**options: Any) -> bi.Plan:
    models = [f"{item} ~ {' + '.join(o for o in ITEMS if o != item)} + x + y + other" for item in ITEMS]
    return bi.Plan.of([*models, "other ~ pain + x"], **{"scores": [PAIN], "run": bi.Run(**RUN), **options})


@pytest.mark.slow
def test_a_score_follows_its_items(tmp_path: Path) -> None:
    data = frame()
    both = plan(scores=[PAIN, bi.Score(name="level", items=list(ITEMS), score="mean")])  # type: ignore[arg-type]
    assert bi.Plan.from_toml(both.to_toml()) == both and '[[score]]\nname = "pain"' in both.to_toml()
    assert [p for p in bi.check(both, data) if p.path.startswith("score")] == []
    run = bi.impute(data, both, seed=1, progress=False, checkpoint=tmp_path / "run.nc")
    for each in run:
        np.testing.assert_allclose(each["pain"], each[list(ITEMS)].sum(axis=1))
        np.testing.assert_allclose(each["level"], each[list(ITEMS)].mean(axis=1))
    assert run.pool("y ~ pain").terms["term"].tolist() == ["Intercept", "pain"]
    assert_same_run(bi.load(tmp_path / "run.nc"), run)
    assert_same_run(bi.resume(tmp_path / "run.nc", progress=False), run)
    assert "pain = p0 + p1 + p2 + p3" in run.plan.__str__().replace(":=", "=")


@pytest.mark.parametrize(
    ("score", "path", "told"),
    [
        (bi.Score(name="pain", items=("p0",)), "score[pain].items", "it has one item"),
        (bi.Score(name="pain", items=("p0", "p0")), "score[pain].items", "stands in it twice"),
        (bi.Score(name="pain", items=()), "score[pain].items", "is not a list"),
        (bi.Score(name="pain", items=("p0", "p9")), "score[pain].items", 'there is no column "p9"'),
        (bi.Score(name="pain", items=("p0", "p1"), score="sun"), "score[pain].score", "is no score"),
        (bi.Score(name="x", items=("p0", "p1")), "score[x]", "complete column"),
        (bi.Score(name="pain", items=("p0", "label")), "score[pain].items", "holds no numbers"),
    ],
)
def test_what_is_no_score(score: bi.Score, path: str, told: str) -> None:
    data = frame().assign(label="a")
    found = [p for p in bi.check(bi.Plan.of(["other ~ x"], scores=[score]), data) if p.path == path]
    assert any(told in p.finding for p in found), found


def test_an_item_never_reads_its_own_score_and_others_not_the_items() -> None:
    found = bi.check(bi.Plan.of(["p0 ~ pain + x", "other ~ p1 + p2"], scores=[PAIN]), frame())
    own = next(p for p in found if p.path == "conditional[p0].formulas.mu" and "depends on the target" in p.finding)
    assert str(own.severity) == "error"
    told = next(p for p in found if p.path == "conditional[other].formulas.mu" and "2 items" in p.finding)
    assert "read pain in their place" in told.remedy and str(told.severity) == "warning"


def test_the_sparse_default_follows_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    data = frame()
    found = bi.suggest(None, data, scores=[PAIN], most=2)
    models = {c.target: c.formulas["mu"].partition("~")[2] for c in found.plan.conditionals}
    needs = {name: set(text.replace("+", " ").split()) for name, text in models.items()}
    assert set(needs) == {*ITEMS, "other"} and found.plan.scores == (PAIN,)
    assert "pain" in needs["other"] and not needs["other"] & {*ITEMS}
    for item in ITEMS:
        assert needs[item] >= {*ITEMS} - {item} and "pain" not in needs[item]
    assert {e.why for e in found.events if e.target == "p0"} == {"p0 is an item of it"}
    assert {e.why for e in found.events if e.target == "other"} == {"an item of pain, which stands for it"}
    assert bi.Plan.from_toml(found.toml) == found.plan
    run = bi.impute(data, found, seed=1, progress=False, **RUN)
    np.testing.assert_allclose(run.completed(0)["pain"], run.completed(0)[list(ITEMS)].sum(axis=1))
    data.to_csv(tmp_path / "d.csv", index=False)
    words = ["suggest", "--data", str(tmp_path / "d.csv"), "--score", "pain: sum of p0 p1 p2 p3", "--most", "2"]
    assert main(words) == 0
    assert bi.Plan.from_toml(capsys.readouterr().out) == found.plan
    for wrong in ({"scores": [bi.Score(name="pain", items=("p0",))]}, {"scores": [PAIN], "mode": "fcs"}):
        with pytest.raises(bi.PlanError):
            bi.suggest("y ~ x", data, **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_twenty_items_that_are_imputed_one_by_one() -> None:
    """100 samples, paired with the complete data: the regression on the score is unbiased and much more precise than
    with scores that are missing wherever an item is, and a score of the items that were answered is biased."""
    items = [f"p{k}" for k in range(20)]
    score = bi.Score(name="pain", items=tuple(items))
    differences: dict[str, list[float]] = {"items": [], "scores": [], "answered": []}
    for seed in range(100):
        data = frame(300, 20, seed)
        whole = complete(300, 20, seed)
        truth = _slope(whole.assign(pain=whole[items].sum(axis=1)))
        models = [f"{i} ~ {' + '.join(o for o in items if o != i)} + x + y" for i in items]
        by_item = bi.Plan.of([bi.Conditional.of(m, family="gaussian") for m in models], scores=[score])
        run = bi.impute(data[["x", "y", *items]], by_item, seed=seed, progress=False, **SHORT)
        differences["items"].append(float(np.mean([_slope(each) for each in run])) - truth)
        total = data[items].sum(axis=1, skipna=False)
        scored = data[["x", "y"]].assign(pain=total)
        run = bi.impute(scored, ["pain ~ x + y"], seed=seed, progress=False, **SHORT)
        differences["scores"].append(float(np.mean([_slope(each) for each in run])) - truth)
        differences["answered"].append(_slope(scored.assign(pain=data[items].sum(axis=1))) - truth)
    bias = {way: np.mean(each) for way, each in differences.items()}
    spread = {way: np.std(each) for way, each in differences.items()}
    assert abs(bias["items"]) < 4 * spread["items"] / 10 + 0.0005, (bias, spread)
    assert spread["scores"] > 3 * spread["items"], (bias, spread)
    assert abs(bias["answered"]) > 10 * spread["answered"] / 10, (bias, spread)


SHORT: dict[str, Any] = {"m": 4, "chains": 1, "warmup": 10, "sweeps": 20, "steps": 1}


def _slope(data: pd.DataFrame) -> float:
    return float(bi.fit("y ~ pain + x", data).estimates[1])
