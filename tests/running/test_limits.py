"""Cells of which it is known between which numbers they lie, or among which labels: from the plan to the draws."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelling import workspace

import bayesimpute as bi
from bayesimpute import Conditional, Known, Plan, Run
from bayesimpute.base.errors import errors
from bayesimpute.checking import plan_clusters
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs import sheets
from bayesimpute.designs.completed import fill
from bayesimpute.running.workspace import Workspace
from bayesimpute.samplers.augmented import Augmented
from bayesimpute.samplers.gibbs.engines import engine_for
from bayesimpute.samplers.gibbs.one_sigma import Plain

BETWEEN = Known(column="y", between=("lo", "hi"))
SHORT: Any = {"m": 2, "chains": 2, "warmup": 3, "sweeps": 3, "steps": 2}
NOTHING: Any = None
GRADES = "I < II < III < IV"


def values() -> Any:
    """Every third value is known to lie in an interval of length one, or above a number, or nothing."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=120)
    y = 3 + x + rng.normal(size=120)
    frame = pd.DataFrame({"y": y, "x": x, "z": y + rng.normal(size=120)})
    gaps, row = np.arange(120) % 3 == 0, np.arange(120)
    frame["lo"] = np.where(gaps & (row % 12 < 6), np.floor(y), np.nan)
    frame["hi"] = np.where(gaps & (row % 12 < 3), np.floor(y) + 1, np.nan)
    frame.loc[gaps, "y"] = np.nan
    return frame


def grades() -> Any:
    """Every third grade is missing; of two of three of these it is known that it is one of two."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=150)
    codes = np.digitize(x + rng.normal(size=150), [-1, 0, 1])
    labels = np.array(["I", "II", "III", "IV"])
    frame = pd.DataFrame({"gen": labels[codes].astype(object), "x": x, "z": codes + rng.normal(size=150)})
    gaps = np.arange(150) % 3 == 0
    pairs = np.array(["I|II", "II | III", "III|IV", "IV|III"], dtype=object)[codes]
    frame["set"] = np.where(gaps & (np.arange(150) % 9 > 0), pairs, NOTHING)
    frame.loc[gaps, "gen"] = None
    return frame


def plan_of(*models: Any, known: Any = (BETWEEN,), **options: Any) -> Plan:
    run = Run(**{**SHORT, **options.pop("run", {})})
    return Plan.of(list(models), known=known, run=run, **options)


def space_of(frame: pd.DataFrame, plan: Plan) -> Workspace:
    return Workspace(plan, Incomplete.from_frame(frame, clusters=plan_clusters(plan), columns=plan.columns))


def inside(frame: pd.DataFrame, cells: np.ndarray) -> bool:
    gaps = frame[frame["y"].isna()]
    return not ((cells < gaps["lo"]) | (cells > gaps["hi"])).any()


def test_values_known_in_part_are_learnt_from_and_drawn() -> None:
    frame = values()
    space = space_of(frame, plan_of("y ~ x"))
    (target,) = space.resolved.targets
    gaps, known = frame["y"].isna().to_numpy(), frame["lo"].notna().to_numpy()
    np.testing.assert_array_equal(target.impute, gaps)
    np.testing.assert_array_equal(target.learn, ~gaps | known)
    assert target.learns_imputed and target.known is not None
    np.testing.assert_array_equal(np.isinf(target.known.high), frame["hi"].isna())
    assert engine_for(space.designs["y"]) is Plain
    (step,) = space.resolved.steps
    cells = fill(space.incomplete, space.resolved, np.random.default_rng(1), spread=1.0)["y"]
    assert inside(frame, cells)
    data = {"y_data": np.zeros(3)}
    assert isinstance(space.posterior(step, {**data, **_data(space)}), Augmented)


def _data(space: Workspace) -> Any:
    from bayesimpute.running.kernel import Bench

    start = fill(space.incomplete, space.resolved, np.random.default_rng(1), spread=1.0)
    return Bench(space, start).data(space.resolved.steps[0])


def test_without_limits_only_observed_values_are_learnt_from() -> None:
    space = workspace(values(), "y ~ x")
    (target,) = space.resolved.targets
    assert target.known is None and not target.learns_imputed


FAMILIES_OF_NUMBERS = {
    "gaussian": {"family": "gaussian"},
    "student_t": {"family": "student_t"},
    "lognormal": {"family": "lognormal"},
    "censored": {"family": bi.FAMILIES["bounded"](limits=(-1.0, 12.0), at_limits="censored")},
}


@pytest.mark.parametrize("options", FAMILIES_OF_NUMBERS.values(), ids=FAMILIES_OF_NUMBERS)
def test_draws_are_inside(options: Any) -> None:
    frame = values()
    frame["y"] = frame["y"].clip(lower=0.1)
    frame["lo"] = frame["lo"].clip(lower=0.05)
    frame["hi"] = frame["hi"].clip(lower=0.2)
    imputed = bi.impute(frame, plan_of(Conditional.of("y ~ x", **options)), seed=1, progress=False)
    for k in range(2):
        assert inside(frame, imputed.completed(k)["y"][frame["y"].isna()].to_numpy())


@pytest.mark.parametrize("reader", [[], ["z ~ y + x"]], ids=["alone", "read"])
def test_limits_hold_in_compatible_plans_and_in_new_rows(reader: list[str]) -> None:
    frame = values()
    plan = plan_of("y ~ x", substantive=reader)
    if reader:
        assert space_of(frame, plan).compatible["y"].kind == "slice"
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    for k in range(2):
        assert inside(frame, imputed.completed(k)["y"][frame["y"].isna()].to_numpy())
    new = frame.iloc[::-1].assign(x=frame["x"] + 1)
    gaps = new["y"].isna().to_numpy()
    for completed in imputed.transform(new, seed=2):
        cells = completed["y"].to_numpy()[gaps]
        assert np.isfinite(cells).all() and inside(new, cells)
    with pytest.raises(bi.DataError, match='there is no column "hi", which the models read'):
        imputed.transform(new.drop(columns="hi"))


@pytest.mark.parametrize("family", ["ordinal", "categorical"])
@pytest.mark.parametrize("reader", [[], ["z ~ scores(gen) + x"]], ids=["alone", "read"])
def test_labels_are_among_the_possible_ones(family: str, reader: list[str]) -> None:
    frame = grades()
    if reader and family == "categorical":
        reader = ["z ~ gen + x"]
    model = Conditional.of("gen ~ x", family=family)
    plan = plan_of(model, known=[Known(column="gen", among="set")], columns={"gen": GRADES}, substantive=reader)
    assert Plan.from_toml(plan.to_toml()) == plan
    imputed = bi.impute(frame, plan, seed=1, progress=False)
    gaps = frame["gen"].isna() & frame["set"].notna()
    assert gaps.sum() > 30
    for k in range(2):
        for drawn, possible in zip(imputed.completed(k)["gen"][gaps], frame["set"][gaps], strict=True):
            assert drawn in [label.strip() for label in possible.split("|")]


def test_numbers_of_few_values_lie_between_and_yes_or_no_may_be_known() -> None:
    frame = grades()
    frame["n"] = frame["gen"].map({"I": 1.0, "II": 2.0, "III": 3.0, "IV": 4.0})
    frame["low"] = np.where(frame["n"].isna(), 3.0, np.nan)
    frame["b"] = frame["n"].gt(2).astype(float).where(frame["n"].notna())
    frame["yes"] = np.where(frame["b"].isna() & (frame["x"] > 0), "1", NOTHING)
    known = [Known(column="n", between=("low", "")), Known(column="b", among="yes")]
    plan = plan_of(Conditional.of("n ~ x", family="ordinal"), Conditional.of("b ~ x", family="bernoulli"), known=known)
    completed = bi.impute(frame, plan, seed=1, progress=False).completed(0)
    assert set(completed["n"][frame["n"].isna()]) == {3.0, 4.0}
    assert (completed["b"][frame["yes"].notna()] == 1).all()


def test_it_goes_with_the_plan_and_a_saved_run(tmp_path: Any) -> None:
    frame, plan = values(), plan_of("y ~ x")
    assert Plan.from_toml(plan.to_toml()) == plan
    text = plan.to_toml().replace('"hi"', "100")
    assert Plan.from_toml(text).known[0].between == ("lo", 100)
    made = bi.impute(frame, plan_of("y ~ x", known=()), known=[BETWEEN], seed=1, progress=False)
    assert "20 missing cells known in part" in made.events["what"].tolist()
    made.save(tmp_path / "run.nc")
    longer, again = made.add(2), bi.load(tmp_path / "run.nc").add(2)
    for k in range(4):
        pd.testing.assert_frame_equal(longer.completed(k), again.completed(k))
        assert inside(frame, longer.completed(k)["y"][frame["y"].isna()].to_numpy())


@pytest.mark.parametrize(
    ("known", "finding"),
    [
        (Known(column="y", between=("lo", "x")), "the lower end is above the upper end in"),
        (Known(column="y", between=(5, 1)), "the lower end 5 is above the upper end 1"),
        (Known(column="y", between=("lo", "nothing")), 'there is no column "nothing"'),
        (Known(column="yy", between=("lo", "hi")), 'there is no column "yy"'),
        (Known(column="z", between=("lo", "hi")), "has no missing cells"),
        (Known(column="y", between=("lo", "y")), '"y" is imputed itself'),
        (Known(column="y", between=("lo", "text")), '"text" is no column of numbers'),
        (Known(column="y", between=(100, "")), 'the observed "y" is not what is known of it in 80 rows: rows 1, 2'),
        (Known(column="y"), "it says nothing"),
        (Known(column="y", between=("lo",)), "are not two ends"),
        (Known(column="y", between=("lo", "hi"), among="text"), "it says both"),
        (Known(column="y", among="text"), "gaussian draws no value among some labels"),
        ("y > 3", "is not a Known"),
    ],
)
def test_what_cannot_be_known(known: Any, finding: str) -> None:
    frame = values().assign(text="a")
    found = bi.check(plan_of("y ~ x", known=[known]), frame)
    assert any(finding in f"{p.path}: {p.finding}" for p in found), found
    assert all(p.path.startswith("known") for p in found)
    assert not errors(bi.check(plan_of("y ~ x"), frame))


def test_ends_that_are_crossed_everywhere_are_in_the_wrong_order() -> None:
    first = values().assign(lo=lambda f: f["lo"].where(f["lo"].index != f["lo"].first_valid_index(), 1e9))
    for frame, known, remedy in (
        (values(), ("hi", "lo"), "the lower end first"),
        (first, ("lo", "hi"), "mend the data"),
    ):
        (found,) = bi.check(plan_of("y ~ x", known=[Known(column="y", between=known)]), frame)
        assert "the lower end is above" in found.finding and remedy in found.remedy


@pytest.mark.parametrize("family", ["poisson", "negative_binomial", "hurdle_poisson"])
def test_a_count_lies_between_numbers_with_a_whole_one_between_them(family: str) -> None:
    frame = values().assign(y=lambda f: f["y"].abs().round())
    gaps = frame["y"].isna()
    frame["lo"], frame["hi"] = np.where(gaps, 2.2, np.nan), np.where(gaps, 2.8, np.nan)
    plan = plan_of(Conditional.of("y ~ x", family=family))
    (found,) = errors(bi.check(plan, frame))
    assert found.path == "known[y]" and f"no value of the family {family} is possible in 40 rows" in found.finding
    assert not errors(bi.check(plan, frame.assign(hi=frame["hi"] + 0.3)))


@pytest.mark.parametrize(
    ("sets", "finding"),
    [
        ("V|II", '"V" is not a label of "gen"'),
        ("0", "none of the values that are observed somewhere is possible in"),
        ("I", 'the observed "gen" is not what is known of it in'),
    ],
)
def test_sets_of_labels_are_checked(sets: str, finding: str) -> None:
    frame, order = grades(), "0 < I < II < III < IV"
    frame["set"] = np.where(frame["gen"].isna() | (sets == "I"), sets, NOTHING)
    known = [Known(column="gen", among="set")]
    found = bi.check(plan_of(Conditional.of("gen ~ x", family="ordinal"), known=known, columns={"gen": order}), frame)
    assert any(finding in p.finding for p in errors(found)), found


def test_families_that_cannot_draw_it_are_told_with_those_that_can() -> None:
    frame = values().assign(y=lambda f: f["y"].abs())
    for family in (bi.FAMILIES["pmm"](),):
        found = errors(bi.check(plan_of(Conditional.of("y ~ x", family=family)), frame))
        assert any("draws no value" in p.finding and "gaussian" in p.remedy for p in found), found
    shifted = bi.Adjustment(target="y", shift=1, scale="value")
    found = errors(bi.check(plan_of("y ~ x", adjustments=[shifted]), frame))
    assert any("would not hold of shifted ones" in p.finding for p in found), found


def test_matrices_of_models_of_values_known_in_part_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the data: such values are drawn anew between transitions."""
    monkeypatch.setattr(sheets, "LARGE", 10)
    frame = values()
    plan = Plan.of(["y ~ x + z", "z ~ x + y"], known=[BETWEEN])
    space = Workspace(plan, Incomplete.from_frame(frame.assign(z=frame["z"].where(frame.index % 7 > 0)), clusters=()))
    assert space.large == {"z"}
