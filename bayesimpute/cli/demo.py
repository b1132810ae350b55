"""The demonstration: a survey with an HIV test that people refuse, with known truth, naive, as MAR and by selection.

The data are simulated (:func:`bayesimpute.data.simulation.simulate_hiv_survey`): who is positive refuses more often
than he seems to (rho = -.6), and how many consent depends on who asks. They are imputed twice by the same outcome
model, with and without a selection equation. A table holds the answers against the truth: the tested alone and
imputation "missing at random" (MAR) miss it in the same way and are sure of it; the selection model, identified by the
interviewers, finds it, with an interval that says how hard that is. The data, the plan, the results and the plots stay
in a folder, so that one can go on from there.

With the seeds 1 to 10 (``bayesimpute demo --seed 3``, say) and 600 sweeps the 95 % interval of the selection model
covered the true prevalence in 10 and that of rho the true rho in 9 (not with seed 3); those of the tested alone and of
MAR never did.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesimpute.base import tables
from bayesimpute.base.errors import FileError, one
from bayesimpute.base.processes import processes
from bayesimpute.base.saving import atomic, reason
from bayesimpute.cli.saved_runs import code
from bayesimpute.data.files import read_data
from bayesimpute.data.simulation import Simulated, simulate_hiv_survey
from bayesimpute.data.writers import write_table
from bayesimpute.diagnosis.diagnosis import Diagnosis
from bayesimpute.estimating.estimands import Estimates, estimate, without_selection
from bayesimpute.estimating.group_estimates import Answer, Seen
from bayesimpute.estimating.mean import PROPORTION
from bayesimpute.estimating.survey import SurveyDesign
from bayesimpute.estimating.variables import ALL_ROWS
from bayesimpute.imputed import MultiplyImputed, impute
from bayesimpute.plan.conditional import Conditional
from bayesimpute.plan.options import Estimand, Run
from bayesimpute.plan.plan import Plan
from bayesimpute.plotting.plots import plot_all, plot_identifications
from bayesimpute.sensitivity import TargetIdentification, identification

PEOPLE = 3000
RHO = -0.6
RUN = Run(m=100, chains=4, warmup=100, sweeps=1800)
"""Small settings, for a demonstration of minutes; with 600 sweeps seed 13 has too few effective draws."""
MAR_TIMES = 2
"""Times as many sweeps of the MAR run, which are cheap: its effects of regions forget slowly."""
WORKERS = 2
"""Processes of the selection model; MAR has another one, which soon ends."""
MU = "hiv ~ age + education + marital + wealth + C(region)"
SELECTION = "hivconsent ~ age + education + marital + wealth + C(region) + (1 | interviewer)"
PREVALENCE = Estimand(name="prevalence", variable="hiv", statistic="proportion", by=("region",), compare="mar")
LEVEL = 0.95
HARDEST = 5
"""Parameters in the table of diagnostics."""
VERSIONS = {"complete cases": "tested only", "MAR": "imputed as MAR", "imputed": "selection model"}
"""What the versions of the answer are called, naive ones first."""

COLUMNS = ("answer", "prevalence", "conf_low", "conf_high", "rho", "rho_low", "rho_high")


def run(folder: str, *, seed: int = 1, progress: bool = True) -> int:
    """Run the demonstration and print it.

    Parameters
    ----------
    folder : str
        Where data, plan, results and plots go; files of an earlier demonstration are replaced.
    seed : int
        Of the data and of the imputations.
    progress : bool
        Whether to show progress lines, on a terminal.

    Returns
    -------
    int
        The exit code that says whether the chains of the selection model have converged.

    Raises
    ------
    FileError
        If the folder cannot be made or written to.
    """
    home = _folder(folder)
    survey, made = simulate_hiv_survey(seed, n=PEOPLE, rho=RHO), plan()
    write_table(survey.incomplete, home / "survey.csv", force=True)
    _write_text(home / "survey.toml", made.to_toml())
    _introduce(survey, made)
    # of the file: categories have another order there, so that who goes on from it gets the same numbers
    mar, imputed = _imputed(read_data(home / "survey.csv"), made, home, seed=seed, progress=progress)
    found = imputed.diagnose()
    print(f"Selection model: {found.summary}\n")
    tables.show(hardest(found), f"The {HARDEST} parameters of the selection model with the fewest effective draws")
    estimates, learnt = estimate(imputed, mar=mar), identification(imputed, refit=False)
    tables.show(versions(survey, estimates, learnt["hiv"]), "HIV prevalence and rho, with 95 % intervals")
    tables.show(regions(survey, estimates), "HIV prevalence by region (with the selection model's 95 % interval)")
    print("\n".join(estimates.messages), f"\n{learnt['hiv'].summary}\n", sep="\n")
    write_table(imputed.to_long(include_incomplete=True), home / "completed.csv", force=True)
    paths = plot_all(imputed, home / "plots", force=True) + plot_identifications(learnt, home / "plots", force=True)
    print(f"{imputed.m} completed datasets in {home / 'completed.csv'}, {len(paths)} plots in {home / 'plots'}")
    _go_on(home, seed)
    return code(found)


def plan() -> Plan:
    """The plan: the outcome's and the selection's equation, and what is asked for."""
    conditional = Conditional(target="hiv", family="heckman_probit", formulas={"mu": MU, "selection": SELECTION})
    title = "HIV test with refusals, simulated"
    return Plan(conditionals=(conditional,), estimands=(PREVALENCE,), run=RUN, title=title)


def versions(survey: Simulated, estimates: Estimates, learnt: TargetIdentification) -> pd.DataFrame:
    """Prevalence and rho in truth, in the complete data, and as each version of the answer has them.

    Parameters
    ----------
    survey : Simulated
        The data.
    estimates : Estimates
        Of :data:`PREVALENCE`.
    learnt : TargetIdentification
        Of hiv.

    Returns
    -------
    DataFrame
        The columns :data:`COLUMNS`. The truth is the share of positives among
        these people; the interval of the complete data is about the population that they are drawn from.
    """
    rows = [{"answer": "truth", "prevalence": survey.truth["prevalence"], "rho": survey.truth["rho"]}]
    rows.append({"answer": "complete data"} | _row(_of_complete(survey)))
    whole = estimates.table[estimates.table["region"].astype(str) == ALL_ROWS].set_index("version")
    for version, name in VERSIONS.items():
        figures = whole.loc[version, ["estimate", "conf_low", "conf_high"]]
        rows.append({"answer": name} | dict(zip(("prevalence", "conf_low", "conf_high"), figures, strict=True)))
    if learnt.rho is not None:
        rows[-1] |= {"rho": learnt.rho.mean, "rho_low": learnt.rho.conf_low, "rho_high": learnt.rho.conf_high}
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def regions(survey: Simulated, estimates: Estimates) -> pd.DataFrame:
    """Prevalence by region: ``region, truth``, a column for each version of the answer, ``conf_low, conf_high``."""
    each = estimates.table.loc[estimates.table["region"].astype(str) != ALL_ROWS]
    found = {version: each.loc[each["version"] == version].set_index("region") for version in VERSIONS}
    columns = {"truth": survey.complete.groupby("region")["hiv"].mean()}
    columns |= {name: found[version]["estimate"] for version, name in VERSIONS.items()}
    limits = {limit: found["imputed"][limit] for limit in ("conf_low", "conf_high")}
    return pd.DataFrame(columns | limits).rename_axis("region").reset_index()


def hardest(found: Diagnosis) -> pd.DataFrame:
    """The parameters that the chains know least of, worst first."""
    ordered = found.shown["Parameters"].sort_values("ess_bulk", kind="stable").head(HARDEST)
    return ordered.drop(columns="target").reset_index(drop=True)


def _imputed(
    data: pd.DataFrame, made: Plan, home: Path, *, seed: int, progress: bool
) -> tuple[MultiplyImputed, MultiplyImputed]:
    """The two imputations at once; each result stays in the folder."""
    print("Imputing with the selection equation, and as MAR in another process ...\n", flush=True)
    options: dict[str, Any] = {"seed": seed, "force": True}
    ignorable = without_selection(made).with_run(sweeps=MAR_TIMES * made.run.sweeps)
    with processes(1) as other:
        waiting = other.submit(impute, data, ignorable, progress=False, checkpoint=home / "mar.nc", **options)
        imputed = impute(data, made, workers=WORKERS, progress=progress, checkpoint=home / "survey.nc", **options)
        return waiting.result(), imputed


def _of_complete(survey: Simulated) -> Answer:
    """The prevalence that nobody's refusal would have given."""
    values = survey.complete["hiv"].to_numpy(dtype=float)
    found = PROPORTION.of(values, 1.0, design=SurveyDesign.of(len(values)))
    return PROPORTION.pool([found], LEVEL, Seen())


def _row(answer: Answer) -> dict[str, float]:
    return {"prevalence": answer.estimate, "conf_low": answer.conf_low, "conf_high": answer.conf_high}


def _folder(folder: str) -> Path:
    path = Path(folder)
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise one(FileError, folder, f"this folder cannot be made ({reason(error)})", "choose another --out") from error
    return path


def _write_text(path: Path, text: str) -> None:
    with atomic(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _introduce(survey: Simulated, made: Plan) -> None:
    frame = survey.incomplete
    share = frame["hiv"].isna().mean()
    asked, consent = frame["interviewer"].to_numpy(), frame["hivconsent"].to_numpy()
    low, high = np.quantile([consent[asked == who].mean() for who in np.unique(asked)], [0.1, 0.9])
    print(
        f"{len(frame)} people in {frame['region'].nunique()} regions, simulated, asked for an HIV test by "
        f"{frame['interviewer'].nunique()} interviewers; {share:.0%} refuse, more of them positive than it seems. "
        f"Consent goes from {low:.0%} to {high:.0%} between interviewers (10 % and 90 % points), who have no part in "
        "the result: that is the exclusion restriction.\n"
    )
    print(f"{made}\n")


def _go_on(home: Path, seed: int) -> None:
    result, mar, other = str(home / "survey.nc"), str(home / "mar.nc"), str(home / "again.nc")
    data, toml = str(home / "survey.csv"), str(home / "survey.toml")
    commands: Sequence[Sequence[str]] = (
        ("diagnose", result),
        ("estimate", result, "--mar", mar),
        ("identify", result, "--no-refit"),
        ("pool", result, "--formula", "hiv ~ age + education + marital + wealth", "--family", "bernoulli"),
        ("describe", data, "--cluster", "interviewer"),
        ("impute", toml, "--data", data, "--seed", str(seed), "--out", other, "--workers", str(WORKERS)),
    )
    print("\nGo on with:", *(f"  {shlex.join(['bayesimpute', *words])}" for words in commands), sep="\n")
