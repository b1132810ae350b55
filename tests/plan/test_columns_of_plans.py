"""What a plan says of columns holds for targets, predictors and analyses, and is carried by files."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import assert_same_run

import bayesimpute as bi

SAID: dict[str, Any] = {"grade": "poor < fair < good", "region": "west | south | east", "code": "labels"}
RUN: dict[str, Any] = {"m": 2, "chains": 1, "warmup": 2, "sweeps": 2, "steps": 1, "sampler": "prior"}


def frame() -> pd.DataFrame:
    rng, n = np.random.default_rng(4), 120
    found = pd.DataFrame({"x": rng.normal(size=n), "y": rng.normal(size=n)})
    found["grade"] = np.array(["poor", "fair", "good"])[rng.integers(0, 3, n)]
    found["region"] = np.array(["east", "south", "west"])[rng.integers(0, 3, n)]
    found["code"] = rng.integers(1, 4, n)
    for name in ("y", "grade", "code"):
        found[name] = found[name].where(rng.random(n) > 0.2)
    return found


FORMULAS = ["y ~ x + grade + region + code", "grade ~ x + region", "code ~ x + grade"]


def plan(**said: Any) -> bi.Plan:
    return bi.Plan.of(FORMULAS, columns={**SAID, **said}, run=bi.Run(**RUN))


def names(made: bi.MultiplyImputed, target: str) -> list[str]:
    return [str(v.attrs["name"]) for v in made.draws(target).data_vars.values()]


def test_a_document_has_them() -> None:
    text = plan(other={"ordered": ["a < b", "c"]}).to_toml()
    assert 'grade = "poor < fair < good"' in text and "[columns]" in text
    assert bi.Plan.from_toml(text) == plan(other={"ordered": ["a < b", "c"]})
    assert bi.Plan.from_toml('[columns]\ngrade = "a < b"').columns[0].labels == ("a", "b")
    with pytest.raises(bi.PlanError, match="is not a table"):
        bi.Plan.from_toml("columns = 3")


def test_families_references_and_what_comes_back(tmp_path: Path) -> None:
    data = frame()
    made = bi.impute(data, plan(), seed=1, progress=False, checkpoint=tmp_path / "run.nc")
    assert [t.family.name for t in map(made.record.resolved.target, ("grade", "code"))] == ["ordinal", "categorical"]
    told = ["grade[fair]", "grade[good]", "region[south]", "region[east]", "code[2]", "code[3]"]
    assert names(made, "y")[2:8] == told
    assert names(made, "grade")[:3] == ["x", "region[south]", "region[east]"]
    for each in made:
        assert each.dtypes.equals(data.dtypes) and not each.isna().to_numpy().any()
        assert set(each["grade"]) == {"poor", "fair", "good"} and set(each["code"]) == {1, 2, 3}
    pooled = made.pool("y ~ grade + region").terms["term"].tolist()
    assert pooled == ["Intercept", *told[:4]]
    loaded = bi.load(tmp_path / "run.nc")
    assert_same_run(loaded, made)
    assert_same_run(bi.resume(tmp_path / "run.nc", progress=False), made)
    thresholds = loaded.pool("grade ~ x", family="cumulative").terms["term"].tolist()
    assert thresholds[1:] == ["threshold[poor|fair]", "threshold[fair|good]"]
    new = data.iloc[:30].assign(grade=lambda d: d["grade"].where(d.index > 9))
    assert all(each.dtypes.equals(new.dtypes) for each in made.transform(new, seed=2))


def test_a_keyword_says_it_too() -> None:
    one = bi.impute(frame(), FORMULAS, columns=SAID, seed=1, progress=False, **RUN)
    assert_same_run(one, bi.impute(frame(), plan(), seed=1, progress=False))
    other = bi.impute(frame(), plan(), columns={"region": "south | east | west"}, seed=1, progress=False)
    assert "region[west]" in names(other, "y") and "grade[fair]" in names(other, "y")


def test_what_was_said_of_the_data_is_carried_by_the_plan(tmp_path: Path) -> None:
    data = bi.Incomplete.from_frame(frame(), columns={**SAID, "region": "labels"})
    one = bi.impute(data, bi.Plan.of(FORMULAS, columns={"region": SAID["region"]}), seed=1, progress=False, **RUN)
    assert set(one.plan.columns) == set(plan().columns)
    one.save(tmp_path / "run.nc")
    assert_same_run(bi.load(tmp_path / "run.nc"), one)


def test_by_itself_a_text_is_none_of_that() -> None:
    made = bi.impute(frame(), FORMULAS, seed=1, progress=False, **RUN)
    assert names(made, "y")[2:] == ["grade[good]", "grade[poor]", "region[south]", "region[west]", "code", "sigma"]
    (problem,) = bi.check(bi.Plan.of([bi.Conditional.of("grade ~ x", family="ordinal")]), frame())
    assert "columns.grade" in problem.remedy


def problems(**said: Any) -> list[str]:
    return [f"{p.severity.value} {p}" for p in bi.check(plan(**said), frame())]


def test_a_label_that_nobody_has_is_kept_with_a_warning() -> None:
    (problem,) = problems(grade="bad < poor < fair < good")
    assert problem.startswith("warning columns[grade]") and "1 label that nobody has: bad" in problem
    made = bi.impute(frame(), plan(grade="bad < poor < fair < good"), seed=1, progress=False)
    assert "grade[fair]" in names(made, "y") and "grade[poor]" not in names(made, "y")
    assert made.events["what"].str.contains("columns\\[grade\\]").any()


def test_what_is_wrong_is_one_error() -> None:
    (problem,) = problems(region="west | east")
    assert problem.startswith("error columns[region]") and '"south" of the data is not in it' in problem
    assert any("columns[nowhere]" in p for p in problems(nowhere="labels"))
    with pytest.raises(bi.PlanError, match=r"columns\[region\]"):
        bi.impute(frame(), plan(region="west | east"), seed=1, progress=False)


@pytest.mark.parametrize("data", ["frame", "incomplete"])
def test_plans_are_suggested_for_what_is_said(data: str) -> None:
    given = bi.Incomplete.from_frame(frame(), columns=SAID)
    assert bi.suggest("y ~ x + grade", given).plan.columns == given.said
    text = str(bi.suggest("y ~ x + grade", given))
    assert bi.Plan.from_toml(text).columns == given.said
    made = bi.impute(given if data == "incomplete" else frame(), columns=SAID, analysis="y ~ x + grade", seed=1, **RUN)
    assert "grade[fair]" in names(made, "y") and made.plan.columns == given.said


def test_the_first_of_an_ordered_category_is_the_reference() -> None:
    data = frame()
    data["grade"] = pd.Categorical(data["grade"], ["poor", "fair", "good", "none"], ordered=True)
    data["region"] = pd.Categorical(data["region"], ["west", "south", "east"])
    made = bi.impute(data, ["y ~ grade + region", "grade ~ x"], seed=1, progress=False, **RUN)
    assert names(made, "y")[1:5] == ["grade[fair]", "grade[good]", "region[south]", "region[west]"]
    pooled = made.pool("y ~ grade + region").terms["term"].tolist()
    assert pooled == ["Intercept", *names(made, "y")[1:5]]
