"""The verdict: on chains whose behaviour is known, and on runs of every shape."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm, rankdata

from bayesimpute.analysis.estimates import Estimate
from bayesimpute.base.errors import Outcome
from bayesimpute.data.simulation import simulate_school
from bayesimpute.diagnosis.diagnosis import Diagnosis, diagnose
from bayesimpute.diagnosis.remedies import mixing
from bayesimpute.imputed import MultiplyImputed, impute
from bayesimpute.numerics.chains import ESS, R_HAT, Verdict, autocorrelation
from bayesimpute.plan.options import Run
from bayesimpute.plan.plan import Plan
from bayesimpute.pooling import Analyses

Fill = Callable[[np.random.Generator, str], np.ndarray]


def quick(**settings: Any) -> MultiplyImputed:
    """A run of the null sampler: popular with group-specific effects, and sex, yes/no, with one missing cell."""
    data = simulate_school(3, clusters=10, size=6)
    incomplete = data.complete.assign(popular=data.incomplete["popular"])
    incomplete["sex"] = incomplete["sex"].mask(incomplete.index == 7)
    formulas = ["popular ~ sex + texp + (1 + sex | school)", "sex ~ popular + extrav"]
    run = Run(**{"sampler": "prior", "m": 8, "chains": 4, "warmup": 2, "sweeps": 8, **settings})
    return impute(incomplete, Plan.of(formulas, run=run), seed=1, progress=False)


@pytest.fixture(scope="module")
def short() -> MultiplyImputed:
    return quick()


def chains_of(
    imputed: MultiplyImputed, fill: Fill, *, chains: int = 4, draws: int = 500, thin: int = 25
) -> MultiplyImputed:
    """The same run with other chains: every parameter, and mean and SD of imputed values, is ``fill(rng, name)``."""
    rng = np.random.default_rng(11)
    groups = imputed.tree.to_dict()

    def filled(dataset: xr.Dataset) -> xr.Dataset:
        made = {
            name: (("chain", "draw"), fill(rng, str(v.attrs.get("name", name))), v.attrs) for name, v in dataset.items()
        }
        return xr.Dataset(made)

    for path in groups:
        if path.startswith("/posterior/") or path == "/chains":
            groups[path] = filled(groups[path])
    groups["/events"] = groups["/events"].isel(event=slice(0))  # such as that values drawn from priors are far off
    stats = groups["/sample_stats"]
    shape = (chains, draws, stats.sizes["step"])
    zeros = {name: (("chain", "draw", "target"), np.full(shape, 1.0 if name == "steps" else 0.0)) for name in stats}
    groups["/sample_stats"] = xr.Dataset(zeros, coords={"step": stats["step"]})
    root = groups["/"].copy()
    schedule = {"m": chains * (draws // thin), "chains": chains, "base": 10, "sweeps": draws, "thin": thin}
    root.attrs = {**root.attrs, "schedule": json.dumps(schedule), "sweeps_done": json.dumps([10 + draws] * chains)}
    groups["/"] = root
    return MultiplyImputed(xr.DataTree.from_dict(groups))


def fresh(rng: np.random.Generator, name: str) -> np.ndarray:
    """Independent draws, the same in all chains."""
    del name
    return rng.normal(size=(4, 500))


def slow(rho: float) -> Fill:
    """First-order autoregressive chains that start in equilibrium."""

    def fill(rng: np.random.Generator, name: str) -> np.ndarray:
        del name
        series = rng.normal(size=(4, 500))
        for t in range(1, 500):
            series[:, t] = rho * series[:, t - 1] + np.sqrt(1 - rho**2) * series[:, t]
        return series

    return fill


def split_r_hat(values: np.ndarray) -> float:
    """Rank-normalised split R-hat, bulk and folded, from Vehtari et al. (2021), equations 1 to 14."""

    def basic(x: np.ndarray) -> float:
        z = norm.ppf((rankdata(x).reshape(x.shape) - 0.375) / (x.size + 0.25))
        n = z.shape[1]
        between, within = n * z.mean(axis=1).var(ddof=1), z.var(axis=1, ddof=1).mean()
        return float(np.sqrt(((n - 1) / n * within + between / n) / within))

    half = values.shape[1] // 2
    split = np.concatenate([values[:, :half], values[:, -half:]])
    return max(basic(split), basic(np.abs(split - np.median(split))))


# The verdict on known chains -----------------------------------------------------------------------------------------


def test_independent_draws_have_converged(short: MultiplyImputed) -> None:
    found = diagnose(chains_of(short, fresh))
    assert found.converged is True and found.reasons == () and found.sentence == Outcome.CONVERGED.value
    assert found.divergences == 0
    assert set(found.parameters["target"]) == {"popular", "sex"}
    assert list(found.imputed["statistic"]) == ["mean", "sd"] * 2


def test_figures_are_those_of_the_definitions(short: MultiplyImputed) -> None:
    imputed = chains_of(short, slow(0.3))
    found = diagnose(imputed)
    for row in found.parameters.itertuples():
        posterior = imputed.draws(str(row.target))
        values = next(v.values for v in posterior.values() if v.attrs["name"] == row.parameter)
        assert row.mean == pytest.approx(values.mean()) and row.sd == pytest.approx(values.std(ddof=1))
        assert row.r_hat == pytest.approx(split_r_hat(values), rel=1e-9)
        # the MCSE of a mean is SD / √ESS, with the ESS of the values and not of their ranks: near the bulk ESS only
        assert 0.8 < row.mcse * np.sqrt(row.ess_bulk) / row.sd < 1.25


def test_a_chain_elsewhere_is_named_with_its_parameter(short: MultiplyImputed) -> None:
    def fill(rng: np.random.Generator, name: str) -> np.ndarray:
        return fresh(rng, name) + (np.arange(4)[:, None] == 2) * (3.0 if name == "1|school_sigma" else 0.0)

    found = diagnose(chains_of(short, fill))
    assert found.verdict == Verdict.REFUSED and found.sentence == Outcome.NOT_CONVERGED.value
    (r_hat,) = [r for r in found.reasons if "R-hat" in r]
    assert r_hat.startswith("popular: ") and "1|school_sigma" in r_hat and "simpler random part" in r_hat
    worst = found.parameters.set_index("parameter")["r_hat"]
    assert worst.idxmax() == "1|school_sigma" and worst.max() > R_HAT
    assert not any("sex: " in r for r in found.reasons)


def test_too_little_information_asks_for_more_sweeps(short: MultiplyImputed) -> None:
    found = diagnose(chains_of(short, slow(0.9)))
    low = [r for r in found.reasons if "ESS" in r]
    assert found.verdict == Verdict.NEARLY and found.converged is False and found.reasons == tuple(low)
    assert all("run.sweeps" in r and "instead of 500" in r for r in low)
    assert f"About {found.more} more sweeps would do" in found.sentence
    assert found.parameters["ess_bulk"].max() < ESS
    # 2000 draws with autocorrelation .9 are worth 2000 (1 − .9) / (1 + .9) = 105: four times as many give 400
    wanted = [int(r.split("about ")[1].split()[0]) for r in low]
    assert all(1500 < w <= 5000 for w in wanted)


def test_where_more_sweeps_are_no_remedy_there_is_another(short: MultiplyImputed) -> None:
    found = diagnose(chains_of(short, slow(0.9)))
    none = found.imputed.iloc[:0]
    scarce = found.parameters.assign(r_hat=1.0, ess_bulk=10.0, ess_half=5.0)
    near, far = (mixing(scarce, none, 500, wanted) for wanted in (2500, 25_000))
    assert near and all("give more sweeps, about 2500 instead of 500" in r for r in near)
    assert far and all("more sweeps alone will hardly do, for about 25,000 instead of 500" in r for r in far)
    assert all("narrower prior" in r for r in far)
    cells = found.imputed.assign(r_hat=1.0, ess_bulk=10.0, ess_half=5.0)
    near, held = (mixing(scarce.iloc[:0], cells, 500, wanted) for wanted in (2500, 25_000))
    assert held and all("nearly determine each other" in r for r in held)
    assert not any("nearly determine each other" in r for r in [*far, *near])
    apart = mixing(scarce.assign(r_hat=2.0, chance=0.0), none, 500, 25_000)
    assert not any("instead of 500" in r for r in apart)  # chains that have not met do not say how many would do
    stuck = cells.assign(r_hat=3.0, chance=0.0)  # a number that two others determine, missing in their rows
    there, moving = (mixing(scarce.iloc[:0], stuck.assign(ess_bulk=ess), 500, 25_000) for ess in (5.0, 100.0))
    assert any("nearly determine each other" in r for r in there)
    assert not any("nearly determine each other" in r for r in moving)


def test_chains_that_each_stand_still_somewhere_else(short: MultiplyImputed) -> None:
    found = diagnose(chains_of(short, lambda rng, name: np.repeat(rng.normal(size=(4, 1)), 500, axis=1)))
    assert found.verdict == Verdict.REFUSED
    assert any("R-hat is up to over 100" in r for r in found.reasons)


def test_a_parameter_that_never_moves_is_a_reason_an_imputed_value_is_not(short: MultiplyImputed) -> None:
    def fill(rng: np.random.Generator, name: str) -> np.ndarray:
        return np.zeros((4, 500)) if name in ("sigma", "sex_sd") else fresh(rng, name)

    found = diagnose(chains_of(short, fill))
    assert [r for r in found.reasons if "sigma never moved" in r] == list(found.reasons)
    row = found.imputed.set_index(["target", "statistic"]).loc[("sex", "sd")]
    assert row["mean"] == 0 and row["still"] == 4 and row.drop(["mean", "still"]).isna().all()


def test_few_divergences_are_reported_and_many_fail(short: MultiplyImputed) -> None:
    for share, converged in ((0.0005, True), (0.01, False)):
        imputed = chains_of(short, fresh)
        stats = imputed.tree["sample_stats"]["divergences"]
        stats.values[0, : round(share * stats.size), 0] = 1
        found = diagnose(imputed)
        assert found.converged is converged
        assert found.divergences == round(share * stats.size) and found.transitions == stats.size
        assert f"{found.divergences} of {stats.size} transitions" in found.summary
        assert bool(found.reasons) is not converged


def test_the_imputations_must_be_far_enough_apart(short: MultiplyImputed) -> None:
    close, far = (diagnose(chains_of(short, slow(0.8), thin=thin)) for thin in (2, 25))
    (reason,) = [r for r in close.reasons if "depend on each other" in r]
    assert "imputed values" in reason and "more sweeps" in reason and close.verdict == Verdict.NEARLY
    assert not any("depend on each other" in r for r in far.reasons)
    error = close.imputed["autocorrelation"] - 0.8**2
    assert (error.abs() < 4 * close.imputed["autocorrelation_se"]).all()


# Shapes of runs ------------------------------------------------------------------------------------------------------


def test_the_scheme_of_mice_has_too_few_draws_to_tell() -> None:
    found = quick(m=5, chains=5, warmup=3, sweeps=1).diagnose()
    assert found.converged is None and found.sentence == Outcome.UNDECIDED.value
    assert any("too few draws to tell: 1 kept sweep a chain" in r for r in found.reasons)
    assert found.parameters["r_hat"].isna().all() and found.parameters["mean"].notna().all()
    assert json.loads(json.dumps(found.to_json_dict(), allow_nan=False))["converged"] is None


def test_one_chain_is_judged_by_its_halves(short: MultiplyImputed) -> None:
    def drifting(rng: np.random.Generator, name: str) -> np.ndarray:
        del name
        return rng.normal(size=(1, 2000)) + np.linspace(0, 2, 2000)

    steady = chains_of(short, lambda rng, name: rng.normal(size=(1, 2000)), chains=1, draws=2000, thin=100)
    assert diagnose(steady).converged is True
    found = diagnose(chains_of(short, drifting, chains=1, draws=2000, thin=100))
    assert found.verdict == Verdict.REFUSED and any("R-hat" in r for r in found.reasons)


def test_a_single_missing_cell_of_a_yes_no_variable_does_no_harm(short: MultiplyImputed) -> None:
    found = short.diagnose()
    rows = found.imputed.set_index(["target", "statistic"])
    assert rows.loc[("sex", "sd"), "mean"] == 0 and np.isnan(rows.loc[("sex", "sd"), "r_hat"])
    assert 0 <= rows.loc[("sex", "mean"), "mean"] <= 1
    assert not any("sex, imputed values" in r and "sd" in r for r in found.reasons)


def test_a_run_that_was_stopped_is_judged_by_what_all_chains_have(short: MultiplyImputed) -> None:
    imputed = chains_of(short, fresh)
    tree = imputed.tree.copy(deep=True)
    for path in ("chains", "posterior/popular", "posterior/sex", "sample_stats"):
        for variable in tree[path].data_vars.values():
            variable.values[3, 400:] = np.nan
    tree.attrs["sweeps_done"] = json.dumps([510, 510, 510, 410])
    found = diagnose(MultiplyImputed(tree))
    assert found.parameters["r_hat"].notna().all()
    first = imputed.draws("popular")["sigma"].values[:, :400]
    assert found.parameters.set_index("parameter").loc["sigma", "mean"] == pytest.approx(first.mean())


def test_nothing_to_fit_is_nothing_to_judge() -> None:
    frame = pd.DataFrame({"g": [1, 1, 1, 2, 2, 2], "x": [1.0, 1.0, None, 2.0, None, 2.0], "y": [1.0, 2, 3, 4, 5, 7]})
    plan = Plan.of("x ~ cluster_mean(y, g) + (1 | g)", run=Run(sampler="prior", m=2, chains=2, warmup=1, sweeps=2))
    plan = Plan.of(plan.conditionals[0], run=plan.run)
    found = impute(frame, plan, seed=1, progress=False).diagnose()
    assert found.converged is True and len(found.parameters) == len(found.imputed) == 0
    judged = {"converged": True, "verdict": "converged", "more": 0, "reasons": []}
    assert found.to_json_dict() == {**judged, "divergences": 0, "parameters": [], "imputed": [], "systematic": []}


# The analyses' estimates ---------------------------------------------------------------------------------------------


def analyses(values: np.ndarray, chains: int) -> Analyses:
    """One term a column of `values`, shape (m, k)."""
    terms = tuple(f"b{j}" for j in range(values.shape[1]))
    fits = (Estimate(terms=terms, estimates=row, covariance=np.eye(len(row))) for row in values)
    return Analyses(tuple(fits), chains=chains)


def test_estimates_are_taken_chain_by_chain(short: MultiplyImputed) -> None:
    rng = np.random.default_rng(2)
    chains, rounds = 4, 60
    series = rng.normal(size=(chains, rounds))
    for t in range(1, rounds):
        series[:, t] = 0.9 * series[:, t - 1] + np.sqrt(1 - 0.81) * series[:, t]
    values = np.column_stack([series.T.ravel(), rng.normal(size=chains * rounds)])  # imputation k: chain k mod chains
    found = diagnose(chains_of(short, fresh), analyses=[analyses(values, chains), analyses(values[:, 1:], chains)])
    assert list(found.estimates["analysis"]) == [1, 1, 2] and list(found.estimates["term"]) == ["b0", "b1", "b0"]
    assert found.estimates["autocorrelation"].iloc[0] > 0.7
    assert (
        found.estimates["autocorrelation"].iloc[1:].abs() < 4 * found.estimates["autocorrelation_se"].iloc[1:]
    ).all()
    assert (
        found.verdict == Verdict.NEARLY
        and found.more > 500
        and "b0" in found.reasons[0]
        and "analysis's estimates" in found.reasons[0]
    )


def test_few_imputations_cannot_fail_by_chance(short: MultiplyImputed) -> None:
    rng = np.random.default_rng(5)
    verdicts = [
        diagnose(chains_of(short, fresh), analyses=[analyses(rng.normal(size=(20, 4)), 4)]).converged for _ in range(5)
    ]
    assert verdicts == [True] * 5


@pytest.mark.parametrize(("m", "chains"), [(5, 5), (3, 4), (7, 3)])
def test_numbers_of_imputations_that_do_not_fill_the_chains(short: MultiplyImputed, m: int, chains: int) -> None:
    values = np.random.default_rng(1).normal(size=(m, 1))
    found = diagnose(chains_of(short, fresh), analyses=[analyses(values, chains)]).estimates
    pairs = m - chains
    if pairs <= 0:
        assert found["autocorrelation"].isna().all()
    else:
        centred = values[:, 0] - values.mean()
        expected = np.mean(centred[chains:] * centred[:-chains]) / np.mean(centred**2)
        assert found["autocorrelation"].iloc[0] == pytest.approx(expected)
        assert found["autocorrelation_se"].iloc[0] == pytest.approx(1 / np.sqrt(pairs))


def test_the_standard_error_of_an_autocorrelation_is_its_spread() -> None:
    rng = np.random.default_rng(8)
    found = np.array([autocorrelation(rng.normal(size=(4, 10)), 1) for _ in range(2000)])
    spread, stated = found[:, 0].std(), found[:, 1].mean()
    # centring on the common mean of 40 values takes a share of about 1/40 from it; the spread has an error of 1/√4000
    assert spread == pytest.approx(stated, rel=2 / 40 + 4 / np.sqrt(4000))


def test_what_never_varies_has_no_autocorrelation() -> None:
    assert np.isnan(autocorrelation(np.full((3, 9), 0.1), 1)).all()
    assert np.isnan(autocorrelation(np.full((3, 9), np.nan), 1)).all()
    assert np.isnan(autocorrelation(np.random.default_rng(1).normal(size=(3, 4)), 4)).all()


# What is shown -------------------------------------------------------------------------------------------------------


def test_json_has_the_documented_keys(short: MultiplyImputed) -> None:
    found = json.loads(json.dumps(short.diagnose().to_json_dict(), allow_nan=False))
    figures = ["divergences", "parameters", "imputed", "systematic"]
    assert list(found) == ["converged", "verdict", "more", "reasons", *figures]
    assert list(found["parameters"][0]) == [
        "target",
        "parameter",
        "mean",
        "sd",
        "r_hat",
        "chance",
        "ess_bulk",
        "ess_tail",
    ]
    assert list(found["imputed"][0]) == ["target", "statistic", "mean", "r_hat", "chance", "ess_bulk"]


def test_a_remedy_that_reasons_share_stands_once(short: MultiplyImputed) -> None:
    found = diagnose(chains_of(short, slow(0.9)))
    (remedy,) = {reason.partition("; ")[2] for reason in found.reasons}
    assert len(found.reasons) > 3 and found.summary.count(remedy) == 1
    assert all(f"- {reason.partition('; ')[0]}\n" in found.summary for reason in found.reasons)
    assert f"  for these {len(found.reasons)}: {remedy}" in found.summary


def test_the_text_has_verdict_reasons_and_every_row(short: MultiplyImputed) -> None:
    found = short.diagnose()
    text = str(found)
    assert isinstance(found, Diagnosis) and text.startswith(found.sentence)
    assert all(part in text for reason in found.reasons for part in reason.split("; ", 1))
    assert all(name in text for name in found.parameters["parameter"])
