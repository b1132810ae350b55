"""The nine workflows of an analyst whose values may be missing not at random, written as a user writes them.

Small data and short chains: what is tested is that the interface gives what it promises, from a plan's text, and that
the answers go where the assumptions push them.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import bayesimpute as bi
from bayesimpute.__main__ import main

SHORT = {"m": 10, "chains": 2, "warmup": 20, "sweeps": 20, "sampler": "gibbs", "steps": 2}


@cache
def trial() -> pd.DataFrame:
    """Two arms, a base value, a continuous and a yes/no outcome with gaps; eight centres."""
    rng = np.random.default_rng(11)
    n = 240
    f = pd.DataFrame({"centre": np.repeat(np.arange(8), 30), "arm": np.tile(["placebo", "drug"], n // 2)})
    f["base"] = rng.normal(size=n)
    centre = rng.normal(0, 0.6, 8)[f["centre"]]
    f["y"] = 1 + 0.6 * (f["arm"] == "drug") + 0.5 * f["base"] + centre + rng.normal(size=n)
    f["cured"] = rng.random(n) < expit(0.3 * f["base"] + 0.5 * (f["arm"] == "drug"))
    f["y"] = f["y"].mask(rng.random(n) < 0.3)
    f["cured"] = f["cured"].astype(float).mask(rng.random(n) < 0.2)
    return f


def impute(text: str, frame: pd.DataFrame, **options: Any) -> bi.MultiplyImputed:
    plan = bi.Plan.from_toml(f"schema = 1\n{text}")
    assert bi.Plan.from_toml(plan.to_toml()) == plan
    assert not [p for p in bi.check(plan, frame) if p.severity.value == "error"]
    return bi.impute(frame, plan.with_run(**SHORT | options), seed=3, progress=False)


NARFCS = """
[[assumption]]
name = "down"
value = -1.5
[[assumption]]
name = "odds"
[[adjustment]]
target = "y"
shift = "down"
[[adjustment]]
target = "cured"
shift = "odds"
scale = "logit"
[[conditional]]
formula = "y ~ arm + base + cured + observed(cured)"
[[conditional]]
target = "cured"
family = "bernoulli"
formula = "cured ~ arm + base + y + observed(y)"
[[analysis]]
name = "main"
formula = "y ~ arm + base"
[[analysis]]
name = "cure"
formula = "cured ~ arm"
family = "bernoulli"
"""


def test_1_narfcs_with_two_targets() -> None:
    """Shifts in the loop: the imputations of each follow those of the other."""
    made = impute(NARFCS, trial())
    assert not [p for p in bi.check(made.plan, trial()) if "Tompsett" in p.remedy]
    gap = made.sensitivity("cure", over={"odds": [-2, 0]}, by="arm", progress=False)
    assert set(gap.table["how"]) == {"rerun"}
    moved = gap.assumed[(gap.assumed["target"] == "y") & (gap.assumed["arm"] == "all rows")].set_index("odds")["moved"]
    assert moved[0] == 0 and abs(moved[-2]) < 1  # y's shift is the same at both; it follows cured
    rates = gap.assumed[(gap.assumed["target"] == "cured") & (gap.assumed["arm"] != "all rows")]
    assert set(rates["arm"]) == {"drug", "placebo"} and (rates.loc[rates["odds"] == -2, "moved"] < -0.2).all()
    means = [f.loc[trial()["y"].isna(), "y"].mean() for f in made]
    assert np.mean(means) - trial()["y"].mean() < -1
    report = made.report(sensitivities=gap)
    assert "# Plan" in report and "y adjusted by down" in report


ELICITED = """
[[assumption]]
name = "drug"
prior = "Normal(-1, 0.5)"
correlation.placebo = 0.6
[[assumption]]
name = "placebo"
prior = "Normal(-0.5, 0.5)"
[[adjustment]]
target = "y"
shift = "drug * (arm == 'drug') + placebo * (arm == 'placebo')"
[[conditional]]
formula = "y ~ arm + base + (1 | centre)"
[[analysis]]
name = "main"
formula = "y ~ arm + base + (1 | centre)"
[[sensitivity]]
name = "map"
of = "main"
term = "arm[placebo]"
over.drug = "-4:2:1"
over.placebo = "-4:2:2"
"""


@cache
def elicited() -> bi.MultiplyImputed:
    return impute(ELICITED, trial(), m=20)


def test_2_elicited_priors_by_arm() -> None:
    """Each imputation has a draw of each arm's shift; what that adds to the variance is told."""
    made = elicited()
    (said,) = [m for m in made.pool().messages if m.startswith("of the total variance")]
    assert "the priors of drug, placebo make" in said and "arm[placebo]" in said
    means = [f.loc[trial()["y"].isna() & (trial()["arm"] == "drug"), "y"].mean() for f in made]
    narrow = made.sensitivity("main", term="arm[placebo]", over={"drug": [-1], "placebo": [-0.5]}, progress=False)
    wide = made.pool().terms.set_index("term").loc["arm[placebo]", "std_error"]
    assert narrow.table["std_error"].iloc[0] < wide and np.std(means) > 0.3
    assert "Normal(-1, 0.5)" in made.report()


def test_3_a_one_way_tipping_point() -> None:
    made = impute('[[conditional]]\nformula = "y ~ arm + base"', trial())
    shift = bi.Adjustment(target="y", shift="d * (arm == 'drug')")
    found = made.sensitivity(
        "y ~ arm + base", term="arm[placebo]", over={"d": "-3:3:0.5"}, adjustments=[shift], progress=False
    )
    tips = found.tips.set_index("direction")
    assert -3 < tips.loc["down", "tip"] < 0 and tips.loc["up", "message"].startswith("does not tip")
    assert tips.loc["down", "missing_minus_observed"] < 0 < tips.loc["down", "mc_error"]
    at_tip = made.adjusted(bi.Adjustment(target="y", shift=f"{tips.loc['down', 'tip']:.9f} * (arm == 'drug')"))
    edge = at_tip.pool("y ~ arm + base").terms.set_index("term").loc["arm[placebo]", "conf_high"]
    assert edge == pytest.approx(0, abs=1e-4)
    assert "is worth one standard error" in " ".join(found.messages)
    assert bi.plot_sensitivity(found).axes


@pytest.mark.slow
def test_4_a_two_way_map_under_the_prior(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line, with a picture and a file that the report takes."""
    run, out = tmp_path / "run.nc", tmp_path / "found.json"
    elicited().save(run)
    assert main(["sensitivity", str(run), "--plot", str(tmp_path / "plots"), "--out", str(out), "--no-progress"]) in (
        0,
        3,
    )
    found = bi.Sensitivities.from_json_dict(json.loads(out.read_text()))
    assert dict(found.dataset.sizes) == {"drug": 7, "placebo": 4, "term": 1}
    assert 0 <= found.tips["probability"].iloc[0] <= 1 and found.tips["axis"].iloc[0] == "drug x placebo"
    assert (tmp_path / "plots" / "sensitivity_map.png").stat().st_size > 1000
    capsys.readouterr()
    assert main(["report", str(run), "--with", str(out)]) in (0, 3)
    assert "probability" in capsys.readouterr().out


SURVEY = """
[[conditional]]
target = "hiv"
{options}
formulas.mu = "hiv ~ age + C(region)"
{selection}
[[estimand]]
name = "prevalence"
variable = "hiv"
statistic = "proportion"
"""
SELECTION = 'formulas.selection = "tested ~ age + C(region) + (1 | interviewer)"'


@cache
def survey() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 600
    f = pd.DataFrame({"region": np.repeat([1, 2, 3], n // 3), "interviewer": np.arange(n) % 20})
    f["age"] = rng.normal(size=n)
    error = rng.normal(size=(2, n))
    u = rng.normal(0, 0.8, 20)[f["interviewer"]]
    f["tested"] = (0.8 + 0.2 * f["age"] + u + error[0] > 0).astype(int)
    hiv = -0.8 + 0.3 * f["age"] - 0.6 * error[0] + 0.8 * error[1] > 0
    return f.assign(hiv=hiv.astype(float).where(f["tested"] == 1))


def test_5_a_survey_by_selection_and_delta() -> None:
    """Refusers by a fixed correlation, by a prior, and by log-odds: side by side over the one axis that they share."""
    frame = survey()
    options = 'family = "heckman_probit"'
    free = impute(SURVEY.format(options=options, selection=SELECTION), frame, sampler="auto")
    rho = free.sensitivity("prevalence", over={"conditional[hiv].rho": [-0.6, 0]}, progress=False)
    mar = impute(SURVEY.format(options='family = "bernoulli"', selection=""), frame)
    one = bi.Adjustment(target="hiv", shift="d", scale="logit")
    each = bi.Adjustment(target="hiv", shift="d * (region == 1)", scale="logit")
    delta, of_one = (
        mar.sensitivity("prevalence", over={"d": [0, 1]}, adjustments=[a], progress=False) for a in (one, each)
    )
    both = bi.Sensitivities.together({"rho": rho, "delta": delta, "delta in region 1": of_one})
    assert list(both.axes) == ["rho", "delta", "delta in region 1"] and set(both.table["name"]) == set(both.axes)
    moved = both.table.set_index("name").groupby("name")["estimate"].agg(lambda e: e.iloc[-1] - e.iloc[0])
    assert moved["rho"] < 0 < moved["delta in region 1"] < moved["delta"]
    figure = bi.plot_sensitivity(both, x="missing_minus_observed")
    assert len(figure.axes[0].get_legend().get_texts()) == 3
    again = bi.Sensitivities.from_json_dict(json.loads(json.dumps(both.to_json_dict())))
    assert again.axes == both.axes
    with pytest.raises(bi.InputError, match="rho has several analyses"):
        bi.Sensitivities.together({"rho": both})


@pytest.mark.slow
@pytest.mark.parametrize("copula", ["frank", "clayton", "gumbel", "joe"])
def test_5_a_survey_with_other_copulas(copula: str) -> None:
    options = f'family = "heckman_probit"\ncopula = "{copula}"\ntau = -0.3'
    made = impute(SURVEY.format(options=options, selection=SELECTION), survey(), sampler="auto", warmup=100, sweeps=100)
    refused = survey()["hiv"].isna()
    rates = [f.loc[refused, "hiv"].mean() for f in made]
    assert np.mean(rates) > survey()["hiv"].mean()
    over = {"conditional[hiv].tau": [-0.3, -0.1]}
    found = made.sensitivity(bi.Estimand(name="rate", variable="hiv"), over=over, progress=False).table
    assert found["difference"].notna().all()  # from the normal copula at 0
    assert found["estimate"].is_monotonic_decreasing


VISITS = """
[time]
subject = "id"
order = "week"
[[assumption]]
name = "psi"
value = {psi}
[[conditional]]
formula = "y ~ C(week) + arm + C(week):arm + (1 | id)"
[[substantive]]
formula = "dropout(y) ~ y + lag(y) + arm"
family = "bernoulli"
priors.y = "psi"
[[analysis]]
name = "last"
formula = "y ~ arm"
where = "week == 3"
"""


@cache
def visits() -> pd.DataFrame:
    """Three visits of 120 patients, of whom those with high values leave."""
    rng = np.random.default_rng(5)
    n, weeks = 120, 3
    arm, u = np.arange(n) % 2, rng.normal(size=n)
    y = u[:, None] + 0.4 * np.arange(weeks) * (1 + arm[:, None]) + rng.normal(0, 0.7, (n, weeks))
    for t in range(1, weeks):
        leaves = rng.random(n) < expit(-2 + 0.9 * y[:, t])
        y[:, t] = np.where(leaves | np.isnan(y[:, t - 1]), np.nan, y[:, t])
    frame = pd.DataFrame({"id": np.repeat(np.arange(n), weeks), "week": np.tile(np.arange(1, weeks + 1), n)})
    return frame.assign(arm=np.repeat(arm, weeks), y=y.ravel())


def test_6_diggle_and_kenward_with_dropout() -> None:
    made = impute(VISITS.format(psi=0.9), visits())
    found = made.sensitivity("last", term="arm", over={"psi": [0, 0.9]}, progress=False)
    assert found.origins == {"last": {"psi": 0.0}} and set(found.table["how"]) == {"rerun"}
    gaps = found.assumed.set_index("psi")["missing_minus_observed"]
    assert gaps[0.9] > gaps[0] + 0.3
    assert made.pool().terms["estimate"].notna().all()
    # a shift instead, on the run without the model of dropout
    shift = bi.Adjustment(target="y", shift="d", where="since_dropout(y) > 0")
    instead = made.sensitivity("last", over={"d": [0, 1]}, adjustments=[shift], base="mar", progress=False)
    assert set(instead.table["how"]) == {"applied"}
    both = bi.Sensitivities.together({"dropout": found, "delta": instead})
    assert list(both.axes) == ["dropout", "delta"]


STUDIES = """
[[assumption]]
name = "whole"
[[adjustment]]
target = "bp"
shift = "whole * systematic(bp, study)"
[[conditional]]
formula = "bp ~ age + (1 | study)"
[[analysis]]
name = "main"
formula = "bp ~ age + (1 | study)"
"""


def test_7_deltas_of_whole_studies() -> None:
    """Studies that never measured it differ by so much; sporadic gaps of the others are left alone."""
    rng = np.random.default_rng(1)
    study, age = np.repeat(np.arange(10), 20), rng.normal(size=200)
    frame = pd.DataFrame(
        {"study": study, "age": age, "bp": 10 + age + rng.normal(size=10)[study] + rng.normal(size=200)}
    )
    frame.loc[(study < 2) | (rng.random(200) < 0.1), "bp"] = np.nan
    made = impute(STUDIES, frame)
    found = made.sensitivity("main", term="Intercept", over={"whole": [0, 5]}, progress=False)
    assert set(found.table["how"]) == {"applied"}
    assert (found.assumed.set_index("whole")["n_shifted"] == [0, 40]).all()
    by = made.adjusted(bi.Adjustment(target="bp", shift="5 * systematic(bp, study)"))
    change = by.completed(0)["bp"] - made.completed(0)["bp"]
    np.testing.assert_allclose(change, np.where(study < 2, 5.0, 0.0))


GAPS = """
[time]
subject = "id"
order = "week"
[[assumption]]
name = "slope"
value = -1
[[adjustment]]
target = "y"
shift = "slope * since_dropout(y) * arm"
where = "since_dropout(y) > 0"
[[conditional]]
formula = "y ~ week + arm + (1 | id)"
"""


def test_8_time_since_dropout_with_gaps_at_random() -> None:
    frame = visits().copy()
    held = frame["y"].copy()
    gap = (frame["week"] == 2) & frame["y"].shift(-1).notna() & (frame["id"] % 7 == 0)
    frame["y"] = held.mask(gap)
    without = bi.Plan.from_toml(
        "schema = 1\n"
        + GAPS.replace('where = "since_dropout(y) > 0"\n', "").replace("slope * since_dropout(y)", "slope")
    )
    assert any("say where" in p.remedy for p in bi.check(without, frame) if p.path == "adjustment[y].where")
    made = impute(GAPS, frame)
    found = made.sensitivity("y ~ week * arm + (1 | id)", over={"slope": [-1, 0]}, progress=False)
    gone = frame["y"].isna() & ~gap & (frame["arm"] == 1)
    assert found.assumed.set_index("slope").loc[-1, "n_shifted"] == gone.sum()


def cox(frame: pd.DataFrame) -> Any:
    from statsmodels.duration.hazard_regression import PHReg

    return PHReg(frame["time"], frame[["bp", "age"]], status=frame["died"], strata=frame["living"]).fit()


def test_9_a_cox_model() -> None:
    """As in the Leiden 85+ study: blood pressure is missing where it is low, the shift is in mmHg."""
    rng = np.random.default_rng(8)
    n = 300
    f = pd.DataFrame({"age": rng.normal(size=n), "living": np.arange(n) % 3})
    f["bp"] = 140 + 5 * f["age"] + 15 * rng.normal(size=n)
    time = rng.exponential(np.exp(0.02 * (f["bp"] - 140) - 0.3 * f["age"]))
    f["died"], f["time"] = (time < 1.5).astype(int), np.minimum(time, 1.5)
    f["bp"] = f["bp"].mask(rng.random(n) < expit(-1.2 - 0.06 * (f["bp"] - 140)))
    text = """
[[derived]]
name = "hazard"
expression = "nelson_aalen(time, died)"
[[assumption]]
name = "mmHg"
[[adjustment]]
target = "bp"
shift = "mmHg"
scale = "value"
[[conditional]]
formula = "bp ~ age + C(living) + died + hazard"
"""
    made = impute(text, f)
    found = made.sensitivity(cox, term="bp", over={"mmHg": "-20:0:10"}, null=0, progress=False)
    assert set(found.table["how"]) == {"applied"} and found.table["estimate"].nunique() == 3
    gaps = found.assumed.set_index("mmHg")["missing_minus_observed"]
    np.testing.assert_allclose(np.diff(gaps), 10)
    assert found.table["std_error"].gt(0).all()
