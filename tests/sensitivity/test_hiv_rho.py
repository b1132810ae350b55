"""The HIV survey with two exclusion restrictions: who interviewed tells something about rho, smoking does not.

The reference is the posterior of the same model under vague priors, and its exact profile likelihood over rho.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesimpute as bi
from bayesimpute import Conditional, Plan, Run
from bayesimpute.sensitivity import TargetIdentification

pytestmark = pytest.mark.slow
OUTCOME = "age + marital + condom + region"


def judged(folder: Path, outcome: str, selection: str, sweeps: int) -> TargetIdentification:
    data = pd.read_csv(folder / "hiv.csv")
    data["region"] = data["region"].astype(str).astype("category")
    formulas = {"mu": f"hiv ~ {outcome}", "selection": selection}
    conditional = Conditional(target="hiv", family="heckman_probit", formulas=formulas)
    plan = Plan.of(conditional, run=Run(m=4, chains=4, warmup=200, sweeps=sweeps))
    imputed = bi.impute(data, plan, seed=1, workers=2, progress=False)
    return bi.identification(imputed, refit=False)["hiv"]


def test_interviewers_are_informative_but_leave_rho_wide(shared_data: Path, shared_reference: Path) -> None:
    both = f"{OUTCOME} + smoke"
    found = judged(shared_data, both, f"{both} + (1 | interviewerID)", 500)
    assert found.rho is not None and found.verdict == "weakly identified"
    assert found.exclusions["term"].tolist() == ["1|interviewerID"] and found.exclusions["strength"][0] != "weak"

    reference = json.loads((shared_reference / "hiv_posterior.json").read_text())
    rho, prevalence = reference["rho"], reference["prev"]
    error = np.hypot(found.rho.sd / np.sqrt(found.rho.ess), rho["sd"] / np.sqrt(rho["ess"]))
    assert abs(found.rho.mean - rho["mean"]) < 4 * error
    plan = found.priors.iloc[0]
    error = np.hypot(plan["sd"] / np.sqrt(plan["ess"]), prevalence["sd"] / np.sqrt(prevalence["ess"]))
    assert abs(plan["estimate"] - prevalence["mean"]) < 4 * error

    # wider priors of the coefficients pull rho towards 0, narrower ones away from it
    means = found.priors.set_index("prior")["rho"]
    halved, doubled = (means[f"coefficients: prior SDs {word}"] for word in ("halved", "doubled"))
    assert halved < means["the plan's"] < doubled < 0

    profile = json.loads((shared_reference / "hiv_selection.json").read_text())["profile"]
    exact = {row[0]: row[2] for row in profile}
    known = found.by_rho[found.by_rho["how"] == "draws"]
    assert len(known) >= 3
    for row in known.to_dict("records"):
        if row["rho"] in exact:
            assert row["conf_low"] < exact[row["rho"]] < row["conf_high"]


def test_smoking_alone_does_not_identify_rho(shared_data: Path) -> None:
    found = judged(shared_data, OUTCOME, f"{OUTCOME} + smoke", 800)
    assert found.rho is not None and found.verdict == "not identified"
    assert found.exclusions["term"].tolist() == ["smoke"] and found.exclusions["strength"].tolist() == ["weak"]
    words = " ".join(found.sentences)
    assert "This does not say that rho is 0" in words and "smoke (weak" in words
    known = found.by_rho["estimate"].dropna()
    assert np.ptp(known) > 0.04  # what nobody can tell apart is a third of the prevalence
