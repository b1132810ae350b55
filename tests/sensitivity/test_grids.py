"""Sensitivity analyses: against closed forms, fine grids and runs made anew; tipping points; what is told."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

import bayesimpute as bi
from bayesimpute.base.errors import BayesimputeError
from bayesimpute.plotting.sensitivity_plots import plot_sensitivity
from bayesimpute.sensitivity import grids
from bayesimpute.sensitivity.points import Points

SETTINGS = {"m": 12, "chains": 2, "warmup": 30, "sweeps": 30, "sampler": "gibbs"}
OLS = "y ~ arm + x"


@cache
def trial() -> pd.DataFrame:
    """A trial with a yes/no and a continuous outcome, both with gaps, in twelve centres."""
    rng = np.random.default_rng(5)
    n, centre = 240, np.repeat(np.arange(12), 20)
    arm, x = np.tile([0.0, 1.0], n // 2), rng.normal(size=n)
    y = 1 + 0.5 * arm + 0.4 * x + 0.3 * rng.normal(size=12)[centre] + rng.normal(size=n)
    b = (rng.random(n) < expit(0.8 * arm + 0.5 * x)).astype(float)
    z = x + rng.normal(size=n)
    frame = pd.DataFrame({"y": y, "b": b, "arm": arm, "x": x, "z": z, "centre": centre})
    for name, share in (("y", 0.3), ("b", 0.25), ("z", 0.2)):
        frame.loc[rng.random(n) < share, name] = np.nan
    return frame


@cache
def run_of(*formulas: str, **options: Any) -> bi.MultiplyImputed:
    frame = trial()[["arm", "x", "centre", *(f.split(" ~ ")[0] for f in formulas)]]
    return bi.impute(frame, bi.Plan.of(list(formulas), **options).with_run(**SETTINGS), seed=2, progress=False)


@cache
def plain() -> bi.MultiplyImputed:
    return run_of("y ~ arm + x + (1 | centre)")


def shift(text: Any, target: str = "y", **more: Any) -> bi.Adjustment:
    return bi.Adjustment(target=target, shift=text, **more)


def vary(made: bi.MultiplyImputed, of: Any = OLS, **options: Any) -> bi.Sensitivities:
    return made.sensitivity(of, progress=False, **options)


def test_the_curve_of_a_linear_analysis_is_its_closed_form() -> None:
    """Least squares of shifted values: (X'X)^-1 X' (δ at the missing cells), whatever was imputed."""
    found = vary(plain(), over={"d": [-2, 0, 1.5]}, adjustments=[shift("d * arm")]).table
    gone = trial()["y"].isna().to_numpy()
    X = np.column_stack([np.ones(len(gone)), trial()["arm"], trial()["x"]])
    per_unit = np.linalg.solve(X.T @ X, X.T @ (trial()["arm"].to_numpy() * gone))
    for d, part in found.groupby("d"):
        np.testing.assert_allclose(part["difference"], d * per_unit, atol=1e-10)
        np.testing.assert_allclose(part["difference_mc_error"], 0, atol=1e-10)
    assert (found["how"] == "applied").all()
    mar = plain().pool(OLS).terms
    np.testing.assert_allclose(found.loc[found["d"] == 0, "estimate"], mar["estimate"])
    np.testing.assert_allclose(found.loc[found["d"] == 0, "p_value"], mar["p_value"])
    np.testing.assert_allclose(found.loc[found["d"] == 0, "conf_high"], mar["conf_high"])


def test_a_tip_is_where_a_fine_grid_crosses() -> None:
    options: dict[str, Any] = {"term": "arm", "adjustments": [shift("d * arm")]}
    tips = vary(plain(), over={"d": "-4:4:4"}, **options).tips.set_index("direction")
    tip = tips.loc["down", "tip"]
    assert tips.loc["up", "message"] == "does not tip within d = 0 to 4"
    fine = vary(plain(), over={"d": np.linspace(tip - 0.02, tip + 0.02, 5)}, **options).table
    low = fine["conf_low"].to_numpy()
    assert (np.diff(low) > 0).all()
    assert np.interp(0.0, low, fine["d"]) == pytest.approx(tip, abs=1e-4)
    # by hand: the jackknife of the lower end over its slope
    estimate = vary(plain(), over={"d": "-8:8:8"}, tip="estimate", **options).tips.set_index("direction")
    table = vary(plain(), over={"d": [0, 1]}, **options).table
    slope = np.diff(table["estimate"])[0]
    assert estimate.loc["down", "tip"] == pytest.approx(-table["estimate"].iloc[0] / slope)
    assert estimate.loc["down", "mc_error"] == pytest.approx(table["mc_error"].iloc[0] / slope, rel=1e-6)
    assert 0 < tips.loc["down", "mc_error"] < 3 * estimate.loc["down", "mc_error"]


def test_a_conclusion_that_is_lost_between_two_points_of_a_rough_grid_is_found() -> None:
    """Significantly above at 0, significantly below at -20: it was lost on the way."""
    found = vary(plain(), over={"d": [-20, 0]}, term="arm", adjustments=[shift("d * arm")])
    assert found.table["conf_high"].iloc[0] < 0 < found.table["conf_low"].iloc[1]
    assert -20 < found.tips["tip"].iloc[0] < 0


def test_log_odds_of_yes_make_a_step_that_is_found() -> None:
    made = run_of("b ~ arm + x")
    share = bi.Estimand(name="share", variable="b", statistic="proportion", by=("arm",))
    adjustments = [shift("d", "b", scale="logit")]
    found = vary(made, share, over={"d": "-3:3:1.5"}, adjustments=adjustments, tip="estimate", null=0.6, by="arm")
    whole = found.table[found.table["arm"] == "all rows"]
    assert (np.diff(whole["estimate"]) > 0).all() and set(found.table["arm"]) == {"all rows", 0, 1}
    # the shift of the mean is the mean of the shifted probabilities, known from the m x cells draws
    moved = found.assumed[found.assumed["arm"] == "all rows"].set_index("d")
    p = moved.loc[0, "imputed"]
    n = made.m * moved.loc[3, "n_shifted"]
    assert abs(moved.loc[3, "moved"] - (expit(logit(p) + 3) - p)) < 4 * 0.5 / np.sqrt(n) + 0.05
    assert moved["n_shifted"].to_list() == [trial()["b"].isna().sum()] * 2 + [0] + [trial()["b"].isna().sum()] * 2
    tip = found.tips.set_index("direction")
    crossed = tip["tip"].dropna()
    assert len(crossed) == 1
    around = vary(made, share, over={"d": [crossed.iloc[0] - 1e-3, crossed.iloc[0] + 1e-3]}, adjustments=adjustments)
    ends = around.table.loc[around.table["arm"] == "all rows", "estimate"]
    assert ends.iloc[0] <= 0.6 <= ends.iloc[1]


def test_two_axes_make_a_map_with_the_contour_of_brute_force() -> None:
    adjustments = [shift("d * (arm == 1) + e * (arm == 0)")]
    found = vary(plain(), over={"d": [-1, 0, 1], "e": [-1, 0]}, term="arm", adjustments=adjustments)
    assert dict(found.dataset.sizes) == {"d": 3, "e": 2, "term": 1}
    for d, e in ((-1, -1), (1, 0), (-1, 0)):
        shifted = plain().adjusted(shift(f"{d} * (arm == 1) + {e} * (arm == 0)"))
        expected = shifted.pool(OLS).terms.set_index("term").loc["arm"]
        line = found.dataset.sel(d=d, e=e, term="arm")
        for name in ("estimate", "std_error", "conf_low", "p_value", "fmi"):
            assert float(line[name]) == pytest.approx(expected[name]), name
    assert found.tips.empty


@cache
def chained(*, propagate: bool | None) -> bi.MultiplyImputed:
    adjustment = (shift("d", propagate=propagate),)
    more = {"adjustments": adjustment, "assumptions": (bi.Assumption(name="d"),)}
    return run_of("y ~ arm + x + z", "z ~ x + y + observed(y)", **more)


def test_what_others_follow_is_run_again_and_differs() -> None:
    """z follows y: the mean of z moves if the shift is in the loop, and does not if it comes afterwards."""
    inside = vary(chained(propagate=True), "z ~ 1", over={"d": [0, 40]})
    after = vary(chained(propagate=False), "z ~ 1", over={"d": [0, 40]})
    assert set(inside.table["how"]) == {"rerun"} and set(after.table["how"]) == {"applied"}
    np.testing.assert_allclose(after.table["difference"], 0, atol=1e-12)
    slope = chained(propagate=True).draws("z")["y"].values.mean()
    lost = trial()["y"].isna() & trial()["z"].isna()
    expected = 40 * slope * lost.mean()
    seen = inside.table["difference"].iloc[1]
    error = (
        inside.table["difference_mc_error"].iloc[1]
        + 40 * chained(propagate=True).draws("z")["y"].values.std() * lost.mean()
    )
    assert abs(seen - expected) < 4 * error and abs(expected) > 0
    assert (
        vary(chained(propagate=True), "z ~ 1", over={"d": [0, 40]}, refit=False).table["how"].eq("needs a refit").all()
    )


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_points_do_not_depend_on_each_other_nor_on_workers(workers: int) -> None:
    alone = vary(chained(propagate=True), "z ~ 1", over={"d": [40]}).table
    among = vary(chained(propagate=True), "z ~ 1", over={"d": [0, 20, 40]}, workers=workers).table
    row = among[among["d"] == 40].reset_index(drop=True)
    pd.testing.assert_frame_equal(row, alone)


def sureness() -> float:
    """The Monte Carlo error of a difference over that of an answer."""
    table = vary(chained(propagate=True), "y ~ arm", over={"d": [0, 0.5]}).table
    far = table[(table["d"] == 0.5) & (table["term"] == "Intercept")].iloc[0]
    return far["difference_mc_error"] / far["mc_error"]


def test_chains_of_points_run_wherever_they_are_told_to() -> None:
    class Counting(ThreadPoolExecutor):
        given = 0

        def submit(self, *args: Any, **more: Any) -> Any:
            Counting.given += 1
            return super().submit(*args, **more)

    alone = vary(chained(propagate=True), "z ~ 1", over={"d": [20]}, workers=1).table
    with Counting(2) as pool:
        there = vary(chained(propagate=True), "z ~ 1", over={"d": [20]}, executor=pool).table
    assert Counting.given > 0
    pd.testing.assert_frame_equal(there, alone)
    with pytest.raises(bi.InputError, match="executor"):
        vary(chained(propagate=True), "z ~ 1", over={"d": [20]}, executor="here")


def test_common_random_numbers_make_differences_sure() -> None:
    """Without them the difference would have the Monte Carlo error of two answers."""
    assert sureness() < 0.5


def test_points_with_other_random_numbers_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Points._further

    def wrong(self: Points, plan: bi.Plan) -> Any:
        other = replace(self, made={})
        other.__dict__["start"] = replace(self.start, seed=self.start.seed + round(10 * plan.assumptions[0].value))
        return right(other, plan)

    monkeypatch.setattr(Points, "_further", wrong)
    assert sureness() > 0.5


def test_runs_of_the_plan_at_a_point_are_the_point() -> None:
    """A whole run under the assumption gives what the grid says, within Monte Carlo errors."""
    grid = vary(chained(propagate=True), "y ~ arm", over={"d": [1.0]}).table
    more = {"adjustments": (shift(1.0),)}
    fresh = run_of("y ~ arm + x + z", "z ~ x + y + observed(y)", **more).pool("y ~ arm")
    gap = grid["estimate"].to_numpy() - fresh.terms["estimate"].to_numpy()
    error = np.hypot(grid["mc_error"], fresh.monte_carlo["estimate"])
    assert (np.abs(gap) < 4 * error).all()


def test_numbers_of_the_plan_are_axes_too_and_the_plan_says_what_to_do() -> None:
    tasks = (
        bi.Sensitivity(name="tipping", of="main", term="arm", over={"d": "-2:0:1"}),
        bi.Sensitivity(name="other", of="y ~ arm", over={"d": [1.0, 2.0]}),
    )
    plan = bi.Plan.of(
        ["y ~ arm + x + (1 | centre)"],
        assumptions=(bi.Assumption(name="d"),),
        adjustments=(shift("d"),),
        analyses=(bi.Analysis(name="main", formula=OLS),),
        sensitivities=tasks,
    )
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    made = bi.impute(trial()[["y", "arm", "x", "centre"]], plan.with_run(**SETTINGS), seed=2, progress=False)
    both = made.sensitivity(progress=False)
    assert list(both.axes) == ["tipping", "other"] and set(both.table["how"]) == {"applied"}
    one = made.sensitivity("tipping", progress=False)
    pd.testing.assert_frame_equal(one.table, both.table[both.table["name"] == "tipping"][one.table.columns])
    assert "tipping" in str(both) and both.to_latex() and both.to_html()
    assert both.to_json_dict()["tips"][0]["axis"] == "d"


def test_without_selection_equations_it_starts_from_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths of a plan: rho of a selection model, whose 0 is missing at random."""
    plan = bi.Plan.of(
        [
            bi.Conditional(
                target="y",
                family="heckman_gaussian",
                formulas={"mu": "y ~ arm", "selection": "arm + x"},
                priors={"rho": "Uniform(-1, 1)"},  # of what is held there is none
            )
        ]
    )
    made = bi.impute(
        trial()[["y", "arm", "x"]], plan.with_run(**SETTINGS | {"sampler": "prior"}), seed=2, progress=False
    )
    started: list[bi.Plan] = []
    fresh = Points._fresh

    def noted(self: Points, plan: bi.Plan) -> Any:
        started.append(plan)
        return fresh(self, plan)

    monkeypatch.setattr(Points, "_fresh", noted)
    found = vary(made, "y ~ arm", over={"conditional[y].rho": [0.5]})
    assert found.origins == {"y ~ arm": {"conditional[y].rho": 0.0}} and found.table["how"].eq("rerun").all()
    assert [p.conditionals[0].family.rho for p in started] == [0.0, 0.5]
    assert (
        found.assumed["target"].to_list() == ["y"] and found.assumed["n_shifted"].iloc[0] == trial()["y"].isna().sum()
    )
    started.clear()
    base = vary(made, "y ~ arm", over={"d": [1]}, adjustments=[shift("d")], base="mar")
    assert [p.conditionals[0].family for p in started] == ["gaussian"] and base.table["how"].eq("applied").all()


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing varied": (lambda: vary(plain()), "over: it is not said what is varied"),
    "nothing in it": (lambda: vary(plain(), over={}), "over: there is nothing to vary"),
    "unknown": (lambda: vary(plain(), over={"d": [1]}), "over.d: it is neither an assumption"),
    "no path": (lambda: vary(plain(), over={"conditional[q].rho": [1]}), "neither an assumption nor a place"),
    "text": (lambda: vary(plain(), over={"d": ["a"]}, adjustments=[shift("d")]), "over.d: ['a'] is neither a list"),
    "yes and no": (lambda: vary(plain(), over={"d": [True]}, adjustments=[shift("d")]), "has yes or no in it"),
    "twice": (lambda: vary(plain(), over={"d": [1, 0, 1]}, adjustments=[shift("d")]), "over.d: 1 is there more than"),
    "rho of no selection": (
        lambda: vary(plain(), over={"conditional[y].rho": [0]}),
        "it belongs to heckman_gaussian",
    ),
    "no range": (lambda: vary(plain(), over={"d": "1:0:1"}, adjustments=[shift("d")]), "over.d: '1:0:1' is neither"),
    "too many": (lambda: vary(plain(), over={"d": "0:1:1e-6"}, adjustments=[shift("d")]), "over.d"),
    "no term": (lambda: vary(plain(), term="ar", over={"d": [1]}, adjustments=[shift("d")]), 'no term "ar"'),
    "no analysis": (
        lambda: vary(plain(), "main", over={"d": [1]}, adjustments=[shift("d")]),
        'no analysis or estimand "main"',
    ),
    "base": (lambda: vary(plain(), over={"d": [1]}, base="mcar"), "base: 'mcar' is not known"),
    "tip": (lambda: vary(plain(), over={"d": [1]}, tip="p"), "tip: 'p' is not known"),
    "null": (lambda: vary(plain(), over={"d": [1]}, null=float("inf")), "null: inf is not a number"),
    "level": (lambda: vary(plain(), over={"d": [1]}, conf_level=95), "conf_level: 95 is not between"),
    "option of no formula": (
        lambda: vary(plain(), lambda frame: frame, over={"d": [1]}, adjustments=[shift("d")], family="gaussian"),
        "family: family goes with a formula",
    ),
    "adjustment": (lambda: vary(plain(), over={"d": [1]}, adjustments=[shift("d", "x")]), "adjustment[x].target"),
    "too late": (lambda: plain().adjusted(shift(1, propagate=True)), "the run is over"),
    "complete": (lambda: plain().adjusted(shift(1, "x")), "adjustment[x].target"),
    "infinite at a point": (
        lambda: vary(plain(), over={"d": [0, 1]}, adjustments=[shift("1 / d")]),
        "adjustment[y].shift: 1 / d is not a finite number in",
    ),
    "infinite in clusters": (
        lambda: plain().adjusted(shift("log(cluster_mean(x, centre) - cluster_mean(x, centre))")),
        "is not a finite number in",
    ),
}


def test_the_slope_at_missing_at_random_is_that_of_the_curve_there() -> None:
    """A parabola's exactly where there is a point on either side, else the line to the nearest one, and it is said."""
    curve = {v: 2 + 3 * v - 0.7 * v**2 for v in (-1.5, 0.5, 2.0)}
    assert grids.slope_at(0.5, curve) == pytest.approx(3 - 1.4 * 0.5)
    made = [vary(plain(), term="arm", over={"d": over}, adjustments=[shift("d * arm")]) for over in ("-2:2:1", "0:2:1")]
    both, one = (next(m for m in found.messages if "for each unit of d" in m) for found in made)
    assert "at missing at random the estimate changes by" in both
    assert "from missing at random to d = 1 the estimate changes by" in one
    assert both.partition("changes by ")[2] == one.partition("changes by ")[2]  # of a line all slopes are the same


def test_the_time_of_points_that_are_run_again_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(grids, "ANNOUNCED", 0.0)
    chained(propagate=True).sensitivity("z ~ 1", over={"d": [0, 1, 2, 3]}, progress=True)
    assert "2 more points are run again, which will take about" in capsys.readouterr().err


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_done_is_said(case: str) -> None:
    make, finding = WRONG[case]
    with pytest.raises(BayesimputeError) as error:
        make()
    assert finding in str(error.value)


def test_a_view_can_be_shifted_again_saved_and_loaded(tmp_path: Any) -> None:
    once = plain().adjusted(shift(1.0), shift(2, scale="ratio"))
    twice = once.adjusted(shift("arm"))
    gone = trial()["y"].isna().to_numpy()
    for a, b, c in zip(plain(), once, twice, strict=True):
        np.testing.assert_allclose(b["y"][gone], 2 * (a["y"][gone] + 1))
        np.testing.assert_allclose(c["y"][gone], 2 * (a["y"][gone] + 1 + trial()["arm"][gone]))
    twice.save(tmp_path / "twice.nc")
    again = bi.load(tmp_path / "twice.nc")
    pd.testing.assert_frame_equal(again.completed(3), twice.completed(3))
    added = again.add(2, progress=False)
    longer = plain().add(2, progress=False)
    for k in range(added.m):
        expected = 2 * (longer.completed(k)["y"][gone] + 1 + trial()["arm"][gone])
        np.testing.assert_allclose(added.completed(k)["y"][gone], expected)


def believing(prior: str, other: str | None = None) -> bi.MultiplyImputed:
    more = () if other is None else (bi.Assumption(name="e", prior=other, correlation={"d": 0.5}),)
    assumptions = (bi.Assumption(name="d", prior=prior), *more)
    both = "d * (arm == 1)" + ("" if other is None else " + e * (arm == 0)")
    return run_of("y ~ arm + x", assumptions=assumptions, adjustments=(shift(both, propagate=False),))


def test_the_prior_probability_that_the_conclusion_holds() -> None:
    made = believing("Normal(-1, 0.7)")
    found = vary(made, over={"d": "-5:3:0.5"}, term="arm", tip="estimate")
    tip = found.tips.set_index("direction").loc["down", "tip"]
    expected = stats.norm(-1, 0.7).sf(tip)
    seen = found.tips["probability"].iloc[0]
    assert abs(seen - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000) + 1e-3
    assert f"probability {seen:.2f}" in " ".join(found.messages)
    narrow = vary(made, over={"d": "-1:1:0.5"}, term="arm", tip="estimate")
    assert "probability" not in narrow.tips and "widen it" in " ".join(narrow.messages)


@pytest.mark.slow
def test_of_two_assumptions_the_prior_lies_over_the_map() -> None:
    made = believing("Normal(-1, 0.7)", "Normal(0, 0.5)")
    found = vary(made, over={"d": [-5, 0, 1, 3], "e": [-3, 0, 1, 3]}, term="arm", tip="estimate")
    grid = found.dataset["estimate"].sel(term="arm")
    slope_d = float(grid.sel(d=1, e=0) - grid.sel(d=0, e=0))
    slope_e = float(grid.sel(d=0, e=1) - grid.sel(d=0, e=0))
    mean = float(grid.sel(d=0, e=0)) - slope_d
    sd = np.sqrt((slope_d * 0.7) ** 2 + (slope_e * 0.5) ** 2 + 2 * 0.5 * slope_d * slope_e * 0.35)
    expected = stats.norm.cdf(mean / sd)
    (row,) = found.tips.to_dict("records")
    assert row["axis"] == "d x e"
    assert abs(row["probability"] - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000) + 2e-3
    figure = plot_sensitivity(found)
    assert len(figure.axes) == 2 and figure.axes[0].get_xlabel() == "d"


def test_pictures_of_one_axis_and_of_the_one_that_all_share() -> None:
    added = vary(plain(), over={"d": "-4:0:1"}, term="arm", adjustments=[shift("d * arm")])
    ax = plot_sensitivity(added).axes[0]
    assert ax.get_xlabel() == "d"
    lines = [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"]
    np.testing.assert_allclose(lines, added.tips["tip"].dropna())
    shared = plot_sensitivity(added, x="missing_minus_observed").axes[0]
    np.testing.assert_allclose(shared.get_lines()[0].get_xdata(), added.assumed["missing_minus_observed"])
    with pytest.raises(bi.InputError, match="x: 'p' is not known"):
        plot_sensitivity(added, x="p")
    with pytest.raises(bi.InputError, match="no sensitivity analysis"):
        plot_sensitivity(added, name="q")


def test_a_report_says_what_was_assumed_and_varied() -> None:
    made = plain().adjusted(shift("-1"))
    found = vary(plain(), over={"d": "-4:0:1"}, term="arm", adjustments=[shift("d * arm")])
    text = made.report(sensitivities=found)
    assert [line for line in text.splitlines() if line.startswith("# ")] == ["# Plan", "# Examine", "# Report"]
    assert "y adjusted by -1 (predictor" in text and "Tompsett et al. 2018" in text
    assert f"tips at d = {found.tips['tip'].iloc[0]:.4g}" in text and "Why the assumptions that were varied" in text
    assert "Sensitivity" not in plain().report() and "Assumptions" not in plain().report()


def test_a_report_says_what_is_held_at_an_assumption() -> None:
    held = bi.Conditional.of("y ~ arm + x", priors={"arm": "psi"})
    run = bi.impute(
        trial()[["arm", "x", "y"]],
        bi.Plan.of([held], assumptions=[bi.Assumption(name="psi", value=1.735)]).with_run(**SETTINGS),
        seed=1,
        progress=False,
    )
    text = run.report()
    assert "`arm` of the model of y is psi" in text and "psi = 1.735" in text


def test_what_was_written_can_be_read(tmp_path: Path) -> None:
    found = vary(plain(), over={"d": [-4, 0]}, term="arm", adjustments=[shift("d * arm")])
    again = bi.Sensitivities.from_json_dict(json.loads(json.dumps(found.to_json_dict())))
    pd.testing.assert_frame_equal(again.table, found.table, check_dtype=False)
    assert again.axes == found.axes and again.origins == found.origins
    with pytest.raises(bi.InputError, match="sensitivities: these are no"):
        bi.Sensitivities.from_json_dict({"table": 3})
