"""Rules that draws respect: after every visit, in starts, in both modes, in new rows; and what of them cannot be."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesimpute as bi
from bayesimpute import Conditional, Derived, Plan, Restriction, Run
from bayesimpute.base.errors import errors
from bayesimpute.data.incomplete import Incomplete
from bayesimpute.designs.completed import Completed
from bayesimpute.designs.restricted import drawn_within
from bayesimpute.plan.resolving import resolve
from bayesimpute.running import kernel

SHORT: Any = {"m": 2, "chains": 2, "warmup": 4, "sweeps": 4, "steps": 1}
BIRTHS = Restriction(rule="births == 0", where="sex == 'm'")
ORDER = Restriction(rule="onset <= age")
MODELS = (
    Conditional.of("births ~ age", family="poisson"),
    Conditional.of("sex ~ births + age", family="bernoulli"),
    Conditional.of("onset ~ age + births"),
    Conditional.of("age ~ onset + births"),
)


def people(n: int = 150) -> Any:
    """Births of women only, and an onset that is before the age at which it is asked; a fifth of each is missing."""
    rng = np.random.default_rng(5)
    sex, age = np.where(rng.random(n) < 0.5, "m", "w").astype(object), rng.normal(50, 8, n)
    onset = age - rng.exponential(6, n)
    births = np.where(sex == "m", 0, rng.poisson(1.5, n)).astype(float)
    frame = pd.DataFrame({"sex": sex, "age": age, "onset": onset, "births": births, "g": np.arange(n) % 10})
    for name in ("sex", "age", "onset", "births"):
        frame.loc[rng.random(n) < 0.2, name] = None
    return frame


def plan_of(*models: Any, restrictions: Any = (BIRTHS, ORDER), **options: Any) -> Plan:
    run = Run(**{**SHORT, **options.pop("run", {})})
    return Plan.of(list(models or MODELS), restrictions=restrictions, run=run, **options)


def kept(frame: pd.DataFrame) -> bool:
    return bool(((frame["sex"] != "m") | (frame["births"] == 0)).all() and (frame["onset"] <= frame["age"]).all())


def test_they_hold_after_every_visit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a draw sees of the others is always what respects the rules, in the first sweep too."""
    seen = []

    def visit(bench: kernel.Bench, *arguments: Any, **more: Any) -> Any:
        before = bench.completed.frame
        found = plain(bench, *arguments, **more)
        seen.extend([kept(before), kept(bench.completed.frame)])
        return found

    plain = kernel.visit
    monkeypatch.setattr("bayesimpute.running.legs.visit", visit)
    made = bi.impute(people(), plan_of(), seed=1, progress=False)
    assert len(seen) == 2 * 4 * 2 * 8 and all(seen)
    assert all(kept(made.completed(k)) for k in range(2))
    free = bi.impute(people(), plan_of(restrictions=()), seed=1, progress=False)
    assert not kept(free.completed(0))


def test_draws_are_those_of_the_law_given_the_rule() -> None:
    """Of a normal number above another, with parameters of a prior: means of the truncated law."""
    n = 4000
    frame = pd.DataFrame({"y": np.where(np.arange(n) % 2, np.nan, 1.0 + np.arange(n) % 3), "x": np.repeat(0.3, n)})
    frame["x"] += np.linspace(0, 1e-3, n)
    plan = Plan.of(["y ~ 1"], restrictions=[Restriction(rule="y > x")])
    incomplete = Incomplete.from_frame(frame)
    resolved = resolve(plan, incomplete)
    (target,) = resolved.targets
    rng = np.random.default_rng(3)
    completed = Completed(incomplete, resolved, {"y": np.full(n // 2, 9.0)})
    cells = drawn_within(completed, resolved, target, rng.normal(size=n // 2), lambda: rng.normal(size=n // 2))
    assert stats.kstest(cells, stats.truncnorm(0.3, np.inf).cdf).pvalue > 1e-3
    stays = drawn_within(completed, resolved, target, np.zeros(n // 2), lambda: np.zeros(n // 2))
    np.testing.assert_array_equal(stays, 9.0)


@pytest.mark.parametrize("target", ["age", "sex"])
def test_they_hold_in_compatible_plans(target: str) -> None:
    frame = people()
    frame["births"] = frame["births"].fillna(0).where(frame["sex"] != "m", 0)
    frame.loc[frame["sex"].isna(), "births"] = 0
    models = {"age": ["age ~ 1"], "sex": [Conditional.of("sex ~ births", family="bernoulli"), "age ~ sex"]}[target]
    plan = plan_of(*models, substantive=["onset ~ age" if target == "age" else "onset ~ age + sex"])
    made = bi.impute(frame, plan, seed=1, progress=False)
    gaps = frame["sex"].isna()
    for k in range(2):
        done = made.completed(k)
        assert (done["onset"] <= done["age"]).all() and made.events["what"].str.contains("respect").any()
        assert not (done.loc[gaps, "births"][done.loc[gaps, "sex"] == "m"] != 0).any()


def test_derived_variables_and_variables_of_clusters_are_read() -> None:
    frame = people()
    frame["floor"] = frame.groupby("g")["onset"].transform("min") - 1
    frame.loc[frame["g"] == 3, "floor"] = np.nan
    rules = (Restriction(rule="gap >= 0"), Restriction(rule="floor < onset"))
    models = ("onset ~ age", "age ~ onset", "floor ~ 1")
    plan = plan_of(*models, restrictions=rules, derived=[Derived(name="gap", expression="age - onset")])
    made = bi.impute(frame, plan, seed=1, progress=False)
    for k in range(2):
        done = made.completed(k)
        assert (done["onset"] <= done["age"]).all() and (done["floor"] < done["onset"]).all()


def test_it_goes_with_the_plan_a_saved_run_and_new_rows(tmp_path: Any) -> None:
    frame, plan = people(), plan_of()
    assert Plan.from_toml(plan.to_toml()) == plan
    made = bi.impute(frame, plan_of(restrictions=()), restrictions=[BIRTHS, ORDER], seed=1, progress=False)
    made.save(tmp_path / "run.nc")
    longer, again = made.add(2), bi.load(tmp_path / "run.nc").add(2)
    for k in range(4):
        pd.testing.assert_frame_equal(longer.completed(k), again.completed(k))
        assert kept(longer.completed(k))
    new = made.transform(frame.assign(births=None))
    assert all(kept(new.completed(k)) for k in range(2))
    wrong = people().assign(sex="m", births=2.0)
    with pytest.raises(bi.DataError, match="what is observed breaks it in 150 rows"):
        made.transform(wrong)


def test_where_many_draws_are_rejected_an_event_says_so() -> None:
    frame = people()
    rule = Restriction(rule="onset > 45", where="age > 0 and births >= 0")
    frame = frame[frame["onset"].isna() | (frame["onset"] > 45)].reset_index(drop=True)
    made = bi.impute(frame, plan_of("onset ~ age", "age ~ 1", MODELS[0], restrictions=[rule]), seed=1, progress=False)
    told = made.events[made.events["what"].str.contains("break a restriction")]
    assert set(told["target"]) == {"onset"}
    assert all("let births into the model of onset" in why for why in told["why"])  # where reads it
    rule = Restriction(rule="onset > 45")
    made = bi.impute(frame, plan_of("onset ~ age", "age ~ 1", restrictions=[rule]), seed=1, progress=False)
    told = made.events[made.events["what"].str.contains("break a restriction")]
    assert len(told) and all('family = "bounded" with limits' in why for why in told["why"])
    plan = plan_of("births ~ g", restrictions=[Restriction(rule="births > -99")])
    rare = bi.impute(people(), plan, seed=1, progress=False)
    assert not rare.events["what"].str.contains("break a restriction").any()


@pytest.mark.parametrize(
    ("rules", "finding"),
    [
        (["onset <= 40"], "what is observed breaks it in"),
        (["births == 0.5 or births > -1"], ""),
        (["births + age == 10"], "no row meets it of the "),
        (["age > 60 and age < 50"], "no row meets it of the "),
        (["(births < 0) or g >= 0"], ""),
        (["births <"], "restriction[births <]"),
        (["nothing > 0"], 'there is no column "nothing"'),
        (["cluster_mean(age, g) > 0"], "it looks at other rows"),
        (["age"], "is a number and no condition"),
        (["sex > 3"], "compares text with a number"),
        (["g >= 0"], "it reads no variable that is imputed"),
        ([3], "is not a Restriction"),
    ],
)
def test_what_cannot_be_a_rule(rules: list[Any], finding: str) -> None:
    made = [Restriction(rule=rule) if isinstance(rule, str) else rule for rule in rules]
    found = bi.check(plan_of(restrictions=made), people())
    if finding:
        assert any(finding in f"{p.path}: {p.finding}" for p in found), found
    else:
        assert not errors(found), found


@pytest.mark.parametrize("rules", [["onset == 1.5"], ["onset < age", "onset > age"]], ids=["never", "contradiction"])
def test_what_a_start_cannot_meet_names_the_rows(rules: list[str]) -> None:
    """A continuous number equals another never; and is not on both sides of it."""
    made = [Restriction(rule=rule, where="g == 4") for rule in rules]
    frame = people()
    frame.loc[frame["g"] == 4, "onset"] = None
    (problem,) = errors(bi.check(plan_of(restrictions=made), frame))
    assert problem.path == f"restriction[{rules[-1]}]" or problem.path == f"restriction[{rules[0]}]"
    assert "no values that respect it" in problem.finding and "row" in problem.finding
    with pytest.raises(bi.PlanError, match="no values that respect it"):
        bi.impute(frame, plan_of(restrictions=made), seed=1, progress=False)


def test_formulas_are_looked_at_on_values_that_respect_them() -> None:
    """The logarithm of a time that is never negative is one in check, in the design, and in the run."""
    data = people()
    models = [Conditional.of("onset ~ age"), Conditional.of("z ~ log(age - onset + 1)")]
    data["age"], data["sex"] = data["age"].fillna(60.0), data["sex"].fillna("m")
    data = data.assign(onset=np.minimum(data["onset"], data["age"]), z=np.arange(len(data)) % 7 + 0.5)
    data.loc[::9, "z"] = None
    plain = bi.check(plan_of(*models, restrictions=()), data)
    (found,) = errors(plain)
    assert "is not a finite number with values that may be imputed, as in" in found.finding
    assert "[[restriction]]" in found.remedy and "mend these rows" not in found.remedy
    plan = plan_of(*models, restrictions=[ORDER])
    assert errors(bi.check(plan, data)) == []
    run = bi.impute(data, plan, seed=1, progress=False)
    assert all((run.completed(k)["onset"] <= run.completed(k)["age"]).all() for k in range(2))


def test_a_rule_for_labels_that_nobody_has_is_told() -> None:
    """Misspelt, it would act on nothing: in restrictions, in cells drawn for checks, in analyses."""
    data = people().assign(sex=lambda f: f["sex"].fillna("m"), arm="active")

    def remedies(**parts: Any) -> dict[str, str]:
        found = bi.check(plan_of(*MODELS[2:], **{"restrictions": (), **parts}), data)
        return {
            p.path: f"{p.finding}; {p.remedy}" for p in found if "has no label" in p.finding or "holds in" in p.finding
        }

    (told,) = remedies(restrictions=[Restriction(rule="onset <= age", where="arm == 'activ'")]).values()
    assert told == '"arm" has no label "activ", so that the condition holds nowhere; did you mean "active"?'
    (told,) = remedies(restrictions=[Restriction(rule="onset <= age or sex == 'male'")]).values()
    assert "its labels are m, w" in told
    found = remedies(analyses=[bi.Analysis(name="main", formula="onset ~ age", where="sex == 'M'")])
    assert list(found) == ["analysis[main].where"] and 'did you mean "m"?' in found["analysis[main].where"]
    assert list(remedies(analyses=[bi.Analysis(name="main", formula="onset ~ age", where="g > 99")]).values()) == [
        "g > 99 holds in no row; mend it, or leave it out"
    ]
    models = [Conditional.of("onset ~ age", where="arm == 'none'"), MODELS[3]]
    found = bi.check(plan_of(*models, restrictions=()), data)
    assert any(p.path == "conditional[onset].where" and 'has no label "none"' in p.finding for p in found)
    models = [Conditional.of("onset ~ age", where="alle"), MODELS[3]]
    assert 'did you mean "all"?' in [p.remedy for p in errors(bi.check(plan_of(*models, restrictions=()), data))]
    assert remedies(restrictions=[Restriction(rule="onset <= age", where="sex == 'm' or arm == 'active'")]) == {}
