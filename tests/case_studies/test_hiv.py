"""HIV among Zambian men who may refuse the test: selection model, MAR and an exclusion variable that fails.

The known answers (``hiv_posterior.json``, ``hiv_selection.json``) are of an independent program, of the same model and
priors. Its posterior has Monte Carlo errors of its own: the two programs' draws differ by both.

"Prevalence" is there the mean of the predicted probabilities P(y = 1), over all men; :func:`_predicted` computes it
from our draws. Ours is the observed and imputed results' mean. The two agree within sampling noise; neither spread
says what other men could have been interviewed, as that of ``estimate`` does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import pytest
from case_study import Study, assert_converged, plan_of
from scipy.special import ndtr

import bayesimpute as bi
from bayesimpute.families import FAMILIES

pytestmark = pytest.mark.slow

ERRORS = 4.0
"""Monte Carlo errors that two programs may differ by: less than one in ten thousand does by chance."""
TAILS = (0.025, 0.25, 0.5, 0.75, 0.975)
FIXED = {0.0: 0, -0.4: 3, -0.8: 7}
"""Values of rho, with their rows in the profile."""
MAR = 0.1255
"""R's mice, 2l.bin by region."""


@pytest.fixture(scope="module")
def posterior(shared_reference: Path) -> Mapping[str, Any]:
    """Of the same model by another program."""
    return json.loads((shared_reference / "hiv_posterior.json").read_text())


@pytest.fixture(scope="module")
def profile(shared_reference: Path) -> pd.DataFrame:
    """The maximum of the likelihood at fixed values of rho."""
    found = json.loads((shared_reference / "hiv_selection.json").read_text())
    return pd.DataFrame(found["profile"], columns=pd.Index(found["columns"]))


@pytest.fixture(scope="module")
def heckman(study: Callable[[str], Study]) -> Study:
    """Interviewers as exclusion restriction."""
    return study("hiv_heckman")


@pytest.fixture(scope="module")
def fixed(public_data: None) -> Callable[[float], float]:
    """The prevalence, observed and imputed, with rho fixed: runs of a fifth of the length."""
    plan, frame = plan_of("hiv_heckman"), bi.load_dataset("hiv")

    @cache
    def prevalence(rho: float) -> float:
        one = plan.conditionals[0]
        family: Any = FAMILIES["heckman_probit"]()
        one = replace(one, family=replace(family, rho=rho), priors={k: v for k, v in one.priors.items() if k != "rho"})
        short = replace(plan, conditionals=(one,)).with_run(m=40, sweeps=200)
        return _mean(Study.of(short, frame).imputed)

    return prevalence


def _mean(imputed: bi.MultiplyImputed) -> float:
    """Share of positives, observed and imputed."""
    return float(np.mean([done["hiv"].mean() for done in imputed]))


def _draws(study: Study) -> dict[str, np.ndarray]:
    """Of every scalar parameter, by its name, each of shape (chain, draw)."""
    found = study.imputed.draws("hiv").values()
    return {v.attrs["name"]: v.values for v in found if v.ndim == 2}


def _predicted(study: Study) -> np.ndarray:
    """The mean over all men of P(y = 1), unconditional on consent; shape (chain, draw)."""
    frame, draws = study.frame, _draws(study)
    columns = {name: _column(frame, name) for name in draws if not name.startswith(("selection", "rho"))}
    eta = np.einsum("kcd,kn->cdn", [draws[name] for name in columns], list(columns.values()))
    return ndtr(eta).mean(axis=-1)


def _column(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The column that a coefficient belongs to."""
    if name == "Intercept":
        return np.ones(len(frame))
    variable, _, label = name.removesuffix("]").partition("[")
    if not label:
        return frame[variable].to_numpy(dtype=float)
    if variable.startswith("C("):  # of a number
        return (frame[variable[2:-1]] == float(label)).to_numpy(dtype=float)
    return (frame[variable] == label).to_numpy(dtype=float)


def _by_version(found: bi.Estimates) -> dict[str, dict[Any, Any]]:
    """What a table of estimates says of all men, by the version of the answer."""
    rows = found.table.to_dict("records")
    return {row["version"]: row for row in rows if row.get("region", "all rows") == "all rows"}


def _assert_same(draws: np.ndarray, theirs: Mapping[str, Any]) -> None:
    """Mean, SD and quantiles, within both programs' Monte Carlo errors."""
    ess = float(az.ess(draws))
    both = np.sqrt(1 + ess / theirs["ess"])  # theirs in terms of ours, as the posterior is the same
    ours = {"mean": draws.mean(), "sd": draws.std(ddof=1)}
    for name, value in ours.items():
        error = both * float(az.mcse(draws, method=name))
        assert abs(value - theirs[name]) < ERRORS * error, (name, value, theirs[name], error)
    for p in TAILS:
        value, error = np.quantile(draws, p), both * float(az.mcse(draws, method="quantile", prob=p))
        assert abs(value - theirs["quantiles"][f"{p:g}"]) < ERRORS * error, (p, value, theirs["quantiles"], error)


def test_it_converges(heckman: Study) -> None:
    assert_converged(heckman)


def test_the_correlation_is_that_of_another_program(heckman: Study, posterior: Mapping[str, Any]) -> None:
    _assert_same(_draws(heckman)["rho"], posterior["rho"])
    assert round(posterior["rho"]["mean"], 2) == -0.48


def test_the_interviewers_differ_as_they_do_there(heckman: Study, posterior: Mapping[str, Any]) -> None:
    _assert_same(_draws(heckman)["selection_1|interviewerID_sigma"], posterior["sd_interviewer"])


def test_the_predicted_prevalence_is_that_of_another_program(heckman: Study, posterior: Mapping[str, Any]) -> None:
    _assert_same(_predicted(heckman), posterior["prev"])


def test_the_imputed_prevalence_is_the_predicted_one(heckman: Study) -> None:
    """200 datasets out of 4,000 sweeps; the observed part of it differs from its prediction by sampling alone."""
    predicted = _predicted(heckman)
    each = np.array([done["hiv"].mean() for done in heckman.imputed])
    observed = heckman.frame["hiv"].dropna()
    noise = observed.std() * np.sqrt(len(observed)) / len(heckman.frame)
    assert abs(each.mean() - predicted.mean()) < ERRORS * each.std(ddof=1) / np.sqrt(len(each)) + noise
    assert each.std(ddof=1) == pytest.approx(predicted.std(), rel=ERRORS / np.sqrt(2 * len(each)))


@pytest.mark.parametrize("rho", FIXED)
def test_the_prevalence_at_a_fixed_correlation(
    rho: float, fixed: Callable[[float], float], profile: pd.DataFrame
) -> None:
    row = profile.iloc[FIXED[rho]]
    assert row["rho"] == rho
    assert abs(fixed(rho) - row["prevalence"]) < 0.01


def test_as_missing_at_random(study: Callable[[str], Study]) -> None:
    assert_converged(study("hiv_mar"))
    assert abs(_mean(study("hiv_mar").imputed) - MAR) < 0.003


def test_selection_moves_the_answer_and_widens_its_interval(heckman: Study, study: Callable[[str], Study]) -> None:
    found = bi.estimate(heckman.imputed, "prevalence", mar=study("hiv_mar").imputed)
    assert len(found.table) == 3 * (9 + 1)
    whole = _by_version(found)
    assert whole["imputed"]["estimate"] > whole["MAR"]["conf_high"]
    width = {version: row["conf_high"] - row["conf_low"] for version, row in whole.items()}
    assert width["imputed"] > 4 * width["MAR"]
    assert round(100 * whole["complete cases"]["estimate"], 1) == 12.6


def test_the_survey_weights_are_missed_in_the_formulas(heckman: Study) -> None:
    found = bi.estimate(heckman.imputed, variable="hiv", statistic="proportion", weights="sw")
    tested = _by_version(found)["complete cases"]
    assert [round(100 * tested[k], 1) for k in ("estimate", "conf_low", "conf_high")] == [12.1, 11.2, 13.1]
    assert any('"sw" is in no formula' in message for message in found.messages)


def test_interviewers_tell_and_smoking_does_not(heckman: Study, study: Callable[[str], Study]) -> None:
    by = {"interviewers": heckman, "smoking": study("hiv_smoke")}
    found = {name: bi.identification(each.imputed, refit=False)["hiv"] for name, each in by.items()}
    assert found["interviewers"].verdict == "weakly identified"
    assert found["smoking"].verdict == "not identified"
    assert found["smoking"].share < 0.01 < 0.04 < found["interviewers"].share
    assert_converged(by["smoking"])
