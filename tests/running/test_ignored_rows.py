"""Rows that are imputed but teach nothing: whatever is observed of them, the models of the others stay as they are."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import table
from modelling import workspace

import bayesimpute as bi
from bayesimpute import Plan, Run
from bayesimpute.base.errors import errors
from bayesimpute.designs.completed import Completed, fill

SHORT: Any = {"m": 2, "chains": 2, "warmup": 5, "sweeps": 6, "steps": 2}
IGNORE = "fold == 'test'"
MODELS = ["y ~ x + cluster_mean(x, g) + (1 | g)", "x ~ z + (1 | g)"]


def folded() -> pd.DataFrame:
    """Every third row is of the test fold, and all rows of the last cluster."""
    frame = table()
    test = (np.arange(len(frame)) % 3 == 1) | (frame["g"] == frame["g"].max())
    return frame.assign(fold=np.where(test, "test", "train"))


def other_values(frame: pd.DataFrame) -> pd.DataFrame:
    """The same holes, and other values in the test fold."""
    test = frame["fold"] == "test"
    return frame.assign(**{name: frame[name].where(~test, 5 - 3 * frame[name]) for name in ("x", "y")})


def imputed(frame: pd.DataFrame, models: list[Any] | None = None, **options: Any) -> bi.MultiplyImputed:
    settings: Any = {**SHORT, "ignore": IGNORE, **options}
    plan = Plan.of(models or MODELS, run=Run(**settings))
    return bi.impute(frame, plan, seed=1, progress=False)


def draws(made: bi.MultiplyImputed, target: str) -> dict[str, np.ndarray]:
    group = made.posterior(target)["posterior"]
    names = map(str, group.data_vars)
    return {name: group[name].to_numpy() for name in names if not name.startswith("imputed")}


def test_what_they_hold_changes_no_parameter_and_no_other_cell() -> None:
    frame = folded()
    here, there = imputed(frame), imputed(other_values(frame))
    for target in ("y", "x"):
        others = draws(there, target)
        for name, values in draws(here, target).items():
            np.testing.assert_array_equal(values, others[name], err_msg=f"{target}: {name}")
    train = frame["fold"] == "train"
    for k in range(2):
        for name in ("y", "x"):
            np.testing.assert_array_equal(here.completed(k)[name][train], there.completed(k)[name][train])
            assert here.completed(k)[name].notna().all()
    different = draws(imputed(frame, ignore=None), "y")
    assert any(not np.array_equal(values, different[name]) for name, values in draws(here, "y").items())


def test_units_rows_and_means() -> None:
    frame = folded()
    space = workspace(frame, *MODELS, "w ~ cluster_mean(z, g)", ignore=IGNORE)
    y, train = space.resolved.target("y"), (frame["fold"] == "train").to_numpy()
    np.testing.assert_array_equal(y.learn, frame["y"].notna() & train)
    np.testing.assert_array_equal(y.impute, frame["y"].isna())
    assert set(space.placements["y"].model_rows) == set(np.flatnonzero(frame["y"].notna() & train))
    start = fill(space.incomplete, space.resolved, np.random.default_rng(1), spread=0)
    completed = Completed(space.incomplete, space.resolved, start)
    x, mean = completed.values["x"], completed.values["cluster_mean(x, g)"]
    for cluster in frame["g"].unique():
        mine = (frame["g"] == cluster).to_numpy()
        members = mine & train if (mine & train).any() else mine
        np.testing.assert_allclose(mean[mine], x[members].mean())


def test_a_cluster_teaches_unless_all_of_its_rows_are_ignored() -> None:
    frame = folded()
    frame.loc[frame["g"] == 0, "w"] = np.nan
    space = workspace(frame, "w ~ cluster_mean(z, g)", ignore=IGNORE)
    np.testing.assert_array_equal(space.resolved.target("w").learn, [False, *[True] * 6, False])


def test_donors_are_never_of_them() -> None:
    frame = folded()
    frame.loc[frame["fold"] == "test", "y"] += 1000
    made = imputed(frame, [bi.Conditional.of("y ~ z", family="pmm")])
    gaps = frame["y"].isna()
    assert max(made.completed(k)["y"][gaps].max() for k in range(2)) < 500


def test_it_is_said_kept_and_written(tmp_path: Any) -> None:
    frame = folded()
    plan = Plan.of(MODELS, run=Run(**SHORT, ignore=IGNORE))
    assert Plan.from_toml(plan.to_toml()) == plan
    made = bi.impute(frame, Plan.of(MODELS, run=Run(**SHORT)), ignore=IGNORE, seed=1, progress=False)
    test = int((frame["fold"] == "test").to_numpy().sum())
    assert f"{test} of 40 rows are imputed and teach nothing" in made.events["what"].tolist()
    made.save(tmp_path / "run.nc")
    longer, again = made.add(2), bi.load(tmp_path / "run.nc").add(2)
    for k in range(4):
        pd.testing.assert_frame_equal(longer.completed(k), again.completed(k))
    new = made.transform(frame.assign(fold="test"))
    assert new.completed(0)["y"].notna().all()


@pytest.mark.parametrize(
    ("ignore", "finding"),
    [
        ("fold == 'test' or fold == 'train'", "holds for all 40 rows"),
        ("z > 100", "holds for no row"),
        ("fold == 3", "compares text with a number"),
        ("flod == 'test'", 'no column "flod"'),
        ("z", "is a number and no condition"),
        ("x > 0", "it is not known whether"),
        ("cluster_mean(z, g) > 0", "looks at other rows"),
        ("(", "run.ignore"),
        ("z > -100 and y_seen == 1", 'of "y" only 0 values are observed in the rows that are not ignored'),
        (7, "7 is not a condition"),
    ],
)
def test_what_cannot_be_meant(ignore: Any, finding: str) -> None:
    frame = folded()
    frame["y_seen"] = frame["y"].notna().astype(int)
    found = bi.check(Plan.of(MODELS, run=Run(ignore=ignore)), frame)
    assert any(finding in f"{p.path}: {p.finding}" for p in found), found
    assert {p.path for p in errors(found)} <= {"run.ignore"}


def test_compatible_plans_refuse_it_and_visits_go_together() -> None:
    frame = folded()
    plan = Plan.of(["x ~ z"], substantive=["y ~ x + z"], run=Run(ignore=IGNORE))
    assert any("[[substantive]]" in p.finding for p in bi.check(plan, frame))
    frame["week"] = np.tile(np.arange(5), 8)
    plan = Plan.of(["y ~ z", "x ~ z"], time=bi.Time(subject="g", order="week"), run=Run(ignore=IGNORE))
    assert any("some visits are ignored" in p.finding for p in bi.check(plan, frame))
