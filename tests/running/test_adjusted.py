"""What is imputed, changed by assumption: in chained equations, in compatible mode, and from a file without refit."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from looping import fresh_record, ran
from modelling import school_frame
from scipy.special import expit, logit

import bayesimpute as bi
from bayesimpute.plan.options import Run
from bayesimpute.plan.resolving import resolve
from bayesimpute.plan.targets import Resolved
from bayesimpute.result.result import Result
from bayesimpute.running.kernel import Bench, begin
from bayesimpute.running.made_of import redrawn
from bayesimpute.running.workspace import Described, Workspace

SLOW = 10
"""Draws of these chains that are worth an independent one, at the most."""


def data(*, holes: bool = True) -> pd.DataFrame:
    frame = school_frame().drop(columns=["w", "c", "d", "region"])
    if holes:
        frame.loc[3::6, "x"] = np.nan
    return frame


def delta(target: str, shift: str, scale: str = "predictor", **options: Any) -> bi.Adjustment:
    return bi.Adjustment(target=target, shift=shift, scale=scale, **options)


def settled(plan: bi.Plan, frame: pd.DataFrame | bi.Incomplete, *adjustments: bi.Adjustment) -> Resolved:
    plan = replace(plan, adjustments=adjustments)
    incomplete = frame if isinstance(frame, bi.Incomplete) else fresh_record(frame, plan).incomplete
    return resolve(plan, incomplete)


def run(plan: bi.Plan, frame: pd.DataFrame, *adjustments: bi.Adjustment, **changes: Any) -> Result:
    return ran(fresh_record(frame, replace(plan, adjustments=adjustments, **changes), seed=3))


def plan(
    conditionals: Sequence[str], substantive: Sequence[str] = (), derived: Sequence[bi.Derived] = (), **more: object
) -> bi.Plan:
    settings = Run(**{"m": 4, "chains": 2, "warmup": 30, "sweeps": 4, "sampler": "gibbs"} | more)
    return bi.Plan.of(list(conditionals), substantive=tuple(substantive), derived=tuple(derived), run=settings)


@pytest.mark.parametrize("scale", ["predictor", "value"])
def test_alone_a_shift_moves_the_imputed_values_and_nothing_else(scale: str) -> None:
    frame = data(holes=False).drop(columns="b")
    one = plan(["y ~ x + (1 | school)"])
    plain, moved = run(one, frame), run(one, frame, delta("y", "x - 5", scale))
    gone = frame["y"].isna()
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_allclose((b["y"] - a["y"])[gone], frame["x"][gone] - 5, atol=1e-9)
        assert (b["y"] == a["y"])[~gone].all()


@pytest.mark.parametrize("shift", ["0.1 * y", "cluster_mean(y, school)", "x + twice"])
def test_it_cannot_follow_from_what_it_shifts(shift: str) -> None:
    both = plan(["y ~ x + (1 | school)", "x ~ 1"], derived=(bi.Derived(name="twice", expression="2 * y"),))
    with pytest.raises(bi.PlanError, match=r"adjustment\[y\].shift: the shift of y follows from y itself"):
        settled(both, data(), delta("y", shift))


def test_what_is_chained_feels_it() -> None:
    both = plan(["y ~ x + (1 | school)", "x ~ y"])
    frame = data().drop(columns="b")
    plain, moved = run(both, frame), run(both, frame, delta("y", "where(observed(x), 0, 100)"))
    gone = frame["y"].isna() & frame["x"].isna()
    assert (moved.completed(0)["x"] - plain.completed(0)["x"])[gone].mean() > 5


@pytest.mark.parametrize(
    "shift", [pytest.param("30", marks=pytest.mark.slow), pytest.param("x - 3", marks=pytest.mark.slow), "0.5 * x * x"]
)
def test_in_compatible_mode_it_is_never_learnt_away(shift: str) -> None:
    """On both scales, which for a normal outcome are one assumption, by two ways through factors and fits."""
    auxiliary = plan(["x ~ z", "z ~ 1"], ["y ~ x + (1 | school)", "b ~ y + x"], sweeps=40)
    frame = data().assign(z=lambda f: np.where(np.arange(len(f)) % 9 == 4, np.nan, f["x"].fillna(10)))
    a, b = (run(auxiliary, frame, delta("y", shift, scale)) for scale in ("predictor", "value"))
    space = Described.of(a.plan, a.incomplete, a.record.resolved)
    assert a.record.resolved.target("y").learns_imputed and space.designs["y"].offsets[0].fitted
    normal = {name: how.kind == "normal" for name, how in space.compatible.items()}
    if shift == "30":
        assert normal["x"] is False  # the yes/no model reads it, too
        for one, other in zip(a, b, strict=True):
            np.testing.assert_allclose(one["y"], other["y"], rtol=1e-6)
            np.testing.assert_allclose(one["x"], other["x"], rtol=1e-6)
    plain = run(auxiliary, frame)
    for other in (a, b):
        for name in ("Intercept", "x"):
            one, two = (r.draws("y")[name].values.ravel() for r in (plain, other))
            error = np.hypot(one.std(), two.std()) / np.sqrt(len(one) / SLOW)
            assert abs(one.mean() - two.mean()) < 4 * error, name


def test_the_log_odds_of_a_yes_no_target_are_shifted_and_gibbs_still_draws_it() -> None:
    frame = data(holes=False).drop(columns="y")
    one = plan(["b ~ x + (1 | school)"])
    record = fresh_record(frame, one)
    space = Workspace(one, record.incomplete, Described.of(one, record.incomplete, resolve(one, record.incomplete)))
    other = Described.of(one, record.incomplete, settled(one, record.incomplete, delta("b", "-2")))
    assert other.samplers["b"] == "gibbs"  # where it is fitted, nothing is added
    moved = Workspace(one, record.incomplete, other)
    state = begin(space, 0, 1)
    target, shifted = (w.resolved.step("b") for w in (space, moved))
    draw = space_draw(space)
    mu = space.placements["b"].missing_at(draw, Bench(space, state.cells).missing(target))["mu"]
    less = moved.placements["b"].missing_at(draw, Bench(moved, state.cells).missing(shifted))["mu"]
    np.testing.assert_allclose(less, expit(logit(mu) - 2))
    assert "X_mu_shift" not in Bench(moved, state.cells).data(shifted)


def space_draw(space: Workspace) -> dict[str, np.ndarray]:
    from bayesimpute.samplers.prior import prior_draw

    return dict(prior_draw(space.designs["b"], np.random.default_rng(4)))


@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_a_run_in_a_file_is_drawn_again_under_another_assumption(ending: str, tmp_path: Path) -> None:
    frame = data(holes=False).drop(columns="b")
    imputed = bi.impute(frame, plan(["y ~ x + (1 | school)"]), seed=3, progress=False)
    imputed.save(tmp_path / f"run{ending}")
    record = bi.MultiplyImputed.load(tmp_path / f"run{ending}").record
    other = settled(record.plan, record.incomplete, delta("y", "where(x > 10, -7, 0)"))
    space = Workspace(record.plan, record.incomplete, Described.of(record.plan, record.incomplete, other))
    rows = record.resolved.target("y").missing_rows
    expected = np.where(frame["x"].to_numpy()[rows] > 10, -7.0, 0.0)
    for leg in record.legs:
        for k, made in leg.made.items():
            found = redrawn(space, made, leg.kept[k])["y"]
            np.testing.assert_allclose(found - leg.kept[k]["y"], expected, atol=1e-9)
    assert not space.posteriors
