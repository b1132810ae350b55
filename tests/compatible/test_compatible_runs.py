"""Whole runs in compatible mode: what is kept, resumed and reported, and the call with nothing but an analysis."""

import numpy as np
import pandas as pd
import pytest
from laws import table
from looping import assert_same_run

import bayesimpute as bi
from bayesimpute import Conditional, MultiplyImputed, Plan

pytestmark = pytest.mark.long(16)

ANALYSIS = "y ~ x * z + w + (1 + x | g)"
RUN = {"m": 4, "chains": 2, "warmup": 4, "sweeps": 8, "seed": 1, "progress": False}


def plan(**run: object) -> Plan:
    """An analysis whose outcome and covariates of both levels are incomplete, and a complete auxiliary variable."""
    items = ["x ~ z + w + (1 | g)", "w ~ 1", "a ~ y + x + (1 | g)"]
    return Plan.of(items, substantive=ANALYSIS).with_run(sampler="gibbs", **run)


def data() -> pd.DataFrame:
    """With an auxiliary variable that follows the outcome."""
    frame = table()
    rng = np.random.default_rng(9)
    frame["a"] = np.where(frame["y"].isna(), 0.0, (frame["y"] - 150) / 20) + rng.normal(size=len(frame))
    return frame


@pytest.fixture(scope="module")
def imputed() -> MultiplyImputed:
    return bi.impute(data(), plan(), **RUN)


def test_nothing_observed_changes_and_nothing_stays_missing(imputed: MultiplyImputed) -> None:
    given = data()
    for frame in imputed:
        assert frame[["y", "x", "w"]].notna().all().all()
        for name in given:
            seen = given[name].notna()
            assert (frame.loc[seen, name] == given.loc[seen, name]).all()
        assert (frame.groupby("g")["w"].nunique() == 1).all()


def test_the_events_say_how_cells_are_drawn(imputed: MultiplyImputed) -> None:
    events = imputed.events
    assert any("drawn from its model times that of" in what for what in events["what"])
    drawn = events[events["what"].str.startswith("drawn from")].set_index("target")
    assert set(drawn.index) == {"x", "w", "y"}
    assert drawn["why"].str.contains("the law of a missing cell is normal").all()


def test_a_complete_variable_with_a_model_has_parameters_and_no_imputations(imputed: MultiplyImputed) -> None:
    assert "a" in imputed.targets
    assert np.isfinite(imputed.posterior("a")["posterior"].to_dataset().to_array().values).all()
    assert "a" not in set(imputed.diagnose().imputed["target"])
    assert all((frame["a"] == data()["a"]).all() for frame in imputed)


def test_saved_resumed_extended_and_on_two_workers_it_is_the_same(imputed: MultiplyImputed, tmp_path) -> None:
    path = tmp_path / "run.nc"
    imputed.save(path)
    again = MultiplyImputed.load(path)
    assert_same_run(again, imputed)
    assert_same_run(again.extend(4, progress=False), imputed.extend(4, progress=False))
    assert_same_run(bi.impute(data(), plan(), workers=2, **RUN), imputed)


def test_the_report_names_the_method(imputed: MultiplyImputed) -> None:
    text = bi.report(imputed)
    assert f"Missing values were imputed compatibly with `{ANALYSIS}`" in text
    assert "`w`: gaussian (identity link), `w ~ 1`. No random effects. Fitted to 9 clusters of `g`" in text
    assert "bartlett2015" in bi.cite(imputed)


def test_one_call_writes_the_plan() -> None:
    run = {**RUN, "warmup": 2, "sweeps": 4, "steps": 1}
    one = bi.impute(table(), analysis="y ~ x * z + (1 | g)", **run)
    assert [c.target for c in one.plan.substantive] == ["y"]
    assert {c.target for c in one.plan.conditionals} == {"x"}
    assert len(one.pool().terms) == 4


def test_an_analysis_beside_a_plan_becomes_its_substantive_model() -> None:
    made = bi.impute(table(), "x ~ z", analysis=Conditional.of("y ~ x + (1 | g)"), **{**RUN, "steps": 1})
    assert [c.target for c in made.plan.substantive] == ["y"]
    with pytest.raises(bi.InputError, match="there is none to pool: the plan has no analysis"):
        made.pool()


SELECTION = Conditional(
    target="y",
    family="heckman_gaussian",
    formulas={"mu": "y ~ x + (1 | g)", "selection": "x + z + (1 | g)"},
)


@pytest.mark.parametrize(
    ("conditionals", "substantive", "finding"),
    [
        (["x ~ z + y"], ["y ~ x + (1 | g)"], r'conditional\[x\].*it contains "y", the outcome of a substantive model'),
        ([], ["y ~ x + (1 | g)"], r'"x" has 15 missing values and no conditional'),
        (["x ~ z"], ["y ~ x", "y ~ x + z"], r'"y" is the outcome of 2 substantive models'),
        (["x ~ z", "y ~ x"], ["y ~ x + z"], r"the outcome of a substantive model too"),
        (["x ~ z"], ["z ~ g"], "nothing in it is incomplete"),
        (["x ~ z"], ["y ~ x + ("], r"substantive\[y\].formulas.mu.*ends too early"),
        (["x ~ z"], ["y ~ x + foo"], 'there is no column "foo"'),
        (["x ~ z"], ["y ~ x + __import__('os').system('ls')"], r"substantive\[y\]"),
        (
            ["x ~ z", "m ~ b", "b ~ y"],
            ["y ~ m + x"],
            r"the models of b and m and y read each other in a circle|it contains",
        ),
        (["x ~ z", "m ~ y"], [SELECTION], "a selection model can be an outcome only"),
        (["x ~ z", "w ~ 1"], ["y ~ x + (1 + x + z + w + b + m | g2)"], "random effects"),
    ],
)
def test_what_is_no_compatible_plan(conditionals: list[str], substantive: list, finding: str) -> None:
    frame = table()
    frame["g2"] = frame["g"] % 3
    made = Plan.of(conditionals, substantive=tuple(substantive))
    with pytest.raises(bi.PlanError, match=finding):
        bi.impute(frame, made, **RUN)


def test_the_outcome_that_is_wholly_missing() -> None:
    with pytest.raises(bi.PlanError, match='all values of "y" are missing'):
        bi.impute(table().assign(y=np.nan), plan(), **RUN)
