"""A dependence that an assumption says: its value, an axis of sensitivity analyses, or a prior cut from the data."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute.families import HeckmanGaussian, HeckmanProbit
from bayesimpute.running.assumed import assumed

SHORT = {"m": 8, "chains": 2, "warmup": 15, "sweeps": 12, "steps": 3}
FORMULAS = {"mu": "y ~ x", "selection": "x + z"}


@cache
def survey(n: int = 300) -> pd.DataFrame:
    """Observed where an error is high that goes with the outcome's."""
    rng = np.random.default_rng(4)
    x, z, h, e = rng.normal(size=(4, n))
    y = 1 + 0.5 * x + 0.6 * h + 0.8 * e
    return pd.DataFrame({"x": x, "z": z, "y": np.where(0.3 + z + h > 0, y, np.nan)})


def plan(rho: Any, *assumptions: bi.Assumption, **options: Any) -> bi.Plan:
    model = bi.Conditional(target="y", family=HeckmanGaussian(rho=rho, **options), formulas=FORMULAS)
    return bi.Plan.of([model], assumptions=assumptions)


@cache
def run(rho: Any, *assumptions: bi.Assumption, **options: Any) -> bi.MultiplyImputed:
    return bi.impute(survey(), plan(rho, *assumptions).with_run(**SHORT | options), seed=2, progress=False)


def assert_same(a: bi.MultiplyImputed, b: bi.MultiplyImputed) -> None:
    for one, other in zip(a, b, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_value_stands_for_its_name() -> None:
    named = run("r", bi.Assumption(name="r", value=-0.5))
    assert_same(named, run(-0.5))
    assert bi.Plan.from_toml(named.plan.to_toml()) == named.plan
    assert 'rho = "r"' in named.plan.to_toml()
    assert "rho is held at r = -0.5" in " ".join(named.events["what"])


def test_it_is_an_axis_whose_points_are_those_of_the_number() -> None:
    share: dict[str, Any] = {"of": "y ~ x", "progress": False}
    by_name = run("r", bi.Assumption(name="r")).sensitivity(over={"r": [-0.5, 0]}, **share)
    by_path = run(0.0).sensitivity(over={"conditional[y].rho": [-0.5, 0]}, **share)
    assert set(by_name.table["how"]) == {"rerun"}
    np.testing.assert_allclose(by_name.table["estimate"], by_path.table["estimate"])
    assert by_name.origins == {"y ~ x": {"r": 0.0}}


WIDE = bi.Assumption(name="r", prior="Uniform(-0.9, 0.9)")


def test_each_imputation_has_a_draw_of_its_own_and_the_chains_none() -> None:
    believed, at_mean = run("r", WIDE, m=40, sweeps=40), run(0.0, m=40, sweeps=40)
    for one, other in zip(believed.record.legs, at_mean.record.legs, strict=True):
        np.testing.assert_array_equal(one.draws["y"], other.draws["y"])
    gone = survey()["y"].isna().to_numpy()
    means = np.array([f["y"][gone].mean() for f in believed])
    record = believed.record
    drawn = np.array([assumed(record.resolved, record.incomplete, record.seed, k)["r"][0] for k in range(40)])
    assert len(set(drawn)) == 40
    # what a fixed value gives, at two of them: the imputations lie about the line between, within their own spread
    ends = {}
    for rho in (-0.7, 0.7):
        each = [f["y"][gone].mean() for f in run(rho, m=40, sweeps=40)]
        ends[rho] = np.mean(each), np.std(each, ddof=1)
    slope = (ends[0.7][0] - ends[-0.7][0]) / 1.4
    spread = max(sd for _, sd in ends.values())
    fitted, residuals, *_ = np.polyfit(drawn, means, 1, full=True)
    error = spread / (drawn.std() * np.sqrt(40)) + np.hypot(*(sd for _, sd in ends.values())) / np.sqrt(40) / 1.4
    assert abs(fitted[0] - slope) < 4 * error and abs(slope) > 8 * error
    assert np.sqrt(residuals[0] / 38) < 2 * spread
    assert believed.pool("y ~ x").terms["fmi"].iloc[0] > at_mean.pool("y ~ x").terms["fmi"].iloc[0]


def test_the_share_of_its_prior_in_the_variance_is_told_where_runs_may_be_made() -> None:
    found = run("r", WIDE).sensitivity("y ~ x", over={"d": [0]}, adjustments=[_moved()], progress=False)
    assert any("of the total variance the prior of r makes" in m for m in found.messages)


def _moved() -> bi.Adjustment:
    return bi.Adjustment(target="y", shift="d", scale="value")


PROBLEMS: dict[str, tuple[bi.Plan, str, str]] = {
    "no such assumption": (plan("q"), "conditional[y].rho", "'q' is not a rho"),
    "too large": (plan("r", bi.Assumption(name="r", value=1.5)), "conditional[y].rho", "1.5 is not a rho"),
    "a prior beyond": (
        plan("r", bi.Assumption(name="r", prior="Normal(0, 1)")),
        "assumption[r].prior",
        "is also of what is no rho of y, -1 to 1",
    ),
    "by cluster": (
        plan("r", bi.Assumption(name="r", prior="Uniform(-0.5, 0)", by="x")),
        "assumption[r].by",
        "one number for all clusters",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_cannot_be_is_told(case: str) -> None:
    made, path, finding = PROBLEMS[case]
    found = bi.check(made, survey())
    assert any(p.path == path and finding in p.finding for p in found), found


def test_shifts_that_draw_again_are_refused_beside_a_prior() -> None:
    frame = survey().assign(y=lambda f: (f["y"] > 1).astype(float).where(f["y"].notna()))
    model = bi.Conditional(target="y", family=HeckmanProbit(rho="r"), formulas=FORMULAS)
    made = bi.impute(frame, bi.Plan.of([model], assumptions=(WIDE,)).with_run(**SHORT), seed=1, progress=False)
    with pytest.raises(bi.PlanError, match="each imputation has its own r"):
        made.adjusted(bi.Adjustment(target="y", shift=1.0))
